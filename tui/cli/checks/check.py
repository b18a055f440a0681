"""`check` and `logs`: the analyzers alone, no model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.agent.json_documents import check_report
from engine.core.events import FindingsFound, RunFailed
from engine.core.types import Finding
from tui.cli.common import agent_of, complain, painted, say, say_json
from tui.cli.exit_codes import FAILED, FINDINGS, OK, UNREACHABLE, USAGE


def check(args: argparse.Namespace) -> int:
    """Findings of the whole cluster, one namespace or one object, most important first; exit 1 when something is critical."""
    from engine.agent.fleet_check import CheckScope
    from engine.analyzers.registry import SPECIALITIES, load
    from engine.cluster.kinds import KINDS, RESOURCE_OF_KIND

    only = tuple(part.strip() for part in args.only.split(",") if part.strip())
    kind, _, name = args.object.partition("/")
    word = KINDS.get(kind.lower())
    if args.object and (not name or word is None or word.kind not in RESOURCE_OF_KIND):
        complain(f"{args.object!r} is not KIND/NAME, as in deploy/checkout-api")
        return USAGE
    strange = [part for part in only if part not in SPECIALITIES and part not in {a.name for a in load()}]
    if strange:
        complain(f"--only takes {', '.join(SPECIALITIES)} or an analyzer's name, not {', '.join(strange)}")
        return USAGE
    if args.contexts or len(args.snapshots) > 1:
        from tui.cli.checks.check_many import check_several

        return check_several(
            args, CheckScope("" if args.all_namespaces else args.namespace, only, (word.kind, name) if word and name else None)
        )
    found: FindingsFound | None = None
    with agent_of(args, save=False) as agent:
        run = agent.check(namespace="" if args.all_namespaces else None, only=only, about=(word.kind, name) if word and name else None)
        try:
            for event in run.events():
                if isinstance(event, FindingsFound):
                    found = event
                elif isinstance(event, RunFailed):
                    complain(event.error)
                    return UNREACHABLE if event.what == "cluster" else FAILED
        except KeyboardInterrupt:
            run.cancel("interrupted")
            raise
        status = agent.status
    if found is None:
        return FAILED
    findings = found.findings
    if args.output == "json":
        cluster = {
            "context": status.context,
            "version": status.cluster_version,
            "namespace": "" if args.all_namespaces else status.namespace,
        }
        say_json(check_report(findings, cluster=cluster, scanned=found.scanned, errors=found.errors))
    else:
        print_findings(findings, found)
    return FINDINGS if any(f.severity == "critical" for f in findings) else OK


def logs(args: argparse.Namespace) -> int:
    """What a log text says is wrong; exit 1 when something is."""
    from engine.analyzers.logs.reader import analyze_text
    from engine.core.redaction.redactor import Redactor

    try:
        data = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    except OSError as error:
        complain(f"{args.file}: {error.strerror}")
        return USAGE
    findings = analyze_text(Redactor().text(data.decode("utf-8", "replace")))
    if args.output == "json":
        say_json(check_report(findings))
    else:
        for finding in findings:
            _print_one(finding)
        if not findings:
            say("no failures found in this log")
    return FINDINGS if findings else OK


def print_findings(findings: Sequence[Finding], found: FindingsFound, what: str = "objects looked at") -> None:
    """Findings for a person: root causes with their symptoms, what could not be seen, and the count; `what` names what was counted."""
    from engine.analyzers.diagnosis.about import grouped

    for finding, symptoms in grouped(findings):
        if finding.severity == "info" and all(s.severity == "info" for s in symptoms):
            continue
        _print_one(finding)
        for symptom in symptoms:
            if symptom.severity != "info":
                say(painted(f"    ↳ {_place(symptom)}  {symptom.code}: {symptom.summary[:160]}", "grey"))
    hints = sum(f.severity == "info" for f in findings)
    count = sum(found.scanned.values())
    for error in found.errors:
        say(painted(f"? {error}", "amber"))
    broken = sum(f.severity == "critical" for f in findings)
    warned = sum(f.severity == "warning" for f in findings)
    words = f"{broken} critical, {warned} warning, {hints} info" if findings else "No problems found."
    say(painted(f"{words}; {count} {what}", "grey"))


def _place(finding: Finding) -> str:
    where = f"{finding.object.namespace}/" if finding.object.namespace else ""
    return f"{where}{finding.object}"


def _print_one(finding: Finding) -> None:
    colour = {"critical": "red", "warning": "amber", "info": "grey"}[finding.severity]
    glyph = {"critical": "✗", "warning": "!", "info": "·"}[finding.severity]
    say(f"{painted(glyph, colour)} {painted(_place(finding), 'bold')}  {painted(finding.code, colour)}")
    say(f"    {finding.summary}")
    for item in finding.evidence[:2]:
        say(painted(f"    {item.source}: {' '.join(item.excerpt.split())[:160]}", "grey"))
    for remedy in finding.remedies[:2]:
        say(f"    → {remedy.text}")
        if remedy.command:
            say(painted(f"      {remedy.command}", "blue"))
