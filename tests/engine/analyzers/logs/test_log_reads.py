"""Logs of a live cluster: dead nodes cost one read, the others are read side by side, and the time of all reads is bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import pytest
from fakes.lab import Lab, worker

from engine.analyzers.check import check
from engine.analyzers.logs.log_reads import LogKey, LogReads
from engine.cluster.source import Forbidden, KubeletUnreachable, Lines, NotFound, Unauthenticated, Unreachable
from engine.core.cancel import Cancelled


def keys(node: str, count: int = 4) -> list[LogKey]:
    return [("shop", f"{node}-{number}", "app", False) for number in range(count)]


def reads(read: Callable[[str], Lines], unreachable: Collection[str] = (), seconds: float = 60.0) -> tuple[LogReads, list[str]]:
    """LogReads over pods that are called after their nodes, and which pods were asked for."""
    asked: list[str] = []

    def one(namespace: str, pod: str, container: str, previous: bool) -> Lines:
        asked.append(pod)
        return read(pod)

    return LogReads(one, lambda _, pod: pod.rpartition("-")[0], lambda: unreachable, seconds=seconds), asked


def dead(pod: str) -> Lines:
    if pod.startswith("dead"):
        raise KubeletUnreachable("dial tcp 10.0.0.9:10250: no route to host")
    return [f"line of {pod}"]


def test_a_node_that_does_not_answer_is_asked_once_and_the_others_are_read() -> None:
    logs, asked = reads(dead)
    logs.ahead([*keys("dead", 30), *keys("alive")])
    assert sorted(asked) == sorted(["dead-0", *(key[1] for key in keys("alive"))])
    assert logs("shop", "alive-3", "app", False) == ["line of alive-3"]
    with pytest.raises(KubeletUnreachable):
        logs("shop", "dead-29", "app", False)
    with pytest.raises(KubeletUnreachable):
        logs("shop", "dead-30", "app", True)
    assert len(asked) == 5, "nothing is read twice, and nothing more of the dead node"
    assert logs.unread == ["logs of 31 pods were not read: the kubelet of node dead does not answer"]


def test_a_node_whose_kubelet_stopped_reporting_is_not_asked_at_all() -> None:
    logs, asked = reads(dead, unreachable=("dead",))
    logs.ahead([*keys("dead"), *keys("alive", 1)])
    assert asked == ["alive-0"]
    assert logs.unread == ["logs of 4 pods were not read: the kubelet of node dead does not answer"]


def test_logs_are_read_side_by_side() -> None:
    together = threading.Barrier(4, timeout=30)

    def read(pod: str) -> Lines:
        if not pod.endswith("-0"):
            together.wait()
        return [pod]

    logs, asked = reads(read)
    logs.ahead(keys("alive", 5))  # the first says that the node answers, the other four wait for each other
    assert logs("shop", "alive-4", "app", False) == ["alive-4"]
    assert len(asked) == 5 and logs.unread == []


def test_a_log_that_is_missing_says_nothing_about_its_node() -> None:
    def read(pod: str) -> Lines:
        if pod.endswith("-0"):
            raise NotFound("previous terminated container not found")
        return [pod]

    logs, asked = reads(read)
    logs.ahead(keys("alive"))
    assert len(asked) == 4 and logs.unread == []


def test_a_namespace_whose_logs_may_not_be_read_is_asked_once_and_the_others_are_read() -> None:
    def read(namespace: str, pod: str, container: str, previous: bool) -> Lines:
        asked.append(pod)
        if namespace == "closed":
            raise Forbidden("pods/log is forbidden")
        return [pod]

    asked: list[str] = []
    logs = LogReads(read, lambda _, pod: "one-node", lambda: ())
    closed = [("closed", f"a-{number}", "app", False) for number in range(20)]
    logs.ahead([*closed, *keys("open", 3)])
    assert sorted(asked) == ["a-0", "open-0", "open-1", "open-2"]
    with pytest.raises(NotFound):
        logs("closed", "b", "app", False)
    assert logs.unread == ["logs of 21 pods were not read: not allowed to get pods/log in namespace closed"]


def test_the_time_is_over_and_what_was_not_read_is_said() -> None:
    released = threading.Event()

    def read(pod: str) -> Lines:
        if pod.startswith("slow"):
            released.wait(30)
        return [pod]

    logs, asked = reads(read, seconds=0.2)
    try:
        logs.ahead([*keys("slow"), *keys("alive", 1)])
        assert logs("shop", "alive-0", "app", False) == ["alive-0"]
        with pytest.raises(NotFound, match="longer than 0 s"):
            logs("shop", "slow-1", "app", False)
        before = len(asked)
        with pytest.raises(NotFound):
            logs("shop", "another-0", "app", False)
        assert len(asked) == before, "no time is left for another one"
        assert logs.unread == ["logs of 5 pods were not read: reading logs took longer than 0 s"]
    finally:
        released.set()


@pytest.mark.parametrize(
    "error", [Unreachable("the API server is gone"), Unauthenticated("log in"), Cancelled("enough"), ZeroDivisionError("a defect")]
)
def test_what_concerns_the_whole_cluster_or_the_whole_question_ends_the_reading(error: Exception) -> None:
    def read(pod: str) -> Lines:
        raise error

    logs, _ = reads(read)
    with pytest.raises(type(error)):
        logs.ahead(keys("alive", 20))


def test_a_check_reads_nothing_from_a_dead_node_and_says_so() -> None:
    lab = Lab(nodes=[worker("worker-1"), worker("worker-2")])
    node = next(o for o in lab.objects if o["metadata"]["name"] == "worker-1")
    next(c for c in node["status"]["conditions"] if c["type"] == "Ready")["status"] = "Unknown"
    lab.app("other", node="worker-2")
    view = lab.view()
    asked: list[str] = []

    def read(namespace: str, pod: str, container: str, previous: bool) -> Lines:
        asked.append(pod)
        return []

    view.read_logs_in_parallel(read)
    told = check(view)
    assert asked and all(pod.startswith("other") for pod in asked)
    assert [e for e in told.errors if "worker-1" in e] == ["logs of 3 pods were not read: the kubelet of node worker-1 does not answer"]
