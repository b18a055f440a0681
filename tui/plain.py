"""The plain line mode: the same session line by line, for screen readers and dumb terminals."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from engine.events import (
    AnswerFinished,
    ApprovalRequested,
    ChoiceRequested,
    CommandFinished,
    CommandOutput,
    CommandStarted,
    Notice,
    RunCancelled,
    RunFailed,
    StepFinished,
    StepProgress,
    StepStarted,
)
from tui.cli import OK
from tui.subcommands.ask import ask_person, choose_line
from tui.subcommands.common import say

if TYPE_CHECKING:
    from engine.agent import Agent
    from engine.run import Run

HELP = """ask in plain words, or:
  /namespace NAME   work in a namespace ("all" = all of them)
  /context NAME     work in another context
  /clear            start a new session
  /health           what works, and how to mend what does not
  /model            which models the server has; /model NAME takes one, /model pull NAME downloads one,
                    /model allow HOST allows a server on another machine
  /host [NAME]      what is wrong with this machine or a host ("nodes" = all nodes)
  /docs WORDS       search the documentation
  /runbook          draft a runbook from the last diagnosis (asks first)
  /help             this page
  !COMMAND          run a command (changes ask first)
  exit, quit        leave"""


def run_plain(agent: Agent) -> int:
    """Read lines until exit, quit or the end of input; ctrl+c stops the question under way."""
    agent.start()
    try:
        status = agent.wait_for_cluster(20)
        say(f"k8sagent: {status.context or 'no cluster'}, {status.cluster_note or status.cluster_version}. /help lists the commands.")
        while True:
            status = agent.status
            sys.stdout.write(f"{status.context} ▸ {status.namespace or 'all'} › ")
            sys.stdout.flush()
            try:
                line = sys.stdin.readline()
            except KeyboardInterrupt:
                say("")
                continue
            if not line or line.strip().lower() in ("exit", "quit", "/quit", "/exit"):
                return OK
            if line.strip():
                _handle(agent, line.strip())
    finally:
        agent.close()


def _handle(agent: Agent, line: str) -> None:
    word, _, rest = line.partition(" ")
    match word:
        case "/help":
            say(HELP)
        case "/namespace":
            agent.switch_namespace("" if rest.strip() in ("all", "*") else rest.strip())
        case "/context":
            agent.switch_context(rest.strip())
            say(agent.wait_for_cluster(20).cluster_note or f"now in {rest.strip()}")
        case "/clear":
            agent.new_session()
            say("a new session")
        case "/health":
            for check in agent.health():
                say(
                    f"{'ok ' if check.ok else 'BAD'} {check.name}: {check.detail}"
                    + (f" → {check.fix}" if check.fix and not check.ok else "")
                )
        case "/model":
            _model(agent, rest.strip())
        case "/host":
            names = () if rest.strip() == "nodes" else tuple(rest.split())
            _follow(agent.check_host(*names, nodes=rest.strip() == "nodes"), show_output=False)
        case "/docs":
            for passage in agent.docs.search(rest, limit=5):
                say(f"{passage.citation}\n  {agent.docs.snippet(passage, rest).text}")
        case "/runbook":
            _follow(agent.draft_runbook(), show_output=False)
        case _ if word.startswith("/"):
            say(f"there is no command {word}; /help lists them")
        case _ if line.startswith("!"):
            _follow(agent.commands.run(line[1:].strip()), show_output=True)
        case _:
            _follow(agent.ask(line), show_output=False)


def _model(agent: Agent, words: str) -> None:
    from engine.llm.provider import ModelError
    from engine.models import model_line

    first, _, rest = words.partition(" ")
    if first == "pull" and rest:
        _follow(agent.pull_model(rest.strip()), show_output=False)
    elif first == "allow" and rest:
        agent.allow_model_host(rest.strip())
        say(agent.status.model_note)
    elif words:
        switched = agent.use_model(words)
        say(f"{switched.name} answers from the next question on: {switched.note}" if switched.ok else switched.note)
    else:
        say(f"{agent.status.model or 'no model'}: {agent.status.model_note or agent.status.model_state}")
        try:
            for info in agent.models():
                say(f"  {model_line(info)}")
        except ModelError as error:
            say(f"  {error} {error.remedy}")


def _follow(run: Run, *, show_output: bool) -> None:
    titles: dict[str, str] = {}
    try:
        for event in run.events():
            match event:
                case StepStarted():
                    titles[event.id] = event.title
                case StepFinished():
                    say(f"  {event.outcome}: {titles.get(event.id, '')} — {event.detail} ({event.seconds:.1f} s)")
                case StepProgress():
                    share = f" {event.done * 100 // event.total} %" if event.total else ""
                    say(f"  {event.detail}{share}")
                case CommandStarted():
                    say(f"  $ {event.command}")
                case CommandOutput() if show_output:
                    for text in event.lines:
                        say(text)
                case CommandFinished() if event.exit_code != 0:
                    say(f"  exit {event.exit_code} {event.error}")
                case ApprovalRequested():
                    run.answer(event.request.id, ask_person(event.request, sys.stdout))
                case ChoiceRequested():
                    run.pick(event.request.id, choose_line(event.request, sys.stdout), by="terminal")
                case Notice():
                    say(f"  {event.level}: {event.text}")
                case AnswerFinished():
                    say(event.answer.text)
                case RunCancelled():
                    say(f"  stopped: {event.reason}")
                case RunFailed():
                    say(f"  failed ({event.what}): {event.error}")
    except KeyboardInterrupt:
        run.cancel("interrupted")
        run.wait(1.0)
        say("  stopped")
