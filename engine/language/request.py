"""`Request`: what was asked, made once from the words and the cluster's names, before anything is read for the answer.

Every tier, the command line and the model path use this value; the answer modules get their slots from it and read no words again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from engine.core.types import ObjectRef, Tier

Want = Literal[
    "diagnose",  # why is X failing; X fails
    "status",  # is X healthy; X
    "priorities",  # what should I fix first
    "list",
    "count",
    "top",  # the most of something: restarts, usage, age, size
    "field",  # one field of an object: image, node, age, labels
    "yaml",
    "describe",
    "logs",
    "events",
    "compare",
    "changes",  # what changed, since T
    "since_when",
    "who_uses",  # which objects refer to X
    "who_may",  # RBAC, both ways
    "reach",  # can A reach B
    "explain_concept",
    "explain_error",
    "how_to",
    "write",  # code, a manifest, a command to copy
    "review",  # what could be set up better
    "command",  # a typed kubectl command that reads
    "change",
    "apply_fix",
    "follow_up",  # short words that only the question before can explain, and there is none
    "about_agent",
    "small_talk",
    "out_of_scope",
    "not_understood",
]
WANTS: tuple[Want, ...] = get_args(Want)
Link = Literal["exact", "part", "plural", "spaces", "typo", "label", "image", "host", "node", "namespace"]

TIERS: dict[Want, Tier] = {
    "diagnose": "troubleshooting",
    "status": "troubleshooting",
    "priorities": "troubleshooting",
    "not_understood": "troubleshooting",
    "change": "action",
    "apply_fix": "action",
}
"""The tier of each want; the rest is informational."""


def tier_of(want: Want) -> Tier:
    """The tier that a want belongs to."""
    return TIERS.get(want, "informational")


@dataclass(frozen=True, slots=True)
class Linked:
    """An object that the words name: the words as they were typed, and how they were linked to it.

    Several with the same `word` are candidates of one mention.
    """

    ref: ObjectRef
    word: str
    how: Link = "exact"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that was said and that nothing in the cluster carries, with the nearest names there are; `kind` where one was said."""

    word: str
    kind: str = ""
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One question or order as it was understood."""

    text: str
    """The words as they were asked, without what was pasted behind them."""
    wants: Want
    reason: str = ""
    confidence: float = 0.5
    masked: str = ""
    """The words in lower case with every linked name as `xname`, `xnode` or `xspace`: for patterns on the words that are left."""
    objects: tuple[Linked, ...] = ()
    """In the order of their mention; namespaces only where they are the object themselves."""
    unknown: tuple[Unknown, ...] = ()
    namespace: str | None = None
    """The namespace that was said, "" for all of them, None where none was said."""
    kind: str = ""
    """The kind that is asked for (`Pod`), apart from the kinds of the objects."""
    verb: str = ""
    """For `who_may` the API verb (`delete`)."""
    term: str = ""
    """For `explain_concept`, `explain_error` and `write`: what is to be explained or written."""
    language: str = ""
    """For `write`: `python`, `yaml` or `kubectl`."""
    field: str = ""
    """For `field` and `top`: which one (`image`, `restarts`)."""
    conditions: tuple[str, ...] = ()
    """Filters as `key=value` for labels, or a word for a state (`failing`)."""
    order: Literal["", "ascending", "descending"] = ""
    limit: int | None = None
    window: timedelta | None = None
    symptoms: tuple[str, ...] = ()
    """States that the question says something is in (`OOMKilled`, `Pending`): conditions of the answer."""
    quoted: tuple[str, ...] = ()
    """Commands that stand in the question without being an order."""
    pasted: str = ""
    """What was pasted behind the question."""

    @property
    def tier(self) -> Tier:
        return tier_of(self.wants)

    @property
    def refs(self) -> tuple[ObjectRef, ...]:
        """The linked objects, each once."""
        return tuple(dict.fromkeys(linked.ref for linked in self.objects))

    def candidates(self) -> tuple[tuple[str, tuple[ObjectRef, ...]], ...]:
        """Each mention's word with the objects that it may mean, in the order of mention."""
        groups: dict[str, list[ObjectRef]] = {}
        for linked in self.objects:
            groups.setdefault(linked.word, []).append(linked.ref)
        return tuple((word, tuple(refs)) for word, refs in groups.items())

    def of_kind(self, *kinds: str) -> tuple[ObjectRef, ...]:
        """The linked objects of some kinds."""
        return tuple(ref for ref in self.refs if ref.kind in kinds)

    @property
    def corrections(self) -> tuple[str, ...]:
        """What was not taken word for word, as sentences for the answer: “Understood hr-portl as hr-portal.”"""
        found = {linked.word: linked.ref.name for linked in self.objects if linked.how == "typo"}
        return tuple(f"Understood {word} as {name}." for word, name in found.items())

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, without slots that are empty; a window in seconds."""
        import msgspec

        body: dict[str, Any] = msgspec.to_builtins(self)
        body["window"] = self.window.total_seconds() if self.window is not None else None
        return {key: value for key, value in body.items() if value not in (None, "", [], ())}

    @property
    def spelt_out(self) -> str:
        """The words with names that were linked by a typo or by spaces in place of dashes written as the cluster writes them."""
        text = self.text
        for linked in self.objects:
            if linked.how in ("typo", "spaces"):
                text = text.replace(linked.word, linked.ref.name)
        return text
