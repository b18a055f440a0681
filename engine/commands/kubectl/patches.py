"""Judges the text of `kubectl patch -p`: read as the server reads it, so that neither escapes nor blanks hide what it sets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.commands.parsing.verdicts import refusal, table
from engine.core.types import Risk

_FALSE_IS_SAFE = frozenset(["hostPID", "hostIPC", "hostNetwork", "privileged", "allowPrivilegeEscalation"])
_DIRECTIVES = re.compile(r"\$(?:patch|retainKeys|deleteFromPrimitiveList|setElementOrder)")


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a patch sets (or, with `op` "remove", takes away), by the words of its path."""

    path: tuple[str, ...]
    value: object
    op: str = "set"


def changes(text: str) -> tuple[Change, ...]:
    """All values that a merge patch or JSON patch sets; raises `Refused` for text that is neither JSON nor YAML."""
    body = _read(text)
    if isinstance(body, list):
        found: list[Change] = []
        for step in body:
            if not isinstance(step, dict):
                raise refusal("kubectl.patch", "A JSON patch is a list of steps, each with op, path and value.")
            words = str(step.get("path", "")).split("/")
            path = tuple(word.replace("~1", "/").replace("~0", "~") for word in words if word)
            if step.get("op") == "remove":
                found.append(Change(path, None, "remove"))
            elif step.get("op") in ("copy", "move"):
                raise refusal("kubectl.patch", "A patch that copies or moves cannot be judged from its text; give the value itself.")
            else:
                found += _leaves(step.get("value"), path)
        return tuple(found)
    if not isinstance(body, dict):
        raise refusal("kubectl.patch", "A patch is an object or a list of steps.")
    return tuple(_leaves(body, ()))


def judge(text: str, *, secret: bool) -> tuple[Risk, str]:
    """The class of a patch and why; raises `Refused` for one that raises privileges or carries the values of a Secret."""
    rules = table("kubectl_rules")
    found = changes(text)
    for change in found:
        word = _privilege(change)
        if word:
            raise refusal("kubectl.privilege", f"It would raise privileges ({word}); let an administrator do this.")
        if secret and change.path[:1] in (("data",), ("stringData",)):
            raise refusal("kubectl.secret", "Values of Secrets do not belong on a command line.")
        if any(word in part for part in change.path for word in rules["annotation_refused"]):
            raise refusal("kubectl.privilege", "Snippets run code in the ingress controller; let an administrator do this.")
    for change in found:
        last = change.path[-1] if change.path else ""
        if "finalizers" in change.path:
            return "destructive", "without finalizers what they clean up is left behind"
        if change.value == "NoExecute":
            return "destructive", "the taint evicts pods"
        if last == "replicas" and _is_zero(change.value):
            return "destructive", "no pod is left"
        if last == "persistentVolumeReclaimPolicy" and change.value != "Retain":
            return "destructive", "the volume's data goes with its claim"
        if any(_DIRECTIVES.match(part) for part in change.path):
            return "destructive", "the patch deletes or replaces a part of the object"
        if any(part.startswith("pod-security.kubernetes.io/") for part in change.path):
            return "destructive", "it changes what pods of the namespace may do"
    return "mutate", ""


def _read(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except ValueError:
        pass
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise refusal("kubectl.patch", "The patch is neither JSON nor YAML.") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise refusal("kubectl.patch", "The patch names a field twice.")
    return dict(pairs)


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[Change]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield Change(path, value)


def _privilege(change: Change) -> str:
    """The word that makes a change one that raises privileges, or ""."""
    last = change.path[-1] if change.path else ""
    if change.value is False and last in _FALSE_IS_SAFE:
        return ""
    if change.op == "remove" and last in _FALSE_IS_SAFE - {"allowPrivilegeEscalation"}:
        return ""
    if last == "runAsUser" and _is_zero(change.value):
        return "runAsUser 0"
    if last == "runAsNonRoot" and change.value is not True:
        return "runAsNonRoot"
    if "drop" in change.path:
        return ""
    if "capabilities" in change.path and "add" in change.path and change.value != "NET_BIND_SERVICE":
        return f"capability {change.value}"
    words: list[str] = [word for word in table("kubectl_rules")["privilege_words"] if ":" not in word]
    text = "\n".join((*change.path, change.value if isinstance(change.value, str) else "")).lower()
    return next((word for word in words if word.lower() in text), "")


def _is_zero(value: object) -> bool:
    return str(value).strip() in ("0", "0.0", "-0", "-0.0", "0e0")
