"""What a shell does to a command: ctrl+c, a kill, a reader that leaves, streams that are closed or full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ME = f"{sys.executable} -m tui.cli"
PATIENCE = 60.0
"""Seconds until something that does not happen is missing; a bound for broken code, not a measure of speed."""


def bash(script: str) -> subprocess.CompletedProcess[str]:
    argv = ["bash", "-c", f"set -o pipefail; {script}"]
    return subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\tZ" not in f"\t{Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].strip()}"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_ends_the_command_and_what_it_started(tmp_path: Path, number: signal.Signals, code: int) -> None:
    pids, kubectl = tmp_path / "pids", tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nsleep 300 &\necho $$ $! > {pids}\nwait\n")
    kubectl.chmod(0o755)
    child = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "troubleshoot", "--demo", "--no-llm", "-q", "list pods in shop"],
        cwd=ROOT,
        env={**os.environ, "K8SAGENT_KUBECTL_PATH": str(kubectl)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2, "kubectl was not started")
        child.send_signal(number)
        _, told = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
    assert child.returncode == code, told
    assert "Traceback" not in told
    for pid in map(int, pids.read_text().split()):
        until(lambda pid=pid: not alive(pid), f"process {pid} was left behind")  # type: ignore[misc]


def test_a_reader_that_leaves_is_no_error() -> None:
    done = bash(f"{ME} config show | true && {ME} schema events | head -1")
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_and_full_streams_are_no_crash() -> None:
    closed = bash(f"{ME} config path >&- 2>&- <&-; echo $?")
    assert (closed.stdout, closed.stderr) == ("0\n", "")
    full = bash(f"{ME} config show > /dev/full")
    assert full.returncode == 5
    assert "No space left" in full.stderr
    assert "Traceback" not in full.stderr


def test_odd_input_and_a_poor_encoding_are_taken() -> None:
    broken = bash(rf"printf '\xff{{}}\n' | {ME} intent --jsonl")
    assert broken.returncode == 2
    assert "line 1" in broken.stderr
    poor = bash(f"LC_ALL=en_US.ISO-8859-1 PYTHONUTF8=0 PYTHONIOENCODING=ascii {ME} intent --output json why is the ▸ down")
    assert poor.returncode == 0, poor.stderr
