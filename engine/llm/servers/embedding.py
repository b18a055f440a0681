"""The embedding model of `[index] semantic`: Ollama's, opened when the first vector is wanted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.core.config import Settings
from engine.llm.host_consent import HostConsent
from index.semantic import Embedder

if TYPE_CHECKING:
    from engine.llm.servers.ollama import OllamaModel

PREFIXES = {"nomic-embed-text": ("search_query: ", "search_document: ")}
"""What models of a name were trained to see before a question and before a document."""


class OllamaEmbedding:
    """One embedding model on the server of [model] host (or of OLLAMA_HOST where another provider answers)."""

    def __init__(self, settings: Settings, consent: HostConsent | None = None) -> None:
        """Without a consent of somebody only this machine's server is asked."""
        self._name = settings.index.embed_model
        self._wanted = settings.index.semantic
        self._host = settings.model.host if settings.model.provider == "ollama" else ""
        self._keep_alive = settings.model.keep_alive
        self._consent = consent or HostConsent(settings.model.allow_remote)
        self._lock = threading.Lock()
        self._model: OllamaModel | None = None

    @property
    def embedder(self) -> Embedder | None:
        """What the index is given; None where the search goes by words alone."""
        if not self._wanted:
            return None
        question, document = PREFIXES.get(self._name.split(":")[0].rsplit("/", 1)[-1], ("", ""))
        return Embedder(self._name, self.embed, question, document)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text; raises ModelError with its remedy where the model is absent."""
        from engine.llm.chat_model import ModelError
        from engine.llm.servers.ollama import OllamaModel
        from engine.llm.settings import ModelSettings, host_of

        with self._lock:
            if self._model is None:
                settings = ModelSettings(name=self._name, host=self._host, num_ctx=2048, keep_alive=self._keep_alive)
                self._model = OllamaModel(self._name, self._host, settings)
            model = self._model
        host = host_of(model.server)
        if host and not self._consent.allows(host):
            raise ModelError(f"{self._name} is on another machine ({host}), which is not allowed yet.", f"Allow it: /model allow {host}")
        return model.embed(texts)

    def close(self) -> None:
        """Let go of the connection; a request under way ends."""
        with self._lock:
            if self._model is not None:
                self._model.close()
