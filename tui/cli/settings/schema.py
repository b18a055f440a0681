"""`schema`: the published JSON Schemas of what other commands print."""

from __future__ import annotations

import argparse

from engine.agent.json_documents import NAMES, printed_by, schema
from tui.cli.common import complain, say, say_json
from tui.cli.exit_codes import OK, USAGE


def show(args: argparse.Namespace) -> int:
    """One schema, or the names of all."""
    if not args.name:
        for name in NAMES:
            say(f"{name:12} {printed_by(name)}")
        return OK
    if args.name not in NAMES:
        complain(f"there is no schema {args.name!r}; there are {', '.join(NAMES)}")
        return USAGE
    say_json(schema(args.name))
    return OK
