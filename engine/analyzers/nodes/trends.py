"""What only measurements over time tell: memory that grows towards its limit, CPU that is throttled, and a Prometheus that is silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.analyzers.common.containers import Container, containers
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, parse_time, text_at
from engine.cluster.source import Points
from engine.cluster.usage import quantity
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_POINTS, _SPAN = 12, 20 * 60.0
"""Fewer points, or less time between the first and the last, make no trend."""
_FIT = 0.9
"""At least so much of the variance is explained by a straight line."""
_GROWN, _FULL = 0.05, 0.5
"""The memory grew by at least this share of the limit, and holds at least this share of it."""
_HORIZON = 12 * 3600.0
_DROP = 0.8
"""A fall below this share of the value before is a new beginning: a restart, or a collection that worked."""
_THROTTLED = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through points: `slope` in units a second, `fit` from 0 to 1 (R²), `last` its value at the last point."""

    slope: float
    fit: float
    last: float


def fitted(points: Sequence[tuple[float, float]]) -> Line | None:
    """The least-squares line, None where the points allow none."""
    count = len(points)
    if count < 2:
        return None
    middle_t, middle_v = sum(t for t, _ in points) / count, sum(v for _, v in points) / count
    spread_t = sum((t - middle_t) ** 2 for t, _ in points)
    spread_v = sum((v - middle_v) ** 2 for _, v in points)
    if spread_t <= 0 or spread_v <= 0:
        return None
    together = sum((t - middle_t) * (v - middle_v) for t, v in points)
    slope = together / spread_t
    return Line(slope, together * together / (spread_t * spread_v), middle_v + slope * (points[-1][0] - middle_t))


def since_the_last_drop(points: Points, started: datetime | None) -> Points:
    """The points of the container as it runs now, after its last sudden fall."""
    begin = started.timestamp() if started is not None else 0.0
    kept = [(t, v) for t, v in points if t >= begin]
    cut = max((n for n in range(1, len(kept)) if kept[n][1] < _DROP * kept[n - 1][1]), default=0)
    return tuple(kept[cut:])


def seconds_to(limit: float, points: Points) -> tuple[float, Line] | None:
    """How long until a straight line through the points reaches the limit; None where no honest word can be said."""
    if len(points) < _POINTS or points[-1][0] - points[0][0] < _SPAN:
        return None
    line = fitted(points)
    if line is None or line.fit < _FIT or line.slope <= 0 or line.last < _FULL * limit or line.last >= limit:
        return None
    if points[-1][1] - points[0][1] < _GROWN * limit:
        return None
    seconds = (limit - line.last) / line.slope
    return (seconds, line) if seconds <= _HORIZON else None


@analyzer("trends", speciality="workload", needs=("pods",))
def trends(view: ClusterView) -> Iterable[Finding]:
    """Memory on its way to the limit, and throttled CPU: the worst container of each workload. Nothing where no Prometheus is set."""
    measured = view.trends
    if measured is None:
        return []
    if measured.problem:
        return [_silent(measured.problem)]
    worst: dict[tuple[str, ObjectRef, str], tuple[float, Finding]] = {}
    for pod in view.all("pods"):
        for container in containers(pod):
            place = (pod.namespace, pod.name, container.name)
            growing = _growing(view, pod, container, measured.memory.get(place, ()))
            throttled = _throttled(view, pod, container, measured.throttled.get(place))
            for rank, finding in filter(None, (growing, throttled)):
                key = (finding.code, finding.owner or finding.object, container.name)
                if key not in worst or rank < worst[key][0]:
                    worst[key] = (rank, finding)
    return [finding for _, finding in worst.values()]


def _growing(view: ClusterView, pod: Obj, container: Container, points: Points) -> tuple[float, Finding] | None:
    limit = quantity(text_at(container.spec, "resources", "limits", "memory"))
    started = parse_time(text_at(container.status, "state", "running", "startedAt"))
    if not limit or started is None:
        return None
    used = since_the_last_drop(points, started)
    found = seconds_to(limit, used)
    if found is None:
        return None
    seconds, line = found
    owner = view.workload_of(pod)
    rate, when = _mebi(line.slope * 3600), _span(seconds)
    grown = f"{_mebi(used[0][1])} at {_clock(used[0][0])}, {_mebi(used[-1][1])} at {_clock(used[-1][0])}, limit {_mebi(limit)}"
    return seconds, Finding(
        code="MemoryGrowing",
        severity="critical" if seconds < 1800 else "warning",
        object=pod.ref,
        owner=owner,
        summary=f"memory of container {container.name} grows by {rate} an hour and reaches its limit in about {when}",
        evidence=(
            Evidence("Prometheus container_memory_working_set_bytes", grown, object=pod.ref),
            Evidence("straight line", f"{len(used)} points over {_span(used[-1][0] - used[0][0])}, R² {line.fit:.2f}"),
        ),
        remedies=(
            Remedy("look for what it keeps; a restart gives time", f"kubectl -n {pod.namespace} top pod {pod.name} --containers", "read"),
        ),
        confidence=round(0.55 + 0.3 * (line.fit - _FIT) / (1 - _FIT), 2),
        docs=("OOMKilled", "memory leak", "memory limit"),
        speciality="workload",
        detail=container.name,
    )


def _throttled(view: ClusterView, pod: Obj, container: Container, share: float | None) -> tuple[float, Finding] | None:
    limit = text_at(container.spec, "resources", "limits", "cpu")
    if share is None or share < _THROTTLED or not limit:
        return None
    return -share, Finding(
        code="CPUThrottled",
        severity="warning" if share >= 0.5 else "info",
        object=pod.ref,
        owner=view.workload_of(pod),
        summary=f"container {container.name} is held back by its CPU limit of {limit} in {min(share, 1.0) * 100:.0f} % of the time",
        evidence=(
            Evidence("Prometheus container_cpu_cfs_throttled_periods_total", f"{share:.2f} of the periods of 15 minutes", object=pod.ref),
        ),
        remedies=(Remedy("raise the CPU limit, or take it away and keep the request"),),
        confidence=0.8,
        docs=("CPU throttling", "CPU limit"),
        speciality="workload",
        detail=container.name,
    )


def _silent(problem: str) -> Finding:
    return Finding(
        code="PrometheusUnavailable",
        severity="warning",
        object=ObjectRef("Cluster"),
        summary=f"nothing is known of memory trends and throttling: {problem}",
        evidence=(Evidence("[prometheus] url", problem),),
        remedies=(Remedy("correct [prometheus] in the settings, or empty its url"),),
        confidence=1.0,
        docs=("metrics",),
        speciality="observability",
    )


def _mebi(value: float) -> str:
    return f"{value / 2**20:.0f}Mi" if value < 2**31 else f"{value / 2**30:.1f}Gi"


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M")


def _span(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
