"""Which is meant: asked in the middle of a question, answered by one key, left with none."""

from __future__ import annotations

import pytest
from driving import Clock, Driver, drive
from fakes.agent import Gate, Pick, ScriptedAgent, shop
from fakes.hostile import HOSTILE, MOVING

from engine.core.events import TokensStreamed
from engine.core.types import Choice, ChoiceRequest
from tui.screens.dialogs.choice import KEYS, ChoiceScreen

API = ChoiceRequest(
    "q1",
    "Which api is meant?",
    (Choice("a", "Deployment api", "shop"), Choice("b", "StatefulSet api", "payments"), Choice("c", "Deployment api-gateway", "shop")),
)


def an_agent(request: ChoiceRequest = API) -> tuple[ScriptedAgent, Pick]:
    agent, pick = shop(), Pick(request)
    agent.scripts["why is api down?"] = [pick, TokensStreamed(text="looked")]
    return agent, pick


async def asked(d: Driver, clock: Clock) -> None:
    await d.ask("why is api down?")
    clock.advance(1.1)
    d.controls.requests.open_next()
    await d.until(lambda: isinstance(d.app.screen, ChoiceScreen))
    await d.settle()


@pytest.mark.parametrize(
    ("keys", "picked"),
    [(["2"], "b"), (["enter"], "a"), (["down", "down", "enter"], "c"), (["escape"], None), (["9", "z", "pause", "3"], "c")],
    ids=["its number", "enter takes the marked one", "moved", "none of them", "a key of no choice does nothing"],
)
def test_one_key_chooses(keys: list[str], picked: str | None) -> None:
    agent, pick = an_agent()
    clock = Clock()

    async def story(d: Driver) -> None:
        await asked(d, clock)
        assert "Which api is meant?" in d.text
        assert "2 StatefulSet api  payments" in d.text
        clock.advance(0.6)
        for key in keys:
            if key == "pause":
                assert "typing does not answer" in d.text
                clock.advance(0.6)
            else:
                await d.press(key)
        clock.advance(0.6)
        await d.ended()

    drive(story, agent, clock=clock)
    assert pick.picked == [picked]


def test_keys_of_the_first_half_second_do_not_count_and_typing_is_waited_for() -> None:
    agent, pick = an_agent()
    clock = Clock()

    async def story(d: Driver) -> None:
        await d.ask("why is api down?")
        await d.type("2")
        d.controls.requests.open_next()
        await d.settle()
        assert not isinstance(d.app.screen, ChoiceScreen), "somebody is typing"
        clock.advance(1.1)
        d.controls.requests.open_next()
        await d.until(lambda: isinstance(d.app.screen, ChoiceScreen))
        await d.press("2", "enter")
        assert isinstance(d.app.screen, ChoiceScreen)
        clock.advance(0.5)
        await d.press("1")
        clock.advance(0.5)
        await d.ended()

    drive(story, agent, clock=clock)
    assert pick.picked == ["a"]


def test_stopping_the_question_closes_the_dialog_and_leaving_chooses_none() -> None:
    agent, pick = an_agent()
    clock = Clock()

    async def story(d: Driver) -> None:
        await asked(d, clock)
        d.controls.questions.stop("stopped by the user")
        await d.until(lambda: not isinstance(d.app.screen, ChoiceScreen))
        await d.ended()
        await asked(d, clock)

    drive(story, agent, clock=clock)
    assert pick.picked in ([], [""]), "leaving the program chose nothing"
    assert all(run.finished for run in agent.runs)


def test_what_was_chosen_stands_in_the_timeline_and_waiting_is_said() -> None:
    agent, _ = an_agent()
    clock = Clock()
    gate = Gate()
    agent.scripts["why is api down?"] = [*agent.scripts["why is api down?"], gate]

    async def story(d: Driver) -> None:
        await asked(d, clock)
        assert any("waiting for your choice" in row for row in (para.plain for para in d.session.workspace.chat.turns["run-1"]._body.paras))
        clock.advance(0.6)
        await d.press("2")
        clock.advance(0.6)
        await d.until(lambda: not isinstance(d.app.screen, ChoiceScreen))
        await d.until(lambda: any("StatefulSet api" in row for row in d.rows("#timeline-rows")))
        gate.open()
        await d.ended()

    drive(story, agent, clock=clock)


def test_many_choices_scroll_and_keep_their_keys_on_a_small_screen() -> None:
    many = ChoiceRequest("q1", "Which?", tuple(Choice(f"id{n}", f"pod-{n:02}") for n in range(40)))
    agent, pick = an_agent(many)
    clock = Clock()

    async def story(d: Driver) -> None:
        await asked(d, clock)
        assert "none of them" in d.text
        assert f"{KEYS[-1]} pod-08" in d.text
        clock.advance(0.6)
        await d.press("end", "up")
        assert "pod-39" in d.text
        await d.press("enter")
        await d.ended()

    drive(story, agent, clock=clock, size=(80, 24))
    assert pick.picked == ["id38"]


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_choices_are_shown_literally(hostile: str) -> None:
    agent, _ = an_agent(ChoiceRequest("q1", hostile, (Choice("a", hostile, hostile), Choice("b", "b"))))
    clock = Clock()

    async def story(d: Driver) -> None:
        await asked(d, clock)
        assert not MOVING & set(d.text.replace("\n", ""))
        assert "none of them" in d.text
        clock.advance(0.6)
        await d.press("2")
        clock.advance(0.6)
        await d.ended()

    drive(story, agent, clock=clock, size=(80, 24))
