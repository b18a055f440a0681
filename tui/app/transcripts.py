"""`SessionsApp`: saved sessions — the browser, going on with one, exporting and deleting."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tui.app.pages import PagesApp
from tui.style.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.app.cluster_feed import ClusterReading
    from tui.app.event_router import EventRouter


class SessionsApp(PagesApp):
    """The actions on transcripts."""

    inbox: EventRouter
    reading: ClusterReading
    clock: Callable[[], float]

    def __init__(self) -> None:
        super().__init__()
        self.with_argument |= {"sessions": self._resume_word, "export": self._export_word}

    def action_sessions(self, at: str = "") -> None:
        """Open the browser with a session marked ("" = the newest); its rows come as soon as they are read."""
        from tui.screens.sessions import SessionsScreen, Wanted

        if self.screen.is_modal:
            return
        page = SessionsScreen(time.time(), self.agent.session_id, at)

        def wanted(what: Wanted | None) -> None:
            if what is None:
                return
            match what.what:
                case "resume":
                    self.resume(what.id)
                case "export":
                    self.export(what.id)
                case _:
                    self._delete(what.id, what.neighbour)

        self.push_screen(page, wanted)
        self.background.run("sessions", self.agent.sessions.list, page.show, lambda error: page.fail(str(error)))

    def resume(self, id: str) -> None:
        """Go on with a saved session; what is shown becomes its transcript."""
        if self.running:
            self.notify("something is still running; esc esc stops it", severity="warning")
            return

        def resumed(_: None) -> None:
            self.clear_panes()
            self.show_replayed()
            self.notify(f"you go on with session {plain(self.agent.session_id)}", markup=False)

        self.background.run("resume", lambda: self.agent.resume_session(id), resumed, self.tell_error)

    def show_replayed(self) -> None:
        """Show the transcript that the session goes on with, if there is one."""
        if self.agent.replayed:
            self.inbox.replay(self.agent.replayed)
            self.reading.place_changed()

    def clear_panes(self) -> None:
        """Forget what chat, timeline and output show."""
        self.views.clear()
        self.current = None
        self.workspace.chat.clear()
        self.workspace.timeline.show(None, self.clock())
        self.workspace.output.clear()

    def _delete(self, id: str, neighbour: str) -> None:
        from tui.screens.dialogs.base import Confirm

        if id == self.agent.session_id:
            self.notify("this is the session that you are in: /clear begins a new one first", severity="warning")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.background.run(
                    "delete",
                    lambda: self.agent.sessions.delete(id),
                    lambda _: self.notify(f"deleted {plain(id)}", markup=False),
                    self.tell_error,
                )
            self.call_later(self.action_sessions, neighbour if yes else id)

        self.push_screen(Confirm(f"Delete session {plain(id)} for good?", "delete", "keep"), answered)

    def action_export(self) -> None:
        self.export(self.agent.session_id)

    def export(self, id: str) -> None:
        """Ask for a file and write a session there."""
        from tui.screens.dialogs.base import Line

        if self.agent.sessions.folder is None:
            self.notify("sessions are not kept: [session] save is off, or --no-save was given", severity="warning")
            return

        def named(path: str | None) -> None:
            if path:
                self._export_to(id, path)

        question = "Export to: .md is a post-mortem with its timeline, .json the events, .txt the answers"
        self.push_screen(Line(question, "write", value=f"~/k8sagent-{id}.md"), named)

    def _export_to(self, id: str, path: str) -> None:
        self.background.run(
            "export",
            lambda: self.agent.sessions.export_to(id, Path(path)),
            lambda written: self.notify(f"written to {plain(str(written))}", timeout=10, markup=False),
            self.tell_error,
        )

    def _export_word(self, path: str) -> bool:
        self._export_to(self.agent.session_id, path)
        return True

    def _resume_word(self, id: str) -> bool:
        self.resume(id)
        return True
