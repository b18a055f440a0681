"""The ports of a Service against the ports of its pods: numbers, names, protocols, headless Services, selectors that take in too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.analyzers.common.citations import field, listed, nearest
from engine.analyzers.common.confidence import HINT, LOG, RELATION, STATE, confidence
from engine.analyzers.common.containers import is_ready
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.clients import Clients
from engine.analyzers.network.service_facts import (
    HANDLERS,
    PROBES,
    Port,
    container_ports,
    declared_evidence,
    listening,
    network_finding,
    protocol,
    service_ports,
)
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Finding, ObjectRef, Remedy


def port_findings(view: ClusterView, service: Obj, behind: list[Obj], ready: list[Obj]) -> Iterator[Finding]:
    pods = ready or behind
    clients = Clients.of(view)
    for port in service_ports(service):
        declared = [p for pod in pods for p in container_ports(pod)]
        if port.target.isdigit():
            yield from _number(view, service, port, pods, declared, clients)
            yield from _headless(service, port, clients)
            continue
        names = [text_at(p, "name") for p in declared]
        if port.target in names or not pods:
            if port.target in names and not any(text_at(p, "name") == port.target and protocol(p) == port.protocol for p in declared):
                yield _wrong_protocol(service, port, next(p for p in declared if text_at(p, "name") == port.target))
            continue
        guess = nearest(port.target, names)
        have = [f"{text_at(p, 'name') or 'unnamed'}={text_at(p, 'containerPort')}" for p in declared]
        hint = f"; did you mean {guess}?" if guess else ""
        yield network_finding(
            service,
            "ServiceTargetPortMismatch",
            "critical",
            f"Service {service.name} forwards port {port.port} to targetPort {port.target}, a port name that no container of its pods has "
            f"(they have: {listed(dict.fromkeys(have)) or 'no named port'}), so it has no endpoint for it{hint}",
            (field(service, "spec", "ports", port.index), *declared_evidence(pods[0])),
            confidence([RELATION, STATE]),
            (_set_target(service, port, guess or (text_at(declared[0], "containerPort") if declared else "PORT")),),
            detail=str(port.port),
        )


def _number(
    view: ClusterView, service: Obj, port: Port, pods: list[Obj], declared: list[Mapping[str, Any]], clients: Clients
) -> Iterator[Finding]:
    target = int(port.target)
    numbers = [text_at(p, "containerPort") for p in declared]
    if not pods or str(target) in numbers:
        same = [p for p in declared if text_at(p, "containerPort") == str(target)]
        both = any(p.target == port.target and p.protocol != port.protocol for p in service_ports(service))
        if same and not both and all(protocol(p) != port.protocol for p in same):
            yield _wrong_protocol(service, port, same[0])
            return
    probed = {
        text_at(c, probe, kind, "port") for pod in pods for c in pod.maps("spec", "containers") for probe in PROBES for kind in HANDLERS
    }
    heard, line = listening(view, pods)
    if target in heard or (str(target) in probed and str(target) in numbers):
        return
    complaints = [c for c in clients.complaints(service) if c.code in ("ConnectionRefused", "NoRoute", "UpstreamError")]
    contradicted = bool(heard)
    if str(target) in numbers and not (contradicted and complaints):
        return
    if str(target) in probed and not contradicted:
        return
    open_ended = not all(maps_at(c, "ports") for pod in pods[:1] for c in pod.maps("spec", "containers"))
    if open_ended and not contradicted and not complaints:
        return
    served = any(p.target in numbers for p in service_ports(service))  # a second, undeclared port (metrics…) is common
    real = str(sorted(heard)[0]) if heard else next((n for n in numbers if n), "")
    listens = (
        f"listens on {listed(str(h) for h in sorted(heard))} by its log" if heard else f"declares port {listed(dict.fromkeys(numbers))}"
    )
    if not heard and not numbers:
        listens = "answers on another port"
    yield network_finding(
        service,
        "ServiceTargetPortMismatch",
        "critical" if complaints or contradicted else "info" if served else "warning",
        f"Service {service.name} forwards port {port.port} to targetPort {port.target}, but the container behind it {listens}"
        + (f"; clients get “{complaints[0].words}”" if complaints else ""),
        (
            field(service, "spec", "ports", port.index),
            *declared_evidence(pods[0]),
            *((line,) if line else ()),
            *(c.evidence for c in complaints[:2]),
        ),
        confidence([RELATION, *([LOG] if heard else []), *([LOG] if complaints else [])]),
        (_set_target(service, port, real or "PORT"),),
        detail=str(port.port),
    )


def _headless(service: Obj, port: Port, clients: Clients) -> Iterator[Finding]:
    """A headless Service does not translate ports: clients reach the pod's address with the port that they name."""
    if service.text("spec", "clusterIP") != "None" or str(port.port) == port.target:
        return
    callers = [c for c in clients.calling(service) if c.callee.address.port == port.port]
    complaints = clients.complaints(service, callers) if callers else []
    if not complaints:
        return
    yield network_finding(
        service,
        "HeadlessPortNotTranslated",
        "critical",
        f"Service {service.name} is headless (clusterIP: None), so its port {port.port} is not translated to targetPort {port.target}: "
        f"{callers[0].workload.name} calls port {port.port}, where the pods do not listen",
        (field(service, "spec", "clusterIP"), field(service, "spec", "ports", port.index), complaints[0].evidence),
        confidence([RELATION, LOG]),
        (
            Remedy(
                f"call port {port.target}, or give the Service a cluster IP",
                f"kubectl -n {service.namespace} get service {service.name} -o yaml",
                "read",
            ),
        ),
        detail=str(port.port),
    )


def wrong_calls(view: ClusterView, service: Obj) -> Iterator[Finding]:
    """Ready clients whose settings name a port that the Service does not have (those that are not ready tell it with their pods)."""
    ports = service_ports(service)
    known = {p.port for p in ports}
    headless = service.text("spec", "clusterIP") == "None"
    reachable = known | {int(p.target) for p in ports if p.target.isdigit()} if headless else known
    node_ports = {p.get("nodePort") for p in service.maps("spec", "ports")}
    clients = Clients.of(view)
    for client in clients.calling(service):
        port, setting = client.callee.address.port, client.callee.setting
        if not port or not ports or port in reachable or port in node_ports:
            continue
        complaints = clients.complaints(service, [client])
        if not complaints or not any(is_ready(p) for p in clients.pods_of(client.workload)):
            continue
        as_target = next((p for p in ports if p.target == str(port)), None)
        meant = as_target or (ports[0] if len(ports) == 1 else None)
        hint = f"; {port} is the targetPort, clients use port {as_target.port}" if as_target else ""
        where = setting.place if setting is not None else "its settings"
        source = view.find_ref(setting.source) if setting is not None and setting.source is not None else None
        cited = field(source, "data", setting.key) if source is not None and setting is not None and setting.key else None
        yield network_finding(
            source if source is not None else client.workload,
            "ServicePortNotFound",
            "critical",
            f"{client.workload.kind} {client.workload.name} calls Service {service.name} on port {port} ({where}), "
            f"but the Service has only port {listed(str(p.port) for p in ports)}{hint}; it gets “{complaints[0].words}”",
            (field(service, "spec", "ports"), *((cited,) if cited else ()), *(c.evidence for c in complaints[:2])),
            confidence([RELATION, RELATION, LOG]),
            (
                Remedy(
                    f"call port {meant.port if meant else listed(str(p.port) for p in ports)}, or add the port to the Service",
                    f"kubectl -n {service.namespace} get service {service.name} -o yaml",
                    "read",
                ),
            ),
            owner=client.workload.ref,
            detail=f"{client.workload.name}-{service.name}-{port}",
        )


def mixed_pods(view: ClusterView, service: Obj, ready: list[Obj]) -> Iterator[Finding]:
    """A selector so broad that it takes in pods which do not serve the port."""
    owners = {view.workload_of(p): p for p in ready}
    if len(owners) < 2:
        return
    for port in service_ports(service):
        serving = {o: _serves(p, port.target) for o, p in owners.items()}
        wrong = [o for o, yes in serving.items() if yes is False]
        if wrong and any(serving.values()):
            yield network_finding(
                service,
                "ServiceSelectorTooBroad",
                "critical",
                (
                    f"The selector of Service {service.name} also takes in pods of "
                    f"{listed(str(o) for o in wrong)}, which do not serve port {port.target}: "
                    f"a part of the requests fails"
                ),
                (
                    field(service, "spec", "selector"),
                    *(field(owners[o], "metadata", "labels") for o in wrong[:2]),
                    *declared_evidence(owners[wrong[0]]),
                ),
                confidence([RELATION, RELATION]),
                (
                    Remedy(
                        "add a label to the selector that only the serving pods have",
                        f"kubectl -n {service.namespace} get pods --show-labels",
                        "read",
                    ),
                ),
            )
            return
        silent = [o for o, yes in serving.items() if yes is None and not _images(owners[o]) & _served(owners, serving)]
        if silent and any(serving.values()):
            yield network_finding(
                service,
                "ServiceSelectorTooBroad",
                "warning",
                f"The selector of Service {service.name} also takes in pods of {listed(str(o) for o in silent)}, another image that "
                f"declares no port at all, beside those that serve port {port.target}: a part of the requests may fail",
                (field(service, "spec", "selector"), *(field(owners[o], "metadata", "labels") for o in silent[:2])),
                confidence([RELATION, HINT]),
                (
                    Remedy(
                        "add a label to the selector that only the serving pods have",
                        f"kubectl -n {service.namespace} get pods --show-labels",
                        "read",
                    ),
                ),
            )
            return


def _images(pod: Obj) -> set[str]:
    """The repositories of a pod's images, without tag and digest."""
    return {text_at(c, "image").partition("@")[0].rpartition(":")[0] or text_at(c, "image") for c in pod.maps("spec", "containers")}


def _served(owners: Mapping[ObjectRef, Obj], serving: Mapping[ObjectRef, bool | None]) -> set[str]:
    return {image for owner, yes in serving.items() if yes for image in _images(owners[owner])}


def _serves(pod: Obj, target: str) -> bool | None:
    """Whether a pod declares a port; None where it declares none at all and so tells nothing."""
    ports = container_ports(pod)
    if not ports:
        return None
    return any(target in (text_at(p, "name"), text_at(p, "containerPort")) for p in ports)


def _wrong_protocol(service: Obj, port: Port, declared: Mapping[str, Any]) -> Finding:
    number = text_at(declared, "containerPort")
    return network_finding(
        service,
        "ServiceProtocolMismatch",
        "warning",
        (
            f"Service {service.name} forwards {port.protocol} port {port.port}, "
            f"but the container declares port {number} as {protocol(declared)}"
        ),
        (field(service, "spec", "ports", port.index),),
        confidence([RELATION, HINT]),
        (
            Remedy(
                "use the protocol of the container",
                f"kubectl -n {service.namespace} patch service {service.name} --type=json "
                f'-p \'[{{"op":"replace","path":"/spec/ports/{port.index}/protocol","value":"{protocol(declared)}"}}]\'',
                "mutate",
            ),
        ),
        detail=str(port.port),
    )


def _set_target(service: Obj, port: Port, value: str) -> Remedy:
    target = value if value.isdigit() else f'"{value}"'
    patch = f'[{{"op":"replace","path":"/spec/ports/{port.index}/targetPort","value":{target}}}]'
    command = f"kubectl -n {service.namespace} patch service {service.name} --type=json -p '{patch}'"
    return Remedy(f"set targetPort to {value}, the port that the container serves", command, "mutate")
