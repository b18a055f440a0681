"""Deployments, ReplicaSets and StatefulSets: what they want, what they have, and what holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import HINT, RELATION, STATE, confidence
from engine.analyzers.common.containers import is_ready
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, at, int_at, labels_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity


@analyzer("deployments", speciality="workload", needs=("deployments.apps", "replicasets.apps", "pods", "events"))
def deployments(view: ClusterView) -> Iterable[Finding]:
    """Deployments that miss replicas, do not progress, are paused, scaled to zero, or cannot create their pods."""
    for deployment in view.all("deployments.apps"):
        if deployment.deleting_since is not None:
            continue
        wanted, available = int_at(deployment.raw, "spec", "replicas", default=1), int_at(deployment.raw, "status", "availableReplicas")
        if wanted == 0:
            yield _scaled_to_zero(deployment)
            continue
        failure = deployment.condition("ReplicaFailure")
        if failure.get("status") == "True":
            yield failed_create(
                deployment, text_at(failure, "message"), [citations.condition(deployment, "ReplicaFailure")], available, wanted
            )
        yield from _paused(view, deployment)
        progressing = deployment.condition("Progressing")
        if progressing.get("reason") == "ProgressDeadlineExceeded":
            yield _stuck_rollout(view, deployment, available, wanted)
        elif available < wanted <= int_at(deployment.raw, "status", "readyReplicas") and int_at(deployment.raw, "spec", "minReadySeconds"):
            yield _settling(deployment, available, wanted)
        elif available < wanted:
            yield short_of_pods(
                deployment,
                available,
                wanted,
                [citations.condition(deployment, "Available"), citations.field(deployment, "spec", "replicas")],
            )
        yield from _unobserved(deployment)


def command_for(ref: ObjectRef, verb: str) -> str:
    """`kubectl VERB deployment/x -n y`."""
    return f"kubectl {verb} {ref.kind.lower()}/{ref.name} -n {ref.namespace}"


def short_of_pods(workload: Obj, available: int, wanted: int, evidence: list[Evidence], more: str = "") -> Finding:
    """The symptom that a workload has fewer ready pods than it wants; pods, nodes or quotas say why."""
    severity: Severity = "critical" if available == 0 else "warning"
    return Finding(
        code=f"{workload.kind}Unavailable",
        severity=severity,
        object=workload.ref,
        summary=f"{workload.ref} has {available} of {wanted} replicas available{more}",
        evidence=tuple(evidence),
        owner=workload.ref,
        remedies=(Remedy("see its pods", f"kubectl get pods -n {workload.namespace} -o wide", "read"),),
        confidence=confidence([STATE * 0.5]),
        docs=(f"{workload.kind} not available",),
    )


def _settling(deployment: Obj, available: int, wanted: int) -> Finding:
    seconds = int_at(deployment.raw, "spec", "minReadySeconds")
    return Finding(
        code="MinReadySeconds",
        severity="warning",
        object=deployment.ref,
        summary=f"all {wanted} pods of {deployment.ref} are ready, but only {available} count as available: minReadySeconds is {seconds}",
        evidence=(citations.field(deployment, "spec", "minReadySeconds"), citations.condition(deployment, "Available")),
        owner=deployment.ref,
        remedies=(Remedy("lower minReadySeconds, or wait for it", command_for(deployment.ref, "edit"), "mutate"),),
        confidence=confidence([STATE, RELATION]),
        docs=("minReadySeconds",),
    )


def _scaled_to_zero(workload: Obj) -> Finding:
    return Finding(
        code="ScaledToZero",
        severity="info",
        object=workload.ref,
        summary=f"{workload.ref} is scaled to zero (spec.replicas: 0), so it has no pods",
        evidence=(Evidence(f"{workload.ref} spec.replicas", "replicas: 0", object=workload.ref),),
        owner=workload.ref,
        remedies=(Remedy("scale it up, if it should run", f"{command_for(workload.ref, 'scale')} --replicas=1", "mutate"),),
        confidence=confidence([STATE, RELATION]),
        docs=("scale to zero", "replicas"),
    )


def _paused(view: ClusterView, deployment: Obj) -> Iterator[Finding]:
    if not deployment.flag("spec", "paused"):
        return
    updated, wanted = int_at(deployment.raw, "status", "updatedReplicas"), int_at(deployment.raw, "spec", "replicas", default=1)
    pending = updated < wanted or int_at(deployment.raw, "status", "replicas") > updated
    sets = view.owned_by("replicasets.apps", deployment)
    template = _template_without_hash(deployment.at("spec", "template"))
    unrolled = bool(sets) and all(_template_without_hash(s.at("spec", "template")) != template for s in sets)
    waits = pending or unrolled
    yield Finding(
        code="RolloutPaused",
        severity="warning" if waits else "info",
        object=deployment.ref,
        summary=f"{deployment.ref} is paused (spec.paused: true)"
        + (f", so its changed pod template is not rolled out: {updated} of {wanted} replicas are updated" if waits else ""),
        evidence=(
            Evidence(f"{deployment.ref} spec.paused", "paused: true", object=deployment.ref),
            citations.condition(deployment, "Progressing"),
        ),
        owner=deployment.ref,
        remedies=(Remedy("resume the rollout", command_for(deployment.ref, "rollout resume"), "mutate"),),
        confidence=confidence([STATE, RELATION] if waits else [STATE]),
        docs=("rollout pause",),
    )


def _template_without_hash(template: object) -> object:
    labels = {k: v for k, v in labels_at(template, "metadata", "labels").items() if k != "pod-template-hash"}
    return (tuple(sorted(labels.items())), str(at(template, "spec")))


def failed_create(workload: Obj, message: str, evidence: list[Evidence], available: int, wanted: int) -> Finding:
    """Pods that the API server refuses; quotas, admission and accounts may say why."""
    why = message.split("is forbidden: ", 1)[-1] if "is forbidden: " in message else message.removeprefix("Error creating: ")
    return Finding(
        code="FailedCreate",
        severity="critical",
        object=workload.ref,
        summary=f"{workload.ref} cannot create pods ({available} of {wanted} available): {why[:300]}",
        evidence=tuple(evidence),
        owner=workload.ref,
        remedies=(
            Remedy("see what refuses the pods", f"kubectl get events -n {workload.namespace} --field-selector reason=FailedCreate", "read"),
        ),
        confidence=confidence([STATE, HINT]),
        docs=("FailedCreate",),
    )


def _stuck_rollout(view: ClusterView, deployment: Obj, available: int, wanted: int) -> Finding:
    message = text_at(deployment.condition("Progressing"), "message")
    old = [s for s in view.owned_by("replicasets.apps", deployment) if int_at(s.raw, "status", "readyReplicas") > 0]
    updated = int_at(deployment.raw, "status", "updatedReplicas")
    keeps = f"; the old version still serves with {available} replicas" if old and available else ""
    return Finding(
        code="ProgressDeadlineExceeded",
        severity="critical" if available < wanted else "warning",
        object=deployment.ref,
        summary=f"the rollout of {deployment.ref} does not progress ({available} of {wanted} available, {updated} "
        f"updated): {message[:200]}{keeps}",
        evidence=(citations.condition(deployment, "Progressing"), citations.condition(deployment, "Available")),
        owner=deployment.ref,
        remedies=(Remedy("go back to the revision before", command_for(deployment.ref, "rollout undo"), "mutate"),),
        confidence=confidence([STATE * 0.6]),
        docs=("ProgressDeadlineExceeded",),
    )


def _unobserved(deployment: Obj) -> Iterator[Finding]:
    """A change that the controller has not looked at."""
    if int_at(deployment.raw, "status", "observedGeneration") >= int_at(deployment.raw, "metadata", "generation"):
        return
    if not deployment.created:
        return
    yield Finding(
        code="NotObserved",
        severity="warning",
        object=deployment.ref,
        summary=f"the deployment controller has not looked at the latest change of {deployment.ref} (generation {deployment.text('metadata', 'generation')}, observed {deployment.text('status', 'observedGeneration', default='none')}): kube-controller-manager may be down or behind",  # noqa: E501
        evidence=(citations.field(deployment, "metadata", "generation"), citations.field(deployment, "status", "observedGeneration")),
        owner=deployment.ref,
        remedies=(Remedy("see whether the controller manager runs", "kubectl get pods -n kube-system", "read"),),
        confidence=confidence([RELATION]),
        docs=("controller manager",),
    )


@analyzer("statefulsets", speciality="workload", needs=("statefulsets.apps", "pods", "services", "events"))
def statefulsets(view: ClusterView) -> Iterable[Finding]:
    """StatefulSets that are blocked by one pod, lack their Service, do not update, or cannot create pods."""
    for workload in view.all("statefulsets.apps"):
        if workload.deleting_since is not None:
            continue
        wanted, ready = int_at(workload.raw, "spec", "replicas", default=1), int_at(workload.raw, "status", "readyReplicas")
        if wanted == 0:
            yield _scaled_to_zero(workload)
            continue
        pods = sorted(view.owned_by("pods", workload), key=_ordinal)
        failed = citations.latest_event(view, workload, "FailedCreate", "FailedUpdate")
        if failed is not None and len(pods) < wanted:
            yield failed_create(workload, failed.text("message"), [citations.event(failed)], ready, wanted)
        elif ready < wanted:
            yield short_of_pods(workload, ready, wanted, [citations.field(workload, "status")], _blocked(workload, pods, wanted))
        yield from _governing_service(view, workload)
        yield from _stale_revision(workload, pods, wanted)


def _ordinal(pod: Obj) -> int:
    tail = pod.name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _blocked(workload: Obj, pods: list[Obj], wanted: int) -> str:
    """Which pod holds back the others under OrderedReady."""
    if workload.text("spec", "podManagementPolicy") == "Parallel":
        return ""
    first = next((p for p in pods if not is_ready(p)), None)
    if first is None or len(pods) >= wanted:
        return ""
    return f": {first.name} is not ready, and the pods after it are created in order (podManagementPolicy OrderedReady), so they wait"


def _governing_service(view: ClusterView, workload: Obj) -> Iterator[Finding]:
    name = workload.text("spec", "serviceName")
    if not name or not view.can_see("services", workload.namespace):
        return
    service = view.find("services", workload.namespace, name)
    if service is not None:
        return
    services = view.within("services", workload.namespace)
    labels = labels_at(workload.raw, "spec", "template", "metadata", "labels")
    selecting = [
        s.name for s in services if (chosen := labels_at(s.raw, "spec", "selector")) and all(labels.get(k) == v for k, v in chosen.items())
    ]
    close = citations.nearest(name, [s.name for s in services]) or next(iter(selecting), "")
    yield Finding(
        code="StatefulSetServiceMissing",
        severity="warning",
        object=workload.ref,
        summary=f"{workload.ref} names the governing Service {name}, which does not exist in namespace {workload.namespace}"
        f"{f' (did you mean {close}?)' if close else ''}: its pods get no DNS names",
        evidence=(citations.field(workload, "spec", "serviceName"),),
        owner=workload.ref,
        remedies=(
            Remedy(
                "create the headless Service (serviceName cannot be changed in place)",
                f"kubectl create service clusterip {name} -n {workload.namespace} --clusterip=None",
                "mutate",
            ),
        ),
        confidence=confidence([RELATION, HINT]),
        docs=("StatefulSet headless service",),
        speciality="network",
    )


def _stale_revision(workload: Obj, pods: list[Obj], wanted: int) -> Iterator[Finding]:
    """Pods of an old revision that will not be replaced by themselves, or whose replacement is stuck."""
    target = workload.text("status", "updateRevision")
    if not target or target == workload.text("status", "currentRevision"):
        return
    old = [p for p in pods if p.labels.get("controller-revision-hash") not in (None, target)]
    if not old:
        return
    strategy = workload.text("spec", "updateStrategy", "type", default="RollingUpdate")
    partition = int_at(workload.raw, "spec", "updateStrategy", "rollingUpdate", "partition")
    if strategy == "OnDelete":
        says = (
            f"its updateStrategy is OnDelete, so {citations.listed(p.name for p in old)} keep the old revision until somebody deletes them"
        )
        evidence = citations.field(workload, "spec", "updateStrategy")
    elif partition and all(_ordinal(p) < partition for p in old):
        says = f"its updateStrategy has partition {partition}, so {citations.listed(p.name for p in old)} keep the old revision"
        evidence = citations.field(workload, "spec", "updateStrategy")
    else:
        broken = next((p for p in reversed(pods) if not is_ready(p)), None)
        if broken is None:
            return
        if broken in old and workload.text("spec", "podManagementPolicy") != "Parallel":
            yield _stuck_old_revision(workload, broken)
            return
        says = (
            f"its rolling update waits for {broken.name}, which is not ready; {citations.listed(p.name for p in old)} keep the old revision"
        )
        evidence = citations.field(workload, "status", "updateRevision")
    stuck = strategy != "OnDelete" and not partition
    yield Finding(
        code="RolloutIncomplete",
        severity="warning" if stuck else "info",
        object=workload.ref,
        summary=f"{workload.ref} is not fully updated: {says}",
        evidence=(evidence, citations.field(workload, "status", "updateRevision")),
        owner=workload.ref,
        remedies=(Remedy("see the rollout", command_for(workload.ref, "rollout status"), "read"),),
        confidence=confidence([STATE * 0.6, RELATION]),
        docs=("StatefulSet update strategy",),
    )


def _stuck_old_revision(workload: Obj, broken: Obj) -> Finding:
    """A broken pod of an old revision: the controller waits for it to become ready before it replaces it."""
    revision = broken.labels.get("controller-revision-hash", "")
    return Finding(
        code="StuckOldRevision",
        severity="critical",
        object=workload.ref,
        summary=f"{broken.name} still runs the old revision {revision} of {workload.ref} and is not ready; the template "
        "was changed since, but under "
        "OrderedReady the controller waits for the broken pod instead of replacing it, so it has to be deleted by hand",
        evidence=(citations.field(broken, "metadata", "labels"), citations.field(workload, "status", "updateRevision")),
        owner=workload.ref,
        remedies=(
            Remedy(
                "delete the broken pod, so that it comes back with the new template",
                f"kubectl delete pod/{broken.name} -n {broken.namespace}",
                "destructive",
            ),
        ),
        confidence=confidence([STATE, RELATION]),
        docs=("StatefulSet forced rollback",),
    )


@analyzer("replicasets", speciality="workload", needs=("replicasets.apps", "events"))
def replicasets(view: ClusterView) -> Iterable[Finding]:
    """ReplicaSets that stand alone and lack pods."""
    for workload in view.all("replicasets.apps"):
        if workload.controller is not None or workload.deleting_since is not None:
            continue
        wanted, ready = int_at(workload.raw, "spec", "replicas", default=1), int_at(workload.raw, "status", "readyReplicas")
        failure = workload.condition("ReplicaFailure")
        if wanted and failure.get("status") == "True":
            yield failed_create(workload, text_at(failure, "message"), [citations.condition(workload, "ReplicaFailure")], ready, wanted)
        elif ready < wanted:
            yield short_of_pods(workload, ready, wanted, [citations.field(workload, "status")])
