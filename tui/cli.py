"""The `k8sagent` command: full-screen by default, subcommands for scripts. Everything heavy is imported by the subcommand that needs it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

OK, FINDINGS, USAGE, UNREACHABLE, REFUSED, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is one of the constants above (a contract)."""
    words = sys.argv[1:] if argv is None else argv
    if words in (["--version"], ["-V"]):
        from engine import __version__

        sys.stdout.write(f"k8sagent {__version__}\n")
        return OK
    from tui.subcommands.parser import build

    parser = build()
    args = parser.parse_args(_with_default(words))
    try:
        return _dispatch(args)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        _close_quietly()
        return OK


def _with_default(words: list[str]) -> list[str]:
    """The full-screen session where no subcommand is named: `k8sagent`, `k8sagent --demo`, `k8sagent -n shop`."""
    from tui.subcommands.parser import VALUED

    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-h", "--help", "-V", "--version"):
            return words
        elif word in VALUED:
            skip = True
        elif not word.startswith("-"):
            return words
    return ["interactive", *words]


def _dispatch(args: argparse.Namespace) -> int:
    import importlib

    from engine.config import ConfigError

    module, function = args.run.split(":")
    try:
        code: int = getattr(importlib.import_module(f"tui.subcommands.{module}"), function)(args)
    except ConfigError as error:
        sys.stderr.write(f"k8sagent: {error}\n")
        return USAGE
    sys.stdout.flush()
    return code


def _close_quietly() -> None:
    """The reader went away: nothing more may be written, not even at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
