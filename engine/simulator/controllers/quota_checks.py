"""Why a pod would not even be created: its service account is missing, or the namespace's quota is used up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.cluster.objects import labels_at, map_at, maps_at, text_at
from engine.cluster.usage import quantity
from engine.simulator.controllers.pods import is_active
from engine.simulator.controllers.store import Store, found, listed, name_of

COUNTED = {"pods", "count/pods"}
POD_SECURITY = re.compile(r'violates PodSecurity "(\w+)')
ENFORCE = "pod-security.kubernetes.io/enforce"
OWN_WORDS = ("exceeded quota", "error looking up service account")
"""The beginnings of refusals that are evaluated again each time; any other recorded refusal stays."""


def refusal(store: Store, namespace: str, name: str, spec: Mapping[str, Any]) -> str:
    """The message of the refusal, in the API server's words, or ""."""
    account = text_at(spec, "serviceAccountName", default="default")
    if listed(store, "serviceaccounts", namespace) and found(store, "serviceaccounts", namespace, account) is None:
        missing = f'serviceaccount "{account}" not found'
        return f'pods "{name}-" is forbidden: error looking up service account {namespace}/{account}: {missing}'
    for quota in listed(store, "resourcequotas", namespace):
        hard = labels_at(quota, "spec", "hard") or labels_at(quota, "status", "hard")
        if over := _over(store, namespace, spec, hard):
            requested, used, limited = (", ".join(f"{key}={row[i]}" for key, row in over.items()) for i in range(3))
            words = f"exceeded quota: {name_of(quota)}, requested: {requested}, used: {used}, limited: {limited}"
            return f'pods "{name}-" is forbidden: {words}'
    return ""


def stays(store: Store, namespace: str, message: str) -> bool:
    """Whether a recorded refusal is still in force: one that cannot be judged again here is, as is PodSecurity at the same level."""
    if not message or any(word in message for word in OWN_WORDS):
        return False
    level = POD_SECURITY.search(message)
    held = found(store, "namespaces", "", namespace)
    return level is None or labels_at(held, "metadata", "labels").get(ENFORCE, level[1]) == level[1]


def _over(store: Store, namespace: str, spec: Mapping[str, Any], hard: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """What the pod asks for, what is used and what is allowed, of each resource that it would exceed."""
    pods = [pod for pod in listed(store, "pods", namespace) if is_active(pod)]
    over = {}
    for key, limit in hard.items():
        asked, used = _amount(spec, key), sum(_amount(map_at(pod, "spec"), key) for pod in pods)
        # Sums of fractions are compared with a little room, as they are not exact.
        if asked and asked + used > (quantity(limit) or 0.0) * (1 + 1e-9):
            over[key] = (_written(asked, key), _written(used, key), limit)
    return over


def _amount(spec: Mapping[str, Any], key: str) -> float:
    if key in COUNTED:
        return 1.0
    part, _, resource = key.rpartition(".")
    return sum(quantity(text_at(container, "resources", part or "requests", resource)) or 0.0 for container in maps_at(spec, "containers"))


def _written(value: float, key: str) -> str:
    if key.endswith("cpu") and value != int(value):
        return f"{round(value * 1000)}m"
    if key.endswith("memory") and value % (1 << 20) == 0:
        return f"{int(value) >> 20}Mi"
    return str(int(value))
