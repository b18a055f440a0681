"""The log of K8sAgent itself: a rotating file in the state folder, redacted, with the traceback of whatever failed in the engine.

Modules log through `logging.getLogger(__name__)`. Nothing is written before `start_log`, and never to the terminal.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from engine.core.redaction.escapes import strip_escapes

LEVELS = ("debug", "info", "warning", "error")
MAX_BYTES = 1_000_000
BACKUPS = 3
_PACKAGES = ("engine", "tui", "index")

for _package in _PACKAGES:  # without a handler of their own, warnings would be printed on the screen
    logging.getLogger(_package).addHandler(logging.NullHandler())


class _Redacted(logging.Formatter):
    """Formats a record, traceback included, and takes secrets and control characters out of it."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(strip_escapes(super().format(record)))


class _PrivateFile(RotatingFileHandler):
    """A log file that only its owner reads; one that cannot be written is no reason to fail."""

    def _open(self):  # type: ignore[no-untyped-def]
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.fdopen(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8", errors="replace")

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk or a lost folder must not reach the screen."""


def start_log(path: Path, redact: Callable[[str], str], level: str = "info") -> None:
    """Write what the three packages log from now on; a second call replaces the first. Raises ValueError for an unknown level."""
    if level not in LEVELS:
        raise ValueError(f"the log level is one of {', '.join(LEVELS)}, not {level!r}")
    stop_log()
    handler = _PrivateFile(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, delay=True)
    handler.setFormatter(_Redacted(redact))
    for name in _PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        logger.propagate = False
        logger.addHandler(handler)


def stop_log() -> None:
    """Close the log file; later records go nowhere."""
    for handler in {handler for name in _PACKAGES for handler in logging.getLogger(name).handlers if isinstance(handler, _PrivateFile)}:
        for name in _PACKAGES:
            logging.getLogger(name).removeHandler(handler)
        handler.close()


def log_path() -> Path | None:
    """The file being written; None where there is none."""
    for handler in logging.getLogger("engine").handlers:
        if isinstance(handler, _PrivateFile):
            return Path(handler.baseFilename)
    return None


def log_hint() -> str:
    """The end of a message about a failure: where its traceback is; "" where nothing is written."""
    path = log_path()
    return f" (details in {path})" if path is not None else ""
