"""What becomes of a session after a long pause, and of one that cannot be kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.agent.agent import Agent
from engine.core.config import KubectlSettings, ModelSection, SessionSettings, Settings
from engine.core.events import Event, Notice, RunFinished
from engine.core.run import Run
from engine.session.connection import Opening
from engine.session.transcript import SessionError

SETTINGS = dataclasses.replace(Settings(), model=ModelSection(provider="none"), kubectl=KubectlSettings(path="/nonexistent/kubectl"))


def agent_with(**session: float) -> Agent:
    return Agent(dataclasses.replace(SETTINGS, session=SessionSettings(**session)), Opening(demo=True))  # type: ignore[arg-type]


@pytest.fixture
def impatient() -> Iterator[Agent]:
    made = agent_with(timeout_seconds=1e-9)
    made.start()
    yield made
    made.close()


def events_of(run: Run) -> list[Event]:
    return list(run.events())


def test_after_a_pause_the_next_question_begins_a_new_session(impatient: Agent) -> None:
    first = impatient.session_id
    told = events_of(impatient.ask("list pods in shop"))
    assert impatient.session_id == first
    grants = impatient.grants
    told = events_of(impatient.ask("list pods in shop"))
    assert impatient.session_id != first
    assert impatient.grants is not grants, "what was allowed in the old session is not allowed in the new one"
    assert any(isinstance(event, Notice) and "new session" in event.text for event in told)
    assert len(impatient.sessions.list()) == 2


def test_a_session_goes_on_while_it_is_used_and_for_ever_where_no_limit_is_set() -> None:
    for limit in (3600.0, 0.0):
        agent = agent_with(timeout_seconds=limit)
        agent.start()
        try:
            first = agent.session_id
            for _ in range(2):
                events_of(agent.ask("list pods in shop"))
            assert agent.session_id == first
        finally:
            agent.close()


def test_a_session_that_cannot_be_kept_still_answers_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(file))
    agent = agent_with()
    agent.start()
    try:
        told = events_of(agent.ask("why is checkout-api in shop restarting?"))
        assert isinstance(told[-1], RunFinished)
        assert any(isinstance(event, Notice) and "not saved" in event.text and str(file) in event.text for event in told)
    finally:
        agent.close()
    with pytest.raises(SessionError):
        Agent(SETTINGS, Opening(demo=True), session_id="20260102-030405-abcdef")
