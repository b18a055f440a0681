"""Memory on its way to the limit, throttled CPU, and a Prometheus that is silent: said only where the measurements allow it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fakes.manifests import NOW, container, pod, running

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.nodes.trends import fitted, seconds_to
from engine.cluster.source import ContainerKey, Points, Trends
from engine.core.types import Finding

MI = 2.0**20
LIMIT = 512 * MI
END = NOW.timestamp()


def series(value: Callable[[float], float], minutes: int = 120, step: int = 2) -> Points:
    """A value over the last minutes; the function gets the minutes since the first point."""
    return tuple((END - (minutes - m) * 60, value(m)) for m in range(0, minutes + 1, step))


def look(
    memory: Mapping[ContainerKey, Points] | None = None, throttled: Mapping[ContainerKey, float] | None = None, **more: Any
) -> list[Finding]:
    limits = {"limits": {"memory": "512Mi", "cpu": "500m"}}
    pods = [pod(name, container(resources=limits), statuses=[running(seconds=8 * 3600)]) for name in ("web-5d8-a", "web-5d8-b")]
    view = ClusterView.from_objects(pods, now=NOW, namespace="lab")
    view.read_trends = lambda: Trends(memory or {}, throttled or {}, **more)
    return [f for f in check(view, only=["trends"]).findings if f.code != "CannotSee"]


A, B = ("lab", "web-5d8-a", "app"), ("lab", "web-5d8-b", "app")


def test_steady_growth_says_when_the_limit_is_reached() -> None:
    [found] = look({A: series(lambda m: (250 + m) * MI)})
    assert found.code == "MemoryGrowing"
    assert found.severity == "warning"
    assert found.summary == "memory of container app grows by 60Mi an hour and reaches its limit in about 2 h"
    assert "250Mi at 10:00, 370Mi at 12:00, limit 512Mi" in found.evidence[0].excerpt
    assert "61 points over 2 h, R² 1.00" in found.evidence[1].excerpt
    assert found.confidence <= 0.85


def test_soon_is_critical() -> None:
    [found] = look({A: series(lambda m: (250 + 2 * m) * MI)})
    assert (found.severity, found.summary.rsplit(" in about ", 1)[1]) == ("critical", "11 min")


@pytest.mark.parametrize(
    "points",
    [
        series(lambda m: 400 * MI),
        series(lambda m: (500 - m) * MI),
        series(lambda m: (350 + 60 * math.sin(m / 5)) * MI),
        series(lambda m: (450 if m % 4 else 300) * MI + m * MI / 10),
        series(lambda m: (300 + 5 * m) * MI, minutes=18),
        series(lambda m: (300 + m) * MI, minutes=120, step=20),
        series(lambda m: (100 + m / 2) * MI),
        series(lambda m: (400 + m / 12) * MI),
        series(lambda m: (480 + m) * MI),
        (),
    ],
    ids=["flat", "falling", "waves", "sawtooth", "too short", "too few points", "far from the limit", "too slow", "above already", "none"],
)
def test_nothing_is_said_where_no_honest_word_can_be(points: Points) -> None:
    assert look({A: points}) == []


def test_what_was_before_a_restart_or_a_sudden_fall_does_not_count() -> None:
    grows = series(lambda m: (480 if m < 60 else 260 + 2 * (m - 60)) * MI)
    [found] = look({A: grows})
    assert "31 points over" in found.evidence[1].excerpt
    before = [(t - 9 * 3600, v) for t, v in series(lambda m: (250 + m) * MI)]
    assert look({A: tuple(before)}) == [], "the container runs for eight hours only"


def test_the_worst_pod_speaks_for_its_workload() -> None:
    found = look({A: series(lambda m: (250 + m) * MI), B: series(lambda m: (250 + 2 * m) * MI)})
    assert [(f.code, f.object.name) for f in found] == [("MemoryGrowing", "web-5d8-b")]


def test_throttling_is_told_from_a_quarter_of_the_time_on() -> None:
    assert look(throttled={A: 0.2}) == []
    [found] = look(throttled={A: 0.3, B: 0.62})
    assert (found.code, found.severity, found.object.name) == ("CPUThrottled", "warning", "web-5d8-b")
    assert "held back by its CPU limit of 500m in 62 % of the time" in found.summary


def test_a_prometheus_that_does_not_answer_is_one_finding() -> None:
    [found] = look(problem="Prometheus at http://x gave no answer within 5 s; check that it is well")
    assert (found.code, found.severity) == ("PrometheusUnavailable", "warning")
    assert "gave no answer within 5 s" in found.summary


def test_without_prometheus_nothing_is_said() -> None:
    assert check(ClusterView.from_objects([pod()], now=NOW), only=["trends"]).findings == ()


def test_a_line_through_points() -> None:
    line = fitted([(0, 1.0), (1, 3.0), (2, 5.0)])
    assert line is not None
    assert (line.slope, line.fit, line.last) == (2.0, 1.0, 5.0)
    assert fitted([(1, 1.0)]) is fitted([(1, 1.0), (1, 2.0)]) is fitted([(1, 2.0), (2, 2.0)]) is None
    assert seconds_to(1.0, ()) is None
