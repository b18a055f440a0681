"""The workspace: chat at the left, cluster, timeline and output at the right; or one pane at a time where the terminal is narrow."""

from __future__ import annotations

from textual.containers import Horizontal, Vertical
from textual.events import MouseDown, MouseMove
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.actions.action import PANES, Where
from tui.panes.chat import ChatPane
from tui.panes.cluster import ClusterPane
from tui.panes.output import OutputPane
from tui.panes.timeline import TimelinePane
from tui.runtime.first_frame import CHAT_SHARE, LEAST_WIDTH
from tui.widgets.bars.title_bar import TitleBar

LEAST_SHARE = 25
"""Percent of the width that chat and right column keep at least."""


class RightColumn(Vertical):
    """The three panes at the right; its left border is the divider, which the mouse drags."""

    class Dragged(Message):
        """The divider was dragged to this column of the screen."""

        def __init__(self, x: int) -> None:
            super().__init__()
            self.x = x

    def on_mouse_down(self, event: MouseDown) -> None:
        if event.x == 0:
            self.capture_mouse()
            event.stop()

    def on_mouse_move(self, event: MouseMove) -> None:
        if self.app.mouse_captured is self:
            self.post_message(self.Dragged(event.screen_x))

    def on_mouse_up(self) -> None:
        self.release_mouse()


class Workspace(Vertical):
    """Knows which pane is shown alone (in a narrow terminal, or maximised) and where the focus goes."""

    DEFAULT_CSS = """
    Workspace { height: 1fr;
        & > #tabs { display: none; }
        & > #columns { height: 1fr;
            & > #chat { width: 58fr; }
            & > #right { width: 42fr; border-left: tall $line;
                & > ClusterPane { height: 11fr; }
                & > TimelinePane { height: 11fr; }
                & > OutputPane { height: 10fr; }
            }
        }
        & > #columns > #right > .pane.-hidden { display: none; }
        &.-single > #columns {
            & > #chat { display: none; width: 1fr; }
            & > #right { display: none; width: 1fr; border-left: none; & > .pane { display: none; height: 1fr; } }
            & > #right.-shown { display: block; }
            & > #chat.-shown { display: block; }
            & > #right > .pane.-shown { display: block; }
        }
        &.-narrow > #tabs { display: block; }
        &.-alone > #columns > #right { display: none; }
    }
    """

    narrow: reactive[bool] = reactive(False, toggle_class="-narrow")
    maximised: reactive[bool] = reactive(False)
    alone: reactive[bool] = reactive(False, toggle_class="-alone")

    def __init__(self) -> None:
        super().__init__()
        self.shown: Where = "chat"
        self.chat = ChatPane(id="chat", classes="pane")
        self.cluster = ClusterPane(id="cluster", classes="pane")
        self.timeline = TimelinePane(id="timeline", classes="pane")
        self.output = OutputPane(id="output", classes="pane")
        self.hidden: set[Where] = set()
        """Panes of the right column that were hidden one by one."""
        self._tabs = TitleBar("", id="tabs")
        self._share = CHAT_SHARE
        self._heights: dict[Where, int] = {"cluster": 10, "timeline": 10, "output": 10}

    def compose(self) -> list[Widget]:
        return [self._tabs, Horizontal(self.chat, RightColumn(self.cluster, self.timeline, self.output, id="right"), id="columns")]

    def on_mount(self) -> None:
        """Start with the chat shown."""
        self._apply()

    def fit(self, width: int) -> None:
        """The terminal has this many columns."""
        self.narrow = width < LEAST_WIDTH

    def watch_narrow(self) -> None:
        self._apply()

    def watch_maximised(self) -> None:
        self._apply()

    def watch_alone(self) -> None:
        self._apply()

    @property
    def single(self) -> bool:
        return self.narrow or self.maximised

    def _apply(self) -> None:
        if not self.is_mounted:
            return
        self.set_class(self.single, "-single")
        for name in PANES:
            pane = self.query_one(f"#{name}")
            pane.set_class(name == self.shown, "-shown")
            pane.set_class(name in self.hidden and not self.single, "-hidden")
        self.query_one("#right").set_class(self.shown != "chat", "-shown")
        if self.single and self.shown != "chat":
            self.remove_class("-alone")
        else:
            self.set_class(self.alone, "-alone")
        self._tabs.set(tabs=PANES, active=PANES.index(self.shown))

    def show(self, name: Where, *, focus: bool = True) -> None:
        """Bring a pane to the front and, by default, the focus to it."""
        self.shown = name
        if not self.single:
            self.hidden.discard(name)
        if self.alone and name != "chat" and not self.single:
            self.alone = False
        self._apply()
        if focus and self.single:
            self.call_after_refresh(self._focus, name)  # it must be displayed first
        elif focus:
            self._focus(name)

    def toggle(self, name: Where) -> None:
        """Hide a pane of the right column, or bring it back; without any pane the whole column goes."""
        if self.alone:
            self.hidden = set(PANES[1:]) - {name}
        else:
            self.hidden ^= {name}
        self.alone = self.hidden == set(PANES[1:])
        self._apply()

    def show_all(self) -> None:
        """No pane is hidden by itself any more."""
        self.hidden.clear()
        self._apply()

    def _focus(self, name: Where) -> None:
        target: Widget = self.chat
        match name:
            case "output":
                target = self.output.log_view
            case "cluster":
                target = self.cluster.list
            case "timeline":
                target = self.timeline.list
            case _:
                pass
        target.focus()

    # sizes

    def on_right_column_dragged(self, event: RightColumn.Dragged) -> None:
        event.stop()
        self._divide(round(event.x * 100 / max(self.size.width, 1)))

    def move_divider(self, step: int) -> None:
        """Give the chat more of the width (or less), in steps of 4 %."""
        self._divide(self._share + step * 4)

    def _divide(self, share: int) -> None:
        self._share = min(max(share, LEAST_SHARE), 100 - LEAST_SHARE)
        self.query_one("#chat").styles.width = f"{self._share}fr"
        self.query_one("#right").styles.width = f"{100 - self._share}fr"

    def grow(self, pane: Where, step: int) -> None:
        """Give a pane more room (or less): the chat in its width, the others in their height."""
        if pane not in self._heights:
            self.move_divider(step)
            return
        self._heights[pane] = min(max(self._heights[pane] + step * 3, 3), 40)
        for name, height in self._heights.items():
            self.query_one(f"#{name}").styles.height = f"{height}fr"

    def pane_of(self, widget: Widget | None) -> Where | None:
        """Which pane a widget belongs to."""
        while widget is not None:
            if widget.id in PANES and widget.has_class("pane"):
                return next(name for name in PANES if name == widget.id)
            widget = widget.parent if isinstance(widget.parent, Widget) else None
        return None

    def on_descendant_focus(self) -> None:
        self._show_keys()

    def on_descendant_blur(self) -> None:
        self._show_keys()

    def _show_keys(self) -> None:
        """The pane with the focus shows its keys."""
        active = self.pane_of(self.screen.focused)
        for name in PANES:
            self.query_one(f"#{name}").set_class(name == active, "-active")

    def on_title_bar_picked(self, event: TitleBar.Picked) -> None:
        """A tab of the narrow layout was clicked."""
        if event.bar is self._tabs:
            event.stop()
            self.show(PANES[event.index])
