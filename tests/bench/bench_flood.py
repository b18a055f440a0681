"""How the screen answers keys while 5,000 lines a second and a streaming answer come in, against the same screen idle.

Run with `pytest tests/bench/bench_flood.py -m bench -s`. The app runs headless, so that only the screen's own work is measured: the time
from a key's arrival to its handling, and how late the screen's loop wakes from short sleeps (its busy time). Read the ratios.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time

import pytest
from fakes.agent import shop
from textual import on
from textual.events import Key
from textual.widgets import TextArea

from engine.config import Settings
from engine.events import ClusterChanged, CommandOutput, CommandStarted, QueryReceived, TokensStreamed
from tui.app import K8sAgentApp

pytestmark = pytest.mark.bench

LINES_A_SECOND = 5_000
TOKENS_A_SECOND = 50
CHANGES_A_SECOND = 4
KEYS_A_SECOND = 10
SECONDS = 6.0


class Measured(K8sAgentApp):
    """The app with a stopwatch at the prompt."""

    handled: list[float]
    sent: float

    @on(TextArea.Changed)
    def _stop_watch(self) -> None:
        self.handled.append(time.perf_counter() - self.sent)


def flood(app: Measured, stop: threading.Event) -> None:
    """Emit as the engine would, from a thread of its own."""
    app.bridge.emit(QueryReceived(run="r", query="flood", context="demo", namespace="shop"))
    app.bridge.emit(CommandStarted(run="r", id="c", command="kubectl logs -f noisy"))
    beat, number, began = 0.02, 0, time.perf_counter()
    per_beat = int(LINES_A_SECOND * beat)
    while not stop.is_set():
        text = "2026-11-20T10:00:00.{0:09d}Z GET /api/orders/{0} 200 in 12 ms Warning: slow"
        lines = tuple(text.format(number + i) for i in range(per_beat))
        number += per_beat
        app.bridge.emit(CommandOutput(run="r", id="c", stream="stdout", lines=lines))
        app.bridge.emit(TokensStreamed(run="r", text="word " if number % 1000 else "end.\n\n"))
        if number % (LINES_A_SECOND // CHANGES_A_SECOND) < per_beat:
            app.bridge.emit(ClusterChanged(revision=number))
        ahead = began + number / LINES_A_SECOND - time.perf_counter()
        stop.wait(max(ahead, 0.001))


async def measure(seconds: float, noisy: bool) -> tuple[list[float], list[float], int]:
    """Handled times of keys and lateness of the loop, in milliseconds, and the lines that arrived."""
    app = Measured(shop(), Settings(), moving=True)  # type: ignore[arg-type]
    app.handled = []
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause(0.5)
        stop = threading.Event()
        thread = threading.Thread(target=flood, args=(app, stop), daemon=True)
        if noisy:
            thread.start()
            await asyncio.sleep(1.0)
        late: list[float] = []
        end = time.perf_counter() + seconds
        next_key = 0.0
        while (now := time.perf_counter()) < end:
            if now >= next_key:
                next_key = now + 1 / KEYS_A_SECOND
                key = Key("x", "x")
                key.set_sender(app)
                app.sent = now
                assert app._driver is not None
                app._driver.send_message(key)
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            late.append((time.perf_counter() - before - 0.005) * 1000)
        stop.set()
        arrived = 0
        if noisy:
            thread.join()
            buffer = app.workspace.output.buffers["r/c"]
            arrived = len(buffer) + buffer.first
            app.views["r"].outcome = "answered"
        return [h * 1000 for h in app.handled], late, arrived


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def test_keys_under_a_flood() -> None:
    """Prints handled times and lateness, idle and flooded; fails only when lines are lost or the screen stands still."""
    rows = {}
    arrived = 0
    for name, noisy in (("idle", False), ("flood", True)):
        handled, late, arrived = asyncio.run(measure(SECONDS, noisy))
        p50, p95, busy = statistics.median(handled), percentile(handled, 0.95), percentile(late, 0.95)
        rows[name] = (p50, p95, busy)
        print(f"\n{name:6} {len(handled)} keys, {arrived} lines")
        print(f"       handled p50 {p50:.2f} p95 {p95:.2f} ms  loop late p95 {busy:.2f} max {max(late):.1f} ms")
    idle, noise = rows["idle"], rows["flood"]
    print(f"ratio  handled p50 {noise[0] / idle[0]:.2f}x  p95 {noise[1] / idle[1]:.2f}x  loop late p95 {noise[2] / max(idle[2], 0.1):.2f}x")
    assert arrived > LINES_A_SECOND * SECONDS * 0.8
    assert noise[0] < 100
