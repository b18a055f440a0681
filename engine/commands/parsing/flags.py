"""Reads flags exactly as a program's own parser does, with a table of exact names; what the table lacks is refused.

Two readers: pflag's (kubectl, oc, helm) and getopt's (host tools and filters). Neither knows abbreviations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.commands.parsing.lexer import Refused

Shape = Literal["bool", "value", "optional"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: its long (or only) name without dashes, and how it takes a value."""

    name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Parsed:
    """Flags in order with their values (`None` for a bare boolean or optional one), operands, and what follows `--`."""

    flags: tuple[tuple[str, str | None], ...]
    operands: tuple[str, ...]
    tail: tuple[str, ...] | None = None

    def last(self, name: str) -> str | None:
        """The value that counts: the last one; "" for a bare flag, None when the flag is not there."""
        for flag, value in reversed(self.flags):
            if flag == name:
                return value if value is not None else ""
        return None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a flag, in order."""
        return tuple(value if value is not None else "" for flag, value in self.flags if flag == name)

    def on(self, name: str) -> bool:
        """Whether a boolean flag is on by its last value."""
        value = self.last(name)
        return value is not None and value.lower() not in ("false", "f", "0")

    def has(self, *names: str) -> bool:
        """Whether one of the flags is there at all."""
        return any(flag in names for flag, _ in self.flags)


Table = Mapping[str, Flag]
"""By `--name` and `-s` as written on the command line."""


def read_pflag(words: Sequence[str], table: Table, program: str) -> Parsed:
    """Flags and operands as Go's pflag reads them, mixed in any order; raises `Refused` for a flag that the table lacks."""
    flags: list[tuple[str, str | None]] = []
    operands: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return Parsed(tuple(flags), tuple(operands), tuple(rest))
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            flag = _look_up(table, name, program)
            if equals:
                flags.append((flag.name, value))
            elif flag.shape == "value":
                flags.append((flag.name, _next(rest, name)))
            else:
                flags.append((flag.name, None))
        elif word.startswith("-") and len(word) > 1:
            _pflag_cluster(word[1:], rest, table, flags, program)
        else:
            operands.append(word)
    return Parsed(tuple(flags), tuple(operands))


def _pflag_cluster(cluster: str, rest: list[str], table: Table, flags: list[tuple[str, str | None]], program: str) -> None:
    while cluster:
        flag = _look_up(table, f"-{cluster[0]}", program)
        if len(cluster) > 2 and cluster[1] == "=":
            flags.append((flag.name, cluster[2:]))
            return
        if flag.shape == "value":
            flags.append((flag.name, cluster[1:] if len(cluster) > 1 else _next(rest, f"-{cluster}")))
            return
        flags.append((flag.name, None))
        cluster = cluster[1:]


def read_getopt(words: Sequence[str], table: Table, program: str, *, digits: bool = False, first: bool = False) -> Parsed:
    """Flags and operands as GNU getopt reads them; `digits` takes `-20` as the flag `-N` with the value 20.

    `first` reads as POSIX does: flags stand in front of the operands, and everything behind the first operand is one.
    """
    flags: list[tuple[str, str | None]] = []
    operands: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--" or (first and operands):
            operands.extend([word] * (word != "--") + rest)
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            flag = _look_up(table, name, program)
            if equals and flag.shape == "bool":
                raise Refused("flags.value", f"{name} of {program} takes no value.")
            if equals:
                flags.append((flag.name, value))
            else:
                flags.append((flag.name, _next(rest, name) if flag.shape == "value" else None))
        elif digits and word[:1] == "-" and word[1:].isdigit():
            flags.append(("N", word[1:]))
        elif word.startswith("-") and len(word) > 1:
            cluster = word[1:]
            while cluster:
                flag = _look_up(table, f"-{cluster[0]}", program)
                if flag.shape == "bool":
                    flags.append((flag.name, None))
                    cluster = cluster[1:]
                    continue
                if flag.shape == "value":
                    flags.append((flag.name, cluster[1:] or _next(rest, f"-{cluster}")))
                else:
                    flags.append((flag.name, cluster[1:] or None))
                break
        else:
            operands.append(word)
    return Parsed(tuple(flags), tuple(operands))


def read_words(words: Sequence[str], table: Table, program: str) -> Parsed:
    """Flags of one dash and a whole word (`ip -brief`, `openssl x509 -noout`); everything else is an operand."""
    flags: list[tuple[str, str | None]] = []
    operands: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in table or (word.startswith("-") and len(word) > 1 and not word[1:].isdigit()):
            flag = _look_up(table, word, program)
            flags.append((flag.name, _next(rest, word) if flag.shape == "value" else None))
        else:
            operands.append(word)
    return Parsed(tuple(flags), tuple(operands))


def _look_up(table: Table, written: str, program: str) -> Flag:
    flag = table.get(written)
    if flag is None:
        raise Refused(
            "flags.unknown", f"{program} is not run with {written}: it is not among the flags that are known to be safe. Leave it out."
        )
    return flag


def _next(rest: list[str], name: str) -> str:
    if not rest:
        raise Refused("flags.value", f"{name} needs a value.")
    return rest.pop(0)
