"""The server around the routes: sockets, limits of connections, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

from engine.agent.agent import Agent
from engine.api.app import make_app
from engine.api.gate import HEAD_BYTES, Gate, Limits
from engine.api.problem import Problem
from engine.api.runs import Runs
from engine.core.config import ApiSettings

GRACE_SECONDS = 1
REFUSED_AT_A_TIME = 2000
"""Connections beyond the limit that still get an answer, which says that the server is full."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the port is known before the first request; raises OSError."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made = socket.socket(family, kind, proto)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def names_of(host: str, further: tuple[str, ...]) -> frozenset[str]:
    """The names that a request's Host header may bear."""
    own = {"127.0.0.1", "::1", "localhost", host.lower()} if is_loopback(host) else {host.lower()}
    return frozenset(own | {name.lower() for name in further})


class Server:
    """One REST server over a started agent; `run` blocks until a signal or `stop`, then all Runs have been cancelled."""

    def __init__(self, agent: Agent, settings: ApiSettings, token: str, listener: socket.socket, log: Callable[[str], None]) -> None:
        """`log` gets one line a request, and every defect."""
        import uvicorn

        self.runs = Runs(settings.max_runs)
        address = str(listener.getsockname()[0])
        self.gate = Gate(
            make_app(agent, self.runs, settings),
            token=token,
            names=names_of(settings.host, settings.names) - {"0.0.0.0", "::"},  # noqa: S104 — a name to leave out, not one to bind
            local=ipaddress.ip_address(address).is_unspecified,
            limits=Limits(
                body_bytes=settings.max_body_kib * 1024, requests=settings.max_requests, request_seconds=settings.request_seconds
            ),
            log=log,
        )
        self._listener = listener
        config = uvicorn.Config(
            self.gate,
            http=_protocol(settings),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=HEAD_BYTES,
        )
        self._server = _server(config, self.runs)
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
            logging.getLogger(name).addHandler(logging.NullHandler())
            logging.getLogger(name).propagate = False

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or `stop`."""
        self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """End the server from another thread."""
        self._server.should_exit = True


def _server(config: Any, runs: Runs) -> Any:
    import uvicorn

    class _UvicornServer(uvicorn.Server):
        """Ends on a signal without raising it again, so that the agent is closed behind it."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            import threading

            if threading.current_thread() is not threading.main_thread():
                yield
                return
            signals = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
            before = {number: signal.signal(number, self.handle_exit) for number in signals}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            runs.stop()
            await super().shutdown(sockets)

    return _UvicornServer(config)


def _protocol(settings: ApiSettings) -> Any:
    from uvicorn.protocols.http.h11_impl import H11Protocol

    full = Problem(503, "too many connections", f"at most {settings.max_requests}", "try again soon").body
    busy = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    busy += b"content-length: %d\r\n\r\n%s" % (len(full), full)

    class BoundedProtocol(H11Protocol):
        """HTTP with a bound on connections, and on how long the head of a request may take."""

        _head_timer: asyncio.TimerHandle | None = None
        _over_limit = False
        _refused = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > REFUSED_AT_A_TIME + settings.max_requests:
                transport.abort()
                return
            self._over_limit = len(self.connections) > settings.max_requests
            _set_keepalive(transport.get_extra_info("socket"))
            self._start_head_timer()

        def data_received(self, data: bytes) -> None:
            if self._over_limit:
                # Answered only now, and drained for a moment: closing while something is unread would reset the connection.
                if not self._refused:
                    self._refused = True
                    self.transport.write(busy)
                    self.transport.write_eof()
                    self.loop.call_later(GRACE_SECONDS, self.transport.close)
                return
            super().data_received(data)
            self._start_head_timer()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._start_head_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_head_timer()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            problem = Problem(400, "the HTTP request could not be parsed", msg, f"send HTTP/1.1 with a head of at most {HEAD_BYTES} bytes")
            head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(head % len(problem.body) + problem.body)
            self.transport.close()

        def _start_head_timer(self) -> None:
            idle = self.cycle is None or self.cycle.response_complete
            if not idle or self.transport.is_closing():
                self._stop_head_timer()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(settings.request_seconds, self.transport.close)

        def _stop_head_timer(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return BoundedProtocol


def _set_keepalive(connection: Any) -> None:
    """Let the system notice a peer that is gone, or that takes nothing in, within half a minute."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 30_000)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
