"""`Completions`: what the word under the cursor may become, in a few rows above the prompt."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from tui.style.text import cut, cut_middle, one_line, plain

ROWS = 8


class Completions(Widget):
    """Rows of a choice and a word of help; tab takes the marked one. It lies over the panes and moves nothing."""

    DEFAULT_CSS = """
    Completions { display: none; layer: above; dock: bottom; height: auto; width: 100%; max-width: 100; margin: 0 2; background: $code; }
    """

    class Taken(Message):
        """A row was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self) -> None:
        super().__init__(id="completions")
        self._choices: list[tuple[str, str]] = []
        self._marked = 0

    def show(self, choices: Sequence[tuple[str, str]], marked: int, above: int) -> None:
        """Show choices so many rows above the bottom; none hides the list."""
        self._choices, self._marked = list(choices), marked
        self.display = bool(choices)
        self.styles.offset = (0, -above)
        self.refresh(layout=True)

    @property
    def _first(self) -> int:
        return max(min(self._marked - ROWS // 2, len(self._choices) - ROWS), 0)

    def render(self) -> Content:
        """The rows around the marked one."""
        width = self.size.width
        shown = self._choices[self._first : self._first + ROWS]
        names = [plain(text.strip()) for text, _ in shown]
        room = min(max((cell_len(plain(text)) for text, _ in shown), default=0), max(width * 3 // 5, 12))
        rows = []
        for number, (full, (_, words)) in enumerate(zip(names, shown, strict=True), self._first):
            name = cut_middle(full, room)
            row = Content.assemble(
                (f" {name}{' ' * (room - cell_len(name))}  ", "bold $strong" if number == self._marked else "$foreground"),
                (cut(one_line(words), max(width - room - 4, 0)), "$quiet"),
            )
            row = row.pad_right(max(width - row.cell_length, 0))
            rows.append(row.stylize_before("on $cursor-row") if number == self._marked else row)
        more = len(self._choices) - len(shown)
        if more > 0:
            rows.append(Content(f" {more} more; keep typing, tab takes the next").stylize("$quiet"))
        return Content("\n").join(rows)

    def on_click(self, event: Click) -> None:
        """A click takes a row."""
        if event.y < min(ROWS, len(self._choices)):
            self.post_message(self.Taken(self._first + event.y))
