"""Which of several is meant: the one in trouble among healthy namesakes is taken and said; else the person is asked."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.fault_kinds import pods_of
from engine.cluster.rows.build import pod_row
from engine.core.events import Notice
from engine.core.types import Choice, ObjectRef
from engine.flows.tools import Emit, Tools

MOST = 9
"""Choices that are offered: one key each."""


class NoneMeant(Exception):
    """The person said that none of the objects offered is meant; the message is the answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """One object that may be meant, how many of its pods are in trouble, and its state in words."""

    ref: ObjectRef
    trouble: int
    state: str


def candidates(refs: Sequence[ObjectRef], view: ClusterView) -> list[Candidate]:
    """The objects with their state, the most troubled first."""
    found = []
    for ref in refs:
        rows = [pod_row(pod.raw, now=view.now) for pod in pods_of(ref, view)]
        bad = [row for row in rows if row.trouble != "ok"]
        obj = view.find_ref(ref)
        wanted = obj.number("spec", "replicas", default=len(rows)) if obj is not None else len(rows)
        missing = max(0, wanted - len(rows)) if ref.kind in ("Deployment", "StatefulSet", "ReplicaSet") else 0
        state = f"{len(rows) - len(bad)} of {max(wanted, len(rows))} pods well" if rows or wanted else "no pods"
        if bad:
            state += ", " + ", ".join(dict.fromkeys(row.status for row in bad))
        found.append(Candidate(ref, len(bad) + missing, state))
    return sorted(found, key=lambda one: (-one.trouble, one.ref.namespace, one.ref.name))


def which(word: str, refs: Sequence[ObjectRef], view: ClusterView, tools: Tools, emit: Emit) -> tuple[ObjectRef | None, Tools]:
    """The object that is meant, or None when nobody said and none is in trouble; raises NoneMeant.

    The time spent waiting is not the question's.
    """
    found = candidates(refs, view)
    listed = ", ".join(f"{one.ref} in {one.ref.namespace}" for one in found[:6])
    if found[0].trouble and (len(found) < 2 or not found[1].trouble):
        emit(
            Notice(
                level="info",
                text=f"“{word}” may be {listed}. Looking at {_placed(found[0].ref)}: the only one in trouble ({found[0].state}).",
            )
        )
        return found[0].ref, tools
    asked = time.monotonic()
    choices = [Choice(str(number), _placed(one.ref), one.state) for number, one in enumerate(found[:MOST], 1)]
    picked = tools.choose(f"Which “{word}” do you mean?", choices)
    tools = dataclasses.replace(tools, deadline=tools.deadline + time.monotonic() - asked) if tools.deadline else tools
    if picked:
        return found[int(picked) - 1].ref, tools
    if picked is None:
        raise NoneMeant(f"Nothing was looked at, since none of these was meant: {listed}. Ask again with the whole name.")
    if found[0].trouble:
        emit(
            Notice(
                level="warning",
                text=f"“{word}” may be {listed}. Nobody said which, so the most troubled one was taken: {_placed(found[0].ref)}.",
            )
        )
        return found[0].ref, tools
    emit(Notice(level="warning", text=f"“{word}” is in several places: {listed}. Say which, or switch the namespace."))
    return None, tools


def pick_one(question: str, refs: Sequence[ObjectRef], tools: Tools) -> ObjectRef | None:
    """Asks a person which object an order or a plain question means; None when nobody says."""
    if not 2 <= len(refs) <= MOST:
        return None
    picked = tools.choose(question, [Choice(str(number), _placed(ref)) for number, ref in enumerate(refs, 1)])
    return refs[int(picked) - 1] if picked else None


def _placed(ref: ObjectRef) -> str:
    return f"{ref} in {ref.namespace}" if ref.namespace else str(ref)
