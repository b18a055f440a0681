"""Memory: earlier questions stand in the next prompt as far as they fit, and every token is told."""

from __future__ import annotations

import pytest

from engine.core.events import AnswerFinished, CommandFinished, CommandStarted, QueryClassified, QueryReceived, RunCancelled
from engine.core.types import Answer, ObjectRef, RootCause
from engine.llm.budget import estimate
from engine.llm.chat_model import Final, Message
from engine.session.conversation import FULL_TURNS, Conversation, object_of
from engine.session.token_report import context_lines, context_report

CHECKOUT = ObjectRef("Deployment", "shop", "checkout-api")


def diagnosed(memory: Conversation, query: str = "why is checkout-api failing?", about: ObjectRef = CHECKOUT, run: str = "r1") -> None:
    memory.on_event(QueryReceived(run=run, query=query, context="demo", namespace="shop"))
    memory.on_event(QueryClassified(run=run, tier="troubleshooting", reason=""))
    cause = RootCause(f"{about.name} lacks STRIPE_API_KEY", about, 0.9)
    memory.on_event(AnswerFinished(run=run, answer=Answer("troubleshooting", "Root cause: …", (cause,))))


def test_a_command_that_ran_says_what_was_spoken_of_and_one_that_failed_does_not_stay() -> None:
    memory = Conversation()
    memory.on_event(QueryReceived(run="r1", query="scale it", context="demo", namespace="shop"))
    memory.on_event(CommandStarted(run="r1", id="C1", command="kubectl scale deployment/cart-api --replicas=3 -n shop --context demo"))
    memory.on_event(CommandStarted(run="r1", id="C2", command="kubectl get pods -n shop"))
    memory.on_event(CommandFinished(run="r1", id="C2", exit_code=1, seconds=0.1))
    (turn,) = memory.turns
    assert turn.about == ObjectRef("Deployment", "shop", "cart-api")
    assert len(turn.commands) == 1


@pytest.mark.parametrize(
    ("command", "ref"),
    [
        ("kubectl get pods -n shop", None),
        ("kubectl describe pod web-0 -n shop", ObjectRef("Pod", "shop", "web-0")),
        ("kubectl logs web-0 --tail=50 -n shop --context demo", ObjectRef("Pod", "shop", "web-0")),
        ("kubectl delete pod a b -n shop", None),
        ("kubectl rollout restart deploy/web --namespace shop", ObjectRef("Deployment", "shop", "web")),
        ("kubectl version", None),
        ("kubectl get 'unclosed", None),
    ],
)
def test_the_one_object_of_a_command(command: str, ref: ObjectRef | None) -> None:
    assert object_of(command) == ref


def test_the_newest_questions_stand_in_full_older_ones_as_facts_and_the_rest_is_counted() -> None:
    memory = Conversation()
    for n in range(30):
        diagnosed(memory, f"why is service number {n} failing all the time?", ObjectRef("Deployment", "shop", f"app-{n}"), f"r{n}")
    kept = [how for _, how, _ in memory.kept()]
    assert kept[-FULL_TURNS:] == ["in full"] * FULL_TURNS
    assert kept[0] == "left out"
    assert set(kept) == {"in full", "as a fact", "left out"}
    text = memory.earlier("next")
    assert estimate(text) <= 320
    assert f"({kept.count('left out')} earlier questions are not repeated here)" in text
    assert "Asked: why is service number 29" in text
    assert "app-27" in text
    assert "number 27" not in text


def test_that_questions_are_compacted_is_said_once() -> None:
    memory = Conversation()
    said = []
    for n in range(6):
        said.append(memory.compaction(f"r{n}"))
        diagnosed(memory, run=f"r{n}")
    assert len([s for s in said if s]) == 1
    assert "/tokens" in "".join(said)


def test_a_stopped_question_is_remembered_and_a_new_session_forgets_all() -> None:
    memory = Conversation()
    memory.on_event(QueryReceived(run="r1", query="why?", context="demo", namespace="shop"))
    memory.on_event(RunCancelled(run="r1"))
    assert "stopped" in memory.earlier("r2")
    memory.clear()
    assert memory.earlier("r2") == ""
    assert memory.turns == ()


class Silent:
    """A model that only has a name."""

    name = "llama3.1:8b"
    server = ""


def test_the_report_tells_every_request_with_its_parts_and_sums_them() -> None:
    memory = Conversation()
    diagnosed(memory)
    budget = memory.budget("why is checkout-api failing?", 6000)
    budget.spend("diagnose", Silent(), [Message("user", "evidence " * 40)], Final(900, 80, 4.0))  # type: ignore[arg-type]
    budget.spend("classify", Silent(), [Message("user", "x")], Final())  # type: ignore[arg-type]
    report = context_report(memory, "llama3.1:8b", 8192, 6000)
    assert report.prompt_tokens == 900 + report.requests[1].spent.prompt_tokens
    assert (report.answer_tokens, report.seconds) == (80, 4.0)
    text = "\n".join(context_lines(report))
    assert "window 8192" in text
    assert "20.0" in text
    assert "in full" in text
    assert "~ estimated" in text
