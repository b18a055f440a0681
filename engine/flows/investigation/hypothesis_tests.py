"""The loop of an investigation: which test separates the hypotheses best, what its output says of all of them, and when to stop.

The first test is the one of the leading cause, so that no diagnosis is given untested. After that a test is run only where its outcome
could change which hypothesis leads; of several of these a model may choose one. What a person pinned or wants tried again comes before
everything else. The same call never runs twice, however it is spelt. A test that failed says nothing.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.fault_kinds import faults_in, pods_of, sign_of
from engine.cluster.source import ClusterError
from engine.commands.kubectl.canonical import Key
from engine.commands.pipeline import Outcome
from engine.core.types import CommandRecord, Evidence, Hypothesis, Steering
from engine.flows import kubectl_fallback
from engine.flows.investigation.hypothesis_board import AGAIN, ENOUGH, EVENT, LOG, READING, REFUTED, STATE, Investigation, updated
from engine.flows.investigation.model_choice import choose, may_choose
from engine.flows.tools import Emit, Tools, step

WORTH = 0.01
"""A test whose expected change is below this is not worth a command."""
_COSTS = ((r"^kubectl logs\b", 1.25), (r"^kubectl (?:get|events)\b(?!.*-l )", 1.5))
_ABSENT = re.compile(r"does(?:n't| not) exist|not found|missing|no such", re.I)
_STRENGTHS = {"state": STATE, "event": EVENT, "log": LOG}


@dataclass(frozen=True, slots=True)
class Check:
    """One read command that may be run next: whose test it is, and what it is expected to change for its cost."""

    command: str
    key: Key
    owners: tuple[str, ...]
    gain: float


@dataclass(frozen=True, slots=True)
class Shown:
    """What a finished read command printed."""

    command: str
    output: str
    log: bool


class HypothesisTests:
    """The tests of one investigation."""

    def __init__(self, investigation: Investigation, view: ClusterView, tools: Tools, emit: Emit, ran: Iterable[str] = ()) -> None:
        """`ran` are commands of the investigation that is gone on with; they are not run again unless a person asks for it."""
        self.investigation = investigation
        self.view = view
        self._tools = tools
        self._emit = emit
        self._shown: dict[Key, Shown | None] = {tools.desk.key(command): None for command in ran}
        self._tried: set[str] = {h.id for h in investigation.hypotheses.values() if h.test and tools.desk.key(h.test) in self._shown}
        self._judged: set[tuple[str, Key]] = set()
        self.leading: list[str] = []
        """Ids of the analyzers' causes, in their order."""
        self.wanted: set[str] = set()
        """Ids that a person wants tested whatever it changes."""
        self.untestable: dict[str, str] = {}
        """Hypotheses whose test failed, with why."""
        self.records: list[CommandRecord] = []
        self.allowance = tools.settings.budget.commands
        self.out_of_time = False
        self._model_chooses = True

    def run(self, hear: Callable[[Steering], None] = lambda said: None) -> None:
        """Test until one hypothesis is sure enough, the budget is used up, or no test would change anything; `hear` gets the steering."""
        while True:
            self._tools.token.check()
            for said in self._tools.steering():
                hear(said)
            check = self.next_check()
            if check is None:
                break
            self._run(check)
        for id, hypothesis in self.investigation.hypotheses.items():
            if hypothesis.status == "testing":
                self.investigation.settle(id)

    @property
    def leader(self) -> Hypothesis | None:
        """The hypothesis that stands for the answer: the analyzers' first cause that is not refuted, else the likeliest."""
        known = self.investigation.hypotheses
        for id in self.leading:
            if known[id].status != "refuted":
                return known[id]
        live = [h for h in known.values() if h.status != "refuted"]
        return max(live, key=lambda h: h.confidence, default=None)

    def next_check(self) -> Check | None:
        """The test to run next, or None when it is time to stop."""
        checks = self._checks()
        if not checks:
            return None
        if self._tools.left() < 1:
            self.out_of_time = True
            return None
        asked = [c for c in checks if any(id in self.wanted or self.investigation.hypotheses[id].pinned for id in c.owners)]
        if asked:
            return max(asked, key=lambda c: c.gain)
        if len(self.records) >= self.allowance:
            return None
        leader = self.leader
        if leader is not None and leader.id not in self._tried:
            own = [c for c in checks if leader.id in c.owners]
            if own:
                return own[0]
        if leader is not None and leader.confidence >= ENOUGH:
            return None
        worth = sorted((c for c in checks if c.gain >= WORTH), key=lambda c: -c.gain)
        if len(worth) > 1 and self._model_chooses and may_choose(self._tools):
            return self._chosen(worth)
        return worth[0] if worth else None

    def catch_up(self, id: str) -> None:
        """Judge what was printed before against a hypothesis that came later."""
        for key, shown in self._shown.items():
            if shown is not None:
                self._judge(self.investigation.hypotheses[id], key, shown)

    def again(self, id: str) -> None:
        """Forget that a hypothesis was tested, so that its test runs once more."""
        test = self.investigation.hypotheses[id].test
        self._tried.discard(id)
        self.untestable.pop(id, None)
        if test:
            self._shown.pop(self._tools.desk.key(test), None)
            self._judged = {(one, key) for one, key in self._judged if one != id}

    def read(self, source: str, text: str) -> list[str]:
        """Judge a log or a file that a person gave against all live hypotheses; the lines that said something of one."""
        before = len(self.investigation.evidence)
        for hypothesis in list(self.investigation.hypotheses.values()):
            if hypothesis.status != "refuted":
                self._judge(hypothesis, (source,), Shown(source, text, log=True), about=True)
        return [piece.excerpt for piece in self.investigation.evidence[before:]]

    # -- choosing ---------------------------------------------------------------------------------------------------------

    def _checks(self) -> list[Check]:
        """The tests that are left, the same call of several hypotheses being one."""
        found: dict[Key, Check] = {}
        for hypothesis in self.investigation.ranked:
            id = hypothesis.id
            if not hypothesis.test or id in self._tried or (hypothesis.status == "refuted" and id not in self.wanted):
                continue
            key = self._tools.desk.key(hypothesis.test)
            if key in self._shown or self._tools.desk.judge(hypothesis.test).risk != "read":
                self._tried.add(id)
                continue
            known = found.get(key)
            if known is not None:
                found[key] = dataclasses.replace(known, owners=(*known.owners, id))
            else:
                found[key] = Check(hypothesis.test, key, (id,), self._gain(hypothesis.test, id))
        return list(found.values())

    def _chosen(self, worth: Sequence[Check]) -> Check | None:
        """The model's pick of the tests that are worth a command, the best first; None where it ends and none could change the leader."""
        settled = not any(self._decides(check) for check in worth)
        offered = [(check.command, ", ".join(check.owners)) for check in worth]
        known = [h for h in self.investigation.ranked if h.status != "refuted"]
        choice = choose(offered, known, self._tools, self._emit, may_finish=settled)
        self._model_chooses = choice.heard
        return None if choice.index is None else worth[choice.index]

    def _decides(self, check: Check) -> bool:
        """Whether the strongest evidence that a test can bring of its kind would change which hypothesis leads."""
        strength = LOG if check.command.startswith("kubectl logs") else STATE
        return any(
            self._changes(h, STATE if _ABSENT.search(h.statement) else strength)
            for h in self.investigation.hypotheses.values()
            if h.status != "refuted" and (h.id in check.owners or self._about(h, check.command))
        )

    def _changes(self, hypothesis: Hypothesis, strength: float) -> bool:
        """Whether evidence of a strength, against the leader or for another one, would change the order at the top."""
        leader = self.leader
        if leader is None:
            return True
        if hypothesis is not leader:
            return updated(hypothesis.confidence, strength, supports=True) > leader.confidence
        others = [h.confidence for h in self.investigation.hypotheses.values() if h.status != "refuted" and h is not leader]
        return updated(hypothesis.confidence, strength, supports=False) <= max(others, default=REFUTED)

    def _gain(self, command: str, owner: str) -> float:
        """What a command is expected to change: p(1-p) of each hypothesis that it bears on and that could change the order, by its cost."""
        cost = next((cost for pattern, cost in _COSTS if re.search(pattern, command)), 1.0)
        total = 0.0
        for hypothesis in self.investigation.hypotheses.values():
            if hypothesis.status == "refuted" or not (hypothesis.id == owner or self._about(hypothesis, command)):
                continue
            p = hypothesis.confidence
            total += p * (1 - p) if self._changes(hypothesis, STATE) else 0.0
        return total / cost

    def _about(self, hypothesis: Hypothesis, command: str) -> bool:
        """Whether a command looks at a hypothesis's object or one of its pods."""
        if hypothesis.object is None:
            return False
        words = {part for word in command.split() for part in word.split("/")}
        names = {hypothesis.object.name, *(pod.name for pod in pods_of(hypothesis.object, self.view))}
        return bool(words & names)

    # -- running and judging ------------------------------------------------------------------------------------------------

    def _run(self, check: Check) -> None:
        first = check.owners[0]
        for id in check.owners:
            self._tried.add(id)
            self.wanted.discard(id)
            self.investigation.testing(id)
        statement = self.investigation.hypotheses[first].statement
        with step(self._tools, self._emit, f"test {', '.join(check.owners)}", "kubectl") as note:
            outcome = self._tools.desk.within(self._tools.left()).run(check.command, why=f"tests {first}: {statement}")
            self.records += outcome.records
            shown, failure = self._printed(check, outcome)
            self._shown[check.key] = shown
            if shown is None:
                self.untestable.update(dict.fromkeys(check.owners, failure))
                note.detail, note.outcome = f"could not be tested: {failure}", "failed"
            else:
                note.detail = self._judge_all(check, shown)
        for id in check.owners:
            self.investigation.settle(id)

    def _printed(self, check: Check, outcome: Outcome) -> tuple[Shown | None, str]:
        """The output of a test, or why there is none; that an object is not there is an output too."""
        log = check.command.startswith("kubectl logs")
        if outcome.status == "unavailable":
            try:
                text = kubectl_fallback.read(outcome.command, self._tools.source)
            except ClusterError as error:
                return None, str(error)
            return (Shown(outcome.command, self._tools.redact(text), log), "") if text is not None else (None, outcome.reason)
        if outcome.result is None:
            return None, outcome.reason
        result = outcome.result
        if result.exit_code == 0 or "(NotFound)" in result.stderr:
            return Shown(outcome.command, result.stdout + "\n" + result.stderr, log), ""
        return None, " ".join((result.error or result.stderr or result.stdout).split())[:200] or f"exit code {result.exit_code}"

    def _judge_all(self, check: Check, shown: Shown) -> str:
        """Judge an output against every live hypothesis; what came of it in words."""
        said: list[str] = []
        for hypothesis in list(self.investigation.hypotheses.values()):
            own = hypothesis.id in check.owners
            if hypothesis.status == "refuted" and not own:
                continue
            verdict = (
                self._absent(hypothesis, shown)
                if own and "(NotFound)" in shown.output
                else self._judge(hypothesis, check.key, shown, about=own)
            )
            if not verdict and own and hypothesis.origin == "model":
                verdict = self._judge_with_model(hypothesis, shown)
            if verdict:
                said.append(f"{hypothesis.id} {verdict}")
        return "; ".join(said) or "nothing that decides"

    def _absent(self, hypothesis: Hypothesis, shown: Shown) -> str:
        predicted = bool(_ABSENT.search(hypothesis.statement))
        seen = self.investigation.add(Evidence(source=shown.command, excerpt=shown.output.strip()[:300]))
        self.investigation.observed(hypothesis.id, seen, supports=predicted)
        return "as predicted: it is not there" if predicted else "the object is gone"

    def _judge(self, hypothesis: Hypothesis, key: Key, shown: Shown, *, about: bool = False) -> str:
        """What an output says of one hypothesis, noted as evidence once; "" where it says nothing."""
        if (hypothesis.id, key) in self._judged:
            return ""
        line, supports, strength = self._sign(hypothesis, shown, about=about)
        if not line:
            return ""
        self._judged.add((hypothesis.id, key))
        seen = self.investigation.add(Evidence(source=shown.command, excerpt=line, object=hypothesis.object))
        self.investigation.observed(hypothesis.id, seen, supports=supports, strength=strength)
        return "as predicted" if supports else f"is contradicted: {line[:80]}"

    def _sign(self, hypothesis: Hypothesis, shown: Shown, *, about: bool) -> tuple[str, bool, float]:
        """The line that decides, whether it speaks for the hypothesis, and how strongly."""
        quotes = [piece.excerpt for id in hypothesis.evidence_for if (piece := self.investigation.piece(id)) is not None]
        line = quoted_line(shown.output, quotes) if hypothesis.origin == "analyzer" else ""
        if line:
            return line, True, AGAIN
        if hypothesis.origin == "analyzer" and quotes:
            return "", True, 1.0
        if not about and not self._about(hypothesis, shown.command):
            return "", True, 1.0
        told = re.findall(r"“([^”]{12,})”", hypothesis.prediction)
        line = alike_line(shown.output, told)
        if line:
            return line, True, LOG if shown.log else EVENT
        for fault in faults_in(hypothesis.statement):
            sign = sign_of(fault, shown.output, log=shown.log)
            if sign is not None:
                return sign.line, sign.supports, _STRENGTHS[sign.kind]
        return "", True, 1.0

    def _judge_with_model(self, hypothesis: Hypothesis, shown: Shown) -> str:
        """A model's reading of an output that no rule decides, for a hypothesis of its own; it counts little."""
        speaker = self._tools.speaker
        if speaker is None or self._tools.left() < 1:
            return ""
        from engine.llm.tasks import judge

        piece = Evidence(source=shown.command, excerpt=shown.output.strip()[-3000:], id="E1")
        deadline = self._tools.deadline or None
        found = judge(
            speaker.model, hypothesis.statement, (piece,), self._tools.token, speaker.budget, fence=speaker.fence, deadline=deadline
        )
        if found is None or found.verdict == "neither":
            return ""
        excerpt = "\n".join(shown.output.strip().splitlines()[-6:])[:500]
        seen = self.investigation.add(dataclasses.replace(piece, id="", excerpt=excerpt, object=hypothesis.object))
        supports = found.verdict == "supports"
        self.investigation.observed(hypothesis.id, seen, supports=supports, strength=READING)
        return "as predicted, by the model's reading" if supports else "is contradicted, by the model's reading"


def quoted_line(output: str, quotes: Sequence[str]) -> str:
    """The line of an output that holds what one of the excerpts says, or ""; time stamps and spacing do not count."""
    lines = output.splitlines()
    flat = [" ".join(line.split()) for line in lines]
    for excerpt in quotes:
        for wanted in excerpt.splitlines():
            key = re.sub(r"^\d{4}-\d\d-\d\dT\S+\s+", "", " ".join(wanted.split()))[:70]
            if len(key) < 12:
                continue
            for line, text in zip(lines, flat, strict=True):
                if key in text:
                    return line.strip()
    return ""


_WORD = re.compile(r"[A-Za-z][A-Za-z]{3,}|\d{3}")


def alike_line(output: str, told: Sequence[str]) -> str:
    """The line of an output that holds most words (three or more) of what a runbook quotes, or ""."""
    for text in told:
        wanted = {word.lower() for word in _WORD.findall(text)}
        if len(wanted) < 3:
            continue
        for line in output.splitlines():
            here = {word.lower() for word in _WORD.findall(line)}
            if len(wanted & here) >= max(3, round(0.7 * len(wanted))):
                return " ".join(line.split())[:300]
    return ""
