"""What `health` says of the terminal."""

from __future__ import annotations

import pytest

from tui.runtime.terminal_check import terminal_check

GOOD = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def test_a_good_terminal_is_told_with_what_it_can_do() -> None:
    check = terminal_check(GOOD, size=(120, 40), encoding="utf-8")
    assert check.ok
    assert check.detail == "xterm-256color, 120x40, 16 million colours, UTF-8; copying by OSC 52"


@pytest.mark.parametrize(
    ("environment", "size", "encoding", "fix"),
    [
        ({"TERM": "dumb"}, (120, 40), "utf-8", "--plain"),
        ({}, (120, 40), "utf-8", "--plain"),
        (GOOD, (79, 40), "utf-8", "80x24"),
        (GOOD, (120, 23), "utf-8", "80x24"),
        (GOOD, (120, 40), "iso-8859-1", "UTF-8 locale"),
    ],
)
def test_a_poor_one_with_the_way_around(environment: dict[str, str], size: tuple[int, int], encoding: str, fix: str) -> None:
    check = terminal_check(environment, size=size, encoding=encoding)
    assert not check.ok
    assert not check.needed, "scripts need no terminal"
    assert fix in check.fix


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"NO_COLOR": "1"}, "no colour"),
        ({"COLORTERM": ""}, "256 colours"),
        ({"TMUX": "/tmp/x"}, "set-clipboard"),
        ({"STY": "1"}, "screen"),
        ({"VTE_VERSION": "7200"}, "OSC 52"),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "Terminal.app"),
    ],
)
def test_hints_for_colours_and_the_clipboard(more: dict[str, str], words: str) -> None:
    assert words in terminal_check({**GOOD, **more}, size=(120, 40), encoding="utf-8").detail


def test_no_terminal_is_fine() -> None:
    assert terminal_check(GOOD).ok
