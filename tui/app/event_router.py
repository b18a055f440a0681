"""`EventRouter`: folds a frame's events into what the panes show, within a time budget, and shows it once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.core.events import (
    ApprovalAnswered,
    ApprovalRequested,
    ChoiceAnswered,
    ChoiceRequested,
    ClusterChanged,
    CommandFinished,
    CommandOutput,
    CommandStarted,
    ContextChanged,
    Event,
    ModelChanged,
    QueryReceived,
    RunCancelled,
)
from tui.state.run_view import RunView

if TYPE_CHECKING:
    from tui.app.cluster_feed import ClusterFeed
    from tui.app.controllers.requests import Requests
    from tui.app.controllers.terminal import Terminal
    from tui.app.session import Session

BUDGET = 0.008
"""Seconds of folding in one frame; what is left comes with the next."""


class EventRouter:
    """Hands events to the panes; on the screen's thread alone."""

    def __init__(
        self,
        session: Session,
        feed: ClusterFeed,
        requests: Requests,
        terminal: Terminal,
        ask_about_host: Callable[[str, str], None],
        status: Callable[[], None],
    ) -> None:
        """`ask_about_host` gets a model and the other machine that serves it; `status` says anew what runs, after each frame's events."""
        self._session = session
        self._feed = feed
        self._requests = requests
        self._terminal = terminal
        self._ask_about_host = ask_about_host
        self._status = status

    def deliver(self, events: list[Event]) -> int:
        """Take as many events as the budget allows, at least one; returns how many."""
        session = self._session
        now = session.clock()
        until = time.perf_counter() + BUDGET
        touched: dict[str, RunView] = {}
        lines: list[CommandOutput] = []
        taken = 0
        changed = False
        for event in events:
            taken += 1
            if isinstance(event, ClusterChanged):
                changed = True
            elif isinstance(event, ModelChanged):
                session.header.show(session.agent.status)
                if event.state == "asks":
                    self._ask_about_host(event.name, event.host)
            elif isinstance(event, ContextChanged):
                session.header.show(session.agent.status)
                session.recent = session.recent or session.namespaces.of(event.context)
                self._feed.place_changed()
            else:
                view = self.view_of(event, now)
                was_running = view.running
                view.fold(event, now)
                touched[view.id] = view
                if isinstance(event, CommandOutput):
                    lines.append(event)
                else:
                    lines = self._other(event, lines)
                if was_running and not view.running:
                    self._ended(view, now)
            if time.perf_counter() > until:
                break
        if changed:
            session.header.show(session.agent.status)
            self._feed.pull()
        if lines:
            session.workspace.output.output(lines)
        for view in touched.values():
            session.workspace.chat.update(view.id, now)
        if session.current is not None and session.current.id in touched:
            session.workspace.timeline.show(session.current, now)
        self._status()
        self._requests.open_next()
        return taken

    def _other(self, event: Event, lines: list[CommandOutput]) -> list[CommandOutput]:
        """An event that is no output; returns the lines that still wait to be shown."""
        session = self._session
        match event:
            case CommandStarted():
                session.workspace.output.started(event)
            case CommandFinished():
                session.workspace.output.output(lines)
                session.workspace.output.finished(event)
                return []
            case ApprovalRequested():
                session.pending.add(event.run, event.request)
                self._terminal.call_attention("approval needed")
            case ChoiceRequested():
                session.pending.add(event.run, event.request)
                self._terminal.call_attention("your choice is needed")
            case ApprovalAnswered() | ChoiceAnswered():
                self._requests.settled(event.run, event.id)
            case _:
                pass
        return lines

    def replay(self, events: Sequence[Event]) -> None:
        """Show what a saved session holds: its questions as they ended, the last one in the timeline; nothing is asked or announced.

        A question without an end (the program was killed) was stopped there.
        """
        session = self._session
        now = session.clock()
        newest = events[-1].at if events else 0.0
        views: dict[str, RunView] = {}
        for event in events:
            if not event.run:
                continue
            at = now - (newest - event.at)
            view = views.setdefault(event.run, RunView(event.run, began=at))
            view.fold(event, at)
            match event:
                case CommandStarted():
                    session.workspace.output.started(event)
                case CommandOutput():
                    session.workspace.output.output([event])
                case CommandFinished():
                    session.workspace.output.finished(event)
        for view in views.values():
            if view.running:
                view.fold(RunCancelled(reason="the session ended here"), now)
            session.views[view.id] = session.current = view
            session.workspace.chat.begin(view, now)
            session.workspace.chat.update(view.id, now)
            session.workspace.chat.turns[view.id].finish(now)
        session.workspace.timeline.show(session.current, now)

    def view_of(self, event: Event, now: float) -> RunView:
        """The Run's view, made when the screen first hears of it."""
        session = self._session
        if event.run not in session.views:
            view = session.views[event.run] = RunView(event.run, event.query if isinstance(event, QueryReceived) else "", began=now)
            session.workspace.chat.begin(view, now)
            if session.current is None or not session.current.running or not view.query.startswith(("!", "kubectl ")):
                session.current = view
            session.header.show(session.agent.status)
        return session.views[event.run]

    def _ended(self, view: RunView, now: float) -> None:
        session = self._session
        session.workspace.chat.turns[view.id].finish(now)
        session.runs.pop(view.id, None)
        session.header.show(session.agent.status)
        self._terminal.run_ended({"answered": "answered", "failed": "failed"}.get(view.outcome, f"ended: {view.outcome}"))
        self._feed.pull()
