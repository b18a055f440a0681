"""Judges oc: what it shares with kubectl is judged as kubectl, the rest by a short table."""

from __future__ import annotations

from collections.abc import Sequence

from engine.commands.kubectl import rules
from engine.commands.parsing.verdicts import refusal, table
from engine.core.types import Verdict

_SAME_BELOW_ADM = ("top", "cordon", "uncordon", "drain", "taint", "certificate")


def judge(argv: Sequence[str], *, contexts: Sequence[str] = (), workspace: str = "", allowed_flags: Sequence[str] = ()) -> Verdict:
    """The verdict on one oc argv; raises `Refused` for what is forbidden."""
    words = list(argv[1:])
    flags: list[str] = []
    while words and words[0].startswith("-"):
        # The namespace is the one flag that people put in front of an oc verb.
        if words[0] in ("-n", "--namespace") and len(words) > 1:
            flags += words[:2]
            words = words[2:]
        elif words[0].startswith("--namespace="):
            flags.append(words.pop(0))
        else:
            raise refusal("oc.flag", f"oc is not run with {words[0]} before the verb.")
    rows = table("openshift")
    verb = words[0] if words else "help"
    if verb == "adm" and len(words) > 1 and words[1] in _SAME_BELOW_ADM:
        return _as_kubectl([*flags, *words[1:]], contexts, workspace, allowed_flags)
    for count in (3, 2, 1):
        name = " ".join(words[:count])
        row = rows["verbs"].get(name)
        if row is None:
            continue
        allowed = row.get("flags", "").split()
        operands = [word for word in words[count:] if not word.startswith("-")]
        for word in words[count:]:
            if word.startswith("-") and word.split("=", 1)[0] not in allowed:
                raise refusal("oc.flag", f"oc {name} is not run with {word}: it is not among the flags that are known to be safe.")
        if len(operands) > row.get("max", 0):
            raise refusal("oc.operand", f"`oc {name}` takes no operand {operands[-1]!r} here.")
        why = row.get("why", "")
        reason = f"`oc {name}` only reads." if row["risk"] == "read" else f"`oc {name}` changes the cluster{': ' + why if why else ''}."
        return Verdict(row["risk"], f"oc.{name.replace(' ', '-')}", reason)
    if verb not in rows["shared"].split():
        raise refusal("oc.verb", f"`oc {verb}` is in no table, so it is not run.")
    return _as_kubectl([*flags, *words], contexts, workspace, allowed_flags)


def _as_kubectl(words: Sequence[str], contexts: Sequence[str], workspace: str, allowed_flags: Sequence[str]) -> Verdict:
    return rules.judge(("kubectl", *words), contexts=contexts, workspace=workspace, allowed_flags=allowed_flags)
