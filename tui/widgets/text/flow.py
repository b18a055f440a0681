"""`Flow`: paragraphs with hanging indents in one widget, however long; the chat is made of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Region, Size
from textual.style import Style
from textual.widget import Widget

EMPTY = Content("")


@dataclass(frozen=True, slots=True)
class Para:
    """One paragraph: `lead` comes before its first line, and the lines after that are indented as far. An empty body is a blank line.

    `ground` is a style (`on $code`) that fills every line to the paragraph's width. `tail` follows the last line
    where there is room, and on a line of its own otherwise.
    """

    body: Content = EMPTY
    lead: Content = EMPTY
    ground: str = ""
    tail: Content = EMPTY

    @property
    def plain(self) -> str:
        """The text without layout."""
        return f"{self.lead.plain}{self.body.plain}{self.tail.plain}".rstrip()

    def lines(self, width: int) -> list[Content]:
        """The paragraph's lines within a width."""
        hang = cell_len(self.lead.plain)
        if hang > width // 2:
            hang = min(hang, 2)
        room = max(width - hang, 8)
        lines = self.body.wrap(room) if self.body.plain else [EMPTY]
        if self.ground:
            longest = min(max((line.cell_length for line in lines), default=0), room)
            lines = [line.pad_right(longest - line.cell_length).stylize_before(self.ground) for line in lines]
        if self.tail.plain:
            if lines[-1].cell_length + self.tail.cell_length <= room:
                lines[-1] = Content.assemble(lines[-1], self.tail)
            else:
                lines.extend(self.tail.wrap(room))
        if not hang and not self.lead.plain:
            return lines
        indent = Content(" " * hang)
        return [Content.assemble(self.lead if not i else indent, line) for i, line in enumerate(lines)]


def blank() -> Para:
    """An empty line between paragraphs."""
    return Para()


@dataclass(frozen=True, slots=True)
class Spot:
    """A link where it was laid out: its line, its characters from `start` to before `end`, and what the app follows it with."""

    line: int
    start: int
    end: int
    arguments: tuple[str, ...]


class Flow(Widget):
    """Paragraphs laid out for the widget's width; laid out once per width and content."""

    DEFAULT_CSS = "Flow { width: 1fr; height: auto; }"

    def __init__(self, paras: Sequence[Para] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._paras = list(paras)
        self._laid: tuple[int, list[Content]] | None = None
        self._wrapped: list[tuple[Para, list[Content]]] = []
        self._wrapped_width = 0
        self.step = 1
        """Heights are multiples of this: a growing text lays out the screen once in so many rows, since a layout costs several frames."""
        self.marked: Spot | None = None
        """The selected link."""

    @property
    def paras(self) -> list[Para]:
        """The paragraphs; not to be changed."""
        return self._paras

    def set(self, paras: Sequence[Para]) -> None:
        """Show other paragraphs; only lines that differ are painted, and the screen is laid out again only when their height changes."""
        if len(paras) == len(self._paras) and all(new is old for new, old in zip(paras, self._paras, strict=True)):
            return
        before = self._laid
        self._paras = list(paras)
        if before is None:
            self.refresh(layout=True)
            return
        width, old = before
        self._laid = None
        new = self._lay(width)
        if self._rounded(len(new)) != self._rounded(len(old)):
            self.refresh(layout=True)
            return
        top = self.gutter.top
        for y in range(max(len(old), len(new))):
            if y >= len(old) or y >= len(new) or not old[y].is_same(new[y]):
                self.refresh(Region(0, top + y, self.size.width, 1))

    def _lay(self, width: int) -> list[Content]:
        if self._laid is None or self._laid[0] != width:
            held = self._wrapped if self._wrapped_width == width else []
            wrapped = [
                (para, held[i][1] if i < len(held) and held[i][0] is para else para.lines(width)) for i, para in enumerate(self._paras)
            ]
            self._wrapped, self._wrapped_width = wrapped, width
            self._laid = (width, [line for _, lines in wrapped for line in lines])
        return self._laid[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the paragraphs take at this width."""
        return self._rounded(len(self._lay(width))) if width and self._paras else 0

    def _rounded(self, rows: int) -> int:
        return -(-rows // self.step) * self.step

    def render(self) -> Content:
        """The laid-out text."""
        if not self.size.width:
            return EMPTY
        lines = self._lay(self.size.width)
        spot = self.marked
        if spot is not None and spot.line < len(lines):
            lines = list(lines)
            lines[spot.line] = lines[spot.line].stylize("bold $on-badge on $place", spot.start, spot.end)
        return Content("\n").join(lines)

    def spots(self) -> list[Spot]:
        """The links as they are laid out now, from the top."""
        found: list[Spot] = []
        for number, line in enumerate(self._lay(self.size.width) if self.size.width else ()):
            for span in line.spans:
                click = span.style.meta.get("@click") if isinstance(span.style, Style) else None
                if isinstance(click, tuple) and span.end > span.start:
                    found.append(Spot(number, span.start, span.end, tuple(map(str, click[1]))))
        return sorted(dict.fromkeys(found), key=lambda spot: (spot.line, spot.start))

    def mark(self, spot: Spot | None) -> None:
        """Show a link as the selected one."""
        if spot != self.marked:
            self.marked = spot
            self.refresh()

    @property
    def plain(self) -> str:
        """The text without layout, for copying."""
        return "\n".join(para.plain for para in self._paras)
