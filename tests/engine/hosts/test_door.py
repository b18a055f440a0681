"""The Agent's door to hosts: a Run with steps, findings and an answer, and nothing that the settings did not allow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.agent.agent import Agent
from engine.commands.records.audit import verify
from engine.core.config import HostSettings, ModelSection, Settings
from engine.core.events import (
    AnswerFinished,
    Event,
    EvidenceAdded,
    FindingsFound,
    QueryReceived,
    RunFailed,
    RunFinished,
    StepFinished,
    StepStarted,
)
from engine.core.run import Run
from engine.core.types import Answer
from engine.session.connection import Opening


def agent_with(hosts: HostSettings, opening: Opening | None = None) -> Agent:
    return Agent(dataclasses.replace(Settings(), model=ModelSection(provider="none"), hosts=hosts), opening, save=False)


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = agent_with(HostSettings(enabled=True), Opening(demo=True))
    made.start()
    yield made
    made.close()


def told(run: Run) -> tuple[list[Event], Answer | None]:
    events = list(run.events())
    return events, next((e.answer for e in events if isinstance(e, AnswerFinished)), None)


def test_this_machine_is_one_step_with_findings_evidence_and_an_answer() -> None:
    agent = agent_with(HostSettings())  # not started: neither cluster nor model is needed
    events, answer = told(agent.check_host())
    agent.close()
    assert isinstance(events[0], QueryReceived)
    assert events[0].query == "/host"
    (step,) = [e for e in events if isinstance(e, StepStarted)]
    assert step.kind == "host"
    assert "this machine" in step.title
    assert next(e for e in events if isinstance(e, StepFinished)).outcome == "done"
    found = next(e for e in events if isinstance(e, FindingsFound))
    ((host, seen),) = found.scanned.items()
    assert seen > 10
    assert answer is not None
    cited = {e.evidence.id for e in events if isinstance(e, EvidenceAdded)}
    assert {id for cause in answer.root_causes for id in cause.evidence} <= cited
    assert f"{host}: {seen} of" in answer.text
    assert all(not remedy.command for remedy in answer.fix)
    assert isinstance(events[-1], RunFinished)


def test_what_is_not_allowed_ends_as_refused_with_the_way_to_allow_it() -> None:
    agent = agent_with(HostSettings(), Opening(demo=True))
    for names, nodes in ((("web-1",), False), ((), True)):
        events, answer = told(agent.check_host(*names, nodes=nodes))
        assert answer is not None
        assert "[hosts] enabled = true" in answer.text
        assert events[-1].outcome == "refused"  # type: ignore[attr-defined]
    agent.close()


def test_a_recordings_nodes_are_refused(agent: Agent) -> None:
    events, answer = told(agent.check_host(nodes=True))
    assert answer is not None
    assert "recording" in answer.text
    assert not [e for e in events if isinstance(e, StepStarted)]


def test_a_cluster_that_does_not_answer_says_so_where_its_nodes_are_wanted(tmp_path: Path) -> None:
    agent = agent_with(HostSettings(enabled=True))
    agent.start()
    events, answer = told(agent.check_host("worker-1"))
    agent.close()
    assert answer is None
    assert isinstance(events[-1], RunFailed)
    assert events[-1].what == "cluster"


def test_the_audit_has_a_line_before_and_one_after() -> None:
    agent = Agent(dataclasses.replace(Settings(), model=ModelSection(provider="none")), save=True)
    told(agent.check_host())
    folder, session = agent.sessions.folder, agent.session_id
    agent.close()
    assert folder is not None
    assert [(chain.id, chain.ok) for chain in verify(folder.parent / "audit")] == [(session, True)]
    text = (folder.parent / "audit" / f"{session}.jsonl").read_text()
    assert "host check" in text
    assert "hosts.probes" in text
