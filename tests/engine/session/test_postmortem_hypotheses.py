"""A session's post-mortem holds each hypothesis, the refuted ones too, with its evidence by id and what the person said."""

from engine.core.events import ChoiceAnswered, ChoiceRequested, Event, EvidenceAdded, HypothesisUpdated, QueryReceived, Steered
from engine.core.types import Choice, ChoiceRequest, Evidence, Hypothesis, Steering
from engine.session.postmortem import markdown


def test_hypotheses_steering_and_choices_are_exported() -> None:
    refuted = Hypothesis(
        id="H2",
        statement="web runs out of memory",
        status="refuted",
        confidence=0.04,
        evidence_for=("E1",),
        evidence_against=("E2", "E3"),
        test="kubectl describe pod web-0",
        prediction="it shows signs of memory",
        origin="user",
        pinned=True,
    )
    events: list[Event] = [
        QueryReceived(query="why?", context="c", namespace="n", run="r"),
        ChoiceRequested(request=ChoiceRequest("Q1", "Which “web”?", (Choice("1", "Deployment/web in a"), Choice("2", "b"))), run="r"),
        ChoiceAnswered(id="Q1", choice="1", run="r"),
        HypothesisUpdated(hypothesis=Hypothesis(id="H2", statement="web runs out of memory"), run="r"),
        Steered(steering=Steering("refute", hypothesis="H2", text="`rm` we\nchecked"), run="r"),
        EvidenceAdded(evidence=Evidence("you", "H2 refuted by you", id="E3"), run="r"),
        HypothesisUpdated(hypothesis=refuted, run="r"),
    ]
    text = markdown("s", events)
    assert "- H2 `web runs out of memory`: refuted, 0.04 (yours, pinned by you)\n" in text
    assert "  - test: `kubectl describe pod web-0`\n" in text
    assert "  - for: E1\n  - against: E2, E3\n" in text
    assert "you said: refute H2 `` `rm` we checked ``" in text
    assert "asked `Which “web”?`: `Deployment/web in a`" in text
    assert text.count("H2 `web runs out of memory`") == 1
