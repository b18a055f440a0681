"""Opening a cluster on a thread: what was opened for a context that was left meanwhile says nothing about the new one."""

from __future__ import annotations

import threading

import pytest

from engine.agent import cluster_connection
from engine.agent.cluster_connection import ClusterConnection
from engine.core.config import Settings
from engine.session.connection import Connection, Opening


class FakeSource:
    def server_version(self) -> str:
        return "v1.36.2"

    def close(self) -> None: ...


class FakeConnection:
    def __init__(self, context: str) -> None:
        self.context = context
        self.source = FakeSource()

    def close(self) -> None: ...


def test_a_switch_while_the_old_cluster_is_announced_leaves_nobody_with_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old cluster was ready, and before it said so another one was asked for: waiting must wait for the other one."""
    slow = threading.Event()
    announced: list[str] = []

    def connect(opening: Opening, *, context: str, **_: object) -> FakeConnection:
        if context == "second":
            assert slow.wait(10)
        return FakeConnection(context)

    monkeypatch.setattr(cluster_connection, "connect", connect)
    switched = threading.Event()

    def on_open(connection: Connection | None) -> None:
        announced.append(getattr(connection, "context", ""))
        if announced == ["first"]:
            clusters.open(Opening(), "second")
            switched.set()

    clusters = ClusterConnection(Settings(), on_open, str)
    clusters.open(Opening(), "first")
    assert switched.wait(10)
    assert not clusters.wait(0.2), "the second cluster is not open yet"
    slow.set()
    assert clusters.wait(10)
    assert getattr(clusters.for_browsing(), "context", "") == "second"
    assert announced == ["first", "second"]
