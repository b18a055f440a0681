"""The cluster's DNS: its pods and Service, and pods whose DNS settings lead past it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import field, fields, listed
from engine.analyzers.common.confidence import HINT, LOG, RELATION, STATE, confidence
from engine.analyzers.common.containers import containers, is_finished, is_ready
from engine.analyzers.common.relevance import severity_here
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import Cause
from engine.analyzers.network.clients import Clients, Complaint
from engine.analyzers.network.service_facts import network_finding
from engine.analyzers.network.services import judge
from engine.analyzers.registry import analyzer
from engine.analyzers.workloads.crash import cause_of
from engine.cluster.objects import Obj, labels_at, texts_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

_SYSTEM = "kube-system"
_PLACES = (_SYSTEM, "openshift-dns")
_NAMES = ("kube-dns", "coredns", "dns-default", "rke2-coredns-rke2-coredns")
_DNS_CODES = ("NameNotResolved", "DnsFailing")


@analyzer("dns", speciality="network", needs=("pods", "services", "endpointslices.discovery.k8s.io"))
def dns(view: ClusterView) -> Iterator[Finding]:
    """Whether the cluster's DNS serves, and which pods do not ask it although they need it."""
    service = dns_service(view)
    if service is not None:
        yield from _server(view, service)
    elif view.can_see("services", _SYSTEM) and view.within("services", _SYSTEM) and view.namespace in (None, _SYSTEM):
        yield network_finding(
            next(s for s in view.within("services", _SYSTEM)),
            "DnsServiceMissing",
            "warning",
            "Namespace kube-system has no Service for the cluster's DNS (label k8s-app=kube-dns), so pods cannot resolve names",
            (field(view.within("services", _SYSTEM)[0], "metadata", "namespace"),),
            confidence([HINT]),
        )
    yield from _clients(view, service)


def dns_service(view: ClusterView) -> Obj | None:
    """The Service of the DNS of the cluster: in kube-system or in OpenShift's namespace, by its label, its name or port 53."""
    for namespace in _PLACES:
        found = [s for s in view.within("services", namespace) if s.namespace == namespace]
        named = [s for s in found if s.labels.get("k8s-app") == "kube-dns" or s.name in _NAMES]
        serving = [s for s in found if any(p.get("port") == 53 for p in s.maps("spec", "ports")) and "dns" in s.name]
        if named or serving:
            return (named or serving)[0]
    return None


def dns_pods(view: ClusterView) -> list[Obj]:
    """The pods that serve the cluster's DNS."""
    service = dns_service(view)
    selector = labels_at(service.raw, "spec", "selector") if service is not None else {}
    if service is None or not selector:
        return []
    pods = view.within("pods", service.namespace)
    return [p for p in pods if all(p.labels.get(k) == v for k, v in selector.items()) and not is_finished(p)]


def _failing(view: ClusterView, owner: ObjectRef) -> Cause | None:
    """Why a container of the DNS pods keeps ending."""
    for pod in view.within("pods", owner.namespace):
        if view.workload_of(pod) == owner:
            for container in containers(pod):
                if container.end and container.exit_code:
                    return cause_of(view, container, owner)
    return None


def _server(view: ClusterView, service: Obj) -> Iterator[Finding]:
    broken = [f for f in judge(view, service, needed=True) if f.severity != "info"]
    if not broken or view.namespace == service.namespace:
        return
    owners = Clients.of(view).callees.behind(service)
    owner = owners[0] if owners else service
    zero = owner.at("spec", "replicas") == 0
    why = f"{owner.kind} {owner.name} is scaled to 0 replicas" if zero else broken[0].summary
    failing = _failing(view, owner.ref) if not zero else None
    if failing is not None:
        why += f": {failing.says}"
    complaints = _complaints(view)
    evidence: tuple[Evidence, ...] = (
        *broken[0].evidence[:2],
        *(fields(owner, ("spec", "replicas"))),
        *(failing.evidence[:2] if failing is not None else ()),
        *(c.evidence for c in complaints[:2]),
    )
    yield network_finding(
        owner,
        "ClusterDnsDown",
        severity_here(view, "critical", True),
        f"The cluster's DNS does not serve: {why}; no pod can resolve a Service name",
        evidence,
        confidence([STATE, RELATION, *([LOG] if complaints else [])]),
        (Remedy("start the DNS pods", f"kubectl -n {owner.namespace} scale {owner.kind.lower()}/{owner.name} --replicas=2", "mutate"),)
        if zero
        else (Remedy("see why the DNS pods are not ready", f"kubectl -n {service.namespace} get pods -o wide", "read"),),
        causes=tuple(f.id for f in broken if f.object != owner.ref),
        docs=("CoreDNS",),
    )


def _complaints(view: ClusterView) -> list[Complaint]:
    clients = Clients.of(view)
    unready = [p for p in view.all("pods") if not is_finished(p) and not is_ready(p)][:10]
    return [c for p in unready for c in clients.in_log(p) if c.code in _DNS_CODES]


def _clients(view: ClusterView, service: Obj | None) -> Iterator[Finding]:
    """Workloads that call Services by name from pods whose DNS settings do not lead to the cluster's DNS."""
    clients = Clients.of(view)
    server = service.text("spec", "clusterIP") if service is not None else ""
    told: set[tuple[str, str, str]] = set()
    for (namespace, name), callers in clients.of_service.items():
        if (namespace, name) not in clients.callees.services:
            continue
        for client in callers:
            key = (client.workload.kind, client.workload.namespace, client.workload.name)
            pods = clients.pods_of(client.workload)
            if key in told or not pods or not any(c.isalpha() for c in client.callee.address.host):
                continue
            why = _past(pods[0], server)
            if not why:
                continue
            told.add(key)
            complaints = [c for c in clients.in_log(pods[0]) if c.code in _DNS_CODES]
            severity: Severity = "critical" if complaints else "info" if any(is_ready(p) for p in pods) else "warning"
            said = f"; it gets “{complaints[0].words}”" if complaints else ""
            cited = fields(pods[0], ("spec", "dnsPolicy"), ("spec", "dnsConfig"), ("spec", "hostNetwork"))
            policy = "ClusterFirstWithHostNet" if pods[0].flag("spec", "hostNetwork") else "ClusterFirst"
            patch = f'{{"spec":{{"template":{{"spec":{{"dnsPolicy":"{policy}","dnsConfig":null}}}}}}}}'
            yield network_finding(
                client.workload,
                "DnsPolicyBypassesCluster",
                severity,
                f"{client.workload.kind} {client.workload.name} calls Service {name} by name ({client.callee.address.host}), "
                f"but {why}, which does not know the cluster's names{said}",
                (*cited, *(c.evidence for c in complaints[:2])),
                confidence([RELATION, STATE, *([LOG] if complaints else [])]),
                (
                    Remedy(
                        f"use dnsPolicy {policy}",
                        f"kubectl -n {namespace} patch {client.workload.kind.lower()} {client.workload.name} --type=merge -p '{patch}'",
                        "mutate",
                    ),
                ),
                docs=("dnsPolicy", "dnsConfig"),
            )


def _past(pod: Obj, server: str) -> str:
    """How a pod's DNS settings lead past the cluster's DNS, in words, or ""."""
    policy = pod.text("spec", "dnsPolicy") or "ClusterFirst"
    nameservers = texts_at(pod.map("spec"), "dnsConfig", "nameservers")
    if policy == "Default":
        return "its dnsPolicy Default asks the node's DNS"
    if policy == "None" and (not server or server not in nameservers):
        return f"its dnsPolicy None asks only {listed(nameservers) or 'nobody'}"
    if policy == "ClusterFirst" and pod.flag("spec", "hostNetwork"):
        return "it uses the host's network with dnsPolicy ClusterFirst, which then asks the node's DNS"
    return ""
