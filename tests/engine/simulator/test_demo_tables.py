"""Tables of the bundled recording hold, cell by cell, what the real server and kubectl printed of the same objects."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from data.make_demo_tables import cells

from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.cluster.tables import print_table
from engine.core.paths import resource_path

CHECKOUT = Path(__file__).resolve().parents[3]
RECORDING = CHECKOUT.parent / "shared/data/clusters/dev.tar.gz"
PRINTED = json.loads((CHECKOUT / "tests/data/demo_tables.json").read_text())
FIRST = datetime(2026, 11, 23, 7, 8, 8, tzinfo=UTC)
"""When the lists were taken."""


@pytest.fixture(scope="module")
def unmoved() -> RecordedCluster:
    """The demo with its times as they were recorded."""
    return open_recording(resource_path("demo"), now=open_recording(resource_path("demo")).recorded_at)


@pytest.mark.parametrize("name", PRINTED)
def test_a_table_of_the_demo_is_what_the_real_server_printed(unmoved: RecordedCluster, name: str) -> None:
    moment = FIRST + timedelta(seconds=PRINTED[name]["seconds"])
    row = next(row for row in unmoved.lists if row.plural == name)
    lines = print_table(row.name, unmoved.list(row.name), wide=True, all_namespaces=row.namespaced, now=moment)
    got, wanted = cells(lines), PRINTED[name]["cells"]
    assert got[0] == wanted[0]
    assert sorted(got[1:]) == sorted(wanted[1:])
    assert len(got) > 1


@pytest.mark.skipif(not RECORDING.exists(), reason="the recording that the demo is made from is not here")
def test_the_expectation_is_what_the_larger_recording_printed(tmp_path: Path) -> None:
    script = CHECKOUT / "tests/data/make_demo_tables.py"
    subprocess.run([sys.executable, script, RECORDING, tmp_path / "made.json"], check=True, capture_output=True, timeout=60)
    assert json.loads((tmp_path / "made.json").read_text()) == PRINTED
