"""Hypotheses with their tests: what the analyzers hold for the cause, and the usual suspects with what speaks against them."""

# ruff: noqa: E501 - a suspect and its test stand on one line
from __future__ import annotations

from dataclasses import dataclass

from engine.analyzers.common.containers import containers
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.fault_kinds import faults_in, look_at, pods_of
from engine.analyzers.diagnosis.rank import Diagnosis, Root
from engine.cluster.objects import text_at
from engine.core.types import Evidence, Finding, Hypothesis, ObjectRef

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet")


@dataclass(frozen=True, slots=True)
class Tested:
    """A hypothesis with the evidence behind it, which the flow numbers."""

    hypothesis: Hypothesis
    speaks_for: tuple[Evidence, ...] = ()
    speaks_against: tuple[Evidence, ...] = ()
    ceiling: float = 1.0
    """What no further look at the same things raises its confidence above."""


def of_diagnosis(diagnosis: Diagnosis, view: ClusterView | None = None, *, most: int = 6) -> tuple[Tested, ...]:
    """Up to `most` hypotheses: root causes in their order, near misses at half their confidence, and usual suspects that are refuted.

    A suspect is refuted by fields of the pods (with a `view`) or by the root's own evidence; one that nothing speaks against is left out.
    """
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
        found.append(Tested(told, root.evidence, ceiling=root.certainty.confidence))
    for finding in _near_misses(diagnosis):
        told = Hypothesis(
            id=f"H{len(found) + 1}",
            statement=finding.summary,
            confidence=round(finding.confidence / 2, 2),
            test=test_command(finding),
            prediction=prediction(finding),
            object=finding.object,
        )
        found.append(Tested(told, finding.evidence))
    if diagnosis.root_causes:
        found += _refuted(diagnosis, diagnosis.root_causes[0], len(found), view)
    return tuple(found[:most])


def _near_misses(diagnosis: Diagnosis) -> list[Finding]:
    """Up to two findings on what the question is about that no root cause explains and that are no root cause themselves."""
    if not diagnosis.root_causes:
        return []
    explained = {f.id for root in diagnosis.root_causes for f in root.findings}
    told = {root.finding.id for root in diagnosis.root_causes}
    about = {ref for ref in diagnosis.focus if ref.kind != "Namespace"}
    about |= {root.finding.owner or root.finding.object for root in diagnosis.root_causes[:1]}
    return [
        f
        for f in diagnosis.findings
        if f.severity != "info"
        and f.id not in explained
        and not told & set(f.causes)
        and not f.causes
        and about & {f.object, f.owner or f.object}
    ][:2]


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


def _refuted(diagnosis: Diagnosis, root: Root, numbered: int, view: ClusterView | None) -> list[Tested]:
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
        look = look_at(faults_in(statement)[0], owner, view) if view is not None else ""
        evidence = _against(root, what) or (_fields_against(owner, what, view) if view is not None else None)
        if evidence is None:
            continue
        found.append(
            Tested(
                Hypothesis(
                    id=f"H{number}",
                    statement=statement,
                    status="refuted",
                    confidence=0.04,
                    test=look or command,
                    prediction=against,
                    origin="analyzer",
                    object=owner,
                ),
                speaks_against=(evidence,),
            )
        )
    return found[:2]


def _fields_against(owner: ObjectRef, what: str, view: ClusterView) -> Evidence | None:
    """What the pods' own fields say against a suspect, a line each; None where one of them leaves it open."""
    lines: list[str] = []
    for pod in pods_of(owner, view):
        node = pod.text("spec", "nodeName")
        apps = [c for c in containers(pod) if c.role != "ephemeral"]
        if what == "scheduling" and not node:
            return None
        if what == "image" and not all(text_at(c.status, "imageID") for c in apps):
            return None
        if what == "out of memory":
            ends = [(c.name, text_at(c.end, "reason"), c.exit_code) for c in apps if c.end]
            if any(reason == "OOMKilled" or code == 137 for _, reason, code in ends):
                return None
            lines += [f"{pod.name}: {name} ended with {reason or 'no reason'}, exitCode: {code}" for name, reason, code in ends]
            continue
        lines.append(f"{pod.name}: nodeName: {node}" if what == "scheduling" else f"{pod.name}: every container has its imageID")
    where = {"scheduling": "spec.nodeName", "image": "status.containerStatuses[*].imageID"}.get(what, "the last end of their containers")
    return Evidence(f"pods of {owner}: {where}", "\n".join(lines[:5]), object=owner) if lines else None


def _against(root: Root, what: str) -> Evidence | None:
    """The piece of the root's own evidence that contradicts a suspect: an exit code other than 137, a started container."""
    for piece in root.evidence:
        if what == "out of memory" and "exitCode: " in piece.excerpt and "137" not in piece.excerpt:
            return piece
        if what in ("image", "scheduling") and (".terminated" in piece.source or piece.source.startswith("log of ")):
            return piece
    return None
