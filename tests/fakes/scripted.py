"""What both scripted model servers share: the steps of a reply, the record of requests, and the HTTP plumbing on loopback."""

from __future__ import annotations

import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Say:
    """One piece of the answer."""

    text: str
    thinking: bool = False


@dataclass(frozen=True)
class Wait:
    """Hold until the test opens the gate, or the client goes away, or the server is closed."""

    gate: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Raw:
    """Bytes that go out as they are, in place of a line of the protocol."""

    data: bytes


@dataclass(frozen=True)
class Cut:
    """The connection ends here, without the protocol's end."""


@dataclass(frozen=True)
class Break:
    """An error in the middle of the stream, as the protocol words it."""

    message: str


@dataclass(frozen=True)
class Endless:
    """The same piece over and over until the client goes away."""

    text: str


@dataclass(frozen=True)
class Fail:
    """An HTTP error instead of an answer."""

    status: int
    message: str


@dataclass(frozen=True)
class Counts:
    """What the final line reports, in place of counts made from the texts."""

    prompt: int = 0
    answer: int = 0
    reason: str = "stop"


Step = Say | Wait | Raw | Cut | Break | Endless | Fail | Counts
Reply = Sequence[Step]


@dataclass
class Recorded:
    """One request: where to, what was in it, and whether the client went away before its end."""

    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    gone: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def prompt(self) -> str:
        """Everything that the model would read."""
        return "\n".join(str(m.get("content")) for m in self.body.get("messages", []))


class ClientGone(Exception):
    """The client closed its connection."""


class ScriptedServer:
    """Answers chat requests with the scripted replies in order; `reply` serves once the script is used up. A context manager."""

    def __init__(
        self,
        *replies: Reply | str,
        default: Callable[[Recorded], Reply | str] | Reply | str = "ok",
        certificate: Path | None = None,
    ) -> None:
        self.script: list[Reply | str] = list(replies)
        self.default = default
        self.requests: list[Recorded] = []
        self.closing = threading.Event()
        self._seen = threading.Condition()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.scripted = self
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
            self.url = f"https://localhost:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody and stop listening."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(2)

    @property
    def chats(self) -> list[Recorded]:
        """The chat requests alone, oldest first."""
        return [r for r in self.requests if "messages" in r.body]

    def wait_for_chat(self, count: int = 1, timeout: float = 5.0) -> Recorded:
        """Block until so many chat requests came, and give the last of them."""
        with self._seen:
            assert self._seen.wait_for(lambda: len(self.chats) >= count, timeout), f"{len(self.chats)} chat requests came, not {count}"
            return self.chats[count - 1]

    def record(self, request: Recorded) -> None:
        with self._seen:
            self.requests.append(request)
            self._seen.notify_all()

    def next_reply(self, request: Recorded) -> Reply:
        found = self.script.pop(0) if self.script else self.default
        reply = found(request) if callable(found) else found
        return [Say(reply)] if isinstance(reply, str) else reply

    def serve(self, exchange: Exchange) -> None:
        """Answer one request; each protocol has its own way."""
        raise AssertionError("a protocol must say how it answers")


class Exchange:
    """One request and the way to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, request: Recorded, closing: threading.Event) -> None:
        self._handler = handler
        self._closing = closing
        self._chunked = False
        self.request = request

    def reply_json(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", "application/json")
        self._handler.send_header("Content-Length", str(len(data)))
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def begin(self, content_type: str) -> None:
        """The head of a chunked answer; nothing happens when it is already out."""
        if self._chunked:
            return
        self._chunked = True
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", content_type)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()
        self._handler.wfile.flush()

    def write(self, data: bytes) -> None:
        """One chunk; raises ClientGone when nobody reads any more."""
        self._look()
        try:
            self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self._handler.wfile.flush()
        except OSError as error:
            raise ClientGone from error

    def end(self) -> None:
        """The protocol's proper end of a chunked answer."""
        try:
            self._handler.wfile.write(b"0\r\n\r\n")
            self._handler.wfile.flush()
        except OSError as error:
            raise ClientGone from error

    def cut(self) -> None:
        """Hang up."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def wait(self, gate: threading.Event) -> None:
        """Until the gate opens; raises ClientGone when the client hangs up first, or the server closes."""
        while not gate.is_set():
            if self._closing.is_set():
                self.cut()
                raise ClientGone
            self._look(0.005)

    def _look(self, seconds: float = 0.0) -> None:
        connection = self._handler.connection
        readable, _, _ = select.select([connection], [], [], seconds)
        if not readable:
            return
        try:
            data = connection.recv(1, socket.MSG_PEEK)
        except OSError as error:
            raise ClientGone from error
        if not data:
            raise ClientGone


def endless(text: str, exchange: Exchange) -> Iterable[str]:
    """The text for ever; writing ends it, once the client is gone."""
    while not exchange.request.gone.is_set():
        yield text


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    scripted: ScriptedServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self._serve(json.loads(self.rfile.read(size) or b"{}"))

    def _serve(self, body: dict[str, Any]) -> None:
        request = Recorded(self.command, self.path, body, {k.lower(): v for k, v in self.headers.items()})
        self.server.scripted.record(request)
        try:
            self.server.scripted.serve(Exchange(self, request, self.server.scripted.closing))
        except (ClientGone, OSError):
            request.gone.set()
            self.close_connection = True
        finally:
            request.ended.set()
