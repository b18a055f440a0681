"""The way of output from bytes to lines that anybody may see: decode, strip escapes, redact, then show and keep."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable
from typing import Literal

from engine.core.redaction.escapes import strip_escapes
from engine.core.redaction.redactor import Redactor

MAX_LINE = 4 * 1024 * 1024
"""Characters of a line before it is cut; a whole JSON document on one line must stay whole to be redacted."""


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
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._redactor = redactor.stream()
        self._partial: list[str] = []
        self._partial_size = 0
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
        """Raw bytes as they were read; whole lines go on, the rest waits for its end."""
        text = self._decoder.decode(chunk)
        if "\n" not in text:
            self._hold(text)
            return
        *lines, rest = text.split("\n")
        lines[0] = "".join([*self._partial, lines[0]])
        self._partial, self._partial_size = [], 0
        self._hold(rest)
        self._settle(lines)

    def _hold(self, text: str) -> None:
        if text:
            self._partial.append(text)
            self._partial_size += len(text)
            if self._partial_size > MAX_LINE:
                line = "".join(self._partial)
                self._partial, self._partial_size = [], 0
                self._settle([line])

    def _settle(self, lines: list[str]) -> None:
        plain = strip_escapes("\n".join(lines)).split("\n")
        self._accept(self._redactor.feed(plain))

    def _accept(self, lines: tuple[str, ...]) -> None:
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

    def emit(self) -> None:
        """Hand on what has come since the last call."""
        if self._pending:
            lines, self._pending = tuple(self._pending), []
            if self._on_output is not None:
                self._on_output(self._stream, lines)

    def close(self) -> None:
        """The stream is over: settle the last line and what was held back."""
        last = "".join(self._partial) + self._decoder.decode(b"", final=True)
        self._partial = []
        if last:
            self._settle([last])
        self._accept(self._redactor.flush())
        self.emit()

    def kept(self) -> str:
        """Head and tail, with a note on what is missing between them."""
        if not self._tail:
            return "\n".join(self._head)
        note = [f"[… {self._dropped} lines left out …]"] if self._dropped else []
        tail = list(self._tail)
        if len(tail) == 1 and len(tail[0]) > self._tail_room:
            tail = [tail[0][: self._tail_room] + " [… line cut …]"]
        return "\n".join([*self._head, *note, *tail])


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
