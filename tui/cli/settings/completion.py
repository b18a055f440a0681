"""`completion`: what bash, zsh and fish need to complete commands, flags, contexts, namespaces, objects and sessions."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.common import complain, say
from tui.cli.exit_codes import OK, USAGE

if TYPE_CHECKING:
    from engine.session.connection import Opening

SHELLS = ("bash", "zsh", "fish")
CLUSTER_SECONDS = 2.0
"""How long a press of tab may wait for a cluster."""

Completer = Callable[..., Iterable[str]]


def show(args: argparse.Namespace) -> int:
    """Print the script of one shell, by default of the person's own."""
    shell = args.shell or Path(os.environ.get("SHELL", "")).name
    if shell not in SHELLS:
        complain(f"name a shell: {', '.join(SHELLS)}")
        return USAGE
    say(script(shell))
    return OK


def script(shell: str) -> str:
    """The lines that a shell reads."""
    from argcomplete.shell_integration import shellcode

    return str(shellcode(["k8sagent"], shell=shell)).strip() + "\n"


def place_of(shell: str) -> Path:
    """Where a shell looks for the script by itself (zsh only with that folder in its `fpath`)."""
    home = Path(os.environ.get("HOME") or "~").expanduser()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / "k8sagent",
        "zsh": data / "zsh" / "site-functions" / "_k8sagent",
        "fish": config / "fish" / "completions" / "k8sagent.fish",
    }[shell]


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may come next, and end the process."""
    from argcomplete import autocomplete
    from argcomplete.completers import FilesCompleter

    _teach(parser)
    autocomplete(parser, default_completer=FilesCompleter())


def _teach(parser: argparse.ArgumentParser) -> None:
    """Give each argument of the whole tree what it can be completed with."""
    words: dict[str, Completer] = {
        "context": _contexts,
        "namespace": _namespaces,
        "id": _sessions,
        "session": _sessions,
        "resume": _sessions,
        "object": _objects,
        "name": _schemas,
        "only": _specialities,
        "contexts": _contexts,
    }
    typed = ("query", "text", "approve_exact", "pod", "model", "limit", "tail")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                _teach(child)
        elif action.dest in words:
            action.completer = _printable(words[action.dest])  # type: ignore[attr-defined]
        elif action.dest in typed:
            action.completer = _nothing  # type: ignore[attr-defined]


def _printable(completer: Completer) -> Completer:
    """The same without names that hold control characters: a shell would show them, and split its list at some of them."""

    def complete(**known: object) -> list[str]:
        return [name for name in completer(**known) if name.isprintable()]

    return complete


def _nothing(**_: object) -> list[str]:
    return []


def _contexts(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from engine.cluster.source import ClusterError
    from engine.session.connection import contexts

    try:
        return [context.name for context in contexts(_opening(parsed_args), getattr(parsed_args, "kubeconfig", None) or "")]
    except ClusterError:
        return []


def _namespaces(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    return _names("namespaces", parsed_args, "")


def _objects(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from engine.cluster.kinds import KINDS, RESOURCE_OF_KIND

    word, slash, _name = prefix.partition("/")
    kind = KINDS.get(word.lower())
    if not slash:
        return sorted(f"{each}/" for each, known in KINDS.items() if known.kind in RESOURCE_OF_KIND)
    if kind is None or kind.kind not in RESOURCE_OF_KIND:
        return []
    namespace = "" if getattr(parsed_args, "all_namespaces", False) else getattr(parsed_args, "namespace", None) or ""
    return [f"{word}/{name}" for name in _names(RESOURCE_OF_KIND[kind.kind], parsed_args, namespace)]


def _names(resource: str, args: argparse.Namespace, namespace: str) -> list[str]:
    """Names of one resource, as the cluster that the line names gives them within a moment; nothing where it does not."""
    from engine.cluster.source import ClusterError
    from engine.session.connection import connect

    try:
        connection = connect(
            _opening(args),
            context=getattr(args, "context", None) or "",
            kubeconfig=getattr(args, "kubeconfig", None) or "",
            timeout=CLUSTER_SECONDS,
        )
        try:
            found = connection.source.list(resource, namespace or None)
            return sorted({str(item.get("metadata", {}).get("name", "")) for item in found} - {""})
        finally:
            connection.close()
    except ClusterError:
        return []


def _opening(args: argparse.Namespace) -> Opening:
    from engine.session.connection import Opening

    return Opening(snapshot=getattr(args, "snapshot", None), demo=bool(getattr(args, "demo", False)))


def _sessions(**_: object) -> list[str]:
    from engine.session.transcript import sessions_folder

    folder = sessions_folder()
    return sorted((path.stem for path in folder.glob("*.jsonl")), reverse=True)[:50] if folder.is_dir() else []


def _schemas(**_: object) -> Iterable[str]:
    from engine.agent.json_documents import NAMES

    return NAMES


def _specialities(**_: object) -> Iterable[str]:
    from engine.analyzers.registry import SPECIALITIES

    return SPECIALITIES
