"""Why a node refuses a pod: the scheduler's filters, worked out from the nodes, the pods on them and the pod's volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.analyzers.common.selectors import (
    host_ports,
    node_selector_matches,
    pod_requests,
    readable,
    required_affinity,
    selects,
    taint_text,
    tolerates,
)
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, labels_at, map_at, text_at, texts_at
from engine.cluster.usage import quantity

HEALTH_TAINTS = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Prefixes of taints that say what state a node is in, as opposed to taints that reserve it."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason of one node: `kind` is the filter, `text` what fails in the values at hand."""

    node: str
    kind: str
    text: str
    detail: str = ""


@dataclass(slots=True)
class Room:
    """What the pods on a node have taken."""

    used: dict[str, float] = field(default_factory=dict)
    pods: list[Obj] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str], Obj]] = field(default_factory=list)
    """(namespace, labels, pod) of each pod."""


class Cluster:
    """The nodes with their pods, built once for all waiting pods."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.nodes = view.all("nodes")
        self.rooms: dict[str, Room] = {n.name: Room() for n in self.nodes}
        for pod in view.within("pods", None):
            where = pod.text("spec", "nodeName")
            if where not in self.rooms or pod.text("status", "phase") in ("Succeeded", "Failed"):
                continue
            room = self.rooms[where]
            room.pods.append(pod)
            room.tags.append((pod.namespace, pod.labels, pod))
            for name, amount in pod_requests(pod.map("spec")).items():
                room.used[name] = room.used.get(name, 0.0) + amount
        self._selected: dict[tuple[str, int], dict[str, list[Obj]]] = {}
        self.by_name = {n.name: n for n in self.nodes}
        self.averse = [(n, p) for n in self.nodes for p in self.rooms[n.name].pods if _terms(p, "podAntiAffinity")]
        self.namespace_labels = {n.name: n.labels for n in view.within("namespaces", None)}

    def selected(self, holder: Obj, term: Mapping[str, Any]) -> dict[str, list[Obj]]:
        """Topology domain -> the pods there that a term of a pod selects; worked out once a term."""
        key = (holder.namespace, id(term))
        if key not in self._selected:
            topology, namespaces = text_at(term, "topologyKey"), _namespaces(self, holder, term)
            found: dict[str, list[Obj]] = {}
            for node in self.nodes:
                domain = node.labels.get(topology)
                if domain is None:
                    continue
                for space, labels, pod in self.rooms[node.name].tags:
                    if space in namespaces and selects(term.get("labelSelector"), labels):
                        found.setdefault(domain, []).append(pod)
            self._selected[key] = found
        return self._selected[key]

    def allocatable(self, node: Obj, resource: str) -> float:
        return quantity(node.map("status", "allocatable").get(resource)) or 0.0

    def free(self, node: Obj, resource: str) -> float:
        return self.allocatable(node, resource) - self.rooms[node.name].used.get(resource, 0.0)


def wanted_nodes(cluster: Cluster, pod: Obj) -> list[Obj]:
    """The nodes that the pod's nodeSelector and required node affinity allow."""
    spec = pod.map("spec")
    selector, affinity = labels_at(spec, "nodeSelector"), required_affinity(spec)
    return [n for n in cluster.nodes if all(n.labels.get(k) == v for k, v in selector.items()) and node_selector_matches(affinity, n)]


def claims_of(pod: Obj) -> list[str]:
    """Names of the claims that a pod mounts, generic ephemeral volumes included."""
    names = []
    for volume in pod.maps("spec", "volumes"):
        name = text_at(volume, "persistentVolumeClaim", "claimName")
        if not name and map_at(volume, "ephemeral"):
            name = f"{pod.name}-{text_at(volume, 'name')}"
        if name:
            names.append(name)
    return names


def bound_volumes(view: ClusterView, pod: Obj) -> list[tuple[Obj, Obj]]:
    """(claim, volume) for each of the pod's claims that is bound to a volume we can see."""
    pairs = []
    for name in claims_of(pod):
        claim = view.find("persistentvolumeclaims", pod.namespace, name)
        volume = view.find("persistentvolumes", "", claim.text("spec", "volumeName")) if claim else None
        if claim and volume:
            pairs.append((claim, volume))
    return pairs


def volume_allows(volume: Obj, node: Obj) -> bool:
    """Whether a volume's node affinity (or the zone label of older volumes) allows a node."""
    if not node_selector_matches(volume.map("spec", "nodeAffinity", "required"), node):
        return False
    for key in ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"):
        zone = volume.labels.get(key)
        if zone and key in node.labels and node.labels[key] not in zone.split("__"):
            return False
    return True


def blockers(cluster: Cluster, pod: Obj, node: Obj) -> list[Blocker]:
    """Everything on this node that stands against the pod, the selector and node affinity apart."""
    found = [*_state(pod, node), *_volumes(cluster.view, pod, node), *_resources(cluster, pod, node), *_ports(cluster, pod, node)]
    return [*found, *_pod_affinity(cluster, pod, node), *_spread(cluster, pod, node)]


def _state(pod: Obj, node: Obj) -> list[Blocker]:
    found = []
    tolerations = pod.maps("spec", "tolerations")
    cordoned = node.flag("spec", "unschedulable")
    if cordoned and not tolerates(tolerations, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}):
        found.append(Blocker(node.name, "cordoned", "is cordoned (spec.unschedulable: true)"))
    for taint in node.maps("spec", "taints"):
        key = text_at(taint, "key")
        if text_at(taint, "effect") == "PreferNoSchedule" or tolerates(tolerations, taint):
            continue
        if key == "node.kubernetes.io/unschedulable":
            if not cordoned:
                found.append(Blocker(node.name, "cordoned", f"has the taint {taint_text(taint)}"))
        elif key.startswith(HEALTH_TAINTS):
            found.append(Blocker(node.name, "unhealthy", f"has the taint {taint_text(taint)}", key.rpartition("/")[2]))
        else:
            found.append(Blocker(node.name, "taint", f"has the untolerated taint {taint_text(taint)}", taint_text(taint)))
    return found


def _volumes(view: ClusterView, pod: Obj, node: Obj) -> list[Blocker]:
    return [
        Blocker(node.name, "volume", f"cannot reach volume {volume.name} of claim {claim.name}", volume.name)
        for claim, volume in bound_volumes(view, pod)
        if not volume_allows(volume, node)
    ]


def _resources(cluster: Cluster, pod: Obj, node: Obj) -> list[Blocker]:
    found = []
    for name, amount in pod_requests(pod.map("spec")).items():
        if amount <= 0 or amount <= cluster.free(node, name) + 1e-9:
            continue
        total, free = cluster.allocatable(node, name), max(0.0, cluster.free(node, name))
        kind = "impossible" if amount > total else "full"
        text = f"has {readable(name, free)} of {readable(name, total)} {name} free" if total else f"offers no {name}"
        found.append(Blocker(node.name, kind, text, name))
    most = cluster.allocatable(node, "pods")
    here = len(cluster.rooms[node.name].pods)
    if most and here + 1 > most:
        found.append(Blocker(node.name, "full", f"already runs {here} of at most {most:g} pods", "pods"))
    return found


def _ports(cluster: Cluster, pod: Obj, node: Obj) -> list[Blocker]:
    found = []
    for port, protocol, address in sorted(host_ports(pod.map("spec"))):
        for other in cluster.rooms[node.name].pods:
            for theirs, their_protocol, their_address in host_ports(other.map("spec")):
                any_address = "0.0.0.0" in (address, their_address)  # noqa: S104 - compared, never bound
                if (theirs, their_protocol) == (port, protocol) and (any_address or address == their_address):
                    text = f"has its host port {port}/{protocol} taken by pod {other.namespace}/{other.name}"
                    found.append(Blocker(node.name, "ports", text, str(port)))
                    break
    return found[:2]


def _namespaces(cluster: Cluster, pod: Obj, term: Mapping[str, Any]) -> set[str]:
    names = set(texts_at(term, "namespaces"))
    selector = term.get("namespaceSelector")
    if isinstance(selector, Mapping):
        names |= {name for name, labels in cluster.namespace_labels.items() if selects(selector, labels)}
    return names or {pod.namespace}


def _matching(cluster: Cluster, holder: Obj, term: Mapping[str, Any], node: Obj) -> list[Obj]:
    """Pods that a term of `holder` selects within the topology domain of a node."""
    domain = node.labels.get(text_at(term, "topologyKey"))
    return cluster.selected(holder, term).get(domain, []) if domain is not None else []


def _terms(pod: Obj, kind: str) -> list[Mapping[str, Any]]:
    return pod.maps("spec", "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution")


def _pod_affinity(cluster: Cluster, pod: Obj, node: Obj) -> list[Blocker]:
    found = []
    for term in _terms(pod, "podAntiAffinity"):
        rivals = _matching(cluster, pod, term, node)
        if rivals:
            key = text_at(term, "topologyKey")
            where = "already runs" if key == "kubernetes.io/hostname" else f"is in the same {key} as"
            found.append(Blocker(node.name, "anti-affinity", f"{where} pod {rivals[0].name}, which the anti-affinity rule excludes", key))
            break
    for term in _terms(pod, "podAffinity"):
        if _matching(cluster, pod, term, node):
            continue
        anywhere = any(_matching(cluster, pod, term, n) for n in cluster.nodes)
        itself = selects(term.get("labelSelector"), pod.labels) and pod.namespace in _namespaces(cluster, pod, term)
        if not anywhere and itself and text_at(term, "topologyKey") in node.labels:
            continue
        wanted = ", ".join(f"{k}={v}" for k, v in labels_at(term, "labelSelector", "matchLabels").items())
        text = f"runs no pod{f' with {wanted}' if wanted else ''} that the required pod affinity asks for"
        found.append(Blocker(node.name, "pod-affinity", text, "" if anywhere else "nowhere"))
        break
    if not found:
        for other, resident in cluster.averse:
            for term in _terms(resident, "podAntiAffinity"):
                key = text_at(term, "topologyKey")
                same = key in node.labels and node.labels.get(key) == other.labels.get(key)
                theirs = pod.namespace in _namespaces(cluster, resident, term) and selects(term.get("labelSelector"), pod.labels)
                if same and theirs:
                    return [Blocker(node.name, "anti-affinity", f"is refused by the anti-affinity rule of pod {resident.name} there", key)]
    return found


def _spread(cluster: Cluster, pod: Obj, node: Obj) -> list[Blocker]:
    found = []
    for rule in pod.maps("spec", "topologySpreadConstraints"):
        if text_at(rule, "whenUnsatisfiable") not in ("", "DoNotSchedule"):
            continue
        key = text_at(rule, "topologyKey")
        if key not in node.labels:
            found.append(Blocker(node.name, "spread", f"lacks the label {key} that the topology spread constraint counts by", key))
            continue
        counts: dict[str, int] = {}
        eligible = wanted_nodes(cluster, pod) if text_at(rule, "nodeAffinityPolicy") != "Ignore" else cluster.nodes
        for other in eligible:
            domain = other.labels.get(key)
            if domain is None:
                continue
            tolerable = all(
                tolerates(pod.maps("spec", "tolerations"), t) or text_at(t, "effect") == "PreferNoSchedule"
                for t in other.maps("spec", "taints")
            )
            if text_at(rule, "nodeTaintsPolicy") == "Honor" and not tolerable:
                continue
            mine = [labels for space, labels, p in cluster.rooms[other.name].tags if space == pod.namespace and p.deleting_since is None]
            counts[domain] = counts.get(domain, 0) + sum(selects(rule.get("labelSelector"), labels) for labels in mine)
        most = rule.get("maxSkew")
        skew = counts.get(node.labels[key], 0) + 1 - min(counts.values(), default=0)
        if isinstance(most, int) and skew > most:
            spread = ", ".join(f"{name}: {number}" for name, number in sorted(counts.items()))
            found.append(
                Blocker(
                    node.name, "spread", f"would make the skew {skew} over {key}, more than maxSkew {most} (pods per {key}: {spread})", key
                )
            )
    return found
