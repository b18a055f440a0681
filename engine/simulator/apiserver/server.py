"""The socket side: HTTP/1.1 on loopback with a bearer token, one thread a connection, gone within a moment of `close()`."""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from engine.cluster.source import ClusterSource
from engine.simulator.apiserver.handler import Api
from engine.simulator.apiserver.http import MAX_BODY, ApiError, Reply, Request

IDLE_SECONDS = 120
PROXY_USER = "kubectl"
WATCH_SECONDS = 30.0
CLOSE_SECONDS = 0.3
CUT_SECONDS = 0.1


class ApiServer:
    """A recorded cluster as an API server for kubectl.

    `writable` needs an `Overlay`; without it every write is refused. A watch ends by itself after `watch_seconds`.
    """

    def __init__(self, cluster: ClusterSource, *, writable: bool = False, watch_seconds: float = WATCH_SECONDS) -> None:
        self.cluster = cluster
        self.token = secrets.token_urlsafe(32)
        self._stopping = threading.Event()
        self._api = Api(cluster, writable=writable, stopping=self._stopping, watch_seconds=watch_seconds)
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ApiServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> ApiServer:
        """Listen on a free port of 127.0.0.1 and serve on threads of its own. Raises OSError where no port can be had."""
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.api, self._listener.token, self._listener.stopping = self._api, self.token, self._stopping
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), name="apiserver", daemon=True)
        self._thread.start()
        return self

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`. Raises RuntimeError before `start()`."""
        if self._listener is None:
            raise RuntimeError("the API server has not been started")
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def kubeconfig(self, path: Path, *, namespace: str = "") -> Path:
        """Write a kubeconfig (mode 0600) whose only context is named after the cluster.

        kubectl sends no credentials of a user to a server without TLS, but it does send those of a proxy: so the token
        stands in both places, and the server is its own proxy.
        """
        name = self.cluster.title
        proxy = self.url.replace("//", f"//{PROXY_USER}:{self.token}@")
        context: dict[str, str] = {"cluster": name, "user": name}
        if namespace:
            context["namespace"] = namespace
        document: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": self.url, "proxy-url": proxy}}],
            "users": [{"name": name, "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": context}],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            # JSON is YAML too, so no YAML library is needed and no name can break out of its quotes.
            json.dump(document, file, indent=1)
        aside.replace(path)
        return path

    def close(self) -> None:
        """Stop listening, end every connection and wait for the threads; returns within about 300 ms."""
        self._stopping.set()
        listener, thread = self._listener, self._thread
        if listener is None or thread is None:
            return
        self._thread = None
        listener.shutdown()
        listener.server_close()
        listener.end_connections(time.monotonic() + CLOSE_SECONDS)
        thread.join(CLOSE_SECONDS)


class _Listener(ThreadingHTTPServer):
    """Keeps its connections and their threads, so that closing can end them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    api: Api
    token: str
    stopping: threading.Event

    def __init__(self, *args: Any) -> None:
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="apiserver-connection", daemon=True
        )
        with self._lock:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._lock:
            self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours, and nothing may be written over the screen."""

    def end_connections(self, deadline: float) -> None:
        """Wake those that wait for a request, let watches end in order, then cut what is still open at the deadline."""
        for how, until in ((socket.SHUT_RD, deadline - CUT_SECONDS), (socket.SHUT_RDWR, deadline)):
            with self._lock:
                held = list(self._open.items())
            for connection, _ in held:
                try:
                    connection.shutdown(how)
                except OSError:
                    pass
            for _, thread in held:
                thread.join(max(0.0, until - time.monotonic()))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: _Listener
    tunnel = False
    """Set once a client has asked for a tunnel with the right credentials: what follows is for this server all the same."""

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: the terminal belongs to the screen."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _serve(self) -> None:
        try:
            body = self._body()
            reply = self._reply(body)
        except ApiError as error:
            reply = error.reply()
        self._send(reply)

    def _reply(self, body: bytes) -> Reply:
        if not (self.tunnel or self._authentic()):
            raise ApiError(401, "Unauthorized: the bearer token of this server's kubeconfig is missing or wrong")
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return self.server.api.handle(Request(self.command, parts.path, query, headers, body))

    def do_CONNECT(self) -> None:
        """A tunnel (asked for before a change of protocol) leads back to this server."""
        if not self._authentic():
            self._send(ApiError(401, "Unauthorized", close=True).reply())
            return
        self.tunnel = True
        self.close_connection = False  # a tunnel stays, whatever HTTP version asked for it
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    def _authentic(self) -> bool:
        basic = base64.b64encode(f"{PROXY_USER}:{self.server.token}".encode()).decode()
        wanted = (("Authorization", f"Bearer {self.server.token}"), ("Proxy-Authorization", f"Basic {basic}"))
        # Each is compared to its end, so that the time taken tells nothing.
        matches = [hmac.compare_digest(self.headers.get(name, "").encode("latin-1", "replace"), text.encode()) for name, text in wanted]
        return any(matches)

    def _body(self) -> bytes:
        """The whole body, read exactly once, so that the next request on the connection begins where it should."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        text = self.headers.get("Content-Length") or "0"
        length = int(text) if text.isdigit() else -1
        if not 0 <= length <= MAX_BODY:
            raise ApiError(413, f"the request's body may have at most {MAX_BODY} bytes", close=True)
        return self.rfile.read(length) if length else b""

    def _chunks(self) -> bytes:
        found = bytearray()
        while True:
            size = self.rfile.readline(64).split(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError as error:
                raise ApiError(400, "the request's chunked body is broken", close=True) from error
            if length < 0 or len(found) + length > MAX_BODY:
                raise ApiError(413, f"the request's body may have at most {MAX_BODY} bytes", close=True)
            if not length:
                while self.rfile.readline(4096) not in (b"\r\n", b"\n", b""):
                    pass
                return bytes(found)
            found += self.rfile.read(length)
            self.rfile.readline(8)

    def _send(self, reply: Reply) -> None:
        lines = [f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('',))[0]}", f"Content-Type: {reply.content_type}"]
        lines += ["Cache-Control: no-cache, private", f"Date: {self.date_time_string()}"]
        lines += [f'Warning: 299 - "{_quotable(text)}"' for text in reply.warnings]
        if reply.close or self.server.stopping.is_set():
            self.close_connection = True
            lines.append("Connection: close")
        if reply.stream is None:
            lines.append(f"Content-Length: {len(reply.body)}")
        else:
            lines.append("Transfer-Encoding: chunked")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        if reply.stream is None:
            self.wfile.write(head if self.command == "HEAD" else head + reply.body)
            return
        self.wfile.write(head)
        for chunk in reply.stream:
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")


def _quotable(text: str) -> str:
    """Text that is safe between the quotes of a header: names in it come from clients and recordings."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')[:1000]
