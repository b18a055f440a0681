"""What an investigation takes from the runbooks: the root cause's own runbook leads, and the answer quotes its Fix section."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from engine.agent.agent import Agent
from engine.core.config import ClusterSettings, KubectlSettings, ModelSection, Settings
from engine.core.events import AnswerFinished, PassagesFound
from engine.core.types import Answer, ObjectRef, RootCause
from engine.flows.answering.compose import diagnosis_text
from engine.session.connection import Opening
from index.passage import Passage

SETTINGS = dataclasses.replace(
    Settings(),
    model=ModelSection(provider="none"),
    cluster=ClusterSettings(namespace="shop"),
    kubectl=KubectlSettings(path="/nonexistent/kubectl"),
)
CAUSE = RootCause("the Service sends to a port that nobody listens on", ObjectRef("Service", "shop", "web"), 0.9)


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent(SETTINGS, Opening(demo=True), save=False)
    made.start()
    yield made
    made.close()


def test_the_offline_answer_quotes_the_fix_of_the_root_cause_s_runbook(agent: Agent) -> None:
    events = list(agent.ask("why is checkout-api restarting?").events())
    (found,) = [e for e in events if isinstance(e, PassagesFound)]
    answer = next(e.answer for e in events if isinstance(e, AnswerFinished))

    assert answer.root_causes[0].code in ("CrashLoopBackOff", "MissingEnvironment")
    assert found.passages[0].path == "runbooks/crash-loop.md"
    assert found.passages[0].heading[-1] == "Fix"
    assert [p.id for p in found.passages] == ["D1", "D2", "D3"]
    assert sum(p.path == "runbooks/crash-loop.md" for p in found.passages) <= 2
    assert 1 <= len(answer.quotes) <= 3
    assert "A missing variable: give it from a Secret or ConfigMap that exists." in answer.quotes
    text = answer.text
    assert (
        text.index("Root cause:")
        < text.index("Fix (")
        < text.index("From the runbook")
        < text.index("See [D1] runbooks/crash-loop.md › Fix")
    )
    assert "my-deployment" not in text, "an example's name is not an object of this cluster"


def test_without_a_runbook_for_the_code_nothing_is_quoted(agent: Agent) -> None:
    agent.docs.wait(20)
    found = agent.docs.search("namespace switch", limit=3)

    assert agent.docs.advise(found, "NoSuchCode", "anything") is None
    assert agent.docs.advise([Passage("runbooks/gone.md", ("Gone",), (1, 2), "")], "OOMKilled", "memory") is None
    assert "runbook" not in diagnosis_text(Answer("troubleshooting", "", root_causes=(CAUSE,)))


def test_a_quote_stands_between_the_fix_and_what_else_was_found() -> None:
    other = dataclasses.replace(CAUSE, summary="and something else")
    passage = Passage("a.md", ("A", "Fix"), (3, 9), "", id="D1")
    text = diagnosis_text(Answer("troubleshooting", "", root_causes=(CAUSE, other), passages=(passage,), quotes=("Do this.",)))

    assert text.index("From the runbook [D1]:\n  - Do this.") < text.index("Also found:") < text.index("See [D1] a.md › Fix:3")
