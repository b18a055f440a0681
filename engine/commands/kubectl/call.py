"""A kubectl argv read as kubectl reads it: the verb, its flags by the table of that verb, its operands."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.commands.parsing.flags import Flag, Parsed, Table, read_pflag
from engine.commands.parsing.verdicts import refusal, table

PROGRAMS = ("kubectl", "oc")
_OFTEN_SHORT = {"filename": "-f", "namespace": "-n", "output": "-o", "selector": "-l", "container": "-c"}


@dataclass(frozen=True, slots=True)
class Call:
    """One kubectl (or oc) command, read: the program's words in front of the verb, the verb's words, its flags and operands."""

    verb: str
    parsed: Parsed
    program: tuple[str, ...] = ("kubectl",)

    @property
    def operands(self) -> tuple[str, ...]:
        return self.parsed.operands

    def last(self, name: str) -> str | None:
        """The value of a flag that counts, wherever it stands."""
        return self.parsed.last(name)

    def argv(self) -> tuple[str, ...]:
        """The call as an argv that reads as this call again; raises `Refused` where it would not."""
        words = [*self.program, *self.verb.split(), *self.operands]
        for name, value in self.parsed.flags:
            words += _spelled(name, value)
        if self.parsed.tail is not None:
            words += ["--", *self.parsed.tail]
        if read_call(words) != self:
            raise refusal("kubectl.printed", "The command cannot be written so that it reads the same again.")
        return tuple(words)

    def with_flags(self, *flags: tuple[str, str | None], without: str = "") -> Call:
        """The same call with flags added behind its own, and none of the name `without`."""
        kept = tuple(flag for flag in self.parsed.flags if flag[0] != without)
        return dataclasses.replace(self, parsed=dataclasses.replace(self.parsed, flags=(*kept, *flags)))


def insert(argv: Sequence[str], call: Call, flags: Sequence[tuple[str, str | None]]) -> tuple[str, ...]:
    """argv, which reads as `call`, with flags added in front of `--`; raises `Refused` where the result reads as anything else."""
    if not flags:
        return tuple(argv)
    at = len(argv) - (len(call.parsed.tail) + 1 if call.parsed.tail is not None else 0)
    added = [word for name, value in flags for word in _spelled(name, value)]
    changed = (*argv[:at], *added, *argv[at:])
    if read_call(changed) != call.with_flags(*flags):
        raise refusal("kubectl.pinned", "The command cannot be bound to this context and namespace; write its flags behind the verb.")
    return changed


def _spelled(name: str, value: str | None) -> tuple[str, ...]:
    """A flag as people write it, so that it reads the same whatever its value is."""
    if name == "all-namespaces" and value is None:
        return ("-A",)
    if value is None:
        return (f"--{name}",)
    return (_OFTEN_SHORT[name], value) if name in _OFTEN_SHORT else (f"--{name}", value) if name == "context" else (f"--{name}={value}",)


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


@functools.lru_cache(maxsize=256)
def _read(argv: tuple[str, ...]) -> Call:
    rules = table("kubectl_rules")
    known = {*table("kubectl")["commands"], *rules["verbs"], *rules["forbidden_verbs"], *rules["aliases"]}
    program: tuple[str, ...] = argv[:2] if argv[:2] == ("oc", "adm") else argv[:1]
    words: list[str] = []
    rest = list(argv[len(program) :])
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
    early = read_pflag(before, flag_table(""), "kubectl").flags
    if not verb:
        return Call("help", Parsed(early, ()), program)
    parsed = read_pflag(rest, flag_table(verb), f"kubectl {verb}")
    return Call(verb, dataclasses.replace(parsed, flags=(*early, *parsed.flags)), program)


def read_call(argv: Sequence[str]) -> Call:
    """The call that kubectl (or oc) would make of this argv; raises `Refused` for an unknown verb or flag.

    Before the verb kubectl takes only the flags of all verbs, so only these are read there.
    """
    return _read(tuple(argv))


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
