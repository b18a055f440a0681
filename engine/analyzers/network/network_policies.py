"""NetworkPolicies that stand between a client and the Service in its settings, or between a pod and DNS."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import field, listed
from engine.analyzers.common.confidence import HINT, LOG, RELATION, STATE, confidence
from engine.analyzers.common.containers import is_finished, is_ready
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.clients import Client, Clients, Complaint
from engine.analyzers.network.dns import dns_pods
from engine.analyzers.network.ingress_controllers import CLASSES, controller_pods
from engine.analyzers.network.policy_rules import Denial, Policies, Wire, directions, selector_text
from engine.analyzers.network.service_facts import network_finding, service_ports
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Evidence, Finding, Remedy, Severity

_POLICIES = "networkpolicies.networking.k8s.io"
_TIMEOUTS = ("ConnectionTimeout", "NoRoute", "UpstreamError", "ConnectionRefused")
_DNS = ("DnsFailing", "NameNotResolved")


@analyzer("networkpolicies", speciality="network", needs=(_POLICIES, "ingresses.networking.k8s.io", CLASSES))
def networkpolicies(view: ClusterView) -> Iterator[Finding]:
    """Connections that clients need and policies do not allow, DNS that they may not ask, policies that select no pod."""
    if not view.within(_POLICIES, None) and not view.all(_POLICIES):
        return
    policies, clients = Policies(view), Clients.of(view)
    seen: set[tuple[str, str, str, str]] = set()
    for (namespace, name), callers in clients.of_service.items():
        service = clients.callees.services.get((namespace, name))
        if service is None:
            continue
        servers = clients.behind(service)
        for client in callers:
            finding = _blocked(view, policies, clients, client, service, servers)
            if finding is not None and (finding.code, finding.object.namespace, finding.object.name, finding.detail) not in seen:
                seen.add((finding.code, finding.object.namespace, finding.object.name, finding.detail))
                yield finding
    yield from _dns(view, policies, clients)
    yield from _from_controller(view, policies, clients)
    yield from _selecting_nothing(view)


def _blocked(view: ClusterView, policies: Policies, clients: Clients, client: Client, service: Obj, servers: list[Obj]) -> Finding | None:
    pods = clients.pods_of(client.workload)
    if not pods or not servers:
        return None
    wanted = client.callee.address.port
    for port in service_ports(service):
        if wanted and port.port != wanted and str(wanted) != port.target:
            continue
        number = _number(port.target, servers[0])
        denial = policies.denial(Wire(pods[0]), Wire(servers[0]), number, port.protocol) if number else None
        if denial is None or denial.culprit is None:
            continue
        complaints = [c for c in clients.complaints(service, [client]) if c.code in _TIMEOUTS]
        ready = any(is_ready(p) for p in pods)
        severity: Severity = "critical" if complaints else "info" if ready else "warning"
        return _denied(service, client.workload, servers[0], f"{number}/{port.protocol}", denial, complaints, severity, pods[0])
    return None


def _denied(
    service: Obj, workload: Obj, server: Obj, port: str, denial: Denial, complaints: list[Complaint], severity: Severity, client: Obj
) -> Finding:
    policy = denial.culprit or denial.policies[0]
    direction = denial.direction.lower()
    selected = selector_text(policy.map("spec", "podSelector"))
    if denial.direction == "Ingress":
        what = f"selects the pods behind Service {service.name} (podSelector {selected})"
        missing = f"no ingress rule lets {workload.name} in on port {port}"
    else:
        what = f"selects the pods of {workload.name} (podSelector {selected})"
        missing = f"no egress rule lets them out to Service {service.name} on port {port}"
    near = (
        f": {denial.near}"
        if denial.near
        else (": it allows no " + direction + " at all" if not maps_at(policy.raw, "spec", direction) else "")
    )
    effect = f"; {workload.name} gets “{complaints[0].words}”" if complaints else ""
    evidence: tuple[Evidence, ...] = (
        field(policy, "spec"),
        *(c.evidence for c in complaints[:2]),
        field(server if denial.direction == "Ingress" else client, "metadata", "labels"),
    )
    weights = [RELATION, RELATION, *([LOG] if complaints else [])]
    example = (
        f'[{{"op":"add","path":"/spec/{direction}/-","value":{{"{"from" if direction == "ingress" else "to"}":'
        f'[{{"podSelector":{{"matchLabels":LABELS}}}}],"ports":[{{"port":{port.partition("/")[0]},"protocol":"{port.partition("/")[2]}"}}]}}}}]'
    )
    has_rules = bool(maps_at(policy.raw, "spec", direction))
    command = (
        f"kubectl -n {policy.namespace} patch networkpolicy {policy.name} --type=json -p '{example}'"
        if has_rules
        else f"kubectl -n {policy.namespace} edit networkpolicy {policy.name}"
    )
    return network_finding(
        policy,
        "NetworkPolicyBlocks",
        severity,
        f"NetworkPolicy {policy.name} {what} and {missing}{near}{effect}",
        evidence,
        confidence(weights, () if complaints or severity != "info" else (0.5,)),
        (
            Remedy(
                f"add {'an ingress' if direction == 'ingress' else 'an egress'} rule for {workload.name} on port {port}", command, "mutate"
            ),
        ),
        detail=f"{workload.name}-{service.name}",
        docs=("NetworkPolicy", "connection timeout"),
    )


def _dns(view: ClusterView, policies: Policies, clients: Clients) -> Iterator[Finding]:
    """Pods that are isolated for egress and may not ask the cluster's DNS."""
    servers = dns_pods(view)
    told: set[tuple[str, str]] = set()
    for pod in view.all("pods"):
        if is_finished(pod) or pod.text("spec", "dnsPolicy") in ("Default", "None"):
            continue
        isolating = policies.selecting(pod, "Egress")
        if not isolating:
            continue
        if servers:
            denial = policies.denial(Wire(pod), Wire(servers[0]), 53, "UDP")
            culprit, near = (denial.culprit, denial.near) if denial and denial.direction == "Egress" else (None, "")
        else:
            culprit, near = (None, "") if policies.allows_any(pod, 53, "UDP") else (isolating[0], "")
        owner = view.workload_of(pod)
        if culprit is None or (culprit.namespace + "/" + culprit.name, owner.name) in told:
            continue
        told.add((culprit.namespace + "/" + culprit.name, owner.name))
        lines = _dns_complaints(clients, pod)
        severity: Severity = "critical" if lines else "info" if is_ready(pod) else "warning"
        effect = f"; {owner.name} gets “{lines[0].words}”" if lines else ""
        yield network_finding(
            culprit,
            "NetworkPolicyBlocksDns",
            severity,
            f"NetworkPolicy {culprit.name} isolates the pods of {owner.name} "
            f"for egress and allows no DNS (port 53 UDP/TCP to kube-system), "
            f"so host names do not resolve{': ' + near if near else ''}{effect}",
            (field(culprit, "spec"), *(c.evidence for c in lines[:2])),
            confidence([RELATION, RELATION, *([LOG] if lines else [])], () if lines or severity != "info" else (0.5,)),
            (
                Remedy(
                    "allow egress to port 53, UDP and TCP, of the DNS pods",
                    f"kubectl -n {culprit.namespace} patch networkpolicy {culprit.name} --type=json -p "
                    '\'[{"op":"add","path":"/spec/egress/-","value":{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}}}],'
                    '"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]}}]\'',
                    "mutate",
                ),
            ),
            owner=owner if lines else None,
            detail=owner.name,
            docs=("NetworkPolicy DNS egress",),
        )


def _dns_complaints(clients: Clients, pod: Obj) -> list[Complaint]:
    return [c for c in clients.in_log(pod) if c.code in _DNS or (c.code == "ConnectionTimeout" and ":53" in c.evidence.excerpt)]


def _from_controller(view: ClusterView, policies: Policies, clients: Clients) -> Iterator[Finding]:
    """Ingress controllers that may not reach the pods that they send requests to."""
    for ingress in view.all("ingresses.networking.k8s.io"):
        controllers = controller_pods(view, ingress)
        if not controllers:
            continue
        for rule in maps_at(ingress.raw, "spec", "rules"):
            for path in maps_at(rule, "http", "paths"):
                service = view.find("services", ingress.namespace, text_at(path, "backend", "service", "name"))
                servers = clients.behind(service) if service else []
                if service is None or not servers or not service_ports(service):
                    continue
                port = service_ports(service)[0]
                number = _number(port.target, servers[0])
                denial = policies.denial(Wire(controllers[0]), Wire(servers[0]), number, port.protocol) if number else None
                if denial is None:
                    continue
                workload = controllers[0]
                lines = [c for c in clients.in_log(controllers[0]) if any(p.text("status", "podIP") in c.evidence.excerpt for p in servers)]
                yield _denied(
                    service,
                    workload,
                    servers[0],
                    f"{number}/{port.protocol}",
                    denial,
                    lines,
                    "critical" if lines else "warning",
                    controllers[0],
                )


def _selecting_nothing(view: ClusterView) -> Iterator[Finding]:
    for policy in view.all(_POLICIES):
        selector = policy.map("spec", "podSelector")
        if not selector or any(
            selects(selector, p.labels) for p in view.within("pods", policy.namespace) if p.namespace == policy.namespace
        ):
            continue
        yield network_finding(
            policy,
            "NetworkPolicySelectsNothing",
            "info",
            f"NetworkPolicy {policy.name} selects no pod: none of namespace {policy.namespace} has {selector_text(selector)} "
            f"(types {listed(sorted(directions(policy)))})",
            (field(policy, "spec", "podSelector"),),
            confidence([STATE, HINT]),
        )


def _number(target: str, server: Obj) -> int:
    if target.isdigit():
        return int(target)
    for container in server.maps("spec", "containers"):
        for port in maps_at(container, "ports"):
            if text_at(port, "name") == target:
                return int(text_at(port, "containerPort") or 0)
    return 0
