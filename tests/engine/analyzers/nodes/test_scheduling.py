"""A pod that no node takes: the requirement that fails, on which node, in the values at hand, and what would mend it."""

# ruff: noqa: E501 - objects stand on one line where that reads as the API's YAML does
from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import NS, Raw, ago, container, deployment, event, meta, node, pod, replicaset, view

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.nodes.scheduling import scheduling
from engine.cluster.objects import Obj
from engine.cluster.source import NotRecorded
from engine.core.types import Finding, ObjectRef

MESSAGE = "0/2 nodes are available: 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."


def waiting(message: str = MESSAGE, labels: dict[str, str] | None = None, containers: list[Raw] | None = None, **spec: Any) -> list[Raw]:
    """A Deployment whose one pod waits for a node, with the scheduler's word."""
    own = containers or [container()]
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    waits = pod(
        "web-5d8-abcde", *own, statuses=[], phase="Pending", node="", labels=labels, spec={"schedulerName": "default-scheduler", **spec}
    )
    waits["status"] = {"phase": "Pending", "conditions": [condition] if message else []}
    extra = [event(waits, "FailedScheduling", message)] if message else []
    return [deployment("web", *own), replicaset(), waits, *extra]


def test_the_events_of_a_claim_that_cannot_be_seen_say_why_it_has_no_volume() -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}}]
    objects = waiting("0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found", volumes=volumes)
    claim = {"kind": "PersistentVolumeClaim", "metadata": meta("data-0")}
    other = {"kind": "PersistentVolumeClaim", "metadata": meta("other")}
    objects += [
        event(claim, "ProvisioningFailed", 'storageclass.storage.k8s.io "swift" not found'),
        event(other, "ProvisioningFailed", "quota of the other is exceeded", seconds=1),
    ]
    whole = view(objects, [machine("n1")])

    def fetch(resource: str, namespace: str | None) -> list[Obj]:
        if resource in ("persistentvolumeclaims", "storageclasses.storage.k8s.io"):
            raise NotRecorded(f"the recording has no {resource}")
        return whole.within(resource, namespace)

    [found] = scheduling(ClusterView(fetch, now=whole.now, namespace=NS))
    assert 'claim data-0 has no volume, since storageclass.storage.k8s.io "swift" not found' in found.summary
    assert found.object == ObjectRef("PersistentVolumeClaim", NS, "data-0")


def machine(
    name: str, labels: dict[str, str] | None = None, taints: list[Raw] | None = None, cordoned: bool = False, **allocatable: str
) -> Raw:
    raw = node(
        name,
        allocatable={
            "cpu": "4",
            "memory": "16Gi",
            "pods": "110",
            "ephemeral-storage": "50Gi",
            **{k.replace("_", "."): v for k, v in allocatable.items()},
        },
    )
    raw["metadata"]["labels"].update(labels or {})
    raw["spec"] = {**({"taints": taints} if taints else {}), **({"unschedulable": True} if cordoned else {})}
    return raw


def taint(key: str, value: str = "", effect: str = "NoSchedule") -> Raw:
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


def asks(**requests: str) -> Raw:
    return container(resources={"requests": {k.replace("_", "-"): v for k, v in requests.items()}})


def only(*objects: Raw | list[Raw], scope: str | None = NS) -> Finding:
    found = list(scheduling(view(*objects, scope=scope)))
    assert len(found) == 1, [f.summary for f in found]
    return found[0]


WEB = ObjectRef("Deployment", NS, "web")


def test_a_node_selector_that_no_node_matches_names_the_label_and_the_near_miss() -> None:
    finding = only(waiting(nodeSelector={"disktype": "ssdd"}), machine("n1", {"disktype": "ssd"}), machine("n2", {"disktype": "hdd"}))
    assert finding.code == "NodeSelectorMismatch"
    assert finding.object == WEB
    assert "disktype=ssdd" in finding.summary
    assert "did you mean disktype=ssd?" in finding.summary
    assert any(e.source.startswith("event FailedScheduling") for e in finding.evidence)
    assert "kubectl label node NODE disktype=ssdd" in finding.remedies[0].command


def test_a_selector_whose_labels_sit_on_different_nodes_says_where_each_is() -> None:
    finding = only(waiting(nodeSelector={"pool": "batch", "gen": "7"}), machine("n1", {"pool": "batch"}), machine("n2", {"gen": "7"}))
    assert "pool=batch is on n1" in finding.summary
    assert "gen=7 is on n2" in finding.summary


def test_a_required_node_affinity_that_no_node_meets_names_the_requirement() -> None:
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-9c"]}]}]
            }
        }
    }
    finding = only(waiting(affinity=affinity), machine("n1", {"topology.kubernetes.io/zone": "eu-9a"}))
    assert finding.code == "NodeAffinityMismatch"
    assert "topology.kubernetes.io/zone=eu-9c" in finding.summary
    assert "eu-9a" in finding.summary


def test_the_taint_of_the_only_node_that_matches_is_named_although_the_scheduler_does_not() -> None:
    finding = only(waiting(nodeSelector={"pool": "render"}), machine("n1"), machine("n2", {"pool": "render"}, [taint("team", "render")]))
    assert finding.code == "UntoleratedTaint"
    assert "n2" in finding.summary
    assert "team=render:NoSchedule" in finding.summary
    assert '"key":"team"' in finding.remedies[0].command


def test_a_toleration_of_another_value_does_not_cover_the_taint() -> None:
    toleration = {"key": "team", "operator": "Equal", "value": "video", "effect": "NoSchedule"}
    finding = only(waiting(tolerations=[toleration]), machine("n1", taints=[taint("team", "render")]))
    assert finding.code == "UntoleratedTaint"
    assert "toleration team=video:NoSchedule does not cover it" in finding.summary


@pytest.mark.parametrize(
    "toleration",
    [
        {"operator": "Exists"},
        {"key": "team", "operator": "Exists"},
        {"key": "team", "operator": "Equal", "value": "render", "effect": "NoSchedule"},
        {"key": "team", "value": "render"},
    ],
)
def test_a_tolerated_taint_is_never_the_reason(toleration: Raw) -> None:
    finding = only(
        waiting("0/1 nodes are available: 1 Insufficient cpu.", containers=[asks(cpu="9")], tolerations=[toleration]),
        machine("n1", taints=[taint("team", "render")]),
    )
    assert finding.code == "InsufficientResources"


def test_a_preferred_taint_is_never_the_reason() -> None:
    finding = only(
        waiting("0/1 nodes are available: 1 Insufficient cpu.", containers=[asks(cpu="9")]),
        machine("n1", taints=[taint("a", "b", "PreferNoSchedule")]),
    )
    assert finding.code == "InsufficientResources"


def test_a_request_larger_than_every_node_is_told_with_the_largest() -> None:
    finding = only(
        waiting("0/2 nodes are available: 2 Insufficient memory.", containers=[asks(memory="300Gi")]),
        machine("n1"),
        machine("n2", memory="64Gi"),
    )
    assert finding.code == "InsufficientResources"
    assert "300Gi of memory" in finding.summary
    assert "Insufficient memory" in finding.summary
    assert "n2, has 64Gi" in finding.summary


def test_a_request_that_would_fit_an_empty_node_is_told_with_what_is_free() -> None:
    busy = pod("hog", container("hog", resources={"requests": {"cpu": "3500m"}}), node="n1", owner=None)
    finding = only(waiting("0/1 nodes are available: 1 Insufficient cpu.", containers=[asks(cpu="1")]), machine("n1"), busy)
    assert finding.code == "InsufficientResources"
    assert "n1 has 500m of 4 cpu free" in finding.summary


def test_pods_of_other_namespaces_and_init_containers_count_finished_ones_do_not() -> None:
    elsewhere = pod("hog", container("hog", resources={"requests": {"cpu": "3"}}), node="n1", owner=None, namespace="other")
    done = pod("done", container("d", resources={"requests": {"cpu": "4"}}), node="n1", owner=None, phase="Succeeded")
    own = waiting("0/1 nodes are available: 1 Insufficient cpu.", containers=[asks(cpu="100m")], initContainers=[asks(cpu="2")])
    finding = only(own, machine("n1"), elsewhere, done)
    assert "n1 has 1 of 4 cpu free" in finding.summary


def test_an_extended_resource_that_no_node_offers_is_told_with_those_there_are() -> None:
    own = waiting(
        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", containers=[container(resources={"limits": {"nvidia.com/gpu": "1"}})]
    )
    finding = only(own, machine("n1", **{"amd.com/gpu": "2"}))
    assert finding.code == "ExtendedResourceMissing"
    assert "no node offers nvidia.com/gpu" in finding.summary
    assert "amd.com/gpu" in finding.summary


def test_a_full_node_of_pods_says_how_many() -> None:
    others = [pod(f"p{i}", node="n1", owner=None) for i in range(2)]
    finding = only(waiting("0/1 nodes are available: 1 Too many pods."), machine("n1", pods="2"), others)
    assert finding.code == "TooManyPods"
    assert "already runs 2 of at most 2 pods" in finding.summary


def test_a_cordoned_node_is_the_object_to_mend() -> None:
    finding = only(
        waiting("0/1 nodes are available: 1 node(s) were unschedulable.", nodeSelector={"pool": "db"}),
        machine("n1", {"pool": "db"}, cordoned=True),
        machine("n2"),
    )
    assert finding.code == "NodesCordoned"
    assert finding.object == ObjectRef("Node", "", "n1")
    assert finding.owner == WEB
    assert finding.remedies[0].command == "kubectl uncordon n1"


def test_a_node_that_is_not_ready_is_named_and_its_finding_is_the_cause() -> None:
    sick = machine(
        "n1", {"pool": "db"}, [taint("node.kubernetes.io/unreachable"), taint("node.kubernetes.io/unreachable", effect="NoExecute")]
    )
    sick["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    ]
    finding = only(waiting(nodeSelector={"pool": "db"}), sick, machine("n2"))
    assert finding.code == "NodesNotReady"
    assert "n1" in finding.summary
    whole = check(view(waiting(nodeSelector={"pool": "db"}), sick, machine("n2")), only=["scheduling", "nodes"])
    assert "NodeNotReady/Node//n1" in next(f for f in whole.findings if f.code == "NodesNotReady").causes


def test_a_host_port_that_is_taken_names_the_pod_that_has_it() -> None:
    port = {"containerPort": 9000, "hostPort": 9000}
    holder = pod("holder", container("h", ports=[port]), node="n1", owner=None)
    finding = only(
        waiting(
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.", containers=[container(ports=[port])]
        ),
        machine("n1"),
        holder,
    )
    assert finding.code == "HostPortConflict"
    assert "9000" in finding.summary
    assert f"{NS}/holder" in finding.summary


def test_the_same_port_with_another_protocol_is_no_conflict() -> None:
    holder = pod("holder", container("h", ports=[{"containerPort": 53, "hostPort": 53, "protocol": "UDP"}]), node="n1", owner=None)
    own = waiting(
        "0/1 nodes are available: 1 Insufficient cpu.",
        containers=[container(ports=[{"containerPort": 53, "hostPort": 53}], resources={"requests": {"cpu": "9"}})],
    )
    assert only(own, machine("n1"), holder).code == "InsufficientResources"


def anti(labels: dict[str, str], key: str = "kubernetes.io/hostname") -> Raw:
    return {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key, "labelSelector": {"matchLabels": labels}}]
        }
    }


def test_anti_affinity_names_the_pod_that_each_node_already_runs() -> None:
    rival = pod("web-5d8-zzzzz", node="n1", labels={"app": "web"})
    finding = only(
        waiting(
            "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.", labels={"app": "web"}, affinity=anti({"app": "web"})
        ),
        machine("n1"),
        rival,
    )
    assert finding.code == "PodAntiAffinity"
    assert "web-5d8-zzzzz" in finding.summary


def test_the_anti_affinity_of_a_resident_pod_counts_too() -> None:
    shy = pod("shy", node="n1", labels={"app": "shy"}, owner=None, spec={"affinity": anti({"app": "web"})})
    finding = only(
        waiting("0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.", labels={"app": "web"}),
        machine("n1"),
        shy,
    )
    assert finding.code == "PodAntiAffinity"
    assert "shy" in finding.summary


def test_pod_affinity_without_any_such_pod_says_so() -> None:
    affinity = {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "cache"}}}
            ]
        }
    }
    finding = only(waiting("0/1 nodes are available: 1 node(s) didn't match pod affinity rules.", affinity=affinity), machine("n1"))
    assert finding.code == "PodAffinity"
    assert "anywhere" in finding.summary


def test_a_rule_of_the_pod_comes_before_a_node_that_happens_to_be_away() -> None:
    rival = pod("web-5d8-zzzzz", node="n1", labels={"app": "web"})
    away = machine("n2", taints=[taint("node.kubernetes.io/unreachable")])
    own = waiting(
        "0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) had untolerated taint(s).",
        labels={"app": "web"},
        affinity=anti({"app": "web"}),
    )
    finding = only(own, machine("n1"), away, rival)
    assert finding.code == "PodAntiAffinity"
    assert "n2" in finding.summary


def test_a_node_under_pressure_is_the_cause_of_the_pod_that_is_bound_to_it() -> None:
    pressed = machine("n1", {"pool": "db"}, [taint("node.kubernetes.io/disk-pressure")])
    pressed["status"]["conditions"].append({"type": "DiskPressure", "status": "True", "message": "kubelet has disk pressure"})
    whole = check(view(waiting(nodeSelector={"pool": "db"}), pressed, machine("n2")), only=["scheduling", "nodes"])
    finding = next(f for f in whole.findings if f.code == "NodesNotReady")
    assert finding.causes == ("DiskPressure/Node//n1",)
    assert "DiskPressure" in finding.summary


def spread(key: str = "zone") -> list[Raw]:
    return [{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]


def test_topology_spread_counts_domains_with_tainted_nodes_and_says_the_skew() -> None:
    there = pod("web-5d8-aaaaa", node="n1", labels={"app": "web"})
    own = waiting(
        "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) had untolerated taint(s).",
        labels={"app": "web"},
        topologySpreadConstraints=spread(),
    )
    finding = only(own, machine("n1", {"zone": "a"}), machine("n2", {"zone": "b"}, [taint("gpu")]), there)
    assert finding.code == "TopologySpread"
    assert "maxSkew 1" in finding.summary
    assert "a: 1, b: 0" in finding.summary


def test_a_spread_over_a_label_that_nodes_lack_says_so() -> None:
    finding = only(
        waiting(
            "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
            topologySpreadConstraints=spread("rack"),
        ),
        machine("n1"),
    )
    assert finding.code == "TopologySpread"
    assert "lacks the label rack" in finding.summary


def claim(name: str = "data", volume: str = "pv-1") -> list[Raw]:
    return [
        {
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": NS, "uid": "c1"},
            "spec": {"volumeName": volume, "accessModes": ["ReadWriteOnce"]},
            "status": {"phase": "Bound"},
        },
        {
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "nodeAffinity": {
                    "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}
                }
            },
            "status": {"phase": "Bound"},
        },
    ]


MOUNT = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]


def test_a_volume_tied_to_a_zone_without_a_fitting_node_is_the_conflict() -> None:
    own = waiting("0/1 nodes are available: 1 node(s) had volume node affinity conflict.", volumes=MOUNT, nodeSelector={"zone": "b"})
    finding = only(own, claim(), machine("n1", {"zone": "a"}), machine("n2", {"zone": "b"}))
    assert finding.code == "VolumeNodeAffinityConflict"
    assert "pv-1" in finding.summary
    assert "zone=a" in finding.summary
    assert "zone=b" in finding.summary


def test_the_node_that_the_volume_needs_is_judged_alone() -> None:
    own = waiting("0/2 nodes are available: 1 node(s) had volume node affinity conflict, 1 node(s) were unschedulable.", volumes=MOUNT)
    finding = only(own, claim(), machine("n1", {"zone": "a"}, cordoned=True), machine("n2", {"zone": "b"}))
    assert finding.code == "NodesCordoned"
    assert "n1" in finding.summary


def test_a_claim_that_does_not_exist_is_named_with_its_near_miss() -> None:
    own = waiting(
        '0/1 nodes are available: persistentvolumeclaim "dta" not found. not found',
        volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "dta"}}],
    )
    finding = only(own, claim(), machine("n1"))
    assert finding.code == "PersistentVolumeClaimNotFound"
    assert finding.object == ObjectRef("PersistentVolumeClaim", NS, "dta")
    assert "did you mean data?" in finding.summary


def test_an_unbound_claim_explains_the_pod() -> None:
    unbound = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": NS, "uid": "c1", "creationTimestamp": ago(900)},
        "spec": {"storageClassName": "gold", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Pending"},
    }
    report = check(
        view(
            waiting("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found", volumes=MOUNT),
            unbound,
            machine("n1"),
        ),
        only=["scheduling", "storage"],
    )
    by_code = {f.code: f for f in report.findings}
    assert by_code["UnboundVolumeClaim"].causes == (by_code["StorageClassNotFound"].id,)
    assert report.findings[0].code == "StorageClassNotFound"


def test_a_scheduling_gate_is_named() -> None:
    finding = only(
        waiting("Scheduling is blocked due to non-empty scheduling gates", schedulingGates=[{"name": "example.com/quota-check"}]),
        machine("n1"),
    )
    assert finding.code == "SchedulingGated"
    assert "example.com/quota-check" in finding.summary


def test_an_unknown_scheduler_is_told_with_those_in_use() -> None:
    served = pod("other", node="n1", owner=None, spec={"schedulerName": "default-scheduler"})
    finding = only(waiting("", schedulerName="batch-scheduler"), machine("n1"), served)
    assert finding.code == "SchedulerNotFound"
    assert "batch-scheduler" in finding.summary
    assert "default-scheduler" in finding.summary


def test_silence_about_a_pod_of_the_default_scheduler_means_that_it_does_not_run() -> None:
    assert only(waiting(""), machine("n1")).code == "SchedulerNotRunning"


def test_a_pod_bound_by_name_to_a_missing_node_is_told() -> None:
    lost = pod("web-5d8-abcde", statuses=[], phase="Pending", node="n11")
    finding = only(deployment(), replicaset(), lost, machine("n1"))
    assert finding.code == "NodeNotFound"
    assert "n11" in finding.summary
    assert "did you mean n1?" in finding.summary


def test_the_winner_of_a_preemption_is_named() -> None:
    winner = pod(
        "vip",
        container("vip", resources={"requests": {"cpu": "4"}}),
        node="n1",
        owner=None,
        spec={"priority": 1000, "priorityClassName": "vip"},
    )
    gone = pod("web-5d8-gone1", node="n1")
    own = waiting(
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
        containers=[asks(cpu="1")],
        priority=0,
    )
    told = event(gone, "Preempted", f"Preempted by pod {winner['metadata']['uid']} on node n1")
    finding = only(own, winner, told, machine("n1"))
    assert finding.code == "Preempted"
    assert f"{NS}/vip" in finding.summary
    assert "(vip)" in finding.summary


def test_pods_of_one_workload_make_one_finding() -> None:
    own = waiting(nodeSelector={"a": "b"})
    second = {**own[2], "metadata": {**own[2]["metadata"], "name": "web-5d8-fghij", "uid": "second"}}
    assert "2 pods of Deployment/web" in only(own, second, machine("n1")).summary


def test_where_nothing_stands_against_the_pod_the_scheduler_has_the_word() -> None:
    finding = only(waiting("0/1 nodes are available: 1 node(s) did something new. preemption: not helpful"), machine("n1"))
    assert finding.code == "FailedScheduling"
    assert "did something new" in finding.summary
    assert "preemption" not in finding.summary


def test_scheduled_finished_young_and_leaving_pods_are_quiet() -> None:
    young = pod("young", statuses=[], phase="Pending", node="", creationTimestamp=ago(3), owner=None)
    leaving = {**waiting()[2], "metadata": {**waiting()[2]["metadata"], "deletionTimestamp": ago(5)}}
    old_warning = pod("fine", node="n1", owner=None)
    objects = [young, leaving, old_warning, event(old_warning, "FailedScheduling", MESSAGE), machine("n1")]
    assert list(scheduling(view(objects))) == []
