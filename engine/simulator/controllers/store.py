"""What the controllers need of the overlay, and the small steps that all of them take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from engine.cluster.objects import map_at, maps_at, text_at
from engine.cluster.source import ClusterError, RawObject, RawObjects

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""The alphabet of generated names: no vowels, so no words."""


class StoredChange(Protocol):
    """One object that came, changed or went."""

    @property
    def resource(self) -> str: ...

    @property
    def before(self) -> RawObject | None: ...

    @property
    def after(self) -> RawObject | None: ...


class Store(Protocol):
    """Objects to read, write and drop."""

    @property
    def revision(self) -> int: ...

    def now(self) -> datetime: ...

    def stamp(self) -> str: ...

    def list(self, resource: str, namespace: str | None = None) -> RawObjects: ...

    def get(self, resource: str, namespace: str, name: str) -> RawObject: ...

    def write(self, resource: str, obj: RawObject) -> StoredChange: ...

    def drop(self, resource: str, namespace: str, name: str) -> StoredChange: ...

    def log_like(self, namespace: str, pod: str, sibling: str) -> None: ...


def listed(store: Store, resource: str, namespace: str | None = None) -> RawObjects:
    """The objects of a resource, or none where it was not recorded."""
    try:
        return store.list(resource, namespace)
    except ClusterError:
        return []


def found(store: Store, resource: str, namespace: str, name: str) -> RawObject | None:
    """An object, or None."""
    try:
        return store.get(resource, namespace, name)
    except ClusterError:
        return None


def digest(value: object, length: int) -> str:
    """A short stable word for a value, in the letters of generated names."""
    data = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in data[:length])


def name_of(obj: Mapping[str, Any]) -> str:
    return text_at(obj, "metadata", "name")


def namespace_of(obj: Mapping[str, Any]) -> str:
    return text_at(obj, "metadata", "namespace")


def uid_of(obj: Mapping[str, Any]) -> str:
    return text_at(obj, "metadata", "uid")


def owned(store: Store, resource: str, owner: RawObject) -> RawObjects:
    """The objects of the owner's namespace that it controls."""
    uid = uid_of(owner)
    return [obj for obj in listed(store, resource, namespace_of(owner)) if controller_of(obj).get("uid") == uid]


def controller_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The owner reference with controller=true, or an empty mapping."""
    return next((o for o in maps_at(obj, "metadata", "ownerReferences") if o.get("controller") is True), {})


def reference_to(owner: RawObject) -> dict[str, Any]:
    """The owner reference that a controlled object carries."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(obj: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A status condition, or an empty mapping."""
    return next((c for c in maps_at(obj, "status", "conditions") if c.get("type") == kind), {})


def with_metadata(obj: RawObject, **changes: object) -> RawObject:
    """The object with some keys of its metadata replaced."""
    return {**obj, "metadata": {**map_at(obj, "metadata"), **changes}}


def emit_event(store: Store, about: RawObject, reason: str, message: str, component: str, *, kind: str = "Normal") -> None:
    """Write an event about an object."""
    moment = store.stamp()
    name = f"{name_of(about)}.{digest([uid_of(about), reason, store.revision], 16)}"
    store.write(
        "events",
        {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace_of(about) or "default"},
            "involvedObject": {
                "kind": about["kind"],
                "apiVersion": about["apiVersion"],
                "namespace": namespace_of(about),
                "name": name_of(about),
                "uid": uid_of(about),
            },
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "reportingComponent": component,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "type": kind,
        },
    )
