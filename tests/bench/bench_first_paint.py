"""CPU until the first paint, against a bare Textual app with four panes; and what is imported before it.

Run with `pytest tests/bench/bench_first_paint.py -m bench -s`. Each run is a fresh interpreter that ends after its first paint.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.bench

RUNS = 7
ROOT = Path(__file__).resolve().parents[2]

BARE = """
from textual.app import App
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Header, Input, Static
class Bare(App):
    def compose(self):
        yield Header()
        with Horizontal():
            yield Static("chat")
            with Vertical():
                yield Static("cluster")
                yield Static("timeline")
                yield Static("output")
        yield Input()
        yield Footer()
    def on_mount(self):
        self.call_after_refresh(self.exit)
Bare().run(headless=True, size=(120, 40))
"""

OURS = """
from engine.core.config import load
from tui.app.app import K8sAgentApp
def agent():
    from engine.agent.agent import Agent
    from engine.session.connection import Opening
    return Agent(settings, Opening(demo=True), save=False)
class Painted(K8sAgentApp):
    async def _furnish(self):
        import sys
        late = [name for name in ("kubernetes", "ollama", "whoosh", "yaml", "httpx") if name in sys.modules]
        print("imported before the first paint:", late or "none of kubernetes, ollama, whoosh, yaml, httpx", file=sys.stderr)
        if "READY":
            await super()._furnish()
        else:
            self.exit()
    def _start(self):
        self.exit()
settings = load()
Painted(agent, settings).run(headless=True, size=(120, 40))
"""


def cpu(code: str, quiet: bool) -> float:
    """CPU seconds of one fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    errors = subprocess.DEVNULL if quiet else None
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=os.environ, stdout=subprocess.DEVNULL, stderr=errors)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_first_paint_against_a_bare_app() -> None:
    """Prints the median CPU of both and their ratio; the budget is 1.25. Then what it takes until the prompt takes keys."""
    painted, ready = OURS.replace("READY", ""), OURS
    for code in (BARE, painted, ready):
        cpu(code, quiet=False)  # warms the caches, and says what was imported
    rounds = [(cpu(BARE, True), cpu(painted, True), cpu(ready, True)) for _ in range(RUNS)]
    bare, ours, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"\nbare four panes {bare:.3f} s   k8sagent's frame {ours:.3f} s   ratio {ours / bare:.2f}x (budget 1.25x)")
    print(f"panes and prompt ready {whole:.3f} s   {whole / bare:.2f}x")
    assert ours < bare * 1.25
