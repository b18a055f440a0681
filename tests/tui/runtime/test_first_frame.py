"""The frame stands before anything that fills it is made; what is typed meanwhile is kept, and a session that cannot begin says why."""

from __future__ import annotations

import asyncio

import pytest
from driving import an_app, running
from fakes.agent import ScriptedAgent, shop
from textual.events import Key

from tui.app.app import K8sAgentApp
from tui.runtime.first_frame import FirstFrame


@pytest.mark.parametrize(("size", "words"), [((120, 40), ["cluster", "timeline", "output"]), ((80, 24), ["chat", "cluster", "timeline"])])
def test_the_frame_is_painted_before_the_agent_is_made_and_keys_typed_then_are_kept(size: tuple[int, int], words: list[str]) -> None:
    seen: list[str] = []

    def maker() -> ScriptedAgent:
        strips = app.screen._compositor.render_strips()
        seen.extend("".join(segment.text for segment in strip).rstrip() for strip in strips)
        assert app.query(FirstFrame)
        for key in "hi":
            event = Key(key, key)
            event.set_sender(app)
            assert app._driver is not None
            app._driver.send_message(event)
        return shop()

    app: K8sAgentApp = an_app(maker)  # type: ignore[arg-type]

    async def main() -> None:
        async with running(app, size) as d:
            await d.until(lambda: app.session.prompt.text == "hi", "what was typed stands in the prompt")
            assert not app.query(FirstFrame)

    asyncio.run(main())
    text = "\n".join(seen)
    assert all(word in text for word in words), text
    assert "K8sAgent" in text


def test_a_session_that_cannot_begin_ends_with_the_reason() -> None:
    def maker() -> ScriptedAgent:
        raise OSError("the transcript cannot be written")

    app: K8sAgentApp = an_app(maker)  # type: ignore[arg-type]

    async def main() -> None:
        async with app.run_test() as pilot:
            while app.is_running and not app._exit:
                await pilot.pause()

    asyncio.run(main())
    assert app.problem == "the transcript cannot be written"
    assert app.return_code == 2
