"""The chat: what was asked and answered. The newest turn is live, older ones are frozen to one widget each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from engine.core.types import Finding
from tui.actions.keys import bindings, footer
from tui.actions.panes import CHAT
from tui.panes import answer as shape
from tui.state.run_view import RunView
from tui.style.text import cut, one_line, plain
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.text.block import Block, code_block
from tui.widgets.text.code import Code, parts_of
from tui.widgets.text.flow import Flow, Para, Spot, blank
from tui.widgets.text.markdown import GrowingProse, Piece, link_to, pieces

TURNS_KEPT = 60
SUMMARY_SHOWN = 110
STREAM_STEP = 6
"""Rows by which a streaming answer grows."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A block, or a link of a text."""

    flow: Flow
    spot: Spot | None = None


class Turn(Vertical):
    """One question and its answer, kept current from its `RunView`."""

    DEFAULT_CSS = "Turn { height: auto; padding: 0 1 1 1; }"

    def __init__(self, view: RunView, now: float) -> None:
        super().__init__()
        self.view = view
        self.frozen = False
        self._top = Flow([*shape.question(view), blank(), shape.head(view, now)])
        self._body = Flow()
        self._body.step = STREAM_STEP
        self._kept: list[Widget] = [self._top, self._body]
        self._composed = False
        self._prose = GrowingProse(shape.link_of(view))
        self._shown = 0
        self._paras: list[Para] = []
        self.answered = False

    def compose(self) -> list[Widget]:
        self._composed = True
        return self._kept

    def update(self, now: float) -> None:
        """Show what the view knows now."""
        view = self.view
        if self.frozen:
            return
        self._top.set([*shape.question(view), blank(), shape.head(view, now)])
        if view.answer is not None:
            if not self.answered:
                self.answered = True
                self._show_answer()
            return
        if len(view.text) > self._shown:
            self._paras = self._prose.append(view.text[self._shown :])
            self._shown = len(view.text)
        below = [*shape.progress(view), *shape.notices(view)]
        self._body.set([blank(), *self._paras, *([blank()] if self._paras and below else []), *below])

    def finish(self, now: float) -> None:
        """The Run ended: say so below what is there."""
        self.update(now)
        self._settle()
        if self.view.answer is None and self.view.text:
            self._show_pieces(pieces(self.view.text, shape.link_of(self.view)))
            self._add(Flow(shape.notices(self.view)))
        elif tail := [*shape.typed_output(self.view), *shape.notices(self.view)]:
            self._add(Flow(tail))

    def _show_answer(self) -> None:
        answer = self.view.answer
        if answer is None:
            return
        self._settle()
        self._show_pieces(shape.before_fix(self.view, answer))
        rest: list[Widget] = []
        if answer.fix:
            rest.append(Flow(shape.fix_title(answer)))
            for number, remedy in enumerate(answer.fix, 1):
                rest.append(Flow([shape.fix_text(number, remedy, self.view)]))
                if remedy.command:
                    rest.append(Block(shape.fix_command(remedy, keys=True), remedy.command, command=remedy.command))
        below = [
            *shape.quote(self.view, answer),
            *shape.others(self.view, answer),
            *shape.limits(answer),
            *shape.elsewhere(self.view, answer),
            *shape.sources(self.view, answer),
        ]
        if below:
            rest.append(Flow(below))
        if rest:
            self._add(*rest)

    def _show_pieces(self, found: Sequence[Piece]) -> None:
        """Replace what streamed: paragraphs as text, code blocks as widgets with keys."""
        rest: list[Widget] = []
        first: list[Para] = []
        for number, piece in enumerate(found):
            if not isinstance(piece, Code):
                if number:
                    rest.append(Flow([blank(), *piece]))
                else:
                    first = piece
                continue
            rest.append(Flow([blank()]))
            rest.extend(code_block(part) for part in parts_of(piece))
        self._body.set([blank(), *first] if first else [])
        if rest:
            self._add(*rest)

    def _settle(self) -> None:
        """Nothing streams any more: take the rows that are needed and no more."""
        if self._body.step != 1:
            self._body.step = 1
            self._body.refresh(layout=True)

    def freeze(self, now: float) -> None:
        """Become one widget: old answers decide how fast a new one streams."""
        if not self.frozen:
            self.frozen = True
            self.query("*").remove()
            self._kept.clear()
            self._add(Flow(shape.whole(self.view, now)))

    def _add(self, *widgets: Widget) -> None:
        """Put widgets below the others; a turn that is not composed yet gets them when it is."""
        if self._composed:
            self.mount(*widgets)
        else:
            self._kept.extend(widgets)

    def stops(self) -> list[Stop]:
        """Where the keyboard can go, from the top: links of the text, and commands and code blocks."""
        found: list[Stop] = []
        for child in self.children:
            if isinstance(child, Block):
                found.append(Stop(child))
            elif isinstance(child, Flow):
                found.extend(Stop(child, spot) for spot in child.spots())
        return found

    @property
    def plain(self) -> str:
        """The answer as text."""
        return "\n".join(para.plain for para in shape.whole(self.view, 0.0))


class JumpRow(Static):
    """Says that the newest turn is out of sight; a click goes there."""

    class Clicked(Message):
        """Go to the newest turn."""

    def __init__(self, *, id: str) -> None:
        super().__init__("↓ jump to newest (G)", id=id, markup=False)

    def on_click(self) -> None:
        self.post_message(self.Clicked())


class ChatPane(VerticalScroll):
    """All turns of the session, or the welcome page while there is none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(CHAT),
        Binding("left_square_bracket", "stop(-1)", show=False),
        Binding("tab", "stop(1, True)", show=False),
        Binding("shift+tab", "stop(-1, True)", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G,shift+g", "newest", show=False),
    ]
    DEFAULT_CSS = """
    ChatPane { scrollbar-size-vertical: 1; scrollbar-gutter: stable; overflow-x: hidden; padding: 1 0 0 0;
        & > #welcome { padding: 0 2 1 2; }
        & > .keys { dock: bottom; }
        & > #jump { dock: bottom; height: 1; display: none; color: $place; background: $plane; text-align: center; }
        &.-active > #jump { margin-bottom: 1; }
    }
    """

    class Left(Message):
        """Tab went past the last stop, or shift+tab past the first."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Followed(Message):
        """Enter on a link."""

        def __init__(self, spot: Spot) -> None:
            super().__init__()
            self.spot = spot

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.turns: dict[str, Turn] = {}
        self.starts: list[str] = []
        """The questions that the welcome page offers; the digit keys start them."""
        self._welcome = Flow(id="welcome")
        self._jump = JumpRow(id="jump")
        self._following = True
        """Whether the newest turn is kept in view; scrolling up ends it."""
        self._placing = False
        """Whether the pane scrolls by itself right now."""

    def compose(self) -> list[Widget]:
        return [self._welcome, self._jump, KeyBar(footer(CHAT), classes="-quiet keys")]

    # reading by keys

    def action_stop(self, step: int, leaves: bool = False) -> None:
        """Go to the next or the previous link, command or code block; past the last one, `leaves` goes on to the next pane."""
        stops = [stop for turn in self.turns.values() for stop in turn.stops()]
        here = self._here(stops)
        if here is not None:
            at = here + step
        elif step < 0:
            at = len(stops) - 1
        else:
            newest = next(reversed(self.turns.values()), None)
            at = len(stops) - len(newest.stops()) if newest is not None else 0
        if 0 <= at < len(stops):
            self._stand(stops[at])
        elif leaves or not stops:
            self._stand(None)
            self.post_message(self.Left(step))

    def _here(self, stops: Sequence[Stop]) -> int | None:
        focused = self.screen.focused
        return next(
            (
                n
                for n, stop in enumerate(stops)
                if (stop.spot is None and stop.flow is focused) or (stop.spot is not None and stop.flow.marked == stop.spot)
            ),
            None,
        )

    def _stand(self, stop: Stop | None) -> None:
        for turn in self.turns.values():
            for child in turn.children:
                if isinstance(child, Flow) and (stop is None or child is not stop.flow):
                    child.mark(None)
        if stop is None:
            return
        stop.flow.mark(stop.spot)
        if stop.spot is None:
            stop.flow.focus()
            return
        self.focus(scroll_visible=False)
        top = stop.flow.virtual_region.y + stop.spot.line
        if isinstance(stop.flow.parent, Widget):
            top += stop.flow.parent.virtual_region.y
        self.scroll_to_region(Region(0, top, 1, 1), animate=False, force=True)

    @on(JumpRow.Clicked)
    def _jump_clicked(self, event: JumpRow.Clicked) -> None:
        event.stop()
        self._following = True
        self._move(self._goal())

    @property
    def marked(self) -> Spot | None:
        """The selected link."""
        return next((c.marked for t in self.turns.values() for c in t.children if isinstance(c, Flow) and c.marked), None)

    def action_open(self) -> None:
        """Follow the marked link."""
        if spot := self.marked:
            self.post_message(self.Followed(spot))

    def action_copy_turn(self) -> None:
        """Copy the answer whose link is marked, or the newest."""
        turns = [turn for turn in self.turns.values() if turn.view.answer is not None or turn.view.text]
        marked = [turn for turn in turns if any(isinstance(child, Flow) and child.marked for child in turn.children)]
        if turns:
            self.post_message(Block.Asked("copy", (marked or turns)[-1].plain))

    def on_blur(self) -> None:
        """A link is marked only while the pane has the focus."""
        if not isinstance(self.screen.focused, Block):
            self._stand(None)

    # following the newest turn

    def watch_virtual_size(self) -> None:
        """The content grew or shrank."""
        if self._following:
            self.call_after_refresh(self._follow)

    def on_resize(self) -> None:
        if self._following:
            self.call_after_refresh(self._follow)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up ends the following, reaching the end begins it again; our own moves do neither."""
        super().watch_scroll_y(old_value, new_value)
        if not self._placing:
            self._following = new_value >= min(self._goal(), self.max_scroll_y)
        self._show_jump()

    def _goal(self) -> float:
        """Where the newest turn is in view: its end while it grows, its first line where its answer is taller than the pane."""
        newest = next(reversed(self.turns.values()), None)
        if newest is None or not newest.answered or not newest.is_attached:
            return self.max_scroll_y
        return min(newest.virtual_region.y, self.max_scroll_y)

    def _follow(self, *, from_its_top: bool = False) -> None:
        """Bring the newest turn into view; an answer that is read below its first line is left there unless it has only just come."""
        goal = self._goal()
        if self._following and self.is_attached and (from_its_top or self.scroll_y < goal or goal == self.max_scroll_y):
            self._move(goal)

    def _move(self, y: float) -> None:
        self._placing = True
        self.scroll_to(y=y, animate=False, force=True, immediate=True)
        self._placing = False
        self._show_jump()

    def _show_jump(self) -> None:
        self._jump.display = bool(self.turns) and not self._following

    def action_newest(self) -> None:
        """Go to the end, and follow the newest turn again."""
        self._following = True
        self._move(self.max_scroll_y)
        self.call_after_refresh(lambda: self._move(self.max_scroll_y))  # the row of keys may have come in meanwhile

    def update(self, id: str, now: float) -> None:
        """Show what is known of a Run by now."""
        turn = self.turns.get(id)
        if turn is None:
            return
        answered = turn.answered
        turn.update(now)
        if turn.answered and not answered:
            self.call_after_refresh(self._follow, from_its_top=True)

    @property
    def empty(self) -> bool:
        return not self.turns

    def begin(self, view: RunView, now: float) -> None:
        """A new question: older turns freeze, the newest stays live."""
        for turn in self.turns.values():
            if not turn.view.running:
                turn.freeze(now)
        self._welcome.display = False
        turn = Turn(view, now)
        self.turns[view.id] = turn
        self.mount(turn)
        while len(self.turns) > TURNS_KEPT:
            self.turns.pop(next(iter(self.turns))).remove()
        self._following = True
        self.call_after_refresh(self._follow)

    def clear(self) -> None:
        """Forget all turns; the welcome page comes back."""
        for turn in self.turns.values():
            turn.remove()
        self.turns.clear()
        self._following = True
        self._show_jump()
        self._welcome.display = True

    def last_answer(self) -> str:
        """The newest answer as text; "" when there is none."""
        return next((turn.plain for turn in reversed(self.turns.values()) if turn.view.answer is not None), "")

    def welcome(self, place: str, findings: Sequence[Finding] | None, note: str = "") -> None:
        """Fill the welcome page: what is wrong right now (None: not known yet), with a key for each question."""
        paras = [
            Para(Content.assemble(("Ask in plain words what is wrong.", "bold $strong"))),
            Para(Content("Answers come with evidence. Nothing is changed without your approval.").stylize("$quiet")),
            blank(),
        ]
        self.starts = []
        if note:
            paras.append(Para(Content(one_line(note)), Content.assemble(("✗ ", "$bad"))))
        elif findings is None:
            paras.append(Para(Content(f"checking {place} …").stylize("$quiet")))
        else:
            chosen = distinct(findings)
            self.starts = [start_of(finding) for finding in chosen]
            if not chosen:
                paras.append(
                    Para(
                        Content.assemble("No problems found in ", (plain(place), "bold $strong")),
                        Content.assemble(("✓ ", "$good")),
                    )
                )
            else:
                paras.append(
                    Para(Content.assemble("Problems in ", (plain(place), "bold $strong"), ("   press a number to ask why", "$quiet")))
                )
                for number, finding in enumerate(chosen, 1):
                    about = finding.owner or finding.object
                    glyph = ("✗", "$bad") if finding.severity == "critical" else ("!", "$wait")
                    name = Content(f"{plain(about.name)} ").stylize("bold $strong").stylize(link_to("start", str(number)))
                    lead = Content.assemble((f" {number} ", "bold $place"), (f"{glyph[0]} ", glyph[1]))
                    paras.append(Para(Content.assemble(name, (cut(one_line(finding.summary), SUMMARY_SHOWN), "$quiet")), lead))
        paras.extend(
            [
                blank(),
                Para(Content.assemble(*_try("why is checkout-api restarting?", "scale deployment cart-api to 3", "!kubectl get pods"))),
            ]
        )
        self._welcome.set(paras)


def _try(*examples: str) -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = [("try ", "$quiet")]
    for number, example in enumerate(examples):
        parts.extend([("  ·  " if number else " ", "$quiet"), (example, "")])
    return parts


def distinct(findings: Sequence[Finding], limit: int = 5) -> list[Finding]:
    """The first findings that are worth a question, one for each workload."""
    seen: set[str] = set()
    chosen = []
    for finding in findings:
        about = finding.owner or finding.object
        key = f"{about.namespace}/{about.kind}/{about.name}"
        if finding.severity != "info" and key not in seen:
            seen.add(key)
            chosen.append(finding)
    return chosen[:limit]


def start_of(finding: Finding) -> str:
    """The question that a finding begs."""
    about = finding.owner or finding.object
    where = f" in {about.namespace}" if about.namespace else ""
    return f"why is {about.kind.lower()} {about.name}{where} in trouble?"
