"""StatefulSets, DaemonSets and Jobs: pods by number, by node, and until the work is done."""

from __future__ import annotations

from typing import Any

from engine.cluster.objects import at, int_at, labels_at, map_at, maps_at, text_at
from engine.cluster.source import RawObject, RawObjects
from engine.simulator.controllers.pods import create_pod, end_pod, is_active, is_ready, on_dead_node, same_specification
from engine.simulator.controllers.quota_checks import refusal
from engine.simulator.controllers.store import Store, digest, emit_event, found, listed, name_of, namespace_of, owned, reference_to, uid_of
from engine.simulator.controllers.volumes import CLAIMS

STATEFUL_SETS, DAEMON_SETS, JOBS = "statefulsets.apps", "daemonsets.apps", "jobs.batch"
REVISION_HASH = "controller-revision-hash"


def _follows_template(pod: RawObject, template: dict[str, Any]) -> bool:
    labels, annotations = labels_at(pod, "metadata", "labels"), labels_at(pod, "metadata", "annotations")
    return (
        labels_at(template, "metadata", "labels").items() <= labels.items()
        and labels_at(template, "metadata", "annotations").items() <= annotations.items()
        and same_specification(pod, template)
    )


def _revision_of(owner: RawObject, pods: RawObjects, template: dict[str, Any]) -> str:
    """The revision label of pods of this template: the one in use, or a new word for a template that no pod has yet."""
    for pod in pods:
        if _follows_template(pod, template) and (word := labels_at(pod, "metadata", "labels").get(REVISION_HASH)):
            return word
    return f"{name_of(owner)}-{digest(template, 10)}" if owner["kind"] == "StatefulSet" else digest(template, 10)


def sync_stateful_set(store: Store, namespace: str, name: str, gone: RawObjects) -> None:
    """Bring a StatefulSet's pods and status to its spec: from number 0 up, waiting at one that is not ready."""
    owner = found(store, STATEFUL_SETS, namespace, name)
    if owner is None:
        return
    template, wanted = dict(map_at(owner, "spec", "template")), int_at(owner, "spec", "replicas", default=1)
    pods = owned(store, "pods", owner)
    revision = _revision_of(owner, [*gone, *pods], template)
    old = [pod for pod in pods if not _follows_template(pod, template)]
    beyond = [pod for pod in pods if _ordinal(pod) >= wanted]
    for pod in {name_of(pod): pod for pod in (*old, *beyond)}.values():
        end_pod(store, pod)
        emit_event(
            store, owner, "SuccessfulDelete", f"delete Pod {name_of(pod)} in StatefulSet {name} successful", "statefulset-controller"
        )
    in_order = text_at(owner, "spec", "podManagementPolicy") != "Parallel"
    for number in range(wanted):
        held = found(store, "pods", namespace, f"{name}-{number}")
        if held is None and _refused(store, owner, f"{name}-{number}"):
            break
        if held is None:
            labels = {
                REVISION_HASH: revision,
                "statefulset.kubernetes.io/pod-name": f"{name}-{number}",
                "apps.kubernetes.io/pod-index": str(number),
            }
            held = create_pod(
                store,
                name=f"{name}-{number}",
                template=template,
                owner=reference_to(owner),
                namespace=namespace,
                siblings=[*gone, *pods],
                labels=labels,
                claims=_claims(store, owner, f"{name}-{number}"),
            )
            message = f"create Pod {name}-{number} in StatefulSet {name} successful"
            emit_event(store, owner, "SuccessfulCreate", message, "statefulset-controller")
        if in_order and not is_ready(held):
            break
    pods = [pod for pod in owned(store, "pods", owner) if is_active(pod)]
    updated = sum(_follows_template(pod, template) for pod in pods)
    ready = sum(is_ready(pod) for pod in pods)
    status = {
        **{key: value for key, value in map_at(owner, "status").items() if key in ("collisionCount", "conditions")},
        "observedGeneration": int_at(owner, "metadata", "generation", default=1),
        "replicas": len(pods),
        **({"readyReplicas": ready} if ready else {}),
        "availableReplicas": ready,
        "currentReplicas": updated,
        "updatedReplicas": updated,
        "currentRevision": revision,
        "updateRevision": revision,
    }
    _write_status(store, STATEFUL_SETS, owner, status)


def _claims(store: Store, owner: RawObject, pod: str) -> dict[str, str]:
    """The claims of one pod by volume; a missing one is made and waits, as nothing here provides volumes."""
    claims = {}
    for template in maps_at(owner, "spec", "volumeClaimTemplates"):
        volume, namespace = text_at(template, "metadata", "name"), namespace_of(owner)
        claims[volume] = f"{volume}-{pod}"
        if found(store, CLAIMS, namespace, claims[volume]) is None:
            metadata = {"name": claims[volume], "namespace": namespace, "labels": labels_at(owner, "spec", "selector", "matchLabels")}
            claim = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": metadata, "spec": dict(map_at(template, "spec"))}
            store.write(CLAIMS, {**claim, "status": {"phase": "Pending"}})
    return claims


def _ordinal(pod: RawObject) -> int:
    number = name_of(pod).rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def sync_daemon_set(store: Store, namespace: str, name: str, gone: RawObjects) -> None:
    """Keep one pod of the template on each node that had one, and on new nodes that take it."""
    owner = found(store, DAEMON_SETS, namespace, name)
    if owner is None:
        return
    template = dict(map_at(owner, "spec", "template"))
    pods = owned(store, "pods", owner)
    revision = _revision_of(owner, [*gone, *pods], template)
    nodes = {text_at(pod, "spec", "nodeName") for pod in (*gone, *pods)} & {name_of(node) for node in listed(store, "nodes")}
    for pod in pods:
        if not _follows_template(pod, template) and not on_dead_node(store, pod):
            end_pod(store, pod)
    held = {text_at(pod, "spec", "nodeName") for pod in owned(store, "pods", owner)}
    for node in sorted(nodes - held):
        if _refused(store, owner, name):
            break
        pod = create_pod(
            store,
            name=f"{name}-{digest([uid_of(owner), node, store.revision], 5)}",
            template=template,
            owner=reference_to(owner),
            namespace=namespace,
            siblings=[pod for pod in (*gone, *pods) if text_at(pod, "spec", "nodeName") == node],
            labels={REVISION_HASH: revision, "pod-template-generation": text_at(owner, "metadata", "generation", default="1")},
            node=node,
        )
        emit_event(store, owner, "SuccessfulCreate", f"Created pod: {name_of(pod)}", "daemonset-controller")
    pods = [pod for pod in owned(store, "pods", owner) if is_active(pod)]
    ready = sum(is_ready(pod) and not on_dead_node(store, pod) for pod in pods)
    lost = {text_at(pod, "spec", "nodeName") for pod in gone} - {name_of(node) for node in listed(store, "nodes")}
    wanted = int_at(owner, "status", "desiredNumberScheduled", default=len(pods)) - len(lost)
    status = {
        **{key: value for key, value in map_at(owner, "status").items() if key in ("collisionCount", "conditions")},
        "currentNumberScheduled": len(pods),
        "numberMisscheduled": int_at(owner, "status", "numberMisscheduled"),
        "desiredNumberScheduled": wanted,
        "numberReady": ready,
        "observedGeneration": int_at(owner, "metadata", "generation", default=1),
        "updatedNumberScheduled": sum(_follows_template(pod, template) for pod in pods),
        "numberAvailable": ready,
        "numberUnavailable": wanted - ready,
    }
    _write_status(store, DAEMON_SETS, owner, {key: value for key, value in status.items() if value or key != "numberUnavailable"})


def sync_job(store: Store, namespace: str, name: str, gone: RawObjects) -> None:
    """Give an unfinished Job back the pods it is missing."""
    owner = found(store, JOBS, namespace, name)
    if owner is None or at(owner, "spec", "suspend") is True:
        return
    if any(c.get("status") == "True" and c.get("type") in ("Complete", "Failed") for c in maps_at(owner, "status", "conditions")):
        return
    active = [pod for pod in owned(store, "pods", owner) if is_active(pod)]
    for _ in range(int_at(owner, "spec", "parallelism", default=1) - len(active)):
        if _refused(store, owner, name):
            break
        pod = create_pod(
            store,
            name=f"{name}-{digest([uid_of(owner), store.revision], 5)}",
            template=map_at(owner, "spec", "template"),
            owner=reference_to(owner),
            namespace=namespace,
            siblings=gone,
            labels={"job-name": name, "batch.kubernetes.io/job-name": name, "controller-uid": uid_of(owner)},
        )
        emit_event(store, owner, "SuccessfulCreate", f"Created pod: {name_of(pod)}", "job-controller")
    active = [pod for pod in owned(store, "pods", owner) if is_active(pod)]
    status = {**map_at(owner, "status"), "active": len(active), "ready": sum(is_ready(pod) for pod in active)}
    status.setdefault("startTime", store.stamp())
    _write_status(store, JOBS, owner, status)


def _refused(store: Store, owner: RawObject, name: str) -> bool:
    why = refusal(store, namespace_of(owner), name, map_at(owner, "spec", "template", "spec"))
    if why:
        message, component = f"Error creating: {why}", f"{str(owner['kind']).lower()}-controller"
        emit_event(store, owner, "FailedCreate", message, component, kind="Warning")
    return bool(why)


def _write_status(store: Store, resource: str, owner: RawObject, status: dict[str, Any]) -> None:
    if status != at(owner, "status"):
        store.write(resource, {**owner, "status": status})
