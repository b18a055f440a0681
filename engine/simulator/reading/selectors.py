"""Label and field selectors: `app=web,tier in (a,b),!old` and `status.phase!=Running,metadata.name=x`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.cluster.objects import at, labels_at
from engine.simulator.apiserver.http import ApiError

Match = Callable[[Mapping[str, Any]], bool]

SET = re.compile(r"\s*(!?)\s*([A-Za-z0-9._/-]+)\s*(?:(in|notin)\s*\(([^)]*)\)|(==|=|!=)\s*([A-Za-z0-9._-]*))?\s*(?:,|$)")

COMMON_FIELDS = frozenset({"metadata.name", "metadata.namespace"})
EVENT_FIELDS = frozenset(
    {f"involvedObject.{key}" for key in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")}
    | {"reason", "reportingComponent", "source", "type"}
)
FIELDS: Mapping[str, frozenset[str]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        }
    ),
    "events": EVENT_FIELDS,
    "events.events.k8s.io": EVENT_FIELDS | {"regarding.name", "regarding.kind"},
    "nodes": frozenset({"spec.unschedulable"}),
    "secrets": frozenset({"type"}),
    "namespaces": frozenset({"status.phase"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "jobs.batch": frozenset({"status.successful"}),
    "replicasets.apps": frozenset({"status.replicas"}),
    "replicationcontrollers": frozenset({"status.replicas"}),
    "certificatesigningrequests.certificates.k8s.io": frozenset({"spec.signerName"}),
}
ABSENT = {"spec.unschedulable": "false", "spec.hostNetwork": "false", "status.replicas": "0", "status.successful": "0"}
"""What a field reads as where the object leaves it out; anything else reads as empty."""


def label_selector(text: str) -> Match:
    """A function that says whether an object's labels satisfy the selector. Raises ApiError 400 for one that does not parse."""
    checks: list[Callable[[Mapping[str, str]], bool]] = []
    position = 0
    while position < len(text):
        found = SET.match(text, position)
        if not found or found.end() == position:
            raise ApiError(400, f"unable to parse requirement: {text[position:]!r} in the label selector {text!r}")
        position = found.end()
        checks.append(_label_check(found, text))
    return lambda obj: all(check(labels_at(obj, "metadata", "labels")) for check in checks)


def _label_check(found: re.Match[str], text: str) -> Callable[[Mapping[str, str]], bool]:
    absent, key, word, values, sign, value = found.groups()
    if absent and (word or sign):
        raise ApiError(400, f"unable to parse requirement: {found.group().strip()!r} in the label selector {text!r}")
    if absent:
        return lambda labels: key not in labels
    if word:
        wanted = {item.strip() for item in values.split(",")}
        if word == "in":
            return lambda labels: labels.get(key) in wanted
        return lambda labels: labels.get(key) not in wanted
    if sign == "!=":
        return lambda labels: labels.get(key) != value
    if sign:
        return lambda labels: labels.get(key) == value
    return lambda labels: key in labels


def field_selector(text: str, resource: str) -> Match:
    """A function that says whether an object's fields satisfy the selector. Raises ApiError 400 for a field the kind cannot select by."""
    known = COMMON_FIELDS | FIELDS.get(resource, frozenset())
    checks: list[tuple[str, bool, str]] = []
    for term in filter(None, text.split(",")):
        parts = re.split(r"(==|!=|=)", term, maxsplit=1)
        if len(parts) != 3:
            raise ApiError(400, f"invalid selector: {text!r}; can't understand {term!r}")
        field, sign, value = parts
        if field not in known:
            raise ApiError(400, f"Unable to find {resource} that match field selector {text!r}: field label not supported: {field}")
        checks.append((field, sign != "!=", value.replace("\\", "")))
    return lambda obj: all((_field(obj, field) == value) is equal for field, equal, value in checks)


def _field(obj: Mapping[str, Any], field: str) -> str:
    if field == "source":
        value = at(obj, "source", "component") or at(obj, "deprecatedSource", "component")
    elif field == "reportingComponent":
        value = at(obj, "reportingComponent") or at(obj, "reportingController")
    elif field.startswith("involvedObject.") and "involvedObject" not in obj:
        value = at(obj, "regarding", *field.split(".")[1:])
    elif field == "status.successful":
        value = at(obj, "status", "succeeded")
    else:
        value = at(obj, *field.split("."))
    if value is None or value == "":
        return ABSENT.get(field, "")
    return str(value).lower() if isinstance(value, bool) else str(value)
