"""Draws the screenshots of README and guide from the session itself: `make images` (docs/guide/images/*.svg)."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from engine.agent.agent import Agent  # noqa: E402
from engine.core.config import ClusterSettings, ModelSection, Settings  # noqa: E402
from engine.session.connection import Opening  # noqa: E402
from tui.app.app import K8sAgentApp  # noqa: E402

SIZE = (120, 40)
PATIENCE = 60.0


async def draw(folder: Path) -> None:
    """The demo as it opens, an answer with its timeline, the dialog before a change, and the saved sessions."""
    settings = Settings(cluster=ClusterSettings(namespace="shop"), model=ModelSection(provider="none"))
    app = K8sAgentApp(lambda: Agent(settings, Opening(demo=True)), settings, moving=False)

    async def until(text: str) -> None:
        for _ in range(int(PATIENCE / 0.05)):
            strips = app.screen._compositor.render_strips()
            if any(text in "".join(segment.text for segment in strip) for strip in strips):
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{text!r} was not shown")

    async def shot(name: str) -> None:
        await asyncio.sleep(0.5)
        (folder / f"{name}.svg").write_text(app.export_screenshot(title="K8sAgent"), encoding="utf-8")

    async with app.run_test(size=SIZE) as pilot:
        await until("checkout-api")
        await until("Problems in")
        await until("docs")
        await shot("start")
        app.controls.questions.send("why is checkout-api restarting?")
        await until("Root cause")
        await until("exit 0")
        await shot("answer")
        app.controls.questions.send("scale deployment cart-api in shop to 3")
        await until("run once")
        await shot("approval")
        await asyncio.sleep(0.6)
        await pilot.press("escape")
        await until("rejected")
        await pilot.press("f8")
        await until("1 session")
        await shot("sessions")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state:
        os.environ |= {"XDG_STATE_HOME": state, "XDG_CACHE_HOME": state, "XDG_CONFIG_HOME": state}
        asyncio.run(draw(ROOT / "docs/guide/images"))
