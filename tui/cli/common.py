"""What the subcommands share: settings and agent from the flags, JSON and progress to the right stream."""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine import __version__
from engine.agent.agent import Agent
from engine.core.config import Settings, load
from engine.core.redaction.escapes import strip_escapes
from engine.session.connection import Opening

FLAGS = {
    "cluster.kubeconfig": "--kubeconfig",
    "cluster.context": "--context",
    "cluster.namespace": "--namespace",
    "model.name": "--model",
    "model.provider": "--no-llm",
    "session.save": "--no-save",
    "session.log_level": "--log-level",
}
"""Which flag sets which setting."""


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings in force for these flags; raises ConfigError."""
    return load(getattr(args, "config", None), flags=flags_of(args), flag_names=FLAGS)


def flags_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that flags give; None where a flag was not given."""
    return {
        "cluster.kubeconfig": getattr(args, "kubeconfig", None),
        "cluster.context": getattr(args, "context", None),
        "cluster.namespace": getattr(args, "namespace", None),
        "model.name": getattr(args, "model", None),
        "model.provider": "none" if getattr(args, "no_llm", False) else None,
        "session.save": False if getattr(args, "no_save", False) else None,
        "session.log_level": getattr(args, "log_level", None),
    }


def opening_of(args: argparse.Namespace) -> Opening:
    """Which cluster the flags name."""
    return Opening(snapshot=args.snapshot, demo=args.demo, writable=args.writable)


def new_agent(settings: Settings, args: argparse.Namespace, *, save: bool = True, session_id: str = "") -> Agent:
    """An agent that is not started, with its log begun where anything may be kept; raises SessionError for an unknown session."""
    agent = Agent(settings, opening_of(args), save=save, session_id=session_id)
    if save and settings.session.save:
        from engine.core.log import start_log
        from engine.core.paths import log_file

        start_log(log_file(), agent.redactor.text, settings.session.log_level)
        logging.getLogger("tui.cli").info("k8sagent %s begins, session %s", __version__, agent.session_id)
    return agent


@contextmanager
def agent_of(args: argparse.Namespace, *, save: bool = True, session_id: str = "") -> Iterator[Agent]:
    """A started agent with the settings of the flags, closed at the end whatever happens."""
    with agent_with(settings_of(args), args, save=save, session_id=session_id) as agent:
        yield agent


@contextmanager
def agent_with(
    settings: Settings, args: argparse.Namespace, *, save: bool = True, session_id: str = "", start: bool = True
) -> Iterator[Agent]:
    """The same with settings that are known already; `start=False` where neither cluster nor documentation nor model is needed."""
    agent = new_agent(settings, args, save=save, session_id=session_id)
    try:
        if start:
            agent.start()
        yield agent
    finally:
        agent.close()


_COLOURS = {"red": "31", "amber": "33", "green": "32", "blue": "34", "grey": "90", "bold": "1"}
_OURS = re.compile(rf"(\x1b\[(?:0|{'|'.join(_COLOURS.values())})m)")


def literal(text: str) -> str:
    """Text for a terminal: our colours stay, every other escape and control goes, since names, answers and errors come from outside."""
    return "".join(part if n % 2 else strip_escapes(part) for n, part in enumerate(_OURS.split(text)))


def say(text: str) -> None:
    """A line to standard output."""
    sys.stdout.write(literal(text).rstrip("\n") + "\n")


def say_json(value: Any) -> None:
    """One JSON document to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=None if isinstance(value, list) else 1) + "\n")


def complain(text: str) -> None:
    """A line to standard error."""
    sys.stderr.write(f"k8sagent: {literal(text).rstrip()}\n")


def progress(text: str) -> None:
    """A passing line to standard error, only where a person watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"  {literal(text)}\n")
        sys.stderr.flush()


def painted(text: str, colour: str) -> str:
    """Coloured where standard output is a terminal that wants colour; the words alone always suffice."""
    import os

    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"
