"""The context picker's choices: every context with its cluster, user and server; protected ones are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.core.target import is_protected
from tui.screens.dialogs.picker import Choice, Picker
from tui.style.text import cut_middle, one_line

if TYPE_CHECKING:
    from engine.cluster.source import ContextInfo

PROTECTED = "protected"
"""The word is in the first column, which is never dropped; its glyph is at the start of the row."""
WIDEST = 22
"""Cells of a cluster's, a user's and a server's name at most, so that names of contexts stay readable."""


def context_picker(current: str, *, running: int, watches: int) -> Picker:
    """A picker that waits for its rows and says what switching stops: so many Runs under way, so many kinds that are watched."""
    stops = [
        *(["the running question"] if running == 1 else [f"{running} running questions"] if running else []),
        *(["1 watch" if watches == 1 else f"{watches} watches"] if watches else []),
    ]
    return Picker(
        "context", f"now {cut_middle(one_line(current), 40)}" + (f"; switching stops {' and '.join(stops)}" if stops else ""), wide=True
    )


def context_choices(contexts: Sequence[ContextInfo], current: str, patterns: Sequence[str]) -> list[Choice]:
    """The current context first, then by name; those that match one of the patterns are protected, recordings never are."""
    ranked = sorted(contexts, key=lambda info: (info.name != current, info.name))
    return [
        _choice(info, current, protected=bool(info.server) and is_protected(info.name, patterns, info.cluster, info.server))
        for info in ranked
    ]


def _choice(info: ContextInfo, current: str, *, protected: bool) -> Choice:
    user = cut_middle(one_line(info.user), WIDEST)
    here = info.name == current
    return Choice(
        info.name,
        info.name,
        ("●" if here else "▲" if protected else "·", "$bad" if protected else "$good" if here else "$quiet"),
        "now" if here else "",
        (
            (PROTECTED if protected else "", "$bad"),
            (cut_middle(one_line(info.cluster), WIDEST), "$foreground"),
            (f"as {user}" if user else "", "$quiet"),
            (cut_middle(one_line(info.server.removeprefix("https://")), WIDEST), "$quiet"),
        ),
    )
