"""How host findings are made, and what several analyzers read in the same way: sizes, kernel lines, journal lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.analyzers.common.confidence import STATE, confidence
from engine.core.types import Evidence, Finding, Remedy, Severity
from engine.hosts.bundle import Bundle

_JOURNAL = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d+)?([+-]\d\d:?\d\d|Z) \S+ ([^\[\]:]+(?:\([^)]*\))?)(?:\[\d+\])?: (.*)$")
_DMESG = re.compile(r"^\[\w{3} (\w{3}\s+\d+ \d\d:\d\d:\d\d \d{4})\] (.*)$")


def found(
    bundle: Bundle,
    code: str,
    severity: Severity,
    summary: str,
    evidence: Sequence[Evidence],
    *,
    weights: Sequence[float] = (STATE,),
    remedies: Sequence[Remedy] = (),
    docs: Sequence[str] = (),
    detail: str = "",
) -> Finding:
    """A finding about the bundle's host."""
    return Finding(
        code=code,
        severity=severity,
        object=bundle.object,
        summary=f"{bundle.host}: {summary}",
        evidence=tuple(evidence),
        remedies=tuple(remedies),
        confidence=confidence(weights),
        docs=tuple(docs) or (code,),
        speciality="host",
        detail=detail,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal or of the kernel: who said it, when (None: unreadable), the words, and the probe it comes from."""

    key: str
    raw: str
    text: str
    who: str = "kernel"
    at: datetime | None = None

    def age(self, now: datetime) -> timedelta:
        """How long ago; nothing for a line without a readable time."""
        return now - self.at if self.at is not None else timedelta(0)


def journal(bundle: Bundle, key: str) -> Iterator[Line]:
    """The lines of a journalctl probe in the format short-iso."""
    for raw in bundle.lines(key):
        match = _JOURNAL.match(raw)
        if match is None:
            continue
        day, zone, who, text = match.groups()
        try:
            at = datetime.strptime(day + (zone.replace(":", "") if zone != "Z" else "+0000"), "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:  # a leap second, a clock that was never set
            at = None
        yield Line(key, raw, text, who.strip(), at)


def kernel(bundle: Bundle) -> list[Line]:
    """What the kernel said, from its journal where that can be read, else from its ring buffer."""
    lines = [line for line in journal(bundle, "journal-kernel") if line.who == "kernel"]
    if lines:
        return lines
    zone = bundle.now.tzinfo
    for raw in bundle.lines("dmesg"):
        match = _DMESG.match(raw)
        if match is None:
            continue
        try:
            at = datetime.strptime(" ".join(match.group(1).split()), "%b %d %H:%M:%S %Y").replace(tzinfo=zone)
        except ValueError:
            at = None
        lines.append(Line("dmesg", raw, match.group(2), "kernel", at))
    return lines


def recent(lines: Sequence[Line], now: datetime, within: timedelta) -> list[Line]:
    """The lines that are not older than that."""
    return [line for line in lines if line.age(now) <= within]


def cite_line(bundle: Bundle, line: Line) -> Evidence:
    """A line as evidence."""
    return bundle.cite(line.key, line.raw, line.at.isoformat() if line.at is not None else "")


def ago(span: timedelta) -> str:
    """How long ago, in words."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago" if seconds < 172800 else f"{seconds / 86400:.0f} days ago"


def number(text: str) -> float | None:
    """A plain decimal number, None for anything else."""
    return float(text) if re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", text) else None


def size(kib: float) -> str:
    """KiB as people read sizes."""
    for unit in ("KiB", "MiB", "GiB"):
        if kib < 1024:
            return f"{kib:.0f} {unit}" if kib >= 100 or unit == "KiB" else f"{kib:.1f} {unit}"
        kib /= 1024
    return f"{kib:.1f} TiB"


def listed(words: Sequence[str], most: int = 4) -> str:
    """A few words, and how many more."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
