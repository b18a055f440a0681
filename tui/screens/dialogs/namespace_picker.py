"""The namespace picker's choices: recent ones first, then those with failing pods, with their counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.screens.dialogs.picker import Choice, Picker
from tui.style.text import age, count, cut_middle, one_line

if TYPE_CHECKING:
    from engine.cluster.rows.build import NamespaceRow

ALL = "*"
"""The value for all namespaces in the picker."""


def namespace_picker(current: str) -> Picker:
    """A picker that waits for its rows."""
    return Picker("namespace", f"now {cut_middle(one_line(current), 40) or 'all namespaces'}")


def namespace_choices(rows: Sequence[NamespaceRow], recent: Sequence[str], current: str) -> list[Choice]:
    """All namespaces first, then the current one, recent ones in order, then the rest as they come, failing ones ahead."""
    order = {name: number for number, name in enumerate(dict.fromkeys([current, *recent]))}
    ranked = sorted(rows, key=lambda row: (order.get(row.name, len(order)), row.failing == 0, row.name))
    pods, failing = sum(row.pods for row in rows), sum(row.failing for row in rows)
    known = not rows or any(row.known for row in rows)
    counts = _counts(pods, failing, "") if known else (("", "$bad", ">"), ("pods unknown", "$quiet", ">"), ("", "$quiet", ">"))
    every = Choice(ALL, "all namespaces", _glyph(failing, known), "now" if not current else "", counts)
    return [
        every,
        *(Choice(row.name, row.name, _glyph(row.failing, row.known), _note(row, order, current), _seen(row)) for row in ranked),
    ]


def _glyph(failing: int, known: bool = True) -> tuple[str, str]:
    if not known:
        return "?", "$quiet"
    return ("✗", "$bad") if failing else ("●", "$good")


def _note(row: NamespaceRow, order: dict[str, int], current: str) -> str:
    words = ["now"] if row.name == current else ["recent"] if row.name in order else []
    return " · ".join([*words, *([one_line(row.status).lower()] if row.status != "Active" else [])])


def _seen(row: NamespaceRow) -> tuple[tuple[str, str, str], ...]:
    if not row.known:
        return (("", "$bad", ">"), ("pods unknown", "$quiet", ">"), (age(row.age), "$quiet", ">"))
    return _counts(row.pods, row.failing, age(row.age))


def _counts(pods: int, failing: int, old: str) -> tuple[tuple[str, str, str], ...]:
    return ((f"{failing} failing" if failing else "", "$bad", ">"), (count(pods, "pod"), "$quiet", ">"), (old, "$quiet", ">"))
