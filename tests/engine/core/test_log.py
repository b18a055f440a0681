"""The log of our own doings: in a private file, without secrets, with the traceback of what failed."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.log import log_path, start_log, stop_log
from engine.core.redaction.redactor import Redactor
from engine.core.run import Run


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "state" / "k8sagent.log"
    start_log(path, Redactor().text)
    yield path
    stop_log()


def test_a_defect_in_the_engine_leaves_its_traceback_and_the_message_names_the_file(log: Path) -> None:
    def work(run: Run) -> str:
        raise KeyError("no such thing")

    run = Run("r1", work).start()
    assert run.wait(5)
    assert str(log) in list(run.events())[-1].error  # type: ignore[attr-defined]
    text = log.read_text()
    assert "run r1 failed" in text
    assert "Traceback" in text
    assert "raise KeyError" in text


def test_no_secret_and_no_escape_sequence_reaches_the_file(log: Path) -> None:
    logging.getLogger("engine.test").warning("login failed: password=hunter2hunter2 \x1b[31mred\x1b[0m")
    text = log.read_text()
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert "login failed" in text


def test_only_its_owner_reads_it(log: Path) -> None:
    logging.getLogger("engine.test").info("something")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_what_is_below_the_level_is_not_written(tmp_path: Path) -> None:
    start_log(tmp_path / "a.log", str, "warning")
    logging.getLogger("engine.test").info("chatter")
    logging.getLogger("tui.test").warning("trouble")
    stop_log()
    assert "chatter" not in (tmp_path / "a.log").read_text()
    assert "trouble" in (tmp_path / "a.log").read_text()


def test_an_unknown_level_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        start_log(tmp_path / "a.log", str, "loud")


def test_without_a_log_nothing_is_named(tmp_path: Path) -> None:
    assert log_path() is None


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    start_log(blocked / "below" / "a.log", str)
    logging.getLogger("engine.test").warning("lost")
    stop_log()
