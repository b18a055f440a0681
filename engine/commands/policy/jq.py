"""Reads jq programs by an allow-list: fields, known functions and bounded loops; nothing that reads the environment, a file or a module."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.commands.parsing.verdicts import refusal
from engine.core.redaction.patterns import sensitive_name

MOST = 1_000_000
"""The largest number that a program may count to or multiply by."""
_TOKEN = re.compile(
    r"\s+|(?P<format>@[a-z0-9]+)|(?P<variable>\$[A-Za-z_]\w*)|(?P<field>\.(?:[A-Za-z_]\w*))|(?P<dots>\.\.)"
    r"|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<operator>\?//=?|//=?|\|=|[=!<>+*/%-]=|[-+*/%|,;:.?<>=(){}\[\]])"
)
_SYNTAX = frozenset("if then elif else end and or as reduce foreach try catch label break".split())
_FUNCTIONS = frozenset(
    "length utf8bytelength not keys keys_unsorted has in map map_values path del to_entries from_entries with_entries select empty error "
    "add any all flatten range floor ceil round sqrt pow log log2 log10 exp fabs abs tostring tonumber type isnan isinfinite nan "
    "infinite sort sort_by group_by min max min_by max_by unique unique_by reverse contains inside startswith endswith ltrimstr rtrimstr "
    "trim ltrim rtrim explode implode split splits join ascii_downcase ascii_upcase recurse recurse_down transpose first last nth walk "
    "test match capture scan sub gsub ascii todate fromdate now mktime gmtime localtime strftime strptime strflocaltime todateiso8601 "
    "fromdateiso8601 dateadd datesub date tojson fromjson indices index rindex objects arrays strings numbers booleans nulls scalars "
    "iterables values paths leaf_paths getpath setpath delpaths pick tostream fromstream truncate_stream limit isvalid input inputs "
    "toarray IN INDEX null true false combinations".split()
)
_VALUES_ALONE = re.compile(
    r"\.env\b(?!.*\.name\b).*\.value\b|\.(?:data|stringData|binaryData)\b\??\s*(?:\|\s*)?(?:\.?\[\s*\]|(?:values|map|to_entries)\b(?!.*(?:\.key\b|\bkeys\b)))"
)
"""Values of variables or data without the names that tell which of them are secrets."""
_SELECT = re.compile(r"select\((?:[^()]|\([^()]*\))*\)")
_BY_NAME = re.compile(r'select\(\s*\.name\s*==\s*"([^"]*)"\s*\)')
_USERS = re.compile(r"\.users\b.*\.user\b", re.DOTALL)
"""The users of a kubeconfig, whose fields are credentials under any name."""
_NO_CREDENTIAL = re.compile(r"\.(?:automount\w*|serviceAccountToken)")
_NAME = re.compile(r"^[A-Za-z_]\w*$")


def take_arguments(words: Sequence[str]) -> list[str]:
    """The words without `--arg NAME VALUE` and `--argjson NAME VALUE`, which getopt's reader does not know.

    jq takes the two words behind them whatever they look like; behind `--` it would take none, so that is refused.
    """
    rest = list(words)
    kept: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in ("--arg", "--argjson"):
            if len(rest) < 2 or not _NAME.match(rest[0]):
                raise refusal("filters.jq", f"{word} takes a name and a value.")
            del rest[:2]
        elif word == "--":
            raise refusal("filters.jq", "jq is run without --; what follows it is read differently by its versions.")
        else:
            kept.append(word)
    return kept


def check(program: str) -> None:
    """Raise `Refused` for a program that holds anything but what is known to stay within the text that is piped in."""
    if _VALUES_ALONE.search(_SELECT.sub(_chosen_by_name, program)) or _USERS.search(program):
        raise refusal("filters.jq", "It prints values of variables or data without their names, in which secrets would not be recognised.")
    open_: list[str] = []
    before = ""
    at = 0
    while at < len(program):
        if program[at] == '"':
            at = _string(program, at + 1)
            before = '"'
            continue
        token = _TOKEN.match(program, at)
        if token is None:
            raise refusal("filters.jq", f"The jq program holds {program[at]!r}, which is not read here.")
        at = token.end()
        kind, text = token.lastgroup, token[0]
        if kind is None:
            continue
        if kind == "field" and (sensitive_name(text[1:]) or text in (".auth", ".auths")) and not _goes_on(program, at, text):
            raise refusal("filters.jq", f"{text} is the name of a credential, whose value is never shown.")
        if kind == "word":
            _word(text, program[at:].lstrip(), in_object=bool(open_) and open_[-1] == "{" and before in ("{", ","))
        elif kind == "variable" and text in ("$ENV", "$__prog_args", "$__loc__"):
            raise refusal("filters.jq", f"{text!r} reads the environment or the command line, which jq may not do here.")
        elif kind == "number" and before in ("*", "(", ";") and float(text) > MOST and (before == "*" or "range" in program):
            raise refusal("filters.jq", f"{text} is too large a number to count to or to multiply by.")
        elif text in ("(", "[", "{"):
            open_.append(text)
        elif text in (")", "]", "}") and (not open_ or (open_.pop() + text) not in ("()", "[]", "{}")):
            raise refusal("filters.jq", "A bracket of the jq program is not closed.")
        before = text
    if open_:
        raise refusal("filters.jq", "A bracket of the jq program is not closed.")


def _chosen_by_name(found: re.Match[str]) -> str:
    """A condition that names one variable which holds no secret stays; any other says nothing of what is printed."""
    named = _BY_NAME.fullmatch(found[0])
    return found[0] if named is not None and not sensitive_name(named[1]) else ""


def _goes_on(program: str, at: int, field: str) -> bool:
    """Whether a path goes on behind a field, which then is a block of settings, or the field holds no credential."""
    return program[at:].lstrip(" ?")[:1] == "." or _NO_CREDENTIAL.fullmatch(field) is not None


def _word(text: str, following: str, *, in_object: bool) -> None:
    if text in _SYNTAX or (in_object and following.startswith(":")):
        return
    if text not in _FUNCTIONS:
        raise refusal("filters.jq", f"{text!r} is not among the functions of jq that are known to stay within the text that is piped in.")
    if text in ("recurse", "recurse_down") and following.startswith("("):
        raise refusal("filters.jq", "recurse with an argument may never end; use .. instead.")


def _string(program: str, at: int) -> int:
    """The place behind a string that begins at `at`; the programs of its interpolations are checked too."""
    while at < len(program):
        if program.startswith("\\(", at):
            end = _closing(program, at + 2)
            check(program[at + 2 : end])
            at = end + 1
        elif program[at] == "\\":
            at += 2
        elif program[at] == '"':
            return at + 1
        else:
            at += 1
    raise refusal("filters.jq", "A string of the jq program is not closed.")


def _closing(program: str, at: int) -> int:
    """The place of the parenthesis that closes an interpolation."""
    depth = 1
    while at < len(program):
        here = program[at]
        if here == '"':
            at = _string(program, at + 1)
            continue
        depth += (here == "(") - (here == ")")
        if depth == 0:
            return at
        at += 1
    raise refusal("filters.jq", "A string of the jq program is not closed.")
