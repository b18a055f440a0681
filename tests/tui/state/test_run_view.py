"""What the screen knows of a Run is folded from its events alone."""

from __future__ import annotations

from fakes import stories

from engine.core.events import (
    ApprovalAnswered,
    ApprovalRequested,
    CommandFinished,
    CommandOutput,
    CommandStarted,
    HypothesisUpdated,
    QueryReceived,
    RunCancelled,
    RunFailed,
    RunFinished,
    StepFinished,
    StepStarted,
    TokensStreamed,
)
from engine.core.types import Decision, Hypothesis
from tui.state.run_view import RunView


def folded(*events: object, at: float = 10.0) -> RunView:
    view = RunView("r", began=at)
    for event in events:
        view.fold(event, at + 2.0)  # type: ignore[arg-type]
    return view


def test_a_whole_investigation() -> None:
    view = folded(
        QueryReceived(query="why 502?", context="demo", namespace="shop"), *stories.until_testing(), *stories.until_answer(), RunFinished()
    )
    assert view.query == "why 502?"
    assert view.tier == "troubleshooting"
    assert view.outcome == "answered"
    assert list(view.hypotheses) == ["H1", "H2", "H3"]
    assert view.hypotheses["H2"].status == "refuted", "the last word about a hypothesis counts"
    assert set(view.evidence) == {"E1", "E2", "E4", "E5", "E6"}
    assert set(view.passages) == {"D1", "D2"}
    assert [command.exit_code for command in view.commands.values()] == [0, 0]
    assert view.spent("search") == 0.1
    assert view.spent("model") == 2.6
    assert view.took(99.0) == 4.1, "the answer's own measure counts"
    assert view.text.startswith("The claim asks")


def test_steps_and_hypotheses_stand_in_the_order_they_came_and_once() -> None:
    hypothesis = Hypothesis("H1", "x")
    view = folded(
        StepStarted(id="s1", title="a"),
        HypothesisUpdated(hypothesis=hypothesis),
        StepStarted(id="s2", title="b"),
        HypothesisUpdated(hypothesis=hypothesis),
    )
    assert view.order == [("step", "s1"), ("hypothesis", "H1"), ("step", "s2")]
    assert view.step is not None
    assert view.step.title == "b"


def test_a_stopped_run_leaves_nothing_running() -> None:
    view = folded(
        StepStarted(id="s1", title="a"), CommandStarted(id="c1", command="kubectl get pods"), RunCancelled(reason="stopped by the user")
    )
    assert view.steps["s1"].state == "cancelled"
    assert view.commands["c1"].state == "failed"
    assert view.ending == "stopped by the user"
    assert not view.running


def test_a_failed_run_names_what_died_and_keeps_its_text() -> None:
    view = folded(TokensStreamed(text="half"), RunFailed(what="model", error="the stream broke"))
    assert view.outcome == "failed"
    assert view.ending == "model: the stream broke"
    assert view.text == "half"


def test_a_step_that_ends_tells_its_outcome_and_one_never_begun_is_passed_over() -> None:
    view = folded(
        StepStarted(id="s1", title="a"), StepFinished(id="s1", seconds=1.5, outcome="failed", detail="x"), StepFinished(id="s9", seconds=1)
    )
    assert (view.steps["s1"].state, view.steps["s1"].seconds, view.steps["s1"].detail) == ("failed", 1.5, "x")
    assert "s9" not in view.steps


def test_waiting_for_approval_ends_with_the_answer() -> None:
    view = folded(ApprovalRequested(request=stories.a_scale()))
    assert view.waiting == "a1"
    view.fold(ApprovalAnswered(id="a1", decision=Decision("reject")), 0)
    assert view.waiting == ""


def test_a_command_counts_its_lines_and_tells_its_exit() -> None:
    view = folded(
        CommandStarted(id="c1", command="kubectl get pods"),
        CommandOutput(id="c1", stream="stdout", lines=("a", "b")),
        CommandFinished(id="c1", exit_code=1, seconds=0.2, bytes=4, truncated=True),
    )
    command = view.commands["c1"]
    assert (command.lines, command.state, command.exit_code, command.ok, command.truncated) == (2, "failed", 1, False, True)


def test_time_runs_until_the_end() -> None:
    view = folded(at=10.0)
    assert view.elapsed(15.0) == 5.0
    view.fold(RunFinished(), 13.0)
    assert view.elapsed(99.0) == 3.0
