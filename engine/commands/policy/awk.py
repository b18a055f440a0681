"""Reads awk programs far enough to know that they start no program and touch no file, the environment or the arguments."""

from __future__ import annotations

import re

from engine.commands.parsing.verdicts import refusal
from engine.core.redaction.patterns import sensitive_name

_TOKEN = re.compile(
    r"\s+|(?P<string>\"(?:\\.|[^\"\\])*\")|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\+\+|--|\|\||&&|[=!<>+*%^/-]=|\*\*|>>|[-+*%^!<>=?:,;(){}\[\]$~/|@&\\#])"
)
# Brackets hold plain characters only, so that every awk finds the same end of the expression; a leading `=` would read as `/=`.
_REGEX = re.compile(r"/(?!=)(?:\\[^\s]|\[\^?(?:\[:\w+:\]|[A-Za-z0-9 _.,:;=@%+*?|(){}<>!\"'~&$^#-])+\]|[^/\\\[\]])+/")
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
        "return switch case default BEGINFILE ENDFILE include load namespace"
    ).split()
)
_FIELDS = re.compile(r"\bprintf?\b[^;}]*\$(?:[2-9]|NF)")
_REGEX_AFTER = frozenset(["", "{", "}", ";", "(", ",", "!", "~", "&&", "||"])
_CONTROL = frozenset(["if", "while", "for", "switch"])
_CLOSED = "control )"
"""What stands for the parenthesis that closes the condition of if, while or for: the awks disagree on a slash behind it."""


def check(program: str) -> None:
    """Raise `Refused` for what could start a program or reach a file, or what two awks could read differently."""
    at = 0
    before = kind_before = ""
    printing = False
    depth = 0
    parentheses: list[bool] = []
    while at < len(program):
        if program[at] == "/" and not _is_division(before, kind_before):
            match = _REGEX.match(program, at)
            if not match:
                raise refusal("filters.awk", "A regular expression of the awk program is not closed, or cannot be read exactly.")
            if _FIELDS.search(program) and sensitive_name(match[0].strip('/^$:= "')):
                raise refusal("filters.awk", f"{match[0]} looks for a credential, whose value is never shown.")
            at, before, kind_before = match.end(), "/", "regex"
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
            if text in ("@", "|", "&", "\\", "#", "/="):
                raise refusal("filters.awk", f"{text!r} is not accepted in an awk program: it may start a program or reach a file.")
            if text == "(":
                parentheses.append(before in _CONTROL)
            elif text == ")" and parentheses and parentheses.pop():
                text = _CLOSED
            if text in ("(", "["):
                depth += 1
            elif text in (")", "]", _CLOSED):
                depth -= 1
            elif text in (";", "}", "{"):
                printing = False
            if printing and depth <= 0 and text in (">", ">>"):
                raise refusal("filters.awk", "print must not write into a file; put a comparison in parentheses.")
        before, kind_before = text, kind


def _is_division(before: str, kind: str) -> bool:
    """Whether a slash divides (True) or begins a regular expression (False); raises `Refused` where two awks could differ."""
    if kind == "number" or (kind == "word" and before not in _KEYWORDS and before not in _FUNCTIONS) or before in (")", "]"):
        return True
    if kind in ("", "operator") and before in _REGEX_AFTER:
        return False
    raise refusal("filters.awk", f"A slash behind {before.removeprefix('control ')!r} cannot be read exactly; put the term in parentheses.")


def _word(text: str, following: str) -> None:
    if text in _REFUSED:
        raise refusal("filters.awk", f"{text!r} is not accepted in an awk program: it reaches beyond the text that is piped in.")
    if following == "(" and text not in _FUNCTIONS and text not in _KEYWORDS:
        raise refusal("filters.awk", f"The function {text!r} is not known here.")
