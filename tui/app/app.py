"""`K8sAgentApp`: the Textual app of the full-screen session. It paints first, then composes the session and hands it keys and messages."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.events import Event, Key, Resize
from textual.widget import Widget
from textual.widgets import Static

from tui.actions.command_bar import completions, place_kind
from tui.actions.keys import bindings, footer
from tui.actions.table import ACTIONS, BY_ID, SESSION, use_keys
from tui.runtime.first_frame import FirstFrame
from tui.screens.main import MainScreen
from tui.style.text import cut, one_line, seconds
from tui.style.theme import THEMES, for_few_colours
from tui.widgets.bars.header import Header
from tui.widgets.bars.key_bar import KeyBar

if TYPE_CHECKING:
    from textual.command import Provider

    from engine.agent.agent import Agent
    from engine.core.config import Settings
    from tui.app.controls import Controls
    from tui.app.session import Session

BEAT = 0.12
"""Seconds between two pictures of the spinner."""
RETRY = 0.1
"""Seconds after which a request that had to wait for typing to pause is looked at again."""


def _palette() -> type[Provider]:
    """The palette's entries, imported when the palette is first opened."""
    from tui.actions.palette import ActionProvider

    return ActionProvider


class K8sAgentApp(App[None]):
    """The full-screen session. `agent` is one, or makes one once the first frame is painted. `clock` counts seconds; `folder` is where
    history and saved outputs go (None: beside the session's transcripts, nowhere when those are not kept). `moving=False` stops spinner
    and blinking; `frame` is the least time in seconds between two paints of what came in; `few_colours` says that
    the terminal has 256 of them.
    """

    TITLE = "K8sAgent"
    CSS_PATH = Path(__file__).parents[1] / "style" / "app.tcss"
    COMMANDS: ClassVar[set[Any]] = {_palette}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SESSION, priority=True)]

    controls: Controls
    """What the session can do; there once `ready`."""

    def __init__(
        self,
        agent: Agent | Callable[[], Agent],
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        folder: Path | None = None,
        moving: bool = True,
        frame: float | None = None,
        few_colours: bool = False,
    ) -> None:
        super().__init__()
        self.set_keymap(use_keys(settings.keys, settings.origins))
        self.moving = moving
        self.ready = False
        """Whether panes, prompt and agent are there; before that only the frame is."""
        self.problem = ""
        """Why the session could not begin; "" when it did."""
        self.header = Header()
        self._main = MainScreen(id="_default")
        self.status = KeyBar(footer(ACTIONS, "prompt", "everywhere"), id="footer")
        self._agent = agent
        self._settings = settings
        self._clock = clock
        self._folder = folder
        self._frame = frame
        self._early: list[Key] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        for theme in THEMES.values():
            self.register_theme(for_few_colours(theme) if few_colours else theme)
        self.theme = THEMES[settings.ui.theme].name

    @property
    def session(self) -> Session:
        return self.controls.session

    @property
    def wants_demo(self) -> bool:
        """Whether the session ended in order to begin again on the recorded cluster."""
        return self.ready and self.controls.pages.wants_demo

    # layout

    def get_default_screen(self) -> MainScreen:
        """The screen below all dialogs."""
        return self._main

    def compose(self) -> list[Widget]:
        """The frame alone: what fills it is imported once the frame is on the screen."""
        row = Horizontal(Static("› ", id="sign", markup=False), id="prompt-row")
        return [self.header, FirstFrame(id="first"), row, self.status]

    def on_mount(self) -> None:
        """Paint first; everything else after that."""
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        """Bring in panes and prompt, then let the engine begin on a thread of its own."""
        try:
            self.controls = self._controls()
        except Exception as error:  # noqa: BLE001 — whoever started the session says why it could not begin, after the screen is gone
            self.problem = str(error) or type(error).__name__
            self.exit(return_code=2)
            return
        session = self.session
        self._main.controls = self.controls
        session.prompt.digits = self.controls.questions.start
        session.prompt.cursor_blink = self.moving
        screen = self._main
        with self.batch_update():
            await screen.query_one("#first").remove()
            await screen.mount(session.workspace, after=self.header)
            await screen.query_one("#prompt-row").mount(session.prompt)
            await screen.mount(session.completions)
        self.ready = True
        self._fit(self.size.width, self.size.height)
        screen.set_focus(session.prompt)
        for key in self._early:
            session.prompt.post_message(key)
        gc.freeze()  # what was imported stays: searching it for garbage would hold a frame up
        session.bridge.open()
        self._unsubscribe = session.agent.subscribe(session.bridge.emit)
        self.header.show(session.agent.status)
        self.controls.feed.welcome()
        self.controls.transcripts.show_replayed()
        if self.moving:
            self.set_interval(BEAT, self._beat)
        self.set_interval(RETRY, self.controls.requests.open_next)
        self.call_after_refresh(self._start)

    def _controls(self) -> Controls:
        """Import and make what fills the frame. Raises what making the agent raises."""
        from tui.app.controls import Controls

        agent = self._agent() if callable(self._agent) else self._agent
        return Controls(
            self,
            agent,
            self._settings,
            self.header,
            clock=self._clock,
            folder=self._folder,
            frame=self._frame,
            words=completions,
            takes_place=lambda word: bool(place_kind(word)),
            status=self.show_status,
        )

    def _start(self) -> None:
        session = self.session
        session.background.run("start", session.agent.start, lambda _: self.controls.feed.begin(), session.show_error)

    async def on_event(self, event: Event) -> None:
        """What is typed before the prompt is there goes into it."""
        if isinstance(event, Key) and not self.ready and event.key != "ctrl+q":
            self._early.append(event)
        else:
            await super().on_event(event)

    def on_unmount(self) -> None:
        """Leaving means no to whatever is asked; the engine stops what runs."""
        if not self.ready:
            return
        session = self.session
        self.controls.requests.reject_all("closed")
        self._unsubscribe()
        session.bridge.close()
        session.background.close()
        session.agent.close()

    def on_resize(self, event: Resize) -> None:
        """Below a hundred columns panes are tabs; a short terminal gives its rows to the panes."""
        self._fit(event.size.width, event.size.height)

    def _fit(self, width: int, height: int) -> None:
        self._main.set_class(height < 30, "-short")
        if self.ready:
            self.session.workspace.fit(width)

    # what moves

    def _beat(self) -> None:
        """The running step's spinner and its seconds."""
        self.show_status()
        session, view = self.session, self.session.current
        if view is not None and view.running and not self.controls.requests.asking:
            now = session.clock()
            session.workspace.timeline.beat += 1
            session.workspace.timeline.show(view, now)
            session.workspace.chat.update(view.id, now)

    def show_status(self) -> None:
        """What is under way and for how long, at the end of the footer."""
        running = self.session.running
        words = ""
        if running:
            view = running[-1]
            step = view.step
            words = view.waits_for or one_line(step.title if step else view.query)
            words = f"{cut(words, 30)} · {seconds(view.elapsed(self._clock()))} s" + (f" · {len(running)} run" if len(running) > 1 else "")
        self.status.say(words)

    # keys and links

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A dialog keeps the keys of the screen below it to itself, except those that work everywhere."""
        do = BY_ID.get(str(parameters[0])) if action == "do" and parameters else None
        if not self.ready:
            return action == "quit" or (do is not None and do.id == "quit")
        if len(self._screen_stack) <= 1:
            return True
        return do.in_dialogs if do is not None else action != "command_palette"

    def action_do(self, id: str) -> None:
        """Run an action of the table."""
        handler = BY_ID[id].handler
        if handler is not None:
            handler(self.controls, "")

    def action_follow(self, kind: str, first: str, second: str = "") -> None:
        """Follow a link that was clicked; no star arguments, since Textual hands over only as many as it counts."""
        self.controls.follow(kind, first, second)
