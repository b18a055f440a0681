"""A plain question as the readers see it; quantities and time windows in its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from engine.cluster.objects import Obj
from engine.cluster.rows.build import PodRow, pod_row
from engine.cluster.source import ClusterSource, NotFound, NotRecorded
from engine.cluster.usage import quantity as parse_quantity
from engine.core.cancel import CancelToken
from engine.core.types import ObjectRef
from engine.language.request import Request


@dataclass(frozen=True, slots=True)
class Question:
    """A question's words and the place it is asked in ("" = all namespaces)."""

    text: str
    source: ClusterSource
    namespace: str
    cancel: CancelToken | None = None
    chosen: ObjectRef | None = None
    """The object that a person picked where several fit."""
    request: Request | None = None

    @property
    def flags(self) -> str:
        return f" -n {self.namespace}" if self.namespace else " -A"

    @property
    def where(self) -> str:
        return f"namespace {self.namespace}" if self.namespace else "all namespaces"

    def has(self, pattern: str) -> bool:
        return re.search(pattern, self.text, re.I) is not None

    def objects(self, resource: str) -> list[Obj]:
        try:
            return [Obj(raw) for raw in self.source.list(resource, self.namespace or None, cancel=self.cancel)]
        except (NotFound, NotRecorded):
            return []

    def pods(self) -> list[PodRow]:
        return [pod_row(obj.raw, now=self.source.now()) for obj in self.objects("pods")]


def quantity_of(text: str, what: str) -> int:
    """A Kubernetes quantity as millicores (`cpu`) or bytes (anything else); 0 for what is none."""
    number = parse_quantity(text) or 0.0
    return int(number * 1000 if what == "cpu" else number)


def window(text: str) -> timedelta | None:
    """The time window that a question names ("the last 10 minutes"), or None."""
    if re.search(r"\b(?:recent|recently|lately|just now)\b", text, re.I):
        return timedelta(hours=1)
    found = re.search(r"\b(?:last|past|previous)\s+(\d+|an?|few)?\s*(minutes?|mins?|m|hours?|hrs?|h|days?|d)\b", text, re.I)
    if not found:
        return None
    count = int(found.group(1)) if (found.group(1) or "").isdigit() else 1
    unit = found.group(2)[0].lower()
    return timedelta(minutes=count) if unit == "m" else timedelta(hours=count) if unit == "h" else timedelta(days=count)


def span(within: timedelta) -> str:
    """A time window in words."""
    minutes = int(within.total_seconds() // 60)
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return word if count == 1 else f"{count} {word}s"
    return f"{minutes} minutes"


def shown(value: float, what: str) -> str:
    """Millicores or bytes as people write them."""
    return f"{value:.0f}m" if what == "cpu" else f"{value / 2**20:.0f}Mi"
