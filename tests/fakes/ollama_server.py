"""A scripted server that speaks Ollama's HTTP protocol: /api/chat as NDJSON, /api/tags, /api/show, /api/ps, /api/pull."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
    Step,
    Wait,
    endless,
)

AT = "2026-01-05T10:00:00.000000Z"


class OllamaServer(ScriptedServer):
    """Has the models it is told; `resident` says whether the model is in memory; `pulls` is what /api/pull streams."""

    def __init__(
        self,
        *replies: Reply | str,
        default: Callable[[Recorded], Reply | str] | Reply | str = "ok",
        models: Sequence[str] = ("llama3.1:8b",),
        capabilities: Sequence[str] = ("completion",),
        context_length: int = 131072,
        resident: bool = True,
        pulls: Sequence[dict[str, Any] | Wait] = (),
        tags: Step | None = None,
    ) -> None:
        self.models = list(models)
        self.capabilities = list(capabilities)
        self.context_length = context_length
        self.resident = resident
        self.pulls = list(pulls)
        self.tags = tags
        self.vector: Callable[[str], list[float]] = lambda text: [float(len(text)), 1.0]
        super().__init__(*replies, default=default)

    def serve(self, exchange: Exchange) -> None:
        path = exchange.request.path
        if path == "/api/tags":
            self._tags(exchange)
        elif path == "/api/ps":
            self._reply_ps(exchange)
        elif path == "/api/show":
            self._show(exchange)
        elif path == "/api/pull":
            self._pull(exchange)
        elif path == "/api/embed":
            self._embed(exchange)
        elif path == "/api/chat":
            self._chat(exchange)
        else:
            exchange.reply_json({"error": "not found"}, 404)

    def _tags(self, exchange: Exchange) -> None:
        if isinstance(self.tags, Wait):
            exchange.wait(self.tags.gate)
        if isinstance(self.tags, Fail):
            exchange.reply_json({"error": self.tags.message}, self.tags.status)
            return
        rows = [{"model": m, "name": m, "modified_at": AT, "size": 4_920_000_000, "digest": "d", "details": _DETAILS} for m in self.models]
        exchange.reply_json({"models": rows})

    def _reply_ps(self, exchange: Exchange) -> None:
        rows = [{"model": m, "name": m, "size": 1, "size_vram": 0, "expires_at": AT} for m in self.models] if self.resident else []
        exchange.reply_json({"models": rows})

    def _show(self, exchange: Exchange) -> None:
        if exchange.request.body.get("model") not in self.models:
            exchange.reply_json({"error": f"model '{exchange.request.body.get('model')}' not found"}, 404)
            return
        facts = {"general.architecture": "llama", "llama.context_length": self.context_length}
        exchange.reply_json({"modified_at": AT, "details": _DETAILS, "model_info": facts, "capabilities": self.capabilities})

    def _embed(self, exchange: Exchange) -> None:
        if "embedding" not in self.capabilities:
            exchange.reply_json({"error": "this model does not support embeddings"}, 400)
            return
        model, texts = exchange.request.body["model"], exchange.request.body["input"]
        if model not in self.models:
            exchange.reply_json({"error": f'model "{model}" not found, try pulling it first'}, 404)
            return
        exchange.reply_json({"model": model, "embeddings": [self.vector(text) for text in texts]})

    def _pull(self, exchange: Exchange) -> None:
        exchange.begin("application/x-ndjson")
        for step in self.pulls:
            if isinstance(step, Wait):
                exchange.wait(step.gate)
            else:
                exchange.write(_line(step))
        exchange.end()

    def _chat(self, exchange: Exchange) -> None:
        model = str(exchange.request.body.get("model"))
        if model not in self.models:
            exchange.reply_json({"error": f"model '{model}' not found"}, 404)
            return
        counts = Counts(prompt=len(exchange.request.prompt) // 4, answer=0)
        said = 0
        for step in self.next_reply(exchange.request):
            match step:
                case Fail(status, message):
                    exchange.reply_json({"error": message}, status)
                    return
                case Counts():
                    counts = step
                    continue
                case Wait(gate):
                    exchange.wait(gate)
                    continue
                case _:
                    exchange.begin("application/x-ndjson")
            match step:
                case Say(text, thinking):
                    exchange.write(_piece(model, text, thinking))
                    said += 1
                case Raw(data):
                    exchange.write(data)
                case Break(message):
                    exchange.write(_line({"error": message}))
                case Endless(text):
                    for piece in endless(text, exchange):
                        exchange.write(_piece(model, piece, False))
                case Cut():
                    exchange.cut()
                    return
        exchange.begin("application/x-ndjson")
        exchange.write(
            _line(
                {
                    "model": model,
                    "created_at": AT,
                    "message": {"role": "assistant", "content": ""},
                    "done": True,
                    "done_reason": counts.reason,
                    "total_duration": 2_000_000_000,
                    "load_duration": 1_000_000,
                    "prompt_eval_count": counts.prompt,
                    "prompt_eval_duration": 500_000_000,
                    "eval_count": counts.answer or said,
                    "eval_duration": 1_000_000_000,
                }
            )
        )
        exchange.end()


_DETAILS = {"family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_K_M", "format": "gguf"}


def _line(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode() + b"\n"


def _piece(model: str, text: str, thinking: bool) -> bytes:
    message = {"role": "assistant", "content": "" if thinking else text, **({"thinking": text} if thinking else {})}
    return _line({"model": model, "created_at": AT, "message": message, "done": False})
