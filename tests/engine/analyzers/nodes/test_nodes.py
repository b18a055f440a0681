"""Nodes that are not well, pods stuck on them, and sandboxes that cannot be made."""

# ruff: noqa: E501 - messages are as long as the kubelet writes them
from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import NOW, NS, Raw, ago, deployment, event, meta, node, pod, replicaset, view

from engine.analyzers.common.view import ClusterView
from engine.analyzers.nodes.nodes import nodes, stuck_pods
from engine.analyzers.workloads.sandbox import sandbox
from engine.core.types import Finding, ObjectRef


def sick(status: str, reason: str, message: str, **spec: Any) -> Raw:
    raw = node("node-b")
    raw["status"]["conditions"] = [
        {"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(300)}
    ]
    raw["spec"] = spec
    return raw


def with_condition(kind: str, message: str = "something", status: str = "True") -> Raw:
    raw = node("node-b")
    raw["status"]["conditions"].append({"type": kind, "status": status, "reason": "Found", "message": message})
    return raw


def lease(seconds: float, name: str = "node-b") -> Raw:
    return {"kind": "Lease", "metadata": meta(name, "kube-node-lease"), "spec": {"renewTime": ago(seconds), "leaseDurationSeconds": 40}}


def here(name: str = "web-5d8-abcde", **metadata: Any) -> list[Raw]:
    return [deployment(), replicaset(), pod(name, node="node-b", **metadata)]


def faults(*objects: Raw | list[Raw], scope: str | None = NS) -> list[Finding]:
    return [f for f in nodes(view(*objects, scope=scope)) if f.severity != "info"]


def test_a_silent_kubelet_is_told_with_the_age_of_its_lease() -> None:
    found = faults(sick("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."), lease(600), here())
    assert [f.code for f in found] == ["NodeNotReady"]
    assert found[0].object == ObjectRef("Node", "", "node-b")
    assert "stopped posting status" in found[0].summary
    assert "10 min ago" in found[0].summary


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
            "CNI",
        ),
        ("container runtime is down", "container runtime is down"),
        ("PLEG is not healthy: pleg was last seen active 5m0s ago; threshold is 3m0s", "PLEG is not healthy"),
    ],
)
def test_a_kubelet_that_reports_not_ready_is_quoted(message: str, words: str) -> None:
    found = faults(sick("False", "KubeletNotReady", message), lease(5), here())
    assert words in found[0].summary
    assert found[0].evidence[0].excerpt == message


def test_a_sick_node_is_only_noted_where_no_pod_of_the_namespace_is_touched() -> None:
    raw = sick("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    assert faults(raw, pod(node="node-a"), node("node-a")) == []
    assert [f.severity for f in nodes(view(raw, pod(node="node-a"), node("node-a"))) if f.code == "NodeNotReady"] == ["info"]
    assert [f.severity for f in faults(raw, scope=None)] == ["critical"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("MemoryPressure", "memory"), ("DiskPressure", "disk"), ("PIDPressure", "process ids"), ("NetworkUnavailable", "pod network")],
)
def test_pressure_is_told(kind: str, words: str) -> None:
    found = faults(with_condition(kind), lease(5), here())
    assert [f.code for f in found] == [kind]
    assert words in found[0].summary


def test_conditions_that_others_add_are_told_and_false_ones_are_not() -> None:
    assert [f.code for f in faults(with_condition("ReadonlyFilesystem", "remounted read-only"), here())] == ["NodeProblem"]
    assert faults(with_condition("DiskPressure", status="False"), with_condition("KernelDeadlock", status="Unknown"), here()) == []


def test_evicted_pods_are_evidence_of_the_pressure() -> None:
    gone = pod(
        "web-5d8-gone1",
        node="node-b",
        phase="Failed",
        statuses=[],
        status={"reason": "Evicted", "message": "The node was low on resource: memory."},
    )
    found = faults(with_condition("MemoryPressure"), here(), gone)
    assert "web-5d8-gone1" in found[0].summary


def test_a_cordon_alone_is_only_noted() -> None:
    raw = node("node-b")
    raw["spec"]["unschedulable"] = True
    assert [(f.code, f.severity) for f in nodes(view(raw, here()))] == [("NodeCordoned", "info")]


def test_a_ready_node_whose_lease_grows_old_is_suspicious() -> None:
    assert [f.code for f in faults(node("node-b"), lease(300), here())] == ["KubeletSilent"]
    assert faults(node("node-b"), lease(20), here()) == []


@pytest.mark.parametrize("reason", ["CgroupV1", "InvalidDiskCapacity", "Rebooted"])
def test_harmless_warnings_of_a_node_are_no_findings(reason: str) -> None:
    raw = node("node-b")
    assert faults(raw, event(raw, reason, "whatever"), here()) == []


def test_a_system_oom_is_told_while_it_is_fresh() -> None:
    raw = node("node-b")
    assert [
        f.code for f in faults(raw, event(raw, "SystemOOM", "System OOM encountered, victim process: java, pid: 4"), here(), scope=None)
    ] == ["SystemOOM"]
    assert faults(raw, event(raw, "SystemOOM", "System OOM encountered", seconds=90000), here(), scope=None) == []


@pytest.mark.parametrize(
    ("kubelet", "told"), [("v1.36.9", False), ("v1.33.0", False), ("v1.32.9", True), ("v1.37.0", True), ("odd", False)]
)
def test_version_skew_beyond_what_is_supported_is_told(kubelet: str, told: bool) -> None:
    raw = node("node-b")
    raw["status"]["nodeInfo"]["kubeletVersion"] = kubelet
    held = view(raw, scope=None)
    seen = ClusterView(held._fetch, now=NOW, server_version="v1.36.2")
    assert bool([f for f in nodes(seen) if f.code == "VersionSkew"]) is told


def stuck(*objects: Raw | list[Raw]) -> list[Finding]:
    return list(stuck_pods(view(*objects)))


def test_a_pod_that_cannot_end_on_a_lost_node_points_to_the_node() -> None:
    found = stuck(sick("Unknown", "NodeStatusUnknown", "gone"), here(deletionTimestamp=ago(600)))
    assert [f.code for f in found] == ["PodOnLostNode"]
    assert found[0].causes == ("NodeNotReady/Node//node-b",)
    assert found[0].remedies[0].risk == "destructive"


def test_a_pod_held_by_a_finalizer_names_it() -> None:
    found = stuck(node("node-b"), here(deletionTimestamp=ago(600), finalizers=["example.com/drain"]))
    assert [f.code for f in found] == ["PodFinalizer"]
    assert "example.com/drain" in found[0].summary
    assert found[0].object.kind == "Pod"


def test_a_pod_that_was_deleted_seconds_ago_is_left_alone() -> None:
    assert stuck(node("node-b"), here(deletionTimestamp=ago(5))) == []


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ('Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "f00": plugin type="calico" failed (add): error getting ClusterInformation: connection is unauthorized', "NetworkPluginFailed", ["calico", "unauthorized"]),
        ('Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "f00": plugin type="host-local" failed (add): no IP addresses available in range set: 10.1.0.1-10.1.0.254', "PodAddressesExhausted", ["no free IP address"]),
        ('Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "gvisor" is configured', "RuntimeHandlerMissing", ["gvisor", "sandboxed"]),
        ("Failed to create pod sandbox: rpc error: code = DeadlineExceeded desc = stream terminated", "FailedCreatePodSandBox", ["stream terminated"]),
    ],
)  # fmt: skip
def test_a_sandbox_that_cannot_be_made_says_why(message: str, code: str, words: list[str]) -> None:
    waiting = pod(statuses=[], phase="Pending", node="node-b", spec={"runtimeClassName": "sandboxed"})
    found = list(sandbox(view(node("node-b"), deployment(), replicaset(), waiting, event(waiting, "FailedCreatePodSandBox", message))))
    assert [f.code for f in found] == [code]
    assert all(word in found[0].summary for word in words)


def test_a_running_pod_had_its_sandbox_in_the_end() -> None:
    fine = pod(node="node-b")
    assert list(sandbox(view(node("node-b"), fine, event(fine, "FailedCreatePodSandBox", "network is not ready")))) == []
