"""What must not reach the screen: what libraries print on standard error, and broken mouse reports."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

SHOWN = 20
NOT_A_NUMBER = re.compile(r"\x1b\[<(?=[^Mm\x1b]{0,40}NaN)[0-9;NaN-]*[Mm]")


@contextmanager
def standard_error_kept() -> Iterator[list[str]]:
    """Take standard error (the descriptor, so that libraries and child processes are in it) into a file while the screen is open.

    Textual draws on a descriptor of its own meanwhile. The list that is handed out holds the last lines once the block has ended.
    """
    printed: list[str] = []
    own = os.dup(2 if os.isatty(2) else 1)
    before = sys.__stderr__
    with tempfile.TemporaryFile() as kept:
        backup = os.dup(2)
        sys.__stderr__ = os.fdopen(own, "w", encoding="utf-8", errors="replace")  # type: ignore[misc]
        try:
            os.dup2(kept.fileno(), 2)
            yield printed
        finally:
            os.dup2(backup, 2)
            os.close(backup)
            screen, sys.__stderr__ = sys.__stderr__, before  # type: ignore[misc]
            if screen is not None:
                screen.close()
            kept.seek(0)
            lines = kept.read().decode("utf-8", "replace").splitlines()
            printed.extend(lines[-SHOWN:])


def drop_broken_mouse_reports() -> None:
    """Have the terminal's input pass over mouse reports with NaN for a number (VS Code sends them), which would be typed as text."""
    from textual._xterm_parser import XTermParser
    from textual.drivers import linux_driver

    class Parser(XTermParser):
        """The parser of the terminal's input, without what is no report."""

        def feed(self, data):  # type: ignore[no-untyped-def]
            kept = NOT_A_NUMBER.sub("", data) if "NaN" in data else data
            return super().feed(kept) if kept or not data else iter(())  # an empty text means the end of the input

    linux_driver.XTermParser = Parser  # type: ignore[attr-defined]
