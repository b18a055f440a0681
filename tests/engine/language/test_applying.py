"""Applying the fix of the diagnosis before: which words ask for it, which command is meant, and that nothing runs on a guess."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from engine.agent.agent import Agent
from engine.core.config import BudgetSettings, ModelSection, Settings
from engine.core.events import (
    AnswerFinished,
    ApprovalRequested,
    ChoiceRequested,
    CommandStarted,
    Event,
    Notice,
    QueryClassified,
    QueryReceived,
)
from engine.core.run import Run
from engine.core.types import Answer, Decision, Remedy
from engine.language.orders.apply_fix import Wanted, blank_in, wanted
from engine.session.cases import Case, Cases
from engine.session.connection import Opening

SETTINGS = dataclasses.replace(Settings(), model=ModelSection(provider="none"), budget=BudgetSettings(choice_seconds=20))
ONE = Remedy("start it", "kubectl scale deployment/db -n crm --replicas=1", "mutate")
LOOK = Remedy("look", "kubectl describe pod x", "read")
OTHER = Remedy("go back", "kubectl rollout undo deployment/db -n crm", "mutate")


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent(SETTINGS, Opening(demo=True), save=False)
    made.start()
    yield made
    made.close()


def told(run: Run, decision: Decision | None = None, pick: str = "") -> list[Event]:
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested):
            assert decision is not None, "nothing was expected to ask"
            run.answer(event.request.id, decision)
        elif isinstance(event, ChoiceRequested):
            run.pick(event.request.id, pick)
    return events


def text_of(events: list[Event]) -> str:
    return [e for e in events if isinstance(e, AnswerFinished)][-1].answer.text


def case(*fix: Remedy) -> Case:
    return Case("why?", "demo", "crm", answer=Answer("troubleshooting", "text", fix=fix))


@pytest.mark.parametrize(
    "query",
    [
        "apply the fix",
        "please apply the fix",
        "do the fix",
        "ok, apply its fix",
        "fix it",
        "Fix that!",
        "apply fix 1",
        "use the suggested remedy",
    ],
)
def test_words_that_ask_for_the_fix(query: str) -> None:
    asked = wanted(query, case(ONE, LOOK))
    assert asked is not None
    assert asked.remedies == (ONE,)


@pytest.mark.parametrize(
    "query",
    [
        "how do I apply the fix?",
        "should I apply the fix?",
        "what happens if I apply the fix",
        "can you fix it?",
        "fix the web deployment",
        "why is it broken",
        "apply the fix?",
    ],
)
def test_words_that_ask_something_else(query: str) -> None:
    assert wanted(query, case(ONE)) is None


def test_without_a_diagnosis_fix_it_is_a_question_and_apply_the_fix_is_told() -> None:
    assert wanted("fix it", None) is None
    asked = wanted("apply the fix", None)
    assert asked is not None
    assert "no diagnosis yet" in asked.problem


def test_a_number_counts_the_fixes_as_they_were_shown() -> None:
    assert wanted("apply fix 3", case(ONE, LOOK, OTHER)).remedies == (OTHER,)  # type: ignore[union-attr]
    assert "Fix 2 is no command that changes" in wanted("apply fix 2", case(ONE, LOOK, OTHER)).problem  # type: ignore[union-attr]
    assert wanted("apply the fix", case(ONE, OTHER)).remedies == (ONE, OTHER)  # type: ignore[union-attr]


def test_the_fix_of_one_cluster_is_not_offered_to_another() -> None:
    asked = wanted("apply the fix", case(ONE), "prod-eu")
    assert asked is not None
    assert asked.remedies == ()
    assert "made in context demo, and this is prod-eu: switch back" in asked.problem
    assert wanted("apply the fix", case(ONE), "demo") == wanted("apply the fix", case(ONE)) != asked


def test_after_a_switch_neither_the_fix_nor_what_it_meant_is_carried_over(agent: Agent) -> None:
    told(agent.ask("why is crm-db in crm down?"))
    assert agent.cases.objects
    agent.switch_context("prod-eu")
    assert agent.cases.objects == ()
    agent.switch_context("demo")
    case = agent.cases.latest
    assert case is not None
    assert case.context == "demo"
    agent.cases.leave_context("demo")
    asked = wanted("apply the fix", agent.cases.latest, "prod-eu")
    assert asked is not None
    assert asked.remedies == ()


def test_what_was_asked_before_the_context_was_known_belongs_to_the_one_that_is_left() -> None:
    book = Cases()
    book.on_event(QueryReceived(query="why?", context="", namespace="crm", run="r"))
    book.on_event(QueryClassified(tier="troubleshooting", reason="", run="r"))
    book.on_event(AnswerFinished(answer=Answer("troubleshooting", "text", fix=(ONE,)), run="r"))
    assert wanted("apply the fix", book.latest, "prod-eu") == Wanted((ONE,))
    book.leave_context("prod-eu")
    asked = wanted("apply the fix", book.latest, "prod-us")
    assert asked is not None
    assert "made in context prod-eu" in asked.problem


@pytest.mark.parametrize(
    ("command", "blank"),
    [
        ("kubectl set env deployment/web A_KEY=VALUE", "VALUE"),
        ("kubectl create secret generic x --from-literal=password=VALUE", "VALUE"),
        ("kubectl set image deployment/web web=<image>", "<image>"),
        ("kubectl set env deployment/web LOG_LEVEL=debug", ""),
        ("kubectl scale deployment/crm-db -n crm --replicas=1", ""),
    ],
)
def test_a_fix_that_leaves_something_open_is_known(command: str, blank: str) -> None:
    assert blank_in(command) == blank


@pytest.mark.kubectl
def test_the_fix_goes_through_approval_word_for_word_and_is_verified(agent: Agent) -> None:
    diagnosed = told(agent.ask("why is crm-db in crm down?"))
    command = "kubectl scale deployment/crm-db -n crm --replicas=1"
    assert command in text_of(diagnosed)
    refused = told(agent.ask("apply the fix"), Decision("reject"))
    assert not [e for e in refused if isinstance(e, CommandStarted)]
    events = told(agent.ask("fix it"), Decision("approve"))
    (asked,) = [e.request for e in events if isinstance(e, ApprovalRequested)]
    assert asked.command == command
    assert [e.tier for e in events if isinstance(e, QueryClassified)] == ["action"]
    assert "1 of 1 pods are of the new revision, 1 ready" in text_of(events)


@pytest.mark.kubectl
def test_of_several_fixes_the_person_chooses_and_nobody_means_none(agent: Agent) -> None:
    told(agent.ask("why does storefront-web-canary in web not start?"))
    nobody = told(agent.ask("apply the fix"))
    assert "nothing was done. Say which: “apply fix 1”" in text_of(nobody)
    assert not [e for e in nobody if isinstance(e, CommandStarted)]
    events = told(agent.ask("apply the fix"), Decision("reject"), pick="2")
    (asked,) = [e.request for e in events if isinstance(e, ApprovalRequested)]
    assert asked.command.startswith("kubectl rollout undo deployment/storefront-web-canary")


def test_a_fix_with_a_blank_is_left_to_the_person(agent: Agent) -> None:
    told(agent.ask("why is checkout-api in shop restarting?"))
    events = told(agent.ask("apply the fix"))
    assert "leaves VALUE open" in text_of(events)


def test_a_plan_is_told_before_its_steps_and_ends_at_the_first_no(agent: Agent) -> None:
    events = told(agent.ask("scale cart-api in shop to 3 and restart checkout-api"), Decision("reject", "not today"))
    (plan,) = [e.text for e in events if isinstance(e, Notice) and "The plan has 2 steps" in e.text]
    assert "1. scales Deployment/cart-api in shop from 2 to 3 replicas: kubectl scale" in plan
    assert len([e for e in events if isinstance(e, ApprovalRequested)]) == 1
    assert "not today" in text_of(events)
    assert "Not started: kubectl rollout restart deployment checkout-api -n shop" in text_of(events)


def test_a_name_that_is_not_there_is_chosen_not_guessed(agent: Agent) -> None:
    nobody = told(agent.ask("restart cart-apo in shop"))
    assert "Did you mean cart-api?" in text_of(nobody)
    events = told(agent.ask("restart cart-apo in shop"), Decision("reject"), pick="cart-api")
    (asked,) = [e.request for e in events if isinstance(e, ApprovalRequested)]
    assert asked.command.startswith("kubectl rollout restart deployment cart-api -n shop")
