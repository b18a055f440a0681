"""`TablePara`: a table of kubectl's drawn for the width there is: columns fitted, the least important left out, states coloured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from tui.style.text import cut, cut_middle, plain
from tui.widgets.text.flow import Para

HEADING = re.compile(r"[A-Z][A-Z0-9()/%_.-]*(?: [A-Z0-9()/%_.-]+)*")
"""A column's heading: words in capitals with single spaces between them."""
IMPORTANT = ("NAME", "STATUS", "READY", "REASON", "OBJECT", "MESSAGE", "NAMESPACE", "RESTARTS", "AGE", "TYPE", "LAST SEEN", "CONDITION")
"""The headings that are kept the longest, the most important first; of the others those at the left."""
STATES = frozenset({"STATUS", "PHASE", "CONDITION", "STATE"})
GOOD = frozenset(
    {"Running", "Completed", "Complete", "Succeeded", "Bound", "Active", "Ready", "Available", "True", "deployed", "Established"}
)
WAITING = frozenset({"Pending", "ContainerCreating", "PodInitializing", "Terminating", "Unknown", "Released", "Suspended", "Progressing"})
GAP = 2
LEAST_NAME = 16
"""Cells to which a name may be cut before a column is left out."""
LEAST_TEXT = 24
"""Cells to which the last column may be cut before another one is left out."""


@dataclass(frozen=True, slots=True)
class TablePara(Para):
    """The rows of a table, the headings first; all rows have as many cells as there are headings."""

    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def plain(self) -> str:
        """The whole table, no column left out."""
        widths = [max(map(cell_len, column)) for column in zip(*self.rows, strict=True)]
        drawn = [(" " * GAP).join(f"{cell}{' ' * (w - cell_len(cell))}" for cell, w in zip(row, widths, strict=True)) for row in self.rows]
        return "\n".join([*(line.rstrip() for line in drawn), *([self.tail.plain] if self.tail.plain else [])])

    def lines(self, width: int) -> list[Content]:
        """The table within a width, its keys on a row of their own below."""
        room = max(width - self.lead.cell_length - 2, 8)
        kept, widths = fitted(self.rows, room)
        lines = []
        for number, row in enumerate(self.rows):
            parts: list[str | Content | tuple[str, str]] = [self.lead, " "]
            for at, (column, cells) in enumerate(zip(kept, widths, strict=True)):
                heading = self.rows[0][column]
                text = (cut_middle if heading in ("NAME", "OBJECT") else cut)(row[column], cells)
                gap = " " * (cells - cell_len(text) + (GAP if at < len(kept) - 1 else 0))
                parts.append((text, "$quiet" if not number else look_of(heading, row[column])))
                parts.append(gap)
            lines.append(Content.assemble(*parts, " "))
        if len(kept) < len(self.rows[0]):
            left_out = [heading for at, heading in enumerate(self.rows[0]) if at not in kept]
            lines.append(Content.assemble(self.lead, " ", (cut(f"left out: {', '.join(left_out)}", room), "$quiet")))
        if self.tail.plain:
            lines.extend(self.tail.wrap(max(width, 8)))
        return lines


def table_of(lines: Sequence[str]) -> TablePara | None:
    """The table that lines are, or None where they are none: capitals at the top, and no cell that crosses into the next column."""
    lines = [plain(line).rstrip() for line in lines if line.strip()]
    if len(lines) < 2:
        return None
    headings = re.split(r"\s{2,}", lines[0].strip())
    if len(headings) < 2 or not all(HEADING.fullmatch(heading) for heading in headings):
        return None
    starts = [match.start() for match in re.finditer(r"(?:(?<=\s\s)|^)\S", lines[0])]
    if len(starts) != len(headings):
        return None
    rows = [tuple(headings)]
    for line in lines[1:]:
        if any(line[start - 1 : start].strip() for start in starts[1:] if start < len(line)):
            return None
        ends = [*starts[1:], len(line)]
        rows.append(tuple(line[start:end].strip() for start, end in zip(starts, ends, strict=True)))
    return TablePara(rows=tuple(rows))


def fitted(rows: Sequence[Sequence[str]], room: int) -> tuple[list[int], list[int]]:
    """The columns that fit and their widths: names and the last column give way first, then whole columns, the least important first."""
    headings = list(rows[0])
    natural = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    rank = {heading: place for place, heading in enumerate(IMPORTANT)}
    kept = list(range(len(headings)))
    while True:
        widths = {column: natural[column] for column in kept}
        excess = sum(widths.values()) + GAP * (len(kept) - 1) - room
        for column, least in [(kept[-1], LEAST_TEXT), *((c, LEAST_NAME) for c in kept if headings[c] in ("NAME", "OBJECT"))]:
            if excess > 0:
                gives = min(max(widths[column] - least, 0), excess)
                widths[column] -= gives
                excess -= gives
        if excess <= 0 or len(kept) == 1:
            break
        kept.remove(max(kept, key=lambda column: (rank.get(headings[column], len(rank)), column)))
    if len(kept) == 1:
        widths[kept[0]] = min(widths[kept[0]], room)
    return kept, [widths[column] for column in kept]


def look_of(heading: str, cell: str) -> str:
    """The style of a cell: states by what they mean, counts of ready and of restarts where they stand out."""
    first = cell.split(",")[0]
    if heading in STATES and first:
        return "$good" if first in GOOD else "$wait" if first in WAITING or first.startswith("Init:") else "$bad"
    if heading == "READY" and (counts := re.fullmatch(r"(\d+)/(\d+)", cell)):
        return "$wait" if int(counts[1]) < int(counts[2]) else ""
    if heading == "RESTARTS" and cell and not cell.startswith("0"):
        return "$wait"
    if heading == "TYPE" and cell == "Warning":
        return "$wait"
    return ""
