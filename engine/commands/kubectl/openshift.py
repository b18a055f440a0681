"""Judges oc: what it shares with kubectl is judged as kubectl, the rest by a short table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.commands.kubectl import rules
from engine.commands.kubectl.call import read_call
from engine.commands.parsing.flags import Parsed, read_pflag
from engine.commands.parsing.verdicts import refusal, row_flags, table
from engine.core.types import Verdict

_SAME_BELOW_ADM = ("top", "cordon", "uncordon", "drain", "taint", "certificate")
_EVERYWHERE = {"value": "-n --namespace --context --request-timeout"}


@dataclass(frozen=True, slots=True)
class OwnCall:
    """One command that only oc has: the words of its verb, and its flags and operands."""

    verb: str
    parsed: Parsed


def read(argv: Sequence[str]) -> OwnCall | None:
    """The command when its verb is one of oc's own, None for others; raises `Refused` for flags that the table lacks."""
    rest = list(argv[1:])
    early: list[str] = []
    while rest and rest[0].startswith("-"):
        # The namespace is the one flag that people put in front of an oc verb.
        taken = 2 if rest[0] in ("-n", "--namespace") else 1 if rest[0].startswith("--namespace=") else 0
        if not taken:
            raise refusal("oc.flag", f"oc is not run with {rest[0]} before the verb.")
        early += rest[:taken]
        rest = rest[taken:]
    rows: Mapping[str, dict[str, Any]] = table("openshift")["verbs"]
    for count in (3, 2, 1):
        verb = " ".join(rest[:count])
        if len(rest) >= count and verb in rows:
            flags = {**row_flags(_EVERYWHERE), **row_flags(rows[verb])}
            parsed = read_pflag([*early, *rest[count:]], flags, f"oc {verb}")
            if parsed.tail is not None:
                raise refusal("oc.operand", f"`oc {verb}` is not run with -- here.")
            return OwnCall(verb, parsed)
    return None


def pinned(argv: tuple[str, ...], context: str, namespace: str) -> tuple[str, ...]:
    """The argv of one of oc's own commands with its place at the end; raises `Refused` where it does not read as meant."""
    own = read(argv)
    if own is None:
        return argv
    row = table("openshift")["verbs"][own.verb]
    extra = [] if own.parsed.has("--context") or not context else ["--context", context]
    if namespace and not row.get("cluster") and not own.parsed.has("-n", "--namespace", "-A", "--all-namespaces"):
        extra += ["--namespace", namespace]
    changed = (*argv, *extra)
    meant = dataclasses.replace(own.parsed, flags=(*own.parsed.flags, *zip(extra[::2], extra[1::2], strict=True)))
    if read(changed) != OwnCall(own.verb, meant):
        raise refusal("oc.pinned", "The command cannot be bound to this context and namespace; write its flags behind the verb.")
    return changed


def judge(argv: Sequence[str], *, contexts: Sequence[str] = (), workspace: str = "", allowed_flags: Sequence[str] = ()) -> Verdict:
    """The verdict on one oc argv; raises `Refused` for what is forbidden."""
    rows = table("openshift")
    own = read(argv)
    if own is not None:
        row = rows["verbs"][own.verb]
        if len(own.parsed.operands) > row.get("max", 0):
            raise refusal("oc.operand", f"`oc {own.verb}` takes no operand {own.parsed.operands[-1]!r} here.")
        context = own.parsed.last("--context")
        if context and contexts and context not in contexts:
            raise refusal("kubectl.context", f"The kubeconfig has no context {context!r}.")
        name = f"`oc {own.verb}`"
        why = row.get("why", "")
        reason = f"{name} only reads." if row["risk"] == "read" else f"{name} changes the cluster{': ' + why if why else ''}."
        return Verdict(row["risk"], f"oc.{own.verb.replace(' ', '-')}", reason)
    call = read_call(argv)
    below_adm = len(call.program) > 1
    first = call.verb.split()[0]
    if first not in (_SAME_BELOW_ADM if below_adm else rows["shared"].split()):
        raise refusal("oc.verb", f"`{' '.join(call.program)} {first}` is in no table, so it is not run.")
    return rules.judge(argv, contexts=contexts, workspace=workspace, allowed_flags=allowed_flags)
