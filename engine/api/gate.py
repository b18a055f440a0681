"""`Gate`: what every request passes before the routes see it — name, origin, token, size, time and number of requests.

It is plain ASGI, so that a client that leaves is noticed by the routes, and so that nothing is read from a stranger.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.api.problem import App, Message, Problem, Receive, Scope, Send

OPEN_PATHS = frozenset({"/docs", "/openapi.json", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/start.js"})
"""Paths that are read without the token: they hold nothing of the cluster, and a browser cannot send a token with a page's address."""
HEAD_BYTES = 16 * 1024
"""Longest head of a request."""
PAGE_RULES = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " + (
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a body, requests at a time, seconds that a client may take to send one, and to take in a piece of an answer."""

    body_bytes: int = 1024 * 1024
    requests: int = 100
    request_seconds: float = 15.0
    stall_seconds: float = 30.0


class Stalled(Exception):
    """The client takes nothing in any more."""


class Gate:
    """ASGI middleware around the routes; `names` are the hosts that a request may name, `local` adds the address it came in on."""

    def __init__(
        self, app: App, *, token: str, names: frozenset[str], limits: Limits, local: bool = False, log: Callable[[str], None] | None = None
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._names = names
        self._limits = limits
        self._local = local
        self._log = log or (lambda line: None)
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            return
        started, state = time.monotonic(), {"status": 0}
        guarded = self._guarded(scope, send, state)
        self._busy += 1
        try:
            self._check_head(scope)
            await self._app(scope, await self._read_body(scope, receive), guarded)
        except Problem as problem:
            await self._send_problem(problem, guarded, state)
        except Stalled:
            pass  # the server closes the connection of an answer that was not finished
        except Exception as error:  # noqa: BLE001 — a defect is told here and to the client, never as a traceback
            self._log(f"{type(error).__name__}: {error}")
            await self._send_problem(Problem(500, "this request could not be answered", type(error).__name__, "report it"), guarded, state)
        finally:
            self._busy -= 1
            self._log(f"{scope['method']} {scope['path']!a} {state['status'] or 'left'} {time.monotonic() - started:.1f} s")

    async def _send_problem(self, problem: Problem, send: Send, state: dict[str, int]) -> None:
        if not state["status"]:
            await problem.answer(send)

    def _check_head(self, scope: Scope) -> None:
        """Raise the Problem of a request that may not pass by its head alone."""
        host = _one(scope, b"host")
        allowed = self._names | {str(scope["server"][0])} if self._local and scope.get("server") else self._names
        if host is None or host_name(host) not in allowed:
            raise Problem(
                421,
                f"no API for the host name {host!r} here" if host else "no host is named",
                "a web page could reach this machine through a name of its own (DNS rebinding)",
                f"use one of {', '.join(sorted(allowed))}, or list the name in [api] names",
                {"connection": "close"},
            )
        if sum(len(key) + len(value) for key, value in scope["headers"]) > HEAD_BYTES:
            raise Problem(431, "the request headers are too large", f"at most {HEAD_BYTES} bytes", "send less", {"connection": "close"})
        origin = _one(scope, b"origin")
        if (origin is not None and origin not in (f"http://{host}", f"https://{host}")) or len(_all(scope, b"origin")) > 1:
            raise Problem(403, "requests from other origins are refused", f"the origin is {origin!r}", "call the API from a program")
        if scope["path"] not in OPEN_PATHS and not self._is_authorized(scope):
            raise Problem(
                401,
                "a valid API token is required",
                "the Authorization header is missing or wrong",
                "send `Authorization: Bearer TOKEN`; `k8sagent serve` prints the path of the file that holds it",
                {"www-authenticate": 'Bearer realm="k8sagent"', "connection": "close"},
            )
        if self._busy > self._limits.requests:
            raise Problem(503, "too many concurrent requests", f"at most {self._limits.requests}", "try again soon", {"retry-after": "1"})

    def _is_authorized(self, scope: Scope) -> bool:
        kind, _, token = (_one(scope, b"authorization") or "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token)

    async def _read_body(self, scope: Scope, receive: Receive) -> Receive:
        """The body, read up to the limit and in time; then whatever comes after it (the client leaving). Raises Problem."""
        limit = self._limits.body_bytes
        too_long = Problem(413, "the body is too large", f"at most {limit // 1024} KiB", "send a smaller body, or raise [api] max_body_kib")
        too_long.headers["connection"] = "close"
        length = _one(scope, b"content-length")
        if length is not None and length.isdecimal() and int(length) > limit:
            raise too_long
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return receive
                    body += message.get("body", b"")
                    more = bool(message.get("more_body"))
                    if len(body) > limit:
                        raise too_long
        except TimeoutError as error:
            raise Problem(
                408,
                "the request took too long to arrive",
                f"at most {self._limits.request_seconds:g} s",
                "send it at once",
                {"connection": "close"},
            ) from error
        if body and scope["method"] in ("POST", "PUT", "PATCH") and not _is_json(_one(scope, b"content-type") or ""):
            raise Problem(415, "the body is not JSON", "its Content-Type is not application/json", "send `Content-Type: application/json`")
        first: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return first.pop() if first else await receive()

        return replay

    def _guarded(self, scope: Scope, send: Send, state: dict[str, int]) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                rules = [(b"content-security-policy", PAGE_RULES.encode())] if scope["path"].startswith("/docs") else []
                message = {**message, "headers": [*message.get("headers", []), *_ALWAYS, *rules]}
            try:
                async with asyncio.timeout(self._limits.stall_seconds):
                    await send(message)
            except TimeoutError as error:
                raise Stalled from error

        return guarded


def host_name(host: str) -> str:
    """The name of a Host header, without its port and brackets, in lower case; "" for what is no host."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else ""


def _all(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _one(scope: Scope, name: bytes) -> str | None:
    """A header that occurs once; a second one could mean either, so it counts as none."""
    values = _all(scope, name)
    return values[0] if len(values) == 1 else None


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"
