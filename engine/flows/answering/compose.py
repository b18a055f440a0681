"""An answer composed from findings, evidence and passages: the whole answer without a model, the frame of it with one.

The first sentence answers. Citations are `[E1]` and `[D1]`; nothing is named that no evidence holds.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Mapping, Sequence

from engine.core.types import Answer, CommandRecord, Evidence, Hypothesis, Remedy, Risk, RootCause
from engine.language.orders.plan import Order
from index.passage import Passage

TABLE_LINES = 40
QUOTED = "From the runbook"


def informational_answer(first: str, tables: Sequence[str], evidence: tuple[Evidence, ...], commands: tuple[CommandRecord, ...]) -> Answer:
    """A sentence (where code computed one), then what the commands printed."""
    parts = [first] if first else []
    for table in tables:
        lines = table.splitlines()
        kept = lines[:TABLE_LINES]
        if len(lines) > TABLE_LINES:
            kept.append(f"… {len(lines) - TABLE_LINES} more lines in the output pane")
        if kept:
            parts.append("\n".join(kept))
    return Answer(tier="informational", text="\n\n".join(parts) or "The command printed nothing.", evidence=evidence, commands=commands)


def joined_answers(questions: Sequence[str], answers: Sequence[Answer]) -> Answer:
    """The answers to several questions of one text as one, each under its question; citations are numbered through."""
    parts: list[str] = []
    whole = Answer(tier=next((a.tier for a in answers if a.tier != "informational"), "informational"), text="")
    for question, one in zip(questions, answers, strict=True):
        shifted = _renumbered(one, len(whole.evidence))
        parts.append(f"{question}\n{shifted.text}")
        whole = dataclasses.replace(
            whole,
            root_causes=(*whole.root_causes, *shifted.root_causes),
            hypotheses=(*whole.hypotheses, *shifted.hypotheses),
            evidence=(*whole.evidence, *shifted.evidence),
            fix=(*whole.fix, *shifted.fix),
            passages=(*whole.passages, *shifted.passages),
            commands=(*whole.commands, *shifted.commands),
            limits=(*whole.limits, *shifted.limits),
        )
    return dataclasses.replace(whole, text="\n\n".join(parts))


def _renumbered(answer: Answer, by: int) -> Answer:
    """An answer whose evidence E1… is E(1 + by)…, wherever it is cited."""
    ids = {piece.id: f"E{int(piece.id[1:]) + by}" for piece in answer.evidence if piece.id[1:].isdigit()}

    def told(found: re.Match[str]) -> str:
        return ids.get(found.group(), found.group())

    return dataclasses.replace(
        answer,
        text=re.sub(r"\bE\d+\b(?=\])", told, answer.text),
        evidence=tuple(dataclasses.replace(piece, id=ids.get(piece.id, piece.id)) for piece in answer.evidence),
        root_causes=tuple(dataclasses.replace(c, evidence=tuple(ids.get(id, id) for id in c.evidence)) for c in answer.root_causes),
        hypotheses=tuple(
            dataclasses.replace(
                h,
                evidence_for=tuple(ids.get(id, id) for id in h.evidence_for),
                evidence_against=tuple(ids.get(id, id) for id in h.evidence_against),
            )
            for h in answer.hypotheses
        ),
    )


def only_rows(table: str, rows: Sequence[tuple[str, str]]) -> str:
    """A table's head and the lines of the given (namespace, name) pairs; the table as it is where none are given or none fits."""
    if not rows:
        return table
    lines = table.splitlines()
    pairs, names = set(rows), {name for _, name in rows}
    spaced = bool(lines) and lines[0].startswith("NAMESPACE ")
    kept = [line for line in lines[1:] if (words := line.split()) and (tuple(words[:2]) in pairs if spaced else words[0] in names)]
    return "\n".join([lines[0], *kept]) if kept else table


def documents_answer(passages: tuple[Passage, ...]) -> Answer:
    """A how-to question without a model: the best section's own words, and where to read on."""
    if not passages:
        text = "The documentation has nothing on this. Try other words, or look at F1 for what K8sAgent can do."
        return Answer(tier="informational", text=text)
    best = passages[0]
    lines = [line for line in best.text.strip().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).strip()
    if len(text) > 1800:
        text = text[:1800].rsplit("\n", 1)[0] + "\n…"
    more = [f"[{p.id}] {p.citation}" for p in passages]
    return Answer(
        tier="informational",
        text=f"From {' › '.join(best.heading)} [{best.id}]:\n\n{text}\n\nRead on: " + "; ".join(more),
        passages=passages,
    )


def action_answer(said: Sequence[str], fix: Sequence[Remedy], commands: Sequence[CommandRecord], left: Sequence[Order] = ()) -> Answer:
    """What was done or not, one sentence a step; what was not done stays as the fix."""
    lines = list(said)
    if left:
        lines.append("Not started: " + "; ".join(order.command for order in left))
    remedies = [*fix, *(Remedy(text=order.words, command=order.command) for order in left)]
    return Answer(tier="action", text="\n".join(lines), fix=tuple(remedies), commands=tuple(commands))


def troubleshooting_answer(
    *,
    causes: Sequence[RootCause],
    hypotheses: Sequence[Hypothesis],
    evidence: Sequence[Evidence],
    fix: Sequence[Remedy],
    passages: Sequence[Passage],
    commands: Sequence[CommandRecord],
    healthy: str = "",
    unknown: Sequence[str] = (),
    quote: Sequence[str] = (),
    notes: Sequence[str] = (),
    lead: str = "",
    elsewhere: str = "",
    metrics: Mapping[str, float | int | str] | None = None,
) -> Answer:
    """Root cause first, then the chain, confidence, fix with classes, what the runbook says on it (`quote`, from D1), and sources.

    `notes` say how far the investigation came; `lead` comes before everything, `elsewhere` is one line on other troubles at the end.
    """
    text = diagnosis_text(causes, hypotheses, fix, passages, healthy=healthy, unknown=unknown, quote=quote, notes=notes)
    return Answer(
        tier="troubleshooting",
        text="\n\n".join(part for part in (lead, text, elsewhere) if part),
        root_causes=tuple(causes),
        hypotheses=tuple(hypotheses),
        evidence=tuple(evidence),
        fix=tuple(fix),
        passages=tuple(passages),
        commands=tuple(commands),
        metrics=metrics or {},
        limits=tuple(limits(notes, unknown)),
    )


def limits(notes: Sequence[str], unknown: Sequence[str], gaps: int = 5) -> list[str]:
    """How far an investigation came: its notes, then the first `gaps` things that could not be seen."""
    return [*notes, *(f"Not seen: {gap}" for gap in unknown[:gaps])]


def diagnosis_text(
    causes: Sequence[RootCause],
    hypotheses: Sequence[Hypothesis],
    fix: Sequence[Remedy],
    passages: Sequence[Passage],
    *,
    healthy: str = "",
    unknown: Sequence[str] = (),
    quote: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """The plain text of a diagnosis; short enough to paste into an incident channel."""
    if not causes:
        lines = [healthy or "No root cause was found."]
        lines += limits(notes, unknown)
        return "\n".join(lines)
    first = causes[0]
    lines = [f"Root cause: {first.summary}{_cited(first.evidence)}"]
    lines += _chain(first)
    refuted = [h.statement for h in hypotheses if h.status == "refuted"]
    lines += ["", f"Confidence {first.confidence:.2f}" + (f"; refuted: {'; '.join(refuted[:3])}" if refuted else "")]
    lines += _fix(fix)
    if quote and passages:
        lines += ["", f"{QUOTED} [{passages[0].id}]:", *(f"  - {sentence}" for sentence in quote)]
    others = causes[1:4]
    if others:
        lines += ["", "Also found:"]
        lines += [f"  - {cause.summary}{_cited(cause.evidence[:2])} ({cause.confidence:.2f})" for cause in others]
    lines += limits(notes, unknown, 3)
    if passages:
        lines += ["", "See " + "; ".join(f"[{p.id}] {p.citation}" for p in passages)]
    return "\n".join(lines)


def quoted(answer: Answer) -> list[str]:
    """The lines of an answer's text that quote a runbook, its title line first; none where nothing is quoted."""
    lines = answer.text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith(f"{QUOTED} [")), len(lines))
    return lines[start : start + 1] + list(itertools.takewhile(lambda line: line.startswith("  - "), lines[start + 1 :]))


def with_class(remedies: Sequence[Remedy], judge: Callable[[str], Risk]) -> tuple[Remedy, ...]:
    """Remedies with the class of their commands; commands that the policy forbids are left out, their sentence stays."""
    out: list[Remedy] = []
    for remedy in remedies:
        if not remedy.command:
            out.append(remedy)
            continue
        risk = judge(remedy.command)
        out.append(dataclasses.replace(remedy, risk=risk) if risk != "forbidden" else Remedy(text=remedy.text))
    return tuple(dict.fromkeys(out))


def _chain(cause: RootCause) -> list[str]:
    if not cause.chain:
        return []
    steps = reversed(cause.chain)  # as a person meets it: the symptom first, the cause deepest
    return ["", "How it shows:", *("  " * min(depth + 1, 9) + ("└ " if depth else "") + step for depth, step in enumerate(steps))]


def _fix(fix: Sequence[Remedy]) -> list[str]:
    if not fix:
        return []
    lines = ["", "Fix (changes ask first):"]
    for number, remedy in enumerate(fix, 1):
        lines.append(f"  {number}. {remedy.text}")
        if remedy.command:
            lines.append(f"     {remedy.command}   ({remedy.risk})")
    return lines


def _cited(ids: Sequence[str]) -> str:
    return "".join(f" [{id}]" for id in ids[:4])
