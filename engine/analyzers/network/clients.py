"""The clients of a Service: the workloads whose settings name it, and what their logs say of it."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from engine.analyzers.common.callees import WORKLOADS, Callee, Callees
from engine.analyzers.common.citations import log_line
from engine.analyzers.common.containers import containers, is_finished, pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.entries import entries, grouped
from engine.analyzers.logs.reader import match, short
from engine.cluster.objects import Obj, labels_at
from engine.core.types import Evidence

_CONNECTION = ("ConnectionRefused", "ConnectionTimeout", "ConnectionReset", "NoRoute", "UpstreamError", "NameNotResolved", "DnsFailing")
_LINES = 400


@dataclass(frozen=True, slots=True)
class Client:
    """A workload and the address of a Service in its settings."""

    workload: Obj
    callee: Callee


@dataclass(frozen=True, slots=True)
class Complaint:
    """A client's log line about a Service: `code` is the kind (ConnectionRefused, ConnectionTimeout…), `count` how often it came."""

    pod: Obj
    code: str
    evidence: Evidence
    count: int
    words: str
    """The message alone, on one line."""
    named: frozenset[tuple[str, str]] = frozenset()
    """(namespace, name) of the Services that the line speaks of."""


class Clients:
    """Who calls which Service, worked out once for a view."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.callees = Callees(view)
        self.of_service: dict[tuple[str, str], list[Client]] = {}
        self._living: dict[str, list[tuple[dict[str, str], Obj]]] = {}
        self._heard: dict[tuple[str, str], list[Complaint]] = {}
        self.pods: dict[tuple[str, str, str], list[Obj]] = {}
        for resource in WORKLOADS:
            for workload in view.all(resource):
                for callee in self.callees.in_settings(workload.namespace, pod_template(workload).get("spec")):
                    self.of_service.setdefault((callee.namespace, callee.name), []).append(Client(workload, callee))
        for pod in view.all("pods"):
            owner = view.workload_of(pod)
            self.pods.setdefault((owner.kind, owner.namespace, owner.name), []).append(pod)

    @classmethod
    def of(cls, view: ClusterView) -> Clients:
        """The one instance of a view."""
        if view not in _KNOWN:
            _KNOWN[view] = cls(view)
        return _KNOWN[view]

    def living(self, namespace: str) -> list[tuple[dict[str, str], Obj]]:
        """(labels, pod) of each pod of a namespace that is not finished."""
        if namespace not in self._living:
            pods = self.view.within("pods", namespace)
            self._living[namespace] = [(p.labels, p) for p in pods if p.namespace == namespace and not is_finished(p)]
        return self._living[namespace]

    def behind(self, service: Obj) -> list[Obj]:
        """The pods that a Service's selector matches; none for a Service without a selector."""
        selector = labels_at(service.raw, "spec", "selector").items()
        return [pod for labels, pod in self.living(service.namespace) if selector and selector <= labels.items()]

    def pods_of(self, workload: Obj) -> list[Obj]:
        """The pods of a workload that are not finished."""
        return [p for p in self.pods.get((workload.kind, workload.namespace, workload.name), []) if not is_finished(p)]

    def calling(self, service: Obj) -> list[Client]:
        """The workloads that name a Service."""
        return self.of_service.get((service.namespace, service.name), [])

    def complaints(self, service: Obj, clients: list[Client] | None = None) -> list[Complaint]:
        """What the logs of a Service's clients say of failed connections to it, at most one line a client and kind."""
        found: dict[tuple[str, str], Complaint] = {}
        for client in self.calling(service) if clients is None else clients:
            for pod in self.pods_of(client.workload)[:2]:
                for complaint in self.in_log(pod):
                    named = complaint.named
                    if not named or (service.namespace, service.name) in named:
                        found.setdefault((client.workload.name, complaint.code), complaint)
        return sorted(found.values(), key=lambda c: -c.count)

    def in_log(self, pod: Obj) -> list[Complaint]:
        """All failed connections that a pod's logs tell of, the run before only where the present one tells none."""
        key = (pod.namespace, pod.name)
        if key not in self._heard:
            self._heard[key] = self._read(pod)
        return self._heard[key]

    def _read(self, pod: Obj) -> list[Complaint]:
        found: list[Complaint] = []
        for container in containers(pod):
            if container.role == "ephemeral":
                continue
            for previous in (False, True):
                before = len(found)
                lines = self.view.logs(pod.namespace, pod.name, container.name, previous=previous)[-_LINES:]
                for entry in grouped(entries(lines)):
                    hit = match(entry) if entry.level != "debug" else None
                    if hit is None or hit[0].code not in _CONNECTION:
                        continue
                    callees = self.callees.in_text(entry.text, pod.namespace) or self.callees.in_text(entry.lines[0], pod.namespace)
                    named = frozenset((c.namespace, c.name) for c in callees)
                    stamped = f"{entry.stamp} {entry.lines[0]}" if entry.stamp else entry.lines[0]
                    evidence = log_line(pod, container.name, stamped, previous=previous)
                    found.append(Complaint(pod, hit[0].code, evidence, entry.count, short(entry.text, 120), named))
                if len(found) > before or not container.restarts:
                    break
        return found


_KNOWN: WeakKeyDictionary[ClusterView, Clients] = WeakKeyDictionary()
