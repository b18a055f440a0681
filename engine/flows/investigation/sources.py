"""Where hypotheses come from: the analyzers' findings, a runbook whose symptom is seen, a model where the analyzers end, and the person."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.fault_kinds import WORKLOADS, exists, faults_in, look_at, of_code, worst_pod
from engine.analyzers.diagnosis.focus import named_objects
from engine.analyzers.diagnosis.hypotheses import of_diagnosis
from engine.analyzers.diagnosis.rank import Diagnosis, hygiene
from engine.core.types import Finding, Hypothesis, ObjectRef
from engine.flows.investigation.hypothesis_board import IDEA, LOG
from engine.flows.investigation.hypothesis_tests import HypothesisTests, alike_line
from engine.flows.tools import Emit, Tools, step
from index.passage import Passage

SURE = 0.75
"""An analyzer's cause from here on needs no idea of a runbook or a model beside it."""


def from_analyzers(diagnosis: Diagnosis, view: ClusterView, inquiry: HypothesisTests) -> None:
    """Every cause, near miss and refuted suspect with its evidence numbered; what is known already (a continued case) keeps its id."""
    investigation = inquiry.investigation
    for one in of_diagnosis(diagnosis, view):
        told = one.hypothesis
        known = investigation.find(told.statement, told.object)
        if known is None:
            known = investigation.propose(
                dataclasses.replace(
                    told,
                    id=investigation.next_id,
                    confidence=round(told.confidence, 3),
                    status="refuted" if told.status == "refuted" else "proposed",
                    evidence_for=investigation.add_all(one.speaks_for),
                    evidence_against=investigation.add_all(one.speaks_against),
                )
            )
        investigation.cap(known.id, one.ceiling)
        if any(root.finding.summary == told.statement and root.finding.object == told.object for root in diagnosis.root_causes):
            inquiry.leading.append(known.id)


def from_runbooks(passages: Sequence[Passage], diagnosis: Diagnosis, inquiry: HypothesisTests, tools: Tools) -> None:
    """What a runbook's symptom fits, where the analyzers are not sure; its test is a read command of the runbook, on resolved objects."""
    if _sure(diagnosis):
        return
    seen = [piece for piece in inquiry.investigation.evidence if piece.excerpt]
    own = passages[0].path if diagnosis.root_causes and passages else ""
    subject = _subject(diagnosis)
    for path in dict.fromkeys(passage.path for passage in passages):
        sections = tools.document(path) if path != own else []
        symptoms = _symptoms(sections)
        hit = next(((line, piece) for line in symptoms for piece in seen if alike_line(piece.excerpt, [line])), None)
        if hit is None or subject is None:
            continue
        test = _runbook_test(sections, subject, inquiry.view, tools)
        if not test:
            continue
        line, piece = hit
        inquiry.investigation.propose(
            Hypothesis(
                id=inquiry.investigation.next_id,
                statement=f"{subject}: {sections[0].heading[0]}",
                confidence=IDEA,
                evidence_for=(piece.id,),
                test=test,
                prediction=f"it shows “{line[:120]}”, as {path} says",
                origin="runbook",
                object=subject,
            )
        )
        return


def from_model(query: str, diagnosis: Diagnosis, inquiry: HypothesisTests, tools: Tools, emit: Emit) -> None:
    """The model's own idea where the analyzers found no cause or are not sure; its test is one of a list of read commands."""
    speaker = tools.speaker
    if speaker is None or _sure(diagnosis) or diagnosis.healthy or tools.left() < 2:
        return
    from engine.llm.tasks import hypothesise

    subject = _subject(diagnosis)
    checks = _checks(subject, inquiry.view, tools) if subject is not None else []
    investigation = inquiry.investigation
    with step(tools, emit, "ask the model for another cause", "model") as note:
        found = hypothesise(
            speaker.model,
            query,
            investigation.evidence[:8],
            checks,
            tools.token,
            speaker.budget,
            fence=speaker.fence,
            deadline=tools.deadline or None,
        )
        if found is None:
            note.detail, note.outcome = "it has none", "skipped"
            return
        cause, index = found
        note.detail = cause[:120]
    investigation.propose(
        Hypothesis(
            id=investigation.next_id,
            statement=cause[:240],
            confidence=IDEA,
            test=checks[index] if index is not None else "",
            origin="model",
            object=subject,
        )
    )


def from_person(text: str, diagnosis: Diagnosis, inquiry: HypothesisTests) -> Hypothesis:
    """A person's own hypothesis: objects that it names and the kind of fault it speaks of give the test and what is known of it already.

    One that says what an analyzer's hypothesis says of the same object is that hypothesis.
    """
    view, investigation = inquiry.view, inquiry.investigation
    named = [ref for ref in named_objects(view, text) if ref.kind != "Namespace"]
    ref = next((ref for ref in named if ref.kind in WORKLOADS), named[0] if named else _subject(diagnosis))
    faults = faults_in(text)
    about = {ref, *(h.object for h in investigation.hypotheses.values() if ref is not None and h.object == ref)}
    findings = [f for f in diagnosis.findings if f.severity != "info" and about & {f.object, f.owner} and of_code(f.code, faults)]
    same = next((h for f in findings if (h := investigation.find(f.summary, f.object)) is not None), None)
    if same is not None:
        return same
    test = look_at(faults[0] if faults else None, ref, view) if ref is not None else ""
    prediction = f"it shows signs of {faults[0].name}" if faults else ""
    made = investigation.propose(
        Hypothesis(
            id=investigation.next_id,
            statement=" ".join(text.split())[:240],
            confidence=IDEA,
            test=test,
            prediction=prediction,
            origin="user",
            object=ref,
        )
    )
    for finding in findings[:2]:
        for id in investigation.add_all(finding.evidence[:2]):
            investigation.observed(made.id, id, supports=True, strength=LOG)
    inquiry.catch_up(made.id)
    return investigation.hypotheses[made.id]


def from_evidence(findings: Sequence[Finding], diagnosis: Diagnosis, inquiry: HypothesisTests, source: str) -> list[str]:
    """Hypotheses out of a log that a person gave: findings of a kind that none speaks of yet; their ids."""
    investigation = inquiry.investigation
    proposed = []
    for finding in findings[:2]:
        ids = investigation.add_all(tuple(dataclasses.replace(e, source=f"{source}, {e.source}") for e in finding.evidence[:2]))
        subject = _subject(diagnosis)
        if investigation.find(finding.summary, subject) is not None:
            continue
        faults = faults_in(finding.summary)
        test = look_at(faults[0] if faults else None, subject, inquiry.view) if subject is not None else ""
        made = investigation.propose(
            Hypothesis(
                id=investigation.next_id,
                statement=finding.summary,
                confidence=round(finding.confidence, 3),
                evidence_for=ids,
                test=test,
                prediction=f"it shows “{finding.evidence[0].excerpt.splitlines()[0][:120]}”" if finding.evidence else "",
                origin="user",
                object=subject,
            )
        )
        proposed.append(investigation.settle(made.id).id)
    return proposed


def _sure(diagnosis: Diagnosis) -> bool:
    return bool(diagnosis.root_causes) and diagnosis.root_causes[0].finding.confidence >= SURE


def _subject(diagnosis: Diagnosis) -> ObjectRef | None:
    """The workload that the question is about: named in it, else the first root cause's, else the first finding's."""
    named = [ref for ref in diagnosis.focus if ref.kind in (*WORKLOADS, "Pod")]
    if named:
        return named[0]
    if diagnosis.root_causes:
        first = diagnosis.root_causes[0]
        return first.symptom.owner or first.finding.owner or first.finding.object
    found = [f for f in diagnosis.findings if f.severity != "info" and not hygiene(f)]
    return (found[0].owner or found[0].object) if found else None


def _checks(subject: ObjectRef, view: ClusterView, tools: Tools) -> list[str]:
    """Read commands on the subject and its namespace that a model may choose from."""
    where = f" -n {subject.namespace}" if subject.namespace else ""
    pod = worst_pod(subject, view)
    kind = subject.kind.lower()
    commands = [f"kubectl describe {kind} {subject.name}{where}"]
    if pod is not None:
        commands += [f"kubectl describe pod {pod.name}{where}", f"kubectl logs {pod.name}{where} --all-containers --tail=60"]
        node = pod.text("spec", "nodeName")
        commands += [f"kubectl describe node {node}"] if node else []
    commands += [f"kubectl get events{where} --sort-by=.lastTimestamp"] if where else []
    commands += [f"kubectl get {what}{where}" for what in ("services", "endpointslices", "networkpolicies", "persistentvolumeclaims")]
    return [command for command in commands if tools.desk.judge(command).risk == "read"]


def _symptoms(sections: Sequence[Passage]) -> list[str]:
    """The lines that a runbook's Symptoms section quotes from a cluster."""
    lines: list[str] = []
    for section in sections:
        if section.heading and section.heading[-1].lower().startswith("symptom"):
            lines += [line.strip() for block in section.code_blocks for line in block.text.splitlines()]
            lines += re.findall(r"`([^`]{12,})`", section.text)
    return [line for line in lines if len(line) >= 12]


def _runbook_test(sections: Sequence[Passage], subject: ObjectRef, view: ClusterView, tools: Tools) -> str:
    """The first command of a runbook's Diagnose section that reads, with its examples' names replaced by objects that exist."""
    pod = worst_pod(subject, view)
    names = {f"my-{subject.kind.lower()}": subject.name, "my-namespace": subject.namespace}
    if pod is not None:
        names |= {"my-pod": pod.name, "my-node": pod.text("spec", "nodeName")}
    if subject.kind in WORKLOADS:
        names |= {"my-app": subject.name, "my-workload": subject.name}
    for section in sections:
        if not section.heading or not section.heading[-1].lower().startswith("diagnose"):
            continue
        for block in section.code_blocks:
            for line in block.text.splitlines():
                command = re.sub(r"\bmy-[a-z-]+\b", lambda found: names.get(found.group(0)) or found.group(0), line.split(" # ")[0].strip())
                if not command.startswith("kubectl ") or re.search(r"\bmy-[a-z]|<|\.\.\.|…", command):
                    continue
                if subject.name in command or (pod is not None and pod.name in command):
                    verdict = tools.desk.judge(command)
                    if verdict.risk == "read" and exists(subject, view):
                        return command
    return ""
