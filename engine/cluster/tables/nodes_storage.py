"""Rows of what pods run on: Node, Lease, claims, volumes, storage classes and drivers."""

from __future__ import annotations

from datetime import datetime

from engine.cluster.objects import Obj, text_at
from engine.cluster.tables.model import NONE, UNKNOWN, UNSET, Printing, Row, access_modes, age, columns, quantity_text, storage_class

ROLE_PREFIX = "node-role.kubernetes.io/"


def _node(obj: Obj, now: datetime) -> Row:
    ready = obj.condition("Ready")
    status = ("Ready" if ready.get("status") == "True" else "NotReady") if ready else "Unknown"
    if obj.flag("spec", "unschedulable"):
        status += ",SchedulingDisabled"
    roles = {key.removeprefix(ROLE_PREFIX) for key in obj.labels if key.startswith(ROLE_PREFIX) and key != ROLE_PREFIX}
    roles |= {role for role in [obj.labels.get("kubernetes.io/role", "")] if role}
    addresses = {text_at(a, "type"): text_at(a, "address") for a in reversed(obj.maps("status", "addresses"))}
    kernel, architecture = obj.text("status", "nodeInfo", "kernelVersion"), obj.text("status", "nodeInfo", "architecture")
    return (
        status,
        ",".join(sorted(roles)) or NONE,
        age(obj, now),
        obj.text("status", "nodeInfo", "kubeletVersion"),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        obj.text("status", "nodeInfo", "osImage") or UNKNOWN,
        f"{kernel} ({architecture})" if kernel and architecture else kernel or UNKNOWN,
        obj.text("status", "nodeInfo", "containerRuntimeVersion") or UNKNOWN,
    )


def _claim(obj: Obj, now: datetime) -> Row:
    phase = "Terminating" if obj.at("metadata", "deletionTimestamp") else obj.text("status", "phase")
    volume = obj.text("spec", "volumeName")
    capacity = quantity_text(obj.raw, "status", "capacity", "storage") if volume else ""
    modes = access_modes(obj.texts("status", "accessModes")) if volume else ""
    attributes, mode = obj.text("spec", "volumeAttributesClassName") or UNSET, obj.text("spec", "volumeMode") or UNSET
    return phase, volume, capacity, modes, storage_class(obj), attributes, age(obj, now), mode


def _volume(obj: Obj, now: datetime) -> Row:
    claim = ""
    if obj.map("spec", "claimRef"):
        claim = f"{obj.text('spec', 'claimRef', 'namespace')}/{obj.text('spec', 'claimRef', 'name')}"
    return (
        quantity_text(obj.raw, "spec", "capacity", "storage"),
        access_modes(obj.texts("spec", "accessModes")),
        obj.text("spec", "persistentVolumeReclaimPolicy"),
        "Terminating" if obj.at("metadata", "deletionTimestamp") else obj.text("status", "phase"),
        claim,
        storage_class(obj),
        obj.text("spec", "volumeAttributesClassName") or UNSET,
        obj.text("status", "reason"),
        age(obj, now),
        obj.text("spec", "volumeMode") or UNSET,
    )


def _storage_class_name(obj: Obj) -> str:
    marks = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
    return f"{obj.name} (default)" if any(obj.annotations.get(mark) == "true" for mark in marks) else obj.name


def _storage_class(obj: Obj, now: datetime) -> Row:
    policy, binding = obj.text("reclaimPolicy") or "Delete", obj.text("volumeBindingMode") or "Immediate"
    return obj.text("provisioner"), policy, binding, obj.flag("allowVolumeExpansion"), age(obj, now)


def _attachment(obj: Obj, now: datetime) -> Row:
    volume = obj.text("spec", "source", "persistentVolumeName")
    return obj.text("spec", "attacher"), volume, obj.text("spec", "nodeName"), obj.flag("status", "attached"), age(obj, now)


def _driver(obj: Obj, now: datetime) -> Row:
    requests = ",".join(text_at(r, "audience") for r in obj.maps("spec", "tokenRequests")) or UNSET
    return (
        obj.flag("spec", "attachRequired", default=True),
        obj.flag("spec", "podInfoOnMount"),
        obj.flag("spec", "storageCapacity"),
        requests,
        obj.flag("spec", "requiresRepublish"),
        ",".join(obj.texts("spec", "volumeLifecycleModes")) or NONE,
        age(obj, now),
    )


def _csi_node(obj: Obj, now: datetime) -> Row:
    return len(obj.maps("spec", "drivers")), age(obj, now)


def _csi_capacity(obj: Obj, now: datetime) -> Row:
    return obj.text("storageClassName"), quantity_text(obj.raw, "capacity") or UNSET, age(obj, now)


def _attributes_class(obj: Obj, now: datetime) -> Row:
    return obj.text("driverName"), age(obj, now)


def _lease(obj: Obj, now: datetime) -> Row:
    return obj.text("spec", "holderIdentity"), age(obj, now)


NODES_STORAGE = {
    "nodes": Printing(
        columns("Status", "Roles", "Age", "Version", "+Internal-IP", "+External-IP", "+OS-Image", "+Kernel-Version", "+Container-Runtime"),
        _node,
    ),
    "persistentvolumeclaims": Printing(
        columns("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age", "+VolumeMode"), _claim
    ),
    "persistentvolumes": Printing(
        columns(
            "Capacity",
            "Access Modes",
            "Reclaim Policy",
            "Status",
            "Claim",
            "StorageClass",
            "VolumeAttributesClass",
            "Reason",
            "Age",
            "+VolumeMode",
        ),
        _volume,
    ),
    "storageclasses.storage.k8s.io": Printing(
        columns("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"), _storage_class, _storage_class_name
    ),
    "volumeattachments.storage.k8s.io": Printing(columns("Attacher", "PV", "Node", "Attached", "Age"), _attachment),
    "csidrivers.storage.k8s.io": Printing(
        columns("AttachRequired", "PodInfoOnMount", "StorageCapacity", "TokenRequests", "RequiresRepublish", "Modes", "Age"), _driver
    ),
    "csinodes.storage.k8s.io": Printing(columns("Drivers", "Age"), _csi_node),
    "csistoragecapacities.storage.k8s.io": Printing(columns("StorageClassName", "Capacity", "Age"), _csi_capacity),
    "volumeattributesclasses.storage.k8s.io": Printing(columns("DriverName", "Age"), _attributes_class),
    "leases.coordination.k8s.io": Printing(columns("Holder", "Age"), _lease),
}
