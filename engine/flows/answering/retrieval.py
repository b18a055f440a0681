"""What is known of a fault beyond the cluster: runbooks (D1, D2…) and past incidents (I1…), searched with the findings at hand."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.events import PassagesFound
from engine.core.types import Finding
from engine.flows.tools import Emit, Tools, step
from engine.session.incidents import day, is_same_incident, signature
from index.passage import Passage

PASSAGES = 3
CHUNKS_PER_FILE = 2
PAST = 2


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The passages of an investigation, best first, and what the first one's Fix section says on the root cause (may be nothing)."""

    passages: tuple[Passage, ...] = ()
    quote: tuple[str, ...] = ()


def retrieve(query: str, findings: Sequence[Finding], cause: Finding | None, tools: Tools, emit: Emit) -> Knowledge:
    """Search with the question, the findings' codes and their objects' kinds; the root cause's own runbook leads with its Fix section."""
    words = " ".join([query, *(term for finding in findings[:2] for term in finding.docs)])
    codes = tuple(dict.fromkeys(finding.code for finding in findings[:3]))
    kinds = tuple(dict.fromkeys(finding.object.kind for finding in findings[:3]))
    with step(tools, emit, "search the runbooks", "search") as note:
        found = tools.search(words, codes=codes, kinds=kinds, limit=PASSAGES, cancel=tools.token)
        quote: tuple[str, ...] = ()
        if cause is not None:
            about = " ".join([cause.summary, *(remedy.text for remedy in cause.remedies[:2])])
            advice = tools.advise(found, cause.code, about)
            if advice is not None:
                found, quote = _led_by(advice.passage, found), advice.sentences
        passages = tuple(dataclasses.replace(passage, id=f"D{number}") for number, passage in enumerate(found, 1))
        note.detail = f"{len(passages)} passages"
    if passages:
        emit(PassagesFound(passages=passages))
    return Knowledge(passages, quote)


def recall(query: str, cause: Finding | None, tools: Tools, emit: Emit) -> None:
    """Show past incidents of the same finding code as I1, I2…, apart from the runbooks; not the one that is being looked at."""
    if cause is None:
        return
    mine = signature(tools.place.context, cause.code, str(cause.object), cause.object.namespace)
    found = [
        passage
        for passage in tools.past(f"{query} {cause.summary}", codes=(cause.code,), limit=PAST + 1, cancel=tools.token)
        if not is_same_incident(passage.path, mine, time.time())
    ][:PAST]
    if not found:
        return
    with step(tools, emit, "look at past incidents", "search") as note:
        emit(PassagesFound(passages=tuple(dataclasses.replace(p, id=f"I{number}") for number, p in enumerate(found, 1))))
        note.detail = f"{len(found)} similar: " + "; ".join(f"{p.heading[0]} on {day(p.path)}" for p in found)


def _led_by(first: Passage, found: Sequence[Passage]) -> list[Passage]:
    """One passage before the others, still with at most so many chunks of a file."""
    taken = [first]
    for passage in found:
        of_file = [other for other in taken if other.path == passage.path]
        if len(of_file) < CHUNKS_PER_FILE and all(other.lines != passage.lines for other in of_file):
            taken.append(passage)
    return taken[:PASSAGES]
