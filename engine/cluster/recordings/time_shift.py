"""Moves the times of a recording, so that ages read as they did when it was made.

Only whole strings that are RFC 3339 times are moved (values in objects, the stamp in front of a log line), never times within a text.
The shift is in whole seconds, so fractions keep their digits and `MicroTime` stays `MicroTime`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_VALUE = re.compile(
    rb'"([0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9])((?:\.[0-9]{1,9})?(?:Z|[+-][0-2][0-9]:[0-5][0-9])")'
)
_STAMP = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?=(?:\.[0-9]{1,9})?(?:Z|[+-][0-2][0-9]:[0-5][0-9]))")
_EPOCH = 1970
"""Times of this year or before mean "no time" (the kubelet's StartError) and stay."""


class TimeShift:
    """Adds one span of whole seconds to times; each second is computed once."""

    def __init__(self, recorded: datetime, now: datetime) -> None:
        self.delta = timedelta(seconds=round((now - recorded).total_seconds()))
        self._moved: dict[bytes, bytes] = {}

    def json(self, data: bytes) -> bytes:
        """JSON text with every time that is a whole string moved."""
        if not self.delta:
            return data
        return _VALUE.sub(self._value, data)

    def line(self, line: str) -> str:
        """A log line with the stamp in front of it moved; a line without one comes back as it was."""
        found = _STAMP.match(line)
        if found is None or not self.delta:
            return line
        return self._second(found[0].encode()).decode() + line[found.end() :]

    def _value(self, found: re.Match[bytes]) -> bytes:
        return b'"' + self._second(found[1]) + found[2]

    def _second(self, stamp: bytes) -> bytes:
        moved = self._moved.get(stamp)
        if moved is None:
            moved = self._moved[stamp] = self._compute(stamp)
        return moved

    def _compute(self, stamp: bytes) -> bytes:
        try:
            moment = datetime.fromisoformat(stamp.decode()).replace(tzinfo=UTC)
            return stamp if moment.year <= _EPOCH else (moment + self.delta).strftime("%Y-%m-%dT%H:%M:%S").encode()
        except (ValueError, OverflowError):
            return stamp
