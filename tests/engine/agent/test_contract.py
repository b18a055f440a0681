"""The documents that other programs read: every published schema is the one that the types make, and holds for real documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from engine.agent.json_documents import NAMES, check_report, document, printed_by, schema
from engine.core.events import EVENTS, CommandProposed, FindingsFound, to_json
from engine.core.types import Answer, Evidence, Finding, Hypothesis, ObjectRef, Remedy, RootCause, Verdict
from index.passage import CodeBlock, Passage

PUBLISHED = Path(__file__).parents[3] / "docs" / "guide" / "schemas"

FINDING = Finding(
    "OOMKilled", "critical", ObjectRef("Pod", "shop", "web-0"), "web is out of memory", (Evidence("status", "exit 137"),), detail="main"
)


def written(value: Any) -> Any:
    """A document as a reader gets it."""
    return json.loads(json.dumps(value))


def closed(name: str) -> jsonschema.Draft202012Validator:
    """A validator that takes no member the schema does not name (readers must take more; writers must publish what they write)."""

    def close(node: Any) -> Any:
        if isinstance(node, list):
            return [close(item) for item in node]
        if not isinstance(node, dict):
            return node
        inner = {key: close(value) for key, value in node.items()}
        return {**inner, "additionalProperties": False} if "properties" in inner else inner

    return jsonschema.Draft202012Validator(close(schema(name)))


@pytest.mark.parametrize("name", NAMES)
def test_the_published_schema_is_the_one_that_the_types_make(name: str) -> None:
    published = json.loads((PUBLISHED / f"{name}.json").read_text())
    assert published == schema(name), "a document's shape changed: run `make schemas`, and say it in docs/guide/json.md"
    jsonschema.Draft202012Validator.check_schema(published)


def test_no_schema_is_published_that_nothing_prints() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == set(NAMES)
    guide = (PUBLISHED.parent / "json.md").read_text()
    for name in NAMES:
        assert f"schemas/{name}.json" in guide, name
        assert printed_by(name)


def test_an_answer_with_everything_in_it_is_valid() -> None:
    answer = Answer(
        tier="troubleshooting",
        text="Root cause: no memory [E1]",
        root_causes=(RootCause("no memory", FINDING.object, 0.9, ("E1",), ("one", "two")),),
        hypotheses=(Hypothesis("H1", "no memory", "supported", 0.9, ("E1",), ("E2",), object=FINDING.object),),
        evidence=(Evidence("log", "killed", "E1", "2026-01-01T00:00:00Z", FINDING.object),),
        fix=(Remedy("raise the limit", "kubectl set resources deploy/web", "mutate"), Remedy("look")),
        passages=(Passage("a.md", ("A", "B"), (1, 2), "text", 1.5, (CodeBlock("sh", "ls"),)),),
        metrics={"seconds": 1.5, "tokens": 3, "model": "none"},
    )
    closed("answer").validate(written(document(answer)))


def test_findings_carry_their_id_in_a_check_and_not_in_an_event() -> None:
    report = check_report([FINDING], cluster={"context": "demo"}, scanned={"pods": 1}, errors=["cannot see nodes"])
    closed("check").validate(written(report))
    assert report["findings"][0]["id"] == "OOMKilled/Pod/shop/web-0/main"
    closed("events").validate(written(to_json(FindingsFound(findings=(FINDING,), scanned={"pods": 1}))))


def test_each_event_has_its_own_shape() -> None:
    events = closed("events")
    event = CommandProposed(id="C1", command="kubectl get pods", stages=(("kubectl", "get"),), verdict=Verdict("read", "r", "x"))
    proposed = written(to_json(event))
    events.validate(proposed)
    assert not events.is_valid({**proposed, "event": "CommandStarted"})
    assert not events.is_valid({key: value for key, value in proposed.items() if key != "verdict"})
    assert {body["properties"]["event"]["const"] for body in schema("events")["$defs"].values() if "event" in body["properties"]} == set(
        EVENTS
    )


def test_a_reader_may_rely_on_every_member() -> None:
    for name in NAMES:
        for body in schema(name)["$defs"].values():
            assert set(body.get("required", ())) == set(body.get("properties", ())), (name, body["title"])
