"""Where a Run happens: fixed when it starts, so that a switch elsewhere changes nothing under way."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.types import Mode


@dataclass(frozen=True, slots=True)
class Place:
    """Context, namespace ("" = all), API server and identity of a Run, and what may be changed there."""

    context: str
    namespace: str
    server: str = ""
    user: str = ""
    mode: Mode = "asks before changes"
    protected: bool = False
    recording: bool = False


def is_protected(context: str, patterns: Sequence[str]) -> bool:
    """Whether a context looks like production by the patterns of `[policy] protected_contexts` (case does not count)."""
    return any(fnmatch.fnmatchcase(context.lower(), pattern.lower()) for pattern in patterns)
