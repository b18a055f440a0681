"""Events: every one survives the way to JSON and back, and strange JSON is refused by name."""

import json

import pytest

from engine.core import events as ev
from engine.core.types import (
    Answer,
    ApprovalRequest,
    Choice,
    ChoiceRequest,
    Decision,
    DryRun,
    Evidence,
    Finding,
    Hypothesis,
    ObjectRef,
    Remedy,
    RootCause,
    Steering,
    Verdict,
)
from index.passage import CodeBlock, Passage

REF = ObjectRef("Deployment", "shop", "web")
SEEN = Evidence("event BackOff on Pod/web-1", "Back-off restarting", "E1", object=REF)
VERDICT = Verdict("mutate", "kubectl.scale", "Changes the number of replicas.")
SAMPLES = [
    ev.QueryReceived(query="why?", context="demo", namespace="shop"),
    ev.QueryClassified(tier="troubleshooting", reason="asks for a cause"),
    ev.StepStarted(id="S1", title="search", kind="search"),
    ev.StepFinished(id="S1", seconds=0.1, detail="3 passages"),
    ev.PassagesFound(passages=(Passage("a.md", ("A", "B"), (1, 9), "text", 1.5, (CodeBlock("bash", "kubectl get pods"),), "D1"),)),
    ev.FindingsFound(
        findings=(Finding("OOMKilled", "critical", REF, "out of memory", (SEEN,), remedies=(Remedy("raise it"),)),), scanned={"pods": 3}
    ),
    ev.HypothesisUpdated(hypothesis=Hypothesis("H1", "out of memory", "supported", 0.9, ("E1",))),
    ev.EvidenceAdded(evidence=SEEN),
    ev.CommandProposed(id="C1", command="kubectl get pods", stages=(("kubectl", "get", "pods"),), verdict=VERDICT),
    ev.ApprovalRequested(request=ApprovalRequest("A1", "x", ("x",), VERDICT, "demo", "shop", dry_run=DryRun(True, "ok", ("+ a",)))),
    ev.ApprovalAnswered(id="A1", decision=Decision("reject", "not now")),
    ev.ChoiceRequested(request=ChoiceRequest("Q1", "Which api?", (Choice("shop/api", "api in shop"),))),
    ev.ChoiceAnswered(id="Q1", choice="shop/api"),
    ev.Steered(steering=Steering("evidence", text="panic: …", source="pasted")),
    ev.CommandStarted(id="C1", command="kubectl get pods"),
    ev.CommandOutput(id="C1", stream="stdout", lines=("NAME READY", "web-1 0/1")),
    ev.CommandFinished(id="C1", exit_code=0, seconds=0.2, bytes=40),
    ev.TokensStreamed(text="Root"),
    ev.AnswerFinished(
        answer=Answer("troubleshooting", "Root cause: …", (RootCause("s", REF, 0.9, ("E1",), ("a", "b")),), evidence=(SEEN,))
    ),
    ev.Notice(level="warning", text="slow"),
    ev.RunFinished(),
    ev.RunCancelled(),
    ev.RunFailed(what="cluster", error="gone"),
    ev.ContextChanged(context="demo", namespace="", mode="read-only"),
    ev.StepProgress(id="pull", detail="pulling", done=1, total=2),
    ev.ModelChanged(name="llama3.1:8b", state="asks", host="gpu-box"),
    ev.ClusterChanged(revision=3),
]


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(sample).__name__ for sample in SAMPLES} == set(ev.EVENTS)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_survives_the_way_through_json(event: ev.Event) -> None:
    text = json.dumps(ev.to_json(event))
    assert ev.from_json(json.loads(text)) == event


@pytest.mark.parametrize(
    ("data", "words"),
    [({"event": "Nonsense"}, "Nonsense"), ({}, "None"), ({"event": "StepStarted", "id": 3, "title": "x"}, "StepStarted")],
)
def test_what_is_no_event_is_refused_by_name(data: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ev.from_json(data)


def test_the_answer_has_the_shape_that_scripts_rely_on() -> None:
    answer = next(event.answer for event in SAMPLES if isinstance(event, ev.AnswerFinished)).to_dict()
    assert answer["schema"] == "k8sagent.answer/1"
    keys = {"schema", "tier", "root_causes", "hypotheses", "evidence", "fix", "answer", "passages", "commands", "metrics", "limits"}
    keys |= {"lead", "elsewhere", "quotes"}
    assert set(answer) == keys
    cause = answer["root_causes"][0]
    assert cause["object"] == {"kind": "Deployment", "namespace": "shop", "name": "web"}
    assert {"summary", "confidence", "evidence", "chain"} <= set(cause)
    assert {"id", "source", "excerpt"} <= set(answer["evidence"][0])
