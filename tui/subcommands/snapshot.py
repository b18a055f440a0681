"""`snapshot info|serve`: recorded clusters."""

from __future__ import annotations

import argparse
import signal
import threading

from engine.cluster.connect import Opening, connect
from engine.cluster.source import ClusterError
from tui.cli import FAILED, OK
from tui.subcommands.common import complain, say, say_json


def info(args: argparse.Namespace) -> int:
    """What a recording holds and lacks."""
    from engine.cluster.snapshot import info as describe_recording

    try:
        found = describe_recording(args.path)
    except ClusterError as error:
        complain(str(error))
        return FAILED
    if args.output == "json":
        say_json(found.to_dict())
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
        import sys

        sys.stdout.flush()
        complain(f"serving {connection.source.title}; try: KUBECONFIG={path} kubectl get pods -A   (ctrl+c ends it)")
        stop.wait()
    finally:
        connection.close()
    return OK
