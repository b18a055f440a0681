"""`SessionScreen`: the main screen, which renders what a frame changes and leaves the rest of the screen alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from tui.screens.row_compositor import RowCompositor


class SessionScreen(Screen[None]):
    """The screen below all dialogs."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._compositor = near_compositor(type(self._compositor)) or self._compositor


def near_compositor(own: type) -> RowCompositor | None:
    """A compositor that renders less than Textual's `own`; None where Textual has changed, since a slow screen is better than none."""
    try:
        from tui.screens.row_compositor import RowCompositor, fits
    except ImportError:
        return None
    return RowCompositor() if fits(own) and issubclass(RowCompositor, own) else None
