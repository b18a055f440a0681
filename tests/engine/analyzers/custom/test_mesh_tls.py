"""Istio's TLS of clients against what the server's policy accepts."""

from __future__ import annotations

from fakes.manifests import Raw, meta, view

from engine.analyzers.custom.mesh_tls import mesh_tls
from engine.core.types import Finding


def _crd(kind: str, group: str) -> Raw:
    names = {"kind": kind, "plural": f"{kind.lower()}s"}
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [{"name": "v1"}]},
    }


def _found(client: str, *policies: tuple[str, str]) -> list[Finding]:
    """What is found for a rule with a client's mode and (namespace, mode) of the policies."""
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": meta("pears", "orchard"),
        "spec": {"host": "pears.orchard.svc.cluster.local", "trafficPolicy": {"tls": {"mode": client}}},
    }
    peers = [
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": meta("default", namespace),
            "spec": {"mtls": {"mode": mode}},
        }
        for namespace, mode in policies
    ]
    service = {"kind": "Service", "metadata": meta("pears", "orchard"), "spec": {"selector": {"app": "pears"}}}
    definitions = [_crd("DestinationRule", "networking.istio.io"), _crd("PeerAuthentication", "security.istio.io")]
    return list(mesh_tls(view(*definitions, service, rule, *peers, scope="orchard")))


def test_a_client_without_mutual_tls_is_refused_by_a_strict_policy() -> None:
    (finding,) = _found("DISABLE", ("orchard", "STRICT"))
    assert finding.code == "MeshTlsConflict"
    assert "plain text" in finding.summary
    assert _found("DISABLE", ("istio-system", "STRICT"))


def test_a_permissive_namespace_or_a_mutual_client_has_no_conflict() -> None:
    assert _found("DISABLE", ("istio-system", "STRICT"), ("orchard", "PERMISSIVE")) == []
    assert _found("ISTIO_MUTUAL", ("orchard", "STRICT")) == []
    assert _found("DISABLE", ("other", "STRICT")) == []
