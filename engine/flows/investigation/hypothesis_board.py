"""The state of one investigation: evidence with its numbers, hypotheses with their confidence, and what a person says into it.

Confidence is arithmetic, and never comes from a model. A hypothesis starts where its origin puts it: a finding with the analyzer's own
confidence, an idea (of a runbook, a model or a person) with `IDEA`. Each piece of evidence then multiplies its odds p/(1-p), or divides
them where it speaks against, by the strength of its kind:

- `STATE`   9    a field or a status column of the API says so;
- `EVENT`   4    the kubelet, the scheduler or a controller reported it;
- `LOG`     5    the program itself said so;
- `AGAIN`   3    a test shows once more what the analyzer had read: it still holds;
- `READING` 2    a model reads it so out of an output that no rule of ours decides;
- `PERSON`  250  a person says so.

One piece counts once for a hypothesis. The result stays between `FLOOR` and `CEILING`, since a cluster seen from outside is never certain.
A test that failed (no permission, time-out) is no evidence at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from engine.core.events import Event, EvidenceAdded, HypothesisUpdated
from engine.core.types import Evidence, Hypothesis, HypothesisStatus, ObjectRef

Emit = Callable[[Event], None]

STATE, EVENT, LOG, AGAIN, READING, PERSON = 9.0, 4.0, 5.0, 3.0, 2.0, 250.0
IDEA = 0.3
FLOOR, CEILING = 0.02, 0.98
SUPPORTED = 0.6
REFUTED = 0.2
ENOUGH = 0.9
YOU = "you"
"""The source of evidence that a person gave by word."""


def updated(before: float, strength: float, *, supports: bool) -> float:
    """The confidence after one more piece of evidence of a strength (1 = says nothing); see the module's docstring."""
    held = min(max(before, FLOOR), CEILING)
    odds = held / (1.0 - held)
    odds = odds * strength if supports else odds / strength
    after = min(max(odds / (1.0 + odds), FLOOR), CEILING)
    return max(before, after) if supports else min(before, after)


def status_of(confidence: float) -> HypothesisStatus:
    """What a confidence amounts to."""
    if confidence >= SUPPORTED:
        return "supported"
    return "refuted" if confidence <= REFUTED else "proposed"


class Investigation:
    """Numbers evidence (E1, E2…) and keeps hypotheses; every change is an event."""

    def __init__(
        self, emit: Emit, redact: Callable[[str], str], evidence: Sequence[Evidence] = (), hypotheses: Sequence[Hypothesis] = ()
    ) -> None:
        """`evidence` and `hypotheses` of an investigation that is gone on with keep their ids and are told anew."""
        self._emit = emit
        self._redact = redact
        self._ids: dict[tuple[str, str], str] = {}
        self._dismissed: set[str] = set()
        self._ceilings: dict[str, float] = {}
        self.evidence: list[Evidence] = []
        self.hypotheses: dict[str, Hypothesis] = {}
        for piece in evidence:
            self._ids[(piece.source, piece.excerpt)] = piece.id
            self.evidence.append(piece)
            emit(EvidenceAdded(evidence=piece))
        for hypothesis in hypotheses:
            if (
                any(piece.id in hypothesis.evidence_against and piece.source == YOU for piece in evidence)
                and hypothesis.status == "refuted"
            ):
                self._dismissed.add(hypothesis.id)
            self.propose(hypothesis)

    def add(self, evidence: Evidence) -> str:
        """Number a piece of evidence, redacted; the same source and excerpt keeps its number."""
        excerpt, source = self._redact(evidence.excerpt), self._redact(evidence.source)
        key = (source, excerpt)
        if key not in self._ids:
            id = f"E{len(self.evidence) + 1}"
            self._ids[key] = id
            numbered = dataclasses.replace(evidence, id=id, excerpt=excerpt, source=source)
            self.evidence.append(numbered)
            self._emit(EvidenceAdded(evidence=numbered))
        return self._ids[key]

    def add_all(self, items: tuple[Evidence, ...]) -> tuple[str, ...]:
        """Number several pieces; their ids in order, without repeats."""
        return tuple(dict.fromkeys(self.add(item) for item in items))

    def piece(self, id: str) -> Evidence | None:
        """The evidence of an id."""
        return next((piece for piece in self.evidence if piece.id == id), None)

    # -- hypotheses -------------------------------------------------------------------------------------------------------

    @property
    def next_id(self) -> str:
        """The id of the next hypothesis."""
        return f"H{max((int(id[1:]) for id in self.hypotheses if id[1:].isdigit()), default=0) + 1}"

    def find(self, statement: str, about: ObjectRef | None) -> Hypothesis | None:
        """The hypothesis that says the same of the same object, if there is one."""
        return next((h for h in self.hypotheses.values() if h.statement == statement and h.object == about), None)

    def propose(self, hypothesis: Hypothesis) -> Hypothesis:
        """A new hypothesis, or another word about one."""
        self.hypotheses[hypothesis.id] = hypothesis
        self._emit(HypothesisUpdated(hypothesis=hypothesis))
        return hypothesis

    def cap(self, id: str, ceiling: float) -> None:
        """Let no look raise a hypothesis above a confidence; what a person says still does."""
        self._ceilings[id] = ceiling

    def testing(self, id: str) -> None:
        """Its test is under way."""
        self.propose(dataclasses.replace(self.hypotheses[id], status="testing"))

    def observed(self, id: str, evidence: str, *, supports: bool, strength: float = STATE) -> Hypothesis:
        """A piece of evidence speaks for or against a hypothesis; its confidence and status follow, unless the piece was counted before."""
        before = self.hypotheses[id]
        if evidence in (*before.evidence_for, *before.evidence_against):
            return self.settle(id)
        raised = updated(before.confidence, strength, supports=supports)
        confidence = round(raised if strength >= PERSON else min(raised, max(before.confidence, self._ceilings.get(id, 1.0))), 3)
        after = dataclasses.replace(
            before,
            confidence=confidence,
            evidence_for=(*before.evidence_for, evidence) if supports else before.evidence_for,
            evidence_against=before.evidence_against if supports else (*before.evidence_against, evidence),
        )
        self.hypotheses[id] = after
        return self.settle(id)

    def settle(self, id: str) -> Hypothesis:
        """Nothing is under way for this hypothesis: its status is what its confidence, or the person, says."""
        before = self.hypotheses[id]
        return self.propose(dataclasses.replace(before, status="refuted" if id in self._dismissed else status_of(before.confidence)))

    # -- what a person says -------------------------------------------------------------------------------------------------

    def pin(self, id: str, pinned: bool) -> Hypothesis:
        """Keep a hypothesis in sight (tested first), or no longer; pinning one that the person had refuted takes that back."""
        if pinned:
            self._dismissed.discard(id)
        self.propose(dataclasses.replace(self.hypotheses[id], pinned=pinned))
        return self.settle(id)

    def dismiss(self, id: str, why: str) -> Hypothesis:
        """A person refutes a hypothesis; it stays refuted until they pin it or want it tried again."""
        self._dismissed.add(id)
        words = f"{id} refuted by you" + (f": {why}" if why else "")
        return self.observed(id, self.add(Evidence(source=YOU, excerpt=words)), supports=False, strength=PERSON)

    def reopen(self, id: str) -> Hypothesis:
        """A hypothesis is to be tried again: what the person said against it no longer counts."""
        before = self.hypotheses[id]
        self._dismissed.discard(id)
        said = [piece.id for piece in self.evidence if piece.source == YOU and piece.id in before.evidence_against]
        confidence = before.confidence
        for _ in said:
            confidence = updated(confidence, PERSON, supports=True)
        confidence = max(confidence, IDEA) if said else confidence
        kept = tuple(id for id in before.evidence_against if id not in said)
        self.hypotheses[id] = dataclasses.replace(before, confidence=round(confidence, 3), evidence_against=kept)
        return self.settle(id)

    # -- where it stands ----------------------------------------------------------------------------------------------------

    @property
    def ranked(self) -> list[Hypothesis]:
        """All hypotheses: the pinned first, then the likeliest."""
        return sorted(self.hypotheses.values(), key=lambda h: (not h.pinned, -h.confidence))
