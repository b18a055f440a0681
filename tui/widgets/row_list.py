"""`RowList`: aligned rows with a cursor, painted line by line; what the cluster pane, the timeline and the pickers are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.style import Style as RichStyle
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions

from tui.style.text import cut, cut_middle, plain_lines
from tui.widgets.columns import GAP, Column, plan

Part = tuple[str, str]
"""Text (already literal) and a style such as `$bad` or `bold $quiet`."""


SIGN_CELLS = 3
TEXT_WANTED = 48
"""Cells that a row of running text asks for before the columns beside it."""
Cell = tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `left` takes the room that `right` leaves; `cut` names the part of `left` that gives way in its middle (-1: cut at the end).

    Cells of `right` are aligned in columns over all rows; a cell is `(text, style)`, `(text, style, ">")` for numbers, or
    `(text, style, "", short)` with what is shown instead where the text does not fit.
    """

    key: str
    left: tuple[Part, ...]
    right: tuple[Cell, ...] = ()
    cut: int = -1
    selectable: bool = True
    search: str = ""
    data: Any = field(default=None, compare=False)


class RowList(ScrollView, can_focus=True):
    """Rows with a cursor; keeps the cursor on its key when the rows change."""

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)
    LEAST_LEFT: ClassVar[int] = 20
    LEAST_RIGHT: ClassVar[int] = 9

    DEFAULT_CSS = """
    RowList {
        overflow-y: auto; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background; color: $foreground;
        &:focus > .rows--cursor { background: $cursor-row; }
        & > .rows--cursor { background: $plane; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "end(-1)", show=False),
        Binding("end,G,shift+g", "end(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """Enter or a second click on a row."""

        def __init__(self, rows: RowList, row: Row) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

        @property
        def control(self) -> RowList:
            return self.rows

    class Moved(Message):
        """The cursor moved to another row."""

        def __init__(self, rows: RowList, row: Row | None) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

        @property
        def control(self) -> RowList:
            return self.rows

    class Signed(Message):
        """A click on the sign at the beginning of the row under the cursor."""

        def __init__(self, rows: RowList, row: Row) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

        @property
        def control(self) -> RowList:
            return self.rows

    def __init__(self, *, id: str | None = None, classes: str | None = None, empty: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.rows: list[Row] = []
        self.cursor = -1
        self.empty = empty
        self._strips: dict[tuple[int, int, bool], Strip] = {}
        self._widths: list[int] = []
        self._columns: tuple[Column, ...] = ()
        self._wanted = 0
        self._ground: RichStyle | None = None

    def set_rows(self, rows: Sequence[Row], empty: str | None = None, columns: Sequence[Column] = ()) -> None:
        """Show other rows; `empty` is what an empty list says, `columns` how those at the right give way where room is short."""
        held = self.current.key if self.current else None
        old, was_like = self.rows, (self._widths, self._columns, self._wanted, self.empty, self.cursor)
        old_cursor = self.cursor
        self.rows = list(rows)
        if empty is not None:
            self.empty = empty
        count = max((len(row.right) for row in self.rows), default=0)
        self._widths = [max((cell_len(row.right[i][0]) for row in self.rows if i < len(row.right)), default=0) for i in range(count)]
        self._columns = tuple(columns) if len(columns) >= count else ()
        self._wanted = max((_name_cells(row) for row in self.rows), default=0) if columns else 0
        keys = [row.key for row in self.rows]
        self.cursor = keys.index(held) if held in keys else self._nearest(min(max(old_cursor, 0), len(self.rows) - 1))
        like = (self._widths, self._columns, self._wanted, self.empty, self.cursor)
        if old and len(old) == len(self.rows) and was_like == like:
            self._repaint([index for index, (was, row) in enumerate(zip(old, self.rows, strict=True)) if was != row])
            return
        self._strips.clear()
        self.virtual_size = Size(self.size.width, len(self.rows))
        self._refresh_scrollbars()
        self._scroll_update(self.virtual_size)
        self.scroll_to(y=min(self.scroll_offset.y, self.max_scroll_y), animate=False, force=True)
        self.refresh()

    def _repaint(self, changed: list[int]) -> None:
        """Repaint some rows only."""
        for index in changed:
            self._strips.pop((index, self.scrollable_content_region.width, index == self.cursor), None)
            if 0 <= index - self.scroll_offset.y < self.size.height:
                self.refresh_line(index)

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def _nearest(self, index: int) -> int:
        order = [*range(index, len(self.rows)), *range(index - 1, -1, -1)] if index >= 0 else []
        return next((i for i in order if self.rows[i].selectable), -1)

    # painting

    def render_lines(self, crop: Region) -> list[Strip]:
        """Resolve the ground's style once a theme; it walks up the whole tree."""
        if self._ground is None:
            self._ground = self.rich_style
        return super().render_lines(crop)

    def notify_style_update(self) -> None:
        """A new theme repaints everything."""
        self._strips.clear()
        self._ground = None
        super().notify_style_update()

    def on_resize(self) -> None:
        """Rows are cut to the width."""
        self._strips.clear()
        self.virtual_size = Size(self.size.width, len(self.rows))

    def on_focus(self) -> None:
        self._strips.clear()
        self.refresh()

    def on_blur(self) -> None:
        self._strips.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the view."""
        width = self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        if not self.rows and self.empty:
            lines = Content(plain_lines(self.empty)).wrap(max(width - 2, 1))
            return self._strip(
                Content.assemble(" ", lines[y].stylize("$quiet")) if y < len(lines) else Content(""), width, self.visual_style, y
            )
        if index >= len(self.rows):
            return Strip.blank(width, self._ground)
        cursor = index == self.cursor
        key = (index, width, cursor)
        if self.text_selection is not None:
            return self._paint(index, width, cursor)
        if key not in self._strips:
            self._strips[key] = self._paint(index, width, cursor)
        return self._strips[key]

    def _paint(self, index: int, width: int, cursor: bool) -> Strip:
        style = self.visual_style
        if cursor:
            # the ground alone: Textual 8.2 gives a partial visual style of a component a transparent one
            style = style + Style(background=self.get_component_styles("rows--cursor").background)
        return self._strip(self.content_of(self.rows[index], width), width, style, index)

    def _strip(self, content: Content, width: int, style: Style, y: int) -> Strip:
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            chosen = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            content = content.stylize(chosen, start, len(content) if end == -1 else end)
        strips = content.render_strips(
            max(width, 1), 1, style, RenderOptions(self.app.stylesheet.parse_style, {"text_wrap": "nowrap", "text_overflow": "ellipsis"})
        )
        strip = strips[0] if strips else Strip.blank(width, style.rich_style)
        return strip.extend_cell_length(width, style.rich_style).apply_offsets(0, y)

    def content_of(self, row: Row, width: int) -> Content:
        """A row laid out for a width; names are cut in the middle."""
        room = width - 2
        columns = plan(self._columns, self._widths, self._wanted, room) if self._columns else self._first_two_last(room, len(row.right))
        while columns and (columns[0][0] >= len(row.right) or not row.right[columns[0][0]][0]):
            columns = columns[1:]  # an empty column is room for the name
        taken = sum(cells + GAP for _, cells in columns)
        left = _fit(row, room - taken)
        parts: list[Part] = [(" ", ""), *left, (" " * (room - taken - sum(cell_len(t) for t, _ in left)), "")]
        for i, cells in columns:
            text, look, *more = row.right[i] if i < len(row.right) else ("", "")
            if len(more) > 1 and cell_len(text) > cells:
                text = more[1]
            text = cut(text, cells)
            gap = " " * (cells - cell_len(text))
            parts.append((" " * GAP, ""))
            parts.extend([(gap, ""), (text, look)] if more and more[0] else [(text, look), (gap, "")])
        return Content.assemble(*parts, strip_control_codes=False)

    def _first_two_last(self, room: int, count: int) -> list[tuple[int, int]]:
        """Columns of equal worth: the last goes first, the first two give way last."""
        columns = list(range(count))
        widths = list(self._widths)
        least = min(self.LEAST_LEFT, room // 2)
        while len(columns) > 2 and room - sum(widths[i] + GAP for i in columns) < least:
            columns.pop()
        for i in columns:
            lacking = least - room + sum(widths[k] + GAP for k in columns)
            if lacking > 0:
                widths[i] -= min(lacking, max(widths[i] - self.LEAST_RIGHT, 0))
        while columns and room - sum(widths[i] + GAP for i in columns) < min(least, 8):
            columns.pop()
        return [(i, widths[i]) for i in columns]

    # selecting text

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text of the rows under the mouse's selection."""
        width = self.scrollable_content_region.width
        return selection.extract("\n".join(self.content_of(row, width).plain.rstrip() for row in self.rows)), "\n"

    # moving

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if not 0 <= index < len(self.rows) or not self.rows[index].selectable:
            return
        self.cursor = index
        height = self.scrollable_content_region.height
        if index < self.scroll_offset.y:
            self.scroll_to(y=index, animate=False, force=True)
        elif height and index >= self.scroll_offset.y + height:
            self.scroll_to(y=index - height + 1, animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved(self, self.current))

    def action_move(self, step: int) -> None:
        index = self.cursor + step
        while 0 <= index < len(self.rows) and not self.rows[index].selectable:
            index += step
        self.move_to(index)

    def action_page(self, step: int) -> None:
        height = max(self.scrollable_content_region.height - 1, 1)
        self.move_to(self._nearest(min(max(self.cursor + step * height, 0), len(self.rows) - 1)))

    def action_end(self, side: int) -> None:
        index = self._nearest(0) if side < 0 else next((i for i in range(len(self.rows) - 1, -1, -1) if self.rows[i].selectable), -1)
        self.move_to(index)

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen(self, self.current))

    def on_click(self, event: Click) -> None:
        """A click puts the cursor; a second one on the same row chooses it."""
        index = self.scroll_offset.y + event.y
        if event.chain >= 2 and index == self.cursor:
            event.prevent_default()  # else the second click selects all text
            self.action_choose()
        else:
            self.move_to(index)
            if event.x < SIGN_CELLS and index == self.cursor and self.current is not None:
                self.post_message(self.Signed(self, self.current))


def _name_cells(row: Row) -> int:
    """The cells that a row needs at its left: up to its name, or some of a text."""
    if row.cut >= 0:
        return sum(cell_len(text) for text, _ in row.left[: row.cut + 1])
    return min(sum(cell_len(text) for text, _ in row.left), TEXT_WANTED)


def _fit(row: Row, room: int) -> list[Part]:
    """The left parts within so many cells."""
    parts = list(row.left)
    excess = sum(cell_len(text) for text, _ in parts) - room
    if excess <= 0:
        return parts
    while excess > 0 and len(parts) > row.cut + 1 > 0:
        text, look = parts[-1]
        keep = cell_len(text) - excess
        if keep >= 6:
            parts[-1] = (cut(text, keep), look)
            return parts
        excess -= cell_len(text)
        parts.pop()
    if excess > 0 and row.cut >= 0:
        text, look = parts[row.cut]
        keep = max(cell_len(text) - excess, 1)
        excess -= cell_len(text) - keep
        parts[row.cut] = (cut_middle(text, keep), look)
    while excess > 0 and parts:
        text, look = parts.pop()
        keep = cell_len(text) - excess
        excess -= cell_len(text)
        if keep > 0:
            parts.append((cut(text, keep), look))
    return parts
