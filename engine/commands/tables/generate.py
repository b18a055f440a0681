"""Writes kubectl.json: every command of kubectl with its flags, read from the help texts of the kubectl programs given.

usage: python -m engine.commands.tables.generate KUBECTL [KUBECTL…]

The tables of several versions are united; a flag whose shape differs between them stops the run, since it could not be
parsed exactly. A flag is `bool` (`--a`, `--a=false`), `value` (`--a v`, `--a=v`) or `optional` (`--a`, `--a=v`, never `--a v`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

TARGET = Path(__file__).with_name("kubectl.json")
FLAG = re.compile(r"^ {4}(?:-(?P<short>\w), )?--(?P<name>[\w-]+)=(?P<default>.*?):(?:\n|$)", re.MULTILINE)
BARE = re.compile(r"^ {4}(?:-(?P<short>\w), )?--(?P<name>[\w-]+):\s*$", re.MULTILINE)
SUBCOMMAND = re.compile(r"^ {2}(?P<name>[a-z][a-z-]*) {2,}\S", re.MULTILINE)
QUIET = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "KUBECONFIG": "/dev/null", "KUBECTL_KUBERC": "false", "KUBERC": "off"}

Flags = dict[str, dict[str, str]]


def run(kubectl: str, *arguments: str) -> str:
    """Help or error text of one call; never talks to a cluster, since --help is always among the arguments."""
    done = subprocess.run(
        [kubectl, *arguments], capture_output=True, text=True, env=QUIET, stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    return done.stdout + done.stderr


def section(text: str, *titles: str) -> str:
    """The indented lines below the headings whose last word is one of the titles."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line and not line[0].isspace():
            inside = any(title in line for title in titles) and line.endswith(":")
        elif inside:
            kept.append(line)
    return "\n".join(kept) + "\n"


def flags_of(kubectl: str, path: tuple[str, ...], text: str, known: Flags) -> Flags:
    """The flags of one help text; flags already known are passed over."""
    found: Flags = {}
    for match in [*FLAG.finditer(text), *BARE.finditer(text)]:
        name = match["name"]
        if name in known:
            continue
        default = match.groupdict().get("default")
        if default in ("true", "false"):
            shape = "bool"
        else:
            error = run(kubectl, *path, "--help", f"--{name}")
            shape = "value" if "flag needs an argument" in error else "optional"
        found[name] = {"shape": shape} | ({"short": match["short"]} if match["short"] else {})
    return found


def tree(kubectl: str, path: tuple[str, ...], global_flags: Flags) -> dict[str, Flags]:
    """All commands from `path` downwards with their own flags, keyed by their words."""
    text = run(kubectl, *path, "--help")
    commands: dict[str, Flags] = {}
    names = SUBCOMMAND.findall(section(text, "Commands", "Subcommands"))
    if path:
        commands[" ".join(path)] = flags_of(kubectl, path, section(text, "Options"), global_flags)
    for name in names:
        if len(path) < 3:
            commands.update(tree(kubectl, (*path, name), global_flags))
    return commands


def build(kubectls: list[str]) -> dict[str, object]:
    """The united table of all programs given."""
    versions: list[str] = []
    global_flags: Flags = {}
    commands: dict[str, Flags] = {}
    for kubectl in kubectls:
        version = json.loads(run(kubectl, "version", "--client", "-o", "json"))["clientVersion"]["gitVersion"]
        versions.append(version)
        theirs = flags_of(kubectl, (), run(kubectl, "options"), {})
        unite(global_flags, theirs, "options")
        for words, flags in tree(kubectl, (), theirs).items():
            unite(commands.setdefault(words, {}), flags, words)
    return {"versions": versions, "global": dict(sorted(global_flags.items())), "commands": dict(sorted(commands.items()))}


def unite(ours: Flags, theirs: Flags, where: str) -> None:
    """Add flags; a flag that takes its value differently, or a short form that means another flag, is an error."""
    for name, flag in theirs.items():
        mine = ours.setdefault(name, flag)
        if mine["shape"] != flag["shape"]:
            raise SystemExit(f"{where}: --{name} is {mine} in one version and {flag} in another")
        mine.update(flag)
    shorts: dict[str, str] = {}
    for name, flag in ours.items():
        if "short" in flag and shorts.setdefault(flag["short"], name) != name:
            raise SystemExit(f"{where}: -{flag['short']} is --{name} in one version and --{shorts[flag['short']]} in another")


def main() -> None:
    """Write the table beside this file."""
    table = build(sys.argv[1:])
    TARGET.write_text(json.dumps(table, separators=(",", ":")).replace('},"', '},\n"') + "\n", encoding="utf-8")
    sys.stdout.write(f"{TARGET}: kubectl {', '.join(map(str, table['versions']))}\n")  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
