"""A question with text pasted or piped in beside it: what the log, the manifest, the events or the description says by itself."""

from __future__ import annotations

import dataclasses

from engine.core.events import AnswerFinished, FindingsFound, Notice
from engine.core.types import Answer, RootCause
from engine.flows.answering.compose import troubleshooting_answer
from engine.flows.answering.retrieval import recall, retrieve
from engine.flows.answering.wording import told_problem, told_stream
from engine.flows.investigation.hypothesis_board import Investigation
from engine.flows.tools import Emit, Tools, step
from engine.language.answers.pasted.analyze import analyze


def log_diagnosis(query: str, tools: Tools, emit: Emit) -> str:
    """Diagnose the text that came with the question."""
    investigation = Investigation(emit, tools.redact)
    with step(tools, emit, "read what was pasted", "think") as note:
        pasted, findings = analyze(tools.redact(tools.attachment), tools.source.now(), tools.source)
        note.detail = f"{len(tools.attachment.splitlines())} lines, {len(findings)} findings"
    emit(FindingsFound(findings=tuple(findings), scanned={"lines": len(tools.attachment.splitlines())}))
    cause = findings[0] if findings else None
    known = retrieve(query, findings, cause, tools, emit)
    recall(query, cause, tools, emit)
    causes = tuple(
        RootCause(f.summary, f.object, round(f.confidence, 2), investigation.add_all(f.evidence[:4]), code=f.code) for f in findings[:5]
    )
    frame = troubleshooting_answer(
        causes=causes,
        hypotheses=(),
        evidence=investigation.evidence,
        fix=findings[0].remedies if findings else (),
        passages=known.passages if causes else (),
        quote=known.quote,
        commands=(),
        healthy="Nothing in this log looks like a failure."
        if pasted.kind == "log"
        else f"Nothing in this {pasted.title} is wrong as far as the text alone shows; it was not compared with the cluster.",
    )
    emit(AnswerFinished(answer=_with_reading(query, frame, tools, emit)))
    return "answered"


def _with_reading(query: str, frame: Answer, tools: Tools, emit: Emit) -> Answer:
    """The composed answer, and below it what a model reads in the log, each claim looked up there."""
    speaker = tools.speaker
    if speaker is None:
        return frame
    from engine.llm.checks.grounding import ground
    from engine.llm.tasks import read_log

    log = tools.redact(tools.attachment)
    with step(tools, emit, "let the model read the log", "model") as note:
        text = read_log(
            speaker.model,
            "what was pasted",
            log,
            told_stream(emit),
            tools.token,
            speaker.budget,
            fence=speaker.fence,
            deadline=tools.deadline or None,
            on_problem=told_problem(emit),
        )
        note.outcome = "done" if text else "failed"
    if text is None:
        return frame
    grounded = ground(text, frame.evidence, trusted=f"{frame.text}\n{query}", outside=log)
    if grounded.flagged:
        emit(Notice(level="info", text=grounded.changed))
    said = f"{frame.text}\n\nThe model reads the log so: {grounded.text}"
    return dataclasses.replace(frame, text=said, metrics={**frame.metrics, **speaker.budget.metrics})
