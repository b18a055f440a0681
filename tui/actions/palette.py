"""The command palette's entries, from the action table."""

from __future__ import annotations

from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions.action import Action
from tui.actions.keys import key_text
from tui.actions.table import SESSION


def _literal(text: str) -> str:
    """Words whose brackets are no markup."""
    return text.replace("[", "\\[")


class ActionProvider(Provider):
    """Every action that can be run from anywhere."""

    def _entries(self) -> list[tuple[str, Action[Any]]]:
        return [(f"{action.title}{f'  ({key_text(action)})' if action.keys else ''}", action) for action in SESSION if action.palette]

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for text, action in self._entries():
            yield DiscoveryHit(text, self._runner(action), help=_literal(action.help))

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for text, action in self._entries():
            score = max(matcher.match(text), matcher.match(action.help) * 0.6)
            if score > 0:
                yield Hit(score, matcher.highlight(text), self._runner(action), help=_literal(action.help))

    def _runner(self, action: Action[Any]):  # type: ignore[no-untyped-def]
        async def run() -> None:
            await self.app.run_action(f"app.do('{action.id}')")

        return run
