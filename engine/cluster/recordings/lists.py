"""What meta.json and index.json of a recording say: its format, its moment, and the lists that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.cluster.objects import parse_time
from engine.cluster.recordings.archive import Archive, BrokenRecording

FORMAT = 1


@dataclass(frozen=True, slots=True)
class RecordedList:
    """One row of index.json: a resource list, how many objects it has, and what the server answered (HTTP status).

    `namespaces`: the only ones that it is complete in (None: all); `partial`: some objects alone, there may be others.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    items: int
    status: int
    file: str
    namespaces: tuple[str, ...] | None = None
    partial: bool = False

    @property
    def name(self) -> str:
        """`plural` or `plural.group`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def meta_of(archive: Archive) -> Mapping[str, Any]:
    """meta.json. Raises BrokenRecording when it is missing, wrong or of a newer format."""
    meta = archive.json("meta.json")
    if not isinstance(meta, dict):
        raise BrokenRecording(f"{archive.name}: meta.json is not a JSON object")
    version = meta.get("format", FORMAT)
    if version != FORMAT:
        raise BrokenRecording(
            f"{archive.name}: meta.json says format {version!r}, but this k8sagent reads format {FORMAT}; a newer one may open it"
        )
    return meta


def moment_of(archive: Archive, meta: Mapping[str, Any]) -> datetime:
    """When it was recorded. Raises BrokenRecording when meta.json does not say."""
    moment = parse_time(meta.get("recorded_at")) or parse_time(meta.get("finished_at"))
    if moment is None:
        raise BrokenRecording(f"{archive.name}: meta.json has no recorded_at or finished_at that is an RFC 3339 time")
    return moment


def lists_of(archive: Archive) -> tuple[RecordedList, ...]:
    """The rows of index.json. Raises BrokenRecording when it is missing or wrong."""
    import msgspec

    data = archive.read("index.json")
    if data is None:
        raise BrokenRecording(f"{archive.name}: index.json is missing, so what was recorded is unknown")
    try:
        rows = msgspec.json.decode(data, type=list[_Row])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenRecording(f"{archive.name}: index.json is malformed: {error}") from error
    return tuple(
        RecordedList(r.group, r.version, r.resource, r.kind, r.namespaced, r.items, r.status, r.file, r.namespaces, r.partial) for r in rows
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of index.json."""

    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool
    items: int = 0
    status: int = 200
    file: str = ""
    namespaces: tuple[str, ...] | None = None
    partial: bool = False
