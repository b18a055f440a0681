"""Health as a page: one check a paragraph, each with its fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from tui.screens.dialogs.base import Reader
from tui.style.text import one_line, plain
from tui.widgets.text.flow import Para

if TYPE_CHECKING:
    from engine.agent.self_check import Check


def health_screen() -> Reader:
    """A page that waits for its checks."""
    return Reader(Content.assemble(("health", "bold $strong")), [Para(Content("checking …").stylize("$quiet"))])


def health_paras(checks: Sequence[Check]) -> list[Para]:
    """The checks, with what to do below those that fail."""
    paras: list[Para] = []
    for check in checks:
        glyph = ("✓ ", "$good") if check.ok else ("✗ ", "$bad")
        lead = Content.assemble(glyph, (plain(check.name).ljust(12), "bold $strong"), " ")
        paras.append(Para(Content(one_line(check.detail)), lead))
        if check.fix:
            paras.append(Para(Content(one_line(check.fix)).stylize("$wait"), Content(" " * 15)))
    return paras
