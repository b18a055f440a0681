"""`Problem`: every error of the REST API, as one JSON shape of what happened, why, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Problem(Exception):
    """An answer with an error status: `error` says what happened, `why` the reason, `fix` what to do next."""

    def __init__(self, status: int, error: str, why: str = "", fix: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.why = why
        self.fix = fix
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        """The JSON form, as bytes."""
        return json_bytes({"error": self.error, "why": self.why, "fix": self.fix})

    async def answer(self, send: Send) -> None:
        """Send this as a whole response."""
        headers = {"content-type": "application/json", "content-length": str(len(self.body)), **self.headers}
        head = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": self.body})


def json_bytes(value: Any) -> bytes:
    """A value as JSON in UTF-8; what cannot be encoded (half a surrogate pair in a log) becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
