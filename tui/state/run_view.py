"""`RunView`: what the screen knows of one Run, folded from its events. No widget in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from engine.core.events import (
    AnswerFinished,
    ApprovalAnswered,
    ApprovalRequested,
    ChoiceAnswered,
    ChoiceRequested,
    CommandFinished,
    CommandOutput,
    CommandProposed,
    CommandStarted,
    Event,
    EvidenceAdded,
    FindingsFound,
    HypothesisUpdated,
    Notice,
    PassagesFound,
    QueryClassified,
    QueryReceived,
    RunCancelled,
    RunFailed,
    RunFinished,
    Steered,
    StepFinished,
    StepProgress,
    StepStarted,
    TokensStreamed,
)
from engine.core.types import Answer, ChoiceRequest, Evidence, Hypothesis, Risk, Steering
from index.passage import Passage

State = Literal["running", "done", "failed", "skipped", "cancelled"]
KINDS = {"model": "model", "kubectl": "kubectl", "cluster": "cluster", "search": "search", "approval": "your answer"}
"""Kinds of steps and what their time is called; what belongs to none of them is `other`."""
LINES_IN_CHAT = 40
LINES_PEEKED = 8
"""Of a command's output, so many first and last lines are kept to be unfolded in the timeline."""


@dataclass(slots=True)
class StepView:
    """A step of the flow; `began` is the screen's clock when it was first seen."""

    id: str
    title: str
    kind: str
    began: float
    state: State = "running"
    seconds: float = 0.0
    detail: str = ""


@dataclass(slots=True)
class CommandView:
    """A command of the Run, from proposal to exit."""

    id: str
    command: str
    risk: Risk | Literal[""] = ""
    why: str = ""
    state: Literal["proposed", "running", "done", "failed"] = "proposed"
    exit_code: int | None = None
    seconds: float = 0.0
    bytes: int = 0
    truncated: bool = False
    error: str = ""
    began: float = 0.0
    lines: int = 0
    first: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    """The first lines, as many as the chat shows of a command that a person typed."""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_PEEKED))

    @property
    def ok(self) -> bool:
        return self.state == "done" and self.exit_code == 0

    def printed(self, lines: tuple[str, ...]) -> None:
        """Count lines of output and keep the first and the newest."""
        self.lines += len(lines)
        self.head.extend(lines[: max(LINES_IN_CHAT - len(self.head), 0)])
        room = LINES_PEEKED - len(self.first)
        if room > 0:
            self.first.extend(lines[:room])
            lines = lines[room:]
        self.last.extend(lines[-LINES_PEEKED:])


@dataclass(slots=True)
class ChoiceView:
    """A question in the middle of the Run, with what was chosen ("" = none of them, None = not answered yet)."""

    request: ChoiceRequest
    picked: str | None = None

    @property
    def words(self) -> str:
        """What was chosen, by its label."""
        return next((choice.label for choice in self.request.choices if choice.id == self.picked), "none of them")


@dataclass(slots=True)
class RunView:
    """Everything of one Run that panes show. `order` is the timeline: steps, hypotheses, commands, choices and what was said, by id."""

    id: str
    query: str = ""
    tier: str = ""
    reason: str = ""
    began: float = 0.0
    seconds: float = 0.0
    outcome: Literal["running", "answered", "refused", "rejected", "nothing_to_do", "cancelled", "failed"] | str = "running"
    ending: str = ""
    text: str = ""
    answer: Answer | None = None
    order: list[tuple[str, str]] = field(default_factory=list)
    steps: dict[str, StepView] = field(default_factory=dict)
    commands: dict[str, CommandView] = field(default_factory=dict)
    hypotheses: dict[str, Hypothesis] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    passages: dict[str, Passage] = field(default_factory=dict)
    past: dict[str, tuple[Passage, ...]] = field(default_factory=dict)
    """Past incidents by the step that found them."""
    findings: int = 0
    scanned: int = 0
    notices: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, ChoiceView] = field(default_factory=dict)
    said: list[Steering] = field(default_factory=list)
    waiting: str = ""
    """Id of the approval or choice that the Run waits for."""

    @property
    def running(self) -> bool:
        return self.outcome == "running"

    @property
    def step(self) -> StepView | None:
        """The step that runs now, the newest where several do."""
        return next((s for s in reversed(self.steps.values()) if s.state == "running"), None)

    def elapsed(self, now: float) -> float:
        """Seconds from the question to its end, or to now."""
        return max(now - self.began, 0.0) if self.running else self.seconds

    def took(self, now: float) -> float:
        """How long it took: the answer's own measure where it has one."""
        measured = self.answer.metrics.get("seconds") if self.answer is not None else None
        return float(measured) if isinstance(measured, int | float) else self.elapsed(now)

    @property
    def waits_for(self) -> str:
        """What the Run waits for, in words; "" when for nothing."""
        if not self.waiting:
            return ""
        return "waiting for your choice" if self.waiting in self.choices else "waiting for your approval"

    def spent(self, kind: str) -> float:
        """Seconds in finished steps of a kind (`model`, `kubectl`, `search`…)."""
        return sum(step.seconds for step in self.steps.values() if step.kind == kind)

    def shares(self) -> list[tuple[str, float]]:
        """Where the time of an ended Run went, the most first: names and seconds; commands outside of steps count as kubectl's."""
        spent = {name: self.spent(kind) for kind, name in KINDS.items()}
        spent["kubectl"] = max(spent["kubectl"], sum(command.seconds for command in self.commands.values()))
        spent["other"] = self.took(0.0) - sum(spent.values())
        shares = [(name, seconds) for name, seconds in spent.items() if seconds >= 0.05]
        return sorted(shares, key=lambda share: (share[0] == "other", -share[1]))

    def fold(self, event: Event, now: float) -> None:
        """Take in one event."""
        match event:
            case QueryReceived():
                self.query = event.query
            case QueryClassified():
                self.tier, self.reason = event.tier, event.reason
            case StepStarted():
                self._seen("step", event.id)
                self.steps[event.id] = StepView(event.id, event.title, event.kind, now)
            case StepFinished():
                step = self.steps.get(event.id)
                if step is not None:
                    step.state, step.seconds, step.detail = event.outcome, event.seconds, event.detail
            case StepProgress():
                step = self.steps.get(event.id)
                if step is not None:
                    share = f" {event.done * 100 // event.total} %" if event.total else ""
                    step.detail = f"{event.detail}{share}"
            case PassagesFound():
                for number, passage in enumerate(event.passages, 1):
                    self.passages[passage.id or f"D{number}"] = passage
                if self.step is not None:
                    self.past[self.step.id] = tuple(passage for passage in event.passages if passage.corpus == "incidents")
            case FindingsFound():
                self.findings, self.scanned = len(event.findings), sum(event.scanned.values())
            case HypothesisUpdated():
                self._seen("hypothesis", event.hypothesis.id)
                self.hypotheses[event.hypothesis.id] = event.hypothesis
            case EvidenceAdded():
                self.evidence[event.evidence.id] = event.evidence
            case TokensStreamed():
                self.text += event.text
            case AnswerFinished():
                self._answered(event.answer)
            case Notice():
                self.notices.append((event.level, event.text))
            case ApprovalRequested():
                self.waiting = event.request.id
            case ChoiceRequested():
                self._seen("choice", event.request.id)
                self.choices[event.request.id] = ChoiceView(event.request)
                self.waiting = event.request.id
            case ChoiceAnswered():
                self.waiting = ""
                if event.id in self.choices:
                    self.choices[event.id].picked = event.choice
            case ApprovalAnswered():
                self.waiting = ""
            case Steered():
                self.order.append(("said", str(len(self.said))))
                self.said.append(event.steering)
            case RunFinished() | RunCancelled() | RunFailed():
                self._ended(event, now)
            case _:
                self._command(event, now)

    def _answered(self, answer: Answer) -> None:
        self.answer = answer
        for evidence in answer.evidence:
            self.evidence[evidence.id] = evidence
        for number, passage in enumerate(answer.passages, 1):
            self.passages[passage.id or f"D{number}"] = passage
        for hypothesis in answer.hypotheses:
            self._seen("hypothesis", hypothesis.id)
            self.hypotheses[hypothesis.id] = hypothesis

    def _command(self, event: Event, now: float) -> None:
        match event:
            case CommandProposed():
                self._seen("command", event.id)
                self.commands[event.id] = CommandView(event.id, event.command, event.verdict.risk, event.why)
            case CommandStarted():
                self._seen("command", event.id)
                command = self.commands.setdefault(event.id, CommandView(event.id, event.command))
                command.command, command.state, command.began = event.command, "running", now
            case CommandOutput():
                if event.id in self.commands:
                    self.commands[event.id].printed(event.lines)
            case CommandFinished():
                self._seen("command", event.id)
                command = self.commands.setdefault(event.id, CommandView(event.id, ""))
                command.state = "done" if event.exit_code == 0 else "failed"
                command.exit_code, command.seconds, command.bytes = event.exit_code, event.seconds, event.bytes
                command.truncated, command.error = event.truncated, event.error
            case _:
                pass

    def _ended(self, event: RunFinished | RunCancelled | RunFailed, now: float) -> None:
        self.seconds = max(now - self.began, 0.0)
        self.waiting = ""
        match event:
            case RunFinished():
                self.outcome = event.outcome
            case RunCancelled():
                self.outcome, self.ending = "cancelled", event.reason
            case RunFailed():
                self.outcome, self.ending = "failed", f"{event.what}: {event.error}"
        left: State = "cancelled" if self.outcome in ("cancelled", "failed") else "done"
        for step in self.steps.values():
            if step.state == "running":
                step.state, step.seconds = left, max(now - step.began, 0.0)
        for command in self.commands.values():
            if command.state == "running":
                command.state, command.error = "failed", command.error or "stopped"

    def _seen(self, kind: str, id: str) -> None:
        if (kind, id) not in self.order:
            self.order.append((kind, id))
