"""Keeps the Endpoints and EndpointSlices of a namespace's Services equal to the pods that they select."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.cluster.objects import at, labels_at, maps_at, text_at
from engine.cluster.source import RawObject, RawObjects
from engine.simulator.controllers.pods import is_ready
from engine.simulator.controllers.store import Store, digest, found, listed, name_of, namespace_of, reference_to

SERVICE_NAME = "kubernetes.io/service-name"


def sync_endpoints(store: Store, namespace: str) -> None:
    """Bring the endpoints of every Service with a selector in a namespace up to date."""
    pods = listed(store, "pods", namespace)
    for service in listed(store, "services", namespace):
        selector = labels_at(service, "spec", "selector")
        if not selector:
            continue
        chosen = [
            pod for pod in pods if selector.items() <= labels_at(pod, "metadata", "labels").items() and text_at(pod, "status", "podIP")
        ]
        chosen = [pod for pod in chosen if text_at(pod, "status", "phase") not in ("Succeeded", "Failed")]
        _sync_slice(store, service, chosen)
        _sync_endpoints(store, service, [pod for pod in chosen if not at(pod, "metadata", "deletionTimestamp")])


def _sync_slice(store: Store, service: RawObject, pods: RawObjects) -> None:
    namespace, name = namespace_of(service), name_of(service)
    slices = [
        s
        for s in listed(store, "endpointslices.discovery.k8s.io", namespace)
        if labels_at(s, "metadata", "labels").get(SERVICE_NAME) == name
    ]
    held = slices[0] if slices else None
    endpoints = [_endpoint(pod) for pod in pods]
    ports = [
        {"name": text_at(port, "name"), "protocol": text_at(port, "protocol", default="TCP"), "port": number}
        for port in maps_at(service, "spec", "ports")
        if (number := _target_port(port, pods)) is not None
    ]
    if held is not None:
        if _addresses(held) != _addresses({"endpoints": endpoints}):
            store.write("endpointslices.discovery.k8s.io", {**held, "endpoints": endpoints, "ports": ports or held.get("ports")})
        return
    metadata = {
        "name": f"{name}-{digest([namespace, name], 5)}",
        "namespace": namespace,
        "labels": {SERVICE_NAME: name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
        "ownerReferences": [reference_to(service)],
    }
    made = {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata, "addressType": "IPv4"}
    store.write("endpointslices.discovery.k8s.io", {**made, "endpoints": endpoints, "ports": ports})


def _addresses(piece: Mapping[str, Any]) -> list[tuple[str, bool, str]]:
    rows = []
    for endpoint in maps_at(piece, "endpoints"):
        for address in endpoint.get("addresses") or []:
            rows.append((str(address), at(endpoint, "conditions", "ready") is True, text_at(endpoint, "targetRef", "name")))
    return sorted(rows)


def _endpoint(pod: RawObject) -> dict[str, Any]:
    ready = is_ready(pod)
    return {
        "addresses": [text_at(pod, "status", "podIP")],
        "conditions": {"ready": ready, "serving": ready, "terminating": bool(at(pod, "metadata", "deletionTimestamp"))},
        "targetRef": _reference(pod),
        "nodeName": text_at(pod, "spec", "nodeName"),
    }


def _reference(pod: RawObject) -> dict[str, Any]:
    return {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": text_at(pod, "metadata", "uid")}


def _sync_endpoints(store: Store, service: RawObject, pods: RawObjects) -> None:
    namespace, name = namespace_of(service), name_of(service)
    ports = [
        {"name": text_at(port, "name"), "port": number, "protocol": text_at(port, "protocol", default="TCP")}
        for port in maps_at(service, "spec", "ports")
        if (number := _target_port(port, pods)) is not None
    ]
    ports = [{key: value for key, value in port.items() if value} for port in ports]
    rows = [(is_ready(pod), _address(pod)) for pod in sorted(pods, key=lambda pod: text_at(pod, "status", "podIP"))]
    subset: dict[str, Any] = {}
    if any(ready for ready, _ in rows):
        subset["addresses"] = [row for ready, row in rows if ready]
    if any(not ready for ready, _ in rows):
        subset["notReadyAddresses"] = [row for ready, row in rows if not ready]
    held = found(store, "endpoints", namespace, name)
    base: RawObject = held or {"kind": "Endpoints", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace}}
    if ports and subset:
        subset["ports"] = ports
    made = {key: value for key, value in base.items() if key != "subsets"} | ({"subsets": [subset]} if subset else {})
    if held is None or _known(held) != _known(made):
        store.write("endpoints", made)


def _known(endpoints: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return sorted(
        (part, text_at(address, "ip"), text_at(address, "targetRef", "name"))
        for subset in maps_at(endpoints, "subsets")
        for part in ("addresses", "notReadyAddresses")
        for address in maps_at(subset, part)
    )


def _address(pod: RawObject) -> dict[str, Any]:
    return {"ip": text_at(pod, "status", "podIP"), "nodeName": text_at(pod, "spec", "nodeName"), "targetRef": _reference(pod)}


def _target_port(port: Mapping[str, Any], pods: RawObjects) -> int | None:
    """The number behind a Service port: a named target is looked up in the pods' containers."""
    target = port.get("targetPort", port.get("port"))
    if isinstance(target, int):
        return target
    for pod in pods:
        for container in maps_at(pod, "spec", "containers"):
            for entry in maps_at(container, "ports"):
                if entry.get("name") == target and isinstance(entry.get("containerPort"), int):
                    return int(entry["containerPort"])
    return int(target) if isinstance(target, str) and target.isdigit() else None
