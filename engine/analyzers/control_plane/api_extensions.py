"""What extends and runs the API: aggregated APIs, custom resources and controllers, certificate requests, control plane."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import condition, field, fields, flat, listed
from engine.analyzers.common.confidence import HINT, RELATION, STATE, confidence
from engine.analyzers.common.relevance import on_node, severity_here
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.services import judge
from engine.analyzers.registry import analyzer
from engine.cluster.objects import maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

_APIS = "apiservices.apiregistration.k8s.io"
_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_CSRS = "certificatesigningrequests.certificates.k8s.io"
_LEASES = "leases.coordination.k8s.io"
_MOST_CRDS = 40
_UNTOUCHED_SECONDS = 120.0
_LEADERS = ("kube-controller-manager", "kube-scheduler", "cloud-controller-manager")
_FAULTY = ("Ready", "Available", "Synced", "Healthy", "Reconciled", "Established")


@analyzer("apiservices", speciality="workload", needs=(_APIS, "services", "horizontalpodautoscalers.autoscaling"))
def apiservices(view: ClusterView) -> Iterator[Finding]:
    """Aggregated APIs that the API server cannot reach."""
    for api in view.all(_APIS):
        available = api.condition("Available")
        if available.get("status") in ("True", None):
            continue
        namespace, name = api.text("spec", "service", "namespace"), api.text("spec", "service", "name")
        service = (
            next((s for s in view.within("services", namespace) if s.name == name and s.namespace == namespace), None) if name else None
        )
        causes: tuple[str, ...] = ()
        if service is not None:
            causes = tuple(f.id for f in judge(view, service, needed=True) if f.severity != "info")
        group, version = api.text("spec", "group"), api.text("spec", "version")
        used = view.namespace in (None, namespace) or (group == "metrics.k8s.io" and bool(view.all("horizontalpodautoscalers.autoscaling")))
        ending = [n.name for n in view.within("namespaces", None) if n.deleting_since is not None and view.namespace in (None, n.name)]
        effect = (
            f"; it also keeps namespace {listed(ending)} from being deleted"
            if ending
            else "; discovery is slow and no namespace can be deleted"
        )
        yield Finding(
            code="APIServiceUnavailable",
            severity=severity_here(view, "critical", used or bool(ending)),
            object=api.ref,
            summary=(
                f"APIService {api.name} ({group}/{version}) is unavailable: "
                f"{flat(available.get('message'))} ({available.get('reason')}){effect}"
            ),
            evidence=(condition(api, "Available"), *fields(api, ("spec", "service"))),
            causes=causes,
            remedies=(
                Remedy(
                    "see the Service and pods behind it", f"kubectl -n {namespace or 'default'} get service,endpointslices,pods", "read"
                ),
                Remedy("if what served it is gone for good, remove the APIService", f"kubectl delete apiservice {api.name}", "destructive"),
            ),
            confidence=confidence([STATE, RELATION]),
            docs=("APIService", "aggregation layer"),
        )


@analyzer("certificate-requests", speciality="certificates", needs=(_CSRS,))
def certificate_requests(view: ClusterView) -> Iterator[Finding]:
    """Certificate signing requests that nobody approved, that were denied or that failed."""
    for csr in view.all(_CSRS):
        kinds = {text_at(c, "type"): c for c in csr.conditions()}
        user, signer = csr.text("spec", "username"), csr.text("spec", "signerName")
        node = user.removeprefix("system:node:") if user.startswith("system:node:") else ""
        who = f"the kubelet of node {node}" if node else f"user {user}"
        affected = (
            f"; the kubelet of {node} is left without its {'serving' if 'serving' in signer else 'client'} certificate" if node else ""
        )
        touched = view.namespace == "kube-system" or bool(node and on_node(view, node))
        severity: Severity = severity_here(view, "warning", touched)
        if "Denied" in kinds or "Failed" in kinds:
            bad = kinds.get("Denied") or kinds.get("Failed") or {}
            text = (
                f"CertificateSigningRequest {csr.name} of {who} ({signer}) was "
                f"{text_at(bad, 'type').lower()}: {flat(bad.get('message')) or bad.get('reason')}"
            )
            yield _finding(
                csr.ref,
                "CsrDenied",
                severity,
                text,
                (condition(csr, text_at(bad, "type")), field(csr, "spec", "signerName")),
                [STATE],
                f"kubectl describe csr {csr.name}",
                certificates=True,
            )
        elif "Approved" not in kinds and not csr.text("status", "certificate"):
            age = (view.now - csr.created).total_seconds() if csr.created else 60.0
            if age >= 60:
                text = f"CertificateSigningRequest {csr.name} of {who} ({signer}) is Pending: nobody has approved it{affected}"
                remedy = f"kubectl certificate approve {csr.name}"
                yield _finding(
                    csr.ref,
                    "CsrPending",
                    severity,
                    text,
                    (field(csr, "spec", "signerName"), field(csr, "spec", "username")),
                    [STATE, RELATION],
                    remedy,
                    certificates=True,
                    risk="mutate",
                    advice="check who asks for it and approve it",
                )
        elif "Approved" in kinds and not csr.text("status", "certificate"):
            text = f"CertificateSigningRequest {csr.name} of {who} is approved but the signer {signer} has not issued a certificate"
            yield _finding(
                csr.ref,
                "CsrNotIssued",
                severity,
                text,
                (condition(csr, "Approved"), field(csr, "spec", "signerName")),
                [STATE, HINT],
                f"kubectl describe csr {csr.name}",
                certificates=True,
            )


@analyzer("control-plane", speciality="observability", needs=(_LEASES, "componentstatuses"))
def control_plane(view: ClusterView) -> Iterator[Finding]:
    """Control plane components that say they are unhealthy, or whose leader has stopped renewing its lease."""
    leases = {lease.name: lease for lease in view.within(_LEASES, "kube-system") if lease.namespace == "kube-system"}
    for component in view.within("componentstatuses", None):
        for found in maps_at(component.raw, "conditions"):
            if found.get("type") == "Healthy" and found.get("status") not in ("True", "Unknown"):
                said = str(found.get("message") or found.get("error") or "")
                if _asked_on_loopback(said) and f"kube-{component.name}" in _LEADERS:
                    continue  # its lease says more
                text = f"Control plane component {component.name} is unhealthy: {flat(said)}"
                yield _finding(
                    ObjectRef("ComponentStatus", "", component.name),
                    "ComponentUnhealthy",
                    severity_here(view, "critical", False),
                    text,
                    (Evidence(f"ComponentStatus/{component.name} conditions[Healthy]", said[:700]),),
                    [STATE],
                    "kubectl get --raw '/readyz?verbose'",
                )
    for name in _LEADERS:
        lease = leases.get(name)
        renewed = lease.time("spec", "renewTime") if lease else None
        if lease is None or renewed is None:
            continue
        silent = (view.now - renewed).total_seconds()
        if silent > max(60.0, 4 * lease.number("spec", "leaseDurationSeconds", default=15)):
            text = (
                f"{name} is not running: its leader lease in kube-system was last renewed "
                f"{silent / 60:.0f} min ago (holder {lease.text('spec', 'holderIdentity')})"
            )
            yield _finding(
                ObjectRef("Lease", "kube-system", name),
                "LeaderSilent",
                severity_here(view, "critical", False),
                text,
                (field(lease, "spec", "renewTime"), field(lease, "spec", "holderIdentity")),
                [STATE, HINT],
                f"kubectl -n kube-system get pods -l component={name}",
            )


def _asked_on_loopback(message: str) -> bool:
    """Whether the API server asked a component on its own host, where a managed or separate one does not run.

    The ComponentStatus API, deprecated since Kubernetes 1.19, knows no other place.
    """
    return "127.0.0.1" in message or "localhost" in message


def _finding(
    object_: ObjectRef,
    code: str,
    severity: Severity,
    summary: str,
    evidence: tuple[Evidence, ...],
    weights: list[float],
    command: str,
    *,
    owner: ObjectRef | None = None,
    detail: str = "",
    certificates: bool = False,
    risk: str = "read",
    advice: str = "see its state and events",
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        object=object_,
        summary=summary,
        evidence=evidence,
        owner=owner or object_,
        remedies=(Remedy(advice, command, "mutate" if risk == "mutate" else "read"),),
        confidence=confidence(weights),
        docs=(object_.kind, code),
        speciality="certificates" if certificates else "workload",
        detail=detail,
    )
