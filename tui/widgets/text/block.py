"""`Block`: a command or a piece of code of an answer, with keys of its own: enter runs, `e` edits, `c` copies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from tui.actions.keys import bindings
from tui.actions.panes import BLOCK
from tui.widgets.text.code import Part, code_paras
from tui.widgets.text.flow import Flow, Para
from tui.widgets.text.markdown import link_to


class Block(Flow, can_focus=True):
    """`command` is what enter runs through the policy, "" where there is nothing to run; `text` is what is copied."""

    DEFAULT_CSS = "Block { &:focus { background: $cursor-row; } }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(BLOCK)]

    class Asked(Message):
        """A key on the block: `run`, `edit` or `copy`, and the command or text it is about."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what = what
            self.text = text

    def __init__(self, paras: Sequence[Para], text: str, *, command: str = "") -> None:
        super().__init__(paras)
        self.text = text
        self.command = command

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What cannot be run has no key for it."""
        return bool(self.command) or action not in ("run", "edit")

    def action_run(self) -> None:
        self.post_message(self.Asked("run", self.command))

    def action_edit(self) -> None:
        self.post_message(self.Asked("edit", self.command))

    def action_copy(self) -> None:
        self.post_message(self.Asked("copy", self.text))

    def on_click(self) -> None:
        self.focus()


def keys_of(text: str, *, runs: bool) -> list[str | Content | tuple[str, str]]:
    """The keys of a block, written behind it; a click on one does the same."""
    words: list[str | Content | tuple[str, str]] = ["  "]
    if runs:
        words.extend([Content("⏎ run").stylize("$place").stylize(link_to("block", "run", text)), "  "])
        words.extend([Content("e edit").stylize("$quiet").stylize(link_to("block", "edit", text)), "  "])
    words.append(Content("c copy").stylize("$quiet").stylize(link_to("block", "copy", text)))
    return words


def code_block(part: Part) -> Flow:
    """A piece of a code block: a command or code with its keys behind it, or the words between them."""
    paras = code_paras(part.text, part.language)
    if part.kind == "words":
        return Flow(paras)
    runs = part.kind == "command"
    paras[-1] = dataclasses.replace(paras[-1], tail=Content.assemble(*keys_of(part.text, runs=runs)))
    return Block(paras, part.text, command=part.text if runs else "")
