"""HorizontalPodAutoscalers that do not scale, and PodDisruptionBudgets that let nothing go."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.citations import condition, field, fields, listed, nearest
from engine.analyzers.common.confidence import HINT, RELATION, STATE, confidence
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj, map_at, text_at
from engine.cluster.usage import quantity
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

_HPAS, _PDBS = "horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy"
_METRIC_GROUPS = {
    "FailedGetResourceMetric": ("metrics.k8s.io", "the resource metrics API (metrics.k8s.io, served by metrics-server)"),
    "FailedGetContainerResourceMetric": ("metrics.k8s.io", "the resource metrics API (metrics.k8s.io, served by metrics-server)"),
    "FailedGetPodsMetric": ("custom.metrics.k8s.io", "the custom metrics API (custom.metrics.k8s.io, served by a metrics adapter)"),
    "FailedGetObjectMetric": ("custom.metrics.k8s.io", "the custom metrics API (custom.metrics.k8s.io, served by a metrics adapter)"),
    "FailedGetExternalMetric": (
        "external.metrics.k8s.io",
        "the external metrics API (external.metrics.k8s.io, served by a metrics adapter)",
    ),
}
_UNAVAILABLE = (
    "could not find the requested resource",
    "no metrics returned",
    "unable to fetch metrics",
    "no custom metrics API",
    "no external metrics API",
    "unable to get",
    "did not receive metrics",
)
_NO_REQUEST = re.compile(r"missing request for (?P<resource>[\w./-]+)(?: in container (?P<container>\S+))?(?: of Pod (?P<pod>\S+))?")


@analyzer(
    "autoscalers", speciality="workload", needs=(_HPAS, "deployments.apps", "statefulsets.apps", "apiservices.apiregistration.k8s.io")
)
def autoscalers(view: ClusterView) -> Iterator[Finding]:
    """Each autoscaler's target, metrics and limits."""
    by_target: dict[tuple[str, str, str], Obj] = {}
    for hpa in view.all(_HPAS):
        key = (hpa.namespace, hpa.text("spec", "scaleTargetRef", "kind"), hpa.text("spec", "scaleTargetRef", "name"))
        if key in by_target:
            yield _finding(
                hpa,
                "SeveralAutoscalers",
                "warning",
                f"HorizontalPodAutoscalers {by_target[key].name} and {hpa.name} both scale {key[1]} {key[2]} and work against each other",
                (field(hpa, "spec", "scaleTargetRef"), field(by_target[key], "spec", "scaleTargetRef")),
                [RELATION, RELATION],
            )
        by_target.setdefault(key, hpa)
        yield from _autoscaler(view, hpa)


_SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def _autoscaler(view: ClusterView, hpa: Obj) -> Iterator[Finding]:
    kind, name = hpa.text("spec", "scaleTargetRef", "kind"), hpa.text("spec", "scaleTargetRef", "name")
    resource = RESOURCE_OF_KIND.get(kind)
    target = view.find(resource, hpa.namespace, name) if resource else None
    able, active, limited = hpa.condition("AbleToScale"), hpa.condition("ScalingActive"), hpa.condition("ScalingLimited")
    gone = bool(resource) and target is None and view.can_see(resource or "", hpa.namespace)
    if gone or (able.get("status") == "False" and able.get("reason") == "FailedGetScale"):
        yield _no_target(view, hpa, kind, name, resource)
        return
    if target is not None and kind not in _SCALABLE:
        text = f"HorizontalPodAutoscaler {hpa.name} cannot scale {kind} {name}: a {kind} has no number of replicas that could be set"
        cited = (field(hpa, "spec", "scaleTargetRef"),)
        yield _finding(hpa, "AutoscalerUnable", "warning", text, cited, [RELATION, STATE], owner=target)
    elif active.get("status") == "False":
        yield _not_active(view, hpa, target, active.get("reason"), str(active.get("message") or ""))
    elif able.get("status") == "False":
        text = f"HorizontalPodAutoscaler {hpa.name} cannot scale {kind} {name}: {_flat(able.get('message'))} ({able.get('reason')})"
        yield _finding(hpa, "AutoscalerUnable", "warning", text, (condition(hpa, "AbleToScale"),), [STATE], owner=target)
    elif limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
        most = hpa.number("spec", "maxReplicas")
        fixed = hpa.number("spec", "minReplicas", default=1) == most
        why = f"minReplicas and maxReplicas are both {most}" if fixed else f"maxReplicas is {most}"
        yield _finding(
            hpa,
            "AutoscalerAtMaximum",
            "warning",
            f"HorizontalPodAutoscaler {hpa.name} would scale {kind} {name} beyond {most} replicas but may not: {why}{_load(hpa)}",
            (
                condition(hpa, "ScalingLimited"),
                *fields(hpa, ("spec", "maxReplicas"), ("spec", "minReplicas"), ("status", "currentMetrics")),
            ),
            [STATE, RELATION],
            (
                Remedy(
                    "raise maxReplicas, if the cluster has room for it",
                    f'kubectl -n {hpa.namespace} patch hpa {hpa.name} --type=merge -p \'{{"spec":{{"maxReplicas":NUMBER}}}}\'',
                    "mutate",
                ),
            ),
            owner=target,
        )
    elif hpa.number("spec", "minReplicas", default=1) == hpa.number("spec", "maxReplicas", default=-1):
        yield _finding(
            hpa,
            "AutoscalerFixed",
            "info",
            f"HorizontalPodAutoscaler {hpa.name} can never scale: minReplicas and maxReplicas are both {hpa.number('spec', 'maxReplicas')}",
            fields(hpa, ("spec", "minReplicas"), ("spec", "maxReplicas")),
            [STATE, RELATION],
            owner=target,
        )


def _load(hpa: Obj) -> str:
    for now in hpa.maps("status", "currentMetrics"):
        current = text_at(now, "resource", "current", "averageUtilization")
        for metric in hpa.maps("spec", "metrics"):
            wanted = text_at(metric, "resource", "target", "averageUtilization")
            if current and wanted and text_at(metric, "resource", "name") == text_at(now, "resource", "name"):
                return f" ({text_at(now, 'resource', 'name')} is at {current}%, the target is {wanted}%)"
    return ""


def _no_target(view: ClusterView, hpa: Obj, kind: str, name: str, resource: str | None) -> Finding:
    names = [o.name for o in view.within(resource, hpa.namespace)] if resource else []
    guess = nearest(name, names)
    other = next((k for k in ("Deployment", "StatefulSet") if k != kind and view.find(RESOURCE_OF_KIND[k], hpa.namespace, name)), "")
    hint = f"; did you mean {guess}?" if guess else f"; there is a {other} of that name" if other else ""
    said = hpa.condition("AbleToScale")
    patch = f'{{"spec":{{"scaleTargetRef":{{"apiVersion":"apps/v1","kind":"{other or kind}","name":"{guess or name}"}}}}}}'
    return _finding(
        hpa,
        "AutoscalerTargetNotFound",
        "critical",
        f"HorizontalPodAutoscaler {hpa.name} scales {kind} {name}, which does not exist in namespace {hpa.namespace}{hint}",
        (field(hpa, "spec", "scaleTargetRef"), *((condition(hpa, "AbleToScale"),) if said.get("status") == "False" else ())),
        [RELATION, STATE],
        (Remedy("correct scaleTargetRef", f"kubectl -n {hpa.namespace} patch hpa {hpa.name} --type=merge -p '{patch}'", "mutate"),),
    )


def _not_active(view: ClusterView, hpa: Obj, target: Obj | None, reason: object, message: str) -> Finding:
    name = hpa.text("spec", "scaleTargetRef", "name")
    lead = f"HorizontalPodAutoscaler {hpa.name} does not scale {hpa.text('spec', 'scaleTargetRef', 'kind')} {name}"
    said = condition(hpa, "ScalingActive")
    missing = _NO_REQUEST.search(message)
    bare = _without_requests(hpa, target) if target is not None else ("", "")
    absent = "could not find the requested resource" in message or "no custom metrics API" in message
    if missing or (bare[0] and not absent):
        resource = missing["resource"] if missing else bare[0]
        container = (missing["container"] if missing else bare[1]) or "its containers"
        kind = target.kind.lower() if target else "deployment"
        command = f"kubectl -n {hpa.namespace} set resources {kind}/{name} --requests={resource}=AMOUNT"
        text = f"{lead}: it aims at a share of the {resource} request, and container {container} has no {resource} request"
        evidence: tuple[Evidence, ...] = (said, *((field(target, "spec", "template", "spec", "containers"),) if target else ()))
        remedy = Remedy(f"set a {resource} request on every container", command, "mutate")
        return _finding(
            hpa, "AutoscalerNeedsRequests", "critical", text, evidence, [STATE, RELATION], (remedy,), owner=target, object_=target
        )
    if reason == "ScalingDisabled":
        text = f"{lead}: its target is scaled to 0 replicas, which turns the autoscaler off"
        remedy = Remedy(
            "give the target a replica",
            f"kubectl -n {hpa.namespace} scale {target.kind.lower() if target else 'deployment'}/{name} --replicas=1",
            "mutate",
        )
        return _finding(hpa, "AutoscalerDisabled", "warning", text, (said,), [STATE, RELATION], (remedy,), owner=target)
    group, words = _METRIC_GROUPS.get(str(reason), ("", ""))
    if group and any(known in message for known in _UNAVAILABLE):
        service = next((a for a in view.within("apiservices.apiregistration.k8s.io", None) if a.text("spec", "group") == group), None)
        causes: tuple[str, ...] = ()
        if service is None and "returned" not in message and "did not receive" not in message:
            why = f"{words} is not available in the cluster"
            remedy = Remedy(f"install what serves {group}", f"kubectl get --raw /apis/{group}", "read")
        elif service is not None and service.condition("Available").get("status") == "False":
            why = f"{words} is registered but unavailable ({service.condition('Available').get('reason')})"
            causes = (f"APIServiceUnavailable/APIService//{service.name}",)
            remedy = Remedy("see why the API is down", f"kubectl describe apiservice {service.name}", "read")
        else:
            why = f"{words} has no values for it"
            remedy = Remedy("see whether the metrics come", f"kubectl -n {hpa.namespace} top pods", "read")
        if bare[0]:
            why += f"; besides, container {bare[1]} has no {bare[0]} request"
        text = f"{lead}: {why} ({_flat(message)})"
        return _finding(hpa, "AutoscalerMetrics", "critical", text, (said,), [STATE, RELATION], (remedy,), owner=target, causes=causes)
    text = f"{lead}: {_flat(message)} ({reason})"
    see = Remedy("see its conditions and events", f"kubectl -n {hpa.namespace} describe hpa {hpa.name}", "read")
    return _finding(hpa, "AutoscalerInactive", "warning", text, (said,), [STATE], (see,), owner=target)


def _without_requests(hpa: Obj, target: Obj) -> tuple[str, str]:
    """(resource, container) of the first utilisation metric that a container has no request for, or ("", "")."""
    for metric in hpa.maps("spec", "metrics"):
        resource = text_at(metric, "resource", "name")
        if not resource or text_at(metric, "resource", "target", "type") != "Utilization":
            continue
        for container in target.maps("spec", "template", "spec", "containers"):
            sizes = {**map_at(container, "resources", "limits"), **map_at(container, "resources", "requests")}
            if quantity(sizes.get(resource)) is None:
                return resource, text_at(container, "name")
    return "", ""


@analyzer("disruption-budgets", speciality="workload", needs=(_PDBS, "pods"))
def disruption_budgets(view: ClusterView) -> Iterator[Finding]:
    """Budgets that allow no eviction at all, select nothing, or overlap."""
    budgets = view.all(_PDBS)
    for pdb in budgets:
        pods = [
            p for p in view.within("pods", pdb.namespace) if p.namespace == pdb.namespace and selects(pdb.map("spec", "selector"), p.labels)
        ]
        expected, healthy = pdb.number("status", "expectedPods"), pdb.number("status", "currentHealthy")
        desired = pdb.number("status", "desiredHealthy")
        rule = _rule(pdb)
        synced = pdb.condition("DisruptionAllowed")
        if synced.get("status") == "False" and synced.get("reason") == "SyncFailed":
            text = f"PodDisruptionBudget {pdb.name} cannot be computed, so it blocks every eviction: {_flat(synced.get('message'))}"
            yield _finding(pdb, "DisruptionBudgetFailed", "warning", text, (condition(pdb, "DisruptionAllowed"),), [STATE])
        elif not pods and not expected:
            text = f"PodDisruptionBudget {pdb.name} selects no pod, so it protects nothing"
            yield _finding(pdb, "DisruptionBudgetSelectsNothing", "info", text, (field(pdb, "spec", "selector"),), [RELATION, STATE])
        elif pdb.number("status", "disruptionsAllowed") == 0 and expected:
            yield _blocking(view, pdb, pods, rule, expected, healthy, desired)
        other = next(
            (
                b
                for b in budgets
                if b.name < pdb.name and b.namespace == pdb.namespace and any(selects(b.map("spec", "selector"), p.labels) for p in pods)
            ),
            None,
        )
        if other is not None:
            text = f"PodDisruptionBudgets {other.name} and {pdb.name} select the same pods: the API server refuses to evict them at all"
            yield _finding(
                pdb,
                "DisruptionBudgetsOverlap",
                "warning",
                text,
                (field(pdb, "spec", "selector"), field(other, "spec", "selector")),
                [RELATION, RELATION],
            )


def _rule(pdb: Obj) -> str:
    for key in ("minAvailable", "maxUnavailable"):
        value = pdb.at("spec", key)
        if isinstance(value, int | str):
            return f"{key}: {value}"
    return "minAvailable: 1"


def _blocking(view: ClusterView, pdb: Obj, pods: list[Obj], rule: str, expected: int, healthy: int, desired: int) -> Finding:
    owner = view.workload_of(pods[0]) if pods else pdb.ref
    cordoned = {n.name for n in view.within("nodes", None) if n.flag("spec", "unschedulable")}
    draining = [p for p in pods if p.text("spec", "nodeName") in cordoned]
    never = desired >= expected
    if never:
        why = f"{rule} demands all {expected} of its pods" if expected > 1 else f"{rule} demands its only pod"
        severity: Severity = "warning" if expected > 1 or draining else "info"
    else:
        why = f"only {healthy} of {expected} pods are healthy and {rule} demands {desired}"
        severity = "warning" if draining else "info"
    drain = (
        f"; node {listed(sorted({p.text('spec', 'nodeName') for p in draining}))} is cordoned and cannot be drained"
        if draining
        else "; a node drain waits for ever"
    )
    return _finding(
        pdb,
        "DisruptionBudgetBlocks",
        severity,
        f"PodDisruptionBudget {pdb.name} allows no eviction of {owner.kind} {owner.name} (disruptionsAllowed 0): {why}{drain}",
        (*fields(pdb, ("spec",), ("status", "disruptionsAllowed")), *(field(p, "spec", "nodeName") for p in draining[:2])),
        [STATE, RELATION] if never else [STATE, HINT],
        (
            Remedy(
                "allow one pod to go at a time, or run more replicas",
                (
                    f"kubectl -n {pdb.namespace} patch pdb {pdb.name} --type=merge "
                    f'-p \'{{"spec":{{"maxUnavailable":1,"minAvailable":null}}}}\''
                ),
                "mutate",
            ),
        ),
        owner_ref=owner,
    )


def _flat(message: object) -> str:
    text = " ".join(str(message or "").split()).rstrip(". ")
    return text if len(text) <= 260 else text[:259] + "…"


def _finding(
    holder: Obj,
    code: str,
    severity: Severity,
    summary: str,
    evidence: tuple[Evidence, ...],
    weights: list[float],
    remedies: tuple[Remedy, ...] = (),
    *,
    owner: Obj | None = None,
    owner_ref: ObjectRef | None = None,
    object_: Obj | None = None,
    causes: tuple[str, ...] = (),
) -> Finding:
    short = "hpa" if holder.kind == "HorizontalPodAutoscaler" else "pdb"
    return Finding(
        code=code,
        severity=severity,
        object=object_.ref if object_ is not None else holder.ref,
        summary=summary,
        evidence=evidence,
        owner=owner_ref or (owner.ref if owner is not None else holder.ref),
        causes=causes,
        remedies=(
            *remedies,
            Remedy("see its conditions and events", f"kubectl -n {holder.namespace} describe {short} {holder.name}", "read"),
        ),
        confidence=confidence(weights),
        docs=(holder.kind, code),
        detail=holder.name if object_ is not None else "",
    )
