"""The line mode and `troubleshoot` at a real terminal: approvals typed in full, ctrl+c, no colour, nothing drawn."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@pytest.fixture
def terminal() -> Iterator[list[pexpect.spawn]]:
    children: list[pexpect.spawn] = []
    yield children
    for child in children:
        child.close(force=True)


def spawn(children: list[pexpect.spawn], *argv: str) -> pexpect.spawn:
    env = {**os.environ, "OLLAMA_HOST": "http://127.0.0.1:9", "TERM": "xterm-256color"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "tui.cli", *argv],
        cwd=str(ROOT),
        env=env,  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(40, 200),
        echo=False,
    )
    children.append(child)
    return child


@pytest.mark.terminal
@pytest.mark.kubectl
def test_a_session_line_by_line(terminal: list[pexpect.spawn], tmp_path: Path) -> None:
    child = spawn(terminal, "interactive", "--plain", "--demo", "-n", "shop")
    seen = (tmp_path / "seen").open("w+", encoding="utf-8")
    child.logfile_read = seen
    child.expect("demo/shop> ")

    child.sendline("scale deployment cart-api to 3")
    child.expect("type yes to approve")
    child.sendline("y")
    child.expect("Nothing was changed")
    child.expect("demo/shop> ")

    child.sendline("scale deployment cart-api to 3")
    child.expect("type yes to approve")
    child.sendline("yes")
    child.expect("3 replicas")
    child.expect("demo/shop> ")

    child.sendline("!kubectl delete deployment cart-api")
    child.expect("type cart-api to approve")
    child.sendline("yes")
    child.expect("cart-api' was not typed")
    child.expect("demo/shop> ")

    child.sendline("/undo")
    child.expect("type yes to approve")
    child.sendline("yes")
    child.expect("Taken back")
    child.expect("demo/shop> ")

    child.sendintr()
    child.expect("demo/shop> ")
    child.sendline("/namespace nowhere-else")
    child.expect("demo/nowhere-else> ")
    child.sendline("quit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    seen.seek(0)
    shown = seen.read()
    assert "\x1b[" not in shown
    assert not re.search("[─│└├▸›✓✗→…]", shown), re.findall(".*[─│└├▸›✓✗→…].*", shown)


@pytest.mark.terminal
@pytest.mark.kubectl
def test_a_single_question_asks_at_the_terminal_and_ctrl_c_ends_it(terminal: list[pexpect.spawn]) -> None:
    child = spawn(terminal, "troubleshoot", "--demo", "--no-llm", "-q", "scale deployment cart-api in shop to 4")
    child.expect("type yes to approve")
    child.sendintr()
    child.expect("interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


@pytest.mark.terminal
def test_a_killed_full_screen_session_gives_the_terminal_back(terminal: list[pexpect.spawn]) -> None:
    child = spawn(terminal, "--demo")
    child.expect("v1.36")
    child.kill(signal.SIGTERM)
    child.expect(re.escape("\x1b[?1049l"))  # the screen from before is shown again
    child.expect(pexpect.EOF)
    child.wait()
    assert child.signalstatus == signal.SIGTERM
