"""What a person says into an investigation, carried out: pin, refute, try again, a hypothesis of their own, evidence of their own."""

from __future__ import annotations

from engine.analyzers.diagnosis.rank import Diagnosis
from engine.analyzers.logs.reader import analyze_text
from engine.core.events import Notice
from engine.core.types import Evidence, Steering
from engine.flows.investigation.hypothesis_board import YOU
from engine.flows.investigation.hypothesis_tests import HypothesisTests
from engine.flows.investigation.sources import from_evidence, from_person
from engine.flows.tools import Emit, Tools, step

_SHOWN_LINES = 12


def carry_out(said: Steering, diagnosis: Diagnosis, inquiry: HypothesisTests, tools: Tools, emit: Emit) -> None:
    """One word of steering; what cannot be done is told as a notice."""
    investigation = inquiry.investigation
    if said.kind in ("pin", "unpin", "refute", "retry") and said.hypothesis not in investigation.hypotheses:
        known = ", ".join(investigation.hypotheses) or "none yet"
        emit(Notice(level="warning", text=f"There is no hypothesis {said.hypothesis or '(none named)'}; there are: {known}."))
        return
    match said.kind:
        case "pin":
            investigation.pin(said.hypothesis, True)
            inquiry.wanted.add(said.hypothesis)
        case "unpin":
            investigation.pin(said.hypothesis, False)
            inquiry.wanted.discard(said.hypothesis)
        case "refute":
            investigation.dismiss(said.hypothesis, tools.redact(said.text.strip()))
            inquiry.wanted.discard(said.hypothesis)
        case "retry":
            investigation.reopen(said.hypothesis)
            inquiry.again(said.hypothesis)
            inquiry.wanted.add(said.hypothesis)
        case "hypothesis":
            text = tools.redact(said.text.strip())
            if not text:
                emit(Notice(level="warning", text="A hypothesis needs words, as in “/hypothesis the database is out of disk space”."))
                return
            made = from_person(text, diagnosis, inquiry)
            if made.test:
                inquiry.wanted.add(made.id)
            else:
                emit(Notice(level="info", text=f"{made.id} has no test of its own: name an object or the kind of fault, and it gets one."))
        case "evidence":
            _read(said, diagnosis, inquiry, tools, emit)


def _read(said: Steering, diagnosis: Diagnosis, inquiry: HypothesisTests, tools: Tools, emit: Emit) -> None:
    """Evidence that a person gave: kept with its source, judged against every live hypothesis, and read for causes of its own."""
    # A bare "you" marks what a person says against a hypothesis, so that a retry can take it back; a text is something else.
    text, source = tools.redact(said.text), tools.redact("pasted by you" if said.source in ("", YOU) else said.source)
    if not text.strip():
        emit(Notice(level="warning", text=f"There is nothing to read in {source}."))
        return
    with step(tools, emit, f"read {source}", "think") as note:
        findings = analyze_text(text)
        spoke = inquiry.read(source, text)
        new = [f for f in findings if not any(line in piece.excerpt for line in spoke for piece in f.evidence)]
        proposed = from_evidence(new, diagnosis, inquiry, source)
        if not any(piece.source.startswith(source) for piece in inquiry.investigation.evidence):
            lines = text.strip().splitlines()
            inquiry.investigation.add(Evidence(source=source, excerpt="\n".join(lines[:_SHOWN_LINES])[:1500]))
        note.detail = f"{len(text.splitlines())} lines, {len(findings)} findings" + (f", new: {', '.join(proposed)}" if proposed else "")
