"""DaemonSets that supply something to every node (pod network, a CSI driver), and why one of them has no working pod on a node."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from engine.analyzers.common.citations import event, field, latest_event
from engine.analyzers.common.confidence import EVENT, RELATION, STATE, confidence
from engine.analyzers.common.containers import is_finished, is_ready
from engine.analyzers.common.selectors import node_selector_matches, required_affinity, taint_text, tolerates
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, labels_at, text_at
from engine.core.types import Evidence, Finding, Remedy

SUPPLIED = ("ExtendedResourceMissing",)
"""Codes of faults that a DaemonSet of device plugins may be behind."""
_CNI_PATHS = ("/opt/cni/bin", "/etc/cni/net.d", "/var/lib/cni", "/host/opt/cni")
_TOLERATED = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/network-unavailable",
)
"""Taints that the DaemonSet controller tolerates by itself (network-unavailable for pods of the host network)."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a DaemonSet has no pod on a node, as a clause, with where it stands."""

    why: str
    evidence: tuple[Evidence, ...]
    remedy: Remedy


def network_agents(view: ClusterView) -> list[Obj]:
    """The DaemonSets that install the pod network: those that mount the node's CNI folders."""
    found = []
    for workload in view.within("daemonsets.apps", None):
        paths = [text_at(v, "hostPath", "path") for v in workload.maps("spec", "template", "spec", "volumes")]
        named = re.search(
            r"\bcni\b|calico|cilium|flannel|weave-net|canal|antrea|aws-node|kube-router|ovnkube|kindnet|multus", workload.name
        )
        if any(path.startswith(_CNI_PATHS) for path in paths) or (named and not any(paths)):
            found.append(workload)
    return found


def proxies(view: ClusterView) -> list[Obj]:
    """The DaemonSets that make Service addresses work on each node."""
    return [w for w in view.within("daemonsets.apps", None) if "kube-proxy" in w.name]


def device_agents(view: ClusterView) -> list[Obj]:
    """The DaemonSets that offer devices (GPUs and the like) to the kubelet: those that mount its folder of device plugins."""
    return [
        w
        for w in view.within("daemonsets.apps", None)
        if "/device-plugins" in json.dumps(w.map("spec", "template", "spec", "volumes")) or re.search(r"device-?plugin", w.name)
    ]


def nodes_of(view: ClusterView, finding: Finding) -> list[str]:
    """The nodes of the pods that a finding's evidence comes from."""
    pods = [view.find_ref(e.object) for e in finding.evidence if e.object is not None and e.object.kind == "Pod"]
    return list(dict.fromkeys(p.text("spec", "nodeName") for p in pods if p is not None and p.text("spec", "nodeName")))


def driver_agents(view: ClusterView, driver: str) -> list[Obj]:
    """The DaemonSets that bring a CSI driver to the nodes: those that name it, else the one whose name shares a word with it."""
    all_of = view.within("daemonsets.apps", None)
    naming = [w for w in all_of if driver in json.dumps(w.map("spec", "template", "spec"))]
    if naming:
        return naming
    common = ("com", "net", "org", "csi", "cloud", "driver", "storage", "k8s")
    words = {w for w in re.split(r"[.\-/]", driver) if len(w) > 2 and w not in common}
    akin = [w for w in all_of if "csi" in w.name and (set(w.name.split("-")) & words or any(word in w.name for word in words))]
    if akin:
        return akin
    any_csi = [w for w in all_of if re.search(r"\bcsi\b", w.name.replace("-", " "))]
    return any_csi if len(any_csi) == 1 else []


def pod_on(view: ClusterView, agent: Obj, node: str) -> Obj | None:
    """The pod of a DaemonSet on a node, placed or meant for it."""
    for pod in view.owned_by("pods", agent) if view.namespace is None else view.within("pods", agent.namespace):
        meant = json.dumps(pod.map("spec", "affinity", "nodeAffinity")) if not pod.text("spec", "nodeName") else ""
        owned = view.namespace is None or pod.controller == agent.ref
        if owned and not is_finished(pod) and (pod.text("spec", "nodeName") == node or f'"{node}"' in meant):
            return pod
    return None


def absence(view: ClusterView, agent: Obj, node: Obj) -> Absence | None:
    """Why a DaemonSet has no pod on a node; None where it has one, or where nothing can be seen."""
    if not view.can_see("pods", agent.namespace) or pod_on(view, agent, node.name) is not None:
        return None
    spec = agent.map("spec", "template", "spec")
    edit = f"kubectl -n {agent.namespace} edit daemonset {agent.name}"
    selector = labels_at(spec, "nodeSelector")
    if any(node.labels.get(k) != v for k, v in selector.items()) or not node_selector_matches(required_affinity(spec), node):
        cited = field(agent, "spec", "template", "spec", "nodeSelector" if selector else "affinity")
        why = f"its nodeSelector or affinity does not match the node ({', '.join(f'{k}={v}' for k, v in selector.items()) or 'affinity'})"
        return Absence(why, (cited,), Remedy("let its nodeSelector or affinity match the node", edit, "mutate"))
    for taint in node.maps("spec", "taints"):
        if text_at(taint, "key") in _TOLERATED or text_at(taint, "effect") == "PreferNoSchedule":
            continue
        if not tolerates(agent.maps("spec", "template", "spec", "tolerations"), taint):
            why = f"it does not tolerate the node's taint {taint_text(taint)}"
            return Absence(why, (field(node, "spec", "taints"),), Remedy("add a toleration for the taint", edit, "mutate"))
    failed = latest_event(view, agent, "FailedCreate", "FailedPlacement")
    see = Remedy("see its events", f"kubectl -n {agent.namespace} describe daemonset {agent.name}", "read")
    if failed is not None:
        return Absence(f"its pod cannot be created: {failed.text('message')[:260]}", (event(failed),), see)
    return Absence("it has no pod there, and nothing says why", (field(agent, "status"),), see)


def agent_finding(view: ClusterView, agent: Obj, node: Obj, supplies: str) -> Finding | None:
    """The finding that a node lacks an agent's pod; None where the pod is there."""
    gone = absence(view, agent, node)
    if gone is None:
        return None
    known = any(e.source.startswith("event") for e in gone.evidence)
    return Finding(
        code="NodeAgentMissing",
        severity="critical",
        object=agent.ref,
        summary=f"DaemonSet {agent.name} (namespace {agent.namespace}), which supplies {supplies}, "
        f"has no pod on node {node.name}: {gone.why}",
        evidence=gone.evidence,
        owner=agent.ref,
        remedies=(gone.remedy,),
        confidence=confidence([RELATION, EVENT if known else STATE] if "nothing says" not in gone.why else [RELATION]),
        docs=("DaemonSet", "node agent missing"),
        speciality="scheduling",
        detail=node.name,
    )


def works_on(view: ClusterView, agent: Obj, node: str) -> bool:
    """Whether a DaemonSet's pod on a node is ready."""
    pod = pod_on(view, agent, node)
    return pod is not None and is_ready(pod)
