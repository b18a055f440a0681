"""`LogBuffer`: the lines of one command in bounded memory, with what was dropped, and search over them. No widget in it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from tui.style.text import plain

CAPACITY = 100_000
LONGEST = 20_000

STDOUT, STDERR, HEAD = 0, 1, 2


class LogBuffer:
    """The newest `capacity` lines, each literal text and a mark (`STDOUT`, `STDERR`, `HEAD` for the command line itself).

    Lines are numbered from 0 since the beginning; `first` is the number of the oldest line still held, which is also how many
    were dropped. Older lines go in slices, so that a flood costs little.
    """

    def __init__(self, title: str = "", capacity: int = CAPACITY) -> None:
        self.title = title
        self.capacity = capacity
        self.first = 0
        self.lost = 0
        """Lines that never arrived since the screen could not keep up."""
        self.follow = True
        self.wrap = False
        self.top = 0
        """Row at the top of the view when this buffer was last shown."""
        self._lines: list[str] = []
        self._marks = bytearray()
        self._times = array("d")
        self.stamps = False
        """Whether each line is shown with the time it arrived."""
        self.width = 0

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> str:
        return self._lines[index]

    @property
    def lines(self) -> list[str]:
        """The lines held, oldest first; not to be changed."""
        return self._lines

    @property
    def dropped(self) -> int:
        """How many lines the person cannot see any more."""
        return self.first + self.lost

    def mark(self, index: int) -> int:
        """The mark of a held line."""
        return self._marks[index]

    def time(self, index: int) -> float:
        """When a held line came, in seconds since the epoch; 0 when unknown."""
        return self._times[index]

    def extend(self, lines: Iterable[str], mark: int = STDOUT, at: float = 0.0) -> None:
        """Append lines that came at a moment; each is made literal, and a monstrous one is cut."""
        fresh = list(lines)
        whole = "".join(fresh)
        if not (whole.isascii() and whole.isprintable()) or max(map(len, fresh), default=0) > LONGEST:
            fresh = [plain(line) if len(line) <= LONGEST else self._shortened(line) for line in fresh]
        self._lines.extend(fresh)
        self._marks.extend(bytes([mark]) * len(fresh))
        self._times.extend(array("d", [at]) * len(fresh))
        if fresh:
            self.width = max(self.width, *map(len, fresh))
        if len(self._lines) > self.capacity + self.capacity // 10:
            gone = len(self._lines) - self.capacity
            del self._lines[:gone]
            del self._marks[:gone]
            del self._times[:gone]
            self.first += gone

    def find(self, needle: str, since: int = 0) -> list[int]:
        """Numbers (not positions), from `since` on, of the lines that hold the text; case counts where the text has a capital."""
        if not needle:
            return []
        begin = max(since - self.first, 0)
        lines = self._lines[begin:] if begin else self._lines
        if needle.lower() == needle:
            return [self.first + begin + i for i, line in enumerate(lines) if needle in line.lower()]
        return [self.first + begin + i for i, line in enumerate(lines) if needle in line]

    def sift(self, needle: str, into: LogBuffer, since: int = 0) -> None:
        """Append the lines from number `since` on that hold the text to another buffer."""
        for number in self.find(needle, since):
            index = number - self.first
            into.extend([self._lines[index]], self._marks[index], self._times[index])

    def tail(self, count: int) -> list[str]:
        """The newest lines, without the command line itself."""
        begin = max(len(self._lines) - count, 0)
        return [line for line, mark in zip(self._lines[begin:], self._marks[begin:], strict=True) if mark != HEAD]

    def text(self) -> str:
        """All held lines as one text."""
        return "\n".join(self._lines)

    @staticmethod
    def _shortened(line: str) -> str:
        return f"{plain(line[:LONGEST])}… {len(line) - LONGEST} more characters"
