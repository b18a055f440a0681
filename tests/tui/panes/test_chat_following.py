"""The newest turn is always in sight when it is asked and while it grows, unless the person scrolled up."""

from __future__ import annotations

import pytest
from driving import Driver, drive
from fakes.agent import Gate, ScriptedAgent, shop

from engine.core.events import AnswerFinished, CommandFinished, CommandOutput, CommandStarted, TokensStreamed
from engine.core.types import Answer

PODS = ("NAME    READY   STATUS", *(f"web-{n:02}  1/1     Running" for n in range(12)))


def chatty() -> ScriptedAgent:
    agent = shop()
    for number in range(6):
        text = "\n\n".join(f"line {line} of answer {number}" for line in range(4 * number + 2))
        agent.scripts[f"question {number}?"] = [TokensStreamed(text=text), AnswerFinished(answer=Answer("informational", text))]
    agent.commands.scripts["kubectl get pods"] = [
        CommandStarted(id="c1", command="kubectl get pods"),
        CommandOutput(id="c1", stream="stdout", lines=PODS),
        CommandFinished(id="c1", exit_code=0, seconds=0.1, bytes=300),
    ]
    return agent


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_every_question_is_in_sight_when_it_is_answered(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        for number in (0, 1, 2, 3, 4, 5, 0):
            await d.ask(f"question {number}?")
            await d.ended()
            assert f"question {number}?" in d.text
            assert f"line 0 of answer {number}" in d.text
        await d.ask("/clear")
        for number in (3, 1):
            await d.ask(f"question {number}?")
            await d.ended()
            assert f"question {number}?" in d.text, "after a new session, too"

    drive(story, chatty(), size=size)


def test_a_typed_command_shows_its_table_in_the_chat() -> None:
    async def story(d: Driver) -> None:
        await d.ask("question 5?")
        await d.ask("!kubectl get pods")
        await d.ended()
        assert "you  kubectl get pods" in d.text
        assert "web-11" in d.flows("#chat")
        await d.ask("question 1?")
        assert "web-11" in d.flows("#chat"), "an older turn keeps it"

    drive(story, chatty(), size=(120, 40))


def test_who_scrolls_up_stays_there_and_is_shown_the_way_back() -> None:
    agent, gate = chatty(), Gate()
    agent.scripts["slow?"] = [TokensStreamed(text="begins\n\n"), gate, TokensStreamed(text="\n\n".join(f"more {n}" for n in range(40)))]

    async def story(d: Driver) -> None:
        await d.ask("question 5?")
        assert "jump to newest" not in d.text
        d.session.workspace.show("chat")
        await d.ask("slow?")
        d.session.workspace.show("chat")
        await d.settle()
        await d.press("g")
        await d.until(lambda: "question 5?" in d.text and "jump to newest" in d.text)
        gate.open()
        await d.ended()
        assert "question 5?" in d.text, "what grows below does not pull the reader down"
        await d.press("G")
        assert "more 39" in d.text
        assert "jump to newest" not in d.text
        await d.press("g")
        await d.until(lambda: "jump to newest" in d.text)
        await d.ask("question 0?")
        assert "line 0 of answer 0" in d.text, "a question of one's own is always followed"

    drive(story, agent, size=(120, 40))
