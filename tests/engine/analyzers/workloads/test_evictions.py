"""Evictions by the kubelet, also of pods whose containers ended well: those are Succeeded, and only a condition tells."""

from __future__ import annotations

from typing import Any

from fakes.lab import NS, Lab

from engine.analyzers.check import check

MESSAGE = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi."


def codes(phase: str, **status: Any) -> list[tuple[str, str]]:
    lab = Lab()
    lab.app("web", of_pod={"phase": phase, "statuses": [], "status": status})
    return [(f.code, f.summary) for f in check(lab.view(NS)).findings if f.code == "Evicted"]


def test_an_eviction_is_a_finding_whether_the_pod_failed_or_succeeded() -> None:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": MESSAGE}
    for phase, status in (("Failed", {"reason": "Evicted", "message": MESSAGE}), ("Succeeded", {"conditions": [condition]})):
        [(_, summary)] = codes(phase, **status)
        assert "was evicted from node worker-1, which ran short of memory" in summary, phase


def test_a_pod_that_ended_for_another_reason_was_not_evicted() -> None:
    for reason, message in (
        ("TerminationByKubelet", "Pod was terminated in response to imminent node shutdown."),
        ("PreemptionByScheduler", "preempting to accommodate a higher priority pod"),
    ):
        condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
        assert codes("Succeeded", conditions=[condition]) == [], reason
