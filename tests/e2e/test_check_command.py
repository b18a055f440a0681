"""`check KIND/NAME` and `check --only`, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tui.cli", "check", "--demo", *argv]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_one_object_is_checked_with_what_explains_it() -> None:
    done = run("deploy/checkout-api", "-n", "shop", "--output", "json")
    rows = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    assert rows and all("checkout-api" in json.dumps(row) for row in rows)


def test_symptoms_are_folded_under_their_cause() -> None:
    told = run("-n", "shop").stdout.splitlines()
    symptom = next(line for line in told if "DeploymentUnavailable" in line)
    assert symptom.startswith("    ↳ ") and not any(line.startswith("✗") and "DeploymentUnavailable" in line for line in told)


def test_an_object_that_is_not_there_is_an_error_with_a_suggestion() -> None:
    done = run("deploy/chekout-api", "-n", "shop")
    assert done.returncode not in (0, 1)
    assert "there is no Deployment chekout-api in namespace shop; did you mean checkout-api?" in done.stderr


def test_only_a_speciality_that_exists_is_taken() -> None:
    assert run("--only", "certificates,security", "-n", "shop").returncode == 0
    wrong = run("--only", "certs", "-n", "shop")
    assert wrong.returncode == 2 and "certificates" in wrong.stderr
