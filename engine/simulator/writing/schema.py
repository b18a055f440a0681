"""Checks objects against the recorded OpenAPI v3 schemas: unknown fields, wrong types, missing fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.cluster.objects import map_at, maps_at, text_at, texts_at
from engine.cluster.source import ClusterSource, RawObject, ResourceType
from engine.simulator.apiserver.http import ApiError

PREFIX = "#/components/schemas/"
WORDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
MAX_PROBLEMS = 10


class Schemas:
    """The schemas of a cluster by group and version, parsed when first needed; a cluster without them checks nothing."""

    def __init__(self, cluster: ClusterSource) -> None:
        self._cluster = cluster
        self._parsed: dict[str, Mapping[str, Any]] = {}

    def check(self, kind: ResourceType, obj: RawObject, validation: str) -> tuple[RawObject, tuple[str, ...]]:
        """The object without fields that its kind does not have, and a warning for each of those (none when `validation` is Ignore).

        Raises ApiError 400 for unknown fields when `validation` is Strict and for wrong types, 422 for missing fields.
        """
        schemas = self._schemas(kind)
        root = next((s for s in schemas.values() if _is_of(s, kind)), None)
        if root is None:
            return obj, ()
        problems = list(_problems(obj, root, schemas, ""))
        unknown, wrong, missing = ([text for sort, text in problems if sort == wanted] for wanted in ("unknown", "wrong", "missing"))
        name = f"{kind.kind} in version {kind.version!r} cannot be handled as a {kind.kind}"
        if wrong:
            raise ApiError(400, f"{name}: {'; '.join(wrong[:MAX_PROBLEMS])}")
        if unknown and validation == "Strict":
            listed = ", ".join(f'unknown field "{text}"' for text in unknown[:MAX_PROBLEMS])
            raise ApiError(400, f"{name}: strict decoding error: {listed}")
        if missing:
            causes = [{"reason": "FieldValueRequired", "message": "Required value", "field": text} for text in missing[:MAX_PROBLEMS]]
            words = ", ".join(f"{text}: Required value" for text in missing[:MAX_PROBLEMS])
            name = text_at(obj, "metadata", "name")
            details = {"name": name, "group": kind.group, "kind": kind.kind, "causes": causes}
            raise ApiError(422, f'{kind.kind}{"." + kind.group if kind.group else ""} "{name}" is invalid: {words}', details=details)
        if not unknown:
            return obj, ()
        warnings = () if validation == "Ignore" else tuple(f'unknown field "{text}"' for text in unknown[:MAX_PROBLEMS])
        return _pruned(obj, root, schemas), warnings

    def _schemas(self, kind: ResourceType) -> Mapping[str, Any]:
        path = f"/openapi/v3/apis/{kind.group}/{kind.version}" if kind.group else f"/openapi/v3/api/{kind.version}"
        if path not in self._parsed:
            data = self._cluster.openapi(path)
            document = msgspec.json.decode(data) if data is not None else {}
            self._parsed[path] = map_at(document, "components", "schemas")
        return self._parsed[path]


def _is_of(schema: Mapping[str, Any], kind: ResourceType) -> bool:
    wanted = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return len(maps_at(schema, "x-kubernetes-group-version-kind")) == 1 and wanted in maps_at(schema, "x-kubernetes-group-version-kind")


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind references; a reference is alone or the only part of allOf."""
    while True:
        parts = maps_at(schema, "allOf")
        reference = text_at(schema, "$ref") or (text_at(parts[0], "$ref") if len(parts) == 1 else "")
        if not reference:
            return schema
        schema = map_at(schemas, reference.removeprefix(PREFIX))


def _problems(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    schema = _resolved(schema, schemas)
    if value is None or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    kind = text_at(schema, "type")
    expected = WORDS.get(kind)
    if expected and (not isinstance(value, expected) or (kind == "integer" and isinstance(value, bool))):
        yield "wrong", f"{path or 'the object'} must be of type {kind}, not {_word(value)}"
        return
    if isinstance(value, dict):
        yield from _object_problems(value, schema, schemas, path)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _problems(item, map_at(schema, "items"), schemas, f"{path}[{position}]")


def _object_problems(
    value: Mapping[str, Any], schema: Mapping[str, Any], schemas: Mapping[str, Any], path: str
) -> Iterator[tuple[str, str]]:
    properties = map_at(schema, "properties")
    dot = f"{path}." if path else ""
    more = schema.get("additionalProperties")
    for key, item in value.items():
        if key in properties:
            yield from _problems(item, properties[key], schemas, f"{dot}{key}")
        elif isinstance(more, dict):
            yield from _problems(item, more, schemas, f"{dot}{key}")
        elif properties:
            yield "unknown", f"{dot}{key}"
    for key in texts_at(schema, "required"):
        if key not in value:
            yield "missing", f"{dot}{key}"


def _pruned(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A copy of the value without the fields that the schema does not have."""
    schema = _resolved(schema, schemas)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    if isinstance(value, list):
        return [_pruned(item, map_at(schema, "items"), schemas) for item in value]
    if not isinstance(value, dict):
        return value
    properties, more = map_at(schema, "properties"), schema.get("additionalProperties")
    if not properties and not isinstance(more, dict):
        return value
    kept = {key: properties.get(key, more) for key in value if key in properties or isinstance(more, dict)}
    return {key: _pruned(value[key], inner, schemas) for key, inner in kept.items()}


def _word(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), type(value).__name__)
