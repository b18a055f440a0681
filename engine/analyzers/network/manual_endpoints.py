"""Services without a selector: endpoints that somebody has to write by hand, and ExternalName aliases."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from engine.analyzers.common.callees import split
from engine.analyzers.common.citations import field, listed, nearest
from engine.analyzers.common.confidence import HINT, LOG, RELATION, confidence
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.clients import Clients
from engine.analyzers.network.service_facts import network_finding, service_ports, slices_of
from engine.cluster.objects import Obj, maps_at, text_at, texts_at
from engine.core.types import Finding, Remedy


def without_selector(view: ClusterView, service: Obj) -> Iterator[Finding]:
    slices = slices_of(view, service)
    legacy = view.find("endpoints", service.namespace, service.name)
    subsets = legacy.maps("subsets") if legacy else []
    addresses = [a for s in slices for e in s.maps("endpoints") for a in texts_at(e, "addresses")]
    addresses += [text_at(a, "ip") for s in subsets for a in maps_at(s, "addresses")]
    clients = Clients.of(view)
    complaints = clients.complaints(service)
    said = tuple(c.evidence for c in complaints[:2])
    if not addresses:
        if not view.can_see("endpointslices.discovery.k8s.io", service.namespace):
            return
        near = _named_workloads(view, service)
        hint = f"; the pods of {near[0].kind} {near[0].name} look meant" if near else ""
        used = bool(complaints or clients.calling(service) or near)
        yield network_finding(
            service,
            "ServiceWithoutEndpoints",
            "critical" if used else "warning",
            f"Service {service.name} has no selector and nobody made Endpoints or an EndpointSlice for it, so it leads nowhere{hint}",
            (field(service, "spec"), *said),
            confidence([RELATION, RELATION, *([LOG] if said else [])]),
            (
                Remedy(
                    "add a selector, or an EndpointSlice labelled kubernetes.io/service-name",
                    f"kubectl -n {service.namespace} get endpointslices",
                    "read",
                ),
            ),
        )
        return
    names = {text_at(p, "name") for s in slices for p in s.maps("ports")} | {
        text_at(p, "name") for s in subsets for p in maps_at(s, "ports")
    }
    for port in service_ports(service):
        if port.name not in names:
            yield network_finding(
                service,
                "EndpointPortNameMismatch",
                "critical",
                (
                    f"Service {service.name} has port “{port.name or 'unnamed'}”, but its manual "
                    f"endpoints name their ports {listed(sorted(n or 'unnamed' for n in names))}: "
                    "the names must be the same"
                ),
                (field(service, "spec", "ports", port.index), *(field(s, "ports") for s in slices[:1])),
                confidence([RELATION, RELATION]),
                detail=str(port.port),
            )
    stale = _stale(view, addresses)
    if stale and (complaints or clients.calling(service)):
        yield network_finding(
            service,
            "StaleEndpoints",
            "critical" if complaints else "warning",
            f"Service {service.name} has no selector and its hand-written endpoint {listed(stale)} is the address of no pod any more",
            (*(field(s, "endpoints") for s in slices[:1]), *said),
            confidence([RELATION, *([LOG] if said else [])]),
            (
                Remedy(
                    "give the Service a selector, or correct the address",
                    f"kubectl -n {service.namespace} get endpointslices -o yaml",
                    "read",
                ),
            ),
        )
    elif complaints:
        target = ", ".join(f"{a}:{text_at(p, 'port')}" for a in addresses[:2] for s in slices[:1] for p in s.maps("ports")[:1]) or listed(
            addresses
        )
        yield network_finding(
            service,
            "ManualEndpointsFail",
            "critical",
            (
                f"Service {service.name} has no selector; its hand-written endpoint "
                f"{target} does not answer: clients get “{complaints[0].words}”"
            ),
            (*(field(s, "endpoints") for s in slices[:1]), *(field(s, "ports") for s in slices[:1]), *said),
            confidence([HINT, LOG]),
            (Remedy("check the address and port of the endpoint", f"kubectl -n {service.namespace} get endpointslices -o yaml", "read"),),
        )


def _stale(view: ClusterView, addresses: list[str]) -> list[str]:
    """Addresses within the range that pods live in, which no pod has."""
    pods = {p.text("status", "podIP") for p in view.within("pods", None)} - {""}
    networks = {n for ip in pods if (n := _network(ip)) is not None}
    hosts = {text_at(a, "address") for node in view.all("nodes") for a in node.maps("status", "addresses")}
    return [a for a in dict.fromkeys(addresses) if a not in pods and a not in hosts and _network(a) in networks]


def _network(address: str) -> str | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return str(ipaddress.ip_network(f"{parsed}/{16 if parsed.version == 4 else 64}", strict=False))


def _named_workloads(view: ClusterView, service: Obj) -> list[Obj]:
    found = [w for r in ("deployments.apps", "statefulsets.apps", "daemonsets.apps") for w in view.within(r, service.namespace)]
    return [w for w in found if w.name == service.name]


def external_name(view: ClusterView, service: Obj) -> Iterator[Finding]:
    """An alias that leads to a name of this cluster that does not exist, to no host name at all, or whose clients fail."""
    target = service.text("spec", "externalName").rstrip(".")
    clients = Clients.of(view)
    remedy = Remedy(
        "correct externalName",
        f'kubectl -n {service.namespace} patch service {service.name} -p \'{{"spec":{{"externalName":"HOST"}}}}\'',
        "mutate",
    )
    evidence = (field(service, "spec", "externalName"),)
    name, namespace = split(target, service.namespace, clients.callees.namespaces) if "." in target else ("", "")
    if "svc" in target.split(".")[2:] and name and view.can_see("services", namespace):
        known = clients.callees.services
        if (namespace, name) in known:
            if (namespace, name) == (service.namespace, service.name):
                text = f"Service {service.name} is an ExternalName alias of itself ({target})"
                yield network_finding(service, "ExternalNameLoop", "critical", text, evidence, confidence([RELATION, RELATION]), (remedy,))
            return
        same = [ns for ns, n in known if n == name]
        guess = f"{name}.{same[0]}" if same else nearest(name, [n for ns, n in known if ns == namespace])
        hint = f"; did you mean {guess}?" if guess else ""
        text = (
            f"Service {service.name} is an alias (ExternalName) of {target}, and there is no Service {name} in namespace {namespace}{hint}"
        )
        yield network_finding(service, "ExternalNameNotFound", "critical", text, evidence, confidence([RELATION, RELATION]), (remedy,))
        return
    if "://" in target or "/" in target or ":" in target or _is_address(target):
        text = (
            f"Service {service.name} is an alias (ExternalName) of “{target}”, "
            f"which is no DNS name: it takes a host name without scheme, port or address"
        )
        yield network_finding(service, "ExternalNameInvalid", "critical", text, evidence, confidence([RELATION, RELATION]), (remedy,))
        return
    complaints = clients.complaints(service)
    if complaints:
        first = complaints[0]
        text = (
            f"Service {service.name} is an alias (ExternalName) of {target}, "
            f"which {view.workload_of(first.pod).name} cannot reach: “{first.words}”"
        )
        said = (*evidence, *(c.evidence for c in complaints[:2]))
        yield network_finding(service, "ExternalNameUnreachable", "critical", text, said, confidence([LOG, HINT]), (remedy,))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
