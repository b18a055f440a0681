"""The session as a person drives it: asking, reading, moving, stopping, leaving."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest
from driving import Clock, Driver, drive
from fakes import stories
from fakes.agent import Ask, Gate, ScriptedAgent, a_status, shop
from textual.events import Paste
from textual.widgets import Input

from engine.cluster.live.freshness import WatchStatus
from engine.cluster.rows.types import NamespaceRow
from engine.cluster.source import ContextInfo
from engine.core.events import CommandFinished, CommandOutput, CommandStarted, QueryClassified, TokensStreamed
from engine.core.run import FlowError
from tui.panes.chat import Turn
from tui.screens.details import Details
from tui.screens.dialogs.base import Confirm, Reader
from tui.screens.dialogs.picker import Picker
from tui.state.recent_namespaces import RecentNamespaces
from tui.style.theme import THEMES
from tui.widgets.input.prompt import History
from tui.widgets.log_view import LogView
from tui.widgets.row_list import RowList
from tui.widgets.text.block import Block


def troubled() -> ScriptedAgent:
    agent = shop()
    agent.scripts["why 502?"] = [*stories.until_testing(), *stories.until_answer()]
    return agent


# the beginning


def test_the_engine_starts_after_the_first_paint_and_closes_with_the_screen() -> None:
    agent = shop()
    seen: list[str] = []

    class Watched(ScriptedAgent):
        pass

    def start() -> None:
        seen.append(threading.current_thread().name)
        agent.log.append("start")

    agent.start = start  # type: ignore[method-assign]

    async def story(d: Driver) -> None:
        assert agent.log == ["start"]
        assert seen[0].startswith("screen-"), "never on the screen's own thread"
        assert "demo" in d.lines[0]

    drive(story, agent)
    assert agent.log == ["start", "close"]


def test_the_header_says_where_what_may_change_and_what_is_there() -> None:
    async def story(d: Driver) -> None:
        head = d.lines[0]
        assert " demo  ▸ shop" in head
        assert "asks before changes" in head
        assert "● cluster v1.36.2" in head
        assert "● llama3.1:8b" in head
        assert "● 14 docs" in head
        d.session.agent.set_status(model_state="absent", cluster_state="unreachable", cluster_note="no route to host")  # type: ignore[attr-defined]
        await d.settle()
        assert "✗ cluster unreachable" in d.lines[0]
        assert "✗ llama3.1:8b absent" in d.lines[0]

    drive(story)


def test_the_header_says_when_the_rows_are_not_current() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        agent.status = dataclasses.replace(agent.status, cluster_note="pods not live for 12 s: nothing listens there")
        agent.changed()
        await d.settle()
        assert "▲ pods not live for 12 s" in d.lines[0]

    drive(story, agent)


def test_a_protected_context_has_a_red_badge() -> None:
    async def story(d: Driver) -> None:
        badge = next(segment for strip in d.app.screen._compositor.render_strips()[:1] for segment in strip if "prod-eu" in segment.text)
        assert badge.style is not None
        assert badge.style.bgcolor is not None
        assert badge.style.bgcolor.get_truecolor().hex == THEMES["dark"].error

    drive(story, ScriptedAgent(a_status(context="prod-eu", protected=True, recording=False)))


def test_the_welcome_page_says_what_is_wrong_now_and_a_digit_asks_why() -> None:
    agent, clock = shop(), Clock()

    async def story(d: Driver) -> None:
        assert "Problems in shop" in d.text
        assert "STRIPE_API_KEY" in d.text
        clock.advance(1)
        await d.press("1", "0")
        clock.advance(1)
        await d.settle()
        assert d.session.prompt.text == "10", "a digit that something follows is text"
        d.session.prompt.text = ""
        await d.press("1")
        clock.advance(1)
        await d.until(lambda: bool(agent.asked))
        assert d.session.prompt.text == ""

    drive(story, agent, clock=clock)
    assert agent.asked == ["why is deployment checkout-api in shop in trouble?"]


def test_digits_are_text_once_something_is_typed() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.type("x1")
        assert d.session.prompt.text == "x1"

    drive(story, agent)
    assert agent.asked == []


def test_a_cluster_that_cannot_be_reached_is_told_with_what_to_do() -> None:
    agent = shop()
    agent.status = a_status(cluster_state="unreachable", cluster_note="connection refused at 10.0.0.1:6443")

    async def story(d: Driver) -> None:
        assert "connection refused" in d.text
        assert "/health shows how to fix it" in d.text

    drive(story, agent)


# asking


def test_an_answer_begins_with_the_root_cause_and_ends_with_its_sources() -> None:
    agent = shop()
    agent.scripts["why 502?"] = [*stories.until_testing(), *stories.until_answer(stories.CUT_SHORT)]

    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        text = d.flows("#chat")
        order = [
            "Root cause  Persistent",
            "impact",
            "confidence 0.94",
            "Fix",
            "kubectl -n shop delete pvc",
            "H3 could not be tested",
            "Time is up",
            "Not seen: secrets",
            "and 1 more",
            "from D1 pvc-",
        ]
        assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
        assert "refuted orders-db out of memory · network policy blocks 5432" in text
        assert "destructive" in text
        (turn,) = d.app.query(Turn)
        assert "Not seen: secrets" in turn.plain, "copied, it says no less"

    drive(story, agent)


def test_the_answer_is_the_same_whether_it_came_in_one_frame_or_in_many() -> None:
    agent = troubled()
    gate = Gate()
    agent.scripts["slow"] = [*stories.until_testing(), gate, *stories.until_answer()]
    texts: list[str] = []

    async def story(d: Driver) -> None:
        for query in ("why 502?", "slow"):
            await d.ask(query)
            gate.open()
            await d.ended()
            turn = list(d.app.query(Turn))[-1]
            texts.append("\n".join(d.flows("#chat").split(query)[1:]) if query == "slow" else "")
            assert [type(child).__name__ for child in turn.children][:2] == ["Flow", "Flow"]
            assert "Root cause" in turn.plain

    drive(story, agent)


def test_what_streams_is_shown_as_it_comes() -> None:
    agent = shop()
    first, second = Gate(), Gate()
    agent.scripts["tell"] = [TokensStreamed(text="Hello **wor"), first, TokensStreamed(text="ld**."), second]

    async def story(d: Driver) -> None:
        await d.ask("tell")
        await d.until(lambda: "Hello" in d.flows("#chat"))
        first.open()
        await d.until(lambda: "Hello world." in d.flows("#chat"))
        second.open()
        await d.ended()

    drive(story, agent)


def test_old_answers_are_frozen_to_one_widget_and_read_the_same() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        before = d.app.query(Turn).first().plain
        await d.ask("why 502?")
        await d.ended()
        first = d.app.query(Turn).first()
        assert len(first.children) == 1
        assert first.plain == before
        assert "Root cause" in first.children[0].plain  # type: ignore[attr-defined]

    drive(story, troubled())


def test_an_answer_longer_than_the_pane_is_read_from_its_first_line() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        await d.until(lambda: any("you  why 502?" in line for line in d.lines))
        assert any("Root cause" in line for line in d.lines)

    drive(story, troubled(), size=(80, 24))


def test_a_question_asked_while_another_runs_comes_back_with_the_reason() -> None:
    agent = shop()
    gate = Gate()
    agent.scripts["first"] = [gate]

    async def story(d: Driver) -> None:
        await d.ask("first")
        d.session.prompt.text = "second"
        await d.press("enter")
        await d.until(lambda: d.session.prompt.text == "second")
        gate.open()

    drive(story, agent)
    assert agent.asked == ["first"]


def test_a_failed_question_names_what_died_and_keeps_what_was_found() -> None:
    agent = shop()
    agent.scripts["why?"] = [*stories.until_testing(), FlowError("model", "the stream broke; start the model again with: ollama serve")]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.ended()
        assert "model: the stream broke" in d.flows("#chat")
        assert any("claim of orders-db cannot bind" in row for row in d.rows("#timeline-rows"))

    drive(story, agent)


def test_a_typed_command_runs_beside_the_question_and_shows_its_output() -> None:
    agent = shop()
    gate = Gate()
    agent.scripts["first"] = [QueryClassified(tier="troubleshooting", reason="why"), gate]
    agent.commands.scripts["kubectl get pods"] = [
        CommandStarted(id="c1", command="kubectl get pods"),
        CommandOutput(id="c1", stream="stdout", lines=("NAME   READY", "cart   1/1")),
        CommandFinished(id="c1", exit_code=0, seconds=0.2, bytes=22),
    ]

    async def story(d: Driver) -> None:
        await d.ask("first")
        await d.ask("!kubectl get pods")
        await d.until(lambda: "exit 0" in d.text)
        assert "cart   1/1" in d.text
        assert "0.2 s · 22 B" in d.text
        assert len(d.session.running) == 1
        gate.open()

    drive(story, agent)
    assert agent.commands.ran == ["kubectl get pods"]


# stopping and leaving


def test_esc_twice_within_three_seconds_stops_the_question() -> None:
    agent = shop()
    agent.scripts["why?"] = [*stories.until_testing(), Gate()]
    clock = Clock()

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.press("escape")
        clock.advance(3.5)
        await d.press("escape")
        assert d.session.running, "two presses far apart stop nothing"
        clock.advance(1.0)
        await d.press("escape")
        await d.ended()
        assert "stopped by the user" in d.flows("#chat")

    drive(story, agent, clock=clock)


def test_ctrl_c_copies_a_selection_and_else_stops_the_command_but_never_leaves() -> None:
    agent = shop()
    agent.commands.scripts["kubectl logs x -f"] = [CommandStarted(id="c1", command="kubectl logs x -f"), Gate()]
    question = Gate()
    agent.scripts["why?"] = [QueryClassified(tier="troubleshooting", reason="why"), question]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.ask("!kubectl logs x -f")
        d.session.prompt.text = "copy me"
        d.session.prompt.select_all()
        await d.press("ctrl+c")
        assert d.app.clipboard == "copy me"
        assert len(d.session.running) == 2
        d.session.prompt.text = ""
        await d.press("ctrl+c")
        await d.until(lambda: len(d.session.running) == 1)
        assert d.session.running[0].query == "why?", "the typed command is stopped first"
        await d.press("ctrl+c")
        await d.ended()
        await d.press("ctrl+c")
        assert d.app.is_running

    drive(story, agent)


def test_ctrl_q_asks_while_something_runs_and_the_safe_answer_is_no() -> None:
    agent = shop()
    agent.scripts["why?"] = [Gate()]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.press("ctrl+q")
        assert isinstance(d.app.screen, Confirm)
        await d.press("enter")
        assert not isinstance(d.app.screen, Confirm)
        assert d.session.running
        await d.press("ctrl+q")
        await d.press("y")
        await d.until(lambda: not d.app.is_running or d.app._exit)

    drive(story, agent)
    assert agent.runs[0].finished


def test_ctrl_q_leaves_at_once_when_nothing_runs() -> None:
    async def story(d: Driver) -> None:
        await d.press("ctrl+q")
        await d.until(lambda: d.app._exit)

    drive(story)


# evidence


def test_citations_open_the_evidence_and_the_passage() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        d.controls.pages.cite("run-1", "E5")
        await d.settle()
        assert isinstance(d.app.screen, Reader)
        assert "premium-ssd" in d.text
        assert "spec.storageClassName" in d.text
        await d.press("escape")
        d.controls.pages.cite("run-1", "D1")
        await d.settle()
        assert "pvc-pending.md" in d.text
        assert "kubectl set env" in d.text
        await d.press("escape")
        d.controls.pages.cite("run-1", "E99")
        await d.settle()
        assert not isinstance(d.app.screen, Reader)

    drive(story, troubled())


def test_a_click_on_a_citation_opens_it() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        y = next(n for n, line in enumerate(d.lines) if "E5 E6" in line)
        await d.pilot.click(offset=(d.lines[y].index("E5"), y))
        await d.until(lambda: isinstance(d.app.screen, Reader))

    drive(story, troubled())


def test_enter_on_a_hypothesis_opens_its_evidence_and_on_a_command_its_output() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        rows = d.app.query_one("#timeline-rows", RowList)
        keys = [row.key for row in rows.rows]
        rows.focus()
        rows.move_to(keys.index("hypothesis/H1"))
        await d.press("enter")
        assert isinstance(d.app.screen, Reader)
        assert "premium-ssd" in d.text
        await d.press("escape")
        rows.move_to(keys.index("command/c1"))
        await d.press("enter")
        await d.until(lambda: d.app.query_one("#log", LogView).has_focus)
        assert "data-orders-db-0   Pending" in "\n".join(d.app.query_one("#log", LogView).buffer.lines)

    drive(story, troubled())


def test_the_timeline_shows_status_by_glyph_and_refuted_hypotheses_struck_through() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        rows = d.rows("#timeline-rows")
        assert rows[0].split()[:2] == ["✓", "troubleshooting"]
        assert any(row.split()[:2] == ["✓", "H1"] and row.endswith("0.94") for row in rows)
        assert any(row.split()[:2] == ["✗", "H2"] for row in rows)
        refuted = next(row for row in d.app.query_one("#timeline-rows", RowList).rows if row.key == "hypothesis/H2")
        assert any("strike" in style for _, style in refuted.left)
        assert "model 2.6" in d.text

    drive(story, troubled())


def test_a_fix_is_run_edited_and_copied_by_key() -> None:
    agent = troubled()

    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        d.app.query(Block).first().focus()
        await d.press("c")
        assert d.app.clipboard == "kubectl -n shop delete pvc data-orders-db-0"
        await d.press("e")
        assert d.session.prompt.text == "!kubectl -n shop delete pvc data-orders-db-0"
        d.app.query(Block).last().focus()
        await d.press("enter")
        await d.until(lambda: bool(agent.commands.ran))

    drive(story, agent)
    assert agent.commands.ran == ["kubectl -n shop rollout status sts/orders-db"]


# the prompt


def test_enter_sends_ctrl_j_makes_a_line_and_a_long_paste_is_folded_and_sent_whole() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.type("one")
        await d.press("ctrl+j")
        await d.type("two")
        assert d.session.prompt.text == "one\ntwo"
        await d.press("enter")
        await d.until(lambda: bool(agent.asked))
        long = "\n".join(f"line {n}" for n in range(400)) + "\x1b[31m [pasted 12 lines]"
        await d.type("why? ")
        for text in (long, "\n".join("abcdefghijkl"), "\n".join("ABCDEFGHIJKL"), " short\none"):
            d.session.prompt.post_message(Paste(text))
            await d.settle()
        assert d.session.prompt.text == "why? [pasted 400 lines][pasted 12 lines][pasted 12 lines #2] short\none"
        await d.press("enter")
        await d.until(lambda: len(agent.asked) == 2)

    drive(story, agent)
    asked = agent.asked[1]
    assert asked.startswith("why? line 0\nline 1\n")
    assert "line 399␛[31m [pasted 12 lines]a\nb\n" in asked, "what was pasted is not looked into"
    assert asked.endswith("k\nlA\nB\nC\nD\nE\nF\nG\nH\nI\nJ\nK\nL short\none")


def test_ctrl_r_brings_the_last_question_back_to_edit_and_send_again() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.ask("why is cart slow?")
        await d.ended()
        await d.ask("/theme light")
        await d.press("ctrl+r")
        assert d.session.prompt.text == "why is cart slow?"
        await d.type(" today")
        await d.press("enter")
        await d.until(lambda: len(agent.asked) == 2)

    drive(story, agent)
    assert agent.asked == ["why is cart slow?", "why is cart slow? today"]


def test_history_is_walked_from_the_first_and_last_row_and_keeps_the_draft(tmp_path: Path) -> None:
    async def story(d: Driver) -> None:
        for text in ("first", "second"):
            await d.ask(text)
            await d.ended()
        await d.type("dra")
        await d.press("up")
        assert d.session.prompt.text == "second"
        await d.press("up")
        assert d.session.prompt.text == "first"
        await d.press("up")
        assert d.session.prompt.text == "first"
        await d.press("down", "down")
        assert d.session.prompt.text == "dra"

    drive(story, folder=tmp_path)
    assert History(tmp_path / "history.jsonl").entries == ["first", "second"]
    assert (tmp_path / "history.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_broken_history_file_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("{not json")
    assert History(tmp_path / "h").entries == []


def test_tab_completes_words_and_mentions() -> None:
    async def story(d: Driver) -> None:
        await d.type("/na")
        await d.press("tab")
        assert d.session.prompt.text == "/namespace "
        d.session.prompt.text = ""
        await d.type("why @pod/check")
        await d.press("tab")
        assert d.session.prompt.text == "why @pod/checkout-api-7d9f8b6c5d-2sskc "
        await d.press("tab")
        assert d.session.prompt.text == "why @pod/checkout-api-7d9f8b6c5d-mcrlp "

    drive(story)


@pytest.mark.parametrize(
    ("text", "log"),
    [
        ("/namespace payments", "namespace payments"),
        ("/ns all", "namespace "),
        (":ns payments", "namespace payments"),
        ("/context prod-eu", "context prod-eu"),
        ("/mode read-only", "mode read-only"),
        ("/clear", "new session"),
    ],
)
def test_words_of_the_prompt(text: str, log: str) -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.ask(text)
        await d.until(lambda: log in agent.log)

    drive(story, agent)


def test_pages_opened_by_word_and_an_unknown_word_is_answered_with_the_nearest() -> None:
    async def story(d: Driver) -> None:
        await d.ask("/health")
        await d.until(lambda: "ollama serve" in d.text)
        await d.press("escape")
        await d.ask("/help")
        await d.until(lambda: isinstance(d.app.screen, Reader))
        await d.press("escape")
        await d.ask("/model")
        await d.until(lambda: "answers" in d.text)
        await d.press("escape")
        await d.ask(":nodes")
        await d.until(lambda: any("node-b" in row for row in d.rows("#cluster-rows")))
        await d.ask("/hepl")
        await d.settle()
        assert "did you mean /h" in "".join(str(n.message) for n in d.app._notifications)

    drive(story)


# places


def test_the_namespace_picker_filters_fuzzily_and_switches() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.press("ctrl+n")
        assert isinstance(d.app.screen, Picker)
        rows = d.rows("#choices")
        assert rows[0].split()[:3] == ["✗", "all", "namespaces"]
        assert rows[1].split()[1] == "shop"
        assert "3 failing" in rows[1]
        await d.type("pyts")
        await d.settle()
        assert [row.split()[1] for row in d.rows("#choices")] == ["payments"]
        await d.press("enter")
        assert "▸ payments" in d.lines[0]
        await d.press("f2")
        assert [row.split()[1] for row in d.rows("#choices")][1:3] == ["payments", "shop"], "the current one and recent ones first"
        await d.press("escape")
        assert not isinstance(d.app.screen, Picker)

    drive(story, agent)
    assert "namespace payments" in agent.log


def test_an_open_namespace_picker_follows_new_namespaces_and_keeps_the_cursor() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.press("ctrl+n", "down", "down")
        picker = d.app.screen
        assert isinstance(picker, Picker) and picker.read_again is not None
        here = picker.query_one("#choices", RowList)
        chosen = here.current
        agent.cluster.namespace_rows = [
            NamespaceRow("brand-new", "Active", 2, 2, 1),
            *agent.cluster.namespace_rows,
            NamespaceRow("walled", "", 0, 0, 1, known=False),
        ]
        picker.read_again()
        await d.settle()
        rows = d.rows("#choices")
        assert any("brand-new" in row for row in rows)
        assert "pods unknown" in next(row for row in rows if "walled" in row)
        assert here.current is not None and chosen is not None and here.current.data == chosen.data

    drive(story, agent)


def test_digits_in_the_cluster_pane_go_to_recent_namespaces() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.ask("/ns payments")
        await d.until(lambda: "namespace payments" in agent.log)
        d.app.query_one("#cluster-rows", RowList).focus()
        await d.press("2")
        assert agent.log[-1] == "namespace shop"
        d.app.query_one("#cluster-rows", RowList).focus()
        await d.press("0")
        assert agent.log[-1] == "namespace "

    drive(story, agent)


def test_recent_namespaces_are_kept_across_sessions_by_context(tmp_path: Path) -> None:
    async def first(d: Driver) -> None:
        await d.ask("/ns payments")

    async def second(d: Driver) -> None:
        assert d.session.recent == ["payments", "shop"]
        await d.ask("/ctx prod-eu")
        assert d.session.recent == []

    drive(first, shop(), folder=tmp_path)
    assert (tmp_path / "namespaces.json").stat().st_mode & 0o777 == 0o600
    drive(second, shop(), folder=tmp_path)
    (tmp_path / "namespaces.json").write_text("[broken", encoding="utf-8")
    assert RecentNamespaces(tmp_path / "namespaces.json").of("demo") == []


def test_a_terminal_that_is_looked_away_from_is_told_when_a_question_asks_or_ends() -> None:
    agent = shop()
    gate = Gate()
    agent.scripts["watched"] = []
    agent.scripts["away"] = [gate]
    asking = Gate()
    agent.scripts["asks"] = [asking, Ask(stories.a_scale())]
    told: list[str] = []

    async def story(d: Driver) -> None:
        d.controls.terminal.write = told.append  # type: ignore[method-assign]
        await d.ask("watched")
        await d.ended()
        assert not [words for words in told if "]9;" in words], "whoever watches needs no notification"
        await d.ask("away")
        d.app.app_focus = False
        gate.open()
        await d.ended()
        assert told[-1] == "\x1b]9;K8sAgent: answered\x07\x1b]777;notify;K8sAgent;answered\x07"
        await d.ask("asks")
        d.app.app_focus = False
        asking.open()
        await d.until(lambda: d.session.pending.waiting or d.controls.requests.asking)
        await d.settle()
        assert told[-1] == "\x1b]9;K8sAgent: approval needed\x07\x1b]777;notify;K8sAgent;approval needed\x07"

    drive(story, agent)


def test_the_context_picker_says_what_switching_stops() -> None:
    agent = shop()
    agent.scripts["why?"] = [Gate()]
    agent.cluster.watching_list = [WatchStatus("pods", "live"), WatchStatus("events", "reconnecting")]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.press("ctrl+k")
        assert "switching stops the running question and 2 watches" in d.flows()
        assert [row.split() for row in d.rows("#choices")] == [
            ["●", "demo", "now", "demo", "as", "viewer", "127.0.0.1:40001"],
            ["▲", "prod-eu", "protected", "prod-eu", "as", "jane", "10.0.0.1:6443"],
        ]
        await d.press("down", "enter")
        await d.until(lambda: "context prod-eu" in agent.log)

    drive(story, agent)


def test_the_context_picker_stops_nothing_where_nothing_runs_and_protects_no_recording() -> None:
    agent = shop()
    agent.cluster.context_list = [ContextInfo("prod-dump", "recording", current=True)]

    async def story(d: Driver) -> None:
        await d.press("ctrl+k")
        assert "stops" not in d.flows()
        assert "protected" not in d.rows("#choices")[0]

    drive(story, agent)


def test_a_picker_that_cannot_read_says_why() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        agent.cluster.broken = "connection refused; is the cluster up?"
        await d.press("ctrl+n")
        assert "connection refused" in d.text

    drive(story, agent)


# the cluster pane


def test_rows_stand_by_trouble_with_pods_folded_under_what_is_broken() -> None:
    async def story(d: Driver) -> None:
        rows = d.rows("#cluster-rows")
        assert rows[0].split()[:2] == ["✗", "checkout-api"]
        assert rows[1].lstrip().startswith("├ checkout-api")
        assert rows[2].lstrip().startswith("└ checkout-api")
        assert rows[-1].split()[:2] == ["●", "order-events"]
        assert "2 failing" in d.text
        assert all(name.startswith("screen-") for name in d.session.agent.cluster.threads), "reads never block the screen"  # type: ignore[attr-defined]

    drive(story)


def test_the_filter_narrows_inverts_counts_and_peels_off() -> None:
    async def story(d: Driver) -> None:
        d.app.query_one("#cluster-rows", RowList).focus()
        await d.press("slash")
        await d.type("cart")
        await d.settle()
        assert [row.split()[1] for row in d.rows("#cluster-rows")] == ["cart-api"]
        assert "1 of 7" in d.text
        d.app.query_one("#cluster Input", Input).value = "!cart"
        await d.settle()
        assert not any("cart" in row for row in d.rows("#cluster-rows"))
        d.app.query_one("#cluster Input", Input).value = "nowhere"
        await d.settle()
        assert "nothing matches “nowhere”" in d.text
        await d.press("escape")
        assert len(d.rows("#cluster-rows")) == 7
        assert d.app.query_one("#cluster-rows", RowList).has_focus

    drive(story)


def test_tabs_show_nodes_events_and_findings() -> None:
    async def story(d: Driver) -> None:
        d.app.query_one("#cluster-rows", RowList).focus()
        await d.press("right_square_bracket")
        assert d.rows("#cluster-rows")[0].split()[:2] == ["✗", "node-b"]
        await d.press("right_square_bracket")
        assert d.rows("#cluster-rows")[0].split()[:2] == ["!", "BackOff"]
        await d.press("right_square_bracket")
        assert "STRIPE_API_KEY" in "\n".join(d.rows("#cluster-rows")) or "CrashLoopBackOff" in d.rows("#cluster-rows")[0]
        await d.press("left_square_bracket", "left_square_bracket")
        assert "node-a" in "\n".join(d.rows("#cluster-rows"))
        await d.ask("/findings")
        await d.until(lambda: d.session.workspace.cluster.list.has_focus)
        assert "STRIPE_API_KEY" in "\n".join(d.rows("#cluster-rows")) or "CrashLoopBackOff" in d.rows("#cluster-rows")[0]

    drive(story)


def test_keys_on_an_object_describe_it_show_its_yaml_its_logs_and_investigate() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        rows = d.app.query_one("#cluster-rows", RowList)
        rows.focus()
        await d.press("enter")
        assert isinstance(d.app.screen, Details)
        assert "Name:         checkout-api" in d.text
        await d.press("y")
        assert "kind: Deployment" in d.text
        await d.press("slash")
        await d.type("shop")
        await d.settle()
        assert "1 of 1" in d.text
        await d.press("escape")
        assert isinstance(d.app.screen, Details), "esc peels the search off first"
        await d.press("escape")
        assert not isinstance(d.app.screen, Details)
        rows.focus()
        await d.press("down", "c")
        assert d.app.clipboard == "checkout-api-7d9f8b6c5d-2sskc"
        await d.press("l")
        await d.until(lambda: bool(agent.commands.ran))
        rows.focus()
        await d.press("p")
        await d.until(lambda: len(agent.commands.ran) == 2)
        rows.focus()
        await d.press("i")
        await d.until(lambda: bool(agent.asked))

    drive(story, agent)
    assert agent.commands.ran == [
        "kubectl logs checkout-api-7d9f8b6c5d-2sskc -n shop --tail=200",
        "kubectl logs checkout-api-7d9f8b6c5d-2sskc -n shop --tail=200 --previous",
    ]
    assert agent.asked == ["why is pod checkout-api-7d9f8b6c5d-2sskc in shop in trouble?"]


def test_a_change_of_the_cluster_pulls_the_rows_again_and_the_cursor_stays_on_its_object() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        rows = d.app.query_one("#cluster-rows", RowList)
        rows.focus()
        await d.press("end")
        assert rows.current is not None
        assert rows.current.key.endswith("order-events")
        agent.cluster.workload_rows = agent.cluster.workload_rows[1:]
        agent.changed()
        await d.until(lambda: not any("checkout" in row for row in d.rows("#cluster-rows")))
        assert rows.current is not None
        assert rows.current.key.endswith("order-events")

    drive(story, agent)


def test_a_cluster_that_goes_away_keeps_its_last_rows_and_says_they_are_not_current() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        agent.cluster.broken = "connection refused"
        agent.changed()
        await d.until(lambda: "not current" in d.text)
        assert any("checkout-api" in row for row in d.rows("#cluster-rows"))

    drive(story, agent)


# layout, themes, help


def test_below_a_hundred_columns_panes_are_tabs() -> None:
    async def story(d: Driver) -> None:
        assert "chat  cluster  timeline  output" in d.lines[1]
        assert not d.session.workspace.cluster.display or d.session.workspace.cluster.region.width == 0
        await d.press("ctrl+o")
        await d.press("ctrl+o")
        assert any("checkout-api" in line for line in d.lines)
        await d.pilot.resize_terminal(140, 46)
        await d.settle()
        assert any("timeline" in line for line in d.lines)
        assert any("Ask in plain words" in line for line in d.lines)

    drive(story, size=(80, 24))


def test_ctrl_o_goes_around_all_panes_and_back_to_the_prompt() -> None:
    async def story(d: Driver) -> None:
        seen = []
        for _ in range(5):
            await d.press("ctrl+o")
            seen.append(d.session.workspace.pane_of(d.app.focused) or "prompt")
        assert seen == ["chat", "cluster", "timeline", "output", "prompt"]

    drive(story)


def test_a_pane_is_maximised_and_the_right_column_hidden() -> None:
    async def story(d: Driver) -> None:
        d.app.query_one("#cluster-rows", RowList).focus()
        await d.press("f4")
        assert d.session.workspace.cluster.region.width == 140
        await d.press("escape")
        assert d.session.workspace.cluster.region.width < 70
        d.session.prompt.focus()
        await d.press("f3")
        assert d.session.workspace.chat.region.width == 140
        await d.press("f3")
        assert d.session.workspace.chat.region.width < 90

    drive(story)


def test_panes_are_hidden_one_by_one_by_key_and_palette_and_come_back() -> None:
    async def story(d: Driver) -> None:
        space = d.session.workspace
        tall = space.timeline.region.height
        space.show("cluster")
        await d.press("minus")
        assert not space.cluster.display
        assert d.session.prompt.has_focus
        assert space.timeline.region.height > tall, "the others take its room"
        await d.app.run_action("do('pane-timeline')")
        await d.app.run_action("do('pane-output')")
        await d.settle()
        assert space.chat.region.width == d.app.size.width, "without a pane there is no column"
        await d.app.run_action("do('pane-output')")
        await d.settle()
        assert [pane.display for pane in (space.cluster, space.timeline, space.output)] == [False, False, True]
        space.show("cluster")
        await d.settle()
        assert space.cluster.display, "who goes to a pane sees it"
        await d.press("f3", "f3")
        assert [pane.display for pane in (space.cluster, space.timeline, space.output)] == [True, True, True]
        d.session.prompt.focus()
        await d.press("f9")
        assert not d.controls.terminal.mouse_taken
        await d.type("a-b")
        assert d.session.prompt.text == "a-b", "while typing it is a character"

    drive(story)


def test_help_is_about_the_focused_pane_first() -> None:
    async def story(d: Driver) -> None:
        await d.press("f1")
        assert d.flows().split("\n")[2] == "prompt"
        await d.press("escape")
        d.app.query_one("#cluster-rows", RowList).focus()
        await d.press("question_mark")
        assert d.flows().split("\n")[2] == "cluster pane"
        await d.press("escape")
        d.session.prompt.focus()
        await d.type("?")
        assert d.session.prompt.text == "?", "while typing it is a character"

    drive(story)


def test_the_palette_runs_actions() -> None:
    async def story(d: Driver) -> None:
        await d.press("ctrl+p")
        await d.type("next theme")
        await d.until(lambda: "Next theme" in d.text and "Quit" not in d.text)
        await d.press("enter")
        await d.until(lambda: d.app.theme == THEMES["light"].name)

    drive(story)


@pytest.mark.parametrize("theme", ["dark", "light", "contrast"])
def test_all_themes_name_the_same_meanings(theme: str) -> None:
    assert set(THEMES[theme].variables) == set(THEMES["dark"].variables)

    async def story(d: Driver) -> None:
        assert "Ask in plain words" in d.text

    drive(story, theme=theme)


def test_without_colour_everything_is_still_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        text = d.text
        for word in ("✗", "✓", "destructive", "refuted", "Root cause", "failing"):
            assert word in text

    drive(story, troubled())


def test_outputs_are_saved_to_a_file_of_the_users_own(tmp_path: Path) -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        d.session.workspace.output.pick("run-1/c1")
        d.app.query_one("#log", LogView).focus()
        await d.press("ctrl+s")
        await d.press("ctrl+s")
        await d.press("c")
        assert "data-orders-db-0   Pending" in d.app.clipboard

    drive(story, troubled(), folder=tmp_path)
    saved = tmp_path / "output-1.log"
    assert saved.read_text().startswith("$ kubectl get pvc,sc -n shop\n")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "output-2.log").exists(), "nothing is overwritten"


def test_searching_the_output_counts_and_walks() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why 502?")
        await d.ended()
        d.app.query_one("#log", LogView).focus()
        await d.press("slash")
        await d.type("failed")
        await d.press("enter")
        assert "1/1 matches" in d.text
        await d.press("escape")
        assert "matches" not in d.text

    drive(story, troubled())
