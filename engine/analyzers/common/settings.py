"""Where a container's settings come from: literal variables, keys of ConfigMaps and Secrets, arguments and mounted files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import bool_at, labels_at, map_at, maps_at, text_at, texts_at
from engine.core.types import ObjectRef


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `source` is the ConfigMap or Secret it comes from (None: written in the pod template); a Secret's value is "" ."""

    how: Literal["variable", "argument", "file"]
    name: str
    value: str
    source: ObjectRef | None = None
    key: str = ""

    @property
    def place(self) -> str:
        """In words: `variable PORT of ConfigMap/web`, `file /etc/app.conf of ConfigMap/web`, `argument --port`."""
        words = f"{self.how} {self.name}" if self.how != "argument" else f"argument “{self.name}”"
        return f"{words} of {self.source}" if self.source else words


@dataclass(frozen=True, slots=True)
class Reference:
    """A ConfigMap or Secret that a pod template names, with the key it wants ("" for all) and where."""

    object: ObjectRef
    key: str
    optional: bool
    where: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume mounted into a container."""

    path: str
    volume: Mapping[str, Any]
    read_only: bool
    sub_path: str = ""

    @property
    def kind(self) -> str:
        """The volume's type as the API names it (`configMap`, `emptyDir`…)."""
        return next((k for k, v in self.volume.items() if k != "name" and isinstance(v, Mapping)), "")


def mounts(pod_spec: object, container: object) -> list[Mount]:
    """The container's volume mounts, the deepest path first."""
    volumes = {text_at(v, "name"): v for v in maps_at(pod_spec, "volumes")}
    found = [
        Mount(
            text_at(m, "mountPath").rstrip("/") or "/", volumes.get(text_at(m, "name"), {}), bool_at(m, "readOnly"), text_at(m, "subPath")
        )
        for m in maps_at(container, "volumeMounts")
    ]
    return sorted(found, key=lambda m: -len(m.path))


def mount_of(pod_spec: object, container: object, path: str) -> Mount | None:
    """The mount that a path lies in, or None for the container's own file system."""
    for mount in mounts(pod_spec, container):
        if path == mount.path or path.startswith(mount.path.rstrip("/") + "/"):
            return mount
    return None


def absent_sub_path(view: ClusterView, namespace: str, pod_spec: object, container: object) -> tuple[Mount, ObjectRef, list[str]] | None:
    """A mounted subPath that its ConfigMap or Secret has no key for, the object, and the keys that it has instead.

    The kubelet makes an empty folder in place of such a key, which no file can be mounted over.
    """
    for mount in mounts(pod_spec, container):
        for kind, name, items in mounted_objects(mount.volume) if mount.sub_path else []:
            ref = ObjectRef(kind, namespace, name)
            files = [text_at(i, "path") for i in items] or keys_of(view, ref)
            if view.find_ref(ref) is not None and keys_shown(view, ref) and files and mount.sub_path not in files:
                return mount, ref, files
    return None


def settings(view: ClusterView, namespace: str, pod_spec: object, container: object) -> Iterator[Setting]:
    """Every setting of a container whose place is known, in the order in which they take effect."""
    for source in maps_at(container, "envFrom"):
        prefix = text_at(source, "prefix")
        for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            name = text_at(source, field, "name")
            if name:
                for key, value in _data(view, kind, namespace, name).items():
                    yield Setting("variable", prefix + key, value, ObjectRef(kind, namespace, name), key)
    for variable in maps_at(container, "env"):
        name = text_at(variable, "name")
        taken = False
        for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            source_name, key = text_at(variable, "valueFrom", field, "name"), text_at(variable, "valueFrom", field, "key")
            if source_name:
                taken = True
                value = _data(view, kind, namespace, source_name).get(key, "")
                yield Setting("variable", name, value, ObjectRef(kind, namespace, source_name), key)
        if not taken:
            yield Setting("variable", name, text_at(variable, "value"))
    for text in [*texts_at(container, "command"), *texts_at(container, "args")]:
        yield Setting("argument", text[:120], text)
    for mount in mounts(pod_spec, container):
        yield from _files(view, namespace, mount)


def _files(view: ClusterView, namespace: str, mount: Mount) -> Iterator[Setting]:
    for kind, name, items in mounted_objects(mount.volume):
        if kind != "ConfigMap":
            continue
        wanted = {text_at(i, "key"): text_at(i, "path") for i in items}
        for key, value in _data(view, kind, namespace, name).items():
            if wanted and key not in wanted:
                continue
            file = wanted.get(key, key)
            if mount.sub_path:
                if mount.sub_path != file:
                    continue
                path = mount.path
            else:
                path = posixpath.join(mount.path, file)
            yield Setting("file", path, value, ObjectRef(kind, namespace, name), key)


PROJECTED_EVERYWHERE = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})
"""ConfigMaps that Kubernetes and OpenShift put into every pod: they hold a CA and no setting of anybody's."""


def mounted_objects(volume: Mapping[str, Any]) -> list[tuple[str, str, list[Mapping[str, Any]]]]:
    """(kind, name, items) of the ConfigMaps and Secrets that a volume holds, projected ones included."""
    found = []
    for source in [volume, *maps_at(volume, "projected", "sources")]:
        for kind, field, key in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName"), ("Secret", "secret", "name")):
            name = text_at(source, field, key)
            if name and name not in PROJECTED_EVERYWHERE:
                found.append((kind, name, maps_at(source, field, "items")))
    return found


def _data(view: ClusterView, kind: str, namespace: str, name: str) -> dict[str, str]:
    found = view.find("configmaps" if kind == "ConfigMap" else "secrets", namespace, name)
    if found is None:
        return {}
    if kind == "Secret":
        return dict.fromkeys(keys_of(view, ObjectRef(kind, namespace, name)), "")
    return labels_at(found.raw, "data")


def keys_of(view: ClusterView, ref: ObjectRef) -> list[str]:
    """The keys of a ConfigMap or Secret."""
    found = view.find_ref(ref)
    if found is None:
        return []
    return sorted({key for part in ("data", "binaryData", "stringData") for key in found.map(part)})


def keys_shown(view: ClusterView, ref: ObjectRef) -> bool:
    """Whether the keys of a ConfigMap or Secret can be told: a live cluster's Secrets are read as metadata alone, without `data`."""
    found = view.find_ref(ref)
    return found is None or ref.kind != "Secret" or any(part in found.raw for part in ("data", "stringData"))


def references(namespace: str, pod_spec: object) -> Iterator[Reference]:
    """Every ConfigMap and Secret that a pod specification names, also as an image pull secret."""
    kinds = (("ConfigMap", "configMap"), ("Secret", "secret"))
    for volume in maps_at(pod_spec, "volumes"):
        for source in [volume, *maps_at(volume, "projected", "sources")]:
            for kind, field in kinds:
                part = map_at(source, field)
                name = text_at(part, "secretName") or text_at(part, "name")
                if not name:
                    continue
                where, optional = f"volume {text_at(volume, 'name')}", bool_at(part, "optional")
                items = maps_at(part, "items")
                for key in [text_at(i, "key") for i in items] or [""]:
                    yield Reference(ObjectRef(kind, namespace, name), key, optional, where)
    for field in ("initContainers", "containers"):
        for container in maps_at(pod_spec, field):
            own = text_at(container, "name")
            for variable in maps_at(container, "env"):
                for kind, prefix in kinds:
                    part = map_at(variable, "valueFrom", f"{prefix}KeyRef")
                    if text_at(part, "name"):
                        ref = ObjectRef(kind, namespace, text_at(part, "name"))
                        yield Reference(ref, text_at(part, "key"), bool_at(part, "optional"), f"variable {text_at(variable, 'name')}", own)
            for source in maps_at(container, "envFrom"):
                for kind, prefix in kinds:
                    part = map_at(source, f"{prefix}Ref")
                    if text_at(part, "name"):
                        yield Reference(ObjectRef(kind, namespace, text_at(part, "name")), "", bool_at(part, "optional"), "envFrom", own)
