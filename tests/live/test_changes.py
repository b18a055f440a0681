"""Changes as the API server's audit log tells of them: an approved one happens exactly once, any other never."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator

import pytest
from live.control_plane import ControlPlane

from engine.agent.agent import Agent
from engine.core.config import ClusterSettings, ModelSection, Settings
from engine.core.events import ApprovalRequested, Event, RunFinished
from engine.core.run import Run
from engine.core.types import ApprovalRequest, Decision

pytestmark = [pytest.mark.live, pytest.mark.kubectl, pytest.mark.timeout(300)]
SCALE = "patch /apis/apps/v1/namespaces/shop/deployments/{}/scale"


def deployment(plane: ControlPlane, name: str) -> None:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "nginx"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    plane.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"}, "spec": spec})


@pytest.fixture
def agent(plane: ControlPlane) -> Iterator[Agent]:
    cluster = ClusterSettings(kubeconfig=str(plane.kubeconfig("admin", "shop")), namespace="shop")
    made = Agent(dataclasses.replace(Settings(), model=ModelSection(provider="none"), cluster=cluster))
    made.start()
    assert made.wait_for_cluster(30).cluster_state == "ok"
    yield made
    made.close()


def answered(run: Run, answer: Callable[[ApprovalRequest], Decision]) -> list[Event]:
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested):
            run.answer(event.request.id, answer(event.request))
    return events


def scaled(plane: ControlPlane, name: str) -> list[str]:
    return [change for change in plane.changes("deployments", name) if change == SCALE.format(name)]


def test_an_approved_change_happens_exactly_once(plane: ControlPlane, agent: Agent) -> None:
    deployment(plane, "api-approved")
    answered(
        agent.run_command("kubectl scale deployment api-approved --replicas=3 -n shop"), lambda r: Decision("approve", typed=r.typed_name)
    )
    assert len(scaled(plane, "api-approved")) == 1
    assert plane.request("GET", "/apis/apps/v1/namespaces/shop/deployments/api-approved")["spec"]["replicas"] == 3


def test_a_change_that_was_refused_expired_or_not_named_never_happens(plane: ControlPlane, agent: Agent) -> None:
    deployment(plane, "api-refused")
    command = "kubectl scale deployment api-refused --replicas=3 -n shop"
    answered(agent.run_command(command), lambda _: Decision("reject", "no"))
    run = agent.run_command(command)
    answered(run, lambda _: (run.cancel("enough"), Decision("reject"))[1])
    question = ("troubleshoot", "--no-llm", "-q", "scale api-refused in shop to 3")
    plane.k8sagent("admin", *question, namespace="shop")
    plane.k8sagent("admin", *question, "--approve-exact", "kubectl scale deployment api-other --replicas=3 -n shop", namespace="shop")
    assert scaled(plane, "api-refused") == []


def test_a_command_that_was_approved_by_its_exact_text_happens_once(plane: ControlPlane) -> None:
    deployment(plane, "api-exact")
    command = "kubectl scale deployment api-exact --replicas=2 -n shop"
    done = plane.k8sagent(
        "admin", "troubleshoot", "--no-llm", "-q", "scale api-exact in shop to 2", "--approve-exact", command, namespace="shop"
    )
    assert len(scaled(plane, "api-exact")) == 1, done.stdout + done.stderr


def test_an_api_server_that_goes_away_while_an_approval_is_open_changes_nothing_and_the_session_goes_on(
    plane: ControlPlane, agent: Agent
) -> None:
    deployment(plane, "api-away")
    command = "kubectl scale deployment api-away --replicas=3 -n shop"

    def approve_while_it_is_away(request: ApprovalRequest) -> Decision:
        plane.stop("api-server")
        return Decision("approve", typed=request.typed_name)

    events = answered(agent.run_command(command), approve_while_it_is_away)
    plane.start_api_server()
    assert [event for event in events if isinstance(event, RunFinished)] or events
    assert scaled(plane, "api-away") == []
    answered(agent.run_command(command), lambda r: Decision("approve", typed=r.typed_name))
    assert len(scaled(plane, "api-away")) == 1


def test_somebody_without_the_right_is_told_before_asking_and_nothing_happens(plane: ControlPlane) -> None:
    deployment(plane, "api-walled")
    command = "kubectl scale deployment api-walled --replicas=2 -n shop"
    done = plane.k8sagent(
        "viewer", "troubleshoot", "--no-llm", "-q", "scale api-walled in shop to 2", "--approve-exact", command, namespace="shop"
    )
    assert scaled(plane, "api-walled") == []
    assert "forbidden" in (done.stdout + done.stderr).lower()


def test_a_question_during_an_outage_ends_with_the_reason(plane: ControlPlane, agent: Agent) -> None:
    killed = threading.Event()

    def kill() -> None:
        plane.stop("api-server")
        killed.set()

    threading.Timer(0.05, kill).start()
    try:
        events = list(agent.ask("what is wrong in shop?").events())
        assert killed.wait(20)
        again = list(agent.ask("what is wrong in shop?").events())
    finally:
        killed.wait(20)
        plane.start_api_server()
    assert events and "API server" in str(again[-1])
    assert "RunFailed" not in type(list(agent.ask("what is wrong in shop?").events())[-1]).__name__
