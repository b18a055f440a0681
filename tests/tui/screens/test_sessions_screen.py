"""Saved sessions: found, looked into, gone on with, exported, deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import Driver, drive
from fakes import stories
from fakes.agent import Gate, ScriptedSessions, saved, shop
from fakes.hostile import HOSTILE, MOVING
from fakes.screens import keeping

from engine.core.events import StepStarted
from tui.panes.chat import Turn
from tui.screens.dialogs.base import Confirm, Line
from tui.screens.sessions import SessionsScreen


def told(d: Driver) -> str:
    return "\n".join(str(n.message) for n in d.app._notifications)


async def opened(d: Driver) -> None:
    await d.press("f8")
    await d.until(lambda: isinstance(d.app.screen, SessionsScreen))
    await d.settle()


def test_sessions_stand_newest_first_with_the_marked_one_beside_them(tmp_path: Path) -> None:
    async def story(d: Driver) -> None:
        await opened(d)
        rows = d.rows("#sessions")
        assert [("which pods" in row, "why 502?" in row) for row in rows] == [(True, False), (False, True)]
        assert "2 sessions" in d.text
        await d.press("down")
        assert "premium-ssd" in d.text, "the root cause that was found"
        assert "20261120-100000-aaaaaa" in d.text

    drive(story, keeping(tmp_path), folder=tmp_path)


def test_the_search_looks_at_questions_causes_and_contexts(tmp_path: Path) -> None:
    async def story(d: Driver) -> None:
        await opened(d)
        await d.press("slash")
        await d.type("premium demo")
        assert len(d.rows("#sessions")) == 1
        assert "1 of 2" in d.text
        await d.type(" nowhere")
        assert "nothing matches" in d.text
        await d.press("escape")
        assert len(d.rows("#sessions")) == 2, "esc ends the search first"
        await d.press("escape")
        assert not isinstance(d.app.screen, SessionsScreen)

    drive(story, keeping(tmp_path), folder=tmp_path)


def test_going_on_shows_the_transcript_as_it_ended(tmp_path: Path) -> None:
    agent = keeping(tmp_path)

    async def story(d: Driver) -> None:
        await d.ask("something else")
        await d.ended()
        await opened(d)
        await d.press("down", "enter")
        await d.until(lambda: "Root cause  Persistent" in d.flows("#chat"))
        assert "something else" not in d.flows("#chat")
        assert [turn.view.query for turn in d.app.query(Turn)] == ["why 502?", "!kubectl get pods"]
        assert not d.session.running
        assert not d.session.pending.waiting
        first = d.session.views["20261120-100000-aaaaaa-1"]
        assert first.took(0.0) == 4.1
        assert first.evidence["E5"].excerpt == "premium-ssd"
        d.controls.pages.cite(first.id, "E5")
        await d.settle()
        assert "premium-ssd" in d.text

    drive(story, agent, folder=tmp_path)
    assert "resume 20261120-100000-aaaaaa" in agent.log


def test_a_session_that_was_killed_in_a_question_says_so(tmp_path: Path) -> None:
    agent = shop()
    path = saved(tmp_path, "20261123-1-d", [("why?", [*stories.until_testing(), StepStarted(id="s9", title="never ended")])])
    kept = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(kept[:-1]) + '\n{"event":"RunFin', encoding="utf-8")
    agent.sessions = ScriptedSessions(tmp_path)

    async def story(d: Driver) -> None:
        await d.ask("/sessions 20261123")
        await d.until(lambda: "the session ended here" in d.flows("#chat"))
        assert not d.session.running

    drive(story, agent, folder=tmp_path)


def test_a_session_resumed_from_the_command_line_is_shown_at_the_start(tmp_path: Path) -> None:
    agent = keeping(tmp_path)
    agent.resume_session("20261120-100000-aaaaaa")

    async def story(d: Driver) -> None:
        assert "Root cause  Persistent" in d.flows("#chat")

    drive(story, agent, folder=tmp_path)


def test_nothing_is_resumed_while_something_runs(tmp_path: Path) -> None:
    agent = keeping(tmp_path)
    agent.scripts["why?"] = [Gate()]

    async def story(d: Driver) -> None:
        await d.ask("why?")
        await opened(d)
        await d.press("enter")
        assert "still running" in told(d)
        assert not any(line.startswith("resume") for line in agent.log)

    drive(story, agent, folder=tmp_path)


def test_deleting_asks_and_the_safe_answer_is_no(tmp_path: Path) -> None:
    file = tmp_path / "20261120-100000-aaaaaa.jsonl"

    async def story(d: Driver) -> None:
        await opened(d)
        await d.press("down")
        for key, left in (("enter", 2), ("n", 2), ("escape", 2), ("y", 1)):
            await d.press("d")
            assert isinstance(d.app.screen, Confirm), "the mark stays on the session that was asked about"
            assert file.stem in d.text
            await d.press(key)
            await d.until(lambda: isinstance(d.app.screen, SessionsScreen))
            await d.settle()
            assert len(d.rows("#sessions")) == left, key
            assert file.exists() is (left == 2), key

    drive(story, keeping(tmp_path), folder=tmp_path)


def test_the_session_that_one_is_in_is_not_deleted(tmp_path: Path) -> None:
    agent = keeping(tmp_path)
    agent.session_id = "20261120-100000-aaaaaa"

    async def story(d: Driver) -> None:
        await opened(d)
        assert any(row.lstrip().startswith("●") and "why 502?" in row for row in d.rows("#sessions"))
        await d.press("down", "d")
        assert "start a new one with /clear" in told(d)

    drive(story, agent, folder=tmp_path)
    assert (tmp_path / "20261120-100000-aaaaaa.jsonl").exists()


def test_a_session_is_exported_as_the_name_says(tmp_path: Path) -> None:
    names = {"a.md": "### Timeline", "a.json": '"QueryReceived"', "a.txt": "> why 502?"}

    async def story(d: Driver) -> None:
        for name in names:
            await opened(d)
            await d.press("down", "e")
            assert isinstance(d.app.screen, Line)
            d.app.screen._field.value = str(tmp_path / name)
            await d.press("enter")
            await d.until(lambda name=name: (tmp_path / name).exists() and f"{name}" in told(d))  # type: ignore[misc]
            await d.settle()

    drive(story, keeping(tmp_path), folder=tmp_path)
    for name, holds in names.items():
        assert holds in (tmp_path / name).read_text(encoding="utf-8"), name
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600, name


def test_an_export_overwrites_nothing_and_names_what_is_wrong(tmp_path: Path) -> None:
    agent = keeping(tmp_path)
    agent.session_id = "20261120-100000-aaaaaa"
    (tmp_path / "there.md").write_text("mine")

    async def story(d: Driver) -> None:
        await d.ask(f"/export {tmp_path / 'there.md'}")
        await d.until(lambda: "already exists" in told(d))
        await d.ask(f"/export {tmp_path / 'a.doc'}")
        await d.until(lambda: "must end in .md, .json, .txt" in told(d))
        await d.ask(f"/export {tmp_path}/no/such/a.md")
        await d.until(lambda: "cannot be written" in told(d))

    drive(story, agent, folder=tmp_path)
    assert (tmp_path / "there.md").read_text() == "mine"


def test_without_a_folder_the_reason_is_told() -> None:
    async def story(d: Driver) -> None:
        await opened(d)
        assert "No saved sessions yet" in d.text
        await d.press("enter", "d", "e", "escape")
        await d.ask("/export")
        await d.until(lambda: "--no-save" in told(d))

    drive(story)


@pytest.mark.parametrize("kind", ["markup", "invisible", "scripts", "huge"])
def test_hostile_questions_are_shown_literally(tmp_path: Path, kind: str) -> None:
    agent = shop()
    saved(tmp_path, "20261120-1-a", [(HOSTILE[kind], [*stories.until_testing(), *stories.until_answer()])], namespace=HOSTILE[kind])
    agent.sessions = ScriptedSessions(tmp_path)

    async def story(d: Driver) -> None:
        await opened(d)
        assert not MOVING & set(d.text.replace("\n", ""))
        assert "resume" in d.text
        await d.press("enter")
        await d.until(lambda: "Root cause" in d.flows("#chat"))
        assert not MOVING & set(d.text.replace("\n", ""))

    drive(story, agent, folder=tmp_path)
