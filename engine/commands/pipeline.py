"""`CommandPipeline`: the one way from text to a process. A command is parsed, pinned, judged, asked about, re-checked, run.

Read-only commands run by themselves. The rest is approved one exact command at a time; whatever goes wrong on the way means no.
"""

from __future__ import annotations

import dataclasses
import itertools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.cluster.source import ClusterSource
from engine.commands.approval.approval import Approvals
from engine.commands.execution.programs import CLUSTER_PROGRAMS
from engine.commands.execution.runner import CommandResult, Runner
from engine.commands.kubectl import canonical
from engine.commands.kubectl.canonical import Key
from engine.commands.kubectl.pinning import pin
from engine.commands.parsing.lexer import Refused, Script, parse
from engine.commands.policy.policy import Judgement, Policy
from engine.commands.records.audit import AuditError
from engine.commands.records.records import Approved, Records
from engine.core.cancel import CancelToken
from engine.core.events import CommandFinished, CommandOutput, CommandProposed, CommandStarted, Event, Notice
from engine.core.redaction.redactor import Redactor
from engine.core.target import Place
from engine.core.types import ApprovalRequest, CommandRecord, Decision, ObjectRef, Verdict

Status = Literal["ran", "refused", "rejected", "unavailable"]
EDITS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a proposed command; `result` is there only when it ran, `reason` when it did not."""

    status: Status
    command: str
    verdict: Verdict
    reason: str = ""
    result: CommandResult | None = None
    records: tuple[CommandRecord, ...] = ()


@dataclass(slots=True)
class Grants:
    """Exact commands that a person allowed for this session: (context, argv of each stage); never destructive ones."""

    allowed: set[tuple[str, tuple[tuple[str, ...], ...]]] = field(default_factory=set)

    def add(self, context: str, script: Script) -> None:
        """Allow this exact script in this context."""
        self.allowed.add((context, tuple(stage.argv for stage in script.stages)))

    def covers(self, context: str, script: Script) -> bool:
        """Whether exactly this was allowed."""
        return (context, tuple(stage.argv for stage in script.stages)) in self.allowed

    def list(self) -> list[tuple[str, str]]:
        """(context, command) of everything that was allowed."""
        return sorted((context, " | ".join(shlex.join(argv) for argv in argvs)) for context, argvs in self.allowed)

    def clear(self) -> None:
        """Take every grant back."""
        self.allowed.clear()


@dataclass(frozen=True, slots=True)
class _Said:
    """What came of asking: an approval, another text, or the reason for no."""

    approved: Approved | None = None
    edited: str = ""
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class CommandPipeline:
    """Runs commands for one Run at one place.

    `runner(seconds, cluster)` makes a runner with that time limit, `cluster` telling whether its commands reach the cluster; `ask` waits
    for a person; `changed` is called after a change.
    """

    policy: Policy
    runner: Callable[[float, bool], Runner]
    place: Place
    source: ClusterSource
    emit: Callable[[Event], None]
    ask: Callable[[ApprovalRequest], Decision]
    token: CancelToken
    redactor: Redactor
    grants: Grants
    records: Records
    no_kubectl: str = ""
    seconds: tuple[float, float] = (30.0, 300.0)
    changed: Callable[[], None] = lambda: None
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    base: Path = field(default_factory=Path.cwd)
    """The folder that the person's relative file names count from."""

    def at(self, place: Place) -> CommandPipeline:
        """The same pipeline at another place of the same cluster."""
        return dataclasses.replace(self, place=place)

    def within(self, seconds: float) -> CommandPipeline:
        """The same pipeline, whose reads take no longer than this."""
        return dataclasses.replace(self, seconds=(min(self.seconds[0], seconds), self.seconds[1]))

    def judge(self, text: str) -> Verdict:
        """The verdict on a text, pinned to the place, without running anything."""
        try:
            return self.policy.judge_script(self._pinned(text)).verdict
        except Refused as refused:
            return Verdict("forbidden", refused.rule, refused.reason)

    def key(self, text: str) -> Key:
        """The same value for every spelling of the same call at this place; a text that cannot be parsed is its own."""
        try:
            return canonical.key(self._pinned(text))
        except Refused:
            return (text,)

    def run(self, text: str, *, why: str = "", evidence: Sequence[str] = (), objects: Sequence[ObjectRef] = ()) -> Outcome:
        """Take a command through all gates; events tell every step. Raises Cancelled."""
        for _ in range(EDITS):
            id = f"C{next(self.ids)}"
            self.token.check()
            try:
                script = self._pinned(text)
            except Refused as refused:
                verdict = Verdict("forbidden", refused.rule, refused.reason)
                self.emit(CommandProposed(id=id, command=text, stages=(), verdict=verdict, why=why, evidence=tuple(evidence)))
                return Outcome("refused", text, verdict, refused.reason)
            judgement = self.policy.judge_script(script)
            verdict = judgement.verdict
            command = show(script)
            stages = tuple(stage.argv for stage in script.stages)
            self.emit(CommandProposed(id=id, command=command, stages=stages, verdict=verdict, why=why, evidence=tuple(evidence)))
            if verdict.risk == "forbidden":
                self.records.drop_manifests(script)
                return Outcome("refused", command, verdict, verdict.reason)
            if self.no_kubectl and any(stage.argv[0] == "kubectl" for stage in script.stages):
                return Outcome("unavailable", command, verdict, f"{self.no_kubectl.rstrip('.')}. Run it yourself: {command}")
            if verdict.risk == "read":
                return self._execute(id, command, script, verdict, Approved("policy", verdict.rule), self.seconds[0])
            barred = self._barred(command)
            if barred:
                return Outcome("refused", command, verdict, barred)
            said = self._approve(id, command, script, judgement, why, evidence, objects)
            if said.edited:
                text = said.edited
                continue
            if said.approved is None:
                self.records.drop_manifests(script)
                self.records.refused(command, "reject", said.by, said.reason)
                return Outcome("rejected", command, verdict, said.reason)
            return self._execute(id, command, script, verdict, said.approved, self.seconds[1])
        return Outcome("rejected", text, verdict, "it was edited too many times")

    def _pinned(self, text: str) -> Script:
        script = self.records.take_manifests(parse(text), self.base)
        script = pin(script, self.place.context if not self.place.recording else "", self.place.namespace)
        return self.runner(self.seconds[0], False).harden(script)

    def _barred(self, command: str) -> str:
        if self.place.mode == "read-only":
            what = "This recording is read-only" if self.place.recording else f"Context {self.place.context} is read-only here"
            return f"{what}, so nothing was run. Turn writing on first (/mode ask), or run it yourself: {command}"
        if self.place.mode == "suggest-only":
            return f"Suggest-only mode never runs a change. Run it yourself: {command}"
        return ""

    def _approve(
        self, id: str, command: str, script: Script, judgement: Judgement, why: str, evidence: Sequence[str], objects: Sequence[ObjectRef]
    ) -> _Said:
        can_grant = judgement.verdict.risk == "mutate" and not self.place.protected
        if can_grant and self.grants.covers(self.place.context, script):
            return _Said(approved=Approved("session grant"))
        approvals = self._approvals(script)
        request = approvals.prepare(f"A-{id}", command, script, judgement, why=why, evidence=tuple(evidence), objects=tuple(objects))
        decision = self.ask(request)
        if decision.kind == "edit" and decision.command.strip():
            return _Said(edited=decision.command)
        if decision.kind not in ("approve", "approve_session"):
            return _Said(reason=decision.reason or "rejected", by=decision.by)
        if request.typed_name and decision.typed != request.typed_name:
            return _Said(reason=f"the name {request.typed_name!r} was not typed", by=decision.by)
        found = approvals.recheck(request, script)
        if found.changed:
            return _Said(reason=found.changed, by="re-check")
        unsaved = self.records.save_before(id, script.stages[0].argv, found.objects, self.place)
        if unsaved:
            self.emit(Notice(level="warning", text=f"There will be no undo: {unsaved}."))
        if decision.kind == "approve_session" and can_grant:
            self.grants.add(self.place.context, script)
        return _Said(approved=Approved(decision.by, decision.kind, request.digest))

    def _approvals(self, script: Script) -> Approvals:
        return Approvals(self.runner(self.seconds[0], _reaches_cluster(script)), self.policy, self.place, self.redactor, self.token)

    def _execute(self, id: str, command: str, script: Script, verdict: Verdict, approved: Approved, seconds: float) -> Outcome:
        number = 0
        try:
            number = self.records.before(script, verdict, command, self.place, approved, self.redactor.text)
        except AuditError as error:
            if verdict.risk != "read":
                return Outcome("refused", command, verdict, str(error))
            self.emit(Notice(level="warning", text=str(error)))
        counting = self.redactor.counting()
        self.emit(CommandStarted(id=id, command=command))

        def on_output(stream: Literal["stdout", "stderr"], lines: tuple[str, ...]) -> None:
            self.emit(CommandOutput(id=id, stream=stream, lines=lines))

        result = self.runner(seconds, _reaches_cluster(script)).run(script, on_output=on_output, cancel=self.token, redactor=counting)
        self.emit(
            CommandFinished(
                id=id,
                exit_code=result.exit_code,
                seconds=result.seconds,
                bytes=result.bytes,
                truncated=result.truncated,
                error=result.error,
            )
        )
        unwritten = self.records.after(number, result, sum(counting.counts.values()))
        if unwritten:
            self.emit(Notice(level="warning", text=unwritten))
        if verdict.risk != "read":
            if result.exit_code is not None and not self.token.cancelled:
                self.records.save_after(id, self._approvals(script).objects_now(script))
            self.changed()
        self.token.check()
        record = CommandRecord(command, verdict.risk, result.exit_code, round(result.seconds, 3), approved.by)
        return Outcome("ran", command, verdict, result=result, records=(record,))


def show(script: Script) -> str:
    """A script as one line of text that parses back to the same argv."""
    parts: list[str] = []
    for part in script.parts:
        if part.operator:
            parts.append(part.operator)
        parts.append(" | ".join(_stage(stage.argv, stage.merge_stderr, stage.drop_stderr, shlex.join) for stage in part.stages))
    return " ".join(parts)


def _reaches_cluster(script: Script) -> bool:
    return any(stage.argv[0] in CLUSTER_PROGRAMS for stage in script.stages)


def _stage(argv: tuple[str, ...], merge: bool, drop: bool, join: Callable[[tuple[str, ...]], str]) -> str:
    return join(argv) + (" 2>&1" if merge else "") + (" 2>/dev/null" if drop else "")
