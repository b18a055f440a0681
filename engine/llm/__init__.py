"""Where words come from: model servers behind one protocol, prompts as one template a task, and the token budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.llm.settings import ModelSettings, is_loopback

if TYPE_CHECKING:
    from engine.llm.chat_model import ChatModel
    from engine.llm.servers.timeouts import OnState

__all__ = ["ModelSettings", "is_loopback", "open_model"]


def open_model(settings: ModelSettings, on_state: OnState | None = None) -> ChatModel | None:
    """The model of the settings, not yet asked for anything; None for the provider `none`. Raises ValueError for a bad host."""
    if settings.provider == "none" or not settings.name:
        return None
    if settings.provider == "openai":
        from engine.llm.servers.openai import OpenAIModel

        return OpenAIModel(settings.name, settings.host, settings, on_state)
    from engine.llm.servers.ollama import OllamaModel

    return OllamaModel(settings.name, settings.host, settings, on_state)
