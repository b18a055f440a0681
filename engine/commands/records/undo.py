"""Objects as they were before a change, and the way back: a normal command that is judged and approved like any other.

Saved objects are as the server gave them, in files of mode 0600 that are never shown, sent or indexed, and that go after
seven days. Secrets are never saved.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cluster.source import ClusterError, ClusterSource, RawObject
from engine.commands.approval.preview import named
from engine.commands.kubectl import touched_objects
from engine.commands.kubectl.call import Call, read_call
from engine.commands.kubectl.manifests import delete_copies, write_manifest
from engine.commands.parsing.lexer import Refused
from engine.core.paths import private_folder

KEPT_DAYS = 7
MAX_OBJECTS = 200
_SERVER_FIELDS = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)


@dataclass(frozen=True, slots=True)
class UndoEntry:
    """One change that may be taken back: when (Unix seconds), where, what ran, and the objects as they were before."""

    id: str
    at: float
    context: str
    namespace: str
    argv: tuple[str, ...]
    objects: tuple[RawObject, ...] = ()
    after: tuple[RawObject, ...] = ()
    """The same objects right after the change; empty where they were not read again."""

    @property
    def command(self) -> str:
        """What ran, as text."""
        return shlex.join(self.argv)


@dataclass(frozen=True, slots=True)
class WayBack:
    """The command that takes a change back ("" when there is none), and a sentence on what it does or why there is none."""

    command: str
    note: str


class UndoStore:
    """Saved objects on the disk, one file a change."""

    def __init__(self, folder: Path, manifests: Path) -> None:
        self._folder = folder
        self._manifests = manifests

    def save(self, id: str, argv: Sequence[str], objects: Sequence[RawObject], *, context: str, namespace: str) -> UndoEntry:
        """Save the objects that a change is about to touch, but no Secret. Raises OSError when nothing can be written."""
        entry = UndoEntry(id, time.time(), context, namespace, tuple(argv), _kept(objects))
        self._write(entry)
        return entry

    def save_after(self, id: str, objects: Sequence[RawObject]) -> None:
        """Add what the objects became to a saved change. Raises OSError."""
        entry = next((entry for entry in self.entries() if entry.id == id), None)
        if entry is not None:
            self._write(dataclasses.replace(entry, after=_kept(objects)))

    def _write(self, entry: UndoEntry) -> None:
        private_folder(self._folder)
        fd = os.open(self._folder / f"{entry.id}.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(entry), file)

    def entries(self) -> list[UndoEntry]:
        """All saved changes, the latest first; files that cannot be read are passed over."""
        found = []
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                body = json.loads(path.read_text(encoding="utf-8"))
                found.append(
                    UndoEntry(
                        body["id"],
                        body["at"],
                        body["context"],
                        body["namespace"],
                        tuple(body["argv"]),
                        tuple(body["objects"]),
                        tuple(body.get("after", ())),
                    )
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return sorted(found, key=lambda entry: entry.at, reverse=True)

    def drop(self, entry: UndoEntry) -> None:
        """Delete what was saved before one change, and the manifests that it was made with."""
        delete_copies(entry.argv, self._manifests)
        (self._folder / f"{entry.id}.json").unlink(missing_ok=True)

    def purge(self, days: float = KEPT_DAYS) -> int:
        """Delete what is older than so many days; returns how many files went."""
        gone = 0
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            if path.stat().st_mtime < time.time() - days * 86400:
                for entry in self.entries():
                    if path.stem == entry.id:
                        delete_copies(entry.argv, Path(self._manifests.parent, self._folder.name))
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def way_back(self, entry: UndoEntry, source: ClusterSource) -> WayBack:
        """The command that brings the objects back as they were; manifests that it needs are written into the session's folder.

        What others changed since our own change is kept; where they changed the same fields, there is no command but a note.
        """
        try:
            call = read_call(entry.argv)
        except Refused:
            return WayBack("", "There is no undo that is known for this command.")
        merged: list[RawObject] = []
        lost: list[str] = []
        others = False
        after = {_name(item): item for item in entry.after}
        for before in entry.objects:
            ours = after.get(_name(before))
            now = _read(before, source) if ours is not None else None
            if ours is None or now is None:
                merged.append(before)
                continue
            back, conflicts = merge(before, ours, now)
            lost += [f"{_name(before)[0]} {_name(before)[2]}: {field}" for field in conflicts]
            others = others or back != strip(before)
            merged.append(back)
        if lost:
            return WayBack("", f"Somebody changed the same fields since, and undoing would lose that: {'; '.join(lost[:6])}.")
        simple = _simple(call, entry)
        if simple is not None:
            return simple
        objects = [strip(item) for item in merged]
        if not objects:
            return WayBack("", "Nothing was saved before this change, so there is no way back from here.")
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects} if len(objects) > 1 else objects[0], indent=2)
        path = write_manifest(text, self._manifests, ".json")
        verb, what = ("create", "creates") if call.verb == "delete" else ("replace", "puts back")
        count = "the object" if len(objects) == 1 else f"{len(objects)} objects"
        kept = " What others changed since is kept." if others else ""
        return WayBack(
            f"kubectl {verb} -f {shlex.quote(str(path))}{_where(entry, call)}", f"It {what} {count} as saved before the change.{kept}"
        )


def merge(before: RawObject, ours: RawObject, now: RawObject) -> tuple[RawObject, list[str]]:
    """The object with our change taken back and everybody else's kept, and the fields that both changed, as `spec.replicas: 3 → 5`."""
    old, mine, current = (dict(_fields(strip(item))) for item in (before, ours, now))
    result = copy.deepcopy(strip(now))
    conflicts: list[str] = []
    for path in sorted({*old, *mine}, key=len):
        if old.get(path, _GONE) == mine.get(path, _GONE):
            continue
        if current.get(path, _GONE) != mine.get(path, _GONE):
            theirs = current.get(path, "removed")
            conflicts.append(f"{'.'.join(path)}: {json.dumps(mine.get(path, 'removed'))} → {json.dumps(theirs)}")
            continue
        _set(result, path, old.get(path, _GONE))
    return result, conflicts


_GONE = object()


def _fields(value: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every field by its path; a list is one value. Annotations that controllers write are left out."""
    for key, inner in value.items():
        if path == ("metadata", "annotations") and "kubernetes.io/" in key:
            continue
        if isinstance(inner, Mapping) and inner:
            yield from _fields(inner, (*path, key))
        else:
            yield (*path, key), inner


def _set(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            inner = target[key] = {}
        target = inner
    if value is _GONE:
        target.pop(path[-1], None)
    else:
        target[path[-1]] = value


def strip(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what the server fills in, so that it can be created again."""
    kept = {key: value for key, value in item.items() if key != "status"}
    meta = {key: value for key, value in dict(kept.get("metadata") or {}).items() if key not in _SERVER_FIELDS}
    if kept.get("kind") == "Pod":
        meta.pop("ownerReferences", None)
        kept["spec"] = {key: value for key, value in dict(kept.get("spec") or {}).items() if key != "nodeName"}
    if kept.get("kind") == "Service":
        kept["spec"] = {key: value for key, value in dict(kept.get("spec") or {}).items() if key not in ("clusterIP", "clusterIPs")}
    if kept.get("kind") == "PersistentVolumeClaim":
        annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if not key.startswith("pv.kubernetes.io/")}
        meta["annotations"] = annotations
    kept["metadata"] = meta
    return kept


def _simple(call: Call, entry: UndoEntry) -> WayBack | None:
    """The way back by one plain command, where there is one."""
    first: Mapping[str, Any] = entry.objects[0] if len(entry.objects) == 1 else {}
    name = f"{str(first.get('kind', '')).lower()}/{first.get('metadata', {}).get('name', '')}" if first else ""
    where = _where(entry, call)
    if call.verb in ("exec", "debug"):
        return WayBack("", "What a process did in a container cannot be taken back.")
    if not first and any(touched_objects.is_secret(kind) for kind, _ in named(call)):
        return WayBack("", "There is no undo for a Secret: its values are not kept here.")
    if call.verb == "scale" and name:
        return WayBack(
            f"kubectl scale {name}{where} --replicas={first.get('spec', {}).get('replicas', 1)}", "It sets the earlier number of replicas."
        )
    if call.verb == "set image" and name:
        containers = first.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
        images = " ".join(shlex.quote(f"{item['name']}={item['image']}") for item in containers if "image" in item)
        return WayBack(f"kubectl set image {name}{where} {images}", "It sets the earlier images.")
    if call.verb in ("rollout restart", "rollout undo", "set env", "set resources") and name:
        return WayBack(f"kubectl rollout undo {name}{where}", "It goes back to the revision before.")
    if call.verb in ("rollout pause", "rollout resume") and name:
        other = "resume" if call.verb.endswith("pause") else "pause"
        return WayBack(f"kubectl rollout {other} {name}{where}", "It reverses the change.")
    if call.verb in ("cordon", "uncordon", "drain") and call.operands:
        other = "cordon" if call.verb == "uncordon" else "uncordon"
        note = "Evicted pods do not come back to the node by themselves." if call.verb == "drain" else "It reverses the change."
        return WayBack(f"kubectl {other} {call.operands[0]}", note)
    if call.verb in ("label", "annotate") and name:
        return _metadata(call, first, name, where)
    if call.verb == "delete" and first.get("metadata", {}).get("ownerReferences"):
        return WayBack("", "Its controller has made another one; the deleted one does not come back.")
    return None


def _metadata(call: Call, first: Mapping[str, Any], name: str, where: str) -> WayBack:
    block = "labels" if call.verb == "label" else "annotations"
    before: Mapping[str, str] = first.get("metadata", {}).get(block) or {}
    keys = [word.split("=", 1)[0] if "=" in word else word.removesuffix("-") for word in call.operands if "=" in word or word.endswith("-")]
    words = " ".join(shlex.quote(f"{key}={before[key]}" if key in before else f"{key}-") for key in keys)
    return WayBack(f"kubectl {call.verb} {name}{where} {words} --overwrite", f"It sets the earlier {block}.")


def _where(entry: UndoEntry, call: Call) -> str:
    namespace = call.last("namespace") or entry.namespace
    scoped = all(not item.get("metadata", {}).get("namespace") for item in entry.objects) if entry.objects else False
    return f" -n {shlex.quote(namespace)}" if namespace and not scoped else ""


def _kept(objects: Sequence[RawObject]) -> tuple[RawObject, ...]:
    return tuple(item for item in objects[:MAX_OBJECTS] if not touched_objects.is_secret(touched_objects.kind_of(str(item["kind"]))))


def _name(item: RawObject) -> tuple[str, str, str]:
    meta = item.get("metadata") or {}
    return str(item.get("kind", "")), str(meta.get("namespace", "")), str(meta.get("name", ""))


def _read(item: RawObject, source: ClusterSource) -> RawObject | None:
    """The object as it is now; None when it is gone or cannot be read."""
    kind, namespace, name = _name(item)
    try:
        resource = next((row.name for row in source.resources() if row.kind == kind), touched_objects.kind_of(kind))
        return source.get(resource, namespace, name)
    except ClusterError:
        return None
