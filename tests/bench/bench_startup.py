"""CPU of whole processes: the version against a bare Python, and a whole diagnosis without a model from process start (budget 1.5 s)."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDING = ROOT.parent / "shared" / "data" / "clusters" / "dev.tar.gz"


def cpu(*argv: str, runs: int = 7) -> float:
    """Median CPU seconds of a command with its children, after one run that warms caches."""
    figures = []
    for number in range(runs + 1):
        before = os.times()
        subprocess.run([sys.executable, *argv], capture_output=True, cwd=ROOT, check=False)
        after = os.times()
        if number:
            figures.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return statistics.median(figures)


@pytest.mark.bench
def test_start_up() -> None:
    bare, version = cpu("-c", "pass"), cpu("-m", "tui.cli", "--version")
    print(f"python -c pass {bare * 1000:.0f} ms   k8sagent --version {version * 1000:.0f} ms   ratio {version / bare:.2f} (budget 3)")
    assert version < 3 * bare


@pytest.mark.bench
@pytest.mark.skipif(not RECORDING.exists(), reason="the labelled recording is not beside the checkout")
def test_a_whole_diagnosis() -> None:
    question = ("-n", "orders", "-q", "customers get 502 from orders-web", "--output", "json")
    seconds = cpu("-m", "tui.cli", "troubleshoot", "--no-llm", "--no-save", "--snapshot", str(RECORDING), *question)
    bare = cpu("-c", "pass")
    print(f"a whole diagnosis {seconds:.2f} s CPU with its kubectl (budget 1.5 s), {seconds / bare:.0f}x python -c pass")
    assert seconds < 1.5
