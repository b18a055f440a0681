"""Pods that no node takes and nodes that fail, in a lab with healthy neighbours."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, obj, score, uses_claim, volume, worker
from fakes.manifests import Raw, ago, event, waiting

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


NO_HELP = "no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."


TAINTED = "1 node(s) had untolerated taint(s)"


def unplaced(
    rest: str,
    *,
    must: tuple[str, ...],
    blames: str = "Deployment/mapper",
    asks: str = "mapper is Pending",
    lab: Lab | None = None,
    spec: Raw | None = None,
    **fields: object,
) -> Scenario:
    """`mapper` cannot be scheduled for a reason that the scheduler gives."""
    lab = lab or Lab()
    lab.pending("mapper", f"0/4 nodes are available: {rest}. {NO_HELP}" if rest else "", spec=spec, **fields)  # type: ignore[arg-type]
    return Scenario(lab, asks, blames, must)


@scenario
def host_port_taken() -> Scenario:
    lab = Lab(nodes=[worker("worker-1")])
    lab.app("proxy", port=8443, spec={"hostNetwork": True})
    lab.objects[-1]["spec"]["containers"][0]["ports"][0]["hostPort"] = 8443
    return unplaced(
        f"1 node(s) didn't have free ports for the requested pod ports, {TAINTED}",
        lab=lab,
        ports=[{"containerPort": 8443, "hostPort": 8443}],
        must=("host ?port|port", "8443"),
    )


@scenario
def anti_affinity_with_too_few_nodes() -> Scenario:
    rule = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "mapper"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    }
    return unplaced(f"{TAINTED}, 3 node(s) didn't match pod anti-affinity rules", spec={"affinity": rule}, must=("anti-?affinity",))


@scenario
def affinity_to_a_pod_that_is_nowhere() -> Scenario:
    rule = {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "cachee"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    }
    return unplaced(
        f"{TAINTED}, 3 node(s) didn't match pod affinity rules", spec={"affinity": rule}, must=("pod affinity|affinity", "cachee")
    )


@scenario
def spread_that_cannot_be_kept() -> Scenario:
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/rack",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "mapper"}},
        }
    ]
    return unplaced(
        f"{TAINTED}, 3 node(s) didn't match pod topology spread constraints (missing required label)",
        spec={"topologySpreadConstraints": spread},
        must=("spread", "topology\\.kubernetes\\.io/rack"),
    )


@scenario
def node_affinity_for_a_zone_without_nodes() -> Scenario:
    rule = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-x"]}]}
                ]
            }
        }
    }
    return unplaced(
        f"3 node(s) didn't match Pod's node affinity/selector, {TAINTED}", spec={"affinity": rule}, must=("affinity|label", "zone-x")
    )


@scenario
def volume_in_another_zone() -> Scenario:
    fields, spec = uses_claim("mapper-data")
    lab = Lab()
    terms = {
        "required": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-q"]}]}]
        }
    }
    lab.add(
        claim("mapper-data", "Bound", volumeName="pv-q"),
        volume("pv-q", "Bound", nodeAffinity=terms, claimRef={"name": "mapper-data", "namespace": "lab"}),
    )
    return unplaced(
        f"{TAINTED}, 3 node(s) didn't match PersistentVolume's node affinity",
        lab=lab,
        spec=spec,
        must=("zone-q", "volume|affinity"),
        blames="Deployment/mapper",
        **fields,
    )


@scenario
def every_node_cordoned() -> Scenario:
    nodes = [
        worker(f"worker-{n}", taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": ago(600)}])
        for n in (1, 2, 3)
    ]
    for one in nodes:
        one["spec"]["unschedulable"] = True
    return unplaced(
        "1 node(s) had untolerated taint(s), 3 node(s) were unschedulable",
        lab=Lab(nodes=nodes),
        must=("cordon|unschedulable", "worker-1|3 nodes|all|every"),
        blames="Node/worker-1",
    )


@scenario
def scheduler_that_is_not_there() -> Scenario:
    return unplaced("", spec={"schedulerName": "batch-scheduler"}, must=("batch-scheduler",))


@scenario
def scheduling_gate() -> Scenario:
    lab = Lab()
    gates = {
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]
    }
    made = lab.app(
        "mapper",
        waiting(""),
        spec={"schedulingGates": [{"name": "acme.example/quota-check"}]},
        of_pod={"phase": "Pending", "statuses": [], "status": gates},
    )
    made["spec"].pop("nodeName")
    return Scenario(lab, "mapper pod shows SchedulingGated", "Deployment/mapper", ("gate", "acme\\.example/quota-check"))


@scenario
def no_gpu_anywhere() -> Scenario:
    return unplaced(
        f"{TAINTED}, 3 Insufficient nvidia.com/gpu",
        resources={"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}},
        must=("nvidia\\.com/gpu",),
    )


@scenario
def no_huge_pages() -> Scenario:
    return unplaced(
        f"{TAINTED}, 3 Insufficient hugepages-2Mi",
        resources={"limits": {"hugepages-2Mi": "512Mi"}, "requests": {"hugepages-2Mi": "512Mi"}},
        must=("hugepages-2Mi",),
    )


@scenario
def whole_processors_instead_of_thousandths() -> Scenario:
    return unplaced(f"{TAINTED}, 3 Insufficient cpu", resources={"requests": {"cpu": "500"}}, must=("cpu", "\\b500\\b"))


@scenario
def too_many_pods_on_the_node() -> Scenario:
    small = {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "2"}, "capacity": {"cpu": "4", "memory": "16Gi", "pods": "2"}}
    return unplaced(f"1 Too many pods, {TAINTED}", lab=Lab(nodes=[worker("worker-1", **small)]), must=("too many pods|pods", "\\b2\\b|max"))


@scenario
def too_many_volumes_on_the_node() -> Scenario:
    fields, spec = uses_claim("mapper-data")
    lab = Lab()
    lab.add(
        claim("mapper-data", "Bound", volumeName="pv-q"), volume("pv-q", "Bound", csi={"driver": "csi.disk.example", "volumeHandle": "x"})
    )
    return unplaced(f"{TAINTED}, 3 node(s) exceed max volume count", lab=lab, spec=spec, must=("volume", "max|limit|count"), **fields)


@scenario
def preempted_by_a_higher_priority() -> Scenario:
    lab = Lab()
    made = lab.pending(
        "mapper",
        f"0/4 nodes are available: {TAINTED}, 3 Insufficient memory. preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod.",
        resources={"requests": {"memory": "12Gi"}},
    )
    lab.add(obj("scheduling.k8s.io/v1", "PriorityClass", "urgent", "", value=100000))
    lab.app("solver", spec={"priorityClassName": "urgent", "priority": 100000}, resources={"requests": {"memory": "12Gi"}})
    gone = {**made, "metadata": {**made["metadata"], "name": "mapper-5d8-old11", "uid": "uid-old"}}
    lab.add(event(gone, "Preempted", "Preempted by pod uid-lab-solver-5d8-abcde on node worker-1", seconds=120, count=1))
    return Scenario(
        lab, "mapper was running and now it is Pending, why?", "Deployment/mapper", ("preempt", "solver|urgent|priority|memory")
    )


@scenario
def pod_bound_to_a_node_that_is_gone() -> Scenario:
    lab = Lab()
    lab.app("mapper", waiting(""), spec={"nodeName": "worker-9"}, node="worker-9", of_pod={"phase": "Pending", "statuses": []})
    return Scenario(lab, "mapper never starts", "Deployment/mapper", ("worker-9", "no such node|not exist|does ?n.t exist|no node|absent"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_why_no_node_takes_the_pod(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
