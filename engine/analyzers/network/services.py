"""Services: who stands behind them, and why nobody answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.analyzers.common.callees import WORKLOADS
from engine.analyzers.common.citations import event, field, flat, listed, nearest, warning_of
from engine.analyzers.common.confidence import EVENT, HINT, LOG, RELATION, STATE, confidence
from engine.analyzers.common.containers import is_ready, pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.clients import Clients
from engine.analyzers.network.manual_endpoints import external_name, without_selector
from engine.analyzers.network.service_facts import network_finding, slices_of
from engine.analyzers.network.service_ports import mixed_pods, port_findings, wrong_calls
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, labels_at
from engine.core.types import Finding, Remedy, Severity

_NEEDS = ("services", "pods", "endpointslices.discovery.k8s.io", "deployments.apps", "statefulsets.apps", "daemonsets.apps")
_PROVISIONING_SECONDS = 60.0


@analyzer("services", speciality="network", needs=_NEEDS)
def services(view: ClusterView) -> Iterator[Finding]:
    """Services without pods, with pods that are not ready, with wrong ports, without endpoints or an address."""
    for service in view.all("services"):
        yield from judge(view, service)


def judge(view: ClusterView, service: Obj, *, needed: bool = False) -> Iterator[Finding]:
    """What is wrong with one Service, `needed`: somebody relies on it who is not among the workloads."""
    yield from _load_balancer(view, service)
    if service.text("spec", "type") == "ExternalName":
        yield from external_name(view, service)
        return
    selector = labels_at(service.raw, "spec", "selector")
    if not selector:
        yield from without_selector(view, service)
        return
    behind = Clients.of(view).behind(service)
    if not behind:
        yield from _nobody(view, service, selector, [p for _, p in Clients.of(view).living(service.namespace)], needed)
        return
    ready = [p for p in behind if is_ready(p) and p.deleting_since is None]
    if not ready and not service.flag("spec", "publishNotReadyAddresses"):
        yield _not_ready(view, service, behind)
    yield from port_findings(view, service, behind, ready)
    yield from wrong_calls(view, service)
    yield from mixed_pods(view, service, ready)


def _nobody(view: ClusterView, service: Obj, selector: Mapping[str, str], pods: list[Obj], needed: bool) -> Iterator[Finding]:
    """No pod has the labels: either its workload has no pods, or the selector means other labels."""
    clients = Clients.of(view)
    complaints = clients.complaints(service)
    said = tuple(c.evidence for c in complaints[:2])
    owners = clients.callees.behind(service)
    if owners:
        owner = owners[0]
        wanted = owner.at("spec", "replicas")
        zero = wanted == 0
        if not zero and not view.can_see("pods", service.namespace):
            return
        why = "is scaled to 0 replicas" if zero else "has no pods"
        yield network_finding(
            owner if zero else service,
            "ServiceWithoutPods",
            _severity(zero, needed or bool(complaints), bool(clients.calling(service))),
            f"Service {service.name} has no endpoints: {owner.kind} {owner.name} behind it {why}",
            (field(owner, "spec", "replicas"), *said),
            confidence([RELATION, *([LOG] if said else [])]),
            (Remedy("start its pods", f"kubectl -n {owner.namespace} scale {owner.kind.lower()}/{owner.name} --replicas=1", "mutate"),)
            if zero
            else (),
            owner=owner.ref,
            detail=service.name if zero else "",
        )
        return
    if not view.can_see("pods", service.namespace):
        return
    words = ", ".join(f"{k}={v}" for k, v in selector.items())
    guess = _meant(view, service, selector, pods)
    evidence = [field(service, "spec", "selector"), *said]
    if guess is not None:
        target, wrong = guess
        labels = labels_at(pod_template(target), "metadata", "labels")
        have = ", ".join(f"{k}={labels[k]}" if k in labels else f"no label {k}" for k in wrong)
        evidence.insert(1, field(target, *(("metadata", "labels") if target.kind == "Pod" else ("spec", "template", "metadata", "labels"))))
        elsewhere = f" in namespace {target.namespace}" if target.namespace != service.namespace else ""
        text = f"its selector {words} matches no pod, while the pods of {target.kind} {target.name}{elsewhere} carry {have}"
        patch = ",".join(f'"{k}":"{labels[k]}"' if k in labels else f'"{k}":null' for k in wrong)
        extra = ",".join(f'"{k}":"{v}"' for k, v in labels.items() if not any(k2 in labels for k2 in selector))
        command = (
            f"kubectl -n {service.namespace} patch service {service.name} -p "
            f'\'{{"spec":{{"selector":{{{patch}{"," if extra else ""}{extra}}}}}}}\''
        )
        remedy = Remedy("make the selector match the pods' labels", command, "mutate")
    else:
        text = f"its selector {words} matches no pod and no workload of namespace {service.namespace}"
        if not all(view.can_see(resource, service.namespace) for resource in WORKLOADS):
            text = f"its selector {words} matches no pod (not every kind of workload can be seen)"
        remedy = Remedy("see which labels the pods have", f"kubectl -n {service.namespace} get pods --show-labels", "read")
    critical = guess is not None or bool(complaints)
    yield network_finding(
        service,
        "ServiceSelectorMismatch",
        "critical" if critical else "warning",
        f"Service {service.name} has no endpoints: {text}",
        tuple(evidence),
        confidence([RELATION, *([STATE] if guess else []), *([LOG] if said else [])]),
        (remedy,),
    )


def _severity(zero: bool, complained: bool, called: bool) -> Severity:
    """A workload at zero replicas is somebody's decision: a fault only for those who call it."""
    if not zero or complained:
        return "critical"
    return "warning" if called else "info"


def _meant(view: ClusterView, service: Obj, selector: Mapping[str, str], pods: list[Obj]) -> tuple[Obj, list[str]] | None:
    """The workload (or bare pod) that a selector most probably means, with the keys that differ."""
    best: tuple[float, Obj, list[str]] | None = None
    workloads = [w for r in ("deployments.apps", "statefulsets.apps", "daemonsets.apps") for w in view.within(r, service.namespace)]
    bare = [p for p in pods if p.controller is None]
    for target in [*workloads, *bare]:
        labels = labels_at(pod_template(target), "metadata", "labels")
        wrong = [k for k, v in selector.items() if labels.get(k) != v]
        score = len(selector) - len(wrong) + 0.0
        score += sum(0.8 for k in wrong if k in labels and nearest(selector[k], [labels[k]]))
        score += sum(0.6 for k in wrong if selector[k] in labels.values())
        score += 0.7 if target.name == service.name else 0.4 if nearest(service.name, [target.name]) else 0.0
        if score >= 0.6 and (best is None or score > best[0]):
            best = (score, target, wrong)
    if best is not None:
        return best[1], best[2]
    for resource in ("deployments.apps", "statefulsets.apps"):
        for target in view.within(resource, view.namespace):
            labels = labels_at(pod_template(target), "metadata", "labels")
            if target.namespace != service.namespace and all(labels.get(k) == v for k, v in selector.items()):
                return target, []
    return None


def _not_ready(view: ClusterView, service: Obj, behind: list[Obj]) -> Finding:
    owners = list(dict.fromkeys(view.workload_of(p) for p in behind))
    callers = [c.workload.name for c in Clients.of(view).calling(service)]
    used = f"; {listed(dict.fromkeys(callers))} cannot reach it" if callers else ""
    states = [e for s in slices_of(view, service)[:1] for e in (field(s, "endpoints"),) if s.maps("endpoints")]
    return network_finding(
        service,
        "ServiceNotReady",
        "warning",
        (
            f"Service {service.name} has no ready endpoint: none of the {len(behind)} "
            f"pods behind it ({listed(str(o) for o in owners)}) is Ready{used}"
        ),
        (*states, field(service, "spec", "selector")),
        confidence([STATE, HINT]),
        (Remedy("see why the pods are not ready", f"kubectl -n {service.namespace} get pods -o wide", "read"),),
        owner=owners[0] if owners else None,
    )


def _load_balancer(view: ClusterView, service: Obj) -> Iterator[Finding]:
    if service.text("spec", "type") != "LoadBalancer" or service.maps("status", "loadBalancer", "ingress"):
        return
    age = (view.now - service.created).total_seconds() if service.created else _PROVISIONING_SECONDS
    if age < _PROVISIONING_SECONDS:
        return
    failed = warning_of(view, service)
    wanted = service.text("spec", "loadBalancerClass")
    if failed is not None:
        why, weights = f"its controller fails: {failed.text('message').strip().rstrip('.')}", [EVENT, STATE]
    elif (word := next(reversed(view.events_of(service)), None)) is not None:
        why, weights = f"its controller has not finished ({word.text('reason')}: {flat(word.text('message'), 160)})", [HINT, STATE]
    else:
        which = f" for loadBalancerClass {wanted}" if wanted else ""
        why, weights = (
            f"no load balancer controller{which} has taken it up (no event): none is installed, or it is not running",
            [STATE, HINT],
        )
    yield network_finding(
        service,
        "LoadBalancerPending",
        "warning" if failed is None else "critical",
        f"Service {service.name} of type LoadBalancer has no external address (EXTERNAL-IP <pending>): {why}",
        (*((event(failed),) if failed is not None else ()), field(service, "spec", "type"), field(service, "status")),
        confidence(weights),
        (
            Remedy("see what its controller says", f"kubectl -n {service.namespace} describe service {service.name}", "read")
            if view.events_of(service)
            else Remedy(
                "install a load balancer controller (cloud controller manager, MetalLB), or use NodePort or an Ingress",
                "kubectl get pods -A",
                "read",
            ),
        ),
    )
