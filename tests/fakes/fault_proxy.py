"""A proxy on loopback between a client and a server that does, per request, what a test tells it to: cut, stall, refuse, garble."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

Kind = str
"""`cut` closes the connection, `stall` says nothing more, `half a line` sends part of what comes next and closes."""


@dataclass(frozen=True)
class Ask:
    """A request as the rules see it."""

    path: str
    query: dict[str, str]
    authorization: str

    @property
    def watch(self) -> bool:
        return self.query.get("watch") == "true"


@dataclass(frozen=True)
class Refuse:
    """Answer with a Status instead of the server's answer."""

    code: int
    message: str = "the proxy says no"
    retry_after: str = ""


Rule = Callable[[Ask], Refuse | None]


class FaultProxy:
    """Passes everything on to `target` (host, port) until told otherwise.

    `rule` is asked for each request. `break_watches(how)` does something to every watch that is open now.
    """

    def __init__(self, port: int) -> None:
        self.rule: Rule = lambda _: None
        self.asked: list[Ask] = []
        self.dead = False
        """While true, connections are closed without an answer."""
        self._lock = threading.Lock()
        self._open: dict[int, _Stream] = {}
        self._target = port
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                try:
                    proxy._serve(self)
                except (OSError, http.client.HTTPException):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(*_)  # type: ignore[arg-type]

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.dead = True
        self.break_watches("cut")
        self._server.shutdown()
        self._server.server_close()

    @property
    def watches(self) -> int:
        """How many watches are open and pass what comes."""
        with self._lock:
            return sum(stream.mode == "" for stream in self._open.values())

    def break_watches(self, how: Kind) -> int:
        """`cut`, `stall` or `half a line` for each watch that is open; how many there were."""
        with self._lock:
            streams = list(self._open.values())
        for stream in streams:
            stream.do(how)
        return len(streams)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        ask = Ask(
            parts.path,
            {key: values[0] for key, values in parse_qs(parts.query).items()},
            handler.headers.get("Authorization", ""),
        )
        self.asked.append(ask)
        if self.dead:
            handler.close_connection = True
            return
        refusal = self.rule(ask)
        if refusal is not None:
            body = json.dumps({"kind": "Status", "status": "Failure", "message": refusal.message, "code": refusal.code}).encode()
            handler.send_response(refusal.code)
            if refusal.retry_after:
                handler.send_header("Retry-After", refusal.retry_after)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self._target)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "accept-encoding")}
            connection.request("GET", handler.path, headers=headers)
            answer = connection.getresponse()
            if ask.watch and answer.status == 200:
                self._pass_on(handler, answer, connection)
                return
            body = answer.read()
            handler.send_response(answer.status)
            handler.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        finally:
            connection.close()

    def _pass_on(self, handler: BaseHTTPRequestHandler, answer: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        stream = _Stream(handler.connection, connection.sock)
        with self._lock:
            self._open[id(stream)] = stream
        handler.close_connection = True
        try:
            while chunk := answer.read1(65536):
                if stream.mode == "stall":
                    continue
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                handler.wfile.flush()
            if not stream.mode:
                handler.wfile.write(b"0\r\n\r\n")
        finally:
            with self._lock:
                self._open.pop(id(stream), None)


class _Stream:
    """One open watch: the client's socket and the server's."""

    def __init__(self, client: socket.socket, server: socket.socket | None) -> None:
        self._client = client
        self._server = server
        self.mode = ""

    def do(self, how: Kind) -> None:
        self.mode = how
        if how == "stall":
            return
        try:
            if how == "half a line":
                half = b'{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"na'
                self._client.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(half), half))
            self._client.shutdown(socket.SHUT_RDWR)
            if self._server is not None:
                self._server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
