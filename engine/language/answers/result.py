"""`Result`: what a computed answer says and shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core.types import Evidence, ObjectRef, Remedy, RootCause


@dataclass(frozen=True, slots=True)
class Result:
    """The sentence that answers, and what stands below it: rows of cells, a block of code, evidence, fixes, objects for the next question."""

    answer: str = ""
    table: tuple[tuple[str, ...], ...] = ()
    """Rows of cells; the first holds the titles."""
    code: str = ""
    code_language: Literal["", "yaml", "python", "sh"] = ""
    commands: tuple[str, ...] = ()
    """Read commands whose output belongs below the answer."""
    objects: tuple[ObjectRef, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    root_causes: tuple[RootCause, ...] = ()
    fix: tuple[Remedy, ...] = ()


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, at most some of them and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 pod`, `3 pods`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
