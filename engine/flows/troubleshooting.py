"""The troubleshooting tier: retrieve, analyze, test the hypotheses with read commands, diagnose."""

from __future__ import annotations

import dataclasses
import re
import time

from engine.analyzers.diagnosis import Diagnosis, diagnose
from engine.analyzers.hypotheses import Tested, of_diagnosis
from engine.analyzers.view import ClusterView
from engine.answer import troubleshooting_answer, with_class
from engine.cluster.source import ClusterError
from engine.commands.desk import Outcome
from engine.events import AnswerFinished, FindingsFound, Notice
from engine.facts import CommandRecord, Evidence, Finding, Hypothesis, Remedy, RootCause
from engine.flows.knowledge import recall, retrieve
from engine.flows.tools import Emit, Tools, step
from engine.flows.words import word_diagnosis
from engine.investigation import Investigation
from engine.run import FlowError

MAX_TESTS = 2
_ABSENT = re.compile(r"does(?:n't| not) exist|not found|missing|no such", re.I)


def troubleshooting(query: str, tools: Tools, emit: Emit) -> str:
    """Find the root cause of what the query tells of; the outcome is `answered`."""
    started = time.monotonic()
    if tools.attachment.strip():
        from engine.flows.attached import log_diagnosis

        return log_diagnosis(query, tools, emit)
    investigation = Investigation(emit, tools.redact)
    diagnosis = _analyze(query, tools, emit)
    parts = [part for root in diagnosis.root_causes[:2] for part in root.findings] or list(diagnosis.findings[:2])
    cause = diagnosis.root_causes[0].finding if diagnosis.root_causes else None
    known = retrieve(query, parts, cause, tools, emit)
    recall(query, cause, tools, emit)
    tested = _propose(diagnosis, investigation)
    records = _test(tested, investigation, tools, emit)
    causes = _root_causes(diagnosis, investigation)
    fix = with_class(_remedies(diagnosis), lambda command: tools.desk.judge(command).risk)
    frame = troubleshooting_answer(
        causes=causes,
        hypotheses=investigation.ranked,
        evidence=investigation.evidence,
        fix=fix,
        passages=known.passages if causes else (),
        commands=records,
        healthy=_healthy(diagnosis),
        unknown=diagnosis.unknown,
        quote=known.quote,
        metrics={
            "seconds": round(time.monotonic() - started, 3),
            "objects": sum(diagnosis.scanned.values()),
            "findings": len(diagnosis.findings),
            "commands": len(records),
        },
    )
    answer = word_diagnosis(query, frame, tools, emit)
    emit(AnswerFinished(answer=answer))
    return "answered"


def _analyze(query: str, tools: Tools, emit: Emit) -> Diagnosis:
    with step(tools, emit, "read the cluster and analyze", "cluster") as note:
        try:
            diagnosis = _diagnose(query, tools, tools.place.namespace)
            if tools.place.namespace and all(ref.kind == "Namespace" for ref in diagnosis.focus):
                diagnosis = _look_elsewhere(query, tools, emit, diagnosis)
        except ClusterError as error:
            raise FlowError("cluster", str(error)) from error
        note.detail = f"{sum(diagnosis.scanned.values())} objects, {_count(diagnosis)}"
    emit(FindingsFound(findings=diagnosis.findings, scanned=diagnosis.scanned, errors=diagnosis.unknown))
    return diagnosis


def _diagnose(query: str, tools: Tools, namespace: str) -> Diagnosis:
    tools.token.check()
    return diagnose(ClusterView.of(tools.source, namespace or None, cancel=tools.token), query, pod=tools.pod)


def _look_elsewhere(query: str, tools: Tools, emit: Emit, here: Diagnosis) -> Diagnosis:
    """A name that is not in the current namespace is looked for in all of them: one hit is taken and said, several are offered."""
    from engine.resolve import resolve

    found = resolve(tools.source, " ".join([query, tools.pod]), tools.place.namespace, cancel=tools.token)
    exact = any(ref.name == found.word for ref in found.found)
    if not found.elsewhere or (here.root_causes and not exact):
        return here
    places = list(dict.fromkeys(ref.namespace for ref in found.found))
    if len(places) > 1:
        listed = ", ".join(places[:6])
        emit(Notice(level="warning", text=f"“{found.word}” is in several namespaces: {listed}. Say which, or switch with ctrl+n."))
        return here
    emit(Notice(level="info", text=f"{found.found[0]} is not in {tools.place.namespace}; looking in {places[0]}."))
    return _diagnose(query, tools, places[0])


def _propose(diagnosis: Diagnosis, investigation: Investigation) -> tuple[Tested, ...]:
    """Every hypothesis with its evidence numbered; the first root cause's evidence comes first."""
    tested = of_diagnosis(diagnosis)
    for one in tested:
        investigation.propose(
            dataclasses.replace(
                one.hypothesis,
                confidence=round(one.hypothesis.confidence, 3),
                status=one.hypothesis.status if one.hypothesis.status == "refuted" else "proposed",
                evidence_for=investigation.add_all(one.speaks_for),
                evidence_against=investigation.add_all(one.speaks_against),
            )
        )
    return tested


def _test(tested: tuple[Tested, ...], investigation: Investigation, tools: Tools, emit: Emit) -> tuple[CommandRecord, ...]:
    """Run the test of the likeliest hypotheses as the real kubectl, and note what it shows for or against each."""
    records: list[CommandRecord] = []
    tried: set[str] = set()
    for one in tested:
        hypothesis = one.hypothesis
        if hypothesis.status == "refuted" or not hypothesis.test or hypothesis.test in tried:
            continue
        if len(records) >= MAX_TESTS or (records and investigation.enough) or tools.left() < 1:
            break
        if tools.desk.judge(hypothesis.test).risk != "read":
            continue
        tried.add(hypothesis.test)
        investigation.testing(hypothesis.id)
        with step(tools, emit, f"test {hypothesis.id}", "kubectl") as note:
            outcome = tools.desk.run(hypothesis.test, why=f"tests {hypothesis.id}: {hypothesis.statement}")
            records += outcome.records
            note.detail = _judge(one, outcome, investigation)
    for id in list(investigation.hypotheses):
        if investigation.hypotheses[id].status != "refuted":
            investigation.settle(id)
    return tuple(records)


def _judge(one: Tested, outcome: Outcome, investigation: Investigation) -> str:
    """What a test's output says about its hypothesis, in words; silence is no evidence."""
    id = one.hypothesis.id
    if outcome.result is None:
        return outcome.reason
    output = outcome.result.stdout + "\n" + outcome.result.stderr
    if outcome.result.exit_code != 0:
        if "(NotFound)" not in output:
            return f"{outcome.command} failed: {' '.join((outcome.result.error or outcome.result.stderr).split())[:160]}"
        absent = bool(_ABSENT.search(one.hypothesis.statement))
        seen = investigation.add(Evidence(source=outcome.command, excerpt=output.strip()[:300]))
        investigation.observed(id, seen, supports=absent)
        return "as predicted: it is not there" if absent else "the object is gone"
    line = _shown(output, one)
    if not line:
        return "nothing that decides"
    seen = investigation.add(Evidence(source=outcome.command, excerpt=line))
    investigation.observed(id, seen, supports=True)
    return "as predicted"


def _shown(output: str, one: Tested) -> str:
    """The line of the output that holds what the hypothesis's evidence quotes, or ""."""
    lines = output.splitlines()
    flat = [" ".join(line.split()) for line in lines]
    for evidence in one.speaks_for:
        for wanted in evidence.excerpt.splitlines():
            key = re.sub(r"^\d{4}-\d\d-\d\dT\S+\s+", "", " ".join(wanted.split()))[:70]
            if len(key) < 12:
                continue
            for line, text in zip(lines, flat, strict=True):
                if key in text:
                    return line.strip()
    return ""


def _root_causes(diagnosis: Diagnosis, investigation: Investigation) -> tuple[RootCause, ...]:
    causes = []
    for number, root in enumerate(diagnosis.root_causes, 1):
        hypothesis: Hypothesis | None = investigation.hypotheses.get(f"H{number}")
        confidence = hypothesis.confidence if hypothesis is not None and number <= 3 else root.finding.confidence
        causes.append(
            RootCause(
                summary=root.finding.summary,
                object=root.finding.object,
                confidence=round(confidence, 2),
                evidence=investigation.add_all(root.evidence[:6]),
                chain=root.chain,
                code=root.finding.code,
            )
        )
    return tuple(causes)


def _remedies(diagnosis: Diagnosis) -> list[Remedy]:
    if not diagnosis.root_causes:
        return []
    first: Finding = diagnosis.root_causes[0].finding
    return list(first.remedies[:4])


def _healthy(diagnosis: Diagnosis) -> str:
    if diagnosis.root_causes:
        return ""
    if diagnosis.healthy:
        return f"Healthy: nothing is wrong, no problem was found. Looked at {diagnosis.looked_at}."
    return f"No root cause and no problem was found, but not everything could be seen. Looked at {diagnosis.looked_at}."


def _count(diagnosis: Diagnosis) -> str:
    bad = [finding for finding in diagnosis.findings if finding.severity != "info"]
    return f"{len(bad)} finding{'' if len(bad) == 1 else 's'}"
