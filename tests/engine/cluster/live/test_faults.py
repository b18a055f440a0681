"""Informers through a proxy that breaks things: the state always becomes the server's, nothing hangs, and what is wrong is said."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.fault_proxy import Ask, FaultProxy, Refuse
from fakes.kube_server import KubeServer

from engine.cluster.live.cluster import LiveCluster
from engine.cluster.live.informer import Informer, Pacing
from engine.cluster.live.shared_informers import Informers
from engine.cluster.recordings.recorded_cluster import open_recording
from engine.core.paths import resource_path
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import Overlay

FAST = Pacing(first=0.02, longest=0.2, refused=0.2, polled=0.2, silence=75.0, stale=3600.0)
KINDS = ("pods", "deployments.apps", "events")


class Rig:
    """A recorded cluster served, a proxy before it, a live cluster through the proxy, and its informers."""

    def __init__(self, server: ApiServer, overlay: Overlay, proxy: FaultProxy, folder: Path, pacing: Pacing) -> None:
        self.overlay = overlay
        self.proxy = proxy
        kubeconfig = KubeServer.kubeconfig  # its shape is what counts here
        path = kubeconfig(None, folder / "config", user={"token": server.token}, server=f"http://127.0.0.1:{proxy.port}")  # type: ignore[arg-type]
        self.cluster = LiveCluster.open(kubeconfig=path, timeout=20.0)
        self._moved = threading.Condition()
        self.states: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.informers = Informers(self.cluster, self._changed, pacing=pacing)
        self.held: dict[str, Informer] = {}
        for kind in KINDS:
            self.held[kind] = self.informers.acquire(kind, "shop").informer
        self._number = 0

    def _changed(self, resource: str) -> None:
        with self._moved:
            if resource in self.held:
                state = self.held[resource].watching.state
                if self.states[resource][-1:] != [state]:
                    self.states[resource].append(state)
            self._moved.notify_all()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        with self._moved:
            while not condition():
                assert time.monotonic() < deadline, f"{what}: {[h.watching for h in self.held.values()]}"
                self._moved.wait(0.05)

    def change(self) -> None:
        """Add a pod and remove another one, at the server."""
        self._number += 1
        pods = self.overlay.list("pods", "shop")
        fresh: dict[str, Any] = copy.deepcopy(next(p for p in pods if p["metadata"]["name"].startswith("cart-api")))
        fresh["metadata"] = {"namespace": "shop", "name": f"fresh-{self._number}", "uid": f"u{self._number}", "labels": {}}
        self.overlay.put("pods", fresh)
        gone = next((p for p in pods if p["metadata"]["name"] == f"fresh-{self._number - 1}"), None)
        if gone is not None:
            self.overlay.remove("pods", "shop", gone["metadata"]["name"])

    @property
    def same(self) -> bool:
        """Whether what is held is what the server has."""
        return all(_versions(self.held[kind].store.objects()) == _versions(self.overlay.list(kind, "shop")) for kind in KINDS)

    def live(self) -> None:
        self.until(lambda: all(i.watching.state == "live" for i in self.held.values()) and self.proxy.watches >= len(KINDS), "all live")

    def converged(self) -> None:
        self.until(lambda: self.same, "the same as the server")


def _versions(objects: list[dict[str, Any]]) -> dict[str, str]:
    return {item["metadata"]["name"]: item["metadata"].get("resourceVersion", "") for item in objects}


@pytest.fixture
def pacing() -> Pacing:
    return FAST


@pytest.fixture
def rig(tmp_path: Path, pacing: Pacing) -> Iterator[Rig]:
    overlay = Overlay(open_recording(resource_path("demo")))
    with ApiServer(overlay, writable=True, watch_seconds=300) as server, FaultProxy(int(server.url.rsplit(":", 1)[1])) as proxy:
        made = Rig(server, overlay, proxy, tmp_path, pacing)
        try:
            made.converged()
            made.live()
            yield made
        finally:
            assert made.informers.close(10), "every watch ends when it is told to"
            made.cluster.close()


def only_once(refusal: Refuse, kinds: Callable[[Ask], bool]) -> Callable[[Ask], Refuse | None]:
    left = [refusal]
    return lambda ask: left.pop() if left and kinds(ask) else None


def test_changes_arrive_and_a_server_that_is_well_has_nothing_to_say(rig: Rig) -> None:
    for _ in range(3):
        rig.change()
    rig.converged()
    assert {kind: states[-1] for kind, states in rig.states.items()} == dict.fromkeys(KINDS, "live")


@pytest.mark.parametrize("how", ["cut", "half a line"])
def test_a_broken_stream_is_resumed_and_nothing_that_happened_meanwhile_is_lost(rig: Rig, how: str) -> None:
    for _ in range(3):
        rig.live()
        assert rig.proxy.break_watches(how) >= len(KINDS)
        rig.change()
        rig.converged()
    rig.live()
    lists = [ask for ask in rig.proxy.asked if ask.path.endswith("/pods") and not ask.watch]
    assert not lists, "the list was streamed once and then only resumed"


@pytest.mark.parametrize("pacing", [Pacing(first=0.02, longest=0.2, silence=1.0, stale=3600.0)])
def test_a_stream_that_falls_silent_is_left_for_another(rig: Rig) -> None:
    assert rig.proxy.break_watches("stall") >= len(KINDS)
    rig.change()
    rig.converged()


def test_a_server_that_is_gone_is_told_and_its_return_is_noticed(rig: Rig) -> None:
    rig.proxy.dead = True
    rig.proxy.break_watches("cut")
    rig.until(lambda: all(i.watching.state == "reconnecting" for i in rig.held.values()), "told")
    watching = rig.held["pods"].watching
    assert "closed the connection" in watching.note
    assert watching.objects == len(rig.overlay.list("pods", "shop")) > 1, "the rows stay meanwhile"
    rig.change()
    rig.proxy.dead = False
    rig.converged()
    rig.live()
    assert rig.states["pods"][-2:] == ["reconnecting", "live"]


def test_a_version_that_is_too_old_lists_anew(rig: Rig) -> None:
    rig.proxy.rule = only_once(Refuse(410, "too old resource version"), lambda ask: ask.watch and ask.path.endswith("/pods"))
    rig.proxy.break_watches("cut")
    rig.change()
    rig.converged()
    rig.live()


def test_refused_credentials_are_renewed_and_reported_until_they_are_accepted(rig: Rig) -> None:
    rig.proxy.rule = only_once(Refuse(401, "Unauthorized"), lambda ask: ask.path.endswith("/pods"))
    rig.proxy.break_watches("cut")
    rig.change()
    rig.converged()
    rig.live()  # every watch is open again, so that none of them meets the refusal before it is wanted
    rig.proxy.rule = lambda ask: Refuse(401, "Unauthorized")
    rig.proxy.break_watches("cut")
    rig.until(lambda: "refused the token at" in rig.held["pods"].watching.note, "told")
    rig.change()
    rig.proxy.rule = lambda _: None
    rig.converged()
    rig.live()


def test_one_kind_that_may_not_be_seen_any_more_says_so_and_the_others_go_on(rig: Rig) -> None:
    rig.proxy.rule = lambda ask: Refuse(403, "events is forbidden") if ask.path.endswith("/events") else None
    rig.proxy.break_watches("cut")
    rig.until(lambda: rig.held["events"].watching.state == "forbidden", "told")
    assert rig.held["events"].store.objects() == [], "what may not be seen is not shown"
    assert "events is forbidden" in rig.held["events"].watching.note
    rig.change()
    rig.until(lambda: _versions(rig.held["pods"].store.objects()) == _versions(rig.overlay.list("pods", "shop")), "pods go on")
    rig.proxy.rule = lambda _: None
    rig.converged()
    rig.live()


@pytest.mark.parametrize(
    "refusal", [Refuse(429, "slow down", retry_after="0"), Refuse(500, "etcdserver: request timed out"), Refuse(503, "no")]
)
def test_a_server_in_trouble_is_told_and_asked_again(rig: Rig, refusal: Refuse) -> None:
    rig.proxy.rule = lambda ask: refusal
    rig.proxy.break_watches("cut")
    rig.until(lambda: all(i.watching.state == "reconnecting" for i in rig.held.values()), "told")
    rig.until(lambda: refusal.message in rig.held["pods"].watching.note, "told why")
    rig.change()
    rig.proxy.rule = lambda _: None
    rig.converged()
    rig.live()


def test_a_server_without_streaming_lists_is_read_page_by_page(rig: Rig) -> None:
    rig.proxy.rule = lambda ask: Refuse(422, "sendInitialEvents is forbidden") if "sendInitialEvents" in ask.query else None
    fresh = rig.informers.acquire("pods", "mailer").informer
    rig.until(lambda: fresh.watching.state == "live", "live")
    assert _versions(fresh.store.objects()) == _versions(rig.overlay.list("pods", "mailer"))
    lists = [ask for ask in rig.proxy.asked if "mailer" in ask.path]
    assert [("sendInitialEvents" in ask.query, ask.watch) for ask in lists[:2]] == [(True, True), (False, False)]


def test_who_needs_the_same_shares_one_watch_and_the_last_one_ends_it(rig: Rig) -> None:
    before = rig.proxy.watches
    one, other = rig.informers.acquire("pods", "shop"), rig.informers.acquire("pods", "shop")
    assert one.informer is other.informer is rig.held["pods"]
    one.release()
    one.release()
    other.release()
    alone = rig.informers.acquire("pods", "mailer")
    rig.until(lambda: rig.proxy.watches == before + 1, "a watch of its own")
    alone.release()
    rig.until(lambda: "cluster-watch-pods" not in {t.name for t in threading.enumerate() if t is not None} or _pods_threads() == 1, "ended")


def _pods_threads() -> int:
    return sum(thread.name == "cluster-watch-pods" for thread in threading.enumerate())
