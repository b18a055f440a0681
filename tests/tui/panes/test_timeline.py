"""The timeline: unfolding what is behind a row, steering the investigation, and where the time went."""

from __future__ import annotations

import pytest
from driving import Driver, drive
from fakes import stories
from fakes.agent import Gate, Heard, ScriptedAgent, shop

from engine.core.events import CommandFinished, CommandOutput, CommandStarted, HypothesisUpdated
from engine.core.types import Hypothesis, Steering
from tui.screens.dialogs.base import Line, Reader
from tui.state.run_view import CommandView
from tui.widgets.row_list import RowList


def running_story() -> tuple[ScriptedAgent, Gate, Heard]:
    agent, gate, heard = shop(), Gate(), Heard()
    pinned = Hypothesis("H1", "claim of orders-db cannot bind", "testing", 0.6, ("E4",), pinned=True)
    mine = Hypothesis("H4", "the disk is full", "proposed", 0.1, origin="user")
    agent.scripts["why?"] = [
        *stories.until_testing(),
        HypothesisUpdated(hypothesis=mine),
        gate,
        heard,
        HypothesisUpdated(hypothesis=pinned),
        *stories.until_answer(),
    ]
    return agent, gate, heard


def on(d: Driver, key: str) -> RowList:
    rows = d.app.query_one("#timeline-rows", RowList)
    rows.focus()
    rows.move_to([row.key for row in rows.rows].index(key))
    return rows


def told(d: Driver) -> str:
    return "\n".join(str(n.message) for n in d.app._notifications)


def test_pin_refute_with_a_reason_and_retry_by_key() -> None:
    agent, gate, heard = running_story()

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.until(gate.reached.is_set)
        await d.settle()
        on(d, "hypothesis/H1")
        await d.press("P")
        on(d, "hypothesis/H2")
        await d.press("x")
        assert isinstance(d.app.screen, Line)
        await d.type("memory is fine")
        await d.press("enter")
        await d.press("x", "enter")
        await d.press("x", "escape", "r")
        await d.until(lambda: any("you asked for another test of H2" in row for row in d.rows("#timeline-rows")))
        assert any("you pinned H1" in row for row in d.rows("#timeline-rows"))
        assert any("you refuted H2  memory is fine" in row for row in d.rows("#timeline-rows"))
        gate.open()
        await d.ended()

    drive(story, agent)
    assert heard.said == [
        Steering("pin", "H1"),
        Steering("refute", "H2", "memory is fine"),
        Steering("refute", "H2"),
        Steering("retry", "H2"),
    ]


def test_the_words_steer_too_and_a_pasted_log_is_evidence() -> None:
    agent, gate, heard = running_story()

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.until(gate.reached.is_set)
        await d.settle()
        for words in ("/pin h1", "/refute H2 no such thing", "/retry H1", "/hypothesis DNS is slow", "/evidence line 1\nline 2"):
            await d.ask(words)
        gate.open()
        await d.ended()

    drive(story, agent)
    assert heard.said == [
        Steering("pin", "H1"),
        Steering("refute", "H2", "no such thing"),
        Steering("retry", "H1"),
        Steering("hypothesis", text="DNS is slow"),
        Steering("evidence", text="line 1\nline 2", source="pasted by you"),
    ]


def test_h_and_e_begin_a_hypothesis_and_evidence_of_ones_own() -> None:
    agent, gate, _ = running_story()

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.until(gate.reached.is_set)
        await d.settle()
        on(d, "hypothesis/H1")
        await d.press("h")
        assert d.session.prompt.text == "/hypothesis "
        on(d, "hypothesis/H1")
        await d.press("e")
        assert d.session.prompt.text == "/evidence "
        d.session.prompt.text = ""
        gate.open()
        await d.ended()

    drive(story, agent)


def test_pinning_again_lets_go_and_pinned_and_own_hypotheses_are_marked() -> None:
    agent, gate, _ = running_story()
    second = Gate()
    agent.scripts["why?"] = [*agent.scripts["why?"][: -len(stories.until_answer())], second, Heard()]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        gate.open()
        await d.until(second.reached.is_set)
        await d.settle()
        assert any("H1 ◆ claim of" in row for row in d.rows("#timeline-rows"))
        assert any("H4 yours: the disk is full" in row for row in d.rows("#timeline-rows"))
        on(d, "hypothesis/H1")
        await d.press("p")
        await d.until(lambda: any("you unpinned H1" in row for row in d.rows("#timeline-rows")))
        second.open()
        await d.ended()

    drive(story, agent)


def test_steering_says_why_it_cannot() -> None:
    agent, gate, heard = running_story()

    async def story(d: Driver) -> None:
        await d.ask("/pin H1")
        assert "no hypothesis H1" in told(d)
        await d.ask("why?")
        await d.until(gate.reached.is_set)
        await d.settle()
        await d.ask("/pin H9")
        assert "known: H1, H2, H4" in told(d)
        rows = d.app.query_one("#timeline-rows", RowList)
        rows.focus()
        rows.move_to(0)
        await d.press("r")
        assert "no hypothesis selected" in told(d)
        gate.open()
        await d.ended()
        on(d, "hypothesis/H1")
        await d.press("P")
        await d.until(lambda: "nothing was investigated" in told(d))

    drive(story, agent)
    assert heard.said == []


def test_space_unfolds_the_output_of_a_command_and_the_evidence_of_a_hypothesis() -> None:
    agent, gate, _ = running_story()
    gate.open()

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.ended()
        on(d, "command/c1")
        before = d.rows("#timeline-rows")
        await d.press("space")
        assert any("data-orders-db-0   Pending" in row for row in d.rows("#timeline-rows"))
        await d.press("space")
        assert d.rows("#timeline-rows") == before
        on(d, "hypothesis/H1")
        await d.press("space")
        assert any(row.split()[:2] == ["+", "E5"] and "premium-ssd" in row for row in d.rows("#timeline-rows"))
        await d.press("space")
        on(d, "hypothesis/H2")
        await d.press("space")
        assert any(row.split()[:2] == ["−", "E4"] for row in d.rows("#timeline-rows"))
        await d.press("enter")
        assert isinstance(d.app.screen, Reader)

    drive(story, agent)


def test_where_the_time_went_stands_at_the_end() -> None:
    agent, gate, _ = running_story()
    gate.open()

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.ended()
        assert d.rows("#timeline-rows")[-1].strip().startswith("model 2.6 · kubectl 0.5 · cluster 0.4 · search 0.1 · ")

    drive(story, agent)


@pytest.mark.parametrize(("lines", "shown"), [(3, 3), (16, 16), (40, 17)])
def test_of_a_long_output_the_first_and_the_last_lines_are_kept(lines: int, shown: int) -> None:
    command = CommandView("c1", "kubectl get pods")
    for number in range(lines):
        command.printed((f"line {number}",))
    assert command.lines == lines
    assert command.first[0] == "line 0"
    assert [*command.first, *command.last][-1] == f"line {lines - 1}"
    agent = shop()
    agent.scripts["list"] = [
        CommandStarted(id="c1", command="x"),
        CommandOutput(id="c1", stream="stdout", lines=tuple(f"line {n}" for n in range(lines))),
        CommandFinished(id="c1", exit_code=0, seconds=0.1, bytes=1),
    ]

    async def story(d: Driver) -> None:
        await d.ask("list")
        await d.ended()
        on(d, "command/c1")
        before = len(d.rows("#timeline-rows"))
        await d.press("space")
        assert len(d.rows("#timeline-rows")) == before + shown
        assert any("24 more lines" in row for row in d.rows("#timeline-rows")) == (lines == 40)

    drive(story, agent)
