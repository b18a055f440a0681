"""The host's firewall: ports of the cluster that are listened on here and that firewalld, iptables or nftables do not let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.analyzers.common.confidence import HINT, RELATION
from engine.core.types import Evidence, Finding
from engine.hosts.analyzers.common import found, listed
from engine.hosts.bundle import Bundle

_PORTS = {
    ("tcp", 6443): "the API server",
    ("tcp", 10250): "the kubelet (logs, exec, metrics)",
    ("tcp", 2379): "etcd's clients",
    ("tcp", 2380): "etcd's members",
    ("udp", 8472): "the overlay network (VXLAN)",
    ("udp", 4789): "the overlay network (VXLAN)",
    ("tcp", 179): "BGP",
}
_SERVICES = {
    "kube-apiserver": {6443},
    "kubelet": {10250},
    "kubelet-worker": {10250},
    "kube-worker": {10250},
    "kube-control-plane": {6443, 10250, 2379, 2380},
    "kube-control-plane-secure": {6443, 10250, 2379, 2380},
    "etcd-client": {2379},
    "etcd-server": {2380},
    "bgp": {179},
}
_POD_SIDE = re.compile(r"^(?:cni|flannel|cali|docker|podman|veth|tunl|cilium|virbr)")
_LISTEN = re.compile(r"^(tcp|udp)\s+\S+\s+\d+\s+\d+\s+(\S+):(\d+)\s")


@dataclass(slots=True)
class Zone:
    """A zone of firewalld."""

    name: str
    active: bool = False
    target: str = ""
    interfaces: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    rich: list[str] = field(default_factory=list)

    def opens(self, protocol: str, port: int) -> bool:
        """Whether the zone may let a port in; a rich rule for some source counts, since whose source it is is not known here."""
        if self.target == "ACCEPT" or any(port in _SERVICES.get(service, ()) for service in self.services):
            return True
        for entry in self.ports:
            numbers, _, kind = entry.partition("/")
            first, _, last = numbers.partition("-")
            if kind == protocol and first.isdigit() and int(first) <= port <= int(last or first):
                return True
        return any("accept" in rule and (f'"{port}"' in rule or "port=" not in rule) for rule in self.rich)


def listening(bundle: Bundle) -> set[tuple[str, int]]:
    """(protocol, port) of what is listened on beyond loopback."""
    found_ports = set()
    for line in bundle.lines("listening"):
        match = _LISTEN.match(line)
        if match and not match.group(2).startswith(("127.", "[::1]")):
            found_ports.add((match.group(1), int(match.group(3))))
    return found_ports


def zones(text: str) -> list[Zone]:
    """The zones of `firewall-cmd --list-all-zones`."""
    found_zones: list[Zone] = []
    in_rules = False
    for line in text.splitlines():
        if line and not line[0].isspace():
            name, _, rest = line.partition(" ")
            found_zones.append(Zone(name, "active" in rest))
            in_rules = False
        elif found_zones:
            zone = found_zones[-1]
            key, colon, value = line.strip().partition(":")
            if in_rules and line.strip().startswith("rule "):
                zone.rich.append(line.strip())
                continue
            in_rules = key == "rich rules"
            if colon and key in ("interfaces", "sources", "services", "ports"):
                getattr(zone, key).extend(value.split())
            elif colon and key == "target":
                zone.target = value.strip()
    return found_zones


def firewall(bundle: Bundle) -> Iterator[Finding]:
    """Ports that are closed although something listens on them; only where a kubelet is installed."""
    if not bundle.runs_kubelet:
        return
    wanted = sorted(set(_PORTS) & listening(bundle))
    if not wanted:
        return
    yield from _firewalld(bundle, wanted)
    yield from _iptables(bundle, wanted)
    yield from _nftables(bundle, wanted)


def _firewalld(bundle: Bundle, wanted: list[tuple[str, int]]) -> Iterator[Finding]:
    active = [zone for zone in zones(bundle.text("firewalld")) if zone.active]
    outside = [zone for zone in active if any(not _POD_SIDE.match(name) for name in zone.interfaces)]
    by_source = [zone for zone in active if zone.sources]
    for zone in outside:
        closed = [(kind, port) for kind, port in wanted if not zone.opens(kind, port) and not any(z.opens(kind, port) for z in by_source)]
        if closed:
            commands = " ".join(f"--add-port={port}/{kind}" for kind, port in closed)
            lines = [f"{zone.name} (active)", f"interfaces: {' '.join(zone.interfaces)}", f"services: {' '.join(zone.services)}"]
            lines.append(f"ports: {' '.join(zone.ports)}")
            yield found(
                bundle,
                "FirewallBlocksPort",
                "warning",
                f"firewalld's zone {zone.name} ({' '.join(zone.interfaces)}) does not allow {_ports(closed)}",
                [bundle.cite("firewalld", "\n".join(lines)), *_listening_evidence(bundle, closed)],
                weights=(RELATION, RELATION),
                remedies=[
                    bundle.remedy(
                        "open what the cluster needs", f"firewall-cmd --permanent --zone={zone.name} {commands} && firewall-cmd --reload"
                    )
                ],
                docs=("firewall", "firewalld"),
                detail=zone.name,
            )


def _iptables(bundle: Bundle, wanted: list[tuple[str, int]]) -> Iterator[Finding]:
    rules = bundle.lines("iptables")
    last = next((rule for rule in reversed(rules) if re.match(r"^-A INPUT (?:-j (?:REJECT|DROP)\b)", rule)), "")
    policy = next((rule for rule in rules if re.match(r"^-P INPUT (?:DROP|REJECT)", rule)), "")
    if not (last or policy) or any(re.match(r"^-A INPUT -j ACCEPT", rule) for rule in rules):
        return
    closed = []
    for kind, port in wanted:
        accepts = [
            r for r in rules if "-j ACCEPT" in r and (_mentions(r, port) or ("port" not in r and re.search(r" (?:-s|-i) (?!lo\b)", r)))
        ]
        if not accepts:
            closed.append((kind, port))
    if closed:
        yield _closed(bundle, "iptables", "iptables lets in on INPUT only what its rules name, and not", closed, last or policy)


def _mentions(rule: str, port: int) -> bool:
    """Whether a rule's ports hold a port: `--dport 10250`, `--dports 80,10250`, `--dport 10250:10260`."""
    for group in re.findall(r"--dports? (\S+)", rule):
        for part in group.split(","):
            first, _, last = part.partition(":")
            if first.isdigit() and int(first) <= port <= int(last if last.isdigit() else first):
                return True
    return False


def _nftables(bundle: Bundle, wanted: list[tuple[str, int]]) -> Iterator[Finding]:
    text = bundle.text("nftables")
    policy = re.search(r"hook input [^\n]*policy drop;", text)
    if policy is None or "@" in text or re.search(r"^\s*(?:ip6? saddr|iifname) .*accept", text.replace('iifname "lo"', ""), re.MULTILINE):
        return  # named sets and rules by source may open what is not named here
    closed = [(kind, port) for kind, port in wanted if not re.search(rf"\b{port}\b", text)]
    if closed:
        yield _closed(bundle, "nftables", "nftables drops what its input rules do not name, and they lack", closed, policy.group(0))


def _closed(bundle: Bundle, key: str, words: str, closed: list[tuple[str, int]], rule: str) -> Finding:
    return found(
        bundle,
        "FirewallBlocksPort",
        "warning",
        f"{words} {_ports(closed)}",
        [bundle.cite(key, rule), *_listening_evidence(bundle, closed)],
        weights=(RELATION, HINT),
        remedies=[bundle.remedy("look at the rules and open what the cluster needs", "nft list ruleset")],
        docs=("firewall", "nftables"),
        detail=key,
    )


def _ports(ports: list[tuple[str, int]]) -> str:
    return listed([f"{port}/{kind} ({_PORTS[(kind, port)]})" for kind, port in ports], 5)


def _listening_evidence(bundle: Bundle, ports: list[tuple[str, int]]) -> list[Evidence]:
    lines = [line for _, port in ports for line in bundle.lines("listening") if re.search(rf":{port}\s", line)]
    return [bundle.cite("listening", lines[0])] if lines else []
