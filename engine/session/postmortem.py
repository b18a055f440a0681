"""A session's events as a Markdown post-mortem: question, answer, timeline, commands and evidence of each Run."""

from __future__ import annotations

import time
from collections.abc import Sequence

from engine.core.events import (
    AnswerFinished,
    ApprovalAnswered,
    ApprovalRequested,
    ChoiceAnswered,
    ChoiceRequested,
    CommandFinished,
    CommandProposed,
    CommandStarted,
    Event,
    EvidenceAdded,
    HypothesisUpdated,
    QueryReceived,
    RunCancelled,
    RunFailed,
    Steered,
    StepFinished,
    StepStarted,
)
from engine.core.types import Hypothesis, Steering

_ORIGINS = {"analyzer": "from the analyzers", "runbook": "from a runbook", "model": "from the model", "user": "yours"}


def markdown(id: str, events: Sequence[Event]) -> str:
    """The whole session; cluster text is inside code spans and fences, so that it cannot become markup."""
    out = [f"# Session {id}", ""]
    for run in dict.fromkeys(event.run for event in events if event.run):
        out += _run([event for event in events if event.run == run])
    return "\n".join(out).rstrip() + "\n"


def _run(events: Sequence[Event]) -> list[str]:
    asked = next((e for e in events if isinstance(e, QueryReceived)), None)
    title = asked.query.splitlines()[0] if asked and asked.query.strip() else "(a typed command)"
    out = [f"## {_clock(events[0].at)} {span(title)}", ""]
    if asked:
        out += [f"Context {span(asked.context)}, namespace {span(asked.namespace or 'all')}, {asked.mode}.", ""]
    answers = [e for e in events if isinstance(e, AnswerFinished)]
    if answers:
        out += ["### Answer", "", fence(answers[-1].answer.text), ""]
    out += ["### Timeline", "", *_timeline(events), ""]
    hypotheses: dict[str, Hypothesis] = {e.hypothesis.id: e.hypothesis for e in events if isinstance(e, HypothesisUpdated)}
    if hypotheses:
        out += ["### Hypotheses", "", *(line for h in hypotheses.values() for line in _hypothesis(h)), ""]
    evidence = [e.evidence for e in events if isinstance(e, EvidenceAdded)]
    if evidence:
        out += ["### Evidence", ""]
        for item in evidence:
            out += [f"- {item.id} {span(item.source)}", "", fence(item.excerpt, "  "), ""]
    return out


def _hypothesis(hypothesis: Hypothesis) -> list[str]:
    """A hypothesis with where it comes from, how it was tested, and the evidence for and against it by id."""
    origin = _ORIGINS[hypothesis.origin] + (", pinned by you" if hypothesis.pinned else "")
    lines = [f"- {hypothesis.id} {span(hypothesis.statement)}: {hypothesis.status}, {hypothesis.confidence:.2f} ({origin})"]
    lines += [f"  - test: {span(hypothesis.test)}"] if hypothesis.test else []
    lines += [f"  - predicted: {span(hypothesis.prediction)}"] if hypothesis.prediction else []
    lines += [f"  - for: {', '.join(hypothesis.evidence_for)}"] if hypothesis.evidence_for else []
    lines += [f"  - against: {', '.join(hypothesis.evidence_against)}"] if hypothesis.evidence_against else []
    return lines


def _steered(said: Steering) -> str:
    """What a person said into the investigation, in one line."""
    what = " ".join(filter(None, (said.kind, said.hypothesis)))
    text = said.text if len(said.text) <= 200 else f"{said.text[:200]} …"
    source = f" from {span(said.source)}" if said.source else ""
    return f"you said: {what}{source}" + (f" {span(text)}" if text.strip() else "")


def _timeline(events: Sequence[Event]) -> list[str]:
    titles = {e.id: e.title for e in events if isinstance(e, StepStarted)}
    started = {e.id: e.command for e in events if isinstance(e, CommandStarted)}
    questions = {e.request.id: e.request for e in events if isinstance(e, ChoiceRequested)}
    out = []
    for event in events:
        text = ""
        match event:
            case StepFinished():
                text = f"{titles.get(event.id, event.id)}: {event.detail or event.outcome} ({event.seconds:.1f} s)"
            case CommandProposed() if event.verdict.risk != "read":
                text = f"proposed {span(event.command)}: {event.verdict.risk} ({event.verdict.reason})"
            case ApprovalRequested():
                text = f"asked to approve {span(event.request.command)}"
            case ApprovalAnswered():
                text = f"answer: {event.decision.kind}" + (f" ({event.decision.reason})" if event.decision.reason else "")
            case CommandFinished():
                ended = f"exit {event.exit_code}" if event.exit_code is not None else event.error or "did not end"
                text = f"ran {span(started.get(event.id, event.id))}: {ended} ({event.seconds:.1f} s)"
            case Steered():
                text = _steered(event.steering)
            case ChoiceAnswered():
                asked = questions.get(event.id)
                labels = {choice.id: choice.label for choice in asked.choices} if asked else {}
                text = f"asked {span(asked.question if asked else event.id)}: {span(labels.get(event.choice, 'nobody chose'))}"
            case RunCancelled():
                text = f"stopped: {event.reason}"
            case RunFailed():
                text = f"failed ({event.what}): {event.error}"
        if text:
            out.append(f"- {_clock(event.at)} {text}")
    return out


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def span(text: str) -> str:
    """A text as one line of inline code, whatever backticks it holds."""
    flat = " ".join(text.split())
    ticks = "`"
    while ticks in flat:
        ticks += "`"
    return f"{ticks}{flat}{ticks}" if ticks == "`" else f"{ticks} {flat} {ticks}"


def fence(text: str, indent: str = "") -> str:
    """A text as a code block that nothing in it can close."""
    marks = "```"
    while marks in text:
        marks += "`"
    return "\n".join(indent + line for line in [marks + "text", *text.rstrip().splitlines(), marks])
