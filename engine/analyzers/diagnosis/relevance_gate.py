"""Whether a root cause lies on a chain to what was asked about; what does not is told elsewhere, never as the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.analyzers.common.containers import is_finished, is_ready
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.focus import related
from engine.analyzers.diagnosis.rank import Root
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj, labels_at, map_at, text_at
from engine.core.types import Finding, ObjectRef

_OWN = 0.8
"""`related` gives at least so much to the object itself, its owners and pods, its claims and its autoscaler."""


def belongings(view: ClusterView, asked: Sequence[ObjectRef], *, paths: bool = False) -> set[ObjectRef]:
    """The asked objects with their owner chains, pods and claims, and the Services and Ingresses in front of them.

    With `paths` the network policies that select their pods count, too: the question is about reaching them.
    """
    own = {ref for ref, weight in related(view, asked).items() if weight >= _OWN} | set(asked)
    for ref in asked:
        obj = view.find_ref(ref)
        if obj is None:
            continue
        own.add(view.workload_of(obj))
        pods = _pods(view, obj)
        for pod in pods:
            own.add(pod.ref)
            owner = pod.controller
            while owner is not None and owner not in own:
                own.add(owner)
                above = view.find_ref(owner)
                owner = above.controller if above is not None else None
        own |= _in_front(view, obj, pods, paths=paths)
    return own


def _pods(view: ClusterView, obj: Obj) -> list[Obj]:
    if obj.kind == "Pod":
        return [obj]
    if obj.kind in ("Node", "Namespace") or not obj.namespace:
        return []
    if obj.kind == "Service":
        selector = labels_at(obj.raw, "spec", "selector")
        return [pod for pod in view.within("pods", obj.namespace) if selector and all(pod.labels.get(k) == v for k, v in selector.items())]
    return [pod for pod in view.within("pods", obj.namespace) if view.workload_of(pod) == obj.ref or pod.controller == obj.ref]


def _in_front(view: ClusterView, obj: Obj, pods: Sequence[Obj], *, paths: bool) -> set[ObjectRef]:
    """What stands between clients and the pods of an object."""
    if not obj.namespace:
        return set()
    labels = labels_at(obj.raw, "spec", "template", "metadata", "labels") or (pods[0].labels if pods else {})
    found: set[ObjectRef] = set()
    services: set[str] = {obj.name} if obj.kind == "Service" else set()
    for service in view.within("services", obj.namespace):
        selector = labels_at(service.raw, "spec", "selector")
        if service.name == obj.name or (selector and labels and all(labels.get(k) == v for k, v in selector.items())):
            found.add(service.ref)
            services.add(service.name)
    for ingress in view.within(RESOURCE_OF_KIND["Ingress"], obj.namespace):
        behind = {
            text_at(path, "backend", "service", "name")
            for rule in ingress.maps("spec", "rules")
            for path in Obj({"p": map_at(rule, "http")}).maps("p", "paths")
        }
        if behind & services:
            found.add(ingress.ref)
    for policy in view.within(RESOURCE_OF_KIND["NetworkPolicy"], obj.namespace) if paths else ():
        if labels and selects(policy.map("spec", "podSelector"), labels):
            found.add(policy.ref)
    return found


def touches(finding: Finding, own: set[ObjectRef]) -> bool:
    """Whether a finding is about one of these objects."""
    return finding.object in own or (finding.owner is not None and finding.owner in own)


def on_chain(root: Root, findings: Iterable[Finding], own: set[ObjectRef]) -> bool:
    """Whether a root cause, or anything that it explains over any number of steps, is about one of these objects."""
    known = list(findings)
    reached = {root.finding.id}
    waiting = True
    while waiting:
        more = {f.id for f in known if f.id not in reached and any(cause in reached for cause in f.causes)}
        reached |= more
        waiting = bool(more)
    return any(touches(finding, own) for finding in (*known, root.finding) if finding.id in reached)


_WORKS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job", "Pod", "Service", "Namespace")


def relevant(
    view: ClusterView, roots: Sequence[Root], findings: Sequence[Finding], asked: Sequence[ObjectRef], *, paths: bool = False
) -> tuple[Root, ...]:
    """The root causes that lie on a chain to the asked objects, in their order; a Namespace stands for all that it holds."""
    names = [ref.name for ref in asked if ref.kind not in _WORKS and len(ref.name) > 2]
    spaces = {ref.name for ref in asked if ref.kind == "Namespace"}
    own = belongings(view, [ref for ref in asked if ref.kind != "Namespace"], paths=paths)

    def kept(root: Root) -> bool:
        if spaces and any(
            one.object.namespace in spaces
            or (one.owner is not None and one.owner.namespace in spaces)
            or one.object in asked
            or one.owner in asked
            for one in (root.finding, root.symptom, *root.findings)
        ):
            return True
        if any(
            re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", one.summary) for name in names for one in (root.finding, *root.findings)
        ):
            return True
        return on_chain(root, findings, own)

    return tuple(root for root in roots if kept(root))


def is_well(view: ClusterView, ref: ObjectRef) -> bool:
    """Whether an object's own fields say that all of it is there and ready."""
    obj = view.find_ref(ref)
    if obj is None:
        return False
    match ref.kind:
        case "Node":
            return obj.condition("Ready").get("status") == "True" and not obj.flag("spec", "unschedulable")
        case "Deployment" | "StatefulSet" | "ReplicaSet":
            return 0 < obj.number("spec", "replicas", default=1) <= obj.number("status", "readyReplicas")
        case "DaemonSet":
            return obj.number("status", "desiredNumberScheduled") <= obj.number("status", "numberReady")
        case "Pod":
            return is_ready(obj) or is_finished(obj)
        case "Job":
            return obj.condition("Failed").get("status") != "True"
        case "PersistentVolumeClaim":
            return obj.text("status", "phase") == "Bound"
    return obj.deleting_since is None


def state_of(view: ClusterView, ref: ObjectRef) -> str:
    """How an object stands, in words, from its own fields: its pods, a node's condition, a claim's phase."""
    obj = view.find_ref(ref)
    if obj is None:
        return "it cannot be seen"
    if ref.kind == "Node":
        ready = obj.condition("Ready").get("status") == "True"
        return ("Ready" if ready else "not Ready") + (", cordoned" if obj.flag("spec", "unschedulable") else "")
    if ref.kind in ("PersistentVolumeClaim", "PersistentVolume", "Namespace"):
        return obj.text("status", "phase", default="no phase")
    pods = [pod for pod in _pods(view, obj) if not is_finished(pod)]
    if ref.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        wanted, ready_pods = obj.number("spec", "replicas", default=1), obj.number("status", "readyReplicas")
        return f"{ready_pods} of {wanted} pods ready, {_restarts(pods)}"
    if ref.kind == "DaemonSet":
        return f"{obj.number('status', 'numberReady')} of {obj.number('status', 'desiredNumberScheduled')} pods ready, {_restarts(pods)}"
    if ref.kind == "Job":
        counts = {state: obj.number("status", state) for state in ("succeeded", "failed", "active")}
        return ", ".join(f"{count} {state}" for state, count in counts.items())
    if ref.kind == "CronJob":
        return "suspended" if obj.flag("spec", "suspend") else f"last scheduled {obj.text('status', 'lastScheduleTime', default='never')}"
    if ref.kind == "Pod":
        return f"{obj.text('status', 'phase', default='no phase')}, {'ready' if is_ready(obj) else 'not ready'}, {_restarts([obj])}"
    if pods:
        return f"{sum(is_ready(pod) for pod in pods)} of {len(pods)} pods behind it ready"
    return "it exists"


def _restarts(pods: Sequence[Obj]) -> str:
    count = sum(int(status.get("restartCount") or 0) for pod in pods for status in pod.maps("status", "containerStatuses"))
    return "no restarts" if not count else f"{count} restart{'' if count == 1 else 's'}"
