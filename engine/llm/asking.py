"""`Request`: one prompt to one model, within its budget, stopped when the model goes round in circles."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.cancel import CancelToken
from engine.llm.budget import Budget
from engine.llm.guard import LoopGuard
from engine.llm.provider import ChatModel, Final, Message, ModelError


class Unusable(ModelError):
    """The model answered, but not with anything that can be used."""


def unusable(model: ChatModel, reason: str) -> Unusable:
    """The error with its remedy."""
    return Unusable(f"The answer of {model.name} was not used: {reason}.", "A larger model does better: /model")


@dataclass(frozen=True, slots=True)
class Request:
    """What is the same for each try of one task."""

    model: ChatModel
    task: str
    max_tokens: int
    temperature: float
    cancel: CancelToken | None = None
    budget: Budget | None = None

    def pieces(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Generator[str, None, None]:
        """The answer's text without thoughts. Raises `ModelError` (Unusable when it loops) or `Cancelled`; always closes the stream."""
        if self.budget is not None:
            self.budget.admit(self.model, messages)
        guard = LoopGuard()
        final = Final()
        chunks = self.model.stream(messages, schema=schema, max_tokens=self.max_tokens, temperature=self.temperature, cancel=self.cancel)
        try:
            for chunk in chunks:
                if self.cancel is not None:
                    self.cancel.check()
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
