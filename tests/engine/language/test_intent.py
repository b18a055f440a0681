"""Intent: the tier of a query by its words; a question never becomes an action."""

import json
from pathlib import Path

import pytest

from engine.language.wants import UNSURE, classify

ROWS = [json.loads(line) for line in (Path(__file__).parents[2] / "data" / "intent.jsonl").read_text().splitlines()]
PLAIN = [row for row in ROWS if not row.get("dodges")]
DODGING = [row for row in ROWS if row.get("dodges")]


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: row["query"][:50])
def test_plain_queries_get_their_tier(row: dict[str, str]) -> None:
    assert classify(row["query"]).tier == row["tier"]


def test_most_queries_that_dodge_keywords_are_right_and_the_rest_only_read() -> None:
    got = [(classify(row["query"]), row) for row in DODGING]
    assert sum(intent.tier == row["tier"] for intent, row in got) >= 14
    assert all(row["tier"] == "action" for intent, row in got if intent.tier == "action")


@pytest.mark.parametrize("verb", ["restart", "delete", "scale", "drain", "roll back", "cordon", "patch"])
@pytest.mark.parametrize(
    "frame",
    [
        "how do I {} a deployment?",
        "how to {} web",
        "what happens if I {} the pod web-0?",
        "should I {} checkout-api?",
        "can I {} it safely?",
        "is it safe to {} node worker-1",
        "which command would {} the deployment",
        "why did somebody {} the node?",
        "explain how you {} a StatefulSet",
        "{} web?",
    ],
)
def test_no_question_is_ever_an_action(verb: str, frame: str) -> None:
    assert classify(frame.format(verb)).tier != "action"


def test_a_query_without_a_deciding_word_says_that_it_is_unsure() -> None:
    assert classify("checkout-api").confidence < UNSURE


def test_the_reason_names_the_word() -> None:
    assert '"scale"' in classify("scale deployment cart-api to 3").reason
    assert '"why"' in classify("why is checkout slow").reason


def test_a_stated_symptom_outranks_the_guess_behind_it() -> None:
    reports = (
        "team-7 has been deleting for 18 hours, which pod blocks it?",
        "db-upgrade has been running for hours, the upgrade must be huge?",
        "POST https://api.example.org/orders answers 500 since yesterday, is orders-api broken?",
        "browsers show a wrong certificate for www.example.org. Do we have to restart the proxy?",
    )
    asked = ("which pods have been running for 3 days?", "how do I restart web?", "do we have to restart the nodes after an upgrade?")
    assert [q for q in reports if classify(q).want != "diagnose"] == []
    assert [q for q in asked if classify(q).want == "diagnose"] == []


def test_wanting_a_number_of_pods_is_an_order_and_complaining_of_them_is_not() -> None:
    assert classify("I want 3 pods of cart-api").want == "change"
    for complaint in (
        "we need 3 pods of cart-api but they crash",
        "we need 3 pods of cart-api and only one starts",
        "cart-api: 4 replicas crash",
    ):
        assert classify(complaint).want != "change", complaint
