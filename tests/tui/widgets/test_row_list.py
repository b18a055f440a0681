"""The row list: the row under the cursor stands out, with and without the focus."""

import asyncio

from textual.app import App, ComposeResult

from tui.widgets.row_list import Row, RowList


class Rows(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"cursor-row": "#22304a", "plane": "#151b25", "quiet": "#6b7280"}

    def compose(self) -> ComposeResult:
        yield RowList()


def grounds(rows: RowList) -> list[str]:
    """The background of the first cell of each row."""
    found = []
    for y in range(3):
        style = next(iter(rows.render_line(y))).style
        found.append(str(style.bgcolor.triplet.hex) if style is not None and style.bgcolor and style.bgcolor.triplet else "")
    return found


def test_the_row_under_the_cursor_has_a_ground_of_its_own() -> None:
    async def drive() -> tuple[list[str], list[str]]:
        app = Rows()
        async with app.run_test(size=(40, 6)) as pilot:
            rows = app.query_one(RowList)
            rows.set_rows([Row(key=name, left=((name, ""),)) for name in ("one", "two", "three")])
            rows.focus()
            await pilot.pause()
            await pilot.press("down")
            focused = grounds(rows)
            app.set_focus(None)
            await pilot.pause()
            return focused, grounds(rows)

    focused, blurred = asyncio.run(drive())
    assert focused[1] == "#22304a"
    assert focused[0] == focused[2] != focused[1]
    assert blurred[1] == "#151b25"
