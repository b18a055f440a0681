"""What dialogs share: a dimmed screen with one bordered box as wide as its content needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual import events, on
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.state.answer_guard import AnswerGuard
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.input.field import Field
from tui.widgets.text.flow import Flow, Para

Result = TypeVar("Result")
TICK = 0.05
"""Seconds between two looks for an answer that became due."""
TEXT_NOTE = "typing does not answer: pause for a moment, then press one of these keys"


class Dialog(ModalScreen[Result]):
    """A box in the middle; esc leaves it with nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    DEFAULT_CSS = """
    Dialog {
        align: center middle; background: $background 60%;
        & > .box {
            width: 76; max-width: 96%; height: auto; max-height: 92%; background: $surface; border: round $border; padding: 1 2;
            & KeyBar { background: $surface; padding: 0; }
            & TitleBar { background: $surface; }
            & > #guard { height: auto; margin: 1 0 0 0; display: none; }
        }
    }
    """

    _left = False

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Leave once: a key that is pressed twice must not take the screen below away too."""
        if self._left:
            return AwaitComplete()
        self._left = True
        return super().dismiss(result)

    def action_leave(self) -> None:
        self.dismiss(None)


class AnswerDialog(Dialog[Result]):
    """A dialog that a Run or the program opens by itself, perhaps while somebody types: keys answer only as its guard allows."""

    def __init__(self, guard: AnswerGuard, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.guard = guard
        self._note = Static("", id="guard", markup=False)

    def on_mount(self) -> None:
        """Look for an answer that became due."""
        self.set_interval(TICK, self._look)

    def on_key(self, event: events.Key) -> None:
        """Every key that types something passes the guard; fields that take text keep theirs to themselves."""
        if not isinstance(self.focused, Input) and (event.key == "enter" or event.is_printable):
            event.stop()
            self._take(self.guard.press("enter" if event.key == "enter" else event.character or ""))

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted is text."""
        event.stop()
        self.guard.typed_text()
        self._take("")

    def _look(self) -> None:
        self._take(self.guard.due())

    def _take(self, answer: str) -> None:
        held, disarmed = self.guard.held, self.guard.disarmed
        words = self.held_note(held) if held else TEXT_NOTE if disarmed else ""
        if words != str(self._note.content):
            self._note.update(Content(words).stylize("$wait"))
            self._note.display = bool(words)
        if answer:
            self.answered(answer)

    def held_note(self, key: str) -> str:
        """What to say while an answer waits for enter or for quiet."""
        return "press enter to confirm" if self.guard.waits_for_enter else "in a moment; any other key cancels"

    def answered(self, key: str) -> None:
        """An answer counts."""
        raise NotImplementedError


class Reader(Dialog[None]):
    """A text to read: a passage, a piece of evidence, the state of something."""

    DEFAULT_CSS = """
    Reader { & > .box { width: 96;
        & > VerticalScroll { height: auto; scrollbar-size-vertical: 1; background: $surface; }
        & > KeyBar { margin: 1 0 0 0; }
    } }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,enter", "leave", show=False), Binding("c", "copy_text", show=False)]

    def __init__(self, title: Content, paras: list[Para]) -> None:
        super().__init__()
        self._title = title
        self._text = Flow(paras)

    def compose(self) -> list[Widget]:
        return [
            Vertical(
                Flow([Para(self._title), Para()]),
                VerticalScroll(self._text, id="reader"),
                KeyBar([("c", "copy"), ("up down", "scroll"), ("esc", "close")]),
                classes="box",
            )
        ]

    def on_resize(self, event: Resize) -> None:
        """The keys below the text stay in sight."""
        self.query_one("#reader").styles.max_height = max(event.size.height * 92 // 100 - 8, 4)

    def show(self, paras: list[Para]) -> None:
        """Replace the text, when it came later."""
        self._text.set(paras)

    def action_copy_text(self) -> None:
        self.app.copy_to_clipboard(self._text.plain)
        self.notify("copied")


class Confirm(AnswerDialog[bool]):
    """One question with a safe answer: enter and esc mean no. With a clock it may open while somebody types, and is guarded."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", show=False, priority=True)]
    DEFAULT_CSS = "Confirm { & > .box { width: 60; border: round $wait; & > KeyBar { margin: 1 0 0 0; } } }"

    def __init__(self, question: str, yes: str, no: str, clock: Callable[[], float] | None = None) -> None:
        guarded = AnswerGuard(clock, ("y", "n"), at_once=("n",)) if clock is not None else None
        super().__init__(guarded or AnswerGuard(time.monotonic, ("y", "n"), at_once=("y", "n"), quiet=0.0))
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> list[Widget]:
        keys = KeyBar([("n", self._no), ("y", self._yes), ("esc", self._no)])
        return [Vertical(Flow([Para(Content(self._question).stylize("$strong"))]), self._note, keys, classes="box")]

    def answered(self, key: str) -> None:
        """`y` alone means yes."""
        self.dismiss(key == "y")

    def action_no(self) -> None:
        self.dismiss(False)


class Line(Dialog[str | None]):
    """Asks for one line; enter hands it back (it may be empty), esc leaves with None."""

    DEFAULT_CSS = """
    Line { & > .box {
        & > Input { border: none; height: 1; padding: 0 1; background: $code; margin: 1 0 0 0; }
        & > KeyBar { margin: 1 0 0 0; }
    } }
    """

    def __init__(self, question: str, done: str, *, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._question = question
        self._done = done
        self._field = Field(value, placeholder=hint, compact=True)

    def compose(self) -> list[Widget]:
        question = Flow([Para(Content(self._question).stylize("bold $strong"))])
        return [Vertical(question, self._field, KeyBar([("enter", self._done), ("esc", "leave")]), classes="box")]

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip())
