"""Dumps of clients before 1.12, which printed Kubernetes' internal types: `Items`, `Spec`, the metadata's fields inlined.

Field names lose their Go spelling (`PodCIDR` is `podCIDR`, `UID` is `uid`); keys that people chose (labels, data, resources) stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_METADATA = (
    "name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds "
    "labels annotations ownerReferences finalizers"
).split()
_FREE = frozenset("labels annotations data selector matchLabels nodeSelector limits requests capacity allocatable".split())
"""Mappings whose keys are nobody's field names."""
_KINDS: tuple[tuple[str, str, str, str], ...] = (
    ("involvedObject", "", "Event", "v1"),
    ("status", "nodeInfo", "Node", "v1"),
    ("spec", "containers", "Pod", "v1"),
    ("spec", "clusterIP", "Service", "v1"),
    ("spec", "updateStrategy", "DaemonSet", "apps/v1"),
    ("spec", "strategy", "Deployment", "apps/v1"),
)
"""What tells one internal type from another: a field (with one below it) that only this one has."""


def is_internal(document: object) -> bool:
    """Whether a document is a list of internal types."""
    return isinstance(document, Mapping) and isinstance(document.get("Items"), list) and "kind" not in document


def as_list(document: Mapping[str, Any]) -> dict[str, Any]:
    """The list as the API gives it, each item with its kind; items that are none of the dumped kinds are left without one."""
    return {"kind": "List", "apiVersion": "v1", "items": [_object(item) for item in document["Items"] if isinstance(item, Mapping)]}


def _object(item: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {_name(str(key)): _value(_name(str(key)), value) for key, value in item.items()}
    metadata = {key: renamed.pop(key) for key in _METADATA if key in renamed}
    made = {**renamed, "metadata": metadata}
    for part, inner, kind, version in _KINDS:
        held = made.get(part)
        if isinstance(held, Mapping) and (not inner or inner in held):
            return {"kind": kind, "apiVersion": version, **made}
    spec = made.get("spec")
    if isinstance(spec, Mapping) and "replicas" in spec:
        labelled = isinstance(spec.get("selector"), Mapping) and "matchLabels" in spec["selector"]
        return {"kind": "ReplicaSet" if labelled else "ReplicationController", "apiVersion": "apps/v1" if labelled else "v1", **made}
    return made


def _value(name: str, value: object) -> Any:
    if isinstance(value, Mapping):
        if name in _FREE and not any(key in value for key in ("MatchLabels", "matchLabels")):
            return dict(value)
        return {_name(str(key)): _value(_name(str(key)), inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_value(name, inner) for inner in value]
    return value


def _name(key: str) -> str:
    """A Go field's name as JSON spells it: `PodCIDR` podCIDR, `UID` uid, `ClusterIP` clusterIP, `DNSPolicy` dnsPolicy."""
    leading = re.match(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z]", key)
    return key if leading is None else leading[0].lower() + key[leading.end() :]
