"""`Session`: everything that the controllers of one full-screen session share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.style.text import plain_lines

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from engine.agent.agent import Agent
    from engine.core.config import Settings
    from engine.core.run import Run
    from tui.app.workspace import Workspace
    from tui.runtime.background import Background
    from tui.runtime.bridge import Bridge
    from tui.state.pending_requests import PendingRequests
    from tui.state.recent_namespaces import RecentNamespaces
    from tui.state.run_view import RunView
    from tui.widgets.bars.header import Header
    from tui.widgets.input.completions import Completions
    from tui.widgets.input.prompt import Prompt


@dataclass(slots=True)
class Session:
    """The engine, the widgets, and what is known of the Runs. `clock` counts seconds; `folder` is where history and saved outputs go."""

    app: App[None]
    settings: Settings
    clock: Callable[[], float]
    folder: Path | None
    agent: Agent
    bridge: Bridge
    background: Background
    header: Header
    workspace: Workspace
    prompt: Prompt
    completions: Completions
    pending: PendingRequests
    namespaces: RecentNamespaces
    views: dict[str, RunView] = field(default_factory=dict)
    """What is shown of each Run, by its id."""
    runs: dict[str, Run] = field(default_factory=dict)
    """The Runs under way, by id."""
    current: RunView | None = None
    """The Run that the timeline shows."""
    recent: list[str] = field(default_factory=list)
    """Recent namespaces of the context, newest first."""

    @property
    def running(self) -> list[RunView]:
        """What is under way."""
        return [view for view in self.views.values() if view.running]

    def notify(self, words: str, *, warning: bool = False, title: str = "", timeout: float | None = None) -> None:
        """Show a notice; its words are taken literally."""
        self.app.notify(words, title=title, severity="warning" if warning else "information", timeout=timeout, markup=False)

    def show_error(self, error: Exception) -> None:
        """Show why something did not work."""
        from tui.runtime.background import first_sentence

        self.app.notify(plain_lines(first_sentence(error)), severity="error", markup=False)

    def open(self, screen: Screen[Any], closed: Callable[[Any], None] | None = None) -> None:
        """Open a page or dialog; `closed` gets what it hands back."""
        self.app.push_screen(screen, closed)
