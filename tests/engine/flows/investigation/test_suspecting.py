"""Where hypotheses come from beside the analyzers: a runbook whose symptom is seen, and a model that chooses a test from a list."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fakes.lab import Lab
from fakes.manifests import NS, crash_loop
from fakes.ollama_server import OllamaServer

from engine.analyzers.diagnosis.rank import Diagnosis
from engine.commands.kubectl import canonical
from engine.commands.kubectl.canonical import Key
from engine.commands.parsing.lexer import parse
from engine.core.cancel import CancelToken
from engine.core.config import Settings
from engine.core.types import Evidence, ObjectRef, Verdict
from engine.flows.investigation.hypothesis_board import IDEA, Investigation
from engine.flows.investigation.hypothesis_tests import HypothesisTests
from engine.flows.investigation.sources import from_model, from_runbooks
from engine.flows.tools import Speaker, Tools
from engine.llm import ModelSettings, open_model
from engine.llm.budget import Budget
from index.passage import CodeBlock, Passage

WEB = ObjectRef("Deployment", NS, "web")
UNSURE = Diagnosis((), (), (WEB,), False, "here", (), {})
SYMPTOM = 'Error: database "shop" is being accessed by other users'


class Judge:
    """The policy's word alone: what begins with `kubectl get`, `describe` or `logs` reads."""

    def key(self, text: str) -> Key:
        return canonical.key(parse(text))

    def judge(self, text: str) -> Verdict:
        reads = text.split()[1] in ("get", "describe", "logs")
        return Verdict("read" if reads else "destructive", "rule", "reason")


def inquiry(**more: Any) -> tuple[HypothesisTests, Tools]:
    lab = Lab()
    lab.app("web", crash_loop())
    tools = Tools(
        place=None, source=None, desk=Judge(), search=None, token=CancelToken(), redact=str, settings=Settings(), **more  # type: ignore[arg-type]
    )  # fmt: skip
    investigation = Investigation(lambda event: None, str)
    investigation.add(Evidence("log of Pod/web-5d8-abcde", f"2026-01-01 {SYMPTOM}"))
    return HypothesisTests(investigation, lab.view(), tools, lambda event: None), tools


def runbook(*commands: str, symptom: str = SYMPTOM) -> tuple[Passage, ...]:
    title = "Database in use"
    return (
        Passage("runbooks/db.md", (title, "Symptoms"), (1, 9), "", code_blocks=(CodeBlock("text", symptom),)),
        Passage("runbooks/db.md", (title, "Diagnose"), (10, 19), "", code_blocks=(CodeBlock("bash", "\n".join(commands)),)),
    )


def test_a_runbook_whose_symptom_is_seen_brings_its_own_test_on_resolved_objects() -> None:
    pages = runbook("kubectl delete pod my-pod -n my-namespace", "kubectl logs my-pod -n my-namespace --tail=20", "kubectl get pods")
    loop, tools = inquiry(document=lambda path: pages)
    from_runbooks(pages, UNSURE, loop, tools)
    (made,) = loop.investigation.hypotheses.values()
    assert (made.origin, made.confidence, made.evidence_for) == ("runbook", IDEA, ("E1",))
    assert made.test == f"kubectl logs web-5d8-abcde -n {NS} --tail=20"
    assert "Database in use" in made.statement
    assert SYMPTOM in made.prediction


@pytest.mark.parametrize(
    "pages",
    [
        runbook("kubectl logs my-pod -n my-namespace", symptom="no space left on device while writing segment"),
        runbook("kubectl logs my-other-thing -n my-namespace"),
        runbook("kubectl delete pod my-pod -n my-namespace"),
        runbook("curl http://my-pod"),
    ],
    ids=["another symptom", "an object that is not there", "a change", "no kubectl"],
)
def test_a_runbook_that_does_not_fit_or_only_changes_brings_nothing(pages: tuple[Passage, ...]) -> None:
    loop, tools = inquiry(document=lambda path: pages)
    from_runbooks(pages, UNSURE, loop, tools)
    assert loop.investigation.hypotheses == {}


def test_the_model_s_idea_gets_a_test_from_the_list_and_starts_low() -> None:
    with OllamaServer('{"cause": "the pods cannot reach their database", "check": "3"}') as server:
        model = open_model(ModelSettings(provider="ollama", name="llama3.1:8b", host=server.url))
        loop, tools = inquiry(speaker=Speaker(model, Budget(6000)))
        from_model("why is web down?", UNSURE, loop, tools, lambda event: None)
    (made,) = loop.investigation.hypotheses.values()
    assert (made.origin, made.confidence, made.statement) == ("model", IDEA, "the pods cannot reach their database")
    assert made.test == f"kubectl logs web-5d8-abcde -n {NS} --all-containers --tail=60"


def test_a_model_that_talks_nonsense_or_is_not_needed_brings_nothing() -> None:
    with OllamaServer(default="Bananas are yellow.") as server:
        model = open_model(ModelSettings(provider="ollama", name="llama3.1:8b", host=server.url))
        loop, tools = inquiry(speaker=Speaker(model, Budget(6000)))
        from_model("why is web down?", UNSURE, loop, tools, lambda event: None)
        asked = len(server.chats)
        from_model("is all well?", dataclasses.replace(UNSURE, healthy=True), loop, tools, lambda event: None)
        assert len(server.chats) == asked
    assert loop.investigation.hypotheses == {}
