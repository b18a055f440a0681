"""The output's log: bounded, followed or standing still, searched, wrapped, selected; whatever the lines hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from driving import Driver, drive
from textual.app import App, ComposeResult
from textual.geometry import Offset, Region
from textual.pilot import Pilot
from textual.selection import Selection

from engine.core.events import CommandOutput, CommandStarted
from tui.style.theme import DARK
from tui.widgets.log_buffer import CAPACITY, LogBuffer
from tui.widgets.log_view import LogView


class LogApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.log_view = LogView()

    def compose(self) -> ComposeResult:
        yield self.log_view

    def lines(self) -> list[str]:
        rows = ["".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()]
        return [row.rstrip(" ▁▂▃▄▅▆▇█") for row in rows]


def in_log(story: Callable[[LogApp, Pilot[None]], Awaitable[None]], size: tuple[int, int] = (40, 10)) -> None:
    async def main() -> None:
        app = LogApp()
        async with app.run_test(size=size) as pilot:
            await story(app, pilot)

    asyncio.run(main())


def numbered(first: int, last: int) -> list[str]:
    return [f"line {n}" for n in range(first, last)]


def test_a_buffer_keeps_its_newest_lines_and_counts_what_it_dropped() -> None:
    buffer = LogBuffer(capacity=1000)
    buffer.extend(numbered(0, 5000))
    assert len(buffer) == 1000
    assert buffer[-1] == "line 4999"
    assert buffer.dropped == 4000
    buffer.lost = 5
    assert buffer.dropped == 4005
    assert CAPACITY == 100_000


def test_a_monstrous_line_is_cut_and_says_so() -> None:
    buffer = LogBuffer()
    buffer.extend(["x" * 25_000])
    assert buffer[0].endswith("… 5000 more characters")


def test_search_ignores_case_unless_a_capital_is_typed() -> None:
    buffer = LogBuffer()
    buffer.extend(["Error here", "an error", "fine"])
    assert buffer.find("error") == [0, 1]
    assert buffer.find("Error") == [0]
    assert buffer.find("") == []


def test_it_follows_new_lines() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        app.log_view.buffer.extend(numbered(0, 100))
        app.log_view.grew()
        await pilot.pause()
        assert app.lines()[-1].startswith("line 99")
        assert app.log_view.state == "following"

    in_log(story)


def test_scrolling_up_stands_still_and_counts_what_is_new() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.focus()
        log.buffer.extend(numbered(0, 100))
        log.grew()
        await pilot.press("pageup")
        before = app.lines()
        log.buffer.extend(numbered(100, 112))
        log.grew()
        await pilot.pause()
        assert app.lines() == before, "the view does not move under the reader"
        assert log.state == "12 new ↓"
        await pilot.press("end")
        assert app.lines()[-1].startswith("line 111")
        assert log.state == "following"

    in_log(story)


def test_lines_dropped_above_do_not_move_what_is_read() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.focus()
        log.show(LogBuffer(capacity=100))
        log.buffer.extend(numbered(0, 110))
        log.grew()
        await pilot.press("pageup")
        before = app.lines()
        log.buffer.extend(numbered(110, 130))
        log.grew()
        await pilot.pause()
        assert app.lines() == before
        assert "30 lines dropped" in log.state

    in_log(story)


def test_matches_are_counted_and_walked_around_the_ends() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.focus()
        log.buffer.extend([*numbered(0, 50), "needle one", *numbered(50, 90), "Needle two"])
        log.grew()
        assert log.search("needle") == 2
        await pilot.press("n")
        await pilot.pause()
        assert any("needle one" in line for line in app.lines())
        await pilot.press("n")
        await pilot.pause()
        assert any("Needle two" in line for line in app.lines())
        await pilot.press("N")
        await pilot.pause()
        assert any("needle one" in line for line in app.lines())
        assert "1/2 matches" in log.state
        log.search("absent")
        assert "no match" in log.state

    in_log(story)


def test_long_lines_end_in_an_ellipsis_or_are_folded() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.focus()
        log.buffer.extend(["a" * 60 + "END", "second"])
        log.grew()
        await pilot.pause()
        assert app.lines()[0].rstrip().endswith("…")
        await pilot.press("w")
        await pilot.pause()
        text = "".join(line.strip() for line in app.lines()[:2])
        assert text.endswith("END")
        assert app.lines()[2].strip() == "second"
        await pilot.press("w")
        await pilot.press("right", "right", "right", "right")
        await pilot.pause()
        assert "END" in app.lines()[0]

    in_log(story)


def test_wide_characters_fold_without_losing_any() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.buffer.wrap = True
        log.buffer.extend(["語" * 30])
        log.grew()
        await pilot.pause()
        assert sum(line.count("語") for line in app.lines()) == 30

    in_log(story, (21, 8))


def test_a_selection_is_copied_as_it_stands_and_holds_the_view_still() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.buffer.extend(["first line", "second line", "third line"])
        log.grew()
        selection = Selection(Offset(6, 0), Offset(6, 1))
        assert log.get_selection(selection) == ("line\nsecond", "\n")
        log.selection_updated(selection)
        assert not log.buffer.follow

    in_log(story)


def test_dragging_the_mouse_selects_text() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.buffer.extend(["first line", "second line"])
        log.grew()
        await pilot.pause()
        await pilot.mouse_down(log, offset=(0, 0))
        await pilot.hover(log, offset=(5, 1))
        await pilot.mouse_up(log, offset=(5, 1))
        assert app.screen.get_selected_text() == "first line\nsecond"

    in_log(story)


def test_hostile_lines_are_shown_literally() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.buffer.extend(["[bold]x[/bold] [@click=app.quit]", "\x1b[2J\x1b[Hgone", "\u202eevil", "😀 ok", "zw\u200b"])
        log.grew()
        await pilot.pause()
        shown = app.lines()
        assert shown[0].startswith("[bold]x[/bold] [@click=app.quit]")
        assert shown[1].startswith("␛[2J␛[Hgone")
        assert "‹202e›evil" in shown[2]
        assert "😀 ok" in shown[3]

    in_log(story)


def test_each_buffer_is_found_again_where_it_was_left() -> None:
    async def story(app: LogApp, pilot: Pilot[None]) -> None:
        log = app.log_view
        log.focus()
        first, second = LogBuffer("first"), LogBuffer("second")
        first.extend(numbered(0, 100))
        second.extend(["other"])
        log.show(first)
        await pilot.press("home")
        await pilot.press("down", "down")
        before = app.lines()
        log.show(second)
        await pilot.pause()
        assert app.lines()[0].startswith("other")
        log.show(first)
        await pilot.pause()
        assert app.lines() == before

    in_log(story)


def test_rows_made_without_the_cache_are_as_wide_as_the_pane_and_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(d: Driver) -> None:
        view = d.app.query_one("#log", LogView)
        d.session.bridge.emit(CommandStarted(run="r", id="c", command="kubectl logs web"))
        lines = ("short", "long " * 60, "Warning: x", "\u65e5\u672c wide", "")
        d.session.bridge.emit(CommandOutput(run="r", id="c", stream="stdout", lines=lines))
        await d.settle()
        width, height = view.outer_size
        rows = view.render_lines(Region(0, 0, width, height))
        assert [row.cell_length for row in rows] == [width] * height
        for y, row in enumerate(rows):
            alone = view.render_lines(Region(0, y, width, 1))[0]
            assert alone.text == row.text
            assert [s.style.color for s in alone if s.text.strip()] == [s.style.color for s in row if s.text.strip()]  # type: ignore[union-attr]
        assert rows[2].text.rstrip().endswith("…")
        assert any(s.style and s.style.meta.get("offset") for s in view.render_lines(Region(0, 1, width, 1))[0]), "where the mouse looks"
        narrow = view.render_lines(Region(2, 0, 5, 3))
        assert [row.text for row in narrow] == [row.text[2:7] for row in rows[:3]]

    drive(story)
    monkeypatch.setenv("NO_COLOR", "1")
    drive(story)


def test_a_frame_asks_only_the_widgets_and_rows_that_change() -> None:
    async def story(d: Driver) -> None:
        asked: list[Region] = []
        chat = d.session.workspace.cluster.list
        paint = chat.render_lines
        chat.render_lines = lambda crop: (asked.append(crop), paint(crop))[1]  # type: ignore[method-assign, func-returns-value]
        d.session.bridge.emit(CommandStarted(run="r", id="c", command="kubectl logs web"))
        d.session.workspace.output.started(CommandStarted(run="r", id="d", command="kubectl get pods"))
        await d.settle()
        asked.clear()
        d.session.workspace.output.output([CommandOutput(run="r", id="d", stream="stdout", lines=("a line",))])
        await d.settle()
        assert asked == [], "rows above the output are left alone"
        chat.refresh()
        await d.settle()
        assert asked

    drive(story)
