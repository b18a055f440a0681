"""The Agent with a model behind the real client: words are streamed and checked, and a bad model never makes it worse than none."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fakes.ollama_server import OllamaServer
from fakes.scripted import Break, Cut, Endless, Say, Wait

from engine.agent.agent import Agent
from engine.core.config import BudgetSettings, ClusterSettings, ModelSection, Settings
from engine.core.events import AnswerFinished, Event, EvidenceAdded, Notice, RunCancelled, RunFinished, TokensStreamed
from engine.core.types import Answer
from engine.session.connection import Opening

GOOD = (
    "The container checkout-api of Deployment/checkout-api exits with code 1 because the environment variable "
    "STRIPE_API_KEY is not set [E1]. It cannot start until the variable has a value."
)
NONSENSE = "Bananas are yellow and the moon is made of cheese. "


@contextmanager
def session(server: OllamaServer) -> Iterator[Agent]:
    model = ModelSection(host=server.url, first_token_seconds=20, stall_seconds=20)
    patient = BudgetSettings(informational_seconds=120, troubleshooting_seconds=120)
    settings = dataclasses.replace(Settings(), model=model, cluster=ClusterSettings(namespace="shop"), budget=patient)
    agent = Agent(settings, Opening(demo=True))
    agent.start()
    try:
        yield agent
    finally:
        agent.close()


def answer_of(events: list[Event]) -> Answer:
    return [e for e in events if isinstance(e, AnswerFinished)][-1].answer


@pytest.mark.kubectl
def test_the_model_words_the_answer_as_a_stream_and_the_fix_stays_ours() -> None:
    with OllamaServer((*(Say(piece + " ") for piece in GOOD.split(" ")),)) as server, session(server) as agent:
        events = list(agent.ask("why is checkout-api restarting?").events())
        answer = answer_of(events)
    streamed = "".join(e.text for e in events if isinstance(e, TokensStreamed))
    assert "STRIPE_API_KEY is not set" in streamed
    assert answer.text.startswith("The container checkout-api")
    assert "Fix (changes ask first)" in answer.text
    assert "STRIPE_API_KEY" in answer.root_causes[0].summary
    assert 0 < int(answer.metrics["prompt_tokens"]) <= 6000


@pytest.mark.kubectl
@pytest.mark.parametrize(
    "reply",
    [(Say(NONSENSE),), (Say(""),), (Say("The container"), Cut()), (Say("The container "), Break("CUDA error")), (Endless("again and "),)],
    ids=["nonsense", "empty", "cut", "broken", "endless"],
)
def test_a_bad_model_ends_in_the_composed_answer_with_a_note(reply: tuple[object, ...]) -> None:
    with OllamaServer(default=reply) as server, session(server) as agent:
        events = list(agent.ask("why is checkout-api restarting?").events())
    answer = answer_of(events)
    assert answer.text.startswith("Root cause: ")
    assert "STRIPE_API_KEY" in answer.root_causes[0].summary
    assert [e for e in events if isinstance(e, Notice) and "model" in e.text]
    assert isinstance(events[-1], RunFinished)


@pytest.mark.kubectl
def test_cancel_while_the_model_writes_keeps_the_evidence_and_the_next_question_works() -> None:
    gate = Wait()
    with OllamaServer((Say(GOOD[:200]), gate), default=(Say(GOOD),)) as server, session(server) as agent:
        run = agent.ask("why is checkout-api restarting?")
        events = []
        for event in run.events():
            events.append(event)
            if isinstance(event, TokensStreamed):
                run.cancel()
        assert isinstance(events[-1], RunCancelled)
        assert [e for e in events if isinstance(e, EvidenceAdded)]
        assert run.wait(5)
        assert isinstance(list(agent.ask("why is checkout-api restarting?").events())[-1], RunFinished)


@pytest.mark.kubectl
def test_a_model_that_is_killed_before_the_question_is_as_good_as_none() -> None:
    with OllamaServer(default=(Say(GOOD),)) as server, session(server) as agent:
        assert agent.model_health().ok
        server.close()
        events = list(agent.ask("why is checkout-api restarting?").events())
    assert "STRIPE_API_KEY" in answer_of(events).root_causes[0].summary
    assert any(isinstance(e, Notice) and "ollama serve" in e.text for e in events)


def test_an_absent_model_is_told_apart_from_a_missing_server() -> None:
    with OllamaServer(models=("other:1b",)) as server, session(server) as agent:
        health = agent.model_health()
    assert not health.ok
    assert "ollama pull llama3.1:8b" in health.fix


@pytest.mark.kubectl
def test_no_request_holds_a_secret_and_outside_text_is_fenced() -> None:
    with OllamaServer(default=(Say(GOOD),)) as server, session(server) as agent:
        list(agent.ask("why is checkout-api restarting? token=ghp_16C7e42F292c6912E7710c838347Ae178B4a").events())
        sent = [str(chat.body) for chat in server.chats]
    assert sent
    assert not [body for body in sent if "ghp_16C7e42F292c" in body]


@pytest.mark.parametrize("concurrent", [True, False])
def test_only_a_question_that_follows_takes_earlier_ones_into_its_prompt(concurrent: bool) -> None:
    first, second = "how should the zanzibar team plan a release?", "how should we plan a maintenance window?"
    with OllamaServer((Say("Plan it ahead."),)) as server, session(server) as agent:
        for query in (first, second):
            run = agent.ask(query, concurrent=concurrent)
            assert isinstance(list(run.events())[-1], RunFinished)
            assert run.wait(10)
        sent = [str(request) for request in server.requests if "maintenance window" in str(request)]
    assert sent
    assert any("zanzibar" in request for request in sent) is not concurrent
