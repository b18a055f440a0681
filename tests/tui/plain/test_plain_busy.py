"""The line mode while a question has not ended yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from engine.agent.agent import Agent
from engine.core.config import ModelSection, Settings
from engine.core.run import Run
from engine.session.connection import Opening
from tui.plain.session import PlainSession


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent(Settings(model=ModelSection(provider="none")), Opening(demo=True), save=False)
    yield made
    made.close()


def test_a_question_that_is_still_ending_does_not_end_the_session(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    may_end = threading.Event()

    def slow(run: Run) -> str:
        may_end.wait(20)
        return "answered"

    agent._current = agent._begin(slow).start()  # ctrl+c waits for it a second, then the prompt is back
    session = PlainSession(agent, person=False)
    session.handle("why is checkout failing?")
    assert "a question is still running" in capsys.readouterr().out
    may_end.set()
