"""What a question may spend on a model: tokens estimated before, counted after, and a ledger of what they went for."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from engine.llm.chat_model import ChatModel, Final, Message, ModelError

QUESTION_TOKENS = 6000
"""Prompt tokens of one whole troubleshooting question."""
_PER_MESSAGE = 8
_WORDS = re.compile(r"[A-Za-z]+|\d|\s{2,}|[^\sA-Za-z\d]")


def estimate(text: str) -> int:
    """Tokens of a text, rather too many than too few: one for each six letters of a word, each digit, each sign and each run of blanks."""
    total = 0
    for match in _WORDS.finditer(text):
        piece = match.group()
        if piece.isascii():
            total += (len(piece) + 5) // 6 if piece.isalpha() else 1
        else:
            total += len(piece.encode())
    return total


class Estimator:
    """Estimates tokens, corrected by what the server counted. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ratios: list[float] = []

    def text(self, text: str) -> int:
        """Tokens of a text."""
        return math.ceil(estimate(text) * self.ratio)

    def messages(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt, with what a chat template adds to each message."""
        return math.ceil(_guess(messages) * self.ratio)

    def learn(self, messages: Sequence[Message], counted: int) -> None:
        """Take in the server's count of a prompt. Counts far too low are left out: some servers do not count what their cache served."""
        guessed = _guess(messages)
        if counted <= 0 or guessed <= 0 or not 0.5 <= counted / guessed <= 3.0:
            return
        with self._lock:
            self._ratios = [*self._ratios[-4:], counted / guessed]

    @property
    def ratio(self) -> float:
        """The highest of the last five corrections; 1 before the first."""
        with self._lock:
            return max(self._ratios) if self._ratios else 1.0


def _guess(messages: Sequence[Message]) -> int:
    return sum(estimate(m.content) + _PER_MESSAGE for m in messages)


@runtime_checkable
class Counted(Protocol):
    """A model that knows its window and corrects its own estimates."""

    estimator: Estimator

    @property
    def window(self) -> int:
        """Tokens of prompt and answer together."""
        ...


def estimator_of(model: ChatModel) -> Estimator:
    """The model's own estimator, a plain one where it has none."""
    return model.estimator if isinstance(model, Counted) else Estimator()


def window_of(model: ChatModel) -> int:
    """The model's window, 8192 where it does not say."""
    return model.window if isinstance(model, Counted) else 8192


class BudgetSpent(ModelError):
    """The question has used up what it may send to the model."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One request: what for, what was in its window (part -> tokens), and what it cost; `counted` says whether the server counted it."""

    task: str
    parts: Mapping[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0
    counted: bool = False


class Budget:
    """Prompt tokens that one question may spend; thread-safe. `spent` is the ledger, oldest first."""

    def __init__(self, limit: int = QUESTION_TOKENS) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._spent: list[Spent] = []

    @property
    def spent(self) -> tuple[Spent, ...]:
        """Every request so far."""
        with self._lock:
            return tuple(self._spent)

    @property
    def left(self) -> int:
        """Prompt tokens that may still be sent."""
        return max(0, self.limit - sum(row.prompt_tokens for row in self.spent))

    @property
    def metrics(self) -> dict[str, int | float]:
        """Sums for an answer's metrics."""
        rows = self.spent
        return {
            "model_requests": len(rows),
            "prompt_tokens": sum(r.prompt_tokens for r in rows),
            "answer_tokens": sum(r.answer_tokens for r in rows),
            "model_seconds": round(sum(r.seconds for r in rows), 3),
        }

    def admit(self, model: ChatModel, messages: Sequence[Message]) -> None:
        """Raises BudgetSpent when the prompt would go beyond the limit."""
        wanted = estimator_of(model).messages(messages)
        if wanted > self.left:
            raise BudgetSpent(
                f"This question may send {self.limit} tokens to the model; {self.left} are left and {wanted} are needed.",
                "The answer is given without the model; a narrower question needs fewer tokens.",
            )

    def spend(self, task: str, model: ChatModel, messages: Sequence[Message], final: Final) -> None:
        """Write a request into the ledger: by the server's count, by the estimate where there is none."""
        estimator = estimator_of(model)
        named: Mapping[str, str] = getattr(messages, "parts", {}) or {"messages": "\n".join(m.content for m in messages)}
        parts = {name: estimator.text(text) for name, text in named.items()}
        counted = final.prompt_tokens > 0
        tokens = final.prompt_tokens if counted else estimator.messages(messages)
        with self._lock:
            self._spent.append(Spent(task, parts, tokens, final.answer_tokens, final.seconds, counted))
