"""The fixed table of what is run on a host (probes.json): argv as data, each judged by the policy of host programs before it is used."""

from __future__ import annotations

import functools
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 6.0
"""How long one probe may take."""


class NotReadOnly(Exception):
    """A row of the table is not a plain read by the policy; nothing of the table is run then."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One command of the table: `key` names its reply, `shows` says in words what is lost without it, `root` whether only root sees it."""

    key: str
    argv: tuple[str, ...]
    shows: str
    root: bool = False
    seconds: float = SECONDS

    @property
    def command(self) -> str:
        """The argv as a line to show and to copy."""
        return shlex.join(self.argv)


@functools.cache
def probes() -> tuple[Probe, ...]:
    """Every probe in the table's order; raises `NotReadOnly` when the policy would not run one by itself."""
    rows: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("probes.json").read_text(encoding="utf-8"))
    return judged(tuple(Probe(key, tuple(shlex.split(row["argv"])), row["shows"], bool(row.get("root"))) for key, row in rows.items()))


def judged(table: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """The same probes, each a read by the policy as it ships; the settings of a person loosen nothing here."""
    from engine.commands.policy.policy import Policy

    policy = Policy()
    for probe in table:
        verdict = policy.judge_argv(probe.argv)
        if verdict.risk != "read":
            raise NotReadOnly(f"{probe.command} is not run on hosts: {verdict.reason}")
    return table
