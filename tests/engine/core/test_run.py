"""A Run: its stream has no gaps and exactly one ending; leaving, cancel and expiry all mean no."""

import threading
import time

from engine.core.events import (
    ENDINGS,
    ApprovalAnswered,
    ApprovalRequested,
    ChoiceAnswered,
    ChoiceRequested,
    Event,
    Notice,
    RunCancelled,
    RunFailed,
    RunFinished,
    Steered,
)
from engine.core.run import NOBODY, FlowError, Run
from engine.core.types import ApprovalRequest, Choice, ChoiceRequest, Decision, Steering, Verdict

REQUEST = ApprovalRequest("A1", "kubectl scale", ("kubectl", "scale"), Verdict("mutate", "r", "why"), "demo", "shop")

WHICH = ChoiceRequest("Q1", "Which api?", (Choice("a", "api in shop"), Choice("b", "api in web")))


def note(text: str) -> Notice:
    return Notice(level="info", text=text)


def test_events_are_numbered_without_gaps_and_end_once() -> None:
    def work(run: Run) -> str:
        for n in range(5):
            run.emit(note(str(n)))
        return "answered"

    events = list(Run("r1", work).start().events())
    assert [e.seq for e in events] == list(range(1, 7))
    assert {e.run for e in events} == {"r1"}
    assert all(e.at > 0 for e in events)
    assert [e for e in events if isinstance(e, ENDINGS)] == [events[-1]]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].outcome == "answered"


def test_a_late_listener_hears_everything_from_the_start() -> None:
    run = Run("r", lambda run: (run.emit(note("a")), "answered")[1]).start()
    assert run.wait(5)
    heard: list[Event] = []
    run.subscribe(heard.append)
    assert [type(e).__name__ for e in heard] == ["Notice", "RunFinished"]


def test_nothing_is_emitted_after_the_ending() -> None:
    run = Run("r", lambda run: "answered").start()
    assert run.wait(5)
    run.emit(note("too late"))
    assert len(list(run.events())) == 1


def test_a_defect_ends_the_stream_and_is_told() -> None:
    def work(run: Run) -> str:
        raise KeyError("boom")

    last = list(Run("r", work).start().events())[-1]
    assert isinstance(last, RunFailed)
    assert last.what == "engine"
    assert "boom" in last.error


def test_a_flow_error_names_what_died() -> None:
    def work(run: Run) -> str:
        raise FlowError("cluster", "connection refused")

    last = list(Run("r", work).start().events())[-1]
    assert isinstance(last, RunFailed)
    assert (last.what, last.error) == ("cluster", "connection refused")


def test_an_approval_waits_for_its_answer() -> None:
    got: list[Decision] = []

    def work(run: Run) -> str:
        got.append(run.ask(REQUEST))
        return "answered"

    run = Run("r", work).start()
    for event in run.events():
        if isinstance(event, ApprovalRequested):
            assert not run.answer("another", Decision("approve"))
            assert run.answer("A1", Decision("approve"))
            assert not run.answer("A1", Decision("reject")), "an approval is settled once"
    assert got == [Decision("approve")]


def test_cancel_while_waiting_for_approval_means_no_and_is_quick() -> None:
    reached = threading.Event()

    def work(run: Run) -> str:
        run.ask(REQUEST)
        reached.set()
        return "answered"

    run = Run("r", work).start()
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested):
            run.cancel("stopped by the user")
    answered = next(e for e in events if isinstance(e, ApprovalAnswered))
    assert answered.decision.kind == "reject"
    assert isinstance(events[-1], RunCancelled)
    assert events[-1].reason == "stopped by the user"
    assert run.wait(5)
    assert not reached.is_set()


def test_an_expired_approval_means_no() -> None:
    import dataclasses

    got: list[Decision] = []

    def work(run: Run) -> str:
        got.append(run.ask(dataclasses.replace(REQUEST, expires_at=time.time() - 1)))
        return "rejected"

    run = Run("r", work).start()
    assert run.wait(5)
    assert got[0].kind == "reject"
    assert got[0].by == "expiry"


def test_secrets_are_taken_out_before_anybody_hears_an_event() -> None:
    from engine.core.redaction.events import scrub

    heard: list[Event] = []
    run = Run(
        "r",
        lambda run: (run.emit(note("token=abc123")), "answered")[1],
        scrub=lambda e: scrub(e, lambda t: t.replace("abc123", "[redacted]")),
    )
    run.subscribe(heard.append)
    run.start()
    assert run.wait(5)
    assert heard[0] == Notice(level="info", text="token=[redacted]", run="r", seq=1, at=heard[0].at)


def test_a_choice_waits_for_one_of_its_choices() -> None:
    got: list[str] = []

    def work(run: Run) -> str:
        got.append(run.choose(WHICH))
        return "answered"

    run = Run("r", work).start()
    heard = []
    for event in run.events():
        heard.append(event)
        if isinstance(event, ChoiceRequested):
            assert not run.pick("Q1", "c"), "there is no such choice"
            assert not run.pick("Q2", "a")
            assert run.pick("Q1", "b")
            assert not run.pick("Q1", "a"), "a choice is settled once"
    assert got == ["b"]
    answered = next(e for e in heard if isinstance(e, ChoiceAnswered))
    assert (answered.id, answered.choice, answered.by) == ("Q1", "b", "key")


def test_none_of_the_choices_is_an_answer_too() -> None:
    got: list[str | None] = []
    run = Run("r", lambda run: (got.append(run.choose(WHICH)), "answered")[1]).start()
    for event in run.events():
        if isinstance(event, ChoiceRequested):
            assert run.pick("Q1", "")
    assert got == [None]


def test_where_nobody_can_be_asked_nothing_is_chosen_and_nothing_ruled_out() -> None:
    got: list[str | None] = []
    run = Run("r", lambda run: (got.append(run.choose(WHICH)), "answered")[1]).start()
    for event in run.events():
        if isinstance(event, ChoiceRequested):
            assert run.pick("Q1", "", by=NOBODY)
    assert got == [""]


def test_a_choice_that_nobody_makes_in_time_chooses_nothing() -> None:
    import dataclasses

    got: list[str] = []
    run = Run("r", lambda run: (got.append(run.choose(dataclasses.replace(WHICH, expires_at=time.time() - 1))), "answered")[1]).start()
    events = list(run.events())
    assert got == [""]
    assert next(e for e in events if isinstance(e, ChoiceAnswered)).by == "expiry"


def test_cancel_while_a_choice_is_open_ends_the_run() -> None:
    run = Run("r", lambda run: (run.choose(WHICH), "answered")[1]).start()
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ChoiceRequested):
            run.cancel("stopped by the user")
    assert isinstance(events[-1], RunCancelled)
    assert next(e for e in events if isinstance(e, ChoiceAnswered)).choice == ""


def test_steering_is_an_event_and_waits_for_the_flow_in_order() -> None:
    said, go = threading.Event(), []

    def work(run: Run) -> str:
        assert said.wait(5)
        go.extend(run.steering())
        assert run.steering() == []
        return "answered"

    run = Run("r", work).start()
    assert run.steer(Steering("pin", "H2"))
    assert run.steer(Steering("hypothesis", text="the node is full"))
    said.set()
    events = list(run.events())
    assert [s.kind for s in go] == ["pin", "hypothesis"]
    assert [e.steering for e in events if isinstance(e, Steered)] == go
    assert not run.steer(Steering("pin", "H1")), "nobody listens any more"


def test_a_listener_may_answer_while_it_is_called() -> None:
    def work(run: Run) -> str:
        return "approved" if run.ask(REQUEST).kind == "approve" else "rejected"

    run = Run("r", work)

    def approve(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            run.answer(event.request.id, Decision("approve"))
            run.steer(Steering("pin", "H1"))

    run.subscribe(approve)
    events = list(run.start().events())
    assert [type(e).__name__ for e in events] == ["ApprovalRequested", "Steered", "ApprovalAnswered", "RunFinished"]
    assert [e.seq for e in events] == [1, 2, 3, 4]


def test_a_listener_that_fails_keeps_nothing_from_the_others() -> None:
    def broken(event: Event) -> None:
        raise ValueError("a defect of a listener")

    run = Run("r", lambda run: (run.emit(note("a")), "answered")[1])
    heard: list[Event] = []
    run.subscribe(broken)
    run.subscribe(heard.append)
    assert run.start().wait(5)
    assert [type(e).__name__ for e in heard] == ["Notice", "RunFinished"]


def test_events_of_several_threads_reach_each_listener_in_their_order() -> None:
    started = threading.Barrier(4)

    def work(run: Run) -> str:
        def emit() -> None:
            started.wait()
            for n in range(200):
                run.emit(note(str(n)))

        threads = [threading.Thread(target=emit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return "answered"

    run = Run("r", work)
    heard: list[int] = []
    run.subscribe(lambda event: heard.append(event.seq))
    assert run.start().wait(20)
    assert heard == list(range(1, 802))


def test_what_is_said_after_the_last_look_is_refused_and_not_lost() -> None:
    accepted: list[bool] = []

    def work(run: Run) -> str:
        run.steer(Steering("pin", "H1"))
        assert run.last_steering() == [Steering("pin", "H1")]
        accepted.append(run.steer(Steering("pin", "H2")))
        assert run.last_steering() == [Steering("pin", "H2")]
        assert run.last_steering() == []
        accepted.append(run.steer(Steering("pin", "H3")))
        return "answered"

    assert isinstance(list(Run("r", work).start().events())[-1], RunFinished)
    assert accepted == [True, False]
