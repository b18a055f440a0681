"""`Tools`: what a flow gets to work with, as one value, so that tests hand it fakes at the seams."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from engine.cluster.source import ClusterSource
from engine.commands.pipeline import CommandPipeline
from engine.core.cancel import Cancelled, CancelToken
from engine.core.config import Settings
from engine.core.events import Event, StepFinished, StepStarted
from engine.core.target import Place
from engine.core.types import Choice, ObjectRef, Steering
from engine.llm.budget import Budget
from engine.llm.chat_model import ChatModel
from engine.llm.prompts.fence import Fence
from engine.session.cases import Case
from index.passage import Passage
from index.search import Advice

Emit = Callable[[Event], None]


class Search(Protocol):
    """The documentation, as flows use it."""

    def __call__(
        self, text: str, *, codes: Sequence[str] = (), kinds: Sequence[str] = (), limit: int = 3, cancel: CancelToken | None = None
    ) -> list[Passage]: ...


class Advise(Protocol):
    """What the best of some passages' runbooks says on fixing a finding; see `Documentation.advise`."""

    def __call__(self, passages: Sequence[Passage], code: str, about: str) -> Advice | None: ...


class Past(Protocol):
    """Past incidents like a text; see `Documentation.past`."""

    def __call__(self, text: str, *, codes: Sequence[str] = (), limit: int = 3, cancel: CancelToken | None = None) -> list[Passage]: ...


def no_past(text: str, *, codes: Sequence[str] = (), limit: int = 3, cancel: CancelToken | None = None) -> list[Passage]:
    """Where no incidents are kept."""
    return []


def no_advice(passages: Sequence[Passage], code: str, about: str) -> Advice | None:
    """Where there is no documentation."""
    return None


def no_document(path: str) -> Sequence[Passage]:
    """Where there is no documentation."""
    return ()


class Choose(Protocol):
    """Asks the person which of several is meant: the id of the choice, "" when nobody chose in time, None for none of them.

    Raises Cancelled.
    """

    def __call__(self, question: str, choices: Sequence[Choice]) -> str | None: ...


def nobody(question: str, choices: Sequence[Choice]) -> str:
    """Where nobody can be asked."""
    return ""


def forget(objects: Sequence[ObjectRef]) -> None:
    """Where there is no next question."""


def silence() -> list[Steering]:
    """Where nobody steers."""
    return []


@dataclass(slots=True)
class StepNote:
    """What a step wants to say at its end; `outcome` may be set to `failed` or `skipped`."""

    detail: str = ""
    outcome: str = "done"


@dataclass(frozen=True, slots=True)
class Speaker:
    """The model of one question, with the prompt tokens that the question may cost and the fence for text from outside."""

    model: ChatModel
    budget: Budget
    fence: Fence = field(default_factory=Fence)


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything a flow may touch. `speaker` is None without a model; `attachment` is text that came with the question (a log)."""

    place: Place
    source: ClusterSource
    desk: CommandPipeline
    search: Search
    token: CancelToken
    redact: Callable[[str], str]
    settings: Settings
    speaker: Speaker | None = None
    pod: str = ""
    deadline: float = 0.0
    attachment: str = ""
    earlier: str = ""
    """What was asked before in this session, for prompts."""
    advise: Advise = no_advice
    past: Past = no_past
    document: Callable[[str], Sequence[Passage]] = no_document
    """A runbook's sections in order; none where it cannot be read."""
    choose: Choose = nobody
    steering: Callable[[], list[Steering]] = silence
    last_steering: Callable[[], list[Steering]] = silence
    """The same before the answer is given: once it returns nothing, nothing more is taken."""
    """What was said into the Run since the last call."""
    case: Case | None = None
    """The investigation that this Run goes on with."""
    remember: Callable[[Sequence[ObjectRef]], None] = forget
    """Keeps what the question was about, so that the next one may say "it"."""
    step_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def left(self) -> float:
        """Seconds of the tier's time budget that are left (never negative)."""
        return max(0.0, self.deadline - time.monotonic()) if self.deadline else 60.0


@contextmanager
def step(tools: Tools, emit: Emit, title: str, kind: str = "think") -> Iterator[StepNote]:
    """One step of the timeline: started, then finished with its duration and outcome, whatever happens inside."""
    id = f"S{next(tools.step_ids)}"
    note = StepNote()
    started = time.monotonic()
    emit(StepStarted(id=id, title=title, kind=kind))
    outcome = "failed"
    try:
        tools.token.check()
        yield note
        outcome = note.outcome
    except Cancelled:
        outcome = "cancelled"
        raise
    except Exception as error:
        note.detail = note.detail or str(error)
        raise
    finally:
        emit(StepFinished(id=id, seconds=time.monotonic() - started, outcome=outcome, detail=note.detail))  # type: ignore[arg-type]
