"""Volumes: claims without one, attach and mount failures, released and failed volumes, resizes, ephemeral storage limits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.cite import condition, event, field, latest_event, listed
from engine.analyzers.claims import consumers, default_classes, explain_claim
from engine.analyzers.placement import claims_of
from engine.analyzers.registry import analyzer
from engine.analyzers.scope import severity_here
from engine.analyzers.selectors import quantity
from engine.analyzers.view import ClusterView
from engine.cluster.objects import Obj, maps_at, text_at
from engine.facts import Evidence, Finding, ObjectRef, Remedy

_NEEDS = ("persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io", "pods", "events")
_VOLUME = re.compile(r'volume "?([\w.:/~-]+?)"?(?: |:|$)')
_DRIVER = re.compile(r"driver name (\S+) not found in the list of registered CSI drivers")
_CONFIG = re.compile(r'(configmap|secret) "|references non-existent (config|secret) key|object ".*"/".*" not registered|failed to sync')
_MOUNT_CAUSES = (
    (
        re.compile(r"mount\.nfs: (.*)|nfs.*(timed out|access denied|no such file|refused)", re.I),
        "MountNfsFailed",
        "the NFS server or export does not answer as expected",
    ),
    (re.compile(r"hostPath type check failed: (.*)"), "HostPathCheckFailed", "the node's path is not what the hostPath volume demands"),
    (re.compile(r'path "?(\S+?)"? does not exist'), "LocalPathMissing", "the path of the volume does not exist on the node"),
    (
        re.compile(r"wrong fs type|bad superblock|structure needs cleaning|fsck", re.I),
        "FilesystemBroken",
        "the file system on the volume is damaged or of another type",
    ),
    (re.compile(r"permission denied|access denied|unauthorized|forbidden", re.I), "MountDenied", "the storage system refuses the node"),
    (
        re.compile(r"no such host|failed to resolve|connection refused|timed out|deadline exceeded|i/o timeout", re.I),
        "MountTimeout",
        "the storage system does not answer",
    ),
)
_OVER_LIMIT = (
    (
        re.compile(r'Usage of EmptyDir volume "([^"]+)" exceeds the limit "([^"]+)"'),
        "EmptyDirSizeExceeded",
        "its emptyDir volume {0} grew over the sizeLimit {1}",
    ),
    (
        re.compile(r'Container (\S+) exceeded its local ephemeral storage limit "([^"]+)"'),
        "EphemeralStorageExceeded",
        "container {0} used more than its ephemeral-storage limit {1}",
    ),
    (
        re.compile(r"Pod ephemeral local storage usage exceeds the total limit of containers (\S+?)\.?(\s|$)"),
        "EphemeralStorageExceeded",
        "its containers together used more than their ephemeral-storage limits {0}",
    ),
)


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
            confidence=0.95,
            docs=("default StorageClass",),
            speciality="storage",
        )


@analyzer("mounts", speciality="storage", needs=("pods", "events", "persistentvolumeclaims", "persistentvolumes"))
def mounts(view: ClusterView) -> Iterator[Finding]:
    """Pods whose volumes cannot be attached or mounted, and pods evicted for what they wrote."""
    for pod in view.all("pods"):
        yield from _over_limit(view, pod)
        if pod.text("status", "phase") != "Pending" or not pod.text("spec", "nodeName"):
            continue
        attach = latest_event(view, pod, "FailedAttachVolume")
        if attach is not None:
            yield _attach(view, pod, attach)
            continue
        mount = next(
            (
                e
                for e in reversed(view.events_of(pod))
                if e.text("reason") == "FailedMount" and "unmounted volumes" not in e.text("message")
            ),
            None,
        )
        mount = mount or latest_event(view, pod, "FailedMount", "FailedMapVolume")
        if mount is not None and not _CONFIG.search(mount.text("message")):
            yield _mount(view, pod, mount)


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
        cause, code, confidence = f"the expansion fails: {reason}", "VolumeResizeFailed", 0.88
    elif pending:
        cause, code, confidence = (
            "the file system grows only when a pod mounts the volume anew: restart the pod that uses it",
            "FileSystemResizePending",
            0.9,
        )
    else:
        cause, code, confidence = "the storage driver has not finished it", "VolumeResizePending", 0.6
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
        confidence=confidence,
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
    why = f"pod {listed(p.name for p in users)} still uses it" if users else f"nobody removes its finalizer {listed(finalizers)}"
    yield Finding(
        code="ClaimTerminating",
        severity="warning",
        object=claim.ref,
        summary=f"PersistentVolumeClaim {claim.name} is marked for deletion and stays, since {why}; pods cannot start with it any more",
        evidence=(field(claim, "metadata", "deletionTimestamp"), field(claim, "metadata", "finalizers")),
        owner=view.workload_of(users[0]) if users else claim.ref,
        remedies=(Remedy("see who uses it", f"kubectl -n {claim.namespace} describe pvc {claim.name}", "read"),),
        confidence=0.9,
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
                confidence=0.9,
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
                confidence=0.9,
                docs=("Released PersistentVolume",),
                speciality="storage",
            )


def _attach(view: ClusterView, pod: Obj, said: Obj) -> Finding:
    message = said.text("message")
    claims = [c for n in claims_of(pod) if (c := view.find("persistentvolumeclaims", pod.namespace, n)) is not None]
    claim = next(
        (c for c in claims if c.text("spec", "volumeName") and c.text("spec", "volumeName") in message), claims[0] if claims else None
    )
    name = claim.name if claim else "?"
    evidence = [event(said)]
    causes: tuple[str, ...] = ()
    if "Multi-Attach" in message:
        others = [p for p in (consumers(view, claim) if claim else []) if p.name != pod.name and p.text("spec", "nodeName")]
        rival = next((p for p in others if p.text("spec", "nodeName") != pod.text("spec", "nodeName")), None)
        modes = listed(claim.texts("spec", "accessModes")) if claim else "ReadWriteOnce"
        where = (
            f", while pod {rival.name} holds it on node {rival.text('spec', 'nodeName')}"
            if rival
            else " and is still attached to another node"
        )
        text = (
            f"its volume (claim {name}, {modes}) can be attached to one node "
            f"only{where}: the pod on node {pod.text('spec', 'nodeName')} cannot get it"
        )
        if claim:
            evidence.append(field(claim, "spec", "accessModes"))
        if rival is not None:
            evidence.append(field(rival, "spec", "nodeName"))
            node = view.find("nodes", "", rival.text("spec", "nodeName"))
            if node is not None and node.condition("Ready").get("status") in ("False", "Unknown"):
                causes = (f"NodeNotReady/Node//{node.name}",)
        code, confidence = "MultiAttachError", 0.93
        remedy = Remedy(
            "let the old pod go first (strategy Recreate), keep both on one node, or use a ReadWriteMany volume",
            f"kubectl -n {pod.namespace} get pods -o wide",
            "read",
        )
    else:
        text, code, confidence = (
            f"the volume of claim {name} cannot be attached to node {pod.text('spec', 'nodeName')}: {_last(message)}",
            "FailedAttachVolume",
            0.85,
        )
        remedy = Remedy("see the attachments", "kubectl get volumeattachments", "read")
        volume = claim.text("spec", "volumeName") if claim else ""
        for attachment in view.all("volumeattachments.storage.k8s.io"):
            if (
                volume
                and attachment.text("spec", "source", "persistentVolumeName") == volume
                and attachment.text("status", "attachError", "message")
            ):
                evidence.append(field(attachment, "status", "attachError", "message"))
    return _of_pod(view, pod, code, text, tuple(evidence), confidence, (remedy,), causes=causes)


def _mount(view: ClusterView, pod: Obj, said: Obj) -> Finding:
    message = said.text("message")
    evidence: list[Evidence] = [event(said)]
    volume = _volume_of(pod, message)
    what = _kind_of(view, pod, volume)
    driver = _DRIVER.search(message)
    remedies = [Remedy("see the pod's events and volumes", f"kubectl -n {pod.namespace} describe pod {pod.name}", "read")]
    if driver:
        node = pod.text("spec", "nodeName")
        known = view.find("csinodes.storage.k8s.io", "", node)
        names = [text_at(d, "name") for d in maps_at(known.raw if known else {}, "spec", "drivers")]
        have = f"registered there: {listed(names)}" if names else "none is registered there"
        remedies.append(
            Remedy("see the drivers of the node and the driver's DaemonSet pod on it", f"kubectl get csinode {node} -o yaml", "read")
        )
        text = f"CSI driver {driver.group(1)} is not registered on node {node} ({have}), so {what} cannot be mounted"
        return _of_pod(view, pod, "CSIDriverNotRegistered", text, tuple(evidence), 0.93, tuple(remedies))
    for pattern, code, cause in _MOUNT_CAUSES:
        if pattern.search(message):
            return _of_pod(view, pod, code, f"{what} cannot be mounted: {cause} ({_last(message)})", tuple(evidence), 0.88, tuple(remedies))
    return _of_pod(view, pod, "FailedMount", f"{what} cannot be mounted: {_last(message)}", tuple(evidence), 0.75, tuple(remedies))


def _over_limit(view: ClusterView, pod: Obj) -> Iterator[Finding]:
    if pod.text("status", "reason") != "Evicted":
        return
    message = pod.text("status", "message")
    for pattern, code, wording in _OVER_LIMIT:
        match = pattern.search(message)
        if match:
            owner = view.workload_of(pod)
            text = wording.format(*[g.rstrip(".") for g in match.groups() if g])
            yield Finding(
                code=code,
                severity="critical",
                object=owner,
                summary=f"Pod {pod.name} was evicted: {text}",
                evidence=(field(pod, "status", "message"), field(pod, "status", "reason")),
                owner=owner,
                remedies=(
                    Remedy(
                        "raise the limit, write less, or use a PersistentVolumeClaim",
                        f"kubectl -n {pod.namespace} get {owner.kind.lower()} {owner.name} -o yaml",
                        "read",
                    ),
                ),
                confidence=0.95,
                docs=("evicted", "ephemeral storage", "emptyDir sizeLimit"),
                speciality="storage",
            )
            return


def _volume_of(pod: Obj, message: str) -> str:
    names = [text_at(v, "name") for v in pod.maps("spec", "volumes")]
    match = re.search(r'for volume "([^"]+)"', message) or _VOLUME.search(message)
    if match and match.group(1) in names:
        return match.group(1)
    return next(
        (n for n in names if n and re.search(rf"unmounted volumes=\[[^\]]*\b{re.escape(n)}\b", message)), match.group(1) if match else ""
    )


def _kind_of(view: ClusterView, pod: Obj, name: str) -> str:
    for volume in pod.maps("spec", "volumes"):
        claim = text_at(volume, "persistentVolumeClaim", "claimName")
        pv = view.find("persistentvolumeclaims", pod.namespace, claim) if claim else None
        if text_at(volume, "name") != name and (pv is None or pv.text("spec", "volumeName") != name):
            continue
        if claim:
            source = view.find("persistentvolumes", "", pv.text("spec", "volumeName")) if pv else None
            nfs = (
                f" (NFS {source.text('spec', 'nfs', 'server')}:{source.text('spec', 'nfs', 'path')})"
                if source and source.map("spec", "nfs")
                else ""
            )
            return f"volume {text_at(volume, 'name')} of claim {claim}{nfs}"
        kinds = [k for k in volume if k != "name"]
        if kinds and kinds[0] == "nfs":
            return f"NFS volume {name} ({text_at(volume, 'nfs', 'server')}:{text_at(volume, 'nfs', 'path')})"
        if kinds and kinds[0] == "hostPath":
            return f"hostPath volume {name} ({text_at(volume, 'hostPath', 'path')})"
        return f"{kinds[0] if kinds else ''} volume {name}".strip()
    return f"volume {name}" if name else "a volume"


def _last(message: str) -> str:
    """The innermost cause of a chain of wrapped errors, on one line."""
    flat = " ".join(message.split())
    tail = re.split(r"(?:rpc error: code = \w+ desc = |Output: )", flat)[-1]
    return tail[-300:].rstrip(". ")


def _of_pod(
    view: ClusterView,
    pod: Obj,
    code: str,
    text: str,
    evidence: tuple[Evidence, ...],
    confidence: float,
    remedies: tuple[Remedy, ...],
    causes: tuple[str, ...] = (),
) -> Finding:
    owner: ObjectRef = view.workload_of(pod)
    return Finding(
        code=code,
        severity="critical",
        object=owner,
        summary=f"Pod {pod.name} cannot start: {text}",
        evidence=evidence,
        owner=owner,
        causes=causes,
        remedies=remedies,
        confidence=confidence,
        docs=("FailedMount", "FailedAttachVolume", code),
        speciality="storage",
    )
