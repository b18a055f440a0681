"""`Records`: what a session leaves behind of its commands — the audit chain, the objects before a change, copied manifests."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.cluster.source import ClusterSource, RawObject
from engine.commands.execution.runner import CommandResult
from engine.commands.kubectl.manifests import copy_manifests, delete_copies
from engine.commands.parsing.lexer import Script
from engine.commands.records.audit import Audit, AuditError
from engine.commands.records.undo import UndoEntry, UndoStore, WayBack
from engine.core.target import Place
from engine.core.types import Verdict


@dataclass(frozen=True, slots=True)
class Approved:
    """Who allowed a command and how, for the audit."""

    by: str
    how: str = ""
    digest: str = ""


class Records:
    """One session's records; safe from any thread. `folder=None` keeps nothing but the manifests that a command is about to use."""

    def __init__(self, folder: Path | None, session: str) -> None:
        self._lock = threading.Lock()
        self._folder = folder
        self._session = session
        self._audit: Audit | None = None
        self._problem = ""
        self._temporary = tempfile.mkdtemp(prefix="k8sagent-") if folder is None else ""
        self.workspace = Path(self._temporary) if folder is None else folder / "manifests" / session
        self._undo = UndoStore(folder / "undo" / session, self.workspace) if folder is not None else None

    def take_manifests(self, script: Script, base: Path) -> Script:
        """The script with every manifest file replaced by its private copy; raises Refused."""
        return copy_manifests(script, self.workspace, base)

    def drop_manifests(self, script: Script) -> None:
        """Delete the private copies of a command that was not approved."""
        for stage in script.stages:
            delete_copies(stage.argv, self.workspace)

    def save_before(self, id: str, argv: Sequence[str], objects: Sequence[RawObject], place: Place) -> str:
        """Save the objects that the approval's digest covered; a sentence on why not, or ""."""
        if self._undo is None:
            return ""
        try:
            self._undo.save(f"{self._session}-{id}", argv, objects, context=place.context, namespace=place.namespace)
        except OSError as error:
            return f"the objects could not be saved for undo: {error.strerror or error}"
        return ""

    def save_after(self, id: str, objects: Sequence[RawObject]) -> None:
        """Save the same objects as they are after the change, so that undo sees what others changed since."""
        if self._undo is not None:
            with contextlib.suppress(OSError):
                self._undo.save_after(f"{self._session}-{id}", objects)

    def latest(self, context: str) -> UndoEntry | None:
        """The last change of this session in a context that may be taken back."""
        entries = self._undo.entries() if self._undo is not None else []
        return next((entry for entry in entries if entry.context == context), None)

    def way_back(self, entry: UndoEntry, source: ClusterSource) -> WayBack:
        """The command that takes a change back, given what is in the cluster now."""
        if self._undo is None:
            return WayBack("", "Nothing is kept in this session (--no-save), so there is no way back from here.")
        return self._undo.way_back(entry, source)

    def forget(self, entry: UndoEntry) -> None:
        """A change was taken back: the next `latest` is the one before it."""
        if self._undo is not None:
            self._undo.drop(entry)

    def purge(self, days: float) -> None:
        """Delete what was saved for undo longer ago than so many days, in every session."""
        if self._folder is None:
            return
        for folder in (self._folder / "undo").glob("*") if (self._folder / "undo").is_dir() else ():
            UndoStore(folder, self.workspace).purge(days)
            if not any(folder.iterdir()):
                folder.rmdir()

    def before(
        self, script: Script, verdict: Verdict, proposed: str, place: Place, approved: Approved, redact: Callable[[str], str] = str
    ) -> int:
        """The audit's line before a run; 0 where nothing is kept. Raises AuditError: a change must not run then."""
        if self._folder is None:
            return 0
        with self._lock:
            if self._audit is None:
                self._audit = Audit(self._folder / "audit", self._session)
            return self._audit.before(
                [[redact(word) for word in stage.argv] for stage in script.stages],
                verdict,
                proposed=redact(proposed),
                context=place.context,
                namespace=place.namespace,
                server=place.server,
                identity=place.user,
                approved_by=approved.by,
                how=approved.how,
                digest=approved.digest,
            )

    def after(self, number: int, result: CommandResult, redactions: int) -> str:
        """The line after a run; a sentence on why it could not be written, or ""."""
        with self._lock:
            if self._audit is None or not number:
                return ""
            try:
                self._audit.after(number, result, redactions)
            except AuditError as error:
                return str(error)
        return ""

    def refused(self, proposed: str, kind: str, by: str, reason: str) -> None:
        """A line on an approval that was not given; its loss is no danger."""
        if self._folder is None:
            return
        with self._lock:
            try:
                if self._audit is None:
                    self._audit = Audit(self._folder / "audit", self._session)
                self._audit.decision(proposed, kind, by, reason)
            except AuditError as error:
                self._problem = str(error)

    def close(self) -> None:
        """The closing line of the audit; temporary copies go."""
        with self._lock:
            if self._audit is not None:
                try:
                    self._audit.close()
                except AuditError as error:
                    self._problem = str(error)
                self._audit = None
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)
