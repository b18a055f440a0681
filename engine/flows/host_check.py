"""`/host` and `host check`: which hosts are meant, one bundle of each as steps of the timeline, and an answer for all of them."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError
from engine.commands.execution.runner import CommandResult
from engine.commands.parsing.lexer import Part, Script, Stage
from engine.commands.records.audit import AuditError
from engine.commands.records.records import Approved, Records
from engine.core.cancel import CancelToken
from engine.core.config import HostSettings
from engine.core.events import AnswerFinished, FindingsFound, Notice, QueryClassified, QueryReceived, StepFinished, StepStarted
from engine.core.redaction.redactor import Redactor
from engine.core.run import FlowError, Run
from engine.core.target import Place
from engine.core.types import Answer, Evidence, Finding, Remedy, RootCause, Verdict
from engine.flows.answering.compose import with_class
from engine.flows.investigation.hypothesis_board import Investigation
from engine.flows.session_port import SessionServices
from engine.flows.tools import Emit
from engine.hosts.check import HostReport, check_host
from engine.hosts.collect import Collector
from engine.hosts.probes import probes
from engine.hosts.ssh import ssh_argv
from engine.hosts.targets import Host, HostRefused, allowed, check_target, node_hosts

_LOCAL = ("localhost", "127.0.0.1", "::1")
_MOST = 6


def check_hosts(agent: SessionServices, run: Run, place: Place, names: Sequence[str], *, nodes: bool = False) -> str:
    """Look at hosts (no name: this machine; `nodes`: those of the cluster) and answer; the outcome is `answered` or `refused`."""
    started = time.monotonic()
    words = " ".join(["/host", *names, *(["nodes"] if nodes else [])])
    run.emit(QueryReceived(query=words, context=place.context, namespace=place.namespace, mode=place.mode))
    run.emit(QueryClassified(tier="troubleshooting", reason="looks at hosts"))
    try:
        hosts = _meant(agent, run, names, nodes)
    except HostRefused as refused:
        run.emit(AnswerFinished(answer=Answer(tier="troubleshooting", text=str(refused))))
        return "refused"
    reports = look(hosts, agent.settings.hosts, agent.redactor, run.token, run.emit, AuditOfHosts(agent.records, place))
    findings = tuple(finding for report in reports for finding in report.findings)
    unseen = tuple(sentence for report in reports for sentence in report.unseen)
    run.emit(FindingsFound(findings=findings, scanned={report.host: report.seen for report in reports}, errors=unseen))
    for sentence in (*unseen, *(finding.summary for finding in findings if finding.code == "CannotSee")):
        run.emit(Notice(level="info", text=sentence))
    run.emit(AnswerFinished(answer=_answer(reports, Investigation(run.emit, agent.redactor.text), time.monotonic() - started)))
    return "answered"


def _meant(agent: SessionServices, run: Run, names: Sequence[str], nodes: bool) -> tuple[Host, ...]:
    settings = agent.settings.hosts
    here = platform.node() or "localhost"
    own = {here, here.partition(".")[0], *_LOCAL}
    local = [Host(here)] if any(name in own for name in names) or (not names and not nodes) else []
    away = [name for name in names if name not in own]
    found: dict[str, Host] = {}
    if away or nodes:
        # What the settings or the names themselves forbid is refused before the cluster is asked for anything.
        allowed([], settings, ())
        for name in away:
            check_target(name)
        known = [] if not nodes and all(_configured(name, settings) for name in away) else _nodes(agent, run)
        found = node_hosts(known, settings) if nodes else {}
        found |= {host.name: host for host in allowed(away, settings, known)}
    return (*local, *found.values())


def _configured(name: str, settings: HostSettings) -> bool:
    return name in settings.names or name.rpartition("@")[2] in settings.names


def _nodes(agent: SessionServices, run: Run) -> list[Obj]:
    """The nodes of the open cluster; a recording's are never connected to, since whoever made it chose their names."""
    try:
        connection = agent.connection(run)
        if connection.recorded:
            raise HostRefused("The open cluster is a recording, so its nodes are not connected to; name hosts in [hosts] names.")
        return [Obj(raw) for raw in connection.source.list("nodes", cancel=run.token)]
    except ClusterError as error:
        raise FlowError("cluster", f"the nodes could not be listed: {error}") from error


@dataclass(frozen=True, slots=True)
class AuditOfHosts:
    """Where the audit's lines on hosts go: one before a host is read (its ssh, or this machine's probes), one after."""

    records: Records
    place: Place

    def before(self, host: Host, settings: HostSettings, emit: Emit) -> int:
        """The number of the line; what cannot be written is told, since reading goes on all the same."""
        argvs = [ssh_argv(host.target, settings)] if host.target else [probe.argv for probe in probes()]
        script = Script(tuple(Part((Stage(argv),)) for argv in argvs))
        verdict = Verdict("read", "hosts.probes", "Every row of the fixed table only reads.")
        try:
            return self.records.before(script, verdict, f"host check {host.name}", self.place, Approved("settings", "hosts"))
        except AuditError as error:
            emit(Notice(level="warning", text=str(error)))
            return 0

    def after(self, number: int, report: HostReport, problem: str) -> None:
        """How it ended; a line that cannot be written here is missed by `audit verify`."""
        self.records.after(number, CommandResult(0 if report.reached else None, "", "", report.seconds, error=problem), 0)


def look(
    hosts: Sequence[Host],
    settings: HostSettings,
    redactor: Redactor,
    token: CancelToken,
    emit: Emit,
    audit: AuditOfHosts,
    ids: Iterator[int] | None = None,
) -> list[HostReport]:
    """A report of every host, in the order given, each a step of the timeline; raises Cancelled."""
    steps: dict[str, str] = {}
    lines = {host.name: audit.before(host, settings, emit) for host in hosts}
    for number, host in enumerate(hosts, 1):
        steps[host.name] = f"S{next(ids) if ids is not None else number}"
        way = f" over ssh ({host.target})" if host.target not in ("", host.name) else " over ssh" if host.target else ""
        emit(StepStarted(id=steps[host.name], title=f"look at {'host' if host.target else 'this machine,'} {host.name}{way}", kind="host"))
    started = time.monotonic()
    reports: dict[str, HostReport] = {}
    try:
        for bundle in Collector(settings, redactor, token).collect(hosts):
            report = reports[bundle.host] = check_host(bundle)
            audit.after(lines[report.host], report, bundle.problem)
            id, detail = steps.pop(report.host), _detail(report, bundle.problem)
            emit(StepFinished(id=id, seconds=report.seconds, outcome="done" if report.reached else "failed", detail=detail))
    finally:
        for id in steps.values():
            emit(StepFinished(id=id, seconds=time.monotonic() - started, outcome="cancelled" if token.cancelled else "failed"))
    return [reports[host.name] for host in hosts]


def _detail(report: HostReport, problem: str) -> str:
    if problem:
        return problem
    bad = sum(finding.severity != "info" for finding in report.findings)
    return f"{report.seen} of {report.asked} checks, {bad} finding{'' if bad == 1 else 's'}"


def _answer(reports: Sequence[HostReport], investigation: Investigation, seconds: float) -> Answer:
    """First what is wrong where, then host by host: findings with evidence and the way to fix them, and what was not seen."""
    worst = [_worst(report) for report in reports]
    lines = [_headline(reports, worst)]
    causes: list[RootCause] = []
    fix: list[Remedy] = []
    for report, bad in zip(reports, worst, strict=True):
        lines += ["", f"{report.host}: {report.seen} of {report.asked} checks in {report.seconds:.1f} s"] if report.reached else [""]
        known = {finding.id: finding for finding in report.findings}
        for finding in bad[:_MOST]:
            ids = investigation.add_all(finding.evidence[:3])
            cited = "".join(f" [{id}]" for id in ids)
            because = next((known[id] for id in finding.causes if id in known), None)
            lines.append(f"  - {finding.summary}{cited}" + (f" — because of {because.code}" if because is not None else ""))
            if because is None:
                causes.append(RootCause(finding.summary, finding.object, finding.confidence, ids, _chain(finding, bad), finding.code))
                fix += finding.remedies[:2]
        if len(bad) > _MOST:
            lines.append(f"  - and {len(bad) - _MOST} more; k8sagent host check lists all")
        lines += [f"  - note: {finding.summary}" for finding in report.findings if finding.severity == "info"]
    remedies = with_class(fix[:8], lambda command: "read")
    if remedies:
        lines += ["", "What to do (commands are for a person on the host; none is run from here):"]
        lines += [f"  {number}. {remedy.text}" for number, remedy in enumerate(remedies, 1)]
    evidence: tuple[Evidence, ...] = tuple(investigation.evidence)
    metrics: dict[str, float | int | str] = {
        "seconds": round(seconds, 3),
        "hosts": len(reports),
        "findings": sum(len(bad) for bad in worst),
    }
    return Answer(
        tier="troubleshooting", text="\n".join(lines), root_causes=tuple(causes[:8]), evidence=evidence, fix=remedies, metrics=metrics
    )


def _worst(report: HostReport) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity != "info"]


def _headline(reports: Sequence[HostReport], worst: Sequence[Sequence[Finding]]) -> str:
    first = next((bad[0] for bad in sorted(worst, key=lambda bad: not (bad and bad[0].severity == "critical")) if bad), None)
    if first is None:
        where = reports[0].host if len(reports) == 1 else f"{len(reports)} hosts"
        return f"Nothing is wrong with {where} in what could be seen."
    if len(reports) == 1:
        return f"Root cause: {first.summary}"
    away = sum(not report.reached for report in reports)
    bad = sum(bool(found) for found, report in zip(worst, reports, strict=True) if report.reached)
    told = f"{bad} of {len(reports)} hosts have findings" + (f", {away} could not be reached" if away else "")
    return f"{told}. The gravest: {first.summary}"


def _chain(cause: Finding, findings: Sequence[Finding]) -> tuple[str, ...]:
    """From a cause to what it explains on its host, one step after another."""
    chain = [cause]
    while len(chain) < 6:
        effect = next((f for f in findings if chain[-1].id in f.causes and f not in chain), None)
        if effect is None:
            break
        chain.append(effect)
    return tuple(finding.summary for finding in chain) if len(chain) > 1 else ()
