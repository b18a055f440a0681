"""`interactive` and `sessions resume`: the full-screen session."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tui.cli.common import complain, new_agent, settings_of
from tui.cli.exit_codes import OK, USAGE, Terminated

if TYPE_CHECKING:
    from engine.agent.agent import Agent
    from tui.app.app import K8sAgentApp


def interactive(args: argparse.Namespace) -> int:
    """The full-screen session; needs a terminal."""
    import os
    import sys

    if not args.plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        complain("the full-screen session needs a terminal; use `k8sagent interactive --plain`, or `k8sagent troubleshoot -q TEXT`")
        return USAGE
    settings = settings_of(args)

    def agent() -> Agent:
        return new_agent(settings, args, save=not args.no_save, session_id=args.resume)

    if args.plain or os.environ.get("TERM") == "dumb":
        from engine.session.transcript import SessionError
        from tui.plain.session import run_plain

        try:
            return run_plain(agent())
        except SessionError as error:
            complain(str(error))
            return USAGE
    from tui.app.app import K8sAgentApp
    from tui.runtime.stderr_guard import drop_broken_mouse_reports, standard_error_kept
    from tui.runtime.terminal_check import few_colours

    drop_broken_mouse_reports()
    while True:
        app = K8sAgentApp(agent, settings, few_colours=few_colours())
        killed = _leave_when_killed(app)
        with standard_error_kept() as printed:
            app.run(mouse=settings.ui.mouse)
        if printed:
            complain("printed while the screen was open:\n  " + "\n  ".join(printed))
        if killed:
            raise Terminated(killed[0])
        if app.problem:
            complain(app.problem)
        if not app.wants_demo:
            return app.return_code or OK
        args.demo, args.snapshot, args.resume = True, None, ""
        args.context = args.namespace = None
        settings = settings_of(args)


def _leave_when_killed(app: K8sAgentApp) -> list[int]:
    """Let SIGTERM and SIGHUP close the session as ctrl+q does, so that commands end and the terminal is given back; which came."""
    import asyncio
    import signal
    from types import FrameType

    came: list[int] = []
    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]

    def leave(signum: int, _frame: FrameType | None) -> None:
        came.append(signum)
        for number in ours:
            signal.signal(number, signal.SIG_IGN)
        asyncio.get_running_loop().call_soon_threadsafe(app.exit)

    for number in ours:
        signal.signal(number, leave)
    return came


def resume(args: argparse.Namespace) -> int:
    """Go on with a saved session."""
    from engine.session.transcript import SavedSessions, SessionError, sessions_folder

    try:
        args.resume = SavedSessions(sessions_folder()).find(args.id).stem
    except SessionError as error:
        complain(str(error))
        return USAGE
    return interactive(args)
