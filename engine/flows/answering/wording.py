"""What flows ask of the model, each with its way out: no model, a model that fails or talks nonsense, all end in the composed answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from engine.cluster.kinds import KINDS
from engine.cluster.source import ClusterError
from engine.core.events import Notice, TokensStreamed
from engine.core.types import Answer, ObjectRef
from engine.flows.answering.compose import below_the_cause, documents_answer
from engine.flows.tools import Emit, Tools, step
from engine.language.answers.interface import Reply
from engine.llm.chat_model import ModelError
from engine.llm.request import OutOfTime
from index.passage import Passage


def explain(query: str, passages: tuple[Passage, ...], tools: Tools, emit: Emit) -> Answer:
    """A how-to or what-is question from the documentation, worded by the model where there is one."""
    frame = documents_answer(passages)
    speaker = tools.speaker
    if speaker is None:
        return frame
    from engine.llm.tasks import explain as ask

    words: list[str] = []
    with step(tools, emit, "word the answer", "model") as note:
        heard = _stream(emit, words)
        text = ask(
            speaker.model,
            query,
            passages,
            heard,
            tools.token,
            speaker.budget,
            facts=earlier(tools),
            fence=speaker.fence,
            deadline=tools.deadline or None,
            on_problem=told_problem(emit),
        )
        note.detail = f"{len(words)} pieces" if text else "the passage itself"
        note.outcome = "done" if text else "failed"
    return dataclasses.replace(frame, text=text) if text else frame


def plan_with_model(query: str, tools: Tools, emit: Emit) -> Reply | None:
    """A read command for a question that code could not read, from slots that all exist in the cluster."""
    speaker = tools.speaker
    if speaker is None:
        return None
    from engine.llm.tasks import Catalogue, plan_reads

    try:
        namespaces = tuple(str(raw.get("metadata", {}).get("name", "")) for raw in tools.source.list("namespaces", cancel=tools.token))
    except ClusterError:
        namespaces = ()
    kinds = tuple(dict.fromkeys(word.argument for word in KINDS.values()))
    found = plan_reads(
        speaker.model,
        query,
        Catalogue(("get", "describe", "logs", "events"), kinds, _likely_names(query, tools), namespaces),
        tools.token,
        speaker.budget,
        fence=speaker.fence,
        deadline=tools.deadline or None,
        on_problem=told_problem(emit),
    )
    if found is None or (found.read in ("describe", "logs") and not found.name):
        return None
    namespace = found.namespace or tools.place.namespace
    where = " -A" if namespace in ("", "*") else f" -n {namespace}"
    kind = found.kind or "pods"
    command = {
        "get": f"kubectl get {kind}{' ' + found.name if found.name else ''}{where}",
        "describe": f"kubectl describe {kind} {found.name}{where}",
        "logs": f"kubectl logs {found.name} --tail=50{where}",
        "events": f"kubectl get events --sort-by=.lastTimestamp{where}",
    }.get(found.read)
    return Reply((command,)) if command else None


def _likely_names(query: str, tools: Tools) -> tuple[str, ...]:
    """Names of workloads that the model may put into a command, those that resemble a word of the query first."""
    import difflib

    from engine.cluster.kinds import WORKLOADS
    from engine.language.names import words_of

    names: set[str] = set()
    for kind in WORKLOADS:
        try:
            found = tools.source.list(kind.resource, tools.place.namespace or None, cancel=tools.token)
        except ClusterError:
            continue
        names |= {str(raw.get("metadata", {}).get("name", "")) for raw in found}
    words = words_of(query)
    near = [name for word in words for name in difflib.get_close_matches(word, names, n=5, cutoff=0.5)]
    return tuple(dict.fromkeys([*near, *sorted(names)]))[:40]


def word_diagnosis(query: str, frame: Answer, tools: Tools, emit: Emit) -> Answer:
    """The composed diagnosis in the model's words, checked against the evidence; the composed one where that fails."""
    speaker = tools.speaker
    if speaker is None or not frame.root_causes:
        return frame
    from engine.llm.checks.grounding import ground
    from engine.llm.tasks import word_answer

    words: list[str] = []
    with step(tools, emit, "word the answer", "model") as note:
        first = frame.root_causes[0].evidence
        evidence = sorted(frame.evidence, key=lambda item: item.id not in first)
        text = word_answer(
            speaker.model,
            frame.text,
            evidence[:8],
            frame.passages,
            _stream(emit, words),
            tools.token,
            speaker.budget,
            query=query,
            fence=speaker.fence,
            deadline=tools.deadline or None,
            on_problem=told_problem(emit),
        )
        if text is None:
            note.detail, note.outcome = "the composed answer stands", "failed"
            return frame
        grounded = ground(
            text,
            frame.evidence,
            known_objects=_objects(frame),
            commands=[remedy.command for remedy in frame.fix if remedy.command],
            trusted=f"{frame.text}\n{query}",
        )
        note.detail = f"{len(grounded.flagged)} claims without evidence marked" if grounded.flagged else "every claim has its evidence"
        if grounded.flagged:
            emit(Notice(level="info", text=grounded.changed))
    return dataclasses.replace(frame, text=_joined(grounded.text, frame), metrics={**frame.metrics, **speaker.budget.metrics})


def _joined(words: str, frame: Answer) -> str:
    """The model's words, with what code knows for certain around them."""
    return "\n\n".join(part for part in (frame.lead, words.rstrip(), below_the_cause(frame), frame.elsewhere) if part)


def _objects(frame: Answer) -> list[ObjectRef]:
    refs = [cause.object for cause in frame.root_causes]
    refs += [item.object for item in frame.evidence if item.object is not None]
    return list(dict.fromkeys(refs))


def _stream(emit: Emit, words: list[str]) -> Callable[[str], None]:
    def heard(text: str) -> None:
        words.append(text)
        emit(TokensStreamed(text=text))

    return heard


def earlier(tools: Tools) -> str:
    """What was asked before, for a prompt."""
    return f"Earlier in this session:\n{tools.earlier}" if tools.earlier else ""


def told_stream(emit: Emit) -> Callable[[str], None]:
    """Text goes out as it is written."""
    return _stream(emit, [])


def told_problem(emit: Emit, instead: str = "The answer comes from the analyzers.") -> Callable[[ModelError], None]:
    """A model that is of no help is told with what to do, and what stands in its place."""

    def tell(error: ModelError) -> None:
        remedy = f" {error.remedy}" if error.remedy else ""
        if isinstance(error, OutOfTime) and error.kept:
            emit(Notice(level="warning", text=f"{error}{remedy} What it had written until then stands."))
        else:
            emit(Notice(level="warning", text=f"The model was of no help: {error}{remedy} {instead}"))

    return tell
