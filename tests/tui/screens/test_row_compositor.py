"""The main screen's compositor, which builds on private parts of Textual: it shows the same, and where they are gone it stands back."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version

import pytest
from driving import Driver, drive
from fakes import stories
from fakes.agent import shop
from textual._compositor import Compositor
from textual.geometry import Region

from tui.screens import main
from tui.screens.main import MainScreen, row_compositor
from tui.screens.row_compositor import RowCompositor, fits


def test_the_installed_textual_is_one_that_was_tested() -> None:
    told = "Textual's private compositor is another: compare Compositor._get_renders with RowCompositor, then move the range in pyproject"
    assert version("textual").startswith("8.2."), told
    assert fits(Compositor), told
    assert isinstance(MainScreen()._compositor, RowCompositor), told


def cells(screen_rows: Compositor, crop: Region) -> list[str]:
    """What would be painted in a crop, row by row, with the columns at which the pieces begin."""
    chops = screen_rows._render_chops(crop, crop.line_range.__contains__)
    return [
        "".join(f"{x}:{strip.text if strip is not None else None}|" for x, strip in chops[y].items() if crop.x <= x < crop.right)
        for y in crop.line_range
    ]


def crops(width: int, height: int) -> Iterable[Region]:
    yield Region(0, 0, width, height)
    yield from (Region(0, y, width, 1) for y in range(0, height, 3))
    yield from (Region(x, y, width // 3, 5) for x in range(0, width - width // 3, 17) for y in range(0, height - 5, 7))


def test_each_part_of_the_screen_looks_as_textual_itself_would_paint_it(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = shop()
    agent.scripts["why does orders-web answer 502?"] = [*stories.until_testing(), *stories.until_answer()]

    async def story(d: Driver) -> None:
        await d.ask("why does orders-web answer 502?")
        await d.ended()
        await d.type(":no")
        near = d.app.screen._compositor
        assert isinstance(near, RowCompositor)
        mine = {crop: cells(near, crop) for crop in crops(*d.app.size)}
        assert any("orders-web" in row for row in mine[Region(0, 0, *d.app.size)])
        monkeypatch.setattr(near, "_get_renders", partial(Compositor._get_renders, near))
        for crop, rows in mine.items():
            assert rows == cells(near, crop), crop

    drive(story, agent)


class Other(Compositor):
    """A compositor of a Textual to come."""

    def _get_renders(self, region: Region, spans: object = None) -> list[object]:  # type: ignore[override]
        return []


def test_another_textual_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert row_compositor(Other) is None
    assert row_compositor(object) is None
    monkeypatch.setitem(sys.modules, "tui.screens.row_compositor", None)
    assert row_compositor(Compositor) is None


def test_without_it_the_screen_is_slower_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "row_compositor", lambda own: None)

    async def story(d: Driver) -> None:
        assert type(d.app.screen._compositor) is Compositor
        assert "checkout-api" in d.text
        await d.type("why?")
        assert "› why?" in d.text

    drive(story)
