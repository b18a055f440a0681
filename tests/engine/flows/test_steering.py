"""A person in the middle of an investigation, on the bundled recording: pin, refute, retry, ideas and evidence of their own, follow-ups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from fakes.ollama_server import OllamaServer
from fakes.scripted import Say, Wait

from engine.agent.agent import Agent, Busy, NothingToSteer
from engine.core.config import BudgetSettings, ClusterSettings, KubectlSettings, ModelSection, Settings
from engine.core.events import (
    AnswerFinished,
    ChoiceRequested,
    CommandProposed,
    Event,
    EvidenceAdded,
    HypothesisUpdated,
    Notice,
    Steered,
    TokensStreamed,
)
from engine.core.run import Run
from engine.core.types import Answer, Hypothesis, ObjectRef, Steering
from engine.language.pronouns import spelt_out
from engine.session.connection import Opening
from engine.session.transcript import read

SETTINGS = dataclasses.replace(
    Settings(),
    model=ModelSection(provider="none"),
    cluster=ClusterSettings(namespace="shop"),
    kubectl=KubectlSettings(path="/nonexistent/kubectl"),
)
QUESTION = "why is checkout-api restarting?"


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent(SETTINGS, Opening(demo=True))
    made.start()
    yield made
    made.close()


def told(run: Run) -> list[Event]:
    return list(run.events())


def answer_of(events: list[Event]) -> Answer:
    return [e for e in events if isinstance(e, AnswerFinished)][-1].answer


def last_words(events: list[Event]) -> dict[str, Hypothesis]:
    return {e.hypothesis.id: e.hypothesis for e in events if isinstance(e, HypothesisUpdated)}


def commands(events: list[Event]) -> list[str]:
    return [e.command for e in events if isinstance(e, CommandProposed)]


def test_an_answer_holds_its_hypotheses_with_evidence_for_and_against_by_id(agent: Agent) -> None:
    answer = answer_of(told(agent.ask(QUESTION)))
    known = {piece.id for piece in answer.evidence}
    first, *others = answer.hypotheses
    assert (first.status, first.origin) == ("supported", "analyzer")
    assert first.evidence_for and set(first.evidence_for) <= known
    assert first.test and first.prediction
    refuted = [h for h in others if h.status == "refuted"]
    assert refuted
    assert all(h.evidence_against and set(h.evidence_against) <= known for h in refuted)
    assert all(h.statement in answer.text for h in refuted), "what was refuted stays in sight"


def test_pinning_goes_on_with_the_last_diagnosis_under_the_same_ids(agent: Agent) -> None:
    before = told(agent.ask(QUESTION))
    after = told(agent.steer(Steering("pin", hypothesis="H2")))
    assert [e.steering.kind for e in after if isinstance(e, Steered)] == ["pin"]
    assert last_words(after)["H2"].pinned
    assert last_words(after)["H2"].statement == last_words(before)["H2"].statement
    evidence = {e.evidence.id: e.evidence for e in before if isinstance(e, EvidenceAdded)}
    assert evidence.items() <= {e.evidence.id: e.evidence for e in after if isinstance(e, EvidenceAdded)}.items()
    assert not set(commands(before)) & set(commands(after)), "what ran is not run again"
    assert answer_of(after).hypotheses[0].id == "H2", "a pinned hypothesis is listed first"
    assert "STRIPE_API_KEY" in answer_of(after).root_causes[0].summary, "but nothing spoke for it"


def test_refuting_the_cause_leaves_none_and_says_so_and_a_retry_brings_it_back(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    after = told(agent.steer(Steering("refute", hypothesis="H1", text="the variable is set")))
    answer = answer_of(after)
    assert answer.root_causes == ()
    assert "No root cause is left: H1" in answer.text
    against = {piece.id: piece for piece in answer.evidence}[last_words(after)["H1"].evidence_against[-1]]
    assert (against.source, against.excerpt) == ("you", "H1 refuted by you: the variable is set")
    again = told(agent.steer(Steering("retry", hypothesis="H1")))
    assert len(commands(again)) == 1, "its test runs once more, since the person wants it"
    assert "STRIPE_API_KEY" in answer_of(again).root_causes[0].summary


@pytest.mark.parametrize(
    ("text", "test", "status"),
    [
        ("the image of checkout-api cannot be pulled", "kubectl describe pod checkout-api-", "refuted"),
        ("checkout-api is out of memory", "kubectl describe pod checkout-api-", "refuted"),
        ("worker-2 is not ready", "kubectl describe node worker-2", "supported"),
        ("checkout-api cannot reach its database", "kubectl logs checkout-api-", "proposed"),
    ],
)
def test_a_person_s_hypothesis_gets_a_test_by_its_objects_and_words(agent: Agent, text: str, test: str, status: str) -> None:
    told(agent.ask(QUESTION))
    after = told(agent.steer(Steering("hypothesis", text=text)))
    mine = [h for h in last_words(after).values() if h.origin == "user"]
    assert [h.statement for h in mine] == [text]
    assert mine[0].test.startswith(test)
    assert mine[0].status == status
    assert any(command.startswith(test) for command in commands(after))


def test_an_idea_that_an_analyzer_had_already_is_that_hypothesis(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    after = told(agent.steer(Steering("hypothesis", text="an environment variable of checkout-api is missing")))
    assert all(h.origin == "analyzer" for h in last_words(after).values())


def test_an_idea_without_object_or_kind_of_fault_is_kept_and_said_to_be_untestable(agent: Agent) -> None:
    told(agent.ask("why is nothing working?"))
    after = told(agent.steer(Steering("hypothesis", text="   ")))
    assert any("needs words" in e.text for e in after if isinstance(e, Notice))


def test_a_pasted_log_becomes_evidence_with_its_source_and_may_bring_a_cause_of_its_own(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    log = "INFO starting\npanic: runtime error: index out of range [3] with length 2\npassword=hunter2secret"
    after = told(agent.steer(Steering("evidence", text=log, source="app.log")))
    mine = [e.evidence for e in after if isinstance(e, EvidenceAdded) and e.evidence.source.startswith("app.log")]
    assert mine
    assert "index out of range" in mine[0].excerpt
    new = [h for h in last_words(after).values() if mine[0].id in h.evidence_for]
    assert new
    assert "hunter2secret" not in str([e for e in after if not isinstance(e, Steered)])


def test_a_pasted_log_that_repeats_the_cause_speaks_for_it(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    after = told(agent.steer(Steering("evidence", text="Error: Missing required environment variable: STRIPE_API_KEY", source="mail")))
    known = {e.evidence.id: e.evidence for e in after if isinstance(e, EvidenceAdded)}
    assert any(known[id].source.startswith("mail") for id in last_words(after)["H1"].evidence_for)
    assert not [h for h in last_words(after).values() if h.origin == "user"]


def test_an_unknown_hypothesis_is_told_with_those_there_are(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    after = told(agent.steer(Steering("refute", hypothesis="H9")))
    assert any("There is no hypothesis H9; there are: H1, H2" in e.text for e in after if isinstance(e, Notice))


def test_without_a_diagnosis_there_is_nothing_to_steer(agent: Agent) -> None:
    with pytest.raises(NothingToSteer, match="ask what is wrong"):
        agent.steer(Steering("pin", hypothesis="H1"))
    told(agent.ask(QUESTION))
    agent.new_session()
    with pytest.raises(NothingToSteer):
        agent.steer(Steering("pin", hypothesis="H1"))


def test_what_was_said_is_in_the_transcript(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    told(agent.steer(Steering("refute", hypothesis="H1", text="no")))
    assert agent.sessions.folder is not None
    kept = list(read(agent.sessions.folder / f"{agent.session_id}.jsonl"))
    assert [e.steering for e in kept if isinstance(e, Steered)] == [Steering("refute", hypothesis="H1", text="no")]


def test_it_means_what_the_question_before_was_about(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    after = told(agent.ask("show me its logs"))
    assert any("Understood as “show me logs of deployment checkout-api”" in e.text for e in after if isinstance(e, Notice))
    answer = next(e.answer for e in after if isinstance(e, AnswerFinished))
    assert "checkout-api" in answer.text
    assert "STRIPE_API_KEY" in answer.text


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("show me its logs", "show me logs of deployment web"),
        ("and why is its database down?", "and why is database of deployment web down?"),
        ("restart it", "restart deployment web"),
        ("why is it pending", "why is deployment web pending"),
        ("what about that?", "what about deployment web?"),
        ("describe this", "describe deployment web"),
        ("list pods", "list pods"),
        ("is it the web that fails?", "is it the web that fails?"),
        ("why is this pod pending", "why is this pod pending"),
        ("restart the api", "restart the api"),
        ("is it safe to drain a node?", "is it safe to drain a node?"),
        ("describe web-0, why is it pending?", "describe web-0, why is it pending?"),
    ],
)
def test_pronouns_are_spelt_out_and_nothing_else_changes(query: str, meant: str) -> None:
    assert spelt_out(query, (ObjectRef("Deployment", "shop", "web"),))[0] == meant
    assert spelt_out(query, ())[0] == query


def test_steering_another_kind_of_question_is_refused(agent: Agent) -> None:
    told(agent.ask(QUESTION))
    run = agent.ask("scale cart-api to 3")
    for event in run.events():
        if type(event).__name__ == "ApprovalRequested":  # it waits now, so it cannot end before the steering
            with pytest.raises(Busy):
                agent.steer(Steering("pin", hypothesis="H1"))
            run.cancel()


def test_when_the_time_is_up_the_best_answer_so_far_is_given_and_says_so(agent: Agent) -> None:
    agent.settings = dataclasses.replace(SETTINGS, budget=BudgetSettings(troubleshooting_seconds=0.01))
    events = told(agent.ask(QUESTION))
    answer = answer_of(events)
    assert commands(events) == []
    assert "STRIPE_API_KEY" in answer.root_causes[0].summary
    assert "Time is up (0 s" in answer.text


def test_a_namespace_that_is_not_there_is_chosen_or_told(agent: Agent) -> None:
    query = "why is checkout-api in namespace shopp restarting?"
    nobody = []
    for event in (run := agent.ask(query)).events():
        nobody.append(event)
        if isinstance(event, ChoiceRequested):
            assert [choice.id for choice in event.request.choices] == ["shop"]
            run.pick(event.request.id, "")
    assert any("There is no namespace “shopp”. Did you mean shop? Looking at shop." in e.text for e in nobody if isinstance(e, Notice))


@pytest.mark.kubectl
def test_what_is_said_while_the_model_words_the_answer_is_heard_before_it_is_given() -> None:
    gate = Wait()
    words = "The container checkout-api exits since the environment variable STRIPE_API_KEY is not set [E1]. " * 2
    with OllamaServer((Say(words), gate), default=(Say(words),)) as server:
        settings = dataclasses.replace(SETTINGS, model=ModelSection(host=server.url), kubectl=KubectlSettings())
        agent = Agent(settings, Opening(demo=True), save=False)
        agent.start()
        try:
            run = agent.ask(QUESTION)
            events = []
            for event in run.events():
                events.append(event)
                if isinstance(event, TokensStreamed) and not gate.gate.is_set():
                    assert agent.steer(Steering("refute", hypothesis="H1", text="we set it")) is run
                    gate.gate.set()
        finally:
            agent.close()
    (answer,) = [e.answer for e in events if isinstance(e, AnswerFinished)]
    assert answer.root_causes == ()
    assert last_words(events)["H1"].status == "refuted"
