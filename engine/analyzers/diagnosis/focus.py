"""Which objects a question is about: names in its words matched against what is there, and what belongs to them."""

# ruff: noqa: E501 - word lists stand on one line each
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from engine.analyzers.common.callees import Callees
from engine.analyzers.common.links import links
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.settings import references
from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import KIND_OF, RESOURCE_OF_KIND
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import ObjectRef

_NAMESPACED = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Service",
    "Ingress",
    "Pod",
    "ReplicaSet",
    "PersistentVolumeClaim",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "ResourceQuota",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
)
_CLUSTER_WIDE = ("Node", "Namespace", "PersistentVolume", "StorageClass", "IngressClass", "PriorityClass", "APIService")
_MOST_CUSTOM = 200
_TOKEN = re.compile(r"[a-z0-9](?:[-a-z0-9._]*[a-z0-9])?", re.IGNORECASE)
COMMON = frozenset(
    "a an and any are as at be by can cannot could do does down error errors ever failing fails fix for from get gets have how i in is it its keep keeps my no not "
    "of off ok on or our out pod pods ready restart restarting running see service services should since started status stuck the then there this to up was we "
    "what when which why will with working wrong namespace deployment cluster node nodes job jobs image volume default system kube app apps api all".split()
)


def named_objects(view: ClusterView, query: str) -> list[ObjectRef]:
    """Objects whose names stand in the query: exact names first, else those that begin with a word of it."""
    words = [w.lower().rstrip(".") for w in _TOKEN.findall(query)]
    words += ["-".join(pair) for pair in pairwise(words)]
    bare = {part for w in words for part in (w, w.rpartition("/")[2]) if part}
    exact: list[ObjectRef] = []
    prefix: list[ObjectRef] = []
    for obj, kind in _objects(view):
        name = obj.name.lower()
        ref = ObjectRef(kind, obj.namespace, obj.name)
        if name in bare and (name not in COMMON or f"{kind.lower()} {name}" in query.lower()):
            exact.append(ref)
        elif kind == "Ingress" and any(text_at(r, "host").lower() in bare for r in obj.maps("spec", "rules") if text_at(r, "host")):
            exact.append(ref)
        elif kind not in ("ConfigMap", "Secret", "ServiceAccount", "Namespace") and any(
            len(w) >= 4
            and w not in COMMON
            and (name.startswith(f"{w}-") or (f"{w}s" == name or f"{name}s" == w) or (len(name) >= 4 and w.startswith(f"{name}-")))
            for w in bare
        ):
            prefix.append(ref)
    strong = [r for r in exact if r.kind != "Namespace"]
    if strong:
        return strong + [r for r in exact if r.kind == "Namespace"]
    return prefix[:40] + exact


def _objects(view: ClusterView) -> Iterable[tuple[Obj, str]]:
    for kind in _NAMESPACED:
        for obj in view.all(RESOURCE_OF_KIND[kind]):
            yield obj, kind
    for kind in _CLUSTER_WIDE:
        for obj in view.all(RESOURCE_OF_KIND[kind]):
            yield obj, kind
    for kind, resources in view.custom_kinds.items():
        for obj in (o for resource in resources for o in view.all(resource)):
            yield obj, kind


def related(view: ClusterView, named: Sequence[ObjectRef]) -> dict[ObjectRef, float]:
    """What belongs to the named objects, with how near: 1 the object, its owner and what it owns; less for what it uses and who serves it."""
    near: dict[ObjectRef, float] = {}
    callees = Callees(view) if named else None
    for ref in named:
        if ref.kind == "Namespace":
            near[ref] = max(near.get(ref, 0.0), 0.6)
            continue
        for one, weight in _around(view, callees, ref):
            near[one] = max(near.get(one, 0.0), weight)
    return near


_INSTANCE = ("app.kubernetes.io/instance", "helm.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/name", "argocd.argoproj.io/instance")


def _custom_about(view: ClusterView, obj: Obj, top: ObjectRef) -> Iterable[ObjectRef]:
    """The custom resources that an object belongs to: of its name, named in its labels or by Helm, or with a reference to it."""
    if obj.kind not in KIND_OF or not obj.namespace:
        return
    workload = view.find_ref(top) or obj
    names = {
        obj.name,
        top.name,
        workload.annotations.get("meta.helm.sh/release-name", ""),
        *(workload.labels.get(k, "") for k in _INSTANCE),
    }
    for resource in [r for found in view.custom_kinds.values() for r in found]:
        for custom in view.within(resource, obj.namespace)[:_MOST_CUSTOM]:
            if custom.name in names or any(link.to in (obj.ref, top) for link in links(view, custom)):
                yield custom.ref


def _guarded(view: ClusterView, budget: Obj) -> Iterable[Obj]:
    """The pods that a disruption budget protects."""
    return (p for p in view.within("pods", budget.namespace) if selects(budget.map("spec", "selector"), p.labels))


def _around(view: ClusterView, callees: Callees | None, ref: ObjectRef) -> Iterable[tuple[ObjectRef, float]]:
    yield ref, 1.0
    obj = view.find_ref(ref)
    if obj is None or callees is None:
        return
    top = view.workload_of(obj)
    yield top, 1.0
    workload = view.find_ref(top) or obj
    if ref.kind == "Ingress":
        for name in {text_at(p, "backend", "service", "name") for r in obj.maps("spec", "rules") for p in maps_at(r, "http", "paths")}:
            yield ObjectRef("Service", obj.namespace, name), 0.8
            service = view.find("services", obj.namespace, name)
            for behind in callees.behind(service) if service else []:
                yield behind.ref, 0.7
        return
    if ref.kind == "Service":
        for behind in callees.behind(obj):
            yield behind.ref, 0.9
        return
    if ref.kind == "HorizontalPodAutoscaler":
        yield ObjectRef(obj.text("spec", "scaleTargetRef", "kind"), obj.namespace, obj.text("spec", "scaleTargetRef", "name")), 0.8
        return
    yield from ((one, 0.8) for one in _custom_about(view, obj, top))
    if ref.kind == "Node":
        for budget in view.all("poddisruptionbudgets.policy"):
            if any(p.text("spec", "nodeName") == ref.name for p in _guarded(view, budget)):
                yield budget.ref, 0.6
    if ref.kind in ("PersistentVolumeClaim", "ConfigMap", "Secret", "NetworkPolicy", "Node"):
        return
    spec = (
        workload.map("spec", "template", "spec") or workload.map("spec", "jobTemplate", "spec", "template", "spec") or workload.map("spec")
    )
    for reference in references(workload.namespace, spec):
        yield reference.object, 0.6
    for callee in callees.in_settings(workload.namespace, spec):
        yield callee.ref, 0.55
        for behind in callees.behind(callee.service) if callee.service is not None else []:
            if behind.ref != top:
                yield behind.ref, 0.5
    for pod in view.within("pods", obj.namespace) if obj.kind != "Pod" else [obj]:
        if view.workload_of(pod) == top:
            yield pod.ref, 0.9
            for volume in pod.maps("spec", "volumes"):
                claim = text_at(volume, "persistentVolumeClaim", "claimName")
                if claim:
                    yield ObjectRef("PersistentVolumeClaim", pod.namespace, claim), 0.8
    for job in view.within("jobs.batch", obj.namespace) if top.kind == "CronJob" else []:
        if job.controller == top:
            yield job.ref, 0.9
    for hpa in view.within("horizontalpodautoscalers.autoscaling", obj.namespace):
        if hpa.text("spec", "scaleTargetRef", "name") == workload.name:
            yield hpa.ref, 0.85
