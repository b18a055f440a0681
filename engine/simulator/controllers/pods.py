"""New pods: where they would be scheduled, and whether they come up.

A pod of a specification whose newest sibling fails comes up failing in the same way: no change in memory may look like a repair.
A pod of another specification comes up running and ready, since nothing is known that speaks against it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from engine.cluster.objects import at, labels_at, map_at, maps_at, text_at
from engine.cluster.source import RawObject
from engine.simulator.controllers.scheduling import judges, schedule
from engine.simulator.controllers.store import Store, condition, digest, emit_event, found, listed, name_of, namespace_of

CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def is_ready(pod: Mapping[str, Any]) -> bool:
    return condition(pod, "Ready").get("status") == "True" and not at(pod, "metadata", "deletionTimestamp")


def is_active(pod: Mapping[str, Any]) -> bool:
    """Whether a pod counts as a replica: neither finished nor going."""
    return text_at(pod, "status", "phase") not in ("Succeeded", "Failed") and not at(pod, "metadata", "deletionTimestamp")


def on_dead_node(store: Store, pod: RawObject) -> bool:
    """Whether the pod's node no longer answers, so that nobody can confirm its end."""
    node = found(store, "nodes", "", text_at(pod, "spec", "nodeName"))
    return node is not None and condition(node, "Ready").get("status") not in ("True", None)


def create_pod(
    store: Store,
    *,
    name: str,
    template: Mapping[str, Any],
    owner: Mapping[str, Any],
    namespace: str,
    siblings: Sequence[RawObject],
    labels: Mapping[str, str],
    node: str = "",
    claims: Mapping[str, str] | None = None,
) -> RawObject:
    """Write one pod of a template; `siblings` are pods of the same workload, also ones that were deleted just now.

    `claims` are the pod's own volume claims by their volume.
    """
    sibling = _newest_equal(siblings, template)
    spec = copy.deepcopy(sibling["spec"] if sibling else dict(map_at(template, "spec")))
    spec.pop("nodeName", None)
    if claims:
        others = [volume for volume in maps_at(spec, "volumes") if text_at(volume, "name") not in claims]
        own = [{"name": volume, "persistentVolumeClaim": {"claimName": claim}} for volume, claim in claims.items()]
        spec["volumes"] = [*own, *others]
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "labels": {**labels_at(template, "metadata", "labels"), **labels},
        "ownerReferences": [dict(owner)],
    }
    if annotations := labels_at(template, "metadata", "annotations"):
        metadata["annotations"] = annotations
    pod: RawObject = {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec}
    host = node or schedule(store, spec, namespace, text_at(sibling, "spec", "nodeName"))
    failing = sibling is not None and not is_ready(sibling)
    if sibling is not None and failing:
        pod["status"] = _same_failure(store, sibling)
        if text_at(sibling, "spec", "nodeName"):
            spec["nodeName"] = host or text_at(sibling, "spec", "nodeName")
        store.log_like(namespace, name, name_of(sibling))
    elif host:
        spec["nodeName"] = host
        pod["status"] = _running(store, pod, host, sibling)
    else:
        pod["status"] = _unschedulable(store)
    written = store.write("pods", pod).after or pod
    if host and not failing:
        emit_event(store, written, "Scheduled", f"Successfully assigned {namespace}/{name} to {host}", "default-scheduler")
    return written


def start_pod(store: Store, pod: RawObject) -> None:
    """Let a pod that nobody controls come up on a node that takes it, or wait for one."""
    spec = dict(map_at(pod, "spec"))
    host = text_at(spec, "nodeName") or schedule(store, spec, namespace_of(pod))
    if not host:
        store.write("pods", {**pod, "status": _unschedulable(store)})
        return
    status = _running(store, pod, host, None)
    store.write("pods", {**pod, "spec": {**spec, "nodeName": host}, "status": status})
    message = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {host}"
    emit_event(store, pod, "Scheduled", message, "default-scheduler")


def place_waiting_pods(store: Store) -> set[str]:
    """Let pods that wait for a node come up where there now is one; the answer is the namespaces that have such pods."""
    placed = set()
    for pod in listed(store, "pods"):
        spec = map_at(pod, "spec")
        if not is_active(pod) or text_at(spec, "nodeName") or text_at(pod, "status", "phase") != "Pending":
            continue
        if judges(spec) and schedule(store, spec, namespace_of(pod)):
            start_pod(store, pod)
            placed.add(namespace_of(pod))
    return placed


def _newest_equal(siblings: Sequence[RawObject], template: Mapping[str, Any]) -> RawObject | None:
    """The newest pod of the same specification: same containers, init containers and volumes of the template's own."""
    equal = [pod for pod in siblings if same_specification(pod, template)]
    alive = [pod for pod in equal if not at(pod, "metadata", "deletionTimestamp")] or equal
    return max(alive, key=lambda pod: text_at(pod, "metadata", "creationTimestamp"), default=None)


def same_specification(pod: Mapping[str, Any], template: Mapping[str, Any]) -> bool:
    """Whether a pod runs what a template says; what admission adds to pods (token volumes, defaults) does not count."""
    return all(
        _own_parts(maps_at(pod, "spec", part)) == _own_parts(maps_at(template, "spec", part)) for part in ("containers", "initContainers")
    ) and all(at(pod, "spec", key) == value for key, value in map_at(template, "spec").items() if key in ("nodeSelector", "affinity"))


def _own_parts(containers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    own = []
    for container in containers:
        mounts = [m for m in maps_at(container, "volumeMounts") if not text_at(m, "name").startswith("kube-api-access-")]
        part = {key: value for key, value in container.items() if key != "volumeMounts"}
        own.append(part | ({"volumeMounts": mounts} if mounts else {}))
    return own


def _running(store: Store, pod: RawObject, host: str, sibling: RawObject | None) -> dict[str, Any]:
    moment = store.stamp()
    images = {text_at(s, "name"): text_at(s, "imageID") for s in maps_at(sibling, "status", "containerStatuses")}
    address = f"10.244.{250 + store.revision // 250 % 5}.{store.revision % 250 + 1}"
    node = found(store, "nodes", "", host) or {}
    host_address = next((text_at(a, "address") for a in maps_at(node, "status", "addresses") if a.get("type") == "InternalIP"), "")
    statuses = [_container_running(container, images, moment) for container in maps_at(pod, "spec", "containers")]
    done = {"exitCode": 0, "reason": "Completed", "startedAt": moment, "finishedAt": moment}
    init = [
        _container_running(c, images, moment)
        if c.get("restartPolicy") == "Always"
        else {**_container_running(c, images, moment), "state": {"terminated": done}, "started": False}
        for c in maps_at(pod, "spec", "initContainers")
    ]
    own_address = host_address if at(pod, "spec", "hostNetwork") else address
    status: dict[str, Any] = {
        "phase": "Running",
        "conditions": [{"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": moment} for kind in CONDITIONS],
        "hostIP": host_address,
        "podIP": own_address,
        "podIPs": [{"ip": own_address}],
        "startTime": moment,
        "containerStatuses": statuses,
        "qosClass": text_at(sibling, "status", "qosClass") or "Burstable",
    }
    return status | ({"initContainerStatuses": init} if init else {})


def _container_running(container: Mapping[str, Any], images: Mapping[str, str], moment: str) -> dict[str, Any]:
    name, image = text_at(container, "name"), text_at(container, "image")
    return {
        "name": name,
        "image": image,
        "imageID": images.get(name) or image,
        "containerID": f"containerd://{digest([name, image, moment], 32)}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": moment}},
        "lastState": {},
    }


def _same_failure(store: Store, sibling: RawObject) -> dict[str, Any]:
    """The sibling's status, as it would read on a pod that was created now."""
    status: dict[str, Any] = copy.deepcopy(dict(map_at(sibling, "status")))
    moment = store.stamp()
    for part in ("containerStatuses", "initContainerStatuses"):
        for entry in maps_at(status, part):
            if isinstance(entry, dict) and entry.get("restartCount"):
                entry["restartCount"] = 1
            for state in (*map_at(entry, "state").values(), *map_at(entry, "lastState").values()):
                if isinstance(state, dict):
                    state.update({key: moment for key in ("startedAt", "finishedAt") if state.get(key)})
    for entry in maps_at(status, "conditions"):
        if isinstance(entry, dict):
            entry["lastTransitionTime"] = moment
    if "startTime" in status:
        status["startTime"] = moment
    return status


def _unschedulable(store: Store) -> dict[str, Any]:
    nodes = listed(store, "nodes")
    message = f"0/{len(nodes)} nodes are available: none of them is ready, schedulable and selected by the pod."
    entry = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [{**entry, "lastTransitionTime": store.stamp()}], "qosClass": "Burstable"}


def pod_rank(pod: RawObject) -> tuple[bool, str, str]:
    """Which pod goes first when there are too many: one that is not ready, then the newest."""
    newest_first = "".join(chr(255 - ord(letter)) for letter in text_at(pod, "metadata", "creationTimestamp"))
    return is_ready(pod), newest_first, name_of(pod)


def end_pod(store: Store, pod: RawObject) -> None:
    """Remove a pod; on a node that no longer answers it only begins to terminate."""
    if on_dead_node(store, pod):
        if not at(pod, "metadata", "deletionTimestamp"):
            metadata = {**map_at(pod, "metadata"), "deletionTimestamp": store.stamp(), "deletionGracePeriodSeconds": 30}
            store.write("pods", {**pod, "metadata": metadata})
        return
    store.drop("pods", namespace_of(pod), name_of(pod))
