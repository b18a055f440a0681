"""The documentation in the session: search, read, go back and forward, and run a command of a page through the normal approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Input

from tui.runtime.background import Background, first_sentence
from tui.screens.dialogs.base import Dialog
from tui.style.text import one_line, plain
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.bars.title_bar import TitleBar
from tui.widgets.input.field import Field
from tui.widgets.row_list import Part, Row, RowList
from tui.widgets.text.flow import Flow, Para
from tui.widgets.text.markdown import prose

if TYPE_CHECKING:
    from engine.agent.documentation import Documentation, PagePart, Snippet
    from index.passage import Passage

RESULTS = 12
PAST = 3
SEARCH_KEYS = [("enter", "open"), ("up down", "move"), ("esc", "close")]
PAGE_KEYS = [
    ("n N", "next command"),
    ("r", "run"),
    ("e", "edit"),
    ("c", "copy"),
    ("[ ]", "back forward"),
    ("/", "search"),
    ("esc", "results"),
]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a document."""

    path: str
    line: int = 1


@dataclass(slots=True)
class Trail:
    """Where the reader has been, kept by the app so that the page is still there when it is opened again."""

    question: str = ""
    spots: list[Spot] = field(default_factory=list)
    at: int = -1

    @property
    def here(self) -> Spot | None:
        """The page that is open."""
        return self.spots[self.at] if 0 <= self.at < len(self.spots) else None

    def go(self, spot: Spot) -> None:
        """Open another page; what was forward of here is forgotten."""
        if spot != self.here:
            self.spots = [*self.spots[: self.at + 1], spot]
            self.at = len(self.spots) - 1

    def step(self, step: int) -> bool:
        """Back or forward; False where there is nothing."""
        if not 0 <= self.at + step < len(self.spots):
            return False
        self.at += step
        return True


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person wants done with a command of a page."""

    what: Literal["run", "edit"]
    command: str


class PageCommand(Flow, can_focus=True):
    """One command of a page."""

    DEFAULT_CSS = "PageCommand { &:focus { background: $cursor-row; } }"

    def __init__(self, command: str) -> None:
        super().__init__([Para(Content(f" {one_line(command)} ").stylize("$strong on $code"), Content("  "))])
        self.command = command

    def on_click(self) -> None:
        self.focus()


class DocsScreen(Dialog[Wanted | None]):
    """Search box and results, or a page. Hands back a command that is to be run or edited."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("n", "command(1)", show=False),
        Binding("N,shift+n", "command(-1)", show=False),
        Binding("r", "take('run')", show=False),
        Binding("e", "take('edit')", show=False),
        Binding("c", "copy_command", show=False),
        Binding("left_square_bracket,alt+left", "step(-1)", show=False),
        Binding("right_square_bracket,alt+right", "step(1)", show=False),
        Binding("slash", "search", show=False),
        Binding("q", "leave", show=False),
    ]
    DEFAULT_CSS = """
    DocsScreen { & > .box { width: 96%; max-width: 132; height: 90%; padding: 0 1;
        & > Input { border: none; height: 1; padding: 0 1; background: $code; margin: 1 0; }
        & > RowList { height: 1fr; background: $surface; }
        & > #page {
            display: none; height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; background: $surface; padding: 0 1;
            margin: 1 0 0 0;
        }
        & > #page-keys { display: none; }
        &.-reading { & > #page, & > #page-keys { display: block; } & > Input, & > RowList, & > #search-keys { display: none; } }
    } }
    DocsScreen RowList > .rows--cursor { background: $cursor-row; }
    """

    def __init__(self, docs: Documentation, background: Background, trail: Trail, question: str | None = None) -> None:
        """`question=None` opens the page that was open last, where there is one."""
        super().__init__()
        self._docs = docs
        self._background = background
        self.trail = trail
        self._again = question is None and trail.here is not None
        if question is not None:
            trail.question = question
        self._title_bar = TitleBar("documentation")
        self._field = Field(trail.question, placeholder="search runbooks, guide and past incidents", compact=True)
        self._list = RowList(id="found", empty="reading …")
        self._page = VerticalScroll(id="page")
        self._parts: list[tuple[PagePart, Widget]] = []

    def compose(self) -> list[Widget]:
        keys = [KeyBar(SEARCH_KEYS, id="search-keys"), KeyBar(PAGE_KEYS, id="page-keys")]
        return [Vertical(self._title_bar, self._field, self._list, self._page, *keys, classes="box")]

    def on_mount(self) -> None:
        """The typing goes to the field, the arrows to the list."""
        self._list.can_focus = False
        self._field.cursor_position = len(self._field.value)
        self._field.focus()
        self._look(self._field.value)
        if self._again:
            self._show_spot()

    @property
    def reading(self) -> bool:
        """Whether a page is open."""
        return self._box.has_class("-reading")

    @property
    def _box(self) -> Widget:
        return self.query_one(".box")

    # searching

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._look(event.value)

    def _look(self, question: str) -> None:
        question = self.trail.question = question.strip()
        self._background.run(
            "docs search",
            lambda: self._rows(question),
            lambda rows: self._found(question, rows),
            lambda error: self._found(question, [], first_sentence(error)),
        )

    def _rows(self, question: str) -> list[Row]:
        """On a thread of its own: the results, or every document while nothing is asked."""
        if not question:
            return [
                Row(row.path, ((plain(row.path), "$strong"), (f"  {one_line(row.title)}", "$quiet")), data=Spot(row.path))
                for row in self._docs.list()
            ]
        found = self._docs.search(question, limit=RESULTS)
        rows = [row for passage in found for row in _result(passage, self._docs.snippet(passage, question))]
        for passage in self._docs.past(question, limit=PAST):
            left = (("past incident  ", "$wait"), (one_line(passage.heading[0]), "$strong"), (f"  {plain(passage.path)}", "$quiet"))
            rows.append(Row(f"past/{passage.path}", left, data=Spot(passage.path)))
        return rows

    def _found(self, question: str, rows: Sequence[Row], why: str = "") -> None:
        if not self.is_mounted or question != self.trail.question:
            return
        self._list.set_rows(rows, why or f"nothing matches “{plain(question)}”")
        self._list.move_to(0)
        count = sum(row.selectable for row in rows)
        if not self.reading:
            self._title_bar.set([(f"{count} {'documents' if not question else 'results' if count != 1 else 'result'}", "$quiet")])

    def action_move(self, step: int) -> None:
        if not self.reading:
            self._list.action_move(step)
        elif step > 0:
            self._page.scroll_down(animate=False)
        else:
            self._page.scroll_up(animate=False)

    @on(Input.Submitted)
    def _enter(self) -> None:
        self._list.action_choose()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if isinstance(event.row.data, Spot):
            self.trail.go(event.row.data)
            self._show_spot()

    # reading

    def _show_spot(self) -> None:
        spot = self.trail.here
        if spot is None:
            return
        self._background.run(
            "docs page", lambda: self._docs.page(spot.path), lambda parts: self._show(spot, parts), lambda error: self._fail(spot, error)
        )

    def _fail(self, spot: Spot, error: Exception) -> None:
        if self.is_mounted:
            self.notify(f"{plain(spot.path)}: {one_line(first_sentence(error))}", severity="warning", markup=False)

    def _show(self, spot: Spot, parts: Sequence[PagePart]) -> None:
        if not self.is_mounted or spot != self.trail.here:
            return
        self._parts = [(part, _widget(part)) for part in parts]
        for (part, widget), (before, _) in zip(self._parts[1:], self._parts, strict=False):
            widget.styles.margin = (0 if part.kind == before.kind == "command" else 1, 0, 0, 0)
        self._page.query("*").remove()
        self._page.mount_all([widget for _, widget in self._parts] or [Flow([Para(Content("this document is empty"))])])
        self._box.add_class("-reading")
        self._title_bar.set([(plain(spot.path), "$strong"), (f"{self.trail.at + 1} of {len(self.trail.spots)}", "$quiet")])
        self._page.focus()
        self.call_after_refresh(self._jump, spot.line)

    def _jump(self, line: int) -> None:
        """Bring the section that holds a line to the top."""
        headings = [widget for part, widget in self._parts if part.kind == "heading" and part.line <= line]
        if len(headings) > 1 and headings[-1].is_attached:
            self._page.scroll_to_widget(headings[-1], animate=False, top=True)
        else:
            self._page.scroll_home(animate=False)

    @property
    def _commands(self) -> list[PageCommand]:
        return [widget for _, widget in self._parts if isinstance(widget, PageCommand)]

    @property
    def _chosen_command(self) -> PageCommand | None:
        """The command under the cursor; without a cursor the first one in sight."""
        if isinstance(self.focused, PageCommand):
            return self.focused
        region = self._page.region
        return next((one for one in self._commands if region.contains_region(one.region)), None)

    def action_command(self, step: int) -> None:
        """The next or the previous command of the page, from where it is read."""
        commands = self._commands
        if not self.reading or not commands:
            return
        here = self.focused
        if isinstance(here, PageCommand):
            at = min(max(commands.index(here) + step, 0), len(commands) - 1)
        else:
            seen = self._chosen_command
            at = commands.index(seen) if seen is not None else 0
        commands[at].focus()

    @on(DescendantFocus)
    def _focused(self, event: DescendantFocus) -> None:
        if isinstance(event.widget, PageCommand):
            event.widget.scroll_visible(animate=False)

    def action_take(self, what: Literal["run", "edit"]) -> None:
        """Leave with the command under the cursor."""
        chosen = self._chosen_command if self.reading else None
        if chosen is not None:
            self.dismiss(Wanted(what, chosen.command))
        elif self.reading:
            self.notify("no command here; press n for the next one")

    def action_copy_command(self) -> None:
        chosen = self._chosen_command if self.reading else None
        if chosen is not None:
            self.app.copy_to_clipboard(chosen.command)
            self.notify("copied")

    def action_step(self, step: int) -> None:
        if self.reading and not self.trail.step(step):
            self.notify("already at the first page" if step < 0 else "already at the last page")
        elif self.reading:
            self._show_spot()

    def action_search(self) -> None:
        """Back to the search box and its results."""
        self._box.remove_class("-reading")
        self._title_bar.set()
        self._field.focus()

    def action_leave(self) -> None:
        """Esc closes the page first."""
        if self.reading:
            self.action_search()
        else:
            self.dismiss(None)


def _result(passage: Passage, snippet: Snippet) -> list[Row]:
    """One result: where it is, then its lines with the matched words in bold, then its first command."""
    first = (plain(passage.path), "$strong"), (f" › {one_line(passage.heading[-1])}:{passage.lines[0]}", "$quiet")
    key = f"{passage.path}:{passage.lines[0]}"
    rows = [Row(key, first, data=Spot(passage.path, passage.lines[0]))]
    at = 0
    for number, line in enumerate(snippet.text.split("\n")):
        left: list[Part] = [("   ", "")]
        done = at
        for begin, end in snippet.matched:
            if at <= begin < at + len(line):
                left.extend([(plain(snippet.text[done:begin]), "$quiet"), (plain(snippet.text[begin:end]), "bold $strong")])
                done = end
        left.append((plain(snippet.text[done : at + len(line)]), "$quiet"))
        rows.append(Row(f"{key}/{number}", tuple(left), selectable=False))
        at += len(line) + 1
    fresh = [command for command in snippet.commands if command not in snippet.text]
    if fresh:
        more = f"   and {len(fresh) - 1} more" if len(fresh) > 1 else ""
        left = [("   $ ", "$place"), (one_line(fresh[0]), ""), (more, "$quiet")]
        rows.append(Row(f"{key}/command", tuple(left), selectable=False))
    return rows


def _widget(part: PagePart) -> Widget:
    match part.kind:
        case "heading":
            return Flow([Para(Content(one_line(part.text)).stylize("bold $place" if part.level < 3 else "bold $strong"))])
        case "command":
            return PageCommand(part.text)
        case _:
            return Flow(prose(part.text, lambda _: Style()))
