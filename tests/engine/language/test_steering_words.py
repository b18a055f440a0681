"""Steering as it is typed: ids, reasons, and evidence out of regular files that are named."""

import os
from pathlib import Path

import pytest

from engine.core.types import Steering
from engine.language.steering import MOST_BYTES, SteeringError, evidence, parse


@pytest.mark.parametrize(
    ("word", "rest", "steering"),
    [
        ("pin", "H2", Steering("pin", hypothesis="H2")),
        ("unpin", "h2", Steering("unpin", hypothesis="H2")),
        ("refute", "H1 we  checked it", Steering("refute", hypothesis="H1", text="we  checked it")),
        ("retry", " H3 ", Steering("retry", hypothesis="H3")),
        ("hypothesis", "the disk is full", Steering("hypothesis", text="the disk is full")),
        ("evidence", "panic: out of range", Steering("evidence", text="panic: out of range", source="pasted by you")),
    ],
)
def test_words_become_steering(word: str, rest: str, steering: Steering) -> None:
    assert parse(word, rest) == steering


@pytest.mark.parametrize(
    ("word", "rest", "words"),
    [
        ("pin", "", "name a hypothesis"),
        ("refute", "because", "name a hypothesis"),
        ("hypothesis", "  ", "say what may be the cause"),
        ("evidence", "", "give a file or a text"),
        ("evidence", "./no-such.log", "no such file"),
        ("evidence", "no-such.log", "no such file"),
    ],
)
def test_what_steers_nothing_says_what_would(word: str, rest: str, words: str) -> None:
    with pytest.raises(SteeringError, match=words):
        parse(word, rest)


def test_a_named_file_is_read_and_its_name_is_the_source(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("panic: no\n")
    assert evidence("app.log", tmp_path) == Steering("evidence", text="panic: no\n", source="file app.log")
    assert evidence(str(tmp_path / "app.log")).text == "panic: no\n"


@pytest.mark.parametrize(
    "words",
    [
        "2026-11-27T13:00:00Z ERROR ledger: " + "connection refused by 10.0.0.1 " * 12,
        "~100 errors a second since the rollout",
        "app.log/checkout: connection refused",
        "panic: \0 in the input",
    ],
)
def test_words_that_can_be_no_file_are_evidence_as_they_stand(tmp_path: Path, words: str) -> None:
    (tmp_path / "app.log").write_text("panic: no\n")
    assert evidence(words, tmp_path) == Steering("evidence", text=words, source="pasted by you")


def test_a_long_file_keeps_its_head_and_its_end(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("first\n" + "x" * 3 * MOST_BYTES + "\nlast\n")
    text = evidence("app.log", tmp_path).text
    assert text.startswith("first\n")
    assert text.endswith("\nlast\n")
    assert f"… {2 * MOST_BYTES + 12} bytes left out …" in text
    assert len(text) < MOST_BYTES + 100


def test_only_regular_text_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "core.log").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "folder.log").mkdir()
    for name in ("pipe.log", "core.log", "folder.log", "/dev/zero"):
        with pytest.raises(SteeringError, match="cannot be read as a log"):
            evidence(name, tmp_path)
