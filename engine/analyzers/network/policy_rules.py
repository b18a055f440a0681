"""What NetworkPolicies allow: who may open a connection to which pod on which port, and which rule comes nearest where nobody may."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.analyzers.common.citations import listed
from engine.analyzers.common.selectors import requirement_text, selects
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, labels_at, map_at, maps_at, text_at, texts_at

Direction = Literal["Ingress", "Egress"]
_RULES = {"Ingress": "ingress", "Egress": "egress"}
_PEERS = {"Ingress": "from", "Egress": "to"}


@dataclass(frozen=True, slots=True)
class Wire:
    """One end of a connection: a pod, or an address outside (then `pod` is None)."""

    pod: Obj | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """A connection that no rule allows: the policies that isolate the pod, and what the nearest rule lacks ("" where there is no rule)."""

    direction: Direction
    policies: tuple[Obj, ...]
    near: str = ""
    culprit: Obj | None = None


class Policies:
    """All NetworkPolicies with the labels of namespaces."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.namespaces = {n.name: {"kubernetes.io/metadata.name": n.name, **n.labels} for n in view.within("namespaces", None)}
        self._within: dict[str, list[Obj]] = {}

    def selecting(self, pod: Obj, direction: Direction) -> list[Obj]:
        """The policies that isolate a pod in one direction."""
        if pod.namespace not in self._within:
            found = self.view.within("networkpolicies.networking.k8s.io", pod.namespace)
            self._within[pod.namespace] = [p for p in found if p.namespace == pod.namespace]
        if pod.flag("spec", "hostNetwork"):
            return []
        return [p for p in self._within[pod.namespace] if direction in directions(p) and selects(p.map("spec", "podSelector"), pod.labels)]

    def denial(self, client: Wire, server: Wire, port: int, protocol: str = "TCP") -> Denial | None:
        """Why a connection is not allowed, the server's side first; None where it is allowed."""
        sides: tuple[tuple[Direction, Wire, Wire], ...] = (("Ingress", server, client), ("Egress", client, server))
        for direction, own, other in sides:
            if own.pod is None:
                continue
            isolating = self.selecting(own.pod, direction)
            if isolating and not any(self._allows(p, direction, other, own, port, protocol) for p in isolating):
                near, culprit = self._nearest(isolating, direction, other, own, port, protocol)
                return Denial(direction, tuple(isolating), near, culprit or _strictest(isolating, direction))
        return None

    def allows_any(self, pod: Obj, port: int, protocol: str) -> bool:
        """Whether any egress rule of a pod opens a port to at least somebody (or the pod is not isolated)."""
        isolating = self.selecting(pod, "Egress")
        return not isolating or any(
            _port_allowed(rule, port, protocol, None) for policy in isolating for rule in maps_at(policy.raw, "spec", "egress")
        )

    def _allows(self, policy: Obj, direction: Direction, other: Wire, own: Wire, port: int, protocol: str) -> bool:
        return any(self._rule_allows(policy, direction, rule, other, own, port, protocol) for rule in _rules(policy, direction))

    def _rule_allows(
        self, policy: Obj, direction: Direction, rule: Mapping[str, Any], other: Wire, own: Wire, port: int, protocol: str
    ) -> bool:
        server = own.pod if direction == "Ingress" else other.pod
        return _port_allowed(rule, port, protocol, server) and self._peer_allowed(policy, direction, rule, other)

    def _peer_allowed(self, policy: Obj, direction: Direction, rule: Mapping[str, Any], other: Wire) -> bool:
        peers = rule.get(_PEERS[direction])
        if not peers:
            return True
        return isinstance(peers, list) and any(isinstance(p, Mapping) and self._is_peer(policy, p, other) for p in peers)

    def _is_peer(self, policy: Obj, peer: Mapping[str, Any], other: Wire) -> bool:
        block = map_at(peer, "ipBlock")
        if block:
            address = other.address or (other.pod.text("status", "podIP") if other.pod else "")
            return _inside(address, text_at(block, "cidr")) and not any(_inside(address, e) for e in texts_at(block, "except"))
        if other.pod is None:
            return False
        if "namespaceSelector" in peer:
            if not selects(peer.get("namespaceSelector"), self.namespaces.get(other.pod.namespace, {})):
                return False
        elif other.pod.namespace != policy.namespace:
            return False
        return "podSelector" not in peer or selects(peer.get("podSelector"), other.pod.labels)

    def _nearest(
        self, policies: list[Obj], direction: Direction, other: Wire, own: Wire, port: int, protocol: str
    ) -> tuple[str, Obj | None]:
        """In words, what the rule that nearly fits has against the connection: the port, or one of the peer's selectors."""
        server = own.pod if direction == "Ingress" else other.pod
        word = "from" if direction == "Ingress" else "to"
        for policy in policies:
            for rule in _rules(policy, direction):
                if self._peer_allowed(policy, direction, rule, other):
                    return f"its rule opens only port {_ports_text(rule)}, not {port}/{protocol}", policy
        for policy in policies:
            for rule in _rules(policy, direction):
                if _port_allowed(rule, port, protocol, server):
                    return (
                        (
                            f"its rule for port {port} allows only {word} "
                            f"{self._peers_text(rule, direction)}{self._why_not(policy, rule, direction, other)}"
                        ),
                        policy,
                    )
        return "", None

    def _why_not(self, policy: Obj, rule: Mapping[str, Any], direction: Direction, other: Wire) -> str:
        if other.pod is None:
            return ""
        for peer in maps_at(rule, _PEERS[direction]):
            if "namespaceSelector" in peer and not selects(peer.get("namespaceSelector"), self.namespaces.get(other.pod.namespace, {})):
                have = {k: v for k, v in self.namespaces.get(other.pod.namespace, {}).items() if k in _keys(peer.get("namespaceSelector"))}
                labels = ", ".join(f"{k}={v}" for k, v in have.items()) or "no such label"
                return f", while namespace {other.pod.namespace} has {labels}"
            if "namespaceSelector" not in peer and other.pod.namespace != policy.namespace and not map_at(peer, "ipBlock"):
                return f", which means pods of namespace {policy.namespace} only"
            if "podSelector" in peer and not selects(peer.get("podSelector"), other.pod.labels):
                have = {k: other.pod.labels[k] for k in _keys(peer.get("podSelector")) if k in other.pod.labels}
                labels = ", ".join(f"{k}={v}" for k, v in have.items()) or "no such label"
                return f", while pod {other.pod.name} has {labels}"
        return ""

    def _peers_text(self, rule: Mapping[str, Any], direction: Direction) -> str:
        words = []
        for peer in maps_at(rule, _PEERS[direction]):
            block = map_at(peer, "ipBlock")
            if block:
                words.append(f"addresses {text_at(block, 'cidr')}")
                continue
            parts = []
            if "podSelector" in peer:
                parts.append(f"pods {selector_text(peer.get('podSelector'))}")
            if "namespaceSelector" in peer:
                parts.append(f"namespaces {selector_text(peer.get('namespaceSelector'))}")
            words.append(" in ".join(parts))
        return listed(words) or "nobody"


def directions(policy: Obj) -> set[str]:
    """Ingress unless policyTypes says otherwise; Egress where it is named, or where rules exist and policyTypes does not."""
    given = policy.at("spec", "policyTypes")
    if isinstance(given, list) and given:
        return {t for t in given if isinstance(t, str)}
    return {"Ingress", "Egress"} if policy.maps("spec", "egress") else {"Ingress"}


def selector_text(selector: object) -> str:
    """A label selector in words; `(all)` for the empty one."""
    parts = [f"{k}={v}" for k, v in labels_at(selector, "matchLabels").items()]
    parts += [requirement_text(e) for e in maps_at(selector, "matchExpressions")]
    return ", ".join(parts) or "(all)"


def _rules(policy: Obj, direction: Direction) -> list[Mapping[str, Any]]:
    return policy.maps("spec", _RULES[direction])


def _strictest(policies: list[Obj], direction: Direction) -> Obj:
    """The policy to name: the one without any rule, else the first."""
    return next((p for p in policies if not _rules(p, direction)), policies[0])


def _keys(selector: object) -> set[str]:
    return set(labels_at(selector, "matchLabels")) | {text_at(e, "key") for e in maps_at(selector, "matchExpressions")}


def _port_allowed(rule: Mapping[str, Any], port: int, protocol: str, server: Obj | None) -> bool:
    ports = maps_at(rule, "ports")
    if not ports:
        return True
    for entry in ports:
        if (text_at(entry, "protocol") or "TCP") != protocol:
            continue
        wanted = entry.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, int):
            last = entry.get("endPort")
            if wanted <= port <= (last if isinstance(last, int) else wanted):
                return True
        elif isinstance(wanted, str) and server is not None:
            for container in server.maps("spec", "containers"):
                if any(text_at(p, "name") == wanted and text_at(p, "containerPort") == str(port) for p in maps_at(container, "ports")):
                    return True
    return False


def _ports_text(rule: Mapping[str, Any]) -> str:
    words = []
    for entry in maps_at(rule, "ports"):
        last = f"-{text_at(entry, 'endPort')}" if entry.get("endPort") else ""
        words.append(f"{text_at(entry, 'port') or 'any'}{last}/{text_at(entry, 'protocol') or 'TCP'}")
    return listed(words)


def _inside(address: str, cidr: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
