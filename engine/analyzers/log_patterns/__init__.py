"""Log patterns as data, a module per family of programs: what a program says when it fails, and what that means."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from engine.analyzers.log_patterns.pattern import Pattern, PatternIndex


@cache
def known_patterns() -> PatternIndex:
    """The patterns of all modules of this package, each module's public tuples of them in turn."""
    found: list[Pattern] = []
    for module in pkgutil.iter_modules(__path__):
        for name, table in vars(importlib.import_module(f"{__name__}.{module.name}")).items():
            if name.isupper() and isinstance(table, tuple):
                found += [row for row in table if isinstance(row, Pattern)]
    return PatternIndex(found)
