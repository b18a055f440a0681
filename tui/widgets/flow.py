"""`Flow`: paragraphs with hanging indents in one widget, however long; the chat is made of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

EMPTY = Content("")


@dataclass(frozen=True, slots=True)
class Para:
    """One paragraph: `lead` stands before its first line, and the lines after that are indented as far. An empty body is a blank line.

    `ground` is a style (`on $code`) that fills every line to the paragraph's width. `tail` stands behind the last line
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


class Flow(Widget):
    """Paragraphs laid out for the widget's width; laid out once per width and content."""

    DEFAULT_CSS = "Flow { width: 1fr; height: auto; }"

    def __init__(self, paras: Sequence[Para] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._paras = list(paras)
        self._laid: tuple[int, Content, int] | None = None

    @property
    def paras(self) -> list[Para]:
        """The paragraphs; not to be changed."""
        return self._paras

    def set(self, paras: Sequence[Para]) -> None:
        """Show other paragraphs; the screen is laid out again only when their height changes."""
        if paras == self._paras:
            return
        before = self._laid
        self._paras = list(paras)
        self._laid = None
        taller = before is None or self._lay(before[0])[1] != before[2]
        self.refresh(layout=taller)

    def _lay(self, width: int) -> tuple[Content, int]:
        if self._laid is None or self._laid[0] != width:
            lines = [line for para in self._paras for line in para.lines(width)]
            self._laid = (width, Content("\n").join(lines), len(lines))
        return self._laid[1], self._laid[2]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the paragraphs take at this width."""
        return self._lay(width)[1] if width and self._paras else 0

    def render(self) -> Content:
        """The laid-out text."""
        return self._lay(self.size.width)[0] if self.size.width else EMPTY

    @property
    def plain(self) -> str:
        """The text without layout, for copying."""
        return "\n".join(para.plain for para in self._paras)
