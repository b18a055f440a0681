"""`FirstFrame`: where the panes will be, drawn by one widget before anything that fills them is imported."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

PLACES = (("cluster", 11), ("timeline", 11), ("output", 10))
CHAT_SHARE = 58
LEAST_WIDTH = 100
"""A narrower terminal shows one pane at a time."""


class FirstFrame(Widget):
    """The title rows of the four panes and the line between them, or the tabs of the narrow layout."""

    DEFAULT_CSS = "FirstFrame { height: 1fr; }"

    def render(self) -> Content:
        """The frame for the widget's size."""
        width, height = self.size
        if width < LEAST_WIDTH:
            names = Content.assemble("   ", ("chat", "$place underline"), *((f"  {name}", "$quiet") for name, _ in PLACES))
            return Content("\n").join([_title(names, width), _title(Content.assemble((" chat", "bold $strong")), width)])
        chat = width * CHAT_SHARE // 100
        tops: dict[int, str] = {}
        at, shares = 0, sum(share for _, share in PLACES)
        for name, share in PLACES:
            tops[at] = name
            at += height * share // shares
        lines = []
        for y in range(height):
            left = Content(" " * chat)
            right = Content.assemble((f" {tops[y]}", "bold $strong")) if y in tops else Content("")
            line = _title(right, width - chat - 1) if y in tops else right
            lines.append(Content.assemble(left, ("▎", "$line"), line))
        return Content("\n").join(lines)


def _title(content: Content, width: int) -> Content:
    return content.pad_right(max(width - content.cell_length, 0)).stylize_before("on $plane")
