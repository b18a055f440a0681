"""What an answer module gets and gives back.

An answerer is `function(request, scene) -> Reply | None`: None means that it has nothing on this request, so that the next way is tried.
It reads the cluster through `scene.source` or `scene.view`, takes every slot from the Request, and never looks at the words again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from engine.analyzers.common.view import ClusterView
from engine.cluster.source import ClusterSource
from engine.core.cancel import CancelToken
from engine.core.types import Evidence, ObjectRef, Remedy, RootCause
from engine.language.request import Request


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said and shown: `commands` are read commands (at most two) that run behind it, their output follows the text.

    `rows` are the (namespace, name) pairs whose lines alone are kept of that output.
    """

    commands: tuple[str, ...] = ()
    answer: str = ""
    """The sentence that answers, and further lines of text below it."""
    missing: str = ""
    """What is not there, in place of an answer."""
    objects: tuple[ObjectRef, ...] = ()
    """What the next question's "it" means."""
    rows: tuple[tuple[str, str], ...] = ()
    choices: tuple[ObjectRef, ...] = ()
    """Further objects that the name fits; the reply is about the first."""
    word: str = ""
    near: tuple[str, ...] = ()
    """Names like `word`, which is not there."""
    table: tuple[tuple[str, ...], ...] = ()
    """Rows of cells below the text; the first holds the titles."""
    code: str = ""
    code_language: Literal["", "yaml", "python", "sh"] = ""
    """A block of code below the text, redacted by the flow."""
    evidence: tuple[Evidence, ...] = ()
    root_causes: tuple[RootCause, ...] = ()
    """Only for pasted text and answers that name a fault; checked by nobody else."""
    fix: tuple[Remedy, ...] = ()


@dataclass(slots=True)
class Scene:
    """Where a request is answered: the cluster and the place it is asked in."""

    source: ClusterSource
    namespace: str
    """Where it looks: the namespace that was said, else the session's own; "" = all of them."""
    cancel: CancelToken | None = None
    pod: str = ""
    _views: dict[str, ClusterView] = field(default_factory=dict)

    @property
    def view(self) -> ClusterView:
        """The analyzers' view of the place, made when first asked for."""
        return self.view_of(self.namespace)

    def view_of(self, namespace: str) -> ClusterView:
        """The analyzers' view of a namespace, "" for all of them."""
        if namespace not in self._views:
            self._views[namespace] = ClusterView.of(self.source, namespace or None, cancel=self.cancel)
        return self._views[namespace]

    @property
    def now(self) -> datetime:
        return self.source.now()

    @property
    def flags(self) -> str:
        """The place as kubectl's flags, with a space before them."""
        return f" -n {self.namespace}" if self.namespace else " -A"

    @property
    def where(self) -> str:
        """The place in words."""
        return f"namespace {self.namespace}" if self.namespace else "all namespaces"


Answerer = Callable[[Request, Scene], Reply | None]


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Cells in columns, as kubectl prints them."""
    if not rows:
        return ""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, at most some of them and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 pod`, `3 pods`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
