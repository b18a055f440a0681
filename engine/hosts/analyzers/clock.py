"""The clock: how far it is off, and whether anything keeps it right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE
from engine.core.types import Finding
from engine.hosts.analyzers.common import found
from engine.hosts.bundle import CLOCKS, Bundle

_OFF = 5.0
"""Seconds by which a clock may differ from this machine's before it is reported; tokens and certificates take a few."""


def clock(bundle: Bundle) -> Iterator[Finding]:
    """The difference, then the synchronisation."""
    chrony = bundle.text("chrony")
    normal = re.search(r"Leap status\s*:\s*Normal", chrony) is not None
    skewed = False
    if bundle.received_at and bundle.text("clock"):
        off = bundle.now.timestamp() - bundle.received_at
        if abs(off) > _OFF:
            skewed = True
            doubt = "; the host says that it is synchronised, so this machine's clock may be the wrong one" if normal else ""
            yield found(
                bundle,
                "ClockSkew",
                "warning" if normal or abs(off) < 60 else "critical",
                f"its clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} this machine's{doubt}",
                [bundle.cite("clock", bundle.text("clock")), *([bundle.cite("chrony", chrony)] if chrony else [])],
                weights=(RELATION, HINT) if normal else (RELATION, EVENT),
                remedies=[
                    bundle.remedy("check its time sources", "chronyc sources -v"),
                    bundle.remedy("step the clock now", "chronyc makestep"),
                ],
                docs=("clock skew", "chrony"),
            )
    drift = re.search(r"System time\s*:\s*(\d+\.\d+) seconds (slow|fast) of NTP time", chrony)
    if drift and float(drift.group(1)) > 1 and not skewed:
        yield found(
            bundle,
            "ClockSkew",
            "warning",
            f"its clock is {float(drift.group(1)):.1f} s {drift.group(2)} of its time servers",
            [bundle.cite("chrony", drift.group(0))],
            weights=(STATE, EVENT),
            remedies=[bundle.remedy("step the clock now", "chronyc makestep")],
            docs=("clock skew", "chrony"),
        )
    yield from _unsynchronised(bundle, normal)


def _unsynchronised(bundle: Bundle, normal: bool) -> Iterator[Finding]:
    values = dict(line.partition("=")[::2] for line in bundle.lines("time"))
    chrony = bundle.replies.get("chrony")
    lost = re.search(r"Leap status\s*:\s*Not synchronised", bundle.text("chrony"))
    if normal or not (lost or values.get("NTPSynchronized") == "no"):
        return
    units = bundle.units
    running = [name for name in CLOCKS if name in units and units[name].active]
    if lost is not None:
        why = "chronyd runs but reaches none of its servers"
        evidence = [bundle.cite("chrony", lost.group(0))]
    elif running:
        why = f"{running[0]} is running but has not set the clock yet"
        evidence = [bundle.cite("time", "NTPSynchronized=no"), bundle.cite("services", units[running[0]].line)]
    else:
        why = "no time service is running"
        evidence = [bundle.cite("time", "NTPSynchronized=no")]
        evidence += [bundle.cite("services", units[name].line) for name in CLOCKS if name in units and units[name].loaded]
        if chrony is not None and chrony.code not in (0, 127, None):
            evidence.append(bundle.cite("chrony", chrony.text))
    yield found(
        bundle,
        "ClockUnsynchronised",
        "warning",
        f"its clock is not synchronised: {why}",
        evidence,
        weights=(STATE, HINT),
        remedies=[
            bundle.remedy("check its servers", "chronyc sources -v"),
            *([] if running else [bundle.remedy("start the time service", "systemctl enable --now chronyd")]),
        ],
        docs=("clock skew", "ntp chrony"),
    )
