"""Deployments and ReplicaSets: a template that changed gets a new ReplicaSet, replicas follow the wish, status follows the pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.cluster.objects import at, int_at, labels_at, map_at, maps_at, text_at
from engine.cluster.source import RawObject, RawObjects
from engine.simulator.controllers.pods import create_pod, end_pod, is_active, is_ready, pod_rank, same_specification
from engine.simulator.controllers.quota_checks import refusal, stays
from engine.simulator.controllers.store import (
    Store,
    condition,
    digest,
    emit_event,
    found,
    name_of,
    namespace_of,
    owned,
    reference_to,
    uid_of,
    with_metadata,
)

DEPLOYMENTS, REPLICA_SETS = "deployments.apps", "replicasets.apps"
HASH = "pod-template-hash"
LASTING = ("NewReplicaSetAvailable", "NewReplicaSetCreated", "ProgressDeadlineExceeded")
"""What a rollout has come to, and what stays said of the same ReplicaSet when its pods fail later."""
REVISION = "deployment.kubernetes.io/revision"


def sync_deployment(store: Store, namespace: str, name: str, gone: RawObjects) -> None:
    """Bring a Deployment's ReplicaSets, pods and status to its spec; `gone` are pods that were deleted just now."""
    deployment = found(store, DEPLOYMENTS, namespace, name)
    if deployment is None or at(deployment, "metadata", "deletionTimestamp"):
        return
    sets = owned(store, REPLICA_SETS, deployment)
    wanted = int_at(deployment, "spec", "replicas", default=1)
    template = without_nulls(map_at(deployment, "spec", "template"))
    current = next((s for s in sets if _template_of(s) == template), None)
    if at(deployment, "spec", "paused") is not True:
        siblings = [*gone, *(pod for s in sets for pod in owned(store, "pods", s))]
        newest = max((_revision(s) for s in sets), default=0)
        if current is None:
            current = _new_set(store, deployment, newest + 1, sets)
        elif _revision(current) < newest:
            current = _with_revision(store, current, newest + 1)
        # The old pods go first: what a rollout keeps up meanwhile does not show in one step.
        for old in sets:
            if uid_of(old) != uid_of(current):
                _scale(store, deployment, old, 0, siblings)
        _scale(store, deployment, current, wanted, siblings)
    elif current is not None:
        _scale(store, deployment, current, wanted, gone)
    _write_status(store, namespace, name, current)


def sync_replica_set(store: Store, namespace: str, name: str, siblings: RawObjects) -> None:
    """Bring a ReplicaSet's pods and status to its spec."""
    replica_set = found(store, REPLICA_SETS, namespace, name)
    if replica_set is None or at(replica_set, "metadata", "deletionTimestamp"):
        return
    wanted = int_at(replica_set, "spec", "replicas", default=1)
    pods = [pod for pod in owned(store, "pods", replica_set) if is_active(pod)]
    for pod in sorted(pods, key=pod_rank)[: max(0, len(pods) - wanted)]:
        end_pod(store, pod)
        emit_event(store, replica_set, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}", "replicaset-controller")
    held = text_at(condition(replica_set, "ReplicaFailure"), "message")
    refused = ""
    for _ in range(wanted - len(pods)):
        refused = (
            held if stays(store, namespace, held) else refusal(store, namespace, name, map_at(replica_set, "spec", "template", "spec"))
        )
        if refused:
            message = f"Error creating: {refused}"
            emit_event(store, replica_set, "FailedCreate", message, "replicaset-controller", kind="Warning")
            break
        pod = create_pod(
            store,
            name=f"{name}-{digest([uid_of(replica_set), store.revision], 5)}",
            template=map_at(replica_set, "spec", "template"),
            owner=reference_to(replica_set),
            namespace=namespace,
            siblings=[*siblings, *owned(store, "pods", replica_set)],
            labels={},
        )
        emit_event(store, replica_set, "SuccessfulCreate", f"Created pod: {name_of(pod)}", "replicaset-controller")
    every = owned(store, "pods", replica_set)
    pods = [pod for pod in every if is_active(pod)]
    ready = sum(is_ready(pod) for pod in pods)
    counts = {"replicas": len(pods), "fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
    status: dict[str, Any] = {key: value for key, value in counts.items() if value or key == "replicas"}
    if at(replica_set, "status", "terminatingReplicas") is not None:
        status["terminatingReplicas"] = sum(bool(at(pod, "metadata", "deletionTimestamp")) for pod in every)
    if refused:
        status["conditions"] = [_condition(store, replica_set, "ReplicaFailure", "True", "FailedCreate", refused)]
    status["observedGeneration"] = int_at(replica_set, "metadata", "generation", default=1)
    if status != at(replica_set, "status"):
        store.write(REPLICA_SETS, {**replica_set, "status": status})


def without_nulls(value: Any) -> Any:
    """A copy without the fields that hold null, as a real server keeps objects; kubectl up to 1.32 sends `creationTimestamp: null`."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _template_of(replica_set: RawObject) -> dict[str, Any]:
    template: dict[str, Any] = without_nulls(map_at(replica_set, "spec", "template"))
    labels = at(template, "metadata", "labels")
    if isinstance(labels, dict):
        labels.pop(HASH, None)
    return template


def _revision(replica_set: RawObject) -> int:
    return int_at(replica_set, "metadata", "annotations", REVISION)


def _with_revision(store: Store, replica_set: RawObject, revision: int) -> RawObject:
    annotations = {**labels_at(replica_set, "metadata", "annotations"), REVISION: str(revision)}
    return store.write(REPLICA_SETS, with_metadata(replica_set, annotations=annotations)).after or replica_set


def _new_set(store: Store, deployment: RawObject, revision: int, others: RawObjects) -> RawObject:
    template: dict[str, Any] = without_nulls(map_at(deployment, "spec", "template"))
    word = digest(template, 10)
    labels = {**labels_at(template, "metadata", "labels"), HASH: word}
    template["metadata"] = {**map_at(template, "metadata"), "labels": labels}
    selector = dict(map_at(deployment, "spec", "selector"))
    selector["matchLabels"] = {**labels_at(selector, "matchLabels"), HASH: word}
    made: RawObject = {
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": f"{name_of(deployment)}-{word}",
            "namespace": namespace_of(deployment),
            "labels": labels,
            "annotations": {REVISION: str(revision), "deployment.kubernetes.io/desired-replicas": text_at(deployment, "spec", "replicas")},
            "ownerReferences": [reference_to(deployment)],
            "generation": 1,
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
        "status": {"replicas": 0} | _inherited(template, others),
    }
    return store.write(REPLICA_SETS, made).after or made


def _inherited(template: dict[str, Any], others: RawObjects) -> dict[str, Any]:
    """The refusal that pods of the same specification met before: a new name does not lift it."""
    for other in others:
        failure = condition(other, "ReplicaFailure")
        if failure and same_specification(map_at(other, "spec", "template"), template):
            return {"conditions": [dict(failure)]}
    return {}


def _scale(store: Store, deployment: RawObject, replica_set: RawObject, wanted: int, siblings: RawObjects) -> None:
    name, had = name_of(replica_set), int_at(replica_set, "spec", "replicas")
    if had != wanted:
        metadata = {**map_at(replica_set, "metadata"), "generation": int_at(replica_set, "metadata", "generation", default=1) + 1}
        store.write(REPLICA_SETS, {**replica_set, "metadata": metadata, "spec": {**replica_set["spec"], "replicas": wanted}})
        word = "up" if wanted > had else "down"
        message = f"Scaled {word} replica set {name} from {had} to {wanted}"
        emit_event(store, deployment, "ScalingReplicaSet", message, "deployment-controller")
    sync_replica_set(store, namespace_of(replica_set), name, siblings)


def _write_status(store: Store, namespace: str, name: str, current: RawObject | None) -> None:
    deployment = found(store, DEPLOYMENTS, namespace, name)
    if deployment is None:
        return
    sets = owned(store, REPLICA_SETS, deployment)
    total, ready = sum(int_at(s, "status", "replicas") for s in sets), sum(int_at(s, "status", "readyReplicas") for s in sets)
    fresh = found(store, REPLICA_SETS, namespace, name_of(current)) if current else None
    updated = int_at(fresh, "status", "replicas")
    wanted = int_at(deployment, "spec", "replicas", default=1)
    counts = {
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, wanted - ready),
    }
    status: dict[str, Any] = {"observedGeneration": int_at(deployment, "metadata", "generation", default=1)}
    status |= {key: value for key, value in counts.items() if value}
    if at(deployment, "status", "terminatingReplicas") is not None:
        status["terminatingReplicas"] = sum(int_at(s, "status", "terminatingReplicas") for s in sets)
    status["conditions"] = _conditions(store, deployment, fresh, ready, wanted, complete=updated == total == wanted == ready)
    annotations = dict(labels_at(deployment, "metadata", "annotations"))
    if fresh is not None:
        annotations[REVISION] = str(_revision(fresh))
    if status != at(deployment, "status") or annotations != labels_at(deployment, "metadata", "annotations"):
        store.write(DEPLOYMENTS, {**with_metadata(deployment, annotations=annotations), "status": status})


def _conditions(
    store: Store, deployment: RawObject, current: RawObject | None, ready: int, wanted: int, *, complete: bool
) -> list[dict[str, Any]]:
    available = ready >= wanted - _may_be_unavailable(deployment, wanted)
    word = name_of(current) if current else ""
    held = condition(deployment, "Progressing")
    if complete:
        progress = ("True", "NewReplicaSetAvailable", f'ReplicaSet "{word}" has successfully progressed.')
    elif held.get("reason") in LASTING and word in text_at(held, "message"):
        progress = (text_at(held, "status"), text_at(held, "reason"), text_at(held, "message"))
    else:
        progress = ("True", "ReplicaSetUpdated", f'ReplicaSet "{word}" is progressing.')
    minimum = (
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if available
        else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    wanted_now = {"Available": minimum, "Progressing": progress}
    if failure := condition(current or {}, "ReplicaFailure"):
        wanted_now["ReplicaFailure"] = ("True", "FailedCreate", text_at(failure, "message"))
    order = [text_at(c, "type") for c in maps_at(deployment, "status", "conditions")]
    kinds = sorted(wanted_now, key=lambda kind: order.index(kind) if kind in order else len(order))
    return [_condition(store, deployment, kind, *wanted_now[kind], updates=True) for kind in kinds]


def _condition(store: Store, obj: RawObject, kind: str, status: str, reason: str, message: str, *, updates: bool = False) -> dict[str, Any]:
    held = condition(obj, kind)
    if held.get("status") == status and held.get("reason") == reason and _same_words(text_at(held, "message"), message):
        return dict(held)
    moment = store.stamp()
    turned = text_at(held, "lastTransitionTime") if held.get("status") == status else ""
    times = {"lastUpdateTime": moment} if updates else {}
    return {"type": kind, "status": status, **times, "lastTransitionTime": turned or moment, "reason": reason, "message": message}


def _same_words(held: str, message: str) -> bool:
    """Whether two messages say the same; a refusal names the pod that was not created, another one each time."""
    return held == message or (
        " is forbidden: " in held and held.partition(" is forbidden: ")[2] == message.partition(" is forbidden: ")[2]
    )


def _may_be_unavailable(deployment: RawObject, wanted: int) -> int:
    value = at(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable")
    if isinstance(value, int):
        return min(value, wanted)
    percent = value if isinstance(value, str) and value.endswith("%") else "25%"
    return wanted * int(percent[:-1]) // 100 if percent[:-1].isdigit() else 0
