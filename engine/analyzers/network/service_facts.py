"""What a Service says of itself and its pods of theirs: ports, endpoint slices, the ports a log says it listens on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.analyzers.common.citations import field, log_line
from engine.analyzers.common.containers import containers
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
HANDLERS = ("httpGet", "tcpSocket", "grpc")
_LISTENS = re.compile(
    r"(?:\blisten\w*|\bstart(?:ed|ing)|\bserving|\bbound|\brunning|\bmode=\w+)\b[^\n]{0,70}?"
    r"(?:\bport(?:\(s\))?\W{1,3}|(?:^|[\s\w.*\]])(?<!:\d\d):)([1-9]\d{1,4})\b(?![.:]\d)",
    re.IGNORECASE,
)
_HEAD = 200


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a Service as it is written, and what it forwards to."""

    index: int
    name: str
    port: int
    target: str
    protocol: str


def slices_of(view: ClusterView, service: Obj) -> list[Obj]:
    """The EndpointSlices of a Service."""
    found = view.within("endpointslices.discovery.k8s.io", service.namespace)
    return [s for s in found if s.namespace == service.namespace and s.labels.get("kubernetes.io/service-name") == service.name]


def service_ports(service: Obj) -> list[Port]:
    """The ports of a Service; `target` is the number or name it forwards to."""
    found = []
    for index, port in enumerate(service.maps("spec", "ports")):
        number = port.get("port")
        if not isinstance(number, int):
            continue
        target = text_at(port, "targetPort") or str(number)
        found.append(Port(index, text_at(port, "name"), number, target, text_at(port, "protocol") or "TCP"))
    return found


def sidecars(pod: Obj) -> list[Mapping[str, Any]]:
    """Init containers that keep running beside the others."""
    return [c for c in pod.maps("spec", "initContainers") if c.get("restartPolicy") == "Always"]


def container_ports(pod: Obj) -> list[Mapping[str, Any]]:
    """The ports that the running containers of a pod declare."""
    return [p for c in [*pod.maps("spec", "containers"), *sidecars(pod)] for p in maps_at(c, "ports")]


def protocol(port: Mapping[str, Any]) -> str:
    """TCP where none is written."""
    return text_at(port, "protocol") or "TCP"


def listening(view: ClusterView, pods: list[Obj]) -> tuple[set[int], Evidence | None]:
    """The ports that the first pod's log says it listens on, and the line that says so."""
    heard: set[int] = set()
    line: Evidence | None = None
    for pod in pods[:1]:
        for container in containers(pod):
            if container.role not in ("app", "sidecar"):
                continue
            for text in view.logs(pod.namespace, pod.name, container.name)[:_HEAD]:
                found = _LISTENS.search(text)
                if found and 0 < int(found.group(1)) < 65536:
                    heard.add(int(found.group(1)))
                    line = line or log_line(pod, container.name, text)
    return heard, line


def declared_evidence(pod: Obj) -> tuple[Evidence, ...]:
    """The port declarations of a pod's containers."""
    containers_ = pod.maps("spec", "containers")
    return tuple(field(pod, "spec", "containers", i, "ports") for i, c in enumerate(containers_[:3]) if maps_at(c, "ports"))


def network_finding(
    target: Obj | ObjectRef,
    code: str,
    severity: Severity,
    summary: str,
    evidence: tuple[Evidence, ...],
    sure: float,
    remedies: tuple[Remedy, ...] = (),
    *,
    owner: ObjectRef | None = None,
    causes: tuple[str, ...] = (),
    detail: str = "",
    docs: tuple[str, ...] = (),
) -> Finding:
    """A finding of the network speciality about a Service, Ingress, NetworkPolicy or workload."""
    ref = target if isinstance(target, ObjectRef) else target.ref
    scope = f"-n {ref.namespace} " if ref.namespace else ""
    see = Remedy("see it with its events", f"kubectl {scope}describe {ref.kind.lower()} {ref.name}", "read")
    return Finding(
        code=code,
        severity=severity,
        object=ref,
        summary=summary,
        evidence=evidence,
        owner=owner or ref,
        causes=causes,
        remedies=(*remedies, see),
        confidence=sure,
        docs=(*docs, ref.kind, code),
        speciality="network",
        detail=detail,
    )
