"""What the header says of rows that are not current."""

from __future__ import annotations

from engine.cluster.live.freshness import Watching, trouble_of


def test_nothing_is_said_while_all_is_live_or_has_just_begun() -> None:
    assert trouble_of([]) == ""
    assert trouble_of([Watching("pods", "live", 900), Watching("events", "starting", 1)]) == ""


def test_a_lost_connection_is_told_with_how_long_it_is_gone_and_why() -> None:
    lost = [
        Watching("pods", "reconnecting", 12, "the API server https://a:1 (context x) refused the connection"),
        Watching("deployments.apps", "live", 400),
    ]
    assert trouble_of(lost) == "pods not live for 12 s: refused the connection"


def test_many_lost_kinds_make_one_sentence_and_the_longest_gone_gives_the_reason() -> None:
    lost = [Watching(f"kind{n}.apps", "reconnecting", n, f"why {n}") for n in range(5)] + [Watching("pods", "stale", 300, "refused")]
    assert trouble_of(lost) == "the cluster is not live for 5 min: refused"
    lost.append(Watching("nodes", "live", 9))
    assert trouble_of(lost) == "kind0, kind1, kind2 and 3 more not live for 5 min: refused"


def test_a_kind_that_may_not_be_listed_is_named() -> None:
    assert trouble_of([Watching("events", "forbidden", 5, "no"), Watching("pods", "live")]) == "may not list events"
