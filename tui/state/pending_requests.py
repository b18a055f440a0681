"""What is asked now, an approval or a choice: one dialog at a time, and none while the person is typing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.core.types import ApprovalRequest, ChoiceRequest

TYPING_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A request and the Run that waits for it."""

    run: str
    request: ApprovalRequest | ChoiceRequest


class PendingRequests:
    """Requests in the order they came; `next` gives one when no dialog is open and typing has paused."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: deque[Pending] = deque()
        self._typed = float("-inf")
        self.open: Pending | None = None

    def typed(self) -> None:
        """A key was pressed in the prompt."""
        self._typed = self._clock()

    def add(self, run: str, request: ApprovalRequest | ChoiceRequest) -> None:
        """A Run asks."""
        self._waiting.append(Pending(run, request))

    def settled(self, run: str, id: str) -> bool:
        """The request was answered by other means (stopped, expired); True when its dialog is open."""
        self._waiting = deque(p for p in self._waiting if not (p.run == run and p.request.id == id))
        return self.open is not None and self.open.run == run and self.open.request.id == id

    def closed(self) -> None:
        """The dialog is gone."""
        self.open = None

    def next(self) -> Pending | None:
        """The request whose dialog is to be opened now, or None."""
        if self.open is not None or not self._waiting or self._clock() - self._typed < TYPING_PAUSE:
            return None
        self.open = self._waiting.popleft()
        return self.open

    def drain(self) -> list[Pending]:
        """All requests still unanswered, the open one included; the queue is empty afterwards."""
        rest = [*([self.open] if self.open else []), *self._waiting]
        self.open = None
        self._waiting.clear()
        return rest

    @property
    def waiting(self) -> bool:
        """Whether a request waits for its dialog."""
        return bool(self._waiting)
