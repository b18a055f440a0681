"""`Obj`: a raw Kubernetes object read through typed getters that never raise, whatever the server or a broken recording holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from engine.core.types import ObjectRef


def at(data: object, *path: str | int) -> Any:
    """The value under a path of keys and list positions, or None where the path ends."""
    for step in path:
        if type(data) is dict and type(step) is str:  # nearly always, and much quicker to tell than what a Mapping is
            data = data.get(step)
        elif isinstance(step, int):
            if not isinstance(data, list) or not -len(data) <= step < len(data):
                return None
            data = data[step]
        elif isinstance(data, Mapping):
            data = data.get(step)
        else:
            return None
    return data


def text_at(data: object, *path: str | int, default: str = "") -> str:
    """A string under a path; numbers become their text, anything else the default."""
    value = at(data, *path)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return default


def int_at(data: object, *path: str | int, default: int = 0) -> int:
    """An integer under a path, or the default."""
    value = at(data, *path)
    if isinstance(value, bool):
        return default
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value)
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return default


def bool_at(data: object, *path: str | int, default: bool = False) -> bool:
    """A boolean under a path, or the default."""
    value = at(data, *path)
    return value if isinstance(value, bool) else default


def map_at(data: object, *path: str | int) -> Mapping[str, Any]:
    """A mapping under a path, or an empty one."""
    value = at(data, *path)
    return value if isinstance(value, Mapping) else {}


def list_at(data: object, *path: str | int) -> list[Any]:
    """A list under a path, or an empty one."""
    value = at(data, *path)
    return value if isinstance(value, list) else []


def maps_at(data: object, *path: str | int) -> list[Mapping[str, Any]]:
    """The mappings in a list under a path."""
    return [item for item in list_at(data, *path) if isinstance(item, Mapping)]


def texts_at(data: object, *path: str | int) -> list[str]:
    """The strings in a list under a path."""
    return [item for item in list_at(data, *path) if isinstance(item, str)]


def labels_at(data: object, *path: str | int) -> dict[str, str]:
    """A string-to-string mapping under a path, without entries of other types."""
    return {key: value for key, value in map_at(data, *path).items() if isinstance(key, str) and isinstance(value, str)}


def parse_time(value: object) -> datetime | None:
    """RFC 3339 to an aware datetime; None for anything else (also for the zero time that kubelets write for StartError)."""
    if not isinstance(value, str) or len(value) < 20:
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment if moment.year > 1970 else None


class Obj:
    """One object of the API, read-only. `raw` is the JSON as it came; the getters return defaults instead of raising."""

    __slots__ = ("raw",)

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def kind(self) -> str:
        return text_at(self.raw, "kind")

    @property
    def name(self) -> str:
        return text_at(self.raw, "metadata", "name")

    @property
    def namespace(self) -> str:
        return text_at(self.raw, "metadata", "namespace")

    @property
    def uid(self) -> str:
        return text_at(self.raw, "metadata", "uid")

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.kind, self.namespace, self.name)

    @property
    def labels(self) -> dict[str, str]:
        return labels_at(self.raw, "metadata", "labels")

    @property
    def annotations(self) -> dict[str, str]:
        return labels_at(self.raw, "metadata", "annotations")

    @property
    def created(self) -> datetime | None:
        return parse_time(at(self.raw, "metadata", "creationTimestamp"))

    @property
    def deleting_since(self) -> datetime | None:
        return parse_time(at(self.raw, "metadata", "deletionTimestamp"))

    @property
    def controller(self) -> ObjectRef | None:
        """The owner reference with controller=true (the first owner where none says so)."""
        owners = maps_at(self.raw, "metadata", "ownerReferences")
        for owner in [o for o in owners if o.get("controller") is True] or owners[:1]:
            return ObjectRef(text_at(owner, "kind"), self.namespace, text_at(owner, "name"))
        return None

    def at(self, *path: str | int) -> Any:
        return at(self.raw, *path)

    def text(self, *path: str | int, default: str = "") -> str:
        return text_at(self.raw, *path, default=default)

    def number(self, *path: str | int, default: int = 0) -> int:
        return int_at(self.raw, *path, default=default)

    def flag(self, *path: str | int, default: bool = False) -> bool:
        return bool_at(self.raw, *path, default=default)

    def map(self, *path: str | int) -> Mapping[str, Any]:
        return map_at(self.raw, *path)

    def maps(self, *path: str | int) -> list[Mapping[str, Any]]:
        return maps_at(self.raw, *path)

    def texts(self, *path: str | int) -> list[str]:
        return texts_at(self.raw, *path)

    def time(self, *path: str | int) -> datetime | None:
        return parse_time(at(self.raw, *path))

    def conditions(self) -> Iterator[Mapping[str, Any]]:
        yield from maps_at(self.raw, "status", "conditions")

    def condition(self, kind: str) -> Mapping[str, Any]:
        """The status condition of a type, or an empty mapping."""
        return next((c for c in self.conditions() if c.get("type") == kind), {})
