"""The bridge: engine events cross from any thread into the screen's own, with one wake-up per frame.

Threads never touch widgets. They hand an event to `emit`; the loop drains what has gathered at most so many times a second.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from engine.core.events import CommandOutput, Event

Job = Callable[[], None]

FRAME = 1 / 15
LINES_KEPT = 20_000
SWITCH_INTERVAL = 0.001


class Bridge:
    """Carries events and finished jobs to one asyncio loop.

    `deliver` gets the events of a frame in order and may take only so many of them (None: all); the rest comes with the next frame.
    Command output that outruns the screen is dropped oldest first; what was dropped is
    counted per command and reported to `dropped` before the next frame. Everything else always arrives. After `close` nothing is delivered.
    """

    def __init__(
        self,
        deliver: Callable[[list[Event]], int | None],
        dropped: Callable[[str, int], None] = lambda command, lines: None,
        *,
        frame: float = FRAME,
        lines_kept: int = LINES_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._dropped = dropped
        self._frame = frame
        self._lines_kept = lines_kept
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._jobs: deque[Job] = deque()
        self._lost: dict[str, int] = {}
        self._lines = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        self._woken = False
        self._closed = False
        self._last = float("-inf")
        self.wakeups = 0
        """How often the loop was woken, for tests and benches."""

    def open(self) -> None:
        """Attach to the running loop and the caller's context and make threads yield often; what was emitted before is delivered now.

        Deliveries run in that context, not in the emitting thread's.
        """
        sys.setswitchinterval(SWITCH_INTERVAL)
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._context = contextvars.copy_context()
            waiting = bool(self._events or self._jobs)
        if waiting:
            self._wake()

    def emit(self, event: Event) -> None:
        """Take an event, from any thread; never blocks for longer than the lock."""
        with self._lock:
            if self._closed:
                return
            self._events.append(event)
            if isinstance(event, CommandOutput):
                self._lines += len(event.lines)
                if self._lines > self._lines_kept:
                    self._shed()
        self._wake()

    def call(self, job: Job) -> None:
        """Have a function called on the screen's thread, from any thread."""
        with self._lock:
            if self._closed:
                return
            self._jobs.append(job)
        self._wake()

    def close(self) -> None:
        """Stop delivering; safe from any thread and more than once."""
        with self._lock:
            self._closed = True
            self._loop = None
            self._events.clear()
            self._jobs.clear()
            self._lost.clear()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be delivered."""
        with self._lock:
            return not self._events and not self._jobs and not self._woken

    def _shed(self) -> None:
        """Drop the oldest output lines down to three quarters of what is kept; called with the lock held."""
        kept: deque[Event] = deque()
        excess = self._lines - self._lines_kept * 3 // 4
        for event in self._events:
            if excess > 0 and isinstance(event, CommandOutput):
                gone = min(excess, len(event.lines))
                excess -= gone
                self._lines -= gone
                self._lost[event.id] = self._lost.get(event.id, 0) + gone
                if gone == len(event.lines):
                    continue
                event = dataclasses.replace(event, lines=event.lines[gone:])
            kept.append(event)
        self._events = kept

    def _wake(self) -> None:
        with self._lock:
            if self._woken or self._closed or self._loop is None:
                return
            self._woken = True
            loop = self._loop
        self.wakeups += 1
        try:
            loop.call_soon_threadsafe(self._schedule, context=self._context)
        except RuntimeError:  # the loop has closed in the meantime: the screen is gone and nobody is left to tell
            self.close()

    def _schedule(self) -> None:
        wait = self._last + self._frame - self._clock()
        loop = self._loop
        if loop is None:
            return
        if wait > 0:
            loop.call_later(wait, self.drain)
        else:
            self.drain()

    def drain(self) -> None:
        """Deliver all that has gathered; on the loop's thread."""
        with self._lock:
            events, self._events = list(self._events), deque()
            jobs, self._jobs = list(self._jobs), deque()
            lost, self._lost = self._lost, {}
            self._lines = 0
            self._woken = False
            closed = self._closed
        if closed:
            return
        for command, lines in lost.items():
            self._dropped(command, lines)
        if events:
            taken = self._deliver(events)
            if taken is not None and taken < len(events):
                self._put_back(events[taken:])
        for job in jobs:
            job()
        self._last = self._clock()
        if self._events:
            self._wake()

    def _put_back(self, rest: list[Event]) -> None:
        with self._lock:
            if not self._closed:
                self._events.extendleft(reversed(rest))
                self._lines += sum(len(event.lines) for event in rest if isinstance(event, CommandOutput))
