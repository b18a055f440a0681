"""`Requests`: what Runs ask the person — approvals and choices — one dialog at a time, and what was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.types import ChoiceRequest, Decision
from tui.app.controllers.terminal import Terminal
from tui.app.session import Session

if TYPE_CHECKING:
    from textual.screen import Screen

    from tui.state.pending_requests import Pending


class Requests:
    """Opens the dialog of the next pending request and hands the decision to the Run that waits for it."""

    def __init__(self, session: Session, terminal: Terminal) -> None:
        self._session = session
        self._terminal = terminal

    def open_next(self) -> None:
        """Open the next request's dialog when there is one, nobody types, and no other dialog is open."""
        session = self._session
        if not session.pending.waiting or (len(session.app.screen_stack) > 1 and not self.asking):
            return
        pending = session.pending.next()
        if pending is None:
            return

        def decided(decision: Decision | str | None) -> None:
            session.pending.closed()
            if decision is not None:
                self._answer(pending.run, pending.request.id, decision)
            self._terminal.set_title("")
            self.open_next()

        session.open(self._dialog(pending), decided)

    def _dialog(self, pending: Pending) -> Screen[Decision | None] | Screen[str | None]:
        if isinstance(pending.request, ChoiceRequest):
            from tui.screens.dialogs.choice import ChoiceScreen

            return ChoiceScreen(pending.request, self._session.clock)
        from tui.screens.dialogs.approval import ApprovalScreen

        return ApprovalScreen(pending.request, self._session.clock, pending.run)

    @property
    def asking(self) -> bool:
        """Whether an approval's or a choice's dialog is in front."""
        return self._session.app.screen.has_class("-asking")

    def settled(self, run: str, id: str) -> None:
        """A request was answered by other means, or no longer matters: its dialog closes."""
        if self._session.pending.settled(run, id) and self.asking:
            self._session.app.screen.dismiss(None)

    def reject_all(self, by: str) -> None:
        """No to everything that is asked, and none of what may be chosen."""
        no = Decision("reject", reason="the session was closed", by=by)
        for pending in self._session.pending.drain():
            self._answer(pending.run, pending.request.id, "" if isinstance(pending.request, ChoiceRequest) else no)

    def _answer(self, run: str, id: str, decision: Decision | str) -> None:
        waiting = self._session.runs.get(run)
        if waiting is None:
            return
        if isinstance(decision, str):
            waiting.pick(id, decision)
        else:
            waiting.answer(id, decision)
