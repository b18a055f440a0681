"""`interactive` and `sessions resume`: the full-screen session."""

from __future__ import annotations

import argparse

from tui.cli import OK, USAGE
from tui.subcommands.common import complain, opening_of, settings_of


def interactive(args: argparse.Namespace) -> int:
    """The full-screen session; needs a terminal."""
    import os
    import sys

    from engine.agent import Agent
    from engine.session import SessionError

    if not args.plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        complain("the full-screen session needs a terminal; use `k8sagent interactive --plain`, or `k8sagent troubleshoot -q TEXT`")
        return USAGE
    settings = settings_of(args)
    try:
        agent = Agent(settings, opening_of(args), save=not args.no_save, session_id=args.resume)
    except SessionError as error:
        complain(str(error))
        return USAGE
    if args.plain or os.environ.get("TERM") == "dumb":
        from tui.plain import run_plain

        return run_plain(agent)
    from tui.app import K8sAgentApp

    app = K8sAgentApp(agent, settings)
    app.run(mouse=settings.ui.mouse)
    return app.return_code or OK


def resume(args: argparse.Namespace) -> int:
    """Go on with a saved session."""
    from engine.session import SessionError, SessionShelf, sessions_folder

    try:
        args.resume = SessionShelf(sessions_folder()).find(args.id).stem
    except SessionError as error:
        complain(str(error))
        return USAGE
    args.plain = False
    return interactive(args)
