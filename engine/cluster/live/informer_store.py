"""`Store`: what an informer knows of one kind in one scope, and roughly how much memory that takes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from engine.cluster.objects import text_at
from engine.cluster.source import RawObject, RawObjects

Key = tuple[str, str]
"""namespace and name"""
_SAMPLE = 40


class Store:
    """Objects by namespace and name. Readers get lists of their own; the objects in them are shared and must not be changed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._objects: dict[Key, RawObject] = {}
        self._dropped = 0
        self._bytes_each = 0
        self.revision = 0
        """Counts up with every change."""

    def __len__(self) -> int:
        return len(self._objects)

    @property
    def dropped(self) -> int:
        """How many objects were dropped to stay within the limit."""
        return self._dropped

    @property
    def bytes(self) -> int:
        """An estimate of the memory that the objects take, from a sample of them."""
        return self._bytes_each * len(self._objects)

    def objects(self) -> RawObjects:
        """All of them."""
        with self._lock:
            return list(self._objects.values())

    def replace(self, objects: Iterable[RawObject]) -> bool:
        """Take a whole list; whether anything differs from before."""
        new = {_key(item): item for item in objects}
        with self._lock:
            old = self._objects
            same = old.keys() == new.keys() and all(_version(old[key]) == _version(item) != "" for key, item in new.items())
            # what has not changed stays the same object, so that whoever made something of it need not do so again
            self._objects = {
                key: old[key] if key in old and _version(old[key]) == _version(item) != "" else item for key, item in new.items()
            }
            self._dropped = 0
            self._trim()
            self._measure()
            self.revision += not same
            return not same

    def put(self, item: RawObject) -> None:
        """Add or replace one."""
        with self._lock:
            key = _key(item)
            self._objects.pop(key, None)  # to the end, so that what was last heard of goes last
            self._objects[key] = item
            self._trim()
            self.revision += 1
            if self.revision % 4096 == 0 or not self._bytes_each:
                self._measure()

    def remove(self, item: RawObject) -> None:
        """Forget one."""
        with self._lock:
            self._objects.pop(_key(item), None)
            self.revision += 1

    def clear(self) -> None:
        """Forget all: what may not be seen any more must not be shown."""
        with self._lock:
            self.revision += bool(self._objects)
            self._objects = {}

    def _trim(self) -> None:
        while len(self._objects) > self._limit:
            del self._objects[next(iter(self._objects))]
            self._dropped += 1

    def _measure(self) -> None:
        sample = list(self._objects.values())[:: max(1, len(self._objects) // _SAMPLE)]
        self._bytes_each = sum(map(_size, sample)) // len(sample) if sample else 0


def _size(value: Any) -> int:
    size = sys.getsizeof(value)
    if isinstance(value, Mapping):
        return size + sum(_size(part) for part in value.values())
    if isinstance(value, list):
        return size + sum(map(_size, value))
    return size


def _key(item: RawObject) -> Key:
    return text_at(item, "metadata", "namespace"), text_at(item, "metadata", "name")


def _version(item: RawObject) -> str:
    return text_at(item, "metadata", "resourceVersion")
