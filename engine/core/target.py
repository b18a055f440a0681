"""Where a Run happens: fixed when it starts, so that a switch elsewhere changes nothing under way."""

from __future__ import annotations

import fnmatch
import re
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


def is_protected(context: str, patterns: Sequence[str], *places: str) -> bool:
    """Whether a context looks like production by `[policy] protected_contexts` (case does not count).

    A pattern with `*`, `?` or `[` is matched against the whole name of the context. Any other is looked for as a word in that name and in
    `places`, the names of its cluster and server: digits, dashes, dots and the like end a word.
    """
    names = [name.lower() for name in (context, *places)]
    return any(
        fnmatch.fnmatchcase(names[0], pattern)
        if set(pattern) & set("*?[")
        else any(re.search(rf"(?<![a-z]){re.escape(pattern)}(?![a-z])", name) for name in names)
        for pattern in map(str.lower, patterns)
    )
