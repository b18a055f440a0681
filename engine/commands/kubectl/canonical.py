"""Whether two commands are the same call, however they are spelt: short names of kinds and flags, `kind/name`, the order of flags."""

from __future__ import annotations

from engine.commands.kubectl import touched_objects
from engine.commands.kubectl.call import PROGRAMS, read_call, verb_row
from engine.commands.parsing.lexer import Refused, Script

Key = tuple[object, ...]


def key(script: Script) -> Key:
    """The same value for every spelling of the same calls; what kubectl could not read keeps its own words."""
    return tuple((part.operator, tuple(_stage(stage.argv) for stage in part.stages)) for part in script.parts)


def _stage(argv: tuple[str, ...]) -> Key:
    if argv[0] not in PROGRAMS:
        return argv
    try:
        call = read_call(argv)
        row = verb_row(call.verb)
        objects = touched_objects.objects(call.verb, call.operands, str(row.get("operands", "")) if row else "")
    except Refused:
        return argv
    last = dict(call.parsed.flags)
    flags = tuple(sorted((name, value if value is not None else "true") for name, value in last.items()))
    named = tuple(sorted(objects)) if objects else call.operands
    return (call.program, call.verb, named, flags, call.parsed.tail or ())
