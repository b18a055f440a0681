"""Slow reads away from the screen: a few daemon threads of the screen's own, results handed back through the bridge.

Textual's thread workers share asyncio's small executor and hold up the exit; these threads do neither.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from tui.runtime.bridge import Bridge

T = TypeVar("T")


class Background:
    """Runs jobs by name; a job asked for again while it runs is run once more afterwards, and only the newest result is handed over."""

    def __init__(self, bridge: Bridge, threads: int = 3) -> None:
        self._bridge = bridge
        self._threads = threads
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._again: dict[str, Callable[[], None]] = {}
        self._started = False
        self._outstanding = 0

    def run(self, name: str, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        """Call `work` on a thread, then `then(result)` or `failed(error)` on the screen's thread."""

        def job() -> None:
            outcome: Callable[[], None]
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 — whatever a read raises is shown to the person, never lost
                caught = error
                outcome = lambda: failed(caught)  # noqa: E731
            else:
                outcome = lambda: then(result)  # noqa: E731
            with self._lock:
                newer = self._again.pop(name, None)
                if newer is None:
                    self._running.discard(name)
            if newer is not None:
                self._inbox.put(newer)
                self._bridge.call(self._settle)
                return
            self._bridge.call(lambda: self._hand_over(outcome))

        with self._lock:
            self._start()
            if name in self._running:
                if name not in self._again:
                    self._outstanding += 1
                self._again[name] = job
                return
            self._running.add(name)
            self._outstanding += 1
        self._inbox.put(job)

    @property
    def idle(self) -> bool:
        """Whether every job's result has been handed over."""
        with self._lock:
            return self._outstanding == 0

    def close(self) -> None:
        """Let the threads end; one that is stuck in a read is a daemon and holds nothing up."""
        for _ in range(self._threads):
            self._inbox.put(None)

    def _hand_over(self, outcome: Callable[[], None]) -> None:
        self._settle()
        outcome()

    def _settle(self) -> None:
        with self._lock:
            self._outstanding -= 1

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"screen-{number}", daemon=True).start()

    def _work(self) -> None:
        while (job := self._inbox.get()) is not None:
            job()


def first_sentence(error: Any) -> str:
    """An error's message for a notice; its type where it has none."""
    return str(error).strip() or type(error).__name__
