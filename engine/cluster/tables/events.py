"""The row of an event: when it was last seen, by whichever of its four times is set, and where it came from."""

from __future__ import annotations

from datetime import datetime

from engine.cluster.objects import Obj
from engine.cluster.tables.model import Column, Printing, Row, columns, since


def _event(obj: Obj, now: datetime) -> Row:
    first = since(obj.at("firstTimestamp") or obj.at("deprecatedFirstTimestamp"), now, "") or since(obj.at("eventTime"), now)
    last = since(obj.at("lastTimestamp") or obj.at("deprecatedLastTimestamp"), now, "") or first
    count = obj.number("count") or obj.number("deprecatedCount") or 1
    if obj.map("series"):
        last, count = since(obj.at("series", "lastObservedTime"), now), obj.number("series", "count")
    subject = "involvedObject" if obj.map("involvedObject") else "regarding"
    kind, name = obj.text(subject, "kind").lower(), obj.text(subject, "name")
    source = "source" if obj.map("source") else "deprecatedSource"
    component = obj.text(source, "component") or obj.text("reportingComponent") or obj.text("reportingController")
    host = obj.text(source, "host") or obj.text("reportingInstance")
    return (
        last,
        obj.text("type"),
        obj.text("reason"),
        f"{kind}/{name}" if name else kind,
        obj.text(subject, "fieldPath"),
        f"{component}, {host}" if host else component,
        (obj.text("message") or obj.text("note")).strip(),
        first,
        count,
        obj.name,
    )


EVENT_COLUMNS: tuple[Column, ...] = columns(
    "Last Seen", "Type", "Reason", "Object", "+Subobject", "+Source", "Message", "+First Seen", "+Count", "+Name"
)
EVENT = Printing(EVENT_COLUMNS, _event)
