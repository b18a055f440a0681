"""`K8sAgentApp`: what stands where, what each key does, and how events reach the panes. Everything else is in its own room."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Event, Key, Resize
from textual.widget import Widget
from textual.widgets import Static

from tui.actions.table import bindings, footer, use_keys
from tui.app.session import SessionApp
from tui.runtime.first_frame import FirstFrame
from tui.screens.main import SessionScreen
from tui.style.text import cut, one_line, seconds
from tui.style.theme import THEMES, for_few_colours
from tui.widgets.bars.key_bar import KeyBar

if TYPE_CHECKING:
    from textual.command import Provider

    from engine.agent.agent import Agent
    from engine.core.config import Settings
    from engine.core.types import Decision
    from tui.panes.chat import ChatPane
    from tui.panes.cluster import ClusterPane
    from tui.panes.output import OutputPane
    from tui.panes.timeline import TimelinePane
    from tui.state.run_view import RunView
    from tui.widgets.input.completions import Completions
    from tui.widgets.input.prompt import Prompt
    from tui.widgets.text.block import Block

ESC_WITHIN = 3.0
BEAT = 0.12


def _palette() -> type[Provider]:
    """The palette's entries, imported when the palette is first opened."""
    from tui.actions.palette import ActionProvider

    return ActionProvider


class K8sAgentApp(SessionApp):
    """The full-screen session. `agent` is one, or makes one once the first frame is painted. `clock` counts seconds; `folder` is where
    history and saved outputs go (None: beside the session's transcripts, nowhere when those are not kept). `moving=False` stops spinner
    and blinking; `frame` is the least time in seconds between two paints of what came in; `few_colours` says that
    the terminal has 256 of them.
    """

    TITLE = "K8sAgent"
    CSS_PATH = Path(__file__).parents[1] / "style" / "app.tcss"
    COMMANDS: ClassVar[set[Any]] = {_palette}
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("everywhere", priority=True),
        Binding("escape", "peel", show=False),
    ]

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
        super().__init__(agent, settings, clock, folder, frame)
        self.set_keymap(use_keys(settings.keys, settings.origins))
        self.moving = moving
        self.problem = ""
        """Why the session could not begin; "" when it did."""
        self.foot = KeyBar(footer("prompt", "everywhere"), id="footer")
        self._early: list[Key] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._escaped = float("-inf")
        for theme in THEMES.values():
            self.register_theme(for_few_colours(theme) if few_colours else theme)
        self.theme = THEMES[settings.ui.theme].name

    # what stands where

    def get_default_screen(self) -> SessionScreen:
        """The screen below all dialogs."""
        return SessionScreen(id="_default")

    def compose(self) -> list[Widget]:
        """The frame alone: what fills it is imported once the frame is on the screen."""
        row = Horizontal(Static("› ", id="sign", markup=False), id="prompt-row")
        return [self.header, FirstFrame(id="first"), row, self.foot]

    def on_mount(self) -> None:
        """Paint first; everything else after that."""
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        """Bring in panes and prompt, then let the engine begin on a thread of its own."""
        try:
            from tui.app.event_router import EventRouter

            self.inbox = EventRouter(self)
            self.furnish(self.inbox.deliver)
        except Exception as error:  # noqa: BLE001 — a session that cannot begin is told by whoever started it, after the screen is gone
            self.problem = str(error) or type(error).__name__
            self.exit(return_code=2)
            return
        self.prompt.digits = self._digit
        self.prompt.cursor_blink = self.moving
        screen = self.screen_stack[0]
        with self.batch_update():
            await screen.query_one("#first").remove()
            await screen.mount(self.workspace, after=self.header)
            await screen.query_one("#prompt-row").mount(self.prompt)
            await screen.mount(self.completions)
        self.ready = True
        self._fit(self.size.width, self.size.height)
        screen.set_focus(self.prompt)
        for key in self._early:
            self.prompt.post_message(key)
        gc.freeze()  # what was imported stays: searching it for garbage would hold a frame up
        self.bridge.open()
        self._unsubscribe = self.agent.subscribe(self.bridge.emit)
        self.header.show(self.agent.status)
        self.reading.welcome()
        self.show_replayed()
        if self.moving:
            self.set_interval(BEAT, self._beat)
        self.set_interval(0.1, self.ask_next)
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.background.run("start", self.agent.start, lambda _: self.reading.begin(), self.tell_error)

    async def on_event(self, event: Event) -> None:
        """What is typed before the prompt stands goes into it."""
        if isinstance(event, Key) and not self.ready and event.key != "ctrl+q":
            self._early.append(event)
        else:
            await super().on_event(event)

    def on_unmount(self) -> None:
        """Leaving means no to whatever is asked; the engine stops what runs."""
        if not self.ready:
            return
        self.reject_all("closed")
        self._unsubscribe()
        self.bridge.close()
        self.background.close()
        self.agent.close()

    def on_resize(self, event: Resize) -> None:
        """Below a hundred columns panes are tabs; a short terminal gives its rows to the panes."""
        self._fit(event.size.width, event.size.height)

    def _fit(self, width: int, height: int) -> None:
        self.screen_stack[0].set_class(height < 30, "-short")
        if self.ready:
            self.workspace.fit(width)

    def _beat(self) -> None:
        """What really moves: the running step's spinner and its seconds."""
        self.say_what_runs()
        view = self.current
        if view is not None and view.running and not self.asking:
            self.workspace.timeline.beat += 1
            now = self.clock()
            self.workspace.timeline.show(view, now)
            self.workspace.chat.update(view.id, now)

    def say_what_runs(self) -> None:
        """What is under way and for how long, at the end of the footer."""
        running = self.running
        words = ""
        if running:
            view = running[-1]
            step = view.step
            words = view.waits_for or (one_line(step.title) if step else one_line(view.query))
            words = f"{cut(words, 30)} · {seconds(view.elapsed(self.clock()))} s" + (f" · {len(running)} run" if len(running) > 1 else "")
        self.foot.say(words)

    # approvals

    def ask_next(self) -> None:
        """Open the next approval's or choice's dialog when there is one, nobody types, and no other dialog stands open."""
        if not self.approvals.waiting or (len(self.screen_stack) > 1 and not self.asking):
            return
        pending = self.approvals.next()
        if pending is None:
            return

        def decided(decision: Decision | str | None) -> None:
            self.approvals.closed()
            if decision is not None:
                self.answer(pending.run, pending.request.id, decision)
            self.title_says("")
            self.ask_next()

        from engine.core.types import ChoiceRequest

        if isinstance(pending.request, ChoiceRequest):
            from tui.screens.dialogs.choice import ChoiceScreen

            self.push_screen(ChoiceScreen(pending.request, self.clock), decided)
            return
        from tui.screens.dialogs.approval import ApprovalScreen

        self.push_screen(ApprovalScreen(pending.request, self.clock, lambda id: self.action_cite(pending.run, id)), decided)

    @property
    def asking(self) -> bool:
        """Whether an approval's or a choice's dialog stands in front."""
        return self.screen.has_class("-asking")

    def answer(self, run: str, id: str, decision: Decision | str) -> None:
        """Hand a decision, or the id of what was chosen, to the Run that waits for it."""
        if run not in self.runs:
            return
        if isinstance(decision, str):
            self.runs[run].pick(id, decision)
        else:
            self.runs[run].answer(id, decision)

    def reject_all(self, by: str) -> None:
        """No to everything that is asked, and none of what may be chosen."""
        from engine.core.types import ChoiceRequest, Decision

        no = Decision("reject", reason="the session was left", by=by)
        for pending in self.approvals.drain():
            self.answer(pending.run, pending.request.id, "" if isinstance(pending.request, ChoiceRequest) else no)

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A dialog keeps the keys of the screen below it to itself."""
        if not self.ready:
            return action in ("ask_quit", "quit")
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
        from textual.widgets import Input, TextArea

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

    def on_prompt_typed(self) -> None:
        self.approvals.typed()

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        self.send(event.text)

    def on_prompt_wanted(self, event: Prompt.Wanted) -> None:
        if not event.word.startswith("@"):
            self.offer_places(event.word)
            return
        prefix = event.word[1:]
        self.background.run(
            "names",
            lambda: self.agent.cluster.names(prefix),
            lambda names: self.prompt.choices_for(f"@{prefix}", [(f"@{n} ", "") for n in names[:20] if n != prefix]),
            lambda _: None,
        )

    def on_prompt_offers(self, event: Prompt.Offers) -> None:
        row = self.prompt.parent
        if not isinstance(row, Widget):  # the screen has ended while something was typed
            return
        self.completions.show(event.choices, event.marked, row.size.height + row.styles.gutter.height + 1)

    def on_completions_taken(self, event: Completions.Taken) -> None:
        self.prompt.take(event.index)
        self.prompt.focus()

    def on_block_asked(self, event: Block.Asked) -> None:
        self.action_block(event.what, event.text)

    def action_block(self, what: str, text: str) -> None:
        """Run a command of an answer, bring it into the prompt, or copy it."""
        match what:
            case "run":
                self.send(f"!{text}")
            case "edit":
                self.prompt.put(f"!{text}")
            case _:
                self.copy(text)

    def on_chat_pane_left(self, event: ChatPane.Left) -> None:
        self.action_jump(event.step)

    async def on_chat_pane_followed(self, event: ChatPane.Followed) -> None:
        name = event.spot.action.removeprefix("app.")
        getattr(self, f"action_{name}")(*event.spot.arguments)

    def on_cluster_pane_asked(self, event: ClusterPane.Asked) -> None:
        self.about(event.what, event.ref, event.question, event.pod)

    def on_timeline_pane_opened(self, event: TimelinePane.Opened) -> None:
        if event.command:
            self.workspace.output.pick(f"{event.run}/{event.command}")
            self.workspace.show("output")
        elif event.passage:
            self.action_cite(event.run, event.passage)
        elif event.evidence:
            self.open_evidence(event.run, event.evidence, event.title)

    def on_output_pane_copied(self, event: OutputPane.Copied) -> None:
        self.copy(event.text)


DIALOG_BLOCKS = frozenset(
    {
        "pick_namespace",
        "pick_context",
        "jump",
        "maximise",
        "toggle_panes",
        "toggle_pane",
        "new_session",
        "command_palette",
        "health",
        "sessions",
        "export",
        "docs",
        "runbook",
        "model",
        "edit_last",
        "command_bar",
        "peel",
        "grow",
        "divider",
        "setup",
        "search_history",
        "next_mode",
        "undo",
        "grants",
    }
)
