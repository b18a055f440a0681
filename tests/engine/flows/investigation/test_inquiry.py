"""Which test runs next, what an output says of every live hypothesis, when to stop, and that the same call never runs twice."""

from __future__ import annotations

import time

import pytest
from fakes.inquiries import LOGS, POD, WEB, guess, inquiry
from fakes.manifests import NS

from engine.core.events import StepFinished
from engine.core.types import Hypothesis, Steering
from engine.flows.investigation.hypothesis_tests import alike_line, quoted_line

STARTED = "    Container ID:   containerd://067caab\n    Last State:     Terminated\n      Reason:  Error\n      Exit Code:  1\n"


def test_one_output_is_judged_against_every_live_hypothesis() -> None:
    loop, desk, _ = inquiry(
        guess("H1", "web runs out of memory", POD),
        guess("H2", "the image of web cannot be pulled", f"kubectl get events -n {NS}"),
        guess("H3", "no node fits web", "kubectl get nodes"),
        outputs={POD: STARTED + "Conditions:\n  PodScheduled   True\n"},
        commands=1,
    )
    loop.run()
    known = loop.investigation.hypotheses
    assert desk.ran == [POD]
    assert [known[id].status for id in ("H1", "H2", "H3")] == ["refuted", "refuted", "refuted"]
    assert [loop.investigation.piece(known[id].evidence_against[0]).excerpt for id in ("H1", "H2")] == [  # type: ignore[union-attr]
        "Exit Code: 1",
        "Container ID: containerd://067caab",
    ]


def test_an_output_about_other_objects_says_nothing() -> None:
    loop, _, _ = inquiry(
        guess("H1", "ledger runs out of memory", f"kubectl describe pod ledger-5d8-abcde -n {NS}"),
        guess("H2", "web runs out of memory", ""),
        outputs={f"kubectl describe pod ledger-5d8-abcde -n {NS}": STARTED},
    )
    loop.run()
    assert loop.investigation.hypotheses["H2"].confidence == 0.3


def test_the_same_call_never_runs_twice_however_it_is_spelt() -> None:
    spellings = [
        f"kubectl get po web-5d8-abcde -n {NS}",
        f"kubectl get pods/web-5d8-abcde --namespace={NS}",
        f"kubectl -n {NS} get pod web-5d8-abcde",
    ]
    loop, desk, _ = inquiry(
        *(guess(f"H{n}", f"guess {n} about web", test) for n, test in enumerate(spellings, 1)), outputs={spellings[0]: "ok"}
    )
    loop.run()
    assert desk.ran == spellings[:1]


def test_a_test_that_fails_is_no_evidence() -> None:
    loop, _, told = inquiry(guess("H1", "web runs out of memory", POD, 0.5), outputs={})
    loop.run()
    after = loop.investigation.hypotheses["H1"]
    assert (after.confidence, after.status, after.evidence_for, after.evidence_against) == (0.5, "proposed", (), ())
    assert loop.untestable == {"H1": "Error from server (Forbidden): no"}
    (finished,) = [e for e in told if isinstance(e, StepFinished)]
    assert finished.outcome == "failed"
    assert "could not be tested" in finished.detail


def test_a_certain_leader_gets_one_confirming_test_and_no_more() -> None:
    leader = Hypothesis(id="H1", statement="variable A is not set", test=LOGS, confidence=0.9, origin="analyzer", object=WEB)
    loop, desk, _ = inquiry(leader, guess("H2", "web runs out of memory", POD), outputs={LOGS: "ok", POD: STARTED})
    loop.leading.append("H1")
    loop.run()
    assert desk.ran == [LOGS]


def test_an_unsure_leader_goes_on_with_the_test_that_could_change_the_order() -> None:
    leader = Hypothesis(id="H1", statement="something with web", test=LOGS, confidence=0.5, origin="analyzer", object=WEB)
    loop, desk, _ = inquiry(
        leader,
        guess("H2", "far-fetched", f"kubectl get configmaps -n {NS}", 0.03),
        guess("H3", "web runs out of memory", POD, 0.4),
        outputs={LOGS: "nothing", POD: "    Reason:  OOMKilled\n", f"kubectl get configmaps -n {NS}": "none"},
    )
    loop.leading.append("H1")
    loop.run()
    assert desk.ran == [LOGS, POD]
    assert loop.investigation.hypotheses["H3"].status == "supported"


def test_the_budget_of_commands_holds_but_a_person_may_ask_beyond_it() -> None:
    loop, desk, _ = inquiry(
        guess("H1", "web runs out of memory", POD),
        guess("H2", "web cannot reach its database", LOGS),
        outputs={POD: "nothing", LOGS: "dial tcp: connection refused"},
        commands=1,
    )
    loop.run()
    assert len(desk.ran) == 1
    loop.wanted.add("H2")
    loop.run()
    assert desk.ran == [POD, LOGS]
    assert loop.investigation.hypotheses["H2"].status == "supported"


def test_a_pinned_hypothesis_is_tested_first() -> None:
    leader = Hypothesis(id="H1", statement="variable A is not set", test=LOGS, confidence=0.9, origin="analyzer", object=WEB)
    loop, desk, _ = inquiry(leader, guess("H2", "web runs out of memory", POD, 0.05, pinned=True), outputs={LOGS: "ok", POD: STARTED})
    loop.leading.append("H1")
    loop.run()
    assert desk.ran == [POD, LOGS]


def test_a_test_takes_no_longer_than_what_is_left_of_the_budget() -> None:
    loop, desk, _ = inquiry(guess("H1", "web runs out of memory", POD), outputs={POD: STARTED}, deadline=time.monotonic() + 7)
    loop.run()
    assert len(desk.limits) == 1 and 0 < desk.limits[0] <= 7


def test_when_the_time_is_up_nothing_more_runs_and_it_is_known() -> None:
    loop, desk, _ = inquiry(guess("H1", "web runs out of memory", POD), outputs={POD: STARTED}, deadline=0.5)
    loop.run()
    assert desk.ran == []
    assert loop.out_of_time


def test_a_test_that_changes_something_is_never_run() -> None:
    loop, desk, _ = inquiry(guess("H1", "web runs out of memory", "kubectl delete pod web-5d8-abcde"), outputs={})
    loop.run()
    assert desk.ran == []


def test_a_later_hypothesis_is_judged_by_what_was_printed_before() -> None:
    loop, desk, _ = inquiry(guess("H1", "no node fits web", POD), outputs={POD: STARTED})
    loop.run()
    loop.investigation.propose(guess("H2", "the image of web cannot be pulled", POD))
    loop.catch_up("H2")
    loop.run()
    assert desk.ran == [POD]
    assert loop.investigation.hypotheses["H2"].status == "refuted"


def test_steering_is_heard_between_two_tests() -> None:
    said = [[Steering("refute", hypothesis="H2")], []]
    loop, desk, _ = inquiry(
        guess("H1", "web runs out of memory", POD),
        guess("H2", "web cannot reach its database", LOGS),
        outputs={POD: "nothing", LOGS: "nothing"},
        steering=lambda: said.pop(0) if said else [],
    )
    loop.run(hear=lambda one: loop.investigation.dismiss(one.hypothesis, ""))  # type: ignore[arg-type]
    assert desk.ran == [POD]


@pytest.mark.parametrize(
    ("output", "quotes", "line"),
    [
        ("2026-01-01T00:00:00Z no  KEY is set\nbye", ["2025-12-31T00:00:00Z no KEY is set"], "2026-01-01T00:00:00Z no  KEY is set"),
        ("nothing of it", ["Error: KEY is not set"], ""),
        ("short", ["short"], ""),
    ],
)  # fmt: skip
def test_a_quote_is_found_whatever_its_time_and_spacing(output: str, quotes: list[str], line: str) -> None:
    assert quoted_line(output, quotes) == line


def test_a_symptom_is_found_by_its_words() -> None:
    told = ["0/3 nodes are available: 3 node(s) had untolerated taint"]
    assert alike_line("x\nWarning FailedScheduling 0/5 nodes are available: 5 node(s) had untolerated taint {a: b}", told)
    assert not alike_line("all nodes are available", told)
