"""`troubleshoot`: one question or several of one session, any tier, to their end, on the same events as the screen."""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from engine.core.events import (
    AnswerFinished,
    ApprovalRequested,
    ChoiceRequested,
    CommandStarted,
    Event,
    FindingsFound,
    Notice,
    RunCancelled,
    RunFailed,
    RunFinished,
    StepFinished,
    StepStarted,
)
from engine.core.run import NOBODY, Run
from engine.core.types import Answer, ApprovalRequest, ChoiceRequest, Decision
from tui.cli.common import agent_of, complain, progress, say, say_json
from tui.cli.exit_codes import FAILED, INTERRUPTED, OK, REFUSED, UNREACHABLE, USAGE


def troubleshoot(args: argparse.Namespace) -> int:
    """Ask each question and print its answer; without a terminal every change is refused unless --approve-exact names it.

    Each question may refer to the ones before it. The exit code is that of the first that did not end well.
    """
    queries, attachment = list(args.query or ["-"]), ""
    if "-" in queries:
        piped = sys.stdin.read()
        queries = [piped if query == "-" else query for query in queries]
    elif not sys.stdin.isatty():
        attachment = _piped()
    queries = [query.strip() for query in queries]
    if not all(queries):
        complain('nothing was asked: use -q "why is checkout-api restarting?"')
        return USAGE
    worst = OK
    with agent_of(args) as agent:
        for number, query in enumerate(queries):
            run = agent.ask(query, pod=args.pod, attachment="" if number else attachment)
            try:
                code = follow(run, args)
            except KeyboardInterrupt:
                run.cancel("interrupted")
                run.wait(1.0)
                raise
            worst = worst or code
            if code in (INTERRUPTED, UNREACHABLE):
                break
    return worst


def _piped() -> str:
    """What was piped in beside -q, if it is a pipe or a file (a service's standard input may never end)."""
    import os
    import stat

    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return ""
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return ""
    import select

    ready, _, _ = select.select([sys.stdin], [], [], 0.05)
    return sys.stdin.buffer.read(4_000_000).decode("utf-8", "replace") if ready else ""


def follow(run: Run, args: argparse.Namespace) -> int:
    """Print a Run as it goes and its answer at the end; the exit code."""
    answer: Answer | None = None
    refused = False
    titles: dict[str, str] = {}
    code = FAILED
    for event in run.events():
        _tell(event, titles)
        if isinstance(event, AnswerFinished):
            answer = event.answer
        elif isinstance(event, ApprovalRequested):
            decision = _decide(event.request, args.approve_exact)
            refused = refused or decision.kind == "reject"
            run.answer(event.request.id, decision)
        elif isinstance(event, ChoiceRequested):
            picked = (choose_line(event.request, sys.stderr), "terminal") if _person_there() else ("", NOBODY)
            run.pick(event.request.id, picked[0], by=picked[1])
        elif isinstance(event, RunFinished):
            refused = refused or event.outcome == "refused"
            code = OK
        elif isinstance(event, RunCancelled):
            code = INTERRUPTED
        elif isinstance(event, RunFailed):
            complain(event.error)
            code = UNREACHABLE if event.what in ("cluster", "model") else FAILED
    run.wait(1.0)
    if answer is not None:
        if args.output == "json":
            say_json(answer.to_dict())
        else:
            say(answer.text)
    return REFUSED if code == OK and refused else code


def _decide(request: ApprovalRequest, approved: list[str]) -> Decision:
    """Approve what --approve-exact names word for word; on a terminal ask; otherwise no."""
    from engine.commands.approval.approval import is_exactly

    if any(is_exactly(text, request) for text in approved):
        return Decision("approve", typed=request.typed_name, by="--approve-exact")
    if _person_there():
        return ask_person(request, sys.stderr)
    complain(f"needs approval: {request.command}   (run it with --approve-exact {request.command!r})")
    return Decision("reject", reason="no terminal to ask on", by="no-terminal")


def _person_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def choose_line(request: ChoiceRequest, out: TextIO) -> str:
    """Show choices with numbers on a line terminal and read one; the chosen id, "" for anything that is no number of the list."""
    out.write(f"\n  {request.question}\n")
    for number, choice in enumerate(request.choices, 1):
        out.write(f"  {number}  {choice.label}" + (f"  ({choice.detail})" if choice.detail else "") + "\n")
    out.write("  number, or enter for none of them: ")
    out.flush()
    said = sys.stdin.readline().strip()
    return request.choices[int(said) - 1].id if said.isdecimal() and 1 <= int(said) <= len(request.choices) else ""


def ask_person(request: ApprovalRequest, out: TextIO) -> Decision:
    """Show a request on a line terminal and read the answer; anything but a typed yes (or the object's name) is no."""
    out.write(f"\n  {request.verdict.risk}: {request.verdict.reason}\n  {request.command}\n")
    where = f"namespace {request.namespace}" if request.namespace else "all namespaces"
    out.write(f"  where    context {request.context}, {where}\n")
    if request.touches_note:
        out.write(f"  touches  {request.touches_note}\n")
    if request.dry_run is not None:
        out.write(f"  dry run  {request.dry_run.text}\n")
        for line in request.dry_run.diff[:40]:
            out.write(f"    {line}\n")
    for line in request.manifest.splitlines():
        out.write(f"    {line}\n")
    if request.undo:
        out.write(f"  undo     {request.undo}\n")
    wanted = request.typed_name or "yes"
    out.write(f"  type {wanted} to approve, anything else rejects: ")
    out.flush()
    _forget_typed()
    said = sys.stdin.readline().strip()
    if said == wanted:
        return Decision("approve", typed=request.typed_name, by="terminal")
    return Decision("reject", reason=f"{wanted!r} was not typed", by="terminal")


def _forget_typed() -> None:
    """What was typed before the question was shown is no answer to it."""
    import termios

    try:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (termios.error, OSError, ValueError):  # no terminal
        pass


def _tell(event: Event, titles: dict[str, str]) -> None:
    match event:
        case StepStarted():
            titles[event.id] = event.title
        case StepFinished():
            progress(f"{'✓' if event.outcome == 'done' else '✗'} {titles.get(event.id, '')}  {event.detail}  {event.seconds:.1f} s")
        case FindingsFound():
            progress(f"{len(event.findings)} findings in {sum(event.scanned.values())} objects")
        case CommandStarted():
            progress(f"$ {event.command}")
        case Notice():
            complain(event.text)
