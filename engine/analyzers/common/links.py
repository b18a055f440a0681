"""What an object refers to, read from the shape of its fields alone: `*Ref`, `*Name`, `kind` with `name`, so that any kind can be followed.

A field means another object when it holds a mapping with a name, or a name under a key that ends in `Name`, and the kind is told or
can be read from the key (`secretStoreRef`, `storageClassName`). Kinds that the cluster does not know are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj, text_at
from engine.core.types import ObjectRef

_DEEPEST = 9
_MOST = 120
_HOLDERS = ("Secret", "ConfigMap", "ServiceAccount")
"""Kinds that a key may begin with (`secretTargetRef`)."""
_ALIASES = {
    "volume": "PersistentVolume",
    "claim": "PersistentVolumeClaim",
    "class": "IngressClass",
    "parent": "Gateway",
    "backend": "Service",
    "certificate": "Secret",
    "scaleTarget": "Deployment",
    "credential": "Secret",
}
"""What a key means that names no kind, where the API says so: `volumeName`, `claimName`, `parentRefs`, `backendRefs`…"""
_MADE_AT = re.compile(
    r"^spec\.(?:secretName|target\.name|targetSecretName|writeConnectionSecretToRef|connectionSecret|output\w*|destination\.name)\b"
    r"|\.privateKeySecretRef\b"
)
"""Where a custom resource says what it makes rather than what it needs."""


@dataclass(frozen=True, slots=True)
class Link:
    """A reference from one object to another: the field, and whether the first makes the second (a Certificate its Secret)."""

    to: ObjectRef
    path: str
    makes: bool = False


def links(view: ClusterView, obj: Obj) -> list[Link]:
    """The objects that an object refers to, whether they exist or not, each once; those that its status names come last."""
    custom = obj.kind not in KIND_OF
    found: dict[tuple[ObjectRef, bool], Link] = {}
    parts = ["spec", *([] if obj.map("spec") else ["webhooks", "roleRef", "provisioner"]), *(["status"] if custom else [])]
    for part in parts:
        for link in _walk(view, obj, obj.at(part), part, 0):
            if link.to != obj.ref and len(found) < _MOST:
                makes = custom and bool(_MADE_AT.search(link.path))
                found.setdefault((link.to, makes), Link(link.to, link.path, makes))
    if custom and obj.kind.endswith("Secret"):
        ref = ObjectRef("Secret", obj.namespace, obj.name)
        found.setdefault((ref, True), Link(ref, "metadata.name", True))
    return list(found.values())


def _walk(view: ClusterView, obj: Obj, value: object, path: str, depth: int) -> Iterator[Link]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for index, item in enumerate(value[:40]):
            yield from _walk(view, obj, item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, Mapping):
        ref = _mapping(view, obj, value, path)
        if ref is not None:
            yield Link(ref, path)
        for key, inner in value.items():
            if isinstance(inner, str):
                named = _name_field(view, obj, key, inner)
                if named is not None:
                    yield Link(named, f"{path}.{key}")
            elif isinstance(inner, list | dict):
                yield from _walk(view, obj, inner, f"{path}.{key}", depth + 1)


def _mapping(view: ClusterView, obj: Obj, value: Mapping[str, Any], path: str) -> ObjectRef | None:
    """The object that a mapping with a name means, or None."""
    name = text_at(value, "name")
    if not name:
        return None
    key = re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]
    kind = text_at(value, "kind")
    if not kind and key == "dependsOn":
        kind = obj.kind
    if not kind:
        stem = re.sub(r"(?:Ref|Refs|Reference|References|Selector|KeyRef)$", "", key)
        if stem == key and key not in ("service", "secret", "configMap"):
            return None
        kind = _kind_of(view, stem)
    if not _known(view, kind) or (path.startswith("status") and "conditions" in path):
        return None
    return _ref(view, obj, kind, text_at(value, "namespace"), name)


def _name_field(view: ClusterView, obj: Obj, key: str, name: str) -> ObjectRef | None:
    if not key.endswith("Name") or not name or len(name) > 253 or key in ("hostName", "commonName"):
        return None
    kind = _kind_of(view, key.removesuffix("Name"))
    return _ref(view, obj, kind, "", name) if _known(view, kind) else None


def _kind_of(view: ClusterView, stem: str) -> str:
    """The kind that a key's words mean: the longest known Kind that they end in."""
    if stem in _ALIASES:
        return _ALIASES[stem]
    word = stem[:1].upper() + stem[1:]
    if _known(view, word):
        return word
    parts = re.findall(r"[A-Z][a-z0-9]*", word)
    for start in range(1, len(parts)):
        shorter = "".join(parts[start:])
        if _known(view, shorter):
            return shorter
    longer = [kind for kind in view.custom_kinds if kind.endswith(word)] if word else []
    if longer:
        return min(longer, key=len)
    return next((kind for kind in _HOLDERS if word.startswith(kind)), "")


def _known(view: ClusterView, kind: str) -> bool:
    return bool(kind) and (kind in KIND_OF or kind in view.custom_kinds)


def _ref(view: ClusterView, obj: Obj, kind: str, namespace: str, name: str) -> ObjectRef:
    """With the namespace that a bare name has: the object's own, none for kinds without one."""
    known = KIND_OF.get(kind)
    if known is not None:
        return ObjectRef(kind, (namespace or obj.namespace) if known.namespaced else "", name)
    if cluster_scoped(view, kind):
        return ObjectRef(kind, "", name)
    return ObjectRef(kind, namespace or obj.namespace, name)


def cluster_scoped(view: ClusterView, kind: str) -> bool:
    """Whether a custom kind lives outside of namespaces."""
    return any(
        crd.text("spec", "names", "kind") == kind and crd.text("spec", "scope") == "Cluster"
        for crd in view.within("customresourcedefinitions.apiextensions.k8s.io", None)
    )


def owners(obj: Obj) -> Iterator[ObjectRef]:
    """Everything that an object names as its owner, controller or not; a cluster-scoped owner has no namespace, which is not told here."""
    for reference in obj.maps("metadata", "ownerReferences"):
        yield ObjectRef(text_at(reference, "kind"), obj.namespace, text_at(reference, "name"))


def mentions(text: str, name: str) -> bool:
    """Whether a text speaks of a name as a whole word (`pod` is not spoken of by `pods`, nor `web` by `web-2`)."""
    return bool(name) and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", text) is not None


def mentioned(text: str, names: Collection[str]) -> list[str]:
    """The names that a text speaks of, in their order."""
    return [name for name in names if mentions(text, name)]
