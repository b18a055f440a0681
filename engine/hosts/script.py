"""One connection for all probes: the `sh` script that runs them on the other side, and the reader of what comes back.

The script is assembled from the fixed table alone; each word is quoted, and nothing of it comes from a person, a model or a cluster.
It travels as standard input of `sh -s`, so that no login shell has to parse it; that input stays open, and its end (a cancel, a connection
that died) stops the probe under way, so that nothing is left behind on the host. Around each reply stand lines with a random mark that
no output can guess, so that what a host prints is never taken for the end of a reply.
"""

from __future__ import annotations

import codecs
import re
import secrets
import shlex
import time
from collections.abc import Callable, Sequence

from engine.hosts.bundle import Reply
from engine.hosts.probes import Probe

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CODE = re.compile(r"\d{1,3}", re.ASCII)
KEEP = 512 * 1024
"""Bytes that are kept of one reply, from its beginning."""

_HEAD = """{{
PATH={path} LC_ALL=C.UTF-8 LANG=C.UTF-8 TERM=dumb PAGER=cat SYSTEMD_PAGER= SYSTEMD_COLORS=0 NO_COLOR=1
export PATH LC_ALL LANG TERM PAGER SYSTEMD_PAGER SYSTEMD_COLORS NO_COLOR
umask 077
limit=
if timeout -k 1 1 true >/dev/null 2>&1; then limit=yes; fi
trap 'kill "$!" 2>/dev/null; exit 143' TERM
exec 3<&0 </dev/null
(while read -r _ <&3; do :; done; kill -TERM $$) >/dev/null 2>&1 &
watch=$!
probe() {{
  key=$1 seconds=$2
  shift 2
  printf '\\n{mark} begin %s\\n' "$key"
  if [ "$limit" ]; then timeout -k 1 "$seconds" "$@" 2>&1 3<&- & else "$@" 2>&1 3<&- & fi
  wait "$!"
  printf '\\n{mark} end %s %s\\n' "$key" "$?"
}}
"""
_TAIL = """kill "$watch" 2>/dev/null
printf '\\n{mark} done\\n'
exit 0
}}
"""


def new_mark() -> str:
    """A mark that nobody can guess."""
    return f"k8sagent-{secrets.token_hex(16)}"


def script(table: Sequence[Probe], mark: str, *, path: str = PATH) -> str:
    """The script that runs the table's probes one after another; `sh` reads it whole before it runs anything of it."""
    rows = [f"probe {shlex.quote(probe.key)} {max(1, round(probe.seconds))} {shlex.join(probe.argv)}\n" for probe in table]
    return "".join([_HEAD.format(mark=mark, path=shlex.quote(path)), *rows, _TAIL.format(mark=mark)])


class ReplyReader:
    """Takes the bytes of the script's output as they come; `replies` holds what is complete, and `done` whether the script ended."""

    def __init__(self, mark: str, clean: Callable[[str], str], *, clock: Callable[[], float] = time.time) -> None:
        self._mark = f"{mark} ".encode()
        self._clean = clean
        self._clock = clock
        self._rest = b""
        self._key = ""
        self._body: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self.replies: dict[str, Reply] = {}
        self.times: dict[str, float] = {}
        self.done = False

    def take(self, chunk: bytes) -> None:
        """Raw bytes as they were read."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > KEEP:
            self._add(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> None:
        if line.startswith(self._mark):
            words = line[len(self._mark) :].decode("ascii", "replace").split()
            match words:
                case ["begin", key]:
                    self._key, self._body, self._size, self._dropped = key, [], 0, 0
                case ["end", key, code] if key == self._key and _CODE.fullmatch(code):
                    self._settle(int(code), "")
                case ["done"]:
                    self.done = True
        elif self._key:
            self._add(line + b"\n")

    def _add(self, piece: bytes) -> None:
        room = KEEP - self._size
        if room > 0:
            self._body.append(piece[:room])
            self._size += min(len(piece), room)
        self._dropped += max(0, len(piece) - room)

    def _settle(self, code: int | None, note: str) -> None:
        if self._dropped:
            note = f"{note}; {self._dropped} bytes are left out".removeprefix("; ")
        text = codecs.decode(b"".join(self._body), "utf-8", "replace")
        self.replies[self._key] = Reply(self._clean(text).strip("\n"), code, note)
        self.times[self._key] = self._clock()
        self._key = ""

    def close(self) -> None:
        """The connection is over; a reply that was under way is kept as one that did not end."""
        if self._key:
            self._add(self._rest)
            self._settle(None, "the output was cut off")
