"""What a session keeps of its questions for follow-ups: the latest investigation, its fix, and what "it" means.

It is folded from the session's own events, so that a resumed session has it too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.core.events import (
    AnswerFinished,
    CommandFinished,
    CommandProposed,
    Event,
    EvidenceAdded,
    HypothesisUpdated,
    QueryClassified,
    QueryReceived,
)
from engine.core.types import Answer, Evidence, Hypothesis, ObjectRef, Remedy


@dataclass(frozen=True, slots=True)
class Case:
    """One investigation as it stood at the end of its Run; `commands` are the read commands that ran."""

    query: str
    context: str
    namespace: str
    evidence: tuple[Evidence, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    commands: tuple[str, ...] = ()
    answer: Answer | None = None

    @property
    def fix(self) -> tuple[Remedy, ...]:
        """The remedies that have a command."""
        return tuple(remedy for remedy in (self.answer.fix if self.answer else ()) if remedy.command)


@dataclass(slots=True)
class _OpenCase:
    """A Run being folded."""

    query: str = ""
    context: str = ""
    namespace: str = ""
    tier: str = ""
    evidence: dict[str, Evidence] = field(default_factory=dict)
    hypotheses: dict[str, Hypothesis] = field(default_factory=dict)
    proposed: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    answer: Answer | None = None


class Cases:
    """Follows the events of all Runs of a session. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _OpenCase] = {}
        self._latest: str = ""
        self.objects: tuple[ObjectRef, ...] = ()
        """What the latest question was about, most important first."""
        self.asked: str = ""
        """The latest question, said in full."""
        self.before: str = ""
        """The question before it."""

    def on_event(self, event: Event) -> None:
        """Fold one event."""
        with self._lock:
            if isinstance(event, QueryReceived):
                self._open[event.run] = _OpenCase(event.query, event.context, event.namespace)
                self.before, self.asked = self.asked, event.query
                return
            case = self._open.get(event.run)
            if case is None:
                return
            if isinstance(event, QueryClassified):
                case.tier = event.tier
                if event.tier == "troubleshooting":
                    self._open = {id: kept for id, kept in self._open.items() if id == event.run or kept.tier != "troubleshooting"}
                    self._latest = event.run
                else:
                    self._open = {id: kept for id, kept in self._open.items() if id in (event.run, self._latest)}
            elif isinstance(event, EvidenceAdded):
                case.evidence[event.evidence.id] = event.evidence
                if event.evidence.source in case.proposed.values():  # it was read without kubectl, so that no process ended
                    case.commands.append(event.evidence.source)
            elif isinstance(event, HypothesisUpdated):
                case.hypotheses[event.hypothesis.id] = event.hypothesis
            elif isinstance(event, CommandProposed) and event.verdict.risk == "read":
                case.proposed[event.id] = event.command
            elif isinstance(event, CommandFinished) and event.id in case.proposed and event.exit_code is not None:
                case.commands.append(case.proposed[event.id])
            elif isinstance(event, AnswerFinished):
                case.answer = event.answer

    @property
    def latest(self) -> Case | None:
        """The latest investigation, finished or stopped; None before the first."""
        with self._lock:
            case = self._open.get(self._latest)
            if case is None:
                return None
            hypotheses = tuple(case.hypotheses.values())
            return Case(
                case.query, case.context, case.namespace, tuple(case.evidence.values()), hypotheses, tuple(case.commands), case.answer
            )

    @property
    def latest_run(self) -> str:
        """The id of the Run of the latest investigation; "" before the first."""
        with self._lock:
            return self._latest

    @property
    def fix_targets(self) -> tuple[ObjectRef, ...]:
        """What the latest diagnosis's fix is for: its first cause's object, then what the latest question was about."""
        case = self.latest
        causes = case.answer.root_causes[:1] if case is not None and case.answer is not None else ()
        return tuple(dict.fromkeys([*(cause.object for cause in causes), *self.objects]))

    def set_query(self, run: str, query: str) -> None:
        """A Run's question with "it" spelled out; a follow-up builds on it."""
        with self._lock:
            if run in self._open:
                self._open[run].query = query
                self.asked = query

    def continue_case(self, run: str, case: Case) -> None:
        """A Run continues a case: the commands of the case count as run."""
        with self._lock:
            if run in self._open:
                self._open[run].commands = list(case.commands)

    def remember(self, objects: Sequence[ObjectRef]) -> None:
        """Keep what a question was about."""
        kept = tuple(dict.fromkeys(ref for ref in objects if ref.name and ref.kind not in ("Namespace", "Log", "Cluster")))
        if kept:
            self.objects = kept

    def leave_context(self, context: str) -> None:
        """Another cluster is opened: "it" means nothing there, and what was asked before the old one's name was known was asked of it."""
        with self._lock:
            self.objects = ()
            self.asked = self.before = ""
            for case in self._open.values():
                case.context = case.context or context

    def clear(self) -> None:
        """Forget everything: a new session."""
        with self._lock:
            self._open.clear()
            self._latest, self.objects = "", ()
