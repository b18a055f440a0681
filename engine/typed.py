"""`CommandDesk`: commands that a person types (`!kubectl …`), judged and approved like any other, beside the question under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.run import Run

if TYPE_CHECKING:
    from engine.agent import Agent


class CommandDesk:
    """The typed commands of a session."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def run(self, text: str) -> Run:
        """Judge a command and run it, asking first where it changes something; its events come with those of the session."""
        return self._agent.begin_typed(text)
