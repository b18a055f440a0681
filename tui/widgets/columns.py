"""Which columns of a row list fit a pane of a given width: the least important go first, so that names stay readable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = 2
LEAST_NAME = 23
"""A name with fewer cells than this takes the place of a column that may go."""


@dataclass(frozen=True, slots=True)
class Column:
    """`least`: the cells it may shrink to (0: it keeps its width). `rank`: the highest goes first where room is short (0: it stays)."""

    least: int = 0
    rank: int = 0


def plan(columns: Sequence[Column], widths: Sequence[int], wanted: int, room: int) -> list[tuple[int, int]]:
    """The columns that fit, as (index, cells), from left to right.

    `widths` are what the columns hold at most, `wanted` what the names at the left need, `room` the cells for both. Empty columns take
    none.
    """
    standing = [i for i in range(len(widths)) if widths[i]]
    least = min(wanted, LEAST_NAME)
    while True:
        cells = {i: widths[i] for i in standing}
        _shrink(cells, columns, wanted - (room - _taken(cells.values())))
        if room - _taken(cells.values()) >= least or not any(columns[i].rank for i in standing):
            break
        standing.remove(max(standing, key=lambda i: columns[i].rank))
    while cells and room - _taken(cells.values()) < min(least, 8):  # nothing may go any more: names before everything else
        cells.popitem()
    return list(cells.items())


def _taken(cells: Iterable[int]) -> int:
    return sum(width + GAP for width in cells)


def _shrink(cells: dict[int, int], columns: Sequence[Column], lacking: int) -> None:
    for i in cells:
        if columns[i].least and lacking > 0:
            given = min(lacking, max(cells[i] - columns[i].least, 0))
            cells[i] -= given
            lacking -= given
