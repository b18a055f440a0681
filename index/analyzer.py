"""The text analysis: CamelCase kept and split, words stemmed, noise of kubectl's tables left out, a short list of synonyms.

`CrashLoopBackOff` becomes `crashloopbackoff crash loop back off`, `crash-loop` becomes `crash loop crashloop`: what an API
writes as one word meets what a person types as several. Synonyms widen the question only, so editing them rebuilds nothing.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_WORD = re.compile(r"\w+(?:[-./]\w+)*")
_PART = re.compile(r"[^-./_]+")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_PLURAL_ACRONYM = re.compile(r"[A-Z]{2,}s$")
# What kubectl prints and nobody searches: ages, ReplicaSet and pod suffixes, digests, uids.
_AGE = re.compile(r"\d+[smhdwy](?:\d+[smhd])*$")
_SUFFIX = re.compile(r"(?=.*\d)[bcdfghjklmnpqrstvwxz2456789]{5,10}$")
_HEX = re.compile(r"(?=.*\d)[0-9a-f]{8,}$")
_STOP = frozenset(
    """a about after again all also am an and any are as at be because been before being but by can cannot could did do does doing don down
    during each ever for from get gets getting give go goes going got had has have having he her here his how i if in into is isn it its
    just keep keeps know let like look looks make me mean means more most much my need of on once one only or other our ours please s see
    seem seems she should show shows so some someone something still such t tell than that the their them then there these they thing this
    those to too try trying under us use used using very want was we well were what when where which while who why will with would yet you
    your doesn don didn won aren wasn ve re ll anything happen happens happening""".split()
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """Text to index terms, and a question to its terms with synonyms (`{term: other terms}`, both analyzed already)."""

    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def terms(self, text: str) -> list[str]:
        """Every term of a text in order, repeats included."""
        return list(_terms(text))

    def question(self, text: str) -> dict[str, float]:
        """The distinct terms of a question with their weights: 1.0 for its own, 0.6 for synonyms of them.

        A synonym of two words needs both side by side in the question.
        """
        own = self.terms(text)
        weights = dict.fromkeys(own, 1.0)
        for key in [*own, *(f"{a} {b}" for a, b in itertools.pairwise(own))]:
            for other in self.synonyms.get(key, ()):
                weights.setdefault(other, 0.6)
        return weights


def analysis(synonyms: Path | None = None) -> Analysis:
    """The analysis with the shipped synonyms, or with those of a file of the user's own. Raises OSError where that cannot be read."""
    path = synonyms or Path(__file__).with_name("synonyms.txt")
    return Analysis(read_synonyms(path.read_text(encoding="utf-8")))


def read_synonyms(text: str) -> dict[str, tuple[str, ...]]:
    """A synonym list: a line `word = other, two words`; # begins a comment. Lines of another shape are skipped."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        left, equals, right = line.partition("#")[0].partition("=")
        key = " ".join(_terms(left))
        others = tuple(dict.fromkeys(t for part in right.split(",") for t in _terms(part)))
        if equals and key and others:
            found[key] = (*found.get(key, ()), *others)
    return found


def fingerprint() -> str:
    """Eight hex digits that change whenever this version would index a document otherwise than another one did."""
    digest = hashlib.sha1(usedforsecurity=False)
    for name in ("analyzer.py", "markdown.py", "build.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:8]


def _terms(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        parts = _PART.findall(word)
        for part in parts:
            yield from _part_terms(part)
        if 2 <= len(parts) <= 3 and "-" in word and all(p.isalpha() for p in parts):
            yield stem("".join(parts).lower())


def _part_terms(part: str) -> Iterator[str]:
    if _PLURAL_ACRONYM.match(part):
        part = part[:-1]
    lower = part.lower()
    if lower.isdigit():
        if len(lower) == 3 or (len(lower) < 3 and lower in ("0", "1", "2", "126", "127")):
            yield lower
        return
    if len(lower) == 1 or lower in _STOP or len(lower) > 60:
        return
    if not lower.isalpha() and (_AGE.match(lower) or _SUFFIX.match(lower) or _HEX.match(lower)):
        return
    yield stem(lower)
    humps = _HUMP.findall(part)
    if len(humps) > 1 and part.isalpha() and part.isascii() and not part.isupper():
        for hump in humps:
            if len(hump) > 1:
                yield stem(hump.lower())


@functools.lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A lower-case word's stem (Porter); words with digits and words of up to three letters stay."""
    from whoosh.lang.porter import stem as porter

    if len(word) <= 3 or not word.isalpha() or not word.isascii():
        return word
    return str(porter(word))
