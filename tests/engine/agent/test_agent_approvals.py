"""Approvals through the real Agent and the real runner: what was denied, expired or changed under way runs nothing, and says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.agent.agent import Agent
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.core.config import ClusterSettings, ModelSection, Settings
from engine.core.events import ApprovalRequested, CommandStarted, Event, Notice
from engine.core.run import Run
from engine.core.types import ApprovalRequest, Decision
from engine.session.connection import Opening
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import Overlay

SETTINGS = dataclasses.replace(Settings(), model=ModelSection(provider="none"), cluster=ClusterSettings(namespace="shop"))
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: banner\n  namespace: shop\ndata:\n  text: {text}\n"


@pytest.fixture
def agent() -> Iterator[Agent]:
    made = Agent(SETTINGS, Opening(demo=True))
    made.start()
    yield made
    made.close()


def answered(run: Run, answer: Callable[[ApprovalRequest], Decision]) -> tuple[list[ApprovalRequest], list[Event]]:
    """What was asked, and all events."""
    asked, events = [], []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested):
            asked.append(event.request)
            run.answer(event.request.id, answer(event.request))
    return asked, events


def yes(request: ApprovalRequest) -> Decision:
    return Decision("approve", typed=request.typed_name)


def started(events: list[Event]) -> list[str]:
    return [event.command for event in events if isinstance(event, CommandStarted)]


def said(events: list[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Notice))


def replicas(agent: Agent) -> str:
    return {row.name: row for row in agent.cluster.workloads("shop")}["cart-api"].ready


@pytest.mark.kubectl
def test_a_denied_permission_is_told_before_asking(demo: RecordedCluster, tmp_path: Path) -> None:
    with ApiServer(demo) as server:  # refuses every write with 403, dry runs included
        config = server.kubeconfig(tmp_path / "kubeconfig")
        cluster = dataclasses.replace(SETTINGS.cluster, kubeconfig=str(config))
        agent = Agent(dataclasses.replace(SETTINGS, cluster=cluster), Opening())
        agent.start()
        try:
            run = agent.run_command("kubectl scale deployment cart-api --replicas=3 -n shop")
            (request,), events = answered(run, lambda request: Decision("reject", "no rights"))
        finally:
            agent.close()
    assert request.dry_run is not None
    assert not request.dry_run.ok
    assert "Forbidden" in request.dry_run.text
    assert request.touches_note == "1 Deployment"
    assert started(events) == []


@pytest.mark.kubectl
def test_an_expired_approval_runs_nothing(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.commands.approval.approval.EXPIRY", -1.0)
    (request,), events = answered(agent.run_command("kubectl scale deployment cart-api --replicas=3 -n shop"), yes)
    assert request.expires_at > 0
    assert started(events) == []
    assert "expired" in said(events) or "in time" in said(events)
    assert replicas(agent) == "2/2"


@pytest.mark.kubectl
def test_an_object_that_changed_under_way_is_not_changed_again(agent: Agent) -> None:
    def meanwhile(request: ApprovalRequest) -> Decision:
        answered(agent.run_command("kubectl scale deployment cart-api --replicas=5 -n shop"), yes)
        return yes(request)

    asked, events = answered(agent.run_command("kubectl scale deployment cart-api --replicas=3 -n shop"), meanwhile)
    assert len(asked) == 1
    assert started(events) == []
    assert "changed since the approval was shown" in said(events)
    assert replicas(agent) == "5/5"


@pytest.mark.kubectl
def test_an_object_that_was_deleted_under_way_is_named(agent: Agent) -> None:
    def meanwhile(request: ApprovalRequest) -> Decision:
        answered(agent.run_command("kubectl delete deployment cart-api -n shop"), yes)
        return yes(request)

    _, events = answered(agent.run_command("kubectl scale deployment cart-api --replicas=3 -n shop"), meanwhile)
    assert started(events) == []
    assert "nothing was run" in said(events)


@pytest.mark.kubectl
def test_a_manifest_runs_as_it_was_shown_whatever_becomes_of_the_file(
    agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "banner.yaml").write_text(CONFIG_MAP.format(text="shown"))

    def swapped(request: ApprovalRequest) -> Decision:
        assert "text: shown" in request.manifest
        (tmp_path / "banner.yaml").write_text(CONFIG_MAP.format(text="swapped"))
        return yes(request)

    _, events = answered(agent.run_command("kubectl apply -f banner.yaml"), swapped)
    assert len(started(events)) == 1
    _, events = answered(agent.run_command("kubectl get configmap banner -n shop -o jsonpath='{.data.text}'"), yes)
    assert "shown" in str([event for event in events if "lines" in type(event).__dataclass_fields__])


@pytest.mark.kubectl
def test_a_copy_that_was_changed_under_way_is_not_applied(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "banner.yaml").write_text(CONFIG_MAP.format(text="shown"))

    def tampered(request: ApprovalRequest) -> Decision:
        (copy,) = [Path(word) for word in request.argv if word.endswith(".yaml")]
        assert copy.stat().st_mode & 0o777 == 0o600
        copy.write_text(CONFIG_MAP.format(text="tampered"))
        return yes(request)

    _, events = answered(agent.run_command("kubectl apply -f banner.yaml"), tampered)
    assert started(events) == []
    assert "changed since the approval was shown" in said(events)


@pytest.mark.kubectl
def test_an_edit_is_judged_and_asked_about_anew(agent: Agent) -> None:
    answers = iter([Decision("edit", command="kubectl scale deployment cart-api --replicas=4 -n shop"), Decision("approve")])
    asked, events = answered(agent.run_command("kubectl scale deployment cart-api --replicas=3 -n shop"), lambda request: next(answers))
    assert [request.argv[4] for request in asked] == ["--replicas=3", "--replicas=4"]
    assert len({request.digest for request in asked}) == 2
    assert len(started(events)) == 1
    assert replicas(agent) == "4/4"


@pytest.mark.kubectl
@pytest.mark.parametrize("word", ["kubectl edit deployment cart-api", "kubectl get pods --server=https://evil.example", "rm -rf /"])
def test_an_edit_to_what_is_forbidden_runs_nothing(agent: Agent, word: str) -> None:
    asked, events = answered(
        agent.run_command("kubectl scale deployment cart-api --replicas=3 -n shop"), lambda request: Decision("edit", command=word)
    )
    assert len(asked) == 1
    assert started(events) == []
    assert replicas(agent) == "2/2"


@pytest.mark.kubectl
def test_a_context_like_production_starts_read_only_and_asks_for_a_typed_name_once_writing_is_on(
    demo: RecordedCluster, tmp_path: Path
) -> None:
    text = "kubectl scale deployment cart-api --replicas=3 -n shop"
    with ApiServer(Overlay(demo), writable=True) as server:
        cluster = dataclasses.replace(SETTINGS.cluster, kubeconfig=str(server.kubeconfig(tmp_path / "kubeconfig")))
        policy = dataclasses.replace(SETTINGS.policy, protected_contexts=("de*",))
        agent = Agent(dataclasses.replace(SETTINGS, cluster=cluster, policy=policy), Opening())
        agent.start()
        try:
            assert agent.wait_for_cluster(10).mode == "read-only"
            assert agent.status.protected
            asked, events = answered(agent.run_command(text), yes)
            assert (asked, started(events)) == ([], [])
            assert "read-only" in said(events)
            agent.set_mode("asks before changes")
            (request,), events = answered(agent.run_command(text), lambda request: Decision("approve_session"))
            assert request.protected
            assert request.typed_name == "cart-api"
            assert started(events) == []
            _, events = answered(agent.run_command(text), lambda request: Decision("approve_session", typed="cart-api"))
            assert len(started(events)) == 1
            assert agent.grants.list() == []
        finally:
            agent.close()


@pytest.mark.kubectl
def test_grants_are_listed_and_taken_back(agent: Agent) -> None:
    text = "kubectl annotate deployment cart-api -n shop team=cart --overwrite"
    answered(agent.run_command(text), lambda request: Decision("approve_session"))
    assert agent.grants.list() == [("demo", text)]
    asked, events = answered(agent.run_command(text), yes)
    assert (asked, len(started(events))) == ([], 1)
    agent.grants.clear()
    asked, _ = answered(agent.run_command(text), lambda request: Decision("reject"))
    assert len(asked) == 1


@pytest.mark.parametrize(("mode", "words"), [("read-only", "read-only"), ("suggest-only", "Run it yourself: kubectl scale")])
def test_a_mode_of_the_settings_runs_no_change(mode: str, words: str) -> None:
    policy = dataclasses.replace(SETTINGS.policy, mode=mode)
    agent = Agent(dataclasses.replace(SETTINGS, policy=policy), Opening(demo=True))
    agent.start()
    try:
        asked, events = answered(agent.run_command("kubectl scale deployment cart-api --replicas=3 -n shop"), yes)
        assert (asked, started(events)) == ([], [])
        assert words in said(events)
    finally:
        agent.close()


@pytest.mark.parametrize(("context", "mode"), [("eu-prod-1", "read-only"), ("STAGING-2", "read-only"), ("kind-dev", "asks before changes")])
def test_a_context_starts_in_the_mode_that_the_settings_give_it(context: str, mode: str) -> None:
    policy = dataclasses.replace(SETTINGS.policy, read_only_contexts=("*staging*",))
    agent = Agent(dataclasses.replace(SETTINGS, policy=policy, cluster=ClusterSettings(context=context)), Opening())
    assert agent.status.mode == mode
    agent.close()


@pytest.mark.kubectl
def test_rules_of_the_settings_hold_for_typed_commands() -> None:
    policy = dataclasses.replace(SETTINGS.policy, allow=("true", "--warnings-as-errors", "--server"), forbid=("delete .*cart",))
    agent = Agent(dataclasses.replace(SETTINGS, policy=policy), Opening(demo=True))
    agent.start()
    try:
        asked, events = answered(agent.run_command("kubectl delete deployment cart-api -n shop"), yes)
        assert (asked, started(events)) == ([], [])
        assert "settings forbid" in said(events)
        _, events = answered(agent.run_command("kubectl get pods -n shop --warnings-as-errors"), yes)
        assert len(started(events)) == 1
        _, events = answered(agent.run_command("kubectl get pods -n shop --server=https://evil.example"), yes)
        assert started(events) == []
    finally:
        agent.close()
