"""`Questions`: what is asked and run — questions, `!commands`, steering words — and the Runs that come of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.core.types import Steering, SteeringKind
from tui.app.controllers.terminal import Terminal
from tui.app.session import Session
from tui.style.text import count, cut, plain, plain_lines

if TYPE_CHECKING:
    from engine.core.run import Run
    from tui.panes.output import OutputPane
    from tui.panes.timeline import TimelinePane
    from tui.state.run_view import RunView

ABOUT_LINES = "What is wrong in this output?"
"""Asked about lines of an output when nothing else is asked."""
TITLE_SHOWN = 200
"""Cells of a command where lines of its output are spoken of."""


class Questions:
    """Begins Runs, steers those under way and stops them."""

    def __init__(self, session: Session, terminal: Terminal) -> None:
        self._session = session
        self._terminal = terminal

    def send(self, text: str) -> None:
        """Ask a question, or run a `!command`."""
        workspace, agent = self._session.workspace, self._session.agent
        if text.startswith("!"):
            command = text[1:].strip()
            if command:
                self.launch(text, lambda: agent.run_command(command))
                if workspace.narrow:
                    workspace.show("output", focus=False)
        else:
            if workspace.narrow and not workspace.maximised:
                workspace.show("chat", focus=False)
            self.launch(text, lambda: agent.ask(text))

    def launch(self, text: str, begin: Callable[[], Run]) -> None:
        """Begin a Run on a thread; the text of one that could not begin comes back into the prompt."""

        def failed(error: Exception) -> None:
            self._session.show_error(error)
            if not self._session.prompt.text:
                self._session.prompt.put(text)

        self._session.background.run(f"launch {text}", begin, self._begun, failed)

    def _begun(self, run: Run) -> None:
        if not run.finished:
            self._session.runs[run.id] = run

    def undo(self) -> None:
        """Propose the way back of the latest change."""
        self.launch("/undo", self._session.agent.undo)

    def draft_runbook(self) -> None:
        """Draft a runbook from the last diagnosis; it is shown and approved like a change."""
        self.launch("/runbook", self._session.agent.draft_runbook)

    def check_host(self, words: str = "") -> None:
        """Check this machine, the hosts named, or with `nodes` those of the cluster."""
        names = () if words == "nodes" else tuple(words.split())
        nodes = words == "nodes"
        self.launch(f"/host {words}".rstrip(), lambda: self._session.agent.check_host(*names, nodes=nodes))

    def grants(self, word: str = "") -> None:
        """Say which exact commands run without asking; `clear` takes them all back."""
        if word == "clear":
            self._session.agent.grants.clear()
            self._session.notify("all commands allowed for this session were revoked")
            return
        allowed = [f"{plain(context)}: {plain_lines(command)}" for context, command in self._session.agent.grants.list()]
        words = "\n".join(
            [*allowed, "/grants clear revokes them"] if allowed else ["nothing is allowed for this session; every change asks for approval"]
        )
        self._session.notify(words, title="allowed for this session" if allowed else "", timeout=15)

    def answer_block(self, what: str, text: str) -> None:
        """Run a command of an answer, bring it into the prompt, or copy it."""
        match what:
            case "run":
                self.send(f"!{text}")
            case "edit":
                self._session.prompt.put(f"!{text}")
            case _:
                self._terminal.copy(text)

    def edit_last(self) -> None:
        """Bring the last question back into the prompt."""
        entries = [entry for entry in self._session.prompt.past.entries if not entry.startswith(("/", ":"))]
        if entries:
            self._session.prompt.put(entries[-1])

    def start(self, number: int) -> bool:
        """Ask one of the welcome page's questions; False when there is none of that number."""
        starts = self._session.workspace.chat.starts
        if not 1 <= number <= len(starts):
            return False
        self.send(starts[number - 1])
        return True

    # stopping

    def copy_or_stop(self) -> None:
        """ctrl+c: copy what is selected; else stop the command; never leave."""
        from textual.widgets import Input, TextArea

        app = self._session.app
        selected = app.screen.get_selected_text()
        focused = app.focused
        if not selected and isinstance(focused, TextArea | Input):
            selected = focused.selected_text
        running = self._session.running
        if selected:
            self._terminal.copy(selected)
            app.screen.clear_selection()
        elif running:
            typed = [view for view in running if view.query.startswith("!") or not view.tier]
            self.stop("stopped with ctrl+c", typed or running)
        else:
            self._session.notify("nothing selected and nothing running; ^q quits")

    def stop(self, why: str, views: list[RunView] | None = None) -> None:
        """Stop Runs (None: all of them); what they found stays."""
        session = self._session
        for view in views if views is not None else session.running:
            run = session.runs.get(view.id)
            if run is not None:
                session.background.run(f"stop-{view.id}", lambda run=run: run.cancel(why), lambda _: None, session.show_error)  # type: ignore[misc]

    # output

    def ask_about(self, event: OutputPane.Offered) -> None:
        """Lines of an output: evidence for the investigation under way, or what a question is about."""
        lines, title = count(event.lines.count("\n") + 1, "line"), cut(event.title, TITLE_SHOWN)
        if self._session.current is not None and self._session.current.running and self._session.current.tier == "troubleshooting":
            self.steer(Steering("evidence", text=event.lines, source=event.title))
            self._session.notify(f"{lines} of {title} added as evidence")
            return
        from tui.screens.dialogs.base import Line

        def asked(question: str | None) -> None:
            if question is not None:
                text = question or ABOUT_LINES
                self.launch(text, lambda: self._session.agent.ask(text, attachment=event.lines))

        self._session.open(Line(f"Ask about {lines} of {title}", "ask", value=ABOUT_LINES, hint="a question"), asked)

    # steering

    def steer(self, steering: Steering, run: str = "") -> None:
        """Say something into the investigation under way, or go on with the latest one."""
        view = self._session.views.get(run) if run else self._session.current
        known = view.hypotheses if view is not None else {}
        if steering.kind in ("pin", "unpin", "refute", "retry") and steering.hypothesis not in known:
            names = ", ".join(known) or "none yet"
            self._session.notify(f"no hypothesis {plain(steering.hypothesis) or 'selected'}; known: {names}", warning=True)
        else:
            self._session.background.run(
                f"steer {steering}", lambda: self._session.agent.steer(steering), self._begun, self._session.show_error
            )

    def add_hypothesis(self, words: str) -> None:
        """A hypothesis of the person's own; without words, the prompt is made ready for one."""
        if words:
            self.steer(Steering("hypothesis", text=words))
        else:
            self._session.prompt.put("/hypothesis ")

    def add_evidence(self, words: str) -> None:
        """A text, or the file that it names, which is read off the screen's thread."""
        if not words:
            self._session.prompt.put("/evidence ")
            return
        from engine.language.steering import evidence

        self._session.background.run(
            f"evidence {words[:40]}", lambda: self._session.agent.steer(evidence(words)), self._begun, self._session.show_error
        )

    def steer_by_word(self, kind: SteeringKind, words: str) -> None:
        """`/pin H2`, `/refute H1 REASON`, `/retry H3`; without an id, the hypothesis under the timeline's cursor."""
        if not words:
            self._session.workspace.timeline.action_steer(kind)
            return
        id, _, reason = words.partition(" ")
        self.steer(self._toggled(Steering(kind, hypothesis=id.upper(), text=reason.strip()), self._session.current))

    @staticmethod
    def _toggled(steering: Steering, view: RunView | None) -> Steering:
        """Pinning what is pinned lets it go."""
        known = view.hypotheses.get(steering.hypothesis) if view is not None else None
        return dataclasses.replace(steering, kind="unpin") if steering.kind == "pin" and known is not None and known.pinned else steering

    def steer_from_timeline(self, event: TimelinePane.Steered) -> None:
        """A key in the timeline; a refutation asks for its reason."""
        view = self._session.views.get(event.run)
        steering = self._toggled(Steering(event.what, hypothesis=event.hypothesis), view)
        if event.what in ("hypothesis", "evidence"):
            self._session.prompt.put(f"/{event.what} ")
        elif event.what == "refute" and view is not None and event.hypothesis:
            from tui.screens.dialogs.base import Line

            def said(reason: str | None) -> None:
                if reason is not None:
                    self.steer(dataclasses.replace(steering, text=reason), event.run)

            self._session.open(Line(f"Refute {plain(event.hypothesis)}: why?", "refute", hint="reason (optional)"), said)
        else:
            self.steer(steering, event.run)
