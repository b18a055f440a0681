"""Rows of the network kinds: Service, Endpoints, EndpointSlice, Ingress, IngressClass, NetworkPolicy, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.cluster.objects import Obj, labels_at, maps_at, text_at, texts_at
from engine.cluster.tables.model import NONE, UNSET, Printing, Row, age, columns, few, format_labels, format_selector


def _service(obj: Obj, now: datetime) -> Row:
    addresses = obj.texts("spec", "clusterIPs") or [obj.text("spec", "clusterIP")]
    return (
        obj.text("spec", "type"),
        addresses[0] or NONE,
        _external_address(obj),
        ",".join(_service_port(port) for port in obj.maps("spec", "ports")) or NONE,
        age(obj, now),
        format_labels(labels_at(obj.raw, "spec", "selector")),
    )


def _external_address(obj: Obj) -> str:
    given = ",".join(obj.texts("spec", "externalIPs"))
    kind = obj.text("spec", "type")
    if kind in ("ClusterIP", "NodePort"):
        return given or NONE
    if kind == "LoadBalancer":
        balancers = ",".join(text_at(i, "ip") or text_at(i, "hostname") for i in obj.maps("status", "loadBalancer", "ingress"))
        return ",".join(text for text in (balancers, given) if text) or "<pending>"
    return obj.text("spec", "externalName") if kind == "ExternalName" else "<unknown>"


def _service_port(port: Mapping[str, Any]) -> str:
    node = text_at(port, "nodePort")
    return f"{text_at(port, 'port')}{':' + node if node and node != '0' else ''}/{text_at(port, 'protocol', default='TCP')}"


def _endpoints(obj: Obj, now: datetime) -> Row:
    subsets = obj.maps("subsets")
    found: list[str] = []
    for subset in subsets:
        addresses = [text_at(address, "ip") for address in maps_at(subset, "addresses")]
        ports = [text_at(port, "port") for port in maps_at(subset, "ports")]
        if ports:
            found += [_host_port(address, port) for port in ports for address in addresses]
        else:
            found += addresses
    return (few(found, len(found), "") if subsets else NONE), age(obj, now)


def _host_port(address: str, port: str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoint_slice(obj: Obj, now: datetime) -> Row:
    ports = [text_at(port, "port") or text_at(port, "name") or "*" for port in obj.maps("ports")]
    addresses = [address for endpoint in obj.maps("endpoints") for address in texts_at(endpoint, "addresses")]
    return obj.text("addressType"), few(ports, len(ports), UNSET), few(addresses, len(addresses), UNSET), age(obj, now)


def _ingress(obj: Obj, now: datetime) -> Row:
    hosts = [host for rule in obj.maps("spec", "rules") if (host := text_at(rule, "host"))]
    balancers = ",".join(text_at(i, "ip") or text_at(i, "hostname") for i in obj.maps("status", "loadBalancer", "ingress"))
    ports = "80, 443" if obj.maps("spec", "tls") else "80"
    return obj.text("spec", "ingressClassName") or NONE, few(hosts, len(hosts), "*"), balancers, ports, age(obj, now)


def _ingress_class(obj: Obj, now: datetime) -> Row:
    kind, group, name = (obj.text("spec", "parameters", key) for key in ("kind", "apiGroup", "name"))
    parameters = f"{kind}{'.' + group if group else ''}/{name}" if name else NONE
    return obj.text("spec", "controller"), parameters, age(obj, now)


def _network_policy(obj: Obj, now: datetime) -> Row:
    return format_selector(obj.at("spec", "podSelector")), age(obj, now)


def _ip_address(obj: Obj, now: datetime) -> Row:
    group, resource, namespace, name = (obj.text("spec", "parentRef", key) for key in ("group", "resource", "namespace", "name"))
    return "/".join(part for part in (f"{resource}.{group}" if group else resource, namespace, name) if part) or NONE, age(obj, now)


def _service_cidr(obj: Obj, now: datetime) -> Row:
    return ",".join(obj.texts("spec", "cidrs")), age(obj, now)


NETWORK = {
    "services": Printing(columns("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "+Selector"), _service),
    "endpoints": Printing(columns("Endpoints", "Age"), _endpoints),
    "endpointslices.discovery.k8s.io": Printing(columns("AddressType", "Ports", "Endpoints", "Age"), _endpoint_slice),
    "ingresses.networking.k8s.io": Printing(columns("Class", "Hosts", "Address", "Ports", "Age"), _ingress),
    "ingressclasses.networking.k8s.io": Printing(columns("Controller", "Parameters", "Age"), _ingress_class),
    "networkpolicies.networking.k8s.io": Printing(columns("Pod-Selector", "Age"), _network_policy),
    "ipaddresses.networking.k8s.io": Printing(columns("ParentRef", "Age"), _ip_address),
    "servicecidrs.networking.k8s.io": Printing(columns("CIDRs", "Age"), _service_cidr),
}
