"""What all judges share: how verdicts are made and compared, and how the tables are read."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from engine.commands.parsing.flags import Flag, Shape, Table
from engine.commands.parsing.lexer import Refused
from engine.core.types import RISKS, Risk, Verdict

_TABLES = Path(__file__).parents[1] / "tables"


@functools.cache
def table(name: str) -> dict[str, Any]:
    """A table of engine/commands/tables by its name without `.json`."""
    text = (_TABLES / f"{name}.json").read_text(encoding="utf-8")
    body: dict[str, Any] = json.loads(text)
    return body


def stricter(first: Verdict, second: Verdict) -> Verdict:
    """The stricter of two verdicts; the first one where they are equal."""
    return second if RISKS.index(second.risk) > RISKS.index(first.risk) else first


def at_least(risk: Risk, least: Risk) -> Risk:
    """The stricter of two classes."""
    return max(risk, least, key=RISKS.index)


def refusal(rule: str, reason: str) -> Refused:
    """A refusal to raise; its verdict is `forbidden`."""
    return Refused(rule, reason)


def short_flags(text: str, shape: Shape) -> dict[str, Flag]:
    """Flags of a table row: `-h --human` apart by blanks, each by the name it is written with."""
    return {written: Flag(written, shape) for written in text.split()}


def row_flags(row: dict[str, Any]) -> Table:
    """The flags of a row with `bool`, `value` and `optional` lists."""
    return {
        **short_flags(row.get("bool", ""), "bool"),
        **short_flags(row.get("value", ""), "value"),
        **short_flags(row.get("optional", ""), "optional"),
    }
