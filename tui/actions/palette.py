"""The command palette's entries, from the action table."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions.table import ACTIONS, Action, key_text


class ActionProvider(Provider):
    """Every action that can be run from anywhere."""

    def _entries(self) -> list[tuple[str, Action]]:
        return [
            (f"{action.title}{f'  ({key_text(action)})' if action.keys else ''}", action)
            for action in ACTIONS
            if action.palette and action.where == "everywhere" and action.run
        ]

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for text, action in self._entries():
            yield DiscoveryHit(text, self._runner(action), help=action.help)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for text, action in self._entries():
            score = max(matcher.match(text), matcher.match(action.help) * 0.6)
            if score > 0:
                yield Hit(score, matcher.highlight(text), self._runner(action), help=action.help)

    def _runner(self, action: Action):  # type: ignore[no-untyped-def]
        async def run() -> None:
            await self.app.run_action(action.run)

        return run
