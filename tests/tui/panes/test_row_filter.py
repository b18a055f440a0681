"""What the filter of a list keeps: words, the rows without them, labels."""

from __future__ import annotations

import pytest

from tui.panes.row_filter import RowFilter

LABELS = {"app": "cart", "tier": "web"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", True),
        ("  ", True),
        ("cart", True),
        ("CART", True),
        ("cart running", True),
        ("cart pending", False),
        ("pending|running", True),
        ("orders", False),
        ("!orders", True),
        ("!cart", False),
        ("!", True),
        ("-l app=cart", True),
        ("-lapp==cart", True),
        ("-l app=cart,tier=web", True),
        ("-l app=cart,tier!=web", False),
        ("-l owner!=me", True),
        ("-l tier", True),
        ("-l !tier", False),
        ("-l app=", False),
        ("-l", True),
        ("[", False),
        ("(a+)+$", False),
    ],
)
def test_what_is_kept(typed: str, kept: bool) -> None:
    assert RowFilter(typed).keeps("Deployment shop cart-api Running", LABELS) is kept


def test_an_empty_filter_is_none() -> None:
    assert not RowFilter("")
    assert not RowFilter("!")
    assert not RowFilter("-l ")
    assert RowFilter("-l app")
