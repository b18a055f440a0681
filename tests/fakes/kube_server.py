"""A real HTTP server on loopback that answers as a test tells it to: canned JSON, refusals, pages, streams, stalls and cuts."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Reply:
    """One answer; `chunks` streams instead of `body`, `cut` closes the connection without the stream's proper end."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None
    cut: bool = False
    mute: bool = False
    """Close the connection without any answer."""


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None


Route = Callable[[Seen], Reply]

RESOURCES = {
    "pods": ("Pod", True),
    "secrets": ("Secret", True),
    "nodes": ("Node", False),
    "namespaces": ("Namespace", False),
}


class KubeServer:
    """Routes by path; a path nobody set answers 404 with a Status. Discovery knows the kinds of `RESOURCES` in the core group."""

    def __init__(self, *, certificate: Path | None = None) -> None:
        self.seen: list[Seen] = []
        self.routes: dict[str, Route] = {}
        self.stop = threading.Event()
        self.waiting = threading.Event()
        """Set when a stalled answer has begun to stall."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self.do_GET(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def do_GET(self, body: Any = None) -> None:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                seen = Seen(parts.path, query, {key.lower(): value for key, value in self.headers.items()}, body)
                server.seen.append(seen)
                route = server.routes.get(parts.path, lambda s: refusal(404, f"no route to {s.path}"))
                self._send(route(seen))

            def _send(self, reply: Reply) -> None:
                if reply.mute:
                    self.close_connection = True
                    return
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    if reply.chunks is None:
                        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                        self.send_header("Content-Length", str(len(body) + (10 if reply.cut else 0)))
                        self.end_headers()
                        self.wfile.write(body)
                    else:
                        self.send_header("Transfer-Encoding", "chunked")
                        self.end_headers()
                        for chunk in reply.chunks:
                            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                            self.wfile.flush()
                        if not reply.cut:
                            self.wfile.write(b"0\r\n\r\n")
                    if reply.cut:
                        self.close_connection = True
                        self.connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                if not isinstance(sys.exc_info()[1], OSError):  # a client that went away is what many tests are about
                    super().handle_error(*_)  # type: ignore[arg-type]

        self._server = Server(("127.0.0.1", 0), Handler)
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.routes["/version"] = lambda _: Reply({"gitVersion": "v1.36.2"})
        self.routes["/apis"] = lambda _: Reply({"kind": "APIGroupDiscoveryList", "items": []})
        self.routes["/api"] = lambda _: Reply(core_discovery())

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> KubeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self, path: str) -> list[Seen]:
        """The requests that came for a path."""
        return [seen for seen in self.seen if seen.path == path]

    def stalling(self, first: bytes = b"") -> Iterator[bytes]:
        """Chunks that begin and then never go on, until the server is closed."""
        if first:
            yield first
        self.waiting.set()
        self.stop.wait(30)

    def kubeconfig(self, path: Path, user: dict[str, Any] | None = None, server: str = "", **cluster: Any) -> Path:
        """Write a kubeconfig with the one context `test`."""
        document = {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
            "clusters": [{"name": "c", "cluster": {"server": server or self.url, **cluster}}],
            "users": [{"name": "u", "user": user if user is not None else {"token": "let-me-in"}}],
        }
        path.write_text(json.dumps(document))
        return path


def core_discovery() -> dict[str, Any]:
    """The aggregated document of the core group."""
    resources = [
        {
            "resource": plural,
            "responseKind": {"kind": kind},
            "scope": "Namespaced" if namespaced else "Cluster",
            "verbs": ["get", "list", "watch"],
        }
        for plural, (kind, namespaced) in RESOURCES.items()
    ]
    return {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {}, "versions": [{"version": "v1", "resources": resources}]}]}


def refusal(code: int, message: str, **headers: str) -> Reply:
    """A Status, as the API server refuses."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return Reply(body, code, {name.replace("_", "-"): value for name, value in headers.items()})


def page(*names: str, more: str = "", kind: str = "PodList", **metadata: Any) -> Reply:
    """One page of a list."""
    items = [{"metadata": {"name": name, "namespace": "shop", **metadata}} for name in names]
    return Reply(
        {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "7", **({"continue": more} if more else {})}, "items": items}
    )


def in_turn(*replies: Reply) -> Route:
    """The replies one after the other; the last one again and again."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
