"""Where there is no kubectl: the plain reads, answered through `ClusterSource` as the tables and texts that kubectl would print."""

from __future__ import annotations

import shlex

from engine.cluster.kinds import KINDS, KindWord
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterSource, RawObjects
from engine.cluster.tables import print_table
from engine.commands.kubectl.call import Call, read_call
from engine.commands.parsing.lexer import Refused
from engine.flows.describe import describe


def read(command: str, source: ClusterSource) -> str | None:
    """What a `get`, `describe`, `logs` or `version` command would print; None for what cannot be answered this way.

    Raises ClusterError when the cluster cannot be read.
    """
    try:
        call = read_call(shlex.split(command))
    except (Refused, ValueError):
        return None
    namespace = None if call.parsed.has("all-namespaces") else call.last("namespace")
    match call.verb:
        case "version":
            return f"Server Version: {source.server_version()}"
        case "get":
            return _get(call, source, namespace)
        case "describe":
            return _describe(call, source, namespace)
        case "logs":
            return _logs(call, source, namespace or "default")
    return None


def _get(call: Call, source: ClusterSource, namespace: str | None) -> str | None:
    kind, names = _target(call)
    output = call.last("output")
    if kind is None or output not in (None, "wide") or call.parsed.has("selector"):
        return None
    scope = namespace if kind.namespaced else None
    objects: RawObjects = [raw for raw in source.list(kind.resource, scope) if not names or Obj(raw).name in names]
    wanted = call.last("field-selector")
    if wanted == "type=Warning":
        objects = [raw for raw in objects if raw.get("type") == "Warning"]
    elif wanted:
        return None
    lines = print_table(
        kind.resource, objects, wide=output == "wide", all_namespaces=kind.namespaced and namespace is None, now=source.now()
    )
    return "\n".join(lines) or "No resources found"


def _describe(call: Call, source: ClusterSource, namespace: str | None) -> str | None:
    kind, names = _target(call)
    if kind is None or len(names) != 1:
        return None
    from engine.core.types import ObjectRef

    return describe(source, ObjectRef(kind.kind, (namespace or "default") if kind.namespaced else "", names[0]))


def _logs(call: Call, source: ClusterSource, namespace: str) -> str | None:
    if len(call.operands) != 1:
        return None
    kind, _, name = call.operands[0].rpartition("/")
    pods = [Obj(raw) for raw in source.list("pods", namespace)]
    found = [p for p in pods if p.name == name] if kind in ("", "pod", "pods", "po") else [p for p in pods if p.name.startswith(name + "-")]
    if not found:
        return None
    containers = [str(c.get("name")) for c in found[0].maps("spec", "containers")]
    container = call.last("container") or (containers or [""])[0]
    tail = call.last("tail")
    lines = source.logs(
        namespace, found[0].name, container, previous=call.parsed.has("previous"), tail=int(tail) if tail and tail.isdigit() else None
    )
    return "\n".join(line.split(" ", 1)[-1] for line in lines)


def _target(call: Call) -> tuple[KindWord | None, list[str]]:
    """The kind and the names of a command's operands, in both spellings (`pod web`, `pod/web`)."""
    if not call.operands:
        return None, []
    first, slash, name = call.operands[0].partition("/")
    if slash:
        return KINDS.get(first.lower()), [name]
    return KINDS.get(first.split(".")[0].lower()), list(call.operands[1:])
