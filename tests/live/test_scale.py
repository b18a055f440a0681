"""Three thousand generated pods on the real API server: the first rows, a check of everything, and changes while a session looks."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from live.control_plane import ControlPlane
from live.test_outages import Watcher

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]
SPACES, EACH = 10, 300


def pod(space: str, number: int) -> dict[str, object]:
    metadata = {"name": f"pod-{number}", "namespace": space, "labels": {"app": f"app-{number % 30}"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "app", "image": "nginx"}]}}


@pytest.fixture(scope="module")
def crowd(plane: ControlPlane) -> Iterator[list[str]]:
    """Namespaces full of pods that nobody schedules."""
    spaces = [f"crowd-{number}" for number in range(SPACES)]
    plane.create(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}} for space in spaces))
    wanted = [(space, number) for space in spaces for number in range(EACH)]
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: plane.request("POST", f"/api/v1/namespaces/{at[0]}/pods", pod(*at)), wanted))
    print(f"\n{len(wanted)} pods created in {time.monotonic() - began:.0f} s")
    yield spaces
    for space in spaces:
        plane.request("DELETE", f"/api/v1/namespaces/{space}")


def test_a_check_of_everything(plane: ControlPlane, crowd: list[str]) -> None:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = plane.k8sagent("admin", "check", "-A", "--output", "json")
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    pods = report["scanned"]["pods"]
    each = cpu / pods * 1000
    print(f"\ncheck -A of {pods} pods: {wall:.1f} s wall, {cpu:.1f} s CPU, {each:.2f} s CPU for 1,000 pods, {after.ru_maxrss // 1024} MB")
    assert pods >= SPACES * EACH


def test_a_session_shows_them_and_follows(plane: ControlPlane, crowd: list[str]) -> None:
    watcher = Watcher(plane.kubeconfig("admin", "shop"))
    try:
        assert watcher.agent.wait_for_cluster(30).cluster_state == "ok"
        began = time.monotonic()
        rows = watcher.agent.cluster.workloads("")
        first = time.monotonic() - began
        assert sum(len(row.pods) or 1 for row in rows) >= SPACES * EACH
        spent = time.thread_time()
        plane.request("POST", f"/api/v1/namespaces/{crowd[0]}/pods", pod(crowd[0], EACH + 1))
        took = watcher.until(lambda: any(f"pod-{EACH + 1}" in row.name for row in watcher.agent.cluster.workloads("")), "the new pod")
        spent = time.thread_time() - spent
        print(f"\nall namespaces: first rows after {first:.2f} s; a new pod {took:.2f} s after its creation ({spent:.2f} s CPU)")
    finally:
        watcher.agent.close()
