"""The glossary: one paragraph for each kind, reason, exit code and concept, found by name, by another name, or by a near spelling.

The Markdown files beside this module hold the text: `## Name`, a line `Also: other, names`, and the paragraph. `differences.md` holds
`## A / B` with what tells the two apart.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_FILES = ("kinds", "reasons", "exit_codes", "concepts")
_BEFORE = re.compile(
    r"^(?:(?:the|an?|some|kubernetes|k8s|concept of|term|error|message|event|reason|status|state|condition|phase|container|pod)\s+)+", re.I
)
_BEHIND = re.compile(
    r"(?:\s+(?:mean|means|in kubernetes|in k8s|kubernetes|object|objects|resource|resources|kind|error|errors|message|status|state|condition|event|events|reason|phase|field|"
    r"setting|exactly|about|there|good for|used for|for))+$",
    re.I,
)
_CODE = re.compile(r"^(?:exit\s*(?:code|status)|exitcode|return code|code|exited with(?: code)?)?\s*(\d{1,3})$", re.I)
_SIGNAL = re.compile(r"^signal\s*(\d{1,2})$", re.I)
_PAIR = re.compile(
    r"(?:differences?|distinction|distinguish|compare)\s+(?:(?:is|are|there|between|of)\s+)*(?:an?\s+|the\s+)?(?P<a>[\w./ -]{2,40}?)\s+(?:and|vs\.?|versus|from|or|with)\s+(?:an?\s+|the\s+)?(?P<b>[\w./ -]{2,40}?)\s*[?.!]*$"
    r"|^\W*(?:what(?:'s| is) )?(?:an?\s+|the\s+)?(?P<c>[\w./ -]{2,40}?)\s+(?:vs\.?|versus|or)\s+(?:an?\s+|the\s+)?(?P<d>[\w./ -]{2,40}?)\s*(?:[?.!]*$|,)"
    r"|\bhow (?:does|do|is|are) (?:an?\s+|the\s+)?(?P<e>[\w./ -]{2,40}?) (?:differ(?:ent)?) from (?:an?\s+|the\s+)?(?P<f>[\w./ -]{2,40}?)\s*[?.!]*$",
    re.I,
)
_NEAR = 0.84
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A term of the glossary with its paragraph; `topic` is the file it stands in (`reasons`)."""

    name: str
    text: str
    topic: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """An entry, and whether its name was only nearly written so."""

    entry: Entry
    corrected: str = ""
    """The term as it was typed, where it was taken for a misspelling."""


def find(term: str) -> Found | None:
    """The entry of a term, whatever its case, spaces, dashes or plural; a near spelling where nothing is spelt so; None where nothing is near."""
    for said in _variants(term):
        known = _by_name().get(said) or _by_key().get(_key(said))
        if known is not None:
            return Found(known)
        number = _CODE.match(said) if not said.isdigit() else None
        if number:
            return Found(_exit_code(int(number.group(1))))
        signal = _SIGNAL.match(said)
        if signal:
            return Found(_exit_code(128 + int(signal.group(1))))
    key = _key(_variants(term)[-1])
    if len(key) < 5 or re.search(r"\d", key):
        return None
    near = difflib.get_close_matches(key, _by_key(), n=1, cutoff=_NEAR)
    return Found(_by_key()[near[0]], term.strip()) if near and near[0][0] == key[0] else None


def mentioned(text: str) -> list[Entry]:
    """The entries whose names stand in a text, the longest name first."""
    words = re.findall(r"[\w.-]+", text)
    hits: list[tuple[int, int, Entry]] = []
    taken: set[int] = set()
    for size in range(min(_MOST_WORDS, len(words)), 0, -1):
        for start in range(len(words) - size + 1):
            span = range(start, start + size)
            if taken.intersection(span):
                continue
            said = " ".join(words[start : start + size]).strip(".-")
            entry = _by_key().get(_key(said)) or _by_key().get(_key(_variants(said)[-1]))
            if entry is None and _CODE.match(said) and not said.isdigit() and "code" in said.lower():
                entry = _exit_code(int(re.findall(r"\d+", said)[0]))
            if entry is None and _SIGNAL.match(said):
                entry = _exit_code(128 + int(said.split()[-1]))
            if entry is not None and not (size == 1 and len(said) < 3 and not said.isupper()) and said.lower() not in _TOO_COMMON:
                hits.append((-len(_key(said)), start, entry))
                taken.update(span)
    return [entry for _, _, entry in sorted(hits, key=lambda hit: hit[:2])]


_TOO_COMMON = frozenset(
    "error created started request requests limit watch owner running ready unknown failed complete available code leader worker token chart context no ns container containers pod pods".split()
)
"""Names that stand in many a sentence without being what it asks about."""


def difference(text: str) -> str | None:
    """What tells two terms apart that a text asks to compare ("difference between A and B", "A vs B"); None where it names no two terms."""
    found = _PAIR.search(text.strip())
    if found is None:
        return None
    pair = [part for part in found.groups() if part]
    if len(pair) != 2:
        return None
    first, second = (_resolved(part) for part in _completed(pair[0], pair[1]))
    known = _differences().get(frozenset((first, second)))
    if known:
        return known
    entries = [find(part) for part in pair]
    if any(entry is None for entry in entries) or first == second:
        return None
    return "\n\n".join(found_entry.entry.text for found_entry in entries if found_entry is not None)


def _completed(first: str, second: str) -> tuple[str, str]:
    """“liveness and readiness probes”: the noun behind both."""
    noun = re.search(r"\s(probes?|containers?|services?|bindings?)$", second, re.I)
    if noun and " " not in first.strip() and find(first) is None:
        return f"{first} {noun.group(1)}", second
    return first, second


def names() -> tuple[str, ...]:
    """Every name and other name, for completion and tests."""
    return tuple(name for entry in entries() for name in (entry.name, *entry.aliases))


@cache
def entries() -> tuple[Entry, ...]:
    """All entries, in the order of the files."""
    return tuple(entry for topic in _FILES for entry in _read(topic))


def _read(topic: str) -> Iterator[Entry]:
    for block in _blocks(topic):
        name, *lines = block.splitlines()
        aliases: tuple[str, ...] = ()
        if lines and lines[0].startswith("Also:"):
            aliases = tuple(part.strip() for part in lines[0].removeprefix("Also:").split(",") if part.strip())
            lines = lines[1:]
        yield Entry(name.strip(), " ".join(" ".join(lines).split()), topic, aliases)


def _blocks(topic: str) -> list[str]:
    return (_HERE / f"{topic}.md").read_text(encoding="utf-8").split("\n## ")[1:]


@cache
def _by_name() -> dict[str, Entry]:
    """By the exact name: `OutOfmemory` is not "out of memory"."""
    return {entry.name: entry for entry in entries()}


@cache
def _by_key() -> dict[str, Entry]:
    known: dict[str, Entry] = {}
    for entry in entries():
        for name in (entry.name, *entry.aliases):
            known.setdefault(_key(name), entry)
    return known


@cache
def _differences() -> dict[frozenset[str], str]:
    known = {}
    for block in _blocks("differences"):
        heading, *lines = block.splitlines()
        first, _, second = heading.partition(" / ")
        known[frozenset((_resolved(first), _resolved(second)))] = " ".join(" ".join(lines).split())
    return known


def _resolved(term: str) -> str:
    """The name that a term is known under; its key where it is none of the glossary."""
    found = find(term)
    return found.entry.name if found else _key(term)


def _variants(term: str) -> list[str]:
    """A term as it was typed, and without articles, further nouns and plural, the barest last."""
    said = " ".join(term.split()).strip(" ?!.,:;\"'`“”")
    bare = _BEHIND.sub("", _BEFORE.sub("", said)) or said
    singular = re.sub(r"(?<=[a-z])(?:ies)$", "y", bare) if bare.lower().endswith("ies") else re.sub(r"(?<=[a-z])s$", "", bare)
    return list(dict.fromkeys((said, bare, singular)))


def _key(term: str) -> str:
    return re.sub(r"[^a-z0-9]", "", term.lower())


def _exit_code(code: int) -> Entry:
    """The entry of an exit code, composed where the glossary has none of its own."""
    known = _by_key().get(f"exitcode{code}")
    if known is not None:
        return known
    if 128 < code < 193:
        text = f"Exit code {code} is 128 + {code - 128}: the process was ended by signal {code - 128}. The container's log and the node's kernel log say more."
    elif code <= 255:
        text = (
            f"Exit code {code} has no meaning in Kubernetes: it is the program's own, and its documentation or its last log lines say what it stands for. "
            "Only 0 (success), 125 to 128 (the container could not be started) and 129 to 192 (ended by the signal code - 128) mean the same everywhere."
        )
    else:
        text = f"There is no exit code {code}: exit codes go from 0 to 255."
    return Entry(f"exit code {code}", text, "exit_codes")
