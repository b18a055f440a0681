"""Confidence is arithmetic over odds: what raises it, what lowers it, what counts once, and what a person may overrule."""

import itertools

import pytest

from engine.core.events import Event, EvidenceAdded, HypothesisUpdated
from engine.core.types import Evidence, Hypothesis
from engine.flows.investigation.hypothesis_board import (
    AGAIN,
    CEILING,
    EVENT,
    FLOOR,
    IDEA,
    LOG,
    PERSON,
    READING,
    STATE,
    YOU,
    Investigation,
    updated,
)


def investigation(*hypotheses: Hypothesis) -> tuple[Investigation, list[Event]]:
    told: list[Event] = []
    made = Investigation(told.append, lambda text: text.replace("hunter2", "[REDACTED]"))
    for hypothesis in hypotheses:
        made.propose(hypothesis)
    return made, told


def a(id: str = "H1", confidence: float = 0.5) -> Hypothesis:
    return Hypothesis(id=id, statement=f"{id} it is", confidence=confidence)


@pytest.mark.parametrize(
    ("before", "strength", "supports", "after"),
    [(0.5, STATE, True, 0.9), (0.5, STATE, False, 0.1), (0.3, LOG, True, 0.682), (0.9, AGAIN, True, 0.964), (0.5, 1.0, True, 0.5)],
)
def test_odds_are_multiplied_by_the_strength_of_the_evidence(before: float, strength: float, supports: bool, after: float) -> None:
    assert updated(before, strength, supports=supports) == pytest.approx(after, abs=0.001)


def test_evidence_for_never_lowers_and_evidence_against_never_raises_within_the_bounds() -> None:
    for before, strength in itertools.product((0.0, 0.02, 0.3, 0.98, 1.0), (STATE, EVENT, LOG, AGAIN, READING, PERSON)):
        assert before <= updated(before, strength, supports=True) <= max(CEILING, before)
        assert min(FLOOR, before) <= updated(before, strength, supports=False) <= before


def test_one_piece_of_evidence_counts_once_for_a_hypothesis() -> None:
    made, _ = investigation(a())
    seen = made.add(Evidence("kubectl describe pod web", "OOMKilled"))
    first = made.observed("H1", seen, supports=True)
    assert made.observed("H1", seen, supports=True).confidence == first.confidence
    assert made.observed("H1", seen, supports=False).evidence_against == ()


def test_evidence_is_numbered_redacted_and_told_once() -> None:
    made, told = investigation()
    assert made.add(Evidence("log", "password hunter2")) == "E1"
    assert made.add(Evidence("log", "password hunter2")) == "E1"
    assert made.add(Evidence("log", "other")) == "E2"
    assert [e.evidence.excerpt for e in told if isinstance(e, EvidenceAdded)] == ["password [REDACTED]", "other"]


def test_what_a_person_refutes_stays_refuted_until_they_want_it_tried_again() -> None:
    made, _ = investigation(a(confidence=0.95))
    refuted = made.dismiss("H1", "we checked")
    assert refuted.status == "refuted"
    assert made.piece(refuted.evidence_against[0]) == Evidence(YOU, "H1 refuted by you: we checked", id="E1")
    seen = made.add(Evidence("kubectl logs web", "panic"))
    assert made.observed("H1", seen, supports=True).status == "refuted", "no evidence overrules the person"
    again = made.reopen("H1")
    assert again.status == "supported"
    assert again.evidence_against == ()
    assert again.evidence_for == (seen,)


def test_pinning_keeps_a_hypothesis_first_and_takes_back_a_refusal() -> None:
    made, told = investigation(a("H1", 0.9), a("H2", 0.3))
    made.dismiss("H2", "")
    made.pin("H2", True)
    assert [h.id for h in made.ranked] == ["H2", "H1"]
    assert told[-1] == HypothesisUpdated(hypothesis=made.hypotheses["H2"])
    made.pin("H2", False)
    assert [h.id for h in made.ranked] == ["H1", "H2"]


def test_a_continued_investigation_keeps_its_ids_and_tells_everything_anew() -> None:
    made, _ = investigation(a("H1"), a("H2"))
    made.observed("H1", made.add(Evidence("log", "panic")), supports=True)
    made.dismiss("H2", "no")
    told: list[Event] = []
    after = Investigation(told.append, str, made.evidence, tuple(made.hypotheses.values()))
    assert len([e for e in told if isinstance(e, EvidenceAdded)]) == 2
    assert after.hypotheses == made.hypotheses
    assert after.next_id == "H3"
    assert after.add(Evidence("log", "panic")) == "E1"
    assert after.add(Evidence("log", "more")) == "E3"
    assert after.observed("H2", "E3", supports=True).status == "refuted"


def test_an_idea_needs_evidence_before_it_is_supported() -> None:
    assert updated(IDEA, READING, supports=True) < 0.6 < updated(IDEA, LOG, supports=True)
