"""A scripted server that speaks the OpenAI chat protocol: /v1/models, and /v1/chat/completions as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fakes.scripted import (
    Break,
    Counts,
    Cut,
    Endless,
    Exchange,
    Fail,
    Raw,
    Recorded,
    Reply,
    Say,
    ScriptedServer,
    Wait,
    endless,
)


class OpenAIServer(ScriptedServer):
    """Has the models it is told; `refuses` maps a kind of response_format, or a field, to its error; `key` is what it asks for.

    `pages` are further JSON pages by path; with a certificate it speaks TLS as https://localhost.
    """

    def __init__(
        self,
        *replies: Reply | str,
        default: Callable[[Recorded], Reply | str] | Reply | str = "ok",
        models: Sequence[str] = ("qwen2.5",),
        max_model_len: int = 0,
        refuses: dict[str, Fail] | None = None,
        key: str = "",
        pages: dict[str, Any] | None = None,
        certificate: Path | None = None,
    ) -> None:
        self.models = list(models)
        self.max_model_len = max_model_len
        self.refuses = refuses or {}
        self.key = key
        self.pages = pages or {}
        super().__init__(*replies, default=default, certificate=certificate)

    def serve(self, exchange: Exchange) -> None:
        request = exchange.request
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            exchange.reply_json(_error("Incorrect API key provided: sk-verysecretkey123"), 401)
        elif request.path == "/v1/models":
            more = {"max_model_len": self.max_model_len} if self.max_model_len else {}
            exchange.reply_json({"object": "list", "data": [{"id": m, "object": "model", **more} for m in self.models]})
        elif request.path == "/v1/chat/completions":
            self._chat(exchange)
        elif request.path in self.pages:
            exchange.reply_json(self.pages[request.path])
        else:
            exchange.reply_json(_error("no such page"), 404)

    def _refusal(self, body: dict[str, Any]) -> Fail | None:
        form = body.get("response_format") or {}
        kind = str(form.get("type", ""))
        if kind == "json_object" and "schema" in form:
            kind = "json_object+schema"
        return next((fail for what, fail in self.refuses.items() if what == kind or what in body), None)

    def _chat(self, exchange: Exchange) -> None:
        body = exchange.request.body
        refusal = self._refusal(body)
        if refusal is not None:
            exchange.reply_json(_error(refusal.message), refusal.status)
            return
        if body.get("model") not in self.models:
            exchange.reply_json(_error(f"The model `{body.get('model')}` does not exist"), 404)
            return
        counts = Counts(prompt=len(exchange.request.prompt) // 4)
        said = 0
        for step in self.next_reply(exchange.request):
            match step:
                case Fail(status, message):
                    exchange.reply_json(_error(message), status)
                    return
                case Counts():
                    counts = step
                    continue
                case Wait(gate):
                    exchange.wait(gate)
                    continue
                case _:
                    exchange.begin("text/event-stream")
            match step:
                case Say(text, thinking):
                    exchange.write(_event({"reasoning_content" if thinking else "content": text}))
                    said += 1
                case Raw(data):
                    exchange.write(data)
                case Break(message):
                    exchange.write(b"data: " + json.dumps(_error(message)).encode() + b"\n\n")
                case Endless(text):
                    for piece in endless(text, exchange):
                        exchange.write(_event({"content": piece}))
                case Cut():
                    exchange.cut()
                    return
        exchange.begin("text/event-stream")
        exchange.write(_event({}, counts.reason))
        if body.get("stream_options", {}).get("include_usage"):
            usage = {"prompt_tokens": counts.prompt, "completion_tokens": counts.answer or said}
            exchange.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
        exchange.write(b"data: [DONE]\n\n")
        exchange.end()


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error"}}


def _event(delta: dict[str, str], reason: str | None = None) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}).encode() + b"\n\n"
