"""The row of a pod: the STATUS word that sums up phase, conditions and container states, and how often containers restarted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.cluster.objects import Obj, at, bool_at, int_at, map_at, maps_at, parse_time, text_at
from engine.cluster.tables.model import NONE, Printing, Row, age, columns, human_duration


def pod_cells(pod: Obj, now: datetime) -> Row:
    status, ready, total, restarts, last_restart = _summary(pod)
    restarted = str(restarts)
    if restarts and last_restart:
        restarted = f"{restarts} ({human_duration((now - last_restart).total_seconds())} ago)"
    addresses = [text_at(entry, "ip") for entry in pod.maps("status", "podIPs")] or [pod.text("status", "podIP")]
    return (
        f"{ready}/{total}",
        status,
        restarted,
        age(pod, now),
        addresses[0] or NONE,
        pod.text("spec", "nodeName") or NONE,
        pod.text("status", "nominatedNodeName") or NONE,
        _readiness_gates(pod),
    )


POD = Printing(
    columns("Ready", "Status", "Restarts", "Age", "+IP", "+Node", "+Nominated Node", "+Readiness Gates"),
    pod_cells,
)


def _readiness_gates(pod: Obj) -> str:
    gates = [text_at(gate, "conditionType") for gate in pod.maps("spec", "readinessGates")]
    if not gates:
        return NONE
    return f"{sum(pod.condition(gate).get('status') == 'True' for gate in gates)}/{len(gates)}"


def _summary(pod: Obj) -> tuple[str, int, int, int, datetime | None]:
    """Status word, ready containers, all containers, restarts, and when the last restart ended."""
    phase = pod.text("status", "phase")
    word = pod.text("status", "reason") or phase
    if pod.condition("PodScheduled").get("reason") == "SchedulingGated":
        word = "SchedulingGated"
    sidecars = {text_at(c, "name") for c in pod.maps("spec", "initContainers") if c.get("restartPolicy") == "Always"}
    init_total = len(pod.maps("spec", "initContainers"))
    init_statuses = pod.maps("status", "initContainerStatuses")
    total = len(pod.maps("spec", "containers")) + len(sidecars)
    ready = 0
    held_by = ""
    for position, status in enumerate(init_statuses):
        name = text_at(status, "name")
        if at(status, "state", "terminated", "exitCode") == 0:
            continue
        if name in sidecars and bool_at(status, "started"):
            ready += bool_at(status, "ready")
            continue
        held_by = _init_word(status) or f"Init:{position}/{init_total}"
        break
    if held_by and pod.condition("Initialized").get("status") != "True":
        counted = init_statuses
        word = held_by
    else:
        word, running_ready = _container_word(pod, held_by or word)
        ready += running_ready
        counted = [s for s in init_statuses if text_at(s, "name") in sidecars] + pod.maps("status", "containerStatuses")
    if pod.at("metadata", "deletionTimestamp"):
        if pod.text("status", "reason") == "NodeLost":
            word = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            word = "Terminating"
    ends = [moment for s in counted if (moment := parse_time(at(s, "lastState", "terminated", "finishedAt")))]
    return word, ready, total, sum(int_at(s, "restartCount") for s in counted), max(ends, default=None)


def _init_word(status: Mapping[str, Any]) -> str:
    terminated = map_at(status, "state", "terminated")
    if terminated:
        return f"Init:{_end_word(terminated)}"
    reason = text_at(status, "state", "waiting", "reason")
    return f"Init:{reason}" if reason and reason != "PodInitializing" else ""


def _end_word(terminated: Mapping[str, Any]) -> str:
    if reason := text_at(terminated, "reason"):
        return reason
    signal = int_at(terminated, "signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{int_at(terminated, 'exitCode')}"


def _container_word(pod: Obj, word: str) -> tuple[str, int]:
    """The word after looking at the containers from the last to the first, and how many are ready."""
    ready = 0
    for status in reversed(maps_at(pod.raw, "status", "containerStatuses")):
        terminated = map_at(status, "state", "terminated")
        if reason := text_at(status, "state", "waiting", "reason"):
            word = reason
        elif terminated:
            word = _end_word(terminated)
        elif bool_at(status, "ready") and "running" in map_at(status, "state"):
            ready += 1
    if word == "Completed" and ready:
        word = "Running" if pod.condition("Ready").get("status") == "True" else "NotReady"
    return word, ready
