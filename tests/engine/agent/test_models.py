"""The model of a session: another one by name, a download, a server that is loading, and one on another machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.ollama_server import OllamaServer
from fakes.openai_server import OpenAIServer
from fakes.scripted import Say, Wait

from engine.agent.agent import Agent
from engine.core.config import BudgetSettings, ModelSection, Settings
from engine.core.events import AnswerFinished, ModelChanged, Notice, RunCancelled, RunFailed, StepFinished, StepProgress, StepStarted
from engine.llm.chat_model import ModelError
from engine.session.connection import Opening

ANSWER = (Say("A readiness probe says whether a pod may be sent traffic; the kubelet asks it again and again."),)


@contextmanager
def session(host: str, *, save: bool = False, **model: Any) -> Iterator[Agent]:
    section = ModelSection(host=host, first_token_seconds=20, stall_seconds=20, **model)
    patient = BudgetSettings(informational_seconds=120, troubleshooting_seconds=120)
    agent = Agent(dataclasses.replace(Settings(), model=section, budget=patient), Opening(demo=True), save=save)
    agent.start()
    try:
        while agent.status.model_state == "unknown":
            agent.model_health()
        yield agent
    finally:
        agent.close()


def test_the_list_says_size_and_context_of_each_model() -> None:
    with OllamaServer(models=("llama3.1:8b", "qwen2.5:3b"), context_length=32768) as server, session(server.url) as agent:
        found = agent.models()
    assert [(m.name, m.context_length, m.size_bytes > 0) for m in found] == [("llama3.1:8b", 32768, True), ("qwen2.5:3b", 32768, True)]


def test_another_model_answers_from_the_next_question_on_and_says_so() -> None:
    with OllamaServer(models=("llama3.1:8b", "qwen2.5:latest"), default=ANSWER) as server, session(server.url) as agent:
        heard: list[ModelChanged] = []
        agent.subscribe(lambda event: heard.append(event) if isinstance(event, ModelChanged) else None)
        switched = agent.use_model("qwen2.5")
        assert (switched.ok, switched.name, agent.status.model) == (True, "qwen2.5:latest", "qwen2.5:latest")
        assert heard[-1].name == "qwen2.5:latest"
        list(agent.ask("how should we plan a maintenance window?").events())
        assert [chat.body["model"] for chat in server.chats] == ["qwen2.5:latest"]


def test_an_unknown_name_changes_nothing_and_offers_the_nearest_and_the_download() -> None:
    with OllamaServer(models=("llama3.1:8b", "qwen2.5:3b")) as server, session(server.url) as agent:
        switched = agent.use_model("qwen2.5:8b")
        assert not switched.ok
        assert switched.near[0] == "qwen2.5:3b"
        assert switched.can_pull
        assert "/model pull qwen2.5:8b" in switched.note
        assert agent.status.model == "llama3.1:8b"


def test_a_server_that_is_down_is_said_when_another_model_is_wanted() -> None:
    with session("http://127.0.0.1:9") as agent:
        switched = agent.use_model("other")
    assert not switched.ok
    assert "ollama serve" in switched.note


def test_a_download_tells_its_progress_and_the_model_answers_afterwards() -> None:
    pulls = [{"status": "pulling manifest"}, {"status": "pulling x", "completed": 50, "total": 100}, {"status": "success"}]
    with OllamaServer(models=("llama3.1:8b",), pulls=pulls) as server, session(server.url) as agent:
        server.models.append("qwen2.5:3b")
        events = list(agent.pull_model("qwen2.5:3b").events())
        assert [e.title for e in events if isinstance(e, StepStarted)] == ["download qwen2.5:3b"]
        assert [e.detail for e in events if isinstance(e, StepProgress)][-1] == "success"
        assert [e.outcome for e in events if isinstance(e, StepFinished)] == ["done"]
        assert "is in use now" in next(e for e in events if isinstance(e, AnswerFinished)).answer.text
        assert agent.status.model == "qwen2.5:3b"


def test_a_download_is_stopped_with_its_run() -> None:
    with OllamaServer(pulls=[{"status": "pulling manifest"}, Wait()]) as server, session(server.url) as agent:
        run = agent.pull_model("big:70b")
        events = []
        for event in run.events():
            events.append(event)
            if isinstance(event, StepProgress):
                run.cancel()
        assert isinstance(events[-1], RunCancelled)
        assert [e.outcome for e in events if isinstance(e, StepFinished)] == ["cancelled"]
        pulled = next(r for r in server.requests if r.path == "/api/pull")
        assert pulled.gone.wait(5)


def test_a_server_that_cannot_download_says_so() -> None:
    with OpenAIServer(models=("m",)) as server, session(server.url, provider="openai", name="m") as agent:
        end = list(agent.pull_model("other").events())[-1]
    assert isinstance(end, RunFailed)
    assert "Only an Ollama server" in end.error


def test_loading_is_a_step_of_the_question_that_waits_for_it() -> None:
    gate = Wait()
    with OllamaServer((gate, *ANSWER), resident=False) as server, session(server.url) as agent:
        states: list[bool] = []
        agent.subscribe(lambda event: states.append(agent.status.model_loading) if isinstance(event, ModelChanged) else None)
        run = agent.ask("how should we plan a maintenance window?")
        events = []
        for event in run.events():
            events.append(event)
            if isinstance(event, StepStarted) and event.title == "loading llama3.1:8b…":
                gate.gate.set()
    loading = next(e for e in events if isinstance(e, StepStarted) and e.title == "loading llama3.1:8b…")
    assert next(e for e in events if isinstance(e, StepFinished) and e.id == loading.id).outcome == "done"
    assert states[:2] == [True, False]


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_a_model_with_a_shorter_context_gets_a_smaller_window(provider: Any) -> None:
    server: OllamaServer | OpenAIServer
    server = OllamaServer(context_length=4096) if provider == "ollama" else OpenAIServer(models=("llama3.1:8b",), max_model_len=4096)
    with server, session(server.url, provider=provider) as agent:
        assert "window 4096" in agent.model_health().detail
        list(agent.ask("how should we plan a maintenance window?").events())
        if provider == "ollama":
            assert {chat.body["options"]["num_ctx"] for chat in server.chats} == {4096}


# another machine


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's server passes for one on another machine."""
    monkeypatch.setattr("engine.agent.model_connection.host_of", lambda server: "gpu-box")


def test_a_server_on_another_machine_is_asked_nothing_before_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere(monkeypatch)
    with OllamaServer(default=ANSWER) as server, session(server.url) as agent:
        assert (agent.status.model_state, agent.status.model_host) == ("asks", "gpu-box")
        events = list(agent.ask("how should we plan a maintenance window?").events())
        assert [e.text for e in events if isinstance(e, Notice) and "gpu-box" in e.text and "allow_remote" in e.text]
        assert not agent.use_model("llama3.1:8b").ok
        assert isinstance(list(agent.pull_model("x").events())[-1], RunFailed)
        with pytest.raises(ModelError, match="gpu-box"):
            agent.models()
        assert server.requests == []
        agent.allow_model_host("gpu-box")
        assert agent.status.model_state == "ok"
        list(agent.ask("how should we plan a maintenance window?").events())
        assert len(server.chats) == 1


def test_a_yes_is_kept_for_the_next_session_and_the_settings_may_say_it_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    elsewhere(monkeypatch)
    with OllamaServer() as server:
        with session(server.url, save=True) as agent:
            assert agent.status.model_state == "asks"
            agent.allow_model_host("gpu-box")
        with session(server.url, save=True) as agent:
            assert agent.status.model_state == "ok"
        with session(server.url, allow_remote=("gpu-box",)) as agent:
            assert agent.status.model_state == "ok"
        with session(server.url, allow_remote=("other-box",)) as agent:
            assert agent.status.model_state == "asks"
