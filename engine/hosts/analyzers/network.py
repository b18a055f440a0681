"""Network: links, the default route, forwarding, connection tracking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from engine.analyzers.common.confidence import EVENT, HINT, STATE
from engine.core.types import Finding
from engine.hosts.analyzers.common import cite_line, found, kernel, recent
from engine.hosts.analyzers.cpu import sysctls
from engine.hosts.bundle import Bundle

_LINK = re.compile(r"^\d+: ([^:@\s]+)(?:@\S+)?: <([^>]*)> .*?\bstate (\w+)")
_VIRTUAL = re.compile(
    r"^(?:lo|veth|cali|lxc|cni|flannel|docker|virbr|tunl|kube-|dummy|nodelocaldns|cilium|vxlan|geneve|genev_|ovn-|br-|ovs-|podman|wg|tap|tun|sit|ip6)"
)


def network(bundle: Bundle) -> Iterator[Finding]:
    """Links, route, forwarding, connection tracking."""
    yield from _links(bundle)
    yield from _route(bundle)
    yield from _forwarding(bundle)
    yield from _conntrack(bundle)


def _links(bundle: Bundle) -> Iterator[Finding]:
    """A link without carrier matters where something relies on it: it has an address, belongs to a bond, or just went down."""
    addressed = {words[1] for line in bundle.lines("addresses") if len(words := line.split()) > 3 and words[2] in ("inet", "inet6")}
    said = recent(kernel(bundle), bundle.now, timedelta(hours=24))
    for line in bundle.lines("links"):
        match = _LINK.match(line)
        if match is None:
            continue
        name, flags, state = match.group(1), match.group(2).split(","), match.group(3)
        if _VIRTUAL.match(name) or "UP" not in flags or (state != "DOWN" and "NO-CARRIER" not in flags):
            continue
        fell = [w for w in said if re.search(rf"\b{re.escape(name)}\b.*(?:[Ll]ink is [Dd]own|link down)", w.text)]
        master = re.search(r"\bmaster (\S+)", line)
        if name not in addressed and master is None and not fell:
            continue
        part = f" (part of {master.group(1)})" if master else ""
        yield found(
            bundle,
            "LinkDown",
            "warning" if master else "critical",
            f"the network link {name}{part} is down: no carrier",
            [bundle.cite("links", line.split(" mode ")[0]), *(cite_line(bundle, w) for w in fell[-1:])],
            weights=(STATE, EVENT) if fell else (STATE,),
            remedies=[bundle.remedy("look at cable, port and driver", f"ethtool {name}")],
            docs=("network loss", "link down"),
            detail=name,
        )


def _route(bundle: Bundle) -> Iterator[Finding]:
    reply = bundle.replies.get("routes")
    if reply is None or reply.state != "seen" or reply.text.strip() or reply.code != 0:
        return
    if not bundle.text("addresses") or not bundle.runs_kubelet:
        return
    yield found(
        bundle,
        "NoDefaultRoute",
        "warning",
        "there is no default route, so nothing beyond the host's own networks is reached",
        [bundle.cite("routes", "(nothing)")],
        weights=(STATE, HINT),
        remedies=[bundle.remedy("check the routes and the connections", "ip route; nmcli connection show")],
        docs=("network loss", "default route"),
    )


def _forwarding(bundle: Bundle) -> Iterator[Finding]:
    if bundle.runs_kubelet and sysctls(bundle).get("net.ipv4.ip_forward") == "0":
        yield found(
            bundle,
            "ForwardingOff",
            "critical",
            "net.ipv4.ip_forward is 0, so the host does not pass on packets between pods and the network",
            [bundle.cite("sysctl", "net.ipv4.ip_forward = 0")],
            weights=(STATE, EVENT),
            remedies=[bundle.remedy("switch it on, and for good in /etc/sysctl.d", "sysctl -w net.ipv4.ip_forward=1")],
            docs=("kernel setting", "ip_forward"),
        )


def _conntrack(bundle: Bundle) -> Iterator[Finding]:
    values = sysctls(bundle)
    count, most = values.get("net.netfilter.nf_conntrack_count", ""), values.get("net.netfilter.nf_conntrack_max", "")
    if not count.isdigit() or not most.isdigit() or int(most) == 0 or int(count) < 0.85 * int(most):
        return
    share = 100 * int(count) / int(most)
    yield found(
        bundle,
        "ConntrackFull",
        "critical" if share >= 95 else "warning",
        f"{count} of {most} connections are tracked ({share:.0f} %); when the table is full, new connections are dropped",
        [bundle.cite("sysctl", f"net.netfilter.nf_conntrack_count = {count}\nnet.netfilter.nf_conntrack_max = {most}")],
        weights=(STATE, EVENT),
        remedies=[
            bundle.remedy("find who opens so many", "conntrack -L"),
            bundle.remedy("raise the limit", f"sysctl -w net.netfilter.nf_conntrack_max={2 * int(most)}"),
        ],
        docs=("conntrack", "table full"),
        detail="count",
    )
