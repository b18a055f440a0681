"""Confidence is arithmetic: more for never lowers it, anything against lowers it, and nothing makes it certain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.analyzers.common.confidence import ERROR, EVENT, HIGHEST, HINT, LOG, LOWEST, RELATION, STATE, confidence

weights = st.lists(st.floats(0, 1), max_size=8)
weight = st.floats(0, 1)


@given(weights, weights, weight)
def test_more_evidence_for_never_lowers_it(speaks_for: list[float], against: list[float], more: float) -> None:
    assert confidence([*speaks_for, more], against) >= confidence(speaks_for, against)


@given(weights, weights, weight)
def test_more_evidence_against_never_raises_it(speaks_for: list[float], against: list[float], more: float) -> None:
    assert confidence(speaks_for, [*against, more]) <= confidence(speaks_for, against)


@given(weights, weights)
def test_it_stays_between_its_bounds_and_does_not_mind_the_order(speaks_for: list[float], against: list[float]) -> None:
    value = confidence(speaks_for, against)
    assert LOWEST <= value <= HIGHEST
    assert value == confidence(list(reversed(speaks_for)), list(reversed(against)))


def test_what_contradicts_lowers_it() -> None:
    assert confidence([STATE, EVENT], [RELATION]) < confidence([STATE, EVENT])


def test_the_weights_are_ordered_by_who_says_it() -> None:
    assert STATE > LOG > EVENT >= RELATION > ERROR > HINT > 0
    assert confidence([STATE]) == 0.8 and confidence([STATE, EVENT]) == 0.92 and confidence([]) == LOWEST


@given(st.lists(st.floats(allow_nan=False), max_size=4))
def test_weights_outside_their_range_are_held_within_it(odd: list[float]) -> None:
    assert LOWEST <= confidence(odd) <= HIGHEST
