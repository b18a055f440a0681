"""The values that travel through the engine: what was seen, what is thought, what is asked, what is answered.

They stand on the lowest floor, below the events that carry them, so that every room may speak of them.
All are frozen; `to_dict` gives the JSON form that the command line's contract promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from index.passage import Passage

Risk = Literal["read", "mutate", "destructive", "forbidden"]
RISKS: tuple[Risk, ...] = ("read", "mutate", "destructive", "forbidden")
Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
Tier = Literal["informational", "troubleshooting", "action"]
HypothesisStatus = Literal["proposed", "testing", "supported", "refuted"]
Mode = Literal["read-only", "asks before changes", "suggest-only"]
SteeringKind = Literal["pin", "unpin", "refute", "retry", "hypothesis", "evidence"]


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Which object: kind as the API spells it (`Deployment`), namespace ("" for cluster-scoped), name."""

    kind: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something seen: `source` says where (a command, a field path, an event, a log, a runbook), `excerpt` is verbatim.

    `id` is E1, E2… within one Run and "" before a flow numbers it; `at` is RFC 3339 or "".
    """

    source: str
    excerpt: str
    id: str = ""
    at: str = ""
    object: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy: one sentence, and the kubectl command for it ("" when a person has to decide)."""

    text: str
    command: str = ""
    risk: Risk | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """An analyzer's word about one object.

    `code` is stable PascalCase, the field's own word where there is one. `summary` names the cause in a sentence.
    `id` is `code/Kind/namespace/name` plus a detail where one object has the same code twice. `causes` holds the
    ids of findings that explain this one. `confidence` is 0..1. `docs` are search terms for the runbooks.
    """

    code: str
    severity: Severity
    object: ObjectRef
    summary: str
    evidence: tuple[Evidence, ...] = ()
    owner: ObjectRef | None = None
    causes: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    confidence: float = 0.5
    docs: tuple[str, ...] = ()
    speciality: str = "workload"
    detail: str = ""

    @property
    def id(self) -> str:
        """Stable within one cluster: the same fault of the same object has the same id in the next check."""
        parts = [self.code, self.object.kind, self.object.namespace, self.object.name]
        return "/".join([*parts, self.detail] if self.detail else parts)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What may be the cause, with its test, and the ids of the evidence for and against it.

    `pinned` was set by a person: the loop tests it first and never lets it drop out of sight.
    """

    id: str
    statement: str
    status: HypothesisStatus = "proposed"
    confidence: float = 0.0
    evidence_for: tuple[str, ...] = ()
    evidence_against: tuple[str, ...] = ()
    test: str = ""
    prediction: str = ""
    origin: Literal["analyzer", "runbook", "model", "user"] = "analyzer"
    object: ObjectRef | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Steering:
    """What a person says into a running investigation.

    `pin`, `unpin`, `refute` and `retry` name a `hypothesis` by its id; `hypothesis` adds the statement in `text`; `evidence` adds `text`
    (a pasted log, a file's content), with `source` saying where it comes from.
    """

    kind: SteeringKind
    hypothesis: str = ""
    text: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to go on that a person may choose: what it is called, and a few words that tell it from the others."""

    id: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """A question in the middle of a Run with two or more choices; valid once, until `expires_at` (Unix seconds, 0 = no limit)."""

    id: str
    question: str
    choices: tuple[Choice, ...]
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says of a command: the class, the table row or rule that gave it, and a sentence on why."""

    risk: Risk
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the server said to `--dry-run=server` before asking: `ok`, its own words, and the diff lines (marked + and -)."""

    ok: bool
    text: str
    diff: tuple[str, ...] = ()
    how: str = "server dry run"


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """Everything that a person sees before saying yes; bound to `digest`, valid once, until `expires_at` (Unix seconds)."""

    id: str
    command: str
    argv: tuple[str, ...]
    verdict: Verdict
    context: str
    namespace: str
    server: str = ""
    user: str = ""
    touches: tuple[ObjectRef, ...] = ()
    touches_note: str = ""
    dry_run: DryRun | None = None
    why: str = ""
    evidence: tuple[str, ...] = ()
    undo: str = ""
    protected: bool = False
    typed_name: str = ""
    manifest: str = ""
    digest: str = ""
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's answer to an approval request; anything but `approve` and `approve_session` runs nothing.

    `edit` carries the new command text, which is judged again. `by` says who or what answered (`key`, `--approve-exact`, `closed`…).
    """

    kind: Literal["approve", "approve_session", "edit", "reject"]
    reason: str = ""
    command: str = ""
    typed: str = ""
    by: str = "key"


@dataclass(frozen=True, slots=True)
class RootCause:
    """One root cause: a sentence, the object, confidence 0..1, evidence ids, and the chain from cause to symptom as sentences."""

    summary: str
    object: ObjectRef
    confidence: float
    evidence: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One command of a Run as the answer reports it."""

    command: str
    risk: Risk
    exit_code: int | None
    seconds: float
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer of a Run; `to_dict` is `k8sagent.answer/1` of the command line's contract."""

    tier: Tier
    text: str
    root_causes: tuple[RootCause, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    fix: tuple[Remedy, ...] = ()
    passages: tuple[Passage, ...] = ()
    commands: tuple[CommandRecord, ...] = ()
    metrics: Mapping[str, float | int | str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    """How far the investigation came: what could not be tested or seen, and that its time was up; a sentence each, in `text`, too."""
    quotes: tuple[str, ...] = ()
    """What the runbook of the first passage says on the fix, in its own words."""
    lead: str = ""
    """What has to be said before the cause: how the question was understood, and whether its symptom is there."""
    elsewhere: str = ""
    """One line on other troubles that were not asked about."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; keys and shapes are stable."""
        import msgspec

        body: dict[str, Any] = msgspec.to_builtins(self)
        answer = body.pop("text")
        return {"schema": "k8sagent.answer/1", **body, "answer": answer}
