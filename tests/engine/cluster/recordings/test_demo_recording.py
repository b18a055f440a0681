"""The bundled demo is small, holds what a first session shows, says what it is, and carries no Secret's value."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.core.paths import resource_path

CHECKOUT = Path(__file__).resolve().parents[4]
RECORDING = CHECKOUT.parent / "shared/data/clusters/dev.tar.gz"


@pytest.fixture(scope="module")
def demo() -> RecordedCluster:
    return open_recording(resource_path("demo"))


def test_it_is_small_and_says_what_it_is(demo: RecordedCluster) -> None:
    assert resource_path("demo").stat().st_size < 600_000
    assert (demo.title, demo.context.name, demo.server_version()) == ("demo", "demo", "v1.36.2")
    assert "trimmed" in demo.meta
    assert sorted(demo.meta["namespaces"]) == sorted(item["metadata"]["name"] for item in demo.list("namespaces"))


def test_everything_in_it_can_be_read_and_belongs_to_its_namespaces(demo: RecordedCluster) -> None:
    known = {"", *demo.meta["namespaces"]}
    for row in demo.lists:
        objects = demo.objects(row.group, row.version, row.plural)
        assert len(objects) == row.items, row.name
        assert {item["metadata"].get("namespace", "") for item in objects} <= known, row.name


def test_the_crash_the_healthy_neighbour_and_the_logs_of_both_are_there(demo: RecordedCluster) -> None:
    pods = {item["metadata"]["name"]: item for item in demo.list("pods", "shop")}
    crashing = next(name for name in pods if name.startswith("checkout-api"))
    lines = demo.logs("shop", crashing, "checkout-api", previous=True)
    assert any("STRIPE_API_KEY" in line for line in lines)
    assert demo.get("deployments.apps", "shop", "cart-api")["status"]["readyReplicas"] == 2
    healthy = next(name for name in pods if name.startswith("cart-api"))
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in demo.logs("shop", healthy, "cart-api"))


def test_what_kubectl_needs_is_there(demo: RecordedCluster) -> None:
    for path in ("/api", "/apis", "/api/v1", "/apis/apps/v1"):
        assert demo.discovery(path), path
    assert demo.discovery("/apis", aggregated=True)
    for path in json.loads(demo.openapi("/openapi/v3") or b"{}")["paths"]:
        assert json.loads(demo.openapi(f"/openapi/v3/{path}") or b"{}")["openapi"] == "3.0.0", path
    assert {"pods", "deployments.apps", "jobs.batch"} <= {kind.name for kind in demo.resources()}


def test_ages_are_those_of_the_recorded_day(demo: RecordedCluster) -> None:
    created = [item["metadata"]["creationTimestamp"] for item in demo.list("pods")]
    newest = max(created)
    assert newest <= demo.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert min(created) > "2026-11-24" or demo.delta.days < 1


def test_no_secret_has_a_value(demo: RecordedCluster) -> None:
    raw = json.loads(demo.archive.read("resources/core/v1/secrets.json") or b"{}")
    assert raw["items"]
    for secret in raw["items"]:
        assert set(secret["data"].values()) == {""}
        assert "last-applied" not in json.dumps(secret)


@pytest.mark.bench
def test_opening_and_reading_all_of_it_is_cheap() -> None:
    began = time.process_time()
    cluster = open_recording(resource_path("demo"))
    total = sum(len(cluster.list(row.name)) for row in cluster.lists)
    assert total > 1000
    assert time.process_time() - began < 1.0


@pytest.mark.skipif(not RECORDING.exists(), reason="the recording that the demo is made from is not here")
def test_it_is_what_its_maker_makes_of_the_larger_recording(tmp_path: Path) -> None:
    made = tmp_path / "demo.tar.gz"
    subprocess.run([sys.executable, CHECKOUT / "tests/data/make_demo.py", RECORDING, made], check=True, capture_output=True, timeout=60)
    files = [open_recording(path).archive for path in (made, resource_path("demo"))]
    digests = [
        {name: hashlib.sha256(archive.read(name) or b"").digest() for name in archive.names() if not name.endswith(".gz")}
        for archive in files
    ]
    assert digests[0] == digests[1]
