"""The model's say in an investigation: it picks a test from the list or ends, and reads an output that no rule decides; nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fakes.inquiries import LOGS, POD, WEB, CommandPipeline, guess, inquiry
from fakes.manifests import NS
from fakes.ollama_server import OllamaServer
from fakes.scripted import Fail, Recorded, Reply, Say, Wait

from engine.core.cancel import Cancelled, CancelToken
from engine.core.events import Event, StepFinished, StepStarted
from engine.core.types import Hypothesis
from engine.flows.investigation import model_choice
from engine.flows.investigation.hypothesis_board import READING, updated
from engine.flows.investigation.hypothesis_tests import HypothesisTests
from engine.flows.tools import Speaker
from engine.llm import ModelSettings, open_model
from engine.llm.budget import Budget

NODES, CLAIMS = "kubectl get nodes", f"kubectl get persistentvolumeclaims -n {NS}"
NOTHING = {POD: "nothing", NODES: "nothing", CLAIMS: "nothing", LOGS: "nothing"}
GUESSES = (
    guess("H1", "web runs out of memory", POD, 0.5),
    guess("H2", "no node fits web", NODES, 0.4),
    guess("H3", "the claim of web is lost", CLAIMS, 0.35),
)


@contextmanager
def asked(
    server: OllamaServer, *hypotheses: Hypothesis, limit: int = 6000, **more: Any
) -> Iterator[tuple[HypothesisTests, CommandPipeline, list[Event]]]:
    """An inquiry whose leader's own test has run, with a model behind the real client."""
    settings = ModelSettings(provider="ollama", name="llama3.1:8b", host=server.url)
    model = open_model(settings)
    loop, desk, told = inquiry(*(hypotheses or GUESSES), outputs=NOTHING, speaker=Speaker(model, Budget(limit)), **more)
    try:
        yield loop, desk, told
    finally:
        model.close()


def chosen(told: list[Event]) -> list[tuple[str, str]]:
    ids = {e.id for e in told if isinstance(e, StepStarted) and "choose" in e.title}
    return [(e.outcome, e.detail) for e in told if isinstance(e, StepFinished) and e.id in ids]


def test_the_model_picks_which_of_the_tests_that_are_worth_it_runs_next() -> None:
    with OllamaServer('{"choice": "2"}') as server, asked(server, commands=2) as (loop, desk, told):
        loop.run()
        (request,) = server.chats
    assert desk.ran == [POD, CLAIMS]
    assert chosen(told) == [("done", CLAIMS)]
    assert "1. kubectl get nodes (tests H2)" in request.prompt
    assert f"2. {CLAIMS} (tests H3)" in request.prompt
    assert request.body["format"]["properties"]["choice"]["enum"] == ["1", "2", "finish"]


def test_the_same_tests_without_a_model_run_as_arithmetic_says() -> None:
    loop, desk, told = inquiry(*GUESSES, outputs=NOTHING, commands=2)
    loop.run()
    assert desk.ran == [POD, NODES]
    assert chosen(told) == []


@pytest.mark.parametrize(
    "replies",
    [
        ("Bananas are yellow.", "Bananas are yellow."),
        ('{"choice": "7"}', '{"choice": "kubectl delete pod web-5d8-abcde"}'),
        ("I'm sorry, but I can't help with that.", ""),
        ((Fail(500, "CUDA error"),),),
    ],
    ids=["nonsense", "not in the list", "refusal", "broken"],
)
def test_what_is_no_choice_leaves_it_to_arithmetic_with_a_quiet_note_and_is_not_asked_again(replies: tuple[Any, ...]) -> None:
    with OllamaServer(*replies, default='{"choice": "2"}') as server, asked(server) as (loop, desk, told):
        loop.run()
        requests = len(server.chats)
    assert desk.ran == [POD, NODES, CLAIMS]
    ((outcome, detail),) = chosen(told)
    assert outcome == "skipped"
    assert detail.startswith(f"{NODES}, by arithmetic: ")
    assert requests == len(replies)


def test_a_model_that_stalls_costs_its_seconds_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_choice, "SECONDS", 0.05)
    with OllamaServer((Wait(), Say("late"))) as server, asked(server, commands=2) as (loop, desk, told):
        loop.run()
    assert desk.ran == [POD, NODES]
    assert chosen(told)[0][0] == "skipped"


def test_an_end_is_not_obeyed_while_a_test_could_change_which_cause_leads() -> None:
    with OllamaServer(default='{"choice": "finish"}') as server, asked(server, commands=2) as (loop, desk, told):
        loop.run()
    assert desk.ran == [POD, NODES]
    assert chosen(told) == [("skipped", f"{NODES}, by arithmetic: the model would end here, but a test may still change which cause leads")]


def test_an_end_is_obeyed_where_the_strongest_answer_of_every_test_leaves_the_same_cause_first() -> None:
    leader = guess("H1", "variable A of web is wrong", POD, 0.8)
    others = (
        guess("H2", "web cannot reach its database", LOGS, 0.4),
        guess("H3", "web cannot reach its cache", LOGS.replace("tail=60", "tail=9"), 0.4),
    )
    with OllamaServer(default='{"choice": "finish"}') as server, asked(server, leader, *others) as (loop, desk, told):
        loop.run()
    assert desk.ran == [POD]
    assert chosen(told) == [("done", "none: what is known is enough")]


def test_a_certain_cause_a_single_test_no_commands_left_or_no_time_asks_no_model() -> None:
    sure = Hypothesis(id="H1", statement="variable A is not set", test=POD, confidence=0.95, origin="analyzer", object=WEB)
    with OllamaServer(default='{"choice": "1"}') as server:
        for hypotheses, more in (
            ((sure, *GUESSES[1:]), {}),
            (GUESSES[:2], {}),
            (GUESSES, {"commands": 1}),
            (GUESSES, {"deadline": 0.5}),
        ):
            with asked(server, *hypotheses, **more) as (loop, _, told):
                loop.run()
                assert chosen(told) == []
        assert server.chats == []


def test_at_least_half_of_the_tokens_are_kept_for_the_words_of_the_answer() -> None:
    more = (*GUESSES, guess("H4", "the service of web selects nothing", f"kubectl get endpointslices -n {NS}", 0.3))
    for limit, requests in ((6000, 2), (650, 1)):
        with OllamaServer(default='{"choice": "1"}') as server, asked(server, *more, limit=limit) as (loop, desk, _):
            loop.run()
            assert len(server.chats) == requests
        assert len(desk.ran) == 4


def test_a_question_without_tokens_left_sends_nothing_and_tests_on() -> None:
    with OllamaServer(default='{"choice": "2"}') as server, asked(server, limit=10) as (loop, desk, told):
        loop.run()
        assert server.chats == []
    assert desk.ran == [POD, NODES, CLAIMS]
    assert chosen(told)[0][0] == "skipped"


def test_cancelling_while_the_model_chooses_ends_the_investigation() -> None:
    token = CancelToken()

    def stop(request: Recorded) -> Reply:
        token.cancel("stopped")
        return (Wait(), Say("late"))

    with OllamaServer(default=stop) as server, asked(server, token=token) as (loop, desk, told), pytest.raises(Cancelled):
        loop.run()
    assert desk.ran == [POD]
    assert chosen(told)[0][0] == "cancelled"


# -- reading an output that no rule decides --------------------------------------------------------------------------------

IDEA_OF_MODEL = Hypothesis(id="H1", statement="the migration of web never ended", test=LOGS, confidence=0.3, origin="model", object=WEB)


@pytest.mark.parametrize(
    ("verdict", "confidence", "detail"),
    [
        ("supports", updated(0.3, READING, supports=True), "H1 as predicted, by the model's reading"),
        ("contradicts", updated(0.3, READING, supports=False), "H1 is contradicted, by the model's reading"),
        ("neither", 0.3, "nothing that decides"),
        ("bananas", 0.3, "nothing that decides"),
    ],
)
def test_a_model_reads_an_output_for_its_own_idea_and_it_counts_little(verdict: str, confidence: float, detail: str) -> None:
    with OllamaServer(default=f'{{"verdict": "{verdict}", "evidence": "E1"}}') as server, asked(server, IDEA_OF_MODEL) as (loop, _, told):
        loop.run()
    after = loop.investigation.hypotheses["H1"]
    assert after.confidence == pytest.approx(confidence, abs=0.001)
    assert after.status != "supported"
    assert [e.detail for e in told if isinstance(e, StepFinished)] == [detail]


def test_no_model_reads_what_a_rule_decides_or_what_is_not_its_own_idea() -> None:
    decided = Hypothesis(id="H1", statement="web cannot reach its database", test=LOGS, confidence=0.3, origin="model", object=WEB)
    with OllamaServer(default='{"verdict": "contradicts", "evidence": "E1"}') as server:
        with asked(server, decided) as (loop, desk, _):
            desk.outputs = {LOGS: "dial tcp 10.0.0.1:5432: connect: connection refused"}
            loop.run()
            assert loop.investigation.hypotheses["H1"].status == "supported"
        with asked(server, guess("H1", "the migration of web never ended", LOGS)) as (loop, _, _):
            loop.run()
            assert loop.investigation.hypotheses["H1"].confidence == 0.3
        assert server.chats == []
