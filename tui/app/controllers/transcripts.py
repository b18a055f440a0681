"""`Transcripts`: saved sessions — the browser, going on with one, exporting and deleting."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tui.app.session import Session
from tui.style.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.core.events import Event
    from tui.app.cluster_feed import ClusterFeed


class Transcripts:
    """Shows saved sessions and does what is wanted with them; `replay` shows a transcript's events."""

    def __init__(self, session: Session, feed: ClusterFeed, replay: Callable[[Sequence[Event]], None]) -> None:
        self._session = session
        self._feed = feed
        self._replay = replay

    def new(self) -> None:
        """Clear the screen and begin a new transcript."""
        if self._session.running:
            self._session.notify("a question is still running; press esc twice to stop it", warning=True)
            return
        self._session.agent.new_session()
        self._clear_panes()
        self._feed.welcome()

    def browse(self, at: str = "") -> None:
        """Open the browser with a session marked ("" = the newest); its rows come as soon as they are read."""
        from tui.screens.sessions import SessionsScreen, Wanted

        if self._session.app.screen.is_modal:
            return
        page = SessionsScreen(time.time(), self._session.agent.session_id, at)

        def wanted(what: Wanted | None) -> None:
            if what is None:
                return
            match what.what:
                case "resume":
                    self.resume(what.id)
                case "export":
                    self._ask_export(what.id)
                case _:
                    self._delete(what.id, what.neighbour)

        self._session.open(page, wanted)
        self._session.background.run("sessions", self._session.agent.sessions.list, page.show, lambda error: page.fail(str(error)))

    def resume(self, id: str) -> None:
        """Go on with a saved session; what is shown becomes its transcript."""
        if self._session.running:
            self._session.notify("a question is still running; press esc twice to stop it", warning=True)
            return

        def resumed(_: None) -> None:
            self._clear_panes()
            self.show_replayed()
            self._session.notify(f"resumed session {plain(self._session.agent.session_id)}")

        self._session.background.run("resume", lambda: self._session.agent.resume_session(id), resumed, self._session.show_error)

    def show_replayed(self) -> None:
        """Show the transcript that the session goes on with, if there is one."""
        if self._session.agent.replayed:
            self._replay(self._session.agent.replayed)
            self._feed.place_changed()

    def _clear_panes(self) -> None:
        """Forget what chat, timeline and output show."""
        self._session.views.clear()
        self._session.current = None
        self._session.workspace.chat.clear()
        self._session.workspace.timeline.show(None, self._session.clock())
        self._session.workspace.output.clear()

    def _delete(self, id: str, neighbour: str) -> None:
        from tui.screens.dialogs.base import Confirm

        if id == self._session.agent.session_id:
            self._session.notify("cannot delete the current session; start a new one with /clear first", warning=True)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._session.background.run(
                    "delete",
                    lambda: self._session.agent.sessions.delete(id),
                    lambda _: self._session.notify(f"deleted {plain(id)}"),
                    self._session.show_error,
                )
            self._session.app.call_later(self.browse, neighbour if yes else id)

        self._session.open(Confirm(f"Delete session {plain(id)} permanently?", "delete", "keep"), answered)

    def export(self, path: str = "") -> None:
        """Write this session to a file, or ask for one."""
        if path:
            self._export_to(self._session.agent.session_id, path)
        else:
            self._ask_export(self._session.agent.session_id)

    def _ask_export(self, id: str) -> None:
        """Ask for a file and write a session there."""
        from tui.screens.dialogs.base import Line

        if self._session.agent.sessions.folder is None:
            self._session.notify("this session is not saved: [session] save is off, or --no-save was given", warning=True)
            return

        def named(path: str | None) -> None:
            if path:
                self._export_to(id, path)

        question = "Export to: .md for a post-mortem, .json for the events, .txt for the answers"
        self._session.open(Line(question, "export", value=f"~/k8sagent-{id}.md"), named)

    def _export_to(self, id: str, path: str) -> None:
        self._session.background.run(
            "export",
            lambda: self._session.agent.sessions.export_to(id, Path(path)),
            lambda written: self._session.notify(f"exported to {plain(str(written))}", timeout=10),
            self._session.show_error,
        )
