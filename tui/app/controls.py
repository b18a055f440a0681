"""`Controls`: one session with its controllers, which the actions of the table are called with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App

from tui.app.cluster_feed import ClusterFeed
from tui.app.controllers.layout import Layout
from tui.app.controllers.models import Models
from tui.app.controllers.pages import Pages
from tui.app.controllers.places import Places
from tui.app.controllers.questions import Questions
from tui.app.controllers.requests import Requests
from tui.app.controllers.terminal import Terminal
from tui.app.controllers.transcripts import Transcripts
from tui.app.event_router import EventRouter
from tui.app.session import Session
from tui.app.workspace import Workspace
from tui.runtime.background import Background
from tui.runtime.bridge import FRAME, Bridge
from tui.state.pending_requests import PendingRequests
from tui.state.recent_namespaces import RecentNamespaces
from tui.widgets.bars.header import Header
from tui.widgets.input.completions import Completions
from tui.widgets.input.prompt import History, Prompt

if TYPE_CHECKING:
    from engine.agent.agent import Agent
    from engine.core.config import Settings
    from engine.core.events import Event


class Controls:
    """Composes a session: its widgets, the bridge from the engine, and the controllers that work on them."""

    def __init__(
        self,
        app: App[None],
        agent: Agent,
        settings: Settings,
        header: Header,
        *,
        clock: Callable[[], float],
        folder: Path | None,
        frame: float | None,
        words: Callable[[str], Sequence[tuple[str, str]]],
        takes_place: Callable[[str], bool],
        status: Callable[[], None],
    ) -> None:
        """`words` and `takes_place` are what the prompt completes by; `status` says anew what runs; the rest is the app's own."""
        if folder is None and agent.sessions.folder is not None:
            folder = agent.sessions.folder.parent
        workspace = Workspace()
        workspace.output.folder = folder
        history = History(folder / "history.jsonl" if folder else None, settings.session.history)
        bridge = Bridge(self._deliver, workspace.output.dropped, frame=FRAME if frame is None else frame)
        namespaces = RecentNamespaces(folder / "namespaces.json" if folder else None)
        session = self.session = Session(
            app,
            settings,
            clock,
            folder,
            agent,
            bridge,
            Background(bridge),
            header,
            workspace,
            Prompt(history, words, takes_place, clock, id="prompt"),
            Completions(),
            PendingRequests(clock),
            namespaces,
            recent=namespaces.of(agent.status.context),
        )
        self.terminal = Terminal(session)
        self.questions = Questions(session, self.terminal)
        self.requests = Requests(session, self.terminal)
        self.places = Places(session)
        self.models = Models(session, self.questions)
        self.pages = Pages(session, self.questions, self.places, self.models, self.terminal)
        self.layout = Layout(session, self.questions)
        self.feed = ClusterFeed(agent, session.background, workspace, self.pages.offer_setup)
        self.router = EventRouter(session, self.feed, self.requests, self.terminal, self.models.ask_about_host, status)
        self.transcripts = Transcripts(session, self.feed, self.router.replay)

    def _deliver(self, events: list[Event]) -> int:
        return self.router.deliver(events)

    def follow(self, kind: str, first: str, second: str = "") -> None:
        """Follow a link: a citation of a Run, one of the welcome page's questions, or a key behind a command."""
        match kind:
            case "cite":
                self.pages.cite(first, second)
            case "start":
                self.questions.start(int(first))
            case "block":
                self.questions.answer_block(first, second)
            case _:
                raise ValueError(f"no such link: {kind}")
