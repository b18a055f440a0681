"""`Action`: one thing that a person can do, and the places it can be done in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Where = Literal["everywhere", "prompt", "chat", "block", "cluster", "timeline", "output", "sessions"]
PANES: tuple[Where, ...] = ("chat", "cluster", "timeline", "output")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Action(Generic[C]):
    """One thing that a person can do.

    `handler` is called with the session's controllers and with what was typed behind the slash word ("" when a key or the palette runs it);
    an action without one belongs to a widget, which handles the key itself or has the Textual action `run` for it. `keys` are Textual's
    names, `shown` is how footer and help write the first one, `footer` its one word there ("" = not in the footer). `slash` are the words
    that run the action from the prompt, `argument` is what may follow them. `in_dialogs`: whether its key works while a dialog is open.
    """

    id: str
    title: str
    help: str
    run: str = ""
    keys: str = ""
    shown: str = ""
    where: Where = "everywhere"
    footer: str = ""
    slash: tuple[str, ...] = ()
    argument: str = ""
    in_dialogs: bool = False
    palette: bool = True
    handler: Callable[[C, str], None] | None = None
