"""How tests drive the screen: a scripted agent, a clock that stands still, and waiting for conditions instead of time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fakes.agent import ScriptedAgent, shop
from textual.events import Key
from textual.keys import _character_to_key
from textual.message_pump import MessagePump
from textual.pilot import Pilot

from engine.core.config import Settings, UiSettings
from tui.app.app import K8sAgentApp
from tui.app.controls import Controls
from tui.app.session import Session
from tui.widgets.row_list import RowList
from tui.widgets.text.flow import Flow

WIDE = (140, 46)
CALM = 6
"""So many turns of the loop without anything under way are rest."""


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def an_app(
    agent: ScriptedAgent | None = None, clock: Clock | None = None, folder: Path | None = None, theme: Any = "dark", keys: Any = None
) -> K8sAgentApp:
    """The app on a scripted agent, with nothing that blinks or turns."""
    return K8sAgentApp(
        agent or shop(),  # type: ignore[arg-type]
        Settings(ui=UiSettings(theme=theme), keys=keys or {}),
        clock=clock or Clock(),
        folder=folder,
        moving=False,
        frame=0.0,
    )


class Driver:
    """The running app with what tests ask of it."""

    def __init__(self, app: K8sAgentApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def session(self) -> Session:
        return self.app.session

    @property
    def controls(self) -> Controls:
        return self.app.controls

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Let the app run until a condition holds; fails after many turns of its loop."""
        for _ in range(800):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"this never came about: {what or condition}\n{self.text}")

    async def settle(self) -> None:
        """Let the app run until nothing is on its way to the screen, in several turns of its loop."""
        calm = 0
        for _ in range(4000):
            calm = 0 if self._busy() else calm + 1
            if calm == CALM:
                return
            await asyncio.sleep(0 if calm else 0.002)
        raise AssertionError(f"the screen never came to rest\n{self.text}")

    def _busy(self) -> bool:
        app = self.app
        if not app.is_running:
            return False
        if not app.ready or not app.session.bridge.idle or not app.session.background.idle:
            return True
        screen = app.screen
        if screen._layout_required or screen._scroll_required or screen._dirty_widgets or screen._callbacks:
            return True
        pumps: list[MessagePump] = [app, screen, *screen.walk_children()]
        return any(pump.message_queue_size or pump._next_callbacks for pump in pumps)

    def _send(self, keys: Iterable[str]) -> None:
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
            event = Key(name, key if len(key) == 1 else None)
            event.set_sender(self.app)
            assert self.app._driver is not None
            self.app._driver.send_message(event)

    async def press(self, *keys: str) -> None:
        """Press keys, each after all that the one before it did."""
        for key in keys:
            self._send([key])
            await self.settle()

    async def type(self, text: str) -> None:
        """Type a text into whatever has the focus."""
        self._send(text)
        await self.settle()

    async def ask(self, text: str) -> None:
        """Send a text from the prompt and let its script run to the end, a gate or an approval."""
        before = len(self.session.views)
        self.session.prompt.focus()
        self.session.prompt.text = text
        self._send(["enter"])
        if not text.startswith(("/", ":")):
            await self.until(lambda: len(self.session.views) > before, f"{text} began")
        await self.settle()

    async def ended(self) -> None:
        """Wait until nothing runs."""
        await self.until(lambda: not self.session.running, "all ended")
        await self.settle()

    @property
    def lines(self) -> list[str]:
        """What stands on the active screen, row by row."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def rows(self, selector: str) -> list[str]:
        """All rows of a list, laid out for its width."""
        rows = self.app.screen.query_one(selector, RowList)
        width = rows.scrollable_content_region.width
        return [rows.content_of(row, width).plain.rstrip() for row in rows.rows]

    def flows(self, selector: str = "") -> str:
        """The text of all flowing paragraphs of the active screen."""
        return "\n".join(flow.plain for flow in self.app.screen.query(f"{selector} Flow".strip()).results(Flow))


@asynccontextmanager
async def running(app: K8sAgentApp, size: tuple[int, int] = WIDE) -> AsyncIterator[Driver]:
    """The app under a pilot, its first rows on the screen."""
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        await driver.settle()
        yield driver


def drive(story: Callable[[Driver], Awaitable[None]], agent: ScriptedAgent | None = None, **options: Any) -> None:
    """Run a test's story in an app; `size` and what `an_app` takes are options."""
    size = options.pop("size", WIDE)

    async def main() -> None:
        async with running(an_app(agent, **options), size) as driver:
            await story(driver)

    asyncio.run(main())
