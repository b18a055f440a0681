"""Judges what would run inside a container: `kubectl exec`, `run`, `debug` and `create job … -- COMMAND`.

It is a change at the least. Only programs of tables/container.json run; shells, environment dumps and secret files never do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.commands.kubectl.call import Call
from engine.commands.parsing.flags import read_getopt
from engine.commands.parsing.verdicts import refusal, row_flags, table
from engine.core.types import Risk


def judge_call(call: Call) -> tuple[Risk, str]:
    """The class of the command behind `--`, and why; raises `Refused` for what never runs in a container."""
    tail = call.parsed.tail
    if call.verb == "exec":
        if len(call.operands) != 1 or not tail:
            raise refusal("kubectl.exec", "Name one pod and put the command behind --: kubectl exec POD -- PROGRAM ARGUMENTS.")
        if call.parsed.on("stdin") and call.parsed.has("tty"):
            raise refusal("kubectl.exec", "It needs a terminal; run one command without -i and -t.")
    elif call.verb == "run" and len(call.operands) > 1:
        raise refusal("kubectl.run", "Put the command behind --: kubectl run NAME --image=IMAGE -- PROGRAM ARGUMENTS.")
    if not tail:
        return "mutate", ""
    return judge(tail)


def judge(argv: Sequence[str]) -> tuple[Risk, str]:
    """The class of one program with its arguments inside a container."""
    rules = table("container")
    program = argv[0].rsplit("/", 1)[-1]
    if program in rules["forbidden"]:
        raise refusal(
            "container.program",
            f"{program!r} is never run in a container: {rules['forbidden'][program]}. Name one program with its arguments.",
        )
    secret = next((word for word in argv[1:] if re.search(rules["secret_paths"], word)), None)
    if secret is not None:
        raise refusal("container.secret", f"{secret!r} looks like a place of credentials, which are never read.")
    if program in rules["destructive"]:
        return "destructive", rules["destructive"][program]
    if program not in rules["inspect"].split() or (
        program != argv[0] and not argv[0].startswith(("/bin/", "/usr/bin/", "/usr/local/bin/", "/sbin/", "/usr/sbin/"))
    ):
        raise refusal(
            "container.program", f"{argv[0]!r} is in no table, so what it does is not known; allow it in [policy] if it is harmless."
        )
    refused = rules["refused_words"].get(program, ())
    for word in argv[1:]:
        if word.split("=", 1)[0] in refused or any(
            len(flag) == 2 and word.startswith("-") and not word.startswith("--") and flag[1] in word[1:]
            for flag in refused
            if program in ("grep", "egrep", "fgrep", "ss", "sort")
        ):
            raise refusal("container.argument", f"{program} is not run with {word} in a container.")
    if program in rules["version_only"].split() and (len(argv) != 2 or argv[1] not in rules["version_flags"].split()):
        raise refusal("container.argument", f"{program} is run in a container only to ask for its version.")
    if program in rules["subcommands"] and not set(argv[1:]) & set(rules["subcommands"][program]):
        raise refusal("container.argument", f"{program} is run in a container only with {', '.join(rules['subcommands'][program])}.")
    if program in rules["http_flags"]:
        _http(program, argv[1:])
    return "mutate", "it runs a process in the container"


def _http(program: str, words: Sequence[str]) -> None:
    rules = table("container")
    parsed = read_getopt(words, row_flags(rules["http_flags"][program]), program)
    for value in (*parsed.all("-w"), *parsed.all("--write-out")):
        if not re.fullmatch(table("files")["write_out"], value):
            raise refusal("container.argument", "curl's -w takes plain words and %{names} only.")
    if any(value != "-" for value in (*parsed.all("-O"), *parsed.all("--output-document"))):
        raise refusal("container.argument", "wget writes no file in the container; let it print with -O -.")
    address = re.compile(rf"(?:https?://)?{rules['http_hosts']}(?::\d{{1,5}})?(?:/[A-Za-z0-9/_.?=&%-]*)?")
    for url in parsed.operands:
        if not address.fullmatch(url):
            raise refusal(
                "container.network",
                f"{url!r} is not a service of this cluster; only these are asked from a container, by NAME.NAMESPACE.svc.",
            )
