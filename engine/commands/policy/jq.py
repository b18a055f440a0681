"""Reads jq programs far enough to know that they touch neither the environment nor files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.commands.parsing.verdicts import refusal

_REFUSED = re.compile(
    r"(?<![.\w$@])(env)\b(?!\s*:[^:])|\.\.\s*(env)\b|(\$\s*ENV\b|\$\s*__prog_args)|(?<![.\w$@])(input_filename|include|import|modulemeta|get_search_list|ltrimenv|getenv)\b"
)
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def take_arguments(words: Sequence[str]) -> list[str]:
    """The words without `--arg NAME VALUE` and `--argjson NAME VALUE`, which getopt's reader does not know."""
    rest = list(words)
    kept: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in ("--arg", "--argjson"):
            if len(rest) < 2 or not _NAME.match(rest[0]):
                raise refusal("filters.jq", f"{word} takes a name and a value.")
            del rest[:2]
        else:
            kept.append(word)
    return kept


def check(program: str) -> None:
    """Raise `Refused` for a program that reads the environment or a file, or that cannot be read exactly."""
    match = _REFUSED.search(_code(program))
    if match:
        word = next(group for group in match.groups() if group)
        raise refusal("filters.jq", f"{word!r} reads the environment or a file, which jq may not do here.")


def _code(program: str) -> str:
    """The program with each string literal as "", and the code of its interpolations beside it."""
    out: list[str] = []
    stack: list[int] = []
    """Depth of parentheses at which each open interpolation ends."""
    depth = 0
    in_string = False
    at = 0
    while at < len(program):
        here = program[at]
        if in_string:
            if here == "\\" and program[at + 1 : at + 2] == "(":
                stack.append(depth)
                depth += 1
                in_string = False
                out.append(" (")
                at += 2
                continue
            if here == "\\":
                at += 2
                continue
            if here == '"':
                in_string = False
                out.append('"')
            at += 1
            continue
        if here == '"':
            in_string = True
            out.append('"')
        elif here == "(":
            depth += 1
            out.append(here)
        elif here == ")":
            depth -= 1
            out.append(here)
            if stack and depth == stack[-1]:
                stack.pop()
                in_string = True
        elif here == "#":
            raise refusal("filters.jq", "Leave comments out of the jq program.")
        else:
            out.append(here)
        at += 1
    if in_string or stack:
        raise refusal("filters.jq", "A string of the jq program is not closed.")
    return "".join(out)
