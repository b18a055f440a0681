"""`Worker`: an event loop on a thread of its own, so that a blocking caller can stop a request the moment it wants to.

Only a cancelled task closes the connection at once, and only that makes a server stop generating.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from engine.core.cancel import Cancelled, CancelToken

T = TypeVar("T")

QUIET_SECONDS = 0.25
"""How long a stopped caller waits at most for the connection to be closed."""


class _End:
    """What the loop puts last into an inbox: nothing more, or the error that ended the work."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Worker:
    """Runs coroutines for blocking callers. The thread starts with the first one; `close` ends it and whatever still runs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._closings: set[asyncio.Task[None]] = set()

    def stream(self, work: Callable[[Callable[[T], None]], Awaitable[None]], cancel: CancelToken | None = None) -> Iterator[T]:
        """Run `work(put)` and yield what it puts; raises what it raises, or `Cancelled` as soon as the token says so.

        Leaving the iterator early stops the work too.
        """
        if cancel is not None:
            cancel.check()
        inbox: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        job = self._begin(work, inbox)
        unregister = cancel.on_cancel(job.stop) if cancel is not None else lambda: None
        try:
            while True:
                item = inbox.get()
                if cancel is not None and cancel.cancelled:
                    raise Cancelled(cancel.reason)
                if isinstance(item, _End):
                    if isinstance(item.error, asyncio.CancelledError):
                        raise Cancelled("the model was closed")
                    if item.error is not None:
                        raise item.error
                    return
                yield item
        finally:
            unregister()
            job.stop()
            job.ended.wait(QUIET_SECONDS)

    def call(self, work: Callable[[], Awaitable[T]], cancel: CancelToken | None = None) -> T:
        """Run one coroutine to its end and give its result; raises as `stream` does."""

        async def once(put: Callable[[T], None]) -> None:
            put(await work())

        result = list(self.stream(once, cancel))
        return result[0]

    async def shielded(self, closing: Awaitable[None]) -> None:
        """Run a closing to its end even when the task that waits for it is cancelled: half-closed, a connection would stay open."""

        async def run() -> None:
            await closing

        task = asyncio.get_running_loop().create_task(run())
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)
        await asyncio.shield(task)

    def close(self) -> None:
        """Stop all work, let closings finish, and end the thread; calling it twice is fine."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return

        async def shut_down() -> None:
            others = asyncio.all_tasks() - self._closings - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.gather(*self._closings, return_exceptions=True)
            loop.stop()

        keep: list[asyncio.Task[None]] = []
        loop.call_soon_threadsafe(lambda: keep.append(loop.create_task(shut_down())))
        thread.join(2.0)

    def _begin(self, work: Callable[[Callable[[T], None]], Awaitable[None]], inbox: queue.SimpleQueue[T | _End]) -> _Job[T]:
        with self._lock:  # under the lock, so that `close` comes either before it or after its start, and no job is ever forgotten
            if self._closed:
                raise Cancelled("the model was closed")
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(loop,), name=self._name, daemon=True)
                self._thread.start()
                self._loop = loop
            return _Job(self._loop, work, inbox)


class _Job(Generic[T]):
    """One task on the loop, started and stopped from other threads; `ended` is set when it is really over."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[Callable[[T], None]], Awaitable[None]],
        inbox: queue.SimpleQueue[T | _End],
    ) -> None:
        self.ended = threading.Event()
        self._loop = loop
        self._work = work
        self._inbox = inbox
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        loop.call_soon_threadsafe(self._start)

    def stop(self) -> None:
        """Wake the caller and cancel the task; does nothing once it ended."""
        if self._stopped or self.ended.is_set():
            return
        self._stopped = True
        self._inbox.put(_End())
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop was closed meanwhile, and its tasks with it
            self.ended.set()

    def _start(self) -> None:
        self._task = self._loop.create_task(self._main())
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _main(self) -> None:
        await self._work(self._inbox.put)

    def _finish(self, task: asyncio.Task[None]) -> None:
        error: BaseException | None = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.ended.set()
        self._inbox.put(_End(error))


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    # anyio drops the coroutine of a connection that is cancelled in its first moment; nothing is lost by it.
    warnings.filterwarnings("ignore", message="coroutine 'connect_tcp.*was never awaited", category=RuntimeWarning)
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
