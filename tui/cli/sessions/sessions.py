"""`sessions list|show|export`: saved sessions."""

from __future__ import annotations

import argparse
import time

from engine.agent.json_documents import SessionEntry, SessionList, document
from engine.session.transcript import SavedSessions, SessionError, sessions_folder
from tui.cli.common import complain, painted, say, say_json, settings_of
from tui.cli.exit_codes import OK, USAGE


def list_sessions(args: argparse.Namespace) -> int:
    """Newest first."""
    rows = SavedSessions(sessions_folder()).list()
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
    from tui.cli.common import agent_of
    from tui.cli.questions.troubleshoot import follow

    try:
        id = SavedSessions(sessions_folder()).find(args.id).stem
    except SessionError as error:
        complain(str(error))
        return USAGE
    args.output = "text"
    if not (args.demo or args.snapshot or args.context):
        args.context = next((row.context for row in SavedSessions(sessions_folder()).list() if row.id == id), "") or None
        if args.context and not _is_live(args):
            complain(
                f"session {id} worked on {args.context}, which is no context of your kubeconfig; name its place: --context, --snapshot"
            )
            return USAGE
    with agent_of(args, session_id=id) as agent:
        agent.wait_for_cluster(20)
        return follow(agent.undo(), args)


def _print(id: str, format: str) -> int:
    try:
        shelf = SavedSessions(sessions_folder())
        say(shelf.export(shelf.find(id).stem, format))
    except SessionError as error:
        complain(str(error))
        return USAGE
    return OK


def _is_live(args: argparse.Namespace) -> bool:
    """Whether the context is one of the kubeconfig; True too where that cannot be read, since opening it will tell why."""
    from engine.cluster.source import ClusterError
    from engine.session.connection import Opening, contexts

    try:
        return args.context in {context.name for context in contexts(Opening(), settings_of(args).cluster.kubeconfig)}
    except ClusterError:
        return True
