"""A Prometheus on loopback that answers queries from a script: series by the metric they are about, or a fault."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Labels = tuple[str, str, str]


class PrometheusServer:
    """`series` maps a metric's name to its series; `fault` is a status and a body to answer instead, or `slow`."""

    def __init__(self) -> None:
        self.series: dict[str, dict[Labels, list[tuple[float, float]]]] = {}
        self.fault: tuple[int, bytes] | None = None
        self.slow = threading.Event()
        self.stop = threading.Event()
        self.seen: list[tuple[str, str, str]] = []
        """path, query and Authorization of each request"""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                server.seen.append((parts.path, query.get("query", ""), self.headers.get("Authorization", "")))
                if server.slow.is_set():
                    server.stop.wait(30)
                    self.close_connection = True
                    return
                status, body = server.fault or (200, json.dumps(server.answer(parts.path, query)).encode())
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> PrometheusServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """What the metric in the query has, whole for a range and its last point for a moment."""
        ranged = path.endswith("query_range")
        rows = []
        for metric, series in self.series.items():
            if metric in query.get("query", ""):
                for (namespace, pod, container), points in series.items():
                    labels = {"namespace": namespace, "pod": pod, "container": container}
                    values = [[t, str(v)] for t, v in points]
                    rows.append({"metric": labels, **({"values": values} if ranged else {"value": values[-1]})})
        return {"status": "success", "data": {"resultType": "matrix" if ranged else "vector", "result": rows}}
