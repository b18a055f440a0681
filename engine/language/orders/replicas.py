"""How many replicas an order means: a number as such, or arithmetic on the live count."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_SPELT = {word: number for number, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())}
_N = rf"(\d+|{'|'.join(_SPELT)}|a couple(?: of)?|an?|another|single|no)"
_UNITS = r"(?:replicas?|instances?|pods?|copies|copy)"
_DOWN = re.compile(r"\b(?:down|decrease|lower|reduce|fewer|less|shrink|cut|remove|minus|drop|take away|smaller)\b", re.I)
_TIMES = (
    (r"\bdouble\b|\btwice\b|\btwo times\b|\b(?:x ?2|2 ?x)\b|\btwofold\b", 2.0),
    (r"\btriple\b|\bthree times\b|\bthrice\b|\b(?:x ?3|3 ?x)\b|\bthreefold\b", 3.0),
    (r"\bquadruple\b|\bfour times\b|\b(?:x ?4|4 ?x)\b", 4.0),
    (r"\bhalve\b|\bhalf\b|\bin two\b", 0.5),
    (r"\b(?:to|by) (?:a|one) third\b", 1 / 3),
    (r"\b(?:to|by) (?:a|one) quarter\b", 0.25),
)


@dataclass(frozen=True, slots=True)
class Count:
    """The count that is wanted, or (None) a sentence on why there is none; `words` says how it was worked out."""

    number: int | None = None
    problem: str = ""
    words: str = ""


def count_in(text: str, before: int, name: str) -> Count:
    """The count that an order's words (names taken out) mean for a workload that has `before` replicas now."""
    negative = re.search(r"(?:\b(?:to|at|by)\s+|=\s*)(-\d+)\b", text, re.I)
    if negative:
        return Count(problem=f"{name} cannot have {negative.group(1)} replicas: the number must be at least 0.")
    percent = re.search(r"\b(to|by|at)?\s*(?:about\s+)?(\d+(?:\.\d+)?)\s*(?:%|percent\b|per cent\b)", text, re.I)
    if percent:
        return _share(percent.group(1) or "by", float(percent.group(2)), before, name, down=bool(_DOWN.search(text)))
    for pattern, factor in _TIMES:
        if re.search(pattern, text, re.I):
            return _scaled(factor, before, name)
    by = re.search(rf"\bby\s+{_N}\b", text, re.I)
    more = re.search(
        rf"\b{_N}\s+(?:{_UNITS}\s+)?(?:more|fewer|less)\b|\b{_N}\s+(?:more|fewer|less|additional|extra)\s+{_UNITS}", text, re.I
    )
    added = re.search(rf"\b(?:add|another|remove|minus|plus)\s+(?:{_N}\s+)?(?:more\s+)?{_UNITS}", text, re.I)
    taken = re.search(rf"\btake\s+{_N}\s+{_UNITS}\s+(?:away|off|from)\b", text, re.I)
    step = by or more or added or taken or re.search(r"\banother\b", text, re.I)
    if step:
        count = _number(next((group for group in step.groups() if group), "one") if step.groups() else "one")
        down = bool(taken or _DOWN.search(text))
        wanted = before - count if down else before + count
        if wanted < 0:
            return Count(problem=f"{name} has {before} replica{'' if before == 1 else 's'}, so {count} cannot be taken away.")
        return Count(wanted, words=f"{before} {'-' if down else '+'} {count}")
    for pattern in (
        rf"\bto\s+{_N}\b",
        rf"\b{_N}\s+{_UNITS}\b",
        rf"\breplicas?[ =:]+(?:to |at |of )?{_N}\b",
        rf"\b(?:auf|a|à|en)\s+{_N}\b",
        rf"\bat\s+{_N}\b",
    ):
        found = re.search(pattern, text, re.I)
        if found and (found.group(1).lower() not in ("a", "an") or re.search(_UNITS, found.group(0))):
            return Count(_number(found.group(1)))
    equals = re.search(r"\breplicas?\b.*=\s*(\d+)", text, re.I)
    if equals:
        return Count(int(equals.group(1)))
    if re.search(r"\b(?:off|shut ?down|to nothing|all the way down)\b|^\W*(?:please )?stop\b", text, re.I):
        return Count(0)
    return Count()


def _number(word: str) -> int:
    low = word.lower()
    if low.isdigit():
        return int(low)
    if low.startswith("a couple"):
        return 2
    return _SPELT.get(low, 0 if low == "no" else 1)


def _share(preposition: str, percent: float, before: int, name: str, *, down: bool) -> Count:
    if preposition.lower() in ("to", "at"):
        return _scaled(percent / 100, before, name, f"{percent:g}% of {before}")
    return _scaled(1 - percent / 100 if down else 1 + percent / 100, before, name, f"{before} {'-' if down else '+'} {percent:g}%")


def _scaled(factor: float, before: int, name: str, words: str = "") -> Count:
    """The live count times a factor, rounded up; never zero, since only a zero that is said means zero."""
    if not before:
        return Count(problem=f"{name} has no replicas now, so there is nothing to take a share of. Say a number.")
    if factor < 0:
        return Count(problem=f"That would leave less than nothing of the {before} replicas of {name}.")
    wanted = before * factor
    if wanted and wanted == before:
        return Count(before, words=words or f"{before} × {factor:g}")
    number = math.ceil(round(wanted, 6))
    if number == 0:
        return Count(problem=f"That would take all {before} replicas of {name} away. Say “to 0” if that is meant.")
    if number == before and factor < 1:
        return Count(problem=f"{name} has {before} replica{'' if before == 1 else 's'}, which cannot be cut to a share. Say a number.")
    return Count(number, words=words or f"{before} × {factor:g}")
