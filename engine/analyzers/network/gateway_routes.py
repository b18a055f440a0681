"""Gateway API routes: whether the Services that they send requests to are there, with the port that they name."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import field, listed, nearest
from engine.analyzers.common.confidence import RELATION, STATE, confidence
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Finding, ObjectRef, Remedy

_ROUTES = tuple(f"{kind}.gateway.networking.k8s.io" for kind in ("httproutes", "grpcroutes", "tcproutes", "tlsroutes"))


@analyzer("gateway-routes", speciality="network", needs=(*_ROUTES, "services"))
def gateway_routes(view: ClusterView) -> Iterator[Finding]:
    """Routes whose backend Service, or its port, does not exist."""
    defined = {resource for found in view.custom_kinds.values() for resource in found}
    for resource in _ROUTES:
        for route in view.all(resource) if resource in defined else []:
            for index, rule in enumerate(route.maps("spec", "rules")):
                for number, backend in enumerate(maps_at(rule, "backendRefs")):
                    if text_at(backend, "kind", default="Service") == "Service":
                        yield from _backend(view, route, index, number)


def _backend(view: ClusterView, route: Obj, rule: int, number: int) -> Iterator[Finding]:
    path = ("spec", "rules", rule, "backendRefs", number)
    name, port = route.text(*path, "name"), route.text(*path, "port")
    namespace = route.text(*path, "namespace") or route.namespace
    if not name or not view.can_see("services", namespace):
        return
    service = view.find("services", namespace, name)
    ports = [text_at(p, "port") for p in service.maps("spec", "ports")] if service is not None else []
    if service is not None and (not port or port in ports):
        return
    if service is None:
        guess = nearest(name, [s.name for s in view.within("services", namespace)])
        why = f"Service {name}, which does not exist in namespace {namespace}" + (f"; did you mean {guess}?" if guess else "")
    else:
        why = f"port {port} of Service {name}, which has only {listed(ports)}"
    yield Finding(
        code="RouteBackendNotFound",
        severity="critical",
        object=route.ref,
        summary=f"{route.kind} {route.name} sends requests to {why}",
        evidence=(field(route, *path),),
        owner=ObjectRef("Service", namespace, name),
        remedies=(Remedy("correct the route's backendRefs, or create the Service", f"kubectl -n {namespace} get services", "read"),),
        confidence=confidence([RELATION, STATE]),
        docs=("Gateway API", "HTTPRoute backendRefs"),
        speciality="network",
        detail=f"{rule}/{number}",
    )
