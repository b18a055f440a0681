"""Judges what would run inside a container: `kubectl exec`, `run`, `debug` and `create job … -- COMMAND`.

It is a change at the least. Only programs of tables/container.json run; shells, environment dumps and secret files never do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from engine.commands.kubectl.call import Call, shown
from engine.commands.parsing.flags import read_getopt, read_words
from engine.commands.parsing.verdicts import at_least, refusal, row_flags, table
from engine.commands.policy import filters, host_programs
from engine.core.types import Risk

_FOLDERS = ("/bin/", "/usr/bin/", "/usr/local/bin/", "/sbin/", "/usr/sbin/")
_RUNS = "it runs a process in the container"


def judge_call(call: Call) -> tuple[Risk, str]:
    """The class of the command behind `--`, and why; raises `Refused` for what never runs in a container."""
    tail = call.parsed.tail
    if call.verb == "exec":
        if len(call.operands) != 1 or not tail:
            raise refusal("kubectl.exec", "Name one pod and put the command behind --: kubectl exec POD -- PROGRAM ARGUMENTS.")
        if call.parsed.on("stdin") and call.parsed.has("tty"):
            raise refusal("kubectl.exec", "It needs a terminal; run one command without -i and -t.")
    elif call.verb == "run" and len(call.operands) > 1:
        raise refusal("kubectl.run", "Put the command behind --: kubectl run NAME --image=IMAGE -- PROGRAM ARGUMENTS.")
    if not tail:
        return "mutate", ""
    return judge(tail)


def judge(argv: Sequence[str]) -> tuple[Risk, str]:
    """The class of one program with its arguments inside a container: its whole argv must be in the table."""
    rules = table("container")
    program = argv[0]
    folder = next((folder for folder in _FOLDERS if program.startswith(folder)), "")
    program = program.removeprefix(folder)
    if program in rules["forbidden"]:
        raise refusal(
            "container.program",
            f"{program!r} is never run in a container: {rules['forbidden'][program]}. Name one program with its arguments.",
        )
    row: dict[str, Any] | None = rules["programs"].get(program)
    if row is not None and "same" in row:
        row = rules["programs"][row["same"]]
    secret = next((word for word in _readable(argv[1:], row or {}) if re.search(rules["secret_paths"], word)), None)
    if secret is not None:
        raise refusal("container.secret", f"{secret!r} looks like a place of credentials, which are never read.")
    if program in rules["destructive"]:
        return "destructive", rules["destructive"][program]
    if program in rules["version_only"].split():
        if len(argv) != 2 or argv[1] not in rules["version_flags"].split():
            raise refusal("container.argument", f"{program} is run in a container only to ask for its version.")
    elif row is None:
        raise refusal(
            "container.program", f"{argv[0]!r} is in no table, so what it does is not known; allow it in [policy] if it is harmless."
        )
    elif "host" in row:
        verdict = host_programs.judge((row["host"], *argv[1:]))
        return at_least("mutate", verdict.risk), verdict.reason if verdict.risk != "read" else _RUNS
    elif "http" in row:
        _http(program, argv[1:])
    else:
        _whole(program, argv[1:], row)
    return "mutate", _RUNS


def _readable(words: Sequence[str], row: dict[str, Any]) -> Sequence[str]:
    """The words that could name a place of secrets: all but the client's own certificates."""
    flags = row.get("certificates", "").split()
    return [word for before, word in zip(("", *words), words, strict=False) if before not in flags and word.partition("=")[0] not in flags]


def _whole(program: str, words: Sequence[str], row: dict[str, Any]) -> None:
    """Raise `Refused` unless every word of the argv is as the row says."""
    if "filter" in row:
        own = filters.row_of(row["filter"])
        parsed = read_getopt(words, row_flags(own), program, digits=bool(own.get("digits")))
        least, most = (1 if own.get("pattern") and not parsed.has("-e", "--regexp") else 0), row.get("max", 16)
    else:
        parsed = read_words(words, row_flags(row), program) if row.get("style") == "words" else read_getopt(words, row_flags(row), program)
        least, most = row.get("words", row.get("paths", [0, 0]))
    operands = list(parsed.operands)
    if "commands" in row:
        said = " ".join(operands).lower()
        command = next((command for command in row["commands"] if f"{said} ".startswith(f"{command} ")), None)
        if command is None:
            raise refusal("container.argument", f"{program} is run in a container only with {', '.join(row['commands'])}.")
        operands = operands[len(command.split()) :]
        least, most = 0, len(operands) if all(word.lower() in row.get("info", ()) for word in operands) else 0
    if not least <= len(operands) <= most:
        raise refusal("container.argument", f"{program} is not run with {shown(' '.join(operands))} in a container.")
    if "require" in row and not parsed.has(*row["require"]):
        raise refusal("container.argument", f"{program} is run in a container only with {' or '.join(row['require'])}.")


def _http(program: str, words: Sequence[str]) -> None:
    rules = table("container")
    parsed = read_getopt(words, row_flags(rules["programs"][program]["http"]), program)
    for value in (*parsed.all("-w"), *parsed.all("--write-out")):
        if not re.fullmatch(table("files")["write_out"], value):
            raise refusal("container.argument", "curl's -w takes plain words and %{names} only.")
    if any(value not in ("-", "/dev/null") for flag in ("-o", "-O", "--output-document") for value in parsed.all(flag)):
        raise refusal("container.argument", f"{program} writes no file in the container; let it print.")
    address = re.compile(rf"(?:https?://)?{rules['http_hosts']}(?::\d{{1,5}})?(?P<path>/[A-Za-z0-9/_.?=&%-]*)?")
    for url in parsed.operands:
        match = address.fullmatch(url)
        if match is None:
            raise refusal(
                "container.network",
                f"{url!r} is not a service of this cluster; only these are asked from a container, by NAME.NAMESPACE.svc.",
            )
        if re.search(rules["http_refused"], match["path"] or ""):
            raise refusal("container.secret", f"{match['path']!r} can show credentials or the environment of the process.")
