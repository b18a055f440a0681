"""`check --contexts` and `check` of several recordings: the same check of each, and what differs."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.agent.json_documents import ChecksReport, ClusterCheck, SharedFault, document
from tui.cli.common import complain, painted, progress, say, say_json, settings_of
from tui.cli.exit_codes import FAILED, FINDINGS, INTERRUPTED, OK, UNREACHABLE, USAGE
from tui.style.text import count

if TYPE_CHECKING:
    from engine.agent.fleet_check import CheckScope, Target

_COLOURS = {"critical": "red", "warning": "amber", "info": "grey"}
_GLYPHS = {"critical": "✗", "warning": "!", "info": "·"}


def check_several(args: argparse.Namespace, what: CheckScope) -> int:
    """Check several clusters at once. 1 when any of them has a critical finding, 3 when not one could be reached."""
    from engine.agent.fleet_check import NoSuchContext, check_all
    from engine.cluster.source import ClusterError
    from engine.core.cancel import Cancelled, CancelToken
    from engine.core.redaction.redactor import Redactor

    settings = settings_of(args)
    token = CancelToken()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: token.cancel("interrupted"))
    try:
        targets = _targets(args, settings.cluster.kubeconfig)
    except NoSuchContext as error:
        complain(str(error))
        return USAGE
    except ClusterError as error:
        complain(str(error))
        return UNREACHABLE
    try:
        report = check_all(
            targets,
            what,
            kubeconfig=settings.cluster.kubeconfig,
            timeout=settings.cluster.request_timeout_seconds,
            redact=Redactor().text,
            cancel=token,
            on_cluster=lambda row: progress(f"{row.name}: {row.error or 'checked'}"),
        )
    except Cancelled:
        return INTERRUPTED
    for row in report.clusters:
        if row.error:
            complain(f"{row.name}: {row.error}")
    if args.output == "json":
        say_json(document(report))
    else:
        _print(report)
    if all(row.error for row in report.clusters):
        return FAILED if any(row.reached for row in report.clusters) else UNREACHABLE
    return FINDINGS if any(f.severity == "critical" for row in report.clusters for f in row.findings) else OK


def _targets(args: argparse.Namespace, kubeconfig: str) -> list[Target]:
    from engine.agent.fleet_check import recordings, select_contexts
    from engine.cluster.live.kubeconfig import contexts
    from engine.session.connection import Opening

    patterns = [part.strip() for part in args.contexts.split(",") if part.strip()]
    found = select_contexts(patterns, contexts(Path(kubeconfig).expanduser() if kubeconfig else None)) if patterns else []
    openings = [Opening(snapshot=path) for path in dict.fromkeys(args.snapshots)]
    return found + recordings([*openings, *([Opening(demo=True)] if args.demo else [])])


def _print(report: ChecksReport) -> None:
    width = max(len(row.name) for row in report.clusters)
    for row in report.clusters:
        say(f"{painted(row.name.ljust(width), 'bold')}  {row.version or '–':10}  {row.namespace or 'all namespaces'}  {_sum(row)}")
        for error in row.errors:
            say(painted(f"{' ' * width}  ? {error}", "amber"))
    checked = [row for row in report.clusters if not row.error]
    versions: dict[str, list[str]] = {}
    for row in checked:
        versions.setdefault(row.version, []).append(row.name)
    if len(versions) > 1:
        told = "; ".join(f"{version or 'unknown'}: {', '.join(names)}" for version, names in versions.items())
        say(painted(f"versions differ: {told}", "amber"))
    if len(checked) < 2:
        say("only one cluster could be checked, so there is nothing to compare" if checked else "no cluster could be checked")
        for finding in checked[0].findings if checked else ():
            if finding.severity != "info":
                say(f"  {painted(_GLYPHS[finding.severity], _COLOURS[finding.severity])} {finding.summary}")
        return
    explained = {(row.name, f.id) for row in checked for f in row.findings if {f.id for f in row.findings} & set(f.causes)}

    def roots(faults: Sequence[SharedFault]) -> list[SharedFault]:
        return [f for f in faults if not all((name, id) in explained for name, ids in f.ids.items() for id in ids)]

    _faults("everywhere", roots(report.everywhere))
    for names, unknown in dict.fromkeys((fault.clusters, fault.unknown) for fault in report.differences):
        rest = f" (not known of {', '.join(unknown)})" if unknown else ""
        alike = [fault for fault in report.differences if (fault.clusters, fault.unknown) == (names, unknown)]
        _faults(f"{'only ' if not unknown else ''}in {', '.join(names)}{rest}", roots(alike))
    if not report.everywhere and not report.differences:
        say("no findings in any of them")


def _sum(row: ClusterCheck) -> str:
    if row.error:
        return painted(f"not checked: {row.error}", "red")
    found = {level: sum(f.severity == level for f in row.findings) for level in _GLYPHS}
    words = f"{found['critical']} critical, {found['warning']} warning, {found['info']} info"
    return painted(words, "red" if found["critical"] else "grey") + f"  {count(sum(row.scanned.values()), 'object')}"


def _faults(title: str, faults: Sequence[SharedFault]) -> None:
    shown = [fault for fault in faults if fault.severity != "info"]
    if not shown:
        return
    say("")
    say(painted(title, "bold"))
    for fault in shown:
        where = f"{fault.object.namespace}/" if fault.object.namespace else ""
        colour = _COLOURS[fault.severity]
        say(f"  {painted(_GLYPHS[fault.severity], colour)} {where}{fault.object}  {painted(fault.code, colour)}")
        say(f"      {fault.summary}")
