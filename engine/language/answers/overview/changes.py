"""What changed, on one axis of time: rollouts with their images, objects that were made, configuration, scaling, restarts, nodes, events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.analyzers.common.containers import containers, pod_template
from engine.analyzers.common.settings import references
from engine.analyzers.common.view import ClusterView, event_time
from engine.cluster.kinds import WORKLOADS
from engine.cluster.objects import Obj, map_at, maps_at, parse_time, text_at
from engine.core.text import age
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, counted, listed

DAY = timedelta(days=1)
_REVISION = "deployment.kubernetes.io/revision"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
_CAUSE = "kubernetes.io/change-cause"
_MOST_ROWS = 30
_QUIET = frozenset(
    "Pulled Pulling Created Started Scheduled SuccessfulCreate SuccessfulDelete SawCompletedJob Completed LeaderElection NodeHasSufficientMemory NodeHasNoDiskPressure".split()
)
"""Events that only say what the objects say themselves."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened: when, to which object, what. `kind` groups them: rollout, object, config, restart, state, node, event."""

    at: datetime
    object: ObjectRef
    what: str
    kind: str


def changes(view: ClusterView, refs: Sequence[ObjectRef] = (), within: timedelta | None = None) -> Reply:
    """The changes of some objects (or of all in the view's scope) within a time, the newest last; the last day where no time is given."""
    span = within or DAY
    since = view.now - span
    everything = sorted(_changes_of(view, refs) if refs else _changes(view), key=lambda change: change.at)
    found = [change for change in everything if since <= change.at <= view.now]
    where = listed([str(ref) for ref in refs]) if refs else f"namespace {view.namespace}" if view.namespace else "the cluster"
    words = f"the last {_span(span)}"
    if not found:
        last = everything[-1] if everything else None
        before = f" The last change that can be seen: {last.object} {last.what}, {_ago(view, last.at)}." if last else ""
        return Reply(answer=f"Nothing changed on {where} in {words}, as far as objects and events show.{before}", objects=tuple(refs))
    weighty = found if refs or len(found) <= _MOST_ROWS else [change for change in found if change.kind != "event"]
    shown = weighty[-_MOST_ROWS:]
    rollouts = [change for change in found if change.kind == "rollout"]
    lead = f"{counted(len(found), 'change')} on {where} in {words}"
    lead += (
        f", {counted(len(rollouts), 'rollout')} among them: {listed([f'{c.object} {c.what} ({_ago(view, c.at)})' for c in rollouts[-3:]], 3)}."
        if rollouts
        else ", no rollout among them."
    )
    if len(found) > len(shown):
        lead += f" The last {len(shown)} are shown{', without events' if len(weighty) < len(found) else ''}."
    spaces = {change.object.namespace for change in shown} - {""}
    title = ("WHEN", "AGO", "NAMESPACE", "OBJECT", "WHAT") if len(spaces) > 1 else ("WHEN", "AGO", "OBJECT", "WHAT")
    rows = [title]
    for change in shown:
        row = (_clock(change.at), age((view.now - change.at).total_seconds()), change.object.namespace, str(change.object), change.what)
        rows.append(row if len(spaces) > 1 else (*row[:2], *row[3:]))
    return Reply(
        answer=f"{lead}\nTimes are UTC. A change that left no trace in objects or events (which are kept for about an hour) cannot be seen.",
        table=tuple(rows),
        objects=tuple(refs),
    )


def since_when(view: ClusterView, ref: ObjectRef) -> Reply:
    """Since when an object is in the state that it is in, and what happened just before."""
    obj = view.find_ref(ref)
    if obj is None:
        return Reply(answer=f"{ref} is not there (any more).")
    moment, words = _state_since(view, obj)
    if moment is None:
        created = f" It was created {_ago(view, obj.created)}." if obj.created else ""
        return Reply(answer=f"{ref} shows no time for its state.{created}", objects=(ref,))
    before = [
        c
        for c in sorted(_changes_of(view, [ref]), key=lambda c: c.at)
        if moment - timedelta(minutes=30) <= c.at <= moment + timedelta(seconds=60) and c.kind != "state"
    ]
    said = f"{ref} {words} since {_clock(moment)} UTC ({_ago(view, moment)})."
    if before:
        said += f" Just before: {listed([f'{c.object} {c.what} ({_clock(c.at)})' for c in before[-3:]], 3)}."
    return Reply(answer=said, objects=(ref,))


def _state_since(view: ClusterView, obj: Obj) -> tuple[datetime | None, str]:
    pods = [obj] if obj.kind == "Pod" else [p for p in view.within("pods", obj.namespace) if view.workload_of(p) == obj.ref]
    wanted = {"Node": "Ready", "Deployment": "Available", "Pod": "Ready"}.get(obj.kind, "")
    said = obj.condition(wanted) if wanted else {}
    if said and said.get("status") != "True":
        return parse_time(said.get("lastTransitionTime")), f"has not been {wanted.lower()}"
    bad = [
        (parse_time(p.condition("Ready").get("lastTransitionTime")), p)
        for p in pods
        if p.condition("Ready").get("status") == "False" and p.text("status", "phase") != "Succeeded"
    ]
    dated = [(when, pod) for when, pod in bad if when]
    if dated:
        when, pod = min(dated, key=lambda pair: pair[0])
        return when, f"has had a pod that is not ready ({pod.name})" if pod is not obj else "has not been ready"
    waiting = [p for p in pods if p.text("status", "phase") == "Pending" and p.created]
    if waiting:
        first = min(waiting, key=lambda p: str(p.created))
        return first.created, f"has had a pod that is Pending ({first.name})" if first is not obj else "has been Pending"
    if obj.deleting_since:
        return obj.deleting_since, "has been Terminating"
    if obj.kind == "PersistentVolumeClaim" and obj.text("status", "phase") != "Bound":
        return obj.created, f"has been {obj.text('status', 'phase')}"
    if said:
        return parse_time(said.get("lastTransitionTime")), f"has been {wanted.lower()}"
    return obj.created, "has been there"


def _changes(view: ClusterView) -> Iterator[Change]:
    """Everything of the view's scope; of pods only their ends, since a rollout would be told twice."""
    for word in WORKLOADS:
        if word.kind != "Pod":
            for obj in view.all(word.resource):
                if obj.controller is None:
                    yield from _of_workload(view, obj)
    for pod in view.all("pods"):
        yield from _of_pod(pod, own=pod.controller is None)
    for resource in (
        "configmaps",
        "services",
        "ingresses.networking.k8s.io",
        "persistentvolumeclaims",
        "networkpolicies.networking.k8s.io",
        "horizontalpodautoscalers.autoscaling",
    ):
        for obj in view.all(resource):
            if obj.created and obj.name != "kube-root-ca.crt":
                yield Change(obj.created, obj.ref, "was created", "object")
            yield from _deleted(obj)
    if view.namespace is None:
        for node in view.all("nodes"):
            yield from _of_node(node)
    yield from _of_events(view.all("events"))


def _changes_of(view: ClusterView, refs: Sequence[ObjectRef]) -> Iterator[Change]:
    for ref in refs:
        obj = view.find_ref(ref)
        if obj is None:
            continue
        about = {ref}
        if obj.kind == "Node":
            yield from _of_node(obj)
        elif obj.kind == "Pod":
            yield from _of_pod(obj, own=True)
            yield from _configuration(view, obj)
        elif obj.kind in {word.kind for word in WORKLOADS}:
            yield from _of_workload(view, obj)
            yield from _configuration(view, obj)
            pods = [pod for pod in view.within("pods", obj.namespace) if view.workload_of(pod) == ref]
            for pod in pods:
                yield from _of_pod(pod, own=False)
            about |= {pod.ref for pod in pods} | {owned.ref for owned in view.owned_by("replicasets.apps", obj)}
        elif obj.created:
            yield Change(obj.created, ref, "was created", "object")
            yield from _deleted(obj)
        events = [
            e
            for e in view.within("events", ref.namespace or None)
            if ObjectRef(e.text("involvedObject", "kind"), e.text("involvedObject", "namespace"), e.text("involvedObject", "name")) in about
        ]
        yield from _of_events(events)


def _of_workload(view: ClusterView, obj: Obj) -> Iterator[Change]:
    if obj.created:
        yield Change(obj.created, obj.ref, "was created", "object")
    yield from _deleted(obj)
    if obj.kind == "Deployment":
        yield from _revisions(obj, sorted(view.owned_by("replicasets.apps", obj), key=_number), "spec")
    elif obj.kind in ("StatefulSet", "DaemonSet"):
        yield from _revisions(obj, sorted(view.owned_by("controllerrevisions.apps", obj), key=lambda r: r.number("revision")), "data")
    restarted = parse_time(map_at(pod_template(obj), "metadata", "annotations").get(_RESTARTED))
    if restarted:
        yield Change(restarted, obj.ref, "was restarted (kubectl rollout restart)", "rollout")
    for condition in obj.conditions():
        when = parse_time(condition.get("lastTransitionTime"))
        kind, status = str(condition.get("type")), str(condition.get("status"))
        if when and (kind, status) in (
            ("Available", "False"),
            ("Available", "True"),
            ("Progressing", "False"),
            ("Complete", "True"),
            ("Failed", "True"),
        ):
            word = {
                "Available": "became available" if status == "True" else "became unavailable",
                "Progressing": "stopped progressing",
                "Complete": "completed",
                "Failed": "failed",
            }[kind]
            reason = f" ({condition.get('reason')})" if status == "False" or kind == "Failed" else ""
            yield Change(when, obj.ref, word + reason, "state")
    scheduled = obj.time("status", "lastScheduleTime")
    if scheduled:
        yield Change(scheduled, obj.ref, "started its last Job", "state")


def _revisions(obj: Obj, revisions: Sequence[Obj], part: str) -> Iterator[Change]:
    """A rollout for each revision after the first, with what differs in images; a revision may be an old one that was rolled back to."""
    before: Obj | None = None
    for revision in revisions:
        number = _number(revision) or revision.number("revision")
        if before is not None and revision.created:
            old, new = _images(before, part), _images(revision, part)
            images = [f"{name} {old.get(name, '(none)')} → {image}" for name, image in new.items() if old.get(name) != image]
            cause = revision.annotations.get(_CAUSE, "")
            what = (
                f"rolled out revision {number}"
                + (f": {listed(images, 3)}" if images else ", the images as before")
                + (f" ({cause})" if cause else "")
            )
            yield Change(revision.created, obj.ref, what, "rollout")
        before = revision


def _configuration(view: ClusterView, obj: Obj) -> Iterator[Change]:
    """ConfigMaps and Secrets that an object uses: when each was made (when one was edited cannot be seen in it)."""
    for ref in dict.fromkeys(reference.object for reference in references(obj.namespace, pod_template(obj).get("spec"))):
        found = view.find_ref(ref)
        if found is not None and found.created:
            yield Change(
                found.created, ref, f"was created (now version {found.text('metadata', 'resourceVersion') or 'unknown'})", "config"
            )


def _of_pod(pod: Obj, *, own: bool) -> Iterator[Change]:
    if own and pod.created:
        yield Change(pod.created, pod.ref, "was created", "object")
    yield from _deleted(pod)
    for container in containers(pod):
        ended, last = container.ended_at, container.end
        if ended and (container.restarts or text_at(last, "reason") not in ("", "Completed")):
            count = f", {container.restarts} restarts so far" if container.restarts else ""
            yield Change(
                ended,
                pod.ref,
                f"container {container.name} ended with {text_at(last, 'reason') or 'exit code'} ({container.exit_code}){count}",
                "restart",
            )


def _of_node(node: Obj) -> Iterator[Change]:
    for condition in node.conditions():
        when, kind, status = parse_time(condition.get("lastTransitionTime")), str(condition.get("type")), str(condition.get("status"))
        if when and (kind == "Ready" or status == "True"):
            said = (
                ("became Ready" if status == "True" else f"became NotReady ({condition.get('reason')})")
                if kind == "Ready"
                else f"got {kind}"
            )
            yield Change(when, node.ref, said, "node")
    for taint in node.maps("spec", "taints"):
        added = parse_time(taint.get("timeAdded"))
        if added:
            yield Change(added, node.ref, f"was tainted {text_at(taint, 'key')}:{text_at(taint, 'effect')}", "node")


def _of_events(events: Sequence[Obj]) -> Iterator[Change]:
    for event in events:
        when = event_time(event)
        if when is None or event.text("reason") in _QUIET:
            continue
        count = event.number("count", default=1)
        about = ObjectRef(
            event.text("involvedObject", "kind"), event.text("involvedObject", "namespace"), event.text("involvedObject", "name")
        )
        message = " ".join(event.text("message").split())[:110]
        yield Change(when, about, f"{event.text('reason')}{f' ×{count}' if count > 1 else ''}: {message}", "event")


def _deleted(obj: Obj) -> Iterator[Change]:
    if obj.deleting_since:
        yield Change(obj.deleting_since, obj.ref, "is being deleted", "object")


def _images(revision: Obj, part: str) -> dict[str, str]:
    spec = revision.map(part, "template", "spec") or revision.map(part, "spec", "template", "spec")
    return {text_at(c, "name"): text_at(c, "image").rsplit("/", 1)[-1] for c in maps_at(spec, "containers")}


def _number(revision: Obj) -> int:
    text = revision.annotations.get(_REVISION, "")
    return int(text) if text.isdigit() else 0


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _ago(view: ClusterView, moment: datetime) -> str:
    return f"{age((view.now - moment).total_seconds())} ago"


def _span(within: timedelta) -> str:
    minutes = int(within.total_seconds() // 60)
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes and minutes % size == 0:
            return counted(minutes // size, word) if minutes != size else word
    return f"{minutes} minutes"
