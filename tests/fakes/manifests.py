"""Small builders of Kubernetes objects as the API returns them, for tests of analyzers; every test says only what matters to it."""

# ruff: noqa: E501 - objects stand on one line where that reads as the API's YAML does
from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.analyzers.common.view import ClusterView

NOW = datetime(2031, 5, 4, 12, 0, 0, tzinfo=UTC)
Raw = dict[str, Any]
NS = "lab"


def ago(seconds: float) -> str:
    """RFC 3339, so many seconds before the view's now."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def meta(name: str, namespace: str = NS, **more: Any) -> Raw:
    body = {"name": name, "uid": f"uid-{namespace}-{name}", "creationTimestamp": ago(3600), **more}
    return {**body, "namespace": namespace} if namespace else body


def container(name: str = "app", image: str = "registry.example/app:1", **spec: Any) -> Raw:
    return {"name": name, "image": image, **spec}


def ended(code: int, reason: str = "Error", seconds: float = 30, ran: float = 2, message: str = "") -> Raw:
    body = {"exitCode": code, "reason": reason, "startedAt": ago(seconds + ran), "finishedAt": ago(seconds)}
    return {**body, "message": message} if message else body


def crash_loop(name: str = "app", code: int = 1, restarts: int = 6, **more: Any) -> Raw:
    """A container status in CrashLoopBackOff; `more` goes into the last termination."""
    return {
        "name": name,
        "ready": False,
        "started": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off 2m40s restarting failed container={name}"}},
        "lastState": {"terminated": {**ended(code), **more}},
    }


def waiting(reason: str, message: str = "", name: str = "app") -> Raw:
    return {
        "name": name,
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason, **({"message": message} if message else {})}},
    }


def running(name: str = "app", ready: bool = True, seconds: float = 3000, restarts: int = 0, last: Raw | None = None) -> Raw:
    return {
        "name": name,
        "ready": ready,
        "started": True,
        "restartCount": restarts,
        "state": {"running": {"startedAt": ago(seconds)}},
        **({"lastState": {"terminated": last}} if last else {}),
    }


def pod(
    name: str = "web-5d8-abcde",
    *containers: Raw,
    statuses: list[Raw] | None = None,
    init: list[Raw] | None = None,
    init_statuses: list[Raw] | None = None,
    phase: str = "Running",
    owner: tuple[str, str] | None = ("ReplicaSet", "web-5d8"),
    node: str = "node-a",
    namespace: str = NS,
    labels: dict[str, str] | None = None,
    spec: Raw | None = None,
    status: Raw | None = None,
    **metadata: Any,
) -> Raw:
    references = [{"kind": owner[0], "name": owner[1], "uid": f"uid-{namespace}-{owner[1]}", "controller": True}] if owner else []
    own = list(containers) or [container()]
    states = statuses if statuses is not None else [running(c["name"]) for c in own]
    ready = all(s.get("ready") for s in states) and bool(states) and phase == "Running"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, namespace, labels=labels or {"app": "web"}, ownerReferences=references, **metadata),
        "spec": {
            "nodeName": node,
            "restartPolicy": "Always",
            "containers": own,
            **({"initContainers": init} if init else {}),
            **(spec or {}),
        },
        "status": {
            "phase": phase,
            "containerStatuses": states,
            **({"initContainerStatuses": init_statuses} if init_statuses else {}),
            "conditions": [
                {"type": "Ready", "status": "True" if ready else "False"},
                {"type": "ContainersReady", "status": "True" if ready else "False"},
            ],
            **(status or {}),
        },
    }


def deployment(
    name: str = "web",
    *containers: Raw,
    replicas: int = 1,
    ready: int = 0,
    namespace: str = NS,
    labels: dict[str, str] | None = None,
    spec: Raw | None = None,
    pod_spec: Raw | None = None,
    conditions: list[Raw] | None = None,
) -> Raw:
    tags = labels or {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(name, namespace, generation=1),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": tags},
            "template": {"metadata": {"labels": tags}, "spec": {"containers": list(containers) or [container()], **(pod_spec or {})}},
            **(spec or {}),
        },
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            **({"readyReplicas": ready, "availableReplicas": ready} if ready else {}),
            "conditions": conditions or [{"type": "Available", "status": "True" if ready >= replicas else "False", "reason": "MinimumReplicasUnavailable", "message": "Deployment does not have minimum availability."}],
        },
    }  # fmt: skip


def replicaset(name: str = "web-5d8", owner: str = "web", namespace: str = NS, replicas: int = 1) -> Raw:
    reference = {"kind": "Deployment", "name": owner, "uid": f"uid-{namespace}-{owner}", "controller": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": meta(name, namespace, ownerReferences=[reference]),
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": owner}}, "spec": {"containers": [container()]}}},
        "status": {"replicas": replicas},
    }


def workload(*containers: Raw, statuses: list[Raw], name: str = "web", namespace: str = NS, **of_pod: Any) -> list[Raw]:
    """A Deployment with one ReplicaSet and one pod of these containers."""
    rs = f"{name}-5d8"
    labels = {"app": name}
    ready = 1 if statuses and all(s.get("ready") for s in statuses) else 0
    pod_spec = {k: v for k, v in (of_pod.get("spec") or {}).items() if k in ("volumes", "securityContext", "imagePullSecrets")}
    if of_pod.get("init"):
        pod_spec["initContainers"] = of_pod["init"]
    return [
        deployment(name, *containers, ready=ready, namespace=namespace, pod_spec=pod_spec),
        replicaset(rs, name, namespace),
        pod(f"{rs}-abcde", *containers, statuses=statuses, owner=("ReplicaSet", rs), namespace=namespace, labels=labels, **of_pod),
    ]


def event(about: Raw, reason: str, message: str, *, kind: str = "Warning", seconds: float = 20, count: int = 5, container: str = "") -> Raw:
    where = {
        "kind": about["kind"],
        "name": about["metadata"]["name"],
        "namespace": about["metadata"].get("namespace", ""),
        "uid": about["metadata"]["uid"],
    }
    if container:
        where["fieldPath"] = f"spec.containers{{{container}}}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta(
            f"{about['metadata']['name']}.{reason}.{zlib.crc32(message.encode()) % 10**8}", about["metadata"].get("namespace") or "default"
        ),
        "involvedObject": where,
        "reason": reason,
        "message": message,
        "type": kind,
        "count": count,
        "firstTimestamp": ago(seconds + 600),
        "lastTimestamp": ago(seconds),
    }


def config_map(name: str, data: dict[str, str], namespace: str = NS) -> Raw:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, namespace), "data": data}


def secret(name: str, *keys: str, namespace: str = NS, kind: str = "Opaque") -> Raw:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta(name, namespace), "type": kind, "data": dict.fromkeys(keys, "")}


def service(
    name: str,
    selector: dict[str, str] | None = None,
    *,
    port: int = 80,
    target: int | str = 8080,
    namespace: str = NS,
    ip: str = "10.96.0.50",
    **spec: Any,
) -> Raw:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(name, namespace),
        "spec": {"type": "ClusterIP", "clusterIP": ip, "selector": selector or {"app": name}, "ports": [{"port": port, "targetPort": target, "protocol": "TCP"}], **spec},
    }  # fmt: skip


def namespace(name: str = NS) -> Raw:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(name, ""), "status": {"phase": "Active"}}


def node(name: str = "node-a", ready: str = "True", **status: Any) -> Raw:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(name, "", labels={"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64"}),
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "reason": "KubeletReady", "message": "kubelet is posting ready status"}],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.2"},
            "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
            "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"},
            **status,
        },
    }


def log_of(
    raw_pod: Raw, text: str, name: str = "app", previous: bool = False, every: float = 1, until: float = 30
) -> dict[tuple[str, str, str, bool], list[str]]:
    """A log for `view`: the lines stamped as the kubelet does, the last one `until` seconds ago, one each `every` seconds."""
    lines = text.strip("\n").split("\n")
    stamped = [
        f"{(NOW - timedelta(seconds=until + every * (len(lines) - 1 - i))).strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {line}"
        for i, line in enumerate(lines)
    ]
    return {(raw_pod["metadata"]["namespace"], raw_pod["metadata"]["name"], name, previous): stamped}


def view(*objects: Raw | list[Raw], logs: dict[tuple[str, str, str, bool], list[str]] | None = None, scope: str | None = NS) -> ClusterView:
    """A view over these objects, with a namespace and a ready node, at NOW."""
    flat: list[Raw] = []
    for item in objects:
        flat.extend(item if isinstance(item, list) else [item])
    names = {o["metadata"]["name"] for o in flat if o["kind"] == "Namespace"}
    spaces = {o["metadata"].get("namespace") for o in flat} - {None, ""} - names
    extra = [namespace(n) for n in sorted(spaces)]
    if not any(o["kind"] == "Node" for o in flat):
        extra.append(node())
    return ClusterView.from_objects([*extra, *flat], now=NOW, namespace=scope, logs=logs)
