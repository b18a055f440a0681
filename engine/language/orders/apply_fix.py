"""Carrying out the fix of the diagnosis before: which of its commands is meant, word for word as it was shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterSource, NotFound
from engine.core.types import ObjectRef, Remedy
from engine.language.orders.plan import ROLLED, Look, Order, rolled_out
from engine.session.cases import Case

_POLITE = r"^\W*(?:(?:please|ok|okay|yes|now|then|and|so|just|go ahead and)[,: ]+)*"
_APPLY = re.compile(
    rf"{_POLITE}(?:apply|do|run|execute|use|take|carry out)\s+(?:(?:the|that|this|your|its)\s+)?"
    r"(?:proposed\s+|suggested\s+|first\s+)?(?:fix|remedy|solution)\b(?:\s+(?:number\s+|no\.?\s*|#)?(?P<number>\d))?\W*(?:please\W*)?$",
    re.I,
)
_FIX_IT = re.compile(
    rf"{_POLITE}(?:(?:fix|repair|solve|resolve|apply|do)\s+(?:it|this|that|so|the problem)|go ahead|make it so|yes|yes please|do it now|apply)\W*(?:(?:please|now|for me)\W*)?$",
    re.I,
)
_BLANK = re.compile(r"(?<![\w-])[A-Z]{3,}(?![\w-])|<[^<>]+>|=VALUE\b|\.\.\.|…")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What "apply the fix" comes to: the remedies that may be meant (one: it is clear), or a sentence on why there is none."""

    remedies: tuple[Remedy, ...] = ()
    problem: str = ""


def wanted(query: str, case: Case | None, context: str = "") -> Wanted | None:
    """The remedies that a query asks to apply; None where it asks for something else ("fix it" without a diagnosis is a question).

    The fix of one cluster is never offered to another: `context` is where it would be carried out ("" = not known yet).
    """
    apply = _APPLY.match(query.strip())
    if query.rstrip().endswith("?") or not (apply or _FIX_IT.match(query.strip())):
        return None
    if case is None or case.answer is None:
        return Wanted(problem="There is no diagnosis yet whose fix could be applied: ask what is wrong first.") if apply else None
    if case.context and context and case.context != context:
        problem = f"The latest diagnosis was made in context {case.context}, and this is {context}: switch back, or ask what is wrong here."
        return Wanted(problem=problem)
    changes = [remedy for remedy in case.fix if remedy.risk in ("mutate", "destructive")]
    if not changes:
        return Wanted(problem="The latest diagnosis has no fix that is a command; what it advises is for a person to do.")
    number = int(apply.group("number")) if apply and apply.group("number") else 0
    if not number:
        return Wanted(tuple(changes))
    shown = list(case.answer.fix)
    if not 1 <= number <= len(shown) or shown[number - 1] not in changes:
        return Wanted(problem=f"Fix {number} is no command that changes something; there are {_listed(shown, changes)}.")
    return Wanted((shown[number - 1],))


def _listed(shown: Sequence[Remedy], changes: Sequence[Remedy]) -> str:
    return ", ".join(f"{shown.index(remedy) + 1} ({remedy.command})" for remedy in changes)


def blank_in(command: str) -> str:
    """What a remedy's command leaves open for a person to fill in (`VALUE`, `<name>`); "" where it is complete."""
    found = _BLANK.search(re.sub(r"\b[A-Z][A-Z0-9_]+=(?!VALUE\b)", "", command))
    return found.group(0).lstrip("=") if found else ""


def order_of(remedy: Remedy, about: Sequence[ObjectRef], source: ClusterSource) -> Order:
    """The remedy as an order; what it is about is watched until its pods are ready."""
    watched = next((ref for ref in about if ref.kind in {kind.kind for kind in ROLLED}), None)
    return Order(remedy.command, remedy.text, tuple(about[:1]), _well(watched) if watched is not None else lambda _: (True, ""))


def _well(ref: ObjectRef) -> Look:
    def look(source: ClusterSource) -> tuple[bool, str]:
        try:
            now = Obj(source.get(KIND_OF[ref.kind].resource, ref.namespace, ref.name))
        except NotFound:
            return True, f"{ref} is gone"
        return rolled_out(now, True, ref)

    return look
