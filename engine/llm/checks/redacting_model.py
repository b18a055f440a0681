"""A model that gets no secret: every message is cleaned and redacted right before it is sent, whatever it was made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.core.cancel import CancelToken
from engine.core.redaction.escapes import strip_escapes
from engine.llm.budget import Estimator, estimator_of, window_of
from engine.llm.chat_model import ChatModel, Chunk, Message, ModelHealth, ModelInfo


class RedactingModel:
    """Another `ChatModel` behind a redactor; in all else it is that model."""

    def __init__(self, model: ChatModel, redact: Callable[[str], str]) -> None:
        self._model = model
        self._redact = redact
        self.name = model.name
        self.server = model.server
        self.estimator: Estimator = estimator_of(model)

    @property
    def window(self) -> int:
        """The model's own."""
        return window_of(self._model)

    def stream(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.2,
        cancel: CancelToken | None = None,
    ) -> Iterator[Chunk]:
        """As the model streams, of messages without secrets."""
        clean = [dataclasses.replace(message, content=self._redact(strip_escapes(message.content))) for message in messages]
        return self._model.stream(clean, schema=schema, max_tokens=max_tokens, temperature=temperature, cancel=cancel)

    def models(self) -> list[ModelInfo]:
        """What the server has."""
        return self._model.models()

    def info(self) -> ModelInfo:
        """This model's context length and capabilities."""
        return self._model.info()

    def health(self) -> ModelHealth:
        """One quick look."""
        return self._model.health()

    def close(self) -> None:
        """Let go of the model."""
        self._model.close()
