"""What is written on request: code to be read, a review of a workload, an explanation; checked, and composed without a model."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from engine.cluster.kinds import KIND_OF, WORKLOADS
from engine.cluster.source import ClusterError, Usage
from engine.core.events import Notice
from engine.core.types import Answer, ObjectRef, Risk
from engine.flows.answering.compose import documents_answer
from engine.flows.answering.wording import earlier, explain, told_problem, told_stream
from engine.flows.tools import Emit, Tools, step
from engine.language.names import resolve
from engine.language.questions.recommendations import review
from engine.llm.checks.grounding import COMMAND, Grounded, command_in, ground
from index.passage import Passage

CodeKind = Literal["kubectl", "python", "yaml"]
_CODE = re.compile(
    r"\b(?:generate|write|give me|create|make|draft|produce|show me)\b.{0,60}"
    r"\b(?P<kind>python|script|yaml|manifest|kubectl|command|one-?liner)",
    re.I,
)
_REVIEW = re.compile(r"\b(?:optimi[sz]e|optimi[sz]ation|right-?siz\w+|tune|tuning|improve|review)\b", re.I)


def written(query: str, passages: tuple[Passage, ...], tools: Tools, emit: Emit) -> Answer:
    """The answer to a question that no read command answers."""
    if _REVIEW.search(query):
        reviewed = _review(query, passages, tools, emit)
        if reviewed is not None:
            return reviewed
    kind = code_kind(query)
    if kind is not None and tools.speaker is not None:
        coded = _code(query, kind, passages, tools, emit)
        if coded is not None:
            return coded
    return checked(explain(query, passages, tools, emit), passages, query, tools, emit)


def code_kind(query: str) -> CodeKind | None:
    """Which kind of code a query wants, None where it wants none."""
    found = _CODE.search(query)
    if found is None:
        return None
    word = found.group("kind").lower()
    if "python" in query.lower() or word == "script":
        return "python"
    return "yaml" if word in ("yaml", "manifest") else "kubectl"


def _code(query: str, kind: CodeKind, passages: tuple[Passage, ...], tools: Tools, emit: Emit) -> Answer | None:
    from engine.llm.tasks import write_code

    speaker = tools.speaker
    if speaker is None:
        return None
    with step(tools, emit, "write the code", "model") as note:
        text = write_code(
            speaker.model,
            query,
            kind,
            f"namespace: {tools.place.namespace or 'all'}\n{earlier(tools)}".strip(),
            told_stream(emit),
            tools.token,
            speaker.budget,
            fence=speaker.fence,
            deadline=tools.deadline or None,
            on_problem=told_problem(emit, "The documentation answers."),
        )
        note.outcome = "done" if text else "failed"
    if text is None:
        return None
    answer = Answer(tier="informational", text=f"{text}\n\nNothing of this was run.", metrics=speaker.budget.metrics)
    return checked(answer, passages, query, tools, emit)


def _review(query: str, passages: tuple[Passage, ...], tools: Tools, emit: Emit) -> Answer | None:
    """What could be set up better about the workload that the query names; None where it names none."""
    with step(tools, emit, "review the workload", "cluster") as note:
        found = resolve(tools.source, query, tools.place.namespace, cancel=tools.token).found
        if not found or found[0].kind not in {kind.kind for kind in WORKLOADS}:
            note.outcome = "skipped"
            return None
        ref = found[0]
        observations = review(tools.source.get(KIND_OF[ref.kind].resource, ref.namespace, ref.name), _usage(ref, tools))
        note.detail = f"{len(observations)} observations"
    if not observations:
        return Answer(tier="informational", text=f"{ref} in {ref.namespace}: requests, limits, probes, images and replicas are in order.")
    listed = "\n".join(f"{n}. {text}" for n, text in enumerate(observations, 1))
    frame = Answer(tier="informational", text=f"{ref} in {ref.namespace} could be set up better:\n\n{listed}", passages=passages[:2])
    speaker = tools.speaker
    if speaker is None:
        return frame
    from engine.llm.tasks import optimise

    with step(tools, emit, "word the answer", "model") as note:
        text = optimise(
            speaker.model,
            f"{ref} in {ref.namespace}",
            "\n".join(observations),
            told_stream(emit),
            tools.token,
            speaker.budget,
            fence=speaker.fence,
            deadline=tools.deadline or None,
            on_problem=told_problem(emit, "The observations stand as they were computed."),
        )
        note.outcome = "done" if text else "failed"
    if text is None:
        return frame
    grounded = ground(text, (), [ref], trusted=f"{frame.text}\n{query}")
    _tell(grounded, emit)
    return dataclasses.replace(frame, text=grounded.text, metrics=speaker.budget.metrics)


def _usage(ref: ObjectRef, tools: Tools) -> list[Usage]:
    try:
        return [u for u in tools.source.top("pods", ref.namespace) if u.name == ref.name or u.name.startswith(f"{ref.name}-")]
    except ClusterError:
        return []


def checked(answer: Answer, passages: tuple[Passage, ...], query: str, tools: Tools, emit: Emit) -> Answer:
    """An answer of the model: objects, images, commands and citations looked up; commands get their class, forbidden ones are struck."""
    if tools.speaker is None or answer.text == documents_answer(passages).text:
        return answer
    risks: dict[str, Risk] = {}
    for match in COMMAND.finditer(answer.text):
        command = command_in(match.group())
        risks[command] = tools.desk.judge(command).risk
    allowed = [command for command, risk in risks.items() if risk != "forbidden"]
    trusted = "\n".join([query, tools.earlier, *(f"[{p.id}] {' '.join(p.heading)}\n{p.text}" for p in passages)])
    grounded = ground(answer.text, (), (), allowed, trusted=trusted, kinds=("object", "image", "command", "citation"))
    _tell(grounded, emit)
    changing = [f"{command} ({risk})" for command, risk in risks.items() if risk in ("mutate", "destructive")]
    text = grounded.text + (f"\n\nThese change something and would ask first: {'; '.join(changing)}" if changing else "")
    return dataclasses.replace(answer, text=text)


def _tell(grounded: Grounded, emit: Emit) -> None:
    if grounded.flagged:
        emit(Notice(level="info", text=grounded.changed))
