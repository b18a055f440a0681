"""The wheel holds the three packages and what ships with them, and works from one place, away from the checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(unpacked: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(unpacked)}
    return subprocess.run([sys.executable, "-P", *argv], capture_output=True, text=True, env=env, cwd=unpacked.parent, check=False)


def test_three_packages_and_nothing_else(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")} == {"tui", "engine", "index"}


def test_what_ships_is_found_inside_the_wheel(unpacked: Path) -> None:
    code = "from engine.core.paths import resource_path\nfor kind in ('runbooks', 'guide', 'defaults', 'demo'): print(resource_path(kind))"
    done = run(unpacked, "-c", code)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert line.startswith(str(unpacked)), line
    assert (unpacked / "tui" / "style" / "app.tcss").is_file()


def test_the_three_packages_load_from_one_place(unpacked: Path) -> None:
    done = run(unpacked, "-c", "import tui, engine, index; print(tui.__file__); print(engine.__file__); print(index.__file__)")
    assert {Path(line).parent.parent for line in done.stdout.splitlines()} == {unpacked}


def test_the_installed_command_checks_the_demo(unpacked: Path) -> None:
    done = run(unpacked, "-m", "tui.cli", "check", "--demo", "-n", "shop", "--output", "json", "--no-save")
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert any("STRIPE_API_KEY" in finding["summary"] for finding in findings)
