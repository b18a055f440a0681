"""The output pane: times, matches alone, asking about lines, and what was dropped."""

from __future__ import annotations

import re
import time
from pathlib import Path

from driving import Driver, drive
from fakes.agent import Gate, ScriptedAgent, shop
from fakes.recordings import files_of, pod, write_folder

from engine.core.events import CommandFinished, CommandOutput, CommandStarted, QueryClassified
from engine.core.types import ObjectRef
from engine.flows.describe import events, logs
from engine.session.connection import Opening, connect
from tui.screens.dialogs.base import Line
from tui.widgets.log_buffer import HEAD, LogBuffer
from tui.widgets.log_view import LogView

AT = time.mktime((2026, 11, 27, 14, 5, 9, 0, 0, -1))
LINES = ("listening on 8080", "GET / 200", "Error: upstream timed out", "GET / 200", "retry and again an Error")


def noisy() -> ScriptedAgent:
    agent = shop()
    agent.scripts["logs"] = [
        CommandStarted(id="c1", command="kubectl logs web -n shop", at=AT),
        CommandOutput(id="c1", stream="stdout", lines=LINES, at=AT + 1),
        CommandFinished(id="c1", exit_code=0, seconds=0.1, bytes=90),
    ]
    return agent


def rows(d: Driver) -> list[str]:
    """What the log shows, row by row."""
    view = d.app.query_one("#log", LogView)
    return ["".join(s.text for s in view.render_line(y)).rstrip() for y in range(view.size.height)]


async def read(d: Driver) -> LogView:
    await d.ask("logs")
    await d.ended()
    view = d.app.query_one("#log", LogView)
    view.focus()
    await d.settle()
    return view


def test_t_shows_when_each_line_came_and_selecting_leaves_the_times_out() -> None:
    async def story(d: Driver) -> None:
        view = await read(d)
        await d.press("t")
        assert re.fullmatch(r"\d\d:\d\d:\d\d listening on 8080", rows(d)[1])
        d.session.bridge.emit(CommandOutput(run="run-1", id="c1", stream="stdout", lines=("late",), at=AT))
        await d.settle()
        assert "14:05:09 late" in rows(d)
        await d.press("w")
        assert "14:05:09 late" in rows(d)
        assert view.buffer.text().splitlines()[1] == "listening on 8080", "what is copied and saved is the line alone"
        await d.press("t")
        assert rows(d)[1] == "listening on 8080"

    drive(story, noisy())


def test_f_shows_the_lines_with_a_match_alone_and_goes_on_with_what_comes() -> None:
    async def story(d: Driver) -> None:
        view = await read(d)
        await d.press("f")
        assert "listening on 8080" in rows(d), "without a search there is nothing to sift by"
        await d.press("slash")
        await d.type("error")
        await d.press("enter", "f")
        assert [row for row in rows(d) if row] == ["Error: upstream timed out", "retry and again an Error"]
        assert "only 2 of 6 lines" in d.text
        d.session.bridge.emit(CommandOutput(run="run-1", id="c1", stream="stderr", lines=("fine", "Error three"), at=AT))
        await d.settle()
        assert [row for row in rows(d) if row][-1] == "Error three"
        assert len(view.buffer) == 3
        await d.press("f")
        assert "listening on 8080" in rows(d)
        await d.press("f", "escape")
        assert "listening on 8080" in rows(d), "without the search all lines are back"

    drive(story, noisy())


def test_a_asks_about_the_newest_lines_with_the_log_attached() -> None:
    agent = noisy()

    async def story(d: Driver) -> None:
        await read(d)
        await d.press("a")
        assert isinstance(d.app.screen, Line)
        assert "Ask about 5 lines of logs web" in d.flows()
        await d.press("enter")
        await d.until(lambda: len(agent.asked) == 2)
        await d.ended()

    drive(story, agent)
    assert agent.asked[-1] == "What is wrong in this output?"
    assert agent.attached[-1] == "\n".join(LINES)


def test_leaving_the_question_asks_nothing() -> None:
    agent = noisy()

    async def story(d: Driver) -> None:
        await read(d)
        await d.press("a", "escape")
        assert not isinstance(d.app.screen, Line)

    drive(story, agent)
    assert agent.asked == ["logs"]


def test_a_gives_the_lines_to_the_investigation_under_way_as_evidence() -> None:
    agent = shop()
    gate = Gate()
    agent.scripts["why?"] = [QueryClassified(tier="troubleshooting", reason="why"), *noisy().scripts["logs"], gate]
    heard: list[tuple[str, str, str]] = []

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.until(gate.reached.is_set)
        await d.until(lambda: "listening on 8080" in rows(d))
        d.app.query_one("#log", LogView).focus()
        await d.press("a")
        assert not isinstance(d.app.screen, Line)
        await d.until(lambda: any("added as evidence" in note.message for note in d.app._notifications))
        heard.extend((s.kind, s.source, s.text) for s in agent.runs[0].steering())
        gate.open()
        await d.ended()

    drive(story, agent)
    assert heard == [("evidence", "logs web", "\n".join(LINES))]


def test_lines_that_are_gone_are_counted_in_sight() -> None:
    async def story(d: Driver) -> None:
        await read(d)
        d.session.workspace.output.dropped("c1", 1200)
        d.session.bridge.emit(CommandOutput(run="run-1", id="c1", stream="stdout", lines=("more",), at=AT))
        await d.settle()
        top = next(n for n, line in enumerate(d.lines) if "⋮ 1,200 lines dropped: 1,200 too fast" in line)
        assert "$ kubectl logs web" in d.lines[top + 1], "a row of its own above the lines"
        assert any("following · 1,200 lines dropped" in line for line in d.lines), "and in the state below them"
        buffer = d.session.workspace.output.buffers["run-1/c1"]
        buffer.capacity = 10
        d.session.bridge.emit(CommandOutput(run="run-1", id="c1", stream="stdout", lines=("again",) * 15, at=AT))
        await d.settle()
        assert "⋮ 1,212 lines dropped: 12 old, 1,200 too fast" in d.text
        await d.ask("logs")
        await d.ended()
        d.session.workspace.output.pick("run-2/c1")
        await d.settle()
        assert "⋮" not in d.text, "each command for itself"

    drive(story, noisy())


def test_a_buffer_sifts_and_takes_its_end_without_the_command() -> None:
    buffer = LogBuffer(capacity=4)
    buffer.extend(["$ x"], HEAD, 1.0)
    buffer.extend(["Error a", "b", "error c"], at=2.0)
    kept = LogBuffer()
    buffer.sift("error", kept)
    assert kept.lines == ["Error a", "error c"]
    assert kept.time(1) == 2.0
    assert buffer.tail(10) == ["Error a", "b", "error c"]
    assert buffer.tail(1) == ["error c"]
    buffer.extend(["d", "error e"], at=3.0)
    buffer.sift("error", kept, since=4)
    assert kept.lines == ["Error a", "error c", "error e"], "what was dropped meanwhile is not taken twice"
    assert buffer.time(len(buffer) - 1) == 3.0


def test_details_read_logs_of_all_containers_and_the_events_of_what_an_object_owns(tmp_path: Path) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "uid-web", "controller": True}
    web = pod("web-0")
    web["metadata"]["ownerReferences"] = [owner]
    event = {
        "metadata": {"name": "e", "namespace": "shop"},
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off restarting",
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-0"},
        "lastTimestamp": "2026-03-01T09:59:30Z",
    }
    stateful = {"metadata": {"name": "web", "namespace": "shop", "uid": "uid-web"}, "spec": {"replicas": 1}}
    files = files_of(
        {"core/v1/pods/Pod": [web], "core/v1/events/Event": [event], "apps/v1/statefulsets/StatefulSet": [stateful]},
        logs={"shop/web-0/app.log": "2026-03-01T09:59:00.123456789Z first\n2026-03-01T09:59:01Z second\n"},
    )
    source = connect(Opening(snapshot=write_folder(tmp_path / "rec", files))).source
    text = logs(source, ObjectRef("Pod", "shop", "web-0"))
    assert text.splitlines()[0] == "── container app ──"
    assert [line[9:] for line in text.splitlines()[1:]] == ["first", "second"]
    assert "Pod/web-0  Back-off restarting" in events(source, ObjectRef("StatefulSet", "shop", "web"))
