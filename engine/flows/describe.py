"""One object in full, for the screen's details page: its fields as YAML, its logs and its events."""

from __future__ import annotations

from engine.analyzers.common.view import ClusterView, event_time
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError, ClusterSource
from engine.core.text import age
from engine.core.types import ObjectRef
from engine.language.answers.objects import yaml_of

LINES = 200
"""Log lines of each container."""


def logs(source: ClusterSource, ref: ObjectRef, *, previous: bool = False, tail: int = LINES) -> str:
    """The newest log lines of each of a pod's containers, with the time of day. Raises ClusterError when the pod cannot be read."""
    obj = Obj(source.get("pods", ref.namespace, ref.name))
    blocks: list[str] = []
    for container in [*obj.maps("spec", "initContainers"), *obj.maps("spec", "containers")]:
        name = str(container.get("name") or "")
        try:
            lines = [_timed(line) for line in source.logs(ref.namespace, ref.name, name, previous=previous, tail=tail)]
        except ClusterError as error:
            lines = [str(error)]
        blocks.append("\n".join([f"── container {name} ──", *(lines or ["no line was written"])]))
    return "\n\n".join(blocks)


def events(source: ClusterSource, ref: ObjectRef) -> str:
    """The events about an object and what it owns, oldest first, one a line. Raises ClusterError when they cannot be read."""
    resource = RESOURCE_OF_KIND.get(ref.kind, ref.kind.lower() + "s")
    obj = Obj(source.get(resource, ref.namespace, ref.name))
    view = ClusterView.of(source, ref.namespace or None)
    about = [obj]
    for below in ("jobs.batch", "replicasets.apps", "pods") if ref.kind not in ("Pod", "Node") else ():
        about += [owned for held in list(about) for owned in view.owned_by(below, held)]
    found = sorted((event for held in about for event in view.events_of(held)), key=lambda event: str(event_time(event) or ""))
    if not found:
        return f"no events about {ref}: nothing happened to it lately (a cluster keeps them for about an hour)"
    return "\n".join(_event(event, view) for event in found)


def _event(event: Obj, view: ClusterView) -> str:
    when = event_time(event)
    since = age((view.now - when).total_seconds()) if when else "?"
    about = f"{event.text('involvedObject', 'kind')}/{event.text('involvedObject', 'name')}"
    return f"{since:>5}  {event.text('type'):8} {event.text('reason'):20} {about}  {event.text('message').strip()}"


def _timed(line: str) -> str:
    """A log line with the time of day in place of its full timestamp."""
    stamp, _, text = line.partition(" ")
    return f"{stamp[11:19]} {text}" if len(stamp) >= 20 and stamp[10:11] == "T" and stamp[13:14] == ":" else line


def describe(source: ClusterSource, ref: ObjectRef) -> str:
    """The object's YAML and the events about it, newest last. Raises ClusterError when it cannot be read."""
    resource = RESOURCE_OF_KIND.get(ref.kind, ref.kind.lower() + "s")
    obj = Obj(source.get(resource, ref.namespace, ref.name))
    view = ClusterView.of(source, ref.namespace or None)
    events = view.events_of(obj)
    lines = [yaml_of(dict(obj.raw)).rstrip(), "", "Events:" if events else "Events: none"]
    for event in events:
        when = event_time(event)
        since = age((view.now - when).total_seconds()) if when else "?"
        lines.append(f"  {event.text('type'):8} {event.text('reason'):24} {since:>5}  {event.text('message').strip()}")
    return "\n".join(lines)
