"""`OpenAIModel`: a model on any server with the OpenAI chat protocol (vLLM, llama.cpp, LM Studio, hosted ones), through httpx."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.llm.chat_model import Final, ModelInfo
from engine.llm.servers.base import Prompt, Relay, ServedModel
from engine.llm.servers.timeouts import OnState
from engine.llm.settings import ModelSettings, address

Dialect = Literal["json_schema", "json_object+schema", "json_object", "plain"]
DIALECTS: tuple[Dialect, ...] = ("json_schema", "json_object+schema", "json_object", "plain")
"""Ways to ask for JSON, the strictest first; the first one that a server takes is remembered."""


PROBE_SECONDS = 1.0
"""How long a page that only some servers have may take."""


class Refused(Exception):
    """The server's HTTP error, with its own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status_code = status
        self.error = text


@dataclass
class _Habits:
    """What was learned of a server: how it takes a schema, how it names the limit, whether it reports usage when asked to."""

    dialect: Dialect = "json_schema"
    settled: bool = False
    limit_name: str = "max_tokens"
    usage: bool = True


class OpenAIModel(ServedModel):
    """A `ChatModel` over HTTP. The key comes from the environment with each request and is kept nowhere."""

    def __init__(self, name: str, host: str, settings: ModelSettings, on_state: OnState | None = None) -> None:
        where = address(host or "http://127.0.0.1:8080/v1", default_port=8080)
        super().__init__(name, where, settings, on_state)
        self._base = where.url if where.url.rsplit("/", 1)[-1] in ("v1", "v1beta", "openai") else f"{where.url}/v1"
        self._habits = _Habits()

    @property
    def dialect(self) -> Dialect:
        """How this server is asked for JSON, as far as it is known."""
        return self._habits.dialect

    def _open(self) -> Any:
        import httpx

        return httpx.AsyncClient(**self.client_options())

    async def _disconnect(self, client: Any) -> None:
        await client.aclose()

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(self.settings.api_key_env, "") if self.settings.api_key_env else ""
        return {"Authorization": f"Bearer {key}"} if key else {}

    async def _list(self, client: Any) -> list[ModelInfo]:
        answer = await client.get(f"{self._base}/models", headers=self._headers())
        if answer.status_code != 200:
            raise Refused(answer.status_code, _words(answer.text))
        return sorted((_listed(row) for row in answer.json()["data"]), key=lambda m: m.name)

    async def _show(self, client: Any) -> ModelInfo:
        listed = await self._list(client)
        found = next((m for m in listed if m.name == self.name), None)
        if found is None and listed:
            raise self.failures.missing()
        info = found or ModelInfo(self.name, capabilities=("completion",))
        return replace(info, context_length=await self._served_length(client) or info.context_length)

    async def _served_length(self, client: Any) -> int:
        """The window that llama.cpp or LM Studio really serves, maybe less than the model's own; 0 where the server does not say."""
        root = self._base.rsplit("/", 1)[0]
        return await self._page(client, f"{root}/props", _of_props) or await self._page(
            client, f"{root}/api/v0/models/{self.name}", _of_studio
        )

    async def _page(self, client: Any, url: str, read: Callable[[Any], int]) -> int:
        """A number from a page that only some servers have; 0 elsewhere."""
        try:
            answer = await client.get(url, headers=self._headers(), timeout=PROBE_SECONDS)
            return read(answer.json()) if answer.status_code == 200 else 0
        except Exception:  # noqa: BLE001 — whatever another server makes of the request, the length then comes from the list or a refusal
            return 0

    def _among(self, names: Sequence[str]) -> bool:
        return not names or self.name in names  # a server that lists none answers to any name

    async def _chat(self, client: Any, prompt: Prompt, answer: Relay) -> None:
        answer.timeouts.waiting(loaded=True)
        while not answer.finished:
            try:
                await self._exchange(client, prompt, answer)
            except Refused as refusal:
                if answer.started or not self._adapt(refusal, asked_json=prompt.schema is not None):
                    raise
            else:
                self._habits.settled = self._habits.settled or prompt.schema is not None
                return

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
            "stream": True,
            "temperature": prompt.temperature,
            self._habits.limit_name: prompt.max_tokens,
        }
        if self._habits.usage:
            body["stream_options"] = {"include_usage": True}
        if prompt.schema is None:
            return body
        schema, dialect = dict(prompt.schema), self._habits.dialect
        if dialect == "json_schema":
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
        elif dialect == "json_object+schema":
            body["response_format"] = {"type": "json_object", "schema": schema}
        elif dialect == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _adapt(self, refusal: Refused, *, asked_json: bool) -> bool:
        """Learn from a refusal; True when the request is worth another try in another form."""
        low, habits = refusal.error.lower(), self._habits
        if refusal.status_code in (400, 422):
            if "max_completion_tokens" in low and habits.limit_name == "max_tokens":
                habits.limit_name = "max_completion_tokens"
                return True
            if "stream_options" in low and habits.usage:
                habits.usage = False
                return True
            if "context" in low:
                return False
        if asked_json and not habits.settled and refusal.status_code in (400, 404, 415, 422, 500, 501) and "model" not in low.split():
            place = DIALECTS.index(habits.dialect)
            if place + 1 < len(DIALECTS):
                habits.dialect = DIALECTS[place + 1]
                return True
        return False

    async def _exchange(self, client: Any, prompt: Prompt, answer: Relay) -> None:
        started = time.monotonic()
        first = 0.0
        reason = ""
        usage: Mapping[str, Any] = {}
        async with client.stream("POST", f"{self._base}/chat/completions", json=self._body(prompt), headers=self._headers()) as response:
            if response.status_code != 200:
                raise Refused(response.status_code, _words((await response.aread()).decode("utf-8", "replace")))
            async for data in _events(response):
                if data == "[DONE]":
                    reason = reason or "stop"
                    break
                part = json.loads(data)
                if part.get("error"):
                    raise Refused(-1, _words(data))
                first = first or time.monotonic()
                usage = part.get("usage") or usage
                for choice in part.get("choices") or []:
                    delta = choice.get("delta") or {}
                    thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
                    if not answer.feed(str(delta.get("content") or ""), str(thought)):
                        return
                    reason = choice.get("finish_reason") or reason
        if reason:
            answer.finish(self._final(usage, reason, started, first))

    def _final(self, usage: Mapping[str, Any], reason: str, started: float, first: float) -> Final:
        now = time.monotonic()
        answered = int(usage.get("completion_tokens") or 0)
        if answered and first and now > first:
            self.tokens_per_second = answered / (now - first)
        return Final(int(usage.get("prompt_tokens") or 0), answered, now - started, reason)


async def _events(answer: Any) -> AsyncIterator[str]:
    """The data of server-sent events."""
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            yield line[5:].strip()
        elif line.startswith(("{", "<")):  # no event stream at all: an error page or a plain JSON error
            raise Refused(-1, _words(line))


def _words(text: str) -> str:
    """A server's own words out of its error body."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        return str(error.get("message") or error.get("detail") or error)
    return str(error)


def _of_props(body: Any) -> int:
    return int(body["default_generation_settings"]["n_ctx"])


def _of_studio(body: Any) -> int:
    return int(body.get("loaded_context_length") or 0)


def _listed(row: Mapping[str, Any]) -> ModelInfo:
    meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
    length = row.get("max_model_len") or row.get("context_length") or (meta or {}).get("n_ctx_train") or 0
    return ModelInfo(name=str(row.get("id")), context_length=int(length), capabilities=("completion",))
