"""`TitleBar`: a pane's one title row, with its name, its facts and its tabs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from tui.style.text import cut
from tui.widgets.row_list import Part


class TitleBar(Widget):
    """A row on the lighter plane; tabs can be clicked and the active one is underlined. Tabs that do not fit give way."""

    DEFAULT_CSS = "TitleBar { height: 1; width: 1fr; background: $plane; }"

    class Picked(Message):
        """A tab was clicked."""

        def __init__(self, bar: TitleBar, index: int) -> None:
            super().__init__()
            self.bar = bar
            self.index = index

        @property
        def control(self) -> TitleBar:
            return self.bar

    def __init__(self, name: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = name
        self._facts: list[Part] = []
        self._tabs: list[str] = []
        self._active = 0
        self._spots: list[tuple[int, int, int]] = []

    def set(self, facts: Sequence[Part] = (), tabs: Sequence[str] = (), active: int = 0) -> None:
        """Show other facts and tabs (texts already literal)."""
        state = (list(facts), list(tabs), active)
        if state != (self._facts, self._tabs, self._active):
            self._facts, self._tabs, self._active = state
            self.refresh()

    def render(self) -> Content:
        """The row for the widget's width."""
        width = self.size.width
        parts: list[Part] = [(f" {self._label}", "bold $strong")]
        used = cell_len(parts[0][0])
        facts = list(self._facts)
        wanted = sum(cell_len(title) + 2 for title in self._tabs)
        while wanted and used + sum(cell_len(text) + 2 for text, _ in facts) + wanted > width:
            if not facts:
                break
            facts.pop(next((i for i, (_, look) in enumerate(facts) if look == "$quiet"), 0))
        for text, look in facts:
            if used + 2 < width:
                text = cut(text, width - used - 2)
                parts.append(("  ", ""))
                parts.append((text, look))
                used = sum(cell_len(t) for t, _ in parts)
        self._spots = []
        for index, title in self._visible(width - used):
            text = cut(title, max(width - used - 3, 0))
            if not text:
                break
            parts.append(("  ", ""))
            self._spots.append((used + 2, used + 2 + cell_len(text), index))
            parts.append((text, "$place underline" if index == self._active else "$quiet"))
            used += 2 + cell_len(text)
        return Content.assemble(*parts)

    def _visible(self, room: int) -> list[tuple[int, str]]:
        """The tabs that fit, always with the active one."""
        tabs = list(enumerate(self._tabs))
        while len(tabs) > 1 and sum(cell_len(title) + 2 for _, title in tabs) > room:
            tabs.pop(0 if tabs[0][0] != self._active else -1)
        return tabs

    def on_click(self, event: Click) -> None:
        """Clicks on a tab pick it."""
        for start, end, index in self._spots:
            if start <= event.x < end:
                self.post_message(self.Picked(self, index))
