"""The bridge: events from any thread arrive in order, with few wake-ups, in bounded memory, and never after closing."""

from __future__ import annotations

import asyncio
import contextvars
import threading

from engine.core.events import CommandOutput, Event, Notice, TokensStreamed
from tui.runtime.background import Background
from tui.runtime.bridge import Bridge


def said(text: str) -> Event:
    return Notice(level="info", text=text)


def test_thousands_of_events_arrive_in_order_with_a_handful_of_wakeups() -> None:
    got: list[Event] = []

    async def main() -> int:
        bridge = Bridge(got.extend, frame=0.02)
        bridge.open()
        thread = threading.Thread(target=lambda: [bridge.emit(said(str(n))) for n in range(2000)])
        thread.start()
        while len(got) < 2000:
            await asyncio.sleep(0.001)
        thread.join()
        return bridge.wakeups

    wakeups = asyncio.run(main())
    assert [event.text for event in got if isinstance(event, Notice)] == [str(n) for n in range(2000)]
    assert wakeups < 200


def test_a_frame_is_drained_at_most_so_many_times_a_second() -> None:
    async def main() -> tuple[int, int]:
        now = [0.0]
        frames: list[int] = []
        bridge = Bridge(lambda events: frames.append(len(events)), frame=3600.0, clock=lambda: now[0])
        bridge.open()
        bridge.emit(said("first"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for n in range(50):
            bridge.emit(said(str(n)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        early = len(frames)
        bridge.drain()
        return early, frames[-1]

    assert asyncio.run(main()) == (1, 50)


def test_events_from_before_opening_are_delivered_when_it_opens() -> None:
    got: list[Event] = []

    async def main() -> None:
        bridge = Bridge(got.extend)
        bridge.emit(said("early"))
        bridge.open()
        while not got:
            await asyncio.sleep(0)

    asyncio.run(main())
    assert len(got) == 1


def test_output_that_outruns_the_screen_loses_its_oldest_lines_and_says_how_many() -> None:
    got: list[Event] = []
    lost: list[tuple[str, int]] = []
    bridge = Bridge(got.extend, lambda command, lines: lost.append((command, lines)), lines_kept=100)
    bridge.emit(TokensStreamed(text="kept"))
    for n in range(30):
        bridge.emit(CommandOutput(id="c1", stream="stdout", lines=tuple(f"{n}.{i}" for i in range(10))))
    bridge.drain()
    lines = [line for event in got if isinstance(event, CommandOutput) for line in event.lines]
    assert isinstance(got[0], TokensStreamed), "what is no output is never dropped"
    assert len(lines) <= 100
    assert lines[-1] == "29.9", "the newest lines are kept"
    assert lost == [("c1", 300 - len(lines))]


def test_nothing_is_delivered_after_closing() -> None:
    got: list[Event] = []
    called: list[str] = []

    async def main() -> None:
        bridge = Bridge(got.extend)
        bridge.open()
        bridge.emit(said("late"))
        bridge.close()
        bridge.emit(said("later"))
        bridge.call(lambda: called.append("x"))
        bridge.close()
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert got == []
    assert called == []


def test_emitting_after_the_loop_is_gone_is_quiet() -> None:
    got: list[Event] = []
    bridge = Bridge(got.extend)

    async def main() -> None:
        bridge.open()

    asyncio.run(main())
    bridge.emit(said("nobody is left"))
    assert got == []


def test_deliveries_run_in_the_context_of_whoever_opened_it() -> None:
    place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")
    seen: list[str] = []

    async def main() -> None:
        place.set("the app")
        bridge = Bridge(lambda events: seen.append(place.get()))
        bridge.open()
        thread = threading.Thread(target=bridge.emit, args=(said("x"),))
        thread.start()
        while not seen:
            await asyncio.sleep(0.001)
        thread.join()

    asyncio.run(main())
    assert seen == ["the app"]


class Work:
    """Jobs whose ends a test decides."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        call = self.calls
        self.go.wait(10)
        return call


def test_a_job_asked_for_again_while_it_runs_runs_once_more_and_only_the_newest_result_counts() -> None:
    results: list[int] = []
    work = Work()

    async def main() -> None:
        bridge = Bridge(lambda events: None, frame=0.0)
        bridge.open()
        background = Background(bridge, threads=2)
        for _ in range(5):
            background.run("rows", work, results.append, lambda error: None)
        work.go.set()
        while not background.idle:
            await asyncio.sleep(0.001)
        background.close()

    asyncio.run(main())
    assert work.calls == 2
    assert results == [2]


def test_a_failing_job_is_told() -> None:
    errors: list[str] = []

    def fails() -> None:
        raise OSError("no route to host")

    async def main() -> None:
        bridge = Bridge(lambda events: None, frame=0.0)
        bridge.open()
        background = Background(bridge)
        background.run("x", fails, lambda _: None, lambda error: errors.append(str(error)))
        while not errors:
            await asyncio.sleep(0.001)
        background.close()

    asyncio.run(main())
    assert errors == ["no route to host"]
