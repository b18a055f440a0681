"""The troubleshooting tier: analyze, retrieve, test the hypotheses with read commands, hear what the person says, diagnose."""

from __future__ import annotations

import dataclasses
import time

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.fault_kinds import WORKLOADS
from engine.analyzers.diagnosis.rank import Diagnosis, diagnose
from engine.cluster.source import ClusterError
from engine.core.events import AnswerFinished, FindingsFound, Notice
from engine.core.run import FlowError
from engine.core.types import Answer, Choice, Finding, ObjectRef, RootCause, Steering
from engine.flows.answering.compose import troubleshooting_answer, with_class
from engine.flows.answering.retrieval import Knowledge, recall, retrieve
from engine.flows.answering.wording import word_diagnosis
from engine.flows.disambiguation import which
from engine.flows.host_from_node import with_hosts
from engine.flows.investigation.hypothesis_board import Investigation
from engine.flows.investigation.hypothesis_tests import HypothesisTests
from engine.flows.investigation.sources import from_analyzers, from_model, from_runbooks
from engine.flows.investigation.steering import carry_out
from engine.flows.partial_names import which_alike
from engine.flows.tools import Emit, Tools, step
from engine.language.questions.question import Question
from engine.language.questions.reader import no_namespace
from engine.session.cases import Case


@dataclasses.dataclass(frozen=True, slots=True)
class _Seen:
    """What reading the cluster gave, and the tools for the place that was looked at in the end."""

    view: ClusterView
    diagnosis: Diagnosis
    tools: Tools


def troubleshooting(query: str, tools: Tools, emit: Emit, said: tuple[Steering, ...] = ()) -> str:
    """Find the root cause of what the query tells of; the outcome is `answered`.

    With `tools.case` an earlier investigation is gone on with, and `said` is what the person says into it.
    """
    started = time.monotonic()
    if tools.attachment.strip():
        from engine.flows.tiers.pasted_log import log_diagnosis

        return log_diagnosis(query, tools, emit)
    case = tools.case or Case(query, "", "")
    seen = _analyze(query, tools, emit)
    diagnosis, tools = seen.diagnosis, seen.tools
    investigation = Investigation(emit, tools.redact, case.evidence, case.hypotheses)
    inquiry = HypothesisTests(investigation, seen.view, tools, emit, case.commands)
    parts = [part for root in diagnosis.root_causes[:2] for part in root.findings] or list(diagnosis.findings[:2])
    cause = diagnosis.root_causes[0].finding if diagnosis.root_causes else None
    known = retrieve(query, parts, cause, tools, emit)
    recall(query, cause, tools, emit)
    from_analyzers(diagnosis, seen.view, inquiry)
    if tools.case is None:
        from_runbooks(known.passages, diagnosis, inquiry, tools)
        from_model(query, diagnosis, inquiry, tools, emit)
    steering = list(said)
    while True:
        for one in [*steering, *tools.steering()]:
            carry_out(one, diagnosis, inquiry, tools, emit)
        inquiry.run(hear=lambda one: carry_out(one, diagnosis, inquiry, tools, emit))
        answer = word_diagnosis(query, _frame(diagnosis, known, inquiry, tools, started), tools, emit)
        steering = tools.last_steering()
        if not steering:
            break
    tools.remember([*_subjects(diagnosis), *(cause.object for cause in answer.root_causes[:1])])
    emit(AnswerFinished(answer=answer))
    return "answered"


def _analyze(query: str, tools: Tools, emit: Emit) -> _Seen:
    with step(tools, emit, "read the cluster and analyze", "cluster") as note:
        try:
            tools = _in_a_known_namespace(query, tools, emit)
            seen = _diagnose(query, tools, tools.place.namespace)
            seen = _look_elsewhere(query, emit, seen)
            seen = _among_namesakes(query, emit, seen)
            seen = _among_the_alike(query, emit, seen)
        except ClusterError as error:
            raise FlowError("cluster", str(error)) from error
        note.detail = f"{sum(seen.diagnosis.scanned.values())} objects, {_count(seen.diagnosis)}"
    diagnosis = with_hosts(seen.diagnosis, seen.tools, emit)
    emit(FindingsFound(findings=diagnosis.findings, scanned=diagnosis.scanned, errors=diagnosis.unknown))
    return dataclasses.replace(seen, diagnosis=diagnosis)


def _in_a_known_namespace(query: str, tools: Tools, emit: Emit) -> Tools:
    """A namespace that the question names and that is not there is told; of similar ones the person may choose."""
    missing = no_namespace(Question(query, tools.source, tools.place.namespace, tools.token))
    if missing is None:
        return tools
    said = missing.missing.partition(" Did you mean")[0]
    picked = tools.choose(f"{said} Which is meant?", [Choice(name, name) for name in missing.near]) if missing.near else ""
    if not picked:
        emit(Notice(level="warning", text=f"{missing.missing} Looking at {tools.place.namespace or 'all namespaces'}."))
        return tools
    place = dataclasses.replace(tools.place, namespace=picked)
    return dataclasses.replace(tools, place=place, desk=tools.desk.at(place))


def _diagnose(query: str, tools: Tools, namespace: str) -> _Seen:
    tools.token.check()
    view = ClusterView.of(tools.source, namespace or None, cancel=tools.token)
    return _Seen(view, diagnose(view, query, pod=tools.pod), tools)


def _look_elsewhere(query: str, emit: Emit, here: _Seen) -> _Seen:
    """A name that is not in the current namespace is looked for in all of them: one hit is taken and said, several are asked about."""
    from engine.language.names import resolve

    tools = here.tools
    if not tools.place.namespace or any(ref.kind != "Namespace" for ref in here.diagnosis.focus):
        return here
    found = resolve(tools.source, " ".join([query, tools.pod]), tools.place.namespace, cancel=tools.token)
    exact = any(ref.name == found.word for ref in found.found)
    if not found.elsewhere or (here.diagnosis.root_causes and not exact):
        return here
    places = list(dict.fromkeys(ref.namespace for ref in found.found))
    if len(places) == 1:
        emit(Notice(level="info", text=f"{found.found[0]} is not in {tools.place.namespace}; looking in {places[0]}."))
        return _diagnose(query, tools, places[0])
    everywhere = ClusterView.of(tools.source, None, cancel=tools.token)
    ref, tools = which(found.word, found.found, everywhere, tools, emit)
    return _diagnose(query, tools, ref.namespace) if ref is not None else dataclasses.replace(here, tools=tools)


def _among_namesakes(query: str, emit: Emit, seen: _Seen) -> _Seen:
    """Over all namespaces, a workload's name that several of them have: which one is meant decides where the cause is looked for."""
    if seen.view.namespace is not None:
        return seen
    named = [ref for ref in seen.diagnosis.focus if ref.kind in WORKLOADS and not _is_owned(ref, seen.view)]
    alike = [ref for ref in named if named and ref.name == named[0].name and ref.kind == named[0].kind]
    if len(alike) < 2 or len(alike) != len(named):
        return seen
    ref, tools = which(alike[0].name, alike, seen.view, seen.tools, emit)
    if ref is None:
        return dataclasses.replace(seen, tools=tools)
    return _diagnose(query, tools, ref.namespace)


def _among_the_alike(query: str, emit: Emit, seen: _Seen) -> _Seen:
    """A part of a name that several workloads have, some of them in trouble: the one that is meant is what the cause is looked for of."""
    if seen.tools.pod:
        return seen
    ref, tools = which_alike(query, seen.view, seen.tools, emit)
    if ref is None:
        return dataclasses.replace(seen, tools=tools)
    if ref.namespace != (seen.view.namespace or ""):
        seen = _diagnose(query, dataclasses.replace(tools, pod=ref.name), ref.namespace)
        return dataclasses.replace(seen, tools=tools)
    return _Seen(seen.view, diagnose(seen.view, query, pod=ref.name), tools)


def _is_owned(ref: ObjectRef, view: ClusterView) -> bool:
    obj = view.find_ref(ref)
    return obj is not None and obj.controller is not None


def _frame(diagnosis: Diagnosis, known: Knowledge, inquiry: HypothesisTests, tools: Tools, started: float) -> Answer:
    """The whole answer as code composes it from where the investigation stands."""
    investigation = inquiry.investigation
    causes, first = _root_causes(diagnosis, inquiry)
    fix = with_class(first.remedies[:4] if first is not None else (), lambda command: tools.desk.judge(command).risk)
    return troubleshooting_answer(
        causes=causes,
        hypotheses=investigation.ranked,
        evidence=investigation.evidence,
        fix=fix,
        passages=known.passages if causes else (),
        commands=tuple(inquiry.records),
        healthy=_healthy(diagnosis, investigation),
        unknown=diagnosis.unknown,
        quote=known.quote if first is not None and diagnosis.root_causes and first is diagnosis.root_causes[0].finding else (),
        notes=_notes(inquiry, tools),
        metrics={
            "seconds": round(time.monotonic() - started, 3),
            "objects": sum(diagnosis.scanned.values()),
            "findings": len(diagnosis.findings),
            "commands": len(inquiry.records),
        },
    )


def _root_causes(diagnosis: Diagnosis, inquiry: HypothesisTests) -> tuple[tuple[RootCause, ...], Finding | None]:
    """The causes that are not refuted, and the finding behind the first (None where a person or a model named it).

    The analyzers' order stands, since it weighs what was asked about. A hypothesis of another origin joins once evidence supports it:
    before them where a person pinned it, else behind them.
    """
    investigation = inquiry.investigation
    causes: list[RootCause] = []
    findings: list[Finding | None] = []
    for root in diagnosis.root_causes:
        hypothesis = investigation.find(root.finding.summary, root.finding.object)
        if hypothesis is not None and hypothesis.status == "refuted":
            continue
        confidence = hypothesis.confidence if hypothesis is not None else root.finding.confidence
        ids = investigation.add_all(root.evidence[:6])
        causes.append(
            RootCause(root.finding.summary, root.finding.object, round(confidence, 2), ids, chain=root.chain, code=root.finding.code)
        )
        findings.append(root.finding)
    told = {(root.finding.summary, root.finding.object) for root in diagnosis.root_causes}
    for hypothesis in investigation.ranked:
        if hypothesis.status != "supported" or not hypothesis.evidence_for or (hypothesis.statement, hypothesis.object) in told:
            continue
        if hypothesis.origin == "analyzer" and causes:
            continue
        about = hypothesis.object or ObjectRef("Cluster")
        cause = RootCause(hypothesis.statement, about, round(hypothesis.confidence, 2), hypothesis.evidence_for)
        at = 0 if hypothesis.pinned else len(causes)
        causes.insert(at, cause)
        findings.insert(at, None)
    return tuple(causes), findings[0] if findings else None


def _notes(inquiry: HypothesisTests, tools: Tools) -> list[str]:
    """What a person should know of how far the investigation came."""
    known = inquiry.investigation.hypotheses
    notes = [f"{id} could not be tested: {why}" for id, why in inquiry.untestable.items() if id in known]
    if inquiry.out_of_time:
        seconds = tools.settings.budget.troubleshooting_seconds
        notes.append(
            f"Time is up ({seconds:.0f} s, [budget] troubleshooting_seconds): this is the best answer so far, not everything was tested."
        )
    return notes


def _subjects(diagnosis: Diagnosis) -> list[ObjectRef]:
    """What the question was about: the workloads it names, else where the first cause shows."""
    named = [ref for ref in diagnosis.focus if ref.kind in (*WORKLOADS, "Pod", "Service", "Node")]
    if not named and diagnosis.root_causes:
        first = diagnosis.root_causes[0]
        named = [first.symptom.owner or first.symptom.object]
    return named[:3]


def _healthy(diagnosis: Diagnosis, investigation: Investigation) -> str:
    if diagnosis.root_causes:
        refuted = [h.id for h in investigation.hypotheses.values() if h.status == "refuted" and h.evidence_against]
        return f"No root cause is left: {', '.join(refuted)} are refuted. Add a hypothesis or evidence of your own to go on."
    if diagnosis.healthy:
        return f"Healthy: nothing is wrong, no problem was found. Looked at {diagnosis.looked_at}."
    return f"No root cause and no problem was found, but not everything could be seen. Looked at {diagnosis.looked_at}."


def _count(diagnosis: Diagnosis) -> str:
    bad = [finding for finding in diagnosis.findings if finding.severity != "info"]
    return f"{len(bad)} finding{'' if len(bad) == 1 else 's'}"
