"""`Places`: the session's context, namespace and mode, by their pickers, keys and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.app.session import Session
from tui.style.text import one_line, plain

if TYPE_CHECKING:
    from engine.core.types import Mode

MODES: tuple[Mode, ...] = ("read-only", "asks before changes", "suggest-only")
MODE_HELP: dict[Mode, str] = {
    "read-only": "changes are refused",
    "asks before changes": "each change is shown and approved first",
    "suggest-only": "changes are suggested, never run",
}
MODE_WORDS: dict[str, Mode] = {
    "ask": "asks before changes",
    "asks": "asks before changes",
    "read-only": "read-only",
    "suggest-only": "suggest-only",
}


class Places:
    """Changes where the next question looks and what it may change."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: tuple[str, str, list[tuple[str, str]]] = ("", "", [])
        """What `offer` read last: of what, in which context, and the names with a word on each."""

    def namespace(self, name: str = "") -> None:
        """Work in a namespace (`all`: in every one), or pick one."""
        if name:
            self.use_namespace("" if name in ("all", "*") else name)
        else:
            self._pick_namespace()

    def recent_namespace(self, number: int) -> None:
        """0 is all namespaces, 1 to 9 are the recent ones."""
        recent = self._session.recent
        if number == 0:
            self.use_namespace("")
        elif number <= len(recent):
            self.use_namespace(recent[number - 1])
        else:
            self._session.notify(f"no recent namespace {number}; press ^n to pick one")

    def context(self, name: str = "") -> None:
        """Open a context, or pick one."""
        if name:
            self.use_context(name)
        else:
            self._pick_context()

    def mode(self, word: str = "") -> None:
        """Change the mode by its word; without one, show it and offer the others."""
        if not word:
            self._pick_mode()
        elif word in MODE_WORDS:
            self.use_mode(MODE_WORDS[word])
        else:
            self._session.notify(f"no mode “{plain(word)}”; use one of {', '.join(MODE_WORDS)}", warning=True)

    def next_mode(self) -> None:
        """Change to the next mode."""
        self.use_mode(MODES[(MODES.index(self._session.agent.status.mode) + 1) % len(MODES)])

    def _pick_mode(self) -> None:
        from tui.screens.dialogs.picker import Choice, Picker

        now = self._session.agent.status.mode
        choices = [Choice(mode, mode, ("●", "$good") if mode == now else ("·", "$quiet"), MODE_HELP[mode]) for mode in MODES]

        def picked(mode: Mode | None) -> None:
            if mode is not None and mode != now:
                self.use_mode(mode)

        self._session.open(Picker("mode", f"now {now}", choices), picked)

    def _pick_namespace(self) -> None:
        """Open the namespace picker; its rows come as soon as they are read."""
        from tui.screens.dialogs.namespace_picker import ALL, namespace_choices, namespace_picker

        status = self._session.agent.status
        picker = namespace_picker(status.namespace)

        def picked(name: str | None) -> None:
            if name is not None:
                self.use_namespace("" if name == ALL else name)

        recent = list(self._session.recent)

        def read() -> None:
            self._session.background.run(
                "namespaces",
                lambda: self._session.agent.cluster.namespaces(recent),
                lambda rows: picker.show(namespace_choices(rows, recent, status.namespace)),
                lambda error: picker.fail(str(error)),
            )

        picker.read_again = read
        self._session.open(picker, picked)
        read()

    def use_namespace(self, name: str) -> None:
        """Work in another namespace from the next question on."""
        status = self._session.agent.status
        self._session.recent = self._session.namespaces.add(status.context, name, status.namespace)
        self._session.background.run(
            "namespace", lambda: self._session.agent.switch_namespace(name), lambda _: None, self._session.show_error
        )

    def _pick_context(self) -> None:
        """Open the context picker."""
        from tui.screens.dialogs.context_picker import context_choices, context_picker

        current = self._session.agent.status.context
        patterns = self._session.settings.policy.protected_contexts
        picker = context_picker(current, running=len(self._session.running), watches=len(self._session.agent.cluster.watching()))

        def picked(name: str | None) -> None:
            if name is not None and name != current:
                self.use_context(name)

        self._session.open(picker, picked)
        self._session.background.run(
            "contexts",
            self._session.agent.cluster.contexts,
            lambda infos: picker.show(context_choices(infos, current, patterns)),
            lambda error: picker.fail(str(error)),
        )

    def use_context(self, name: str) -> None:
        """Open another context; what runs is stopped by the engine."""
        self._session.recent = self._session.namespaces.of(name)
        self._session.background.run("context", lambda: self._session.agent.switch_context(name), lambda _: None, self._session.show_error)

    def use_mode(self, mode: Mode) -> None:
        """Change what may be changed, and say so."""

        def done(_: None) -> None:
            now = self._session.agent.status.mode
            self._session.notify(f"mode: {now}" if now == mode else f"mode stays {now}: this cluster cannot be changed")

        self._session.background.run("mode", lambda: self._session.agent.set_mode(mode), done, self._session.show_error)

    # completion

    def offer_names(self, word: str) -> None:
        """Offer the objects that a mention `@pod/…` may become."""
        prefix, prompt = word[1:], self._session.prompt
        self._session.background.run(
            "names",
            lambda: self._session.agent.cluster.names(prefix),
            lambda names: prompt.choices_for(word, [(f"@{name} ", "") for name in names[:20] if name != prefix]),
            lambda _: None,
        )

    def offer(self, word: str, what: str) -> None:
        """Offer the namespaces or contexts (`what`) that the argument of `:ns …` or `:ctx …` may become; read once for an argument."""
        head, _, prefix = word.partition(" ")
        context = self._session.agent.status.context
        if prefix and self._known[:2] == (what, context):
            self._offer(word)
            return

        def known(names: list[tuple[str, str]]) -> None:
            self._known = (what, context, names)
            now = self._session.prompt.word_here
            if now.partition(" ")[0] == head:
                self._offer(now)

        read = self._namespaces_known if what == "namespace" else self._contexts_known
        self._session.background.run(f"known {what}", read, known, lambda _: None)

    def _offer(self, word: str) -> None:
        head, _, prefix = word.partition(" ")
        prefix = prefix.strip().lower()
        hits = [(name, words) for name, words in self._known[2] if prefix in name.lower()]
        hits.sort(key=lambda hit: not hit[0].lower().startswith(prefix))
        done = len(hits) == 1 and hits[0][0].lower() == prefix
        self._session.prompt.choices_for(word, [] if done else [(f"{head} {name}", words) for name, words in hits])

    def _namespaces_known(self) -> list[tuple[str, str]]:
        from tui.screens.dialogs.namespace_picker import ALL, namespace_choices

        recent, here = list(self._session.recent), self._session.agent.status.namespace
        rows = self._session.agent.cluster.namespaces(recent)
        found = [
            ("all" if choice.value == ALL else choice.value, " · ".join(text for text in (choice.note, choice.right[0][0]) if text))
            for choice in namespace_choices(rows, recent, here)
        ]
        return [*found[1:], *found[:1]]

    def _contexts_known(self) -> list[tuple[str, str]]:
        from tui.screens.dialogs.context_picker import context_choices

        infos = self._session.agent.cluster.contexts()
        choices = context_choices(infos, self._session.agent.status.context, self._session.settings.policy.protected_contexts)
        literal = [choice for choice in choices if one_line(choice.name) == choice.name]  # what would not survive the prompt is only picked
        return [(c.value, " · ".join(text for text in (c.note, *(cell[0] for cell in c.right[:3])) if text)) for c in literal]
