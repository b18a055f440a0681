"""`Runs`: the Runs that clients started — how many at a time, which of their approvals and choices wait, and stopping them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.agent.agent import Busy
from engine.api.problem import Problem
from engine.core.events import ENDINGS, ApprovalAnswered, ApprovalRequested, ChoiceAnswered, ChoiceRequested, Event
from engine.core.run import Run
from engine.core.types import ApprovalRequest, ChoiceRequest, Decision

RUNS_REMEMBERED = 200
"""Ended Runs that are remembered, so that a late answer is refused with the reason."""
BY = "api"


@dataclass(slots=True)
class RunState:
    """One Run as its events went; `run` is None once it has ended."""

    id: str
    run: Run | None
    approvals: dict[str, ApprovalRequest] = field(default_factory=dict)
    choices: dict[str, ChoiceRequest] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)

    def on_event(self, event: Event) -> None:
        """Take in one event, on the Run's thread."""
        match event:
            case ApprovalRequested():
                self.approvals[event.request.id] = event.request
            case ApprovalAnswered():
                self.settled[event.id] = f"{event.decision.kind} by {event.decision.by}"
            case ChoiceRequested():
                self.choices[event.request.id] = event.request
            case ChoiceAnswered():
                self.settled[event.id] = f"{event.choice or 'none'} by {event.by}"
            case _ if isinstance(event, ENDINGS):
                self.run = None


class Runs:
    """The table of Runs; safe from any thread."""

    def __init__(self, max_runs: int) -> None:
        self._max_runs = max_runs
        self._lock = threading.Lock()
        self._states: OrderedDict[str, RunState] = OrderedDict()
        self._stopping = False

    def begin(self, start: Callable[[], Run]) -> Run:
        """Start a Run if there is room; raises Problem (429) when there is none."""
        with self._lock:
            if self._stopping:
                raise Problem(503, "the server is stopping", "", "start it again")
            running = sum(state.run is not None for state in self._states.values())
            if running >= self._max_runs:
                raise Problem(
                    429,
                    f"{running} questions are running",
                    f"at most {self._max_runs} at a time",
                    "try again when one has ended, or raise [api] max_runs",
                    {"retry-after": "2"},
                )
            try:
                run = start()
            except Busy as error:
                raise Problem(503, "no more questions are accepted", str(error), "start the server again") from error
            state = self._states[run.id] = RunState(run.id, run)
            while len(self._states) > RUNS_REMEMBERED and next(iter(self._states.values())).run is None:
                self._states.popitem(last=False)
        run.subscribe(state.on_event)
        return run

    def answer(self, run: str, id: str, decision: Decision) -> str:
        """Settle an approval; what was decided. Raises Problem when it is unknown, no longer waits, or lacks what it needs."""
        state = self._find(run)
        request = state.approvals.get(id)
        if request is None:
            raise _unknown(f"approval {id}", run)
        if decision.kind == "approve" and request.typed_name not in ("", decision.typed) and id not in state.settled:
            why = f"{request.command} is {request.verdict.risk}, so its name must be typed"
            raise Problem(422, "the name was not typed", why, f"send it in `typed`: {request.typed_name}")
        running = state.run
        if running is None or not running.answer(id, decision):
            raise _already_settled(f"approval {id}", state, id)
        return decision.kind

    def pick(self, run: str, id: str, choice: str) -> str:
        """Settle a choice; what was chosen. Raises Problem like `answer`."""
        state = self._find(run)
        request = state.choices.get(id)
        if request is None:
            raise _unknown(f"choice {id}", run)
        known = [each.id for each in request.choices]
        if choice and choice not in known:
            raise Problem(
                422, f"choice {id} has no {choice!r}", f"it offers {', '.join(known)}", "send one of these, or an empty text for none"
            )
        running = state.run
        if running is None or not running.pick(id, choice, by=BY):
            raise _already_settled(f"choice {id}", state, id)
        return choice

    def cancel(self, run: str) -> bool:
        """Stop a Run; False when it had ended. Raises Problem when it is unknown."""
        running = self._find(run).run
        if running is not None:
            running.cancel("stopped through the API")
        return running is not None

    def stop(self) -> None:
        """Stop all Runs and begin no new one."""
        with self._lock:
            self._stopping = True
            running = [state.run for state in self._states.values() if state.run is not None]
        for run in running:
            run.cancel("the server is stopping")

    def _find(self, run: str) -> RunState:
        with self._lock:
            state = self._states.get(run)
        if state is None:
            raise _unknown("run", run)
        return state


def _unknown(what: str, run: str) -> Problem:
    words = f"no run {run!r}" if what == "run" else f"no {what} in run {run!r}"
    return Problem(404, words, "it never existed, or it ended long ago", "take `run` and `id` from the event stream")


def _already_settled(what: str, state: RunState, id: str) -> Problem:
    how = state.settled.get(id)
    why = f"it was settled: {how}" if how else "it was settled, or its run is ending"
    return Problem(409, f"{what} is no longer pending", why, "ask the question again")
