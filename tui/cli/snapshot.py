"""`snapshot record|info|serve`: recorded clusters."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from engine.cluster.source import ClusterError
from engine.core.redaction.escapes import strip_escapes
from engine.session.connection import Opening, connect
from tui.cli.common import complain, opening_of, say, say_json, settings_of
from tui.cli.exit_codes import FAILED, OK


def record(args: argparse.Namespace) -> int:
    """Record a cluster into a folder or an archive."""
    from engine.cluster.recordings.recorder import CannotRecord, Limits
    from engine.cluster.recordings.recorder import record as write
    from engine.core.cancel import Cancelled, CancelToken
    from tui.cli.exit_codes import INTERRUPTED, UNREACHABLE, USAGE

    settings = settings_of(args)
    token = CancelToken()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
            signal.signal(number, lambda *_: token.cancel("interrupted"))
    namespaces = [name for name in (args.namespace or "").split(",") if name]
    if namespaces and args.all_namespaces:
        complain("give either -n or -A")
        return USAGE
    try:
        connection = connect(opening_of(args), context=settings.cluster.context, kubeconfig=settings.cluster.kubeconfig)
    except ClusterError as error:
        complain(str(error))
        return UNREACHABLE
    try:
        tail, most = args.tail if args.tail > 0 else None, args.log_megabytes * 1024 * 1024
        limits = Limits(logs=not args.no_logs, tail=tail, since_seconds=args.since, log_bytes=most)
        made = write(connection.source, args.path, namespaces=namespaces or None, limits=limits, progress=passing, cancel=token)
    except Cancelled:
        complain("interrupted; nothing was written")
        return INTERRUPTED
    except CannotRecord as error:
        complain(str(error))
        return FAILED
    except ClusterError as error:
        complain(str(error))
        return UNREACHABLE
    finally:
        passing("", 0, 0)
        connection.close()
    say(str(made.path))
    complain(f"{made.objects} objects of {made.lists} resources and {made.logs} logs; {made.redactions} secrets were removed")
    for sentence in made.refused:
        complain(f"not recorded: {sentence}")
    return OK


def passing(what: str, done: int, total: int) -> None:
    """One line of progress that gives way to the next; an empty one clears it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K  {strip_escapes(what)[:60]} {done}/{total}" if what else "\r\x1b[K")
        sys.stderr.flush()


def info(args: argparse.Namespace) -> int:
    """What a recording holds and lacks."""
    from engine.agent.json_documents import document
    from engine.cluster.recordings.coverage import inventory

    try:
        found = inventory(args.path)
    except ClusterError as error:
        complain(str(error))
        return FAILED
    if args.output == "json":
        say_json(document(found))
    else:
        for line in found.lines():
            say(line)
    return OK


def serve(args: argparse.Namespace) -> int:
    """Serve a recording to kubectl until interrupted."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        connection = connect(Opening(snapshot=args.path, demo=args.path is None, writable=args.writable))
    except ClusterError as error:
        complain(str(error))
        return FAILED
    try:
        path = connection.kubeconfig()
        say(str(path))
        sys.stdout.flush()
        complain(f"serving {connection.source.title}; try: KUBECONFIG={path} kubectl get pods -A   (press ctrl+c to stop)")
        stop.wait()
    finally:
        connection.close()
    return OK
