"""`KeyBar`: the footer's keys, and the grey row of a pane's own; both made from the action table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from tui.style.text import ELLIPSIS, cut


class KeyBar(Widget):
    """Keys and words on one row, as many as fit; an ellipsis says that there are more."""

    DEFAULT_CSS = "KeyBar { height: 1; width: 1fr; background: $plane; padding: 0 1; &.-quiet { background: $background; } }"

    def __init__(self, keys: Sequence[tuple[str, str]], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._keys = list(keys)
        self._status: tuple[str, str] = ("", "")

    def say(self, status: str, look: str = "$wait") -> None:
        """What goes on, at the right end (a literal text; "" for nothing)."""
        if (status, look) != self._status:
            self._status = (status, look)
            self.refresh()

    def render(self) -> Content:
        """The row for the widget's width."""
        status = cut(self._status[0], self.size.width // 2)
        width = self.size.width - (cell_len(status) + 3 if status else 0)
        key_style = "$quiet" if self.has_class("-quiet") else "bold $strong"
        parts: list[tuple[str, str]] = []
        used = 0
        for key, word in self._keys:
            need = cell_len(key) + 1 + cell_len(word) + (3 if parts else 0)
            if used + need > width - (0 if (key, word) == self._keys[-1] else 2):
                parts.append((f" {ELLIPSIS}", "$quiet"))
                break
            parts.extend([("   " if parts else "", ""), (key, key_style), (f" {word}", "$quiet")])
            used += need
        if status:
            used = sum(cell_len(text) for text, _ in parts)
            parts.extend([(" " * max(self.size.width - used - cell_len(status), 1), ""), (status, self._status[1])])
        return Content.assemble(*parts)
