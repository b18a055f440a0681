"""Requests, replies and errors as they pass between the socket and the API: plain values, JSON bodies, Status errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
MAX_BODY = 8 * 1024 * 1024
"""More than any object the API takes (etcd holds 1.5 MB)."""

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, its body read once and whole. Header names are lower-case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def flag(self, name: str) -> bool:
        """A boolean query parameter."""
        return self.query.get(name, "").lower() in ("true", "1")

    def number(self, name: str) -> int | None:
        """A whole number in the query; None where it is missing. Raises ApiError 400 for anything else."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.lstrip("-").isdigit():
            raise ApiError(400, f"query parameter {name} must be a whole number, not {text!r}")
        return int(text)

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def dry_run(self) -> bool:
        return self.query.get("dryRun", "") == "All"


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a body, or a stream of chunks that ends when the iterator does."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    stream: Iterator[bytes] | None = None
    warnings: tuple[str, ...] = ()
    close: bool = False


class ApiError(Exception):
    """A request that the API answers with a Status failure."""

    def __init__(self, code: int, message: str, *, reason: str = "", details: Mapping[str, Any] | None = None, close: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASONS.get(code, "")
        self.details = details
        self.close = close

    def reply(self) -> Reply:
        return Reply(encode(self.status()), status=self.code, close=self.close)

    def status(self) -> dict[str, Any]:
        """The Status object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = dict(self.details)
        return status


def encode(value: object) -> bytes:
    """A value as JSON with a line end, as API servers send it."""
    return msgspec.json.encode(value) + b"\n"


def json_reply(value: object, status: int = 200, warnings: tuple[str, ...] = ()) -> Reply:
    return Reply(encode(value), status=status, warnings=warnings)


def decode_json(body: bytes) -> Any:
    """A JSON body. Raises ApiError 400 that says where it breaks."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"the request's body is not JSON: {error}") from error


def not_found(resource: str, name: str) -> ApiError:
    """The NotFound that kubectl prints as `Error from server (NotFound): pods "x" not found`."""
    plural, _, group = resource.partition(".")
    details = {"name": name, "kind": plural} | ({"group": group} if group else {})
    return ApiError(404, f'{resource} "{name}" not found', details=details)


def no_such_resource() -> ApiError:
    return ApiError(404, "the server could not find the requested resource", details={})
