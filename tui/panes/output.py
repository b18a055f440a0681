"""The output pane: one tab a command, its lines as they come, how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from engine.core.events import CommandFinished, CommandOutput, CommandStarted
from tui.actions.keys import bindings, footer
from tui.actions.panes import OUTPUT
from tui.style.text import cut, one_line, seconds, size
from tui.widgets.bars.filter_bar import FilterBar
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.bars.title_bar import TitleBar
from tui.widgets.log_buffer import HEAD, STDERR, STDOUT, LogBuffer
from tui.widgets.log_view import LogView

TABS_KEPT = 12
LINES_ASKED = 200
"""The newest lines that `a` takes where none are selected."""
EMPTY = "command output appears here; try !kubectl get pods"


class OutputPane(Vertical):
    """Buffers by run and command id in the order they started; the shown one is followed until the person picks another."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(OUTPUT), Binding("left_square_bracket", "tab(-1)", show=False)]

    class Copied(Message):
        """All lines of the shown command are to be copied."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Offered(Message):
        """Lines of a command are to be asked about."""

        def __init__(self, lines: str, title: str) -> None:
            super().__init__()
            self.lines = lines
            self.title = title

    def __init__(self, *, id: str | None = None, classes: str | None = None, folder: Path | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.buffers: dict[str, LogBuffer] = {}
        self.endings: dict[str, CommandFinished] = {}
        self.shown = ""
        self.folder = folder
        self._picked = False
        self._only: LogBuffer | None = None
        """The lines with a match, while only they are shown."""
        self._sifted = 0
        self._title_bar = TitleBar("output")
        self.log_view = LogView(id="log", empty=EMPTY)
        self._filter = FilterBar()
        self._gone = Static("", id="output-gone", markup=False)
        self._shown_gone = ""
        self._ending = Static("", id="output-state", markup=False)

    def compose(self) -> list[Widget]:
        return [
            self._title_bar,
            self._gone,
            self.log_view,
            self._filter,
            self._ending,
            KeyBar(footer(OUTPUT), classes="-quiet keys"),
        ]

    # events in

    def started(self, event: CommandStarted) -> None:
        """Open a tab for a command and show it, unless the person reads another."""
        key = f"{event.run}/{event.id}"
        buffer = LogBuffer(one_line(event.command))
        buffer.extend([f"$ {event.command}"], HEAD, event.at)
        self.buffers[key] = buffer
        while len(self.buffers) > TABS_KEPT:
            gone = next(k for k in self.buffers if k != self.shown)
            del self.buffers[gone]
            self.endings.pop(gone, None)
        log = self.log_view
        reading = log.has_focus and (self._picked or not log.buffer.follow)
        if not self.shown or not reading:
            self.pick(key)
        else:
            self._title()

    def output(self, events: list[CommandOutput]) -> None:
        """A frame's worth of lines."""
        touched = set()
        for event in events:
            key = f"{event.run}/{event.id}"
            buffer = self.buffers.get(key)
            if buffer is not None:
                buffer.extend(event.lines, STDERR if event.stream == "stderr" else STDOUT, event.at)
                touched.add(key)
        if self.shown in touched:
            self._grew()

    def _grew(self) -> None:
        if self._only is not None:
            self._sift()
        self.log_view.grew()

    def _sift(self) -> None:
        buffer = self.buffers[self.shown]
        if self._only is not None:
            buffer.sift(self.log_view.needle, self._only, self._sifted)
        self._sifted = buffer.first + len(buffer)

    def finished(self, event: CommandFinished) -> None:
        """Say how a command ended."""
        key = f"{event.run}/{event.id}"
        self.endings[key] = event
        buffer = self.buffers.get(key)
        if buffer is not None and event.error:
            buffer.extend([event.error], STDERR, event.at)
            if key == self.shown:
                self._grew()
        self._state()

    def dropped(self, command: str, lines: int) -> None:
        """Lines of a command never arrived."""
        for key, buffer in self.buffers.items():
            if key.endswith(f"/{command}"):
                buffer.lost += lines

    # showing

    def pick(self, key: str) -> None:
        """Show a command's output."""
        if key not in self.buffers:
            return
        self.shown = key
        self._show()
        self._title()
        self._state()

    def _show(self) -> None:
        """The whole output, or of it the lines with a match."""
        buffer = self.buffers[self.shown]
        if self._only is not None:
            self._only, self._sifted = LogBuffer(buffer.title), 0
            self._only.stamps, self._only.wrap = buffer.stamps, buffer.wrap
            self._sift()
        self.log_view.show(self._only or buffer)

    def clear(self) -> None:
        """Forget all outputs."""
        self._only = None
        self.buffers.clear()
        self.endings.clear()
        self.shown = ""
        self.log_view.show(LogBuffer())
        self._title()
        self._state()

    def _title(self) -> None:
        keys = list(self.buffers)
        titles = [f"{number} {cut(_short(self.buffers[key].title), 18)}" for number, key in enumerate(keys, 1)]
        self._title_bar.set(tabs=titles, active=keys.index(self.shown) if self.shown in keys else 0)

    def _show_dropped(self) -> None:
        """A row above the lines says which are not among them."""
        buffer = self.buffers.get(self.shown)
        words = ""
        if buffer is not None and buffer.dropped:
            parts = [f"{buffer.first:,} old"] if buffer.first else []
            parts += [f"{buffer.lost:,} too fast"] if buffer.lost else []
            words = f" ⋮ {buffer.dropped:,} lines dropped: {', '.join(parts)}"
        if words != self._shown_gone:
            self._shown_gone = words
            self._gone.display = bool(words)
            self._gone.update(words, layout=False)

    def _state(self) -> None:
        self._show_dropped()
        state = self._ending
        if not self.shown:
            state.update("", layout=False)
            return
        ending = self.endings.get(self.shown)
        parts: list[tuple[str, str]] = []
        if ending is None:
            parts.append(("running", "$wait"))
        elif ending.exit_code is None:
            parts.append(("stopped", "$wait"))
        else:
            parts.append((f"exit {ending.exit_code}", "$good" if ending.exit_code == 0 else "$bad"))
        if ending is not None:
            parts.append((f" · {seconds(ending.seconds)} s · {size(ending.bytes)}", "$quiet"))
            if ending.truncated:
                parts.append((" · truncated", "$wait"))
        if self._only is not None:
            parts.append((f" · only {len(self._only):,} of {len(self.buffers[self.shown]):,} lines", "$wait"))
        state.update(Content.assemble(" ", *parts, ("   " + self.log_view.state, "$quiet")), layout=False)

    @on(LogView.Changed)
    def _log_changed(self) -> None:
        log = self.log_view
        if log.needle:
            self._filter.show_count(f"{log.current + 1} of {len(log.matches)}" if log.matches else "no match")
        self._state()

    # keys

    def action_tab(self, step: int) -> None:
        keys = list(self.buffers)
        if keys:
            self._picked = True
            self.pick(keys[(keys.index(self.shown) + step) % len(keys)])

    def action_search(self) -> None:
        if self.shown:
            self._filter.open()

    def action_only(self) -> None:
        """Show the lines with a match alone, or all lines again."""
        if self._only is None and not self.log_view.needle:
            self.notify("search with / first, then f shows only matching lines")
            return
        self._only = LogBuffer() if self._only is None else None
        if self.shown:
            self._show()
            self._state()

    def action_ask(self) -> None:
        """Ask about the selected lines, or about the newest ones."""
        lines = self.log_view.selected or "\n".join(self.log_view.buffer.tail(LINES_ASKED))
        if self.shown and lines.strip():
            self.post_message(self.Offered(lines, _short(self.buffers[self.shown].title)))
        else:
            self.notify("no output to ask about yet")

    def action_save(self) -> None:
        """Write the lines held to a file that only the user can read."""
        if not self.shown or self.folder is None:
            self.notify("nothing to save", severity="warning")
            return
        try:
            path = save_lines(self.folder, self.buffers[self.shown])
        except OSError as error:
            self.notify(f"cannot save: {error}; set XDG_STATE_HOME to use another folder", severity="error", markup=False)
            return
        self.notify(f"saved to {path}", markup=False)

    def action_copy_output(self) -> None:
        if self.shown:
            self.post_message(self.Copied(self.buffers[self.shown].text()))

    def close_filter(self) -> bool:
        """Peel the search off; False when there is none."""
        return self._filter.close()

    @on(TitleBar.Picked)
    def _tab_picked(self, event: TitleBar.Picked) -> None:
        event.stop()
        self._picked = True
        self.pick(list(self.buffers)[event.index])

    @on(FilterBar.Changed)
    def _searched(self, event: FilterBar.Changed) -> None:
        event.stop()
        if self._only is not None:
            self._only = LogBuffer() if event.text else None
            self.log_view.needle = event.text
            self._show()
        self.log_view.search(event.text)

    @on(FilterBar.Closed)
    def _search_done(self, event: FilterBar.Closed) -> None:
        event.stop()
        self.log_view.focus()


def _short(command: str) -> str:
    """A command's tab title: without the program and the flags that pin its place."""
    words = command.split()
    kept: list[str] = []
    skip = False
    for word in words[1:] if words and words[0] == "kubectl" else words:
        if skip:
            skip = False
        elif word in ("-n", "--namespace", "--context", "--kubeconfig"):
            skip = True
        elif not word.startswith(("--namespace=", "--context=", "--kubeconfig=", "-n=")):
            kept.append(word)
    return " ".join(kept) or command


def save_lines(folder: Path, buffer: LogBuffer) -> Path:
    """Write a buffer's lines to the next free `output-N.log` of a folder, mode 0600. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    number = 1
    while (path := folder / f"output-{number}.log").exists():
        number += 1
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(buffer.text() + "\n", encoding="utf-8")
    return path
