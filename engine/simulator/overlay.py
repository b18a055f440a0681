"""`Overlay`: changes in memory over a recorded cluster, with controllers that follow them; the recording itself stays as it is.

It is a `ClusterSource`: whoever reads through it sees the changes. Objects from here must not be changed by the reader.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from engine.cluster.objects import list_at, text_at
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.cluster.source import (
    ClusterError,
    ClusterSource,
    Coverage,
    Lines,
    NotFound,
    RawObject,
    RawObjects,
    ResourceType,
    Usage,
)
from engine.core.cancel import CancelToken
from engine.simulator.controllers import Controllers

BASE_REVISION = 10_000_000
"""resourceVersions of changed objects and of lists begin here, above any that a recorded object carries."""
KEPT_CHANGES = 5_000
STAMP = "%Y-%m-%dT%H:%M:%SZ"
Key = tuple[str, str]
"""namespace ("" for cluster-wide objects) and name"""


@dataclass(frozen=True, slots=True)
class Change:
    """One object that came (`before` is None), changed, or went (`after` is None)."""

    revision: int
    resource: str
    before: RawObject | None
    after: RawObject | None


class Overlay(ClusterSource):
    """A recorded cluster that can be changed in memory; safe to use from several threads."""

    kind: Literal["live", "recording"] = "recording"

    def __init__(self, recording: RecordedCluster) -> None:
        self.recording = recording
        self.title = recording.title
        self.context = recording.context
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._objects: dict[str, dict[Key, RawObject | None]] = {}
        self._log_of: dict[Key, Key] = {}
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._callbacks: list[Callable[[Change], None]] = []
        self._revision = 0
        self._controllers = Controllers(self)

    @property
    def revision(self) -> int:
        """How many objects have been written or removed since the recording was opened."""
        return self._revision

    @property
    def oldest_revision(self) -> int:
        """The first revision from which `changes` is complete."""
        with self._lock:
            return self._changes[0].revision - 1 if self._changes else self._revision

    # reading

    def now(self) -> datetime:
        """Real time, as the recording's times are shifted."""
        return self.recording.now()

    def catch_up(self) -> None:
        """Move the recording's times on to the clock; what was changed here has those of its changes."""
        self.recording.catch_up()

    def server_version(self) -> str:
        """The recorded server's version."""
        return self.recording.server_version()

    def resources(self) -> Sequence[ResourceType]:
        """Discovery as recorded."""
        return self.recording.resources()

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> RawObjects:
        """The recorded objects with the changes, in the order of namespace and name."""
        with self._lock:
            changed = self._objects.get(resource)
            if not changed:
                return self.recording.list(resource, namespace, cancel=cancel)
            try:
                recorded = self.recording.list(resource, namespace, cancel=cancel)
            except ClusterError:
                recorded = []
            merged: dict[Key, RawObject | None] = {key_of(obj): obj for obj in recorded}
            merged |= {key: obj for key, obj in changed.items() if namespace is None or key[0] == namespace}
            return [obj for _, obj in sorted(merged.items(), key=lambda pair: "/".join(pair[0])) if obj is not None]

    def coverage(self) -> Coverage:
        """As of the recording; of what it lacks there are now single objects, if some were made here."""
        recorded = self.recording.coverage()
        new = {
            resource: f"{self.title} has no {resource} but those of this session, so nothing can be said about others"
            for resource in self._objects
            if self.recording.lacks(resource)
        }
        return Coverage({**recorded.partial, **new}, recorded.limited)

    def get(self, resource: str, namespace: str, name: str, *, cancel: CancelToken | None = None) -> RawObject:
        """One object as it is now. Raises NotFound for one that was deleted."""
        with self._lock:
            changed = self._objects.get(resource, {})
            if (namespace, name) not in changed:
                return self.recording.get(resource, namespace, name, cancel=cancel)
            found = changed[(namespace, name)]
        if found is None:
            raise NotFound(f'{resource} "{name}" was deleted in this session')
        return found

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail: int | None = None,
        since_seconds: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Lines:
        """The recorded log; a pod that came up failing like its sibling has the sibling's, any other new pod has written nothing."""
        self.get("pods", namespace, pod)
        source = self._log_of.get((namespace, pod))
        if source is None and self._is_new("pods", namespace, pod):
            if previous:
                raise NotFound(f'previous terminated container "{container}" in pod "{pod}" not found: it was created in this session')
            return []
        from_namespace, from_pod = source or (namespace, pod)
        return self.recording.logs(
            from_namespace, from_pod, container, previous=previous, tail=tail, since_seconds=since_seconds, cancel=cancel
        )

    def top(self, what: Literal["pods", "nodes"], namespace: str | None = None) -> Sequence[Usage]:
        """Usage as recorded, without the pods and nodes that are gone."""
        rows = self.recording.top(what, namespace)
        here = {key_of(obj) for obj in self.list(what, namespace if what == "pods" else None)}
        return [row for row in rows if (row.namespace if what == "pods" else "", row.name) in here]

    def discovery(self, path: str, *, aggregated: bool = False) -> bytes | None:
        """The recorded discovery document."""
        return self.recording.discovery(path, aggregated=aggregated)

    def openapi(self, path: str) -> bytes | None:
        """The recorded OpenAPI document."""
        return self.recording.openapi(path)

    def raw(self, path: str) -> bytes | None:
        """The recorded body of another path."""
        return self.recording.raw(path)

    def log_error(self, namespace: str, pod: str, container: str, previous: bool = False) -> dict[str, Any] | None:
        """The Status that the recorded server answered instead of a log, or None."""
        source = self._log_of.get((namespace, pod))
        if source is None and self._is_new("pods", namespace, pod):
            return None
        return self.recording.log_error(*(source or (namespace, pod)), container, previous)

    def objects(self, group: str, version: str, plural: str) -> RawObjects:
        """The objects of a group version: as recorded for a version that is not the preferred one, unless something changed."""
        resource = f"{plural}.{group}" if group else plural
        if any((kind.name, kind.version) == (resource, version) for kind in self.resources()):
            return self.list(resource)
        changed = self._objects.get(resource, {})
        api_version = f"{group}/{version}" if group else version
        kept = [obj for obj in self.recording.objects(group, version, plural) if key_of(obj) not in changed]
        kept += [{**obj, "apiVersion": api_version} for obj in changed.values() if obj is not None]
        return sorted(kept, key=key_of)

    def close(self) -> None:
        """Close the recording."""
        self.recording.close()

    # changing

    def on_change(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Have a function called after each change, on the thread that made it; the answer stops that."""
        with self._lock:
            self._callbacks.append(callback)

        def stop() -> None:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return stop

    def changes(self, after: int, *, timeout: float) -> Sequence[Change]:
        """The changes after a revision, waiting up to `timeout` seconds for the first."""
        with self._changed:
            if self._revision <= after:
                self._changed.wait(timeout)
            return [change for change in self._changes if change.revision > after] if self._revision > after else []

    def put(self, resource: str, obj: RawObject) -> RawObject:
        """Store an object, new or changed, let the controllers follow, and return it as it then is."""
        with self._lock:
            first = self._revision
            change = self.write(resource, obj)
            if _released(change):
                change = self.drop(resource, *key_of(obj))
            self._controllers.follow(change)
            made = [c for c in self._changes if c.revision > first]
            callbacks = list(self._callbacks)
            latest = self._objects[resource].get(key_of(obj)) or change.after or obj
        self._notify(callbacks, made)
        return latest

    def remove(self, resource: str, namespace: str, name: str, *, orphan: bool = False, force: bool = False) -> RawObject:
        """Delete an object and, unless `orphan`, what it owns. One that something holds back only gets its deletionTimestamp.

        Finalizers hold an object back, and so does a node that no longer answers, unless `force`. Raises NotFound.
        """
        with self._lock:
            first = self._revision
            obj = self.get(resource, namespace, name)
            if self._controllers.is_deletion_delayed(resource, obj, force=force):
                change = self.write(resource, self._terminating(obj))
            else:
                change = self.drop(resource, namespace, name)
            self._controllers.follow(change, orphan=orphan)
            made = [c for c in self._changes if c.revision > first]
            callbacks = list(self._callbacks)
        self._notify(callbacks, made)
        return change.after or obj

    def reset(self) -> None:
        """Forget every change."""
        with self._lock:
            first = self._revision
            for resource, changed in list(self._objects.items()):
                for (namespace, name), obj in list(changed.items()):
                    try:
                        recorded = self.recording.get(resource, namespace, name)
                    except ClusterError:
                        recorded = None
                    self._note(resource, obj, recorded)
            self._objects.clear()
            self._log_of.clear()
            made = [c for c in self._changes if c.revision > first]
            callbacks = list(self._callbacks)
        self._notify(callbacks, made)

    # for the controllers, which run within a change

    def write(self, resource: str, obj: RawObject) -> Change:
        """Store one object and note the change; nothing follows from it here."""
        with self._lock:
            key = key_of(obj)
            before = self._current(resource, key)
            metadata = {**obj.get("metadata", {}), "resourceVersion": str(BASE_REVISION + self._revision + 1)}
            if before is None:
                metadata.setdefault("uid", str(uuid.uuid4()))
                metadata.setdefault("creationTimestamp", self.stamp())
            stored = {**obj, "metadata": metadata}
            self._objects.setdefault(resource, {})[key] = stored
            return self._note(resource, before, stored)

    def drop(self, resource: str, namespace: str, name: str) -> Change:
        """Remove one object and note the change; nothing follows from it here."""
        with self._lock:
            before = self._current(resource, (namespace, name))
            self._objects.setdefault(resource, {})[(namespace, name)] = None
            return self._note(resource, before, None)

    def log_like(self, namespace: str, pod: str, sibling: str) -> None:
        """Let a new pod have the log of a sibling that fails in the same way."""
        with self._lock:
            self._log_of[(namespace, pod)] = self._log_of.get((namespace, sibling), (namespace, sibling))

    def stamp(self) -> str:
        """Now, as objects write it."""
        return self.now().astimezone(UTC).strftime(STAMP)

    def _terminating(self, obj: RawObject) -> RawObject:
        metadata = dict(obj["metadata"])
        metadata.setdefault("deletionTimestamp", self.stamp())
        metadata.setdefault("deletionGracePeriodSeconds", 0)
        return {**obj, "metadata": metadata}

    def _current(self, resource: str, key: Key) -> RawObject | None:
        try:
            return self.get(resource, *key)
        except ClusterError:
            return None

    def _is_new(self, resource: str, namespace: str, name: str) -> bool:
        try:
            recorded = self.recording.get(resource, namespace, name)
        except ClusterError:
            return True
        now = self._current(resource, (namespace, name))
        return text_at(now, "metadata", "uid") != text_at(recorded, "metadata", "uid")

    def _note(self, resource: str, before: RawObject | None, after: RawObject | None) -> Change:
        self._revision += 1
        change = Change(self._revision, resource, before, after)
        self._changes.append(change)
        self._changed.notify_all()
        return change

    @staticmethod
    def _notify(callbacks: Sequence[Callable[[Change], None]], changes: Sequence[Change]) -> None:
        for change in changes:
            for callback in callbacks:
                callback(change)


def _released(change: Change) -> bool:
    """Whether the last finalizer of an object that was being deleted has gone."""
    held = list_at(change.before, "metadata", "finalizers")
    return bool(held and text_at(change.after, "metadata", "deletionTimestamp")) and not list_at(change.after, "metadata", "finalizers")


def key_of(obj: RawObject) -> Key:
    """Namespace and name of an object."""
    return text_at(obj, "metadata", "namespace"), text_at(obj, "metadata", "name")
