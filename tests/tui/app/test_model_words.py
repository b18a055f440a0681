"""The model on the screen: the list, another one by word, a download, and the question about a server on another machine."""

from __future__ import annotations

from driving import Clock, Driver, drive
from fakes.agent import a_status, shop

from engine.core.events import StepFinished, StepProgress, StepStarted
from tui.screens.dialogs.base import Confirm


def told(d: Driver) -> str:
    return " ".join(str(n.message) for n in d.app._notifications)


def test_the_page_lists_what_the_server_has() -> None:
    async def story(d: Driver) -> None:
        await d.ask("/model")
        await d.until(lambda: "qwen2.5:3b" in d.text)
        assert "4.9 GB" in d.text
        assert "context 131072" in d.text

    drive(story)


def test_a_name_switches_and_an_unknown_one_is_answered_with_the_nearest() -> None:
    async def story(d: Driver) -> None:
        await d.ask("/model qwen2.5:3b")
        await d.until(lambda: "qwen2.5:3b" in d.lines[0])
        await d.ask("/model qwen")
        await d.until(lambda: "did you mean" in told(d))

    drive(story)


def test_a_download_is_a_run_whose_step_counts_up() -> None:
    agent = shop()
    agent.scripts["/model pull"] = [
        StepStarted(id="pull", title="download big:70b", kind="model"),
        StepProgress(id="pull", detail="pulling x", done=40, total=100),
    ]

    async def story(d: Driver) -> None:
        await d.ask("/model pull big:70b")
        await d.until(lambda: any("pulling x 40 %" in row for row in d.rows("#timeline-rows")))
        agent.publish(StepFinished(run=agent.runs[-1].id, id="pull", seconds=1.0))

    drive(story, agent)


def test_a_server_elsewhere_is_used_after_a_yes_and_its_name_stays_in_the_header() -> None:
    agent, clock = shop(), Clock()

    async def story(d: Driver) -> None:
        agent.set_model(model_state="asks", model_host="gpu-box")
        await d.until(lambda: isinstance(d.app.screen, Confirm))
        await d.until(lambda: "gpu-box" in "\n".join(d.lines))
        await d.press("y")
        clock.advance(0.6)
        await d.settle()
        assert "allow gpu-box" not in agent.log, "it opened by itself: a key of the first half second is text"
        await d.press("y")
        clock.advance(0.6)
        await d.until(lambda: "allow gpu-box" in agent.log)
        await d.until(lambda: "llama3.1:8b @ gpu-box" in d.lines[0])

    drive(story, agent, size=(140, 40), clock=clock)


def test_enter_means_no_and_the_host_is_not_asked_about_twice() -> None:
    agent, clock = shop(), Clock()
    agent.status = a_status(model_state="asks", model_host="gpu-box")

    async def story(d: Driver) -> None:
        agent.set_model()
        await d.until(lambda: isinstance(d.app.screen, Confirm))
        clock.advance(0.6)
        await d.press("enter")
        await d.until(lambda: "/model allow gpu-box" in told(d))
        agent.set_model()
        await d.settle()
        assert not isinstance(d.app.screen, Confirm)
        assert "allow gpu-box" not in agent.log

    drive(story, agent, clock=clock)


def test_the_window_and_what_it_cost_open_by_word_and_beside_the_contexts() -> None:
    async def story(d: Driver) -> None:
        for words in ("/tokens", "/context window"):
            await d.ask(words)
            await d.until(lambda: "window 8192 tokens" in "\n".join(d.lines))
            await d.press("escape")

    drive(story)
