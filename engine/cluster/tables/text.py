"""A table as text, aligned as kubectl aligns it: columns three spaces apart, the last one unpadded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.cluster.objects import Obj
from engine.cluster.tables.model import NONE, Cell, format_labels
from engine.cluster.tables.registry import table


def print_table(
    resource: str,
    objects: Sequence[Mapping[str, Any]],
    *,
    wide: bool = False,
    all_namespaces: bool = False,
    now: datetime,
    definition: Mapping[str, Any] | None = None,
    show_labels: bool = False,
) -> list[str]:
    """The lines that `kubectl get` prints for objects of one resource, the head first; no lines for no objects."""
    if not objects:
        return []
    made = table(resource, objects, now=now, definition=definition)
    shown = [position for position, column in enumerate(made.columns) if wide or column.priority == 0]
    lines = [[made.columns[position].name.upper() for position in shown]]
    lines += [[cell_text(row[position]) for position in shown] for row in made.rows]
    if all_namespaces:
        for line, head in zip(lines, ["NAMESPACE", *(Obj(raw).namespace for raw in objects)], strict=True):
            line.insert(0, head)
    if show_labels:
        for line, tail in zip(lines, ["LABELS", *(format_labels(Obj(raw).labels) for raw in objects)], strict=True):
            line.append(tail)
    return align(lines)


def cell_text(value: Cell) -> str:
    """A cell as kubectl writes it: a missing one as `<none>`, a text of several lines by its first."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    first = text.splitlines()[0] if text and text.splitlines() else ""
    return text if first == text else f"{first}..."


def align(lines: Sequence[Sequence[str]]) -> list[str]:
    """Cells to lines: every column as wide as its widest cell and at least three, three spaces between, nothing behind the last."""
    if not lines:
        return []
    widths = [max(3, *(len(line[position]) for line in lines)) for position in range(len(lines[0]) - 1)]
    return ["".join(cell.ljust(width + 3) for cell, width in zip(line, widths, strict=False)) + line[-1] for line in lines]
