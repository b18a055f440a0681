"""`ChatModel`: the small protocol that every model server implements, and the few errors it may raise.

A model that is down, one that lacks the asked-for model, one that stalls and one that talks nonsense are distinguished,
since each needs another remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from engine.core.cancel import CancelToken


class ModelError(Exception):
    """A model that could not answer; `remedy` says what the person can do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ModelDown(ModelError):
    """Nobody listens at the server's address."""


class ModelMissing(ModelError):
    """The server runs, but does not have the model."""


class ContextTooLong(ModelError):
    """The prompt does not fit into the context window; `window` is its size in tokens where the server named it, else 0."""

    def __init__(self, message: str, remedy: str = "", window: int = 0) -> None:
        super().__init__(message, remedy)
        self.window = window


class ModelBusy(ModelError):
    """The server's queue is full."""


class ModelStalled(ModelError):
    """No token came for too long."""


class StreamBroken(ModelError):
    """The stream ended in the middle."""


class CapabilityMissing(ModelError):
    """The model cannot do what was asked (structured output, thinking, embeddings)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Delta:
    """Some text of the answer; `thinking` text is never shown as the answer."""

    text: str
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a stream: token counts as the server gave them (0 if it did not) and why it ended (`stop`, `length`)."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0
    reason: str = "stop"


Chunk = Delta | Final


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model; `context_length` in tokens (0 = unknown)."""

    name: str
    context_length: int = 0
    capabilities: tuple[str, ...] = ()
    size_bytes: int = 0
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """Whether the server answers and has the model; `fix` is a sentence with the command to fix it."""

    ok: bool
    detail: str
    fix: str = ""


class ChatModel(Protocol):
    """One model on one server. `stream` blocks between chunks and ends at once when the token is cancelled (raising `Cancelled`)."""

    name: str
    server: str

    def stream(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.2,
        cancel: CancelToken | None = None,
    ) -> Iterator[Chunk]:
        """Deltas, then exactly one Final. With a JSON schema the text is meant to be JSON, and is still to be validated by the caller."""
        ...

    def models(self) -> list[ModelInfo]:
        """What the server has."""
        ...

    def info(self) -> ModelInfo:
        """This model's context length and capabilities."""
        ...

    def health(self) -> ModelHealth:
        """One quick look, at most two seconds; never raises."""
        ...

    def close(self) -> None:
        """Let go of the connection and its thread."""
        ...
