"""A pod's containers, each with its specification, its status and its part in the pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.cluster.objects import Obj, at, bool_at, int_at, map_at, parse_time, text_at
from engine.core.types import Evidence

Role = Literal["app", "init", "sidecar", "ephemeral"]

_LISTS = (
    ("initContainers", "initContainerStatuses", "init"),
    ("containers", "containerStatuses", "app"),
    ("ephemeralContainers", "ephemeralContainerStatuses", "ephemeral"),
)


@dataclass(frozen=True, slots=True)
class Container:
    """One container: `sidecar` is an init container that the kubelet keeps running (restartPolicy Always)."""

    pod: Obj
    role: Role
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    where: str
    """`status.containerStatuses[app]`, for evidence."""
    spec_where: str

    @property
    def name(self) -> str:
        return text_at(self.spec, "name") or text_at(self.status, "name")

    @property
    def image(self) -> str:
        return text_at(self.spec, "image") or text_at(self.status, "image")

    @property
    def ready(self) -> bool:
        return bool_at(self.status, "ready")

    @property
    def restarts(self) -> int:
        return int_at(self.status, "restartCount")

    @property
    def waiting(self) -> Mapping[str, Any]:
        return map_at(self.status, "state", "waiting")

    @property
    def waiting_reason(self) -> str:
        return text_at(self.waiting, "reason")

    @property
    def running_since(self) -> datetime | None:
        return parse_time(at(self.status, "state", "running", "startedAt"))

    @property
    def is_running(self) -> bool:
        return bool(map_at(self.status, "state").get("running") is not None)

    @property
    def terminated(self) -> Mapping[str, Any]:
        return map_at(self.status, "state", "terminated")

    @property
    def last(self) -> Mapping[str, Any]:
        return map_at(self.status, "lastState", "terminated")

    @property
    def end(self) -> Mapping[str, Any]:
        """How it ended last: the current state where it is terminated, else the last state."""
        return self.terminated or self.last

    @property
    def end_where(self) -> str:
        return f"{self.where}.{'state' if self.terminated else 'lastState'}.terminated"

    @property
    def exit_code(self) -> int:
        return int_at(self.end, "exitCode")

    @property
    def ended_at(self) -> datetime | None:
        return parse_time(self.end.get("finishedAt"))

    def state(self, data: Mapping[str, Any], where: str, *keys: str) -> Evidence:
        """The given fields of a state of this container as lines of YAML, a message alone as it is."""
        lines = [f"{key}: {data[key]}" if " " not in str(data[key]) else str(data[key]) for key in keys if data.get(key) not in (None, "")]
        when = data.get("finishedAt") or data.get("startedAt")
        return Evidence(f"{self.pod.ref} {where}", "\n".join(lines)[:700], at=when if isinstance(when, str) else "", object=self.pod.ref)

    def ending(self) -> Evidence:
        """How it ended last."""
        return self.state(self.end, self.end_where, "reason", "exitCode", "message")

    def wait(self) -> Evidence:
        """What it waits for."""
        return self.state(self.waiting, f"{self.where}.state.waiting", "reason", "message")

    def declared(self, *path: str | int) -> Evidence:
        """A part of its specification as lines of YAML."""
        value = at(self.spec, *path)
        where = self.spec_where + "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path)
        if isinstance(value, Mapping):
            text = "\n".join(f"{k}: {v}" for k, v in value.items() if not isinstance(v, dict | list))
        elif isinstance(value, list):
            text = "\n".join(f"- {v}" for v in value if not isinstance(v, dict | list))
        else:
            text = f"{path[-1]}: {value}"
        return Evidence(f"{self.pod.ref} {where}", text[:700], object=self.pod.ref)

    @property
    def label(self) -> str:
        """How a sentence calls it."""
        kind = {"app": "container", "init": "init container", "sidecar": "sidecar container", "ephemeral": "ephemeral container"}[self.role]
        return f"{kind} {self.name}"


def containers(pod: Obj) -> Iterator[Container]:
    """Init containers first, in the order they run; a status without a specification is left out."""
    for specs, statuses, role in _LISTS:
        by_name = {text_at(status, "name"): status for status in pod.maps("status", statuses)}
        for spec in pod.maps("spec", specs):
            name = text_at(spec, "name")
            kind: Role = "sidecar" if role == "init" and spec.get("restartPolicy") == "Always" else role  # type: ignore[assignment]
            yield Container(pod, kind, spec, by_name.get(name, {}), f"status.{statuses}[{name}]", f"spec.{specs}[{name}]")


def is_settled(pod: Obj) -> bool:
    """Whether every container of a running pod is ready and never restarted, so that nothing about them needs a closer look."""
    if pod.text("status", "phase") != "Running":
        return False
    for key in ("initContainerStatuses", "containerStatuses"):
        for status in pod.maps("status", key):
            done = key.startswith("init") and at(status, "state", "terminated", "exitCode") == 0
            if status.get("restartCount") or not (status.get("ready") is True or done):
                return False
    return bool(pod.maps("status", "containerStatuses"))


def pod_template(workload: Obj) -> Mapping[str, Any]:
    """The pod template of a workload (with `metadata` and `spec`), of a pod itself, or an empty mapping."""
    if workload.kind == "Pod":
        return workload.raw
    if workload.kind == "CronJob":
        return workload.map("spec", "jobTemplate", "spec", "template")
    return workload.map("spec", "template")


def is_finished(pod: Obj) -> bool:
    """Whether a pod ran to its end, well or not."""
    return pod.text("status", "phase") in ("Succeeded", "Failed")


def is_ready(pod: Obj) -> bool:
    """Whether the pod's Ready condition is true."""
    return pod.condition("Ready").get("status") == "True"
