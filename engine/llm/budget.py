"""What a question may spend on a model, and how evidence is cut to fit: by what lines mean, not by where they stand."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Sequence

from engine.llm.provider import Message

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
