"""When to stop: what a build watches, and the library's own way to end it."""

from __future__ import annotations

import threading
from typing import Protocol


class Stop(Protocol):
    """What a build watches: a cancel token."""

    @property
    def cancelled(self) -> bool: ...

    def wait(self, seconds: float) -> bool: ...


class BuildCancelled(Exception):
    """The build was stopped before its end; the index is as it was."""


class Closing:
    """The library's own token: closing ends every build."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)

    def cancel(self) -> None:
        """Switch the token."""
        self._event.set()


class Either:
    """Two tokens as one."""

    def __init__(self, own: Stop, given: Stop) -> None:
        self._own, self._given = own, given

    @property
    def cancelled(self) -> bool:
        return self._own.cancelled or self._given.cancelled

    def wait(self, seconds: float) -> bool:
        return self._given.wait(seconds) or self._own.cancelled
