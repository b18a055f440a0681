"""The `k8sagent` command: full-screen by default, subcommands for scripts. Everything heavy is imported by the subcommand that needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.cli.exit_codes import FAILED, INTERRUPTED, OK, USAGE, Terminated

if TYPE_CHECKING:
    import argparse


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is one of tui/cli/exit_codes.py (a contract)."""
    words = sys.argv[1:] if argv is None else argv
    return _guarded(_version if words in (["--version"], ["-V"]) else lambda: _run(words))


def _version() -> int:
    from engine import __version__

    sys.stdout.write(f"k8sagent {__version__}\n")
    return OK


def _run(words: list[str]) -> int:
    import os

    from tui.cli.parser import build, in_order

    parser = build()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may come next
        from tui.cli.settings.completion import complete

        complete(parser)
    return _dispatch(parser.parse_args(in_order(words)))


def _guarded(work: Callable[[], int]) -> int:
    """The exit code of the work, whatever becomes of it and of its output."""
    _mend_streams()
    try:
        try:
            return work()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        if isinstance(stop, Terminated):
            _die_by(stop.signum)
        sys.stderr.write("k8sagent: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        _close_quietly()
        return OK
    except OSError as error:
        _close_quietly()
        sys.stderr.write(f"k8sagent: {error.strerror or error}{f': {error.filename}' if error.filename else ''}\n")
        return FAILED
    except Exception as error:  # noqa: BLE001 — a defect is reported in one line that can be reported, not as a page of code
        _tell_defect(error)
        return FAILED


def _dispatch(args: argparse.Namespace) -> int:
    import importlib

    from engine.core.config import ConfigError

    if args.gentle or args.plain:
        _end_gently(interrupt=args.gentle)
    module, function = args.run.split(":")
    try:
        code: int = getattr(importlib.import_module(f"tui.cli.{module}"), function)(args)
    except ConfigError as error:
        sys.stderr.write(f"k8sagent: {error}\n")
        return USAGE
    return code


def _mend_streams() -> None:
    """Standard streams that were closed or speak a poor encoding must not be what a command dies of."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            import os

            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 — stays open to the end
        elif stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _end_gently(*, interrupt: bool) -> None:
    """Let one SIGTERM, SIGHUP or (if `interrupt`) ctrl+c unwind the command, so that it stops what it started; more do not disturb that."""
    import signal
    from types import FrameType

    ours = [signal.SIGTERM, signal.SIGHUP, *([signal.SIGINT] if interrupt else [])]

    def end(signum: int, _frame: FrameType | None) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if signum == signal.SIGINT else Terminated(signum)

    ours = [each for each in ours if signal.getsignal(each) is not signal.SIG_IGN]  # nohup and `&` in a script mean it
    for each in ours:
        signal.signal(each, end)


def _die_by(signum: int) -> None:
    import os
    import signal

    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _close_quietly() -> None:
    """The reader went away: nothing more may be written, not even at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_defect(error: Exception) -> None:
    import logging
    import traceback

    from engine.core.log import log_hint
    from engine.core.redaction.escapes import strip_escapes

    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    logging.getLogger("tui.cli").error("the command failed", exc_info=error)
    said = f"internal error: {type(error).__name__}: {error}{where}; please report it{log_hint()}"
    sys.stderr.write(f"k8sagent: {strip_escapes(said)}\n")
