"""What dialogs share: a dimmed screen with one bordered box as wide as its content needs."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import on
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.input.field import Field
from tui.widgets.text.flow import Flow, Para

Result = TypeVar("Result")


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


class Confirm(Dialog[bool]):
    """One question with a safe answer: enter and esc mean no."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "yes", show=False), Binding("n,enter,escape", "no", show=False, priority=True)]
    DEFAULT_CSS = "Confirm { & > .box { width: 60; border: round $wait; & > KeyBar { margin: 1 0 0 0; } } }"

    def __init__(self, question: str, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> list[Widget]:
        keys = KeyBar([("n", self._no), ("y", self._yes), ("esc", self._no)])
        return [Vertical(Flow([Para(Content(self._question).stylize("$strong"))]), keys, classes="box")]

    def action_yes(self) -> None:
        self.dismiss(True)

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
