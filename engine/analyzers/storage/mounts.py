"""Volumes on their way into a pod: attaching, mounting, drivers that a node lacks; and pods evicted for what they wrote."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from engine.analyzers.common.citations import event, field, latest_event, listed, weights
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.placement import bound_volumes, claims_of
from engine.analyzers.common.view import ClusterView
from engine.analyzers.nodes.node_agents import agent_finding, driver_agents
from engine.analyzers.registry import analyzer
from engine.analyzers.storage.claims import consumers
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_ATTACHMENTS = "volumeattachments.storage.k8s.io"
_VOLUME = re.compile(r'volume "?([\w.:/~-]+?)"?(?: |:|$)')
_DRIVER = re.compile(r"driver name (\S+) not found in the list of registered CSI drivers")
_ABSENT_DRIVER = re.compile(r"external-attacher of (\S+) CSI driver|CSINode \S+ does not contain driver (\S+)")
DRIVER_ON_NODE = re.compile(r"CSI driver (?P<driver>\S+?) .*?\bnode (?P<node>[\w.-]*\w)")
_CONFIG = re.compile(r'(configmap|secret) "|references non-existent (config|secret) key|object ".*"/".*" not registered|failed to sync')
_MOUNT_CAUSES = (
    (
        re.compile(r"you might need a /sbin/mount"),
        "MountHelperMissing",
        "the node lacks the mount helper for this kind of file system (nfs-common, nfs-utils, cifs-utils)",
    ),
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
        re.compile(r"The node was low on resource: ephemeral-storage\.?\s*([^\n]*)"),
        "EvictedForDisk",
        "its node ran low on disk space, ephemeral-storage ({0})",
    ),
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


@analyzer(
    "mounts",
    speciality="storage",
    needs=(
        "pods",
        "nodes",
        "events",
        "daemonsets.apps",
        "persistentvolumeclaims",
        "persistentvolumes",
        "csinodes.storage.k8s.io",
        _ATTACHMENTS,
    ),
)
def mounts(view: ClusterView) -> Iterator[Finding]:
    """Pods whose volumes cannot be attached or mounted, and pods evicted for what they wrote."""
    for pod in view.all("pods"):
        yield from _over_limit(view, pod)
        if pod.text("status", "phase") != "Pending" or not pod.text("spec", "nodeName"):
            continue
        attach = latest_event(view, pod, "FailedAttachVolume")
        if attach is not None:
            yield from _with_agent(view, pod, _attach(view, pod, attach))
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
            yield from _with_agent(view, pod, _mount(view, pod, mount))
        elif mount is None:
            for found in _driver_absent(view, pod):
                yield from _with_agent(view, pod, found)


def _with_agent(view: ClusterView, pod: Obj, found: Finding) -> Iterator[Finding]:
    """A finding on a driver that a node lacks, after the one that says why the driver's DaemonSet has no pod there."""
    missing = DRIVER_ON_NODE.search(found.summary)
    node = view.find("nodes", "", pod.text("spec", "nodeName"))
    if found.code != "CSIDriverNotRegistered" or missing is None or node is None:
        yield found
        return
    driver = missing["driver"]
    told = [f for agent in driver_agents(view, driver) if (f := agent_finding(view, agent, node, f"CSI driver {driver}")) is not None]
    yield from told
    yield dataclasses.replace(found, causes=(*found.causes, *(f.id for f in told)))


def _driver_absent(view: ClusterView, pod: Obj) -> Iterator[Finding]:
    """A pod that waits without a word for a volume whose CSI driver its node does not have."""
    node = pod.text("spec", "nodeName")
    known = view.find("csinodes.storage.k8s.io", "", node)
    started = pod.time("status", "startTime")
    if known is None or started is None or (view.now - started).total_seconds() < 30:
        return
    names = [text_at(d, "name") for d in known.maps("spec", "drivers")]
    wanted = [(text_at(v, "name"), text_at(v, "csi", "driver"), pod) for v in pod.maps("spec", "volumes")]
    for claim, volume in bound_volumes(view, pod):
        wanted.append((claim.name, volume.text("spec", "csi", "driver"), volume))
    for name, driver, holder in wanted:
        if driver and driver not in names:
            have = f"registered there: {listed(names)}" if names else "none is registered there"
            path = ("spec", "csi", "driver") if holder is not pod else ("spec", "volumes")
            text = f"CSI driver {driver} of volume {name} is not registered on node {node} ({have})"
            remedy = Remedy("see the drivers of the node", f"kubectl get csinode {node} -o yaml", "read")
            evidence = (field(holder, *path), field(known, "spec", "drivers"))
            yield _of_pod(view, pod, "CSIDriverNotRegistered", text, evidence, RELATION, (remedy,))
            return


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
        held = [a for a in _attachments(view, claim) if a.text("spec", "nodeName") != pod.text("spec", "nodeName")]
        stale = [a for a in held if view.can_see("nodes") and view.find("nodes", "", a.text("spec", "nodeName")) is None]
        if rival is None and held:
            return _held(view, pod, name, said, (stale or held)[0], gone=bool(stale))
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
        code, weight = "MultiAttachError", RELATION
        remedy = Remedy(
            "let the old pod go first (strategy Recreate), keep both on one node, or use a ReadWriteMany volume",
            f"kubectl -n {pod.namespace} get pods -o wide",
            "read",
        )
    elif (absent := _ABSENT_DRIVER.search(message)) is not None:
        driver = absent.group(1) or absent.group(2)
        node_name = pod.text("spec", "nodeName")
        text = f"CSI driver {driver} is not installed or not running, so the volume of claim {name} cannot be attached to node {node_name}"
        code, weight = "CSIDriverNotRegistered", RELATION
        remedy = Remedy("see the CSI drivers and those of the node", "kubectl get csidrivers,csinodes", "read")
    else:
        text, code, weight = (
            f"the volume of claim {name} cannot be attached to node {pod.text('spec', 'nodeName')}: {_last(message)}",
            "FailedAttachVolume",
            RELATION,
        )
        remedy = Remedy("see the attachments", "kubectl get volumeattachments", "read")
        for attachment in _attachments(view, claim):
            if attachment.text("status", "attachError", "message"):
                evidence.append(field(attachment, "status", "attachError", "message"))
    return _of_pod(view, pod, code, text, tuple(evidence), weight, (remedy,), causes=causes)


def _attachments(view: ClusterView, claim: Obj | None) -> list[Obj]:
    """The VolumeAttachments of a claim's volume."""
    volume = claim.text("spec", "volumeName") if claim else ""
    return [a for a in view.all(_ATTACHMENTS) if volume and a.text("spec", "source", "persistentVolumeName") == volume]


def _held(view: ClusterView, pod: Obj, claim: str, said: Obj, attachment: Obj, *, gone: bool) -> Finding:
    """A volume that no pod uses any more and that is still attached to another node, which may not even exist."""
    node = attachment.text("spec", "nodeName")
    state = "which does not exist any more" if gone else "where no pod uses it any more"
    since = attachment.text("metadata", "deletionTimestamp")
    held = f"; it is marked for deletion since {since} and its finalizer keeps it" if since else ""
    error = attachment.text("status", "detachError", "message")
    held += f"; detaching fails: {error.strip()[:200]}" if error else ""
    text = (
        f"Pod {pod.name} cannot start: VolumeAttachment {attachment.name} still holds the volume of claim {claim} on node {node}, {state}"
        f"{held}; until it is gone the volume is attached nowhere else"
    )
    stale = (
        Remedy(
            f"after making sure that the machine {node} is off, remove the attachment",
            f"kubectl delete volumeattachment {attachment.name}",
            "destructive",
        )
        if gone
        else Remedy(
            "see why it is not detached: the driver's attacher and its log", f"kubectl describe volumeattachment {attachment.name}", "read"
        )
    )
    causes = (f"NodeNotReady/Node//{node}",) if not gone else ()
    return Finding(
        code="StaleVolumeAttachment",
        severity="critical",
        object=attachment.ref,
        summary=text,
        evidence=(event(said), field(attachment, "spec", "nodeName"), *([field(attachment, "status")] if attachment.map("status") else [])),
        owner=view.workload_of(pod),
        causes=causes,
        remedies=(stale, Remedy("see the attachments", "kubectl get volumeattachments", "read")),
        confidence=confidence([RELATION, EVENT, STATE] if gone else [RELATION, EVENT]),
        docs=("Multi-Attach", "VolumeAttachment"),
        speciality="storage",
    )


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
        return _of_pod(view, pod, "CSIDriverNotRegistered", text, tuple(evidence), RELATION, tuple(remedies))
    for pattern, code, cause in _MOUNT_CAUSES:
        if pattern.search(message):
            return _of_pod(
                view, pod, code, f"{what} cannot be mounted: {cause} ({_last(message)})", tuple(evidence), RELATION, tuple(remedies)
            )
    return _of_pod(view, pod, "FailedMount", f"{what} cannot be mounted: {_last(message)}", tuple(evidence), HINT, tuple(remedies))


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
                causes=(f"DiskPressure/Node//{pod.text('spec', 'nodeName')}",) if code == "EvictedForDisk" else (),
                remedies=(
                    Remedy(
                        "raise the limit, write less, or use a PersistentVolumeClaim",
                        f"kubectl -n {pod.namespace} get {owner.kind.lower()} {owner.name} -o yaml",
                        "read",
                    ),
                ),
                confidence=confidence([STATE, RELATION]),
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
    weight: float,
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
        confidence=confidence([weight, *weights(evidence)]),
        docs=("FailedMount", "FailedAttachVolume", code),
        speciality="storage",
    )
