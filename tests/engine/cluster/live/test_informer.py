"""An informer against a scripted feed: what it asks for, what it holds and what it says of itself, without a clock or a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.cluster.live.decode import Form
from engine.cluster.live.http import Gone, Refused, ServerFailed, Stalled, Throttled, WatchFailed
from engine.cluster.live.informer import Clock, Informer, Pacing
from engine.cluster.source import Forbidden, NotFound, Unauthenticated, Unreachable, WatchEvent
from engine.core.cancel import CancelToken

Raw = dict[str, Any]
END = "end of the script"


def pod(name: str, version: int = 1) -> Raw:
    return {"kind": "Pod", "metadata": {"namespace": "shop", "name": name, "resourceVersion": str(version)}}


def added(name: str, version: int) -> WatchEvent:
    return WatchEvent("ADDED", pod(name, version))


def deleted(name: str, version: int) -> WatchEvent:
    return WatchEvent("DELETED", pod(name, version))


def bookmark(version: int, *, initial_end: bool = False) -> WatchEvent:
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial_end else {}
    return WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": str(version), **annotations}})


@dataclass
class ResourceList:
    objects: list[Raw]
    resource_version: str


Step = ResourceList | list[WatchEvent | Exception | float] | Exception
"""A list, a watch (a number in it is seconds that pass), or a failure."""


@dataclass
class Script:
    """Answers requests one after the other, notes what was asked, and ends the informer after the last one."""

    steps: list[Step]
    asked: list[str] = field(default_factory=list)
    token: CancelToken = field(default_factory=CancelToken)
    passes: Callable[[float], None] = lambda seconds: None

    def _next(self) -> Step:
        if not self.steps:
            self.token.cancel(END)
            return []
        return self.steps.pop(0)

    def snapshot(self, resource: str, namespace: str | None, *, form: Form, cancel: CancelToken) -> ResourceList:
        self.asked.append("list")
        step = self._next()
        if isinstance(step, Exception):
            raise step
        if isinstance(step, list):
            assert not step
            cancel.check()
        assert isinstance(step, ResourceList)
        return step

    def changes(
        self, resource: str, namespace: str | None, *, resource_version: str, form: Form, initial: bool, silence: float, cancel: CancelToken
    ) -> Iterator[WatchEvent]:
        self.asked.append("stream" if initial else f"watch {resource_version}")
        step = self._next()
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, list)
        return self._play(step)

    def _play(self, events: list[WatchEvent | Exception | float]) -> Iterator[WatchEvent]:
        for event in events:
            if isinstance(event, float):
                self.passes(event)
                continue
            if isinstance(event, Exception):
                raise event
            yield event


class StillClock(Clock):
    """Time passes only by waiting, and chance always says the most."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []
        self.seen: list[Callable[[], None]] = []

    def now(self) -> float:
        return self.time

    def spread(self) -> float:
        return 1.0

    def wait(self, seconds: float, cancel: CancelToken) -> None:
        self.waits.append(seconds)
        self.time += seconds
        for look in self.seen:
            look()


@dataclass
class Outcome:
    informer: Informer
    script: Script
    clock: StillClock
    states: list[str]

    @property
    def names(self) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.informer.store.objects())

    @property
    def waits(self) -> list[float]:
        return [seconds for seconds in self.clock.waits if seconds]


def play(*steps: Step, streams: bool = False, limit: int = 100) -> Outcome:
    script, clock = Script(list(steps) if streams else [Refused("no streaming list"), *steps]), StillClock()
    script.passes = lambda seconds: setattr(clock, "time", clock.time + seconds)
    states: list[str] = []

    def note() -> None:
        state = informer.watching.state
        if not states or states[-1] != state:
            states.append(state)

    informer = Informer(script, "pods", "shop", on_change=note, pacing=Pacing(), clock=clock, limit=limit)
    clock.seen.append(note)
    informer.run(script.token)
    return Outcome(informer, script, clock, states)


def test_it_lists_and_then_watches_from_where_the_list_stood() -> None:
    done = play(ResourceList([pod("a"), pod("b")], "7"), [added("c", 8), deleted("a", 9)])
    assert done.names == ["b", "c"]
    assert done.script.asked == ["stream", "list", "watch 7", "watch 9"]
    assert done.states == ["live"]


def test_a_list_is_streamed_where_the_server_can_and_the_same_stream_goes_on() -> None:
    done = play([added("a", 3), added("b", 4), bookmark(5, initial_end=True), deleted("a", 6)], streams=True)
    assert done.names == ["b"]
    assert done.script.asked == ["stream", "watch 6"]


def test_nothing_of_a_streamed_list_is_shown_before_it_is_complete() -> None:
    done = play([added("a", 3), Unreachable("cut")], Unreachable("refused"), [], streams=True)
    assert done.states[0] == "reconnecting"
    assert done.script.asked[:3] == ["stream", "list", "stream"], "a cut says nothing of what the server can do"
    assert done.names == []


def test_a_stream_that_ends_or_stalls_before_its_list_is_complete_falls_back_to_pages() -> None:
    for step in ([added("a", 3)], [added("a", 3), Stalled("silent")], Forbidden("no watch"), [WatchFailed("an ERROR event")]):
        done = play(step, ResourceList([pod("b")], "9"), Gone("too old"), ResourceList([pod("c")], "11"), streams=True)  # type: ignore[arg-type]
        assert (done.names, done.script.asked[:5]) == (["c"], ["stream", "list", "watch 9", "list", "watch 11"]), step


def test_a_bookmark_moves_the_place_to_resume_from_and_a_peaceful_end_resumes_at_once() -> None:
    done = play(ResourceList([], "7"), [bookmark(20)], [bookmark(30)])
    assert done.script.asked[2:] == ["watch 7", "watch 20", "watch 30"]
    assert done.waits == []


def test_a_server_that_ends_every_watch_at_once_is_asked_more_and_more_rarely() -> None:
    done = play(ResourceList([], "7"), [], [], [], [])
    assert done.waits == [0.5, 1, 2, 4]


def test_a_cut_connection_is_resumed_with_longer_and_longer_pauses_and_the_rows_stay() -> None:
    cut = Unreachable("refused the connection")
    done = play(ResourceList([pod("a")], "7"), [added("b", 8), cut], *[cut] * 20, [added("c", 9)])
    assert done.names == ["a", "b", "c"]
    assert done.script.asked[2:] == ["watch 7"] + ["watch 8"] * 21 + ["watch 9"]
    assert done.waits[:6] == [0.5, 1, 2, 4, 4, 4], "a server that comes back is noticed within five seconds"
    assert done.states == ["live", "reconnecting", "stale", "live"]


def test_pauses_are_spread_over_their_upper_half() -> None:
    class Low(StillClock):
        def spread(self) -> float:
            return 0.0

    script, clock = Script([Unreachable("x")] * 8), Low()
    Informer(script, "pods", None, clock=clock).run(script.token)
    assert clock.waits[:4] == [0.25, 0.5, 1, 2]


def test_a_single_cut_is_resumed_without_alarm() -> None:
    done = play(ResourceList([], "7"), [added("a", 8), Unreachable("cut")], [added("b", 9)])
    assert (done.names, done.states, done.waits) == (["a", "b"], ["live"], [0.5])


def test_a_loss_after_hours_of_calm_is_told_and_its_pauses_grow() -> None:
    cut = Unreachable("refused the connection")
    done = play(ResourceList([pod("a")], "7"), [bookmark(8), 7200.0, cut], cut, cut, [added("b", 9)])
    assert done.states == ["live", "reconnecting", "live"]
    assert done.waits == [0.5, 1, 2]


def test_after_a_calm_while_the_pauses_begin_small_again() -> None:
    cut = Unreachable("cut")
    done = play(ResourceList([], "7"), cut, cut, cut, [added("a", 8), cut])
    assert done.waits == [0.5, 1, 2, 0.5]


def test_a_version_that_is_too_old_lists_anew_and_shows_what_is_there_now() -> None:
    done = play(ResourceList([pod("a"), pod("b")], "7"), Gone("too old"), ResourceList([pod("b"), pod("c")], "50"))
    assert done.names == ["b", "c"]
    assert done.script.asked[2:] == ["watch 7", "list", "watch 50"]
    assert (done.states, done.waits) == (["live"], []), "at once, and nobody needs to be told"


def test_a_server_that_fails_from_one_version_again_and_again_is_listed_anew() -> None:
    no = ServerFailed("504: Too large resource version")
    done = play(ResourceList([pod("a")], "700"), no, no, no, no, ResourceList([pod("b")], "9"))
    assert done.script.asked[-2:] == ["list", "watch 9"]
    assert done.names == ["b"]


def test_a_server_that_always_says_gone_is_not_asked_in_a_tight_loop() -> None:
    listed = ResourceList([pod("a")], "7")
    done = play(*[step for _ in range(6) for step in (Gone("too old"), listed)])
    assert sum(done.waits) > 3


def test_a_silent_watch_is_made_again_without_alarm() -> None:
    done = play(ResourceList([pod("a")], "7"), [added("b", 8), Stalled("silent")], [added("c", 9)])
    assert (done.names, done.states) == (["a", "b", "c"], ["live"])
    assert done.script.asked[3] == "watch 8"


def test_a_lost_permission_is_told_hides_the_rows_and_is_tried_again_slowly() -> None:
    no = Forbidden("not allowed to list pods")
    done = play(ResourceList([pod("a")], "7"), *[no] * 9, ResourceList([pod("b")], "9"))
    assert done.states == ["live", "stale", "reconnecting", "forbidden", "live"]
    assert done.names == ["b"]
    assert done.waits == [0.5, 1, 2, 4, 4, 60.0, 60.0, 60.0]


def test_a_server_that_has_just_started_and_knows_no_roles_yet_takes_nothing_away() -> None:
    no = Forbidden("pods is forbidden: User cannot list resource")
    done = play(ResourceList([pod("a")], "7"), Unreachable("refused the connection"), no, no, no, ResourceList([pod("a"), pod("b")], "9"))
    assert done.states == ["live", "stale", "reconnecting", "live"]
    assert done.names == ["a", "b"]
    assert done.clock.time < 5


def test_a_kind_that_may_be_listed_but_not_watched_is_listed_now_and_then() -> None:
    no, listed = Forbidden("not allowed to watch pods"), ResourceList([pod("a")], "7")
    done = play(listed, no, listed, no, ResourceList([pod("b", 2)], "8"), no, ResourceList([pod("c")], "9"), [added("d", 10)])
    assert [asked.split()[0] for asked in done.script.asked[1:]] == ["list", "watch"] * 4 + ["watch"]
    assert [wait for wait in done.waits if wait > 1] == [30.0, 30.0]
    assert done.states == ["live", "stale", "live"]
    assert done.names == ["c", "d"]


def test_refused_credentials_are_renewed_at_once_and_then_told() -> None:
    no = Unauthenticated("did not accept the credentials")
    done = play(ResourceList([pod("a")], "7"), no, [added("b", 8)])
    assert (done.states, done.names) == (["live"], ["a", "b"]), "the second try had new ones"
    done = play(ResourceList([pod("a")], "7"), no, no, no, [added("b", 8)])
    assert (done.states, done.names) == (["live", "reconnecting", "live"], ["a", "b"])


def test_an_overloaded_server_gets_the_pause_that_it_asks_for() -> None:
    done = play(ResourceList([], "7"), Throttled("slow down", 17.0), [added("a", 8)])
    assert done.waits[0] == 17.0
    assert done.states == ["live", "reconnecting", "live"]


def test_a_kind_that_the_server_does_not_have_is_no_trouble() -> None:
    done = play(NotFound("no resource"), ResourceList([pod("a")], "3"))
    assert (done.states, done.names) == (["live"], ["a"])
    assert done.waits[0] == 60.0


def test_whatever_else_goes_wrong_is_told_and_tried_again() -> None:
    done = play(ResourceList([pod("a")], "7"), [RuntimeError("a bug")], RuntimeError("again"), [added("b", 8)])
    assert done.names == ["a", "b"]
    assert "reconnecting" in done.states


def test_the_store_is_bounded_and_says_so_and_what_it_weighs() -> None:
    done = play(ResourceList([pod(f"p{n}") for n in range(5)], "7"), [added("new", 8)], limit=3)
    assert done.names == ["new", "p3", "p4"]
    watching = done.informer.watching
    assert watching.note == "only the newest 3 are kept"
    assert watching.objects == 3
    assert 600 < watching.bytes < 6_000


def test_an_unchanged_list_says_nothing_and_keeps_its_objects() -> None:
    first = [pod("a", 3), pod("b", 4)]
    done = play(ResourceList(first, "7"), Gone("x"), ResourceList([pod("a", 3), pod("b", 5)], "9"))
    kept = {item["metadata"]["name"]: item for item in done.informer.store.objects()}
    assert kept["a"] is first[0]
    assert kept["b"] is not first[1]


def test_who_waits_for_the_first_list_is_told_when_it_does_not_come() -> None:
    done = play(Unreachable("nothing listens there"))
    assert not done.informer.wait_first(0)
    assert "nothing listens" in str(done.informer.error)
    assert play(ResourceList([], "7")).informer.wait_first(0)


@pytest.mark.parametrize("form", ["table"])
def test_tables_are_listed_in_pages(form: Form) -> None:
    script = Script([ResourceList([pod("a")], "7")])
    Informer(script, "pods", None, form=form, clock=StillClock()).run(script.token)
    assert script.asked == ["list", "watch 7"]
