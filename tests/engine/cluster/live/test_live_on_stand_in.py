"""The live source and the API stand-in speak the same language: a recording served over HTTP reads as the recording itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cluster.live.cluster import LiveCluster
from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.cluster.source import NotFound
from engine.core.cancel import CancelToken
from engine.core.paths import resource_path
from engine.simulator.apiserver import ApiServer


@pytest.fixture(scope="module")
def demo() -> RecordedCluster:
    return open_recording(resource_path("demo"))


@pytest.fixture(scope="module")
def live(demo: RecordedCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    with ApiServer(demo) as server:
        cluster = LiveCluster.open(kubeconfig=server.kubeconfig(Path(tmp_path_factory.mktemp("kube")) / "config"))
        yield cluster
        cluster.close()


def test_it_presents_the_recordings_context_version_and_resources(live: LiveCluster, demo: RecordedCluster) -> None:
    assert (live.title, live.kind, live.server_version()) == ("demo", "live", demo.server_version())
    assert {kind.name: kind.version for kind in live.resources()} == {kind.name: kind.version for kind in demo.resources()}


@pytest.mark.parametrize(
    "resource",
    [
        "pods",
        "nodes",
        "events",
        "services",
        "deployments.apps",
        "jobs.batch",
        "endpointslices.discovery.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
    ],
)
def test_lists_are_the_recordings(live: LiveCluster, demo: RecordedCluster, resource: str) -> None:
    assert len(demo.list(resource)) > 0
    key = lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"])  # noqa: E731
    assert sorted(live.list(resource), key=key) == sorted(demo.list(resource), key=key)
    assert len(live.list(resource, "shop")) == len(
        demo.list(resource, "shop" if "namespace" in demo.list(resource)[0]["metadata"] else None)
    )


def test_one_object_and_one_log_are_the_recordings(live: LiveCluster, demo: RecordedCluster) -> None:
    assert live.get("deployments.apps", "shop", "cart-api") == demo.get("deployments.apps", "shop", "cart-api")
    crashing = next(p["metadata"]["name"] for p in demo.list("pods", "shop") if p["metadata"]["name"].startswith("checkout"))
    assert live.logs("shop", crashing, "checkout-api", previous=True) == demo.logs("shop", crashing, "checkout-api", previous=True)
    assert live.logs("shop", crashing, "checkout-api", tail=2) == demo.logs("shop", crashing, "checkout-api", tail=2)


def test_what_is_missing_is_missing_in_both(live: LiveCluster, demo: RecordedCluster) -> None:
    waiting = next(p["metadata"]["name"] for p in demo.list("pods", "mailer"))
    for source in (live, demo):
        with pytest.raises(NotFound, match="not found"):
            source.get("pods", "shop", "no-such-pod")
        with pytest.raises(NotFound, match="waiting to start"):
            source.logs("mailer", waiting, "mailer")
        with pytest.raises(NotFound):
            source.top("nodes")


def test_secrets_come_without_values(live: LiveCluster, demo: RecordedCluster) -> None:
    [secret] = live.list("secrets")
    assert secret["metadata"]["name"] == demo.list("secrets")[0]["metadata"]["name"]
    assert "data" not in secret


def test_a_watch_begins_with_what_is_there_and_ends_with_its_cancel(live: LiveCluster) -> None:
    token = CancelToken()
    seen = []
    for event in live.changes("pods", "shop", resource_version="0", cancel=token):
        seen.append(event.object["metadata"]["name"])
        token.cancel()
    assert len(seen) == 1
