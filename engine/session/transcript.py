"""The transcript: each session's events, appended to one JSONL file that is readable after a kill -9; resume, replay, export.

The first line is a header, each further line an event in its JSON form. Streamed tokens are not kept (the finished answer is), and of a
command's output the first and last 128 KiB. A line that a crash cut off is passed over when reading.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.events import (
    AnswerFinished,
    ClusterChanged,
    CommandFinished,
    CommandOutput,
    Event,
    QueryReceived,
    TokensStreamed,
    from_json,
    to_json,
)
from engine.core.paths import private_folder, state_folder

SCHEMA = "k8sagent.session/1"
KEEP_BYTES = 128 * 1024


class SessionError(Exception):
    """A transcript that cannot be written or read; the message names the file."""


def sessions_folder(env: Mapping[str, str] | None = None) -> Path:
    """The folder of transcripts: `$XDG_STATE_HOME/k8sagent/sessions`."""
    return state_folder(env) / "sessions"


@dataclass(slots=True)
class _Tail:
    """What is left of one command's output: bytes written at once, then a ring of the newest lines."""

    written: int = 0
    lines: deque[CommandOutput] = field(default_factory=deque)
    held: int = 0
    dropped: int = 0


class Session:
    """One transcript being written. Safe from any thread; `append` never raises once the file is open (it turns to `broken`)."""

    def __init__(self, folder: Path | None, id: str = "") -> None:
        """Open a new transcript in a folder, or continue the one of that id; `folder=None` keeps nothing."""
        self.id = id or time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:6]
        self.path = folder / f"{self.id}.jsonl" if folder else None
        self.broken = ""
        self._lock = threading.Lock()
        self._tails: dict[str, _Tail] = {}
        self._fd = -1
        if self.path is None:
            return
        try:
            private_folder(self.path.parent)
            is_new = not self.path.exists()
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if is_new:
                self._write({"schema": SCHEMA, "id": self.id, "started": time.time()})
            elif self.path.read_bytes()[-1:] != b"\n":
                os.write(self._fd, b"\n")
        except OSError as error:
            raise SessionError(f"{self.path}: the transcript cannot be written: {error}; start with --no-save to keep none") from error

    def append(self, event: Event) -> None:
        """Write one event (see the module's docstring for what is left out)."""
        if isinstance(event, TokensStreamed | ClusterChanged) or self._fd < 0:
            return
        with self._lock:
            if isinstance(event, CommandOutput):
                self._append_output(event)
                return
            if isinstance(event, CommandFinished):
                self._flush_tail(event.id)
            self._write(to_json(event))

    def close(self) -> None:
        """Write what is still held back and close the file."""
        with self._lock:
            for id in list(self._tails):
                self._flush_tail(id)
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _append_output(self, event: CommandOutput) -> None:
        tail = self._tails.setdefault(event.id, _Tail())
        size = sum(len(line) + 1 for line in event.lines)
        if tail.written + size <= KEEP_BYTES:
            tail.written += size
            self._write(to_json(event))
            return
        tail.written = KEEP_BYTES
        tail.lines.append(event)
        tail.held += size
        while tail.held > KEEP_BYTES and len(tail.lines) > 1:
            oldest = tail.lines.popleft()
            tail.held -= sum(len(line) + 1 for line in oldest.lines)
            tail.dropped += len(oldest.lines)

    def _flush_tail(self, id: str) -> None:
        tail = self._tails.pop(id, None)
        if tail is None or not tail.lines:
            return
        if tail.dropped:
            first = tail.lines[0]
            gap = CommandOutput(
                id=id, stream=first.stream, lines=(f"… {tail.dropped} lines left out …",), run=first.run, seq=first.seq, at=first.at
            )
            self._write(to_json(gap))
        for event in tail.lines:
            self._write(to_json(event))

    def _write(self, row: Mapping[str, object]) -> None:
        if self._fd < 0 or self.broken:
            return
        try:
            os.write(self._fd, json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n")
        except OSError as error:
            self.broken = f"{self.path}: the transcript cannot be written any more: {error}"


def read(path: Path) -> Iterator[Event]:
    """The events of a transcript; lines that are cut off or of another version are passed over. Raises SessionError."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines):
                try:
                    row = json.loads(line)
                    if number == 0 and isinstance(row, dict) and "schema" in row:
                        if row["schema"] != SCHEMA:
                            raise SessionError(f"{path}: written by another version ({row['schema']}, not {SCHEMA})")
                        continue
                    yield from_json(row)
                except (ValueError, TypeError, AttributeError, RecursionError):
                    continue
    except OSError as error:
        raise SessionError(f"{path}: cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One saved session as a list shows it: `started` in Unix seconds, `causes` are the root causes that were found, `size` in bytes.

    `questions` leaves out what was typed as a command.
    """

    id: str
    started: float
    questions: tuple[str, ...]
    context: str
    path: Path
    causes: tuple[str, ...] = ()
    namespace: str = ""
    size: int = 0


FORMATS = {".md": "markdown", ".json": "json", ".txt": "text"}
"""The format of an export by its file's suffix."""


class SavedSessions:
    """The saved sessions of a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def list(self) -> list[SessionRow]:
        """All saved sessions that can be read, newest first."""
        if self.folder is None or not self.folder.is_dir():
            return []
        rows = []
        for path in self.folder.glob("*.jsonl"):
            try:
                rows.append(_row_of(path))
            except OSError:  # deleted meanwhile, or not ours to read: the others are listed all the same
                continue
        return sorted(rows, key=lambda row: row.started, reverse=True)

    def events(self, id: str) -> tuple[Event, ...]:
        """The events of a session, oldest first; raises SessionError."""
        return tuple(read(self.find(id)))

    def delete(self, id: str) -> None:
        """Delete a session's transcript for good; raises SessionError."""
        path = self.find(id)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SessionError(f"{path}: cannot be deleted: {error.strerror or error}") from error

    def find(self, id: str) -> Path:
        """The file of a session by id or by the beginning of its id; raises SessionError naming what there is."""
        if self.folder is not None and re.fullmatch(r"[A-Za-z0-9-]+", id):
            found = sorted(self.folder.glob(f"{id}*.jsonl"))
            if len(found) == 1 or (found and found[0].stem == id):
                return found[0]
            if found:
                raise SessionError(f"session {id!r} is ambiguous: {', '.join(p.stem for p in found[:5])}")
        raise SessionError(f"no session {id!r}; `k8sagent sessions list` shows the saved ones")

    def prune(self, keep_days: int) -> int:
        """Delete transcripts that nobody wrote to for so many days; how many were deleted."""
        if self.folder is None or not self.folder.is_dir():
            return 0
        limit = time.time() - keep_days * 86400
        old = [path for path in self.folder.glob("*.jsonl") if path.stat().st_mtime < limit]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def export_to(self, id: str, path: Path) -> Path:
        """Write a session to a file that is not there yet, readable by its user alone; `.md`, `.json` or `.txt` says the format.

        Returns the whole path. Raises SessionError.
        """
        target = path.expanduser()
        format = FORMATS.get(target.suffix.lower())
        if format is None:
            raise SessionError(f"{target}: the name must end in {', '.join(FORMATS)}, which says the format")
        text = self.export(id, format)
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as out:
                out.write(text)
        except FileExistsError as error:
            raise SessionError(f"{target} already exists: name another file") from error
        except OSError as error:
            raise SessionError(f"{target}: cannot be written: {error.strerror or error}") from error
        return target.resolve()

    def export(self, id: str, format: str = "markdown") -> str:
        """A session as Markdown (a post-mortem), `json` (events) or `text` (the answers alone)."""
        events = list(read(self.find(id)))
        if format == "json":
            return json.dumps([to_json(event) for event in events], indent=1, ensure_ascii=False)
        if format == "text":
            parts = []
            for event in events:
                if isinstance(event, QueryReceived):
                    parts.append(f"> {event.query}")
                elif isinstance(event, AnswerFinished):
                    parts.append(event.answer.text)
            return "\n\n".join(parts) + "\n"
        from engine.session.postmortem import markdown

        return markdown(id, events)


def _row_of(path: Path) -> SessionRow:
    """A session's row, from the few lines that say what was asked and found; the rest is not parsed."""
    asked: list[QueryReceived] = []
    causes: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith(('{"event":"QueryReceived"', '{"event":"AnswerFinished"')):
                continue
            try:
                event = from_json(json.loads(line))
            except (ValueError, TypeError, RecursionError):
                continue
            if isinstance(event, QueryReceived):
                asked.append(event)
            elif isinstance(event, AnswerFinished):
                causes.extend(cause.summary for cause in event.answer.root_causes[:1])
    stat = path.stat()
    questions = tuple(e.query for e in asked if not e.query.startswith(("!", "/")))
    place = (asked[-1].context, asked[-1].namespace) if asked else ("", "")
    started = asked[0].at if asked else stat.st_mtime
    return SessionRow(path.stem, started, questions, place[0], path, tuple(dict.fromkeys(causes)), place[1], stat.st_size)
