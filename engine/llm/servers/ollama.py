"""`OllamaModel`: a model on an Ollama server, through the `ollama` package's asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.core.cancel import CancelToken
from engine.llm.chat_model import Final, ModelError, ModelInfo
from engine.llm.servers.base import Prompt, Relay, ServedModel
from engine.llm.servers.timeouts import OnState
from engine.llm.settings import ModelSettings, address

MOST_SHOWN = 12
"""So many models of a list are asked for their context length."""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is: the server's own word for the step, and bytes (0 = unknown)."""

    status: str
    completed: int = 0
    total: int = 0


class OllamaModel(ServedModel):
    """A `ChatModel` on Ollama."""

    def __init__(self, name: str, host: str, settings: ModelSettings, on_state: OnState | None = None) -> None:
        super().__init__(name, address(host), settings, on_state)

    def models(self) -> list[ModelInfo]:
        """What the server has, by name, the first dozen with their context length; raises ModelDown and its like."""

        async def ask(client: Any) -> list[ModelInfo]:
            found = await self._list(client)
            shown = await asyncio.gather(*(client.show(m.name) for m in found[:MOST_SHOWN]), return_exceptions=True)
            lengths = [0 if isinstance(answer, BaseException) else _shown("", answer).context_length for answer in shown]
            return [replace(m, context_length=n) for m, n in zip(found, lengths, strict=False)] + found[MOST_SHOWN:]

        return self._ask(ask)

    def pull(self, progress: Callable[[PullProgress], None], cancel: CancelToken | None = None) -> None:
        """Download the model; `progress` is called on the calling thread. Raises `ModelError` or `Cancelled`."""

        async def fetch(put: Callable[[PullProgress], None]) -> None:
            try:
                async with self._client() as client:
                    async for part in await client.pull(self.name, stream=True):
                        put(PullProgress(str(part.status or ""), int(part.completed or 0), int(part.total or 0)))
            except Exception as error:
                if "file does not exist" in str(error):
                    raise ModelError(f"Ollama's library has no model {self.name}.", "See https://ollama.com/library for names.") from error
                raise self.failures.of(error) from error

        last = ""
        for step in self._worker.stream(fetch, cancel):
            last = step.status
            progress(step)
        if last != "success":
            raise self.failures.broken(f"the download ended with {last or 'nothing'}")

    def embed(self, texts: Sequence[str], cancel: CancelToken | None = None) -> list[list[float]]:
        """One vector a text; raises CapabilityMissing for a model that makes none."""

        async def ask(client: Any) -> list[list[float]]:
            answer = await client.embed(self.name, list(texts), options={"num_ctx": self.num_ctx}, keep_alive=self.settings.keep_alive)
            return [list(vector) for vector in answer.embeddings]

        return self._ask(ask, cancel)

    def _open(self) -> Any:
        import ollama

        return ollama.AsyncClient(self.server, **self.client_options())

    async def _disconnect(self, client: Any) -> None:
        await client.close()

    async def _list(self, client: Any) -> list[ModelInfo]:
        answer = await client.list()
        return sorted((_listed(row) for row in answer.models), key=lambda m: m.name)

    async def _show(self, client: Any) -> ModelInfo:
        return _shown(self.name, await client.show(self.name))

    def _among(self, names: Sequence[str]) -> bool:
        return any(_same(self.name, name) for name in names)

    async def _chat(self, client: Any, prompt: Prompt, answer: Relay) -> None:
        answer.timeouts.probing()
        info = await self._known(client)
        answer.timeouts.waiting(loaded=await self._resident(client))
        parts = await client.chat(
            model=self.name,
            messages=[{"role": m.role, "content": m.content} for m in prompt.messages],
            stream=True,
            format=dict(prompt.schema) if prompt.schema is not None else None,
            think=False if "thinking" in info.capabilities else None,
            options={"num_ctx": self.num_ctx, "num_predict": prompt.max_tokens, "temperature": prompt.temperature},
            keep_alive=self.settings.keep_alive,
        )
        try:
            async for part in parts:
                going = answer.feed(part.message.content or "", part.message.thinking or "")
                if part.done:
                    answer.finish(self._final(part))
                if part.done or not going:
                    return
        finally:
            await self._worker.shielded(parts.aclose())

    def _final(self, part: Any) -> Final:
        if part.eval_count and part.eval_duration:
            self.tokens_per_second = part.eval_count / (part.eval_duration / 1e9)
        return Final(
            prompt_tokens=part.prompt_eval_count or 0,
            answer_tokens=part.eval_count or 0,
            seconds=(part.total_duration or 0) / 1e9,
            reason=part.done_reason or "stop",
        )

    async def _resident(self, client: Any) -> bool:
        """Whether the server has the model in memory; True too when it does not say."""
        try:
            running = await client.ps()
        except Exception:  # noqa: BLE001 — only the wording of the wait depends on it; the request itself will tell what is wrong
            return True
        return any(_same(self.name, str(row.model or row.name)) for row in running.models)


def _same(wanted: str, listed: str) -> bool:
    """Whether two names mean one model; Ollama adds `:latest` where no tag is given."""

    def full(name: str) -> str:
        return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"

    return full(wanted) == full(listed)


def _listed(row: Any) -> ModelInfo:
    return ModelInfo(name=str(row.model), size_bytes=int(row.size or 0), details=_details(row.details))


def _shown(name: str, answer: Any) -> ModelInfo:
    facts: Mapping[str, Any] = answer.modelinfo or {}
    length = next((int(value) for key, value in facts.items() if key.endswith(".context_length") and isinstance(value, int)), 0)
    return ModelInfo(name=name, context_length=length, capabilities=tuple(answer.capabilities or ()), details=_details(answer.details))


def _details(details: Any) -> dict[str, str]:
    wanted = ("family", "parameter_size", "quantization_level")
    return {key: str(getattr(details, key)) for key in wanted if details is not None and getattr(details, key, None)}
