"""Reads the protobuf bodies that typed clients of kubectl 1.32 and later send, by small tables of field numbers.

A field that no table knows is refused and never dropped silently: the object would not be the one that was sent.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.cluster.apiserver.wire import ApiError

MAGIC = b"k8s\x00"


@dataclass(frozen=True, slots=True)
class Field:
    """A field's JSON name and how it is read: text, bytes, int, bool, message, quantity, time, intstr; `many` and `map` repeat it."""

    name: str
    kind: str = "text"
    message: str = ""
    many: bool = False
    map: bool = False


def _text(name: str, *, many: bool = False, map: bool = False) -> Field:
    return Field(name, many=many, map=map)


def _message(name: str, message: str, *, many: bool = False) -> Field:
    return Field(name, "message", message, many=many)


POD_TEMPLATE = {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "PodSpec")}
MESSAGES: Mapping[str, Mapping[int, Field]] = {
    "ObjectMeta": {
        1: _text("name"),
        2: _text("generateName"),
        3: _text("namespace"),
        4: _text("selfLink"),
        5: _text("uid"),
        6: _text("resourceVersion"),
        7: Field("generation", "int"),
        8: Field("creationTimestamp", "time"),
        11: _text("labels", map=True),
        12: _text("annotations", map=True),
        13: _message("ownerReferences", "OwnerReference", many=True),
        14: _text("finalizers", many=True),
    },
    "OwnerReference": {
        1: _text("kind"),
        3: _text("name"),
        4: _text("uid"),
        5: _text("apiVersion"),
        6: Field("controller", "bool"),
        7: Field("blockOwnerDeletion", "bool"),
    },
    "Empty": {},
    "SelfSubjectAccessReview": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "AccessSpec"),
        3: _message("status", "AccessStatus"),
    },
    "AccessStatus": {1: Field("allowed", "bool"), 2: _text("reason"), 3: _text("evaluationError"), 4: Field("denied", "bool")},
    "AccessSpec": {1: _message("resourceAttributes", "ResourceAttributes"), 2: _message("nonResourceAttributes", "NonResourceAttributes")},
    "ResourceAttributes": {
        1: _text("namespace"),
        2: _text("verb"),
        3: _text("group"),
        4: _text("version"),
        5: _text("resource"),
        6: _text("subresource"),
        7: _text("name"),
    },
    "NonResourceAttributes": {1: _text("path"), 2: _text("verb")},
    "SelfSubjectRulesReview": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "RulesSpec"),
        3: _message("status", "RulesStatus"),
    },
    "RulesSpec": {1: _text("namespace")},
    "RulesStatus": {3: Field("incomplete", "bool"), 4: _text("evaluationError")},
    "SelfSubjectReview": {1: _message("metadata", "ObjectMeta"), 2: _message("status", "ReviewStatus")},
    "ReviewStatus": {1: _message("userInfo", "UserInfo")},
    "UserInfo": {1: _text("username"), 2: _text("uid"), 3: _text("groups", many=True)},
    "Namespace": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "NamespaceSpec"),
        3: _message("status", "NamespaceStatus"),
    },
    "NamespaceSpec": {1: _text("finalizers", many=True)},
    "NamespaceStatus": {1: _text("phase")},
    "ConfigMap": {
        1: _message("metadata", "ObjectMeta"),
        2: _text("data", map=True),
        3: Field("binaryData", "bytes", map=True),
        4: Field("immutable", "bool"),
    },
    "Secret": {
        1: _message("metadata", "ObjectMeta"),
        2: Field("data", "bytes", map=True),
        3: _text("type"),
        4: _text("stringData", map=True),
        5: Field("immutable", "bool"),
    },
    "ServiceAccount": {1: _message("metadata", "ObjectMeta")},
    "DeleteOptions": {
        1: Field("gracePeriodSeconds", "int"),
        2: _message("preconditions", "Preconditions"),
        3: Field("orphanDependents", "bool"),
        4: _text("propagationPolicy"),
        5: _text("dryRun", many=True),
    },
    "Preconditions": {1: _text("uid"), 2: _text("resourceVersion")},
    "Eviction": {1: _message("metadata", "ObjectMeta"), 2: _message("deleteOptions", "DeleteOptions")},
    "Scale": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "ScaleSpec"), 3: _message("status", "ScaleStatus")},
    "ScaleSpec": {1: Field("replicas", "int")},
    "ScaleStatus": {1: Field("replicas", "int"), 2: _text("selector", map=True), 3: _text("targetSelector")},
    "Deployment": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "DeploymentSpec"), 3: _message("status", "Empty")},
    "DeploymentSpec": {
        1: Field("replicas", "int"),
        2: _message("selector", "LabelSelector"),
        3: _message("template", "PodTemplate"),
        4: _message("strategy", "Empty"),
        5: Field("minReadySeconds", "int"),
        6: Field("revisionHistoryLimit", "int"),
        7: Field("paused", "bool"),
        9: Field("progressDeadlineSeconds", "int"),
    },
    "LabelSelector": {1: _text("matchLabels", map=True)},
    "PodTemplate": POD_TEMPLATE,
    "PodSpec": {
        2: _message("containers", "Container", many=True),
        3: _text("restartPolicy"),
        4: Field("terminationGracePeriodSeconds", "int"),
        5: Field("activeDeadlineSeconds", "int"),
        6: _text("dnsPolicy"),
        7: _text("nodeSelector", map=True),
        8: _text("serviceAccountName"),
        9: _text("serviceAccount"),
        10: _text("nodeName"),
        11: Field("hostNetwork", "bool"),
        12: Field("hostPID", "bool"),
        13: Field("hostIPC", "bool"),
        14: _message("securityContext", "Empty"),
        19: _text("schedulerName"),
    },
    "Container": {
        1: _text("name"),
        2: _text("image"),
        3: _text("command", many=True),
        4: _text("args", many=True),
        5: _text("workingDir"),
        6: _message("ports", "ContainerPort", many=True),
        7: _message("env", "EnvVar", many=True),
        8: _message("resources", "Resources"),
        13: _text("terminationMessagePath"),
        14: _text("imagePullPolicy"),
        16: Field("stdin", "bool"),
        17: Field("stdinOnce", "bool"),
        18: Field("tty", "bool"),
        20: _text("terminationMessagePolicy"),
    },
    "ContainerPort": {
        1: _text("name"),
        2: Field("hostPort", "int"),
        3: Field("containerPort", "int"),
        4: _text("protocol"),
        5: _text("hostIP"),
    },
    "EnvVar": {1: _text("name"), 2: _text("value")},
    "Resources": {1: Field("limits", "quantity", map=True), 2: Field("requests", "quantity", map=True)},
    "Job": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "JobSpec"), 3: _message("status", "Empty")},
    "JobSpec": {
        1: Field("parallelism", "int"),
        2: Field("completions", "int"),
        3: Field("activeDeadlineSeconds", "int"),
        4: _message("selector", "LabelSelector"),
        5: Field("manualSelector", "bool"),
        6: _message("template", "PodTemplate"),
        7: Field("backoffLimit", "int"),
        8: Field("ttlSecondsAfterFinished", "int"),
    },
}
OBJECTS = frozenset(
    {
        "SelfSubjectAccessReview",
        "SelfSubjectRulesReview",
        "SelfSubjectReview",
        "Namespace",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "DeleteOptions",
        "Eviction",
        "Scale",
        "Deployment",
        "Job",
    }
)


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """A `k8s\\0` envelope as the object in it. Raises ApiError 415 for kinds and fields that no table knows, 400 for broken bytes."""
    if not body.startswith(MAGIC):
        raise ApiError(400, "the request's body is not a Kubernetes protobuf message")
    try:
        envelope = dict(_fields(body[len(MAGIC) :]))
        meta = dict(_fields(_bytes(envelope.get(1, b""))))
        api_version, kind = (_bytes(meta.get(number, b"")).decode() for number in (1, 2))
        if kind not in OBJECTS:
            raise ApiError(
                415, f"this recorded cluster does not read {kind or 'such'} objects as protobuf; send YAML with kubectl apply -f"
            )
        return {"kind": kind, "apiVersion": api_version, **_decode(_bytes(envelope.get(2, b"")), kind, kind)}
    except (IndexError, ValueError) as error:
        raise ApiError(400, f"the request's protobuf body is broken: {error}") from error


def _decode(data: bytes, message: str, path: str) -> dict[str, Any]:
    table = MESSAGES[message]
    found: dict[str, Any] = {}
    for number, raw in _fields(data):
        field = table.get(number)
        if field is None:
            if raw in (b"", 0):
                continue
            raise ApiError(
                415, f"this recorded cluster does not read field {number} of {path} as protobuf; send YAML with kubectl apply -f"
            )
        if field.map:
            entry = dict(_fields(_bytes(raw)))
            key = _bytes(entry.get(1, b"")).decode()
            found.setdefault(field.name, {})[key] = _value(entry.get(2, b""), field, path)
        elif field.many:
            found.setdefault(field.name, []).append(_value(raw, field, f"{path}.{field.name}"))
        else:
            value = _value(raw, field, f"{path}.{field.name}")
            # An empty text or time is how protobuf writes a field that is not set.
            if value not in ("", None):
                found[field.name] = value
    return found


def _value(raw: bytes | int, field: Field, path: str) -> Any:
    match field.kind:
        case "int":
            number = raw if isinstance(raw, int) else 0
            return number - (1 << 64) if number >= 1 << 63 else number
        case "bool":
            return bool(raw)
        case "message":
            return _decode(_bytes(raw), field.message, path)
        case "quantity":
            return _bytes(dict(_fields(_bytes(raw))).get(1, b"")).decode()
        case "bytes":
            return base64.b64encode(_bytes(raw)).decode()
        case "time":
            return None
        case _:
            return _bytes(raw).decode()


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where text was due")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Field numbers and raw values: numbers for varints, bytes for the rest."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if position + length > len(data):
            raise ValueError("it ends too early")
        yield number, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
