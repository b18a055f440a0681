"""Text from outside is shown literally, in the cells that it counts, and cut where both ends still tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.style.text import age, bar, count, cut, cut_middle, one_line, plain, plain_lines, seconds, size


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pod-1", "pod-1"),
        ("[bold]pod[/bold]", "[bold]pod[/bold]"),
        ("a\x1b[31mred", "a␛[31mred"),
        ("bell\x07", "bell␇"),
        ("gone\x7f", "gone␡"),
        ("rtl\u202eevil", "rtl‹202e›evil"),
        ("zero\u200bwidth", "zero‹200b›width"),
        ("a\tb", "a       b"),
        ("c1\x9b", "c1‹009b›"),
        ("half\ud800", "half‹d800›"),
        ("heart\u2764\ufe0f", "heart\u2764"),
        ("注文-api", "注文-api"),
    ],
)
def test_what_could_move_the_cursor_is_made_visible(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_stacks_of_combining_marks_are_cut_to_two() -> None:
    assert plain("e" + "\u0301" * 40) == "e\u0301\u0301"


def test_lines_stay_lines_and_one_line_is_one() -> None:
    assert plain_lines("a\r\nb\x1b") == "a\nb␛"
    assert one_line("a\n  b\tc") == "a b c"


@given(st.text())
def test_nothing_invisible_or_moving_is_left(text: str) -> None:
    shown = plain(text)
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or 0x202A <= ord(char) <= 0x202E for char in shown)


@given(st.text(max_size=60), st.integers(0, 40))
def test_cut_text_never_takes_more_cells_than_it_may(text: str, cells: int) -> None:
    text = plain(text)
    assert cell_len(cut(text, cells)) <= cells
    assert cell_len(cut_middle(text, cells)) <= cells


def test_names_are_cut_in_the_middle_since_both_ends_tell() -> None:
    assert cut_middle("orders-api-7d9f8b6c5d-2sskc", 17) == "orders-api…-2sskc"
    assert cut_middle("short", 17) == "short"
    assert cut("a long sentence", 7) == "a long…"


def test_a_monstrous_name_is_cut_quickly_to_its_cells() -> None:
    assert cell_len(cut_middle("語" * 10_000, 21)) <= 21


@pytest.mark.parametrize(("value", "shown"), [(45, "45s"), (480, "8m"), (7300, "2h"), (260000, "3d"), (86400 * 800, "2y"), (-3, "0s")])
def test_ages(value: float, shown: str) -> None:
    assert age(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.04, "0.0"), (4.12, "4.1"), (12.4, "12"), (125, "2m05")])
def test_durations(value: float, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (999, "999 B"), (1900, "1.9 kB"), (3_200_000, "3.2 MB"), (5_000_000_000, "5.0 GB")]
)
def test_sizes(value: int, shown: str) -> None:
    assert size(value) == shown


def test_bars_are_full_only_when_all_is_certain() -> None:
    assert bar(0.94) == ("▇" * 7, "▁")
    assert bar(1.0) == ("▇" * 8, "")
    assert bar(-1) == ("", "▁" * 8)


def test_one_and_many() -> None:
    assert (count(1, "pod"), count(3, "pod")) == ("1 pod", "3 pods")
