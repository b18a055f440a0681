"""What the header says of rows that are not current."""

from __future__ import annotations

from engine.cluster.live.freshness import WatchStatus, summary_of


def test_nothing_is_said_while_all_is_live_or_has_just_begun() -> None:
    assert summary_of([]) == ""
    assert summary_of([WatchStatus("pods", "live", 900), WatchStatus("events", "starting", 1)]) == ""


def test_a_lost_connection_is_told_with_how_long_it_is_gone_and_why() -> None:
    lost = [
        WatchStatus("pods", "reconnecting", 12, "the API server https://a:1 (context x) refused the connection"),
        WatchStatus("deployments.apps", "live", 400),
    ]
    assert summary_of(lost) == "pods not live for 12 s: refused the connection"


def test_many_lost_kinds_make_one_sentence_and_the_longest_gone_gives_the_reason() -> None:
    lost = [WatchStatus(f"kind{n}.apps", "reconnecting", n, f"why {n}") for n in range(5)] + [WatchStatus("pods", "stale", 300, "refused")]
    assert summary_of(lost) == "the cluster is not live for 5 min: refused"
    lost.append(WatchStatus("nodes", "live", 9))
    assert summary_of(lost) == "kind0, kind1, kind2 and 3 more not live for 5 min: refused"


def test_a_kind_that_may_not_be_listed_is_named() -> None:
    assert summary_of([WatchStatus("events", "forbidden", 5, "no"), WatchStatus("pods", "live")]) == "cannot list events"
