"""Every event: the one stream from which screen, transcript, JSON, audit and tests learn what happened.

Each event is a frozen dataclass. The Run stamps `run` (its id), `seq` (from 1, without gaps) and `at` (Unix seconds).
The JSON form is flat: `{"event": "CommandStarted", "run": …, "seq": …, "at": …, …fields}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.core.types import (
    Answer,
    ApprovalRequest,
    ChoiceRequest,
    Decision,
    Evidence,
    Finding,
    Hypothesis,
    Mode,
    Steering,
    Tier,
    Verdict,
)
from index.passage import Passage


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What all events share; see the module's docstring."""

    run: str = ""
    seq: int = 0
    at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryReceived(Event):
    """A question was asked; its place is fixed from here on."""

    query: str
    context: str
    namespace: str
    mode: Mode = "asks before changes"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryClassified(Event):
    """Which tier the question belongs to, and why."""

    tier: Tier
    reason: str
    confidence: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStarted(Event):
    """A step of the flow began; `kind` says where its time goes (`model`, `kubectl`, `search`, `cluster`, `host`, `approval`, `think`)."""

    id: str
    title: str
    kind: str = "think"


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFinished(Event):
    """A step ended; `detail` is what came out of it in a few words."""

    id: str
    seconds: float
    outcome: Literal["done", "failed", "skipped", "cancelled"] = "done"
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepProgress(Event):
    """How far a long step is (a download): `done` of `total` bytes, 0 = unknown; at most two a second."""

    id: str
    detail: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PassagesFound(Event):
    """Documentation that may help, best first."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingsFound(Event):
    """What the analyzers say, most important first; `scanned` counts objects by resource; `errors` are kinds that could not be seen."""

    findings: tuple[Finding, ...]
    scanned: dict[str, int]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HypothesisUpdated(Event):
    """A hypothesis appeared or changed; the last word about an id counts.

    `pinned` ones stay in sight whatever their confidence. One of a person's own has `origin` "user" and the next free id; it appears as
    `proposed` and is tested like any other. One that a person refuted is `refuted` and stays so until they pin it or ask for another
    try; the evidence against it then has the source "you".
    """

    hypothesis: Hypothesis


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceAdded(Event):
    """A piece of evidence got its id."""

    evidence: Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandProposed(Event):
    """A command was judged; `stages` is the argv of each stage exactly as it would run."""

    id: str
    command: str
    stages: tuple[tuple[str, ...], ...]
    verdict: Verdict
    why: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalRequested(Event):
    """A person is asked; the Run waits until `Run.answer(request.id, …)`, cancel or expiry."""

    request: ApprovalRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalAnswered(Event):
    """The person's answer, or its substitute (closing the dialog, expiry, an error: all mean no)."""

    id: str
    decision: Decision


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceRequested(Event):
    """A person is asked which of several is meant; the Run waits until `Run.pick(request.id, …)`, cancel or expiry."""

    request: ChoiceRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceAnswered(Event):
    """What was chosen; "" when nobody chose, and the Run takes the likeliest."""

    id: str
    choice: str = ""
    by: str = "key"


@dataclass(frozen=True, kw_only=True, slots=True)
class Steered(Event):
    """A person spoke into the running investigation; what follows from it are events of their own."""

    steering: Steering


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandStarted(Event):
    """A process was started."""

    id: str
    command: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandOutput(Event):
    """Lines of a command, already decoded, stripped of escapes and redacted."""

    id: str
    stream: Literal["stdout", "stderr"]
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandFinished(Event):
    """A process ended; `exit_code` is None when it never started or was killed, and `error` then says why."""

    id: str
    exit_code: int | None
    seconds: float
    bytes: int = 0
    truncated: bool = False
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokensStreamed(Event):
    """Text of the answer as it is written."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerFinished(Event):
    """The final answer; it replaces what was streamed."""

    answer: Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice(Event):
    """Something the person should know beside the answer."""

    level: Literal["info", "warning", "error"]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished(Event):
    """The Run came to its end; `outcome` is `answered`, `refused`, `rejected` or `nothing_to_do`."""

    outcome: str = "answered"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCancelled(Event):
    """The Run was stopped by a person or by closing; what was found so far stays."""

    reason: str = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFailed(Event):
    """The Run failed; `what` names what failed (`cluster`, `model`, `kubectl`, `engine`), `error` says why and what to do next."""

    what: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextChanged(Event):
    """Outside of any Run: the session's place or mode changed."""

    context: str
    namespace: str
    mode: Mode


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelChanged(Event):
    """Outside of any Run: another model, another state of it, or it is being loaded; `host` is "" for this machine."""

    name: str
    state: str
    note: str = ""
    host: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterChanged(Event):
    """Outside of any Run, at most 4 a second, never transcribed: the cluster pane pulls its rows."""

    revision: int


ENDINGS = (RunFinished, RunCancelled, RunFailed)
EVENTS: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}


def to_json(event: Event) -> dict[str, Any]:
    """The flat JSON form of an event."""
    import msgspec

    return {"event": type(event).__name__, **msgspec.to_builtins(event)}


_LAST_MOMENT = 253_402_300_799.0
"""The end of the year 9999, in Unix seconds."""


def from_json(data: dict[str, Any]) -> Event:
    """The event of a JSON form; raises ValueError for an unknown event or a field of a wrong type."""
    import msgspec

    body = dict(data)
    name = body.pop("event", None)
    cls = EVENTS.get(str(name))
    if cls is None:
        raise ValueError(f"unknown event {name!r}")
    try:
        event = msgspec.convert(body, cls)
    except msgspec.ValidationError as error:
        raise ValueError(f"{name}: {error}") from error
    if not 0 <= event.at <= _LAST_MOMENT:  # no calendar shows it, nor what is no number
        raise ValueError(f"{name}: {event.at} is no moment")
    return event
