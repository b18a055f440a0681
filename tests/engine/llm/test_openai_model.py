"""Any OpenAI-compatible server: streaming, cancelling, the four ways to ask for JSON, keys, and every way to fail."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.openai_server import OpenAIServer
from fakes.scripted import Break, Counts, Cut, Endless, Fail, Raw, Say, Wait

from engine.core.cancel import Cancelled, CancelToken
from engine.llm import open_model
from engine.llm.chat_model import (
    CapabilityMissing,
    ContextTooLong,
    Delta,
    Final,
    Message,
    ModelBusy,
    ModelDown,
    ModelError,
    ModelMissing,
    ModelStalled,
    StreamBroken,
)
from engine.llm.servers.openai import OpenAIModel
from engine.llm.settings import ModelSettings

ASK = [Message("system", "You are brief."), Message("user", "why is checkout-api restarting?")]
QUICK = ModelSettings(provider="openai", first_token_seconds=5, stall_seconds=5, total_seconds=20)
SCHEMA = {"type": "object", "properties": {"tier": {"type": "string"}}}


@pytest.fixture
def connect():
    opened: list[OpenAIModel] = []

    def open_on(server: OpenAIServer, settings: ModelSettings = QUICK, name: str = "qwen2.5", path: str = "") -> OpenAIModel:
        opened.append(OpenAIModel(name, server.url + path, settings))
        return opened[-1]

    yield open_on
    for model in opened:
        model.close()


def text_of(chunks) -> str:
    return "".join(c.text for c in chunks if isinstance(c, Delta) and not c.thinking)


@pytest.mark.parametrize("path", ["", "/v1", "/v1/"])
def test_text_arrives_in_pieces_and_ends_with_the_servers_own_counts(connect, path):
    with OpenAIServer([Say("hm", thinking=True), Say("A variable "), Say("is missing."), Counts(prompt=31, answer=7)]) as server:
        chunks = list(connect(server, path=path).stream(ASK, max_tokens=99))
        body = server.chats[0].body
    assert chunks[:-1] == [Delta("hm", thinking=True), Delta("A variable "), Delta("is missing.")]
    assert isinstance(chunks[-1], Final)
    assert (chunks[-1].prompt_tokens, chunks[-1].answer_tokens, chunks[-1].reason) == (31, 7, "stop")
    assert (body["max_tokens"], body["stream"], body["model"]) == (99, True, "qwen2.5")
    assert "response_format" not in body


def test_cancel_ends_the_stream_and_the_server_sees_the_connection_closed(connect):
    token = CancelToken()
    with OpenAIServer([Say("Once "), Wait()], "and on") as server:
        model = connect(server)
        begun = threading.Event()
        outcome: list[BaseException] = []

        def ask() -> None:
            try:
                for _ in model.stream(ASK, cancel=token):
                    begun.set()
            except Cancelled as error:
                outcome.append(error)

        caller = threading.Thread(target=ask)
        caller.start()
        assert begun.wait(5)
        started = time.perf_counter()
        token.cancel()
        caller.join(5)
        assert server.chats[0].gone.wait(5)
        assert time.perf_counter() - started < 0.3
        assert len(outcome) == 1
        assert text_of(model.stream(ASK)) == "and on"


NO = Fail(400, "response_format is not supported")


@pytest.mark.parametrize(
    ("refuses", "dialect", "requests"),
    [
        ({}, "json_schema", 1),
        ({"json_schema": Fail(500, "Internal Server Error")}, "json_object+schema", 2),
        ({"json_schema": NO, "json_object+schema": Fail(422, "extra fields not permitted")}, "json_object", 3),
        ({"json_schema": NO, "json_object+schema": NO, "json_object": NO}, "plain", 4),
    ],
)
def test_the_strictest_way_to_ask_for_json_that_a_server_takes_is_found_once_and_remembered(connect, refuses, dialect, requests):
    with OpenAIServer(default='{"tier": "action"}', refuses=refuses) as server:
        model = connect(server)
        assert text_of(model.stream(ASK, schema=SCHEMA)) == '{"tier": "action"}'
        assert len(server.chats) == requests
        list(model.stream(ASK, schema=SCHEMA))
        assert len(server.chats) == requests + 1
        assert model.dialect == dialect


def test_a_dialect_that_worked_is_not_given_up_for_one_bad_day(connect):
    with OpenAIServer(default="{}") as server:
        model = connect(server)
        list(model.stream(ASK, schema=SCHEMA))
        server.script.append([Fail(500, "out of luck")])
        with pytest.raises(ModelError):
            list(model.stream(ASK, schema=SCHEMA))
        assert model.dialect == "json_schema"


def test_servers_that_name_the_limit_otherwise_or_report_no_usage_are_learned(connect):
    refuses = {
        "max_tokens": Fail(400, "Unsupported parameter: use 'max_completion_tokens' instead."),
        "stream_options": Fail(400, "stream_options?"),
    }
    with OpenAIServer(default="fine", refuses=refuses) as server:
        model = connect(server)
        chunks = list(model.stream(ASK))
        assert text_of(chunks) == "fine"
        assert chunks[-1].prompt_tokens == 0
        assert "max_completion_tokens" in server.chats[-1].body
        list(model.stream(ASK))
        assert len(server.chats) == 4


def test_the_key_comes_from_the_named_variable_with_each_request_and_shows_nowhere(connect, monkeypatch):
    settings = ModelSettings(provider="openai", api_key_env="TEST_MODEL_KEY")
    with OpenAIServer("ok", key="sk-right") as server:
        model = connect(server, settings)
        with pytest.raises(ModelError) as caught:
            list(model.stream(ASK))
        assert "$TEST_MODEL_KEY" in caught.value.remedy
        assert "verysecret" not in str(caught.value)
        monkeypatch.setenv("TEST_MODEL_KEY", "sk-right")
        assert text_of(model.stream(ASK)) == "ok"
        assert model.health().ok
        assert "sk-right" not in repr(vars(model)) + repr(model.settings)


FAILURES = [
    ([Fail(503, "Service Unavailable")], ModelBusy, "again"),
    ([Fail(503, "Loading model")], ModelBusy, "again"),
    ([Fail(429, "Rate limit reached")], ModelBusy, "again"),
    ([Fail(400, "This model's maximum context length is 4096 tokens, however you requested 5000")], ContextTooLong, "num_ctx"),
    ([Fail(400, "this model does not support chat")], CapabilityMissing, "/model"),
    ([Say("It "), Cut()], StreamBroken, "Ask again"),
    ([Say("It "), Break("the worker died")], StreamBroken, "Ask again"),
    ([Say("It "), Raw(b'data: {"choices": [{"del\n\n')], StreamBroken, "Ask again"),
    ([Say("It "), Raw(b"data: 17\n\n")], StreamBroken, "Ask again"),
    ([Raw(b"<html>502 Bad Gateway</html>\n")], StreamBroken, "Ask again"),
]


@pytest.mark.parametrize(("reply", "kind", "remedy"), FAILURES, ids=[f"{kind.__name__}-{n}" for n, (_, kind, _) in enumerate(FAILURES)])
def test_each_failure_has_its_own_error_and_a_remedy(connect, reply, kind, remedy):
    with OpenAIServer(reply) as server, pytest.raises(ModelError) as caught:
        list(connect(server).stream(ASK))
    assert type(caught.value) is kind
    assert remedy in caught.value.remedy


def test_a_missing_model_and_a_server_that_is_down(connect):
    with OpenAIServer(models=["other"]) as server:
        model = connect(server)
        with pytest.raises(ModelMissing) as caught:
            list(model.stream(ASK))
        assert "/model" in caught.value.remedy
        assert not model.health().ok
        assert [m.name for m in model.models()] == ["other"]
    with pytest.raises(ModelDown):
        list(model.stream(ASK))
    assert not model.health().ok


def test_what_the_server_tells_of_the_model(connect):
    with OpenAIServer(max_model_len=32768) as server:
        model = connect(server)
        assert model.info().context_length == 32768
        assert "of 32768" in model.health().detail


@pytest.mark.parametrize(
    "pages",
    [
        {"/props": {"default_generation_settings": {"n_ctx": 4096}}},
        {"/api/v0/models/qwen2.5": {"id": "qwen2.5", "loaded_context_length": 4096, "max_context_length": 32768}},
    ],
    ids=["llama.cpp", "LM Studio"],
)
def test_the_window_that_is_really_served_counts_before_the_models_own(connect, pages):
    with OpenAIServer(max_model_len=32768, pages=pages) as server:
        model = connect(server)
        assert model.info().context_length == 4096
        assert model.window == 4096


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 2048 tokens. However, you requested 5000 tokens.",
        "Requested tokens (5000) exceed context window of 2048",
        "the request exceeds the available context size (2048 tokens), try increasing it",
    ],
)
def test_a_window_that_a_refusal_names_holds_from_then_on(connect, said):
    with OpenAIServer([Fail(400, said)]) as server:
        model = connect(server)
        with pytest.raises(ContextTooLong):
            list(model.stream(ASK))
        assert model.window == 2048


def test_a_private_certificate_authority_is_named_or_the_check_is_switched_off(connect):
    certificate = Path(__file__).parents[2] / "data" / "localhost.pem"
    with OpenAIServer("hello", "hello", certificate=certificate) as server:
        with pytest.raises(ModelDown, match="not trusted"):
            list(connect(server).stream(ASK))
        for settings in (replace(QUICK, ca_file=str(certificate)), replace(QUICK, verify_tls=False)):
            assert text_of(connect(server, settings).stream(ASK)) == "hello"


@pytest.mark.parametrize(("proxy", "trusted", "given"), [("", True, None), ("none", False, None), ("http://p:3128", True, "http://p:3128")])
def test_a_proxy_is_for_other_machines_alone(proxy, trusted, given):
    settings = replace(QUICK, proxy=proxy)
    away = OpenAIModel("m", "https://models.example/v1", settings).client_options()
    assert (away["trust_env"], away.get("proxy")) == (trusted, given)
    here = OpenAIModel("m", "http://127.0.0.1:1/v1", settings).client_options()
    assert (here["trust_env"], here.get("proxy")) == (False, None)


def test_silence_ends_and_an_endless_answer_is_cut(connect):
    with OpenAIServer([Wait()], [Endless("ha " * 50)]) as server:
        with pytest.raises(ModelStalled):
            list(connect(server, ModelSettings(provider="openai", first_token_seconds=0.05)).stream(ASK))
        chunks = list(connect(server).stream(ASK, max_tokens=20))
        assert chunks[-1].reason == "length"
        assert server.chats[1].gone.wait(5)


def test_a_prompt_that_does_not_fit_is_refused_before_it_is_sent(connect):
    with OpenAIServer() as server:
        with pytest.raises(ContextTooLong):
            list(connect(server).stream([Message("user", "pod " * 9000)]))
        assert server.chats == []


def test_settings_open_the_model_they_name():
    assert open_model(ModelSettings(provider="none")) is None
    hosted = open_model(ModelSettings(provider="openai", name="m", host="https://models.example/v1"))
    assert isinstance(hosted, OpenAIModel)
    local = open_model(ModelSettings())
    assert local is not None
    assert (local.name, local.server) == ("llama3.1:8b", "http://127.0.0.1:11434")
    with pytest.raises(ValueError, match="not the address"):
        open_model(ModelSettings(host="ftp://somewhere"))
