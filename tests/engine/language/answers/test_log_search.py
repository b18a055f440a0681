"""Questions about logs: what matches, how many, how often, since when, of which containers; and how far was looked."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking import request_of

from engine.analyzers.common.view import ClusterView
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.cluster.source import NotFound
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, Scene
from engine.language.answers.log_search import search
from engine.language.answers.log_search.questions import logs
from engine.language.answers.log_search.search import ERRORS, Wanted, count_of, lines_of, rate_of, read, since_clock

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
WEB = ObjectRef("Pod", "shop", "web")


def stamped(seconds: int, text: str) -> str:
    return f"{NOW - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ} {text}"


class Logs:
    """A source that has logs alone."""

    def __init__(self, **by_container: Sequence[str]) -> None:
        self.by_container = by_container
        self.asked: list[dict[str, Any]] = []

    def logs(self, namespace: str, pod: str, container: str, **how: Any) -> list[str]:
        self.asked.append(how)
        if container not in self.by_container:
            raise NotFound(f"no log of {container}")
        return list(self.by_container[container])[-(how["tail"] or 0) :]


def pod(*names: str, **status: Any) -> ClusterView:
    statuses = [{"name": name, "state": {"running": {}}, **status} for name in names]
    raw = {
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"nodeName": "n", "containers": [{"name": name} for name in names]},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }
    return ClusterView.from_objects([raw], now=NOW)


def test_lines_of_several_containers_stand_in_the_order_of_time() -> None:
    source = Logs(app=[stamped(30, "one"), stamped(10, "three")], side=[stamped(20, "two")])
    said = lines_of(read(source, pod("app", "side"), [WEB], Wanted()), [WEB], Wanted())  # type: ignore[arg-type]
    assert said.code.splitlines() == ["web/app: one", "web/side: two", "web/app: three"]
    assert "Looked at 3 lines of 2 containers, from 2026-11-28 11:59:30 to 11:59:50 UTC" in said.answer


def test_a_search_reads_the_whole_window_and_counts_more_than_it_shows() -> None:
    source = Logs(app=[stamped(5000 - n, "error: no" if n % 2 else "fine") for n in range(5000)])
    wanted = Wanted(ERRORS, "are errors", last=10)
    found = read(source, pod("app"), [WEB], wanted)  # type: ignore[arg-type]
    assert len(found[0].kept) == 10 and found[0].matched == 2500
    said = lines_of(found, [WEB], wanted)
    assert said.answer.startswith("2500 lines of Pod/web are errors; the last 10. Looked at 5000 lines")
    assert len(said.code.splitlines()) == 10


def test_lines_before_the_window_do_not_count_and_the_window_is_asked_for() -> None:
    source = Logs(app=[stamped(4000, "error old"), stamped(60, "error new")])
    wanted = Wanted(ERRORS, "are errors", since=NOW - timedelta(minutes=30))
    said = count_of(read(source, pod("app"), [WEB], wanted), [WEB], wanted)  # type: ignore[arg-type]
    assert said.answer.startswith("1 line of Pod/web is errors")
    assert source.asked[0]["since_seconds"] == 1801


def test_a_rate_counts_each_minute_and_the_average_over_all_of_them() -> None:
    lines = [stamped(240, "error"), stamped(239, "error"), stamped(60, "error"), stamped(0, "fine")]
    wanted = Wanted(ERRORS, "are errors")
    said = rate_of(read(Logs(app=lines), pod("app"), [WEB], wanted), [WEB], wanted)  # type: ignore[arg-type]
    assert "3 lines of Pod/web are errors in 4 minutes: 0.8 a minute on average, 2 at most (at 11:56 UTC)" in said.answer
    assert said.table == (("MINUTE (UTC)", "LINES"), ("11:56", "2"), ("11:59", "1"))


def test_no_match_an_empty_log_and_no_log_are_three_things() -> None:
    wanted = Wanted(ERRORS, "are errors")
    none = lines_of(read(Logs(app=[stamped(1, "fine")]), pod("app"), [WEB], wanted), [WEB], wanted)  # type: ignore[arg-type]
    empty = lines_of(read(Logs(app=[]), pod("app"), [WEB], wanted), [WEB], wanted)  # type: ignore[arg-type]
    waits = pod("app", state={"waiting": {"reason": "CreateContainerConfigError"}})
    never = lines_of(read(Logs(), waits, [WEB], wanted), [WEB], wanted)  # type: ignore[arg-type]
    assert none.answer.startswith("No line of Pod/web is errors. Looked at 1 line")
    assert "its log is empty" in empty.answer
    assert "never started: it is waiting (CreateContainerConfigError)" in never.answer


def test_what_was_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_LINES", 100)
    wanted = Wanted(ERRORS, "are errors")
    said = lines_of(read(Logs(app=[stamped(n, "error") for n in range(300)]), pod("app"), [WEB], wanted), [WEB], wanted)  # type: ignore[arg-type]
    assert "only the last 100 of each" in said.answer


def test_a_clock_is_the_last_time_that_it_showed_so() -> None:
    assert since_clock(NOW, 10, 30) == NOW - timedelta(minutes=90)
    assert since_clock(NOW, 13, 0) == NOW - timedelta(hours=23)


def asked(text: str, demo: RecordedCluster) -> Reply:
    request = request_of(text, demo)
    assert request.wants == "logs", (text, request.wants)
    reply = logs(request, Scene(demo, request.namespace or ""))
    assert reply is not None
    return reply


def test_questions_in_plain_words_become_searches(demo: RecordedCluster) -> None:
    assert "cart sweep finished" in asked("last 5 lines of cart-api", demo).code
    assert asked("find 'cart sweep' in the logs of cart-api", demo).answer.startswith("7")
    assert "contain “refused”" in asked("the last 3 lines that contain refused in the logs of crm-api", demo).answer
    assert "a minute on average" in asked("how many errors per minute does orders-api log?", demo).answer
    assert "lines of Deployment/orders-api contain ERROR" in asked("how many ERROR lines has orders-api logged?", demo).answer
    assert "never started" in asked("log of mailer?", demo).answer
    assert "Ready to accept connections" in asked("what does payments-redis log?", demo).code
