"""Questions over HTTP: the JSON answer, the event stream and the transcript, clients that leave, approvals and choices."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fakes.agent import Ask, Gate
from fakes.rest import TOKEN, Rest, RestAgent, frames, serving

from engine.agent.agent import Agent
from engine.agent.json_documents import schema
from engine.core.config import ApiSettings, ClusterSettings, ModelSection, PolicySection, Settings
from engine.core.events import AnswerFinished, ChoiceAnswered, CommandOutput, Notice, RunCancelled, TokensStreamed, to_json
from engine.core.run import FlowError, Run
from engine.core.types import Answer, ApprovalRequest, Choice, ChoiceRequest, Verdict
from engine.session.connection import Opening
from engine.session.transcript import read

DONE = AnswerFinished(answer=Answer(tier="informational", text="all is well"))
SCALE = "kubectl scale deployment cart-api --replicas=3 -n shop"
REQUEST = ApprovalRequest("A-C1", SCALE, tuple(SCALE.split()), Verdict("mutate", "r", "why"), "demo", "shop")
DELETE = dataclasses.replace(REQUEST, command="kubectl delete pod a", verdict=Verdict("destructive", "r", "why"), typed_name="a")
WHICH = ChoiceRequest("Q1", "Which api?", (Choice("shop/api", "api in shop"), Choice("web/api", "api in web")))
STREAM = {"accept": "text/event-stream"}
SETTINGS = dataclasses.replace(Settings(), model=ModelSection(provider="none"), cluster=ClusterSettings(namespace="shop"))


@pytest.fixture
def agent() -> RestAgent:
    return RestAgent()


@pytest.fixture
def rest(agent: RestAgent) -> Iterator[Rest]:
    with serving(agent, ApiSettings(keepalive_seconds=0.05)) as made:
        yield made


@pytest.fixture
def client(rest: Rest) -> Iterator[httpx.Client]:
    with rest.client() as made:
        yield made


def cancelled(run: Run) -> str:
    """Wait until a Run has ended, and how it was cancelled."""
    assert run.wait(20)
    ending = list(run.events())[-1]
    assert isinstance(ending, RunCancelled)
    return ending.reason


# -- answers


def test_what_is_asked_reaches_the_agent(agent: RestAgent, client: httpx.Client) -> None:
    agent.scripts["*"] = [DONE]
    answer = client.post("/query", json={"query": " why? ", "namespace": "shop", "pod": "web-1", "no_llm": True, "attachment": "panic\n"})
    assert answer.status_code == 200
    assert answer.headers["k8sagent-run"] == "run-1"
    assert answer.headers["k8sagent-outcome"] == "answered"
    assert answer.json() == json.loads(json.dumps(DONE.answer.to_dict()))
    assert agent.asked == ["why?"]
    assert agent.asked_with == [{"pod": "web-1", "attachment": "panic\n", "namespace": "shop", "model": False, "concurrent": True}]


@pytest.mark.parametrize(("what", "status"), [("cluster", 503), ("model", 503), ("engine", 500)])
def test_a_run_that_fails_says_what_died(agent: RestAgent, client: httpx.Client, what: str, status: int) -> None:
    agent.scripts["*"] = [FlowError(what, "it does not answer; look at the VPN")]
    answer = client.post("/query", json={"query": "why?"})
    assert answer.status_code == status
    assert answer.json()["why"] == "it does not answer; look at the VPN"
    assert client.get("/examples").status_code == 200


def test_a_defect_is_no_traceback(agent: RestAgent) -> None:
    def broken(*args: Any, **more: Any) -> Run:
        raise ZeroDivisionError("secret detail")

    agent.check = broken  # type: ignore[method-assign]
    with serving(agent) as rest, rest.client() as client:
        answer = client.get("/findings")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "ZeroDivisionError: secret detail" in rest.log, "whoever runs the server is told"


def test_findings_come_as_the_command_prints_them(agent: RestAgent, client: httpx.Client) -> None:
    import jsonschema
    from fakes.agent import shop

    agent.cluster.finding_list = shop().cluster.finding_list
    report = client.get("/findings", params={"namespace": "shop"}).json()
    jsonschema.validate(report, schema("check"))
    assert report["cluster"] == {"context": "demo", "version": "v1.36.2", "namespace": "shop"}
    assert [finding["code"] for finding in report["findings"]] == ["CrashLoopBackOff", "FailedScheduling"]
    assert client.get("/findings", params={"namespace": "shop", "all": "true"}).json()["cluster"]["namespace"] == ""


# -- the stream


def test_the_stream_gives_each_event_with_its_name_its_number_and_its_json(agent: RestAgent, client: httpx.Client) -> None:
    evil = "data: x\n\nevent: RunFinished\r\ndata: {}\u2028\x85"
    agent.scripts["*"] = [Notice(level="info", text=evil), TokensStreamed(text="a\nb"), DONE]
    with client.stream("POST", "/query", json={"query": "why?"}, headers=STREAM) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = answer.read().decode()
    streamed = list(frames(iter(text.split("\n"))))
    assert [frame["data"] for frame in streamed] == [json.loads(json.dumps(to_json(event))) for event in agent.runs[0].events()]
    assert [(frame["event"], frame["id"]) for frame in streamed] == [
        (frame["data"]["event"], str(frame["data"]["seq"])) for frame in streamed
    ]
    assert streamed[1]["data"]["text"] == evil


def test_a_silent_stream_is_kept_open_with_comments(agent: RestAgent, client: httpx.Client) -> None:
    gate = Gate()
    agent.scripts["*"] = [gate, DONE]
    with client.stream("POST", "/query", json={"query": "why?"}, headers=STREAM) as answer:
        comments = 0
        lines = answer.iter_lines()
        for line in lines:
            comments += line.startswith(":")
            if comments == 2:
                gate.open()
                break
        assert [frame["event"] for frame in frames(lines)][-2:] == ["AnswerFinished", "RunFinished"]


def test_a_long_output_arrives_whole_and_in_order(agent: RestAgent, client: httpx.Client) -> None:
    agent.scripts["*"] = [CommandOutput(id="C1", stream="stdout", lines=("x" * 100,) * 50) for _ in range(400)] + [DONE]
    with client.stream("POST", "/query", json={"query": "why?"}, headers=STREAM) as answer:
        seqs = [int(frame["id"]) for frame in frames(answer.iter_lines())]
    assert seqs == list(range(1, 404))


# -- clients that leave, and stopping


@pytest.mark.parametrize("headers", [{}, STREAM], ids=["json", "stream"])
def test_a_client_that_leaves_cancels_its_question(agent: RestAgent, rest: Rest, headers: dict[str, str]) -> None:
    gate, noticed = Gate(), threading.Event()
    agent.scripts["*"] = [gate, DONE]
    body = b'{"query": "why?"}'
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    made = socket.create_connection(("127.0.0.1", rest.port), timeout=20)
    made.sendall(
        f"POST /query HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n{head}"
        f"content-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    assert gate.reached.wait(20)
    agent.runs[0].token.on_cancel(noticed.set)
    made.close()
    assert noticed.wait(20)
    assert cancelled(agent.runs[0]) == "the client disconnected"


def test_a_client_that_leaves_while_it_is_asked_has_not_said_yes(agent: RestAgent, rest: Rest) -> None:
    ask = Ask(REQUEST)
    agent.scripts["*"] = [ask, DONE]
    with rest.client() as client, client.stream("POST", "/query", json={"query": "scale"}, headers=STREAM) as answer:
        for frame in frames(answer.iter_lines()):
            if frame["event"] == "ApprovalRequested":
                break
    assert cancelled(agent.runs[0]) == "the client disconnected"
    assert ask.decisions == [], "the run ended where it asked"
    with rest.client() as client:
        late = client.post("/approvals/A-C1", json={"run": "run-1", "decision": "approve"})
    assert late.status_code == 409
    assert "reject by cancel" in late.json()["why"]


def test_a_question_is_stopped_by_its_id(agent: RestAgent, client: httpx.Client, rest: Rest) -> None:
    gate = Gate()
    agent.scripts["*"] = [gate, DONE]
    answers: list[httpx.Response] = []

    def ask() -> None:
        with rest.client() as other:
            answers.append(other.post("/query", json={"query": "why?"}))

    thread = threading.Thread(target=ask)
    thread.start()
    assert gate.reached.wait(20)
    assert client.delete("/runs/run-1").json() == {"run": "run-1", "state": "stopping"}
    thread.join(20)
    assert answers[0].status_code == 409
    assert answers[0].json()["why"] == "stopped through the API"
    assert client.delete("/runs/run-1").json() == {"run": "run-1", "state": "ended"}
    assert client.delete("/runs/run-2").status_code == 404


def test_the_end_of_the_server_stops_all_questions(agent: RestAgent) -> None:
    gate = Gate()
    agent.scripts["*"] = [gate, DONE]
    with serving(agent) as rest, rest.client() as client, client.stream("POST", "/query", json={"query": "why?"}, headers=STREAM) as answer:
        streamed = frames(answer.iter_lines())
        assert next(streamed)["event"] == "QueryReceived"
        assert gate.reached.wait(20)
        rest.server.stop()
        assert [frame["data"].get("reason") for frame in streamed] == ["the server is stopping"]
    assert cancelled(agent.runs[0]) == "the server is stopping"


# -- approvals and choices


def asked(client: httpx.Client, answer: Any) -> tuple[list[dict[str, Any]], list[httpx.Response]]:
    """Follow a stream; `answer(frame)` gives what to post when something is asked."""
    streamed, posted = [], []
    with client.stream("POST", "/query", json={"query": "scale"}, headers=STREAM) as stream:
        for frame in frames(stream.iter_lines()):
            streamed.append(frame)
            for path, body in answer(frame):
                with httpx.Client(base_url=client.base_url, headers=client.headers, trust_env=False, verify=False, timeout=60) as other:
                    posted.append(other.post(path, json=body))
    return streamed, posted


def on(name: str, *posts: tuple[str, dict[str, Any]]) -> Any:
    return lambda frame: posts if frame["event"] == name else ()


def test_an_approval_counts_once_and_says_who_gave_it(agent: RestAgent, client: httpx.Client) -> None:
    ask = Ask(REQUEST)
    agent.scripts["*"] = [ask, DONE]
    yes = ("/approvals/A-C1", {"run": "run-1", "decision": "approve"})
    streamed, (first, second) = asked(client, on("ApprovalRequested", yes, yes))
    assert first.json() == {"run": "run-1", "id": "A-C1", "answer": "approve"}
    assert second.status_code == 409
    assert [(each.kind, each.by) for each in ask.decisions] == [("approve", "api")]
    answered = next(frame["data"] for frame in streamed if frame["event"] == "ApprovalAnswered")
    assert answered["decision"]["by"] == "api"


def test_an_id_means_something_within_its_run_alone(agent: RestAgent, client: httpx.Client) -> None:
    ask = Ask(REQUEST)
    agent.scripts["*"] = [ask, DONE]
    wrong = [
        ("/approvals/A-C1", {"run": "run-9", "decision": "approve"}),
        ("/approvals/A-C2", {"run": "run-1", "decision": "approve"}),
        ("/choices/A-C1", {"run": "run-1", "choice": ""}),
        ("/approvals/A-C1", {"decision": "approve"}),
        ("/approvals/A-C1", {"run": "run-1", "decision": "approve_session"}),
        ("/approvals/A-C1", {"run": "run-1", "decision": "approve", "by": "key"}),
        ("/approvals/A-C1", {"run": "run-1", "decision": "edit"}),
        ("/approvals/A-C1", {"run": "run-1", "decision": "reject", "reason": "not now"}),
    ]
    _, posted = asked(client, on("ApprovalRequested", *wrong))
    assert [each.status_code for each in posted] == [404, 404, 404, 422, 422, 422, 422, 200]
    assert [(each.kind, each.reason, each.by) for each in ask.decisions] == [("reject", "not now", "api")]


def test_what_destroys_needs_its_name_typed(agent: RestAgent, client: httpx.Client) -> None:
    ask = Ask(DELETE)
    agent.scripts["*"] = [ask, DONE]
    posts = [("/approvals/A-C1", {"run": "run-1", "decision": "approve", "typed": typed}) for typed in ("", "A", "b", "a")]
    _, posted = asked(client, on("ApprovalRequested", *posts))
    assert [each.status_code for each in posted] == [422, 422, 422, 200]
    assert [each.typed for each in ask.decisions] == ["a"]


def test_an_edit_carries_the_other_command(agent: RestAgent, client: httpx.Client) -> None:
    ask = Ask(REQUEST)
    agent.scripts["*"] = [ask, DONE]
    asked(client, on("ApprovalRequested", ("/approvals/A-C1", {"run": "run-1", "decision": "edit", "command": "kubectl get pods"})))
    assert [(each.kind, each.command) for each in ask.decisions] == [("edit", "kubectl get pods")]


def test_an_expired_approval_cannot_be_given(agent: RestAgent, client: httpx.Client) -> None:
    ask = Ask(dataclasses.replace(REQUEST, expires_at=time.time() - 1))
    agent.scripts["*"] = [ask, DONE]
    _, (late,) = asked(client, on("ApprovalAnswered", ("/approvals/A-C1", {"run": "run-1", "decision": "approve"})))
    assert late.status_code == 409
    assert "reject by expiry" in late.json()["why"]
    assert [each.by for each in ask.decisions] == ["expiry"]


@pytest.mark.parametrize("headers", [{}, STREAM], ids=["json", "stream"])
def test_the_named_command_alone_runs_without_asking(agent: RestAgent, client: httpx.Client, headers: dict[str, str]) -> None:
    ask = Ask(DELETE)
    agent.scripts["*"] = [ask, DONE]
    client.post("/query", json={"query": "x", "approve": DELETE.command}, headers=headers)
    assert [(each.kind, each.typed, each.by) for each in ask.decisions] == [("approve", "a", "api")]


@pytest.mark.parametrize("approve", ["", "kubectl delete pod b", "kubectl delete pod a -n shop", "kubectl delete", "'"])
def test_a_json_answer_refuses_what_was_not_named(agent: RestAgent, client: httpx.Client, approve: str) -> None:
    ask = Ask(dataclasses.replace(DELETE, argv=("kubectl", "delete", "pod", "a")))
    agent.scripts["*"] = [ask, DONE]
    answer = client.post("/query", json={"query": "x", "approve": approve})
    assert answer.headers["k8sagent-outcome"] == "rejected"
    assert [each.kind for each in ask.decisions] == ["reject"]
    assert "event-stream" in ask.decisions[0].reason


def test_choices_are_picked_by_the_api(agent: RestAgent, client: httpx.Client) -> None:
    picked: list[str] = []

    def play(query: str, **more: Any) -> Run:
        def work(run: Run) -> str:
            picked.append(run.choose(WHICH))
            run.emit(DONE)
            return "answered"

        return Run("run-1", work).start()

    agent.ask = play  # type: ignore[method-assign]
    posts = [("/choices/Q1", {"run": "run-1", "choice": choice}) for choice in ("none/such", "web/api", "shop/api")]
    streamed, posted = asked(client, on("ChoiceRequested", *posts))
    assert [each.status_code for each in posted] == [422, 200, 409]
    assert picked == ["web/api"]
    assert next(frame["data"] for frame in streamed if frame["event"] == ChoiceAnswered.__name__)["by"] == "api"
    assert client.post("/query", json={"query": "x"}).status_code == 200, "a JSON answer chooses nothing and goes on"
    assert picked == ["web/api", ""]


# -- the demo, from end to end


def ask_about(rest: Rest, namespace: str) -> Any:
    with rest.client() as client:
        return client.post("/query", json={"query": "what is wrong?", "namespace": namespace}).json()


def test_a_question_over_the_stream_gives_the_events_of_its_transcript(shared_cache: Any) -> None:
    import jsonschema

    agent = Agent(SETTINGS, Opening(demo=True))
    agent.start()
    with serving(agent) as rest, rest.client() as client:
        json_answer = client.post("/query", json={"query": "why is checkout-api restarting?"}).json()
        with client.stream("POST", "/query", json={"query": "why is checkout-api restarting?"}, headers=STREAM) as answer:
            run = answer.headers["k8sagent-run"]
            streamed = [frame["data"] for frame in frames(answer.iter_lines())]
        with client.stream("POST", "/query", json={"query": "show me its logs"}, headers=STREAM) as answer:
            understood = [frame["data"] for frame in frames(answer.iter_lines()) if frame["event"] == "Notice"]
        assert not [notice for notice in understood if "checkout-api" in notice["text"]], "one client's question is not about another's"
        beside: dict[str, Any] = {}
        threads = [threading.Thread(target=lambda n=name: beside.update({n: ask_about(rest, n)})) for name in ("shop", "blog", "payments")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        path = agent.sessions.folder
        assert path is not None
    agent.close()
    where = {name: {cause["object"]["namespace"] for cause in answer["root_causes"]} for name, answer in beside.items()}
    assert where["shop"] == {"shop"}, "questions beside each other get their own answers"
    assert where["blog"] == set()
    assert "shop" not in where["payments"]
    kept = [to_json(event) for event in read(path / f"{agent.session_id}.jsonl") if event.run == run]
    assert [event for event in streamed if event["event"] != "TokensStreamed"] == json.loads(json.dumps(kept))
    assert len(kept) > 10
    jsonschema.validate(json_answer, schema("answer"))
    assert "STRIPE_API_KEY" in json_answer["root_causes"][0]["summary"]
    events = jsonschema.Draft202012Validator(schema("events"))
    for event in streamed:
        events.validate(event)


@pytest.mark.kubectl
def test_a_change_over_the_stream_runs_after_a_yes_and_is_in_the_audit(shared_cache: Any) -> None:
    agent = Agent(SETTINGS, Opening(demo=True))
    agent.start()
    with serving(agent) as rest, rest.client() as client:
        streamed = []
        with client.stream("POST", "/query", json={"query": "scale deployment cart-api in shop to 3"}, headers=STREAM) as answer:
            for frame in frames(answer.iter_lines()):
                streamed.append(frame)
                if frame["event"] == "ApprovalRequested":
                    request, run = frame["data"]["request"], frame["data"]["run"]
                    with rest.client() as other:
                        yes = other.post(f"/approvals/{request['id']}", json={"run": run, "decision": "approve"})
                    assert yes.status_code == 200
        assert request["command"] == SCALE
        assert streamed[-1]["data"]["outcome"] == "answered"
        refused = client.post("/query", json={"query": "scale deployment cart-api in shop to 4"})
        assert refused.headers["k8sagent-outcome"] == "rejected"
        assert "Nothing was changed" in refused.json()["answer"]
        exact = SCALE.replace("=3", "=5")
        named = client.post("/query", json={"query": "scale deployment cart-api in shop to 5", "approve": exact})
        assert named.headers["k8sagent-outcome"] == "answered"
        assert [command["approved_by"] for command in named.json()["commands"]] == ["api"]
        folder = agent.sessions.folder
        assert {row.name: row for row in agent.cluster.workloads("shop")}["cart-api"].ready == "5/5"
    agent.close()
    assert folder is not None
    audit = "".join(path.read_text() for path in (folder.parent / "audit").glob("*"))
    assert audit.count('"approved_by":"api"') >= 2


@pytest.mark.kubectl
def test_read_only_refuses_every_change_and_says_why(shared_cache: Any) -> None:
    agent = Agent(dataclasses.replace(SETTINGS, policy=PolicySection(mode="read-only")), Opening(demo=True), save=False)
    agent.start()
    with serving(agent) as rest, rest.client() as client:
        answer = client.post("/query", json={"query": "scale deployment cart-api in shop to 3", "approve": SCALE})
        assert answer.headers["k8sagent-outcome"] == "refused"
        assert "read-only" in answer.json()["answer"]
        assert answer.json()["commands"] == []
        assert {row.name: row for row in agent.cluster.workloads("shop")}["cart-api"].ready == "2/2"
    agent.close()
