"""The documentation as a person reads it: search, open, back and forward, and a command that goes through the normal approval."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from driving import Driver, an_app, drive
from fakes import stories
from fakes.agent import ScriptedAgent, shop
from fakes.docs import SmallDocs
from textual.pilot import Pilot
from textual.widgets import Input

from engine.core.events import AnswerFinished, PassagesFound, StepFinished, StepStarted
from engine.core.types import Answer
from index.passage import Passage
from tui.screens.docs import DocsScreen, PageCommand


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDocs]:
    folder = tmp_path_factory.mktemp("docs")
    desk = SmallDocs(folder, folder / "cache")
    yield desk
    desk.close()


@pytest.fixture
def agent(docs: SmallDocs) -> ScriptedAgent:
    one = shop()
    one.docs = docs  # type: ignore[attr-defined]
    return one


def page(d: Driver) -> DocsScreen:
    screen = d.app.screen
    assert isinstance(screen, DocsScreen)
    return screen


def test_results_say_where_with_the_lines_that_match_and_the_command(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.ask("/docs claim asks for which class")
        rows = d.rows("#found")
        assert rows[0].strip() == "docs/claims.md › Diagnose:13"
        assert any("which one" in row for row in rows[1:3])
        assert "$ kubectl get pvc my-claim -n my-namespace -o yaml" in "\n".join(rows)
        assert any(row.strip().startswith("past incident  PvcPending: data-orders-db-0") for row in rows)
        marked = [text for row in page(d)._list.rows if not row.selectable for text, look in row.left if look == "bold $strong"]
        assert "class" in {text.lower() for text in marked} | {text.lower()[:5] for text in marked}

    drive(story, agent)


def test_typing_searches_and_nothing_typed_lists_every_document(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.press("f6")
        assert [row.split()[0] for row in d.rows("#found")][:3] == ["docs/claims.md", "docs/crashes.md", "docs/hostile.md"]
        await d.type("crashloopbackoff")
        assert d.rows("#found")[0].strip() == "docs/crashes.md › Symptoms:3"
        await d.type(" zzz")
        d.app.screen.query_one(Input).value = "zzzz"
        await d.settle()
        assert "nothing matches “zzzz”" in d.text

    drive(story, agent)


def test_enter_opens_the_page_at_its_section_rendered(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.ask("/docs make the claim anew, it holds no data")
        await d.press("enter")
        await d.until(lambda: page(d).reading)
        text = d.flows("#page")
        assert "**" not in text
        assert "• a class that is missing" in text
        assert "title:" not in text, "the front matter is for the index"
        fix = next(widget for part, widget in page(d)._parts if part.kind == "heading" and part.text == "Fix")
        assert fix.region.y < page(d)._page.region.bottom
        assert "docs/claims.md" in d.text

    drive(story, agent, size=(80, 24))


def test_back_and_forward_go_through_the_pages_and_esc_peels(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.ask("/docs crashloopbackoff")
        await d.press("enter")
        await d.until(lambda: "docs/crashes.md" in d.text)
        await d.press("slash")
        d.app.screen.query_one(Input).value = "storageclass"
        await d.settle()
        await d.press("enter")
        await d.until(lambda: "docs/claims.md" in d.text)
        await d.press("left_square_bracket")
        await d.until(lambda: "CrashLoopBackOff with exit code 1" in d.flows("#page"))
        await d.press("right_square_bracket")
        await d.until(lambda: "docs/claims.md" in d.text)
        await d.press("right_square_bracket")
        assert "docs/claims.md" in d.text
        await d.press("escape")
        assert not page(d).reading
        await d.press("escape")
        assert not isinstance(d.app.screen, DocsScreen)
        await d.ask("/docs")
        await d.until(lambda: isinstance(d.app.screen, DocsScreen) and page(d).reading, "it is where it was left")

    drive(story, agent)


def test_a_command_of_the_page_runs_through_the_desk_of_typed_commands(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.ask("/docs which class does the claim ask for")
        await d.press("enter")
        await d.until(lambda: page(d).reading)
        await d.press("n")
        first = d.app.focused
        assert isinstance(first, PageCommand)
        assert first.command == "kubectl get storageclass"
        await d.press("n")
        second = d.app.focused
        assert isinstance(second, PageCommand)
        assert second.command == "kubectl get pvc my-claim -n my-namespace -o yaml"
        await d.press("N", "r")
        await d.until(lambda: bool(agent.commands.ran))
        assert agent.commands.ran == ["kubectl get storageclass"]
        assert not isinstance(d.app.screen, DocsScreen)
        await d.ended()

    drive(story, agent)


def test_a_command_can_be_brought_into_the_prompt_instead(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.ask("/docs claim may be made anew")
        await d.press("enter")
        await d.until(lambda: page(d).reading)
        await d.press("n", "n", "n", "n", "e")
        assert d.session.prompt.text == "!kubectl delete pvc my-claim -n my-namespace"
        assert agent.commands.ran == []

    drive(story, agent)


def test_r_on_a_page_without_commands_runs_nothing(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.ask("/docs crashloopbackoff")
        await d.press("enter")
        await d.until(lambda: page(d).reading)
        await d.press("n", "r")
        assert isinstance(d.app.screen, DocsScreen)
        assert agent.commands.ran == []

    drive(story, agent)


def test_a_document_s_words_are_literal(agent: ScriptedAgent) -> None:
    async def story(d: Driver) -> None:
        await d.ask("/docs press the widget")
        assert "[bold red]page[/]" in d.text or "[@click=app.quit]press[/]" in d.text
        await d.press("enter")
        await d.until(lambda: page(d).reading)
        assert "[@click=app.quit]press[/]" in d.text
        assert "\x1b" not in d.text

    drive(story, agent)


def test_a_document_that_is_gone_is_told(agent: ScriptedAgent, docs: SmallDocs) -> None:
    async def story(d: Driver) -> None:
        gone = docs.pages / "gone.md"
        gone.write_text("# Gone\n\nfrobnicate the gizmo\n")
        docs.rebuild()
        await d.ask("/docs frobnicate")
        gone.unlink()
        await d.press("enter")
        await d.settle()
        assert not page(d).reading
        assert "docs/gone.md" in "\n".join(str(n.message) for n in d.app._notifications)

    drive(story, agent)


def test_slash_runbook_asks_the_engine_for_a_draft(agent: ScriptedAgent) -> None:
    agent.draft_runbook = lambda: agent.play("/runbook", [AnswerFinished(answer=Answer("action", "Written: a.md"))])  # type: ignore[attr-defined]

    async def story(d: Driver) -> None:
        await d.ask("/runbook")
        await d.until(lambda: "Written: a.md" in d.flows("#chat"))

    drive(story, agent)


def test_an_answer_shows_what_the_runbook_says_below_the_fix(agent: ScriptedAgent) -> None:
    answer = dataclasses.replace(stories.DIAGNOSIS, passages=tuple(stories.PASSAGES), quotes=("The claim holds no data.",))
    agent.scripts["why?"] = [AnswerFinished(answer=answer)]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.ended()
        shown = d.flows("#chat")
        order = [shown.index(part) for part in ("Fix", "From the runbook D1", "│ The claim holds no data.", "from D1")]
        assert order == sorted(order)
        await d.ask("why?")
        assert d.flows("#chat").count("│ The claim holds no data.") >= 1, "a frozen turn keeps it"

    drive(story, agent)


def test_a_past_incident_stands_in_the_timeline_and_opens(agent: ScriptedAgent) -> None:
    passage = Passage("incidents/20260105.md", ("PvcPending: orders-db",), (7, 20), "## Outcome\n\nexit 0", id="I1", corpus="incidents")
    agent.scripts["why?"] = [
        StepStarted(id="s1", title="look at past incidents", kind="search"),
        PassagesFound(passages=(passage,)),
        StepFinished(id="s1", seconds=0.1, detail="1 alike"),
    ]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.ended()
        rows = d.rows("#timeline-rows")
        at = next(n for n, row in enumerate(rows) if "↩ I1 PvcPending: orders-db" in row)
        d.session.workspace.show("timeline")
        await d.settle()
        d.session.workspace.timeline.list.move_to(at)
        await d.press("enter")
        assert "exit 0" in d.flows()
        assert "incidents/20260105.md" in d.flows()

    drive(story, agent)


SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("view", ["found", "page"])
def test_the_reader_looks_as_it_did(snap_compare: Any, agent: ScriptedAgent, view: str, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        d = Driver(pilot.app, pilot)  # type: ignore[arg-type]
        await d.settle()
        await d.ask("/docs which class does the claim ask for")
        if view == "page":
            await d.press("enter")
            await d.until(lambda: page(d).reading)
            await d.press("n")
        await d.settle()

    assert snap_compare(an_app(agent), terminal_size=size, run_before=before)
