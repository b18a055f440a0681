"""A decision is one of the words that were offered, or there is none: whatever the model writes."""

from __future__ import annotations

import pytest
from fakes.ollama_server import OllamaServer
from fakes.scripted import Cut, Endless, Fail, Say
from hypothesis import given
from hypothesis import strategies as st

from engine.llm.budget import Budget, BudgetSpent
from engine.llm.chat_model import Message, ModelBusy, ModelError, StreamBroken
from engine.llm.prompts.shapes import Classified, Pick, ReadPlan, flat_schema
from engine.llm.servers.ollama import OllamaModel
from engine.llm.settings import ModelSettings
from engine.llm.structured import decide, first_object, read

ASK = [Message("system", "Sort it."), Message("user", "restart web")]
GOOD = '{"tier": "action"}'


@pytest.fixture
def run():
    opened: list[OllamaModel] = []

    def decide_on(server: OllamaServer, problems: list[ModelError] | None = None, **more):
        opened.append(OllamaModel("llama3.1:8b", server.url, ModelSettings(stall_seconds=5)))
        hear = problems.append if problems is not None else None
        return decide(opened[-1], ASK, Classified, max_tokens=24, task="classify", on_problem=hear, **more)

    yield decide_on
    for model in opened:
        model.close()


WRAPPED = [
    GOOD,
    f"```json\n{GOOD}\n```",
    f"Sure! Here is the JSON you wanted:\n{GOOD}\nAnything else?",
    '{"tier": "ACTION", "confidence": 0.99}',
    '{"tier": " action "}',
    f"{{not json}} {GOOD}",
    "<think>restart is an order</think>" + GOOD,
]


@pytest.mark.parametrize("text", WRAPPED)
def test_a_good_decision_is_found_in_whatever_stands_around_it(run, text):
    with OllamaServer(text) as server:
        assert run(server) == Classified("action")
        assert len(server.chats) == 1


BAD = {
    "empty": [],
    "prose": "I think this is an action.",
    "half": '{"tier": "act',
    "another word": '{"tier": "destroy"}',
    "another type": '{"tier": ["action"]}',
    "another shape": '{"name": "kubectl", "arguments": {"tier": "action"}}',
    "a list": '["action"]',
    "another language": '{"Stufe": "Aktion"}',
    "a refusal": "I'm sorry, but I can't help with that.",
    "nested without end": '{"tier": ' + "[" * 3000,
    "braces": "{" * 500,
    "round in circles": [Endless('{"tier" ')],
    "endless": [Endless("".join(chr(97 + n * n * 7 % 26) for n in range(97)))],
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD.keys())
def test_a_bad_answer_gets_one_more_try_and_the_exact_error(run, reply):
    with OllamaServer(reply, GOOD) as server:
        assert run(server) == Classified("action")
        first, second = server.chats
        assert second.body["messages"][: len(ASK)] == first.body["messages"]
        last = second.body["messages"][-1]
        assert last["role"] == "user"
        assert last["content"].startswith("That cannot be used: ")
        assert '"tier"' in last["content"]


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD.keys())
def test_two_bad_answers_are_no_decision_and_the_reason_is_told(run, reply):
    problems: list[ModelError] = []
    with OllamaServer(default=reply) as server:
        assert run(server, problems) is None
        assert len(server.chats) == 2
    assert len(problems) == 1
    assert "classify" in str(problems[0])
    assert problems[0].remedy


@pytest.mark.parametrize(("reply", "kind"), [([Fail(503, "busy")], ModelBusy), ([Say('{"tier"'), Cut()], StreamBroken)])
def test_a_server_in_trouble_is_not_asked_twice(run, reply, kind):
    problems: list[ModelError] = []
    with OllamaServer(reply, GOOD) as server:
        assert run(server, problems) is None
        assert len(server.chats) == 1
    assert isinstance(problems[0], kind)


def test_a_model_that_cannot_be_held_to_a_schema_is_asked_without_one(run):
    with OllamaServer([Fail(400, "llama3.1:8b does not support structured output")], GOOD) as server:
        assert run(server) == Classified("action")
        assert server.chats[0].body["format"]["required"] == ["tier"]
        assert not server.chats[1].body.get("format")


def test_a_spent_budget_asks_nothing(run):
    problems: list[ModelError] = []
    with OllamaServer(GOOD) as server:
        assert run(server, problems, budget=Budget(10)) is None
        assert server.chats == []
    assert isinstance(problems[0], BudgetSpent)


def test_a_schema_is_flat_closed_and_narrowed_to_the_words_that_exist():
    found = flat_schema(ReadPlan, {"read": ("get", "none")})
    assert found["properties"]["read"] == {"type": "string", "enum": ["get", "none"]}
    assert found["required"] == ["read", "kind", "name", "namespace"]
    assert found["additionalProperties"] is False
    assert "$" not in str(found)
    with pytest.raises(ValueError, match="no field"):
        flat_schema(Pick, {"check": ("1",)})


@given(st.text())
def test_any_text_is_read_or_refused_and_nothing_else_happens(text):
    schema = flat_schema(Pick, {"choice": ("1", "finish")})
    try:
        assert read(text, Pick, schema).choice in ("1", "finish")
    except ValueError as error:
        assert str(error)


@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4),
    st.text(alphabet=st.characters(exclude_characters="{}")),
)
def test_an_object_is_found_behind_any_words(value, words):
    import json

    assert first_object(words + json.dumps(value) + words) == value
