"""The prompt: several lines, history, completion of `/commands` and `@mentions`; enter sends."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from tui.actions.keys import keys_of
from tui.actions.panes import PROMPT
from tui.state.answer_guard import AnswerGuard
from tui.style.text import plain_lines

HISTORY_KEPT = 500
FOLD_LINES, FOLD_LENGTH = 12, 2_000
"""A paste from this size on is shown as a chip and sent whole."""
FOLDS_KEPT = 20
TICK = 0.05
"""Seconds between two looks whether a digit was followed by nothing."""
NEWLINE, COMPLETE = (next(action for action in PROMPT if action.id == id) for id in ("newline", "complete"))
PLACEHOLDER = Content.assemble(
    ("ask,  ", "$quiet"),
    ("/", "$foreground"),
    ("command,  ", "$quiet"),
    ("!", "$foreground"),
    ("kubectl …,  ", "$quiet"),
    ("@", "$foreground"),
    ("pod", "$quiet"),
)


class History:
    """What was sent, oldest first; kept in a file of the user's own when there is a folder for it."""

    def __init__(self, path: Path | None = None, kept: int = HISTORY_KEPT) -> None:
        self.path = path
        self.kept = kept
        self.entries: list[str] = []
        if path is not None:
            try:
                lines = path.read_text(encoding="utf-8").splitlines()[-kept:] if kept else []
                self.entries = [entry for line in lines if isinstance(entry := json.loads(line), str)]
            except (OSError, ValueError):  # no history yet, or a broken one: begin anew
                self.entries = []

    def add(self, text: str) -> None:
        """Remember a text; the same one twice in a row counts once."""
        if not text.strip() or (self.entries and self.entries[-1] == text):
            return
        self.entries = [*self.entries, text][-self.kept :] if self.kept else []
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.path.touch(mode=0o600)
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(text) + "\n")
            except OSError:  # a history that cannot be kept on disk is still there for this session
                self.path = None


class Prompt(TextArea):
    """The field at the bottom. It grows to eight lines; what is longer scrolls."""

    DEFAULT_CSS = """
    Prompt {
        height: auto; max-height: 8; min-height: 1; border: none; padding: 0; background: $plane; color: $foreground;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
        &:focus { border: none; }
        & .text-area--cursor-line { background: $plane; }
        & .text-area--placeholder { color: $quiet; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+tab", "app.focus_previous", show=False),
    ]

    class Sent(Message):
        """The person sent a text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Wanted(Message):
        """Names are wanted that a mention (`@pod/…`) or the argument of a word (`:ns …`) may become."""

        def __init__(self, word: str) -> None:
            super().__init__()
            self.word = word

    class Offers(Message):
        """What the word under the cursor may become, with a word on each; the marked one is what tab takes."""

        def __init__(self, choices: list[tuple[str, str]], marked: int) -> None:
            super().__init__()
            self.choices = choices
            self.marked = marked

    class Typed(Message):
        """A key was pressed here; dialogs wait until typing pauses."""

    def __init__(
        self,
        history: History,
        words: Callable[[str], Sequence[tuple[str, str]]] = lambda sign: (),
        takes_place: Callable[[str], bool] = lambda word: False,
        clock: Callable[[], float] = time.monotonic,
        *,
        id: str | None = None,
    ) -> None:
        """`words` gives what may follow `/` or `:`, with a line on each; `takes_place`: whether a namespace or context follows a word."""
        super().__init__(
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            tab_behavior="focus",
            placeholder=PLACEHOLDER,
            compact=True,
            highlight_cursor_line=False,
        )
        self.past = history
        self._words = words
        self._takes_place = takes_place
        self._at = 0
        self._draft = ""
        self._folded: dict[str, str] = {}
        self._choices: list[tuple[str, str]] = []
        self._choice = 0
        self._taken = self._taking = False
        self._offered_for = ""
        """The word that the choices are for."""
        self._word = (0, 0)
        self.digits: Callable[[int], bool] = lambda digit: False
        """Asked when nothing follows a digit typed into the empty prompt; True when the digit meant something else than text."""
        self._guard = AnswerGuard(clock, "123456789")
        self._watch: Timer | None = None

    # typing

    async def _on_key(self, event: events.Key) -> None:
        self.post_message(self.Typed())
        if own := self._own_key(event.key):
            event.stop()
            event.prevent_default()
            own()
            return
        if event.key in ("up", "down", "escape") and self._choose(event.key):
            event.stop()
            event.prevent_default()
            return
        if event.key in ("up", "down") and self._recall(event.key):
            event.stop()
            event.prevent_default()
            return
        self._guard.press(event.character if event.character and not self.text else event.key)
        if self._guard.held and self._watch is None:
            self._watch = self.set_interval(TICK, self._digit_due)
        if self._taken:
            self._choices, self._taken = [], False
            self.post_message(self.Offers([], 0))
        await super()._on_key(event)

    def _own_key(self, key: str) -> Callable[[], None] | None:
        """What a key of the prompt itself does; no binding, so that it keeps its place among the letters around it."""
        if key == "enter":
            return self._send
        if key == "shift+enter" or key in keys_of(NEWLINE):
            return self.action_newline
        return self.action_complete if key in keys_of(COMPLETE) else None

    def _digit_due(self) -> None:
        """A digit by itself is a choice of the welcome page, once nothing follows it."""
        digit = self._guard.due()
        if digit and self.text == digit and self.digits(int(digit)):
            self.text = ""
        if not self._guard.held and self._watch is not None:
            self._watch.stop()
            self._watch = None

    async def _on_paste(self, event: events.Paste) -> None:
        """A paste is kept whole, whatever it holds (a long one behind a chip); only what would move the cursor is made visible."""
        self.post_message(self.Typed())
        self._guard.typed_text()
        event.prevent_default()
        event.stop()
        text = plain_lines(event.text)
        lines = text.count("\n") + 1
        if lines < FOLD_LINES and len(text) < FOLD_LENGTH:
            self.insert(text)
            return
        chip = f"[pasted {lines} lines]" if lines > 1 else f"[pasted {len(text):,} characters]"
        number = 2
        while self._folded.get(chip, text) != text:
            chip = f"{chip.split(' #')[0].rstrip(']')} #{number}]"
            number += 1
        self._folded[chip] = text
        while len(self._folded) > FOLDS_KEPT:
            del self._folded[next(iter(self._folded))]
        self.insert(chip)

    def unfolded(self, text: str) -> str:
        """A text with what was pasted in place of the chips."""
        if not self._folded:
            return text
        return re.sub("|".join(map(re.escape, self._folded)), lambda match: self._folded[match.group()], text)

    def _send(self) -> None:
        text = self.unfolded(self.text).strip()
        if not text:
            return
        self.past.add(text)
        self._at = len(self.past.entries)
        self._draft = ""
        self.text = ""
        self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        self.insert("\n")

    def put(self, text: str) -> None:
        """Replace the text and put the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)
        self.screen.set_focus(self)  # at once: what is typed next belongs here

    # history

    def _recall(self, key: str) -> bool:
        """Up on the first line and down on the last walk through the history."""
        row, _ = self.cursor_location
        last = self.document.line_count - 1
        entries = self.past.entries
        if key == "up":
            if row > 0 or not entries:
                return False
            if self._at > len(entries) or (self._at == len(entries) and self.text != self._draft):
                self._draft = self.text
            elif self._at < len(entries) and self.text != entries[self._at]:
                self._draft, self._at = self.text, len(entries)
            self._at = max(min(self._at, len(entries)) - 1, 0)
        else:
            if row < last or self._at >= len(entries):
                return False
            self._at += 1
        self.put(entries[self._at] if self._at < len(entries) else self._draft)
        return True

    def on_mount(self) -> None:
        """Begin after the newest entry."""
        self._at = len(self.past.entries)

    # completion

    @property
    def word_here(self) -> str:
        """The text before the cursor that can be completed: a /command at the very beginning, with its place, or an @mention."""
        row, column = self.cursor_location
        before = self.document[row][:column]
        start = max(before.rfind(" "), before.rfind("\n")) + 1
        word = before[start:]
        if row == 0 and before.startswith(("/", ":")) and (not start or self._takes_place(before.partition(" ")[0][1:])):
            return before
        return word if word.startswith("@") else ""

    @property
    def offered(self) -> list[tuple[str, str]]:
        """What the word may become, with a word on each."""
        return list(self._choices)

    def look(self) -> None:
        """Say what the word under the cursor may become."""
        word = self.word_here
        if word.startswith(("/", ":")) and " " not in word:
            words = [(name, about) for name, about in self._words(word[0]) if name.startswith(word[1:])]
            exact = len(words) == 1 and words[0][0] == word[1:]
            self.choices_for(word, [] if exact else [(f"{word[0]}{name} ", about) for name, about in words])
        elif word:
            self.post_message(self.Wanted(word))
        else:
            self.choices_for("", [])

    def choices_for(self, word: str, choices: list[tuple[str, str]]) -> None:
        """Take choices for a word, if it is still before the cursor."""
        if word != self.word_here:
            return
        row, column = self.cursor_location
        self._choices, self._choice, self._taken = choices, 0, False
        self._offered_for = word
        self._word = (row, column - len(word))
        self.post_message(self.Offers(choices, 0))

    def action_complete(self, step: int = 1) -> None:
        """Take the marked choice, and the next ones when pressed again; without choices, the next pane."""
        word = self.word_here
        if word.startswith(("/", ":")) and word != self._offered_for and not self._taken:
            self.look()  # what was typed just now was not looked at yet
        if not self._choices:
            if not self.word_here:
                self.screen.focus_next()
            return
        self.take((self._choice + step) % len(self._choices) if self._taken else self._choice)

    def take(self, index: int) -> None:
        """Put a choice in place of the word."""
        if not 0 <= index < len(self._choices):
            return
        self._choice, self._taken, self._taking = index, True, True
        self.replace(self._choices[index][0], self._word, self.cursor_location)
        self.post_message(self.Offers([], index))
        if len(self._choices) == 1:
            self._choices = []

    def on_text_area_changed(self) -> None:
        """What is typed narrows the choices; what was taken leaves them."""
        if self._taking:
            self._taking = False
        else:
            self.look()

    def _choose(self, key: str) -> bool:
        """Up and down move among choices that are offered; esc puts them away."""
        if not self._choices or self._taken:
            return False
        if key == "escape":
            self._choices = []
            self.post_message(self.Offers([], 0))
            return True
        self._choice = (self._choice + (1 if key == "down" else -1)) % len(self._choices)
        self.post_message(self.Offers(self._choices, self._choice))
        return True
