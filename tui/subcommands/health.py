"""`health`: what works, and how to mend what does not."""

from __future__ import annotations

import argparse

from engine.contract import HealthReport, HealthRow, document
from tui.cli import FINDINGS, OK, UNREACHABLE
from tui.subcommands.common import agent_of, painted, say, say_json


def health(args: argparse.Namespace) -> int:
    """One line a check; exit 1 when a needed one fails, 3 when it is the cluster."""
    with agent_of(args, save=False) as agent:
        checks = agent.health()
    if args.output == "json":
        say_json(document(HealthReport(tuple(HealthRow(c.name, c.ok, c.detail, c.fix) for c in checks))))
    else:
        for check in checks:
            glyph = painted("✓", "green") if check.ok else painted("✗", "red" if check.needed else "amber")
            say(f"{glyph} {check.name:12} {check.detail}")
            if check.fix and not check.ok:
                say(f"               {painted('→ ' + check.fix, 'blue')}")
    bad = [check for check in checks if check.needed and not check.ok]
    if any(check.name == "cluster" for check in bad):
        return UNREACHABLE
    return FINDINGS if bad else OK
