"""The composed answer: the cause in a sentence, the line that shows it, what follows, and nothing said twice."""

from __future__ import annotations

from engine.core.text import cut_words
from engine.core.types import Answer, Evidence, ObjectRef, RootCause
from engine.flows.answering.compose import because, diagnosis_text, impact

WEB = ObjectRef("Deployment", "shop", "web")


def answer(summary: str, chain: tuple[str, ...] = (), *evidence: Evidence) -> Answer:
    cause = RootCause(summary, WEB, 0.9, tuple(piece.id for piece in evidence), chain)
    return Answer("troubleshooting", "", root_causes=(cause,), evidence=tuple(evidence))


def test_impact_is_one_clause_a_step_and_leaves_the_cause_out() -> None:
    told = answer(
        "container web of Deployment/web cannot start: its ConfigMap web-config does not exist",
        (
            "container web of Deployment/web cannot start: its ConfigMap web-config does not exist",
            "Service web has no ready endpoint: none of the 2 pods behind it (Deployment/web) is Ready",
            "Ingress shop answers 503 for path /; its backend has no endpoint",
        ),
    )
    assert impact(told.root_causes[0]) == ["Service web has no ready endpoint", "Ingress shop answers 503 for path /"]
    assert diagnosis_text(told).count("does not exist") == 1


def test_a_short_clause_keeps_its_reason() -> None:
    assert impact(answer("x", ("web: it restarts every minute",)).root_causes[0]) == ["web: it restarts every minute"]


def test_the_line_that_shows_the_cause_is_quoted_unless_the_cause_quotes_it() -> None:
    line = Evidence(source="log of Pod/web-1 container web", excerpt="FATAL: password authentication failed for user web", id="E1")
    assert because(answer("the database refuses the login of web", (), line)) == line
    assert "Because:    “FATAL: password authentication failed for user web” (log of Pod/web-1" in diagnosis_text(
        answer("the database refuses the login of web", (), line)
    )
    assert because(answer("refused: its log says “password authentication failed for user web”", (), line)) is None


def test_a_field_is_no_line_to_quote() -> None:
    assert because(answer("too small", (), Evidence(source="Pod/web-1 spec.containers[0].resources", excerpt="64Mi", id="E1"))) is None


def test_a_cut_ends_at_a_word() -> None:
    assert cut_words("one two three four", 12) == "one two…"
    assert cut_words("one two\n three", 40) == "one two three"
