"""The API server's JSON as objects, whole or only what the rows of a screen need; a Secret never with values.

Three forms: `whole` objects without managedFields; `small` ones, of which unknown fields are skipped while parsing; and pods as `table`
rows that the server made (READY, STATUS and RESTARTS as kubectl prints them), a tenth of the bytes.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from engine.cluster.objects import int_at, map_at, maps_at, text_at
from engine.cluster.secret_values import drop_values
from engine.cluster.source import RawObject, RawObjects, ResourceType
from engine.core.text import repaired_json

Form = Literal["whole", "small", "table"]
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
METADATA = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"
_CELLS = ("ready", "status", "restarts", "node")
_METADATA_KEPT = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences", "creationTimestamp", "deletionTimestamp")


class NotTheApi(ValueError):
    """What was answered is no JSON, or none of the Kubernetes API."""


class _Meta(TypedDict, total=False):
    name: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    labels: Any
    annotations: Any
    ownerReferences: Any
    creationTimestamp: Any
    deletionTimestamp: Any


class _Spec(TypedDict, total=False):
    replicas: Any
    paused: Any
    suspend: Any
    completions: Any
    unschedulable: Any


class _Status(TypedDict, total=False):
    conditions: Any
    phase: Any
    replicas: Any
    readyReplicas: Any
    desiredNumberScheduled: Any
    numberReady: Any
    active: Any
    succeeded: Any
    failed: Any
    nodeInfo: Any
    allocatable: Any


class _Small(TypedDict, total=False):
    metadata: _Meta
    spec: _Spec
    status: _Status
    involvedObject: Any
    regarding: Any
    reason: Any
    message: Any
    note: Any
    type: Any
    count: Any
    series: Any
    eventTime: Any
    firstTimestamp: Any
    lastTimestamp: Any
    deprecatedLastTimestamp: Any


class _SmallList(TypedDict, total=False):
    kind: Any
    metadata: Any
    items: list[_Small] | None


class _SmallObject(_Small, total=False):
    kind: Any
    code: Any
    """Of the Status that an ERROR carries."""


class _SmallEvent(TypedDict, total=False):
    type: Any
    object: _SmallObject


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: `more` is the token of the next one, `remaining` how many objects follow as far as the server says."""

    objects: RawObjects
    resource_version: str
    more: str
    remaining: int


def accept_of(kind: ResourceType, form: Form, suffix: str) -> str:
    """The Accept header; `suffix` is "List" for lists and "" for single objects and watches."""
    if is_secret(kind):
        return METADATA.format(list=suffix)
    return TABLE if form == "table" else "application/json"


def is_secret(kind: ResourceType) -> bool:
    return kind.plural == "secrets" and not kind.group


def json_of(body: bytes) -> Any:
    """The parsed body, without garbage collection meanwhile. Raises NotTheApi."""
    return _parse(body, "")


def page_of(body: bytes, kind: ResourceType, form: Form = "whole") -> Page:
    """A list's answer as a page. Raises NotTheApi."""
    page = _parse(body, "list" if form == "small" else "")
    if not isinstance(page, dict):
        raise NotTheApi("no object")
    metadata = map_at(page, "metadata")
    objects: RawObjects
    if form == "table" and page.get("kind") == "Table":
        objects = list(_rows_of(page, _columns_of(page)))
    else:
        items = page.get("items")
        if not isinstance(items, list | None):
            raise NotTheApi("items is no list")
        objects = [object_of(item, kind) for item in items or () if isinstance(item, dict)]
    return Page(
        objects, text_at(metadata, "resourceVersion"), text_at(metadata, "continue"), max(0, int_at(metadata, "remainingItemCount"))
    )


class EventReader:
    """A watch's lines as (type, object); remembers a table's columns, which only its first event names. Raises NotTheApi."""

    def __init__(self, kind: ResourceType, form: Form) -> None:
        self._kind = kind
        self._form = form
        self._columns: Mapping[str, int] = {}

    def read(self, line: bytes) -> tuple[str, RawObject]:
        """One line."""
        event = _parse(line, "event" if self._form == "small" else "")
        if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
            raise NotTheApi("no event")
        change, item = text_at(event, "type"), event["object"]
        if change in ("ERROR", "BOOKMARK"):
            if item.get("kind") == "Table":
                item = next((dict(map_at(row, "object")) for row in maps_at(item, "rows")), {})
            return change, item
        if item.get("kind") == "Table":
            self._columns = _columns_of(item) or self._columns
            row = next(_rows_of(item, self._columns), None)
            if row is None:
                raise NotTheApi("an event without a row")
            return change, row
        return change, object_of(item, self._kind)


def object_of(item: Mapping[str, Any], kind: ResourceType) -> RawObject:
    """The object as the engine's rooms expect it: with kind and apiVersion, without managedFields, a Secret without values."""
    obj: RawObject = {**item, "kind": kind.kind, "apiVersion": f"{kind.group}/{kind.version}" if kind.group else kind.version}
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    if is_secret(kind):
        drop_values(obj)
    return obj


def _columns_of(table: Mapping[str, Any]) -> Mapping[str, int]:
    return {text_at(column, "name").lower(): place for place, column in enumerate(maps_at(table, "columnDefinitions"))}


def _rows_of(table: Mapping[str, Any], columns: Mapping[str, int]) -> Iterator[RawObject]:
    """Pods as far as a table shows them: metadata, and `cells` with ready, status, restarts and node as kubectl prints them."""
    places = [columns.get(name, -1) for name in _CELLS]
    for row in maps_at(table, "rows"):
        metadata, cells = map_at(row, "object", "metadata"), row.get("cells")
        if not isinstance(cells, list):
            continue
        yield {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {name: metadata[name] for name in _METADATA_KEPT if name in metadata},
            "cells": {name: cells[place] if 0 <= place < len(cells) else "" for name, place in zip(_CELLS, places, strict=True)},
        }


def _parse(body: bytes, small: Literal["", "list", "event"]) -> Any:
    import msgspec

    try:
        with gc_paused():
            if not small:
                return msgspec.json.decode(body)
            try:
                return _decoder(small).decode(body)
            except msgspec.ValidationError:
                return msgspec.json.decode(body)  # an odd object must not hide the others
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return msgspec.json.decode(repaired_json(body))
        raise NotTheApi(str(error)) from error


@functools.cache
def _decoder(what: Literal["list", "event"]) -> Any:
    import msgspec

    return msgspec.json.Decoder(_SmallList if what == "list" else _SmallEvent)


_gc_lock = threading.Lock()
_gc_pauses = 0


@contextmanager
def gc_paused() -> Iterator[None]:
    """No garbage collection while a big answer is parsed: it makes no cycles, and collecting costs more than parsing."""
    global _gc_pauses
    with _gc_lock:
        if _gc_pauses == 0 and not gc.isenabled():
            nested = False
        else:
            nested = True
            _gc_pauses += 1
            gc.disable()
    try:
        yield
    finally:
        if nested:
            with _gc_lock:
                _gc_pauses -= 1
                if _gc_pauses == 0:
                    gc.enable()
