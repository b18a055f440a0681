"""`SessionApp`: what the keys, the palette and the words of the prompt do to the session.

Dialogs are imported when they are first opened, since nobody sees them at the first paint.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tui.actions.table import PANES, Where
from tui.app.transcripts import SessionsApp
from tui.style.theme import THEMES
from tui.widgets.bars.header import Header

if TYPE_CHECKING:
    from engine.agent.agent import Agent
    from engine.core.config import Settings
    from engine.core.events import Event
    from engine.core.types import ObjectRef
    from tui.runtime.bridge import Bridge
    from tui.widgets.input.completions import Completions


class SessionApp(SessionsApp):
    """The actions of the table by their Textual names, and the state that they share."""

    bridge: Bridge
    completions: Completions

    def __init__(
        self,
        agent: Agent | Callable[[], Agent],
        settings: Settings,
        clock: Callable[[], float],
        folder: Path | None,
        frame: float | None,
    ) -> None:
        super().__init__()
        self._agent_or_maker = agent
        self._frame = frame
        self.settings = settings
        self.clock = clock
        self.folder = folder
        self.ready = False
        """Whether panes, prompt and agent are there; before that only the frame stands."""
        self.header = Header()
        self.mouse_taken = settings.ui.mouse
        self.with_argument["theme"] = self._theme

    def furnish(self, deliver: Callable[[list[Event]], int]) -> None:
        """Import and make what fills the frame; `deliver` takes events and says how many. Raises what making the agent raises."""
        from tui.app.cluster_feed import ClusterReading
        from tui.app.workspace import Workspace
        from tui.runtime.background import Background
        from tui.runtime.bridge import FRAME, Bridge
        from tui.state.pending_requests import ApprovalQueue
        from tui.state.recent_namespaces import RecentPlaces
        from tui.widgets.input.completions import Completions
        from tui.widgets.input.prompt import History, Prompt

        given = self._agent_or_maker
        agent = self.agent = given() if callable(given) else given
        if self.folder is None and agent.sessions.folder is not None:
            self.folder = agent.sessions.folder.parent
        self.bridge = Bridge(deliver, self.dropped, frame=FRAME if self._frame is None else self._frame)
        self.background = Background(self.bridge)
        self.approvals = ApprovalQueue(self.clock)
        self.workspace = Workspace()
        self.workspace.output.folder = self.folder
        self.prompt = Prompt(History(self.folder / "history.jsonl" if self.folder else None, self.settings.session.history), id="prompt")
        self.completions = Completions()
        self.reading = ClusterReading(agent, self.background, self.workspace, self.offer_setup)
        self.places = RecentPlaces(self.folder / "namespaces.json" if self.folder else None)
        self.recent = self.places.of(agent.status.context)

    def dropped(self, command: str, lines: int) -> None:
        """Lines of a command never arrived, since the screen could not keep up."""
        self.workspace.output.dropped(command, lines)

    # panes

    def action_jump(self, step: int) -> None:
        """The next pane, the prompt among them."""
        order: list[Where] = [*PANES, "prompt"] if not self.workspace.alone else ["chat", "prompt"]
        here = self.workspace.pane_of(self.focused) or "prompt"
        target = order[(order.index(here) + step) % len(order)] if here in order else "prompt"
        if target == "prompt":
            self.prompt.focus()
        else:
            self.workspace.show(target)

    def action_maximise(self) -> None:
        """Give the focused pane the whole width, and back."""
        pane = self.workspace.pane_of(self.focused) or self.workspace.shown
        self.workspace.maximised = not self.workspace.maximised
        self.workspace.show(pane, focus=self.workspace.pane_of(self.focused) is not None)

    def action_toggle_pane(self, name: Where | None = None) -> None:
        """Hide a pane of the right column (None: the focused one), or bring it back."""
        pane = name or self.workspace.pane_of(self.focused)
        if self.workspace.single:
            self.notify("one pane is shown at a time here")
        elif pane is None or pane == "chat":
            self.notify("the chat stays; go to another pane to hide it")
        else:
            focused = self.workspace.pane_of(self.focused) == pane
            self.workspace.toggle(pane)
            if focused:
                self.prompt.focus()

    def action_toggle_panes(self) -> None:
        self.workspace.show_all()
        self.workspace.alone = not self.workspace.alone
        if self.workspace.alone and self.workspace.pane_of(self.focused) != "chat":
            self.prompt.focus()

    def action_grow(self, step: int) -> None:
        """More or less room for the focused pane."""
        self.workspace.grow(self.workspace.pane_of(self.focused) or "chat", step)

    def action_divider(self, step: int) -> None:
        """The line between chat and right column."""
        self.workspace.move_divider(step)

    def action_command_bar(self) -> None:
        self.prompt.put(":")

    def _theme(self, name: str) -> bool:
        if name in THEMES:
            self.theme = THEMES[name].name
        return name in THEMES

    def action_next_theme(self) -> None:
        names = list(THEMES)
        now = next((name for name in names if THEMES[name].name == self.theme), names[0])
        self.theme = THEMES[names[(names.index(now) + 1) % len(names)]].name

    # objects and starts

    def action_start(self, number: str) -> None:
        """A click on one of the welcome page's questions."""
        starts = self.workspace.chat.starts
        if number.isdigit() and 1 <= int(number) <= len(starts):
            self.send(starts[int(number) - 1])

    def about(self, what: str, ref: ObjectRef, question: str, pod: ObjectRef | None = None) -> None:
        """A key on an object of the cluster pane; `pod` is whose logs are meant."""
        from tui.screens.details import Details

        match what:
            case "describe" | "yaml":
                details = Details(ref, what, self._read_details, question, pod)
                self.push_screen(details, lambda asked: self.send(asked) if asked else None)
            case "logs" | "previous":
                if pod is None:
                    self.notify("logs belong to a pod, and there is none here", severity="warning")
                    return
                place = f" -n {pod.namespace}" if pod.namespace else ""
                self.send(f"!kubectl logs {pod.name}{place} --tail=200" + (" --previous" if what == "previous" else ""))
                self.workspace.show("output", focus=False)
            case "investigate":
                self.send(question)
            case "recent":
                self._recent(int(ref.name))
            case _:
                self.copy(ref.name)

    def _recent(self, number: int) -> None:
        if number == 0:
            self.use_namespace("")
        elif number <= len(self.recent):
            self.use_namespace(self.recent[number - 1])
        else:
            self.notify(f"there is no recent namespace {number}; ^n picks one")

    def _read_details(self, tab: str, ref: ObjectRef, then: Callable[[str], None], failed: Callable[[Exception], None]) -> None:
        cluster = self.agent.cluster
        reads: dict[str, Callable[[], str]] = {
            "describe": lambda: cluster.describe(ref),
            "yaml": lambda: cluster.yaml(ref),
            "logs": lambda: cluster.logs(ref),
            "previous": lambda: cluster.logs(ref, previous=True),
            "events": lambda: cluster.events_about(ref),
        }
        self.background.run(f"{tab} {ref}", reads[tab], then, failed)

    # session

    def action_new_session(self) -> None:
        """Clear the screen and begin a new transcript."""
        if self.running:
            self.notify("something is still running; esc esc stops it", severity="warning")
            return
        self.agent.new_session()
        self.clear_panes()
        self.reading.welcome()

    def action_edit_last(self) -> None:
        """Bring the last question back."""
        entries = [entry for entry in self.prompt.past.entries if not entry.startswith(("/", ":"))]
        if entries:
            self.prompt.put(entries[-1])

    def action_ask_quit(self) -> None:
        """Leave at once, or ask when something runs."""
        from tui.screens.dialogs.base import Confirm

        if not self.running:
            self.exit()
            return
        if isinstance(self.screen, Confirm):
            return
        self.push_screen(
            Confirm("A question or command is still running. Leave and stop it?", "leave", "stay"), lambda yes: self.exit() if yes else None
        )

    # copying

    def action_copy_answer(self) -> None:
        answer = self.workspace.chat.last_answer()
        if answer:
            self.copy(answer)
        else:
            self.notify("there is no answer yet")

    def action_copy_command(self) -> None:
        commands = [command for view in self.views.values() for command in view.commands.values()]
        if commands:
            self.copy(commands[-1].command)
        else:
            self.notify("no command ran yet")
