"""The state of one investigation: evidence with its numbers, hypotheses with their confidence, and when to stop.

Confidence is arithmetic: it starts where the analyzer's evidence put it; each observation for a hypothesis closes half of what is
missing to `CEILING`, each observation against it leaves a third. It never comes from a model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from engine.events import Event, EvidenceAdded, HypothesisUpdated
from engine.facts import Evidence, Hypothesis, HypothesisStatus

Emit = Callable[[Event], None]

CEILING = 0.98
SUPPORTED = 0.6
REFUTED = 0.2
ENOUGH = 0.9


def confidence_for(before: float) -> float:
    """The confidence after one more observation for it; never lower than before."""
    return max(before, before + (CEILING - before) / 2)


def confidence_against(before: float) -> float:
    """The confidence after one observation against it; always lower than before (unless it was 0)."""
    return before / 3


class Investigation:
    """Numbers evidence (E1, E2…) and keeps hypotheses; every change is an event."""

    def __init__(self, emit: Emit, redact: Callable[[str], str]) -> None:
        self._emit = emit
        self._redact = redact
        self._ids: dict[tuple[str, str], str] = {}
        self.evidence: list[Evidence] = []
        self.hypotheses: dict[str, Hypothesis] = {}

    def add(self, evidence: Evidence) -> str:
        """Number a piece of evidence, redacted; the same source and excerpt keeps its number."""
        excerpt = self._redact(evidence.excerpt)
        key = (evidence.source, excerpt)
        if key not in self._ids:
            id = f"E{len(self.evidence) + 1}"
            self._ids[key] = id
            numbered = dataclasses.replace(evidence, id=id, excerpt=excerpt, source=self._redact(evidence.source))
            self.evidence.append(numbered)
            self._emit(EvidenceAdded(evidence=numbered))
        return self._ids[key]

    def add_all(self, items: tuple[Evidence, ...]) -> tuple[str, ...]:
        """Number several pieces; their ids in order, without repeats."""
        return tuple(dict.fromkeys(self.add(item) for item in items))

    def propose(self, hypothesis: Hypothesis) -> Hypothesis:
        """A new hypothesis, or another word about one."""
        self.hypotheses[hypothesis.id] = hypothesis
        self._emit(HypothesisUpdated(hypothesis=hypothesis))
        return hypothesis

    def testing(self, id: str) -> None:
        """Its test is under way."""
        self.propose(dataclasses.replace(self.hypotheses[id], status="testing"))

    def observed(self, id: str, evidence: str, *, supports: bool) -> Hypothesis:
        """An observation came in for or against a hypothesis; its confidence and status follow."""
        before = self.hypotheses[id]
        confidence = confidence_for(before.confidence) if supports else confidence_against(before.confidence)
        return self.propose(
            dataclasses.replace(
                before,
                confidence=round(confidence, 3),
                status=_status(confidence),
                evidence_for=(*before.evidence_for, evidence) if supports else before.evidence_for,
                evidence_against=before.evidence_against if supports else (*before.evidence_against, evidence),
            )
        )

    def settle(self, id: str) -> None:
        """Nothing more is looked at for this hypothesis: its status is what its confidence says."""
        before = self.hypotheses[id]
        self.propose(dataclasses.replace(before, status=_status(before.confidence)))

    @property
    def ranked(self) -> list[Hypothesis]:
        """All hypotheses, likeliest first."""
        return sorted(self.hypotheses.values(), key=lambda h: -h.confidence)

    @property
    def enough(self) -> bool:
        """True when one hypothesis is well supported and no other comes near."""
        ranked = self.ranked
        if not ranked or ranked[0].confidence < ENOUGH:
            return False
        return len(ranked) < 2 or ranked[1].confidence < ranked[0].confidence - 0.2 or ranked[1].status == "refuted"


def _status(confidence: float) -> HypothesisStatus:
    if confidence >= SUPPORTED:
        return "supported"
    return "refuted" if confidence <= REFUTED else "proposed"
