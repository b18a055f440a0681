"""`PlaceApp`: where the session stands and what it may do there — namespace, context and mode, by their pickers and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.telling_app import TellingApp
from tui.text import plain_lines

if TYPE_CHECKING:
    from engine.agent import Agent
    from engine.facts import Mode
    from tui.background import Background
    from tui.recent import RecentPlaces
    from tui.run_view import RunView

MODES: tuple[Mode, ...] = ("read-only", "asks before changes", "suggest-only")
MODE_WORDS: dict[str, Mode] = {
    "ask": "asks before changes",
    "asks": "asks before changes",
    "read-only": "read-only",
    "suggest-only": "suggest-only",
}


class PlaceApp(TellingApp):
    """The actions that change the session's place, and what they share with the others."""

    agent: Agent
    background: Background
    places: RecentPlaces

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, RunView] = {}
        self.recent: list[str] = []
        self.with_argument: dict[str, Callable[[str], bool]] = {
            "namespace": self._to_namespace,
            "context": self._to_context,
            "mode": self._to_mode,
        }
        """What a word of the prompt does with its argument, by the action's id; False when the argument says nothing to it."""

    @property
    def running(self) -> list[RunView]:
        """What is under way."""
        return [view for view in self.views.values() if view.running]

    def tell_error(self, error: Exception) -> None:
        """Show why something did not work."""
        from tui.background import first_sentence

        self.notify(plain_lines(first_sentence(error)), severity="error", markup=False)

    def action_pick_namespace(self) -> None:
        """Open the namespace picker; its rows come as soon as they are read."""
        from tui.screens.namespace import ALL, namespace_choices, namespace_picker

        status = self.agent.status
        picker = namespace_picker(status.namespace)

        def picked(name: str | None) -> None:
            if name is not None:
                self.use_namespace("" if name == ALL else name)

        self.push_screen(picker, picked)
        recent = list(self.recent)
        self.background.run(
            "namespaces",
            lambda: self.agent.cluster.namespaces(recent),
            lambda rows: picker.show(namespace_choices(rows, recent, status.namespace)),
            lambda error: picker.fail(str(error)),
        )

    def use_namespace(self, name: str) -> None:
        """Work in another namespace from the next question on."""
        status = self.agent.status
        self.recent = self.places.add(status.context, name, status.namespace)
        self.background.run("namespace", lambda: self.agent.switch_namespace(name), lambda _: None, self.tell_error)

    def action_pick_context(self) -> None:
        """Open the context picker."""
        from tui.screens.context import context_choices, context_picker

        current = self.agent.status.context
        picker = context_picker(current, running=bool(self.running))

        def picked(name: str | None) -> None:
            if name is not None and name != current:
                self.use_context(name)

        self.push_screen(picker, picked)
        self.background.run(
            "contexts",
            self.agent.cluster.contexts,
            lambda infos: picker.show(context_choices(infos, current)),
            lambda error: picker.fail(str(error)),
        )

    def use_context(self, name: str) -> None:
        """Open another context; what runs is stopped by the engine."""
        self.recent = self.places.of(name)
        self.background.run("context", lambda: self.agent.switch_context(name), lambda _: None, self.tell_error)

    def action_next_mode(self) -> None:
        self.use_mode(MODES[(MODES.index(self.agent.status.mode) + 1) % len(MODES)])

    def use_mode(self, mode: Mode) -> None:
        """Change what may be changed, and say so."""

        def done(_: None) -> None:
            now = self.agent.status.mode
            self.notify(f"now {now}" if now == mode else f"stays {now}: this cluster cannot be written to", markup=False)

        self.background.run("mode", lambda: self.agent.set_mode(mode), done, self.tell_error)

    def _to_namespace(self, name: str) -> bool:
        self.use_namespace("" if name in ("all", "*") else name)
        return True

    def _to_context(self, name: str) -> bool:
        self.use_context(name)
        return True

    def _to_mode(self, word: str) -> bool:
        if word in MODE_WORDS:
            self.use_mode(MODE_WORDS[word])
        return word in MODE_WORDS
