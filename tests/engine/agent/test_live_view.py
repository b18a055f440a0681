"""Rows, findings and their currency on a live cluster: a served recording that changes, read over HTTP as any cluster is."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.kube_server import KubeServer, in_turn, page, refusal

import engine.agent.browsing.live_view
from engine.agent.agent import Agent
from engine.agent.browsing.browser import ClusterBrowser
from engine.cluster.recordings.recorded_cluster import open_recording
from engine.core.config import ClusterSettings, ModelSection, Settings
from engine.core.events import ClusterChanged
from engine.core.paths import resource_path
from engine.session.connection import Connection, Opening
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import Overlay


class Seen:
    """Counts the changes that an agent tells of, and waits for conditions."""

    def __init__(self) -> None:
        self.changes = 0
        self._moved = threading.Condition()

    def hear(self, event: object) -> None:
        with self._moved:
            self.changes += isinstance(event, ClusterChanged)
            self._moved.notify_all()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, what
            with self._moved:
                self._moved.wait(0.1)


def settings(kubeconfig: Path) -> Settings:
    return Settings(cluster=ClusterSettings(kubeconfig=str(kubeconfig), namespace="shop"), model=ModelSection(provider="none"))


@pytest.fixture
def overlay() -> Overlay:
    return Overlay(open_recording(resource_path("demo")))


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def agent(overlay: Overlay, seen: Seen, tmp_path: Path) -> Iterator[Agent]:
    with ApiServer(overlay, writable=True) as server:
        made = Agent(settings(server.kubeconfig(tmp_path / "config")), save=False)
        made.subscribe(seen.hear)
        made.start()
        assert made.wait_for_cluster(30).cluster_state == "ok"
        yield made
        made.close()
        threads = {t.name for t in threading.enumerate() if t.name.startswith(("cluster-watch", "cluster-bell", "cluster-findings"))}
        assert not threads, "nothing goes on after leaving"


def pods(agent: Agent, workload: str, namespace: str = "shop") -> int:
    return next((len(row.pods) for row in agent.cluster.workloads(namespace) if row.name == workload), 0)


def another(overlay: Overlay, name: str) -> dict[str, Any]:
    pod = copy.deepcopy(next(p for p in overlay.list("pods", "shop") if p["metadata"]["name"].startswith("cart-api")))
    pod["metadata"] |= {"name": name, "uid": name}
    return pod


def test_rows_of_a_live_cluster_are_those_of_its_recording(agent: Agent, overlay: Overlay) -> None:
    with Agent_on_recording() as recorded:
        strip = lambda rows: [(r.kind, r.name, r.ready, r.status, r.restarts, r.trouble, r.note, len(r.pods)) for r in rows]  # noqa: E731
        assert strip(agent.cluster.workloads("shop")) == strip(recorded.cluster.workloads("shop"))
        assert {(f.code, f.object) for f in agent.cluster.findings("shop")} == {
            (f.code, f.object) for f in recorded.cluster.findings("shop")
        }
        assert [(n.name, n.status) for n in agent.cluster.nodes()] == [(n.name, n.status) for n in recorded.cluster.nodes()]
        assert len(agent.cluster.events("shop")) == len(recorded.cluster.events("shop"))
        names = lambda a: [(r.name, r.pods, r.failing) for r in a.cluster.namespaces()]  # noqa: E731
        assert names(agent) == names(recorded)


class Agent_on_recording:
    def __enter__(self) -> Agent:
        from engine.session.connection import Opening

        self.agent = Agent(Settings(model=ModelSection(provider="none")), Opening(demo=True), save=False)
        self.agent.start()
        self.agent.wait_for_cluster(30)
        return self.agent

    def __exit__(self, *_: object) -> None:
        self.agent.close()


def test_what_changes_in_the_cluster_is_told_and_the_rows_follow(agent: Agent, overlay: Overlay, seen: Seen) -> None:
    before = pods(agent, "cart-api")
    seen.until(lambda: all(w.state == "live" for w in agent.cluster.watching()), "live")
    told = seen.changes
    overlay.put("pods", another(overlay, "cart-api-extra"))
    seen.until(lambda: pods(agent, "cart-api") == before + 1, "the new pod's row")
    seen.until(lambda: seen.changes > told, "the change is told")
    assert agent.status.cluster_note == ""
    assert {w.resource for w in agent.cluster.watching()} >= {"pods", "deployments.apps", "events", "nodes"}
    assert sum(w.bytes for w in agent.cluster.watching()) > 10_000


def test_many_changes_are_told_at_most_four_times_a_second(agent: Agent, overlay: Overlay, seen: Seen) -> None:
    pods(agent, "cart-api")
    seen.until(lambda: all(w.state == "live" for w in agent.cluster.watching()), "live")
    began, told = time.monotonic(), seen.changes
    for number in range(200):
        overlay.put("pods", another(overlay, f"burst-{number % 5}"))
    seen.until(lambda: pods(agent, "cart-api") >= 6, "the rows")
    assert seen.changes - told <= (time.monotonic() - began) * 4 + 2


def test_findings_follow_what_is_watched_and_what_is_not(agent: Agent, overlay: Overlay, seen: Seen) -> None:
    def codes() -> set[str]:
        return {f.code for f in agent.cluster.findings("shop") if f.object.name == "cart-api"}

    assert "ImageNotFound" not in codes()
    sick = another(overlay, "cart-api-sick")
    sick["status"]["containerStatuses"][0] |= {
        "ready": False,
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "registry.example/cart:9: not found"}},
    }
    overlay.put("pods", sick)
    seen.until(lambda: "ImageNotFound" in codes(), "the finding")
    overlay.remove("pods", "shop", "cart-api-sick", force=True)
    seen.until(lambda: "ImageNotFound" not in codes(), "the finding goes")


def test_another_namespace_is_watched_instead(agent: Agent) -> None:
    assert pods(agent, "cart-api") > 0
    assert pods(agent, "cart-api", "") > 0
    assert len({t.name for t in threading.enumerate() if t.name == "cluster-watch-pods"}) == 1
    assert pods(agent, "cart-api", "mailer") == 0
    assert {row.namespace for row in agent.cluster.workloads("mailer")} == {"mailer"}


def test_names_are_completed_from_what_is_watched(agent: Agent) -> None:
    agent.cluster.workloads("shop")
    assert any(name.startswith("pod/cart-api") for name in agent.cluster.names("cart"))


def test_a_large_namespace_is_shown_from_the_servers_tables(
    agent: Agent, overlay: Overlay, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {(p.name, p.ready, p.status, p.restarts, p.node, p.trouble) for r in agent.cluster.workloads("shop") for p in r.pods}
    monkeypatch.setattr(engine.agent.browsing.live_view, "OVERVIEW", 2)
    agent.cluster.disconnect()
    rows = agent.cluster.workloads("shop")
    table = {(p.name, p.ready, p.status, p.restarts, p.node, p.trouble) for r in rows for p in r.pods}
    assert table == whole
    assert {r.name for r in rows} >= {"cart-api", "checkout-api"}
    before = pods(agent, "cart-api")
    seen.until(lambda: all(w.state == "live" for w in agent.cluster.watching()), "live")
    overlay.put("pods", another(overlay, "cart-api-extra"))
    seen.until(lambda: pods(agent, "cart-api") == before + 1, "the new pod's row")
    assert agent.cluster.findings("shop")


def test_a_namespace_that_grows_large_is_shown_from_tables_from_then_on(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    def notes() -> set[str]:
        return {p.note for r in agent.cluster.workloads("shop") for p in r.pods if p.trouble == "broken"}

    whole = notes()
    monkeypatch.setattr(engine.agent.browsing.live_view, "OVERVIEW", 1)
    table = notes()
    assert whole != table
    assert any(note.startswith("restarted") for note in table)


def test_a_look_at_the_nodes_alone_watches_no_namespace(agent: Agent) -> None:
    assert agent.cluster.nodes()
    assert agent.cluster.watching() == []


def test_a_recording_is_not_watched() -> None:
    with Agent_on_recording() as recorded:
        recorded.cluster.workloads("shop")
        assert recorded.cluster.watching() == []
        assert recorded.status.cluster_note == ""


@pytest.fixture
def walled(tmp_path: Path) -> Iterator[Agent]:
    """A user who may see one namespace only."""
    with KubeServer() as server:
        no = refusal(403, "forbidden")
        for path in ("/api/v1/namespaces", "/api/v1/pods", "/api/v1/nodes", "/api/v1/secrets"):
            server.routes[path] = in_turn(no)
        server.routes["/api/v1/namespaces/shop/pods"] = lambda s: refusal(422, "no") if "watch" in s.query else page("a")
        made = Agent(settings(server.kubeconfig(tmp_path / "config")), save=False)
        made.start()
        assert made.wait_for_cluster(30).cluster_state == "ok"
        yield made
        made.close()


def test_where_namespaces_may_not_be_listed_the_contexts_own_and_the_recent_ones_are_offered(walled: Agent) -> None:
    assert [row.name for row in walled.cluster.workloads("shop")] == ["a"]
    rows = [(row.name, row.pods, row.known) for row in walled.cluster.namespaces(["payments", "shop"])]
    assert rows == [("shop", 1, True), ("payments", 0, False)], "pods that may not be counted are not said to be none"
    assert walled.cluster.nodes() == []
    assert "cannot list nodes" in walled.cluster.trouble
    assert walled.status.cluster_note == walled.cluster.trouble


def test_the_context_in_use_is_opened_anew_where_it_names_another_server_by_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with KubeServer() as old, KubeServer() as new:
        path = old.kubeconfig(tmp_path / "config")
        agent = Agent(settings(path), save=False)
        agent.start()
        assert agent.wait_for_cluster(30).cluster_state == "ok"
        agent.switch_context("test")
        assert agent.place.server == old.url
        asked = len(old.seen)
        new.kubeconfig(path)
        monkeypatch.setattr(ClusterBrowser, "trouble", "the cluster is not live for 3 s")
        agent.switch_context("test")
        assert agent.wait_for_cluster(30).cluster_state == "ok"
        assert agent.place.server == new.url
        assert len(old.seen) == asked
        agent.close()


def test_a_text_of_a_row_is_redacted_once_however_often_it_is_shown() -> None:
    redacted: list[str] = []

    def redact(text: str) -> str:
        redacted.append(text)
        return text

    connection = Connection(open_recording(resource_path("demo")), writable=False, recorded=True, serve=lambda _: lambda: None)
    browser = ClusterBrowser(lambda: connection, Opening(demo=True), "", redact)
    first = [row.message for row in browser.events("shop")]
    once = len(redacted)
    assert once
    assert [row.message for row in browser.events("shop")] == first
    assert len(redacted) == once
