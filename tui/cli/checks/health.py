"""`health`: check what works and how to fix what does not."""

from __future__ import annotations

import argparse
import os

from engine.agent.json_documents import HealthReport, HealthRow, document
from engine.agent.self_check import Check
from engine.core.config import ConfigError, load
from tui.cli.common import FLAGS, agent_with, flags_of, painted, say, say_json, settings_of
from tui.cli.exit_codes import FINDINGS, OK, UNREACHABLE
from tui.runtime.terminal_check import terminal_check


def health(args: argparse.Namespace) -> int:
    """One line a check; exit 1 when a needed one fails, 3 when it is the cluster."""
    broken: Check | None = None
    try:
        settings = settings_of(args)
    except ConfigError as error:  # the rest is looked at with the defaults, so that one typing error does not hide the others
        broken = Check("config", False, str(error), "correct the line, or overwrite the file: k8sagent config init --force")
        env = {name: value for name, value in os.environ.items() if not name.startswith("K8SAGENT_")}
        settings = load(env={**env, "XDG_CONFIG_HOME": os.devnull}, flags=flags_of(args), flag_names=FLAGS)
    with agent_with(settings, args, save=False) as agent:
        checks = [*agent.health(), terminal_check()]
    if broken is not None:
        checks = [broken if check.name == "config" else check for check in checks]
    if args.output == "json":
        say_json(document(HealthReport(tuple(HealthRow(c.name, c.ok, c.detail, c.fix) for c in checks))))
    else:
        for check in checks:
            tell(check)
    bad = [check for check in checks if check.needed and not check.ok]
    if any(check.name == "cluster" for check in bad):
        return UNREACHABLE
    return FINDINGS if bad else OK


def tell(check: Check) -> None:
    """One check for a person, with what to do below it."""
    glyph = painted("✓", "green") if check.ok else painted("✗" if check.needed else "!", "red" if check.needed else "amber")
    say(f"{glyph} {check.name:12} {check.detail}")
    if check.fix and not check.ok:
        say(f"               {painted('→ ' + check.fix, 'blue')}")
