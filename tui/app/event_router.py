"""`EventRouter`: folds a frame's events into what the panes show, within a time budget, and shows it once."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
    from tui.app.app import K8sAgentApp

BUDGET = 0.008
"""Seconds of folding in one frame; what is left comes with the next."""


class EventRouter:
    """Events in, panes told; on the screen's thread alone."""

    def __init__(self, app: K8sAgentApp) -> None:
        self._app = app

    def deliver(self, events: list[Event]) -> int:
        """Take as many events as the budget allows, at least one; returns how many."""
        app = self._app
        now = app.clock()
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
                app.header.show(app.agent.status)
                if event.state == "asks":
                    app.ask_about_host(event.name, event.host)
            elif isinstance(event, ContextChanged):
                app.header.show(app.agent.status)
                app.recent = app.recent or app.places.of(event.context)
                app.reading.place_changed()
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
            app.header.show(app.agent.status)
            app.reading.pull()
        if lines:
            app.workspace.output.output(lines)
        for view in touched.values():
            app.workspace.chat.update(view.id, now)
        if app.current is not None and app.current.id in touched:
            app.workspace.timeline.show(app.current, now)
        app.say_what_runs()
        app.ask_next()
        return taken

    def _other(self, event: Event, lines: list[CommandOutput]) -> list[CommandOutput]:
        """An event that is no output; returns the lines that still wait to be shown."""
        app = self._app
        match event:
            case CommandStarted():
                app.workspace.output.started(event)
            case CommandFinished():
                app.workspace.output.output(lines)
                app.workspace.output.finished(event)
                return []
            case ApprovalRequested():
                app.approvals.add(event.run, event.request)
                app.attention("approval needed")
            case ChoiceRequested():
                app.approvals.add(event.run, event.request)
                app.attention("a choice is yours")
            case ApprovalAnswered() | ChoiceAnswered():
                if app.approvals.settled(event.run, event.id) and app.asking:
                    app.screen.dismiss(None)
            case _:
                pass
        return lines

    def replay(self, events: Sequence[Event]) -> None:
        """Show what a saved session holds: its questions as they ended, the last one in the timeline; nothing is asked or announced.

        A question without an end (the program was killed) was stopped there.
        """
        app = self._app
        now = app.clock()
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
                    app.workspace.output.started(event)
                case CommandOutput():
                    app.workspace.output.output([event])
                case CommandFinished():
                    app.workspace.output.finished(event)
        for view in views.values():
            if view.running:
                view.fold(RunCancelled(reason="the session ended here"), now)
            app.views[view.id] = app.current = view
            app.workspace.chat.begin(view, now)
            app.workspace.chat.update(view.id, now)
            app.workspace.chat.turns[view.id].finish(now)
        app.workspace.timeline.show(app.current, now)

    def view_of(self, event: Event, now: float) -> RunView:
        """The Run's view, made when the screen first hears of it."""
        app = self._app
        if event.run not in app.views:
            view = app.views[event.run] = RunView(event.run, event.query if isinstance(event, QueryReceived) else "", began=now)
            app.workspace.chat.begin(view, now)
            if app.current is None or not app.current.running or not view.query.startswith(("!", "kubectl ")):
                app.current = view
            app.header.show(app.agent.status)
        return app.views[event.run]

    def _ended(self, view: RunView, now: float) -> None:
        app = self._app
        app.workspace.chat.turns[view.id].finish(now)
        app.runs.pop(view.id, None)
        app.header.show(app.agent.status)
        app.run_ended({"answered": "answered", "failed": "could not finish"}.get(view.outcome, f"ended: {view.outcome}"))
        app.reading.pull()
