"""`sessions list|show|export`: saved sessions."""

from __future__ import annotations

import argparse
import time

from engine.contract import SessionEntry, SessionList, document
from engine.session import SessionError, SessionShelf, sessions_folder
from tui.cli import OK, USAGE
from tui.subcommands.common import complain, painted, say, say_json


def list_sessions(args: argparse.Namespace) -> int:
    """Newest first."""
    rows = SessionShelf(sessions_folder()).list()
    if args.output == "json":
        say_json(document(SessionList(tuple(SessionEntry(r.id, r.started, r.context, r.questions) for r in rows))))
        return OK
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started))
        say(f"{row.id}  {painted(when, 'grey')}  {row.context}  {row.questions[0] if row.questions else '(no question)'}")
    if not rows:
        say("no saved sessions yet")
    return OK


def show(args: argparse.Namespace) -> int:
    """Questions and answers of one session."""
    return _print(args.id, "json" if args.output == "json" else "text")


def export(args: argparse.Namespace) -> int:
    """One session in a format."""
    return _print(args.id, args.format)


def undo(args: argparse.Namespace) -> int:
    """The way back of the session's latest change, approved like any other command."""
    from tui.subcommands.ask import follow
    from tui.subcommands.common import agent_of

    try:
        id = SessionShelf(sessions_folder()).find(args.id).stem
    except SessionError as error:
        complain(str(error))
        return USAGE
    args.output = "text"
    with agent_of(args, session_id=id) as agent:
        agent.wait_for_cluster(20)
        return follow(agent.undo(), args)


def _print(id: str, format: str) -> int:
    try:
        shelf = SessionShelf(sessions_folder())
        say(shelf.export(shelf.find(id).stem, format))
    except SessionError as error:
        complain(str(error))
        return USAGE
    return OK
