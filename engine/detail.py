"""One object in full, for the screen's details page: its fields as YAML, and its events below."""

from __future__ import annotations

from typing import Any

from engine.analyzers.view import RESOURCE_OF_KIND, ClusterView, event_time
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterSource, RawObject
from engine.facts import ObjectRef

_NOISE = ("managedFields", "selfLink", "generateName")


def as_yaml(raw: RawObject) -> str:
    """An object as YAML in the API's own order, without fields that only machines read."""
    import yaml

    body: dict[str, Any] = {key: raw[key] for key in ("apiVersion", "kind") if key in raw}
    body["metadata"] = {key: value for key, value in (raw.get("metadata") or {}).items() if key not in _NOISE}
    body.update({key: value for key, value in raw.items() if key not in body})
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)


def describe(source: ClusterSource, ref: ObjectRef) -> str:
    """The object's YAML and the events about it, newest last. Raises ClusterError when it cannot be read."""
    resource = RESOURCE_OF_KIND.get(ref.kind, ref.kind.lower() + "s")
    obj = Obj(source.get(resource, ref.namespace, ref.name))
    view = ClusterView.of(source, ref.namespace or None)
    events = view.events_of(obj)
    lines = [as_yaml(dict(obj.raw)).rstrip(), "", "Events:" if events else "Events: none"]
    for event in events:
        when = event_time(event)
        since = age((view.now - when).total_seconds()) if when else "?"
        lines.append(f"  {event.text('type'):8} {event.text('reason'):24} {since:>5}  {event.text('message').strip()}")
    return "\n".join(lines)


def age(seconds: float) -> str:
    """Seconds as a person says them: `90s`, `8m`, `3d`."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size * 2:
            return f"{whole // size}{unit}"
    return f"{whole}s"
