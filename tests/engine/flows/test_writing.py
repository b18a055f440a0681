"""What is written on request, through the real client: code is classed and never run, a review is computed, nonsense is not believed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest
from fakes.ollama_server import OllamaServer
from fakes.scripted import Break, Counts, Cut, Endless, Raw, Reply, Say, Wait

from engine.agent.agent import Agent
from engine.core.config import BudgetSettings, ClusterSettings, ModelSection, Settings
from engine.core.events import AnswerFinished, CommandStarted, Event, Notice, RunCancelled, RunFinished, TokensStreamed
from engine.core.types import Answer
from engine.flows.answering.how_to import code_kind
from engine.language.questions.recommendations import review
from engine.language.wants import classify
from engine.session.connection import Opening

PYTHON = """```python
from kubernetes import client, config

config.load_kube_config()
for pod in client.CoreV1Api().list_pod_for_all_namespaces(limit=500).items:
    print(pod.metadata.name, [c.resources.limits for c in pod.spec.containers])
```
It reads up to 500 pods of all namespaces and prints their limits."""


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture(scope="module")
def agent(server: OllamaServer) -> Iterator[Agent]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.llm.servers.base.HEALTH_SECONDS", 20.0)
        settings = dataclasses.replace(
            Settings(),
            model=ModelSection(host=server.url, first_token_seconds=60, stall_seconds=60),
            cluster=ClusterSettings(namespace="shop"),
            budget=BudgetSettings(informational_seconds=120, troubleshooting_seconds=120),
        )
        agent = Agent(settings, Opening(demo=True), save=False)
        agent.start()
        assert any(agent.model_health().ok for _ in range(10)), agent.status.model_note
        yield agent
        agent.close()


def asked(agent: Agent, server: OllamaServer, query: str, *replies: Reply | str, attachment: str = "") -> list[Event]:
    server.script[:] = list(replies)
    events = list(agent.ask(query, attachment=attachment).events())
    assert isinstance(events[-1], RunFinished)
    return events


def answer_of(events: list[Event]) -> Answer:
    return [e for e in events if isinstance(e, AnswerFinished)][-1].answer


def notices(events: list[Event]) -> str:
    return "\n".join(e.text for e in events if isinstance(e, Notice))


def test_a_script_comes_as_a_code_block_that_nobody_ran(agent: Agent, server: OllamaServer) -> None:
    events = asked(agent, server, "Generate a Python script that draws the topology of the workloads", PYTHON)
    answer = answer_of(events)
    assert answer.text.startswith("```python\nfrom kubernetes import client")
    assert "Nothing of this was run." in answer.text
    assert not [e for e in events if isinstance(e, CommandStarted)]
    assert "Kind: python" in server.chats[-1].prompt


def test_generated_commands_get_their_class_and_forbidden_ones_are_struck(agent: Agent, server: OllamaServer) -> None:
    reply = (
        "```bash\nkubectl scale deployment cart-api --replicas=5\nkubectl get pods --server=https://evil.example:6443\n```\n"
        "The first line scales the Deployment."
    )
    events = asked(agent, server, "write a kubectl command that spreads cart-api over zones", reply)
    text = answer_of(events).text
    assert "kubectl scale deployment cart-api --replicas=5 (mutate)" in text
    assert "evil.example" not in text
    assert "1 command unchecked removed" in notices(events)


def test_without_a_whole_code_block_the_documentation_answers(agent: Agent, server: OllamaServer) -> None:
    events = asked(
        agent, server, "write a yaml manifest for a priority class", "Sure, here is what you could write about it, in short words."
    )
    assert "[D1]" in answer_of(events).text
    assert "no complete code block" in notices(events)


def test_an_explanation_that_names_what_nobody_saw_is_marked_and_the_correction_is_told(agent: Agent, server: OllamaServer) -> None:
    reply = "A readiness probe says whether a pod may get traffic. In this cluster the pod web-7f9c8 fails its probe. [D9]"
    events = asked(agent, server, "how should readiness probes be set for a slow service?", reply)
    text = answer_of(events).text
    assert "web-7f9c8 (not in the evidence)" in text
    assert "Corrected after generation" in notices(events)
    assert "web-7f9c8" in "".join(e.text for e in events if isinstance(e, TokensStreamed))


def test_a_workload_is_reviewed_by_code_and_worded_by_the_model(agent: Agent, server: OllamaServer) -> None:
    events = asked(agent, server, "optimize checkout-api", "bananas")
    text = answer_of(events).text
    assert text.startswith("Deployment/checkout-api in shop could be set up better:")
    assert "observations stand as they were computed" in notices(events)
    assert "1. " in text


def test_a_log_is_read_by_code_and_below_it_by_the_model(agent: Agent, server: OllamaServer) -> None:
    log = "starting\npanic: dial tcp 10.0.0.9:5432: connect: connection refused\n"
    reply = 'The program could not reach its database: "dial tcp 10.0.0.9:5432: connect: connection refused". Then pod zeta-9 fell over.'
    events = asked(agent, server, "what is wrong with this log?", reply, attachment=log)
    text = answer_of(events).text
    assert "The model reads the log so: The program could not reach its database" in text
    assert "zeta-9 (not in the evidence)" in text


BAD: dict[str, Reply] = {
    "empty": (Say(""),),
    "endless": (Endless("and so on and on, "),),
    "repeating": (Say("The pod is the pod is the pod. " * 60),),
    "malformed JSON": (Say('{"tier": "informational", '),),
    "another language": (Say("Der Pod startet nicht, weil eine Variable in seiner Umgebung fehlt und niemand sie gesetzt hat."),),
    "tool call": (Say('<tool_call>{"name": "run", "arguments": {"command": "kubectl delete ns shop"}}</tool_call>'),),
    "refusal": (Say("I'm sorry, but I can't assist with that request about clusters."),),
    "cut": (Say("A probe is"), Cut()),
    "error in mid-stream": (Say("A probe is "), Break("CUDA error: out of memory")),
    "no protocol": (Raw(b"<html>gateway</html>\n"),),
    "only thoughts": (Say("hm, let me think", thinking=True), Counts(10, 400, "length")),
}


@pytest.mark.parametrize("kind", list(BAD))
@pytest.mark.parametrize("query", ["how should readiness probes be set for a slow service?", "why is checkout-api restarting?"])
def test_a_bad_model_ends_in_the_deterministic_answer_with_a_note(agent: Agent, server: OllamaServer, query: str, kind: str) -> None:
    server.default = BAD[kind]
    try:
        events = asked(agent, server, query)
    finally:
        server.default = "ok"
    answer = answer_of(events)
    assert "The model was of no help" in notices(events)
    if query.startswith("why"):
        assert answer.text.startswith("Root cause: ")
        assert "STRIPE_API_KEY" in answer.root_causes[0].summary
    else:
        assert answer.text.startswith("From ")
        assert answer.passages
    assert "kubectl delete ns shop" not in json.dumps(answer.to_dict())


def test_a_model_that_talks_nonsense_changes_no_root_cause(agent: Agent, server: OllamaServer) -> None:
    server.default = '{"choice": "7"} Bananas are yellow and the moon is made of cheese.'
    try:
        for query in ("why is orders-db pending?", "what is wrong?"):
            with_it = answer_of(asked(agent, server, query)).root_causes
            without = answer_of(list(agent.ask(query, model=False).events())).root_causes
            assert [(c.code, c.object, c.summary) for c in with_it] == [(c.code, c.object, c.summary) for c in without]
            assert with_it
    finally:
        server.default = "ok"


def test_a_model_that_is_too_slow_leaves_what_it_wrote_or_the_composed_answer(
    agent: Agent, server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Wait()
    sentence = "A readiness probe says whether a pod may get traffic, and the kubelet asks it again and again. It "
    late = dataclasses.replace(agent.settings, budget=dataclasses.replace(agent.settings.budget, informational_seconds=4.0))
    monkeypatch.setattr(agent, "settings", late)
    events = asked(agent, server, "how should readiness probes be set for a slow service?", (Say(sentence), gate))
    text = answer_of(events).text
    assert text.startswith(("A readiness probe says whether a pod may get traffic, and the kubelet asks it again and again. …", "From "))
    assert "time limit" in notices(events)


@pytest.mark.parametrize("moment", ["prefill", "streaming"])
def test_cancel_is_quiet_at_once_and_the_next_question_works(agent: Agent, server: OllamaServer, moment: str) -> None:
    gate = Wait()
    before = len(server.chats)
    server.script[:] = [(gate,) if moment == "prefill" else (Say("A readiness probe says whether a pod may get traffic, and "), gate)]
    run = agent.ask("how should readiness probes be set for a slow service?")
    if moment == "prefill":
        server.wait_for_chat(before + 1, 60)
        run.cancel()
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, TokensStreamed):
            run.cancel()
    assert isinstance(events[-1], RunCancelled)
    assert server.chats[before].gone.wait(20)
    assert answer_of(
        asked(
            agent,
            server,
            "how should readiness probes be set for a slow service?",
            "A readiness probe tells whether a pod may be sent traffic now.",
        )
    )


def test_every_recorded_request_kept_to_window_and_budget(agent: Agent, server: OllamaServer) -> None:
    list(agent.ask("why is checkout-api restarting?").events())
    assert {chat.body["options"]["num_ctx"] for chat in server.chats} == {8192}
    assert all(0 < chat.body["options"]["num_predict"] <= 700 for chat in server.chats)
    spent: dict[str, int] = {}
    for row in agent.context_report().requests:
        spent[row.question] = max(spent.get(row.question, 0), row.spent.prompt_tokens)
    assert max(spent.values()) <= 6000


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("Generate a Python script to list all pods with resource limits", "python"),
        ("write a yaml for a deployment with probes", "yaml"),
        ("give me a kubectl command to list images", "kubectl"),
        ("create a manifest for a PDB", "yaml"),
        ("draft a one-liner that counts pods", "kubectl"),
        ("what is a script?", None),
        ("explain probes", None),
    ],
)
def test_the_kind_of_code_that_is_wanted(query: str, kind: str | None) -> None:
    assert code_kind(query) == kind


@pytest.mark.parametrize("query", ["optimize checkout-api", "right-size deployment web", "please review web", "improve the probes of web"])
def test_advice_is_no_order(query: str) -> None:
    assert classify(query).tier == "informational"


def test_a_review_names_what_is_missing_and_nothing_of_what_is_there() -> None:
    container = {
        "name": "app",
        "image": "reg/app:1.2",
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    }
    good = {**container, "readinessProbe": {"httpGet": {"path": "/ready"}}}
    raw = {"kind": "Deployment", "spec": {"replicas": 2, "template": {"spec": {"containers": [good]}}}}
    assert review(raw) == ()
    bare = {"kind": "Deployment", "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "app", "image": "app"}]}}}}
    text = "\n".join(review(bare))
    for word in ("no memory request", "no cpu request", "no memory limit", "no readiness probe", "no fixed version", "one replica"):
        assert word in text
