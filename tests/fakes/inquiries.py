"""An inquiry on a small cluster whose commands are answered from a table."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Any

from fakes.lab import Lab
from fakes.manifests import NS, crash_loop

from engine.commands.execution.runner import CommandResult
from engine.commands.kubectl import canonical
from engine.commands.kubectl.canonical import Key
from engine.commands.parsing.lexer import parse
from engine.commands.pipeline import Outcome
from engine.core.cancel import CancelToken
from engine.core.config import BudgetSettings, Settings
from engine.core.events import Event
from engine.core.types import CommandRecord, Hypothesis, ObjectRef, Verdict
from engine.flows.investigation.hypothesis_board import Investigation
from engine.flows.investigation.hypothesis_tests import HypothesisTests
from engine.flows.tools import Tools

WEB = ObjectRef("Deployment", NS, "web")
POD = f"kubectl describe pod web-5d8-abcde -n {NS}"
LOGS = f"kubectl logs web-5d8-abcde -n {NS} -c app --tail=60"


@dataclasses.dataclass
class CommandPipeline:
    """Answers commands from a table; what it lacks fails as kubectl does without permission."""

    outputs: dict[str, str]
    ran: list[str] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    """How many seconds each command was given."""

    def within(self, seconds: float) -> CommandPipeline:
        self.limits.append(seconds)
        return self

    def key(self, text: str) -> Key:
        return canonical.key(parse(text))

    def judge(self, text: str) -> Verdict:
        return Verdict("read" if not text.startswith("kubectl delete") else "mutate", "rule", "reason")

    def run(self, text: str, **_: Any) -> Outcome:
        self.ran.append(text)
        output = self.outputs.get(text)
        code = 0 if output is not None else 1
        result = CommandResult(code, output or "", "" if output is not None else "Error from server (Forbidden): no", 0.01, 10)
        return Outcome("ran", text, self.judge(text), result=result, records=(CommandRecord(text, "read", code, 0.01),))


def inquiry(
    *hypotheses: Hypothesis, outputs: dict[str, str], commands: int = 4, token: CancelToken | None = None, **tools: Any
) -> tuple[HypothesisTests, CommandPipeline, list[Event]]:
    lab = Lab()
    lab.app("web", crash_loop())
    told: list[Event] = []
    desk = CommandPipeline(outputs)
    settings = dataclasses.replace(Settings(), budget=BudgetSettings(commands=commands))
    made = Tools(place=None, source=None, desk=desk, search=None, token=token or CancelToken(), redact=str, settings=settings, **tools)  # type: ignore[arg-type]
    investigation = Investigation(told.append, str)
    for hypothesis in hypotheses:
        investigation.propose(hypothesis)
    return HypothesisTests(investigation, lab.view(), made, told.append), desk, told


def guess(id: str, statement: str, test: str, confidence: float = 0.3, **more: Any) -> Hypothesis:
    return Hypothesis(id=id, statement=statement, test=test, confidence=confidence, origin="user", object=WEB, **more)
