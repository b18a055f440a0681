"""A request's body as an object, whatever it is written in: JSON, protobuf or YAML."""

from __future__ import annotations

from typing import Any

from engine.simulator.apiserver.http import ApiError, Request, decode_json
from engine.simulator.encoding.protobuf import decode_protobuf

PROTOBUF = "application/vnd.kubernetes.protobuf"
YAML = ("application/yaml", "application/apply-patch+yaml")


def decoded_body(request: Request) -> dict[str, Any]:
    """The object in the body; an empty one for no body. Raises ApiError 400 or 415."""
    if not request.body:
        return {}
    if request.content_type == PROTOBUF:
        return decode_protobuf(request.body)
    document = _yaml(request.body) if request.content_type in YAML else decode_json(request.body)
    if not isinstance(document, dict):
        raise ApiError(400, f"the request's body must be an object, not {type(document).__name__}")
    return document


def _yaml(body: bytes) -> object:
    import yaml

    try:
        return yaml.safe_load(body)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"the request's body is not YAML: {error}") from error
