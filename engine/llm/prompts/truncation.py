"""Evidence cut to fit by what its lines mean: repeats folded, the lines around an error kept, the middle left out first."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from engine.core.types import Evidence
from index.passage import Passage

Count = Callable[[str], int]

_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?\s+")
_CHANGING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b|\d+")
_ALARM = re.compile(
    r"(?i)\b(error|err|fatal|panic|exception|traceback|fail(?:ed|ure|s)?|denied|refused|timed? ?out|killed|oom|cannot|unable|no such|"
    r"not found|missing|invalid|back-?off|unhealthy|warn(?:ing)?|caused by|exit(?:ed| code)?|forbidden|unauthorized|expired|unknown host)\b"
)
_LINE_CHARS = 400
_MOST_CHARS = 12
_LEAST = 24
"""Fewer tokens than this say nothing."""


def fold(lines: Sequence[str]) -> list[str]:
    """Lines of one template become the first of them with a count; the date of a timestamp at the front goes, its time stays."""
    seen: dict[str, int] = {}
    kept: list[tuple[str, str]] = []
    for line in lines:
        text = _STAMP.sub(r"\1 ", line.rstrip())
        key = _CHANGING.sub("#", text)
        if not key.strip():
            continue
        if key not in seen:
            kept.append((key, text))
        seen[key] = seen.get(key, 0) + 1
    return [f"{text} (x{seen[key]})" if seen[key] > 1 else text for key, text in kept]


def cut(text: str, tokens: int, count: Count) -> str:
    """As much of a text as fits: alarming lines first, then their neighbours, the end, the beginning, and the rest; gaps are marked."""
    if tokens <= 0:
        return ""
    if size(text, tokens, count) <= tokens:
        return text
    lines = [shorten(line) for line in fold(text.splitlines())]
    ranks = _ranks(lines)
    order = sorted(range(len(lines)), key=lambda i: (-ranks[i], i))
    gap = count(_gap(99999)) + 1
    if tokens < 3 * gap:
        return _squeeze(lines[order[0]], tokens, count) if lines else ""
    left = tokens - gap
    keep: set[int] = set()
    for n in order:
        cost = count(lines[n]) + 1
        if not _touches(n, keep):
            cost += gap
        if cost <= left:
            keep.add(n)
            left -= cost
        elif not keep:
            keep.add(n)
            lines[n] = _squeeze(lines[n], left - gap, count)
            break
        elif left < gap // 2:
            break
    return "\n".join(_with_gaps(lines, keep))


def size(text: str, tokens: int, count: Count) -> int:
    """The tokens of a text, or just more than `tokens` where its length alone says so (long logs are not counted through)."""
    return tokens + 1 if len(text) > tokens * _MOST_CHARS + 64 else count(text)


def shorten(line: str, chars: int = _LINE_CHARS) -> str:
    """A long line without its middle."""
    return line if len(line) <= chars else f"{line[: chars * 2 // 3]} … {line[-chars // 3 :]}"


def fit_evidence(evidence: Sequence[Evidence], tokens: int, count: Count) -> str:
    """`[E1] source: excerpt` pieces in order: short ones whole, long ones share the rest; what does not fit at all is counted."""
    kept = list(evidence)
    while kept and len(kept) * _LEAST > tokens:
        kept.pop()
    heads = [f"[{e.id}] {shorten(' '.join(e.source.split()), 120)}: " for e in kept]
    room = tokens - sum(count(h) + 1 for h in heads) - (16 if len(kept) < len(evidence) else 0)
    shares = share([size(e.excerpt, tokens, count) + 1 for e in kept], max(0, room))
    pieces = [head + cut(e.excerpt, part, count) for head, e, part in zip(heads, kept, shares, strict=True) if part > 0]
    lost = len(evidence) - len(pieces)
    return "\n".join([*pieces, f"({lost} more pieces of evidence are not shown)"] if lost else pieces)


def fit_passages(passages: Sequence[Passage], tokens: int, count: Count, most: int = 3) -> str:
    """`[D1] heading: text` pieces of the best passages."""
    kept = list(passages)[:most]
    heads = [f"[{p.id or f'D{n}'}] {' › '.join(p.heading)}: " for n, p in enumerate(kept, 1)]
    room = tokens - sum(count(h) + 1 for h in heads)
    wants = [size(p.text, tokens, count) + 1 for p in kept]
    shares = share(wants, max(0, room))
    shown = [h + cut(p.text, part, count) for h, p, part, want in zip(heads, kept, shares, wants, strict=True) if part >= min(want, _LEAST)]
    return "\n".join(shown)


def share(wants: Sequence[int], room: int) -> list[int]:
    """Divide room so that small wants are met in full and the large ones get equal parts."""
    given = [0] * len(wants)
    left, open_ones = room, sorted(range(len(wants)), key=lambda i: wants[i])
    while open_ones:
        part = left // len(open_ones)
        n = open_ones.pop(0)
        given[n] = min(wants[n], part)
        left -= given[n]
    return given


def _ranks(lines: Sequence[str]) -> list[int]:
    ranks = [0] * len(lines)
    for n, line in enumerate(lines):
        if _ALARM.search(line):
            ranks[n] = max(ranks[n], 4)
            for near in (n - 1, n + 1, n + 2):
                if 0 <= near < len(lines):
                    ranks[near] = max(ranks[near], 3)
    for n in range(max(0, len(lines) - 4), len(lines)):
        ranks[n] = max(ranks[n], 2)
    for n in range(min(2, len(lines))):
        ranks[n] = max(ranks[n], 1)
    return ranks


def _touches(n: int, keep: set[int]) -> bool:
    """Whether a line is next to one that is kept, so that no further gap has to be marked."""
    return n - 1 in keep or n + 1 in keep


def _with_gaps(lines: Sequence[str], keep: set[int]) -> list[str]:
    shown: list[str] = []
    last = -1
    for n in [*sorted(keep), len(lines)]:
        if n - last > 1:
            shown.append(_gap(n - last - 1))
        if n < len(lines):
            shown.append(lines[n])
        last = n
    return shown


def _gap(lines: int) -> str:
    return f"… {lines} lines left out" if lines != 1 else "… 1 line left out"


def _squeeze(line: str, tokens: int, count: Count) -> str:
    """The beginning of a line, as far as it fits."""
    if count(line) <= tokens:
        return line
    end = len(line)
    while end and count(line[:end] + " …") > tokens:
        end = end * 3 // 4
    return line[:end] + " …" if end else ""
