"""Past incidents: each diagnosed fault as a Markdown document, kept apart from the runbooks, searchable.

An incident is folded from the session's own events, which are redacted before any listener gets them. Its file is written when the
question ends, and again when the session changes something afterwards, so that the outcome is in it.
"""

from __future__ import annotations

import calendar
import dataclasses
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.events import (
    AnswerFinished,
    CommandFinished,
    CommandProposed,
    CommandStarted,
    Event,
    QueryClassified,
    QueryReceived,
    RunCancelled,
    RunFailed,
    RunFinished,
)
from engine.core.paths import private_folder, state_folder
from engine.core.types import Answer, Verdict
from engine.session.postmortem import fence, span

EVIDENCE_SHOWN = 8
EXCERPT_CHARACTERS = 1_200
SAME_SECONDS = 3_600.0
_NAME = re.compile(r"(\d{8}-\d{6})-[a-z0-9-]*-([0-9a-f]{8})\.md$")


def incidents_folder() -> Path:
    """Where incidents are kept: `$XDG_STATE_HOME/k8sagent/incidents`."""
    return state_folder() / "incidents"


@dataclass(frozen=True, slots=True)
class Incident:
    """One finished troubleshooting question; `changes` are what ran afterwards in the same session, `at` is in Unix seconds."""

    query: str
    context: str
    namespace: str
    at: float
    answer: Answer
    changes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was wrong, in a line."""
        causes = self.answer.root_causes
        if not causes:
            return line(f"Nothing found: {self.query}", 110)
        return line(f"{causes[0].code}: {causes[0].object}" if causes[0].code else causes[0].summary, 110)

    @property
    def signature(self) -> str:
        """Eight hex digits that are the same for the same fault of the same object, however it is asked about."""
        causes = self.answer.root_causes
        if not causes:
            return signature(self.context, self.namespace, slug(self.query, 200))
        return signature(self.context, causes[0].code, str(causes[0].object), causes[0].object.namespace)

    @property
    def file_name(self) -> str:
        """`20260105-101500-crash-loop-back-off-checkout-api-1a2b3c4d.md`."""
        return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(self.at))}-{self.slug}-{self.signature}.md"

    @property
    def slug(self) -> str:
        """Code and object as a file name spells them."""
        causes = self.answer.root_causes
        words = f"{causes[0].code} {causes[0].object.name}" if causes else self.query
        return slug(words) or "incident"


def line(text: str, characters: int = 400) -> str:
    """A text as one line of at most so many characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else flat[: characters - 2].rsplit(" ", 1)[0] + " …"


def slug(text: str, characters: int = 60) -> str:
    """A text as a file name: lower-case words and digits with hyphens between."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()
    return re.sub(r"[^a-z0-9]+", "-", apart).strip("-")[:characters].strip("-")


def signature(*words: str) -> str:
    """See `Incident.signature`: context, finding code, object and its namespace."""
    return hashlib.sha1("\n".join(words).encode(), usedforsecurity=False).hexdigest()[:8]


def is_same_incident(path: str, mine: str, now: float) -> bool:
    """Whether an incident's path is of the fault with this signature, seen within the last hour: that is no past one."""
    found = _NAME.search(path)
    if found is None or found[2] != mine:
        return False
    return now - calendar.timegm(time.strptime(found[1], "%Y%m%d-%H%M%S")) < SAME_SECONDS


def day(path: str) -> str:
    """The day in an incident's path: `2026-01-05`; "" for another path."""
    found = _NAME.search(path)
    return f"{found[1][:4]}-{found[1][4:6]}-{found[1][6:8]}" if found else ""


def document(incident: Incident) -> str:
    """The incident as Markdown; text from the cluster is on single lines and in code, so that they cannot become structure."""
    answer = incident.answer
    causes = answer.root_causes
    asked = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(incident.at))
    out = [
        *front_matter(
            incident.title,
            [cause.code for cause in causes[:4] if cause.code],
            [cause.object.kind for cause in causes[:4]],
            [cause.object.name for cause in causes[:2]],
        ),
        f"# {incident.title}",
        "",
        "## Question",
        "",
        f"{span(line(incident.query))}, asked {asked} in context {span(incident.context or '-')}, "
        f"namespace {span(incident.namespace or 'all')}.",
        "",
        "## Root cause",
        "",
    ]
    if not causes:
        out += [f"No problem was found. {line(answer.text)}", ""]
    for cause in causes[:4]:
        code = f", {cause.code}" if cause.code else ""
        out += [f"Object {span(str(cause.object))}{code}, confidence {cause.confidence:.2f}: {line(cause.summary, 600)}", ""]
        out += [f"- {line(sentence)}" for sentence in cause.chain[:6]]
        out += [""] if cause.chain else []
    if answer.evidence:
        out += ["## Evidence", ""]
        for item in answer.evidence[:EVIDENCE_SHOWN]:
            out += [f"{item.id} {span(item.source)}", "", fence(item.excerpt[:EXCERPT_CHARACTERS]), ""]
    if answer.fix:
        out += ["## Fix", ""]
        for remedy in answer.fix:
            out += [f"- {line(remedy.text)}", *([f"  {span(remedy.command)} ({remedy.risk})"] if remedy.command else [])]
        out.append("")
    out += ["## Outcome", ""]
    out += [f"- {change}" for change in incident.changes] or ["Nothing was changed from this session."]
    return "\n".join(out).rstrip() + "\n"


def front_matter(title: str, codes: Iterable[str], kinds: Iterable[str], tags: Iterable[str]) -> list[str]:
    """The lines above a document that the index reads; texts are quoted as JSON, which is YAML too."""

    def listed(words: Iterable[str]) -> str:
        return json.dumps([word for word in dict.fromkeys(words) if word], ensure_ascii=False)

    title = json.dumps(title, ensure_ascii=False)
    return ["---", f"title: {title}", f"codes: {listed(codes)}", f"kinds: {listed(kinds)}", f"tags: {listed(tags)}", "---"]


@dataclass(slots=True)
class _OpenRun:
    """A Run as far as its events went."""

    query: str = ""
    context: str = ""
    namespace: str = ""
    at: float = 0.0
    tier: str = ""
    answer: Answer | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)


class IncidentStore:
    """Folds a session's events to incidents and keeps them as files; `folder=None` keeps none, but the newest stays known.

    `on_event` never raises: what cannot be written ends in `problem`.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.latest: Incident | None = None
        self.problem = ""
        self._lock = threading.Lock()
        self._open: dict[str, _OpenRun] = {}
        self._known: dict[str, Incident] = {}

    def on_event(self, event: Event) -> None:
        """Take in one event of the session; called on whatever thread emits it."""
        with self._lock:
            self._fold(event)

    def _fold(self, event: Event) -> None:
        match event:
            case QueryReceived():
                self._open[event.run] = _OpenRun(event.query, event.context, event.namespace, event.at)
            case QueryClassified() if event.run in self._open:
                self._open[event.run].tier = event.tier
            case AnswerFinished() if event.run in self._open:
                self._open[event.run].answer = event.answer
            case CommandProposed() if event.verdict.risk in ("mutate", "destructive"):
                self._open.setdefault(event.run, _OpenRun()).verdicts[event.id] = event.verdict
            case CommandStarted() if event.run in self._open:
                self._open[event.run].commands[event.id] = event.command
            case CommandFinished() if event.run in self._open:
                self._changed(self._open[event.run], event)
            case RunFinished():
                run = self._open.pop(event.run, None)
                if run is not None and run.tier == "troubleshooting" and run.answer is not None:
                    self._ended(Incident(run.query, run.context, run.namespace, run.at, run.answer))
            case RunCancelled() | RunFailed():
                self._open.pop(event.run, None)
            case _:
                pass

    def _changed(self, run: _OpenRun, event: CommandFinished) -> None:
        verdict, latest = run.verdicts.get(event.id), self.latest
        if verdict is None or latest is None or (run.context and run.context != latest.context):
            return
        ended = f"exit {event.exit_code}" if event.exit_code is not None else line(event.error, 120) or "it did not end"
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(event.at))
        change = f"{when}: ran {span(run.commands.get(event.id, ''))} ({verdict.risk}): {ended}"
        self._keep(dataclasses.replace(latest, changes=(*latest.changes, change)))

    def _ended(self, incident: Incident) -> None:
        """A question ended: the same fault again keeps its file and its changes, and one that found nothing ends the fault before it."""
        before = self._known.get(incident.signature)
        if before is not None:
            incident = dataclasses.replace(incident, at=before.at, changes=before.changes)
        self._keep(incident)
        latest = self.latest
        if incident.answer.root_causes:
            self.latest = incident
        elif latest is not None and (latest.context, latest.namespace) == (incident.context, incident.namespace):
            when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(incident.at))
            self.latest = dataclasses.replace(
                latest, changes=(*latest.changes, f"{when}: asked {span(line(incident.query))}: nothing found")
            )
            self._keep(self.latest)

    def _keep(self, incident: Incident) -> None:
        self._known[incident.signature] = incident
        if self.latest is not None and self.latest.signature == incident.signature:
            self.latest = incident
        if self.folder is None:
            return
        try:
            private_folder(self.folder)
            write_private(self.folder / incident.file_name, document(incident))
        except OSError as error:
            self.problem = f"the incident could not be saved in {self.folder}: {error.strerror or error}"

    def clear(self) -> None:
        """Forget the session's newest incident; its file stays."""
        with self._lock:
            self.latest = None
            self._known.clear()

    def prune(self, keep_days: int) -> int:
        """Delete incidents that nobody wrote to for so many days; how many were deleted."""
        if self.folder is None or not self.folder.is_dir():
            return 0
        limit = time.time() - keep_days * 86_400
        old = [path for path in self.folder.glob("*.md") if path.lstat().st_mtime < limit]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def of_events(events: Iterable[Event]) -> Incident | None:
    """The newest incident of a transcript; None where nothing was diagnosed."""
    store = IncidentStore(None)
    for event in events:
        store.on_event(event)
    return store.latest


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its user alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
