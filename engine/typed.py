"""`CommandDesk`: commands that a person types (`!kubectl …`), judged and approved like any other, beside the question under way."""

from __future__ import annotations

from collections.abc import Callable

from engine.core.run import Run


class CommandDesk:
    """The typed commands of a session."""

    def __init__(self, begin: Callable[[str], Run]) -> None:
        self._begin = begin

    def run(self, text: str) -> Run:
        """Judge a command and run it, asking first where it changes something; its events come with those of the session."""
        return self._begin(text)
