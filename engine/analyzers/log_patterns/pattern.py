"""`Pattern`: one thing that programs say when they fail, as data; and the words that a text must hold before it is tried."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from re import _parser  # type: ignore[attr-defined]  # the parse tree of a regular expression, for the words that it needs
from typing import Any

from engine.analyzers.common.host_names import can_be_host

HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?)"
PATH = r"(?P<path>/[^\s'\"`,;:()\]\[]+)"
ENV = r"(?P<name>[A-Z][A-Z0-9_]{2,})"
Q = r"['\"`‘“]"

_WORD = r"[^\s'\"`,;()\[\]{}]+"
_SHAPES = {
    "host": r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?",
    "path": r"[^\s'\"`,;()\[\]<>]*[^\s'\"`,;:.()\[\]<>]",
    "number": r"\d[\d.,]*",
    "port": r"\d{2,5}",
    "version": r"v?\d[\w.+-]*",
    "user": _WORD,
    "name": _WORD,
    "key": _WORD,
    "node": _WORD,
}
"""What a `{field}` of these names may be; a field of any other name is any text on the line."""
_FIELD = re.compile(r"\{(\w+)\}|\.\.\.")
_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a fault sounds like, and what it means.

    `texts` are the program's own words: `{field}` is a value that differs, `...` anything on the line, and case, quotes' escapes and the
    width of spaces do not matter. `regexes` are for what such a text cannot say. `says` is a clause over the fields; `{error}` is the line
    from the match on. `weight`: 95 names the fault, 60 points to another object, 30 only says that something is wrong.
    """

    program: str
    code: str
    says: str
    texts: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    weight: int = 95
    fix: str = ""
    docs: tuple[str, ...] = ()
    case: bool = False
    """Whether upper and lower case matter in `regexes`."""
    at_any_level: bool = False
    """Whether a line that calls itself information counts, too."""
    at_once: bool = False
    """Whether a single line of a program that goes on running counts."""
    repeats: int = 1
    """How often a line has to come before it counts."""
    peer: bool = False
    """Whether it speaks of another object, whose own fault may explain it."""


def say(
    program: str, code: str, says: str, *texts: str, weight: int = 95, fix: str = "", docs: Sequence[str] = (), **flags: Any
) -> Pattern:
    """A pattern by the program's own words."""
    return Pattern(program, code, says, texts, (), weight, fix, tuple(docs), **flags)


def shape(code: str, says: str, *regexes: str, weight: int = 90, fix: str = "", docs: Sequence[str] = (), **flags: Any) -> Pattern:
    """A pattern of any program, by regular expressions whose groups are the fields (`name2` is another `name`)."""
    return Pattern("", code, says, (), regexes, weight, fix, tuple(docs), **flags)


@cache
def compiled(source: str, is_text: bool, case: bool) -> re.Pattern[str]:
    """The regular expression of a pattern's text or regex, made when a line holds its words for the first time."""
    return re.compile(_as_regex(source) if is_text else source, 0 if case and not is_text else re.IGNORECASE)


def _as_regex(text: str) -> str:
    made, end = "", 0
    for hole in _FIELD.finditer(text):
        made += _literal(text[end : hole.start()])
        end = hole.end()
        if hole[1] is None:
            made += r"[^\n]{0,600}?"
        else:
            anything = r"[^\n]{1,240}" if end == len(text) else r"[^\n]{1,240}?"
            made += f"(?P<{hole[1]}>{_SHAPES.get(hole[1].rstrip('0123456789'), anything)})"
    return made + _literal(text[end:])


def _literal(text: str) -> str:
    escaped = re.escape(text).replace('"', r"\\?\"").replace("'", r"['’]")
    return re.sub(r"(?:\\ )+", r"\\s+", escaped)


class PatternIndex:
    """Patterns behind their words: a text that holds none of a pattern's words costs it nothing but a look for them."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self.peer_codes = frozenset(pattern.code for pattern in self.patterns if pattern.peer)
        """Codes of what is said of another object."""
        self._places: dict[str, list[int]] = {}
        self._quiet_places: dict[str, list[int]] = {}
        self._wordless: list[int] = []
        self._sources: list[tuple[Pattern, str, bool]] = []
        for pattern in self.patterns:
            for source, is_text in (*((t, True) for t in pattern.texts), *((r, False) for r in pattern.regexes)):
                words = text_words(source) if is_text else regex_words(source)
                place = len(self._sources)
                self._sources.append((pattern, source, is_text))
                for word in words:
                    self._places.setdefault(word, []).append(place)
                    if pattern.at_any_level:
                        self._quiet_places.setdefault(word, []).append(place)
                if not words:
                    self._wordless.append(place)

    def hits(self, text: str, *, any_level_only: bool = False) -> Iterator[tuple[Pattern, dict[str, str]]]:
        """The patterns that a text matches, with their fields, in the table's order; of those for any level alone where asked."""
        text = text[:_LONGEST]
        lower = text.lower()
        words = self._quiet_places if any_level_only else self._places
        wanted = {place for word, places in words.items() if word in lower for place in places}
        for place in sorted(wanted if any_level_only else wanted.union(self._wordless)):
            pattern, source, is_text = self._sources[place]
            hit = compiled(source, is_text, pattern.case).search(text)
            if hit is not None:
                fields = {k.rstrip("0123456789"): v.strip() for k, v in hit.groupdict().items() if v}
                if "host" in fields and not can_be_host(fields["host"]) and fields["host"] not in ("localhost"):
                    continue
                fields.setdefault("error", _line_from(text, hit.start()))
                yield pattern, fields


def _line_from(text: str, start: int, most: int = 240) -> str:
    line = " ".join(text[start:].partition("\n")[0].split())
    return line if len(line) <= most else line[: most - 1] + "…"


def text_words(text: str) -> tuple[str, ...]:
    """The longest run of letters of a pattern's text that every match holds."""
    runs = [run for piece in _FIELD.split(text)[::2] for run in re.split(r"[\"']|\s{2,}", piece or "")]
    return (max((run.strip().lower() for run in runs), key=len),)


def regex_words(source: str) -> tuple[str, ...]:
    """Words of which every match of a regular expression holds at least one; empty where there are none."""
    found = _needed(_parser.parse(source, re.IGNORECASE))
    return tuple(sorted(found)) if found else ()


def _needed(parsed: Any) -> frozenset[str] | None:
    """The best set of alternatives in a parsed sequence: the one whose shortest word is longest."""
    best: frozenset[str] | None = None
    run = ""

    def offer(words: frozenset[str] | None) -> None:
        nonlocal best
        if words and (best is None or min(map(len, words)) > min(map(len, best))):
            best = words

    for operation, argument in parsed:
        name = str(operation)
        if name == "LITERAL":
            run += chr(argument).lower()
            continue
        if (
            name == "IN"
            and len({chr(a).lower() for o, a in argument if str(o) == "LITERAL"}) == 1
            and all(str(o) == "LITERAL" for o, _ in argument)
        ):
            run += chr(argument[0][1]).lower()
            continue
        if name != "AT":
            offer(frozenset({run}) if len(run) >= 3 else None)
            run = ""
        if name == "SUBPATTERN":
            offer(_needed(argument[3]))
        elif name in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] >= 1:
            offer(_needed(argument[2]))
        elif name == "BRANCH":
            branches = [_needed(branch) for branch in argument[1]]
            offer(frozenset().union(*branches) if all(branches) else None)  # type: ignore[arg-type]
    offer(frozenset({run}) if len(run) >= 3 else None)
    return best
