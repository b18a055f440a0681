"""`OllamaModel`: a model on an Ollama server, through the `ollama` package's asynchronous client."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from engine.cancel import Cancelled, CancelToken
from engine.llm.budget import Estimator
from engine.llm.failures import Failures
from engine.llm.pace import MOST_CHARS_PER_TOKEN, OnState, Pace, Splitter
from engine.llm.provider import Chunk, Delta, Final, Message, ModelError, ModelHealth, ModelInfo
from engine.llm.settings import ModelSettings, address, is_loopback
from engine.llm.worker import Worker, client_options

T = TypeVar("T")

HEALTH_SECONDS = 1.8


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is: the server's own word for the step, and bytes (0 = unknown)."""

    status: str
    completed: int = 0
    total: int = 0


class OllamaModel:
    """A `ChatModel` on Ollama; safe to use from any thread. `on_state` is called on the model's own thread."""

    def __init__(self, name: str, host: str, settings: ModelSettings, on_state: OnState | None = None) -> None:
        self.name = name
        self._where = address(host)
        self.server = self._where.url
        self.on_state = on_state
        self.tokens_per_second = 0.0
        """Of the last answer, as the server measured it; 0 before the first."""
        self.estimator = Estimator()
        self._settings = replace(settings, name=name)
        self._failures = Failures(self._settings, self._where)
        self._worker = Worker(f"model-{name}")
        self._client: Any = None
        self._lock = threading.Lock()
        self._info: ModelInfo | None = None

    @property
    def window(self) -> int:
        """The context window in tokens that every request asks for."""
        return self._settings.num_ctx

    def stream(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.2,
        cancel: CancelToken | None = None,
    ) -> Iterator[Chunk]:
        """Deltas, then one Final; raises a `ModelError` or `Cancelled`. A prompt that does not fit is refused before it is sent."""
        counted = self.estimator.messages(messages)
        if counted + max_tokens > self.window:
            raise self._failures.too_long(counted, self.window)

        async def chat(put: Callable[[Chunk], None]) -> None:
            await self._chat(put, messages, schema, max_tokens, temperature)

        for chunk in self._worker.stream(chat, cancel):
            if isinstance(chunk, Final):
                self.estimator.learn(messages, chunk.prompt_tokens)
            yield chunk

    def models(self) -> list[ModelInfo]:
        """What the server has, by name; raises ModelDown and its like."""

        async def ask() -> list[ModelInfo]:
            answer = await (await self._connected()).list()
            return sorted((_listed(row) for row in answer.models), key=lambda m: m.name)

        return self._call(ask)

    def info(self) -> ModelInfo:
        """This model's context length and capabilities; asked for once and remembered."""
        return self._call(self._show)

    def health(self) -> ModelHealth:
        """Whether the server answers and has the model."""
        import asyncio

        async def ask() -> list[str]:
            client = await self._connected()
            async with asyncio.timeout(HEALTH_SECONDS):
                answer = await client.list()
            return [str(row.model) for row in answer.models]

        try:
            names = self._call(ask)
        except Cancelled as error:
            return ModelHealth(False, str(error))
        except ModelError as error:
            return ModelHealth(False, str(error), error.remedy)
        except TimeoutError:
            return ModelHealth(False, f"{self.server} did not answer within {HEALTH_SECONDS:g} s", "See what it is doing: ollama ps")
        if not any(_same(self.name, name) for name in names):
            missing = self._failures.missing()
            return ModelHealth(False, str(missing), missing.remedy)
        speed = f", {self.tokens_per_second:.0f} tokens/s" if self.tokens_per_second else ""
        known = f", context {self._info.context_length}" if self._info and self._info.context_length else ""
        return ModelHealth(True, f"{self.name} at {self.server} (window {self.window}{known}{speed})")

    def pull(self, progress: Callable[[PullProgress], None], cancel: CancelToken | None = None) -> None:
        """Download the model; `progress` is called on the calling thread. Raises `ModelError` or `Cancelled`."""

        async def fetch(put: Callable[[PullProgress], None]) -> None:
            try:
                async for part in await (await self._connected()).pull(self.name, stream=True):
                    put(PullProgress(str(part.status or ""), int(part.completed or 0), int(part.total or 0)))
            except Exception as error:
                if "file does not exist" in str(error):
                    raise ModelError(f"Ollama's library has no model {self.name}.", "See https://ollama.com/library for names.") from error
                raise self._failures.of(error) from error

        last = ""
        for step in self._worker.stream(fetch, cancel):
            last = step.status
            progress(step)
        if last != "success":
            raise self._failures.broken(f"the download ended with {last or 'nothing'}")

    def close(self) -> None:
        """Stop what runs, and let go of the connection and its thread."""

        async def let_go() -> None:
            if self._client is not None:
                await self._client.close()

        self._worker.close(let_go)

    def _call(self, work: Callable[[], Awaitable[T]]) -> T:
        async def mapped() -> T:
            try:
                return await work()
            except TimeoutError:
                raise
            except Exception as error:
                raise self._failures.of(error) from error

        return self._worker.call(mapped)

    async def _connected(self) -> Any:
        if self._client is None:
            import ollama

            options = client_options(
                loopback=is_loopback(self.server),
                trust_env=self._settings.trust_env,
                ca_file=self._settings.ca_file,
                connect_seconds=self._settings.connect_seconds,
            )
            self._client = ollama.AsyncClient(self.server, **options)
        return self._client

    async def _show(self) -> ModelInfo:
        if self._info is None:
            answer = await (await self._connected()).show(self.name)
            self._info = _shown(self.name, answer)
        return self._info

    async def _chat(
        self,
        put: Callable[[Chunk], None],
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        max_tokens: int,
        temperature: float,
    ) -> None:
        begun = False

        def heard(chunk: Chunk) -> None:
            nonlocal begun
            begun = True
            put(chunk)

        try:
            client = await self._connected()
            async with Pace(self._settings, self.server, self.on_state).running() as pace:
                pace.asking()
                info = await self._show()
                pace.waiting(loaded=await self._resident(client))
                answer = await client.chat(
                    model=self.name,
                    messages=[{"role": m.role, "content": m.content} for m in messages],
                    stream=True,
                    format=dict(schema) if schema is not None else None,
                    think=False if "thinking" in info.capabilities else None,
                    options={"num_ctx": self.window, "num_predict": max_tokens, "temperature": temperature},
                    keep_alive=self._settings.keep_alive,
                )
                await self._relay(answer, heard, pace, max_tokens)
        except Exception as error:
            raise self._failures.of(error, streaming=begun) from error

    async def _relay(self, answer: Any, put: Callable[[Chunk], None], pace: Pace, max_tokens: int) -> None:
        splitter = Splitter()
        length = 0
        try:
            async for part in answer:
                pace.token()
                if part.message.thinking:
                    put(Delta(part.message.thinking, thinking=True))
                text = part.message.content or ""
                length += len(text) + len(part.message.thinking or "")
                for delta in splitter.feed(text):
                    put(delta)
                if part.done:
                    for delta in splitter.rest():
                        put(delta)
                    put(self._final(part))
                    return
                if length > max_tokens * MOST_CHARS_PER_TOKEN:
                    put(Final(reason="length"))
                    return
        finally:
            with suppress(RuntimeError):
                await answer.aclose()
        raise self._failures.broken("the connection ended before the answer did")

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
