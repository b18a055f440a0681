"""Manifests of bounds: PodDisruptionBudget, HorizontalPodAutoscaler, PersistentVolumeClaim, ResourceQuota, LimitRange."""

from __future__ import annotations

import re

from engine.analyzers.common.containers import pod_template
from engine.cluster.objects import map_at, maps_at
from engine.language.answers.templates.manifests.facts import Facts, Raw, made, noun, selector_of


def disruption_budget(facts: Facts) -> list[Raw]:
    """A PodDisruptionBudget for a workload."""
    workload = facts.object("Deployment", "StatefulSet", "DaemonSet")
    name = facts.name(workload.name if workload else noun(facts, "app"))
    most = facts.has(r"\bmax\w*\s*unavailable\W{0,4}(\d+%?)|\bat most (\d+%?)")
    least = facts.has(r"\bmin\w*\s*available\W{0,4}(\d+%?)|\bat least (\d+%?)|\bkeep (\d+%?)")
    if least:
        rule: Raw = {"minAvailable": _number(next(g for g in least.groups() if g))}
    else:
        rule = {"maxUnavailable": _number(next(g for g in most.groups() if g)) if most else 1}
        if not most:
            facts.assumed.append("maxUnavailable 1")
    return [
        made(
            "policy/v1",
            "PodDisruptionBudget",
            name,
            facts.place,
            spec={**rule, "selector": {"matchLabels": selector_of(workload) if workload else {"app": name}}},
        )
    ]


def autoscaler(facts: Facts) -> list[Raw]:
    """A HorizontalPodAutoscaler on CPU or memory."""
    workload = facts.object("Deployment", "StatefulSet")
    name = workload.name if workload else facts.name(noun(facts, "app"))
    bounds = facts.has(r"\b(\d{1,3})\s*(?:to|and|-|–)\s*(\d{1,3})\b")
    least = int(bounds.group(1)) if bounds else int(facts.take(r"\bmin\w*\W{0,3}(\d+)", "2", "minReplicas"))
    most = int(bounds.group(2)) if bounds else int(facts.take(r"\bmax\w*\W{0,3}(\d+)", str(max(5, least)), "maxReplicas"))
    what = "memory" if facts.has(r"\bmemory\b") else "cpu"
    share = int(facts.take(r"(\d{1,3})\s*(?:%|percent)", "70", "target utilization in percent"))
    if workload is not None and not all(
        map_at(c, "resources", "requests").get(what) for c in maps_at(pod_template(workload), "spec", "containers")
    ):
        facts.assumed.append(f"a {what} request for every container of {workload.name}: one has none now, and without it this cannot scale")
    metric = {"type": "Resource", "resource": {"name": what, "target": {"type": "Utilization", "averageUtilization": share}}}
    target = {"apiVersion": "apps/v1", "kind": workload.kind if workload else "Deployment", "name": name}
    return [
        made(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            name,
            facts.place,
            spec={"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most, "metrics": [metric]},
        )
    ]


def volume_claim(facts: Facts) -> list[Raw]:
    """A PersistentVolumeClaim."""
    size = facts.take(r"\b(\d+(?:\.\d+)?\s?(?:[KMGT]i?B?|gigs?|gigabytes?))\b", "1Gi", "size")
    amount = (
        re.sub(r"\s?(?:gigs?|gigabytes?|GB|G)$", "Gi", size, flags=re.I)
        if re.search(r"(?:gigs?|gigabytes?|GB)$", size, re.I)
        else size.replace(" ", "").removesuffix("B")
    )
    mode = "ReadWriteMany" if facts.has(r"\brwx\b|readwritemany|shared|several nodes|many nodes") else "ReadWriteOnce"
    spec: Raw = {"accessModes": [mode], "resources": {"requests": {"storage": amount}}}
    said = facts.has(r"\b(?:storage ?)?class(?: ?name)?\s+[\"'`]?([a-z0-9][a-z0-9.-]*)")
    classes = facts.view.within("storageclasses.storage.k8s.io", None)
    default = next((c.name for c in classes if c.annotations.get("storageclass.kubernetes.io/is-default-class") == "true"), "")
    if said:
        spec["storageClassName"] = said.group(1)
        if classes and said.group(1) not in [c.name for c in classes]:
            facts.assumed.append(f"that a StorageClass {said.group(1)} will exist: there is none now, so the claim would stay Pending")
        elif not classes:
            facts.assumed.append(f"that StorageClass {said.group(1)} exists: none can be seen here")
    elif default:
        spec["storageClassName"] = default
        facts.assumed.append(f"the default StorageClass {default}")
    else:
        facts.assumed.append("no storageClassName, and the cluster shows no default StorageClass: the claim would stay Pending")
    return [made("v1", "PersistentVolumeClaim", facts.name("data"), facts.place, spec=spec)]


def resource_quota(facts: Facts) -> list[Raw]:
    """A ResourceQuota of a namespace."""
    cpu = facts.take(r"\b(\d+(?:m)?)\s*(?:cpus?|cores?)\b|\bcpus?\W{1,3}(\d+m?)\b", "4", "CPU requests")
    memory = facts.take(r"\b(\d+(?:\.\d+)?[KMGT]i?)\b", "8Gi", "memory requests")
    pods = facts.take(r"\b(\d+)\s+pods\b", "20", "pods")
    hard = {"requests.cpu": cpu, "requests.memory": memory, "limits.memory": memory, "pods": pods}
    return [made("v1", "ResourceQuota", facts.name("quota"), facts.place, spec={"hard": hard})]


def limit_range(facts: Facts) -> list[Raw]:
    """A LimitRange with defaults for containers."""
    memory = facts.take(r"\b(\d+(?:\.\d+)?[KMGT]i)\b", "256Mi", "default memory limit")
    cpu = facts.take(r"\b(\d+m)\b", "100m", "default CPU request")
    limit = {"type": "Container", "default": {"memory": memory}, "defaultRequest": {"cpu": cpu, "memory": memory}}
    return [made("v1", "LimitRange", facts.name("defaults"), facts.place, spec={"limits": [limit]})]


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text
