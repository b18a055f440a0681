"""Judges the words of ps: which of them are flags, and that none shows the environment of processes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.commands.parsing.verdicts import refusal
from engine.core.types import Risk


def judge(operands: Sequence[str]) -> tuple[Risk, str]:
    """The words behind ps: UNIX flags in clusters, BSD letters without `e`, and the values that some of them take.

    A cluster that ps cannot read as UNIX flags it reads again as BSD letters, where `e` shows the environment of processes.
    """
    rest = list(operands)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            name, _, value = word.partition("=")
            if name not in _LONG or not re.fullmatch(_VALUE, value):
                raise refusal("host.ps", f"ps is not run with {word!r}.")
            if not value and _LONG[name] and rest:
                rest = _value(rest)
            continue
        unix = word.startswith("-")
        letters = word.lstrip("-")
        if re.fullmatch(r"\d[\d,]*|%?[A-Za-z_]+(?:,%?[A-Za-z_]+)+", letters) and not unix:
            continue
        known, valued = ("aAdeNTfFjlLMyZHmcwx", "CgGoOpqstuUk") if unix else ("aAxufwjlsvmhHTrSLcn", "kopOUtqNZ")
        cut = next((at for at, letter in enumerate(letters) if letter in valued), len(letters))
        flags, value = letters[:cut], letters[cut + 1 :]
        bsd = unix and (("u" in letters and cut < len(letters) and letters[cut] == "u") or "x" in flags)
        if not letters or set(flags) - set(known) or (not unix and "e" in flags) or (bsd and "e" in letters):
            raise refusal(
                "host.ps", f"ps is not run with {word!r}; the letter e shows the environment of processes. Use -e to see them all."
            )
        if cut == len(letters):
            continue
        if value and letters[cut] == "u" and not set(value) - set("axfwjlsvmhHTrSLcn"):
            continue  # -aux, which ps reads as aux
        if value and not re.fullmatch(r"[\d,]+|[a-z_]+(?:,[a-z_:\d]+)+", value):
            raise refusal("host.ps", f"ps is not run with {word!r}; write the value as a word of its own.")
        if not value and (letters[cut] != "u" or (rest and not rest[0].startswith("-") and len(rest) > 0)):
            rest = _value(rest)
    return "read", ""


_LONG = {
    **dict.fromkeys(("--forest", "--no-headers", "--no-heading", "--headers", "--deselect", "--cumulative"), False),
    **dict.fromkeys(
        "--sort --format --pid --ppid --user --User --group --Group --tty --sid --cols --columns --width --rows --lines".split(),
        True,
    ),
}
_VALUE = r"[A-Za-z0-9_,:%=.@+-]*"


def _value(rest: list[str]) -> list[str]:
    if not rest or not re.fullmatch(_VALUE, rest[0]):
        raise refusal("host.ps", "A flag of ps lacks its value.")
    return rest[1:]


def of_container(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    """`docker top CONTAINER` with the flags of ps, or with podman's own names of columns."""
    if not operands or operands[0].startswith("-"):
        raise refusal("host.operand", f"`{program} top` takes the container first.")
    columns = set(
        "args,capbnd,comm,command,cgroup,etime,group,hgroup,hpid,huser,label,nice,pcpu,pgid,pid,ppid,rgroup,rss,ruser,state,stime,"
        "time,tty,user,vsz".split(",")
    )
    if any(word not in columns for name in operands[1:] for word in name.split(",")):
        return judge(operands[1:])
    return "read", ""
