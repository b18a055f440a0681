"""Fixes a script's place before it is judged: context and namespace become part of the argv, so that the argv judged is the argv run."""

from __future__ import annotations

import dataclasses

from engine.commands.kubectl import touched_objects
from engine.commands.kubectl.call import Call, read_call, verb_row
from engine.commands.parsing.lexer import Refused, Script, Stage

_NO_CLUSTER = frozenset(
    "help|options|completion|plugin list|config current-context|config get-contexts|config get-clusters|config get-users".split("|")
)
_NO_NAMESPACE = _NO_CLUSTER | frozenset(
    "config view|api-resources|api-versions|version|cluster-info|explain|top|top node|cordon|uncordon|drain|taint|"
    "certificate deny|auth whoami|"
    "create namespace|create clusterrole|create priorityclass|rollout|auth|config".split("|")
)
_ALL_NAMESPACES = frozenset(["get", "describe", "events", "top pod"])


def pin(script: Script, context: str, namespace: str) -> Script:
    """The script with `--context` and the namespace on each kubectl, oc and helm stage that does not name its own.

    An empty context adds none; an empty namespace means all of them, so `-A` is added where nothing is named. What cannot be
    read stays as it is, since the policy refuses it.
    """
    parts = tuple(
        dataclasses.replace(part, stages=tuple(_pin(stage, context, namespace) for stage in part.stages)) for part in script.parts
    )
    return Script(parts)


def _pin(stage: Stage, context: str, namespace: str) -> Stage:
    program = stage.argv[0]
    if program == "helm":
        return _append(
            stage,
            [*_unless(stage, ("--kube-context",), context), *_unless(stage, ("-n", "--namespace", "-A", "--all-namespaces"), namespace)],
        )
    if program not in ("kubectl", "oc"):
        return stage
    argv = stage.argv if program == "kubectl" else ("kubectl", *(stage.argv[2:] if stage.argv[1:2] == ("adm",) else stage.argv[1:]))
    try:
        call = read_call(argv)
    except Refused:
        return stage
    extra: list[str] = []
    if namespace or call.verb in _ALL_NAMESPACES:
        extra += _namespace(call, namespace)
    if context and call.verb not in _NO_CLUSTER and not call.parsed.on("client") and call.last("context") is None:
        extra += ["--context", context]
    return _append(stage, extra)


def _namespace(call: Call, namespace: str) -> list[str]:
    if call.verb in _NO_NAMESPACE or call.last("namespace") is not None or call.parsed.has("all-namespaces", "raw", "namespaces"):
        return []
    row = verb_row(call.verb)
    named = touched_objects.objects(call.verb, call.operands, str(row.get("operands", "")) if row else "")
    if named and all(touched_objects.is_cluster_scoped(kind) for kind, _ in named):
        return []
    if namespace:
        return ["-n", namespace]
    return [] if any(name for _, name in named) or (call.verb == "top pod" and call.operands) else ["-A"]


def _unless(stage: Stage, names: tuple[str, ...], value: str) -> list[str]:
    given = any(word.split("=", 1)[0] in names for word in stage.argv)
    return [] if given or not value else [names[0] if names[0].startswith("--") else "--namespace", value]


def _append(stage: Stage, extra: list[str]) -> Stage:
    """The flags at the end, or in front of `--`; every flag before has its value, since the argv could be read."""
    if not extra:
        return stage
    at = stage.argv.index("--") if "--" in stage.argv else len(stage.argv)
    return dataclasses.replace(stage, argv=(*stage.argv[:at], *extra, *stage.argv[at:]))
