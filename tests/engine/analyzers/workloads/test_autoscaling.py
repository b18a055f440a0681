"""Autoscalers that do not scale and budgets that let nothing go."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import NS, Raw, container, deployment, meta, node, pod, replicaset, running, view

from engine.analyzers.workloads.autoscaling import autoscalers, disruption_budgets
from engine.core.types import Finding, ObjectRef

REQUESTED = container(resources={"requests": {"cpu": "100m"}})
NO_API = (
    "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: "
    "unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
)


def hpa(
    name: str = "web", target: str = "web", low: int = 1, high: int = 5, conditions: list[Raw] | None = None, kind: str = "Deployment"
) -> Raw:
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
    spec = {"scaleTargetRef": {"kind": kind, "name": target}, "minReplicas": low, "maxReplicas": high, "metrics": [metric]}
    now = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 140}}}]
    status = {"conditions": conditions or [], "currentMetrics": now}
    return {"kind": "HorizontalPodAutoscaler", "metadata": meta(name), "spec": spec, "status": status}


def says(kind: str, status: str, reason: str, message: str = "") -> Raw:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def faults(*objects: Raw | list[Raw]) -> list[Finding]:
    return [f for f in autoscalers(view(*objects)) if f.severity != "info"]


def test_an_autoscaler_that_works_is_fine() -> None:
    good = [
        says("AbleToScale", "True", "ReadyForNewScale"),
        says("ScalingActive", "True", "ValidMetricFound"),
        says("ScalingLimited", "False", "DesiredWithinRange"),
    ]
    assert faults(hpa(conditions=good), deployment("web", REQUESTED)) == []


def test_a_target_that_does_not_exist_is_told_with_the_near_miss() -> None:
    found = faults(hpa(target="wbe-api"), deployment("web-api"))
    assert [f.code for f in found] == ["AutoscalerTargetNotFound"]
    assert "did you mean web-api?" in found[0].summary
    other = faults(hpa(kind="StatefulSet"), deployment("web"))
    assert "there is a Deployment of that name" in other[0].summary


def test_a_missing_metrics_api_is_named() -> None:
    found = faults(hpa(conditions=[says("ScalingActive", "False", "FailedGetResourceMetric", NO_API)]), deployment("web", REQUESTED))
    assert [f.code for f in found] == ["AutoscalerMetrics"]
    assert "metrics-server" in found[0].summary
    assert found[0].object == ObjectRef("HorizontalPodAutoscaler", NS, "web")


def test_a_registered_but_broken_metrics_api_is_the_cause() -> None:
    api = {
        "kind": "APIService",
        "metadata": meta("v1beta1.metrics.k8s.io", ""),
        "spec": {"group": "metrics.k8s.io"},
        "status": {"conditions": [says("Available", "False", "MissingEndpoints")]},
    }
    found = faults(hpa(conditions=[says("ScalingActive", "False", "FailedGetResourceMetric", NO_API)]), deployment("web", REQUESTED), api)
    assert found[0].causes == ("APIServiceUnavailable/APIService//v1beta1.metrics.k8s.io",)


@pytest.mark.parametrize(
    "message",
    [
        "failed to get cpu utilization: missing request for cpu in container app of Pod web-5d8-abcde",
        "failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)",
    ],
)
def test_a_container_without_a_request_is_the_reason_and_its_workload_the_object(message: str) -> None:
    found = faults(hpa(conditions=[says("ScalingActive", "False", "FailedGetResourceMetric", message)]), deployment("web"))
    assert [f.code for f in found] == ["AutoscalerNeedsRequests"]
    assert found[0].object == ObjectRef("Deployment", NS, "web")
    assert "container app has no cpu request" in found[0].summary
    assert "--requests=cpu=AMOUNT" in found[0].remedies[0].command


def test_a_target_at_zero_turns_the_autoscaler_off() -> None:
    found = faults(
        hpa(conditions=[says("ScalingActive", "False", "ScalingDisabled", "replica count is zero")]),
        deployment("web", REQUESTED, replicas=0),
    )
    assert [f.code for f in found] == ["AutoscalerDisabled"]


@pytest.mark.parametrize("low", [1, 5])
def test_an_autoscaler_at_its_maximum_says_the_load(low: int) -> None:
    found = faults(
        hpa(low=low, conditions=[says("ScalingLimited", "True", "TooManyReplicas", "the desired replica count is more than the maximum")]),
        deployment("web", REQUESTED),
    )
    assert [f.code for f in found] == ["AutoscalerAtMaximum"]
    assert "cpu is at 140%, the target is 60%" in found[0].summary
    assert ("minReplicas and maxReplicas are both 5" in found[0].summary) is (low == 5)


def test_the_minimum_is_no_fault_and_a_fixed_size_only_noted() -> None:
    assert faults(hpa(conditions=[says("ScalingLimited", "True", "TooFewReplicas")]), deployment("web", REQUESTED)) == []
    assert [f.severity for f in autoscalers(view(hpa(low=5), deployment("web", REQUESTED)))] == ["info"]


def test_two_autoscalers_of_one_target_are_told() -> None:
    assert [f.code for f in faults(hpa(), hpa("second"), deployment("web", REQUESTED))] == ["SeveralAutoscalers"]


def test_another_reason_is_quoted() -> None:
    found = faults(
        hpa(conditions=[says("ScalingActive", "False", "InvalidMetricSourceType", "the metric source is of no known kind")]),
        deployment("web", REQUESTED),
    )
    assert "the metric source is of no known kind" in found[0].summary


def pdb(
    name: str = "web", selector: Raw | None = None, expected: int = 2, healthy: int = 2, desired: int = 2, allowed: int = 0, **spec: Any
) -> Raw:
    body = {"selector": selector or {"matchLabels": {"app": "web"}}, **(spec or {"minAvailable": 2})}
    status = {"expectedPods": expected, "currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed}
    return {"kind": "PodDisruptionBudget", "metadata": meta(name), "spec": body, "status": status}


def budget(*objects: Raw | list[Raw]) -> list[tuple[str, str]]:
    pods = [deployment(), replicaset(), pod(statuses=[running()])]
    return [(f.code, f.severity) for f in disruption_budgets(view(pods, *objects))]


def test_a_budget_that_demands_all_pods_blocks_every_eviction() -> None:
    assert budget(pdb()) == [("DisruptionBudgetBlocks", "warning")]
    assert budget(pdb(maxUnavailable=0)) == [("DisruptionBudgetBlocks", "warning")]
    assert budget(pdb(desired=1, allowed=1, minAvailable=1)) == []


def test_a_single_replica_under_a_budget_matters_only_while_its_node_is_drained() -> None:
    single = pdb(expected=1, healthy=1, desired=1, minAvailable=1)
    assert budget(single, node("node-a")) == [("DisruptionBudgetBlocks", "info")]
    drained = node("node-a")
    drained["spec"]["unschedulable"] = True
    assert budget(single, drained) == [("DisruptionBudgetBlocks", "warning")]


def test_a_budget_that_overlaps_or_selects_nothing_is_told() -> None:
    other = pdb("zweb", desired=1, allowed=1, minAvailable=1)
    assert ("DisruptionBudgetsOverlap", "warning") in budget(pdb(desired=1, allowed=1, minAvailable=1), other)
    assert budget(pdb(selector={"matchLabels": {"app": "nobody"}}, expected=0)) == [("DisruptionBudgetSelectsNothing", "info")]
