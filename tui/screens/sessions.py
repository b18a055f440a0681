"""Saved sessions: search them, look into one, go on with it, export it, delete it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Input

from tui.actions.keys import bindings, footer
from tui.actions.panes import SESSIONS
from tui.screens.dialogs.base import Dialog
from tui.style.text import age, count, cut, one_line, plain, size
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.bars.title_bar import TitleBar
from tui.widgets.input.field import Field
from tui.widgets.row_list import Row, RowList
from tui.widgets.text.flow import Flow, Para, blank

if TYPE_CHECKING:
    from engine.session.transcript import SessionRow

EMPTY = "No saved sessions yet. Every session with a question is saved here."
QUESTION_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person wants done with a session."""

    what: Literal["resume", "export", "delete"]
    id: str
    neighbour: str = ""
    """The session next to it, which is selected once this one is gone."""


class SessionsScreen(Dialog[Wanted | None]):
    """The list with its newest first and the marked one beside it; hands back what is wanted of which session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(SESSIONS),
        Binding("escape", "peel", show=False, priority=True),
        Binding("q", "leave", show=False),
    ]
    DEFAULT_CSS = """
    SessionsScreen { & > .box { width: 96%; max-width: 140; height: 86%; padding: 0 1 1 1;
        & > Input { border: none; height: 1; padding: 0 1; background: $code; margin: 1 0 0 0; }
        & > Horizontal { height: 1fr; margin: 1 0;
            & > RowList { width: 3fr; height: 1fr; background: $surface; }
            & > VerticalScroll { width: 2fr; height: 1fr; padding: 0 1; border-left: tall $line; background: $surface;
                scrollbar-size-vertical: 1; }
        }
    } }
    SessionsScreen.-narrow VerticalScroll { display: none; }
    SessionsScreen RowList > .rows--cursor { background: $cursor-row; }
    """

    def __init__(self, now: float, current: str, at: str = "") -> None:
        """`current` is the session that one is in, `at` the one to mark first ("" = the newest)."""
        super().__init__()
        self._now = now
        self._current = current
        self._at = at
        self._sessions: list[SessionRow] = []
        self._title = TitleBar("sessions")
        self._field = Field(placeholder="/ searches questions, causes and contexts", compact=True)
        self._list = RowList(id="sessions", empty="reading …")
        self._about = Flow()

    def compose(self) -> list[Widget]:
        columns = Horizontal(self._list, VerticalScroll(self._about, can_focus=False))
        return [Vertical(self._title, self._field, columns, KeyBar([*footer(SESSIONS), ("esc", "close")]), classes="box")]

    def on_mount(self) -> None:
        self._list.focus()

    def on_resize(self, event: Resize) -> None:
        """A narrow terminal shows the list alone."""
        self.set_class(event.size.width < 100, "-narrow")

    def show(self, sessions: Sequence[SessionRow]) -> None:
        """Take the sessions once they were read; those without anything asked are left out."""
        self._sessions = [row for row in sessions if row.questions]
        self._fill()
        at = next((n for n, row in enumerate(self._list.rows) if row.key == self._at), None)
        if at is not None:
            self._list.move_to(at)

    def fail(self, why: str) -> None:
        """They could not be read."""
        self._list.set_rows([], why)

    @on(Input.Changed)
    def _fill(self) -> None:
        words = self._field.value.casefold().split()
        found = [row for row in self._sessions if all(word in _text_of(row) for word in words)]
        empty = f"nothing matches “{plain(self._field.value)}”" if self._sessions else EMPTY
        self._list.set_rows([self._row(row) for row in found], empty)
        self._title.set([(f"{len(found)} of {len(self._sessions)}" if words else count(len(found), "session"), "$quiet")])
        self._look()

    def _row(self, row: SessionRow) -> Row:
        mark = ("● ", "$good") if row.id == self._current else ("  ", "")
        when = time.strftime("%b %d %H:%M", time.localtime(row.started))
        left = (mark, (f"{when}  ", "$quiet"), (one_line(row.questions[0]), "$strong"))
        asked = count(len(row.questions), "question")
        return Row(
            row.id,
            left,
            ((cut(plain(row.context), 16), "$quiet"), (asked, "$quiet"), (age(self._now - row.started), "$quiet", ">")),
            data=row,
        )

    @on(RowList.Moved)
    def _look(self) -> None:
        """The marked session beside the list."""
        row: SessionRow | None = self._list.current.data if self._list.current is not None else None
        if row is None:
            self._about.set([])
            return
        place = f"{plain(row.context)} ▸ {plain(row.namespace) or 'all namespaces'}"
        paras = [
            Para(Content(place).stylize("bold $strong")),
            Para(Content(f"{plain(row.id)}  {size(row.size)}").stylize("$quiet")),
            blank(),
        ]
        for question in row.questions:
            paras.append(Para(Content(cut(one_line(question), QUESTION_SHOWN)), Content.assemble(("› ", "$you"))))
        if row.causes:
            paras.extend([blank(), Para(Content("root causes").stylize("$quiet"))])
            paras.extend(Para(Content(cut(one_line(cause), QUESTION_SHOWN)), Content.assemble(("✗ ", "$bad"))) for cause in row.causes)
        self._about.set(paras)

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._want("resume")

    @on(Input.Submitted)
    def _searched(self) -> None:
        self._list.focus()

    def action_want(self, what: Literal["resume", "export", "delete"]) -> None:
        self._want(what)

    def _want(self, what: Literal["resume", "export", "delete"]) -> None:
        if self._list.current is None:
            return
        rows, at = self._list.rows, self._list.cursor
        beside = rows[at + 1 : at + 2] or rows[max(at - 1, 0) : at]
        self.dismiss(Wanted(what, self._list.current.data.id, beside[0].key if beside else ""))

    def action_search(self) -> None:
        self._field.focus()

    def action_peel(self) -> None:
        """Esc ends the search first and closes second."""
        if self._field.has_focus or self._field.value:
            self._field.value = ""
            self._list.focus()
        else:
            self.dismiss(None)


def _text_of(row: SessionRow) -> str:
    return "\n".join((row.id, row.context, row.namespace, *row.questions, *row.causes)).casefold()
