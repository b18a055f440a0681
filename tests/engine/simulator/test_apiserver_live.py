"""The live source reads the same cluster through the stand-in as the recording holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cluster.live.cluster import LiveCluster
from engine.cluster.live.kubeconfig import load
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.cluster.source import NotFound
from engine.core.cancel import CancelToken
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import BASE_REVISION, Overlay


@pytest.fixture(scope="module")
def live(writable: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    path: Path = writable.kubeconfig(tmp_path_factory.mktemp("live") / "config")
    source = LiveCluster(load(path))
    yield source
    source.close()


def test_every_list_is_the_recorded_one(live: LiveCluster, demo: RecordedCluster, fresh: Overlay) -> None:
    assert live.server_version() == demo.server_version()
    assert {kind.name for kind in live.resources()} == {kind.name for kind in demo.resources()}
    for row in demo.lists:
        if row.name not in ("secrets", "horizontalpodautoscalers.autoscaling"):
            assert live.list(row.name) == demo.list(row.name), row.name


def test_logs_and_missing_things_are_told_alike(live: LiveCluster, demo: RecordedCluster, fresh: Overlay) -> None:
    pod = next(p["metadata"]["name"] for p in demo.list("pods", "shop") if p["metadata"]["name"].startswith("checkout"))
    assert live.logs("shop", pod, "checkout-api", previous=True, tail=5) == demo.logs("shop", pod, "checkout-api", previous=True, tail=5)
    for source in (live, demo):
        with pytest.raises(NotFound):
            source.get("pods", "shop", "nope")
        with pytest.raises(NotFound):
            source.top("pods")


def test_a_live_watch_follows_the_overlay(live: LiveCluster, fresh: Overlay) -> None:
    cancel, seen = CancelToken(), []
    start = str(BASE_REVISION + fresh.revision)

    def follow() -> None:
        for event in live.changes("pods", "shop", resource_version=start, cancel=cancel):
            seen.append(event.type)
            if len(seen) == 2:
                cancel.cancel()

    thread = threading.Thread(target=follow)
    thread.start()
    fresh.remove("pods", "shop", fresh.list("pods", "shop")[0]["metadata"]["name"])
    thread.join(10)
    cancel.cancel()
    assert seen == ["DELETED", "ADDED"]
