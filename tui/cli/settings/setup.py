"""`setup`: does what can be done for a new user, and says what is left."""

from __future__ import annotations

import argparse
import sys

from engine.agent.first_run import Interaction, Step, install_completion, role, shell_of, steps
from engine.commands.execution.programs import find_kubectl
from engine.core.cancel import Cancelled, CancelToken
from engine.core.config import ConfigError, Settings, user_config_path
from engine.core.redaction.escapes import strip_escapes
from tui.cli.common import complain, painted, say, settings_of
from tui.cli.exit_codes import FAILED, INTERRUPTED, OK
from tui.cli.settings.completion import place_of, script

GLYPHS = {"done": ("✓", "green"), "there": ("✓", "green"), "left": ("→", "amber"), "failed": ("✗", "red")}


def setup(args: argparse.Namespace) -> int:
    """Config, kubectl, kubeconfig, model and completion, in that order; asks before it downloads or installs, unless --yes."""
    if args.print_role:
        say(role())
        return OK
    try:
        settings = settings_of(args)
    except ConfigError as error:
        complain(f"{error}; using the defaults")
        settings = Settings()
    interaction = Interaction(ask=lambda text: args.yes or _yes(text), progress=_progress, token=CancelToken())
    failed = False
    try:
        for step in steps(settings, user_config_path(), find_kubectl(settings.kubectl.path), interaction, _completion):
            _tell(step)
            failed = failed or step.outcome == "failed"
    except Cancelled:
        return INTERRUPTED
    say("")
    say("Look around in a recorded cluster:  k8sagent --demo")
    say("See what works:                     k8sagent health")
    say("Start:                              k8sagent")
    return FAILED if failed else OK


def _completion(interaction: Interaction) -> Step:
    shell = shell_of()
    return (
        install_completion(shell, place_of(shell), script(shell), interaction)
        if shell
        else install_completion("", user_config_path(), "", interaction)
    )


def _yes(text: str) -> bool:
    """A person's yes on a terminal; without one the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{text} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _progress(status: str, completed: int, total: int) -> None:
    if sys.stderr.isatty():
        share = f" {completed / 1e9:.1f} of {total / 1e9:.1f} GB ({100 * completed // total}%)" if total else ""
        sys.stderr.write(f"\r\x1b[K  {strip_escapes(status)[:40]}{share}")
        sys.stderr.flush()


def _tell(step: Step) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
    glyph, colour = GLYPHS[step.outcome]
    say(f"{painted(glyph, colour)} {step.name:12} {step.detail}")
    if step.next:
        say(f"               {step.next}")
