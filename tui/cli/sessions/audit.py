"""`audit verify`: whether the record of commands is whole."""

from __future__ import annotations

import argparse

from engine.agent.json_documents import AuditReport, AuditRow, document
from engine.commands.records.audit import verify as verify_chains
from engine.core.paths import state_folder
from tui.cli.common import painted, say, say_json
from tui.cli.exit_codes import FINDINGS, OK


def verify(args: argparse.Namespace) -> int:
    """One line a session; exit 1 when a chain is broken."""
    reports = verify_chains(state_folder() / "audit")
    if args.output == "json":
        say_json(document(AuditReport(tuple(AuditRow(r.id, r.ok, r.detail) for r in reports))))
    else:
        for report in reports:
            say(f"{painted('✓', 'green') if report.ok else painted('✗', 'red')} {report.id}  {report.detail}")
        if not reports:
            say("nothing was run yet")
    return OK if all(report.ok for report in reports) else FINDINGS
