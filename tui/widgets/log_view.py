"""`LogView`: shows a `LogBuffer` and keeps up with thousands of lines a second.

It renders single lines on demand, its virtual size never lays out the screen, and scrolling is never animated: each of these was measured.
"""

from __future__ import annotations

import itertools
import re
import time
from bisect import bisect_right
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.style.text import ELLIPSIS, take
from tui.widgets.log_buffer import HEAD, STDERR, LogBuffer

STRIPS_KEPT = 500
STAMP = 9
"""Cells of a line's time."""
_TROUBLE = re.compile(
    r"\b(Warning|WARN(?:ING)?|ERROR|Error|FATAL|panic|Failed\w*|Unhealthy|BackOff|CrashLoopBackOff|OOMKilled|ImagePullBackOff|ErrImagePull)\b"
)


class LogView(ScrollView, can_focus=True):
    """One buffer at a time: follow or pause, search, wrap, select and copy. `Changed` tells whoever shows the state."""

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--head", "log--stderr", "log--trouble", "log--match", "log--match-current"}
    DEFAULT_CSS = """
    LogView {
        overflow-y: scroll; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background; color: $foreground;
        & .log--head { color: $quiet; }
        & .log--stderr { color: $bad; }
        & .log--trouble { color: $wait; }
        & .log--match { background: $wait 40%; color: $strong; }
        & .log--match-current { background: $wait; color: $on-badge; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "line(-1)", show=False),
        Binding("down,j", "line(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False),
        Binding("home,g", "top", show=False),
        Binding("end,G,shift+g", "follow", show=False),
        Binding("left,h", "aside(-8)", show=False),
        Binding("right", "aside(8)", show=False),
        Binding("s", "toggle_follow", show=False, id="follow"),
        Binding("w", "toggle_wrap", show=False, id="wrap"),
        Binding("t", "toggle_stamps", show=False, id="stamps"),
        Binding("n", "match(1)", show=False, id="log.next"),
        Binding("N,shift+n", "match(-1)", show=False, id="log.previous"),
    ]

    class Changed(Message):
        """Follow, search, wrap or the number of new lines changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None, empty: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self.empty = empty
        self.buffer = LogBuffer()
        self.needle = ""
        self.matches: list[int] = []
        self.current = -1
        self.new_lines = 0
        self._first = self.buffer.first
        self._length = 0
        self._rows: list[int] = []
        self._rows_width = 0
        self._paint: dict[str, Style] = {}
        self._strips: dict[tuple[int, int, int], Strip] = {}

    # what is shown

    def show(self, buffer: LogBuffer) -> None:
        """Show another buffer where it was left."""
        if buffer is self.buffer and self._length == len(buffer):
            return
        self.buffer.top = self.scroll_offset.y
        self.buffer = buffer
        self._first, self._length, self.new_lines = buffer.first, len(buffer), 0
        self._rows = []
        self._strips.clear()
        self._search_again()
        self._resize()
        self.scroll_to(0, self.max_scroll_y if buffer.follow else buffer.top, animate=False, force=True)
        self.refresh()
        self.post_message(self.Changed())

    def grew(self) -> None:
        """The buffer got lines (or lost old ones): follow them, or stay and count."""
        buffer = self.buffer
        gone = buffer.first - self._first
        top = self.scroll_y
        added = gone + len(buffer) - self._length
        if gone:
            self._rows = []
        if self.needle and added:
            self._search_again()
        self._first, self._length = buffer.first, len(buffer)
        self._resize()
        if buffer.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        else:
            self.new_lines += added
            if gone:
                self.scroll_to(y=max(top - gone, 0), animate=False, force=True)
        self.refresh()
        self.post_message(self.Changed())

    def _resize(self) -> None:
        width = self._text_width
        if self.buffer.wrap and width > 0:
            self._wrap_rows(width)
            self.virtual_size = Size(width, self._rows[-1] if self._rows else 0)
        else:
            self.virtual_size = Size(self.buffer.width + 1, len(self.buffer))
        self._scroll_update(self.virtual_size)

    @property
    def _text_width(self) -> int:
        """The cells that lines have, beside the times."""
        return max(self.scrollable_content_region.width - (STAMP if self.buffer.stamps else 0), 0)

    def _wrap_rows(self, width: int) -> None:
        """Row numbers at which each line ends, one after another."""
        if self._rows_width != width or len(self._rows) > len(self.buffer):
            self._rows, self._rows_width = [], width
        rows = self._rows
        total = rows[-1] if rows else 0
        for line in self.buffer.lines[len(rows) :]:
            total += max((len(line) if line.isascii() else cell_len(line)) + width - 1, width) // width
            rows.append(total)

    def on_resize(self) -> None:
        """Wrapped rows depend on the width; a follower stays at the end."""
        self._resize()
        if self.buffer.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    # painting

    def notify_style_update(self) -> None:
        """A new theme has other styles."""
        self._paint = {}
        self._strips.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of the view, made without Textual's cache of styled lines: while output streams each row is new in every frame.

        Styles (and what filters make of them) are resolved once a theme; per line it would be a quarter of the frame.
        """
        if not self._paint:
            self._paint = self._resolved()
        base, left = self._paint[""], self.styles.padding.left
        width = self.outer_size.width
        rows = [self._row(y, base, left, width, alone=crop.height == 1) for y in crop.line_range]
        return rows if crop.column_span == (0, width) else [row.crop(*crop.column_span) for row in rows]

    def _resolved(self) -> dict[str, Style]:
        """The styles by name, as the app's filters (no colour, for one) leave them."""
        found = {
            "": self.rich_style,
            "select": self.screen.get_component_rich_style("screen--selection"),
            **{
                name: self.get_component_rich_style(f"log--{name}", partial=True)
                for name in ("head", "stderr", "trouble", "match", "match-current")
            },
        }
        ground = self.background_colors[1]
        for line_filter in self.get_line_filters():
            found = {name: line_filter.apply([Segment("x", style)], ground)[0].style or style for name, style in found.items()}
        return found

    def _row(self, y: int, base: Style, left: int, width: int, *, alone: bool) -> Strip:
        """A row with its padding.

        A row asked for `alone` is the one under the mouse: it alone carries the places of its text.
        """
        plain = not (alone or self.needle or self.buffer.wrap or self.buffer.stamps or self.scroll_offset.x) and self.text_selection is None
        index = self.scroll_offset.y + y
        if plain and index < len(self.buffer) and self.buffer[index].isascii():
            key = (id(self.buffer), self.buffer.first + index, width)
            if key not in self._strips:
                if len(self._strips) > STRIPS_KEPT:
                    self._strips.clear()
                self._strips[key] = self._plain_row(index, base, left, width)
            return self._strips[key]
        return Strip([Segment(" " * left, base), *self.render_line(y)]).adjust_cell_length(width, base)

    def _plain_row(self, index: int, base: Style, left: int, width: int) -> Strip:
        """A row of one-cell characters that begins at the line's beginning."""
        line, room = self.buffer[index], max(self.scrollable_content_region.width, 1)
        text = line if len(line) <= room else line[: room - 1]
        style, spans = self._looks(index, text)
        segments = [Segment(" " * left, base), *(_segments(text, style, spans) if spans else [Segment(text, style)])]
        rest = room - len(text)
        if len(line) > room:
            segments.append(Segment(ELLIPSIS, base + self._paint["head"]))
            rest -= 1
        segments.append(Segment(" " * (width - left - room + rest), base))
        return Strip(segments, width)

    def render_line(self, y: int) -> Strip:
        """One row of the view."""
        width = self.scrollable_content_region.width
        if not self._paint:
            self._paint = self._resolved()
        base = self._paint[""]
        row = self.scroll_offset.y + y
        if not len(self.buffer):
            lines = Content(self.empty).wrap(max(width - 1, 8))
            text = lines[y].plain if y < len(lines) else ""
            return Strip([Segment(text, base + self._paint["head"])]).adjust_cell_length(width, base)
        index, offset = row, 0
        if self.buffer.wrap and self._rows:
            index = bisect_right(self._rows, row)
            offset = row - (self._rows[index - 1] if index else 0)
        if index >= len(self.buffer):
            return Strip.blank(width, base)
        strip = self._text_of(index, offset, self._text_width, base)
        return Strip([self._stamp(index, offset, base), *strip], width) if self.buffer.stamps and width > STAMP else strip

    def _text_of(self, index: int, offset: int, width: int, base: Style) -> Strip:
        """The part of a line on one row."""
        if self.buffer.wrap and self._rows:
            start = self._rows_width * offset
            strip = self._line(index).crop(start, start + self._rows_width)
            return strip.adjust_cell_length(width, base).apply_offsets(self._char_at(self.buffer[index], start), index)
        left = self.scroll_offset.x
        strip = self._line(index)
        if strip.cell_length > left + width:
            strip = Strip([*strip.crop(left, left + width - 1), Segment(ELLIPSIS, base + self._paint["head"])])
        else:
            strip = strip.crop_extend(left, left + width, base)
        return strip.apply_offsets(left, index)

    def _stamp(self, index: int, offset: int, base: Style) -> Segment:
        at = self.buffer.time(index)
        text = time.strftime("%H:%M:%S ", time.localtime(at)) if at and not offset else " " * STAMP
        return Segment(text, base + self._paint["head"])

    @staticmethod
    def _char_at(line: str, cells: int) -> int:
        return cells if line.isascii() else len(take(line, cells))

    def _looks(self, index: int, line: str) -> tuple[Style, list[tuple[int, int, Style]]]:
        """A line's style, and its highlighted words."""
        mark, paint = self.buffer.mark(index), self._paint
        base = paint[""]
        style = base + paint["head"] if mark == HEAD else base + paint["stderr"] if mark == STDERR else base
        return style, [] if mark else [(m.start(), m.end(), paint["trouble"]) for m in _TROUBLE.finditer(line)]

    def _line(self, index: int) -> Strip:
        line, paint = self.buffer[index], self._paint
        style, spans = self._looks(index, line)
        if self.needle:
            spans.extend(self._match_spans(line, index))
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(index)) is not None:
            start, end = span
            spans.append((start, len(line) if end == -1 else end, paint["select"]))
        if not spans:
            return Strip([Segment(line, style)], len(line) if line.isascii() else None)
        return Strip(_segments(line, style, spans))

    def _match_spans(self, line: str, index: int) -> list[tuple[int, int, Style]]:
        hay, needle = (line.lower(), self.needle) if self.needle.lower() == self.needle else (line, self.needle)
        here = 0 <= self.current < len(self.matches) and self.matches[self.current] == self.buffer.first + index
        style = self._paint["match-current" if here else "match"]
        spans: list[tuple[int, int, Style]] = []
        at = hay.find(needle)
        while at != -1 and len(spans) < 50:
            spans.append((at, at + len(needle), style))
            at = hay.find(needle, at + len(needle))
        return spans

    # selecting

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text under the mouse's selection."""
        return selection.extract(self.buffer.text()), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """A selection holds the view still, so that it can be finished."""
        if selection is not None:
            self._pause()
        self.refresh()

    # moving

    def _go(self, y: float) -> None:
        self.scroll_to(y=min(max(y, 0), self.max_scroll_y), animate=False, force=True)
        if self.scroll_offset.y >= self.max_scroll_y and not self.buffer.follow:
            self.action_follow()
        elif self.scroll_offset.y < self.max_scroll_y:
            self._pause()

    def _pause(self) -> None:
        if self.buffer.follow:
            self.buffer.follow = False
            self.new_lines = 0
            self.post_message(self.Changed())

    def action_line(self, step: int) -> None:
        self._go(self.scroll_offset.y + step)

    def action_page(self, step: int) -> None:
        self._go(self.scroll_offset.y + step * max(self.scrollable_content_region.height - 1, 1))

    def action_top(self) -> None:
        self._go(0)

    def action_aside(self, step: int) -> None:
        if not self.buffer.wrap:
            limit = max(self.buffer.width - self.scrollable_content_region.width + 1, 0)
            self.scroll_to(x=min(max(self.scroll_offset.x + step, 0), limit), animate=False, force=True)
            self.refresh()

    def action_follow(self) -> None:
        """Go to the end and stay there."""
        self.buffer.follow = True
        self.new_lines = 0
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()
        self.post_message(self.Changed())

    def action_toggle_follow(self) -> None:
        if self.buffer.follow:
            self._pause()
        else:
            self.action_follow()

    def action_toggle_wrap(self) -> None:
        """Fold long lines, or let them run off to the side."""
        self.buffer.wrap = not self.buffer.wrap
        self._rows = []
        self.scroll_to(0, animate=False, force=True)
        self._resize()
        if self.buffer.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()
        self.post_message(self.Changed())

    def action_toggle_stamps(self) -> None:
        """Show when each line came, or hide it."""
        self.buffer.stamps = not self.buffer.stamps
        self._rows = []
        self._resize()
        if self.buffer.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()

    @property
    def selected(self) -> str:
        """The text that the mouse selected here; "" without a selection."""
        selection = self.text_selection
        taken = self.get_selection(selection) if selection is not None else None
        return taken[0] if taken is not None else ""

    def on_mouse_scroll_up(self) -> None:
        """The wheel moves three lines and pauses following."""
        self.action_line(-3)

    def on_mouse_scroll_down(self) -> None:
        self.action_line(3)

    # searching

    def search(self, needle: str) -> int:
        """Highlight a text and go to its last place above or nearest below; returns how many lines hold it."""
        self.needle = needle
        self.current = -1
        self._search_again()
        if self.matches:
            at = self.buffer.first + self._index_of(self.scroll_offset.y)
            self.current = next((i for i, n in enumerate(self.matches) if n >= at), len(self.matches) - 1)
            self._reveal()
        self.refresh()
        self.post_message(self.Changed())
        return len(self.matches)

    def action_match(self, step: int) -> None:
        """The next or the previous match, around the ends."""
        if self.matches:
            self.current = (self.current + step) % len(self.matches)
            self._reveal()
            self.refresh()
            self.post_message(self.Changed())

    def _search_again(self) -> None:
        at = self.matches[self.current] if 0 <= self.current < len(self.matches) else -1
        self.matches = self.buffer.find(self.needle)
        self.current = self.matches.index(at) if at in self.matches else min(self.current, len(self.matches) - 1)

    def _index_of(self, row: int) -> int:
        return bisect_right(self._rows, row) if self.buffer.wrap and self._rows else row

    def _reveal(self) -> None:
        index = self.matches[self.current] - self.buffer.first
        row = (self._rows[index - 1] if index else 0) if self.buffer.wrap and self._rows else index
        height = self.scrollable_content_region.height
        if not self.scroll_offset.y <= row < self.scroll_offset.y + height:
            self._pause()
            self.scroll_to(y=min(max(row - height // 2, 0), self.max_scroll_y), animate=False, force=True)

    @property
    def state(self) -> str:
        """`following`, `paused` or `12 new ↓` first, then the match count and what was dropped: what is cut off is shown elsewhere, too."""
        parts = ["following" if self.buffer.follow else f"{self.new_lines:,} new ↓" if self.new_lines else "paused"]
        if self.buffer.wrap:
            parts.append("wrapped")
        if self.needle:
            parts.append(f"{self.current + 1}/{len(self.matches)} matches" if self.matches else "no match")
        if self.buffer.dropped:
            parts.append(f"{self.buffer.dropped:,} lines dropped")
        return " · ".join(parts)


def _segments(line: str, style: Style, spans: list[tuple[int, int, Style]]) -> list[Segment]:
    """A line cut at the borders of its spans; later spans lie over earlier ones."""
    borders = sorted({0, len(line), *(min(max(p, 0), len(line)) for start, end, _ in spans for p in (start, end))})
    segments = []
    for start, end in itertools.pairwise(borders):
        over = style
        for first, last, extra in spans:
            if first <= start and end <= last:
                over = over + extra
        segments.append(Segment(line[start:end], over))
    return segments
