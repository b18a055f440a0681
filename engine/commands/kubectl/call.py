"""A kubectl argv read as kubectl reads it: the verb, its flags by the table of that verb, its operands."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.commands.parsing.flags import Flag, Parsed, Table, read_pflag
from engine.commands.parsing.verdicts import refusal, table


@dataclass(frozen=True, slots=True)
class Call:
    """One kubectl command, read: its verb's words, where the verb ends in argv, and its flags and operands."""

    verb: str
    parsed: Parsed
    before: Parsed

    @property
    def operands(self) -> tuple[str, ...]:
        return self.parsed.operands

    def last(self, name: str) -> str | None:
        """The value of a flag that counts, wherever it stands."""
        after = self.parsed.last(name)
        return after if after is not None else self.before.last(name)


@functools.cache
def flag_table(verb: str) -> Table:
    """Every flag that kubectl knows for a verb ("" for those of all verbs), by the way it is written."""
    data = table("kubectl")
    rows: dict[str, dict[str, str]] = dict(data["global"])
    rows.update(data["commands"].get(verb, {}))
    older: Mapping[str, str] = table("kubectl_rules")["older_flags"].get(verb, {})
    rows.update({name: {"shape": shape} for name, shape in older.items() if name not in rows})
    flags: dict[str, Flag] = {"--help": Flag("help", "bool"), "-h": Flag("help", "bool")}
    for name, row in rows.items():
        flag = Flag(name, row["shape"])  # type: ignore[arg-type]
        flags[f"--{name}"] = flag
        if "short" in row:
            flags[f"-{row['short']}"] = flag
    return flags


@functools.cache
def accepted_flags(verb: str) -> frozenset[str]:
    """Names of the flags that a verb of the rules' table may have."""
    rules = table("kubectl_rules")
    row = rules["verbs"][verb]
    words = f"{rules['global']} {row['flags']}".replace("$print", rules["print"]).replace("$write", rules["write"])
    return frozenset(words.split())


def verb_row(verb: str) -> Mapping[str, Any] | None:
    """The rules' row of a verb, or None for one that never runs."""
    found: Mapping[str, Any] | None = table("kubectl_rules")["verbs"].get(verb)
    return found


def read_call(argv: Sequence[str]) -> Call:
    """The call that kubectl would make of this argv; raises `Refused` for an unknown verb or flag.

    Before the verb kubectl takes only the flags of all verbs, so only these are read there.
    """
    rules = table("kubectl_rules")
    known = {*table("kubectl")["commands"], *rules["verbs"], *rules["forbidden_verbs"], *rules["aliases"]}
    words: list[str] = []
    rest = list(argv[1:])
    before: list[str] = []
    while rest:
        word = rest[0]
        if word == "--":
            break
        if word.startswith("-"):
            if words and " ".join(words) in leaves():
                break
            taken = _global_flag(rest, words)
            if taken == 0:
                break
            before += rest[:taken]
            rest = rest[taken:]
            continue
        candidate = " ".join([*words, word])
        candidate = rules["aliases"].get(candidate, candidate)
        if candidate not in known and words:
            break
        if candidate not in known:
            raise refusal("kubectl.verb", f"kubectl has no command {shown(word)} here; plugins and aliases are not run.")
        words = candidate.split()
        rest.pop(0)
    verb = " ".join(words)
    if not verb and rest:
        raise refusal("kubectl.verb", "There is no verb in front of `--`.")
    if not verb:
        return Call("help", Parsed((), ()), read_pflag(before, flag_table(""), "kubectl"))
    return Call(verb, read_pflag(rest, flag_table(verb), f"kubectl {verb}"), read_pflag(before, flag_table(""), "kubectl"))


@functools.cache
def leaves() -> frozenset[str]:
    """Verbs that have no second word, so that a flag behind them is their own."""
    commands = table("kubectl")["commands"]
    return frozenset(name for name in commands if not any(other.startswith(f"{name} ") for other in commands))


def _global_flag(rest: Sequence[str], words: Sequence[str]) -> int:
    """How many words a flag of all verbs takes at this place; 0 when it is none and a verb's own flags may begin."""
    word = rest[0]
    flags = flag_table("")
    name = word.split("=", 1)[0] if word.startswith("--") else word[:2]
    flag = flags.get(name)
    if flag is None:
        if words:
            return 0
        raise refusal("kubectl.flag-place", f"kubectl reads only global flags before the verb; write {shown(word)} behind it.")
    if flag.shape != "value" or "=" in word or (not word.startswith("--") and len(word) > 2):
        return 1
    return 2


def shown(text: str) -> str:
    """A word of the command, quoted and cut, for a message."""
    return repr(text if len(text) <= 60 else text[:57] + "…")
