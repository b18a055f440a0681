"""Memory: what is left, how long processes wait for it, swap, and whom the kernel killed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from engine.analyzers.common.confidence import EVENT, HINT, STATE
from engine.core.types import Evidence, Finding
from engine.hosts.analyzers.common import ago, cite_line, found, kernel, listed, number, recent, size
from engine.hosts.bundle import Bundle

_KILLED = re.compile(r"(?P<group>Memory cgroup )?[Oo]ut of memory(?: \([^)]*\))?: Kill(?:ed)? process \d+ \((?P<name>[^)]*)\)")
_PSI = re.compile(r"^(some|full) avg10=(\d+\.\d+) avg60=(\d+\.\d+) avg300=(\d+\.\d+)", re.MULTILINE)
_DAY, _HOUR = timedelta(hours=24), timedelta(hours=1)
_MIB = 1024


def meminfo(bundle: Bundle) -> dict[str, int]:
    """/proc/meminfo in KiB."""
    values = {}
    for line in bundle.lines("memory"):
        match = re.match(r"([A-Za-z0-9_()]+):\s+(\d+)", line)
        if match:
            values[match.group(1)] = int(match.group(2))
    return values


def pressure(bundle: Bundle, what: str) -> dict[str, tuple[float, float, float]]:
    """A file of /proc/pressure: (avg10, avg60, avg300) in percent for `some` and `full`."""
    return {m.group(1): (float(m.group(2)), float(m.group(3)), float(m.group(4))) for m in _PSI.finditer(bundle.text(f"psi-{what}"))}


def memory(bundle: Bundle) -> Iterator[Finding]:
    """What is left, the stalls, then the kills."""
    yield from _free_memory(bundle)
    yield from _stalls(bundle)
    yield from _kills(bundle)


def _largest_processes(bundle: Bundle) -> tuple[str, list[Evidence]]:
    """Who uses most memory, in words."""
    rows = [words for line in bundle.lines("processes") if len(words := line.split(None, 4)) == 5 and number(words[3]) is not None]
    rows.sort(key=lambda words: -float(words[3]))
    if not rows or float(rows[0][3]) < 5:
        return "", []
    names = listed([f"{row[4]} {row[3]} %" for row in rows[:3] if float(row[3]) >= 5])
    return f"; most is used by {names}", [bundle.cite("processes", "\n".join(" ".join(row) for row in rows[:3]))]


def _free_memory(bundle: Bundle) -> Iterator[Finding]:
    values = meminfo(bundle)
    total, left = values.get("MemTotal", 0), values.get("MemAvailable")
    if not total or left is None:
        return
    swap, swap_free = values.get("SwapTotal", 0), values.get("SwapFree", 0)
    shown = [f"{name}: {values[name]} kB" for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree") if name in values]
    evidence = [bundle.cite("memory", "\n".join(shown))]
    low = left < 150 * _MIB or (left < 0.05 * total and left < 2 * _MIB * _MIB)
    if low:
        words, more = _largest_processes(bundle)
        yield found(
            bundle,
            "MemoryLow",
            "critical" if left < 150 * _MIB else "warning",
            f"{size(left)} of {size(total)} memory is available{words}",
            [*evidence, *more],
            weights=(STATE, EVENT),
            remedies=[bundle.remedy("find who uses it", "ps -eo pid,rss,comm --sort=-rss")],
            docs=("node MemoryPressure", "memory"),
        )
    elif swap and swap - swap_free > 0.8 * swap and left < 0.1 * total:
        yield found(
            bundle,
            "SwapHeavy",
            "warning",
            f"{size(swap - swap_free)} of {size(swap)} swap is in use and little memory is left ({size(left)}): the host pages",
            evidence,
            weights=(STATE, HINT),
            remedies=[bundle.remedy("check what is swapped", "vmstat 1 5")],
            docs=("node MemoryPressure", "swap"),
        )


def _stalls(bundle: Bundle) -> Iterator[Finding]:
    stalls = pressure(bundle, "memory")
    full, some = stalls.get("full", (0.0, 0.0, 0.0))[1], stalls.get("some", (0.0, 0.0, 0.0))[1]
    if full < 10 and some < 25:
        return
    words, more = _largest_processes(bundle)
    yield found(
        bundle,
        "MemoryStalls",
        "critical" if full >= 10 else "warning",
        f"processes waited for memory in {some:.0f} % of the last minute, all of them at once in {full:.0f} % (pressure stall){words}",
        [bundle.cite("psi-memory", bundle.text("psi-memory")), *more],
        remedies=[bundle.remedy("find who uses the memory", "ps -eo pid,rss,comm --sort=-rss")],
        docs=("node MemoryPressure", "pressure stall"),
    )


def _kills(bundle: Bundle) -> Iterator[Finding]:
    now = bundle.now
    kills = [(line, hit) for line in recent(kernel(bundle), now, _DAY) if (hit := _KILLED.search(line.text))]
    for grouped in (False, True):
        mine = [(line, hit) for line, hit in kills if bool(hit.group("group")) == grouped]
        if not mine:
            continue
        last, _ = mine[-1]
        names = listed(list(dict.fromkeys(hit.group("name") for _, hit in reversed(mine))))
        fresh = last.age(now) <= _HOUR
        count = f"{len(mine)} time{'' if len(mine) == 1 else 's'} in the last day, last {ago(last.age(now))}"
        if grouped:
            yield found(
                bundle,
                "OOMKilled",
                "warning" if fresh else "info",
                f"the kernel killed {names} at the memory limit of its own container or slice ({count}); the host had memory",
                [cite_line(bundle, line) for line, _ in mine[-2:]],
                weights=(STATE, EVENT),
                remedies=[bundle.remedy("find the pod", "journalctl -k --no-pager -g oom-kill")],
                docs=("OOMKilled", "memory limit"),
            )
        else:
            yield found(
                bundle,
                "SystemOOM",
                "critical" if fresh else "warning",
                f"the host ran out of memory and the kernel killed {names} ({count})",
                [cite_line(bundle, line) for line, _ in mine[-2:]],
                weights=(STATE, EVENT),
                remedies=[
                    bundle.remedy("find who used the memory then", "journalctl -k --no-pager -g oom"),
                    bundle.remedy("reserve memory for the system (systemReserved, kubeReserved) and give pods limits"),
                ],
                docs=("node MemoryPressure", "out of memory"),
            )
