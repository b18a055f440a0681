"""`AskingApp`: what is sent from the prompt — questions, `/words`, `:words` and `!commands` — and the Runs that come of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.core.types import Steering, SteeringKind
from tui.actions.command_bar import Jump, jump_of, nearest
from tui.actions.table import SLASH
from tui.app.places import PlaceApp
from tui.style.text import count, cut, plain, plain_lines

if TYPE_CHECKING:
    from engine.core.run import Run
    from tui.app.workspace import Workspace
    from tui.panes.output import OutputPane
    from tui.panes.timeline import TimelinePane
    from tui.state.pending_requests import ApprovalQueue
    from tui.state.run_view import RunView
    from tui.widgets.input.prompt import Prompt

ABOUT_LINES = "what is wrong in this output?"
"""Asked about lines of an output where nothing else is said."""
TITLE_SHOWN = 200
"""Cells of a command where lines of its output are spoken of."""


class AskingApp(PlaceApp):
    """Begins Runs and knows those under way."""

    approvals: ApprovalQueue
    workspace: Workspace
    prompt: Prompt

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, Run] = {}
        self.current: RunView | None = None
        self.with_argument |= {
            "grants": self._grants,
            "host": self._host,
            "pin": lambda words: self._steer_by_word("pin", words),
            "refute": lambda words: self._steer_by_word("refute", words),
            "retry": lambda words: self._steer_by_word("retry", words),
            "hypothesis": lambda words: self.steer(Steering("hypothesis", text=words)),
            "evidence-add": self._give_evidence,
        }

    def send(self, text: str) -> None:
        """A question, a `/word`, a `:word` or a `!command`."""
        if text.startswith("!"):
            command = text[1:].strip()
            if command:
                self.launch(text, lambda: self.agent.run_command(command))
                if self.workspace.narrow:
                    self.workspace.show("output", focus=False)
        elif text.startswith(("/", ":")):
            self._word(text)
        else:
            if self.workspace.narrow and not self.workspace.maximised:
                self.workspace.show("chat", focus=False)
            self.launch(text, lambda: self.agent.ask(text))

    def launch(self, text: str, begin: Callable[[], Run]) -> None:
        """Begin a Run on a thread; the text of one that could not begin comes back into the prompt."""

        def failed(error: Exception) -> None:
            self.tell_error(error)
            if not self.prompt.text:
                self.prompt.put(text)

        self.background.run(f"launch {text}", begin, self._begun, failed)

    def _begun(self, run: Run) -> None:
        if not run.finished:
            self.runs[run.id] = run

    def _word(self, text: str) -> None:
        word, argument = (*text[1:].strip().split(maxsplit=1), "", "")[:2]
        bar = text.startswith(":")
        if bar and (jump := jump_of(text)) is not None:
            self._jump(jump)
            return
        action = SLASH.get(word)
        if action is None:
            sign, near = text[0], nearest(word, bar=bar)
            self.notify(f"there is no {sign}{plain(word)}; did you mean {sign}{near}? /help lists all", severity="warning", markup=False)
            return
        taken = self.with_argument.get(action.id)
        if not (argument and taken is not None and taken(argument)):
            self.call_later(self.run_action, action.run)

    def _jump(self, jump: Jump) -> None:
        if jump.context and jump.context != self.agent.status.context:
            self.use_context(jump.context)
        if jump.namespace is not None and jump.namespace != self.agent.status.namespace:
            self.use_namespace(jump.namespace)
        self.workspace.cluster.turn_to(jump.tab, jump.needle)
        self.workspace.show("cluster")

    def action_undo(self) -> None:
        """Propose the way back of the latest change."""
        self.launch("/undo", self.agent.undo)

    def action_check_host(self) -> None:
        """Look at the machine that this session runs on."""
        self.launch("/host", self.agent.check_host)

    def _host(self, argument: str) -> bool:
        names = () if argument == "nodes" else tuple(argument.split())
        self.launch(f"/host {argument}", lambda: self.agent.check_host(*names, nodes=not names))
        return True

    def action_grants(self) -> None:
        """Say which exact commands run without asking, and how to take that back."""
        allowed = [f"{plain(context)}: {plain_lines(command)}" for context, command in self.agent.grants.list()]
        words = "\n".join(
            [*allowed, "/grants clear takes them back"] if allowed else ["nothing is allowed for this session: every change asks"]
        )
        self.notify(words, title="allowed for this session" if allowed else "", timeout=15, markup=False)

    def _grants(self, argument: str) -> bool:
        if argument != "clear":
            return False
        self.agent.grants.clear()
        self.notify("nothing is allowed for this session any more", markup=False)
        return True

    # output

    def on_output_pane_offered(self, event: OutputPane.Offered) -> None:
        """Lines of an output: evidence for the investigation under way, or what a question is about."""
        lines, title = count(event.lines.count("\n") + 1, "line"), cut(event.title, TITLE_SHOWN)
        if self.current is not None and self.current.running and self.current.tier == "troubleshooting":
            self.steer(Steering("evidence", text=event.lines, source=event.title))
            self.notify(f"{lines} of {title} are evidence now", markup=False)
            return
        from tui.screens.dialogs.base import Line

        def asked(question: str | None) -> None:
            if question is not None:
                text = question or ABOUT_LINES
                self.launch(text, lambda: self.agent.ask(text, attachment=event.lines))

        self.push_screen(Line(f"Ask about {lines} of {title}", "ask", value=ABOUT_LINES, hint="a question"), asked)

    # steering

    def steer(self, steering: Steering, run: str = "") -> bool:
        """Say something into the investigation under way, or go on with the latest one; always True, since it is told why not."""
        view = self.views.get(run) if run else self.current
        known = view.hypotheses if view is not None else {}
        if steering.kind in ("pin", "unpin", "refute", "retry") and steering.hypothesis not in known:
            names = ", ".join(known) or "none yet"
            self.notify(
                f"there is no hypothesis {plain(steering.hypothesis) or 'here'}; known are: {names}", severity="warning", markup=False
            )
        else:
            self.background.run(f"steer {steering}", lambda: self.agent.steer(steering), self._begun, self.tell_error)
        return True

    def _give_evidence(self, words: str) -> bool:
        """A text, or the file that it names, which is read off the screen's thread."""
        from engine.language.steering import evidence

        self.background.run(f"evidence {words[:40]}", lambda: self.agent.steer(evidence(words)), self._begun, self.tell_error)
        return True

    def _steer_by_word(self, kind: SteeringKind, words: str) -> bool:
        id, _, reason = words.partition(" ")
        return self.steer(self._toggled(Steering(kind, hypothesis=id.upper(), text=reason.strip()), self.current))

    @staticmethod
    def _toggled(steering: Steering, view: RunView | None) -> Steering:
        """Pinning what is pinned lets it go."""
        known = view.hypotheses.get(steering.hypothesis) if view is not None else None
        return dataclasses.replace(steering, kind="unpin") if steering.kind == "pin" and known is not None and known.pinned else steering

    def action_steer(self, what: SteeringKind) -> None:
        """A steering word without its argument means the hypothesis under the timeline's cursor."""
        self.workspace.timeline.action_steer(what)

    def on_timeline_pane_steered(self, event: TimelinePane.Steered) -> None:
        """A key in the timeline; a refutation asks for its reason."""
        view = self.views.get(event.run)
        steering = self._toggled(Steering(event.what, hypothesis=event.hypothesis), view)
        if event.what in ("hypothesis", "evidence"):
            self.prompt.put(f"/{event.what} ")
        elif event.what == "refute" and view is not None and event.hypothesis:
            from tui.screens.dialogs.base import Line

            def said(reason: str | None) -> None:
                if reason is not None:
                    self.steer(dataclasses.replace(steering, text=reason), event.run)

            self.push_screen(Line(f"Refute {plain(event.hypothesis)}: why?", "refute", hint="a reason, or nothing"), said)
        else:
            self.steer(steering, event.run)
