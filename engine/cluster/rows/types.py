"""The rows that a screen shows of a cluster, as values: pods, workloads, nodes, events and namespaces. Ages are in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.cluster.rows.pod_state import Trouble
from engine.core.types import ObjectRef


@dataclass(frozen=True, slots=True)
class PodRow:
    """One pod; `ready` is "1/2", `status` kubectl's STATUS, `owner` the workload at the top of its owner chain (None for a bare pod).

    `cpu` is in cores, `memory` in bytes: what its containers use together, None where nobody measured it. The limits are None unless
    every container has one.
    """

    namespace: str
    name: str
    ready: str
    status: str
    restarts: int
    age: float
    node: str
    trouble: Trouble
    note: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    owner: ObjectRef | None = None
    cpu: float | None = None
    memory: float | None = None
    cpu_limit: float | None = None
    memory_limit: float | None = None


@dataclass(frozen=True, slots=True)
class WorkloadRow:
    """One workload with its pods; `ready` is ready/wanted ("" for a CronJob), `note` the reason of the trouble in a few words.

    `labels` are its own; `cpu` (cores) and `memory` (bytes) are the sums over its measured pods, None where none is measured.
    """

    kind: str
    namespace: str
    name: str
    ready: str
    status: str
    restarts: int
    age: float
    trouble: Trouble
    note: str
    pods: tuple[PodRow, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def cpu(self) -> float | None:
        """Cores that its pods use together."""
        return _sum(row.cpu for row in self.pods)

    @property
    def memory(self) -> float | None:
        """Bytes that its pods use together."""
        return _sum(row.memory for row in self.pods)


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node; `status` is "Ready", "NotReady" or "Unknown", with ",SchedulingDisabled" when cordoned.

    `cpu` (cores) and `memory` (bytes) are in use, None where nobody measured it; the limits are what pods may have (allocatable).
    """

    name: str
    status: str
    roles: str
    age: float
    version: str
    trouble: Trouble
    note: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    cpu: float | None = None
    memory: float | None = None
    cpu_limit: float | None = None
    memory_limit: float | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event; `object` is "Pod/x", `age` counts from when it last happened."""

    namespace: str
    type: str
    reason: str
    object: str
    message: str
    count: int
    age: float


@dataclass(frozen=True, slots=True)
class NamespaceRow:
    """One namespace; `failing` counts pods that are broken or wait for longer than a minute. `known`: whether its pods were recorded."""

    name: str
    status: str
    pods: int
    failing: int
    age: float
    known: bool = True


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
