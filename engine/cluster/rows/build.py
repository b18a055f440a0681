"""Objects as the rows of a screen: pods folded under their workloads, nodes, events and namespaces. Pure functions; ages in seconds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.cluster.objects import at, bool_at, int_at, labels_at, map_at, maps_at, parse_time, text_at
from engine.cluster.rows.pod_state import Trouble, pod_state, pod_trouble
from engine.cluster.rows.table_cells import state_of_cells, trouble_of_cells
from engine.cluster.rows.types import EventRow, NamespaceRow, NodeRow, PodRow, WorkloadRow
from engine.cluster.source import RawObject, RawObjects
from engine.cluster.usage import Amounts, limits_of, quantity
from engine.core.types import ObjectRef

__all__ = [
    "WORKLOAD_RESOURCES",
    "EventRow",
    "NamespaceRow",
    "NodeRow",
    "PodRow",
    "PodRows",
    "Trouble",
    "WorkloadRow",
    "event_rows",
    "namespace_rows",
    "node_rows",
    "pod_row",
    "workload_rows",
]

WORKLOAD_RESOURCES = (
    "pods",
    "replicationcontrollers",
    "replicasets.apps",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "events",
)
"""The lists that `workload_rows` makes rows of; a missing one is taken as empty."""

_ORDER: dict[Trouble, int] = {"broken": 0, "waiting": 1, "ok": 2}
_STARTUP_SECONDS = 60.0
"""A pod may take this many seconds to start before a namespace counts it as failing."""


def pod_row(pod: Mapping[str, Any], now: datetime, usage: Amounts | None = None, owner: ObjectRef | None = None) -> PodRow:
    """One pod as kubectl's table and its trouble say it."""
    cells = map_at(pod, "cells")  # a row of the server's table stands for the object
    state = state_of_cells(pod, now) if cells else pod_state(pod)
    trouble, note = trouble_of_cells(pod, state, now) if cells else pod_trouble(pod, state, now)
    limit = limits_of(pod)
    return PodRow(
        namespace=text_at(pod, "metadata", "namespace"),
        name=text_at(pod, "metadata", "name"),
        ready=f"{state.ready}/{state.total}",
        status=state.status,
        restarts=state.restarts,
        age=_age(pod, now),
        node=text_at(cells, "node").replace("<none>", "") if cells else text_at(pod, "spec", "nodeName"),
        trouble=trouble,
        note=note,
        labels=labels_at(pod, "metadata", "labels"),
        owner=owner,
        cpu=usage.cpu if usage else None,
        memory=usage.memory if usage else None,
        cpu_limit=limit.cpu,
        memory_limit=limit.memory,
    )


class PodRows:
    """Rows of pods kept from one time to the next: one is rebuilt when its object, owner or usage changed, or when its age shows."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[Mapping[str, Any], datetime, PodRow]] = {}
        self._fresh: dict[tuple[str, str], tuple[Mapping[str, Any], datetime, PodRow]] = {}

    def row(self, pod: Mapping[str, Any], now: datetime, usage: Amounts | None, owner: ObjectRef | None) -> PodRow:
        """The pod's row."""
        _, namespace, name = _key(pod)
        kept = self._rows.get((namespace, name))
        if kept is not None:
            known, made, row = kept
            used = (row.cpu, row.memory) == ((usage.cpu, usage.memory) if usage else (None, None))
            # an age is shown in ever coarser steps; what is broken or waits may have become something else
            calm = row.trouble == "ok" and (now - made).total_seconds() < max(1.0, row.age / 60)
            if known is pod and used and calm and row.owner == owner:
                self._fresh[(namespace, name)] = kept
                return row
        row = pod_row(pod, now, usage, owner)
        self._fresh[(namespace, name)] = (pod, now, row)
        return row

    def next_round(self) -> None:
        """All pods of one time were asked for: forget those that were not."""
        self._rows, self._fresh = self._fresh, {}


def workload_rows(
    lists: Mapping[str, RawObjects],
    now: datetime,
    usage: Mapping[tuple[str, str], Amounts] | None = None,
    kept: PodRows | None = None,
) -> list[WorkloadRow]:
    """Rows of `WORKLOAD_RESOURCES` by resource name: every workload with its pods, and pods without an owner; worst first, then by name.

    `usage` says what pods use, by namespace and name; `kept` are the rows of the time before.
    """
    measured, kept = usage or {}, kept or PodRows()
    notes = _notes_from_events(lists.get("events", ()))
    owners = _Owners(lists)
    folded: dict[tuple[str, str, str], list[tuple[RawObject, PodRow]]] = {}
    for pod in lists.get("pods", ()):
        top = owners.top(pod)
        _, namespace, name = key = _key(pod)
        row = kept.row(pod, now, measured.get((namespace, name)), None if top == key else ObjectRef(*top))
        note = notes.get((row.namespace, row.name), "")
        if note in _MOUNT_REASONS.values():
            if row.trouble == "waiting" and not row.note:
                row = replace(row, trouble="broken", note=note)
        elif note and row.trouble == "broken" and row.restarts and re.match(r"exit (0|137|143)\b", row.note):
            row = replace(row, note=f"{note} ×{row.restarts}")
        folded.setdefault(top, []).append((pod, row))
    kept.next_round()
    rows = []
    for key, workload in owners.workloads.items():
        rows.append(_workload(workload, folded.pop(key, []), owners, now))
    for (kind, namespace, name), members in folded.items():
        rows.append(_bare(kind, namespace, name, [row for _, row in members]))
    return sorted(rows, key=lambda r: (_ORDER[r.trouble], r.name, r.namespace, r.kind))


def node_rows(nodes: Iterable[Mapping[str, Any]], now: datetime, usage: Mapping[str, Amounts] | None = None) -> list[NodeRow]:
    """Nodes, worst first, then by name; `usage` says what they use, by name."""
    measured = usage or {}
    rows = (_node(node, now, measured.get(text_at(node, "metadata", "name"))) for node in nodes)
    return sorted(rows, key=lambda r: (_ORDER[r.trouble], r.name))


def event_rows(events: Iterable[Mapping[str, Any]], now: datetime) -> list[EventRow]:
    """Events, newest first; scheduler events have only `eventTime` and `series`."""
    rows = []
    for event in events:
        about = map_at(event, "involvedObject") or map_at(event, "regarding")
        moment = _event_time(event)
        rows.append(
            EventRow(
                namespace=text_at(event, "metadata", "namespace"),
                type=text_at(event, "type"),
                reason=text_at(event, "reason"),
                object=f"{text_at(about, 'kind')}/{text_at(about, 'name')}",
                message=text_at(event, "message") or text_at(event, "note"),
                count=int_at(event, "series", "count") or int_at(event, "count") or 1,
                age=0.0 if moment is None else (now - moment).total_seconds(),
            )
        )
    return sorted(rows, key=lambda r: (r.age, r.namespace, r.object, r.reason))


def namespace_rows(
    namespaces: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], now: datetime, known: Collection[str] | None = None
) -> list[NamespaceRow]:
    """Namespaces with their pod counts; those in trouble first, then by name. Where their list is missing, those that pods are in.

    `known`: the only namespaces whose pods were recorded (None: of all).
    """
    counts: dict[str, list[int]] = {}
    ages: dict[str, float] = {}
    for pod in pods:
        row = pod_row(pod, now)
        count = counts.setdefault(row.namespace, [0, 0])
        count[0] += 1
        count[1] += row.trouble == "broken" or (row.trouble == "waiting" and row.age > _STARTUP_SECONDS)
        ages[row.namespace] = max(row.age, ages.get(row.namespace, 0.0))
    rows = []
    for namespace in namespaces:
        name = text_at(namespace, "metadata", "name")
        total, failing = counts.get(name, (0, 0))
        phase = text_at(namespace, "status", "phase")
        rows.append(NamespaceRow(name, phase, total, failing, _age(namespace, now), known is None or name in known))
    if not rows:  # a dump without their list: each is at least as old as its oldest pod
        rows = [NamespaceRow(name, "", total, failing, ages[name]) for name, (total, failing) in counts.items()]
    return sorted(rows, key=lambda r: (r.failing == 0 and r.status != "Terminating", not r.known, r.name))


class _Owners:
    """The top of a pod's owner chain, and which workloads there are."""

    def __init__(self, lists: Mapping[str, RawObjects]) -> None:
        self._above: dict[tuple[str, str, str], tuple[str, str, str]] = {}
        self.workloads: dict[tuple[str, str, str], RawObject] = {}
        self.replica_sets: dict[tuple[str, str, str], RawObjects] = {}
        self.jobs: dict[tuple[str, str, str], RawObjects] = {}
        for resource in WORKLOAD_RESOURCES[1:-1]:
            for item in lists.get(resource, ()):
                owner = _controller(item)
                if owner is not None:
                    self._above[_key(item)] = owner
                    if item.get("kind") in ("ReplicaSet", "Job"):
                        held = self.replica_sets if item.get("kind") == "ReplicaSet" else self.jobs
                        held.setdefault(owner, []).append(item)
        for resource in WORKLOAD_RESOURCES[1:-1]:
            for item in lists.get(resource, ()):
                if _key(item) not in self._above or self.root(_key(item)) == _key(item):
                    self.workloads[_key(item)] = item

    def root(self, key: tuple[str, str, str]) -> tuple[str, str, str]:
        """The end of the chain from a workload; a chain that bites its tail ends where it began."""
        seen = {key}
        here = key
        while here in self._above:
            here = self._above[here]
            if here in seen:
                return key
            seen.add(here)
        return here

    def top(self, pod: Mapping[str, Any]) -> tuple[str, str, str]:
        owner = _controller(pod)
        if owner is None or owner[0] == "Node":  # a static pod's mirror belongs to its node
            return _key(pod)
        return self.root(owner)


def _workload(item: RawObject, members: list[tuple[RawObject, PodRow]], owners: _Owners, now: datetime) -> WorkloadRow:
    kind, namespace, name = _key(item)
    pods = sorted((row for _, row in members), key=lambda r: (_ORDER[r.trouble], r.name))
    # what ended for good and was replaced says nothing about the workload as it is now
    living = [row for pod, row in members if text_at(pod, "status", "phase") not in ("Succeeded", "Failed")]
    worst = min(living, key=lambda r: (_ORDER[r.trouble], r.name), default=None)
    if kind == "Job":
        ready, status, trouble, note = _job(item, worst)
    elif kind == "CronJob":
        ready, status, trouble, note = _cron_job(item, owners.jobs.get(_key(item), []), worst)
    else:
        ready, status, trouble, note = _replicated(item, owners.replica_sets.get(_key(item), []), worst, _age(item, now))
    restarts = sum(row.restarts for row in pods)
    labels = labels_at(item, "metadata", "labels")
    return WorkloadRow(kind, namespace, name, ready, status, restarts, _age(item, now), trouble, note, tuple(pods), labels)


def _replicated(item: RawObject, replica_sets: RawObjects, worst: PodRow | None, age: float) -> tuple[str, str, Trouble, str]:
    if item.get("kind") == "DaemonSet":
        wanted, ready = int_at(item, "status", "desiredNumberScheduled"), int_at(item, "status", "numberReady")
    else:
        wanted, ready = int_at(item, "spec", "replicas", default=1), int_at(item, "status", "readyReplicas")
    cell = f"{ready}/{wanted}"
    refused = next((_refusal(c) for o in (item, *replica_sets) for c in maps_at(o, "status", "conditions") if _is_refusal(c)), "")
    if worst is not None and worst.trouble == "broken":
        return cell, worst.status, "broken", worst.note or refused
    if ready < wanted and refused:
        return cell, "FailedCreate", "broken", refused
    if worst is not None and worst.trouble == "waiting":
        return cell, worst.status, "waiting", worst.note
    if ready < wanted:
        return (
            cell,
            "Progressing" if age < _STARTUP_SECONDS else "Incomplete",
            "waiting",
            "pods are missing" if worst is None else f"{wanted - ready} not ready",
        )
    if wanted == 0:
        return cell, "Scaled to 0" if item.get("kind") != "DaemonSet" else "No nodes", "ok", ""
    return cell, "Paused" if bool_at(item, "spec", "paused") else "Running", "ok", ""


def _is_refusal(condition: Mapping[str, Any]) -> bool:
    return condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"


def _refusal(condition: Mapping[str, Any]) -> str:
    """Why the controller may not create pods, in a few words."""
    message = text_at(condition, "message")
    if "exceeded quota" in message:
        return "quota exceeded"
    if "PodSecurity" in message or "violates" in message:
        return "pod security refuses"
    if found := re.search(r'serviceaccount "([^"]{1,60})" not found', message):
        return f"serviceaccount {found[1]} missing"
    if "webhook" in message:
        return "an admission webhook refuses"
    return "pods are refused"


def _job(item: RawObject, worst: PodRow | None) -> tuple[str, str, Trouble, str]:
    cell = f"{int_at(item, 'status', 'succeeded')}/{int_at(item, 'spec', 'completions', default=1)}"
    conditions = {text_at(c, "type"): c for c in maps_at(item, "status", "conditions") if c.get("status") == "True"}
    if "Failed" in conditions or "FailureTarget" in conditions:
        reason = text_at(conditions.get("Failed") or conditions["FailureTarget"], "reason")
        note = {"BackoffLimitExceeded": "back-off limit reached", "DeadlineExceeded": "deadline exceeded"}.get(reason, reason)
        failed = int_at(item, "status", "failed")
        return cell, "Failed", "broken", f"{note} ×{failed}" if failed > 1 else note
    if "Complete" in conditions:
        return cell, "Complete", "ok", ""
    if bool_at(item, "spec", "suspend"):
        return cell, "Suspended", "ok", "suspended"
    if worst is None:
        return cell, "Running", "waiting", ""
    return cell, worst.status, worst.trouble, worst.note


def _cron_job(item: RawObject, jobs: RawObjects, worst: PodRow | None) -> tuple[str, str, Trouble, str]:
    if bool_at(item, "spec", "suspend"):
        return "", "Suspended", "waiting", "suspended"
    latest = max(jobs, key=lambda job: text_at(job, "metadata", "creationTimestamp"), default=None)
    if latest is not None:
        _, status, trouble, note = _job(latest, worst)
        if trouble != "ok":
            return "", status, trouble, note
    return "", "Active" if maps_at(item, "status", "active") else "Scheduled", "ok", ""


def _bare(kind: str, namespace: str, name: str, rows: list[PodRow]) -> WorkloadRow:
    """Pods whose owner was not listed (a custom controller), or a pod without one."""
    pods = tuple(sorted(rows, key=lambda r: (_ORDER[r.trouble], r.name)))
    worst = pods[0]
    restarts, age = sum(row.restarts for row in pods), max(row.age for row in pods)
    if len(pods) == 1 and kind == "Pod":
        labels = worst.labels
        return WorkloadRow(kind, namespace, name, worst.ready, worst.status, restarts, age, worst.trouble, worst.note, pods, labels)
    ready = sum(row.trouble == "ok" for row in pods)
    return WorkloadRow(kind, namespace, name, f"{ready}/{len(pods)}", worst.status, restarts, age, worst.trouble, worst.note, pods)


def _node(node: Mapping[str, Any], now: datetime, usage: Amounts | None) -> NodeRow:
    conditions = {text_at(c, "type"): c for c in maps_at(node, "status", "conditions")}
    ready = conditions.get("Ready")
    status = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    trouble: Trouble = "ok" if status == "Ready" else "broken"
    note = ""
    if ready is not None and status == "NotReady":
        note = "kubelet not responding" if ready.get("status") == "Unknown" else text_at(ready, "reason")
    pressure = [kind for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable") if _true(conditions.get(kind))]
    if pressure and trouble == "ok":
        trouble, note = "broken", ", ".join(pressure)
    if bool_at(node, "spec", "unschedulable"):
        status += ",SchedulingDisabled"
        if trouble == "ok":
            trouble, note = "waiting", "cordoned"
    version = text_at(node, "status", "nodeInfo", "kubeletVersion")
    return NodeRow(
        text_at(node, "metadata", "name"),
        status,
        _roles(node),
        _age(node, now),
        version,
        trouble,
        note,
        labels=labels_at(node, "metadata", "labels"),
        cpu=usage.cpu if usage else None,
        memory=usage.memory if usage else None,
        cpu_limit=quantity(text_at(node, "status", "allocatable", "cpu")),
        memory_limit=quantity(text_at(node, "status", "allocatable", "memory")),
    )


def _true(condition: Mapping[str, Any] | None) -> bool:
    return condition is not None and condition.get("status") == "True"


def _roles(node: Mapping[str, Any]) -> str:
    labels = map_at(node, "metadata", "labels")
    roles = {key.removeprefix("node-role.kubernetes.io/") for key in labels if key.startswith("node-role.kubernetes.io/")}
    roles.add(text_at(labels, "kubernetes.io/role"))
    return ",".join(sorted(roles - {""})) or "<none>"


_MOUNT_REASONS = {
    "FailedMount": "volume does not mount",
    "FailedAttachVolume": "volume does not attach",
    "FailedCreatePodSandBox": "no pod sandbox",
}


def _notes_from_events(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """What only events show of a pod: why it hangs in ContainerCreating, and that a probe is what ends its containers."""
    notes: dict[tuple[str, str], str] = {}
    for event in events:
        if text_at(event, "involvedObject", "kind") != "Pod":
            continue
        key = (text_at(event, "metadata", "namespace"), text_at(event, "involvedObject", "name"))
        reason, message = text_at(event, "reason"), text_at(event, "message")
        if reason in _MOUNT_REASONS:
            notes[key] = _MOUNT_REASONS[reason]
        elif reason == "Unhealthy" and message.startswith(("Liveness", "Startup")):
            notes.setdefault(key, f"{message.split(' ', 1)[0].lower()} probe fails")
    return notes


def _event_time(event: Mapping[str, Any]) -> datetime | None:
    places = (("series", "lastObservedTime"), ("lastTimestamp",), ("deprecatedLastTimestamp",), ("eventTime",), ("firstTimestamp",))
    for place in (*places, ("metadata", "creationTimestamp")):
        moment = parse_time(at(event, *place))
        if moment is not None:
            return moment
    return None


def _key(item: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = item.get("metadata")
    if type(metadata) is dict:  # nearly always, and asked of every object in every turn
        kind, namespace, name = item.get("kind"), metadata.get("namespace", ""), metadata.get("name")
        if type(kind) is type(namespace) is type(name) is str:
            return kind, namespace, name
    return text_at(item, "kind"), text_at(item, "metadata", "namespace"), text_at(item, "metadata", "name")


def _controller(item: Mapping[str, Any]) -> tuple[str, str, str] | None:
    metadata = item.get("metadata")
    if type(metadata) is dict and "ownerReferences" not in metadata:
        return None
    owners = maps_at(item, "metadata", "ownerReferences")
    for owner in [o for o in owners if o.get("controller") is True] or owners[:1]:
        return text_at(owner, "kind"), text_at(item, "metadata", "namespace"), text_at(owner, "name")
    return None


def _age(item: Mapping[str, Any], now: datetime) -> float:
    moment = parse_time(at(item, "metadata", "creationTimestamp"))
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
