"""`ServedModel`: what is the same for every model behind a server: the worker, the pace, the window, health, and hanging up for sure."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from engine.core.cancel import Cancelled, CancelToken
from engine.llm.budget import Estimator
from engine.llm.chat_model import Chunk, ContextTooLong, Delta, Final, Message, ModelError, ModelHealth, ModelInfo
from engine.llm.servers.errors import Failures
from engine.llm.servers.event_loop import Worker
from engine.llm.servers.timeouts import MAX_CHARS_PER_TOKEN, OnState, Splitter, StreamTimeouts
from engine.llm.settings import Address, ModelSettings, is_loopback

T = TypeVar("T")
Put = Callable[[Chunk], None]

HEALTH_SECONDS = 1.8


@dataclass(frozen=True, slots=True)
class Prompt:
    """One chat request, whatever the protocol."""

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None
    max_tokens: int
    temperature: float


class ServedModel(ABC):
    """A `ChatModel` behind a server; safe to use from any thread. `on_state` is called on the model's own thread.

    Each request has a client of its own: closing it is what surely hangs up, and only that makes a server stop.
    """

    def __init__(self, name: str, where: Address, settings: ModelSettings, on_state: OnState | None = None) -> None:
        self.name = name
        self.server = where.url
        self.on_state = on_state
        self.tokens_per_second = 0.0
        """Of the last answer; 0 before the first."""
        self.estimator = Estimator()
        self.settings = replace(settings, name=name)
        self.failures = Failures(self.settings, where)
        self._worker = Worker(f"model-{name}")
        self._info: ModelInfo | None = None
        self._server_window = 0
        """As a refusal named it; 0 before one."""

    @property
    def window(self) -> int:
        """Tokens of prompt and answer together: num_ctx, or less where a refusal named less."""
        return min(self.num_ctx, self._server_window or self.num_ctx)

    @property
    def num_ctx(self) -> int:
        """The window that the server is asked for: the settings', or the model's own where that is less; the same for the whole session."""
        return min(self.settings.num_ctx, (self._info.context_length if self._info is not None else 0) or self.settings.num_ctx)

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
        max_tokens, temperature = min(max_tokens, self.settings.max_tokens), min(temperature, self.settings.temperature)
        counted = self.estimator.messages(messages)
        if counted + max_tokens > self.window:
            raise self.failures.too_long(counted, self.window)
        prompt = Prompt(messages, schema, max_tokens, temperature)

        async def work(put: Put) -> None:
            await self._run_stream(prompt, put)

        try:
            for chunk in self._worker.stream(work, cancel):
                if isinstance(chunk, Final):
                    self.estimator.learn(messages, chunk.prompt_tokens)
                yield chunk
        except ContextTooLong as error:
            self._server_window = error.window or self._server_window
            raise

    def models(self) -> list[ModelInfo]:
        """What the server has, by name; raises ModelDown and its like."""
        return self._ask(self._list)

    def info(self) -> ModelInfo:
        """This model's context length and capabilities; asked for once and remembered."""
        return self._ask(self._known)

    def health(self) -> ModelHealth:
        """Whether the server answers and has the model; at most two seconds, never raises."""

        async def ask(client: Any) -> list[ModelInfo]:
            async with asyncio.timeout(HEALTH_SECONDS):
                found = await self._list(client)
                with suppress(Exception):  # a server that lacks the model is told below; one that does not know its window has ours
                    await self._known(client)
                return found

        try:
            names = [m.name for m in self._ask(ask)]
        except Cancelled as error:
            return ModelHealth(False, str(error))
        except ModelError as error:
            return ModelHealth(False, str(error), error.remedy)
        except TimeoutError:
            return ModelHealth(False, f"{self.server} did not answer within {HEALTH_SECONDS:g} s", "Check what the server is doing.")
        if not self._among(names):
            missing = self.failures.missing()
            return ModelHealth(False, str(missing), missing.remedy)
        speed = f", {self.tokens_per_second:.3g} tokens/s" if self.tokens_per_second else ""
        known = f" of {self._info.context_length}" if self._info and self._info.context_length else ""
        return ModelHealth(True, f"{self.name} at {self.server} (window {self.window}{known}{speed})")

    def close(self) -> None:
        """Stop what runs, and close the connections and the thread."""
        self._worker.close()

    @abstractmethod
    def _open(self) -> Any:
        """A new client, with `client_options`."""

    @abstractmethod
    async def _disconnect(self, client: Any) -> None:
        """Close a client and its connections."""

    @abstractmethod
    async def _list(self, client: Any) -> list[ModelInfo]:
        """The server's models."""

    @abstractmethod
    async def _show(self, client: Any) -> ModelInfo:
        """What the server knows of this model."""

    @abstractmethod
    async def _chat(self, client: Any, prompt: Prompt, answer: Relay) -> None:
        """One exchange, its text passed to the relay until it is done."""

    def _among(self, names: Sequence[str]) -> bool:
        return self.name in names

    def client_options(self) -> dict[str, Any]:
        """Options of an httpx client: proxies of the environment never for this machine, no read time-out (the pace has its own)."""
        import httpx

        settings, loopback = self.settings, is_loopback(self.server)
        options: dict[str, Any] = {
            "trust_env": settings.proxy != "none" and not loopback,
            "timeout": httpx.Timeout(None, connect=settings.connect_seconds),
            "follow_redirects": False,
        }
        if self.server.startswith("http://"):
            options["verify"] = False  # there is no TLS here, and loading the certificates takes longer than the request
        elif not settings.verify_tls:
            options["verify"] = False
        elif settings.ca_file:
            import ssl

            options["verify"] = ssl.create_default_context(cafile=settings.ca_file)
        if settings.proxy not in ("", "none") and not loopback:
            options["proxy"] = settings.proxy
        return options

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Any]:
        client = self._open()
        try:
            yield client
        finally:
            await self._worker.shielded(self._disconnect(client))

    async def _known(self, client: Any) -> ModelInfo:
        if self._info is None:
            self._info = await self._show(client)
        return self._info

    def _ask(self, question: Callable[[Any], Awaitable[T]], cancel: CancelToken | None = None) -> T:
        async def work() -> T:
            try:
                async with self._client() as client:
                    return await question(client)
            except TimeoutError:
                raise
            except Exception as error:
                raise self.failures.of(error) from error

        return self._worker.call(work, cancel)

    async def _run_stream(self, prompt: Prompt, put: Put) -> None:
        relay: Relay | None = None
        try:
            async with self._client() as client, StreamTimeouts(self.settings, self.server, self.on_state).running() as timeouts:
                relay = Relay(put, timeouts, prompt.max_tokens)
                await self._chat(client, prompt, relay)
                if not relay.finished:
                    raise self.failures.broken("the connection ended before the answer did")
        except Exception as error:
            raise self.failures.of(error, streaming=relay is not None and relay.started) from error


class Relay:
    """Takes the text of one answer as it comes: thoughts split off, time limits kept, and endless output cut."""

    def __init__(self, put: Put, timeouts: StreamTimeouts, max_tokens: int) -> None:
        self.timeouts = timeouts
        self.started = False
        self.finished = False
        self._put = put
        self._splitter = Splitter()
        self._max_chars = max_tokens * MAX_CHARS_PER_TOKEN
        self._length = 0

    def feed(self, text: str, thought: str = "") -> bool:
        """One piece; False when enough was said and the caller should stop."""
        self.timeouts.token()
        self.started = True
        self._length += len(text) + len(thought)
        if thought:
            self._put(Delta(thought, thinking=True))
        for delta in self._splitter.feed(text):
            self._put(delta)
        if self._length > self._max_chars:
            self.finish(Final(reason="length"))
        return not self.finished

    def finish(self, final: Final) -> None:
        """The proper end."""
        if self.finished:
            return
        self.finished = True
        for delta in self._splitter.rest():
            self._put(delta)
        self._put(final)
