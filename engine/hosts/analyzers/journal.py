"""What kubelet, runtime and kernel say in words that a table knows, and the errors that the journal repeats."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.analyzers.common.confidence import EVENT, HINT, LOG, STATE
from engine.core.types import Finding, Severity
from engine.hosts.analyzers.common import Line, ago, cite_line, found, journal, kernel, recent
from engine.hosts.bundle import KUBELETS, Bundle

_RECENT = timedelta(minutes=30)
_KERNEL_RECENT = timedelta(hours=24)
_REPEATED = 10
_NOISY = frozenset({"sshd", "sshd-session", "sudo", "su", "login", "gdm", "gnome-shell", "dbus-broker-launch"})
"""Whose errors are other people's failed log-ins or a desktop's."""
_CHANGING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One row of patterns.json: what is matched, what that means, and what to do; `fatal` ends the program that says it."""

    code: str
    match: re.Pattern[str]
    says: str
    severity: Severity
    fatal: bool
    fix: str
    command: str
    docs: tuple[str, ...]
    least: int
    until: re.Pattern[str] | None


@functools.cache
def patterns(part: str) -> tuple[Pattern, ...]:
    """The rows of `kubelet`, `runtime` or `kernel`."""
    rows: list[dict[str, Any]] = json.loads(Path(__file__).with_name("patterns.json").read_text(encoding="utf-8"))[part]
    return tuple(
        Pattern(
            code=row["code"],
            match=re.compile(row["match"], re.IGNORECASE),
            says=row["says"],
            severity=row.get("severity", "critical" if row.get("fatal") else "warning"),
            fatal=bool(row.get("fatal")),
            fix=row.get("fix", ""),
            command=row.get("command", ""),
            docs=tuple(row["docs"]),
            least=int(row.get("least", 1)),
            until=re.compile(row["until"], re.IGNORECASE) if "until" in row else None,
        )
        for row in rows
    )


def journals(bundle: Bundle) -> Iterator[Finding]:
    """Known words of kubelet and runtime, then of the kernel, then what is repeated and not known."""
    yield from _service(bundle, "kubelet")
    yield from _service(bundle, "runtime")
    now = bundle.now
    lines = recent(kernel(bundle), now, _KERNEL_RECENT)
    for pattern in patterns("kernel"):
        yield from _match(bundle, pattern, lines, now)
    yield from _repeated(bundle)


def _service(bundle: Bundle, part: str) -> Iterator[Finding]:
    lines = [line for line in journal(bundle, f"journal-{part}") if line.who != "systemd"]
    units = bundle.units
    running = any(units[name].active for name in KUBELETS if name in units) if part == "kubelet" else False
    if running:
        lines = recent(lines, bundle.now, _RECENT)
    for pattern in patterns(part):
        if pattern.fatal and running:
            continue  # it was fixed since: the program that gave up over this runs now
        yield from _match(bundle, pattern, lines, bundle.now)


def _match(bundle: Bundle, pattern: Pattern, lines: Sequence[Line], now: datetime) -> Iterator[Finding]:
    hits = [(line, hit) for line in lines if (hit := pattern.match.search(line.text))]
    if len(hits) < pattern.least:
        return
    last, hit = hits[-1]
    if pattern.until is not None and any(pattern.until.search(line.text) for line in lines[lines.index(last) + 1 :]):
        return
    named = {name: value for name, value in hit.groupdict().items() if value}
    what = named.get("what") or next(iter(named.values()), "")
    error = " ".join(hit.group(0).split())[:160]
    times = f", {len(hits)} times" if len(hits) > 1 else ""
    summary = f"{pattern.says.replace('{error}', error).replace('{what}', what)} (last {ago(last.age(now))}{times})"
    yield found(
        bundle,
        pattern.code,
        pattern.severity,
        summary,
        [cite_line(bundle, last)],
        weights=(STATE if pattern.severity == "critical" else LOG, *([EVENT] if len(hits) > 1 else [])),
        remedies=[bundle.remedy(pattern.fix, pattern.command.replace("{what}", what))] if pattern.fix else [],
        docs=pattern.docs,
        detail="journal" if pattern.code == "FilesystemFull" else "",
    )


def _repeated(bundle: Bundle) -> Iterator[Finding]:
    """Errors of the last half hour that nothing above knows, deduplicated; only what comes again and again is more than a remark."""
    known = [pattern.match for part in ("kubelet", "runtime", "kernel") for pattern in patterns(part)]
    lines = recent(list(journal(bundle, "journal-errors")), bundle.now, _RECENT)
    lines = [line for line in lines if line.who not in _NOISY and "avc:" not in line.text and not any(k.search(line.text) for k in known)]
    counts = Counter((line.who, _CHANGING.sub("#", line.text)) for line in lines)
    if not counts:
        return
    latest = {(line.who, _CHANGING.sub("#", line.text)): line for line in lines}
    top = counts.most_common(3)
    words = [f"{who} ({count} times): {latest[(who, shape)].text[:120]}" for (who, shape), count in top]
    yield found(
        bundle,
        "JournalErrors",
        "warning" if top[0][1] >= _REPEATED else "info",
        f"the journal holds {sum(counts.values())} errors of {len(counts)} kinds in the last half hour; {words[0]}",
        [cite_line(bundle, latest[key]) for key, _ in top],
        weights=(LOG, HINT),
        remedies=[bundle.remedy("read them", "journalctl -p err --since -30min --no-pager")],
        docs=("journald logs", "journal errors"),
    )
