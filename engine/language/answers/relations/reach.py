"""Whether one workload reaches another: Service, port, selector, ready endpoints, listening port and NetworkPolicies, step by step.

Nothing is sent: the answer is what the objects of the cluster say, and it says where the way ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.analyzers.common.citations import field as field_evidence
from engine.analyzers.common.citations import nearest
from engine.analyzers.common.containers import is_finished, is_ready, pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.clients import Clients
from engine.analyzers.network.policy_rules import Policies, Wire, selector_text
from engine.analyzers.network.service_facts import Port, container_ports, listening, service_ports, slices_of
from engine.cluster.objects import Obj, labels_at, maps_at, text_at
from engine.core.types import Evidence, ObjectRef, Remedy
from engine.language.answers.interface import Reply, counted, listed

_POLICIES = "networkpolicies.networking.k8s.io"


@dataclass(slots=True)
class _Way:
    """The steps of a way so far: what was found good, where it ends, and what was seen."""

    steps: list[str] = field(default_factory=list)
    end: str = ""
    evidence: list[Evidence] = field(default_factory=list)
    fix: list[Remedy] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def good(self, text: str) -> None:
        self.steps.append(f"✓ {text}")

    def stop(self, text: str, *evidence: Evidence) -> None:
        self.steps.append(f"✗ {text}")
        self.end = text
        self.evidence += evidence

    def doubt(self, text: str) -> None:
        self.steps.append(f"? {text}")
        self.doubts.append(text)


def reach(view: ClusterView, client: ObjectRef | None, server: ObjectRef, port: int | None = None) -> Reply:
    """Whether a client (None = any pod) reaches a server: a Service, or a workload through the Service in front of it."""
    way = _Way()
    clients = Clients.of(view)
    service, pods = _target(view, clients, server, way)
    callers = _pods_of(view, client) if client is not None else []
    if client is not None and not callers and not way.end:
        way.doubt(f"{client} has no pod now, so the labels of its template stand for its pods")
        callers = _from_template(view, client)
    chosen: Port | None = None
    if not way.end and service is not None:
        chosen = _port(service, port, way)
        if not way.end:
            pods = _endpoints(view, service, pods, way)
    number = _number(chosen, port, pods)
    if not way.end:
        _listens(view, pods, number, way)
    if not way.end:
        _policies(view, client, callers, pods, number, chosen.protocol if chosen else "TCP", way)
    return _said(client, server, service, chosen, port, way)


def _target(view: ClusterView, clients: Clients, server: ObjectRef, way: _Way) -> tuple[Obj | None, list[Obj]]:
    """The Service that stands for the server, and the pods behind it."""
    if server.kind == "Service":
        service = view.find("services", server.namespace, server.name)
        if service is None:
            near = nearest(server.name, [s.name for s in view.within("services", server.namespace)])
            way.stop(f"namespace {server.namespace} has no Service {server.name}{f' (did you mean {near}?)' if near else ''}")
            return None, []
        way.good(
            f"Service {service.name} in namespace {service.namespace} is there ({service.text('spec', 'type', default='ClusterIP')}, {service.text('spec', 'clusterIP') or 'no address'})"
        )
        return service, clients.behind(service)
    pods = _pods_of(view, server)
    behind = [s for s in view.within("services", server.namespace) if _selects(s, view, server)]
    if behind:
        way.good(f"Service {behind[0].name} selects the pods of {server}")
        return behind[0], pods
    if not pods:
        way.stop(f"{server} has no running pod")
        return None, []
    way.doubt(f"no Service selects the pods of {server}, so only their own addresses lead there")
    return None, pods


def _port(service: Obj, wanted: int | None, way: _Way) -> Port | None:
    ports = service_ports(service)
    if service.text("spec", "type") == "ExternalName":
        way.doubt(f"Service {service.name} is an alias for {service.text('spec', 'externalName')}, outside the cluster")
        return None
    if not ports:
        way.stop(f"Service {service.name} has no port", field_evidence(service, "spec"))
        return None
    if wanted is None:
        chosen = ports[0]
        more = f" (of {len(ports)})" if len(ports) > 1 else ""
        way.good(f"its port {chosen.port}{more} goes to {chosen.target} on the pods")
        return chosen
    hit = next((p for p in ports if p.port == wanted), None)
    if hit is None:
        aimed = next((p for p in ports if p.target == str(wanted)), None)
        hint = f"; {wanted} is the pods' own port, the Service's is {aimed.port}" if aimed else ""
        way.stop(
            f"Service {service.name} has no port {wanted}, only {listed([str(p.port) for p in ports])}{hint}",
            field_evidence(service, "spec", "ports"),
        )
        return None
    way.good(f"its port {hit.port} goes to {hit.target} on the pods")
    return hit


def _endpoints(view: ClusterView, service: Obj, pods: list[Obj], way: _Way) -> list[Obj]:
    """The ready pods behind a Service; the way ends where there is none."""
    selector = labels_at(service.raw, "spec", "selector")
    slices = slices_of(view, service)
    addresses = [
        a for s in slices for e in s.maps("endpoints") if e.get("conditions", {}).get("ready") is not False for a in e.get("addresses", ())
    ]
    if not selector:
        if addresses:
            way.good(f"it has no selector, and {counted(len(addresses), 'address')} set by hand: {listed([str(a) for a in addresses], 4)}")
        elif service.text("spec", "type") != "ExternalName":
            way.stop(f"Service {service.name} has no selector and no endpoints set by hand")
        return []
    words = ", ".join(f"{key}={value}" for key, value in selector.items())
    if not pods:
        close = _closest(view, service, selector)
        way.stop(f"the selector of Service {service.name} ({words}) matches no pod{close}", field_evidence(service, "spec", "selector"))
        return []
    ready = [pod for pod in pods if is_ready(pod)]
    if not ready:
        states = listed([f"{p.name} {p.text('status', 'phase')}" for p in pods], 3)
        way.stop(
            f"Service {service.name} has no ready endpoint: its selector ({words}) matches {counted(len(pods), 'pod')}, none of them ready ({states})",
            *_ready_evidence(pods[0]),
        )
        return []
    if slices and not addresses and view.can_see("endpointslices.discovery.k8s.io", service.namespace):
        way.stop(
            f"Service {service.name} has no ready address in its EndpointSlices, though {counted(len(ready), 'pod')} {'is' if len(ready) == 1 else 'are'} ready"
        )
        return []
    way.good(
        f"{len(ready)} of {counted(len(pods), 'pod')} behind it {'is' if len(ready) == 1 else 'are'} ready: {listed([p.name for p in ready], 4)}"
    )
    return ready


def _listens(view: ClusterView, pods: Sequence[Obj], number: int, way: _Way) -> None:
    if not pods:
        return
    heard, line = listening(view, list(pods))
    declared = {int(text_at(p, "containerPort") or 0) for p in container_ports(pods[0])}
    if not number:
        way.stop(
            "the Service's target port is a name that no container declares", field_evidence(pods[0], "spec", "containers", 0, "ports")
        )
    elif heard and number not in heard and not (declared - heard):
        way.stop(
            f"nothing listens on port {number} there: the log says that the program listens on {listed([str(p) for p in sorted(heard)])}",
            *((line,) if line else ()),
        )
    elif number in heard:
        way.good(f"the program says that it listens on port {number}")
        if line:
            way.evidence.append(line)
    elif number in declared:
        way.good(f"the container declares port {number}")
    elif declared:
        way.doubt(
            f"the containers declare {listed([str(p) for p in sorted(declared)])}, not {number} (a declaration opens nothing, so this may still work)"
        )


def _policies(
    view: ClusterView, client: ObjectRef | None, callers: list[Obj], pods: Sequence[Obj], number: int, protocol: str, way: _Way
) -> None:
    if not view.can_see(_POLICIES):
        way.doubt("NetworkPolicies cannot be read here")
        return
    if not pods:
        return
    policies = Policies(view)
    server = pods[0]
    if not callers:
        isolating = policies.selecting(server, "Ingress")
        if isolating:
            way.doubt(
                f"{listed([f'NetworkPolicy {p.name}' for p in isolating])} restrict{'s' if len(isolating) == 1 else ''} who may connect; name the client to know"
            )
        else:
            way.good("no NetworkPolicy selects these pods")
        return
    denial = policies.denial(Wire(callers[0]), Wire(server), number, protocol)
    if denial is None:
        selected = [*policies.selecting(server, "Ingress"), *policies.selecting(callers[0], "Egress")]
        way.good(
            f"{listed([f'NetworkPolicy {p.name}' for p in selected])} allow{'s' if len(selected) == 1 else ''} it"
            if selected
            else "no NetworkPolicy stands between them"
        )
        return
    culprit = denial.culprit or denial.policies[0]
    side = f"into the pods of {server.name}" if denial.direction == "Ingress" else f"out of {client}"
    why = (
        f": {denial.near}"
        if denial.near
        else f": it allows no {denial.direction.lower()}"
        if not maps_at(culprit.raw, "spec", denial.direction.lower())
        else ""
    )
    way.stop(
        f"NetworkPolicy {culprit.name} in namespace {culprit.namespace} (podSelector {selector_text(culprit.map('spec', 'podSelector'))}) lets nothing {side} from here on port {number}{why}"
        if denial.direction == "Ingress"
        else f"NetworkPolicy {culprit.name} in namespace {culprit.namespace} lets nothing {side} to port {number}{why}",
        field_evidence(culprit, "spec"),
    )
    way.fix.append(
        Remedy(
            f"add a rule to NetworkPolicy {culprit.name} that allows it, or a policy of its own",
            f"kubectl -n {culprit.namespace} edit networkpolicy {culprit.name}",
            "mutate",
        )
    )


def _said(client: ObjectRef | None, server: ObjectRef, service: Obj | None, chosen: Port | None, port: int | None, way: _Way) -> Reply:
    who = str(client) if client is not None else "a pod of the cluster"
    at = f" on port {chosen.port if chosen else port}" if chosen or port else ""
    if way.end:
        lead = f"No, {who} cannot reach {server}{at}: {way.end}."
    elif way.doubts:
        lead = f"Probably, but not for certain: nothing seen keeps {who} from reaching {server}{at}, and {way.doubts[0]}."
    else:
        lead = f"Yes, {who} can reach {server}{at}, as far as the cluster's objects show; nothing was sent."
    address = ""
    if service is not None and client is not None and not way.end:
        host = service.name if service.namespace == client.namespace else f"{service.name}.{service.namespace}"
        address = f"\nIts address from there: {host}:{chosen.port if chosen else port}"
    refs = tuple(ref for ref in (client, server, service.ref if service else None) if ref is not None)
    return Reply(
        answer=f"{lead}\n" + "\n".join(way.steps) + address,
        evidence=tuple(way.evidence),
        fix=tuple(way.fix),
        objects=tuple(dict.fromkeys(refs)),
    )


def _number(chosen: Port | None, wanted: int | None, pods: Sequence[Obj]) -> int:
    """The number of the port on the pods; 0 where it is a name that nobody declares."""
    if chosen is None:
        declared = [int(text_at(p, "containerPort") or 0) for p in container_ports(pods[0])] if pods else []
        return wanted or (declared[0] if declared else 0)
    if chosen.target.isdigit():
        return int(chosen.target)
    for pod in pods[:1]:
        for port in container_ports(pod):
            if text_at(port, "name") == chosen.target:
                return int(text_at(port, "containerPort") or 0)
    return 0


def _pods_of(view: ClusterView, ref: ObjectRef) -> list[Obj]:
    if ref.kind == "Service":
        service = view.find("services", ref.namespace, ref.name)
        return Clients.of(view).behind(service) if service else []
    return [p for p in view.within("pods", ref.namespace) if not is_finished(p) and (p.ref == ref or view.workload_of(p) == ref)]


def _from_template(view: ClusterView, ref: ObjectRef) -> list[Obj]:
    """A pod as the template of a workload would make it: enough for policies."""
    obj = view.find_ref(ref)
    template = pod_template(obj) if obj is not None else {}
    if not template:
        return []
    metadata = {"name": f"{ref.name} (template)", "namespace": ref.namespace, "labels": labels_at(template, "metadata", "labels")}
    return [Obj({"kind": "Pod", "metadata": metadata, "spec": template.get("spec", {})})]


def _selects(service: Obj, view: ClusterView, ref: ObjectRef) -> bool:
    obj = view.find_ref(ref)
    if obj is None:
        return False
    labels = obj.labels if obj.kind == "Pod" else labels_at(pod_template(obj), "metadata", "labels")
    selector = labels_at(service.raw, "spec", "selector")
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _closest(view: ClusterView, service: Obj, selector: dict[str, str]) -> str:
    """The pods whose labels come nearest to a selector that matches none."""
    best: tuple[int, Obj | None] = (0, None)
    for pod in view.within("pods", service.namespace):
        same = sum(pod.labels.get(key) == value for key, value in selector.items())
        close = sum(bool(pod.labels.get(key)) and nearest(value, [pod.labels[key]]) != "" for key, value in selector.items())
        if same * 2 + close > best[0]:
            best = (same * 2 + close, pod)
    near = best[1]
    if near is None:
        return ""
    own = ", ".join(f"{key}={near.labels.get(key, '(none)')}" for key in selector)
    return f"; the nearest, {near.name}, has {own}"


def _ready_evidence(pod: Obj) -> tuple[Evidence, ...]:
    said = pod.condition("Ready")
    return (
        (
            Evidence(
                f"{pod.ref} status.conditions[Ready]", str(said.get("message") or said.get("reason") or said.get("status")), object=pod.ref
            ),
        )
        if said
        else ()
    )
