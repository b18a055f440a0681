"""From what clients raise to the few errors of our own, each with what to do next."""

from __future__ import annotations

import re

from engine.llm.chat_model import (
    CapabilityMissing,
    ContextTooLong,
    ModelBusy,
    ModelDown,
    ModelError,
    ModelMissing,
    ModelStalled,
    StreamBroken,
)
from engine.llm.settings import Address, ModelSettings

INSTALL = "Start it: ollama serve (to install it: https://ollama.com/download)"
_SECRET = re.compile(r"(?i)(bearer\s+|sk-)[\w.\-]{6,}")
_WINDOW = re.compile(r"(?i)(?:context (?:length|window|size)(?: is| of)?|available context size|n_ctx\D{0,6})\D{0,12}(\d{3,7})")
_TOO_LONG = re.compile(r"(?i)context (?:length|window|size)|exceeds? .{0,40}(?:context|tokens)|prompt is too long|input length")
_INCAPABLE = re.compile(r"(?i)does not support|not supported by|unsupported")


class Failures:
    """Names what went wrong with one model on one server."""

    def __init__(self, settings: ModelSettings, where: Address) -> None:
        self._name = settings.name
        self._provider = settings.provider
        self._key_env = settings.api_key_env
        self._where = where

    def of(self, error: Exception, *, streaming: bool = False) -> ModelError:
        """The error of ours for what a client raised; `streaming` is True once the answer had begun."""
        import httpx

        if isinstance(error, ModelError):
            return error
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError)) and not streaming:
            return self.down(error)
        if isinstance(error, httpx.TimeoutException):
            return ModelStalled(f"{self._where.url} did not answer in time.", "Ask again, or see what the server is doing.")
        if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
            return ModelError(f"{self._where.url} is not the address of a model server.", "Write [model] host as http://HOST:PORT.")
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            return self.status(status, str(getattr(error, "error", error)), streaming=streaming)
        return self.broken(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)

    def down(self, error: Exception | None = None) -> ModelDown:
        """Nobody listens."""
        text = str(error or "")
        if "certificate" in text.lower() or "ssl" in text.lower():
            return ModelDown(
                f"The TLS certificate of {self._where.url} is not trusted here.",
                "Set [model] ca_file to the file of its certificate authority.",
            )
        if self._where.port_guessed:
            remedy = f"A host written as http://{self._where.host} means port 80; Ollama listens on http://{self._where.host}:11434."
        elif self._provider == "ollama":
            remedy = INSTALL
        else:
            remedy = "Start the server, or set another one in [model] host."
        return ModelDown(f"No model server answers at {self._where.url}.", remedy)

    def missing(self) -> ModelMissing:
        """The server lacks the model."""
        remedy = f"Pull it: ollama pull {self._name}" if self._provider == "ollama" else "List its models: /model"
        return ModelMissing(f"{self._where.url} does not have the model {self._name}.", remedy)

    def too_long(self, tokens: int, window: int) -> ContextTooLong:
        """The prompt does not fit; `tokens` is 0 when only the server knows."""
        size = f"About {tokens} tokens were to be sent" if tokens else "The prompt is too long"
        return ContextTooLong(
            f"{size}, and {self._name} has a window of {window} (num_ctx).",
            "Ask a narrower question, /clear the session, or raise [model] num_ctx.",
        )

    def broken(self, detail: str) -> StreamBroken:
        """The answer ended in the middle or was no answer."""
        remedy = "Ask again; if this keeps happening, check the server's log."
        return StreamBroken(f"The answer of {self._name} broke off ({_plain(detail)}).", remedy)

    def status(self, status: int, text: str, *, streaming: bool = False) -> ModelError:
        """The error for an HTTP status and the server's own words (-1: an error line in the middle of a stream)."""
        said = _plain(text)
        low = said.lower()
        if _TOO_LONG.search(said):
            window = _WINDOW.search(said)
            remedy = "Ask a narrower question, or set [model] num_ctx to what the server has."
            return ContextTooLong(f"The prompt is too long for {self._name}: {said}", remedy, int(window.group(1)) if window else 0)
        if "memory" in low and ("requires" in low or "out of" in low or "alloc" in low):
            return ModelError(
                f"{self._where.url} does not have enough memory for {self._name}: {said}", "Choose a smaller model with /model."
            )
        if streaming or status == -1:
            return self.broken(said)
        if status in (401, 403):
            key = (
                f"Put a valid key in ${self._key_env}." if self._key_env else "Set [model] api_key_env to the variable that holds the key."
            )
            return ModelError(f"{self._where.url} refused the key (HTTP {status}).", key)
        if status == 404 and "model" in low:
            return self.missing()
        if status in (429, 503) and "loading" not in low:
            return ModelBusy(f"{self._where.url} is busy: {said}", "Wait a moment and ask again.")
        if status == 503:
            return ModelBusy(f"{self._where.url} is still loading {self._name}.", "Wait a moment and ask again.")
        if status in (400, 422, 501) and _INCAPABLE.search(said):
            return CapabilityMissing(f"{self._name} cannot do what was asked: {said}", "Choose another model with /model.")
        if status == 404:
            return ModelError(f"{self._where.url} has no chat interface (HTTP 404).", "Check [model] provider and host.")
        return ModelError(f"{self._where.url} answered HTTP {status}: {said}", "Check the server's log.")


def _plain(text: str) -> str:
    """A server's words on one line, bounded, without control characters or keys."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _SECRET.sub(r"\1…", line)[:300] or "no reason given"
