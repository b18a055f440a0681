"""The three ways to patch an object: JSON patch, merge patch and strategic merge patch, each on a copy."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from engine.simulator.apiserver.http import ApiError

MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("containerPort", "port"),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "taints": ("key",),
    "addresses": ("type",),
    "webhooks": ("name",),
    "validations": ("expression",),
}
"""The merge key of a list's entries, by the list's own name; other lists are replaced as a whole."""
UNIQUE_LISTS = frozenset({"finalizers"})
"""Lists of texts that are joined, not replaced."""


def strategic_merge(original: Any, patch: Any, path: str = "") -> Any:
    """The original with a strategic merge patch: lists of named things merge by name, `$patch` deletes or replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    result: dict[str, Any] = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name) or [] if item not in value]
        elif key == "$retainKeys" and isinstance(value, list):
            result = {name: held for name, held in result.items() if name in value}
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            result[key] = _merge_list(result.get(key), value, key, f"{path}.{key}")
        elif isinstance(value, dict):
            if value.get("$patch") == "delete":
                result.pop(key, None)
            else:
                result[key] = strategic_merge(result.get(key), value, f"{path}.{key}")
        else:
            result[key] = value
    return result


def _merge_list(original: Any, patch: list[Any], name: str, path: str) -> list[Any]:
    held = list(original) if isinstance(original, list) else []
    if name in UNIQUE_LISTS:
        return held + [item for item in patch if item not in held]
    entries = [entry for entry in patch if isinstance(entry, dict)]
    if any(entry.get("$patch") == "replace" and len(entry) == 1 for entry in entries):
        return [copy.deepcopy(entry) for entry in patch if entry != {"$patch": "replace"}]
    keys = MERGE_KEYS.get(name, ())
    key = next((k for k in keys if entries and all(k in entry for entry in entries)), "")
    if not key or len(entries) != len(patch):
        if keys and entries and not key:
            raise ApiError(400, f"map: {path} does not contain declared merge key: {keys[0]}")
        return copy.deepcopy(patch)
    for entry in entries:
        position = next((i for i, item in enumerate(held) if isinstance(item, dict) and item.get(key) == entry[key]), None)
        if entry.get("$patch") == "delete":
            held = [item for item in held if not (isinstance(item, dict) and item.get(key) == entry[key])]
        elif position is None:
            held.append(strategic_merge({}, entry, path))
        else:
            held[position] = strategic_merge(held[position], entry, path)
    return held


def merge(original: Any, patch: Any) -> Any:
    """The original with a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result: dict[str, Any] = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def json_patch(original: Any, operations: Any) -> Any:
    """The original with a JSON patch (RFC 6902). Raises ApiError 422 where an operation does not fit, 400 where it is none."""
    if not isinstance(operations, list):
        raise ApiError(400, "a JSON patch is a list of operations")
    document = copy.deepcopy(original)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise ApiError(400, "an operation of a JSON patch needs op and path")
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    word, path = operation.get("op"), _steps(operation["path"])
    if word == "test":
        if _at(document, path) != operation.get("value"):
            raise _does_not_fit(operation, "the value is another")
        return document
    if word in ("move", "copy"):
        source = _steps(str(operation.get("from", "")))
        value = copy.deepcopy(_at(document, source))
        if word == "move":
            document = _change(document, source, {"op": "remove", "path": operation.get("from")})
        return _change(document, path, {"op": "add", "path": operation["path"], "value": value})
    if word not in ("add", "replace", "remove"):
        raise ApiError(400, f"unknown operation of a JSON patch: {word!r}")
    return _change(document, path, operation)


def _steps(path: str) -> list[str]:
    if not path:
        return []
    if not path.startswith("/"):
        raise ApiError(400, f"a path of a JSON patch begins with /: {path!r}")
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _at(document: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            raise ApiError(422, f"the server rejected our request due to an error in our request: /{'/'.join(path)} does not exist")
    return document


def _change(document: Any, path: list[str], operation: Mapping[str, Any]) -> Any:
    word, value = operation["op"], copy.deepcopy(operation.get("value"))
    if not path:
        return value if word != "remove" else None
    parent, step = _at(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        if word != "add" and step not in parent:
            raise _does_not_fit(operation, "there is nothing")
        if word == "remove":
            del parent[step]
        else:
            parent[step] = value
        return document
    if not isinstance(parent, list):
        raise _does_not_fit(operation, "there is no object or list")
    position = len(parent) if step == "-" and word == "add" else int(step) if step.isdigit() else -1
    if not 0 <= position <= len(parent) - (word != "add"):
        raise _does_not_fit(operation, "the index is out of range")
    if word == "add":
        parent.insert(position, value)
    elif word == "remove":
        del parent[position]
    else:
        parent[position] = value
    return document


def _does_not_fit(operation: Mapping[str, Any], why: str) -> ApiError:
    return ApiError(422, f"the server rejected our request due to an error in our request: {operation['op']} {operation['path']}: {why}")
