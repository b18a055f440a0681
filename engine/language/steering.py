"""Steering as a person types it: `/pin H2`, `/refute H1 we checked`, `/hypothesis TEXT`, `/evidence FILE|TEXT`."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from engine.core.types import Steering

WORDS = ("pin", "unpin", "refute", "retry", "hypothesis", "evidence")
MOST_BYTES = 256 * 1024
"""So much of a file is read: a quarter from its head, the rest from its end."""
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
"""What the system says of words that name no file."""
_PATH = re.compile(r"^(?:~?/|\.{1,2}/)\S+$|^[\w.-]+\.(?:log|txt|json|ya?ml|out|err)$")


class SteeringError(Exception):
    """Words that steer nothing; the message says what would be understood."""


def parse(word: str, rest: str, base: Path | None = None) -> Steering:
    """The steering of one of `WORDS` and what follows it; relative file names count from `base`. Raises SteeringError."""
    rest = rest.strip()
    if word == "hypothesis":
        if not rest:
            raise SteeringError("say what may be the cause, as in: /hypothesis the database is out of disk space")
        return Steering("hypothesis", text=rest)
    if word == "evidence":
        return evidence(rest, base)
    id, _, why = rest.partition(" ")
    if not re.fullmatch(r"[Hh]\d+", id):
        raise SteeringError(f"name a hypothesis, as in: /{word} H2")
    match word:
        case "pin" | "unpin" | "refute" | "retry":
            return Steering(word, hypothesis=id.upper(), text=why.strip())
    raise SteeringError(f"there is no /{word}; there are: {', '.join('/' + known for known in WORDS)}")


def evidence(words: str, base: Path | None = None) -> Steering:
    """Evidence of a person's own: the content of the regular file that they name, else the words themselves. Raises SteeringError."""
    if not words.strip():
        raise SteeringError("give a file or a text, as in: /evidence ./app.log")
    pasted = Steering("evidence", text=words, source="pasted by you")
    if "\n" in words or "\0" in words or len(words) > 4096:
        return pasted
    try:
        path = (base or Path.cwd()) / Path(words.strip()).expanduser()
    except RuntimeError:  # "~100 errors a second": a tilde, and no user of that name
        return pasted
    try:
        return Steering("evidence", text=_content(path), source=f"file {path.name}")
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _NO_FILE:
            if _PATH.match(words.strip()):
                raise SteeringError(f"{path}: no such file") from error
            return pasted
        raise SteeringError(f"{path}: cannot be read as a log: {getattr(error, 'strerror', None) or error}") from error


def _content(path: Path) -> str:
    """A regular file's text, its middle left out where it is long; raises OSError, or ValueError for what is no text file."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold the session up
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is no regular file")
        data = file.read(MOST_BYTES)
        if about.st_size > MOST_BYTES:
            head, tail = MOST_BYTES // 4, MOST_BYTES - MOST_BYTES // 4
            file.seek(-tail, os.SEEK_END)
            data = data[:head] + f"\n… {about.st_size - MOST_BYTES} bytes left out …\n".encode() + file.read(tail)
    if b"\0" in data:
        raise ValueError("it is a binary file")
    return data.decode("utf-8", "replace")
