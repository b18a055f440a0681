"""`Field`: the one line of input that pickers, searches and dialogs have."""

from __future__ import annotations

from textual.widgets import Input


class Field(Input):
    """An input line whose cursor does not blink where nothing on the screen moves by itself."""

    def on_mount(self) -> None:
        self.cursor_blink = bool(getattr(self.app, "moving", True))
