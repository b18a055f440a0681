"""What extends and runs the API: aggregated APIs, custom resources and controllers, certificate requests, control plane."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import condition, field, fields, listed
from engine.analyzers.common.confidence import HINT, RELATION, STATE, confidence
from engine.analyzers.common.relevance import on_node, severity_here
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.services import judge
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, map_at, maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

_APIS = "apiservices.apiregistration.k8s.io"
_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_CSRS = "certificatesigningrequests.certificates.k8s.io"
_LEASES = "leases.coordination.k8s.io"
_MOST_CRDS = 40
_UNTOUCHED_SECONDS = 120.0
_LEADERS = ("kube-controller-manager", "kube-scheduler", "cloud-controller-manager")
_FAULTY = ("Ready", "Available", "Synced", "Healthy", "Reconciled", "Established")


@analyzer("apiservices", speciality="workload", needs=(_APIS, "services"))
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
                f"{_flat(available.get('message'))} ({available.get('reason')}){effect}"
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


@analyzer("custom-resources", speciality="workload", needs=(_CRDS,))
def custom_resources(view: ClusterView) -> Iterator[Finding]:
    """Definitions that are not established, custom resources that no controller has touched or whose controller reports a failure."""
    for crd in view.all(_CRDS)[:_MOST_CRDS]:
        established = crd.condition("Established")
        if established.get("status") == "False" or crd.condition("NamesAccepted").get("status") == "False":
            why = next((c for c in crd.conditions() if c.get("status") == "False"), {})
            yield _finding(
                crd.ref,
                "CrdNotEstablished",
                severity_here(view, "critical", False),
                f"CustomResourceDefinition {crd.name} is not established: {_flat(why.get('message')) or why.get('reason')}",
                (condition(crd, text_at(why, "type")),),
                [STATE],
                f"kubectl describe crd {crd.name}",
            )
            continue
        resource = f"{crd.text('spec', 'names', 'plural')}.{crd.text('spec', 'group')}"
        if crd.text("spec", "scope") == "Cluster" and view.namespace is not None:
            continue
        objects = [o for o in view.all(resource) if o.deleting_since is None]
        untouched = [o for o in objects if _untouched(view, o)]
        if untouched and len(untouched) == len(objects):
            yield from _no_controller(view, crd, untouched)
        for obj in objects:
            if obj not in untouched:
                yield from _not_ready(view, obj)


def _untouched(view: ClusterView, obj: Obj) -> bool:
    """Whether nobody has ever written a status or an event to an object that had the time for it."""
    age = (view.now - obj.created).total_seconds() if obj.created else _UNTOUCHED_SECONDS
    return not obj.map("status") and age >= _UNTOUCHED_SECONDS and not view.events_of(obj)


def _has_status(crd: Obj) -> bool:
    return any(
        "status" in map_at(v, "subresources") or "status" in map_at(v, "schema", "openAPIV3Schema", "properties")
        for v in crd.maps("spec", "versions")
    )


def _no_controller(view: ClusterView, crd: Obj, objects: list[Obj]) -> Iterator[Finding]:
    kind, group = crd.text("spec", "names", "kind"), crd.text("spec", "group")
    words = {w for w in (group.partition(".")[0], kind.lower()) if len(w) > 3}
    likely = [
        w
        for r in ("deployments.apps", "statefulsets.apps")
        for w in view.within(r, None)
        if any(
            word in w.name or any(word in text_at(c, "image") for c in w.maps("spec", "template", "spec", "containers")) for word in words
        )
        and any(mark in w.name or mark in str(w.labels.values()) for mark in ("operator", "controller", "manager"))
    ]
    first = objects[0]
    many = f"{len(objects)} {crd.text('spec', 'names', 'plural')}" if len(objects) > 1 else f"{kind} {first.name}"
    evidence: tuple[Evidence, ...] = (field(first, "spec"), field(crd, "spec", "names"))
    object_ = first.ref
    if likely:
        idle = likely[0]
        state = (
            "is scaled to 0 replicas" if idle.at("spec", "replicas") == 0 else f"has {idle.number('status', 'readyReplicas')} ready pods"
        )
        why = f"its controller, {idle.kind} {idle.name} in namespace {idle.namespace}, {state}"
        evidence = (*evidence, field(idle, "spec", "replicas"))
        object_ = idle.ref if idle.at("spec", "replicas") == 0 or not idle.number("status", "readyReplicas") else first.ref
        command = f"kubectl -n {idle.namespace} get deployment {idle.name}"
    else:
        why = f"no controller for {group} is found running in the cluster"
        command = f"kubectl get deployments -A -o wide | grep -i {group.partition('.')[0]}"
    idle_or_absent = not likely or object_ != first.ref
    if not _has_status(crd) and not idle_or_absent:
        return  # a kind that holds settings only: its running controller reads it and writes nothing back
    yield _finding(
        object_,
        "NoController",
        "critical" if _has_status(crd) and idle_or_absent else "warning",
        f"Nobody acts on {many}: no status and no event was ever written, {why}",
        evidence,
        [RELATION, RELATION] if _has_status(crd) and idle_or_absent else [RELATION],
        command,
        owner=first.ref,
        detail=kind,
    )


def _not_ready(view: ClusterView, obj: Obj) -> Iterator[Finding]:
    for kind in _FAULTY:
        found = obj.condition(kind)
        if found.get("status") == "False" and found.get("message"):
            yield _finding(
                obj.ref,
                "CustomResourceNotReady",
                "warning",
                f"{obj.kind} {obj.name} is not {kind}: {_flat(found.get('message'))} ({found.get('reason')})",
                (condition(obj, kind), *fields(obj, ("spec",))),
                [STATE],
                f"kubectl {'-n ' + obj.namespace + ' ' if obj.namespace else ''}describe {obj.kind.lower()} {obj.name}",
            )
            return


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
                f"{text_at(bad, 'type').lower()}: {_flat(bad.get('message')) or bad.get('reason')}"
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


@analyzer("control-plane", speciality="observability", needs=(_LEASES,))
def control_plane(view: ClusterView) -> Iterator[Finding]:
    """Control plane components that say they are unhealthy, or whose leader has stopped renewing its lease."""
    for component in view.within("componentstatuses", None):
        for found in maps_at(component.raw, "conditions"):
            if found.get("type") == "Healthy" and found.get("status") not in ("True", "Unknown"):
                said = str(found.get("message") or found.get("error") or "")
                text = f"Control plane component {component.name} is unhealthy: {_flat(said)}"
                yield _finding(
                    ObjectRef("ComponentStatus", "", component.name),
                    "ComponentUnhealthy",
                    severity_here(view, "critical", False),
                    text,
                    (Evidence(f"ComponentStatus/{component.name} conditions[Healthy]", said[:700]),),
                    [STATE],
                    "kubectl get --raw '/readyz?verbose'",
                )
    leases = {lease.name: lease for lease in view.within(_LEASES, "kube-system") if lease.namespace == "kube-system"}
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


def _flat(message: object) -> str:
    text = " ".join(str(message or "").split()).rstrip(". ")
    return text if len(text) <= 300 else text[:299] + "…"


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
