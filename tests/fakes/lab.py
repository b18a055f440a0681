"""A lab namespace with healthy neighbours and a red herring, to which a scenario adds its fault; scored as a benchmark scores an answer."""

# ruff: noqa: E501 - objects stand on one line where that reads as the API's YAML does
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from fakes.manifests import (
    NOW,
    NS,
    Raw,
    ago,
    config_map,
    container,
    crash_loop,
    deployment,
    ended,
    event,
    log_of,
    meta,
    namespace,
    node,
    pod,
    replicaset,
    running,
    service,
    waiting,
)

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import diagnose
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj


def obj(api: str, kind: str, name: str, ns: str = NS, **body: Any) -> Raw:
    """Any object of any kind; `labels` and other metadata go into `metadata`."""
    metadata = meta(name, ns, **body.pop("metadata", {}))
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def worker(name: str, zone: str = "zone-a", labels: dict[str, str] | None = None, taints: list[Raw] | None = None, **status: Any) -> Raw:
    made = node(name, **status)
    made["metadata"]["labels"].update({"topology.kubernetes.io/zone": zone, **(labels or {})})
    made["spec"] = {"taints": taints} if taints else {}
    return made


def conditions(**states: str) -> list[Raw]:
    """A node's conditions: Ready=True unless told otherwise."""
    healthy = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True", **states}
    words = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "PID"}
    told = []
    for kind, state in healthy.items():
        reason = (
            {"True": "KubeletReady", "Unknown": "NodeStatusUnknown"}.get(state, "KubeletNotReady")
            if kind == "Ready"
            else f"KubeletHas{'' if state == 'True' else 'No' if kind == 'DiskPressure' else 'Sufficient'}{kind.removesuffix('Pressure')}"
        )
        told.append({"type": kind, "status": state, "reason": reason, "message": f"kubelet has {words.get(kind, 'posted')} state", "lastTransitionTime": ago(900)})  # fmt: skip
    return told


def claim(name: str, phase: str = "Pending", size: str = "1Gi", modes: tuple[str, ...] = ("ReadWriteOnce",), **spec: Any) -> Raw:
    bound = {"capacity": {"storage": size}, "accessModes": list(modes)} if phase == "Bound" else {}
    return obj("v1", "PersistentVolumeClaim", name, spec={"accessModes": list(modes), "volumeMode": "Filesystem", "resources": {"requests": {"storage": size}}, **spec}, status={"phase": phase, **bound})  # fmt: skip


def volume(name: str, phase: str = "Available", size: str = "1Gi", modes: tuple[str, ...] = ("ReadWriteOnce",), **spec: Any) -> Raw:
    return obj("v1", "PersistentVolume", name, "", spec={"capacity": {"storage": size}, "accessModes": list(modes), "volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain", **spec}, status={"phase": phase})  # fmt: skip


def storage_class(name: str, provisioner: str, default: bool = False, mode: str = "Immediate", **more: Any) -> Raw:
    notes = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}} if default else {}
    return obj("storage.k8s.io/v1", "StorageClass", name, "", metadata=notes, provisioner=provisioner, volumeBindingMode=mode, **more)


def uses_claim(name: str, at: str = "/data") -> tuple[Raw, Raw]:
    """Container fields and pod spec of a mounted claim."""
    return {"volumeMounts": [{"name": "d", "mountPath": at}]}, {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": name}}]}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault: the lab it is in, what a person types, the object to mend and what an answer must mention."""

    lab: Lab
    query: str
    object: str
    must: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How an answer fares: `right` with chain and evidence, `summary` by the first sentence alone, `object` by the name blamed."""

    right: bool
    summary: bool
    object: bool
    said: str


class Lab:
    """Objects and logs of a small cluster; `app` adds a workload with its pod, `add` anything else."""

    def __init__(self, *, nodes: list[Raw] | None = None, dns: bool = True) -> None:
        control = worker("control-1", taints=[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])
        control["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = ""
        workers = nodes if nodes is not None else [worker("worker-1"), worker("worker-2", "zone-b"), worker("worker-3", "zone-c")]
        self.objects: list[Raw] = [control, *workers]
        self.logs: dict[tuple[str, str, str, bool], list[str]] = {}
        self.add(namespace(NS), namespace("kube-system"), namespace("default"), namespace("other"))
        self.add(storage_class("standard", "csi.disk.example", default=True, mode="WaitForFirstConsumer"))
        self.add(obj("storage.k8s.io/v1", "CSIDriver", "csi.disk.example", "", spec={}))
        self.add(obj("v1", "ServiceAccount", "default"), config_map("kube-root-ca.crt", {"ca.crt": "x"}))
        self.add(obj("scheduling.k8s.io/v1", "PriorityClass", "system-cluster-critical", "", value=2000000000))
        if dns:
            self.app("coredns", ns="kube-system", labels={"k8s-app": "kube-dns"}, image="registry.k8s.io/coredns/coredns:v1.12.1")
        self.add(service("kube-dns", {"k8s-app": "kube-dns"}, port=53, target=53, namespace="kube-system", ip="10.96.0.10"))
        self._neighbours()

    def _neighbours(self) -> None:
        self.app("front", port=8080)
        self.add(service("front"))
        old = self.app("ledger", running(restarts=1, last=ended(1, seconds=5000)), port=8080, log='level=info msg="listening on :8080"')
        self.add(service("ledger"))
        self.add(event(old, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", seconds=3300, count=2))
        self.add(event(old, "FailedScheduling", "0/4 nodes are available: 1 Insufficient cpu.", seconds=3500, count=1))

    def add(self, *items: Raw | list[Raw]) -> None:
        for item in items:
            self.objects.extend(item if isinstance(item, list) else [item])

    def say(self, about: Raw, *told: tuple[str, str], seconds: float = 20, count: int = 5, container: str = "") -> None:
        """Warning events about an object, as (reason, message)."""
        for reason, message in told:
            kind = "Normal" if reason in {"Killing", "ExternalProvisioning", "WaitForFirstConsumer", "BackOff-Normal"} else "Warning"
            self.add(event(about, reason, message, kind=kind, seconds=seconds, count=count, container=container))

    def app(
        self,
        name: str,
        status: Raw | None = None,
        *more: tuple[Raw, Raw],
        ns: str = NS,
        log: str = "",
        events: list[tuple[str, str]] | None = None,
        spec: Raw | None = None,
        of_deployment: Raw | None = None,
        of_pod: Raw | None = None,
        labels: dict[str, str] | None = None,
        port: int = 0,
        replicas: int = 1,
        node: str = "worker-1",
        template: Raw | None = None,
        **fields: Any,
    ) -> Raw:
        """A Deployment, its ReplicaSet and one pod; `fields` are the container's, `spec` the pod's. Returns the pod."""
        tags = labels or {"app": name}
        first = container(**{"ports": [{"containerPort": port}] if port else [], **fields})
        containers = [first, *(c for c, _ in more)]
        states = [{**(status or running()), "name": first["name"]}, *(s for _, s in more)]
        extra = of_pod or {}
        waits = bool(extra.get("init_statuses")) and not all(s.get("ready") for s in extra["init_statuses"])
        ready = 1 if all(s.get("ready") for s in states) and not waits and extra.get("phase", "Running") == "Running" else 0
        pod_spec = {**(spec or {}), **({"initContainers": extra["init"]} if extra.get("init") else {})}
        made = deployment(
            name, *containers, replicas=replicas, ready=ready, namespace=ns, labels=tags, pod_spec=pod_spec, spec=of_deployment
        )
        own = pod(f"{name}-5d8-abcde", *containers, statuses=extra.get("statuses", states), owner=("ReplicaSet", f"{name}-5d8"), namespace=ns, labels=tags, node=node, spec=spec, **{k: v for k, v in extra.items() if k != "statuses"})  # fmt: skip
        rs = replicaset(f"{name}-5d8", name, ns, replicas)
        rs["spec"]["template"] = made["spec"]["template"]
        self.add(made, rs, own)
        self.say(own, *(events or []), container="" if waits else "app")
        if log:
            self.log(own, log)
        return own

    def log(self, of: Raw, text: str, name: str = "app") -> None:
        """The container's log; after a termination the current and the previous one read alike."""
        self.logs.update(log_of(of, text, name=name))
        states = [*of["status"].get("containerStatuses", []), *of["status"].get("initContainerStatuses", [])]
        if any(s["name"] == name and s.get("lastState") for s in states):
            self.logs.update(log_of(of, text, name=name, previous=True))

    def pending(self, name: str, message: str, *, spec: Raw | None = None, **fields: Any) -> Raw:
        """A Deployment whose pod the scheduler cannot place, with its event."""
        unplaced = {
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}] if message else []
        }
        made = self.app(name, waiting(""), spec=spec, of_pod={"phase": "Pending", "statuses": [], "status": unplaced}, **fields)
        made["spec"].pop("nodeName", None)
        if message:
            self.add(event(made, "FailedScheduling", message))
        return made

    def refused(self, name: str, message: str, **fields: Any) -> Raw:
        """A Deployment none of whose pods the API server admits, with the ReplicaSet's event. Returns the Deployment."""
        told = (
            f'Error creating: pods "{name}-5d8-x2x4z" is forbidden: {message}'
            if not message.startswith("!")
            else f"Error creating: {message[1:]}"
        )
        failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": told.removeprefix("Error creating: ")}
        spec = fields.pop("spec", {})
        made = deployment(name, container(**fields), ready=0, pod_spec=spec, conditions=[failed])
        made["status"].update({"replicas": 0, "unavailableReplicas": 1})
        rs = replicaset(f"{name}-5d8", name)
        rs["spec"]["template"] = made["spec"]["template"]
        rs["status"] = {"replicas": 0, "conditions": [failed]}
        self.add(made, rs, event(rs, "FailedCreate", told, count=9))
        return made

    def view(self, scope: str | None = NS) -> ClusterView:
        """The cluster as the API shows it: the endpoints controller has done its part."""
        objects = list(self.objects)
        pods = [o for o in objects if o["kind"] == "Pod"]
        for number, one in enumerate(pods):
            if one["spec"].get("nodeName"):
                one["status"].setdefault("podIP", f"10.244.1.{number + 2}")
        for svc in [o for o in objects if o["kind"] == "Service" and o["spec"].get("selector")]:
            objects.append(_slice(svc, pods))
        by_resource: dict[str, list[Obj]] = {}
        for raw in objects:
            group = raw["apiVersion"].rpartition("/")[0]
            plain = f"{raw['kind'].lower()}s.{group}" if group else f"{raw['kind'].lower()}s"
            by_resource.setdefault(RESOURCE_OF_KIND.get(raw["kind"], plain), []).append(Obj(raw))

        def fetch(resource: str, wanted: str | None) -> list[Obj]:
            return [o for o in by_resource.get(resource, []) if wanted is None or o.namespace in ("", wanted)]

        return ClusterView(fetch, now=NOW, namespace=scope, logs=lambda *key: self.logs.get(key, []), server_version="v1.36.2")


def _slice(svc: Raw, pods: list[Raw]) -> Raw:
    ns, name = svc["metadata"]["namespace"], svc["metadata"]["name"]
    wanted = svc["spec"]["selector"].items()
    ends = []
    for one in pods:
        if one["metadata"]["namespace"] == ns and wanted <= one["metadata"]["labels"].items() and one["status"].get("podIP"):
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in one["status"].get("conditions", []))
            ref = {"kind": "Pod", "name": one["metadata"]["name"], "namespace": ns, "uid": one["metadata"]["uid"]}
            ends.append({"addresses": [one["status"]["podIP"]], "conditions": {"ready": ready, "serving": ready}, "targetRef": ref})
    ports = [{"name": p.get("name", ""), "port": p["targetPort"], "protocol": p.get("protocol", "TCP")} for p in svc["spec"].get("ports", []) if isinstance(p.get("targetPort"), int)]  # fmt: skip
    owner = [{"kind": "Service", "name": name, "uid": svc["metadata"]["uid"], "controller": True}]
    return obj("discovery.k8s.io/v1", "EndpointSlice", f"{name}-x7k2p", ns, metadata={"labels": {"kubernetes.io/service-name": name}, "ownerReferences": owner}, addressType="IPv4", endpoints=ends, ports=ports if ends else [])  # fmt: skip


def score(scenario: Scenario) -> Score:
    """The first root cause's sentence, chain and first evidence against what must be mentioned, and its object against the one to mend."""
    told = diagnose(scenario.lab.view(), scenario.query)
    if not told.root_causes:
        return Score(False, False, False, f"(no root cause; findings: {[f.summary for f in told.findings][:4]})")
    root = told.root_causes[0]
    strict = " ".join([root.finding.summary, json.dumps(str(root.finding.object))])
    loose = " ".join([strict, *(e.excerpt[:300] for e in root.evidence[:4]), " ".join(root.chain)[:400]])
    hit = [all(re.search(p, text, re.IGNORECASE) for p in scenario.must) for text in (loose, strict)]
    name = scenario.object.split("/", 1)[-1]
    return Score(hit[0], hit[1], root.finding.object.name == name, f"{root.finding.code} on {root.finding.object}: {root.finding.summary}")


__all__ = [
    "Lab",
    "Scenario",
    "Score",
    "claim",
    "conditions",
    "crash_loop",
    "obj",
    "score",
    "storage_class",
    "uses_claim",
    "volume",
    "worker",
]
