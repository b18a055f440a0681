"""A question with a log pasted or piped in beside it: what the log says, without looking at the cluster."""

from __future__ import annotations

from engine.analyzers.logs import analyze_text
from engine.answer import troubleshooting_answer
from engine.events import AnswerFinished, FindingsFound
from engine.facts import RootCause
from engine.flows.knowledge import recall, retrieve
from engine.flows.tools import Emit, Tools, step
from engine.investigation import Investigation


def log_diagnosis(query: str, tools: Tools, emit: Emit) -> str:
    """Diagnose the text that came with the question."""
    investigation = Investigation(emit, tools.redact)
    with step(tools, emit, "read the log", "think") as note:
        findings = analyze_text(tools.redact(tools.attachment))
        note.detail = f"{len(tools.attachment.splitlines())} lines, {len(findings)} findings"
    emit(FindingsFound(findings=tuple(findings), scanned={"log lines": len(tools.attachment.splitlines())}))
    cause = findings[0] if findings else None
    known = retrieve(query, findings, cause, tools, emit)
    recall(query, cause, tools, emit)
    causes = tuple(
        RootCause(f.summary, f.object, round(f.confidence, 2), investigation.add_all(f.evidence[:4]), code=f.code) for f in findings[:5]
    )
    emit(
        AnswerFinished(
            answer=troubleshooting_answer(
                causes=causes,
                hypotheses=(),
                evidence=investigation.evidence,
                fix=findings[0].remedies if findings else (),
                passages=known.passages if causes else (),
                quote=known.quote,
                commands=(),
                healthy="Nothing in this log looks like a failure.",
            )
        )
    )
    return "answered"
