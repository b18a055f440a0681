"""Custom resources that do not work, followed from one to the next: to what they refer to, to what they own, to who acts on them."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import condition, field, fields, flat, nearest
from engine.analyzers.common.confidence import EVENT, HINT, LOG, RELATION, STATE, confidence
from engine.analyzers.common.links import Link, cluster_scoped, links, mentions
from engine.analyzers.common.relevance import severity_here
from engine.analyzers.common.view import ClusterView
from engine.analyzers.custom.controllers import controllers, reporters, said_of
from engine.analyzers.custom.verdict import Verdict, verdict
from engine.analyzers.registry import analyzer
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj, map_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_MOST_CRDS = 150
_MOST_OBJECTS = 300
_DEEPEST = 8
_UNTOUCHED_SECONDS = 120.0
_NEEDED = ("Secret", "ConfigMap", "Service", "ServiceAccount", "PersistentVolumeClaim", "StorageClass")
"""Built-in kinds whose absence breaks a custom resource that refers to them."""


@analyzer(
    "custom-resources",
    speciality="workload",
    needs=(
        _CRDS,
        "events",
        "pods",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "replicasets.apps",
        *(RESOURCE_OF_KIND[k] for k in _NEEDED),
    ),
)
def custom_resources(view: ClusterView) -> Iterator[Finding]:
    """Definitions that are not established, custom resources that no controller has touched or whose controller reports a failure."""
    trail = _Trail(view)
    for crd in view.all(_CRDS)[:_MOST_CRDS]:
        established = crd.condition("Established")
        if established.get("status") == "False" or crd.condition("NamesAccepted").get("status") == "False":
            why = next((c for c in crd.conditions() if c.get("status") == "False"), {})
            yield _finding(
                crd.ref,
                "CrdNotEstablished",
                severity_here(view, "critical", False),
                f"CustomResourceDefinition {crd.name} is not established: {flat(why.get('message')) or why.get('reason')}",
                (condition(crd, text_at(why, "type")),),
                [STATE],
                f"kubectl describe crd {crd.name}",
            )
            continue
        if crd.text("spec", "scope") == "Cluster" and view.namespace is not None:
            continue
        resource = f"{crd.text('spec', 'names', 'plural')}.{crd.text('spec', 'group')}"
        objects = [o for o in view.all(resource) if o.deleting_since is None][:_MOST_OBJECTS]
        untouched = [o for o in objects if _untouched(view, o)]
        if untouched and len(untouched) == len(objects):
            yield from _no_controller(view, crd, untouched)
        for obj in objects:
            if obj not in untouched:
                trail.follow(obj)
        for obj, here in _pointing_here(view, resource):
            trail.follow(obj, about=here)
    yield from trail.found.values()


def _pointing_here(view: ClusterView, resource: str) -> Iterator[tuple[Obj, ObjectRef]]:
    """Broken objects of other namespaces that refer to something in the view's own (a route to its Service), with what they refer to."""
    if view.namespace is None or view.targeted:
        return
    for obj in view.within(resource, None)[:_MOST_OBJECTS]:
        if obj.namespace in ("", view.namespace) or verdict(obj, view.now) is None:
            continue
        here = next((link.to for link in links(view, obj) if link.to.namespace == view.namespace), None)
        if here is not None:
            yield obj, here


class _Trail:
    """Findings of custom resources by id, each with the ids of what it follows from."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.found: dict[str, Finding] = {}
        self._known: dict[ObjectRef, tuple[str, ...]] = {}
        self._children: dict[str, list[Obj]] | None = None

    def follow(self, obj: Obj, depth: int = 0, about: ObjectRef | None = None) -> tuple[str, ...]:
        """The ids of the findings that say what is wrong with an object: its own, or those of what it owns where it says nothing.

        `about` is the object of the view's namespace that it concerns, where it lies elsewhere.
        """
        if obj.ref in self._known:
            return self._known[obj.ref]
        self._known[obj.ref] = ()  # a way that comes back here ends
        bad = verdict(obj, self.view.now)
        causes: list[str] = []
        if depth < _DEEPEST:
            for child in self._owned(obj):
                causes += self.follow(child, depth + 1)
            if bad is not None:
                causes += self._behind(obj, bad, depth)
        if bad is None:
            self._known[obj.ref] = tuple(causes)
            return self._known[obj.ref]
        finding = self._tell(obj, bad, tuple(dict.fromkeys(causes)), about)
        self.found[finding.id] = finding
        self._known[obj.ref] = (finding.id,)
        return self._known[obj.ref]

    def _behind(self, obj: Obj, bad: Verdict, depth: int) -> Iterator[str]:
        """What is wrong with the objects that an object refers to, in its fields or in the words of its status."""
        for link in links(self.view, obj):
            if link.makes:
                continue
            if link.to.kind in RESOURCE_OF_KIND:
                if self._missing(link):
                    yield self._absent(obj, link)
                continue
            target = self.view.locate(link.to)
            if target is not None:
                yield from self.follow(target, depth + 1) or self._lacks(target)
            elif self._unseen(link.to) or link.path.startswith("status"):
                continue
            elif bad.passes_on or mentions(bad.message, link.to.name):
                yield self._absent(obj, link)
        for other in self._named_in(obj, bad.message):
            yield from self.follow(other, depth + 1)

    def _lacks(self, obj: Obj) -> Iterator[str]:
        """What an object that says nothing of itself refers to and that is not there."""
        yield from (self._absent(obj, link) for link in links(self.view, obj) if not link.makes and self._missing(link))

    def _named_in(self, obj: Obj, message: str) -> Iterator[Obj]:
        for kind, resources in self.view.custom_kinds.items():
            if kind.lower() not in message.lower():
                continue
            for resource in resources:
                scope = None if self.view.namespace is None or cluster_scoped(self.view, kind) else obj.namespace
                yield from (o for o in self.view.within(resource, scope) if o.ref != obj.ref and mentions(message, o.name))

    def _missing(self, link: Link) -> bool:
        if link.to.kind not in _NEEDED or link.path.startswith("status"):
            return False
        resource = RESOURCE_OF_KIND[link.to.kind]
        return self.view.can_see(resource, link.to.namespace) and self.view.find_ref(link.to) is None

    def _unseen(self, ref: ObjectRef) -> bool:
        return any(not self.view.can_see(resource, ref.namespace) for resource in self.view.custom_kinds.get(ref.kind, ()))

    def _absent(self, obj: Obj, link: Link) -> str:
        ref = link.to
        resources = [RESOURCE_OF_KIND[ref.kind]] if ref.kind in RESOURCE_OF_KIND else self.view.custom_kinds.get(ref.kind, [])
        known = [o.name for r in resources for o in self.view.within(r, ref.namespace or None)]
        guess = nearest(ref.name, known)
        refused = self._not_deployed(ref)
        where = f" in namespace {ref.namespace}" if ref.namespace else ""
        finding = _finding(
            ref,
            "ReferenceNotFound",
            "critical",
            f"{ref.kind} {ref.name} does not exist{where}, and {obj.kind} {obj.name} refers to it ({link.path})"
            + (f"; did you mean {guess}?" if guess else "")
            + (f"; {refused.excerpt}" if refused is not None else ""),
            (Evidence(f"{obj.ref} {link.path}", ref.name, object=obj.ref), *([refused] if refused is not None else [])),
            [RELATION, STATE],
            f"kubectl get {ref.kind.lower()}" + (f" -n {ref.namespace}" if ref.namespace else ""),
            owner=obj.ref,
            detail=obj.name,
            advice=f"create the {ref.kind}, or correct the reference",
        )
        self.found[finding.id] = finding
        return finding.id

    def _not_deployed(self, ref: ObjectRef) -> Evidence | None:
        """What a deployer of any namespace (Argo CD's Application) says of an object that it failed to create."""
        for resource in [r for group in self.view.custom_kinds.values() for r in group]:
            for obj in self.view.within(resource, None):
                for entry in obj.maps("status", "operationState", "syncResult", "resources"):
                    if (text_at(entry, "kind"), text_at(entry, "name")) == (ref.kind, ref.name) and "Fail" in text_at(entry, "status"):
                        said = f"{obj.kind} {obj.name} in namespace {obj.namespace} could not create it: {flat(entry.get('message'))}"
                        return Evidence(f"{obj.ref} status.operationState.syncResult", said, object=obj.ref)
        return None

    def _owned(self, obj: Obj) -> list[Obj]:
        if self._children is None:
            self._children = {}
            for resource in [r for group in self.view.custom_kinds.values() for r in group]:
                for child in self.view.all(resource):
                    for owner in child.maps("metadata", "ownerReferences"):
                        self._children.setdefault(text_at(owner, "uid"), []).append(child)
        return self._children.get(obj.uid, []) if obj.uid else []

    def _tell(self, obj: Obj, bad: Verdict, causes: tuple[str, ...], about: ObjectRef | None) -> Finding:
        evidence, weights, more = [bad.evidence], [STATE], ""
        if not causes:
            crd = self._definition(obj)
            acting = reporters(self.view, obj) or (controllers(self.view, crd) if crd is not None else [])
            for text, piece in said_of(self.view, obj, acting):
                evidence.append(piece)
                weights.append(EVENT if piece.source.startswith("event") else LOG)
                if text[:50] not in bad.message and bad.message[:50] not in text and text not in more:
                    more += f"; its controller says “{text}”"
        where = f"-n {obj.namespace} " if obj.namespace else ""
        return _finding(
            obj.ref,
            "CustomResourceNotReady",
            "warning",
            f"{obj.kind} {obj.name} is {bad.state}" + (f": {bad.message}" if bad.message else "") + more,
            (*evidence, *fields(obj, ("spec",))),
            weights,
            f"kubectl {where}describe {obj.kind.lower()} {obj.name}",
            owner=about,
            causes=causes,
        )

    def _definition(self, obj: Obj) -> Obj | None:
        group = obj.text("apiVersion").rpartition("/")[0]
        return next(
            (
                crd
                for crd in self.view.within(_CRDS, None)
                if crd.text("spec", "names", "kind") == obj.kind and group in ("", crd.text("spec", "group"))
            ),
            None,
        )


def _untouched(view: ClusterView, obj: Obj) -> bool:
    """Whether nobody has ever written a status or an event to an object that had the time for it."""
    age = (view.now - obj.created).total_seconds() if obj.created else _UNTOUCHED_SECONDS
    return not obj.map("status") and age >= _UNTOUCHED_SECONDS and not view.events_of(obj)


def _has_status(crd: Obj) -> bool:
    return any(
        "status" in map_at(v, "subresources") or "status" in map_at(v, "schema", "openAPIV3Schema", "properties")
        for v in crd.maps("spec", "versions")
    )


def _acted_on(view: ClusterView, group: str) -> bool:
    """Whether somebody writes the status of any object of an API group."""
    resources = [r for found in view.custom_kinds.values() for r in found if r.partition(".")[2] == group]
    return any(o.map("status") for r in resources for o in view.within(r, None)[:20])


def _no_controller(view: ClusterView, crd: Obj, objects: list[Obj]) -> Iterator[Finding]:
    kind, group = crd.text("spec", "names", "kind"), crd.text("spec", "group")
    likely = controllers(view, crd)
    first = objects[0]
    many = f"{len(objects)} {crd.text('spec', 'names', 'plural')}" if len(objects) > 1 else f"{kind} {first.name}"
    evidence: tuple[Evidence, ...] = (field(first, "spec"), field(crd, "spec", "names"))
    object_ = first.ref
    if likely:
        idle = likely[0]
        state = (
            "is scaled to 0 replicas" if idle.at("spec", "replicas") == 0 else f"has {idle.number('status', 'readyReplicas')} ready pods"
        )
        why = f"its controller, {idle.kind} {idle.name} in namespace {idle.namespace}, {state}"
        evidence = (*evidence, field(idle, "spec", "replicas"))
        object_ = idle.ref if idle.at("spec", "replicas") == 0 or not idle.number("status", "readyReplicas") else first.ref
        command = f"kubectl -n {idle.namespace} get deployment {idle.name}"
    else:
        why = f"no controller for {group} is found running in the cluster"
        command = f"kubectl get deployments -A -o wide | grep -i {group.partition('.')[0]}"
    idle_or_absent = not likely or object_ != first.ref
    acted_on = _acted_on(view, group)
    if (not idle_or_absent and not (_has_status(crd) and acted_on)) or (not likely and acted_on):
        return  # a kind that holds settings only: its running controller reads it and writes nothing back
    yield _finding(
        object_,
        "NoController",
        "critical" if _has_status(crd) and idle_or_absent else "warning",
        f"Nobody acts on {many}: no status and no event was ever written, {why}",
        evidence,
        [RELATION, HINT] if _has_status(crd) and idle_or_absent else [HINT],  # the controller is known by words of its name alone
        command,
        owner=first.ref,
        detail=kind,
    )


def _finding(
    object_: ObjectRef,
    code: str,
    severity: Severity,
    summary: str,
    evidence: tuple[Evidence, ...],
    weights: list[float],
    command: str,
    *,
    owner: ObjectRef | None = None,
    detail: str = "",
    causes: tuple[str, ...] = (),
    advice: str = "see its state and events",
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        object=object_,
        summary=summary,
        evidence=evidence,
        owner=owner or object_,
        causes=causes,
        remedies=(Remedy(advice, command, "read"),),
        confidence=confidence(weights),
        docs=(object_.kind, code),
        detail=detail,
    )
