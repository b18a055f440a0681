"""One cancel token per Run: every seam that can block waits on it too."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancelled(Exception):
    """Raised inside a Run when its token was cancelled; the reason is the first argument."""


class CancelToken:
    """A one-way switch that blocking calls watch; safe to use from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self.reason = ""

    @property
    def cancelled(self) -> bool:
        """True once `cancel` was called."""
        return self._event.is_set()

    def cancel(self, reason: str = "cancelled") -> None:
        """Switch the token and run every registered callback once, on the calling thread."""
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on cancel (at once if already cancelled); returns a function that unregisters."""
        with self._lock:
            if not self._event.is_set():
                key = self._next
                self._next += 1
                self._callbacks[key] = callback

                def unregister() -> None:
                    with self._lock:
                        self._callbacks.pop(key, None)

                return unregister
        callback()
        return lambda: None

    def wait(self, seconds: float) -> bool:
        """Wait up to so many seconds; True when cancelled meanwhile."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise `Cancelled` when the token was cancelled."""
        if self._event.is_set():
            raise Cancelled(self.reason)
