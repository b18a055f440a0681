"""The clients of a Service: the workloads whose settings name it, and what their logs say of it."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from engine.analyzers.callees import WORKLOADS, Callee, Callees
from engine.analyzers.cite import log_line
from engine.analyzers.containers import containers, is_finished, pod_template
from engine.analyzers.logs import entries, grouped, match, short
from engine.analyzers.view import ClusterView
from engine.cluster.objects import Obj
from engine.facts import Evidence

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

    client: Obj
    pod: Obj
    code: str
    evidence: Evidence
    count: int
    words: str
    """The message alone, on one line."""


class Clients:
    """Who calls which Service, worked out once for a view."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.callees = Callees(view)
        self.of_service: dict[tuple[str, str], list[Client]] = {}
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
                for complaint in self._in_log(service, client.workload, pod):
                    found.setdefault((client.workload.name, complaint.code), complaint)
        return list(found.values())

    def _in_log(self, service: Obj, workload: Obj, pod: Obj) -> list[Complaint]:
        found = []
        for container in containers(pod):
            if container.role == "ephemeral":
                continue
            for previous in (False, True):
                lines = self.view.logs(pod.namespace, pod.name, container.name, previous=previous)[-_LINES:]
                for entry in grouped(entries(lines)):
                    hit = match(entry) if entry.level != "debug" else None
                    if hit is None or hit[0].code not in _CONNECTION:
                        continue
                    named = self.callees.in_text(entry.text, pod.namespace) or self.callees.in_text(entry.lines[0], pod.namespace)
                    if named and all((c.namespace, c.name) != (service.namespace, service.name) for c in named):
                        continue
                    evidence = log_line(
                        pod, container.name, f"{entry.stamp} {entry.lines[0]}" if entry.stamp else entry.lines[0], previous=previous
                    )
                    found.append(Complaint(workload, pod, hit[0].code, evidence, entry.count, short(entry.text, 120)))
                if found or not container.restarts:
                    break
        return found


_KNOWN: WeakKeyDictionary[ClusterView, Clients] = WeakKeyDictionary()
