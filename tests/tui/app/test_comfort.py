"""What makes the session pleasant: completion, past questions, sizes, the first-run page, the status line, themes, a clean screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from driving import Clock, Driver, drive
from fakes.agent import Gate, a_status, shop
from fakes.hostile import HOSTILE, MOVING
from fakes.screens import nowhere
from rich.color import Color, ColorSystem
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.events import Key

from engine.cluster.rows.build import NamespaceRow
from engine.cluster.source import ContextInfo
from engine.core.events import QueryClassified, StepStarted
from tui.runtime.stderr_guard import NOT_A_NUMBER, drop_broken_mouse_reports, standard_error_kept
from tui.runtime.terminal_check import few_colours
from tui.screens.dialogs.picker import Picker
from tui.screens.setup import SetupScreen
from tui.style.theme import THEMES, for_few_colours
from tui.widgets.input.completions import Completions


def told(d: Driver) -> str:
    return "\n".join(str(n.message) for n in d.app._notifications)


# completion


def test_a_slash_offers_words_with_their_help_and_tab_takes_the_marked_one() -> None:
    async def story(d: Driver) -> None:
        await d.type("/mo")
        assert "/mode " in d.text
        assert "Ask before changes, read-only, or suggest only" in d.text
        await d.press("down", "tab")
        assert d.session.prompt.text == "/model "
        assert not d.app.query_one(Completions).display
        d.session.prompt.text = ""
        await d.type("/m")
        await d.press("escape")
        assert not d.app.query_one(Completions).display
        assert d.session.prompt.text == "/m"
        await d.press("enter")
        assert d.session.prompt.text == "", "enter sends what stands there, whatever is offered"

    drive(story)


def test_mentions_are_offered_from_the_cluster_and_clicked() -> None:
    async def story(d: Driver) -> None:
        await d.type("why @pod/che")
        await d.until(lambda: d.app.query_one(Completions).display)
        await d.settle()
        y = next(n for n, line in enumerate(d.lines) if "@pod/checkout-api-7d9f8b6c5d-mcrlp" in line)
        await d.pilot.click(offset=(8, y))
        await d.settle()
        assert d.session.prompt.text == "why @pod/checkout-api-7d9f8b6c5d-mcrlp "

    drive(story)


def test_a_colon_offers_the_words_of_the_command_bar_and_a_text_offers_nothing() -> None:
    async def story(d: Driver) -> None:
        await d.type(":no")
        assert "the nodes of the cluster pane" in d.text
        d.session.prompt.text = ""
        await d.type("why / and so")
        assert not d.app.query_one(Completions).display

    drive(story)


@pytest.mark.parametrize(
    ("typed", "offered", "taken"),
    [
        (":ns ", [":ns shop", ":ns kube-system", ":ns observability", ":ns payments", ":ns all"], ":ns shop"),
        ("/namespace p", ["/namespace payments", "/namespace shop"], "/namespace payments"),
        (":ns s", [":ns shop", ":ns kube-system", ":ns observability", ":ns payments"], ":ns shop"),
        (":ctx ", [":ctx demo", ":ctx prod-eu"], ":ctx demo"),
        ("/context PROD", ["/context prod-eu"], "/context prod-eu"),
        (":ns shop", [], ":ns shop"),
        (":ns nowhere", [], ":ns nowhere"),
        (":pod s", [], ":pod s"),
        ("/mode s", [], "/mode s"),
    ],
)
def test_arguments_are_offered_from_the_known_namespaces_and_contexts(typed: str, offered: list[str], taken: str) -> None:
    async def story(d: Driver) -> None:
        await d.type(typed)
        assert d.app.query_one(Completions).display == bool(offered)
        assert [choice for choice, _ in d.session.prompt.offered] == offered
        await d.press("tab")
        assert d.session.prompt.text == taken

    drive(story)


def test_an_argument_reads_the_cluster_once_and_the_next_one_reads_it_anew() -> None:
    agent = shop()
    reads: list[Sequence[str]] = []
    namespaces = agent.cluster.namespaces
    agent.cluster.namespaces = lambda known=(): (reads.append(known), namespaces(known))[1]  # type: ignore[method-assign]

    async def story(d: Driver) -> None:
        await d.press(*":ns pay")
        assert len(reads) == 1
        assert "1 failing" not in d.text
        d.session.prompt.text = ""
        agent.cluster.namespace_rows.append(NamespaceRow("payroll", "Active", 2, 1, 60))
        await d.press(*":ns payr")
        assert len(reads) == 2
        assert "1 failing" in d.text

    drive(story, agent)


def test_names_that_cannot_be_read_or_typed_are_not_offered() -> None:
    agent = shop()
    agent.cluster.context_list = [ContextInfo("a\x1b[2Jb"), ContextInfo("注文-prod", server="https://x"), ContextInfo("[bold]x[/]")]

    async def story(d: Driver) -> None:
        await d.type(":ctx ")
        assert [choice for choice, _ in d.session.prompt.offered] == [":ctx [bold]x[/]", ":ctx 注文-prod"]
        assert "protected" in d.text
        d.session.prompt.text = ""
        agent.cluster.broken = "connection refused"
        await d.type("/ns s")
        assert not d.session.prompt.offered
        assert not d.app.query_one(Completions).display

    drive(story, agent)


def test_hostile_names_are_offered_literally() -> None:
    agent = shop()
    agent.cluster.name_list = [f"pod/{text}" for text in HOSTILE.values()] * 6

    async def story(d: Driver) -> None:
        await d.type("@p")
        await d.until(lambda: d.app.query_one(Completions).display)
        await d.settle()
        assert not MOVING & set(d.text.replace("\n", ""))
        assert sum("pod/" in line for line in d.lines) >= len(HOSTILE), "each of them stands there"
        assert "more; keep typing" in d.text
        assert d.lines[-1].startswith(" enter send")

    drive(story, agent, size=(80, 24))


# past questions


def test_past_questions_are_searched_and_brought_back(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('"why is db slow?"\n"scale web to 3"\n"why is web down?"\n')

    async def story(d: Driver) -> None:
        await d.press("ctrl+t")
        assert isinstance(d.app.screen, Picker)
        assert d.rows("#choices")[0].strip() == "why is web down?", "the newest first"
        await d.type("slow")
        await d.press("enter")
        assert d.session.prompt.text == "why is db slow?"

    drive(story, folder=tmp_path)


# sizes


def test_keys_and_mouse_move_the_divider_and_grow_the_focused_pane() -> None:
    async def story(d: Driver) -> None:
        workspace = d.session.workspace
        before = workspace.chat.region.width
        workspace.show("chat")
        await d.settle()
        await d.press("ctrl+right")
        assert workspace.chat.region.width > before
        await d.press("ctrl+left", "ctrl+left")
        assert workspace.chat.region.width < before
        for _ in range(30):
            d.session.workspace.move_divider(-1)
        await d.settle()
        assert workspace.chat.region.width >= 140 * 24 // 100, "it keeps a least width"
        edge = workspace.query_one("#right").region.x
        await d.pilot.mouse_down(offset=(edge, 10))
        await d.pilot.hover(offset=(90, 10))
        await d.pilot.mouse_up(offset=(90, 10))
        await d.settle()
        assert abs(workspace.query_one("#right").region.x - 90) <= 2
        workspace.show("timeline")
        await d.settle()
        height = workspace.timeline.region.height
        await d.press("plus")
        assert workspace.timeline.region.height > height
        await d.press("underscore", "underscore")
        assert workspace.timeline.region.height < height

    drive(story)


def test_in_the_prompt_the_arrows_move_by_words_and_signs_are_typed() -> None:
    async def story(d: Driver) -> None:
        before = d.session.workspace.chat.region.width
        await d.type("a+b_c d")
        await d.press("ctrl+left")
        assert d.session.prompt.text == "a+b_c d"
        assert d.session.prompt.cursor_location == (0, 6)
        assert d.session.workspace.chat.region.width == before

    drive(story)


# first run


def test_the_first_run_page_opens_by_itself_when_there_is_nowhere_to_go() -> None:
    agent = nowhere()

    async def story(d: Driver) -> None:
        await d.until(lambda: isinstance(d.app.screen, SetupScreen))
        await d.settle()
        assert "no kubeconfig was found" in d.text
        assert "ollama serve" in d.text
        assert "open the demo" in d.text
        await d.press("d")
        await d.until(lambda: d.app._exit)
        assert d.app.wants_demo

    drive(story, agent)


def test_the_first_run_page_downloads_the_model_and_looks_again() -> None:
    agent = nowhere()
    agent.scripts["/model pull"] = [StepStarted(id="pull", title="download llama3.1:8b", kind="model")]

    async def story(d: Driver) -> None:
        await d.until(lambda: isinstance(d.app.screen, SetupScreen))
        await d.settle()
        await d.press("r")
        await d.until(lambda: isinstance(d.app.screen, SetupScreen))
        await d.settle()
        await d.press("p")
        await d.until(lambda: "download llama3.1:8b" in "\n".join(d.rows("#timeline-rows")))

    drive(story, agent)


def test_the_first_run_page_is_offered_by_word_and_not_pushed_on_anybody_with_a_kubeconfig() -> None:
    agent = shop()
    agent.status = a_status(cluster_state="unreachable", cluster_note="connection refused")

    async def story(d: Driver) -> None:
        assert not isinstance(d.app.screen, SetupScreen)
        await d.ask("/setup")
        await d.until(lambda: isinstance(d.app.screen, SetupScreen))
        await d.settle()
        await d.press("k")
        await d.settle()
        assert isinstance(d.app.screen, SetupScreen), "the cluster check is fine here"
        await d.press("escape")
        assert not d.app.screen.is_modal

    drive(story, agent)


# model, status line


def test_a_model_is_picked_from_the_list_of_the_server() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.ask("/model")
        await d.until(lambda: isinstance(d.app.screen, Picker))
        await d.until(lambda: any("qwen2.5:3b" in row for row in d.rows("#choices")))
        await d.type("qwen2.5:3b")
        await d.press("enter")
        await d.until(lambda: "qwen2.5:3b" in d.lines[0])

    drive(story, agent)


def test_the_footer_says_what_runs_and_for_how_long() -> None:
    agent, gate, clock = shop(), Gate(), Clock()
    agent.scripts["why?"] = [
        QueryClassified(tier="troubleshooting", reason="why"),
        StepStarted(id="s1", title="reading the runbooks"),
        gate,
    ]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        clock.advance(3.2)
        d.app.show_status()
        await d.settle()
        assert d.lines[-1].endswith("reading the runbooks · 3.2 s")
        gate.open()
        await d.ended()
        assert "reading the runbooks" not in d.lines[-1]

    drive(story, agent, clock=clock)


# themes


def _in_256(colour: str) -> Color:
    return Color.parse(colour).downgrade(ColorSystem.EIGHT_BIT)


def _light(colour: str) -> float:
    parts = [channel / 255 for channel in Color.parse(colour).get_truecolor()]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_can_be_read_and_its_grounds_differ_in_256_colours(name: str) -> None:
    theme = THEMES[name]
    few = for_few_colours(theme)
    grounds = [few.background or "", few.variables["plane"], few.variables["cursor-row"]]
    assert len({_in_256(ground).number for ground in grounds}) == 3, "title rows, panes and the cursor's row stay apart"
    looks = {mean: theme.variables[mean] for mean in ("good", "bad", "wait", "place", "you", "strong", "quiet")}
    for mean, colour in looks.items():
        for ground in (theme.background or "", theme.variables["plane"], theme.variables["code"]):
            low, high = sorted((_light(colour), _light(ground)))
            assert (high + 0.05) / (low + 0.05) >= (4.0 if mean == "quiet" else 4.5), (mean, ground)
    assert len({_in_256(looks[mean]).number for mean in ("good", "bad", "wait", "place", "quiet")}) == 5


def test_the_colour_blind_theme_tells_good_from_bad_by_blue_and_orange() -> None:
    good, bad = (Color.parse(THEMES["colorblind"].variables[mean]).get_truecolor() for mean in ("good", "bad"))
    assert good.blue > good.red
    assert bad.red > bad.blue
    assert few_colours({"TERM": "xterm-256color"})
    assert not few_colours({"TERM": "xterm-256color", "COLORTERM": "truecolor"})


# a clean screen


def test_what_libraries_print_on_standard_error_is_kept_off_the_screen_and_told_after() -> None:
    before = sys.__stderr__
    with standard_error_kept() as told:
        os.write(2, b"WARNING: a library speaks\n\xff\n" + b"".join(b"line %d\n" % n for n in range(50)))
        assert told == []
        assert sys.__stderr__ is not before
    assert sys.__stderr__ is before
    assert told[-1] == "line 49"
    assert len(told) == 20
    with standard_error_kept() as told:
        pass
    assert told == []


def test_standard_error_comes_back_when_the_screen_breaks() -> None:
    inode = os.fstat(2).st_ino
    with pytest.raises(ValueError, match="broken"), standard_error_kept():
        raise ValueError("broken")
    assert os.fstat(2).st_ino == inode


@pytest.mark.parametrize("report", ["\x1b[<NaN;NaN;NaNM", "\x1b[<35;NaN;5m", "\x1b[<0;12;NaNM"])
def test_mouse_reports_that_are_none_are_not_typed(monkeypatch: pytest.MonkeyPatch, report: str) -> None:
    monkeypatch.setattr(linux_driver, "XTermParser", XTermParser)
    drop_broken_mouse_reports()
    parser = linux_driver.XTermParser()  # type: ignore[attr-defined]
    assert list(parser.feed(report)) == [], "alone it is no end of the input"
    keys = [event.key for event in parser.feed(f"a{report}b NaN") if isinstance(event, Key)]
    assert keys == ["a", "b", "space", "N", "a", "N"], "the word itself can be typed"
    assert not NOT_A_NUMBER.search("\x1b[<35;10;5M"), "real reports stay"


def test_keys_of_one_burst_keep_their_order() -> None:
    async def story(d: Driver) -> None:
        d._send(["a", "b", "ctrl+j", "c", "d"])
        await d.settle()
        assert d.session.prompt.text == "ab\ncd"
        d.session.prompt.text = ""
        d._send("/hea")
        d._send(["tab", "x"])
        await d.settle()
        assert d.session.prompt.text == "/health x"

    drive(story)


def test_a_bare_mode_shows_and_offers_and_changes_nothing() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        before = agent.status.mode
        await d.ask("/mode")
        assert f"now {before}" in d.text
        assert "suggest-only" in d.text
        await d.press("escape")
        assert agent.status.mode == before

    drive(story, agent)


def test_the_palette_shows_brackets_of_its_help() -> None:
    async def story(d: Driver) -> None:
        await d.press("ctrl+p")
        await d.type("check a host")
        await d.until(lambda: "[hosts]" in d.text)

    drive(story)
