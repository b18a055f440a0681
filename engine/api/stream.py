"""From a Run's thread to the server's event loop: a Run's events one by one, and as Server-Sent Events.

A client that leaves cancels its Run, so that an approval which nobody can give any more means no.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.api.problem import Receive, Scope, Send, json_bytes
from engine.core.events import ENDINGS, Event, to_json
from engine.core.run import Run

OnEvent = Callable[[Event], Awaitable[None]]
Result = TypeVar("Result")


async def follow(
    run: Run, receive: Receive, on_event: OnEvent, idle: Callable[[], Awaitable[None]] | None = None, every: float = 15.0
) -> bool:
    """Hand a Run's events on until its ending; False when the client left before, which cancels the Run.

    `idle` is called when nothing has happened for `every` seconds.
    """
    loop = asyncio.get_running_loop()
    inbox: deque[Event] = deque()
    wakeup = asyncio.Event()

    def receive_event(event: Event) -> None:  # on the Run's thread
        inbox.append(event)
        try:
            loop.call_soon_threadsafe(wakeup.set)
        except RuntimeError:
            pass  # the server has stopped; nobody listens any more

    async def watch_disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        run.cancel("the client disconnected")
        wakeup.set()

    unsubscribe = run.subscribe(receive_event)
    disconnected = asyncio.create_task(watch_disconnect())
    try:
        while True:
            while inbox:
                event = inbox.popleft()
                if not disconnected.done():
                    await on_event(event)
                if isinstance(event, ENDINGS):
                    return not disconnected.done()
            if disconnected.done():
                return False
            try:
                async with asyncio.timeout(every):
                    await wakeup.wait()
                wakeup.clear()
            except TimeoutError:
                if idle is not None:
                    await idle()
    finally:
        disconnected.cancel()
        unsubscribe()
        if not run.finished:
            run.cancel("the client disconnected")


class EventStream:
    """A response of Server-Sent Events: name = the event's class, id = its seq, data = its JSON; a comment keeps a silent line open."""

    def __init__(self, run: Run, on_event: OnEvent, headers: dict[str, str], every: float) -> None:
        """`on_event` gets each event after the client."""
        self._run = run
        self._on_event = on_event
        self._headers = headers
        self._every = every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the Run's ending."""
        head = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no", **self._headers}
        fields = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in head.items()]

        async def write(text: bytes) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": True})

        async def on_event(event: Event) -> None:
            await write(sse(event))
            await self._on_event(event)

        async def idle() -> None:
            await write(b": still working\n\n")

        try:
            await send({"type": "http.response.start", "status": 200, "headers": fields})
        except BaseException:
            self._run.cancel("the client disconnected")
            raise
        if await follow(self._run, receive, on_event, idle, self._every):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def sse(event: Event) -> bytes:
    """One event of the stream; JSON has no line breaks of its own, so nothing from outside can end it early."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (type(event).__name__.encode(), event.seq, json_bytes(to_json(event)))


async def on_thread(work: Callable[[], Result], name: str) -> Result:
    """Await blocking work on a daemon thread of its own, which the server's end does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def main() -> None:
        result, failed = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 — it is raised again where it is awaited
            failed = error
        try:
            loop.call_soon_threadsafe(settle, result, failed)
        except RuntimeError:
            pass  # the server has stopped; nobody waits any more

    threading.Thread(target=main, name=name, daemon=True).start()
    return await done
