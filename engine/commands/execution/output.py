"""The way of output from bytes to lines that anybody may see: decode, strip escapes, redact, then show and keep."""

from __future__ import annotations

import codecs
import os
import re
from collections import deque
from collections.abc import Callable
from typing import Literal

from engine.core.redaction.escapes import strip_escapes
from engine.core.redaction.redactor import Redactor

MAX_LINE = 4 * 1024 * 1024
"""Characters of a line before it is cut; a whole JSON document on one line must stay whole to be redacted."""
MAX_PIECES = 2
"""Pieces of one line that go on; the rest of an endless one is counted and left out."""
_MARGIN = 64 * 1024
"""Characters at the end of a line's piece in which a place between two words is looked for, so that no token is cut in two."""
_BETWEEN = re.compile(r"[\s,;\"'](?!.*[\s,;\"'])", re.DOTALL)


class Lines:
    """Bytes to plain lines without secrets, as they come; a line beyond `MAX_LINE` goes on in pieces."""

    def __init__(self, redactor: Redactor) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._redactor = redactor.stream()
        self._partial: list[str] = []
        self._size = 0
        self._pieces = 0
        """How many pieces of this line went on."""
        self._left_out = 0

    def take(self, chunk: bytes) -> tuple[str, ...]:
        """The lines that are settled by these bytes; the rest waits for its end."""
        text = self._decoder.decode(chunk)
        if "\n" not in text:
            return self._hold(text)
        *lines, rest = text.split("\n")
        lines[0] = self._ended(lines[0])
        return (*self._settle(lines), *self._hold(rest))

    def _ended(self, text: str) -> str:
        """The last piece of a line that ends with `text`."""
        self._left_out += len(text) if self._left_out else 0
        note = f"[… {self._left_out} characters of this line left out …]"
        line = note if self._left_out else "".join([*self._partial, text])
        self._partial, self._size, self._pieces, self._left_out = [], 0, 0, 0
        return line

    def _hold(self, text: str) -> tuple[str, ...]:
        if self._pieces >= MAX_PIECES:
            self._left_out += len(text)
            return ()
        self._partial.append(text)
        self._size += len(text)
        if self._size <= MAX_LINE:
            return ()
        line = "".join(self._partial)
        between = _BETWEEN.search(line, len(line) - _MARGIN)
        at = between.end() if between else len(line)
        self._pieces += 1
        last = self._pieces >= MAX_PIECES
        self._partial, self._size, self._left_out = (
            [] if last else [line[at:]],
            0 if last else len(line) - at,
            len(line) - at if last else 0,
        )
        return self._settle([line[:at]])

    def _settle(self, lines: list[str]) -> tuple[str, ...]:
        return self._redactor.feed(strip_escapes("\n".join(lines)).split("\n"))

    def close(self) -> tuple[str, ...]:
        """The last line and what was held back."""
        last = self._ended(self._decoder.decode(b"", final=True))
        return (*(self._settle([last]) if last else ()), *self._redactor.flush())


class Output:
    """One stream of one script; `keep` bytes of it stay, half from its head and half from its tail."""

    def __init__(
        self,
        stream: Literal["stdout", "stderr"],
        redactor: Redactor,
        on_output: Callable[[Literal["stdout", "stderr"], tuple[str, ...]], None] | None,
        keep: int,
    ) -> None:
        self._stream: Literal["stdout", "stderr"] = stream
        self._on_output = on_output
        self._lines = Lines(redactor)
        self._longest = max(keep // 2 - 100, 80)
        self._pending: list[str] = []
        self._head: list[str] = []
        self._head_room = keep // 2
        self._tail: deque[str] = deque()
        self._tail_room = keep - keep // 2
        self._tail_size = 0
        self._dropped = 0

    @property
    def truncated(self) -> bool:
        """Whether lines between head and tail are gone."""
        return self._dropped > 0

    def take(self, chunk: bytes) -> None:
        """Raw bytes as they were read."""
        self._accept(self._lines.take(chunk))

    def _accept(self, lines: tuple[str, ...]) -> None:
        if any(len(line) > self._longest for line in lines):
            lines = tuple(self._shortened(line) for line in lines)
        self._pending.extend(lines)
        for line in lines:
            size = len(line) + 1
            if self._head_room >= size and not self._tail:
                self._head.append(line)
                self._head_room -= size
                continue
            self._head_room = 0
            self._tail.append(line)
            self._tail_size += size
            while self._tail_size > self._tail_room and len(self._tail) > 1:
                self._tail_size -= len(self._tail.popleft()) + 1
                self._dropped += 1

    def _shortened(self, line: str) -> str:
        if len(line) <= self._longest:
            return line
        self._dropped += 1
        return f"{line[: self._longest]} [… {len(line) - self._longest} characters of this line left out …]"

    def emit(self) -> None:
        """Hand on what has come since the last call."""
        if self._pending:
            lines, self._pending = tuple(self._pending), []
            if self._on_output is not None:
                self._on_output(self._stream, lines)

    def close(self) -> None:
        """The stream is over: settle the last line and what was held back."""
        self._accept(self._lines.close())
        self.emit()

    def kept(self) -> str:
        """Head and tail, with a note on what is missing between them."""
        if not self._tail:
            return "\n".join(self._head)
        note = [f"[… {self._dropped} lines left out …]"] if self._dropped else []
        tail = list(self._tail)
        if len(tail) == 1 and len(tail[0]) > self._tail_room:
            tail = [tail[0][: self._tail_room] + f" [… {len(tail[0]) - self._tail_room} characters of this line left out …]"]
        return "\n".join([*self._head, *note, *tail])


class Relay:
    """What a pipeline's first process prints, on its way to the next one: no secret goes on, so that no filter can hide one by its work."""

    def __init__(self, redactor: Redactor, sink: int) -> None:
        self._lines = Lines(redactor)
        self._waiting = bytearray()
        self.sink = sink
        self.ended = False
        self.truncated = False

    @property
    def full(self) -> bool:
        """Whether the next process should read first."""
        return len(self._waiting) > MAX_LINE

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._waiting

    def take(self, chunk: bytes) -> None:
        """Raw bytes as they were read."""
        self._add(self._lines.take(chunk))

    def _add(self, lines: tuple[str, ...]) -> None:
        if lines:
            self._waiting += ("\n".join(lines) + "\n").encode()

    def end(self) -> None:
        """The first process prints no more."""
        self._add(self._lines.close())
        self.ended = True

    def write(self) -> bool:
        """Write what the pipe takes; False when nobody reads any more."""
        try:
            written = os.write(self.sink, self._waiting[: 1 << 16])
        except BlockingIOError:
            return True
        except OSError:
            return False
        del self._waiting[:written]
        return True


class RawOutput:
    """A stream whose bytes go on as they come, to somebody who decodes, strips and redacts them; nothing of it is kept here."""

    truncated = False

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.take = take

    def emit(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is held back here."""

    def kept(self) -> str:
        """Nothing is kept here."""
        return ""
