"""`RowCompositor`: renders of each widget only what a frame changes. It builds on private parts of Textual, hence by itself."""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class RowCompositor(Compositor):
    """Asks of each widget only the rows that a partial update covers.

    Textual 8.2 asks every visible widget for all of its rows whenever one row changes: most of a frame's time while output streams.
    """

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """(region, clip, strips) of the widgets in the crop, front first."""
        for widget, (region, clip) in self.visible_widgets.items():
            near = clip if crop is None else clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            seen = region.intersection(near)
            if seen.width and seen.height and (crop is None or crop.overlaps(seen)):
                yield region, near, widget.render_lines(Region(seen.x - region.x, seen.y - region.y, seen.width, seen.height))


def fits(compositor: type) -> bool:
    """Whether a compositor has the private parts that `RowCompositor` replaces and reads, in the form that it knows."""
    code = getattr(getattr(compositor, "_get_renders", None), "__code__", None)
    known = code is not None and code.co_varnames[: code.co_argcount] == ("self", "crop")
    return known and hasattr(compositor, "visible_widgets") and hasattr(compositor, "_render_chops")
