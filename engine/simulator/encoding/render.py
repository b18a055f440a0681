"""Objects in the form that the client accepts: plain, as a server-side Table, or as metadata only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from engine.cluster.source import RawObject, ResourceType
from engine.cluster.tables import table
from engine.simulator.apiserver.http import Request

Form = Literal["plain", "table", "metadata"]
TABLE_VERSION = "meta.k8s.io/v1"


def wanted_form(request: Request) -> Form:
    """What the Accept header asks for first."""
    for option in request.accept.split(","):
        if "as=Table" in option:
            return "table"
        if "as=PartialObjectMetadata" in option:
            return "metadata"
        if "json" in option or "*/*" in option:
            return "plain"
    return "plain"


def partial(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": TABLE_VERSION, "metadata": obj.get("metadata", {})}


def render_list(
    kind: ResourceType,
    objects: Sequence[RawObject],
    metadata: Mapping[str, Any],
    *,
    form: Form,
    include: str,
    now: datetime,
    definition: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """A List, Table or PartialObjectMetadataList of objects; `metadata` is the list's own."""
    if form == "table":
        return render_table(kind, objects, metadata, include=include, now=now, definition=definition)
    if form == "metadata":
        listed = [partial(obj) for obj in objects]
        return {"kind": "PartialObjectMetadataList", "apiVersion": TABLE_VERSION, "metadata": metadata, "items": listed}
    version = f"{kind.group}/{kind.version}" if kind.group else kind.version
    return {"kind": f"{kind.kind}List", "apiVersion": version, "metadata": metadata, "items": list(objects)}


def render_table(
    kind: ResourceType,
    objects: Sequence[RawObject],
    metadata: Mapping[str, Any],
    *,
    include: str,
    now: datetime,
    definition: Mapping[str, Any] | None,
    head: bool = True,
) -> dict[str, Any]:
    """A Table; `include` is None, Metadata or Object, `head` says whether the columns are sent."""
    made = table(kind.name, objects, now=now, definition=definition, version=kind.version)
    rows = []
    for cells, obj in zip(made.rows, objects, strict=True):
        row: dict[str, Any] = {"cells": list(cells)}
        if include == "Object":
            row["object"] = obj
        elif include != "None":
            row["object"] = partial(obj)
        rows.append(row)
    columns = [
        {"name": c.name, "type": c.type or "string", "format": c.format, "description": c.description, "priority": c.priority}
        for c in made.columns
    ]
    return {
        "kind": "Table",
        "apiVersion": TABLE_VERSION,
        "metadata": metadata,
        "columnDefinitions": columns if head else None,
        "rows": rows,
    }
