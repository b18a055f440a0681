"""Pods that wait for a ConfigMap, a Secret or a key in one: they start when a change brings the last thing they miss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.cluster.objects import bool_at, map_at, maps_at, text_at
from engine.simulator.controllers.pods import is_active, start_pod
from engine.simulator.controllers.store import Store, StoredChange, found, listed, name_of, namespace_of

KINDS = {"configmaps": ("configMapKeyRef", "configMapRef", "configMap"), "secrets": ("secretKeyRef", "secretRef", "secret")}
HELD = ("CreateContainerConfigError", "ContainerCreating")
"""What a container waits with while its configuration is missing."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that a pod needs, and a key in it ("" for the object alone)."""

    resource: str
    name: str
    key: str = ""

    def met_by(self, obj: Mapping[str, Any] | None) -> bool:
        if obj is None:
            return False
        return not self.key or any(self.key in map_at(obj, part) for part in ("data", "binaryData"))


def references(spec: Mapping[str, Any]) -> Iterator[Reference]:
    """What a pod cannot start without: environment and volumes that are not optional."""
    for resource, (key_reference, reference, volume_kind) in KINDS.items():
        for container in (*maps_at(spec, "initContainers"), *maps_at(spec, "containers")):
            for entry in maps_at(container, "env"):
                wanted = map_at(entry, "valueFrom", key_reference)
                if wanted and not bool_at(wanted, "optional"):
                    yield Reference(resource, text_at(wanted, "name"), text_at(wanted, "key"))
            for entry in maps_at(container, "envFrom"):
                wanted = map_at(entry, reference)
                if wanted and not bool_at(wanted, "optional"):
                    yield Reference(resource, text_at(wanted, "name"))
        for volume in maps_at(spec, "volumes"):
            for source in (volume, *maps_at(volume, "projected", "sources")):
                wanted = map_at(source, volume_kind)
                if wanted and not bool_at(wanted, "optional"):
                    name = text_at(wanted, "secretName") or text_at(wanted, "name")
                    yield Reference(resource, name)
                    yield from (Reference(resource, name, text_at(item, "key")) for item in maps_at(wanted, "items"))


def start_configured_pods(store: Store, change: StoredChange) -> bool:
    """Start the pods that missed what the changed object now gives, and miss nothing else; True when there was one."""
    if change.after is None:
        return False
    namespace, name = namespace_of(change.after), name_of(change.after)
    started = False
    for pod in listed(store, "pods", namespace):
        needed = set(references(map_at(pod, "spec")))
        here = [r for r in needed if (r.resource, r.name) == (change.resource, name)]
        missed = any(not r.met_by(change.before) for r in here)
        if missed and _waits(pod) and all(r.met_by(found(store, r.resource, namespace, r.name)) for r in needed):
            start_pod(store, pod)
            started = True
    return started


def _waits(pod: Mapping[str, Any]) -> bool:
    statuses = (*maps_at(pod, "status", "initContainerStatuses"), *maps_at(pod, "status", "containerStatuses"))
    return is_active(pod) and any(text_at(status, "state", "waiting", "reason") in HELD for status in statuses)
