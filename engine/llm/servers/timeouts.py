"""`StreamTimeouts`: how long a stream may be silent and how long it may last, and the text filters that every stream passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

from engine.llm.chat_model import Delta, ModelStalled
from engine.llm.settings import ModelSettings

ModelState = Literal["loading", "reading", "writing", "idle"]
"""What the server is busy with: loading the model, reading the prompt, writing the answer, nothing."""
OnState = Callable[[ModelState], None]

PROBE_TIMEOUT_SECONDS = 10.0
"""How long a server may take to say what it has."""
MAX_CHARS_PER_TOKEN = 24
"""No tokenizer puts more text into a token on average; beyond it a server ignores the limit that it was given."""


class StreamTimeouts:
    """The clock of one stream; used inside `running`, on the loop's thread."""

    def __init__(self, settings: ModelSettings, server: str, on_state: OnState | None = None) -> None:
        self._settings = settings
        self._server = server
        self._on_state = on_state
        self._silence: asyncio.Timeout | None = None
        self._allowed = 0.0
        self.state: ModelState = "idle"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StreamTimeouts]:
        """Raises ModelStalled when the server is silent for too long or the whole takes too long."""
        whole = asyncio.timeout(self._settings.total_seconds)
        silence = asyncio.timeout(None)
        self._silence = silence
        try:
            async with whole, silence:
                yield self
        except TimeoutError:
            if whole.expired():
                raise ModelStalled(
                    f"{self._settings.name} did not finish within {self._settings.total_seconds:g} s.",
                    "Choose a smaller model with /model.",
                ) from None
            if silence.expired():
                raise self._stalled() from None
            raise
        finally:
            self._set_state("idle")

    def probing(self) -> None:
        """Small questions go out first (is the model there, is it in memory)."""
        self._allow_silence(PROBE_TIMEOUT_SECONDS)

    def waiting(self, *, loaded: bool) -> None:
        """The request goes out; a model that is not in memory gets the time to load on top."""
        self._set_state("reading" if loaded else "loading")
        self._allow_silence(self._settings.first_token_seconds + (0.0 if loaded else self._settings.load_seconds))

    def token(self) -> None:
        """Something came."""
        self._set_state("writing")
        self._allow_silence(self._settings.stall_seconds)

    def _allow_silence(self, seconds: float) -> None:
        self._allowed = seconds
        if self._silence is not None:
            self._silence.reschedule(asyncio.get_running_loop().time() + seconds)

    def _set_state(self, state: ModelState) -> None:
        if state != self.state:
            self.state = state
            if self._on_state is not None:
                self._on_state(state)

    def _stalled(self) -> ModelStalled:
        name = self._settings.name
        if self.state == "idle":
            return ModelStalled(
                f"{self._server} did not answer within {self._allowed:g} s.", "Check what the server is doing, or restart it."
            )
        if self.state == "loading":
            return ModelStalled(
                f"{self._server} did not finish loading {name} within {self._allowed:g} s.",
                "Check the server (ollama ps), or choose a smaller model with /model.",
            )
        if self.state == "reading":
            return ModelStalled(
                f"{name} returned nothing for {self._allowed:g} s.",
                "Choose a smaller model with /model, or raise [model] first_token_seconds.",
            )
        return ModelStalled(
            f"{name} stopped in the middle of its answer: no tokens for {self._allowed:g} s.",
            "Ask again; if this keeps happening, check the server's log or raise [model] stall_seconds.",
        )


class Splitter:
    """Tells thoughts from answer where a model writes `<think>…</think>` into its text instead of the field made for it."""

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._begun = False

    def feed(self, text: str) -> list[Delta]:
        """Deltas for the next text; an end that may be half a mark is held back."""
        self._held += text
        found: list[Delta] = []
        while self._held:
            if not self._begun:
                start = self._held.lstrip()
                if not start or (len(start) < len(self.OPEN) and self.OPEN.startswith(start)):
                    return found
                self._begun = True
                if start.startswith(self.OPEN):
                    self._thinking = True
                    self._held = start[len(self.OPEN) :]
                    continue
            if not self._thinking:
                found.append(Delta(self._held))
                self._held = ""
                return found
            before, mark, after = self._held.partition(self.CLOSE)
            if mark:
                if before:
                    found.append(Delta(before, thinking=True))
                self._held, self._thinking = after.lstrip(), False
                continue
            keep = _overlap(before, self.CLOSE)
            if len(before) > keep:
                found.append(Delta(before[: len(before) - keep], thinking=True))
            self._held = before[len(before) - keep :]
            return found
        return found

    def rest(self) -> list[Delta]:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return [Delta(held, thinking=self._thinking)] if held else []


def _overlap(text: str, mark: str) -> int:
    for size in range(min(len(mark) - 1, len(text)), 0, -1):
        if text.endswith(mark[:size]):
            return size
    return 0
