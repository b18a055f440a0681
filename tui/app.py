"""`K8sAgentApp`: what stands where, what each key does, and how events reach the panes. Everything else is in its own room."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from engine.events import (
    ApprovalAnswered,
    ApprovalRequested,
    ClusterChanged,
    CommandFinished,
    CommandOutput,
    CommandStarted,
    ContextChanged,
    Event,
    QueryReceived,
)
from engine.facts import Decision
from tui.actions import bindings, footer
from tui.approvals import ApprovalQueue
from tui.bridge import FRAME
from tui.panes.chat import FixCommand
from tui.panes.cluster import ClusterPane
from tui.panes.output import OutputPane
from tui.panes.timeline import TimelinePane
from tui.run_view import RunView
from tui.session_app import SessionApp
from tui.theme import THEMES
from tui.widgets.key_bar import KeyBar
from tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from textual.command import Provider

    from engine.agent import Agent
    from engine.config import Settings

ESC_WITHIN = 3.0
BEAT = 0.12


def _palette() -> type[Provider]:
    """The palette's entries, imported when the palette is first opened."""
    from tui.palette import ActionProvider

    return ActionProvider


class K8sAgentApp(SessionApp):
    """The full-screen session on an `Agent`. `clock` counts seconds; `folder` is where history and
    saved outputs go (None: beside the session's transcripts, nowhere when those are not kept). `moving=False` stops spinner and blinking;
    `frame` is the least time in seconds between two paints of what came in.
    """

    TITLE = "K8sAgent"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    COMMANDS: ClassVar[set[Any]] = {_palette}
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("everywhere", priority=True),
        Binding("escape", "peel", show=False),
    ]

    def __init__(
        self,
        agent: Agent,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        folder: Path | None = None,
        moving: bool = True,
        frame: float = FRAME,
    ) -> None:
        super().__init__(agent, settings, clock, folder, self._deliver, frame)
        self.moving = moving
        self.approvals = ApprovalQueue(clock)
        self._unsubscribe: Callable[[], None] = lambda: None
        self._escaped = float("-inf")
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = THEMES[settings.ui.theme].name

    # what stands where

    def compose(self) -> list[Widget]:
        self.prompt.digits = self._digit
        row = Horizontal(Static("› ", id="sign", markup=False), self.prompt, id="prompt-row")
        return [self.header, self.workspace, row, KeyBar(footer("prompt", "everywhere"), id="footer")]

    def on_mount(self) -> None:
        """Paint first; the engine starts after that, on a thread of its own."""
        self.bridge.open()
        self._unsubscribe = self.agent.subscribe(self.bridge.emit)
        self.header.show(self.agent.status)
        self.reading.welcome()
        self.prompt.focus()
        if self.moving:
            self.prompt.cursor_blink = True
            self.set_interval(BEAT, self._beat)
        else:
            self.prompt.cursor_blink = False
        self.set_interval(0.1, self.ask_next)
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.background.run("start", self.agent.start, lambda _: self.reading.begin(), self.tell_error)

    def on_unmount(self) -> None:
        """Leaving means no to whatever is asked; the engine stops what runs."""
        self.reject_all("closed")
        self._unsubscribe()
        self.bridge.close()
        self.background.close()
        self.agent.close()

    def on_resize(self, event: Resize) -> None:
        """Below a hundred columns panes are tabs; a short terminal gives its rows to the panes."""
        self.workspace.fit(event.size.width)
        self.screen_stack[0].set_class(event.size.height < 30, "-short")

    # events in

    def _deliver(self, events: list[Event]) -> None:
        """Fold a frame's events into what the panes show, then show it once."""
        now = self.clock()
        touched: dict[str, RunView] = {}
        lines: list[CommandOutput] = []
        for event in events:
            if isinstance(event, ContextChanged):
                self.header.show(self.agent.status)
                self.reading.place_changed()
                continue
            if isinstance(event, ClusterChanged):
                self.reading.pull()
                continue
            view = self.view_of(event, now)
            was_running = view.running
            view.fold(event, now)
            touched[view.id] = view
            match event:
                case CommandOutput():
                    lines.append(event)
                case CommandStarted():
                    self.workspace.output.started(event)
                case CommandFinished():
                    self.workspace.output.output(lines)
                    lines = []
                    self.workspace.output.finished(event)
                case ApprovalRequested():
                    self.approvals.add(event.run, event.request)
                    self.attention("approval needed")
                case ApprovalAnswered():
                    if self.approvals.settled(event.run, event.id) and self.asking:
                        self.screen.dismiss(None)
                case _:
                    pass
            if was_running and not view.running:
                self._ended(view, now)
        if lines:
            self.workspace.output.output(lines)
        for view in touched.values():
            self.workspace.chat.update(view.id, now)
        if self.current is not None and self.current.id in touched:
            self.workspace.timeline.show(self.current, now)
        self.ask_next()

    def view_of(self, event: Event, now: float) -> RunView:
        """The Run's view, made when the screen first hears of it."""
        if event.run not in self.views:
            view = self.views[event.run] = RunView(event.run, event.query if isinstance(event, QueryReceived) else "", began=now)
            self.workspace.chat.begin(view, now)
            if self.current is None or not self.current.running or not view.query.startswith(("!", "kubectl ")):
                self.current = view
            self.header.show(self.agent.status)
        return self.views[event.run]

    def _ended(self, view: RunView, now: float) -> None:
        self.workspace.chat.turns[view.id].finish(now)
        self.runs.pop(view.id, None)
        self.header.show(self.agent.status)
        self.title_says("")
        self.reading.pull()

    def _beat(self) -> None:
        """What really moves: the running step's spinner and its seconds."""
        view = self.current
        if view is not None and view.running and not self.asking:
            self.workspace.timeline.beat += 1
            now = self.clock()
            self.workspace.timeline.show(view, now)
            self.workspace.chat.update(view.id, now)

    # approvals

    def ask_next(self) -> None:
        """Open the next approval's dialog when there is one, nobody types, and no other dialog stands open."""
        if not self.approvals.waiting or (len(self.screen_stack) > 1 and not self.asking):
            return
        pending = self.approvals.next()
        if pending is None:
            return

        def decided(decision: Decision | None) -> None:
            self.approvals.closed()
            if decision is not None:
                self.answer(pending.run, pending.request.id, decision)
            self.title_says("")
            self.ask_next()

        from tui.screens.approval import ApprovalScreen

        self.push_screen(ApprovalScreen(pending.request, self.clock, lambda id: self.action_cite(pending.run, id)), decided)

    @property
    def asking(self) -> bool:
        """Whether an approval's dialog stands in front."""
        return self.screen.has_class("-asking")

    def answer(self, run: str, id: str, decision: Decision) -> None:
        """Hand a decision to the Run that waits for it."""
        if run in self.runs:
            self.runs[run].answer(id, decision)

    def reject_all(self, by: str) -> None:
        """No to everything that is asked."""
        for pending in self.approvals.drain():
            self.answer(pending.run, pending.request.id, Decision("reject", reason="the session was left", by=by))

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A dialog keeps the keys of the screen below it to itself."""
        return len(self._screen_stack) <= 1 or action not in DIALOG_BLOCKS

    def action_peel(self) -> None:
        """Esc: first a filter, then the maximised pane, then twice for the running question."""
        pane = self.workspace.pane_of(self.focused)
        if pane == "cluster" and self.workspace.cluster.close_filter():
            self.workspace.show("cluster")
        elif pane == "output" and self.workspace.output.close_filter():
            self.workspace.show("output")
        elif self.workspace.maximised:
            self.workspace.maximised = False
        elif self.running:
            now = self.clock()
            if now - self._escaped <= ESC_WITHIN:
                self._escaped = float("-inf")
                self.stop_runs("stopped by the user")
            else:
                self._escaped = now
                self.notify("esc again stops the question", timeout=ESC_WITHIN)
        elif not self.prompt.has_focus:
            self.prompt.focus()

    def action_copy_or_stop(self) -> None:
        """ctrl+c: copy what is selected; else stop the command; never leave."""
        selected = self.screen.get_selected_text()
        focused = self.focused
        if not selected and isinstance(focused, TextArea | Input):
            selected = focused.selected_text
        if selected:
            self.copy(selected)
            self.screen.clear_selection()
        elif self.running:
            typed = [view for view in self.running if view.query.startswith("!") or not view.tier]
            self.stop_runs("stopped with ctrl+c", typed or self.running)
        else:
            self.notify("nothing is selected and nothing runs; ^q leaves")

    def stop_runs(self, why: str, views: list[RunView] | None = None) -> None:
        """Stop Runs; what they found stays."""
        for view in views if views is not None else self.running:
            run = self.runs.get(view.id)
            if run is not None:
                self.background.run(f"stop-{view.id}", lambda run=run: run.cancel(why), lambda _: None, self.tell_error)  # type: ignore[misc]

    def _digit(self, digit: int) -> bool:
        chat = self.workspace.chat
        if chat.empty and 1 <= digit <= len(chat.starts):
            self.send(chat.starts[digit - 1])
            return True
        return False

    # messages of the panes

    @on(Prompt.Typed)
    def _typed(self) -> None:
        self.approvals.typed()

    @on(Prompt.Sent)
    def _sent(self, event: Prompt.Sent) -> None:
        self.send(event.text)

    @on(Prompt.Wanted)
    def _wanted(self, event: Prompt.Wanted) -> None:
        prefix = event.prefix
        self.background.run(
            "names",
            lambda: self.agent.cluster.names(prefix),
            lambda names: self.prompt.offer(f"@{prefix}", [f"@{n} " for n in names[:20]]),
            self.tell_error,
        )

    @on(FixCommand.Asked)
    def _fix(self, event: FixCommand.Asked) -> None:
        match event.what:
            case "run":
                self.send(f"!{event.command}")
            case "edit":
                self.prompt.put(f"!{event.command}")
            case _:
                self.copy(event.command)

    @on(ClusterPane.Asked)
    def _about(self, event: ClusterPane.Asked) -> None:
        self.about(event.what, event.ref, event.question)

    @on(TimelinePane.Opened)
    def _opened(self, event: TimelinePane.Opened) -> None:
        if event.command:
            self.workspace.output.pick(f"{event.run}/{event.command}")
            self.workspace.show("output")
        elif event.evidence:
            self.open_evidence(event.run, event.evidence, event.title)

    @on(OutputPane.Copied)
    def _copied(self, event: OutputPane.Copied) -> None:
        self.copy(event.text)


DIALOG_BLOCKS = frozenset(
    {
        "pick_namespace",
        "pick_context",
        "jump",
        "maximise",
        "toggle_panes",
        "new_session",
        "command_palette",
        "health",
        "model",
        "edit_last",
        "command_bar",
        "peel",
        "next_mode",
    }
)
