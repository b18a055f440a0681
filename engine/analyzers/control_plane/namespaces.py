"""Deletions that do not end: namespaces with content left, objects whose finalizer nobody removes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.citations import condition, field, fields, flat, listed
from engine.analyzers.common.confidence import HINT, RELATION, STATE, confidence
from engine.analyzers.common.relevance import severity_here
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_REMAINING = re.compile(r"([\w-]+\.[\w.-]*) has (\d+) resource instances")
_FINALIZER = re.compile(r"([\w./-]+) in (\d+) resource instances")
_STUCK_SECONDS = 60.0
_COMMON = (
    "configmaps",
    "services",
    "persistentvolumes",
    "deployments.apps",
    "statefulsets.apps",
    "jobs.batch",
    "ingresses.networking.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
)
_LEFT_BEHIND = tuple(r for r in dict.fromkeys(RESOURCE_OF_KIND.values()) if r not in ("events", "nodes", "namespaces") and "." not in r)
"""Built-in resources whose objects may still be in a namespace that does not end."""
_BUILT_IN = ("foregroundDeletion", "orphan", "kubernetes", "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection")


@analyzer("namespaces", speciality="workload", needs=("namespaces", "apiservices.apiregistration.k8s.io", *_LEFT_BEHIND))
def namespaces(view: ClusterView) -> Iterator[Finding]:
    """Namespaces in Terminating, with the objects that hold them."""
    for namespace in view.all("namespaces"):
        if view.namespace is not None and namespace.name != view.namespace:
            continue
        since = namespace.deleting_since
        if since is None and namespace.text("status", "phase") != "Terminating":
            continue
        if since is not None and (view.now - since).total_seconds() < 20:
            continue
        yield _terminating(view, namespace)


@analyzer("deletions", speciality="workload", needs=_COMMON)
def deletions(view: ClusterView) -> Iterator[Finding]:
    """Objects marked for deletion that a finalizer keeps, outside of namespaces that end as a whole."""
    ending = {n.name for n in view.within("namespaces", None) if n.deleting_since is not None}
    for resource in _COMMON:
        for obj in view.all(resource):
            since = obj.deleting_since
            if since is None or obj.namespace in ending or (view.now - since).total_seconds() < _STUCK_SECONDS:
                continue
            held = obj.texts("metadata", "finalizers")
            if held and (obj.kind != "PersistentVolume" or any(f not in _BUILT_IN for f in held)):
                yield _held(view, obj, held)


def _terminating(view: ClusterView, namespace: Obj) -> Finding:
    discovery = namespace.condition("NamespaceDeletionDiscoveryFailure")
    content = namespace.condition("NamespaceDeletionContentFailure")
    remaining = namespace.condition("NamespaceContentRemaining")
    finalizers = namespace.condition("NamespaceFinalizersRemaining")
    lead = f"Namespace {namespace.name} stays in Terminating"
    evidence: list[Evidence] = []
    causes: tuple[str, ...] = ()
    object_ = ObjectRef("Namespace", "", namespace.name)
    remedies: tuple[Remedy, ...] = ()
    holders = _holders(view, namespace, str(remaining.get("message") or ""))
    broken = [a for a in view.within("apiservices.apiregistration.k8s.io", None) if a.condition("Available").get("status") == "False"]
    undiscovered = discovery.get("status") == "True"
    if holders and not all(f in _BUILT_IN for f in holders[0][1]):
        first, names = holders[0]
        object_ = first.ref
        rest = f" (and {len(holders) - 1} more objects)" if len(holders) > 1 else ""
        why = f"{first.kind} {first.name} still carries the finalizer {listed(names)}{rest} and no controller removes it"
        evidence.append(field(first, "metadata", "finalizers"))
        if first.at("metadata", "deletionTimestamp"):
            evidence.append(field(first, "metadata", "deletionTimestamp"))
        remedies = (_unhold(first),)
        if undiscovered and broken:
            why += f"; besides, APIService {listed(a.name for a in broken)} is unavailable, which keeps every namespace from being deleted"
            evidence.append(condition(namespace, "NamespaceDeletionDiscoveryFailure"))
    elif undiscovered:
        evidence.append(condition(namespace, "NamespaceDeletionDiscoveryFailure"))
        if broken:
            object_ = broken[0].ref
            causes = tuple(f"APIServiceUnavailable/APIService//{a.name}" for a in broken)
            why = (
                f"the API server cannot list all resources, since APIService {listed(a.name for a in broken)} "
                f"is unavailable ({broken[0].condition('Available').get('reason')})"
            )
            evidence.append(condition(broken[0], "Available"))
            remedies = (
                Remedy(
                    "bring the APIService's backend back, or delete the APIService if it is not needed",
                    f"kubectl get apiservice {broken[0].name} -o yaml",
                    "read",
                ),
            )
        else:
            why = f"the API server cannot list all resources: {flat(discovery.get('message'))}"
    elif finalizers.get("status") == "True" or remaining.get("status") == "True":
        said = flat(finalizers.get("message") if finalizers.get("status") == "True" else remaining.get("message"))
        why = said[:1].lower() + said[1:]
        names_ = [m.group(1) for m in _FINALIZER.finditer(said)]
        if names_:
            why += "; no controller removes the finalizer " + listed(names_)
    elif content.get("status") == "True":
        why = f"its content cannot be deleted: {flat(content.get('message'))}"
        evidence.append(condition(namespace, "NamespaceDeletionContentFailure"))
    else:
        extra = [f for f in namespace.texts("spec", "finalizers") + namespace.texts("metadata", "finalizers") if f != "kubernetes"]
        why = (
            f"its own finalizer {listed(extra)} has not been removed" if extra else "the namespace controller has not finished its deletion"
        )
        evidence += fields(namespace, ("spec", "finalizers"), ("metadata", "finalizers"))
    for kind, said_condition in (("NamespaceContentRemaining", remaining), ("NamespaceFinalizersRemaining", finalizers)):
        if said_condition.get("status") == "True":
            evidence.append(condition(namespace, kind))
    if not evidence:
        evidence.append(field(namespace, "status", "phase"))
    return Finding(
        code="NamespaceTerminating",
        severity="critical",
        object=object_,
        summary=f"{lead}: {why}",
        evidence=tuple(evidence),
        owner=ObjectRef("Namespace", "", namespace.name),
        causes=causes,
        remedies=(*remedies, Remedy("see what is left", f"kubectl get namespace {namespace.name} -o yaml", "read")),
        confidence=confidence([STATE, RELATION] if holders or causes else [STATE]),
        docs=("namespace stuck terminating", "finalizer"),
        detail="" if object_.kind == "Namespace" else namespace.name,
    )


def _holders(view: ClusterView, namespace: Obj, message: str) -> list[tuple[Obj, list[str]]]:
    """The objects left in a namespace that have finalizers, those that the namespace's condition names first."""
    named = [m.group(1).rstrip(".") for m in _REMAINING.finditer(message)]
    usual = _LEFT_BEHIND if not named else ()
    found = []
    for resource in [*named, *usual]:
        for obj in view.within(resource, namespace.name):
            held = [f for f in obj.texts("metadata", "finalizers") if f not in ("foregroundDeletion", "orphan")]
            if obj.namespace == namespace.name and held:
                found.append((obj, held))
    return sorted(found, key=lambda pair: all(f in _BUILT_IN for f in pair[1]))


def _held(view: ClusterView, obj: Obj, held: list[str]) -> Finding:
    return Finding(
        code="DeletionBlocked",
        severity=severity_here(view, "warning", bool(obj.namespace)),
        object=obj.ref,
        summary=f"{obj.kind} {obj.name} has been marked for deletion since {obj.text('metadata', 'deletionTimestamp')} and stays: "
        f"its finalizer {listed(held)} has not been removed by the controller that owns it",
        evidence=(field(obj, "metadata", "finalizers"), field(obj, "metadata", "deletionTimestamp")),
        owner=obj.ref,
        remedies=(_unhold(obj),),
        confidence=confidence([STATE, HINT]),
        docs=("finalizer", "stuck deletion"),
    )


def _unhold(obj: Obj) -> Remedy:
    scope = f"-n {obj.namespace} " if obj.namespace else ""
    patch = '{"metadata":{"finalizers":null}}'
    return Remedy(
        "find the controller that owns the finalizer; remove it by hand only after checking that its clean-up is done or not needed",
        f"kubectl {scope}patch {obj.kind.lower()} {obj.name} --type=merge -p '{patch}'",
        "mutate",
    )
