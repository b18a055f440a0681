"""The context picker's choices: every context with its cluster and user; protected ones are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.screens.picker import Choice, Picker
from tui.text import cut_middle, one_line, plain

if TYPE_CHECKING:
    from engine.cluster.source import ContextInfo


def context_picker(current: str, *, running: bool) -> Picker:
    """A picker that waits for its rows and says what switching does."""
    return Picker("context", f"now {cut_middle(one_line(current), 40)}" + ("; switching stops the running question" if running else ""))


def context_choices(contexts: Sequence[ContextInfo], current: str) -> list[Choice]:
    """The current context first, then by name."""
    ranked = sorted(contexts, key=lambda info: (info.name != current, info.name))
    return [
        Choice(
            info.name,
            info.name,
            ("●", "$good") if info.name == current else ("·", "$quiet"),
            "now" if info.name == current else "",
            ((plain(info.user), "$quiet"), (plain(info.server.removeprefix("https://")), "$quiet")),
        )
        for info in ranked
    ]
