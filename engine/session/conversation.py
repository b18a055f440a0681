"""`Conversation`: what a session remembers of its questions for the next prompt, and what each cost.

The newest questions are passed on to the model in full, older ones as one fact each, and beyond the room for them they are counted.
Nothing is dropped without saying so.
"""

from __future__ import annotations

import itertools
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from engine.cluster.kinds import KIND_OF, KINDS
from engine.core.events import AnswerFinished, CommandFinished, CommandStarted, Event, QueryClassified, QueryReceived, RunCancelled
from engine.core.types import ObjectRef
from engine.llm.budget import Budget, Spent, estimate

FULL_TURNS = 2
EARLIER_TOKENS = 320
"""Tokens that earlier questions may take in a prompt."""
_MOST_TURNS = 200
Retention = Literal["in full", "as a fact", "left out"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what came of it."""

    query: str
    tier: str = ""
    namespace: str = ""
    about: ObjectRef | None = None
    result: str = ""
    commands: tuple[str, ...] = ()
    run: str = ""

    @property
    def full(self) -> str:
        """The question with its result, for a prompt."""
        done = f" Ran: {'; '.join(self.commands[:3])}." if self.commands else ""
        return f"- Asked: {_line(self.query, 160)} Result: {_line(self.result, 300) or 'none'}{done}"

    @property
    def fact(self) -> str:
        """What is left of it later: the object and the result in a few words."""
        about = f"{self.about} in {self.about.namespace or 'the cluster'}: " if self.about is not None else ""
        return f"- {about}{_line(self.result or self.query, 90)}"


@dataclass(frozen=True, slots=True)
class Spending:
    """One request to the model and the question that it was for."""

    question: str
    spent: Spent


class Conversation:
    """The turns of one session, newest last, and what each spent on the model. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: list[Turn] = []
        self._budgets: list[tuple[str, Budget]] = []
        self._compacted = False

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The questions so far, oldest first."""
        with self._lock:
            return tuple(self._turns)

    def on_event(self, event: Event) -> None:
        """Take in an event of a Run."""
        with self._lock:
            if isinstance(event, QueryReceived):
                if not event.query.startswith("/"):
                    self._turns = [*self._turns[1 - _MOST_TURNS :], Turn(event.query, namespace=event.namespace, run=event.run)]
                return
            n = next((n for n in range(len(self._turns) - 1, -1, -1) if self._turns[n].run == event.run), None)
            if n is not None:
                self._turns[n] = _updated(self._turns[n], event)

    def clear(self) -> None:
        """Forget everything; for a new session."""
        with self._lock:
            self._turns, self._budgets, self._compacted = [], [], False

    def earlier(self, run: str, tokens: int = EARLIER_TOKENS, count: Callable[[str], int] = estimate) -> str:
        """Earlier questions for the prompt of a Run, as much as fits: the newest in full, the others as facts, the rest counted."""
        rows = [(turn, kept) for turn, kept, _ in self.kept(run, tokens, count)]
        lines = [turn.full if kept == "in full" else turn.fact for turn, kept in rows if kept != "left out"]
        lost = sum(kept == "left out" for _, kept in rows)
        return "\n".join([*([f"({lost} earlier questions are not repeated here)"] if lost else []), *lines])

    def kept(
        self, run: str = "", tokens: int = EARLIER_TOKENS, count: Callable[[str], int] = estimate
    ) -> list[tuple[Turn, Retention, int]]:
        """Every earlier turn, oldest first, with how it is kept in the window and its tokens there."""
        turns = [turn for turn in self.turns if turn.result and turn.run != run]
        out: list[tuple[Turn, Retention, int]] = []
        left = tokens - 16
        for back, turn in enumerate(reversed(turns)):
            kept: Retention = "in full" if back < FULL_TURNS else "as a fact"
            cost = count(turn.full if kept == "in full" else turn.fact)
            if kept == "in full" and cost > left:
                kept, cost = "as a fact", count(turn.fact)
            if cost > left:
                kept, cost = "left out", 0
                left = 0
            left -= cost
            out.append((turn, kept, cost))
        return out[::-1]

    def compaction(self, run: str) -> str:
        """A sentence the first time that earlier questions are no longer passed on in full; "" otherwise."""
        with self._lock:
            if self._compacted:
                return ""
        if all(kept == "in full" for _, kept, _ in self.kept(run)):
            return ""
        with self._lock:
            self._compacted = True
        return "From here on, earlier questions are summarized for the model; /tokens shows them."

    def budget(self, query: str, limit: int) -> Budget:
        """What a question may spend on the model; its ledger is kept."""
        budget = Budget(limit)
        with self._lock:
            self._budgets = [*self._budgets[1 - _MOST_TURNS :], (query, budget)]
        return budget

    @property
    def spendings(self) -> tuple[Spending, ...]:
        """Every request to the model in this session, oldest first."""
        with self._lock:
            budgets = list(self._budgets)
        return tuple(Spending(query, spent) for query, budget in budgets for spent in budget.spent)


def _updated(turn: Turn, event: Event) -> Turn:
    match event:
        case QueryClassified():
            return replace(turn, tier=event.tier)
        case CommandStarted():
            about = turn.about or object_of(event.command)
            return replace(turn, about=about, commands=(*turn.commands, event.command))
        case CommandFinished() if event.exit_code != 0:
            return replace(turn, commands=turn.commands[:-1])
        case AnswerFinished():
            causes = event.answer.root_causes
            about = _workload(causes[0].object) if causes else turn.about
            result = causes[0].summary if causes else next(iter(event.answer.text.splitlines()), "")
            return replace(turn, about=about, result=result)
        case RunCancelled():
            return replace(turn, result=turn.result or "it was stopped before an answer")
        case _:
            return turn


def _workload(ref: ObjectRef) -> ObjectRef | None:
    return ref if ref.name and ref.kind in KIND_OF else None


def object_of(command: str) -> ObjectRef | None:
    """The one object that a kubectl command names, None where it names none or many."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    namespace = next((b for a, b in itertools.pairwise(words) if a in ("-n", "--namespace")), "")
    plain = [w for n, w in enumerate(words) if not w.startswith("-") and words[n - 1] not in ("-n", "--namespace", "--context")]
    for n, word in enumerate(plain):
        kind, slash, name = word.partition("/")
        known = KINDS.get(kind.split(".")[0].lower())
        if known is None:
            continue
        if slash:
            return ObjectRef(known.kind, namespace, name) if name else None
        following = plain[n + 1 : n + 3]
        return ObjectRef(known.kind, namespace, following[0]) if len(following) == 1 else None
    if "logs" in plain and plain.index("logs") + 1 < len(plain):
        return ObjectRef("Pod", namespace, plain[plain.index("logs") + 1])
    return None


def _line(text: str, characters: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else flat[: characters - 1].rsplit(" ", 1)[0] + "…"
