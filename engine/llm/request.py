"""`Request`: one prompt to one model, within its budget, stopped when the model goes round in circles."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engine.core.cancel import Cancelled, CancelToken
from engine.llm.budget import Budget
from engine.llm.chat_model import ChatModel, Final, Message, ModelError, ModelStalled
from engine.llm.checks.output_guard import LoopGuard


class Unusable(ModelError):
    """The model answered, but not with anything that can be used."""


def unusable(model: ChatModel, reason: str) -> Unusable:
    """The error with its remedy."""
    return Unusable(f"The answer of {model.name} was not used: {reason}.", "Try a larger model: /model")


class OutOfTime(ModelStalled):
    """The question's time was up; `kept` says whether what was written until then is good enough to keep."""

    kept: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What is the same for each try of one task."""

    model: ChatModel
    task: str
    max_tokens: int
    temperature: float
    cancel: CancelToken | None = None
    budget: Budget | None = None
    deadline: float | None = None
    """Of `time.monotonic()`; then the answer is given up as stalled."""

    def pieces(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Generator[str, None, None]:
        """The answer's text without thoughts. Raises `ModelError` (Unusable when it loops) or `Cancelled`; always closes the stream."""
        if self.budget is not None:
            self.budget.admit(self.model, messages)
        with self._deadline_token() as token:
            try:
                yield from self._chunks(messages, schema, token)
            except Cancelled:
                timed_out = token.cancelled and not (self.cancel is not None and self.cancel.cancelled)
                if not timed_out:
                    raise
                raise self._out_of_time() from None

    def _chunks(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, token: CancelToken) -> Generator[str, None, None]:
        guard = LoopGuard()
        final = Final()
        chunks = self.model.stream(messages, schema=schema, max_tokens=self.max_tokens, temperature=self.temperature, cancel=token)
        try:
            for chunk in chunks:
                token.check()
                if isinstance(chunk, Final):
                    final = chunk
                elif not chunk.thinking and chunk.text:
                    looping = guard.feed(chunk.text)
                    yield chunk.text
                    if looping:
                        raise unusable(self.model, "it repeated itself")
        finally:
            if isinstance(chunks, Generator):
                chunks.close()
            if self.budget is not None:
                self.budget.spend(self.task, self.model, messages, final)

    @contextmanager
    def _deadline_token(self) -> Iterator[CancelToken]:
        """A token that follows the caller's, and goes off by itself at the deadline."""
        token = CancelToken()
        unregister = self.cancel.on_cancel(lambda: token.cancel(self.cancel.reason if self.cancel else "")) if self.cancel else lambda: None
        timer: threading.Timer | None = None
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                unregister()
                raise self._out_of_time()
            timer = threading.Timer(left, token.cancel, ["out of time"])
            timer.daemon = True
            timer.name = f"deadline-{self.task}"
            timer.start()
        try:
            yield token
        finally:
            unregister()
            if timer is not None:
                timer.cancel()

    def _out_of_time(self) -> OutOfTime:
        return OutOfTime(
            f"{self.model.name} did not finish within this question's time limit.",
            "Choose a smaller model with /model, or raise the time limit in [budget].",
        )
