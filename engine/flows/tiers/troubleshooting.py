"""The troubleshooting tier: analyze, retrieve, test the hypotheses with read commands, hear what the person says, diagnose."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.fault_kinds import WORKLOADS
from engine.analyzers.diagnosis.rank import Diagnosis, diagnose
from engine.cluster.source import ClusterError
from engine.core.events import AnswerFinished, FindingsFound, Notice
from engine.core.run import FlowError
from engine.core.types import Answer, Choice, Finding, ObjectRef, RootCause, Steering
from engine.flows.answering.compose import troubleshooting_answer, with_class
from engine.flows.answering.relevance import NOTHING_PASTED, Scope, gated, nothing_pasted, ranked_answer, without_cause
from engine.flows.answering.retrieval import Knowledge, recall, retrieve
from engine.flows.answering.wording import word_diagnosis
from engine.flows.disambiguation import NoneMeant, which
from engine.flows.host_from_node import with_hosts
from engine.flows.investigation.hypothesis_board import Investigation
from engine.flows.investigation.hypothesis_tests import HypothesisTests
from engine.flows.investigation.sources import from_analyzers, from_model, from_runbooks
from engine.flows.investigation.steering import carry_out
from engine.flows.partial_names import chosen_before, which_alike
from engine.flows.tools import Emit, Tools, step
from engine.language.answers.interface import Scene
from engine.language.answers.registry import answer as answer_of
from engine.language.request import Linked, Request
from engine.language.understand import with_objects
from engine.session.cases import Case

NOT_SURE = 0.6
"""A first cause below this is given as a supposition, with what would decide."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Seen:
    """What reading the cluster gave, and the request and tools as they were once it was clear what is meant."""

    request: Request
    view: ClusterView
    diagnosis: Diagnosis
    tools: Tools
    scope: Scope


def troubleshooting(request: Request, tools: Tools, emit: Emit, said: tuple[Steering, ...] = ()) -> str:
    """Find the root cause of what the request tells of; the outcome is `answered`.

    With `tools.case` an earlier investigation is gone on with, and `said` is what the person says into it.
    """
    started = time.monotonic()
    query = request.spelt_out
    if tools.attachment.strip():
        from engine.flows.tiers.pasted_log import log_diagnosis

        return log_diagnosis(query or "what is wrong in this?", tools, emit)
    if nothing_pasted(request):
        emit(AnswerFinished(answer=Answer(tier="troubleshooting", text=NOTHING_PASTED)))
        return "nothing_to_do"
    if request.wants == "status" and not request.unknown and tools.case is None:
        reply = answer_of(request, Scene(tools.source, tools.place.namespace, tools.token))
        if reply is not None:
            tools.remember(reply.objects)
            emit(AnswerFinished(answer=Answer(tier="troubleshooting", text=reply.answer, evidence=reply.evidence, fix=reply.fix)))
            return "answered"
    case = tools.case or Case(query, "", "")
    try:
        seen = _analyze(request, tools, emit)
    except NoneMeant as none:
        emit(AnswerFinished(answer=Answer(tier="troubleshooting", text=str(none))))
        return "nothing_to_do"
    request, diagnosis, tools = seen.request, seen.diagnosis, seen.tools
    if seen.scope.closed or request.wants == "priorities":
        answer = without_cause(request, diagnosis, seen.scope) if seen.scope.closed else ranked_answer(diagnosis, seen.scope)
        tools.remember([*request.refs, *(root.finding.object for root in diagnosis.root_causes[:1])])
        emit(AnswerFinished(answer=answer))
        return "answered"
    investigation = Investigation(emit, tools.redact, case.evidence, case.hypotheses)
    inquiry = HypothesisTests(investigation, seen.view, tools, emit, case.commands)
    parts = [part for root in diagnosis.root_causes[:2] for part in root.findings] or list(diagnosis.findings[:2])
    cause = diagnosis.root_causes[0].finding if diagnosis.root_causes else None
    known = retrieve(query, parts, cause, tools, emit) if diagnosis.root_causes or not seen.scope.asked else Knowledge()
    recall(query, cause, tools, emit)
    from_analyzers(diagnosis, seen.view, inquiry)
    if tools.case is None and (diagnosis.root_causes or not seen.scope.healthy):
        from_runbooks(known.passages, diagnosis, inquiry, tools)
        from_model(query, diagnosis, inquiry, tools, emit)
    steering = list(said)
    while True:
        for one in [*steering, *tools.steering()]:
            carry_out(one, diagnosis, inquiry, tools, emit)
        inquiry.run(hear=lambda one: carry_out(one, diagnosis, inquiry, tools, emit))
        answer = word_diagnosis(query, _frame(seen, known, inquiry, started), tools, emit)
        steering = tools.last_steering()
        if not steering:
            break
    tools.remember([*_subjects(request, diagnosis), *(cause.object for cause in answer.root_causes[:1])])
    emit(AnswerFinished(answer=answer))
    return "answered"


def _analyze(request: Request, tools: Tools, emit: Emit) -> _Seen:
    with step(tools, emit, "read the cluster and analyze", "cluster") as note:
        try:
            tools = _in_a_known_namespace(request, tools, emit)
            request, tools = _the_one_meant(request, tools, emit)
            seen = _diagnose(request, tools, tools.place.namespace)
            seen = _among_the_alike(request, emit, seen)
        except ClusterError as error:
            raise FlowError("cluster", str(error)) from error
        note.detail = f"{sum(seen.diagnosis.scanned.values())} objects, {_count(seen.diagnosis)}"
    diagnosis = with_hosts(seen.diagnosis, seen.tools, emit)
    emit(FindingsFound(findings=diagnosis.findings, scanned=diagnosis.scanned, errors=diagnosis.unknown))
    diagnosis, scope = gated(seen.request, seen.view, diagnosis)
    return dataclasses.replace(seen, diagnosis=diagnosis, scope=scope)


def _in_a_known_namespace(request: Request, tools: Tools, emit: Emit) -> Tools:
    """A namespace that the question names and that is not there is said; of similar ones the person may choose."""
    missing = next((unknown for unknown in request.unknown if unknown.kind == "Namespace"), None)
    if missing is None:
        return tools
    said = f"There is no namespace “{missing.word}”."
    picked = tools.choose(f"{said} Which is meant?", [Choice(name, name) for name in missing.near]) if missing.near else ""
    if not picked:
        hint = f" Did you mean {' or '.join(missing.near)}?" if missing.near else ""
        emit(Notice(level="warning", text=f"{said}{hint} Looking at {tools.place.namespace or 'all namespaces'}."))
        return tools
    place = dataclasses.replace(tools.place, namespace=picked)
    return dataclasses.replace(tools, place=place, desk=tools.desk.at(place))


def _the_one_meant(request: Request, tools: Tools, emit: Emit) -> tuple[Request, Tools]:
    """Of several objects that one name fits: the one in trouble, or the one that the person chooses; then the place is where it is."""
    for word, refs in request.candidates():
        if len(refs) < 2 or any(ref.kind not in (*WORKLOADS, "Pod", "Service", "Ingress") for ref in refs):
            continue
        if tools.case is not None:
            ref = chosen_before(tools.case, refs)
        else:
            spaces = {ref.namespace for ref in refs}
            view = ClusterView.of(tools.source, spaces.pop() if len(spaces) == 1 else None, cancel=tools.token)
            ref, tools = which(word, refs, view, tools, emit)
        if ref is not None:
            others = [linked.ref for linked in request.objects if linked.ref not in refs]
            request = with_objects(request, [*others, ref])
            if len(request.candidates()) == 1 and tools.place.namespace != ref.namespace:
                place = dataclasses.replace(tools.place, namespace=ref.namespace)
                tools = dataclasses.replace(tools, place=place, desk=tools.desk.at(place))
    return request, tools


def _diagnose(request: Request, tools: Tools, namespace: str) -> _Seen:
    tools.token.check()
    view = ClusterView.of(tools.source, namespace or None, cancel=tools.token)
    diagnosis = diagnose(view, request.spelt_out, pod=tools.pod, focus=[ref for ref in request.refs if ref.kind != "Namespace"])
    return _Seen(request, view, diagnosis, tools, Scope())


def _among_the_alike(request: Request, emit: Emit, seen: _Seen) -> _Seen:
    """A part of a name that several workloads have, some of them in trouble: the one that is meant is what the cause is looked for of."""
    if seen.tools.pod or request.objects or request.unknown:
        return seen
    ref, tools = which_alike(request.text, seen.view, seen.tools, emit)
    if ref is None:
        return dataclasses.replace(seen, tools=tools)
    request = dataclasses.replace(request, objects=(Linked(ref, ref.name, "part"),))
    return dataclasses.replace(_diagnose(request, tools, ref.namespace), tools=tools)


def _frame(seen: _Seen, known: Knowledge, inquiry: HypothesisTests, started: float) -> Answer:
    """The whole answer as code composes it from where the investigation stands."""
    investigation, diagnosis, tools = inquiry.investigation, seen.diagnosis, seen.tools
    causes, first = _root_causes(diagnosis, inquiry)
    fix = with_class(first.remedies[:4] if first is not None else (), lambda command: tools.desk.judge(command).risk)
    return troubleshooting_answer(
        causes=causes,
        hypotheses=investigation.ranked,
        evidence=investigation.evidence,
        fix=fix,
        passages=known.passages if causes else (),
        commands=tuple(inquiry.records),
        healthy=_healthy(seen, investigation),
        lead=seen.scope.lead(seen.request),
        elsewhere=seen.scope.elsewhere,
        unknown=diagnosis.unknown,
        quote=known.quote if first is not None and diagnosis.root_causes and first is diagnosis.root_causes[0].finding else (),
        notes=[*_doubts(diagnosis, causes), *_notes(inquiry, tools)],
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


def _doubts(diagnosis: Diagnosis, causes: Sequence[RootCause]) -> list[str]:
    """What would decide, where the first cause is not sure to be the root."""
    if not causes or causes[0].confidence >= NOT_SURE:
        return []
    told = next((root for root in diagnosis.root_causes if root.finding.summary == causes[0].summary), None)
    return ["Not sure that this is the root: " + "; ".join(told.certainty.doubts)] if told is not None and told.certainty.doubts else []


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


def _subjects(request: Request, diagnosis: Diagnosis) -> list[ObjectRef]:
    """What the question was about: the workloads it names, else where the first cause shows."""
    named = [ref for ref in request.refs if ref.kind != "Namespace"] or [
        ref for ref in diagnosis.focus if ref.kind in (*WORKLOADS, "Pod", "Service", "Node")
    ]
    if not named and diagnosis.root_causes:
        first = diagnosis.root_causes[0]
        named = [first.symptom.owner or first.symptom.object]
    return named[:3]


def _healthy(seen: _Seen, investigation: Investigation) -> str:
    diagnosis = seen.diagnosis
    if diagnosis.root_causes:
        refuted = [h.id for h in investigation.hypotheses.values() if h.status == "refuted" and h.evidence_against]
        return f"No root cause is left: {', '.join(refuted)} are refuted. Add a hypothesis or evidence of your own to go on."
    if seen.scope.states:
        return "\n".join(seen.scope.states)
    if diagnosis.healthy:
        return f"Healthy: nothing is wrong, no problem was found. Looked at {diagnosis.looked_at}."
    return f"No root cause and no problem was found, but not everything could be seen. Looked at {diagnosis.looked_at}."


def _count(diagnosis: Diagnosis) -> str:
    bad = [finding for finding in diagnosis.findings if finding.severity != "info"]
    return f"{len(bad)} finding{'' if len(bad) == 1 else 's'}"
