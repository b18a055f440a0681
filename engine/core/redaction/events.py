"""Takes secrets and escapes out of every text of an event before anybody hears it; the last gate, whatever the text came from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from engine.core.events import CommandOutput, Event
from engine.core.redaction.escapes import strip_escapes

_NAMES = frozenset(
    {"run", "id", "digest", "kind", "status", "risk", "rule", "mode", "tier", "level", "outcome", "stream", "severity", "code"}
)
"""Fields that hold names of ours, which no secret can be in."""


def scrub(event: Event, redact: Callable[[str], str]) -> Event:
    """The event with every text plain and redacted; command output comes so from the runner, which sees across line borders."""
    if isinstance(event, CommandOutput):
        return event
    cleaned: Event = clean(event, redact)
    return cleaned


def clean(value: Any, redact: Callable[[str], str]) -> Any:
    """A value of texts, tuples, mappings and dataclasses with every text in it plain and redacted."""
    if isinstance(value, str):
        plain = strip_escapes(value)
        return redact(plain) if len(plain) > 7 else plain
    if isinstance(value, tuple):
        items = tuple(clean(item, redact) for item in value)
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if isinstance(value, Mapping):
        return {key: clean(item, redact) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {}
        for f in dataclasses.fields(value):
            if f.name in _NAMES:
                continue
            old = getattr(value, f.name)
            new = clean(old, redact)
            if new is not old and new != old:
                changes[f.name] = new
        return dataclasses.replace(value, **changes) if changes else value
    return value
