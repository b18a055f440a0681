"""How a verdict came about, for a person: how the text was read, which row of which table it met, and the rule that decided."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from engine.commands.kubectl.call import read_call, verb_row
from engine.commands.parsing.lexer import Refused
from engine.commands.parsing.verdicts import table
from engine.commands.policy import filters, host_programs
from engine.commands.policy.policy import Policy


def explain(policy: Policy, text: str) -> tuple[str, ...]:
    """Lines of the explanation: the parse of every stage with its table row, then the verdicts and the rule."""
    judgement = policy.judge(text)
    lines: list[str] = []
    for number, part in enumerate(judgement.script.parts if judgement.script else (), 1):
        joined = f" after {part.operator}" if part.operator else ""
        for position, stage in enumerate(part.stages, 1):
            lines.append(f"{number}.{position} read as{joined}: {shlex.join(stage.argv)}")
            lines += [f"    {line}" for line in _row(stage.argv)]
    return (*lines, *judgement.explain)


def _row(argv: Sequence[str]) -> list[str]:
    program = argv[0]
    if program in ("kubectl", "oc"):
        return _kubectl(argv)
    if filters.known(program):
        return [f"row filters.{program}: {_short(filters.row_of(program))}"]
    if host_programs.known(program):
        row: Mapping[str, Any] = table("host")[program]
        if "same" in row:
            program = row["same"]
            row = table("host")[program]
        words = " ".join(argv[1:])
        commands: Mapping[str, Any] = row.get("commands", {})
        named = max((name for name in commands if name and f" {words} ".find(f" {name} ") >= 0), key=len, default="")
        return [f"row host.{program}{'.' + named if named else ''}: {_short(commands[named] if named else row)}"]
    return ["row: none, so it is not run"]


def _kubectl(argv: Sequence[str]) -> list[str]:
    try:
        call = read_call(argv)
    except Refused as refused:
        return [f"not read as a kubectl command: {refused.reason}"]
    flags = [f"--{name}" + (f"={value}" if value is not None else "") for name, value in call.parsed.flags]
    lines = [f"verb {call.verb!r}, flags {' '.join(flags) or 'none'}, operands {shlex.join(call.operands) or 'none'}"]
    if call.parsed.tail is not None:
        lines.append(f"behind --: {shlex.join(call.parsed.tail)}")
    row = verb_row(call.verb)
    never = table("kubectl_rules")["forbidden_verbs"].get(call.verb)
    lines.append(f"row kubectl.{call.verb}: {_short(row)}" if row is not None else f"row: never run, {never or 'it is in no table'}")
    return lines


def _short(row: Mapping[str, Any]) -> str:
    text = json.dumps(dict(row))
    return text if len(text) <= 300 else text[:297] + "..."
