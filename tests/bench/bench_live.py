"""A live cluster of 10,000 pods of 9 kB with 300 changes a second, beside `kubectl get pods -A -o json > /dev/null` on the same server.

Run with `pytest tests/bench/bench_live.py -m bench -s`. The server is generated and runs in a process of its own, as does what is measured.
Prints seconds, CPU, memory and their ratios to kubectl's. Machines differ: read the ratios.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.bench
ROOT = Path(__file__).resolve().parents[2]
PATHS = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "bench")]
PODS, RATE, SECONDS = 10_000, 300, 20.0
CHECKED = 5_000
KEYS_A_SECOND = 10


@contextmanager
def big_server(pods: int, folder: Path) -> Iterator[tuple[Path, str]]:
    """The kubeconfig and the address of a generated server in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)}
    command = [sys.executable, "-m", "fakes.big_server", str(pods)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            document = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "big",
                "contexts": [{"name": "big", "context": {"cluster": "big", "user": "big"}}],
                "clusters": [{"name": "big", "cluster": {"server": url}}],
                "users": [{"name": "big", "user": {"token": "x"}}],
            }
            kubeconfig = folder / "kubeconfig"
            kubeconfig.write_text(json.dumps(document))
            yield kubeconfig, url
        finally:
            process.stdin.close()
            process.wait(20)


def measured(command: list[str], **options: Any) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the most memory (MB) of a command whose output is thrown away."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) in (0, 1), f"{command[:4]} failed"  # 1: findings
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def kubectl(kubeconfig: Path) -> tuple[float, float, float]:
    found = shutil.which("kubectl")
    if found is None:
        pytest.skip("there is no kubectl to compare with")
    return measured([found, "--kubeconfig", str(kubeconfig), "get", "pods", "-A", "-o", "json"])


def rate(url: str, number: int) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{url}/rate/{number}", method="POST"), timeout=10).read()


def rss() -> float:
    """What this process holds now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def live(kubeconfig: str, url: str) -> dict[str, float]:
    """In a process of its own: an Agent on the big cluster, its rows pulled as the screen does, idle and under events."""
    from engine.agent.agent import Agent
    from engine.core.config import ClusterSettings, ModelSection, Settings
    from engine.core.events import ClusterChanged

    told: dict[str, float] = {}
    agent = Agent(Settings(cluster=ClusterSettings(kubeconfig=kubeconfig), model=ModelSection(provider="none")), save=False)
    pulls: list[float] = []
    rang = threading.Event()
    agent.subscribe(lambda event: rang.set() if isinstance(event, ClusterChanged) else None)
    began, spent = time.perf_counter(), time.process_time()
    agent.start()
    agent.wait_for_cluster(60)
    rows = agent.cluster.workloads("")
    told["first"] = time.perf_counter() - began
    told["first_cpu"] = time.process_time() - spent
    agent.cluster.nodes()
    agent.cluster.events("")
    told["rows"] = sum(len(row.pods) for row in rows)
    told["memory"] = rss()
    stop = threading.Event()

    def screen() -> None:
        while not stop.is_set():
            if rang.wait(0.2):
                rang.clear()
                agent.cluster.workloads("")
                agent.cluster.nodes()
                agent.cluster.events("")
                pulls.append(time.perf_counter())

    thread = threading.Thread(target=screen, daemon=True)
    thread.start()
    time.sleep(6)
    for name, events in (("idle", 0), ("busy", RATE)):
        rate(url, events)
        time.sleep(2)
        seen, wall, spent = len(pulls), time.perf_counter(), time.process_time()
        time.sleep(SECONDS)
        wall = time.perf_counter() - wall
        told[f"{name}_cpu"] = (time.process_time() - spent) / wall
        told[f"{name}_pulls"] = (len(pulls) - seen) / wall
        told[f"{name}_memory"] = rss()
    rate(url, 0)
    stop.set()
    told["held"] = sum(w.bytes for w in agent.cluster.watching()) / 1e6
    thread.join()
    agent.close()
    told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told


def own_process(call: str) -> dict[str, Any]:
    code = f"import json, sys; sys.path[:0] = {PATHS!r}; import bench_live; print(json.dumps(bench_live.{call}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_rows_of_ten_thousand_pods(tmp_path: Path) -> None:
    with big_server(PODS, tmp_path) as (kubeconfig, url):
        wall, cpu, memory = kubectl(kubeconfig)
        told = own_process(f"live({str(kubeconfig)!r}, {url!r})")
    print(f"\n{PODS} pods; kubectl get pods -A -o json: {wall:.1f} s, {cpu:.1f} s of CPU, {memory:.0f} MB")
    first, spent = told["first"], told["first_cpu"]
    print(f"first rows: {first:.2f} s ({first / wall:.2f}x), {spent:.2f} s of CPU ({spent / cpu:.2f}x)")
    print(f"memory: {told['memory']:.0f} MB ({told['memory'] / memory:.2f}x), informers' own estimate {told['held']:.0f} MB")
    for name in ("idle", "busy"):
        share, pulls, held = told[f"{name}_cpu"], told[f"{name}_pulls"], told[f"{name}_memory"]
        print(f"{name}: {share * 100:.1f} % of a core, {share / cpu:.4f} of kubectl's list a second, {pulls:.1f} pulls/s, {held:.0f} MB")
    assert told["rows"] == PODS
    assert told["first"] < wall


def test_check_of_five_thousand_pods(tmp_path: Path) -> None:
    """The budget: `check -A` at most 1.5 times kubectl's time, and 200 MB."""
    with big_server(CHECKED, tmp_path) as (kubeconfig, _):
        wall, cpu, memory = min(kubectl(kubeconfig) for _ in range(2))
        program = [sys.executable, "-m", "tui.cli", "check", "-A", "--kubeconfig", str(kubeconfig)]
        own_wall, own_cpu, own_memory = min(measured(program, cwd=ROOT) for _ in range(2))
    print(f"\n{CHECKED} pods; kubectl get pods -A -o json: {wall:.1f} s, {cpu:.1f} s of CPU, {memory:.0f} MB")
    print(f"k8sagent check -A: {own_wall:.1f} s ({own_wall / wall:.2f}x, budget 1.5x), {own_cpu:.1f} s of CPU ({own_cpu / cpu:.2f}x)")
    print(f"memory {own_memory:.0f} MB (budget 200 MB)")


async def keys(kubeconfig: str, url: str, events: int) -> tuple[list[float], list[float]]:
    """Key handling times and busy stretches of the screen's thread, in milliseconds, with the real app on the big cluster."""
    from bench_flood import Busy, Measured
    from textual.events import Key

    from engine.agent.agent import Agent
    from engine.core.config import ClusterSettings, ModelSection, Settings

    agent = Agent(Settings(cluster=ClusterSettings(kubeconfig=kubeconfig), model=ModelSection(provider="none")), save=False)
    app = Measured(agent, Settings(), moving=True)
    app.handled, app.sent = [], 0.0
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause(1.0)
        await asyncio.to_thread(agent.wait_for_cluster, 60)
        await asyncio.to_thread(agent.switch_namespace, "")
        for _ in range(600):
            await asyncio.sleep(0.1)
            if {w.state for w in agent.cluster.watching()} == {"live"}:
                break
        await asyncio.to_thread(rate, url, events)
        await asyncio.sleep(3.0)
        running: Any = asyncio.get_running_loop()
        selector = running._selector
        busy = running._selector = Busy(selector)
        app.handled.clear()
        for _ in range(int(SECONDS * KEYS_A_SECOND)):
            key = Key("x", "x")
            key.set_sender(app)
            app.sent = time.perf_counter()
            assert app._driver is not None
            app._driver.send_message(key)
            await asyncio.sleep(1 / KEYS_A_SECOND)
        running._selector = selector
        await asyncio.to_thread(rate, url, 0)
    return [h * 1000 for h in app.handled], busy.stretches


def screen(kubeconfig: str, url: str, events: int) -> dict[str, list[float]]:
    handled, busy = asyncio.run(keys(kubeconfig, url, events))
    return {"handled": handled, "busy": busy}


def test_keys_while_ten_thousand_pods_change(tmp_path: Path) -> None:
    with big_server(PODS, tmp_path) as (kubeconfig, url):
        told = {n: own_process(f"screen({str(kubeconfig)!r}, {url!r}, {e})") for n, e in (("idle", 0), ("events", RATE))}
    p50 = {name: statistics.median(t["handled"]) for name, t in told.items()}
    p95 = {name: sorted(t["handled"])[int(len(t["handled"]) * 0.95)] for name, t in told.items()}
    for name, t in told.items():
        share = sum(t["busy"]) / SECONDS / 10
        print(f"\n{name:6} {len(t['handled'])} keys, p50 {p50[name]:.2f} p95 {p95[name]:.1f} ms", end="")
        print(f", longest stretch {max(t['busy']):.0f} ms, {share:.0f} % of a core")
    print(f"ratio  p50 {p50['events'] / p50['idle']:.2f}x  p95 {p95['events'] / p95['idle']:.2f}x")
