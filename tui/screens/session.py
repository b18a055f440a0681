"""`SessionScreen`: the main screen, which renders what a frame changes and leaves the rest of the screen alone."""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip


class NearCompositor(Compositor):
    """Asks of each widget only the rows that a partial update covers.

    Textual 8.2 asks every visible widget for all of its rows whenever one row changes: most of a frame's time while output streams.
    """

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """(region, clip, strips) of the widgets that stand in the crop, front first."""
        for widget, (region, clip) in self.visible_widgets.items():
            near = clip if crop is None else clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            seen = region.intersection(near)
            if seen.width and seen.height and (crop is None or crop.overlaps(seen)):
                yield region, near, widget.render_lines(Region(seen.x - region.x, seen.y - region.y, seen.width, seen.height))


class SessionScreen(Screen[None]):
    """The screen below all dialogs."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._compositor = NearCompositor()
