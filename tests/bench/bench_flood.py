"""How the screen answers keys while 5,000 lines a second, a streaming answer and 200 cluster events a second come in, against the
same screen idle: a question running with its spinner and clock, and the same keys.

Run with `pytest tests/bench/bench_flood.py -m bench -s`. The app runs headless, so that only the screen's own work is measured: the time
from a key's arrival to its handling, and its busy stretches, which are the CPU time of the screen's thread between two waits of its
loop (what a key that comes in between has to wait for). Stretches under half a millisecond are not counted. Read the ratios.
"""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import threading
import time
from typing import Any

import pytest
from fakes.agent import shop
from textual.events import Key

from engine.core.config import Settings
from engine.core.events import ClusterChanged, CommandOutput, CommandStarted, QueryReceived, StepStarted, TokensStreamed
from tui.app.app import K8sAgentApp

pytestmark = pytest.mark.bench

LINES_A_SECOND = 5_000
TOKENS_A_SECOND = 50
CHANGES_A_SECOND = 4
"""What the engine makes of 200 events of the cluster in a second; each changes a row."""
KEYS_A_SECOND = 10
SECONDS = 8.0
LEAST = 0.0005


class Measured(K8sAgentApp):
    """The app with a stopwatch at the prompt."""

    handled: list[float]
    sent: float

    def on_text_area_changed(self) -> None:
        self.handled.append(time.perf_counter() - self.sent)


class Busy:
    """Wraps the loop's selector and notes the thread's CPU time between two waits."""

    def __init__(self, selector: Any) -> None:
        self._selector = selector
        self._woke = time.thread_time()
        self.stretches: list[float] = []

    def select(self, timeout: float | None = None) -> Any:
        spent = time.thread_time() - self._woke
        if spent >= LEAST:
            self.stretches.append(spent * 1000)
        ready = self._selector.select(timeout)
        self._woke = time.thread_time()
        return ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


def flood(app: Measured, stop: threading.Event) -> None:
    """Emit as the engine would, from a thread of its own."""
    app.session.bridge.emit(CommandStarted(run="r", id="c", command="kubectl logs -f noisy"))
    beat, number, beats, began = 0.02, 0, 0, time.perf_counter()
    per_beat = int(LINES_A_SECOND * beat)
    while not stop.is_set():
        text = "2026-11-20T10:00:00.{0:09d}Z GET /api/orders/{0} 200 in 12 ms Warning: slow"
        lines = tuple(text.format(number + i) for i in range(per_beat))
        number += per_beat
        beats += 1
        app.session.bridge.emit(CommandOutput(run="r", id="c", stream="stdout", lines=lines))
        app.session.bridge.emit(TokensStreamed(run="r", text="word " if beats % 60 else "end.\n\n"))
        if beats % int(1 / beat / CHANGES_A_SECOND) == 0:
            rows = app.session.agent.cluster.workload_rows  # type: ignore[attr-defined]
            rows[0] = dataclasses.replace(rows[0], restarts=beats)
            app.session.bridge.emit(ClusterChanged(revision=number))
        stop.wait(max(began + number / LINES_A_SECOND - time.perf_counter(), 0.001))


async def measure(seconds: float, noisy: bool) -> tuple[list[float], list[float], int]:
    """Handled times of keys and busy stretches, in milliseconds, and the lines that arrived."""
    app = Measured(shop(), Settings(), moving=True)  # type: ignore[arg-type]
    app.handled = []
    app.sent = 0.0
    async with app.run_test(size=(160, 48)) as pilot:
        while not (app.ready and app.session.background.idle):
            await pilot.pause(0.1)
        app.session.bridge.emit(QueryReceived(run="r", query="flood", context="demo", namespace="shop"))
        app.session.bridge.emit(StepStarted(run="r", id="s", title="reading logs", kind="kubectl"))
        stop = threading.Event()
        thread = threading.Thread(target=flood, args=(app, stop), daemon=True)
        if noisy:
            thread.start()
        await asyncio.sleep(1.0)
        loop: Any = asyncio.get_running_loop()
        selector = loop._selector
        busy = loop._selector = Busy(selector)
        app.handled.clear()
        for _ in range(int(seconds * KEYS_A_SECOND)):
            key = Key("x", "x")
            key.set_sender(app)
            app.sent = time.perf_counter()
            assert app._driver is not None
            app._driver.send_message(key)
            await asyncio.sleep(1 / KEYS_A_SECOND)
        loop._selector = selector
        stop.set()
        arrived = 0
        if noisy:
            thread.join()
            buffer = app.session.workspace.output.buffers["r/c"]
            arrived = len(buffer) + buffer.first
        app.session.views["r"].outcome = "answered"
        return [h * 1000 for h in app.handled], busy.stretches, arrived


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def test_keys_under_a_flood() -> None:
    """Prints handled times and busy stretches, idle and flooded; fails when lines are lost or a stretch lasts longer than 100 ms of CPU."""
    rows = {}
    arrived, longest = 0, 0.0
    for name, noisy in (("idle", False), ("flood", True)):
        handled, busy, arrived = asyncio.run(measure(SECONDS, noisy))
        longest = max(busy)
        rows[name] = (statistics.median(handled), percentile(handled, 0.95), percentile(busy, 0.95))
        p50, p95, busy95 = rows[name]
        print(f"\n{name:6} {len(handled)} keys, {arrived} lines, {len(busy)} stretches, {sum(busy) / SECONDS / 10:.0f} % of a core")
        print(
            f"       key handled p50 {p50:.2f} p95 {p95:.2f} ms  busy p50 {statistics.median(busy):.1f} p95 {busy95:.1f} max {longest:.0f}"
        )
    idle, noise = rows["idle"], rows["flood"]
    ratios = [a / b for a, b in zip(noise, idle, strict=True)]
    print(f"ratio  key handled p50 {ratios[0]:.2f}x  p95 {ratios[1]:.2f}x   busy p95 {ratios[2]:.2f}x (budget 2x)")
    assert arrived > LINES_A_SECOND * SECONDS * 0.8
    assert longest < 100
