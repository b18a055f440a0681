"""Reads the protobuf bodies that typed clients of kubectl 1.32 and later send, by small tables of field numbers.

A field that no table knows is refused and never dropped silently: the object would not be the one that was sent.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from engine.simulator.apiserver.http import ApiError
from engine.simulator.encoding.messages import AUTOSCALER_V1, MESSAGES, OBJECTS, Field

MAGIC = b"k8s\x00"


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
        message = AUTOSCALER_V1 if (api_version, kind) == ("autoscaling/v1", "HorizontalPodAutoscaler") else kind
        return {"kind": kind, "apiVersion": api_version, **_decode(_bytes(envelope.get(2, b"")), message, kind)}
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
        elif not field.name:
            found |= _value(raw, field, path)
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
        case "intstr":
            parts = _decode(_bytes(raw), "IntOrString", path)
            return parts.get("strVal", "") if parts.get("type") else parts.get("intVal", 0)
        case "bytes":
            return base64.b64encode(_bytes(raw)).decode()
        case "time":
            return None
        case _:
            return _bytes(raw).decode()


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where text was expected")
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
