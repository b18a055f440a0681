"""The keys in force: those of the action table, or the person's own from `[keys]`; how they are written, bound and shown in footers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from textual.binding import Binding

from tui.actions.action import Action, Where

ARROWS = frozenset({"ctrl+left", "ctrl+right", "ctrl+up", "ctrl+down"})
"""Keys that move in the prompt while it has the focus."""

_chosen: dict[str, str] = {}


def choose_keys(chosen: Mapping[str, str]) -> dict[str, str]:
    """Take a person's own keys by action id, for footer and help; returns Textual's key map."""
    _chosen.clear()
    _chosen.update({id: ",".join(key.strip() for key in keys.split(",")) for id, keys in chosen.items()})
    return dict(_chosen)


def keys_of(action: Action[Any]) -> list[str]:
    """The keys that run an action now, by Textual's names."""
    return [key for key in _chosen.get(action.id, action.keys).split(",") if key]


def key_text(action: Action[Any]) -> str:
    """The action's first key as people write it: ^n, f1, enter."""
    return (action.shown if action.id not in _chosen else "") or key_name(next(iter(keys_of(action)), ""))


def key_name(key: str) -> str:
    """Textual's name of a key as people write it."""
    return {"question_mark": "?", "slash": "/", "colon": ":", "plus": "+", "minus": "-", "underscore": "_"}.get(
        key, key.replace("ctrl+", "^")
    )


def bindings(actions: Iterable[Action[Any]], *, priority: bool = False) -> list[Binding]:
    """Textual bindings of those actions that have something to run; a key that types a character never has priority."""
    return [
        Binding(
            key,
            action.run or f"do('{action.id}')",
            action.title,
            show=False,
            priority=priority and key.startswith(("ctrl+", "f")) and key not in ARROWS,
            id=action.id,
        )
        for action in actions
        for key in action.keys.split(",")
        if action.keys and (action.run or action.handler is not None)
    ]


def footer(actions: Iterable[Action[Any]], *places: Where) -> list[tuple[str, str]]:
    """(key, word) of the actions that a footer shows, in the table's order; of these places alone where some are named."""
    return [(key_text(action), action.footer) for action in actions if action.footer and (not places or action.where in places)]
