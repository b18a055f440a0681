"""A session in a real pseudo-terminal: the demo, the namespace by keys, a question, its evidence, no, yes, an export, the end."""

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

BETWEEN = 2.0
"""Seconds between two presses of a key: an answer needs quiet before and after it."""


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

    def until(self, text: str, *, press: str = "", gone: bool = False) -> str:
        """Look until a text is on the screen (or gone from it), pressing a key again and again where one is given."""
        end, pressed = time.monotonic() + PATIENCE, float("-inf")
        while True:
            shown = self.look()
            if (text in shown) is not gone:
                return shown
            if not self.child.isalive() and time.monotonic() > end - PATIENCE + 1:
                pytest.fail(f"the program ended before {text!r} was shown:\n{shown}")
            if time.monotonic() > end:
                pytest.fail(f"{text!r} was not shown:\n{shown}")
            if press and time.monotonic() - pressed > BETWEEN:
                self.child.send(press)
                pressed = time.monotonic()

    def type(self, text: str) -> None:
        self.child.send(text)


def left_behind(session: int) -> list[str]:
    """Command lines of processes that still belong to a terminal's session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append((stat.parent / "cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " "))
        except (OSError, IndexError, ValueError):
            continue
    return found


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal([sys.executable, "-m", "tui.cli", "--demo", "-n", "orders"], 120, 40)
    yield made
    made.child.close(force=True)


@pytest.mark.terminal
@pytest.mark.kubectl
@pytest.mark.timeout(400)
def test_a_first_session(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until("cluster v1.36")
    terminal.until("orders-web")
    terminal.type("\x0e")  # ctrl+n
    terminal.until("all namespaces")
    terminal.type("shop")
    terminal.until("type to filter", gone=True)
    terminal.type("\r")
    terminal.until("checkout-api")

    terminal.type("\x1b[<NaN;NaN;NaNM")  # what VS Code's terminal sends for a mouse that it has lost
    terminal.type("why is checkout-api restarting?\r")
    shown = terminal.until("STRIPE_API_KEY")
    assert "you  why is checkout-api restarting?" in shown
    assert "Root cause" in shown
    terminal.until("crash-loop.md")

    terminal.type("\x0f")  # ctrl+o: from the prompt to the chat
    terminal.until("] [ links")
    terminal.type("]\r")  # enter on the first citation opens its evidence
    terminal.until("esc close")
    terminal.type("\x1b")
    terminal.until("esc close", gone=True)
    terminal.type("\x1b")  # and from the chat back to the prompt
    terminal.until("] [ links", gone=True)

    terminal.type("scale deployment cart-api in shop to 3\r")
    shown = terminal.until("run once")
    assert "mutate" in shown
    assert "--replicas=3" in shown
    terminal.until("enter rejects", press="n")
    terminal.type("\r")
    terminal.until("Nothing was changed")

    terminal.type("scale deployment cart-api in shop to 4\r")
    terminal.until("--replicas=4")
    terminal.until("4 of them ready", press="y")

    report = tmp_path / "report.md"
    terminal.type("\x15")  # ctrl+u: a y that came after the dialog stands in the prompt
    terminal.type(f"/export {report}\r")
    terminal.until("exported to")
    written = report.read_text(encoding="utf-8")
    assert "### Timeline" in written
    assert "asked to approve" in written
    assert "answer: reject" in written
    assert "answer: approve" in written

    terminal.type("\x11")  # ctrl+q
    terminal.child.expect(pexpect.EOF, timeout=PATIENCE)
    terminal.child.close()
    assert terminal.child.exitstatus == 0
    assert left_behind(terminal.child.pid) == [], "no process of the session outlives it"
