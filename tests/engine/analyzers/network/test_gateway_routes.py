"""Gateway API routes and their backends."""

from __future__ import annotations

from fakes.manifests import NS, Raw, meta, service, view

from engine.analyzers.network.gateway_routes import gateway_routes

CRD: Raw = {
    "kind": "CustomResourceDefinition",
    "metadata": meta("httproutes.gateway.networking.k8s.io", ""),
    "spec": {"group": "gateway.networking.k8s.io", "names": {"kind": "HTTPRoute", "plural": "httproutes"}},
}


def route(name: str, port: int) -> Raw:
    backend = {"name": name, "port": port}
    return {"kind": "HTTPRoute", "metadata": meta("shop"), "spec": {"rules": [{"backendRefs": [backend]}]}}


def test_a_route_names_the_backend_that_is_missing_and_the_nearest_one() -> None:
    [found] = gateway_routes(view(CRD, route("chekout", 80), service("checkout")))
    assert found.object.kind == "HTTPRoute"
    assert "Service chekout, which does not exist in namespace " + NS in found.summary and "did you mean checkout?" in found.summary


def test_a_port_that_the_service_lacks_is_named_and_a_right_one_is_quiet() -> None:
    [found] = gateway_routes(view(CRD, route("checkout", 8081), service("checkout")))
    assert "port 8081 of Service checkout, which has only 80" in found.summary
    assert not list(gateway_routes(view(CRD, route("checkout", 80), service("checkout"))))
    assert not list(gateway_routes(view(route("checkout", 81))))
