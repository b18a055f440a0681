"""Fixes a script's place before it is judged: context and namespace become part of the argv, so that the argv judged is the argv run."""

from __future__ import annotations

import dataclasses

from engine.commands.kubectl import openshift, touched_objects
from engine.commands.kubectl.call import PROGRAMS, Call, insert, read_call, verb_row
from engine.commands.parsing.flags import read_pflag
from engine.commands.parsing.lexer import Refused, Script, Stage
from engine.commands.parsing.verdicts import refusal, row_flags, table

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

    An empty context adds none; an empty namespace means all of them, so `-A` is added where nothing is named. What cannot be read
    stays as it is, since the policy refuses it. Raises `Refused` for what can be read and not be bound.
    """
    parts = tuple(
        dataclasses.replace(part, stages=tuple(_pin(stage, context, namespace) for stage in part.stages)) for part in script.parts
    )
    return Script(parts)


def _pin(stage: Stage, context: str, namespace: str) -> Stage:
    program = stage.argv[0]
    if program == "helm":
        return dataclasses.replace(stage, argv=_pin_helm(stage.argv, context, namespace))
    if program not in PROGRAMS:
        return stage
    try:
        if program == "oc" and openshift.read(stage.argv) is not None:
            return dataclasses.replace(stage, argv=openshift.pinned(stage.argv, context, namespace))
        call = read_call(stage.argv)
    except Refused:
        return stage
    extra: list[tuple[str, str | None]] = []
    if namespace or call.verb in _ALL_NAMESPACES:
        extra += _namespace(call, namespace)
    if context and call.verb not in _NO_CLUSTER and not call.parsed.on("client") and call.last("context") is None:
        extra.append(("context", context))
    return dataclasses.replace(stage, argv=insert(stage.argv, call, extra))


def _pin_helm(argv: tuple[str, ...], context: str, namespace: str) -> tuple[str, ...]:
    """helm's argv with the place behind its words; helm takes nothing behind `--`, so the end is the place for flags."""
    flags = row_flags(table("host")["helm"])
    try:
        given = read_pflag(argv[1:], flags, "helm")
    except Refused:
        return argv
    extra = [] if given.has("--kube-context") or not context else ["--kube-context", context]
    extra += [] if given.has("-n", "--namespace", "-A", "--all-namespaces") or not namespace else ["--namespace", namespace]
    pinned = (*argv, *extra)
    meant = dataclasses.replace(given, flags=(*given.flags, *zip(extra[::2], extra[1::2], strict=True)))
    if read_pflag(pinned[1:], flags, "helm") != meant:
        raise refusal("helm.pinned", "The command cannot be bound to this context and namespace; write its flags behind the verb.")
    return pinned


def _namespace(call: Call, namespace: str) -> list[tuple[str, str | None]]:
    if call.verb in _NO_NAMESPACE or call.last("namespace") is not None or call.parsed.has("all-namespaces", "raw", "namespaces"):
        return []
    row = verb_row(call.verb)
    named = touched_objects.objects(call.verb, call.operands, str(row.get("operands", "")) if row else "")
    if named and all(touched_objects.is_cluster_scoped(kind) for kind, _ in named):
        return []
    if namespace:
        return [("namespace", namespace)]
    return [] if any(name for _, name in named) or (call.verb == "top pod" and call.operands) else [("all-namespaces", None)]
