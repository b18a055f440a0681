"""What to say when every node refuses a pod: the filter that the closest nodes fail, with the values at hand and the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.analyzers.common.citations import condition, event, field, listed
from engine.analyzers.common.confidence import RELATION
from engine.analyzers.common.placement import Blocker, Cluster
from engine.analyzers.common.selectors import pod_requests, readable, required_affinity, requirement_text
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, labels_at, maps_at, text_at
from engine.cluster.usage import quantity
from engine.core.types import Evidence, ObjectRef, Remedy

TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
"""Kinds with a pod template that can be changed in place."""

KIND_ORDER = ("impossible", "volume", "ports", "anti-affinity", "pod-affinity", "spread", "full", "unhealthy", "cordoned", "taint")
"""Which filter to name first where several stand against the pod: its own demands before the state of nodes that happen to be there."""
PINNED_ORDER = ("impossible", "unhealthy", "cordoned", "volume", "full", "ports", "anti-affinity", "pod-affinity", "spread", "taint")
"""The same where the pod may run on few nodes only: then the state of just those nodes matters first."""
_PRESSURE = {
    "memory-pressure": "MemoryPressure",
    "disk-pressure": "DiskPressure",
    "pid-pressure": "PIDPressure",
    "network-unavailable": "NetworkUnavailable",
}
CODES = {
    "impossible": "InsufficientResources",
    "full": "InsufficientResources",
    "unhealthy": "NodesNotReady",
    "cordoned": "NodesCordoned",
    "volume": "VolumeNodeAffinityConflict",
    "ports": "HostPortConflict",
    "anti-affinity": "PodAntiAffinity",
    "pod-affinity": "PodAffinity",
    "spread": "TopologySpread",
    "taint": "UntoleratedTaint",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pod is not scheduled: `text` completes "… cannot be scheduled: "."""

    code: str
    text: str
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    causes: tuple[str, ...] = ()
    weight: float = RELATION
    """What the explanation itself weighs; the evidence comes on top."""
    object: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One filter (`kind`), what each node has against the pod, and the nodes that fail least."""

    kind: str
    per_node: dict[str, list[Blocker]]
    closest: dict[str, list[Blocker]]
    because: str = ""
    """What leaves these nodes only, as in “the node that its node selection allows”; "" where all nodes are looked at."""

    def nodes(self) -> list[str]:
        """The closest nodes that fail by this very kind."""
        return [name for name, found in self.closest.items() if any(b.kind == self.kind for b in found)]

    def details(self) -> list[str]:
        return sorted({b.detail for name in self.nodes() for b in self.closest[name] if b.kind == self.kind and b.detail})

    def table(self) -> str:
        """`node-a has …; node-b …`, the closest nodes first."""
        order = [*self.closest, *(n for n in self.per_node if n not in self.closest)]
        return "; ".join(f"{name} {listed(dict.fromkeys(b.text for b in self.per_node[name]))}" for name in order[:4])


def _resources(cluster: Cluster, pod: Obj, refusal: Refusal) -> Reason:
    resource = next((b.detail for n in refusal.nodes() for b in refusal.closest[n] if b.kind == refusal.kind), "")
    if resource == "pods":
        text = f"Too many pods: {refusal.table()}"
        return Reason("TooManyPods", text, remedies=(Remedy("add a node, or remove pods that are not needed", ""),))
    amount = pod_requests(pod.map("spec")).get(resource, 0.0)
    asked = _asked(pod, resource) or readable(resource, amount)
    nodes = [n for n in cluster.nodes if n.name in refusal.per_node]
    largest = max(nodes, key=lambda n: cluster.allocatable(n, resource))
    if refusal.kind == "impossible":
        has = readable(resource, cluster.allocatable(largest, resource))
        scope = f"any node that {refusal.because}" if refusal.because else "any node"
        most = f"Insufficient {resource}; the largest, {largest.name}, has {has}"
        text = f"it requests {asked} of {resource}, more than {scope} can allocate ({most})"
        evidence: tuple[Evidence, ...] = (_request_evidence(pod, resource), field(largest, "status", "allocatable", resource))
    else:
        text = f"it requests {asked} of {resource} and no node has that much free (Insufficient {resource}): {refusal.table()}"
        evidence = (_request_evidence(pod, resource), *(field(n, "status", "allocatable", resource) for n in nodes[:3]))
    preempted = _preempted(cluster.view, pod)
    owner = cluster.view.workload_of(pod)
    remedy = Remedy(
        f"lower resources.requests of {resource}, free room, or add a node that is large enough",
        _set_requests(owner, resource),
        "mutate" if _set_requests(owner, resource) else "",
    )
    if preempted is not None:
        extra, cited = preempted
        return Reason(
            "Preempted",
            f"{extra}; {text}",
            (*cited, *evidence),
            (remedy,),
        )
    return Reason(
        CODES[refusal.kind],
        text,
        evidence,
        (remedy,),
    )


def _unhealthy(cluster: Cluster, pod: Obj, refusal: Refusal) -> Reason:
    names = refusal.nodes()
    only = "the only node that" if len(names) == 1 else "the only nodes that"
    nodes = [cluster.by_name[n] for n in names]
    pressed = [
        (n, _PRESSURE[d]) for n in nodes for d in refusal.details() if d in _PRESSURE and n.condition(_PRESSURE[d]).get("status") == "True"
    ]
    lost = [n for n in nodes if n.condition("Ready").get("status") != "True"]
    state = "NotReady" if lost or not pressed else f"short of resources ({listed(dict.fromkeys(kind for _, kind in pressed))})"
    lead = f"{only} {refusal.because or 'would have room'}, {listed(names)}, {'is' if len(names) == 1 else 'are'} {state}"
    text = f"{lead} (taint {listed(refusal.details())}): {refusal.table()}"
    causes = tuple(f"NodeNotReady/Node//{n.name}" for n in lost) + tuple(f"{kind}/Node//{n.name}" for n, kind in pressed)
    evidence = tuple(field(n, "spec", "taints") for n in nodes[:2]) + tuple(condition(n, "Ready") for n in lost[:2])
    evidence += tuple(condition(n, kind) for n, kind in pressed[:2])
    remedy = Remedy("bring the node back, or allow other nodes", f"kubectl describe node {names[0]}", "read")
    return Reason(CODES["unhealthy"], text, evidence, (remedy,), causes, RELATION)


def _cordoned(cluster: Cluster, pod: Obj, refusal: Refusal) -> Reason:
    names = refusal.nodes()
    text = f"node {listed(names)} would take it but is cordoned (unschedulable): {refusal.table()}"
    evidence = tuple(field(cluster.by_name[n], "spec") for n in names[:2])
    remedy = Remedy("allow pods on the node again when its maintenance is over", f"kubectl uncordon {names[0]}", "mutate")
    return Reason(CODES["cordoned"], text, evidence, (remedy,), (), RELATION, cluster.by_name[names[0]].ref)


def _taint(cluster: Cluster, pod: Obj, refusal: Refusal) -> Reason:
    names, taints = refusal.nodes(), refusal.details()
    if refusal.because:
        reach = f"matches {selection(pod)}" if refusal.because.startswith("its") else refusal.because
        lead = f"node {listed(names)} {reach} but has the taint {listed(taints)}, which the pod does not tolerate"
    else:
        lead = f"every node that has room carries a taint that the pod does not tolerate: {refusal.table()}"
    tolerations = pod.maps("spec", "tolerations")
    near = [t for t in tolerations if any(text_at(t, "key") and taint.startswith(text_at(t, "key")) for taint in taints)]
    if near:
        wrong = near[0]
        written = f"{text_at(wrong, 'key')}={text_at(wrong, 'value')}:{text_at(wrong, 'effect') or 'any effect'}"
        lead += f"; its toleration {written} does not cover it"
    key, _, rest = (taints[0] if taints else "").partition("=" if taints and "=" in taints[0] else ":")
    value, _, effect = rest.partition(":") if "=" in (taints[0] if taints else "") else ("", "", rest)
    owner = cluster.view.workload_of(pod)
    operator = f'"operator":"Equal","value":"{value}"' if value else '"operator":"Exists"'
    patch = f'{{"spec":{{"template":{{"spec":{{"tolerations":[{{"key":"{key}",{operator},"effect":"{effect}"}}]}}}}}}}}'
    command = (
        f"kubectl -n {pod.namespace} patch {owner.kind.lower()} {owner.name} --type=merge -p '{patch}'" if owner.kind in TEMPLATED else ""
    )
    evidence = (*(field(cluster.by_name[n], "spec", "taints") for n in names[:3]), field(pod, "spec", "tolerations"))
    return Reason(
        CODES["taint"],
        lead,
        evidence,
        (Remedy(f"add a toleration for {listed(taints)}, or remove the taint", command, "mutate" if command else ""),),
        (),
        RELATION,
    )


def _other(cluster: Cluster, pod: Obj, refusal: Refusal) -> Reason:
    leads = {
        "ports": f"host port {listed(refusal.details())} is taken on every node that it may run on",
        "anti-affinity": f"its required anti-affinity over {listed(refusal.details())} leaves no node",
        "pod-affinity": "its required pod affinity finds no matching pod"
        + (" anywhere" if "nowhere" in refusal.details() else " on a node with room"),
        "spread": f"its topology spread constraint over {listed(refusal.details())} leaves no node",
    }
    paths: dict[str, tuple[str, ...]] = {
        "ports": ("spec", "containers"),
        "anti-affinity": ("spec", "affinity", "podAntiAffinity"),
        "pod-affinity": ("spec", "affinity", "podAffinity"),
        "spread": ("spec", "topologySpreadConstraints"),
    }
    advice = {
        "ports": "use a Service instead of hostPort, another port, or fewer replicas than nodes",
        "anti-affinity": "run at most one replica a domain, add nodes, or make the rule preferred",
        "pod-affinity": "correct the labels or topologyKey of the rule, or start the pod that it asks for",
        "spread": "label the nodes, add nodes in the short domain, or use whenUnsatisfiable: ScheduleAnyway",
    }
    owner = cluster.view.workload_of(pod)
    remedy = Remedy(advice[refusal.kind], f"kubectl -n {pod.namespace} get {owner.kind.lower()} {owner.name} -o yaml", "read")
    return Reason(
        CODES[refusal.kind], f"{leads[refusal.kind]}: {refusal.table()}", (field(pod, *paths[refusal.kind]),), (remedy,), (), RELATION
    )


REASONS: dict[str, Callable[[Cluster, Obj, Refusal], Reason]] = {
    "impossible": _resources,
    "full": _resources,
    "unhealthy": _unhealthy,
    "cordoned": _cordoned,
    "taint": _taint,
    "ports": _other,
    "anti-affinity": _other,
    "pod-affinity": _other,
    "spread": _other,
}


def selection(pod: Obj) -> str:
    """The node selection of a pod in words: `nodeSelector pool=gpu and affinity zone in (a, b)`."""
    parts = []
    wanted = labels_at(pod.map("spec"), "nodeSelector")
    if wanted:
        parts.append("nodeSelector " + ", ".join(f"{k}={v}" for k, v in wanted.items()))
    terms = [
        " and ".join(requirement_text(e) for e in [*maps_at(term, "matchExpressions"), *maps_at(term, "matchFields")])
        for term in maps_at(required_affinity(pod.map("spec")), "nodeSelectorTerms")
    ]
    if terms:
        parts.append("node affinity " + " or ".join(terms))
    return " and ".join(parts) or "its node selection"


def _asked(pod: Obj, resource: str) -> str:
    """The request as it is written where a single container makes it."""
    written = [
        text_at(c, "resources", "requests", resource) or text_at(c, "resources", "limits", resource) for c in pod.maps("spec", "containers")
    ]
    given = [w for w in written if w]
    return given[0] if len(given) == 1 and not pod.maps("spec", "initContainers") else ""


def _request_evidence(pod: Obj, resource: str) -> Evidence:
    containers = pod.maps("spec", "containers")
    sizes = [
        quantity(text_at(c, "resources", "requests", resource) or text_at(c, "resources", "limits", resource)) or 0.0 for c in containers
    ]
    most = sizes.index(max(sizes)) if sizes else 0
    return field(pod, "spec", "containers", most, "resources")


def _set_requests(owner: ObjectRef, resource: str) -> str:
    if owner.kind not in TEMPLATED or resource not in ("cpu", "memory", "ephemeral-storage"):
        return ""
    return f"kubectl -n {owner.namespace} set resources {owner.kind.lower()}/{owner.name} --requests={resource}=AMOUNT"


def _preempted(view: ClusterView, pod: Obj) -> tuple[str, tuple[Evidence, ...]] | None:
    """Whether pods of the same workload had to leave for one of higher priority."""
    owner = view.workload_of(pod)
    for found in view.within("events", pod.namespace):
        about = found.map("involvedObject")
        if (
            found.text("reason") != "Preempted"
            or not text_at(about, "name").startswith(f"{owner.name}-")
            or text_at(about, "namespace") != pod.namespace
        ):
            continue
        words = found.text("message").split()
        uid = words[words.index("pod") + 1] if "pod" in words[:-1] else ""
        winner = next((p for p in view.within("pods", None) if uid and p.uid == uid), None)
        if winner is None:
            return "its pods were preempted by a pod of higher priority", (event(found),)
        rank = winner.text("spec", "priorityClassName") or winner.text("spec", "priority")
        mine = pod.text("spec", "priorityClassName") or pod.text("spec", "priority", default="0")
        text = f"its pods were preempted by {winner.namespace}/{winner.name}, whose priority ({rank}) is higher than theirs ({mine})"
        return text, (event(found), field(winner, "spec", "priority"))
    return None
