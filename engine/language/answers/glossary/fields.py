"""What a field of the API means, from the OpenAPI schemas of the cluster (live or recorded), else from those that ship with the demo recording."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from engine.cluster.kinds import KIND_OF, KINDS
from engine.cluster.objects import at, map_at, maps_at, text_at, texts_at
from engine.cluster.source import ClusterError, ClusterSource

_PREFIX = "#/components/schemas/"
_PATH = re.compile(r"(?<![\w./-])(?P<kind>[A-Za-z]+)(?:\.|/)(?P<path>[A-Za-z]\w*(?:\[[^\]]*\])?(?:\.[A-Za-z]\w*(?:\[[^\]]*\])?)*)(?![\w/])")
_GROUPS = {
    "apps": "v1", "batch": "v1", "autoscaling": "v2", "policy": "v1", "networking.k8s.io": "v1", "rbac.authorization.k8s.io": "v1",
    "storage.k8s.io": "v1", "discovery.k8s.io": "v1", "scheduling.k8s.io": "v1", "node.k8s.io": "v1", "coordination.k8s.io": "v1",
    "apiextensions.k8s.io": "v1", "admissionregistration.k8s.io": "v1", "certificates.k8s.io": "v1", "apiregistration.k8s.io": "v1",
}  # fmt: skip
_SEARCHED = (
    "Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "Ingress", "PersistentVolumeClaim", "PersistentVolume",
    "StorageClass", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ResourceQuota", "Node", "ServiceAccount", "Secret", "ConfigMap",
)  # fmt: skip
_DEEPEST = 7


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a kind: its dotted path, its type in kubectl's words (`<[]Container>`), what it means, and the fields below it."""

    kind: str
    path: str
    type: str
    text: str
    required: bool = False
    values: tuple[str, ...] = ()
    below: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The kubectl command that explains it."""
        word = KIND_OF[self.kind].singular if self.kind in KIND_OF else self.kind.lower()
        return f"kubectl explain {word}{'.' + self.path if self.path else ''}"


@dataclass(frozen=True, slots=True)
class NoField:
    """A path that leads nowhere: the last part that exists, the name that does not, and the nearest ones there are."""

    kind: str
    parent: str
    name: str
    near: tuple[str, ...] = ()


def path_in(text: str) -> tuple[str, str] | None:
    """The Kind and the dotted path that a text names (`pod.spec.nodeName`), or None; `spec.…` alone is a Pod's."""
    for found in _PATH.finditer(text):
        word = KINDS.get(found["kind"].lower())
        path = re.sub(r"\[[^\]]*\]", "", found["path"])
        if word is not None:
            return word.kind, path
        if found["kind"] in ("spec", "status", "metadata"):
            return "Pod", f"{found['kind']}.{path}"
    return None


def explain(source: ClusterSource | None, kind: str, path: str) -> Field | NoField | None:
    """What a field means; NoField where the kind has none of that name; None where no schema of the kind is known."""
    schemas = _Schemas(source)
    node = schemas.kind(kind)
    if node is None:
        return None
    walked: list[str] = []
    required = False
    for name in [part for part in path.split(".") if part]:
        properties = map_at(schemas.fields_of(node), "properties")
        hit = next((key for key in properties if key.lower() == name.lower()), "")
        if not hit:
            return NoField(kind, ".".join(walked), name, tuple(difflib.get_close_matches(name, list(properties), n=3, cutoff=0.5)))
        required = hit in texts_at(schemas.fields_of(node), "required")
        node = properties[hit]
        walked.append(hit)
    return schemas.field(kind, ".".join(walked), node, required)


def named(source: ClusterSource | None, name: str) -> Field | None:
    """The field of a name (`minReadySeconds`) nearest to the top of a common kind; None where none has it."""
    schemas = _Schemas(source)
    for kind in _SEARCHED:
        node = schemas.kind(kind)
        if node is None:
            continue
        level: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), node)]
        for _ in range(_DEEPEST):
            below: list[tuple[tuple[str, ...], Mapping[str, Any]]] = []
            for walked, inner in level:
                for key, value in map_at(schemas.fields_of(inner), "properties").items():
                    if key.lower() == name.lower():
                        required = key in texts_at(schemas.fields_of(inner), "required")
                        return schemas.field(kind, ".".join((*walked, key)), value, required)
                    if isinstance(value, Mapping) and key not in walked and key not in ("metadata", "status"):
                        below.append(((*walked, key), value))
            level = below
    return None


def problems(source: ClusterSource | None, manifest: Mapping[str, Any]) -> list[str]:
    """What the schema of its kind has against an object: unknown fields, wrong types, missing fields; [] where nothing, or where no schema is known."""
    schemas = _Schemas(source)
    node = schemas.kind(text_at(manifest, "kind"), text_at(manifest, "apiVersion"))
    return list(schemas.problems(manifest, node, "")) if node is not None else []


def has_schema(source: ClusterSource | None, kind: str, api_version: str = "") -> bool:
    """Whether the schema of a kind is known, so that `problems` can say something."""
    return _Schemas(source).kind(kind, api_version) is not None


class _Schemas:
    """The schemas of a cluster, and of the demo recording behind them."""

    def __init__(self, source: ClusterSource | None) -> None:
        self.source = source
        self._documents: dict[str, Mapping[str, Any]] = {}
        self._of: dict[int, Mapping[str, Any]] = {}
        self._components: Mapping[str, Any] = {}

    def kind(self, kind: str, api_version: str = "") -> Mapping[str, Any] | None:
        """The schema of a Kind; afterwards references are looked up beside it."""
        path = _group_path(kind, api_version)
        for components in (self._read(path), _shipped(path)):
            for schema in components.values():
                if any(text_at(one, "kind") == kind for one in maps_at(schema, "x-kubernetes-group-version-kind")) and isinstance(
                    schema, Mapping
                ):
                    self._components = components
                    return schema
        return None

    def _read(self, path: str) -> Mapping[str, Any]:
        if self.source is None or not path:
            return {}
        if path not in self._documents:
            try:
                data = self.source.openapi(path)
            except ClusterError:
                data = None
            document = msgspec.json.decode(data) if isinstance(data, bytes) else {}
            self._documents[path] = map_at(document, "components", "schemas")
        return self._documents[path]

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema behind references; the description that stands beside a reference wins."""
        text, seen = text_at(schema, "description"), 0
        while seen < 8:
            parts = maps_at(schema, "allOf")
            reference = text_at(schema, "$ref") or (text_at(parts[0], "$ref") if len(parts) == 1 else "")
            if not reference:
                break
            schema = map_at(self._components, reference.removeprefix(_PREFIX))
            seen += 1
        return {**schema, "description": text} if text else schema

    def fields_of(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema that holds the fields: of a list or a map, that of what is in it."""
        schema = self.resolved(schema)
        if text_at(schema, "type") == "array":
            return self.resolved(map_at(schema, "items"))
        more = at(schema, "additionalProperties")
        return self.resolved(more) if isinstance(more, Mapping) and not schema.get("properties") else schema

    def field(self, kind: str, path: str, node: Mapping[str, Any], required: bool) -> Field:
        schema = self.resolved(node)
        text = text_at(schema, "description") or text_at(self.fields_of(node), "description")
        values = tuple(str(value) for value in schema.get("enum", ()) if value != "")
        return Field(kind, path, self._type(node), _plain(text), required, values, tuple(map_at(self.fields_of(node), "properties")))

    def _type(self, node: Mapping[str, Any]) -> str:
        schema = self.resolved(node)
        kind = text_at(schema, "type")
        if kind == "array":
            return f"[]{self._type(map_at(schema, 'items'))}"
        if isinstance(schema.get("additionalProperties"), Mapping):
            return f"map[string]{self._type(map_at(schema, 'additionalProperties'))}"
        parts = maps_at(node, "allOf")
        reference = text_at(node, "$ref") or (text_at(parts[0], "$ref") if len(parts) == 1 else "")
        if reference and kind in ("", "object"):
            return reference.rsplit(".", 1)[-1]
        return kind or ("int or string" if schema.get("x-kubernetes-int-or-string") or schema.get("oneOf") else "object")

    def problems(self, value: object, node: Mapping[str, Any], path: str) -> Iterator[str]:
        schema = self.resolved(node)
        kind = text_at(schema, "type")
        if value is None or schema.get("x-kubernetes-preserve-unknown-fields"):
            return
        expected = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}.get(kind)
        if expected and (not isinstance(value, expected) or (kind == "integer" and isinstance(value, bool))):
            if not (kind == "string" and text_at(schema, "format") == "int-or-string"):
                yield f"{path or 'the object'} must be of type {kind}"
            return
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield from self.problems(item, map_at(schema, "items"), f"{path}[{number}]")
        elif isinstance(value, Mapping):
            properties, more = map_at(schema, "properties"), schema.get("additionalProperties")
            for key, item in value.items():
                where = f"{path}.{key}" if path else str(key)
                if key in properties:
                    yield from self.problems(item, properties[key], where)
                elif isinstance(more, Mapping):
                    yield from self.problems(item, more, where)
                elif properties:
                    yield f"unknown field {where}"
            for key in texts_at(schema, "required"):
                if key not in value:
                    yield f"{path + '.' if path else ''}{key} is missing"


@cache
def _shipped(path: str) -> Mapping[str, Any]:
    """The schemas of one group and version that ship with the program, in the demo recording."""
    from engine.cluster.recordings.recorded_cluster import open_recording
    from engine.core.paths import resource_path

    try:
        recording = open_recording(resource_path("demo"))
    except (OSError, ClusterError):
        return {}
    try:
        data = recording.openapi(path)
        return map_at(msgspec.json.decode(data), "components", "schemas") if data else {}
    finally:
        recording.close()


def _group_path(kind: str, api_version: str = "") -> str:
    """`/openapi/v3/apis/apps/v1` for a Kind that is known; "" otherwise."""
    if api_version:
        return f"/openapi/v3/{'apis' if '/' in api_version else 'api'}/{api_version}"
    word = KIND_OF.get(kind)
    if word is None:
        return ""
    group = word.resource.partition(".")[2]
    if group == "autoscaling":
        return "/openapi/v3/apis/autoscaling/v2"
    return f"/openapi/v3/apis/{group}/{_GROUPS.get(group, 'v1')}" if group else "/openapi/v3/api/v1"


def _plain(text: str) -> str:
    """A description without the list of values that is shown beside it."""
    return " ".join(text.partition("\n\nPossible enum values:")[0].split())
