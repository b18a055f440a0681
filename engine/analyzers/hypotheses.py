"""Hypotheses with their tests: what the analyzers hold for the cause, and the usual suspects with what speaks against them."""

# ruff: noqa: E501 - a suspect and its test stand on one line
from __future__ import annotations

from dataclasses import dataclass

from engine.analyzers.diagnosis import Diagnosis, Root
from engine.facts import Evidence, Finding, Hypothesis, ObjectRef

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet")


@dataclass(frozen=True, slots=True)
class Tested:
    """A hypothesis with the evidence behind it, which the flow numbers."""

    hypothesis: Hypothesis
    speaks_for: tuple[Evidence, ...] = ()
    speaks_against: tuple[Evidence, ...] = ()


def of_diagnosis(diagnosis: Diagnosis, *, most: int = 5) -> tuple[Tested, ...]:
    """Up to `most` hypotheses: each root cause (the first supported, the others as sure as they are), then refuted alternatives."""
    found = []
    for number, root in enumerate(diagnosis.root_causes[:3], start=1):
        first = root.finding
        told = Hypothesis(
            id=f"H{number}",
            statement=first.summary,
            status="supported" if first.confidence >= 0.5 else "proposed",
            confidence=first.confidence,
            test=test_command(first),
            prediction=prediction(first),
            origin="analyzer",
            object=first.object,
        )
        found.append(Tested(told, root.evidence))
    if diagnosis.root_causes:
        for tested in _refuted(diagnosis, diagnosis.root_causes[0], len(found)):
            if len(found) < most:
                found.append(tested)
    return tuple(found)


def test_command(finding: Finding) -> str:
    """A read-only kubectl command whose output decides on a finding."""
    ref, owner = finding.object, finding.owner or finding.object
    place = f" -n {ref.namespace}" if ref.namespace else ""
    log = next((e for e in finding.evidence if e.source.startswith("log of ") and e.object is not None), None)
    if log is not None and log.object is not None and ref.kind in (*_WORKLOADS, "Pod"):
        container = log.source.partition(" container ")[2].partition(" ")[0]
        previous = " --previous" if "previous" in log.source else ""
        return f"kubectl logs {log.object.name} -n {log.object.namespace} -c {container}{previous} --tail=40"
    if ref.kind in ("ConfigMap", "Secret") and ref.name:
        return f"kubectl describe {ref.kind.lower()} {ref.name}{place}"
    if ref.kind == "Service":
        return f"kubectl get endpointslices -l kubernetes.io/service-name={ref.name}{place}"
    if ref.kind in ("Log", "Cluster") or not ref.name:
        return f"kubectl get pods{place}" if place else "kubectl get pods -A"
    if ref.kind in _WORKLOADS and owner.kind in _WORKLOADS:
        pod = next((e.object for e in finding.evidence if e.object is not None and e.object.kind == "Pod"), None)
        if pod is not None:
            return f"kubectl describe pod {pod.name} -n {pod.namespace}"
    return f"kubectl describe {ref.kind.lower()} {ref.name}{place}"


def prediction(finding: Finding) -> str:
    """What the test shows when the finding is right, quoted from its first evidence."""
    quoted = next((e.excerpt.strip().splitlines()[-1] for e in finding.evidence if e.excerpt.strip()), "")
    return f"it shows “{quoted[:120]}”" if quoted else f"it shows what {finding.code} says"


def _refuted(diagnosis: Diagnosis, root: Root, numbered: int) -> list[Tested]:
    """Usual suspects for a workload that this cluster speaks against, each with the field that does."""
    owner = root.symptom.owner or root.finding.owner or root.finding.object
    if owner.kind not in (*_WORKLOADS, "Pod"):
        owner = next((r for r in diagnosis.focus if r.kind in _WORKLOADS), owner)
    place = f" -n {owner.namespace}" if owner.namespace else ""
    codes = {f.code for f in diagnosis.findings if f.severity != "info"}
    chain = {f.code for f in root.findings}
    suspects = (
        ("out of memory", {"OOMKilled", "HeapExhausted", "SystemOOM"}, f"{owner} runs out of memory", f"kubectl get pods{place} -o jsonpath={{..lastState.terminated.reason}}", "no container has OOMKilled as its last reason"),
        ("image", {"ImageNotFound", "ImagePullAuth", "ImageRateLimit", "InvalidImageName", "RegistryUnreachable", "ImagePullBackOff", "ErrImageNeverPull"}, f"the image of {owner} cannot be pulled", f"kubectl get events{place} --field-selector reason=Failed", "no pod waits in ImagePullBackOff or ErrImagePull"),
        ("scheduling", {"FailedScheduling", "InsufficientResources", "UntoleratedTaint", "NodeSelectorMismatch", "UnboundVolumeClaim"}, f"the pods of {owner} find no node", f"kubectl get pods{place} --field-selector status.phase=Pending", "no pod waits for a node"),
    )  # fmt: skip
    found: list[Tested] = []
    for what, excluded, statement, command, against in suspects:
        if codes & excluded or chain & excluded:
            continue
        number = numbered + len(found) + 1
        evidence = _against(root, owner, what, against)
        found.append(
            Tested(
                Hypothesis(
                    id=f"H{number}",
                    statement=statement,
                    status="refuted",
                    confidence=0.04,
                    test=command,
                    prediction=against,
                    origin="analyzer",
                    object=owner,
                ),
                speaks_against=(evidence,) if evidence else (),
            )
        )
    return found[:2]


def _against(root: Root, owner: ObjectRef, what: str, words: str) -> Evidence | None:
    """The piece of the root's own evidence that contradicts a suspect: an exit code other than 137, a started container."""
    for piece in root.evidence:
        if what == "out of memory" and "exitCode: " in piece.excerpt and "137" not in piece.excerpt:
            return piece
        if what in ("image", "scheduling") and (".terminated" in piece.source or piece.source.startswith("log of ")):
            return piece
    return None
