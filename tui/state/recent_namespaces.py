"""`RecentNamespaces`: the namespaces that were worked in lately, per context, kept across sessions."""

from __future__ import annotations

import json
from pathlib import Path

KEPT = 9
CONTEXTS_KEPT = 50


class RecentNamespaces:
    """Names by context, newest first; in a file of the user's own when there is a folder for it."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._names: dict[str, list[str]] = {}
        if path is not None:
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
                self._names = {
                    context: [name for name in names if isinstance(name, str)][:KEPT]
                    for context, names in data.items()
                    if isinstance(names, list)
                }
            except (OSError, ValueError, AttributeError):  # none kept yet, or a broken file: begin anew
                self._names = {}

    def of(self, context: str) -> list[str]:
        """The context's recent namespaces, newest first."""
        return list(self._names.get(context, ()))

    def add(self, context: str, *names: str) -> list[str]:
        """Put names first ("" is passed over); returns the context's list."""
        recent = [name for name in dict.fromkeys([*names, *self.of(context)]) if name][:KEPT]
        self._names = dict(list({context: recent, **{k: v for k, v in self._names.items() if k != context}}.items())[:CONTEXTS_KEPT])
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._path.touch(mode=0o600)
                self._path.write_text(json.dumps(self._names), encoding="utf-8")
            except OSError:  # what cannot be kept on disk is still there for this session
                self._path = None
        return list(recent)
