"""The details of one object: describe, YAML, logs and events, to read, search and copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from engine.core.types import ObjectRef
from tui.screens.dialogs.base import Dialog
from tui.style.text import plain
from tui.widgets.bars.filter_bar import FilterBar
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.bars.title_bar import TitleBar
from tui.widgets.log_buffer import STDERR, STDOUT, LogBuffer
from tui.widgets.log_view import LogView

TABS = ("describe", "yaml", "logs", "previous", "events")
LOGS = ("logs", "previous")
Read = Callable[[str, ObjectRef, Callable[[str], None], Callable[[Exception], None]], None]


class Details(Dialog[str | None]):
    """Reads each tab when it is first shown, through `read(tab, ref, then, failed)`; hands back a question when `i` was pressed.

    `pod` is whose logs are read: the object itself, or the one of its pods that is in most trouble. Without one there are no log tabs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "tab('describe')", show=False),
        Binding("y", "tab('yaml')", show=False),
        Binding("l", "tab('logs')", show=False),
        Binding("p", "tab('previous')", show=False),
        Binding("e", "tab('events')", show=False),
        Binding("right_square_bracket,tab", "turn(1)", show=False),
        Binding("left_square_bracket,shift+tab", "turn(-1)", show=False),
        Binding("r", "again", show=False),
        Binding("slash", "search", show=False),
        Binding("i", "investigate", show=False),
        Binding("c", "copy_text", show=False),
        Binding("q", "leave", show=False),
    ]
    DEFAULT_CSS = """
    Details { & > .box { width: 96%; max-width: 140; height: 90%; padding: 0 1;
        & LogView { height: 1fr; background: $surface; } } }
    """

    def __init__(
        self,
        ref: ObjectRef,
        tab: str,
        read: Read,
        question: str,
        pod: ObjectRef | None = None,
    ) -> None:
        super().__init__()
        self.ref = ref
        self._pod = pod
        self._tabs = TABS if pod is not None else tuple(name for name in TABS if name not in LOGS)
        self._tab = tab
        self._read = read
        self._question = question
        self._buffers: dict[str, LogBuffer] = {}
        self._title_bar = TitleBar(plain(str(ref)))
        self._log_view = LogView(id="details-log")
        self._filter = FilterBar()

    def compose(self) -> list[Widget]:
        keys = KeyBar(
            [
                *((name[0], name) for name in self._tabs),
                ("/", "search"),
                ("i", "investigate"),
                ("c", "copy"),
                ("esc", "close"),
                ("n N", "next"),
                ("w", "wrap"),
                ("r", "reload"),
            ]
        )
        return [Vertical(self._title_bar, self._log_view, self._filter, keys, classes="box")]

    def on_mount(self) -> None:
        """Begin to read the first tab."""
        self.action_tab(self._tab if self._tab in self._tabs else self._tabs[0])
        self._log_view.focus()

    def action_tab(self, tab: str) -> None:
        """Turn to a tab; what was read stays."""
        if tab not in self._tabs:
            self.notify(f"{plain(str(self.ref))} has no pod to read logs of", severity="warning", markup=False)
            return
        self._tab = tab
        place = [(plain(self.ref.namespace), "$quiet")] if self.ref.namespace else []
        if tab in LOGS and self._pod is not None and self._pod != self.ref:
            place = [(plain(self._pod.name), "$wait")]
        self._title_bar.set(place, self._tabs, self._tabs.index(tab))
        if tab not in self._buffers:
            buffer = self._buffers[tab] = LogBuffer(tab)
            buffer.follow = False
            buffer.extend(["reading …"])
            whose = self._pod if tab in LOGS and self._pod is not None else self.ref
            self._read(tab, whose, lambda text: self._take(tab, text), lambda error: self._fail(tab, error))
        self._log_view.show(self._buffers[tab])

    def action_turn(self, step: int) -> None:
        self.action_tab(self._tabs[(self._tabs.index(self._tab) + step) % len(self._tabs)])

    def action_again(self) -> None:
        """Read the tab once more."""
        self._buffers.pop(self._tab, None)
        self.action_tab(self._tab)

    def _take(self, tab: str, text: str) -> None:
        self._fill(tab, text.rstrip("\n").split("\n"), STDOUT)

    def _fail(self, tab: str, error: Exception) -> None:
        self._fill(tab, [str(error)], STDERR)

    def _fill(self, tab: str, lines: list[str], mark: int) -> None:
        buffer = LogBuffer(tab)
        buffer.follow = tab in LOGS  # the newest line is what one looks for
        buffer.extend(lines, mark)
        self._buffers[tab] = buffer
        if self.is_mounted and tab == self._tab:
            self._log_view.show(buffer)

    def action_leave(self) -> None:
        """Esc peels the search off first."""
        if not self._filter.close():
            self.dismiss(None)
        else:
            self._log_view.focus()

    def action_search(self) -> None:
        self._filter.open()

    def action_investigate(self) -> None:
        self.dismiss(self._question)

    def action_copy_text(self) -> None:
        self.app.copy_to_clipboard(self._buffers[self._tab].text())
        self.notify("copied")

    @on(FilterBar.Changed)
    def _searched(self, event: FilterBar.Changed) -> None:
        log = self._log_view
        log.search(event.text)
        self._filter.show_count(f"{log.current + 1} of {len(log.matches)}" if log.matches else "no match")

    @on(FilterBar.Closed)
    def _search_done(self) -> None:
        self._log_view.focus()

    @on(TitleBar.Picked)
    def _picked(self, event: TitleBar.Picked) -> None:
        self.action_tab(self._tabs[event.index])
