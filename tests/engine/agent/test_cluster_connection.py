"""Opening a cluster on a thread: what was opened for a context that was left meanwhile says nothing about the new one."""

from __future__ import annotations

import threading

import pytest

from engine.agent import cluster_connection
from engine.agent.cluster_connection import ClusterConnection
from engine.cluster.source import ContextInfo, Unauthenticated, Unreachable
from engine.core.config import Settings
from engine.session.connection import Opening


class FakeSource:
    def __init__(self, context: str) -> None:
        self.context = ContextInfo(context)

    def server_version(self) -> str:
        return "v1.36.2"

    def close(self) -> None: ...


class FakeConnection:
    def __init__(self, context: str) -> None:
        self.context = context
        self.source = FakeSource(context)

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

    def on_open() -> None:
        announced.append(getattr(clusters.connection, "context", ""))
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


def test_a_cluster_that_does_not_let_us_in_is_named_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [Unauthenticated("the API server refused the token at 10:42"), Unreachable("refused the connection")]
    announced: list[tuple[str, str]] = []
    opened = threading.Event()

    def connect(opening: Opening, *, context: str, **_: object) -> FakeConnection:
        made = FakeConnection(context)
        if refusals:
            refusal = refusals.pop(0)

            def refuse() -> str:
                raise refusal

            monkeypatch.setattr(made.source, "server_version", refuse)
        return made

    monkeypatch.setattr(cluster_connection, "connect", connect)
    monkeypatch.setattr(cluster_connection, "_RETRY_SECONDS", 0.01)

    def on_open() -> None:
        announced.append((clusters.info.name if clusters.info else "no context", clusters.problem))
        if clusters.connection is not None:
            opened.set()

    clusters = ClusterConnection(Settings(), on_open, str)
    clusters.open(Opening(), "first")
    assert opened.wait(10)
    assert announced == [
        ("first", "the API server refused the token at 10:42"),
        ("first", "refused the connection"),
        ("first", ""),
    ]
    assert clusters.state == "ok"
    clusters.close()
