"""Reads awk programs far enough to know that they start no program and touch no file, the environment or the arguments."""

from __future__ import annotations

import re

from engine.commands.parsing.verdicts import refusal

_TOKEN = re.compile(
    r"\s+|(?P<string>\"(?:\\.|[^\"\\])*\")|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\+\+|--|\|\||&&|[=!<>+*%^/-]=|\*\*|>>|[-+*%^!<>=?:,;(){}\[\]$~/|@&\\#])"
)
_REGEX = re.compile(r"/(?:\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|[^/\\\[])+/")
_FUNCTIONS = frozenset(
    (
        "length substr index split sub gsub match sprintf toupper tolower int sqrt log exp sin cos atan2 rand "
        "srand strftime systime mktime gensub asort asorti strtonum and or xor"
    ).split()
)
_KEYWORDS = frozenset("if else while for do break continue next exit in delete print printf BEGIN END".split())
_REFUSED = frozenset(
    (
        "system getline ENVIRON PROCINFO ARGV ARGC ARGIND SYMTAB FUNCTAB close fflush function func nextfile "
        "return BEGINFILE ENDFILE include load namespace"
    ).split()
)
_VALUE_BEFORE = frozenset([")", "]", "$"])


def check(program: str) -> None:
    """Raise `Refused` for what could start a program or reach a file, or what cannot be read exactly."""
    at = 0
    before = ""
    before_kind = ""
    printing = False
    depth = 0
    while at < len(program):
        if program[at] == "/" and not _is_division(before, before_kind):
            match = _REGEX.match(program, at)
            if not match:
                raise refusal("filters.awk", "A regular expression of the awk program is not closed.")
            if "/" in re.sub(r"\\.", "", match[0][1:-1]):
                raise refusal("filters.awk", "A slash inside brackets cannot be read exactly; write it as [\\/].")
            at, before, before_kind = match.end(), "/", "regex"
            continue
        token = _TOKEN.match(program, at)
        if not token:
            raise refusal("filters.awk", f"The awk program holds {program[at]!r}, which is not read here.")
        at = token.end()
        if token.lastgroup is None:
            continue
        text, kind = token[0], token.lastgroup
        if kind == "word":
            _word(text, program[at : at + 1])
            if text in ("print", "printf"):
                printing, depth = True, 0
        elif kind == "operator":
            if text in ("@", "|", "&", "\\", "#"):
                raise refusal("filters.awk", f"{text!r} is not accepted in an awk program: it may start a program or reach a file.")
            if text in ("(", "["):
                depth += 1
            elif text in (")", "]"):
                depth -= 1
            elif text in (";", "}", "{"):
                printing = False
            if printing and depth <= 0 and text in (">", ">>"):
                raise refusal("filters.awk", "print must not write into a file; put a comparison in parentheses.")
        before, before_kind = text, kind


def _is_division(before: str, kind: str) -> bool:
    if before in ("++", "--"):
        raise refusal("filters.awk", "A slash behind ++ or -- cannot be read exactly; put the term in parentheses.")
    if kind in ("number", "string", "regex"):
        return True
    if kind == "word":
        return before not in _KEYWORDS
    return before in _VALUE_BEFORE


def _word(text: str, following: str) -> None:
    if text in _REFUSED:
        raise refusal("filters.awk", f"{text!r} is not accepted in an awk program: it reaches beyond the text that is piped in.")
    if following == "(" and text not in _FUNCTIONS and text not in _KEYWORDS:
        raise refusal("filters.awk", f"The function {text!r} is not known here.")
