"""`Run`: one question being worked on, on a thread of its own; its event stream, `cancel()`, `answer()`, `pick()` and `steer()`."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from engine.core.cancel import Cancelled, CancelToken
from engine.core.events import (
    ENDINGS,
    ApprovalAnswered,
    ApprovalRequested,
    ChoiceAnswered,
    ChoiceRequested,
    Event,
    RunCancelled,
    RunFailed,
    RunFinished,
    Steered,
)
from engine.core.log import log_hint
from engine.core.types import ApprovalRequest, ChoiceRequest, Decision, Steering

Emit = Callable[[Event], None]
Ask = Callable[[ApprovalRequest], Decision]
Choose = Callable[[ChoiceRequest], str]
Work = Callable[["Run"], str]
Answered = TypeVar("Answered")

NOBODY = "nobody"
"""Who picks where no person can be asked: nothing was chosen, which is not the same as none of them."""

_log = logging.getLogger(__name__)


class FlowError(Exception):
    """A flow failed; `what` names what failed (`cluster`, `model`, `kubectl`, `engine`)."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


@dataclasses.dataclass(eq=False, slots=True)
class _Subscriber:
    """A listener and how many of the Run's events it was handed."""

    listener: Emit
    seen: int = 0


class Run:
    """One question from start to end.

    `work(run)` is called on a daemon thread and returns the outcome; it reports through `run.emit`. Listeners are called on a thread that
    emits, one event at a time, in order and under no lock: they may answer, steer or emit, and must not block. Every Run ends with exactly
    one of RunFinished, RunCancelled, RunFailed.
    """

    def __init__(self, id: str, work: Work, scrub: Callable[[Event], Event] | None = None) -> None:
        """`scrub` takes secrets out of each event before a listener gets it."""
        self.id = id
        self._scrub = scrub
        self.token = CancelToken()
        self._work = work
        self._lock = threading.Lock()
        self._seq = itertools.count(1)
        self._history: list[Event] = []
        self._subscribers: list[_Subscriber] = []
        self._deliverer: int | None = None
        """The thread that hands out events at the moment; others leave theirs to it."""
        self._delivered = threading.Condition(self._lock)
        self._approvals: dict[str, queue.SimpleQueue[Decision]] = {}
        self._choices: dict[str, tuple[ChoiceRequest, queue.SimpleQueue[ChoiceAnswered]]] = {}
        self._steering: deque[Steering] = deque()
        self._steerable = True
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"run-{id}", daemon=True)

    def start(self) -> Run:
        """Begin; returns itself."""
        self._thread.start()
        return self

    def subscribe(self, listener: Emit) -> Callable[[], None]:
        """Get every event, those that were already emitted first; returns a function that unsubscribes."""
        subscriber = _Subscriber(listener)
        with self._lock:
            self._subscribers.append(subscriber)
        self._deliver()

        def unsubscribe() -> None:
            with self._lock:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return unsubscribe

    def events(self) -> Iterator[Event]:
        """All events from the first to the ending one, blocking between them."""
        inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        unsubscribe = self.subscribe(inbox.put)
        try:
            while True:
                event = inbox.get()
                yield event
                if isinstance(event, ENDINGS):
                    return
        finally:
            unsubscribe()

    def emit(self, event: Event) -> None:
        """Stamp an event and hand it to all listeners; after the ending nothing is emitted any more."""
        if self._scrub is not None:
            event = self._scrub(event)
        with self._lock:
            if self._done.is_set():
                return
            event = dataclasses.replace(event, run=self.id, seq=next(self._seq), at=time.time())
            self._history.append(event)
            if isinstance(event, ENDINGS):
                self._done.set()
        self._deliver()

    def _deliver(self) -> None:
        """Hand out what no listener got yet; where another thread is at it, that one does."""
        with self._lock:
            if self._deliverer is not None:
                return
            self._deliverer = threading.get_ident()
        while True:
            with self._lock:
                subscriber = next((s for s in self._subscribers if s.seen < len(self._history)), None)
                if subscriber is None:
                    self._deliverer = None
                    self._delivered.notify_all()
                    return
                event = self._history[subscriber.seen]
                subscriber.seen += 1
            try:
                subscriber.listener(event)
            except Exception:  # noqa: BLE001 — one listener that fails must not end the question, nor keep the event from the others
                _log.exception("a listener of run %s failed on %s", self.id, type(event).__name__)

    def ask(self, request: ApprovalRequest) -> Decision:
        """Emit the request and wait for `answer`; cancel and expiry mean reject."""
        inbox: queue.SimpleQueue[Decision] = queue.SimpleQueue()
        with self._lock:
            self._approvals[request.id] = inbox
        try:
            decision = self._wait_for(
                inbox,
                ApprovalRequested(request=request),
                request.expires_at,
                cancelled=Decision("reject", reason="the question was stopped", by="cancel"),
                expired=Decision("reject", reason="nobody answered in time", by="expiry"),
            )
        finally:
            with self._lock:
                self._approvals.pop(request.id, None)
        self.emit(ApprovalAnswered(id=request.id, decision=decision))
        self.token.check()
        return decision

    def answer(self, id: str, decision: Decision) -> bool:
        """Settle a pending approval; False when it is not (or no longer) pending."""
        with self._lock:
            inbox = self._approvals.pop(id, None)
        if inbox is None:
            return False
        inbox.put(decision)
        return True

    def choose(self, request: ChoiceRequest) -> str | None:
        """Emit the request and wait for `pick`: the chosen id, "" when nobody chose in time, None when somebody said none of them."""
        inbox: queue.SimpleQueue[ChoiceAnswered] = queue.SimpleQueue()
        with self._lock:
            self._choices[request.id] = (request, inbox)
        try:
            answered = self._wait_for(
                inbox,
                ChoiceRequested(request=request),
                request.expires_at,
                cancelled=ChoiceAnswered(id=request.id, by="cancel"),
                expired=ChoiceAnswered(id=request.id, by="expiry"),
            )
        finally:
            with self._lock:
                self._choices.pop(request.id, None)
        self.emit(answered)
        self.token.check()
        return answered.choice if answered.choice or answered.by in ("expiry", NOBODY) else None

    def pick(self, id: str, choice: str, by: str = "key") -> bool:
        """Settle a pending choice ("" = none of them); False when it is not pending or has no such choice."""
        with self._lock:
            request, inbox = self._choices.get(id, (None, None))
            if request is None or inbox is None or (choice and choice not in {c.id for c in request.choices}):
                return False
            del self._choices[id]
        inbox.put(ChoiceAnswered(id=id, choice=choice, by=by))
        return True

    def steer(self, steering: Steering) -> bool:
        """Steer the running investigation; False when it has ended or is about to."""
        with self._lock:
            if not self._steerable or self._done.is_set():
                return False
            self._steering.append(steering)
        self.emit(Steered(steering=steering))
        return True

    def steering(self) -> list[Steering]:
        """What was said since the last call, oldest first; a flow asks for it between its steps."""
        with self._lock:
            pending = list(self._steering)
            self._steering.clear()
        return pending

    def last_steering(self) -> list[Steering]:
        """The same before the end: when nothing was said, nothing is taken any more, so that no word is accepted and then lost."""
        with self._lock:
            self._steerable = bool(self._steering)
        return self.steering()

    def cancel(self, reason: str = "stopped by the user") -> None:
        """Stop: pending approvals become no, processes and model streams end; returns at once."""
        self.token.cancel(reason)

    @property
    def finished(self) -> bool:
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the Run's thread ended and its listeners have every event; False on time-out."""
        end = None if timeout is None else time.monotonic() + timeout
        if self._thread.ident is not None:
            self._thread.join(timeout)
        with self._delivered:
            left = None if end is None else max(end - time.monotonic(), 0.0)
            quiet = self._delivered.wait_for(lambda: self._deliverer in (None, threading.get_ident()), left)
        return quiet and not self._thread.is_alive()

    def _wait_for(
        self, inbox: queue.SimpleQueue[Answered], request: Event, expires_at: float, *, cancelled: Answered, expired: Answered
    ) -> Answered:
        """Emit a request and wait for its answer; cancel and expiry have answers of their own."""
        unsubscribe = self.token.on_cancel(lambda: inbox.put(cancelled))
        try:
            self.emit(request)
            left = expires_at - time.time() if expires_at else None
            return inbox.get(timeout=max(left, 0.0) if left is not None else None)
        except queue.Empty:
            return expired
        finally:
            unsubscribe()

    def _main(self) -> None:
        try:
            outcome = self._work(self)
            self.token.check()
            _log.info("run %s: %s", self.id, outcome)
            self.emit(RunFinished(outcome=outcome))
        except Cancelled as stop:
            _log.info("run %s was stopped: %s", self.id, stop)
            self.emit(RunCancelled(reason=str(stop) or "stopped"))
        except FlowError as error:
            _log.warning("run %s cannot go on: %s: %s", self.id, error.what, error)
            self.emit(RunFailed(what=error.what, error=str(error)))
        except Exception as error:  # noqa: BLE001 — the stream must always end, and a defect must be shown, not swallowed
            if self.token.cancelled:
                self.emit(RunCancelled(reason=self.token.reason))
            else:
                _log.exception("run %s failed", self.id)
                self.emit(RunFailed(what="engine", error=f"{type(error).__name__}: {error}{log_hint()}"))
