"""Claims without a volume, volumes that cannot be attached or mounted, pods evicted for what they wrote."""

# ruff: noqa: E501 - messages are as long as the API writes them
from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import NS, Raw, ago, deployment, event, meta, node, pod, replicaset, view

from engine.analyzers.check import check
from engine.analyzers.storage.mounts import mounts
from engine.analyzers.storage.registration import storage
from engine.core.types import Finding, ObjectRef


def claim(
    name: str = "data", phase: str = "Pending", size: str = "10Gi", mode: str = "ReadWriteOnce", status: Raw | None = None, **spec: Any
) -> Raw:
    body = {"accessModes": [mode], "resources": {"requests": {"storage": size}}, **spec}
    return {"kind": "PersistentVolumeClaim", "metadata": meta(name), "spec": body, "status": {"phase": phase, **(status or {})}}


def storage_class(name: str, provisioner: str = "csi.example.com", default: bool = False, mode: str = "Immediate") -> Raw:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {"kind": "StorageClass", "metadata": meta(name, "", annotations=marks), "provisioner": provisioner, "volumeBindingMode": mode}


def volume(name: str, phase: str = "Available", size: str = "10Gi", mode: str = "ReadWriteOnce", holder: str = "", **spec: Any) -> Raw:
    ref = {"claimRef": {"namespace": holder.partition("/")[0], "name": holder.partition("/")[2]}} if holder else {}
    body = {"capacity": {"storage": size}, "accessModes": [mode], "persistentVolumeReclaimPolicy": "Retain", **ref, **spec}
    return {"kind": "PersistentVolume", "metadata": meta(name, "", labels=spec.pop("labels", {})), "spec": body, "status": {"phase": phase}}


def user(**status: Any) -> Raw:
    mounted = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    return pod(statuses=[], phase="Pending", spec={"volumes": mounted}, status={"containerStatuses": [], **status})


def driver(name: str) -> Raw:
    return {"kind": "CSIDriver", "metadata": meta(name, "")}


def only(*objects: Raw | list[Raw]) -> Finding:
    found = [f for f in storage(view(deployment(), replicaset(), *objects)) if f.severity != "info"]
    assert len(found) == 1, [f.summary for f in found]
    return found[0]


def test_a_storage_class_that_does_not_exist_is_told_with_the_near_miss() -> None:
    finding = only(claim(storageClassName="standart"), storage_class("standard"), user())
    assert finding.code == "StorageClassNotFound"
    assert finding.object == ObjectRef("PersistentVolumeClaim", NS, "data")
    assert finding.owner == ObjectRef("Deployment", NS, "web")
    assert "StorageClass standart" in finding.summary
    assert "did you mean standard?" in finding.summary
    assert finding.severity == "critical"


def test_without_a_class_and_without_a_default_one_nothing_is_provisioned() -> None:
    finding = only(claim(), storage_class("gold"), user())
    assert finding.code == "NoDefaultStorageClass"
    assert "no default StorageClass" in finding.summary
    assert "gold" in finding.remedies[0].command


def test_the_same_claim_is_served_where_there_is_a_default_class_with_a_driver() -> None:
    assert list(storage(view(claim(), storage_class("gold", default=True), driver("csi.example.com"), user()))) == []


@pytest.mark.parametrize(
    ("pv", "words"),
    [
        (volume("pv-1", size="5Gi", storageClassName="manual"), ["5Gi", "10Gi"]),
        (volume("pv-1", mode="ReadWriteOnce", storageClassName="manual"), ["ReadWriteOnce", "ReadWriteMany"]),
        (volume("pv-1", mode="ReadWriteMany", storageClassName="manual", volumeMode="Block"), ["volumeMode", "Block"]),
        (volume("pv-1", mode="ReadWriteMany", storageClassName="manual", holder="other/db", phase="Bound"), ["Bound", "other/db"]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_static_volume_that_does_not_fit_says_in_what(pv: Raw, words: list[str], known: bool) -> None:
    classes = [storage_class("manual", "kubernetes.io/no-provisioner")] if known else []
    wanted = claim(storageClassName="manual", mode="ReadWriteMany")
    said = event(wanted, "ProvisioningFailed", "no volume plugin matched name: kubernetes.io/no-provisioner")
    finding = only(wanted, pv, *classes, said, user())
    assert finding.code == ("NoMatchingVolume" if known or "other/db" not in words else "StorageClassNotFound")
    assert all(word in finding.summary for word in ["pv-1", "manual", *words])


def test_a_selector_that_the_volume_does_not_match_is_the_reason() -> None:
    wanted = claim(storageClassName="manual", selector={"matchLabels": {"tier": "fast"}})
    finding = only(wanted, volume("pv-1", storageClassName="manual"), user())
    assert "labels do not match the claim's selector" in finding.summary


def test_a_released_volume_that_would_fit_names_the_old_claim() -> None:
    finding = only(claim(storageClassName="manual"), volume("pv-1", "Released", storageClassName="manual", holder="lab/old"), user())
    assert finding.code == "PersistentVolumeReleased"
    assert "lab/old" in finding.summary
    assert "claimRef" in finding.remedies[0].command


def test_a_claim_pinned_to_a_volume_that_is_missing_or_taken_says_which() -> None:
    missing = only(claim(volumeName="pv-9"), volume("pv-1"), user())
    assert missing.code == "PersistentVolumeNotFound"
    assert "pv-9" in missing.summary
    taken = only(claim(volumeName="pv-1"), volume("pv-1", "Bound", holder="other/db"), user())
    assert taken.code == "PersistentVolumeTaken"
    assert "other/db" in taken.summary


def test_a_lost_claim_names_its_volume() -> None:
    finding = only(claim(phase="Lost", volumeName="pv-1"))
    assert finding.code == "ClaimLost"
    assert finding.severity == "critical"
    assert "pv-1" in finding.summary


def test_a_failing_provisioner_is_quoted() -> None:
    wanted = claim(storageClassName="gold")
    said = event(
        wanted,
        "ProvisioningFailed",
        'failed to provision volume with StorageClass "gold": rpc error: code = ResourceExhausted desc = quota of 500 GB reached',
    )
    finding = only(wanted, storage_class("gold"), driver("csi.example.com"), said, user())
    assert finding.code == "ProvisioningFailed"
    assert "quota of 500 GB reached" in finding.summary


def test_a_class_whose_provisioner_is_not_installed_says_so() -> None:
    wanted = claim(storageClassName="gold")
    said = event(
        wanted,
        "ExternalProvisioning",
        "Waiting for a volume to be created either by the external provisioner 'csi.exmple.com'",
        kind="Normal",
    )
    finding = only(wanted, storage_class("gold", "csi.exmple.com"), driver("csi.example.com"), said, user())
    assert finding.code == "ProvisionerAbsent"
    assert "did you mean csi.example.com?" in finding.summary


def test_waiting_for_the_first_consumer_is_no_fault() -> None:
    wanted = claim(storageClassName="gold")
    unused = list(storage(view(wanted, storage_class("gold", mode="WaitForFirstConsumer"))))
    assert [(f.code, f.severity) for f in unused] == [("WaitForFirstConsumer", "info")]
    assert list(storage(view(wanted, storage_class("gold", mode="WaitForFirstConsumer"), user()))) == []


def test_a_bound_claim_of_a_class_that_does_not_exist_is_healthy() -> None:
    bound = claim(phase="Bound", storageClassName="manual", volumeName="pv-1", status={"capacity": {"storage": "10Gi"}})
    assert list(storage(view(bound, volume("pv-1", "Bound", holder=f"{NS}/data", storageClassName="manual")))) == []


def test_a_claim_of_seconds_ago_is_left_alone() -> None:
    young = claim(storageClassName="gold")
    young["metadata"]["creationTimestamp"] = ago(4)
    assert list(storage(view(young, user()))) == []


def test_a_resize_that_waits_for_the_pod_or_failed_says_which() -> None:
    status = {
        "capacity": {"storage": "10Gi"},
        "conditions": [{"type": "FileSystemResizePending", "status": "True", "message": "Waiting for user to (re-)start a pod"}],
    }
    assert only(claim(phase="Bound", size="20Gi", status=status)).code == "FileSystemResizePending"
    failing = claim(phase="Bound", size="20Gi", status={"capacity": {"storage": "10Gi"}})
    finding = only(failing, event(failing, "VolumeResizeFailed", "resize volume pv-1 failed: driver does not support expansion"))
    assert finding.code == "VolumeResizeFailed"
    assert "does not support expansion" in finding.summary


def test_a_claim_that_a_pod_keeps_from_being_deleted_names_the_pod() -> None:
    leaving = claim(phase="Bound", status={"capacity": {"storage": "10Gi"}})
    leaving["metadata"].update(deletionTimestamp=ago(600), finalizers=["kubernetes.io/pvc-protection"])
    running = pod(spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]})
    finding = only(leaving, running)
    assert finding.code == "ClaimTerminating"
    assert "web-5d8-abcde" in finding.summary


def test_several_default_classes_and_released_volumes_are_only_noted() -> None:
    found = list(
        storage(view(storage_class("a", default=True), storage_class("b", default=True), volume("pv-1", "Released", holder="x/y")))
    )
    assert {f.severity for f in found} == {"info"}
    assert {f.code for f in found} == {"SeveralDefaultStorageClasses", "PersistentVolumeReleased"}


def test_a_volume_that_could_not_be_reclaimed_is_told() -> None:
    failed = volume("pv-1", "Failed", holder=f"{NS}/data")
    failed["status"]["message"] = "host_path deleter only supports /tmp/.+ but received provided /srv"
    assert "host_path deleter" in only(failed).summary


def mounting(*objects: Raw | list[Raw], scope: str | None = NS) -> Finding:
    found = list(mounts(view(deployment(), replicaset(), *objects, scope=scope)))
    assert len(found) == 1, [f.summary for f in found]
    return found[0]


def test_a_multi_attach_error_names_the_pod_and_node_that_hold_the_volume() -> None:
    bound = claim(phase="Bound", volumeName="pv-1")
    waiting = user()
    holder = pod("web-old-1", node="node-b", spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]})
    said = event(waiting, "FailedAttachVolume", 'Multi-Attach error for volume "pv-1" Volume is already used by pod(s) web-old-1')
    finding = mounting(bound, waiting, holder, said, node("node-a"), node("node-b"))
    assert finding.code == "MultiAttachError"
    assert all(word in finding.summary for word in ["data", "ReadWriteOnce", "web-old-1", "node-b"])


def test_a_volume_held_on_a_lost_node_points_to_the_node() -> None:
    bound, waiting = claim(phase="Bound", volumeName="pv-1"), user()
    holder = pod("web-old-1", node="node-b", spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]})
    said = event(waiting, "FailedAttachVolume", 'Multi-Attach error for volume "pv-1" Volume is already used by pod(s) web-old-1')
    report = check(
        view(deployment(), replicaset(), bound, waiting, holder, said, node("node-a"), node("node-b", "Unknown")), only=["mounts", "nodes"]
    )
    assert "NodeNotReady/Node//node-b" in next(f for f in report.findings if f.code == "MultiAttachError").causes


@pytest.mark.parametrize(
    ("volume_source", "message", "code", "words"),
    [
        ({"csi": {"driver": "nfs.csi.example.com"}}, 'MountVolume.SetUp failed for volume "d" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name nfs.csi.example.com not found in the list of registered CSI drivers', "CSIDriverNotRegistered", ["nfs.csi.example.com", "node-a"]),
        ({"nfs": {"server": "files.example", "path": "/srv/x"}}, 'MountVolume.SetUp failed for volume "d" : mount failed: exit status 32\nMounting command: mount\nOutput: mount.nfs: Connection timed out', "MountNfsFailed", ["files.example:/srv/x", "Connection timed out"]),
        ({"hostPath": {"path": "/opt/data", "type": "Directory"}}, 'MountVolume.SetUp failed for volume "d" : hostPath type check failed: /opt/data is not a directory', "HostPathCheckFailed", ["/opt/data"]),
        ({"csi": {"driver": "x"}}, 'MountVolume.MountDevice failed for volume "d" : rpc error: code = Internal desc = mount failed: wrong fs type, bad option, bad superblock on /dev/sdb', "FilesystemBroken", ["bad superblock"]),
        ({"csi": {"driver": "x"}}, 'MountVolume.MountDevice failed for volume "d" : rpc error: code = DeadlineExceeded desc = context deadline exceeded', "MountTimeout", ["context deadline exceeded"]),
        ({"csi": {"driver": "x"}}, 'MountVolume.SetUp failed for volume "d" : rpc error: code = Unknown desc = something odd', "FailedMount", ["something odd"]),
    ],
)  # fmt: skip
def test_a_failed_mount_names_its_cause(volume_source: Raw, message: str, code: str, words: list[str]) -> None:
    waiting = pod(statuses=[], phase="Pending", spec={"volumes": [{"name": "d", **volume_source}]})
    symptom = event(
        waiting,
        "FailedMount",
        "Unable to attach or mount volumes: unmounted volumes=[d], unattached volumes=[], failed to process volumes=[]: timed out waiting for the condition",
        seconds=5,
    )
    finding = mounting(waiting, event(waiting, "FailedMount", message, seconds=60), symptom)
    assert finding.code == code
    assert all(word in finding.summary for word in words)
    assert message.splitlines()[0] in finding.evidence[0].excerpt


def test_a_driver_that_the_node_lacks_is_told_even_without_an_event() -> None:
    waiting = user(startTime=ago(300))
    bound = claim(phase="Bound", volumeName="pv-1")
    pv = volume("pv-1", "Bound", holder=f"{NS}/data", csi={"driver": "disk.csi.example.com", "volumeHandle": "v"})
    plugin = {"kind": "CSINode", "metadata": meta("node-a", ""), "spec": {"drivers": [{"name": "other.csi.example.com"}]}}
    finding = mounting(waiting, bound, pv, plugin)
    assert finding.code == "CSIDriverNotRegistered"
    assert "disk.csi.example.com" in finding.summary
    plugin["spec"]["drivers"][0]["name"] = "disk.csi.example.com"
    assert list(mounts(view(waiting, bound, pv, plugin))) == []


@pytest.mark.parametrize(
    "message",
    [
        'AttachVolume.Attach failed for volume "pv-1" : timed out waiting for external-attacher of disk.csi.example.com CSI driver to attach volume v',
        'AttachVolume.Attach failed for volume "pv-1" : CSINode node-a does not contain driver disk.csi.example.com',
    ],
)
def test_a_volume_that_no_driver_attaches_names_the_driver(message: str) -> None:
    waiting = user()
    finding = mounting(claim(phase="Bound", volumeName="pv-1"), waiting, event(waiting, "FailedAttachVolume", message))
    assert finding.code == "CSIDriverNotRegistered"
    assert "disk.csi.example.com" in finding.summary


def test_a_volume_of_another_class_that_would_fit_is_mentioned() -> None:
    finding = only(claim(storageClassName="fast"), volume("pv-1", storageClassName="manual"), user())
    assert finding.code == "StorageClassNotFound"
    assert 'PersistentVolume pv-1 would fit but has storageClassName "manual"' in finding.summary


def test_missing_secrets_and_running_pods_are_not_storage_faults() -> None:
    waiting = pod(statuses=[], phase="Pending", spec={"volumes": [{"name": "d", "secret": {"secretName": "tls"}}]})
    said = event(waiting, "FailedMount", 'MountVolume.SetUp failed for volume "d" : secret "tls" not found')
    assert list(mounts(view(waiting, said))) == []
    fine = pod()
    assert list(mounts(view(fine, event(fine, "FailedMount", 'MountVolume.SetUp failed for volume "d" : rpc error')))) == []


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ('Usage of EmptyDir volume "scratch" exceeds the limit "64Mi". ', "EmptyDirSizeExceeded", ["scratch", "64Mi"]),
        ('Container app exceeded its local ephemeral storage limit "1Gi". ', "EphemeralStorageExceeded", ["app", "1Gi"]),
        (
            "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 9Gi. Container app was using 40Gi, request is 0, has larger consumption of ephemeral-storage. ",
            "EvictedForDisk",
            ["ephemeral-storage", "Container app was using 40Gi"],
        ),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ", "EphemeralStorageExceeded", ["2Gi"]),
    ],
)
def test_an_eviction_for_local_storage_names_the_limit(message: str, code: str, words: list[str]) -> None:
    evicted = pod(statuses=[], phase="Failed", status={"reason": "Evicted", "message": message, "containerStatuses": []})
    finding = mounting(evicted)
    assert finding.code == code
    assert finding.object == ObjectRef("Deployment", NS, "web")
    assert all(word in finding.summary for word in words)
