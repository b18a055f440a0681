"""An answer composed from findings, evidence and passages: the whole answer without a model, the frame of it with one.

The first sentence answers. Citations are `[E1]` and `[D1]`; nothing is named that no evidence holds.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

from engine.core.text import cut_words
from engine.core.types import Answer, CommandRecord, Evidence, Hypothesis, Remedy, Risk, RootCause
from engine.language.orders.plan import Order
from index.passage import Passage

TABLE_LINES = 40
EXCERPT = 200
"""Characters of a quoted log line or event."""


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
    answer = Answer(
        tier="troubleshooting",
        text="",
        root_causes=tuple(causes),
        hypotheses=tuple(hypotheses),
        evidence=tuple(evidence),
        fix=tuple(fix),
        passages=tuple(passages),
        commands=tuple(commands),
        metrics=metrics or {},
        limits=tuple(limits(notes, unknown)),
        quotes=tuple(quote) if passages else (),
        lead=lead,
        elsewhere=elsewhere,
    )
    return dataclasses.replace(answer, text=diagnosis_text(answer, healthy))


def limits(notes: Sequence[str], unknown: Sequence[str], gaps: int = 5) -> list[str]:
    """How far an investigation came: its notes, then the first `gaps` things that could not be seen."""
    return [*notes, *(f"Not seen: {gap}" for gap in unknown[:gaps])]


def diagnosis_text(answer: Answer, healthy: str = "") -> str:
    """The plain text of a diagnosis; short enough to paste into an incident channel. `healthy` is said where there is no cause."""
    if not answer.root_causes:
        body = "\n".join([healthy or "No root cause was found.", *answer.limits])
    else:
        body = "\n\n".join(part for part in (_cause(answer), _confidence(answer), below_the_cause(answer)) if part)
    return "\n\n".join(part for part in (answer.lead, body, answer.elsewhere) if part)


def below_the_cause(answer: Answer) -> str:
    """What code knows for certain and no model words anew: fix with classes, the runbook's words, other causes, gaps, sources."""
    others = [f"  - {cause.summary}{_cited(cause.evidence[:2])} ({cause.confidence:.2f})" for cause in answer.root_causes[1:4]]
    runbook = [f"  - {sentence}" for sentence in answer.quotes]
    sources = "See " + "; ".join(f"[{p.id}] {p.citation}" for p in answer.passages) if answer.passages else ""
    parts = (
        _fix(answer.fix),
        "\n".join([f"From the runbook [{answer.passages[0].id}]:", *runbook]) if runbook else "",
        "\n".join(["Also found:", *others]) if others else "",
        "\n".join(answer.limits[:3]),
        sources,
    )
    return "\n\n".join(part for part in parts if part)


def impact(cause: RootCause) -> list[str]:
    """What follows from a cause, nearest first, one short clause each: the reason of each is the one before it."""
    followers = [sentence for sentence in cause.chain if sentence.rstrip("…. ")[:80] not in cause.summary]
    return [_clause(sentence) for sentence in followers]


def because(answer: Answer) -> Evidence | None:
    """The log line or event that shows the cause best, unless the cause's own sentence quotes it."""
    first = answer.root_causes[0]
    for id in first.evidence:
        piece = next((piece for piece in answer.evidence if piece.id == id), None)
        if piece is not None and piece.source.startswith(("log ", "event ")):
            inside = piece.excerpt.strip()
            return None if any(part and part in inside for part in re.findall(r"“([^”]{12,}?)…?”", first.summary)) else piece
    return None


def _clause(sentence: str) -> str:
    """A sentence up to the colon or semicolon that begins its reason."""
    head = re.split(r"(?<=\w): |; ", sentence, maxsplit=1)[0]
    return head if len(head) >= 20 else sentence


def _cause(answer: Answer) -> str:
    first = answer.root_causes[0]
    lines = [f"Root cause: {first.summary}{_cited(first.evidence)}"]
    shown = because(answer)
    if shown is not None:
        lines.append(f"Because:    “{cut_words(shown.excerpt, EXCERPT)}” ({shown.source}) [{shown.id}]")
    if follows := impact(first):
        lines += ["", "Impact:", *(f"  {'  ' * min(depth, 6)}└ {clause}" for depth, clause in enumerate(follows))]
    return "\n".join(lines)


def _confidence(answer: Answer) -> str:
    refuted = [h.statement for h in answer.hypotheses if h.status == "refuted"]
    return f"Confidence {answer.root_causes[0].confidence:.2f}" + (f"; refuted: {'; '.join(refuted[:3])}" if refuted else "")


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


def _fix(fix: Sequence[Remedy]) -> str:
    lines = ["Fix (changes ask first):"] if fix else []
    for number, remedy in enumerate(fix, 1):
        lines.append(f"  {number}. {remedy.text}")
        if remedy.command:
            lines.append(f"     {remedy.command}   ({remedy.risk})")
    return "\n".join(lines)


def _cited(ids: Sequence[str]) -> str:
    return "".join(f" [{id}]" for id in ids[:4])
