"""The real `ollama` client against a server that speaks the real protocol: streaming, cancelling, and every way to fail."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from fakes.ollama_server import OllamaServer
from fakes.scripted import Break, Counts, Cut, Endless, Fail, Raw, Say, Wait

from engine.core.cancel import Cancelled, CancelToken
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
from engine.llm.servers.ollama import OllamaModel, PullProgress
from engine.llm.settings import ModelSettings

ASK = [Message("system", "You are brief."), Message("user", "why is checkout-api restarting?")]
QUICK = ModelSettings(first_token_seconds=5, stall_seconds=5, total_seconds=20)


@pytest.fixture
def connect():
    opened: list[OllamaModel] = []

    def open_on(server: OllamaServer, settings: ModelSettings = QUICK, name: str = "llama3.1:8b", **more: object) -> OllamaModel:
        opened.append(OllamaModel(name, server.url, settings, **more))
        return opened[-1]

    yield open_on
    for model in opened:
        model.close()


def text_of(chunks) -> str:
    return "".join(c.text for c in chunks if isinstance(c, Delta) and not c.thinking)


def test_text_arrives_in_pieces_and_ends_with_the_servers_own_counts(connect):
    with OllamaServer([Say("A variable "), Say("is missing."), Counts(prompt=31, answer=7)]) as server:
        model = connect(server)
        chunks = list(model.stream(ASK))
    assert [c.text for c in chunks[:-1]] == ["A variable ", "is missing."]
    assert chunks[-1] == Final(prompt_tokens=31, answer_tokens=7, seconds=2.0, reason="stop")
    assert model.tokens_per_second == 7.0


def test_a_piece_is_handed_on_before_the_next_one_exists(connect):
    gate = threading.Event()
    with OllamaServer([Say("first"), Wait(gate), Say("second")]) as server:
        chunks = connect(server).stream(ASK)
        assert next(chunks) == Delta("first")
        gate.set()
        assert text_of(chunks) == "second"


def test_every_request_carries_the_same_window_a_limit_and_keep_alive(connect):
    with OllamaServer() as server:
        model = connect(server)
        for size in (64, 300):
            list(model.stream(ASK, max_tokens=size, temperature=0.0))
        list(model.stream(ASK, schema={"type": "object"}, max_tokens=9000, temperature=2))
        options = [r.body["options"] for r in server.chats]
    assert {o["num_ctx"] for o in options} == {8192}
    assert [o["num_predict"] for o in options] == [64, 300, 700], "what the settings allow is the most"
    assert [o["temperature"] for o in options] == [0.0, 0.0, 0.2]
    assert all(r.body["keep_alive"] == "15m" for r in server.chats)
    assert server.chats[2].body["format"] == {"type": "object"}


def test_a_thinking_model_is_told_not_to_and_its_thoughts_are_marked(connect):
    with OllamaServer([Say("hmm", thinking=True), Say("Because.")], capabilities=("completion", "thinking")) as server:
        chunks = list(connect(server).stream(ASK))
    assert server.chats[0].body["think"] is False
    assert chunks[0] == Delta("hmm", thinking=True)
    assert text_of(chunks) == "Because."


def test_thoughts_written_into_the_text_are_told_apart_wherever_the_marks_are_cut(connect):
    with OllamaServer([Say("<thi"), Say("nk>let me "), Say("see</th"), Say("ink>\n\nIt is <b>"), Say("full")]) as server:
        chunks = list(connect(server).stream(ASK))
    assert text_of(chunks) == "It is <b>full"
    assert "".join(c.text for c in chunks if isinstance(c, Delta) and c.thinking) == "let me see"


@pytest.mark.parametrize("before", [[], [Say("Once "), Say("upon")]], ids=["while it reads the prompt", "while it writes"])
def test_cancel_ends_the_stream_and_the_server_sees_the_connection_closed(connect, before):
    token = CancelToken()
    with OllamaServer([*before, Wait()], "and on") as server:
        model = connect(server)
        outcome: list[BaseException] = []
        heard: list[str] = []
        begun = threading.Event()

        def ask() -> None:
            try:
                for chunk in model.stream(ASK, cancel=token):
                    heard.append(chunk.text)
                    if len(heard) == len(before):
                        begun.set()
            except Cancelled as error:
                outcome.append(error)

        caller = threading.Thread(target=ask)
        caller.start()
        request = server.wait_for_chat()
        if before:
            assert begun.wait(5)
        started = time.perf_counter()
        token.cancel("stopped by the user")
        caller.join(5)
        assert request.gone.wait(5)
        quiet = time.perf_counter() - started
        assert [str(e) for e in outcome] == ["stopped by the user"]
        assert heard == [s.text for s in before]
        assert quiet < 0.3
        assert text_of(model.stream(ASK)) == "and on"


def test_leaving_the_iterator_early_stops_the_server_too(connect):
    with OllamaServer([Say("a"), Wait()]) as server:
        chunks = connect(server).stream(ASK)
        next(chunks)
        chunks.close()
        assert server.chats[0].gone.wait(5)


def test_a_cancelled_token_sends_nothing(connect):
    token = CancelToken()
    token.cancel()
    with OllamaServer() as server:
        with pytest.raises(Cancelled):
            list(connect(server).stream(ASK, cancel=token))
        assert server.requests == []


def test_closing_the_model_ends_a_stream_and_its_thread(connect):
    with OllamaServer([Say("a"), Wait()]) as server:
        model = connect(server)
        chunks = model.stream(ASK)
        next(chunks)
        model.close()
        with pytest.raises(Cancelled):
            list(chunks)
        assert server.chats[0].gone.wait(5)
    assert not [t for t in threading.enumerate() if t.name == "model-llama3.1:8b" and t.is_alive()]


FAILURES = [
    ([Fail(503, "server busy, please try again. maximum pending requests exceeded")], ModelBusy, "again"),
    ([Fail(400, "registry.ollama.ai/library/llama3.1:8b does not support chat")], CapabilityMissing, "/model"),
    ([Fail(404, "404 page not found")], ModelError, "provider"),
    ([Fail(400, "input length exceeds maximum context length")], ContextTooLong, "num_ctx"),
    ([Fail(500, "model requires more system memory (9.1 GiB) than is available (4.0 GiB)")], ModelError, "smaller model"),
    ([Say("It "), Cut()], StreamBroken, "Ask again"),
    ([Say("It "), Break("an error was encountered while running the model")], StreamBroken, "Ask again"),
    ([Say("It "), Raw(b'{"model": "llama3.1:8b", "mess\n')], StreamBroken, "Ask again"),
    ([Say("It "), Raw(b"[1, 2]\n")], StreamBroken, "Ask again"),
    ([Raw(b"<html>gateway</html>\n")], StreamBroken, "Ask again"),
    ([Raw(b"\x1b[2J\xff\xfe\n")], StreamBroken, "Ask again"),
]


@pytest.mark.parametrize(("reply", "kind", "remedy"), FAILURES, ids=[f"{kind.__name__}-{n}" for n, (_, kind, _) in enumerate(FAILURES)])
def test_each_failure_has_its_own_error_and_a_remedy(connect, reply, kind, remedy):
    with OllamaServer(reply) as server, pytest.raises(ModelError) as caught:
        list(connect(server).stream(ASK))
    assert type(caught.value) is kind
    assert remedy in caught.value.remedy
    assert "\x1b" not in str(caught.value)


def test_a_missing_model_is_to_be_pulled(connect):
    with OllamaServer(models=["mistral:7b"]) as server, pytest.raises(ModelMissing) as caught:
        list(connect(server).stream(ASK))
    assert caught.value.remedy == "Pull it: ollama pull llama3.1:8b"


def test_nobody_listening_is_said_with_the_way_to_start_it():
    model = OllamaModel("llama3.1:8b", f"http://127.0.0.1:{unused_port()}", QUICK)
    with pytest.raises(ModelDown) as caught:
        list(model.stream(ASK))
    assert "ollama serve" in caught.value.remedy
    with pytest.raises(ModelDown):
        model.models()
    model.close()


def test_a_bare_http_host_is_told_about_port_80(monkeypatch):
    model = OllamaModel("llama3.1:8b", "http://127.0.0.1", QUICK)
    assert model.server == "http://127.0.0.1:80"
    with pytest.raises(ModelDown) as caught:
        list(model.stream(ASK))
    assert "port 80" in caught.value.remedy
    assert "http://127.0.0.1:11434" in caught.value.remedy
    model.close()


def test_a_server_that_dies_while_it_writes_is_a_broken_stream(connect):
    with OllamaServer([Say("It "), Wait()]) as server:
        chunks = connect(server).stream(ASK)
        next(chunks)
        server.close()
        with pytest.raises(StreamBroken):
            list(chunks)


@pytest.mark.parametrize(
    ("reply", "settings", "said"),
    [
        ([Wait()], ModelSettings(first_token_seconds=0.05), r"returned nothing for 0\.05 s"),
        ([Say("It "), Wait()], ModelSettings(stall_seconds=0.05), "in the middle of its answer"),
        ([Say("It "), Wait()], ModelSettings(total_seconds=0.2), r"did not finish within 0\.2 s"),
    ],
    ids=["before the first word", "between words", "as a whole"],
)
def test_silence_ends_by_the_limit_that_was_passed(connect, reply, settings, said):
    with OllamaServer(reply) as server:
        model = connect(server, settings)
        model.info()
        with pytest.raises(ModelStalled, match=said) as caught:
            list(model.stream(ASK))
        assert "/model" in caught.value.remedy or "stall_seconds" in caught.value.remedy
        assert server.chats[0].gone.wait(5)


def test_a_cold_model_gets_time_to_load_and_says_so(connect):
    states: list[str] = []
    gate = threading.Event()
    loading = threading.Event()

    def state(now: str) -> None:
        states.append(now)
        if now == "loading":
            loading.set()

    settings = ModelSettings(first_token_seconds=0.01, load_seconds=10)
    with OllamaServer([Wait(gate), Say("warm")], resident=False) as server:
        model = connect(server, settings, on_state=state)
        threading.Thread(target=lambda: (loading.wait(5), server.wait_for_chat(), gate.set())).start()
        assert text_of(model.stream(ASK)) == "warm"
    assert states == ["loading", "writing", "idle"]


def test_a_cold_model_that_never_loads_ends_too(connect):
    with OllamaServer([Wait()], resident=False) as server, pytest.raises(ModelStalled, match="did not finish loading"):
        list(connect(server, ModelSettings(first_token_seconds=0.02, load_seconds=0.05)).stream(ASK))


def test_a_server_that_ignores_the_limit_is_stopped_here(connect):
    with OllamaServer([Endless("ha " * 50)]) as server:
        chunks = list(connect(server).stream(ASK, max_tokens=20))
        assert chunks[-1].reason == "length"
        assert len(text_of(chunks)) < 20 * 24 + 200
        assert server.chats[0].gone.wait(5)


def test_a_prompt_that_does_not_fit_is_refused_before_it_is_sent(connect):
    with OllamaServer() as server:
        with pytest.raises(ContextTooLong) as caught:
            list(connect(server).stream([Message("user", "pod " * 9000)]))
        assert server.chats == []
    assert "8192" in str(caught.value)


def test_the_servers_count_corrects_the_estimate(connect):
    prompt = [Message("user", "pod " * 1000)]
    with OllamaServer([Say("ok"), Counts(prompt=1500, answer=1)], [Say("ok"), Counts(prompt=3, answer=1)]) as server:
        model = connect(server)
        before = model.estimator.messages(prompt)
        list(model.stream(prompt))
        after = model.estimator.messages(prompt)
        list(model.stream(prompt))
    assert before < 1500 <= after
    assert model.estimator.messages(prompt) == after, "a count that leaves out what the cache served must not lower the estimate"


def test_what_the_server_has_and_what_the_model_can_do(connect):
    with OllamaServer(models=["qwen3:4b", "llama3.1:8b"], context_length=131072, capabilities=("completion", "tools")) as server:
        model = connect(server)
        found = model.models()
        assert [(m.name, m.context_length) for m in found] == [("llama3.1:8b", 131072), ("qwen3:4b", 131072)]
        assert found[0].size_bytes == 4_920_000_000
        shown = [r.path for r in server.requests].count("/api/show")
        info = model.info()
        assert (info.context_length, info.capabilities, info.details["parameter_size"]) == (131072, ("completion", "tools"), "8.0B")
        model.info()
        list(model.stream(ASK))
        assert [r.path for r in server.requests].count("/api/show") == shown + 1


def test_health_says_in_one_look_what_is_wrong_and_what_mends_it(connect):
    with OllamaServer() as server:
        assert connect(server).health().ok
        assert "window 8192" in connect(server).health().detail
        assert connect(server, name="phi4").health().fix == "Pull it: ollama pull phi4"
        url = server.url
    down = OllamaModel("llama3.1:8b", url, QUICK)
    assert not down.health().ok
    assert "ollama serve" in down.health().fix
    down.close()
    with OllamaServer(tags=Fail(500, "broken")) as server:
        assert not connect(server).health().ok


def test_health_gives_up_on_a_server_that_does_not_answer(connect, monkeypatch):
    monkeypatch.setattr("engine.llm.servers.base.HEALTH_SECONDS", 0.05)
    with OllamaServer(tags=Wait()) as server:
        health = connect(server).health()
    assert not health.ok
    assert "did not answer" in health.detail


def test_a_name_without_a_tag_means_latest(connect):
    with OllamaServer(models=["phi4:latest"]) as server:
        assert connect(server, name="phi4").health().ok


def test_texts_become_vectors_where_the_model_can(connect):
    with OllamaServer(capabilities=("embedding",)) as server:
        assert connect(server).embed(["pod", "service"]) == [[3.0, 1.0], [7.0, 1.0]]
    with OllamaServer() as server, pytest.raises(CapabilityMissing):
        connect(server).embed(["pod"])


def test_pull_reports_its_progress(connect):
    steps = [
        {"status": "pulling manifest"},
        {"status": "pulling 667b0c1932bc", "digest": "sha256:667", "total": 100, "completed": 40},
        {"status": "success"},
    ]
    seen: list[PullProgress] = []
    with OllamaServer(pulls=steps) as server:
        connect(server).pull(seen.append)
        assert server.requests[0].body["model"] == "llama3.1:8b"
    assert seen == [PullProgress("pulling manifest"), PullProgress("pulling 667b0c1932bc", 40, 100), PullProgress("success")]


def test_pull_of_an_unknown_name_and_a_pull_that_breaks_off_are_errors(connect):
    unknown = [{"error": "pull model manifest: file does not exist"}]
    with OllamaServer(pulls=unknown) as server, pytest.raises(ModelError, match="has no model"):
        connect(server).pull(lambda _: None)
    with OllamaServer(pulls=[{"status": "pulling manifest"}]) as server, pytest.raises(StreamBroken):
        connect(server).pull(lambda _: None)


def test_pull_can_be_cancelled(connect):
    token = CancelToken()
    with OllamaServer(pulls=[{"status": "pulling manifest"}, Wait()]) as server:
        with pytest.raises(Cancelled):
            connect(server).pull(lambda _: token.cancel("enough"), token)
        assert server.requests[0].gone.wait(5)


def test_a_proxy_in_the_environment_does_not_capture_this_machine(connect, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with OllamaServer("direct") as server:
        assert text_of(connect(server).stream(ASK)) == "direct"


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
