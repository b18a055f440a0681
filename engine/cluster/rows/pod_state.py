"""What one word says of a pod, as kubectl's STATUS column does, with its ready and restart counts; and the short reason behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.cluster.objects import at, bool_at, int_at, map_at, maps_at, parse_time, text_at

Trouble = Literal["broken", "waiting", "ok"]

_SLOW_SECONDS = 120.0
"""A pod that is not ready, or not gone, for longer than this is broken rather than on its way."""
_LOOP_RESTARTS = 3
_LOOP_SECONDS = 600.0
"""This many restarts, the last within so many seconds, are a crash loop even while the container happens to run."""
_CALM = ("Running", "Completed", "Succeeded")
_WAITING = ("Pending", "ContainerCreating", "PodInitializing", "SchedulingGated", "NotReady")


@dataclass(frozen=True, slots=True)
class PodState:
    """The cells READY, STATUS and RESTARTS of a pod; `last_restart` is None where no container ended yet."""

    ready: int
    total: int
    status: str
    restarts: int
    last_restart: datetime | None


def pod_state(pod: Mapping[str, Any]) -> PodState:
    """STATUS and its companions by the rules that kubectl's tables follow."""
    status = text_at(pod, "status", "reason") or text_at(pod, "status", "phase")
    conditions = {text_at(c, "type"): c for c in maps_at(pod, "status", "conditions")}
    if text_at(conditions.get("PodScheduled", {}), "reason") == "SchedulingGated":
        status = "SchedulingGated"

    specs = {text_at(c, "name"): c for c in maps_at(pod, "spec", "initContainers")}
    sidecars = {name for name, spec in specs.items() if spec.get("restartPolicy") == "Always"}
    total = len(maps_at(pod, "spec", "containers")) + len(sidecars)
    init = _Init(specs, sidecars)
    for position, container in enumerate(maps_at(pod, "status", "initContainerStatuses")):
        if not init.take(position, container):
            break
    status = init.status or status
    ready, restarts, last = init.ready, init.restarts, init.last_restart

    if not init.status or text_at(conditions.get("Initialized", {}), "status") == "True":
        restarts, last, running = init.sidecar_restarts, init.sidecar_last, False
        for container in reversed(maps_at(pod, "status", "containerStatuses")):
            restarts += int_at(container, "restartCount")
            last = _later(last, _last_end(container))
            state = map_at(container, "state")
            if text_at(state, "waiting", "reason"):
                status = text_at(state, "waiting", "reason")
            elif at(state, "terminated") is not None:
                status = _ended(map_at(state, "terminated"))
            elif bool_at(container, "ready") and at(state, "running") is not None:
                running, ready = True, ready + 1
        if status == "Completed" and running:
            status = "Running" if text_at(conditions.get("Ready", {}), "status") == "True" else "NotReady"

    if at(pod, "metadata", "deletionTimestamp"):
        if text_at(pod, "status", "reason") == "NodeLost":
            status = "Unknown"
        elif text_at(pod, "status", "phase") not in ("Succeeded", "Failed"):
            status = "Terminating"
    return PodState(ready, total, status or "Unknown", restarts, last)


class _Init:
    """The init containers' share of the algorithm: the first one that is not done gives the status."""

    def __init__(self, specs: Mapping[str, Mapping[str, Any]], sidecars: set[str]) -> None:
        self._count = len(specs)
        self._sidecars = sidecars
        self.status = ""
        self.ready = self.restarts = self.sidecar_restarts = 0
        self.last_restart: datetime | None = None
        self.sidecar_last: datetime | None = None

    def take(self, position: int, container: Mapping[str, Any]) -> bool:
        """Count one status; False when it holds the pod up, so that later ones do not matter."""
        self.restarts += int_at(container, "restartCount")
        self.last_restart = _later(self.last_restart, _last_end(container))
        sidecar = text_at(container, "name") in self._sidecars
        if sidecar:
            self.sidecar_restarts += int_at(container, "restartCount")
            self.sidecar_last = _later(self.sidecar_last, _last_end(container))
        state = map_at(container, "state")
        terminated = at(state, "terminated")
        if terminated is not None and int_at(terminated, "exitCode") == 0:
            return True
        if sidecar and bool_at(container, "started"):
            self.ready += bool_at(container, "ready")
            return True
        waiting = text_at(state, "waiting", "reason")
        if terminated is not None:
            self.status = "Init:" + _ended(map_at(state, "terminated"))
        elif waiting and waiting != "PodInitializing":
            self.status = "Init:" + waiting
        else:
            self.status = f"Init:{position}/{self._count}"
        return False


def _ended(terminated: Mapping[str, Any]) -> str:
    if text_at(terminated, "reason"):
        return text_at(terminated, "reason")
    signal = int_at(terminated, "signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{int_at(terminated, 'exitCode')}"


def _last_end(container: Mapping[str, Any]) -> datetime | None:
    return parse_time(at(container, "lastState", "terminated", "finishedAt"))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None or (one is not None and one > other) else other


def pod_trouble(pod: Mapping[str, Any], state: PodState, now: datetime) -> tuple[Trouble, str]:
    """How bad it is, and a reason in a few words ("exit 1 ×7", "image not found", "unbound claim"); "" where nothing is to be said."""
    status = state.status
    age = _seconds_since(at(pod, "metadata", "creationTimestamp"), now)
    if status == "Terminating":
        overdue = _seconds_since(at(pod, "metadata", "deletionTimestamp"), now)
        return ("broken", "stuck terminating") if overdue > _SLOW_SECONDS else ("waiting", "")
    if status == "Evicted" or text_at(pod, "status", "reason") == "Evicted":
        return "broken", "evicted: " + _short(text_at(pod, "status", "message")) if text_at(pod, "status", "message") else "evicted"
    loops = text_at(pod, "spec", "restartPolicy", default="Always") == "Always"
    if status in ("Completed", "Succeeded"):
        return ("broken", _exit_note(pod, state)) if loops and text_at(pod, "status", "phase") == "Running" else ("ok", "")
    if status == "Running" and state.ready == state.total:
        recent = state.last_restart is not None and (now - state.last_restart).total_seconds() < _LOOP_SECONDS
        return ("broken", _exit_note(pod, state)) if recent and state.restarts >= _LOOP_RESTARTS else ("ok", "")
    if status in ("Running", "NotReady"):
        since = _condition_since(pod, "Ready", now, default=age)
        probed = any("readinessProbe" in c for c in maps_at(pod, "spec", "containers"))
        note = "readiness probe fails" if probed and status == "Running" else "not ready"
        return ("broken", note) if since > _SLOW_SECONDS else ("waiting", note)
    if status in _WAITING or re.fullmatch(r"Init:\d+/\d+", status):
        return "waiting", _pending_note(pod)
    return "broken", _broken_note(pod, state)


def _broken_note(pod: Mapping[str, Any], state: PodState) -> str:
    status = state.status.removeprefix("Init:")
    message = _waiting_message(pod, status)
    if status in ("ImagePullBackOff", "ErrImagePull", "RegistryUnavailable", "ImageInspectError"):
        return _image_note(message)
    if status == "InvalidImageName":
        return "invalid image name"
    if status == "ErrImageNeverPull":
        return "image not on the node"
    if status == "CreateContainerConfigError":
        return _config_note(message)
    if status in ("CreateContainerError", "RunContainerError") and message:
        return _short(message)
    return _exit_note(pod, state)


def _image_note(message: str) -> str:
    text = message.lower()
    if re.search(r"too ?many ?requests|\b429\b|rate limit", text):
        return "registry rate limit"
    if re.search(r"unauthorized|denied|forbidden|\b40[13]\b|authentication required|authorization failed", text):
        return "not allowed to pull"
    if re.search(r"not found|manifest unknown|\b404\b", text):
        return "image not found"
    if re.search(r"no such host|i/o timeout|connection refused|no route|deadline exceeded|tls|x509", text):
        return "registry unreachable"
    return "image pull fails"


def _config_note(message: str) -> str:
    if found := re.search(r"couldn't find key (\S+) in (ConfigMap|Secret) (\S+)", message):
        return f"key {_short(found[1])} missing in {found[2]}"
    if found := re.search(r'(configmap|secret|serviceaccount) "([^"]+)" not found', message, re.IGNORECASE):
        return f"{found[1].lower()} {_short(found[2])} missing"
    return "would run as root" if "runAsNonRoot" in message else _short(message) or "configuration error"


def _exit_note(pod: Mapping[str, Any], state: PodState) -> str:
    """How the container that restarted most ended last."""
    statuses = (
        maps_at(pod, "status", "initContainerStatuses") if state.status.startswith("Init:") else maps_at(pod, "status", "containerStatuses")
    )
    for container in sorted(statuses, key=lambda c: -int_at(c, "restartCount")):
        ended = at(container, "state", "terminated") or at(container, "lastState", "terminated")
        if not isinstance(ended, Mapping):
            continue
        reason, code = text_at(ended, "reason"), int_at(ended, "exitCode")
        times = int_at(container, "restartCount")
        what = {"OOMKilled": "out of memory", "StartError": "cannot start", "ContainerCannotRun": "cannot start"}.get(
            reason, f"exit {code}"
        )
        return f"{what} ×{times}" if times else what
    return ""


def _pending_note(pod: Mapping[str, Any]) -> str:
    scheduled = next((c for c in maps_at(pod, "status", "conditions") if c.get("type") == "PodScheduled"), {})
    if scheduled.get("status") != "False":
        return ""
    text = text_at(scheduled, "message")
    if re.search(r"PersistentVolumeClaim|persistentvolumeclaim|volume node affinity", text):
        return "unbound claim"
    if "affinity" in text or "node selector" in text:
        return "no matching node"
    if found := re.search(r"Insufficient ([a-zA-Z0-9./-]+)", text):
        return f"not enough {_short(found[1].rstrip('.'))}"
    if "taint" in text:
        return "untolerated taint"
    if text_at(scheduled, "reason") == "SchedulingGated":
        return "scheduling gate"
    return "cannot be scheduled" if text_at(scheduled, "reason") == "Unschedulable" else ""


def _waiting_message(pod: Mapping[str, Any], reason: str) -> str:
    for group in ("containerStatuses", "initContainerStatuses"):
        for container in maps_at(pod, "status", group):
            if text_at(container, "state", "waiting", "reason") == reason:
                return text_at(container, "state", "waiting", "message")
    return ""


def _condition_since(pod: Mapping[str, Any], kind: str, now: datetime, *, default: float) -> float:
    found = next((c for c in maps_at(pod, "status", "conditions") if c.get("type") == kind), {})
    moment = parse_time(found.get("lastTransitionTime"))
    return default if moment is None else (now - moment).total_seconds()


def _seconds_since(value: object, now: datetime) -> float:
    moment = parse_time(value)
    return 0.0 if moment is None else (now - moment).total_seconds()


def _short(text: str, limit: int = 48) -> str:
    """The server's words on one line, without control characters, cut to what a row has room for."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
