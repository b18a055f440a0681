"""Collects `bench_*.py`, and only when benches are asked for (`make bench`)."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A bench file as a test module."""
    asked = "bench" in str(parent.config.getoption("markexpr", ""))
    if asked and not parent.session.isinitpath(file_path) and file_path.name.startswith("bench_") and file_path.suffix == ".py":
        return pytest.Module.from_parent(parent, path=file_path)
    return None
