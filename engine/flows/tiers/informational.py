"""The informational tier: the answerer of what is wanted, its read commands run and shown; what none answers goes to the documentation."""

from __future__ import annotations

import dataclasses
import re

from engine.cluster.kinds import KIND_OF
from engine.cluster.source import ClusterError
from engine.core.events import AnswerFinished, Notice, PassagesFound
from engine.core.run import FlowError
from engine.core.types import Answer, Choice, CommandRecord, Evidence, ObjectRef
from engine.flows import kubectl_fallback
from engine.flows.answering.compose import informational_answer, only_rows
from engine.flows.answering.how_to import written
from engine.flows.answering.wording import plan_with_model
from engine.flows.disambiguation import pick_one
from engine.flows.investigation.hypothesis_board import Investigation
from engine.flows.tools import Emit, Tools, step
from engine.language.answers.interface import Reply, Scene, as_table
from engine.language.answers.registry import answer
from engine.language.request import Request, Want
from engine.language.understand import with_objects
from index.passage import Passage

NEEDS_ITS_OBJECT: frozenset[Want] = frozenset(("field", "yaml", "describe", "logs", "events", "compare", "who_uses", "reach", "since_when"))
"""Wants that are about the object that was named: where that is nowhere, there is nothing to answer."""
_TALK: frozenset[Want] = frozenset(("small_talk", "about_agent", "out_of_scope", "follow_up"))
_FROM_PAGES: frozenset[Want] = frozenset(("how_to", "explain_concept", "explain_error", "write", "review"))


def informational(request: Request, tools: Tools, emit: Emit) -> str:
    """Answer a plain question."""
    if request.wants in _TALK:
        return _say(answer(request, _scene(tools)) or Reply(), request, tools, emit)
    missing = _missing(request)
    if missing is not None:
        emit(AnswerFinished(answer=Answer(tier="informational", text=missing)))
        return "nothing_to_do"
    for correction in request.corrections:
        emit(Notice(level="info", text=correction))
    with step(tools, emit, "work out what to read", "cluster") as note:
        try:
            reply = _reply(request, tools, emit)
        except ClusterError as error:
            raise FlowError("cluster", str(error)) from error
        if reply is None and tools.speaker is not None and request.wants not in _FROM_PAGES:
            reply = plan_with_model(request.text, tools, emit)
        note.detail = ("; ".join(reply.commands) or "computed") if reply else "no read command fits"
        note.outcome = "done" if reply else "skipped"
    if reply is None and request.wants == "write" and request.language != "kubectl" and tools.speaker is None:
        from engine.language.answers.templates.questions import NEEDS_A_MODEL

        reply = Reply(answer=NEEDS_A_MODEL)
    if reply is None:
        return _from_documents(request, tools, emit)
    if reply.missing:
        emit(AnswerFinished(answer=Answer(tier="informational", text=reply.missing)))
        return "nothing_to_do"
    return _say(reply, request, tools, emit)


def _scene(tools: Tools) -> Scene:
    return Scene(tools.source, tools.place.namespace, tools.token, tools.pod)


def _missing(request: Request) -> str | None:
    """A sentence on a name that is nowhere, where the question can only be about it."""
    for unknown in request.unknown if request.wants not in _FROM_PAGES else ():
        if unknown.kind == "Namespace":
            return not_found(unknown.word, "namespace", unknown.near)
    if request.unknown and request.wants not in _FROM_PAGES and not request.objects:
        first = request.unknown[0]
        return not_found(first.word, first.kind.lower(), first.near)
    return None


def not_found(word: str, kind: str, near: tuple[str, ...]) -> str:
    """The sentence on a name that nothing carries, with the nearest there are."""
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    what = f"{kind} “{word}”" if kind else f"“{word}”"
    return f"There is no {what} in any namespace that can be read.{hint}" if kind != "namespace" else f"There is no {what}.{hint}"


def _reply(request: Request, tools: Tools, emit: Emit) -> Reply | None:
    """The reply to a request; where a name fits several objects, or only resembles some, the person chooses."""
    scene = _scene(tools)
    for word, refs in request.candidates():
        if len(refs) > 1 and request.wants in NEEDS_ITS_OBJECT and not (request.wants == "compare" and len(refs) == 2):
            chosen = pick_one(f"“{word}” fits {len(refs)} objects. Which is meant?", refs, tools)
            kept = chosen or refs[0]
            if chosen is None:
                listed = ", ".join(f"{ref} in {ref.namespace}" for ref in refs[:6])
                emit(Notice(level="info", text=f"“{word}” fits {listed}; this is about {kept} in {kept.namespace}."))
            others = [linked.ref for linked in request.objects if linked.ref not in refs]
            request = with_objects(request, [*others, kept])
    found = answer(request, scene)
    if found is not None and found.near:
        picked = tools.choose(found.missing.partition(" Did you mean")[0] + " Which is meant?", [Choice(name, name) for name in found.near])
        if picked:
            text = re.sub(rf"(?<![\w-]){re.escape(found.word)}(?![\w-])", picked, request.text, flags=re.I)
            if found.missing.startswith("There is no namespace"):
                scene = dataclasses.replace(scene, namespace=picked, _views={})
            found = answer(dataclasses.replace(request, text=text, objects=(), unknown=()), scene)
    if found is not None and found.choices:
        from engine.language.questions.reader import read

        chosen = pick_one(f"“{found.word}” fits {len(found.choices)} objects. Which is meant?", found.choices, tools)
        if chosen is not None:
            return read(request, scene, chosen) or found
        listed = ", ".join(f"{ref} in {ref.namespace}" for ref in found.choices[:6])
        about = found.objects[0] if found.objects else "the first"
        emit(Notice(level="info", text=f"“{found.word}” fits {listed}; this is about {about}."))
    return found


def _say(reply: Reply, request: Request, tools: Tools, emit: Emit) -> str:
    investigation = Investigation(emit, tools.redact)
    records: list[CommandRecord] = []
    tables: list[str] = []
    for command in reply.commands[:2]:
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
            if not reply.answer:
                emit(AnswerFinished(answer=Answer(tier="informational", text=outcome.reason, commands=tuple(records))))
                return "refused" if outcome.status == "refused" else "rejected"
            continue
        result = outcome.result
        if result.exit_code != 0:
            failure = " ".join((result.error or result.stderr).split())[:300] or f"exit code {result.exit_code}"
            if not reply.answer:
                text = f"{outcome.command} failed: {failure}"
                emit(AnswerFinished(answer=Answer(tier="informational", text=text, commands=tuple(records))))
                return "answered"
            emit(Notice(level="warning", text=f"{outcome.command} failed: {failure}"))
            continue
        text = result.stdout.rstrip() or result.stderr.strip()
        text = only_rows(text, reply.rows)
        tables.append(text)
        investigation.add(Evidence(source=outcome.command, excerpt=text[:2000]))
    for piece in reply.evidence:
        investigation.add(piece)
    if reply.table:
        tables.insert(0, tools.redact(as_table(reply.table)))
    if reply.code:
        tables.insert(0, f"```{reply.code_language}\n{tools.redact(reply.code).rstrip()}\n```")
    kind = KIND_OF.get(request.kind)
    listed = [ObjectRef(kind.kind, namespace, name) for namespace, name in reply.rows[:5]] if kind is not None else []
    tools.remember(reply.objects or request.refs or listed)
    said = "\n".join([*request.corrections, tools.redact(reply.answer)] if reply.answer else request.corrections)
    composed = informational_answer(said, tables, tuple(investigation.evidence), tuple(records))
    emit(AnswerFinished(answer=dataclasses.replace(composed, fix=reply.fix, root_causes=reply.root_causes)))
    return "answered"


_ABOUT_US = re.compile(
    r"\bk8sagent\b|\b(?:you|your)\b|\bthis (?:tool|program|app)\b|\b(?:session|screen|keys|shortcut|approv\w*|model|ollama|settings?)\b|"
    r"\b(?:snapshots?|recordings?|index|documentation|runbooks?|terminal|mouse|export|install|rest api|transcript|palette|pane)\b",
    re.I,
)
_TASKS = ("guide/common-tasks.md",)
"""Pages of the manual that are about Kubernetes and not about K8sAgent."""


def _from_documents(request: Request, tools: Tools, emit: Emit) -> str:
    """The documentation's answer to a question for which it is the place; to any other the nearest pages, offered as reading."""
    query = request.text
    with step(tools, emit, "search the documentation", "search") as note:
        found = tools.search(query, limit=10, cancel=tools.token)
        if not _ABOUT_US.search(query):
            found = [passage for passage in found if not passage.path.startswith("guide/") or passage.path in _TASKS]
        passages = [dataclasses.replace(passage, id=f"D{number}") for number, passage in enumerate(_headed(query, found)[:4], 1)]
        note.detail = f"{len(passages)} passages"
    if passages:
        emit(PassagesFound(passages=tuple(passages)))
    if tools.speaker is None and passages and (request.wants not in _FROM_PAGES or not _answers(query, passages[0])):
        nearest = "; ".join(f"[{passage.id}] {passage.citation}" for passage in passages)
        text = f"I have no answer to that, from the cluster or from a page that is about it. Nearest pages: {nearest}."
        emit(AnswerFinished(answer=Answer(tier="informational", text=text, passages=tuple(passages))))
        return "nothing_to_do"
    emit(AnswerFinished(answer=written(query, tuple(passages), tools, emit)))
    return "answered"


def _answers(query: str, passage: Passage) -> bool:
    """Whether a passage holds most of a question's words of content."""
    wanted = {word[:5] for word in re.findall(r"[a-z]{3,}", query.lower()) if word not in _COMMON}
    held = {word[:5] for word in re.findall(r"[a-z]{3,}", f"{' '.join(passage.heading)} {passage.text}".lower())}
    return len(wanted & held) * 2 >= len(wanted)


_COMMON = frozenset(
    "how do does i a an the what happens if can could should we to is it in on of for my me show write give tell with and are there".split()
)


def _headed(query: str, passages: list[Passage]) -> list[Passage]:
    """How-to questions name their section: passages whose heading holds more of the query's words come first, else the order stays."""
    wanted = {word[:6] for word in re.findall(r"[a-z]{3,}", query.lower()) if word not in _COMMON}

    def held(passage: Passage) -> int:
        return len(wanted & {word[:6] for word in re.findall(r"[a-z]{3,}", passage.heading[-1].lower())}) if passage.heading else 0

    return sorted(passages, key=lambda passage: -held(passage))
