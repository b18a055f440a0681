"""Binds claims that wait to volumes that suit them. Nothing is provided: a claim without a suitable volume keeps waiting."""

from __future__ import annotations

from engine.cluster.objects import at, map_at, text_at, texts_at
from engine.cluster.source import RawObject
from engine.cluster.usage import quantity
from engine.simulator.controllers.store import Store, listed, name_of, namespace_of, uid_of

CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"


def bind_claims(store: Store) -> None:
    """Bring volumes and claims together by class, size, access modes and volume mode; the smallest volume that suits is taken."""
    for volume in listed(store, VOLUMES):
        if not text_at(volume, "status", "phase"):
            store.write(VOLUMES, {**volume, "status": {"phase": "Available"}})
    for claim in listed(store, CLAIMS):
        if text_at(claim, "status", "phase") != "Pending":
            continue
        suiting = [volume for volume in listed(store, VOLUMES) if _suits(volume, claim)]
        if suiting:
            _bind(store, min(suiting, key=_size), claim)


def _size(volume: RawObject) -> float:
    return quantity(text_at(volume, "spec", "capacity", "storage")) or 0.0


def _suits(volume: RawObject, claim: RawObject) -> bool:
    wanted = text_at(claim, "spec", "volumeName")
    held = map_at(volume, "spec", "claimRef")
    mine = (text_at(held, "namespace"), text_at(held, "name")) == (namespace_of(claim), name_of(claim))
    if (wanted and wanted != name_of(volume)) or (held and not mine) or text_at(volume, "status", "phase") != "Available":
        return False
    same_mode = text_at(volume, "spec", "volumeMode", default="Filesystem") == text_at(claim, "spec", "volumeMode", default="Filesystem")
    same_class = text_at(volume, "spec", "storageClassName") == text_at(claim, "spec", "storageClassName")
    room = _size(volume) >= (quantity(text_at(claim, "spec", "resources", "requests", "storage")) or 0.0)
    # A selector is not judged here, so a claim that has one is left to wait.
    chosen = not at(claim, "spec", "selector")
    return (
        same_mode
        and same_class
        and room
        and chosen
        and {*texts_at(claim, "spec", "accessModes")} <= {*texts_at(volume, "spec", "accessModes")}
    )


def _bind(store: Store, volume: RawObject, claim: RawObject) -> None:
    reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": namespace_of(claim), "name": name_of(claim)}
    bound = {**map_at(volume, "spec"), "claimRef": {**reference, "uid": uid_of(claim)}}
    store.write(VOLUMES, {**volume, "spec": bound, "status": {**map_at(volume, "status"), "phase": "Bound"}})
    status = {"phase": "Bound", "accessModes": at(volume, "spec", "accessModes"), "capacity": at(volume, "spec", "capacity")}
    store.write(CLAIMS, {**claim, "spec": {**map_at(claim, "spec"), "volumeName": name_of(volume)}, "status": status})
