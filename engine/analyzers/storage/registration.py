"""Volumes: claims without one, attach and mount failures, released and failed volumes, resizes, ephemeral storage limits."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import condition, event, field, latest_event, listed, weights
from engine.analyzers.common.confidence import HINT, RELATION, STATE, confidence
from engine.analyzers.common.relevance import severity_here
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.analyzers.storage.claims import consumers, default_classes, explain_claim
from engine.cluster.objects import Obj
from engine.cluster.usage import quantity
from engine.core.types import Finding, Remedy

_NEEDS = ("persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io", "pods", "events")


@analyzer("storage", speciality="storage", needs=_NEEDS)
def storage(view: ClusterView) -> Iterator[Finding]:
    """Claims that wait or are lost, volumes that failed, resizes that hang, StorageClass defaults."""
    for claim in view.all("persistentvolumeclaims"):
        found = explain_claim(view, claim)
        if found is not None:
            yield found
        yield from _resize(view, claim)
        yield from _deleting(view, claim)
    yield from _volumes(view)
    defaults = default_classes(view)
    if len(defaults) > 1:
        names = sorted(c.name for c in defaults)
        yield Finding(
            code="SeveralDefaultStorageClasses",
            severity="info",
            object=defaults[0].ref,
            summary=(
                f"{len(defaults)} StorageClasses are marked as default ({listed(names)}): claims without a class get the newest of them"
            ),
            evidence=tuple(field(c, "metadata", "annotations") for c in defaults[:2]),
            confidence=confidence([STATE, RELATION]),
            docs=("default StorageClass",),
            speciality="storage",
        )


def _resize(view: ClusterView, claim: Obj) -> Iterator[Finding]:
    if claim.text("status", "phase") != "Bound":
        return
    asked, have = quantity(claim.at("spec", "resources", "requests", "storage")), quantity(claim.at("status", "capacity", "storage"))
    failed = latest_event(view, claim, "VolumeResizeFailed", "FileSystemResizeFailed", "ExternalExpanding")
    pending = claim.condition("FileSystemResizePending").get("status") == "True"
    broken = next(
        (c for c in claim.conditions() if c.get("type") in ("ControllerResizeError", "NodeResizeError") and c.get("status") == "True"), None
    )
    if not pending and broken is None and (asked is None or have is None or asked <= have):
        return
    sizes = f"from {claim.text('status', 'capacity', 'storage')} to {claim.text('spec', 'resources', 'requests', 'storage')}"
    if broken is not None or (failed is not None and failed.text("reason") != "ExternalExpanding"):
        reason = (failed.text("message") if failed is not None else str((broken or {}).get("message") or "")).strip().rstrip(".")
        cause, code, weight = f"the expansion fails: {reason}", "VolumeResizeFailed", RELATION
    elif pending:
        cause, code, weight = (
            "the file system grows only when a pod mounts the volume anew: restart the pod that uses it",
            "FileSystemResizePending",
            RELATION,
        )
    else:
        cause, code, weight = "the storage driver has not finished it", "VolumeResizePending", HINT
    evidence = [field(claim, "status", "capacity"), field(claim, "spec", "resources")]
    if failed is not None:
        evidence.insert(0, event(failed))
    if pending:
        evidence.append(condition(claim, "FileSystemResizePending"))
    users = consumers(view, claim)
    yield Finding(
        code=code,
        severity="warning",
        object=claim.ref,
        summary=f"PersistentVolumeClaim {claim.name} has not been resized {sizes}: {cause}",
        evidence=tuple(evidence),
        owner=view.workload_of(users[0]) if users else claim.ref,
        remedies=(Remedy("see the claim's conditions and events", f"kubectl -n {claim.namespace} describe pvc {claim.name}", "read"),),
        confidence=confidence([weight, *weights(evidence)]),
        docs=("volume expansion", "resize PVC"),
        speciality="storage",
    )


def _deleting(view: ClusterView, claim: Obj) -> Iterator[Finding]:
    since = claim.deleting_since
    if since is None or (view.now - since).total_seconds() < 60:
        return
    users = [p for p in consumers(view, claim) if p.text("status", "phase") not in ("Succeeded", "Failed")]
    finalizers = claim.texts("metadata", "finalizers")
    if not users and not finalizers:
        return
    held = f" and its finalizer {listed(finalizers)} waits for that" if finalizers else ""
    why = f"pod {listed(p.name for p in users)} still uses it{held}" if users else f"nobody removes its finalizer {listed(finalizers)}"
    yield Finding(
        code="ClaimTerminating",
        severity="warning",
        object=claim.ref,
        summary=f"PersistentVolumeClaim {claim.name} is marked for deletion and stays, since {why}; pods cannot start with it any more",
        evidence=(field(claim, "metadata", "deletionTimestamp"), field(claim, "metadata", "finalizers")),
        owner=view.workload_of(users[0]) if users else claim.ref,
        remedies=(Remedy("see who uses it", f"kubectl -n {claim.namespace} describe pvc {claim.name}", "read"),),
        confidence=confidence([STATE, RELATION]),
        docs=("pvc-protection finalizer",),
        speciality="storage",
    )


def _volumes(view: ClusterView) -> Iterator[Finding]:
    for volume in view.all("persistentvolumes"):
        phase = volume.text("status", "phase")
        holder = f"{volume.text('spec', 'claimRef', 'namespace')}/{volume.text('spec', 'claimRef', 'name')}"
        if phase == "Failed":
            said = volume.text("status", "message") or "the volume could not be reclaimed"
            yield Finding(
                code="PersistentVolumeFailed",
                severity=severity_here(view, "warning", holder.startswith(f"{view.namespace}/")),
                object=volume.ref,
                summary=f"PersistentVolume {volume.name} is Failed after its claim {holder} was deleted: {said.strip().rstrip('.')}",
                evidence=(field(volume, "status"),),
                remedies=(Remedy("see the volume and its events", f"kubectl describe pv {volume.name}", "read"),),
                confidence=confidence([STATE, RELATION]),
                docs=("PersistentVolume reclaim policy",),
                speciality="storage",
            )
        elif phase == "Released":
            yield Finding(
                code="PersistentVolumeReleased",
                severity="info",
                object=volume.ref,
                summary=(
                    f"PersistentVolume {volume.name} is Released: its claim {holder} is gone, the volume is kept and serves no new claim"
                ),
                evidence=(field(volume, "spec", "claimRef"),),
                confidence=confidence([STATE, RELATION]),
                docs=("Released PersistentVolume",),
                speciality="storage",
            )
