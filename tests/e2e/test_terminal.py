"""The whole thing in a real pseudo-terminal: start the demo, ask, open evidence, reject, approve, switch the namespace, quit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds until something that does not show up is missing; a bound for broken code, not a measure of speed."""


class Terminal:
    """A person's terminal: what is typed goes in, what is on the screen comes out."""

    def __init__(self, argv: list[str], columns: int, rows: int) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}  # the pty has a size of its own
        env = {**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", "OLLAMA_HOST": "http://127.0.0.1:9"}
        self.child = pexpect.spawn(argv[0], argv[1:], dimensions=(rows, columns), cwd=str(ROOT), env=env, timeout=PATIENCE)  # type: ignore[arg-type]
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)

    def look(self, seconds: float = 0.1) -> str:
        """Take in what was printed within a moment; the screen's text."""
        try:
            self._stream.feed(self.child.read_nonblocking(65536, timeout=seconds))
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass
        return "\n".join(self.screen.display)

    def until(self, text: str, *, press: str = "") -> str:
        """Look until a text is on the screen, pressing a key before each look where one is given."""
        end = time.monotonic() + PATIENCE
        while True:
            shown = self.look(0.2 if press else 0.1)
            if text in shown:
                return shown
            if not self.child.isalive() and time.monotonic() > end - PATIENCE + 1:
                pytest.fail(f"the program ended before {text!r} was shown:\n{shown}")
            if time.monotonic() > end:
                pytest.fail(f"{text!r} was not shown:\n{shown}")
            if press:
                self.child.send(press)

    def type(self, text: str) -> None:
        self.child.send(text)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal([sys.executable, "-m", "tui.cli", "--demo", "-n", "shop"], 120, 40)
    yield made
    made.child.close(force=True)


@pytest.mark.terminal
@pytest.mark.kubectl
@pytest.mark.timeout(400)
def test_a_first_session(terminal: Terminal) -> None:
    terminal.until("cluster v1.36")
    terminal.until("checkout-api")
    terminal.type("why is checkout-api restarting?\r")
    shown = terminal.until("STRIPE_API_KEY")
    assert "Root cause" in shown
    terminal.until("crash-loop.md")

    terminal.type("scale deployment cart-api in shop to 3\r")
    shown = terminal.until("run once")
    assert "mutate" in shown
    assert "--replicas=3" in shown
    terminal.until("reject because", press="n")
    terminal.type("\r")
    terminal.until("Nothing was changed")

    terminal.type("scale deployment cart-api in shop to 4\r")
    terminal.until("--replicas=4")
    terminal.until("4 of them ready", press="y")

    terminal.type("\x0e")  # ctrl+n
    terminal.until("all namespaces")
    terminal.type("orders")
    terminal.until("orders")
    terminal.type("\r")
    terminal.until("orders-web")

    terminal.type("\x11")  # ctrl+q
    terminal.child.expect(pexpect.EOF, timeout=PATIENCE)
    terminal.child.close()
    assert terminal.child.exitstatus == 0
