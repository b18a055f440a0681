"""The Agent on the bundled recording: questions to their end with the real kubectl, approvals, cancels, and what dies on the way."""

import dataclasses
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.agent.agent import Agent, Busy
from engine.core.config import ModelSection, Settings
from engine.core.events import (
    AnswerFinished,
    ApprovalAnswered,
    ApprovalRequested,
    CommandFinished,
    CommandProposed,
    CommandStarted,
    Event,
    EvidenceAdded,
    FindingsFound,
    Notice,
    QueryClassified,
    QueryReceived,
    RunCancelled,
    RunFailed,
    RunFinished,
)
from engine.core.run import Run
from engine.core.types import Answer, Decision
from engine.session.connection import Opening
from engine.session.transcript import Session, SessionError, read

SETTINGS = dataclasses.replace(Settings(), model=ModelSection(provider="none"))


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent(dataclasses.replace(SETTINGS, cluster=dataclasses.replace(SETTINGS.cluster, namespace="shop")), Opening(demo=True))
    made.start()
    yield made
    made.close()


def finish(run: Run, decision: Decision | None = None) -> list[Event]:
    """All events of a Run; every approval gets the decision."""
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested):
            assert decision is not None, "nothing was expected to ask"
            run.answer(event.request.id, decision)
    return events


def answer_of(events: list[Event]) -> Answer:
    return [e for e in events if isinstance(e, AnswerFinished)][-1].answer


def of(events: list[Event], kind: type[Event]) -> list[Event]:
    return [e for e in events if isinstance(e, kind)]


@pytest.mark.kubectl
def test_a_question_ends_with_its_root_cause_evidence_and_citations(agent: Agent) -> None:
    events = finish(agent.ask("why is checkout-api restarting?"))
    answer = answer_of(events)
    cause = answer.root_causes[0]
    assert "STRIPE_API_KEY" in cause.summary
    assert (cause.object.kind, cause.object.name) == ("Deployment", "checkout-api")
    known = {item.id: item for item in answer.evidence}
    assert cause.evidence
    assert all(id in known for id in cause.evidence)
    assert any("STRIPE_API_KEY" in known[id].excerpt for id in cause.evidence)
    assert answer.passages
    assert all(remedy.risk in ("read", "mutate", "destructive", "") for remedy in answer.fix)
    assert answer.commands, "a hypothesis is tested with the real kubectl"
    assert all(command.risk == "read" for command in answer.commands)
    assert isinstance(events[-1], RunFinished)


@pytest.mark.kubectl
def test_what_happened_is_in_the_transcript_word_for_word(agent: Agent) -> None:
    events = finish(agent.ask("why is checkout-api restarting?"))
    assert agent.sessions.folder is not None
    kept = list(read(agent.sessions.folder / f"{agent.session_id}.jsonl"))
    assert kept == events


@pytest.mark.kubectl
def test_a_plain_question_is_answered_from_the_api_with_the_table_after(agent: Agent) -> None:
    events = finish(agent.ask("list pods"))
    assert [e.tier for e in events if isinstance(e, QueryClassified)] == ["informational"]
    text = answer_of(events).text
    assert text.startswith("4 pods in namespace shop: 2 Running, 2 CrashLoopBackOff.")
    assert "cart-api-" in text


def test_how_to_questions_are_answered_from_the_documentation(agent: Agent) -> None:
    answer = answer_of(finish(agent.ask("how should we plan a maintenance window?")))
    assert answer.passages
    assert answer.commands == ()


@pytest.mark.kubectl
def test_an_approved_change_runs_and_is_verified(agent: Agent) -> None:
    events = finish(agent.ask("scale deployment cart-api in shop to 3"), Decision("approve"))
    (asked,) = of(events, ApprovalRequested)
    assert isinstance(asked, ApprovalRequested)
    request = asked.request
    assert request.verdict.risk == "mutate"
    assert request.namespace == "shop"
    assert request.dry_run is not None
    assert request.dry_run.ok
    assert "3 replicas, 3 of them ready" in answer_of(events).text
    rows = {row.name: row for row in agent.cluster.workloads("shop")}
    assert rows["cart-api"].ready == "3/3"


@pytest.mark.kubectl
@pytest.mark.parametrize(
    "decision",
    [
        Decision("reject", "not now"),
        Decision("edit", command="kubectl get secret -o yaml"),
        Decision("edit", command="kubectl scale deployment cart-api --replicas=9 -n shop; rm -rf /"),
        Decision("reject", by="closed"),
    ],
    ids=["rejected", "edited to a secret", "edited to a shell", "closed"],
)
def test_without_a_yes_nothing_runs(agent: Agent, decision: Decision) -> None:
    events = finish(agent.ask("scale deployment cart-api in shop to 3"), decision)
    assert of(events, ApprovalAnswered)
    assert not of(events, CommandStarted)
    assert {row.name: row for row in agent.cluster.workloads("shop")}["cart-api"].ready == "2/2"
    assert "Not done" in answer_of(events).text


@pytest.mark.kubectl
def test_a_destructive_change_needs_the_typed_name(agent: Agent) -> None:
    events = finish(agent.ask("delete deployment cart-api"), Decision("approve", typed="cart"))
    (asked,) = of(events, ApprovalRequested)
    assert isinstance(asked, ApprovalRequested)
    assert asked.request.typed_name == "cart-api"
    assert not of(events, CommandStarted)


@pytest.mark.kubectl
def test_a_grant_covers_exactly_the_same_command_in_this_session(agent: Agent) -> None:
    finish(agent.ask("restart cart-api"), Decision("approve_session"))
    again = finish(agent.ask("restart cart-api"))
    assert not of(again, ApprovalRequested)
    assert of(again, CommandStarted)
    other = finish(agent.ask("scale cart-api to 4"), Decision("reject"))
    assert of(other, ApprovalRequested)
    agent.new_session()
    assert of(finish(agent.ask("restart cart-api"), Decision("reject")), ApprovalRequested)


@pytest.mark.parametrize(("mode", "words"), [("read-only", "read-only"), ("suggest-only", "never runs a change")])
def test_modes_without_writing_refuse_before_asking(agent: Agent, mode: str, words: str) -> None:
    agent.wait_for_cluster(10)
    agent.set_mode(mode)  # type: ignore[arg-type]
    events = finish(agent.ask("scale cart-api to 3"))
    assert not of(events, CommandStarted)
    assert words in answer_of(events).text


@pytest.mark.kubectl
def test_a_typed_command_runs_beside_the_question(agent: Agent) -> None:
    events = finish(agent.run_command("kubectl get pods | grep cart | wc -l"))
    assert [e.exit_code for e in events if isinstance(e, CommandFinished)] == [0]
    refused = finish(agent.run_command("rm -rf /"))
    assert not of(refused, CommandStarted)
    assert of(refused, Notice)


def test_one_question_at_a_time(agent: Agent) -> None:
    first = agent.ask("scale cart-api to 3")
    asked = threading.Event()
    first.subscribe(lambda event: asked.set() if isinstance(event, ApprovalRequested) else None)
    assert asked.wait(20)
    with pytest.raises(Busy):
        agent.ask("list pods")
    first.cancel()
    assert first.wait(5)
    assert isinstance(finish(agent.ask("how do I switch namespace?"))[-1], RunFinished)


@pytest.mark.kubectl
def test_cancel_while_waiting_for_approval_runs_nothing(agent: Agent) -> None:
    run = agent.ask("scale cart-api to 3")
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested):
            run.cancel()
    assert isinstance(events[-1], RunCancelled)
    assert not of(events, CommandStarted)


@pytest.mark.kubectl
def test_cancel_while_a_command_runs_leaves_no_process_behind(agent: Agent) -> None:
    run = agent.run_command("kubectl logs deployment/checkout-api -n shop -f")
    children_before = None
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, CommandStarted):
            children_before = True
            run.cancel()
    assert children_before
    assert isinstance(events[-1], RunCancelled | RunFinished)
    assert run.wait(5)
    assert not _children("kubectl")


def _children(name: str) -> list[str]:
    """Command lines of living processes below this one whose program has a name."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, IndexError):
            continue
        if int(stat[1]) == os.getpid() and stat[0] != "Z" and name in line.split(" ")[0]:
            found.append(line)
    return found


@pytest.mark.kubectl
def test_a_dead_api_server_is_named_and_the_evidence_is_kept(agent: Agent) -> None:
    agent.wait_for_cluster(10)
    run = agent.ask("why is checkout-api restarting?")
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, FindingsFound):
            connection = agent._cluster.connection
            assert connection is not None
            connection.kubeconfig()
            assert connection._stop is not None
            connection._stop()  # the stand-in dies in the middle of the question
    assert isinstance(events[-1], RunFinished)
    failed = [e for e in events if isinstance(e, CommandFinished) and e.exit_code != 0]
    assert failed, "kubectl meets a closed port"
    assert of(events, EvidenceAdded)
    assert "STRIPE_API_KEY" in answer_of(events).root_causes[0].summary


def test_a_kubectl_that_is_killed_is_named_and_the_evidence_is_kept(tmp_path: Path) -> None:
    killed = tmp_path / "kubectl"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    settings = dataclasses.replace(SETTINGS, kubectl=dataclasses.replace(SETTINGS.kubectl, path=str(killed)))
    agent = Agent(dataclasses.replace(settings, cluster=dataclasses.replace(settings.cluster, namespace="shop")), Opening(demo=True))
    agent.start()
    try:
        events = finish(agent.ask("why is checkout-api restarting?"))
        (ended,) = of(events, CommandFinished)
        assert isinstance(ended, CommandFinished)
        assert ended.exit_code != 0
        assert "kubectl" in ended.error
        assert "STRIPE_API_KEY" in answer_of(events).root_causes[0].summary
        listing = answer_of(finish(agent.ask("kubectl get pods -n shop"))).text
        assert "failed" in listing, "a killed kubectl never reads as nothing found"
    finally:
        agent.close()


def test_a_recording_that_is_not_there_ends_in_a_clear_failure(tmp_path: Path) -> None:
    agent = Agent(SETTINGS, Opening(snapshot=tmp_path / "none.tar.gz"))
    agent.start()
    try:
        last = finish(agent.ask("why?"))[-1]
        assert isinstance(last, RunFailed)
        assert last.what == "cluster"
        assert "none.tar.gz" in last.error
        assert agent.status.cluster_state == "unreachable"
    finally:
        agent.close()


def test_without_kubectl_questions_are_answered_and_changes_explained() -> None:
    settings = dataclasses.replace(SETTINGS, kubectl=dataclasses.replace(SETTINGS.kubectl, path="/nonexistent/kubectl"))
    agent = Agent(dataclasses.replace(settings, cluster=dataclasses.replace(settings.cluster, namespace="shop")), Opening(demo=True))
    agent.start()
    try:
        diagnosis = finish(agent.ask("why is checkout-api restarting?"))
        assert "STRIPE_API_KEY" in answer_of(diagnosis).root_causes[0].summary
        table = answer_of(finish(agent.ask("list pods"))).text
        assert "READY" in table
        assert "cart-api-" in table
        change = finish(agent.ask("scale cart-api to 3"))
        assert not of(change, CommandStarted)
        assert "kubectl scale deployment cart-api" in answer_of(change).text
    finally:
        agent.close()


def test_closing_while_a_question_runs_means_no_and_leaves_no_thread(agent: Agent) -> None:
    run = agent.ask("scale cart-api to 3")
    for event in run.events():
        if isinstance(event, ApprovalRequested):
            threading.Thread(target=agent.close).start()
    assert run.wait(5)
    assert not [t for t in threading.enumerate() if t.name.startswith("run-")]


@pytest.mark.kubectl
def test_proposed_and_run_argv_are_the_same(agent: Agent) -> None:
    events = finish(agent.ask("why is checkout-api restarting?"))
    proposed = {e.id: e.command for e in events if isinstance(e, CommandProposed)}
    started = {e.id: e.command for e in events if isinstance(e, CommandStarted)}
    assert started
    assert all(proposed[id] == command for id, command in started.items())


@pytest.mark.kubectl
def test_undo_proposes_the_way_back_and_asks_like_any_other_command(agent: Agent) -> None:
    finish(agent.ask("scale cart-api to 3"), Decision("approve"))
    events = finish(agent.undo(), Decision("approve"))
    (asked,) = of(events, ApprovalRequested)
    assert isinstance(asked, ApprovalRequested)
    assert "--replicas=2" in asked.request.command
    assert {row.name: row for row in agent.cluster.workloads("shop")}["cart-api"].ready == "2/2"
    again = answer_of(finish(agent.undo()))
    assert "nothing to take back" in again.text


@pytest.mark.kubectl
def test_a_deleted_object_comes_back_without_the_server_s_fields(agent: Agent) -> None:
    events = finish(agent.ask("delete deployment cart-api"), Decision("approve", typed="cart-api"))
    assert "is gone" in answer_of(events).text
    finish(agent.undo(), Decision("approve", typed="cart-api"))
    assert "cart-api" in {row.name for row in agent.cluster.workloads("shop")}


@pytest.mark.kubectl
def test_every_run_leaves_a_line_before_and_after_in_the_audit(agent: Agent) -> None:
    from engine.commands.records.audit import verify
    from engine.core.paths import state_folder

    finish(agent.ask("scale cart-api to 3"), Decision("reject", "not now"))
    finish(agent.ask("scale cart-api to 3"), Decision("approve"))
    session = agent.session_id
    agent.close()
    import json

    lines = [json.loads(line) for line in (state_folder() / "audit" / f"{session}.jsonl").read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds[0] == "open"
    assert kinds[-1] == "close"
    assert kinds.count("before") == kinds.count("after") == 1
    assert [line["decision"] for line in lines if line["kind"] == "decision"] == ["reject"]
    before = next(line for line in lines if line["kind"] == "before")
    assert before["argv"][0][:3] == ["kubectl", "scale", "deployment"]
    assert before["risk"] == "mutate"
    assert before["digest"]
    (report,) = verify(state_folder() / "audit")
    assert report.ok, report.detail


@pytest.mark.kubectl
def test_a_change_is_refused_when_the_audit_cannot_be_written(agent: Agent) -> None:
    from engine.core.paths import state_folder

    state_folder().mkdir(parents=True, exist_ok=True)
    (state_folder() / "audit").write_text("in the way")
    events = finish(agent.ask("scale cart-api to 3"), Decision("approve"))
    assert not of(events, CommandStarted)
    assert "audit" in answer_of(events).text
    reading = finish(agent.ask("list pods"))
    assert of(reading, CommandStarted), "reads go on, with a word about it"
    assert of(reading, Notice)


@pytest.mark.kubectl
def test_a_manifest_is_copied_shown_and_the_copy_runs(agent: Agent, tmp_path: Path) -> None:
    manifest = tmp_path / "settings.yaml"
    manifest.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: banner, namespace: shop}\ndata: {text: hello}\n")
    run = agent.run_command(f"kubectl apply -f {manifest}")
    for event in run.events():
        if isinstance(event, ApprovalRequested):
            assert "text: hello" in event.request.manifest
            manifest.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n")  # what is on disk now is not what was shown
            run.answer(event.request.id, Decision("approve", typed=event.request.typed_name))
    names = [raw["metadata"]["name"] for raw in agent.connection(run).source.list("configmaps", "shop")]
    assert "banner" in names


def test_a_command_of_the_host_starts_no_stand_in_and_runs_awk_and_sed_in_their_sandbox(agent: Agent) -> None:
    agent.wait_for_cluster(10)
    events = finish(agent.run_command("cat /proc/loadavg | sed 's/ .*//' | awk '{print \"load\", $1}'"))
    (proposed,) = of(events, CommandProposed)
    (started,) = of(events, CommandStarted)
    assert isinstance(proposed, CommandProposed)
    assert isinstance(started, CommandStarted)
    assert "sed --sandbox" in started.command
    if shutil.which("gawk"):
        assert "gawk --sandbox" in started.command
    assert [e.exit_code for e in events if isinstance(e, CommandFinished)] == [0]
    connection = agent._cluster.connection
    assert connection is not None
    assert connection._stop is None, "the stand-in was not started"


def test_a_kubectl_beside_our_own_python_is_found_when_none_is_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    (tmp_path / "bin").mkdir()
    (tmp_path / "empty").mkdir()
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.write_text("#!/bin/sh\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    found = Agent(SETTINGS, Opening(demo=True), save=False).kubectl_path()
    assert found == kubectl


def test_a_name_that_is_only_in_another_namespace_is_looked_for_there_and_said(agent: Agent) -> None:
    events = finish(agent.ask("why does mailer not start?"))
    assert any(isinstance(e, Notice) and "mailer" in e.text for e in events)
    cause = answer_of(events).root_causes[0]
    assert cause.object.namespace == "mailer"
    assert "smtp-credentials" in cause.summary


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("what happens if I delete a StatefulSet?", "Delete a StatefulSet: what happens"),
        ("write kubectl commands to troubleshoot networking", "kubectl commands to troubleshoot networking"),
    ],
)
def test_a_how_to_question_finds_its_section(agent: Agent, query: str, heading: str) -> None:
    assert answer_of(finish(agent.ask(query))).passages[0].heading[-1] == heading


@pytest.mark.parametrize(
    ("query", "words"), [("how do I restart a deployment?", "kubectl rollout restart"), ("how do I switch namespace?", "/namespace")]
)
def test_a_how_to_question_with_a_template_gets_its_command(agent: Agent, query: str, words: str) -> None:
    assert words in answer_of(finish(agent.ask(query))).text


def test_a_saved_session_is_gone_on_with_and_counts_on_from_its_last_question(agent: Agent) -> None:
    finish(agent.ask("how do I switch the namespace?"))
    first, shelf = agent.session_id, agent.sessions
    agent.switch_namespace("observability")
    agent.new_session()
    assert agent.session_id != first
    assert agent.replayed == ()
    agent.resume_session(first)
    assert agent.session_id == first
    assert agent.replayed == shelf.events(first)
    assert agent.place.namespace == "shop", "where it was left"
    events = finish(agent.ask("how do I switch the context?"))
    assert events[0].run == f"{first}-2", "no two questions share an id"
    with pytest.raises(SessionError):
        agent.resume_session("nowhere")


def test_odd_ids_in_a_foreign_transcript_do_not_keep_it_from_being_gone_on_with(agent: Agent) -> None:
    folder = agent.sessions.folder
    assert folder is not None
    foreign = Session(folder, "foreign")
    for run in ("foreign-2", "foreign-" + "9" * 5000, "foreign-٣", "odd"):
        foreign.append(QueryReceived(query="why?", context="", namespace="", run=run, seq=1, at=1000.0))
    foreign.close()
    agent.resume_session("foreign")
    assert finish(agent.ask("how do I switch the context?"))[0].run == "foreign-3"


def test_no_session_is_taken_up_while_something_runs(agent: Agent) -> None:
    run = agent.run_command("kubectl logs -f deployment/cart-api -n shop")
    with pytest.raises(Busy):
        agent.resume_session(agent.session_id)
    run.cancel()
    assert run.wait(5)


def test_steering_and_telling_never_wait_for_each_other(agent: Agent) -> None:
    """A Run tells its events under its own lock and `steer` takes the session's first: the one may not need the other's."""
    heard = threading.Event()
    agent.subscribe(lambda event: heard.set() if isinstance(event, Notice) else None)
    telling = agent._begin(lambda run: (run.emit(Notice(level="info", text="still working")), "answered")[1])
    with agent._lock:  # as `steer` holds it while it waits for the Run's own
        telling.start()
        assert heard.wait(5), "the Run's thread waits for a lock that the steering thread holds: both hang for ever"
    assert telling.wait(5)
