"""Help, made from the action table: the keys of the focused pane first, then everywhere's, then the words of the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from tui.actions.action import Action, Where
from tui.actions.keys import key_name, key_text, keys_of
from tui.screens.dialogs.base import Reader
from tui.widgets.text.flow import Para, blank

TITLES: dict[str, str] = {
    "everywhere": "everywhere",
    "prompt": "prompt",
    "chat": "chat",
    "block": "command or code block",
    "cluster": "cluster pane",
    "timeline": "timeline",
    "output": "output",
    "sessions": "saved sessions",
}


def help_paras(actions: Sequence[Action[Any]], focused: Where) -> list[Para]:
    """The help text with the focused place first."""
    order = [focused, *(where for where in TITLES if where != focused)]
    paras: list[Para] = []
    for where in order:
        here = [action for action in actions if action.where == where and action.keys]
        if not here:
            continue
        paras.append(Para(Content(TITLES[where]).stylize("bold $place")))
        paras.extend(_key(action) for action in here)
        paras.append(blank())
    paras.append(Para(Content("commands").stylize("bold $place")))
    paras.extend(_word(action) for action in actions if action.slash)
    paras.append(_line("!kubectl …", "run a command yourself; changes ask first"))
    paras.append(_line("@name", "mention an object; tab completes it"))
    return paras


def help_screen(actions: Sequence[Action[Any]], focused: Where) -> Reader:
    """The help for a focused place."""
    title = Content.assemble(("help", "bold $strong"), ("  ^p searches all commands", "$quiet"))
    return Reader(title, help_paras(actions, focused))


def _key(action: Action[Any]) -> Para:
    other = [key for key in keys_of(action)[1:] if not action.shown]
    keys = " ".join([key_text(action), *map(key_name, other)])
    return _line(keys, action.help)


def _word(action: Action[Any]) -> Para:
    words = " ".join(f"/{word}" for word in action.slash)
    return _line(f"{words} {action.argument}".strip(), action.title)


def _line(key: str, text: str) -> Para:
    return Para(Content(text), Content.assemble("  ", (key.ljust(14), "bold $strong"), "  "))
