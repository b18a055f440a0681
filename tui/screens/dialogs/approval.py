"""The approval dialog: the exact command, its class and rule, where it would run, what it touches, and one key each for yes and no.

The safe choice has the focus. Text that somebody types on while the dialog opens answers nothing (`AnswerGuard`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from engine.core.types import ApprovalRequest, Decision
from tui.screens.dialogs.base import AnswerDialog
from tui.state.answer_guard import AnswerGuard
from tui.style.text import count, cut, one_line, plain
from tui.style.theme import RISK_STYLE
from tui.widgets.input.field import Field
from tui.widgets.text.flow import Flow, Para, blank
from tui.widgets.text.markdown import cited

DIFF_SHOWN = 200
NAME_SHOWN = 40


def argv_groups(argv: tuple[str, ...]) -> list[str]:
    """One argument group a line: the program, its verb and operands, then each flag with its value; quoted where a space would mislead."""
    groups: list[list[str]] = [[argv[0]] if argv else []]
    rest = list(argv[1:])
    operands: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            groups.append([word, *rest])
            break
        if word.startswith("-") and word != "-" and len(word) > 1:
            group = [word]
            if "=" not in word and rest and not rest[0].startswith("-"):
                group.append(rest.pop(0))
            groups.append(group)
        else:
            operands.append(word)
    if operands:
        groups.insert(1, operands)
    return [" ".join(shlex.quote(word) for word in group) for group in groups if group]


class Choices(Widget, can_focus=True):
    """The keys and what they do; the one that enter takes is marked."""

    DEFAULT_CSS = "Choices { height: auto; width: 1fr; }"

    class Taken(Message):
        """A choice was made by its key."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    BINDINGS: ClassVar[list[BindingType]] = [Binding("left", "move(-1)", show=False), Binding("right", "move(1)", show=False)]

    def __init__(self, choices: list[tuple[str, str]]) -> None:
        super().__init__()
        self.choices = choices
        self.marked = 0

    @property
    def key(self) -> str:
        """The key of the marked choice."""
        return self.choices[self.marked][0]

    def action_move(self, step: int) -> None:
        self.marked = (self.marked + step) % len(self.choices)
        self.refresh()

    def mark(self, key: str) -> None:
        """Say which one enter takes."""
        self.marked = next((i for i, (k, _) in enumerate(self.choices) if k == key), 0)
        self.refresh(layout=True)

    def render(self) -> Content:
        """The row of choices; it wraps where the dialog is narrow."""
        parts: list[str | tuple[str, str]] = []
        for index, (key, words) in enumerate(self.choices):
            chosen = index == self.marked and self.has_focus
            parts.append((f" {key} ", "bold $strong on $cursor-row" if chosen else "bold $strong"))
            parts.append((f" {words}", "bold $strong" if chosen else "$quiet"))
            parts.append("  ")
        return Content.assemble(*parts)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click on a choice takes it."""
        at = 0
        for key, words in self.choices:
            end = at + len(key) + 2 + 1 + len(words) + 2
            if at <= event.x < end and event.y == 0:
                self.post_message(self.Taken(key))
                return
            at = end


class ApprovalScreen(AnswerDialog[Decision | None]):
    """Hands back the person's decision; None when the Run no longer waits for it. Leaving in any way means no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "field", show=False, priority=True),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]
    DEFAULT_CSS = """
    ApprovalScreen { & > .box { padding: 1 2;
        &.-mutate { border: round $wait; }
        &.-destructive { border: round $bad; }
        & > #facts { height: auto; max-height: 100%; scrollbar-size-vertical: 1; background: $surface; }
        & > .field { height: 1; margin: 1 0 0 0; display: none;
            &.-open { display: block; }
            & > Static { width: auto; color: $foreground; padding: 0 2 0 0; }
            & > Input { width: 1fr; height: 1; border: none; padding: 0 1; background: $code; }
        }
        & > Choices { margin: 1 0 0 0; }
    } }
    """

    def __init__(self, request: ApprovalRequest, clock: Callable[[], float], run: str) -> None:
        self._choices = [("n", "reject with reason"), ("y", "run once")]
        if request.verdict.risk == "mutate" and not request.protected:
            self._choices.append(("s", "allow for this session"))
        self._choices.extend([("e", "edit"), ("esc", "reject")])
        confirm = ("y", "s") if request.protected else ("s",)
        answers = [key for key, _ in self._choices if key != "esc"]
        super().__init__(AnswerGuard(clock, answers, confirm=confirm, at_once=("n",)), classes="-asking")
        self.request = request
        self._run = run
        self.needs_name = bool(request.typed_name) and (request.verdict.risk == "destructive" or request.protected)

    def compose(self) -> list[Widget]:
        request = self.request
        fields: list[Widget] = []
        if self.needs_name:
            fields.append(
                Horizontal(
                    Static(f"type {cut(one_line(request.typed_name), NAME_SHOWN)} to approve (tab)", markup=False),
                    Field(id="name", compact=True),
                    classes="field -open",
                )
            )
        fields.append(
            Horizontal(
                Static("reason", markup=False),
                Field(id="reason", compact=True, placeholder="optional; enter rejects"),
                classes="field",
            )
        )
        fields.append(
            Horizontal(Static("run instead", markup=False), Field(id="edit", compact=True, value=plain(request.command)), classes="field")
        )
        box = Vertical(
            VerticalScroll(Flow(self._facts()), id="facts"),
            *fields,
            self._note,
            Choices(self._choices),
            classes=f"box -{request.verdict.risk}",
        )
        return [box]

    def on_mount(self) -> None:
        """Take the width that the content needs, and put the focus on the safe choice."""
        self.query_one("#facts").can_focus = False
        longest = max((cell_len(f"{p.lead.plain}{p.body.plain}") for p in self._facts()), default=0)
        keys = sum(len(key) + len(words) + 5 for key, words in self.query_one(Choices).choices)
        self.query_one(".box").styles.width = min(max(longest, keys, 58) + 8, 110)
        self.query_one(Choices).focus()

    def on_resize(self, event: events.Resize) -> None:
        """Yes and no are always in sight: what is to be read scrolls where the terminal is short."""
        short = event.size.height < 30
        box = self.query_one(".box")
        box.styles.padding = (0, 2) if short else (1, 2)
        self.query_one("#facts").styles.max_height = max(event.size.height - (10 if short else 14), 3)

    # what is shown

    def _facts(self) -> list[Para]:
        request = self.request
        risk = request.verdict.risk
        paras = [
            Para(
                Content.assemble(one_line(request.verdict.reason), (f"  rule: {one_line(request.verdict.rule)}", "$quiet")),
                Content.assemble((f"{risk}  ", f"bold {RISK_STYLE[risk]}")),
            ),
            blank(),
            *self._command(),
            blank(),
            self._fact("where", *self._where()),
        ]
        touched = ", ".join(plain(str(ref)) for ref in request.touches[:6]) + (
            f" and {len(request.touches) - 6} more" if len(request.touches) > 6 else ""
        )
        counted = request.touches and request.touches_note == f"{len(request.touches)} {request.touches[0].kind}"
        note = f"  {one_line(request.touches_note)}" if request.touches_note and not counted else ""
        if touched:
            paras.append(self._fact("touches", f"{count(len(request.touches), 'object')}: {touched}", (note, "$quiet")))
        elif note:
            paras.append(self._fact("touches", note.strip()))
        paras.append(self._dry_run())
        if request.why:
            ids = " ".join(f"[{id}]" for id in request.evidence)
            paras.append(self._fact("why", cited(one_line(f"{request.why}  {ids}"), self._link)))
        paras.append(self._fact("undo", one_line(request.undo)) if request.undo else self._fact("undo", ("not possible", "$wait")))
        paras.extend(self._diff())
        if request.manifest:
            paras.append(blank())
            paras.extend(Para(Content(plain(line)), Content("  "), "on $code") for line in request.manifest.splitlines()[:DIFF_SHOWN])
        return paras

    def _link(self, id: str):  # type: ignore[no-untyped-def]
        from tui.widgets.text.markdown import link_to

        return link_to("cite", self._run, id)

    def _command(self) -> list[Para]:
        names = {ref.name for ref in self.request.touches} | ({self.request.typed_name} if self.request.typed_name else set())
        paras = []
        for index, group in enumerate(argv_groups(self.request.argv)):
            parts: list[str | tuple[str, str]] = []
            for word in plain(group).split(" "):
                bare = word.strip("'").rpartition("/")[2]
                style = "bold $wait" if bare in names else "bold $strong" if index < 2 else "$strong"
                parts.extend([" " if parts else "", (word, style)])
            paras.append(Para(Content.assemble(*parts), Content("  " if not index else "    ")))
        return paras

    def _where(self) -> list[str | tuple[str, str]]:
        request = self.request
        badge = "bold $on-badge on $bad" if request.protected else "bold $on-badge on $place"
        parts: list[str | tuple[str, str]] = [
            (f" {plain(request.context)} ", badge),
            (" ▸ ", "$quiet"),
            (plain(request.namespace) or "all namespaces", "bold $strong"),
        ]
        if request.protected:
            parts.append(("  protected", "$bad"))
        if request.user:
            parts.extend([("   as ", "$quiet"), plain(request.user)])
        return parts

    def _dry_run(self) -> Para:
        dry = self.request.dry_run
        if dry is None:
            return self._fact("dry run", ("not available for this command", "$wait"))
        words = one_line(dry.text) or ("accepted by the server" if dry.ok else "refused by the server")
        return self._fact("dry run", (words, "$good" if dry.ok else "$bad"))

    def _diff(self) -> list[Para]:
        """What the dry run would change, last: it may be long, and what decides comes first."""
        dry = self.request.dry_run
        if dry is None:
            return []
        paras = [blank()] if dry.diff or dry.how != "server dry run" else []
        if dry.how != "server dry run":
            paras.append(Para(Content(one_line(dry.how)).stylize("$quiet"), Content("  ")))
        for line in dry.diff[:DIFF_SHOWN]:
            style = "$good" if line.startswith("+") else "$bad" if line.startswith("-") else "$quiet"
            paras.append(Para(Content(plain(line)).stylize(style), Content("  ")))
        if len(dry.diff) > DIFF_SHOWN:
            paras.append(Para(Content(f"… {len(dry.diff) - DIFF_SHOWN} more lines").stylize("$quiet"), Content("  ")))
        return paras

    @staticmethod
    def _fact(name: str, *parts: str | Content | tuple[str, str]) -> Para:
        return Para(Content.assemble(*parts), Content.assemble((name.ljust(9), "$quiet")))

    # keys

    def held_note(self, key: str) -> str:
        """What to say while an answer waits for enter or for quiet."""
        if key == "s":
            return "press enter to allow this exact command for the session; any other key cancels"
        if self.guard.waits_for_enter:
            return f"press enter to run this in the protected context {one_line(self.request.context)}; any other key cancels"
        return f"{'running' if key == 'y' else 'editing'} in a moment; any other key cancels"

    @on(Choices.Taken)
    def _clicked(self, event: Choices.Taken) -> None:
        if self.guard.armed or event.key == "esc":
            self.answered(event.key)

    def answered(self, key: str) -> None:
        """An answer counts; enter takes the marked one."""
        match self.query_one(Choices).key if key == "enter" else key:
            case "y" | "s" as answer:
                self._approve(answer)
            case "n":
                self._open("reason")
            case "e":
                self._open("edit")
            case _:
                self.action_leave()

    def _approve(self, key: str) -> None:
        typed = self.query_one("#name", Input).value.strip() if self.needs_name else ""
        if self.needs_name and typed != self.request.typed_name:
            self.notify(f"type {plain(self.request.typed_name)} first (tab goes to the field)", severity="warning", markup=False)
            self.query_one("#name", Input).focus()
            return
        self.dismiss(Decision("approve_session" if key == "s" else "approve", typed=typed))

    def _open(self, field: str) -> None:
        widget = self.query_one(f"#{field}", Input)
        if widget.parent is not None and isinstance(widget.parent, Widget):
            widget.parent.add_class("-open")
        widget.focus()

    def action_field(self) -> None:
        """To the field for the name and back."""
        if isinstance(self.focused, Input) or not self.needs_name:
            self.query_one(Choices).focus()
        else:
            self.query_one("#name", Input).focus()

    def action_scroll(self, rows: int) -> None:
        self.query_one("#facts", VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_leave(self) -> None:
        """Esc ends editing or the name first, and rejects second."""
        if isinstance(self.focused, Input) and self.focused.id in ("edit", "name"):
            if self.focused.id == "edit" and isinstance(self.focused.parent, Widget):
                self.focused.parent.remove_class("-open")
            self.query_one(Choices).focus()
            return
        reason = self.query_one("#reason", Input).value.strip()
        self.dismiss(Decision("reject", reason=reason))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        match event.input.id:
            case "reason":
                self.dismiss(Decision("reject", reason=event.value.strip()))
            case "edit":
                if event.value.strip():
                    self.dismiss(Decision("edit", command=event.value.strip()))
            case _:
                choices = self.query_one(Choices)
                choices.mark("y" if event.value.strip() == self.request.typed_name else "n")
                choices.focus()
