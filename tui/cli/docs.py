"""`docs search|list|index|show|draft`: the documentation."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from engine.agent.documentation import Documentation, Snippet
from engine.agent.json_documents import DocumentList, DocumentRow, IndexReport, PassageList, PassageRow, document
from engine.llm.servers.embedding import OllamaEmbedding
from engine.session.incidents import incidents_folder
from index.passage import Passage
from tui.cli.common import complain, painted, progress, say, say_json, settings_of
from tui.cli.exit_codes import FAILED, FINDINGS, OK, USAGE

COMMANDS = 3


@contextmanager
def _desk(args: argparse.Namespace) -> Iterator[Documentation]:
    settings = settings_of(args)
    embedding = OllamaEmbedding(settings)
    desk = Documentation(settings.index.docs, incidents=incidents_folder(), embedder=embedding.embedder)
    desk.open()
    told = desk.problems
    try:
        for problem in told:
            complain(problem)
        yield desk
        for problem in desk.problems:
            if problem not in told:
                complain(problem)
    finally:
        embedding.close()
        desk.close()


def search(args: argparse.Namespace) -> int:
    """Passages for a text, best first."""
    question = " ".join(args.text)
    with _desk(args) as desk:
        found = desk.search(question, limit=args.limit)
        past = desk.past(question, limit=2) if args.output == "text" else []
    if args.output == "json":
        say_json(document(PassageList(tuple(PassageRow.of(p) for p in found))))
        return OK
    for passage in found:
        _tell(passage, desk.snippet(passage, question))
    if past:
        say(painted("past incidents", "bold"))
    for passage in past:
        say(f"{painted(passage.path, 'blue')}  {passage.heading[0]}")
    if not found and not past:
        say("no results; try other words, or `k8sagent docs list`")
    return OK


def _tell(passage: Passage, snippet: Snippet) -> None:
    """Where it is, the matching lines with the words marked, and the commands in it."""
    say(f"{painted(passage.citation, 'blue')}  {painted(f'{passage.score:.2f}', 'grey')}")
    text, at = "", 0
    for first, after in snippet.matched:
        text += snippet.text[at:first] + painted(snippet.text[first:after], "bold")
        at = after
    for line in (text + snippet.text[at:]).splitlines():
        say(f"    {line}")
    fresh = [command for command in snippet.commands if command not in snippet.text]
    for command in fresh[:COMMANDS]:
        say(f"    {painted('$', 'grey')} {command}")
    if len(fresh) > COMMANDS:
        say(f"    {painted(f'… {len(fresh) - COMMANDS} more: k8sagent docs show {passage.path}', 'grey')}")


def list_documents(args: argparse.Namespace) -> int:
    """Every document."""
    with _desk(args) as desk:
        rows = desk.list()
    if args.output == "json":
        say_json(document(DocumentList(tuple(DocumentRow(r.path, r.title, r.corpus, r.chunks) for r in rows))))
    else:
        for row in rows:
            say(f"{row.path}  {row.title}  {painted(row.corpus, 'grey')}")
    return OK


def index(args: argparse.Namespace) -> int:
    """Take in every change now."""
    with _desk(args) as desk:
        count = desk.rebuild(lambda done, total: progress(f"{done}/{total} documents"))
        desk.embed()
        problems = desk.problems
    if args.output == "json":
        say_json(document(IndexReport(count, tuple(problems))))
    else:
        say(f"{count} documents indexed in {desk.cache}")
    return FINDINGS if problems else OK if count else FAILED


def draft(args: argparse.Namespace) -> int:
    """Print a runbook drafted from the newest diagnosis of a saved session."""
    from engine.flows.tiers.runbook_draft import draft as drafted
    from engine.session.incidents import of_events
    from engine.session.transcript import SavedSessions, SessionError, read, sessions_folder

    try:
        incident = of_events(read(SavedSessions(sessions_folder()).find(args.session)))
    except SessionError as error:
        complain(str(error))
        return USAGE
    if incident is None or not incident.answer.root_causes:
        complain(f"session {args.session} has no root cause to draft from")
        return FAILED
    with _desk(args) as desk:
        say(drafted(incident, desk.read))
    return OK


def show(args: argparse.Namespace) -> int:
    """Print a document."""
    with _desk(args) as desk:
        try:
            say(desk.show(args.path))
        except (LookupError, OSError) as error:
            complain(str(error))
            return USAGE
    return OK
