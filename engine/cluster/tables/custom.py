"""Rows of custom resources: the additionalPrinterColumns of a CustomResourceDefinition, read by their simple JSON paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.cluster.objects import Obj, at, maps_at, text_at
from engine.cluster.tables.model import Cell, Column, Printing, Row, age, columns, since

STEP = re.compile(r"\.?([A-Za-z0-9_$-]+)|\['([^']+)'\]|\[(\d+|\*)\]|\[\?\(@\.([A-Za-z0-9_.-]+)\s*==\s*[\"']([^\"']*)[\"']\)\]")

ONLY_AGE = Printing(columns("Age"), lambda obj, now: (age(obj, now),))


def printing_of(definition: Mapping[str, Any], version: str) -> Printing:
    """How the objects of a CustomResourceDefinition are printed in one of its versions (its first, when that is empty)."""
    versions = maps_at(definition, "spec", "versions")
    chosen = next((v for v in versions if v.get("name") == version), versions[0] if versions else {})
    wanted = maps_at(chosen, "additionalPrinterColumns")
    if not wanted:
        return ONLY_AGE
    found = tuple(Column(text_at(c, "name"), int(bool(c.get("priority"))), text_at(c, "type"), text_at(c, "format")) for c in wanted)
    paths = [(text_at(c, "jsonPath"), text_at(c, "type")) for c in wanted]

    def cells(obj: Obj, now: datetime) -> Row:
        return tuple(_cell(obj.raw, path, kind, now) for path, kind in paths)

    return Printing(found, cells)


def _cell(raw: Mapping[str, Any], path: str, kind: str, now: datetime) -> Cell:
    values = evaluate(raw, path)
    if not values:
        return ""
    if kind == "date":
        return since(values[0], now)
    if kind == "boolean" and isinstance(values[0], bool):
        return values[0]
    return ",".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def evaluate(data: object, path: str) -> Sequence[Any]:
    """The values under a JSON path of keys, positions, `[*]` and `[?(@.key=="value")]`; none for a path of another form."""
    path = path.strip("{}")
    found: list[Any] = [data]
    position = 0
    while position < len(path):
        match = STEP.match(path, position)
        if not match:
            return ()
        position = match.end()
        key, quoted, index, filter_path, filter_value = match.groups()
        name = key or quoted
        if name == "$":
            continue
        if name:
            found = [value for item in found if (value := at(item, name)) is not None]
        elif index == "*":
            found = [value for item in found if isinstance(item, list) for value in item]
        elif index:
            found = [value for item in found if (value := at(item, int(index))) is not None]
        else:
            entries = [value for item in found if isinstance(item, list) for value in item]
            found = [entry for entry in entries if text_at(entry, *filter_path.split(".")) == filter_value]
    return found
