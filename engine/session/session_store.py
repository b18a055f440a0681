"""`SessionStore`: what a session keeps: its transcript, what was allowed and changed in it, and what its questions were about."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

from engine.core.config import SessionSettings
from engine.core.events import Event, QueryReceived
from engine.core.paths import state_folder
from engine.core.run import Run
from engine.session.cases import Cases
from engine.session.conversation import Conversation
from engine.session.incidents import IncidentStore, incidents_folder, of_events
from engine.session.transcript import SavedSessions, Session, SessionError, sessions_folder

if TYPE_CHECKING:
    from engine.commands.pipeline import Grants
    from engine.commands.records.records import Records

_COUNT = re.compile(r"[0-9]{1,9}")
"""The number that a Run's id ends with."""


class SessionStore:
    """What one session keeps; switching to another session forgets what was allowed and meant in the one before. Safe from any thread."""

    def __init__(self, settings: SessionSettings, *, save: bool, session_id: str = "") -> None:
        """Without `save` nothing is written. A `session_id` resumes a saved session; raises SessionError where it cannot."""
        self._settings = settings
        self._lock = threading.RLock()
        folder = sessions_folder() if save and settings.save else None
        self.sessions = SavedSessions(folder)
        self.incidents = IncidentStore(incidents_folder() if folder is not None else None)
        self.cases = Cases()
        self.conversation = Conversation()
        self._notes: list[str] = []
        self._grants: Grants | None = None
        self._records: Records | None = None
        self._session = self._open(session_id)
        self._asked = 0
        self._asked_at = time.time()
        self.replayed: tuple[Event, ...] = ()
        """The events of a resumed session, as they were when it was resumed."""
        if session_id and folder is not None:
            self.restore()

    @property
    def saves(self) -> bool:
        """Whether anything is written."""
        return self.sessions.folder is not None

    @property
    def id(self) -> str:
        """The id of the transcript being written."""
        return self._session.id

    @property
    def grants(self) -> Grants:
        """The exact commands allowed for this session."""
        from engine.commands.pipeline import Grants

        if self._grants is None:
            self._grants = Grants()
        return self._grants

    @property
    def records(self) -> Records:
        """Audit, saved objects and copied manifests of this session."""
        from engine.commands.records.records import Records

        with self._lock:
            if self._records is None:
                self._records = Records(state_folder() if self.saves else None, self._session.id)
            return self._records

    def next_run(self) -> str:
        """The id of one more Run."""
        with self._lock:
            self._asked += 1
            self._asked_at = time.time()
            return f"{self._session.id}-{self._asked}"

    def start_new_after_timeout(self) -> None:
        """Start a new session after `[session] timeout_seconds` without a question: what was allowed and meant is stale."""
        limit, idle = self._settings.timeout_seconds, time.time() - self._asked_at
        if self._asked and 0 < limit < idle:
            self.switch_to("")
            self.note(f"A new session began after {round(idle / 60)} minutes without a question; earlier permissions no longer apply.")

    def follow(self, run: Run) -> None:
        """Record the events of a Run."""
        for listener in (self._session.append, self.incidents.on_event, self.cases.on_event, self.conversation.on_event):
            run.subscribe(listener)

    def note(self, text: str) -> None:
        """Add a note to be shown with the next answer."""
        self._notes.append(text)

    def pop_notes(self) -> tuple[str, ...]:
        """The notes for the next answer; each is shown once."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes

    def switch_to(self, id: str) -> None:
        """Switch to another transcript ("" = a new one), and forget what was allowed and meant before."""
        with self._lock:
            self._session.close()
            self._session = self._open(id)
            self.replayed, self._asked = (), 0
            self._grants = None
            records, self._records = self._records, None
        self.incidents.clear()
        self.cases.clear()
        self.conversation.clear()
        if records is not None:
            records.close()

    def restore(self) -> None:
        """Read what the session holds, count on from its last Run, and know what it was about."""
        self.replayed = self.sessions.events(self._session.id)
        numbers = [int(end) for event in self.replayed if _COUNT.fullmatch(end := event.run.rpartition("-")[2])]
        self._asked = max(numbers, default=0)
        self.incidents.latest = of_events(self.replayed)
        for event in self.replayed:
            self.cases.on_event(event)

    def resume(self, id: str) -> QueryReceived | None:
        """Resume a saved session; its latest question that names a context. Raises SessionError."""
        found = self.sessions.find(id).stem
        if found != self._session.id:
            self.switch_to(found)
        self.restore()
        return next((e for e in reversed(self.replayed) if isinstance(e, QueryReceived) and e.context), None)

    def prune(self) -> None:
        """Delete what is older than the settings say."""
        self.sessions.prune(self._settings.keep_days)
        self.incidents.prune(self._settings.keep_incidents_days)
        self.records.purge(self._settings.keep_undo_days)

    def close(self) -> None:
        """Close what is being written."""
        if self._records is not None:
            self._records.close()
        self._session.close()

    def _open(self, id: str = "") -> Session:
        """The transcript; a new one that cannot be written is done without, since an answer matters more."""
        try:
            return Session(self.sessions.folder, id)
        except SessionError as error:
            if id:
                raise
            self.note(f"This session is not saved, and changes are refused because they could not be recorded: {error}")
            return Session(None)
