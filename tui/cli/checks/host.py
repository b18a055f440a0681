"""`host check`: this machine, named hosts, or the nodes of the cluster."""

from __future__ import annotations

import argparse
import dataclasses

from engine.agent.json_documents import check_report
from engine.core.events import AnswerFinished, FindingsFound, RunFailed, RunFinished, StepFinished, StepStarted
from tui.cli.checks.check import print_findings
from tui.cli.common import agent_with, complain, progress, say_json, settings_of
from tui.cli.exit_codes import FAILED, FINDINGS, INTERRUPTED, OK, REFUSED, UNREACHABLE, USAGE


def check(args: argparse.Namespace) -> int:
    """Findings of hosts; exit 1 when one is critical or a warning, 3 when a host was not reached, 4 when one may not be connected to."""
    if args.nodes and args.hosts:
        complain("give hosts by name or --nodes, not both")
        return USAGE
    found: FindingsFound | None = None
    said = ""
    titles: dict[str, str] = {}
    args.no_llm = True  # findings of hosts are not worded by a model
    with agent_with(settings_of(args), args, save=False, start=bool(args.hosts or args.nodes)) as agent:
        run = agent.check_host(*args.hosts, nodes=args.nodes)
        try:
            for event in run.events():
                match event:
                    case StepStarted():
                        titles[event.id] = event.title
                        progress(event.title)
                    case StepFinished():
                        progress(f"{titles.get(event.id, '')}: {event.outcome}, {event.detail} ({event.seconds:.1f} s)")
                    case FindingsFound():
                        found = event
                    case AnswerFinished():
                        said = event.answer.text
                    case RunFailed():
                        complain(event.error)
                        return UNREACHABLE if event.what == "cluster" else FAILED
                    case RunFinished() if event.outcome == "refused":
                        complain(said)
                        return REFUSED
        except KeyboardInterrupt:
            run.cancel("interrupted")
            run.wait(2.0)
            return INTERRUPTED
    if found is None:
        return FAILED
    if args.output == "json":
        say_json(check_report(found.findings, scanned=found.scanned, errors=found.errors))
    else:
        blind = tuple(finding.summary for finding in found.findings if finding.code == "CannotSee")
        hosts = f"{len(found.scanned)} hosts" if len(found.scanned) > 3 else ", ".join(found.scanned)
        print_findings(found.findings, dataclasses.replace(found, errors=(*found.errors, *blind)), f"checks of {hosts} answered")
    if any(finding.code == "HostUnreachable" for finding in found.findings):
        return UNREACHABLE
    return FINDINGS if any(finding.severity != "info" for finding in found.findings) else OK
