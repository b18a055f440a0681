"""The plain line mode: the same session line by line, for screen readers and dumb terminals.

Nothing moves, nothing is coloured, and no line is drawn: what a screen reader would spell out is written in words. Piped input is taken
line by line too; changes are then refused, since a pipe cannot say yes.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

from engine.agent.agent import MODES, Busy, NothingToSteer
from engine.cluster.source import ClusterError
from engine.core.events import (
    AnswerFinished,
    ApprovalRequested,
    ChoiceRequested,
    CommandFinished,
    CommandOutput,
    CommandStarted,
    HypothesisUpdated,
    Notice,
    RunCancelled,
    RunFailed,
    StepFinished,
    StepProgress,
    StepStarted,
)
from engine.core.types import ApprovalRequest, Decision
from engine.language.steering import WORDS, SteeringError, parse
from tui.cli.common import say
from tui.cli.exit_codes import OK, REFUSED
from tui.cli.questions.troubleshoot import ask_person, choose_line

if TYPE_CHECKING:
    from engine.agent.agent import Agent
    from engine.core.run import NOBODY, Run

HELP = """Ask in plain words, or use a command:
  /namespace NAME   work in a namespace ("all" = all of them)
  /context NAME     work in another context
  /mode WORD        ask, read-only or suggest-only: what may be changed
  /clear            start a new session
  /health           check what works and how to fix what does not
  /model            list models; /model NAME switches to one, /model pull NAME downloads one,
                    /model allow HOST allows a remote server
  /host [NAME]      check this machine or a host ("nodes" for all nodes)
  /tokens           what is in the model's context window and what it cost
  /docs WORDS       search the documentation
  /undo             undo the latest change (asks first)
  /runbook          draft a runbook from the last diagnosis (asks first)
  /pin H2           pin a hypothesis so that it is tested first
  /unpin H2         unpin it
  /refute H1 [WHY]  rule a hypothesis out
  /retry H1         test it again
  /hypothesis TEXT  add a hypothesis of your own and test it
  /evidence X       add a file or log text as evidence
  /help             this list
  !COMMAND          run a command (changes ask first)
  exit, quit        quit"""


COMMANDS = tuple(line.split()[0] for line in HELP.splitlines() if line.startswith("  /"))
SPOKEN = str.maketrans(
    {"└": "-", "├": "-", "│": " ", "─": "-", "→": "->", "▸": "/", "›": ">", "—": "-", "…": "...", "✓": "ok", "✗": "bad", "↳": "-"}
)


def tell(text: str) -> None:
    """A line in characters that a screen reader says well."""
    say(text.translate(SPOKEN))
    sys.stdout.flush()


def run_plain(agent: Agent) -> int:
    """Read lines until exit, quit or the end of input; ctrl+c stops the question under way.

    The exit code is 4 when a change was refused since nobody was there to ask.
    """
    agent.start()
    session = PlainSession(agent, person=sys.stdin.isatty())
    try:
        status = agent.wait_for_cluster(20)
        tell(f"k8sagent: {status.context or 'no cluster'}, {status.cluster_note or status.cluster_version}. /help lists the commands.")
        if status.cluster_state != "ok":
            tell("To look around in a recorded cluster: k8sagent --demo. To set up the rest: k8sagent setup.")
        while True:
            line = session.next_line()
            if line is None or line.lower() in ("exit", "quit", "/quit", "/exit"):
                return REFUSED if session.refused else OK
            if line:
                session.handle(line)
    finally:
        agent.close()


class PlainSession:
    """One session on lines; `person` says whether somebody sits at the other end."""

    def __init__(self, agent: Agent, *, person: bool) -> None:
        self.agent = agent
        self.person = person
        self.refused = False

    def next_line(self) -> str | None:
        """What was typed, "" after ctrl+c, None at the end of the input."""
        if self.person:
            status = self.agent.status
            sys.stdout.write(f"{status.context or 'no cluster'}/{status.namespace or 'all'}> ")
            sys.stdout.flush()
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            line = "\n"
            tell("")
        return line.strip() if line else None

    def handle(self, line: str) -> None:
        """Do what a line says; what has to wait for a question that is still ending is announced."""
        try:
            self._do(line)
        except Busy as error:
            tell(str(error))

    def _do(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word:
            case "/help":
                tell(HELP)
            case "/namespace":
                self._namespace(rest)
            case "/context":
                self._context(rest)
            case "/mode":
                self._mode(rest)
            case "/clear":
                self.agent.new_session()
                tell("a new session")
            case "/health":
                for check in self.agent.health():
                    tell(f"{'ok' if check.ok else 'bad'}: {check.name}: {check.detail}")
                    if check.fix and not check.ok:
                        tell(f"  to fix it: {check.fix}")
            case "/model":
                _model(self, rest)
            case "/host":
                names = () if rest == "nodes" else tuple(rest.split())
                self.follow(self.agent.check_host(*names, nodes=rest == "nodes"))
            case "/tokens" | "/window":
                from engine.session.token_report import context_lines

                tell("\n".join(context_lines(self.agent.context_report())))
            case "/docs":
                for passage in self.agent.docs.search(rest, limit=5):
                    tell(f"{passage.citation}\n  {self.agent.docs.snippet(passage, rest).text}")
            case "/undo":
                self.follow(self.agent.undo())
            case "/runbook":
                self.follow(self.agent.draft_runbook())
            case _ if word.removeprefix("/") in WORDS and word.startswith("/"):
                self._steer(word[1:], rest)
            case _ if word.startswith("/"):
                near = get_close_matches(word, COMMANDS, n=1)
                tell(f"there is no command {word}" + (f"; did you mean {near[0]}?" if near else "; /help lists them"))
            case _ if line.startswith("!"):
                self.follow(self.agent.run_command(line[1:].strip()), show_output=True)
            case _:
                self.follow(self.agent.ask(line))

    def _namespace(self, name: str) -> None:
        if name:
            self.agent.switch_namespace("" if name in ("all", "*") else name)
            tell(f"now in {'all namespaces' if name in ('all', '*') else f'namespace {name}'}")
            return
        try:
            for row in self.agent.cluster.namespaces():
                tell(f"{row.name}: {row.pods} pods" + (f", {row.failing} failing" if row.failing else ""))
        except ClusterError as error:
            tell(str(error))

    def _context(self, name: str) -> None:
        if name:
            self.agent.switch_context(name)
            tell(self.agent.wait_for_cluster(20).cluster_note or f"now in context {name}")
            return
        try:
            for context in self.agent.cluster.contexts():
                tell(context.name + (" (current)" if context.name == self.agent.status.context else ""))
        except ClusterError as error:
            tell(str(error))

    def _steer(self, word: str, rest: str) -> None:
        try:
            self.follow(self.agent.steer(parse(word, rest)))
        except (SteeringError, NothingToSteer) as error:
            tell(str(error))

    def _mode(self, word: str) -> None:
        if word in MODES:
            self.agent.set_mode(MODES[word])
        elif word:
            tell(f"there is no mode {word}; there are {', '.join(MODES)}")
        tell(f"mode: {self.agent.status.mode}")

    def _decide(self, request: ApprovalRequest) -> Decision:
        if self.person:
            return ask_person(request, sys.stdout)
        self.refused = True
        tell(f"  needs approval: {request.command}")
        return Decision("reject", reason="no terminal to ask on", by="no-terminal")

    def follow(self, run: Run, *, show_output: bool = False) -> None:
        """Tell a Run's events as they come, and put its questions to the person."""
        titles: dict[str, str] = {}
        hypotheses: dict[str, tuple[str, float]] = {}
        try:
            for event in run.events():
                match event:
                    case StepStarted():
                        titles[event.id] = event.title
                    case StepFinished():
                        tell(f"  {event.outcome}: {titles.get(event.id, '')}: {event.detail} ({event.seconds:.1f} s)")
                    case StepProgress():
                        share = f" {event.done * 100 // event.total} %" if event.total else ""
                        tell(f"  {event.detail}{share}")
                    case CommandStarted():
                        tell(f"  $ {event.command}")
                    case CommandOutput() if show_output:
                        for text in event.lines:
                            say(text)
                    case CommandFinished() if event.exit_code != 0:
                        tell(f"  exit {event.exit_code} {event.error}")
                    case ApprovalRequested():
                        run.answer(event.request.id, self._decide(event.request))
                    case ChoiceRequested():
                        picked = (choose_line(event.request, sys.stdout), "terminal") if self.person else ("", NOBODY)
                        run.pick(event.request.id, picked[0], by=picked[1])
                    case HypothesisUpdated() if event.hypothesis.status != "testing":
                        known = event.hypothesis
                        words = f"{known.status}, pinned" if known.pinned else known.status
                        if hypotheses.get(known.id) != (words, known.confidence):
                            tell(f"  {known.id}, {words}, {known.confidence:.2f}: {known.statement}")
                        hypotheses[known.id] = (words, known.confidence)
                    case Notice():
                        tell(f"  {event.level}: {event.text}")
                    case AnswerFinished():
                        tell(event.answer.text)
                    case RunCancelled():
                        tell(f"  stopped: {event.reason}")
                    case RunFailed():
                        tell(f"  failed ({event.what}): {event.error}")
        except KeyboardInterrupt:
            run.cancel("interrupted")
            run.wait(1.0)
            tell("  stopped")


def _model(session: PlainSession, words: str) -> None:
    from engine.agent.model_connection import model_line
    from engine.llm.chat_model import ModelError

    agent = session.agent
    first, _, rest = words.partition(" ")
    if first == "pull" and rest:
        session.follow(agent.pull_model(rest.strip()))
    elif first == "allow" and rest:
        agent.allow_model_host(rest.strip())
        tell(agent.status.model_note)
    elif words:
        switched = agent.use_model(words)
        tell(f"{switched.name} will answer from the next question on: {switched.note}" if switched.ok else switched.note)
    else:
        tell(f"{agent.status.model or 'no model'}: {agent.status.model_note or agent.status.model_state}")
        try:
            for info in agent.models():
                tell(f"  {model_line(info)}")
        except ModelError as error:
            tell(f"  {error} {error.remedy}")
