"""Objects as they were before a change, and the way back: a normal command that is judged and approved like any other.

Saved objects are as the server gave them, in files of mode 0600 that are never shown, sent or indexed, and that go after
seven days. Secrets are never saved.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cluster.source import ClusterError, ClusterSource, RawObject
from engine.commands.approval.preview import named
from engine.commands.kubectl import touched_objects
from engine.commands.kubectl.call import Call, read_call
from engine.commands.kubectl.manifests import write_manifest
from engine.commands.parsing.lexer import Refused
from engine.core.cancel import CancelToken
from engine.core.types import ObjectRef

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

    def save(
        self,
        id: str,
        argv: Sequence[str],
        refs: Sequence[ObjectRef],
        source: ClusterSource,
        *,
        context: str,
        namespace: str,
        cancel: CancelToken | None = None,
    ) -> UndoEntry:
        """Save the objects that a change is about to touch; what cannot be read is left out. Raises OSError when nothing can be written."""
        objects = tuple(saved for ref in refs[:MAX_OBJECTS] if (saved := _read(ref, source, cancel)) is not None)
        entry = UndoEntry(id, time.time(), context, namespace, tuple(argv), objects)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        body = {"id": id, "at": entry.at, "context": context, "namespace": namespace, "argv": list(argv), "objects": list(objects)}
        fd = os.open(self._folder / f"{id}.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(body, file)
        return entry

    def entries(self) -> list[UndoEntry]:
        """All saved changes, the latest first; files that cannot be read are passed over."""
        found = []
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                body = json.loads(path.read_text(encoding="utf-8"))
                found.append(
                    UndoEntry(body["id"], body["at"], body["context"], body["namespace"], tuple(body["argv"]), tuple(body["objects"]))
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return sorted(found, key=lambda entry: entry.at, reverse=True)

    def drop(self, entry: UndoEntry) -> None:
        """Delete what was saved before one change."""
        (self._folder / f"{entry.id}.json").unlink(missing_ok=True)

    def purge(self, days: float = KEPT_DAYS) -> int:
        """Delete what is older than so many days; returns how many files went."""
        gone = 0
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            if path.stat().st_mtime < time.time() - days * 86400:
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def way_back(self, entry: UndoEntry) -> WayBack:
        """The command that brings the objects back as they were; manifests that it needs are written into the session's folder."""
        try:
            call = read_call(("kubectl", *entry.argv[1:]))
        except Refused:
            return WayBack("", "There is no undo that is known for this command.")
        simple = _simple(call, entry)
        if simple is not None:
            return simple
        objects = [strip(item) for item in entry.objects]
        if not objects:
            return WayBack("", "Nothing was saved before this change, so there is no way back from here.")
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects} if len(objects) > 1 else objects[0], indent=2)
        path = write_manifest(text, self._manifests, ".json")
        verb, what = ("create", "creates") if call.verb == "delete" else ("replace", "puts back")
        count = "the object" if len(objects) == 1 else f"{len(objects)} objects"
        return WayBack(f"kubectl {verb} -f {shlex.quote(str(path))}{_where(entry, call)}", f"It {what} {count} as saved before the change.")


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


def _read(ref: ObjectRef, source: ClusterSource, cancel: CancelToken | None) -> RawObject | None:
    plural = touched_objects.kind_of(ref.kind)
    if touched_objects.is_secret(plural):
        return None
    try:
        resource = next((row.name for row in source.resources() if row.kind == ref.kind), plural)
        return source.get(resource, ref.namespace, ref.name, cancel=cancel)
    except ClusterError:
        return None
