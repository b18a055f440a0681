"""Root causes on the labelled recording, when it lies beside the checkout: every query is answered, and nearly all are right."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.agent.agent import Agent
from engine.core.config import KubectlSettings, ModelSection, Settings
from engine.core.events import AnswerFinished, RunFinished
from engine.core.types import Answer
from engine.session.connection import Opening

DATA = Path(__file__).parents[3] / "shared" / "data" / "clusters"
RIGHT = 38
BY_THE_SUMMARY = 36
OBJECTS = 36

pytestmark = pytest.mark.skipif(not (DATA / "dev.tar.gz").exists(), reason="the labelled recording is not beside the checkout")


def ask(agent: Agent, row: dict[str, Any]) -> Answer:
    agent.switch_namespace(row["namespace"])
    events = list(agent.ask(row["query"]).events())
    assert isinstance(events[-1], RunFinished), (row["id"], events[-1])
    return [e for e in events if isinstance(e, AnswerFinished)][-1].answer


def words(answer: Answer, *, strict: bool) -> str:
    """What counts as said: the first root cause's summary and object, and (not strict) its chain and first evidence."""
    if not answer.root_causes:
        return ""
    first = answer.root_causes[0]
    text = [first.summary, str(dataclasses.asdict(first.object))]
    if not strict:
        text += [item.excerpt[:300] for item in answer.evidence if item.id in first.evidence][:4]
        text.append(" ".join(first.chain)[:400])
    return " ".join(text)


@pytest.mark.timeout(300)
def test_nearly_every_label_is_right() -> None:
    settings = dataclasses.replace(Settings(), model=ModelSection(provider="none"), kubectl=KubectlSettings(path="/nonexistent/kubectl"))
    agent = Agent(settings, Opening(snapshot=DATA / "dev.tar.gz"), save=False)
    agent.start()
    right = strict = objects = 0
    wrong = []
    try:
        rows = [json.loads(line) for line in (DATA / "dev.labels.jsonl").read_text().splitlines()]
        for row in rows:
            answer = ask(agent, row)
            if row["category"] == "healthy":
                good = not answer.root_causes and all(re.search(p, answer.text[:400], re.I) for p in row["must_mention"])
                right, strict, objects = right + good, strict + good, objects + good
            else:
                good = all(re.search(p, words(answer, strict=False), re.I) for p in row["must_mention"])
                right += good
                strict += all(re.search(p, words(answer, strict=True), re.I) for p in row["must_mention"])
                named = answer.root_causes[0].object.name if answer.root_causes else ""
                objects += named == row["object"].split("/", 1)[-1]
            if not good:
                wrong.append((row["id"], answer.text[:120]))
    finally:
        agent.close()
    assert right >= RIGHT, wrong
    assert strict >= BY_THE_SUMMARY, wrong
    assert objects >= OBJECTS, wrong
