"""Prometheus by fixed queries: what it measured is read, and whatever is wrong with it is one sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes.prometheus_server import PrometheusServer
from hypothesis import given
from hypothesis import strategies as st

from engine.cluster.live.prometheus import Prometheus, PrometheusDown, escaped
from engine.cluster.source import Usage

API = ("shop", "api-1", "app")
NOW = 1_700_000_000.0


@pytest.fixture
def server() -> Iterator[PrometheusServer]:
    with PrometheusServer() as running:
        yield running


def until(what: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    return any(what() or threading.Event().wait(0.01) for _ in range(2000))


def asked(server: PrometheusServer, **settings: Any) -> Prometheus:
    return Prometheus(server.url, now=lambda: NOW, **{"timeout": 20.0, **settings})


def test_memory_throttling_and_restarts_are_read(server: PrometheusServer) -> None:
    server.series = {
        "memory_working_set": {API: [(1.0, 100.0), (2.0, 200.0)], ("shop", "odd", ""): [(1.0, 1.0)]},
        "cfs_throttled": {API: [(2.0, 0.4)]},
        "restarts_total": {API: [(2.0, 3.0)]},
    }
    found = asked(server).trends("shop")
    assert (found.memory, found.problem) == ({API: ((1.0, 100.0), (2.0, 200.0))}, "")
    assert (found.throttled, found.restarts) == ({API: 0.4}, {API: 3.0})
    assert [path for path, _, _ in server.seen] == ["/api/v1/query_range", "/api/v1/query", "/api/v1/query"]
    assert all('namespace="shop"' in query for _, query, _ in server.seen)


def test_usage_is_read_for_all_namespaces_without_naming_one(server: PrometheusServer) -> None:
    server.series = {"cpu_usage": {API: [(2.0, 0.25)]}, "memory_working_set": {API: [(2.0, 64.0)]}}
    assert asked(server).usage(None) == [Usage("shop", "api-1", "app", 0.25, 64.0)]
    assert not any("namespace=" in query for _, query, _ in server.seen)


def test_the_token_is_sent_and_answers_are_kept_for_a_minute(server: PrometheusServer) -> None:
    prometheus = asked(server, token="s3cret")
    assert prometheus.trends("shop") is prometheus.trends("shop")
    assert len(server.seen) == 3
    assert {authorization for _, _, authorization in server.seen} == {"Bearer s3cret"}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ((200, b"<!DOCTYPE html><title>Sign in</title>"), "answered with a web page .*it is not Prometheus, or a login page is in between"),
        ((200, b"hello"), "something else than JSON"),
        ((404, b"404 page not found"), "something else than JSON .404."),
        ((401, b"Unauthorized"), r"refuses the credentials \(401\); name the variable with a valid token in \[prometheus\] token_env"),
        ((403, b"{}"), "refuses the credentials"),
        ((422, b'{"status":"error","error":"query timed out in expression evaluation"}'), "422: query timed out"),
        ((200, b'{"status":"error","error":"bad"}'), "refused the query"),
        ((302, b""), "something else than JSON"),
    ],
)
def test_an_answer_that_is_none_is_told_in_one_sentence(server: PrometheusServer, fault: tuple[int, bytes], says: str) -> None:
    server.fault = fault
    with pytest.raises(PrometheusDown, match=says):
        asked(server).usage("shop")
    assert server.url in asked(server).trends("shop").problem


def test_a_slow_server_runs_into_its_time_limit(server: PrometheusServer) -> None:
    server.slow.set()
    assert "gave no answer within 0.2 s" in asked(server, timeout=0.2).trends("shop").problem


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1", r"cannot be reached .*check \[prometheus\] url"),
        ("http://nowhere.invalid", "cannot be reached"),
        ("prometheus:9090", "not a valid address"),
        ("http://user:hunter2@127.0.0.1:1", "Prometheus at http://127.0.0.1:1 cannot be reached"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(url: str, says: str) -> None:
    with pytest.raises(PrometheusDown, match=says) as caught:
        Prometheus(url, timeout=2.0).usage("shop")
    assert "hunter2" not in str(caught.value)


def test_odd_values_and_rows_are_left_out(server: PrometheusServer) -> None:
    server.series = {"memory_working_set": {API: [(1.0, 5.0)]}}
    whole = server.answer("/query_range", {"query": "memory_working_set"})
    whole["data"]["result"][0]["values"] += [["x", "1"], [2.0, "NaN"], [3.0, "+Inf"], "odd", [4.0], [5.0, None], [6.0, "7"]]
    whole["data"]["result"] += [{"metric": [], "values": [[1, "1"]]}, "odd"]
    server.answer = lambda path, query: whole  # type: ignore[method-assign]
    assert asked(server).trends("shop").memory == {API: ((1.0, 5.0), (6.0, 7.0))}


@given(st.text())
def test_no_name_gets_out_of_its_quotes(name: str) -> None:
    inside = escaped(name)
    assert "\n" not in inside
    position = 0
    while position < len(inside):
        assert inside[position] != '"'
        position += 2 if inside[position] == "\\" else 1
    assert position == len(inside), "no backslash is left over to take the closing quote with it"


def test_leaving_does_not_wait_for_a_slow_server(server: PrometheusServer) -> None:
    server.slow.set()
    prometheus = asked(server)
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(prometheus.trends("shop").problem), daemon=True)
    asking.start()
    assert until(lambda: bool(server.seen))
    left = threading.Event()
    threading.Thread(target=lambda: (prometheus.close(), left.set()), daemon=True).start()
    assert left.wait(10), "it waits for an answer that nobody wants any more"
    assert asking.is_alive(), "the server has not answered meanwhile"
    server.stop.set()
    asking.join(20)
    assert len(found) == 1
    assert "was closed" in prometheus.trends("web").problem
    assert len(server.seen) == 1, "after leaving nothing more is asked"
