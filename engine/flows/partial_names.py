"""A word of the question that fits several workloads by a part of their names ("api": api-gateway, api-orders): which one is meant."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.fault_kinds import WORKLOADS
from engine.analyzers.diagnosis.focus import COMMON
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.core.types import ObjectRef
from engine.flows.disambiguation import candidates, which
from engine.flows.tools import Emit, Tools
from engine.language.names import words_of
from engine.session.cases import Case

_WHOLE = ("Pod", "Service", "Ingress")
_PARTS = ("api", "app", "apps")
"""Words too common to find an object by, yet those that people call several of one kind by."""


def fitting(query: str, view: ClusterView) -> tuple[str, tuple[ObjectRef, ...]]:
    """The word and the workloads that it fits by a part of their names; none where the question has a whole name, or names nothing."""
    said = {word for word in words_of(query) if word not in COMMON or word in _PARTS}
    said -= {obj.name for obj in view.all("namespaces")} | ({view.namespace} if view.namespace else set())
    tops = [obj for kind in WORKLOADS for obj in view.all(RESOURCE_OF_KIND[kind]) if obj.controller is None]
    if not said or any(
        obj.name in said for obj in (*tops, *view.all("pods"), *view.all("services"), *view.all(RESOURCE_OF_KIND["Ingress"]))
    ):
        return "", ()
    hits: dict[ObjectRef, set[str]] = {}
    for obj in tops:
        if view.namespace is not None and obj.namespace != view.namespace:
            continue
        words = {word for word in said if word in obj.name.split("-") or obj.name.startswith(f"{word}-")}
        if words:
            hits[obj.ref] = words
    most = max((len(words) for words in hits.values()), default=0)
    best = {ref: words for ref, words in hits.items() if len(words) == most}
    return " ".join(sorted({word for words in best.values() for word in words})), tuple(best)


def which_alike(query: str, view: ClusterView, tools: Tools, emit: Emit) -> tuple[ObjectRef | None, Tools]:
    """The workload that a part of a name means, where several fit and some are in trouble; None where there is nothing to tell apart.

    The only one in trouble is taken and said; of several the person chooses, once for an investigation and what goes on with it.
    """
    word, refs = fitting(query, view)
    if len(refs) < 2:
        return None, tools
    troubled = [one.ref for one in candidates(refs, view) if one.trouble]
    if not troubled:
        return None, tools
    if tools.case is not None:
        return chosen_before(tools.case, troubled), tools
    return which(word, refs, view, tools, emit)


def chosen_before(case: Case, troubled: Sequence[ObjectRef]) -> ObjectRef | None:
    """The one that an investigation that is gone on with was about."""
    told = [cause.object for cause in (case.answer.root_causes if case.answer else ())] + [h.object for h in case.hypotheses]
    return next((ref for ref in told if ref in troubled), None)
