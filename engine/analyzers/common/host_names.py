"""Which words of a message can be a host name, and which only look like one: classes, source files, words before a number."""

from __future__ import annotations

_FILE_ENDS = frozenset(
    (
        "c cc conf cpp cs cxx erl ex exs go h java js json jsx kt log lua mjs php pl py pyx rb rs scala sh sock swift toml ts tsx "
        "txt xml yaml yml "
    ).split()
)
_WORDS = frozenset(
    (
        "address attempt attempts byte bytes cause code col column connection count default details error errno event exception "
        "exit failed failure file for from getaddrinfo host http https id index information info is item job level line localhost "
        "lookup message name node not number offset on operation page pid port process query reason request response result retry "
        "retries row seconds server service size socket ssl state status step task tcp term the thread time timeout to tls total "
        "udp unknown upstream url user version warning was with worker "
    ).split()
)
"""Words that messages put before a number, or where a name would stand; a Service may have such a name, but a message seldom means it."""


def can_be_host(word: str) -> bool:
    """Whether a word of a message, in the case that it was written in, may be the name or address of a host."""
    host = word.rstrip(".")
    last = host.rpartition(".")[2]
    if not host or len(host) > 253 or host.lower() in _WORDS:
        return False
    if host.endswith(("Error", "Exception")) or last.lower().endswith(("error", "exception")):
        return False
    return "." not in host or (last.lower() not in _FILE_ENDS and not (last[:1].isupper() and not host.isupper()))
