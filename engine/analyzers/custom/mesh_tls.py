"""Istio: clients that are told to send plain text to workloads that accept mutual TLS alone."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import fields
from engine.analyzers.common.confidence import RELATION, confidence
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, labels_at, text_at
from engine.core.types import Finding, Remedy

_ROOT = "istio-system"
"""Istio's default root namespace: its PeerAuthentication without a selector counts for the whole mesh."""
_ISTIO = ".istio.io"


@analyzer("mesh-tls", speciality="network", needs=())
def mesh_tls(view: ClusterView) -> Iterator[Finding]:
    """DestinationRules whose TLS mode is not mutual for a Service whose PeerAuthentication is STRICT.

    Over a namespace those of other namespaces count too, since its clients obey them; they are told as warnings there.
    """
    strict = list(_istio(view, "PeerAuthentication"))
    for rule in _istio(view, "DestinationRule"):
        mode = rule.text("spec", "trafficPolicy", "tls", "mode")
        service = _service(view, rule)
        if mode not in ("DISABLE", "SIMPLE") or service is None:
            continue
        peer = _peer(strict, service)
        if peer is None or peer.text("spec", "mtls", "mode") != "STRICT":
            continue
        what = "clients send plain text" if mode == "DISABLE" else "clients send TLS without a client certificate"
        yield Finding(
            code="MeshTlsConflict",
            severity="critical" if view.namespace in (None, service.namespace) else "warning",
            object=rule.ref,
            summary=f"DestinationRule {rule.name} in namespace {rule.namespace} sets TLS mode {mode} for Service {service.name}, while "
            f"PeerAuthentication {peer.name} in namespace {peer.namespace} is STRICT and only accepts mutual TLS: {what}, "
            "and the server's proxy closes their connections (503)",
            evidence=(*fields(rule, ("spec",)), *fields(peer, ("spec",))),
            owner=service.ref,
            remedies=(
                Remedy(
                    "set its trafficPolicy.tls.mode to ISTIO_MUTUAL, or remove the tls block",
                    f"kubectl -n {rule.namespace} edit destinationrules.networking.istio.io {rule.name}",
                    "mutate",
                ),
            ),
            confidence=confidence([RELATION, RELATION]),
            docs=("DestinationRule", "PeerAuthentication", "mutual TLS"),
        )


def _istio(view: ClusterView, kind: str) -> Iterator[Obj]:
    for resource in view.custom_kinds.get(kind, ()):
        if resource.endswith(_ISTIO):
            yield from (o for o in view.within(resource, None) if o.deleting_since is None)


def _service(view: ClusterView, rule: Obj) -> Obj | None:
    """The Service that a rule's host names, short or in full; a short name is one of the rule's own namespace."""
    name, _, rest = rule.text("spec", "host").partition(".")
    return view.find("services", rest.partition(".")[0] or rule.namespace, name)


def _peer(policies: list[Obj], service: Obj) -> Obj | None:
    """The policy that decides for the pods of a Service: by their labels, then of their namespace, then of the mesh."""
    selector = labels_at(service.raw, "spec", "selector")
    ranked = []
    for policy in policies:
        wanted = labels_at(policy.raw, "spec", "selector", "matchLabels")
        if wanted and policy.namespace == service.namespace and wanted.items() <= selector.items():
            ranked.append((0, policy))
        elif not wanted and policy.namespace in (service.namespace, _ROOT) and text_at(policy.raw, "spec", "mtls", "mode"):
            ranked.append((1 if policy.namespace == service.namespace else 2, policy))
    return min(ranked, key=lambda entry: entry[0])[1] if ranked else None
