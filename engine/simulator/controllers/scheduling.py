"""Which node would take a pod: ready, not cordoned, selected, tolerated, with room, and with the pod's claims bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.cluster.objects import at, labels_at, map_at, maps_at, text_at, texts_at
from engine.cluster.source import RawObject
from engine.cluster.usage import quantity
from engine.simulator.controllers.store import Store, condition, found, listed, name_of

KEEPS_AWAY = ("NoSchedule", "NoExecute")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def schedule(store: Store, spec: Mapping[str, Any], namespace: str, preferred: str = "") -> str:
    """The name of a node that would take the pod (the preferred one, if it would), or ""."""
    if not _claims_bound(store, spec, namespace):
        return ""
    names = [name_of(node) for node in listed(store, "nodes") if _takes(store, node, spec)]
    return preferred if preferred in names else names[0] if names else ""


def judges(spec: Mapping[str, Any]) -> bool:
    """Whether everything that the pod asks of its place is understood here; spreading over other pods is not."""
    spread = [c for c in maps_at(spec, "topologySpreadConstraints") if text_at(c, "whenUnsatisfiable") != "ScheduleAnyway"]
    others = any(at(spec, "affinity", kind, REQUIRED) for kind in ("podAffinity", "podAntiAffinity"))
    return not spread and not others and not maps_at(spec, "schedulingGates")


def _claims_bound(store: Store, spec: Mapping[str, Any], namespace: str) -> bool:
    for volume in maps_at(spec, "volumes"):
        claim = text_at(volume, "persistentVolumeClaim", "claimName")
        if claim and text_at(found(store, "persistentvolumeclaims", namespace, claim), "status", "phase") != "Bound":
            return False
    return True


def _takes(store: Store, node: RawObject, spec: Mapping[str, Any]) -> bool:
    if at(node, "spec", "unschedulable") or condition(node, "Ready").get("status") != "True":
        return False
    labels = labels_at(node, "metadata", "labels")
    if any(labels.get(key) != value for key, value in labels_at(spec, "nodeSelector").items()):
        return False
    terms = maps_at(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms")
    if terms and not any(all(_matches(e, labels) for e in maps_at(term, "matchExpressions")) for term in terms):
        return False
    taints = [taint for taint in maps_at(node, "spec", "taints") if text_at(taint, "effect") in KEEPS_AWAY]
    tolerated = all(any(_tolerates(toleration, taint) for toleration in maps_at(spec, "tolerations")) for taint in taints)
    return tolerated and _has_room(store, node, spec)


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = text_at(expression, "key"), text_at(expression, "operator"), texts_at(expression, "values")
    value = labels.get(key)
    if operator in ("In", "NotIn"):
        return (value in values) is (operator == "In")
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) is (operator == "Exists")
    if value is None or not value.lstrip("-").isdigit() or not values or not values[0].lstrip("-").isdigit():
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    effect, key = text_at(toleration, "effect"), text_at(toleration, "key")
    if effect and effect != text_at(taint, "effect"):
        return False
    if text_at(toleration, "operator") == "Exists":
        return not key or key == text_at(taint, "key")
    return key == text_at(taint, "key") and text_at(toleration, "value") == text_at(taint, "value")


def _requests(spec: Mapping[str, Any]) -> dict[str, float]:
    wanted: dict[str, float] = {}
    for container in maps_at(spec, "containers"):
        asked = {**map_at(container, "resources", "limits"), **map_at(container, "resources", "requests")}
        for key, value in asked.items():
            wanted[key] = wanted.get(key, 0.0) + (quantity(value) or 0.0)
    return wanted


def _has_room(store: Store, node: RawObject, spec: Mapping[str, Any]) -> bool:
    wanted = _requests(spec)
    if not wanted:
        return True
    here = [
        pod
        for pod in listed(store, "pods")
        if text_at(pod, "spec", "nodeName") == name_of(node) and text_at(pod, "status", "phase") not in ("Succeeded", "Failed")
    ]
    used = [_requests(map_at(pod, "spec")) for pod in here]
    for key, amount in wanted.items():
        room = (quantity(text_at(node, "status", "allocatable", key)) or 0.0) - sum(pod.get(key, 0.0) for pod in used)
        # Sums of fractions are compared with a little room, as they are not exact.
        if amount > room + 1e-6:
            return False
    return True
