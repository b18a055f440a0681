"""What every test has: a home of its own, and the bundled recording."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.core.paths import resource_path

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")

# The commands that tests start keep their bytecode, as installed ones do: compiling it anew is half of what a start costs.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A suite started in the background of a shell is told to ignore ctrl+c, and would hand that on to every command that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole run, so that the documentation is indexed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _a_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> None:
    """No test reads or writes the settings, sessions, index or clusters of whoever runs it, or talks to their model server."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY", "KUBECONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("engine.llm.servers.base.HEALTH_SECONDS", 20.0)  # a loaded machine is no absent model


@pytest.fixture(scope="session")
def demo() -> Iterator[RecordedCluster]:
    """The bundled recording, read-only."""
    source = open_recording(resource_path("demo"), title="demo")
    yield source
    source.close()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parents[1]
