"""From cancel to quiet: while waiting for approval, while a command runs, while the model writes (budget: 300 ms, no process left)."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable

import pytest
from fakes.ollama_server import OllamaServer
from fakes.scripted import Say, Wait

from engine.agent.agent import Agent
from engine.core.config import ClusterSettings, ModelSection, Settings
from engine.core.events import ApprovalRequested, CommandOutput, Event, TokensStreamed
from engine.core.run import Run
from engine.session.connection import Opening

ROUNDS = 5


def quiet_after(run: Run, when: Callable[[Event], bool]) -> float:
    """Milliseconds from cancel to the end of the Run's thread."""
    for event in run.events():
        if when(event):
            break
    started = time.perf_counter()
    run.cancel()
    assert run.wait(10)
    return (time.perf_counter() - started) * 1000


def session(model: ModelSection) -> Agent:
    agent = Agent(dataclasses.replace(Settings(), model=model, cluster=ClusterSettings(namespace="shop")), Opening(demo=True), save=False)
    agent.start()
    return agent


@pytest.mark.bench
def test_from_cancel_to_quiet() -> None:
    rows: dict[str, list[float]] = {"approval": [], "command": [], "model": []}
    words = "The container checkout-api of Deployment/checkout-api exits with code 1 because STRIPE_API_KEY is not set [E1]. " * 2
    with OllamaServer(default=(Say(words), Wait())) as server:
        agent = session(ModelSection(host=server.url))
        try:
            for _ in range(ROUNDS):
                rows["approval"].append(quiet_after(agent.ask("scale cart-api to 3"), lambda e: isinstance(e, ApprovalRequested)))
                follow = agent.run_command("kubectl get pods -n shop -w")
                rows["command"].append(quiet_after(follow, lambda e: isinstance(e, CommandOutput)))
                asked = agent.ask("why is checkout-api restarting?")
                rows["model"].append(quiet_after(asked, lambda e: isinstance(e, TokensStreamed)))
        finally:
            agent.close()
    for name, values in rows.items():
        print(f"{name:10} median {statistics.median(values):6.1f} ms   max {max(values):6.1f} ms   (budget 300 ms)")
    assert all(statistics.median(values) < 300 for values in rows.values())
