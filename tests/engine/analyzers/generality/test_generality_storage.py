"""Faults of claims, volumes and nodes, in a lab with healthy neighbours."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, score, storage_class, uses_claim, volume, worker
from fakes.manifests import Raw, ago, running, service, waiting

SCENARIOS: dict[str, Callable[[], Scenario]] = {}
NO_HELP = "no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
TAINTED = "1 node(s) had untolerated taint(s)"


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


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


def with_claim(
    made: Raw,
    *told: tuple[str, str],
    must: tuple[str, ...],
    blames: str = "PersistentVolumeClaim/mapper-data",
    extra: list[Raw] | None = None,
    asks: str = "why is mapper Pending?",
    message: str = "pod has unbound immediate PersistentVolumeClaims. not found",
) -> Scenario:
    """`mapper` waits for its claim."""
    fields, spec = uses_claim("mapper-data")
    lab = Lab()
    lab.add(made, extra or [])
    lab.say(made, *told)
    lab.pending("mapper", f"0/4 nodes are available: {message}. {NO_HELP}", spec=spec, **fields)
    return Scenario(lab, asks, blames, must)


@scenario
def static_volume_too_small() -> Scenario:
    made = claim("mapper-data", size="50Gi", storageClassName="manual")
    return with_claim(
        made,
        ("ProvisioningFailed", 'storageclass.storage.k8s.io "manual" not found'),
        extra=[volume("pv-a", size="10Gi", storageClassName="manual", hostPath={"path": "/mnt/a"})],
        must=("50Gi", "10Gi"),
    )


@scenario
def access_mode_not_offered() -> Scenario:
    made = claim("mapper-data", modes=("ReadWriteMany",), storageClassName="manual")
    return with_claim(
        made,
        ("ProvisioningFailed", 'storageclass.storage.k8s.io "manual" not found'),
        extra=[volume("pv-a", storageClassName="manual", hostPath={"path": "/mnt/a"})],
        must=("ReadWriteMany", "ReadWriteOnce|access mode"),
    )


@scenario
def volume_still_released() -> Scenario:
    made = claim("mapper-data", storageClassName="manual", volumeName="pv-a")
    old = volume(
        "pv-a", "Released", storageClassName="manual", claimRef={"name": "mapper-data", "namespace": "lab", "uid": "uid-of-the-old-claim"}
    )
    return with_claim(
        made,
        ("FailedBinding", 'volume "pv-a" already bound to a different claim.'),
        extra=[old],
        must=("Released|different claim|claimRef", "pv-a"),
    )


@scenario
def provisioner_does_not_run() -> Scenario:
    made = claim("mapper-data", storageClassName="files")
    return with_claim(
        made,
        (
            "ExternalProvisioning",
            "Waiting for a volume to be created either by the external provisioner 'files.csi.example' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
        ),
        extra=[storage_class("files", "files.csi.example")],
        must=("files\\.csi\\.example", "provisioner"),
    )


@scenario
def provisioning_fails_at_the_back_end() -> Scenario:
    made = claim("mapper-data", storageClassName="standard")
    return with_claim(
        made,
        (
            "ProvisioningFailed",
            'failed to provision volume with StorageClass "standard": rpc error: code = ResourceExhausted desc = disk quota of project exceeded: limit 500 GB',
        ),
        must=("quota|ResourceExhausted", "mapper-data|standard"),
    )


@scenario
def first_consumer_cannot_be_placed() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("mapper-data")
    made = claim("mapper-data", storageClassName="standard")
    lab.add(made)
    lab.say(made, ("WaitForPodScheduled", "waiting for pod mapper-5d8-abcde to be scheduled"))
    return unplaced(
        f"3 node(s) didn't match Pod's node affinity/selector, {TAINTED}",
        lab=lab,
        spec={**spec, "nodeSelector": {"disk": "nvme"}},
        asks="the claim mapper-data stays Pending",
        must=("disk=nvme|nvme", "label|selector"),
        **fields,
    )


@scenario
def claim_does_not_exist() -> Scenario:
    fields, spec = uses_claim("mapper-dta")
    lab = Lab()
    lab.add(claim("mapper-data", "Bound"))
    lab.pending("mapper", '0/4 nodes are available: persistentvolumeclaim "mapper-dta" not found. ' + NO_HELP, spec=spec, **fields)
    return Scenario(lab, "mapper is Pending", "PersistentVolumeClaim/mapper-dta", ("mapper-dta", "not (found|exist)|does not exist"))


@scenario
def volume_lost() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("mapper-data")
    made = claim("mapper-data", "Lost", volumeName="pv-gone")
    lab.add(made)
    lab.say(made, ("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!"))
    lab.app("mapper", waiting("ContainerCreating"), spec=spec, of_pod={"phase": "Pending"}, **fields)
    return Scenario(lab, "mapper cannot start", "PersistentVolumeClaim/mapper-data", ("lost", "pv-gone|mapper-data"))


@scenario
def resize_refused() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("mapper-data")
    made = claim("mapper-data", "Bound", size="20Gi", volumeName="pv-m")
    made["status"].update(
        {
            "capacity": {"storage": "10Gi"},
            "allocatedResourceStatuses": {"storage": "ControllerResizeInfeasible"},
            "conditions": [{"type": "ControllerResizeError", "status": "True", "message": "volume type gp1 cannot be expanded"}],
        }
    )
    lab.add(made)
    lab.say(
        made,
        (
            "VolumeResizeFailed",
            'resize volume "pv-m" by resizer "csi.disk.example" failed: rpc error: code = InvalidArgument desc = volume type gp1 cannot be expanded',
        ),
    )
    lab.app("mapper", spec=spec, **fields)
    return Scenario(
        lab, "we asked for 20Gi on mapper-data but still have 10Gi", "PersistentVolumeClaim/mapper-data", ("resiz|expan", "20Gi|10Gi|gp1")
    )


@scenario
def resize_waits_for_a_restart() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("mapper-data")
    made = claim("mapper-data", "Bound", size="20Gi", volumeName="pv-m")
    made["status"].update(
        {
            "capacity": {"storage": "10Gi"},
            "conditions": [
                {
                    "type": "FileSystemResizePending",
                    "status": "True",
                    "message": "Waiting for user to (re-)start a pod to finish file system resize of volume on node.",
                    "lastTransitionTime": ago(3000),
                }
            ],
        }
    )
    lab.add(made)
    lab.app("mapper", spec=spec, **fields)
    return Scenario(
        lab, "the resize of mapper-data does not finish", "PersistentVolumeClaim/mapper-data", ("restart|\\(re-\\)start", "resize|expan")
    )


@scenario
def claim_held_by_its_pod() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("mapper-data")
    made = claim("mapper-data", "Bound", volumeName="pv-m")
    made["metadata"].update({"deletionTimestamp": ago(2000), "finalizers": ["kubernetes.io/pvc-protection"]})
    lab.add(made)
    lab.app("mapper", spec=spec, **fields)
    return Scenario(
        lab,
        "the pvc mapper-data hangs in Terminating",
        "PersistentVolumeClaim/mapper-data",
        ("mapper-5d8|in use|still use|mounts?", "pvc-protection|finalizer|Terminating"),
    )


@scenario
def two_default_classes_and_no_answer() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("mapper-data")
    lab.add(claim("mapper-data", storageClassName="slow", selector={"matchLabels": {"tier": "gold"}}))
    lab.add(
        storage_class("slow", "kubernetes.io/no-provisioner", mode="Immediate"),
        volume("pv-a", storageClassName="slow", local={"path": "/mnt/a"}),
    )
    lab.pending(
        "mapper", f"0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found. {NO_HELP}", spec=spec, **fields
    )
    return Scenario(lab, "why is mapper Pending?", "PersistentVolumeClaim/mapper-data", ("tier=gold|selector|tier", "mapper-data"))


@scenario
def node_lost_its_kubelet() -> Scenario:
    silent = worker("worker-2", "zone-b")
    for each in silent["status"]["conditions"]:
        each.update(
            {
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
                "lastTransitionTime": ago(900),
            }
        )
    silent["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": ago(900)}]
    lab = Lab(nodes=[worker("worker-1"), silent])
    made = lab.app("mapper", running(ready=False), node="worker-2", port=8080)
    lab.say(made, ("NodeNotReady", "Node is not ready"), count=1)
    lab.add(service("mapper"))
    return Scenario(lab, "mapper stopped answering", "Node/worker-2", ("worker-2", "not ?ready|unknown|stopped posting|kubelet"))


@scenario
def network_plugin_not_ready() -> Scenario:
    bad = worker("worker-2", ready="False")
    bad["status"]["conditions"][0].update(
        {
            "reason": "KubeletNotReady",
            "message": "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
            "lastTransitionTime": ago(900),
        }
    )
    bad["spec"]["taints"] = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule", "timeAdded": ago(900)}]
    lab = Lab(nodes=[worker("worker-1"), bad])
    lab.pending(
        "mapper",
        f"0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) had untolerated taint(s). {NO_HELP}",
        spec={"nodeSelector": {"kubernetes.io/hostname": "worker-2"}},
    )
    return Scenario(lab, "mapper is Pending", "Node/worker-2", ("worker-2", "cni|network"))


@scenario
def kubelet_too_old() -> Scenario:
    old = worker("worker-3", nodeInfo={"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.31.4"})
    lab = Lab(nodes=[worker("worker-1"), old])
    return Scenario(
        lab, "is something wrong with the nodes? worker-3 behaves strangely", "Node/worker-3", ("worker-3", "1\\.31", "version|skew")
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_the_fault_of_storage_or_node(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
