"""Refinements of a story about files: what is mounted there, who may write, what the image holds."""

from __future__ import annotations

import posixpath

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import RELATION
from engine.analyzers.common.containers import Container
from engine.analyzers.common.settings import keys_of, keys_shown, mount_of, mounted_objects, mounts
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import Cause, edit_command
from engine.analyzers.logs.reader import Story
from engine.cluster.objects import at, map_at, text_at
from engine.core.types import Evidence, ObjectRef, Remedy


def missing_file(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Say what is mounted where the file is missing, and which keys the mounted object has."""
    path = story.groups.get("path", "").rstrip(".")
    if not path.startswith("/"):
        path = posixpath.join(text_at(container.spec, "workingDir") or "/", path) if path else path
    mount = mount_of(container.pod.map("spec"), container.spec, path) if path else None
    if mount is None:
        if path.startswith("/var/run/secrets/kubernetes.io/serviceaccount"):
            cause.says += "; the pod gets no ServiceAccount token (automountServiceAccountToken: false)"
        elif path:
            cause.says += f"; no volume is mounted there, so the image or a mount at {posixpath.dirname(path)} has to bring it"
        return
    name = posixpath.relpath(path, mount.path)
    for kind, holder, items in mounted_objects(mount.volume):
        ref = ObjectRef(kind, container.pod.namespace, holder)
        keys = [text_at(i, "path") for i in items] or keys_of(view, ref)
        resource = "configmaps" if kind == "ConfigMap" else "secrets"
        if not view.can_see(resource, ref.namespace) or not (items or keys_shown(view, ref)):
            cause.says += f"; {ref}, mounted at {mount.path}, seems to have no key {name}, but its keys cannot be seen"
            return
        close = citations.nearest(name, keys)
        listed = f"its keys are {citations.listed(keys)}" if keys else "it has no keys"
        hint = f", {close} is close" if close else ""
        cause.says += f": {ref}, mounted at {mount.path}, has no key {name} ({listed}{hint})"
        source = view.find_ref(ref)
        if source is not None and kind == "ConfigMap":
            cause.evidence.append(Evidence(f"{ref} data", "\n".join(f"{k}:" for k in keys)[:300], object=ref))
        cause.weights.append(RELATION)
        cause.remedies.append(
            Remedy(f"add the key {name} to {ref}" + (f" (or rename {close})" if close else ""), edit_command(ref), "mutate")
        )
        return
    cause.says += f"; the {mount.kind or 'volume'} {text_at(mount.volume, 'name')} mounted at {mount.path} does not hold it"


def file_access(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Say why the path cannot be written or entered: read-only root, read-only mount, user, fsGroup."""
    path = story.groups.get("path", "").rstrip(".")
    mount = mount_of(container.pod.map("spec"), container.spec, path) if path else None
    context = f"{container.spec_where}.securityContext"
    context_of = map_at(container.spec, "securityContext")
    pod_context = container.pod.map("spec", "securityContext")
    user = context_of.get("runAsUser", pod_context.get("runAsUser"))
    if story.code == "ReadOnlyFileSystem":
        if mount is not None and mount.read_only:
            cause.says += f"; the volume at {mount.path} is mounted with readOnly: true"
            cause.weights.append(RELATION)
        elif mount is not None and mount.kind in ("configMap", "secret", "projected", "downwardAPI"):
            cause.says += f"; {mount.path} is a {mount.kind} volume, which is always read-only"
            cause.weights.append(RELATION)
        elif context_of.get("readOnlyRootFilesystem") is True:
            folder = posixpath.dirname(path) if path else "the path it writes to"
            cause.says += f": readOnlyRootFilesystem is true and no writable volume is mounted at {folder}"
            cause.evidence.append(Evidence(f"{container.pod.ref} {context}", "readOnlyRootFilesystem: true", object=container.pod.ref))
            cause.weights.append(RELATION)
            cause.remedies.append(Remedy(f"mount an emptyDir at {folder}", edit_command(cause.object), "mutate"))
    elif story.code in ("PermissionDenied", "PrivilegedPort"):
        if story.code == "PrivilegedPort":
            cause.says = f"it may not listen on port {story.groups.get('port', '')}, which is below 1024, as its user"
        if user is not None:
            cause.says += f" (it runs as user {user})"
            cause.weights.append(RELATION)
        dropped = at(context_of, "capabilities", "drop")
        if mount is None and isinstance(dropped, list) and dropped:
            cause.says += f"; its securityContext drops the capabilities {citations.listed(str(d) for d in dropped)}"
            cause.weights.append(RELATION)
        if mount is not None:
            group = pod_context.get("fsGroup")
            told = f"fsGroup is {group}" if group is not None else "no fsGroup is set"
            cause.says += f"; {mount.path} is a {mount.kind} volume and {told}"
            cause.remedies.append(
                Remedy(
                    "set spec.securityContext.fsGroup so that the volume belongs to the container's group",
                    edit_command(cause.object),
                    "mutate",
                )
            )


def disk_full(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find the volume that is full."""
    path = story.groups.get("path", "")
    mount = mount_of(container.pod.map("spec"), container.spec, path) if path else None
    if mount is None and not path.startswith("/"):
        writable = ("persistentVolumeClaim", "emptyDir")
        written = [m for m in mounts(container.pod.map("spec"), container.spec) if m.kind in writable and not m.read_only]
        mount = written[0] if len(written) == 1 else None
    if mount is None:
        return
    claim = text_at(mount.volume, "persistentVolumeClaim", "claimName")
    if claim:
        cause.object = ObjectRef("PersistentVolumeClaim", container.pod.namespace, claim)
        cause.says += f"; {mount.path} is the claim {claim}"
        found = view.find("persistentvolumeclaims", container.pod.namespace, claim)
        if found is not None:
            size = found.text("status", "capacity", "storage")
            cause.says += f" of {size}" if size else ""
            cause.evidence.append(citations.field(found, "status", "capacity"))
        cause.speciality = "storage"
    elif mount.kind == "emptyDir":
        limit = text_at(mount.volume, "emptyDir", "sizeLimit")
        cause.says += f"; {mount.path} is an emptyDir" + (f" with sizeLimit {limit}" if limit else "")


def path_is_directory(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """A subPath that names no key of the mounted object: the kubelet makes a directory of it."""
    path = story.groups.get("path", "").rstrip(".")
    mount = mount_of(container.pod.map("spec"), container.spec, path) if path else None
    if mount is None or not mount.sub_path:
        return
    for kind, holder, items in mounted_objects(mount.volume):
        ref = ObjectRef(kind, container.pod.namespace, holder)
        keys = [text_at(i, "path") for i in items] or keys_of(view, ref)
        if mount.sub_path not in keys and (items or keys_shown(view, ref)):
            cause.says += f": its subPath {mount.sub_path} is no key of {ref} (its keys are {citations.listed(keys) or 'none'}), "
            cause.says += "so an empty directory is mounted"
            cause.evidence.append(container.declared("volumeMounts"))
            cause.weights.append(RELATION)
            cause.remedies.append(Remedy("correct the subPath or add the key", edit_command(cause.object), "mutate"))
            return


def exec_format(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Set the image beside the node's architecture."""
    node = view.find("nodes", "", container.pod.text("spec", "nodeName"))
    arch = node.text("status", "nodeInfo", "architecture") if node else ""
    cause.says = (
        f"image {container.image} is built for another CPU architecture than the "
        f"node's{f' ({arch})' if arch else ''}: {story.groups.get('error', 'exec format error')}"
    )
    cause.evidence.append(container.declared("image"))
    if node is not None and arch:
        cause.evidence.append(citations.field(node, "status", "nodeInfo", "architecture"))
        cause.weights.append(RELATION)
    cause.remedies.append(
        Remedy(
            f"use an image built for {arch or 'the architecture of the nodes'}, or a multi-arch one", edit_command(cause.object), "mutate"
        )
    )
    cause.speciality = "registry"
