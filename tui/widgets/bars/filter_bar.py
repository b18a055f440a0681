"""`FilterBar`: the one-line field that `/` opens under a pane, with the number of matches beside it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.widgets.input.field import Field


class FilterBar(Horizontal):
    """Hidden until opened. Enter keeps the text and gives the focus back, esc clears it; the last text is offered again."""

    DEFAULT_CSS = """
    FilterBar { height: 1; display: none; background: $plane; padding: 0 1;
        &.-open { display: block; }
        & > #slash { width: 2; color: $place; }
        & > Input { width: 1fr; height: 1; border: none; padding: 0; background: $plane; }
        & > #count { width: auto; color: $quiet; padding: 0 0 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "clear", show=False), Binding("up", "recall", show=False)]

    class Changed(Message):
        """Another text to filter by ("" = no filter)."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

    class Closed(Message):
        """The person is done typing; the pane takes the focus back."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._last = ""

    def compose(self) -> list[Widget]:
        return [Static("/ ", id="slash", markup=False), Field(compact=True, select_on_focus=False), Static("", id="count", markup=False)]

    @property
    def text(self) -> str:
        """What is filtered by; "" while closed."""
        return self.query_one(Input).value if self.has_class("-open") else ""

    def open(self) -> None:
        """Show the field and type into it."""
        self.add_class("-open")
        self.query_one(Input).focus()

    def put(self, text: str) -> None:
        """Show a text as the filter without taking the focus; "" hides the field. No message is posted."""
        with self.prevent(Input.Changed):
            self.query_one(Input).value = text
        self.set_class(bool(text), "-open")

    def close(self) -> bool:
        """Clear and hide; False when nothing was open."""
        if not self.has_class("-open"):
            return False
        self._last = self.query_one(Input).value or self._last
        self.query_one(Input).value = ""
        self.remove_class("-open")
        self.post_message(self.Changed(self, ""))
        return True

    def show_count(self, text: str) -> None:
        """Say how many matched."""
        self.query_one("#count", Static).update(text)

    def action_clear(self) -> None:
        self.close()
        self.post_message(self.Closed())

    def action_recall(self) -> None:
        """Bring the last filter back."""
        field = self.query_one(Input)
        field.value = self._last or field.value
        field.cursor_position = len(field.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-open"):
            self.post_message(self.Changed(self, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value:
            self.close()
        self.post_message(self.Closed())
