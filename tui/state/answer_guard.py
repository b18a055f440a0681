"""`AnswerGuard`: tells a key that answers a dialog from text that somebody types on while the dialog opens."""

from __future__ import annotations

from collections.abc import Callable, Collection

QUIET = 0.5
"""Seconds without a key before a key may answer, and after it before the answer counts. Slow typists take 0.4 s a key."""
BURST = 0.03
"""Keys closer together than this come from a paste or a slow line, not from fingers."""
TICKS = 2
"""An answer that is due must be seen due so many times: after a hang, keys that wait in the queue are handled in between."""


class AnswerGuard:
    """Knows which keys answer, and when.

    A key answers only after `quiet` seconds without any key (the dialog's opening counts as one). Keys in `at_once` answer then; those in
    `confirm` wait for enter; all others count once nothing else was typed for as long again, or at enter. Any key that is no answer,
    and any answer that came too early, disarms what was held and starts the wait again.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        answers: Collection[str],
        *,
        confirm: Collection[str] = (),
        at_once: Collection[str] = (),
        quiet: float = QUIET,
    ) -> None:
        self._clock = clock
        self._answers = frozenset(answers)
        self._confirm = frozenset(confirm)
        self._at_once = frozenset(at_once)
        self._quiet = quiet
        self._last = clock()
        self._seen_due = 0
        self.held = ""
        """The answer that waits for quiet or for enter."""
        self.disarmed = False
        """Whether the last key was taken for text."""

    @property
    def waits_for_enter(self) -> bool:
        return self.held in self._confirm

    @property
    def armed(self) -> bool:
        """Whether a key may answer now."""
        return self._clock() - self._last >= self._quiet

    def press(self, key: str) -> str:
        """A key was typed; returns the answer that counts now, "" for none. Enter by itself is the answer `enter`."""
        now = self._clock()
        quiet, self._last = now - self._last, now
        held, self.held = self.held, ""
        self._seen_due = 0
        if key == "enter" and held and quiet >= BURST:
            return held
        if quiet < self._quiet or (key != "enter" and key not in self._answers):
            self.disarmed = True
            return ""
        self.disarmed = False
        if key == "enter" or key in self._at_once:
            return key
        self.held = key
        return ""

    def typed_text(self) -> None:
        """Text arrived in some other way, such as a paste."""
        self._last = self._clock()
        self.held, self.disarmed = "", True

    def due(self) -> str:
        """The held answer once nothing else was typed for long enough; to be asked a few times a second."""
        if self.disarmed and self.armed:
            self.disarmed = False
        if not self.held or self.waits_for_enter or self._clock() - self._last < self._quiet:
            return ""
        self._seen_due += 1
        if self._seen_due < TICKS:
            return ""
        held, self.held = self.held, ""
        return held
