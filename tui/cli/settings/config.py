"""`config show|path|init`: the settings in force, and the user's own file."""

from __future__ import annotations

import argparse

from engine.agent.json_documents import SettingList, SettingRow, document
from engine.core.config import user_config_path
from tui.cli.common import complain, painted, say, say_json, settings_of
from tui.cli.exit_codes import FAILED, OK


def show(args: argparse.Namespace) -> int:
    """Every setting with its origin."""
    rows = settings_of(args).rows()
    if args.output == "json":
        say_json(document(SettingList(tuple(SettingRow(*row) for row in rows))))
        return OK
    for name, value, origin in rows:
        shown = list(value) if isinstance(value, tuple) else value
        say(f"{name} = {shown!r}" + painted(f"   {origin}", "grey"))
    return OK


def path(args: argparse.Namespace) -> int:
    """Where the user's own settings are."""
    say(str(user_config_path()))
    return OK


def init(args: argparse.Namespace) -> int:
    """Write the commented file where none is; with --force also where one is, which stays beside it."""
    target = user_config_path()
    if target.exists() and not args.force:
        complain(f"{target} already exists; edit it, or overwrite it with --force (the old one is kept as {target.name}.bak)")
        return FAILED
    from engine.agent.first_run import write_defaults

    write_defaults(target)
    say(f"wrote {target}")
    return OK
