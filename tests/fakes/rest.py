"""A real REST server on loopback over any agent, and clients that know its token."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from fakes.agent import ScriptedAgent, Step

from engine.api.server import Server, listen
from engine.core.config import ApiSettings
from engine.core.events import FindingsFound
from engine.core.run import Run

TOKEN = "a-token-that-is-long-enough-for-this"


class RestAgent(ScriptedAgent):
    """A ScriptedAgent that takes what the REST door asks of an agent; `asked_with` holds what came beside each query."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_with: list[dict[str, Any]] = []

    def ask(self, query: str, **with_it: Any) -> Run:
        self.asked.append(query)
        self.asked_with.append(with_it)
        return self.play(query, self.scripts.get(query, self.scripts.get("*", ())))

    def check(self, *, namespace: str | None = None) -> Run:
        script: list[Step] = [FindingsFound(findings=tuple(self.cluster.finding_list), scanned={"pods": 5})]
        return self.play("/check", self.scripts.get("/check", script))


@dataclass
class Rest:
    """A running server: `url`, a client with the token, and one without."""

    url: str
    server: Server
    log: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def client(self, **more: Any) -> httpx.Client:
        headers = {"authorization": f"Bearer {TOKEN}"} | more.pop("headers", {})
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, verify=False, **more)

    def stranger(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, verify=False)


@contextlib.contextmanager
def serving(agent: Any, settings: ApiSettings | None = None) -> Iterator[Rest]:
    """Serve an agent on a free port until the block ends."""
    listener = listen("127.0.0.1", 0)
    log: list[str] = []
    server = Server(agent, settings or ApiSettings(), TOKEN, listener, log.append)
    thread = threading.Thread(target=server.run, name="rest-server", daemon=True)
    thread.start()
    try:
        yield Rest(f"http://127.0.0.1:{listener.getsockname()[1]}", server, log)
    finally:
        server.stop()
        thread.join(20)
        listener.close()
        assert not thread.is_alive(), "the server did not end"


def frames(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The events of a stream of Server-Sent Events: {"event", "id", "data"}, data parsed; comments are passed over."""
    frame: dict[str, Any] = {}
    for line in lines:
        if not line and frame:
            yield frame | {"data": json.loads(frame["data"])}
            frame = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            frame[name] = value
