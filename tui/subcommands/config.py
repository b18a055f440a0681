"""`config show|path|init`: the settings in force, and the user's own file."""

from __future__ import annotations

import argparse

from engine.config import user_config_path
from engine.contract import SettingList, SettingRow, document
from tui.cli import FAILED, OK
from tui.subcommands.common import complain, painted, say, say_json, settings_of


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
    """Where the user's own settings stand."""
    say(str(user_config_path()))
    return OK


def init(args: argparse.Namespace) -> int:
    """Write the commented file where none is."""
    from engine.resources import resource_path

    target = user_config_path()
    if target.exists():
        complain(f"{target} is already there; edit it, or move it away first")
        return FAILED
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.write_bytes(resource_path("defaults").read_bytes())
    target.chmod(0o600)
    say(f"wrote {target}")
    return OK
