"""Nodes: readiness and what the kubelet says of it, silence, pressure, cordons, versions, and pods stuck on nodes that are gone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.analyzers.common.citations import condition, event, field, latest_event, listed
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.relevance import severity_here, waiting_for_node
from engine.analyzers.common.view import ClusterView, event_time
from engine.analyzers.nodes.node_agents import agent_finding, network_agents
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, map_at, text_at, texts_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

_PRESSURE = {"MemoryPressure": "memory", "DiskPressure": "disk space (or inodes)", "PIDPressure": "process ids"}
_EXPECTED = {"Ready", *_PRESSURE, "NetworkUnavailable"}
_LEASES = "leases.coordination.k8s.io"
_SILENT_SECONDS = 60.0
_STUCK_SECONDS = 60.0
_TROUBLE = (
    "SystemOOM",
    "OOMKilling",
    "ImageGCFailed",
    "ContainerGCFailed",
    "FreeDiskSpaceFailed",
    "CIDRNotAvailable",
    "KubeletSetupFailed",
    "EvictionThresholdMet",
    "FailedNodeAllocatableEnforcement",
    "TaskHung",
    "KernelOops",
    "FilesystemIsReadOnly",
    "ContainerdUnhealthy",
    "KubeletUnhealthy",
)
_MINOR = re.compile(r"^v?1\.(\d+)")
_OLDEST_SKEW = 3


@analyzer("nodes", speciality="scheduling", needs=("nodes", "pods", "events", "daemonsets.apps", _LEASES))
def nodes(view: ClusterView) -> Iterator[Finding]:
    """Each node's conditions, lease, cordon, events and kubelet version."""
    residents: dict[str, list[Obj]] = {}
    for pod in view.all("pods"):
        if pod.text("status", "phase") not in ("Succeeded", "Failed"):
            residents.setdefault(pod.text("spec", "nodeName"), []).append(pod)
    waiting = bool(waiting_for_node(view))
    for node in view.all("nodes"):
        here = residents.get(node.name, [])
        touched = bool(here) or waiting
        ready = node.condition("Ready")
        if ready.get("status") != "True":
            yield from _not_ready(view, node, here, touched)
        else:
            yield from _silent(view, node, touched)
        yield from _conditions(view, node, here)
        if node.flag("spec", "unschedulable"):
            yield _finding(
                node,
                "NodeCordoned",
                "info",
                f"Node {node.name} is cordoned: it keeps its pods and takes no new ones",
                (field(node, "spec", "unschedulable"),),
                confidence([STATE, STATE]),
                (Remedy("let it take pods again", f"kubectl uncordon {node.name}", "mutate"),),
            )
        yield from _skew(view, node, here)


def _pre_stop(container: Mapping[str, Any]) -> str:
    """What a container's preStop hook does, in a few words, or ""."""
    hook = map_at(container, "lifecycle", "preStop")
    command = " ".join(texts_at(hook, "exec", "command"))
    return command[:120] or text_at(hook, "httpGet", "path") or ("sleep" if "sleep" in hook else "")


@analyzer("stuck-pods", speciality="workload", needs=("pods", "nodes"))
def stuck_pods(view: ClusterView) -> Iterator[Finding]:
    """Pods that were deleted and do not go: their node is silent, or a finalizer holds them."""
    for pod in view.all("pods"):
        since = pod.deleting_since
        if since is None or (view.now - since).total_seconds() < _STUCK_SECONDS:
            continue
        owner, name = view.workload_of(pod), pod.text("spec", "nodeName")
        node = view.find("nodes", "", name) if name else None
        finalizers = pod.texts("metadata", "finalizers")
        evidence: tuple[Evidence, ...] = (field(pod, "metadata", "deletionTimestamp"),)
        causes: tuple[str, ...] = ()
        if finalizers:
            code, why = "PodFinalizer", f"its finalizer {listed(finalizers)} has not been removed by the controller that set it"
            evidence = (*evidence, field(pod, "metadata", "finalizers"))
            patch = '{"metadata":{"finalizers":null}}'
            remedy = Remedy(
                "find the controller that owns the finalizer; remove it by hand only when its clean-up is done or not needed",
                f"kubectl -n {pod.namespace} patch pod {pod.name} --type=merge -p '{patch}'",
                "mutate",
            )
            object_ = pod.ref
        elif node is not None and node.condition("Ready").get("status") != "True":
            code, why = "PodOnLostNode", f"its node {name} is NotReady, so no kubelet confirms that it has ended"
            causes, object_ = (f"NodeNotReady/Node//{name}",), owner
            evidence = (*evidence, condition(node, "Ready"))
            remedy = Remedy(
                "recover the node; only when it is surely off, remove the pod by force",
                f"kubectl -n {pod.namespace} delete pod {pod.name} --grace-period=0 --force",
                "destructive",
            )
        elif name and node is None and view.can_see("nodes"):
            code, why, object_ = "PodOnLostNode", f"its node {name} does not exist any more", owner
            remedy = Remedy(
                "remove the pod by force", f"kubectl -n {pod.namespace} delete pod {pod.name} --grace-period=0 --force", "destructive"
            )
        else:
            code, why, object_ = (
                "PodTerminating",
                "the kubelet has not been able to end it: see its events and the volumes it unmounts",
                owner,
            )
            remedy = Remedy("see its events", f"kubectl -n {pod.namespace} describe pod {pod.name}", "read")
            hooked = next((c for c in pod.maps("spec", "containers") if c.get("lifecycle") and text_at(c, "name") and _pre_stop(c)), None)
            if hooked is not None:
                patience = pod.number("metadata", "deletionGracePeriodSeconds", default=30)
                what = f"container {text_at(hooked, 'name')} has a preStop hook that the kubelet waits for"
                why = f"{what}, up to {patience} s of grace: {_pre_stop(hooked)}"
                evidence = (*evidence, field(pod, "spec", "containers", pod.maps("spec", "containers").index(hooked), "lifecycle"))
            killing = latest_event(view, pod, "FailedKillPod", "FailedPreStopHook", "FailedUnmount", "Killing")
            evidence = (*evidence, *((event(killing),) if killing else ()))
        yield Finding(
            code=code,
            severity="warning",
            object=object_,
            summary=f"Pod {pod.name} has been Terminating since {pod.text('metadata', 'deletionTimestamp')}: {why}",
            evidence=evidence,
            owner=owner,
            causes=causes,
            remedies=(remedy,),
            confidence=confidence([STATE, RELATION] if code != "PodTerminating" else [STATE, HINT]),
            docs=("pod stuck terminating", "finalizer"),
            detail="" if object_ == pod.ref else pod.name,
        )


def _not_ready(view: ClusterView, node: Obj, here: list[Obj], touched: bool) -> Iterator[Finding]:
    ready = node.condition("Ready")
    message = str(ready.get("message") or "").strip().rstrip(".")
    lease = view.find(_LEASES, "kube-node-lease", node.name)
    renewed = lease.time("spec", "renewTime") if lease else None
    evidence = [condition(node, "Ready")] if ready else [field(node, "status", "conditions")]
    weights = [STATE]
    if not ready:
        why = "its kubelet has never reported a status"
    elif ready.get("status") == "Unknown":
        why = f"its kubelet stopped posting status ({ready.get('reason') or 'no heartbeat'})"
        if lease is not None and renewed is not None:
            why += (
                f"; its lease was last renewed {_ago((view.now - renewed).total_seconds())} "
                f"ago: the machine, its network or the kubelet is down"
            )
            evidence.append(field(lease, "spec", "renewTime"))
            weights.append(RELATION)
    else:
        why = f"its kubelet reports {ready.get('reason') or 'not ready'}: {message}"
        weights.append(EVENT)
    network = _network_plugin(message)
    if network:
        why = f"its pod network (CNI plugin) is not ready: {message}"
    if node.maps("spec", "taints"):
        evidence.append(field(node, "spec", "taints"))
    stuck = [p for p in here if p.deleting_since is not None]
    tail = f"; {len(here)} pods in view are on it" if here else ""
    if stuck:
        tail += f", {len(stuck)} of them stuck in Terminating"
    remedies = [
        Remedy("see its conditions and events", f"kubectl describe node {node.name}", "read"),
        Remedy("look at the kubelet on the machine (systemctl status kubelet; journalctl -u kubelet), its runtime and its network"),
    ]
    if network:
        remedies.insert(
            0,
            Remedy(
                "see the pods of the network plugin on the node",
                f"kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={node.name}",
                "read",
            ),
        )
    absent = _without_network(view, node) if network else []
    yield from absent
    yield _finding(
        node,
        "NodeNotReady",
        severity_here(view, "critical", touched),
        f"Node {node.name} is NotReady: {why}{tail}",
        tuple(evidence),
        confidence(weights),
        tuple(remedies),
        docs=("node NotReady", "kubelet", *(("CNI",) if network else ())),
        causes=tuple(f.id for f in absent),
    )


def _without_network(view: ClusterView, node: Obj) -> list[Finding]:
    """Why the pod network's own pods are not on a node, and the address range that nobody gave it."""
    found = [f for agent in network_agents(view) if (f := agent_finding(view, agent, node, "the pod network")) is not None]
    others = [n for n in view.all("nodes") if n.name != node.name and n.text("spec", "podCIDR")]
    if not node.text("spec", "podCIDR") and others:
        text = (
            f"Node {node.name} has no pod address range (spec.podCIDR is empty) while {others[0].name} has "
            f"{others[0].text('spec', 'podCIDR')}: "
            "the controller manager has given it none (cluster CIDR used up, or allocateNodeCIDRs off)"
        )
        cited = (Evidence(f"Node/{node.name} spec.podCIDR", "(empty)", object=node.ref), field(others[0], "spec", "podCIDR"))
        remedy = Remedy("see the controller manager's cluster CIDR and its log", f"kubectl describe node {node.name}", "read")
        found.append(_finding(node, "PodCidrMissing", "critical", text, cited, confidence([RELATION, HINT]), (remedy,)))
    return found


def _network_plugin(message: str) -> bool:
    return any(
        word in message
        for word in ("NetworkPluginNotReady", "cni plugin not initialized", "cni config uninitialized", "NetworkReady=false")
    )


def _silent(view: ClusterView, node: Obj, touched: bool) -> Iterator[Finding]:
    lease = view.find(_LEASES, "kube-node-lease", node.name)
    renewed = lease.time("spec", "renewTime") if lease else None
    if lease is None or renewed is None:
        return
    silent = (view.now - renewed).total_seconds()
    if silent < max(_SILENT_SECONDS, 1.5 * lease.number("spec", "leaseDurationSeconds", default=40)):
        return
    yield _finding(
        node,
        "KubeletSilent",
        severity_here(view, "warning", touched),
        f"Node {node.name} still counts as Ready, but its kubelet has not renewed its lease for {_ago(silent)}",
        (field(lease, "spec", "renewTime"), condition(node, "Ready")),
        confidence([RELATION, HINT]),
        (Remedy("see its conditions", f"kubectl describe node {node.name}", "read"),),
    )


def _largest_consumer(view: ClusterView, node: Obj, pressure: str) -> str:
    """Who used the most of what ran short, by the kubelet's own messages of its evictions on a node in all namespaces; "" without them."""
    resource = {"DiskPressure": "ephemeral-storage", "MemoryPressure": "memory"}.get(pressure, "")
    used: dict[str, int] = {}
    for pod in view.within("pods", None):
        message = pod.text("status", "message")
        if pod.text("spec", "nodeName") != node.name or pod.text("status", "reason") != "Evicted":
            continue
        if resource and f"low on resource: {resource}" in message:
            owner = view.workload_of(pod)
            who = f"{owner.kind}/{owner.name} in namespace {owner.namespace}"
            for amount, unit in _USED.findall(message):
                used[who] = max(used.get(who, 0), int(amount) * _UNITS[unit])
    if not used:
        return ""
    who, most = max(used.items(), key=lambda item: item[1])
    return f"; the largest consumer among the evicted is {who}, which used {most / 1024**3:.1f} GiB of {resource}"


_USED = re.compile(r"[Cc]ontainer \S+ was using (\d+)(Ki|Mi|Gi|)\b")
_UNITS = {"": 1, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def _conditions(view: ClusterView, node: Obj, here: list[Obj]) -> Iterator[Finding]:
    for found in node.conditions():
        kind, status = text_at(found, "type"), found.get("status")
        if status != "True" or kind == "Ready":
            continue
        message = text_at(found, "message").strip().rstrip(".") or text_at(found, "reason")
        evicted = [p for p in view.all("pods") if p.text("spec", "nodeName") == node.name and p.text("status", "reason") == "Evicted"]
        touched = bool(here or evicted)
        evidence: tuple[Evidence, ...] = (
            condition(node, kind),
            *(field(p, "status", "message") for p in evicted[:2] if p.text("status", "message")),
        )
        trouble = next((e for e in reversed(view.events_of(node)) if e.text("reason") in _TROUBLE), None)
        if trouble is not None:
            evidence = (*evidence, event(trouble))
        if kind in _PRESSURE:
            text = f"Node {node.name} has {kind}: it runs short of {_PRESSURE[kind]} ({message}), evicts pods and takes no new ones"
            if evicted:
                text += f"; evicted here: {listed(p.name for p in evicted)}"
            text += _largest_consumer(view, node, kind)
            severity: Severity = "critical"
        elif kind == "NetworkUnavailable":
            text, severity = f"Node {node.name} has no pod network (NetworkUnavailable): {message}", "critical"
        else:
            text, severity = f"Node {node.name} reports {kind}: {message}", "warning"
        yield _finding(
            node,
            kind if kind in _PRESSURE or kind == "NetworkUnavailable" else "NodeProblem",
            severity_here(view, severity, touched),
            text,
            evidence,
            confidence([STATE, *([EVENT] if trouble or evicted else []), *([HINT] if kind in _EXPECTED else [])]),
            (Remedy("see its conditions and what uses it", f"kubectl describe node {node.name}", "read"),),
            detail="" if kind in _EXPECTED else kind,
        )
    if any(node.condition(kind).get("status") == "True" for kind in _PRESSURE):
        return
    for trouble in view.events_of(node):
        moment = event_time(trouble)
        if trouble.text("reason") in _TROUBLE and (moment is None or (view.now - moment).total_seconds() < 3600):
            yield _finding(
                node,
                trouble.text("reason"),
                severity_here(view, "warning", bool(here)),
                f"Node {node.name}: {trouble.text('message').strip().rstrip('.')} ({trouble.text('reason')})",
                (event(trouble),),
                confidence([EVENT, HINT]),
                (Remedy("see its events", f"kubectl describe node {node.name}", "read"),),
            )


def _skew(view: ClusterView, node: Obj, here: list[Obj]) -> Iterator[Finding]:
    kubelet, server = node.text("status", "nodeInfo", "kubeletVersion"), view.server_version
    theirs, ours = _MINOR.match(kubelet), _MINOR.match(server)
    if theirs is None or ours is None:
        return
    behind = int(ours.group(1)) - int(theirs.group(1))
    if 0 <= behind <= _OLDEST_SKEW:
        return
    how = f"is {behind} minor versions older than" if behind > 0 else "is newer than"
    yield _finding(
        node,
        "VersionSkew",
        severity_here(view, "warning", any(p.condition("Ready").get("status") != "True" for p in here)),
        f"The kubelet of node {node.name} ({kubelet}) {how} the API server ({server}), which is not supported",
        (field(node, "status", "nodeInfo", "kubeletVersion"),),
        confidence([STATE, RELATION]),
        (Remedy("upgrade the kubelet", f"kubectl describe node {node.name}", "read"),),
    )


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"  # the node's clock may be ahead of ours
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} days"


def _finding(
    node: Obj,
    code: str,
    severity: Severity,
    summary: str,
    evidence: tuple[Evidence, ...],
    sure: float,
    remedies: tuple[Remedy, ...],
    *,
    detail: str = "",
    docs: tuple[str, ...] = (),
    causes: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        object=ObjectRef("Node", "", node.name),
        summary=summary,
        evidence=evidence,
        causes=causes,
        remedies=remedies,
        confidence=sure,
        docs=docs or ("node conditions", code),
        speciality="scheduling",
        detail=detail,
    )
