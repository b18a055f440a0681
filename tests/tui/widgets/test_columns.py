"""Columns of a row list: what gives way first in a narrow pane, and how names are cut."""

from __future__ import annotations

import pytest

from tui.style.text import cores, cut_middle, memory
from tui.widgets.columns import Column, plan

READY, WHAT, RESTARTS, AGE = Column(rank=1), Column(least=16), Column(rank=2), Column(rank=3)
COLUMNS = (READY, WHAT, RESTARTS, AGE)
WIDTHS = (3, 30, 3, 2)


def standing(room: int, wanted: int = 34) -> dict[int, int]:
    return dict(plan(COLUMNS, WIDTHS, wanted, room))


def test_where_there_is_room_all_columns_stand_in_full() -> None:
    assert standing(100) == {0: 3, 1: 30, 2: 3, 3: 2}


def test_the_flexible_column_gives_first_and_only_what_the_names_need() -> None:
    assert standing(75) == {0: 3, 1: 25, 2: 3, 3: 2}
    assert standing(62) == {0: 3, 1: 16, 2: 3, 3: 2}


def test_then_ages_go_then_restarts_then_readiness_and_the_reason_stays() -> None:
    assert standing(51) == {0: 3, 1: 16, 2: 3}
    assert standing(46) == {0: 3, 1: 16}
    assert standing(42) == {1: 16}


def test_empty_columns_take_no_room() -> None:
    assert dict(plan(COLUMNS, (3, 10, 0, 2), 20, 42)) == {0: 3, 1: 10, 3: 2}


@pytest.mark.parametrize("room", range(60))
def test_a_name_is_never_squeezed_out(room: int) -> None:
    taken = sum(cells + 2 for cells in standing(room).values())
    assert room - taken >= min(room, 8)


def test_a_pods_own_part_stays_whole_where_its_name_is_cut() -> None:
    name = "checkout-api-7d9f8b6c5d-2sskc"
    assert cut_middle(name, 40) == name
    assert cut_middle(name, 20) == "checkout-api-…-2sskc"
    assert cut_middle(name, 12) == "check…-2sskc"
    assert cut_middle(name, 1) == "…"


def test_usage_is_said_as_kubectl_says_it() -> None:
    assert [cores(value) for value in (0.0121, 0.25, 0.9999, 1.5, 12)] == ["12m", "250m", "1.0", "1.5", "12.0"]
    assert [memory(value) for value in (48 * 2**20, 999 * 2**20, 1.2 * 2**30)] == ["48Mi", "999Mi", "1.2Gi"]
