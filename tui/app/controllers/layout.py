"""`Layout`: which pane has the focus and how much room, what esc closes first, and the theme."""

from __future__ import annotations

from tui.actions.action import PANES, Where
from tui.app.controllers.questions import Questions
from tui.app.session import Session
from tui.style.theme import THEMES

ESC_WITHIN = 3.0
"""Seconds within which a second esc stops the question."""


class Layout:
    """Moves between panes and shares the screen out among them."""

    def __init__(self, session: Session, questions: Questions) -> None:
        self._session = session
        self._questions = questions
        self._escaped = float("-inf")

    def escape(self) -> None:
        """First close a filter, then the maximised pane; a second esc stops the running question."""
        session, workspace = self._session, self._session.workspace
        pane = workspace.pane_of(session.app.focused)
        if pane == "cluster" and workspace.cluster.close_filter():
            workspace.show("cluster")
        elif pane == "output" and workspace.output.close_filter():
            workspace.show("output")
        elif workspace.maximised:
            workspace.maximised = False
        elif session.running:
            now = session.clock()
            if now - self._escaped <= ESC_WITHIN:
                self._escaped = float("-inf")
                self._questions.stop("stopped by the user")
            else:
                self._escaped = now
                session.app.notify("press esc again to stop the question", timeout=ESC_WITHIN)
        elif not session.prompt.has_focus:
            session.prompt.focus()

    def next_pane(self, step: int = 1) -> None:
        """The next pane (`step` of -1: the previous one), the prompt among them."""
        workspace = self._session.workspace
        order: list[Where] = [*PANES, "prompt"] if not workspace.alone else ["chat", "prompt"]
        here = workspace.pane_of(self._session.app.focused) or "prompt"
        target = order[(order.index(here) + step) % len(order)] if here in order else "prompt"
        if target == "prompt":
            self._session.prompt.focus()
        else:
            workspace.show(target)

    def maximise(self) -> None:
        """Give the focused pane the whole width, and back."""
        workspace = self._session.workspace
        focused = workspace.pane_of(self._session.app.focused)
        workspace.maximised = not workspace.maximised
        workspace.show(focused or workspace.shown, focus=focused is not None)

    def toggle_pane(self, name: Where | None = None) -> None:
        """Hide a pane of the right column (None: the focused one), or bring it back."""
        workspace = self._session.workspace
        focused = workspace.pane_of(self._session.app.focused)
        pane = name or focused
        if workspace.single:
            self._session.notify("one pane is shown at a time here")
        elif pane is None or pane == "chat":
            self._session.notify("the chat stays; go to another pane to hide it")
        else:
            workspace.toggle(pane)
            if focused == pane:
                self._session.prompt.focus()

    def toggle_panes(self) -> None:
        """Hide the right column, or bring it back with all its panes."""
        workspace = self._session.workspace
        workspace.show_all()
        workspace.alone = not workspace.alone
        if workspace.alone and workspace.pane_of(self._session.app.focused) != "chat":
            self._session.prompt.focus()

    def cluster_tab(self, tab: str, needle: str = "") -> None:
        """Show a tab of the cluster pane, filtered by `needle` where there is one."""
        self._session.workspace.cluster.turn_to(tab, needle)
        self._session.workspace.show("cluster")

    def grow(self, step: int) -> None:
        """More or less room for the focused pane."""
        workspace = self._session.workspace
        workspace.grow(workspace.pane_of(self._session.app.focused) or "chat", step)

    def theme(self, name: str = "") -> None:
        """Take a theme by its name; without one, the next."""
        app, names = self._session.app, list(THEMES)
        if name and name not in THEMES:
            self._session.notify(f"no theme “{name}”; use one of {', '.join(names)}", warning=True)
            return
        now = next((name for name in names if THEMES[name].name == app.theme), names[0])
        app.theme = THEMES[name or names[(names.index(now) + 1) % len(names)]].name
