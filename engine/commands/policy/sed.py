"""Reads sed scripts: only commands that print, delete and substitute; none that read, write or run."""

from __future__ import annotations

import re

from engine.commands.parsing.verdicts import refusal

_SIMPLE = "pdnNPDhHgGxlq=y{}s:bt"
_NUMBER_ADDRESS = re.compile(r"\d+(?:~\d+)?|\$|\+\d+|~\d+")
_LABEL = re.compile(r"[A-Za-z]\w*")
_FLAGS = re.compile(r"[gpIiMm0-9]*")


def check(script: str) -> None:
    """Raise `Refused` for a script that holds anything but known harmless commands."""
    at = 0
    while at < len(script):
        if script[at] in " ;":
            at += 1
            continue
        at = _address(script, at)
        at = _blank(script, at)
        if script[at : at + 1] == ",":
            at = _address(script, _blank(script, at + 1))
            at = _blank(script, at)
        while script[at : at + 1] in ("!", " ") and at < len(script):
            at += 1
        command = script[at : at + 1]
        if not command or command not in _SIMPLE:
            raise refusal("filters.sed", f"The sed command {command!r} is not accepted: only p, d, q, s and their like are.")
        at += 1
        if command in "sy":
            at = _substitute(script, at)
            continue
        if command in "{}":
            continue
        if command in ":bt":
            at = _label(script, at, needed=command == ":")
        if command in "ql":
            while script[at : at + 1].isdigit() or script[at : at + 1] == " ":
                at += 1
        at = _blank(script, at)
        if at < len(script) and script[at] not in ";}":
            raise refusal("filters.sed", f"The sed script cannot be read exactly at {script[at:][:20]!r}.")


def _blank(script: str, at: int) -> int:
    while script[at : at + 1] == " ":
        at += 1
    return at


def _address(script: str, at: int) -> int:
    if script[at : at + 1] == "/":
        at = _delimited(script, at + 1, "/")
        while script[at : at + 1] in ("I", "M") and at < len(script):
            at += 1
        return at
    match = _NUMBER_ADDRESS.match(script, at)
    return match.end() if match else at


def _label(script: str, at: int, *, needed: bool) -> int:
    """The place behind a label; a sed that reads more as its name has a label of another name, and no command."""
    match = _LABEL.match(script, _blank(script, at))
    if match is None and needed:
        raise refusal("filters.sed", "A label of the sed script has no name.")
    return match.end() if match else at


def _substitute(script: str, at: int) -> int:
    delimiter = script[at : at + 1]
    if not delimiter or delimiter.isalnum() or delimiter in "\\ ;":
        raise refusal("filters.sed", "s and y take a sign such as / between their parts.")
    at = _delimited(script, at + 1, delimiter)
    at = _delimited(script, at, delimiter, bracket=False)
    flags = _FLAGS.match(script, at)
    at = flags.end() if flags else at
    at = _blank(script, at)
    if at < len(script) and script[at] not in ";}":
        raise refusal("filters.sed", f"The flag {script[at]!r} of the sed command s is not accepted.")
    return at


def _delimited(script: str, at: int, delimiter: str, *, bracket: bool = True) -> int:
    inside = False
    while at < len(script):
        here = script[at]
        if here == "\\":
            at += 2
            continue
        if here == delimiter:
            if inside:
                raise refusal("filters.sed", "A delimiter inside brackets cannot be read exactly; use another delimiter.")
            return at + 1
        if bracket and here == "[" and not inside:
            inside = True
            at += 2 if script[at + 1 : at + 2] in ("]", "^") else 1
            if script[at - 1 : at] == "^" and script[at : at + 1] == "]":
                at += 1
            continue
        if inside and here == "]":
            inside = False
        at += 1
    raise refusal("filters.sed", "A part of the sed script is not closed.")
