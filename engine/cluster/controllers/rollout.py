"""Deployments and ReplicaSets: a template that changed gets a new ReplicaSet, replicas follow the wish, status follows the pods."""

from __future__ import annotations

import copy
from typing import Any

from engine.cluster.controllers.pods import create_pod, end_pod, is_active, is_ready, pod_rank
from engine.cluster.controllers.store import (
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
from engine.cluster.objects import at, int_at, labels_at, map_at, text_at
from engine.cluster.source import RawObject, RawObjects

DEPLOYMENTS, REPLICA_SETS = "deployments.apps", "replicasets.apps"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


def sync_deployment(store: Store, namespace: str, name: str, gone: RawObjects) -> None:
    """Bring a Deployment's ReplicaSets, pods and status to its spec; `gone` are pods that were deleted just now."""
    deployment = found(store, DEPLOYMENTS, namespace, name)
    if deployment is None or at(deployment, "metadata", "deletionTimestamp"):
        return
    sets = owned(store, REPLICA_SETS, deployment)
    wanted = int_at(deployment, "spec", "replicas", default=1)
    current = next((s for s in sets if _template_of(s) == at(deployment, "spec", "template")), None)
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
    for _ in range(wanted - len(pods)):
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
    pods = [pod for pod in owned(store, "pods", replica_set) if is_active(pod)]
    ready = sum(is_ready(pod) for pod in pods)
    counts = {"replicas": len(pods), "fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
    status: dict[str, Any] = {key: value for key, value in counts.items() if value or key == "replicas"}
    status["observedGeneration"] = int_at(replica_set, "metadata", "generation", default=1)
    if status != at(replica_set, "status"):
        store.write(REPLICA_SETS, {**replica_set, "status": status})


def _template_of(replica_set: RawObject) -> dict[str, Any]:
    template: dict[str, Any] = copy.deepcopy(dict(map_at(replica_set, "spec", "template")))
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
    template = copy.deepcopy(dict(map_at(deployment, "spec", "template")))
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
        "status": {"replicas": 0},
    }
    return store.write(REPLICA_SETS, made).after or made


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
    elif held.get("reason") == "ProgressDeadlineExceeded" and word in text_at(held, "message"):
        progress = (text_at(held, "status"), text_at(held, "reason"), text_at(held, "message"))
    else:
        progress = ("True", "ReplicaSetUpdated", f'ReplicaSet "{word}" is progressing.')
    minimum = (
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if available
        else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    return [_condition(store, deployment, "Available", *minimum), _condition(store, deployment, "Progressing", *progress)]


def _condition(store: Store, deployment: RawObject, kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    held = condition(deployment, kind)
    if all(held.get(key) == value for key, value in (("status", status), ("reason", reason), ("message", message))):
        return dict(held)
    moment = store.stamp()
    turned = text_at(held, "lastTransitionTime") if held.get("status") == status else ""
    times = {"lastUpdateTime": moment, "lastTransitionTime": turned or moment}
    return {"type": kind, "status": status, **times, "reason": reason, "message": message}


def _may_be_unavailable(deployment: RawObject, wanted: int) -> int:
    value = at(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable")
    if isinstance(value, int):
        return min(value, wanted)
    percent = value if isinstance(value, str) and value.endswith("%") else "25%"
    return wanted * int(percent[:-1]) // 100 if percent[:-1].isdigit() else 0
