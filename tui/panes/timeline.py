"""The timeline: what the Run did and thinks, step by step, with where the time went."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from engine.core.types import Hypothesis, Steering, SteeringKind
from index.passage import Passage
from tui.actions.keys import bindings, footer
from tui.actions.panes import TIMELINE
from tui.state.run_view import ChoiceView, CommandView, RunView, StepView
from tui.style.text import bar, count, one_line, plain, seconds
from tui.style.theme import RISK_STYLE
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.bars.title_bar import TitleBar
from tui.widgets.row_list import Part, Row, RowList

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
STEP_GLYPHS: dict[str, Part] = {"done": ("✓", "$good"), "failed": ("✗", "$bad"), "skipped": ("–", "$quiet"), "cancelled": ("✗", "$wait")}
HYPOTHESIS_GLYPHS: dict[str, Part] = {
    "proposed": ("…", "$wait"),
    "testing": ("●", "$wait"),
    "supported": ("✓", "$good"),
    "refuted": ("✗", "$bad"),
}
EMPTY = "steps, hypotheses and evidence of the current question appear here"


SAID: dict[SteeringKind, str] = {
    "pin": "pinned",
    "unpin": "unpinned",
    "refute": "refuted",
    "retry": "asked for another test of",
    "hypothesis": "added a hypothesis",
    "evidence": "added evidence",
}


class TimelinePane(Vertical):
    """The newest Run's steps, hypotheses and commands; enter opens what is behind a row, space unfolds it in place."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TIMELINE)]

    class Opened(Message):
        """Enter on a row: evidence ids of a hypothesis, a command's id, or a past incident's."""

        def __init__(self, run: str, evidence: tuple[str, ...] = (), command: str = "", title: str = "", passage: str = "") -> None:
            super().__init__()
            self.run = run
            self.evidence = evidence
            self.command = command
            self.title = title
            self.passage = passage

    class Steered(Message):
        """A key on a hypothesis: what the person wants of the Run; `hypothesis` is its id ("" = none is under the cursor)."""

        def __init__(self, run: str, what: SteeringKind, hypothesis: str) -> None:
            super().__init__()
            self.run = run
            self.what = what
            self.hypothesis = hypothesis

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.view: RunView | None = None
        self._unfolded: set[str] = set()
        self._now = 0.0
        self.beat = 0
        self._title_bar = TitleBar("timeline")
        self.list = RowList(id="timeline-rows", empty=EMPTY)

    def compose(self) -> list[Widget]:
        return [self._title_bar, self.list, KeyBar(footer(TIMELINE), classes="-quiet keys")]

    def show(self, view: RunView | None, now: float) -> None:
        """Show a Run as it is now."""
        fresh = view is not self.view
        if fresh:
            self._unfolded.clear()
        self.view, self._now = view, now
        rows = self.list
        if view is None:
            rows.set_rows([], EMPTY)
            self._title_bar.set()
            return
        at_end = fresh or rows.cursor >= len(rows.rows) - 1 or not rows.has_focus
        rows.set_rows(self._rows(view, now), "starting …" if view.running else EMPTY)
        if at_end and rows.rows:
            rows.scroll_to(y=rows.max_scroll_y, animate=False, force=True)
        self._title_bar.set(self._facts(view, now))

    def _facts(self, view: RunView, now: float) -> list[Part]:
        facts: list[Part] = [(f"{seconds(view.took(now))} s", "")]
        facts.extend((f"{kind} {seconds(spent)}", "$quiet") for kind in ("model", "kubectl", "search") if (spent := view.spent(kind)) > 0)
        return facts

    def _rows(self, view: RunView, now: float) -> list[Row]:
        rows = []
        if view.tier:
            detail: list[Part] = [("✓ ", "$good"), (view.tier, ""), (f"  {one_line(view.reason)}", "$quiet")]
            rows.append(Row("tier", tuple(detail)))
        for kind, id in view.order:
            match kind:
                case "step":
                    rows.append(self._step(view.steps[id], now))
                    if view.steps[id].kind == "search":
                        rows.extend(_past(passage) for passage in view.past.get(id, ()))
                case "hypothesis":
                    rows.append(_hypothesis(view.hypotheses[id]))
                case "choice":
                    rows.extend(_choice(view.choices[id]))
                case "said":
                    rows.append(_said(id, view.said[int(id)]))
                case _:
                    rows.append(self._command(view.commands[id], now))
            if rows and rows[-1].key in self._unfolded:
                rows.extend(_details(rows[-1], view))
        if view.waiting:
            rows.append(Row("waiting", (("… ", "$wait"), (view.waits_for, "$wait"))))
        elif view.outcome == "cancelled":
            rows.append(Row("end", (("✗ ", "$wait"), ("stopped", "$wait"), (f"  {one_line(view.ending)}", "$quiet"))))
        elif view.outcome == "failed":
            rows.append(Row("end", (("✗ ", "$bad"), (one_line(view.ending), "$bad"))))
        if not view.running and (shares := view.shares()):
            words = " · ".join(f"{name} {seconds(spent)}" for name, spent in shares)
            rows.append(Row("time", (("  ", ""), (words, "$quiet"))))
        return rows

    def _turning(self) -> Part:
        return (SPINNER[self.beat % len(SPINNER)], "$wait")

    def _step(self, step: StepView, now: float) -> Row:
        running = step.state == "running"
        glyph = self._turning() if running else STEP_GLYPHS[step.state]
        left: list[Part] = [glyph, (f" {one_line(step.title)}", "" if running or step.state != "skipped" else "$quiet")]
        if step.detail:
            left.append((f"  {one_line(step.detail)}", "$quiet"))
        took = max(now - step.began, 0.0) if running else step.seconds
        return Row(f"step/{step.id}", tuple(left), (("", ""), (seconds(took), "$quiet", ">")))

    def _command(self, command: CommandView, now: float) -> Row:
        if command.state == "running":
            glyph = self._turning()
        else:
            glyph = ("…", "$wait") if command.state == "proposed" else ("✓", "$good") if command.ok else ("✗", "$bad")
        left: list[Part] = [("  ", ""), glyph, (f" {one_line(command.command)}", "$quiet")]
        if command.risk and command.risk != "read":
            left.insert(2, (f" {command.risk}", RISK_STYLE[command.risk]))
        if command.error:
            left.append((f"  {one_line(command.error)}", "$bad"))
        took = max(now - command.began, 0.0) if command.state == "running" else command.seconds
        shown = "" if command.state == "proposed" else seconds(took)
        return Row(f"command/{command.id}", tuple(left), (("", ""), (shown, "$quiet", ">")), data=("command", command.id))

    @on(RowList.Chosen)
    def _enter(self, event: RowList.Chosen) -> None:
        event.stop()
        if self.view is None:
            return
        match event.row.data:
            case ("command", str(id)):
                self.post_message(self.Opened(self.view.id, command=id))
            case ("passage", str(id)):
                self.post_message(self.Opened(self.view.id, passage=id))
            case ("hypothesis", str(id)) if id in self.view.hypotheses:
                hypothesis = self.view.hypotheses[id]
                ids = hypothesis.evidence_for + hypothesis.evidence_against
                self.post_message(self.Opened(self.view.id, evidence=ids, title=f"{id} {one_line(hypothesis.statement)}"))
            case _:
                pass

    def action_unfold(self) -> None:
        """Show what is behind the row below it, and hide it again."""
        row = self.list.current
        if row is None or self.view is None:
            return
        if row.key in self._unfolded:
            self._unfolded.discard(row.key)
        elif row.data is not None and row.data[0] in ("command", "hypothesis"):
            self._unfolded.add(row.key)
        self.list.set_rows(self._rows(self.view, self._now))

    def action_steer(self, what: SteeringKind) -> None:
        """Pin, refute or test again the hypothesis under the cursor; or say one, or evidence, of one's own."""
        if self.view is None:
            return
        row = self.list.current
        id = row.data[1] if row is not None and row.data is not None and row.data[0] == "hypothesis" else ""
        self.post_message(self.Steered(self.view.id, what, id))


def _past(passage: Passage) -> Row:
    """A similar past incident."""
    left: tuple[Part, ...] = (("  ↩ ", "$place"), (f"{plain(passage.id)} ", "$place"), (one_line(passage.heading[0]), ""))
    return Row(f"passage/{passage.id}", (*left, (f"  {plain(passage.path)}", "$quiet")), data=("passage", passage.id))


def _hypothesis(hypothesis: Hypothesis) -> Row:
    refuted = hypothesis.status == "refuted"
    look = "$quiet strike" if refuted else "$strong" if hypothesis.status == "supported" else ""
    left: tuple[Part, ...] = (
        HYPOTHESIS_GLYPHS[hypothesis.status],
        (f" {plain(hypothesis.id)} ", "$quiet" if refuted else "bold"),
        ("◆ " if hypothesis.pinned else "", "$wait"),
        ("yours: " if hypothesis.origin == "user" else "", "$you"),
        (one_line(hypothesis.statement), look),
    )
    full, rest = bar(hypothesis.confidence)
    colour = "$quiet" if refuted else "$good" if hypothesis.status == "supported" else "$wait"
    return Row(
        f"hypothesis/{hypothesis.id}",
        left,
        ((full + rest, colour), (f"{hypothesis.confidence:.2f}", colour, ">")),
        data=("hypothesis", hypothesis.id),
    )


def _choice(choice: ChoiceView) -> list[Row]:
    """What was asked in the middle, once it is answered."""
    if choice.picked is None:
        return []
    words = one_line(choice.request.question)
    return [Row(f"choice/{choice.request.id}", (("▸ ", "$you"), (one_line(choice.words), ""), (f"  {words}", "$quiet")))]


def _said(number: str, steering: Steering) -> Row:
    """What the person said into the investigation."""
    text = one_line(steering.text)
    parts: tuple[Part, ...] = (("▸ ", "$you"), (f"you {SAID[steering.kind]}", ""), (f" {plain(steering.hypothesis)}".rstrip(), "bold"))
    return Row(f"said/{number}", (*parts, (f"  {text}" if text else "", "$quiet")))


def _details(row: Row, view: RunView) -> list[Row]:
    """What is behind a hypothesis or a command, in short; enter opens it whole."""
    kind, id = row.data
    if kind == "command":
        return _printed(row.key, view.commands[id])
    hypothesis = view.hypotheses[id]
    marks = [("+", "$good", id) for id in hypothesis.evidence_for] + [("−", "$bad", id) for id in hypothesis.evidence_against]
    rows = []
    if hypothesis.prediction or hypothesis.test:
        rows.append(Row(f"{row.key}/test", (("    test  ", "$quiet"), (one_line(hypothesis.test or hypothesis.prediction), "$quiet"))))
    for sign, colour, evidence_id in marks:
        evidence = view.evidence.get(evidence_id)
        words = (one_line(evidence.excerpt), f"  {one_line(evidence.source)}") if evidence else ("", "")
        rows.append(
            Row(
                f"{row.key}/{sign}{evidence_id}",
                ((f"    {sign} ", colour), (f"{plain(evidence_id)} ", "$place"), (words[0], ""), (words[1], "$quiet")),
            )
        )
    return rows or [Row(f"{row.key}/none", (("    no evidence yet", "$quiet"),))]


def _printed(key: str, command: CommandView) -> list[Row]:
    lines = [plain(line) for line in command.first]
    left_out = command.lines - len(command.first) - len(command.last)
    if left_out > 0:
        lines.append(f"… {count(left_out, 'more line')}; press enter to see all")
    lines.extend(plain(line) for line in command.last)
    return [Row(f"{key}/{number}", ((f"    {line}", "$quiet"),)) for number, line in enumerate(lines or ["no output"])]
