"""A picker: type to filter, up and down to choose, enter to take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.widget import Widget
from textual.widgets import Input

from tui.screens.dialogs.base import Dialog
from tui.style.text import plain
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.input.field import Field
from tui.widgets.row_list import Part, Row, RowList
from tui.widgets.text.flow import Flow, Para


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to pick: `value` is handed back, `name` is what typing matches, the rest is shown beside it."""

    value: str
    name: str
    glyph: Part = ("", "")
    note: str = ""
    right: tuple[Any, ...] = ()


READ_SECONDS = 2.0


class Picker(Dialog[str | None]):
    """Shows choices in their order; with a text, the best fuzzy matches first. Hands back the value, or None when left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    Picker { & > .box { width: 72; height: 22;
        & > Input { border: none; height: 1; padding: 0 1; background: $code; margin: 0 0 1 0; }
        & > RowList { height: 1fr; background: $surface; }
        & > KeyBar { margin: 1 0 0 0; }
    } }
    Picker.-wide > .box { width: 104; }
    Picker RowList > .rows--cursor { background: $cursor-row; }
    """

    def __init__(self, title: str, note: str, choices: Sequence[Choice] | None = None, *, wide: bool = False) -> None:
        super().__init__(classes="-wide" if wide else None)
        self._title = title
        self._note = note
        self._choices = list(choices or ())
        self.read_again: Callable[[], None] | None = None
        """Called now and then while it is open, where the choices may become others."""
        self._fuzzy = FuzzySearch()
        self._empty = "reading …" if choices is None else ""
        self._field = Field(placeholder="type to filter", compact=True)
        self._list = RowList(id="choices", empty=self._empty)

    def compose(self) -> list[Widget]:
        title = Para(Content.assemble((self._title, "bold $strong"), (f"  {self._note}", "$quiet")))
        return [
            Vertical(
                Flow([title, Para()]),
                self._field,
                self._list,
                KeyBar([("enter", "select"), ("up down", "move"), ("esc", "leave")]),
                classes="box",
            )
        ]

    def on_mount(self) -> None:
        """The list has a cursor, but the typing goes to the field."""
        self._list.can_focus = False
        self._fill("")
        if self.read_again is not None:
            self.set_interval(READ_SECONDS, self.read_again)

    def show(self, choices: Sequence[Choice]) -> None:
        """Take the choices once they were read."""
        self._choices = list(choices)
        self._empty = ""
        if self.is_mounted:
            self._fill(self._field.value.strip(), keep=True)

    def fail(self, why: str) -> None:
        """The choices could not be read."""
        self._empty = why
        if self.is_mounted:
            self._fill("")

    def _fill(self, text: str, *, keep: bool = False) -> None:
        first = not self._list.rows
        shown = self._choices
        if text:
            scored = [(self._fuzzy.match(text, choice.name)[0], choice) for choice in self._choices]
            shown = [choice for score, choice in sorted(scored, key=lambda pair: -pair[0]) if score > 0]
        empty = self._empty or f"nothing matches “{plain(text)}”"
        rows = self._list
        rows.set_rows([_row(choice) for choice in shown], empty)
        if first or not keep:
            rows.move_to(0)

    def action_move(self, step: int) -> None:
        self._list.action_move(step)

    def action_page(self, step: int) -> None:
        self._list.action_page(step)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill(event.value.strip())

    @on(Input.Submitted)
    def _enter(self) -> None:
        self._list.action_choose()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.dismiss(str(event.row.data))


def _row(choice: Choice) -> Row:
    left: list[Part] = [choice.glyph, (" " if choice.glyph[0] else "", ""), (plain(choice.name), "$strong")]
    if choice.note:
        left.append((f"  {plain(choice.note)}", "$quiet"))
    return Row(choice.value or " ", tuple(left), choice.right, 2, data=choice.value)
