"""The chooser: a question in the middle of a Run, its choices numbered; one key takes one, esc takes none. Typed text takes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from engine.core.types import Choice, ChoiceRequest
from tui.screens.dialogs.base import AnswerDialog
from tui.state.answer_guard import AnswerGuard
from tui.style.text import cut, one_line
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.row_list import Row, RowList
from tui.widgets.text.flow import Flow, Para

QUESTION_SHOWN = 400
KEYS = "123456789"
"""The keys of the first choices; those beyond them are taken with enter."""


class ChoiceList(RowList, inherit_bindings=False):
    """Moves by keys that type nothing, since a letter may be text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "end(-1)", show=False),
        Binding("end", "end(1)", show=False),
    ]


class ChoiceScreen(AnswerDialog[str | None]):
    """Hands back the chosen id, "" for none of them; None when the Run no longer waits for it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "none", show=False, priority=True)]
    DEFAULT_CSS = """
    ChoiceScreen { & > .box { border: round $place;
        & > RowList { height: auto; background: $surface; margin: 1 0 0 0; }
        & > KeyBar { margin: 1 0 0 0; }
    } }
    """

    def __init__(self, request: ChoiceRequest, clock: Callable[[], float]) -> None:
        super().__init__(AnswerGuard(clock, KEYS[: len(request.choices)]), classes="-asking")
        self.request = request
        self._list = ChoiceList(id="choices")

    def compose(self) -> list[Widget]:
        question = Para(Content(cut(one_line(self.request.question), QUESTION_SHOWN)).stylize("bold $strong"))
        last = KEYS[min(len(self.request.choices), len(KEYS)) - 1]
        keys = KeyBar([("1" if last == "1" else f"1-{last}", "take"), ("enter", "take the selected one"), ("esc", "none of them")])
        return [Vertical(Flow([question]), self._list, self._note, keys, classes="box")]

    def on_mount(self) -> None:
        """The list has the focus and the first choice the cursor."""
        self._list.set_rows([_row(number, choice) for number, choice in enumerate(self.request.choices)])
        self._list.move_to(0)
        self._list.focus()

    def on_resize(self, event: events.Resize) -> None:
        """Long lists scroll; the keys below stay in sight."""
        self._list.styles.height = max(min(len(self.request.choices), event.size.height * 92 // 100 - 9), 2)

    def answered(self, key: str) -> None:
        """A choice's own key takes it, enter the selected one."""
        if key == "enter":
            self._list.action_choose()
        else:
            self.dismiss(self.request.choices[KEYS.index(key)].id)

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.dismiss(str(event.row.data))

    def action_none(self) -> None:
        """Go on without a choice."""
        self.dismiss("")


def _row(number: int, choice: Choice) -> Row:
    key = KEYS[number] if number < len(KEYS) else " "
    left = (
        (f"{key} ", "bold $place"),
        (one_line(choice.label), "$strong"),
        (f"  {one_line(choice.detail)}" if choice.detail else "", "$quiet"),
    )
    return Row(f"{number}/{choice.id}", left, data=choice.id)
