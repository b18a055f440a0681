"""Columns, tables and the small formats that every kind's cells share: ages, labels, selectors, quantities' lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.cluster.objects import Obj, labels_at, list_at, map_at, maps_at, parse_time, text_at

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"

Cell = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name as the server writes it; `priority` above 0 means only with `-o wide`."""

    name: str
    priority: int = 0
    type: str = "string"
    format: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and one list of cells an object, in the objects' order."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


Row = tuple[Cell, ...]
Printer = Callable[[Obj, datetime], Row]
"""An object and the moment that ages count from, to the cells behind the name."""


@dataclass(frozen=True, slots=True)
class Printing:
    """How one kind is printed: the columns behind NAME, and the cells."""

    columns: tuple[Column, ...]
    cells: Printer
    name: Callable[[Obj], str] = lambda obj: obj.name


def columns(*names: str) -> tuple[Column, ...]:
    """Columns from their names; a name that begins with `+` is shown only with `-o wide`."""
    return tuple(Column(name.removeprefix("+"), priority=int(name.startswith("+"))) for name in names)


def human_duration(seconds: float) -> str:
    """A duration in seconds as kubectl words it: `45s`, `3m12s`, `5h`, `4d2h`, `1y20d`; `<invalid>` below -1."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, hours = whole // 60, whole // 3600
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def since(value: object, now: datetime, missing: str = UNKNOWN) -> str:
    """The age of an RFC 3339 time, or `missing`."""
    moment = parse_time(value)
    return human_duration((now - moment).total_seconds()) if moment else missing


def age(obj: Obj, now: datetime) -> str:
    """The age of an object by its creationTimestamp."""
    return since(obj.at("metadata", "creationTimestamp"), now)


def few(items: Sequence[str], count: int, empty: str, limit: int = 3) -> str:
    """The first three of a list joined by commas, and how many more there are of `count`."""
    shown = ",".join(items[:limit])
    if count > limit:
        return f"{shown} + {count - limit} more..."
    return shown or empty


def format_labels(labels: Mapping[str, str]) -> str:
    """`a=1,b=2` in the order of the keys, or `<none>`."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or NONE


def format_selector(selector: object) -> str:
    """A LabelSelector (matchLabels, matchExpressions) in the words of `-l`, or `<none>`."""
    parts = [(key, f"{key}={value}") for key, value in labels_at(selector, "matchLabels").items()]
    for expression in maps_at(selector, "matchExpressions"):
        key, operator = text_at(expression, "key"), text_at(expression, "operator")
        values = ",".join(sorted(str(value) for value in list_at(expression, "values")))
        word = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
        parts.append((key, word.get(operator, f"{key} {operator}")))
    return ",".join(text for _, text in sorted(parts)) or NONE


def containers_and_images(template: object) -> tuple[str, str]:
    """The names and the images of a pod template's containers, joined by commas."""
    found = maps_at(template, "spec", "containers")
    return ",".join(text_at(c, "name") for c in found), ",".join(text_at(c, "image") for c in found)


def access_modes(modes: Iterable[str]) -> str:
    """`RWO,RWX` from the long names, in kubectl's fixed order."""
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    given = set(modes)
    return ",".join(letters for name, letters in short.items() if name in given)


def storage_class(obj: Obj) -> str:
    """The storage class of a claim or volume, the old annotation included."""
    return obj.annotations.get("volume.beta.kubernetes.io/storage-class") or obj.text("spec", "storageClassName")


def quantity_text(data: object, *path: str | int) -> str:
    """A quantity as it is written in the object."""
    return text_at(data, *path)


def keys_of(data: object, *path: str) -> int:
    """How many keys a mapping has."""
    return len(map_at(data, *path))


def field(data: Mapping[str, Any], *path: str | int, default: str = NONE) -> str:
    """A text, or `<none>` where it is missing or empty."""
    return text_at(data, *path) or default
