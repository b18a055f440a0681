"""The rules on threads, and `ThreadGroup`, which holds its owner to them.

- Every thread is a named daemon with one owner, whose `close()` ends and joins it within a bound; whoever starts a thread outside of a
  `ThreadGroup` (a Run, an informer, the API server) joins it itself.
- Listeners and callbacks are called under no lock.
- What can block waits on the Run's cancel token, too; a read that cannot be interrupted is left to a daemon thread, whose result nobody
  waits for any more.
- Threads never touch widgets; they emit events.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)


class ThreadGroup:
    """The threads of one owner. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` on a thread of its own; what it raises goes into the log."""

        def guarded() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001 — nobody is above a thread to catch it
                _log.exception("thread %s failed", name)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        with self._lock:
            self._threads = [*(other for other in self._threads if other.is_alive()), thread]
            thread.start()

    def running(self, name: str) -> bool:
        """Whether a thread of that name is at work."""
        with self._lock:
            return any(thread.name == name and thread.is_alive() for thread in self._threads)

    def join(self, seconds: float) -> bool:
        """Wait for all of them together, but for the calling one; False when the time was up first."""
        end = time.monotonic() + seconds
        with self._lock:
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)
