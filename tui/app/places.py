"""`PlaceApp`: where the session stands and what it may do there — namespace, context and mode, by their pickers and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.actions.table import SLASH
from tui.app.terminal_output import TellingApp
from tui.style.text import one_line, plain_lines

if TYPE_CHECKING:
    from engine.agent.agent import Agent
    from engine.core.config import Settings
    from engine.core.types import Mode
    from tui.runtime.background import Background
    from tui.state.recent_namespaces import RecentPlaces
    from tui.state.run_view import RunView
    from tui.widgets.input.prompt import Prompt

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
    settings: Settings
    prompt: Prompt
    background: Background
    places: RecentPlaces

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, RunView] = {}
        self.recent: list[str] = []
        self._known: tuple[str, str, list[tuple[str, str]]] = ("", "", [])
        """What `offer_places` read last: of what, in which context, and the names with a word on each."""
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
        from tui.runtime.background import first_sentence

        self.notify(plain_lines(first_sentence(error)), severity="error", markup=False)

    def action_pick_namespace(self) -> None:
        """Open the namespace picker; its rows come as soon as they are read."""
        from tui.screens.dialogs.namespace_picker import ALL, namespace_choices, namespace_picker

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
        from tui.screens.dialogs.context_picker import context_choices, context_picker

        current = self.agent.status.context
        patterns = self.settings.policy.protected_contexts
        picker = context_picker(current, running=len(self.running), watches=len(self.agent.cluster.watching()))

        def picked(name: str | None) -> None:
            if name is not None and name != current:
                self.use_context(name)

        self.push_screen(picker, picked)
        self.background.run(
            "contexts",
            self.agent.cluster.contexts,
            lambda infos: picker.show(context_choices(infos, current, patterns)),
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

    # completion

    def offer_places(self, word: str) -> None:
        """Offer the namespaces or contexts that the argument of `:ns …` or `:ctx …` may become; read once for an argument."""
        head, _, prefix = word.partition(" ")
        what, context = SLASH[head[1:]].id, self.agent.status.context
        if prefix and self._known[:2] == (what, context):
            self._offer(word)
            return

        def known(names: list[tuple[str, str]]) -> None:
            self._known = (what, context, names)
            now = self.prompt.word_here
            if now.partition(" ")[0] == head:
                self._offer(now)

        read = self._namespaces_known if what == "namespace" else self._contexts_known
        self.background.run(f"known {what}", read, known, lambda _: None)

    def _offer(self, word: str) -> None:
        head, _, prefix = word.partition(" ")
        prefix = prefix.strip().lower()
        hits = [(name, words) for name, words in self._known[2] if prefix in name.lower()]
        hits.sort(key=lambda hit: not hit[0].lower().startswith(prefix))
        done = len(hits) == 1 and hits[0][0].lower() == prefix
        self.prompt.choices_for(word, [] if done else [(f"{head} {name}", words) for name, words in hits])

    def _namespaces_known(self) -> list[tuple[str, str]]:
        from tui.screens.dialogs.namespace_picker import ALL, namespace_choices

        recent, here = list(self.recent), self.agent.status.namespace
        rows = self.agent.cluster.namespaces(recent)
        found = [
            ("all" if choice.value == ALL else choice.value, " · ".join(text for text in (choice.note, choice.right[0][0]) if text))
            for choice in namespace_choices(rows, recent, here)
        ]
        return [*found[1:], *found[:1]]

    def _contexts_known(self) -> list[tuple[str, str]]:
        from tui.screens.dialogs.context_picker import context_choices

        infos = self.agent.cluster.contexts()
        choices = context_choices(infos, self.agent.status.context, self.settings.policy.protected_contexts)
        literal = [choice for choice in choices if one_line(choice.name) == choice.name]  # what would not survive the prompt is only picked
        return [(c.value, " · ".join(text for text in (c.note, *(cell[0] for cell in c.right[:3])) if text)) for c in literal]

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
