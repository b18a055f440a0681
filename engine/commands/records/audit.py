"""The append-only record of what was asked, approved and run: one hash-chained, locked JSONL file a session.

Every line holds the hash of the line before it. A small head file beside the chain says how many lines there are and what the
last hash is, so that a cut-off end is seen. No output of a command is recorded.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.commands.execution.runner import CommandResult
from engine.core.paths import private_folder
from engine.core.types import Verdict

START = "0" * 64


class AuditError(Exception):
    """A line could not be written; what it was about must not run. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What `verify` found of one session's chain."""

    id: str
    ok: bool
    detail: str


class Audit:
    """The chain of one session; lines are on the disk when a method returns. Raises `AuditError`."""

    def __init__(self, folder: Path, session: str) -> None:
        self.session = session
        self._path = folder / f"{session}.jsonl"
        self._head = folder / f"{session}.head"
        self._count = 0
        self._hash = START
        self._cut = False
        """Whether the file ends in the middle of a line."""
        try:
            private_folder(folder)
            self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AuditError(f"The audit of session {session} is in use by another process; start a session of its own.") from error
        except OSError as error:
            raise AuditError(
                f"The audit cannot be written: {error.strerror or error} ({self._path}). Changes are refused until it can be."
            ) from error
        self._resume()
        self.write("open", user=_user(), host=platform.node(), pid=os.getpid())

    def _resume(self) -> None:
        """Go on at the end of a chain of an earlier process; a line that its end cut off is closed, and `verify` reports it."""
        line = b"\n"
        with self._path.open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    entry = json.loads(line)
                    self._count, self._hash = entry["n"], entry["hash"]
        self._cut = not line.endswith(b"\n")

    def before(
        self,
        argvs: Sequence[Sequence[str]],
        verdict: Verdict,
        *,
        proposed: str,
        context: str,
        namespace: str = "",
        server: str = "",
        identity: str = "",
        approved_by: str = "",
        how: str = "",
        digest: str = "",
    ) -> int:
        """The line before a run; returns its number for `after`."""
        return self.write(
            "before",
            proposed=proposed,
            argv=[list(argv) for argv in argvs],
            risk=verdict.risk,
            rule=verdict.rule,
            context=context,
            namespace=namespace,
            server=server,
            identity=identity,
            approved_by=approved_by,
            how=how,
            digest=digest,
            user=_user(),
            host=platform.node(),
        )

    def after(self, number: int, result: CommandResult, redactions: int = 0) -> int:
        """The line after a run."""
        return self.write(
            "after",
            of=number,
            exit=result.exit_code,
            seconds=round(result.seconds, 3),
            bytes=result.bytes,
            truncated=result.truncated,
            error=result.error,
            redactions=redactions,
        )

    def decision(self, proposed: str, kind: str, by: str, reason: str = "") -> int:
        """A line for an approval that was not given, or a grant."""
        return self.write("decision", proposed=proposed, decision=kind, by=by, reason=reason)

    def write(self, kind: str, **fields: Any) -> int:
        """Append one line and return its number."""
        entry = {"n": self._count + 1, "prev": self._hash, "time": time.time(), "session": self.session, "kind": kind, **fields}
        entry["hash"] = _hash(entry)
        line = ("\n" * self._cut + json.dumps(entry, ensure_ascii=True, separators=(",", ":")) + "\n").encode()
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                self._cut = self._cut or written > 0
                raise OSError(28, "the disk is full")
            self._cut = False
            os.fsync(self._fd)
            self._count, self._hash = entry["n"], entry["hash"]
            self._write_head()
        except OSError as error:
            raise AuditError(f"The audit cannot be written: {error.strerror or error}. Changes are refused until it can be.") from error
        return self._count

    def _write_head(self) -> None:
        aside = self._head.with_suffix(".head.new")
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(f"{self._count} {self._hash}\n")
        aside.replace(self._head)

    def close(self) -> None:
        """The closing line; the chain is not written to any more."""
        if self._fd >= 0:
            try:
                self.write("close")
            finally:
                os.close(self._fd)
                self._fd = -1


def verify(folder: Path) -> list[ChainReport]:
    """Check every chain of a folder: changed, missing, reordered and cut-off lines are found."""
    if not folder.is_dir():
        return []
    chains = {path.stem for path in folder.glob("*.jsonl")} | {path.stem for path in folder.glob("*.head")}
    return [_verify(folder, session) for session in sorted(chains)]


def _verify(folder: Path, session: str) -> ChainReport:
    path, head = folder / f"{session}.jsonl", folder / f"{session}.head"
    if not path.exists():
        return ChainReport(session, False, "the chain is gone, only its head is left")
    count, last, kind = 0, START, ""
    cut = 0
    hashes = [START]
    for number, entry in enumerate(_entries(path), 1):
        if entry is None:
            cut += 1  # a line that nobody finished; had it been an entry, the next one would not follow from the one before
            continue
        if entry.get("n") != count + 1:
            return ChainReport(
                session, False, f"line {number}: expected entry {count + 1}, found {entry.get('n')}: lines are missing or out of order"
            )
        if entry.get("prev") != last:
            return ChainReport(session, False, f"line {number} does not follow from the line before it")
        if entry.get("hash") != _hash(entry):
            return ChainReport(session, False, f"line {number} was changed")
        count, last, kind = entry["n"], entry["hash"], str(entry.get("kind"))
        hashes.append(last)
    try:
        written, hashed = head.read_text(encoding="ascii").split()
        known = int(written)
    except (OSError, ValueError):
        if count <= 1:
            return ChainReport(session, True, f"{count} entries; interrupted before the head file was written")
        return ChainReport(session, False, "the head file is missing or cannot be read, so a cut-off end would not be seen")
    if not 0 <= known <= count or hashes[known] != hashed:
        return ChainReport(session, False, f"the head names entry {written}, the chain ends with {count}: the end was cut off or changed")
    interrupted = [f"{cut} line{'' if cut == 1 else 's'} cut off by an interruption"] if cut else []
    interrupted += [f"the head is {count - known} behind, so the last write was interrupted"] if count > known else []
    if kind == "close":
        end = []
    else:
        end = ["the session is running" if _locked(path) else "the session did not end in order"]
    return ChainReport(session, True, "; ".join([f"{count} entries", *interrupted, *end]))


def _entries(path: Path) -> Iterator[Mapping[str, Any] | None]:
    with path.open("rb") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            yield entry if isinstance(entry, dict) else None


def _locked(path: Path) -> bool:
    """Whether a living process writes to the chain."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _hash(entry: Mapping[str, Any]) -> str:
    body = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
