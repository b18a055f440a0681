"""Events counted by reason, the newest first; of everything, of one object with all that belongs to it, within a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.analyzers.common.citations import event as quoted
from engine.analyzers.common.view import ClusterView, event_time
from engine.cluster.objects import Obj
from engine.core.text import age
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, counted, listed

_MOST = 25


@dataclass(slots=True)
class _Group:
    count: int = 0
    last: datetime | None = None
    message: str = ""
    type: str = ""
    objects: dict[str, None] = field(default_factory=dict)


def grouped(view: ClusterView, *, warnings: bool = False, within: timedelta | None = None) -> Reply:
    """The events of the view's scope by reason: how often, of how many objects, the last message; most recent first."""
    events = _chosen(view, view.all("events"), warnings, within)
    what, where = _what(warnings, within), f"namespace {view.namespace}" if view.namespace else "all namespaces"
    if not events:
        return Reply(answer=f"No {what} in {where}. Events are kept for about an hour.{_unseen(view)}")
    groups: dict[str, _Group] = {}
    for event in events:
        group = groups.setdefault(event.text("reason"), _Group())
        group.count += max(1, event.number("count", default=event.number("series", "count", default=1)))
        group.objects[f"{event.text('involvedObject', 'kind')}/{event.text('involvedObject', 'name')}"] = None
        when = event_time(event)
        if group.last is None or (when and when >= group.last):
            group.last, group.message, group.type = when or group.last, event.text("message"), event.text("type")
    order = sorted(groups.items(), key=lambda pair: str(pair[1].last), reverse=True)
    total = sum(group.count for group in groups.values())
    rows = [("LAST", "COUNT", "TYPE", "REASON", "OBJECTS", "LAST MESSAGE")]
    for reason, group in order[:_MOST]:
        last = f"{age((view.now - group.last).total_seconds())} ago" if group.last else "?"
        rows.append((last, str(group.count), group.type, reason, listed(list(group.objects), 2), " ".join(group.message.split())[:90]))
    most = sorted(groups.items(), key=lambda pair: -pair[1].count)
    said = listed([f"{reason} {group.count}×" for reason, group in most], 6)
    return Reply(
        answer=f"{len(events)} {what} in {where}, which happened {total} times, for {counted(len(groups), 'reason')}: {said}.",
        table=tuple(rows),
    )


def of_object(view: ClusterView, ref: ObjectRef, *, within: timedelta | None = None) -> Reply:
    """The events of an object, its pods and what it owns, newest first."""
    obj = view.find_ref(ref)
    about = {ref}
    if obj is not None and ref.kind != "Pod":
        about |= {pod.ref for pod in view.within("pods", ref.namespace or None) if view.workload_of(pod) == ref}
        for resource in ("replicasets.apps", "jobs.batch"):
            about |= {owned.ref for owned in view.owned_by(resource, obj)}
        if ref.kind == "StatefulSet":
            about |= {claim.ref for claim in view.within("persistentvolumeclaims", ref.namespace) if f"-{ref.name}-" in claim.name}
    events = [e for e in view.within("events", ref.namespace or None) if _about(e) in about]
    events = sorted(_chosen(view, events, False, within), key=lambda e: str(event_time(e) or ""), reverse=True)
    if not events:
        return Reply(
            answer=f"No {_what(False, within)} of {ref}{f' in {ref.namespace}' if ref.namespace else ''} or what belongs to it. Events are kept for about an hour, so older ones are gone.{_unseen(view)}",
            objects=(ref,),
        )
    rows = [("LAST", "COUNT", "TYPE", "REASON", "OBJECT", "MESSAGE")]
    for event in events[:_MOST]:
        when = event_time(event)
        last = f"{age((view.now - when).total_seconds())} ago" if when else "?"
        rows.append(
            (
                last,
                str(max(1, event.number("count", default=1))),
                event.text("type"),
                event.text("reason"),
                str(_about(event)),
                " ".join(event.text("message").split())[:140],
            )
        )
    bad = [e for e in events if e.text("type") == "Warning"]
    newest = bad[0] if bad else events[0]
    more = f" The newest {_MOST} are shown." if len(events) > _MOST else ""
    said = f"{counted(len(events), 'event')} of {ref}{f' in {ref.namespace}' if ref.namespace else ''} and what belongs to it, {len(bad)} of them warnings. The newest{' warning' if bad else ''}: {newest.text('reason')}: {' '.join(newest.text('message').split())[:200]}.{more}"
    return Reply(answer=said, table=tuple(rows), evidence=tuple(quoted(e) for e in bad[:2]), objects=(ref,))


def _chosen(view: ClusterView, events: Sequence[Obj], warnings: bool, within: timedelta | None) -> list[Obj]:
    return [
        e
        for e in events
        if (not warnings or e.text("type") == "Warning")
        and (within is None or ((when := event_time(e)) is not None and view.now - when <= within))
    ]


def _about(event: Obj) -> ObjectRef:
    return ObjectRef(event.text("involvedObject", "kind"), event.text("involvedObject", "namespace"), event.text("involvedObject", "name"))


def _what(warnings: bool, within: timedelta | None) -> str:
    minutes = int(within.total_seconds() // 60) if within else 0
    span = f" of the last {f'{minutes // 60} hours' if minutes % 60 == 0 and minutes > 60 else f'{minutes} minutes'}" if minutes else ""
    return f"{'warning events' if warnings else 'events'}{span}"


def _unseen(view: ClusterView) -> str:
    return f" (Events cannot be read here: {view.unseen['events']})" if "events" in view.unseen else ""
