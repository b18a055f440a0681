"""The informational tier: one or two read commands, the answer first and the table after; how-to questions go to the documentation."""

from __future__ import annotations

import dataclasses
import re

from engine.cluster.source import ClusterError
from engine.core.events import AnswerFinished, Notice, PassagesFound
from engine.core.run import FlowError
from engine.core.types import Answer, Choice, CommandRecord, Evidence
from engine.flows import kubectl_fallback
from engine.flows.answering.compose import informational_answer, only_rows
from engine.flows.answering.how_to import written
from engine.flows.answering.wording import plan_with_model
from engine.flows.disambiguation import pick_one
from engine.flows.investigation.hypothesis_board import Investigation
from engine.flows.tools import Emit, Tools, step
from engine.language.questions.question import Reading
from engine.language.questions.reader import read
from index.passage import Passage

_ASKS_DOCS = re.compile(
    r"\b(?:how (?:do|can|would|could|should|to)|what (?:happens|is (?:a|an|the difference)|does|are (?:the )?(?:probes|steps|ways))|"
    r"explain|difference|best practice|"
    r"should (?:i|we)|is it (?:safe|ok)|can i|optimi[sz]e|right-?size|tune|improve|review|"
    r"write|generate|script|snippet|example|manifest|meaning)\b",
    re.I,
)


def informational(query: str, tools: Tools, emit: Emit) -> str:
    """Answer a plain question."""
    if _ASKS_DOCS.search(query):
        return _from_documents(query, tools, emit)
    with step(tools, emit, "work out what to read", "cluster") as note:
        try:
            reading = _read(query, tools, emit)
        except ClusterError as error:
            raise FlowError("cluster", str(error)) from error
        if reading is None and tools.speaker is not None:
            reading = plan_with_model(query, tools, emit)
        note.detail = "; ".join(reading.commands) if reading else "no read command fits"
        note.outcome = "done" if reading else "skipped"
    if reading is None:
        return _from_documents(query, tools, emit)
    if reading.missing:
        emit(AnswerFinished(answer=Answer(tier="informational", text=reading.missing)))
        return "nothing_to_do"
    return _run_and_answer(query, reading, tools, emit)


def _read(query: str, tools: Tools, emit: Emit) -> Reading | None:
    """The reading of a question; where a name fits several objects, or only resembles some, the person chooses."""
    place = tools.place
    found = read(query, tools.source, place.namespace, pod=tools.pod, cancel=tools.token)
    if found is not None and found.near:
        picked = tools.choose(found.missing.partition(" Did you mean")[0] + " Which is meant?", [Choice(name, name) for name in found.near])
        if picked:
            query = re.sub(rf"(?<![\w-]){re.escape(found.word)}(?![\w-])", picked, query, flags=re.I)
            namespace = picked if found.missing.startswith("There is no namespace") else place.namespace
            found = read(query, tools.source, namespace, pod=tools.pod, cancel=tools.token)
    if found is not None and found.choices:
        chosen = pick_one(f"“{found.word}” fits {len(found.choices)} objects. Which is meant?", found.choices, tools)
        if chosen is not None:
            return read(query, tools.source, place.namespace, pod=tools.pod, cancel=tools.token, chosen=chosen) or found
        listed = ", ".join(f"{ref} in {ref.namespace}" for ref in found.choices[:6])
        emit(
            Notice(level="info", text=f"“{found.word}” fits {listed}; this is about {found.objects[0] if found.objects else 'the first'}.")
        )
    return found


def _run_and_answer(query: str, reading: Reading, tools: Tools, emit: Emit) -> str:
    investigation = Investigation(emit, tools.redact)
    records: list[CommandRecord] = []
    tables: list[str] = []
    for command in reading.commands[:2]:
        outcome = tools.desk.run(command, why="shows what was asked for")
        records += outcome.records
        if outcome.status == "unavailable" and outcome.verdict.risk == "read":
            text = kubectl_fallback.read(outcome.command, tools.source)
            if text is not None:
                text = tools.redact(text)
                tables.append(text)
                investigation.add(Evidence(source=f"{outcome.command} (read without kubectl)", excerpt=text[:2000]))
                continue
        if outcome.status != "ran" or outcome.result is None:
            emit(Notice(level="warning", text=outcome.reason))
            if not reading.answer:
                emit(AnswerFinished(answer=Answer(tier="informational", text=outcome.reason, commands=tuple(records))))
                return "refused" if outcome.status == "refused" else "rejected"
            continue
        result = outcome.result
        if result.exit_code != 0:
            failure = " ".join((result.error or result.stderr).split())[:300] or f"exit code {result.exit_code}"
            if not reading.answer:
                emit(
                    AnswerFinished(
                        answer=Answer(tier="informational", text=f"{outcome.command} failed: {failure}", commands=tuple(records))
                    )
                )
                return "answered"
            emit(Notice(level="warning", text=f"{outcome.command} failed: {failure}"))
            continue
        text = result.stdout.rstrip() or result.stderr.strip()
        text = only_rows(text, reading.rows)
        tables.append(text)
        investigation.add(Evidence(source=outcome.command, excerpt=text[:2000]))
    tools.remember(reading.objects)
    emit(AnswerFinished(answer=informational_answer(reading.answer, tables, tuple(investigation.evidence), tuple(records))))
    return "answered"


def _from_documents(query: str, tools: Tools, emit: Emit) -> str:
    with step(tools, emit, "search the documentation", "search") as note:
        passages = _headed(query, tools.search(query, limit=10, cancel=tools.token))[:4]
        passages = [dataclasses.replace(passage, id=f"D{number}") for number, passage in enumerate(passages, 1)]
        note.detail = f"{len(passages)} passages"
    if passages:
        emit(PassagesFound(passages=tuple(passages)))
    emit(AnswerFinished(answer=written(query, tuple(passages), tools, emit)))
    return "answered"


_COMMON = frozenset(
    "how do does i a an the what happens if can could should we to is it in on of for my me show write give tell with and are there".split()
)


def _headed(query: str, passages: list[Passage]) -> list[Passage]:
    """How-to questions name their section: passages whose heading holds more of the query's words come first, else the order stays."""
    wanted = {word[:6] for word in re.findall(r"[a-z]{3,}", query.lower()) if word not in _COMMON}

    def held(passage: Passage) -> int:
        return len(wanted & {word[:6] for word in re.findall(r"[a-z]{3,}", passage.heading[-1].lower())}) if passage.heading else 0

    return sorted(passages, key=lambda passage: -held(passage))
