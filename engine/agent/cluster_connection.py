"""`ClusterConnection`: opens a cluster on a thread of the engine's own; whether it is open yet, and why not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from engine.cluster.source import ClusterError, ContextInfo, Unauthenticated, Unreachable
from engine.core.config import Settings
from engine.core.run import FlowError, Run
from engine.core.threads import ThreadGroup
from engine.session.connection import Connection, Opening, connect

if TYPE_CHECKING:
    from engine.cluster.live.prometheus import Prometheus


CLOSE_SECONDS = 0.5
_RETRY_SECONDS, _LOGIN_SECONDS = 3.0, 15.0
"""Between two tries at a cluster that could not be opened; a credential plugin, which may ask somebody to log in, runs more rarely."""


class ClusterConnection:
    """One cluster at a time; `open` begins on a thread of its own, and what was opened for a context left meanwhile is closed again."""

    def __init__(self, settings: Settings, on_open: Callable[[], None], clean: Callable[[str], str]) -> None:
        self._settings = settings
        self._on_open = on_open
        self._clean = clean
        self._lock = threading.Lock()
        self._threads = ThreadGroup()
        self._ready = threading.Event()
        self._generation = 0
        self._abandoned = threading.Event()
        self.connection: Connection | None = None
        self.version = ""
        self.problem = ""
        self.info: ContextInfo | None = None
        """The context that was chosen last, also where its cluster could not be opened."""

    @property
    def state(self) -> Literal["connecting", "ok", "unreachable"]:
        """Whether the cluster answers."""
        return "ok" if self.connection else ("unreachable" if self.problem else "connecting")

    def open(self, opening: Opening, context: str) -> None:
        """Let go of what is open and begin to open another cluster; returns at once."""
        with self._lock:
            self._generation += 1
            generation = self._generation
            self._abandoned.set()
            abandoned = self._abandoned = threading.Event()
            old, self.connection = self.connection, None
            self.version = self.problem = ""
            self._ready.clear()
        if old is not None:
            old.close()
        self._threads.start("engine-cluster", lambda: self._work(opening, context, generation, abandoned))

    def _work(self, opening: Opening, context: str, generation: int, abandoned: threading.Event) -> None:
        """Open it; a live cluster that does not let us in is tried again until it does or another one is wanted."""
        pause = self._open(opening, context, generation)
        while pause is not None and not opening.recorded and not abandoned.wait(pause):
            pause = self._open(opening, context, generation)

    def _open(self, opening: Opening, context: str, generation: int) -> float | None:
        """Try once; the seconds until another try makes sense, None when it is open or not wanted any more."""
        connection, version, problem, pause = None, "", "", _RETRY_SECONDS
        try:
            connection = connect(
                opening,
                context=context,
                kubeconfig=self._settings.cluster.kubeconfig,
                timeout=self._settings.cluster.request_timeout_seconds,
                prometheus=prometheus_of(self._settings),
            )
            version = connection.source.server_version()
        except ClusterError as error:
            problem = str(error)
            if isinstance(error, Unauthenticated) and error.verb == "authenticate":
                pause = _LOGIN_SECONDS
        except Exception as error:  # noqa: BLE001 — whatever a credential plugin or a broken file raises must be told, not kill the thread
            problem = f"the cluster could not be opened: {type(error).__name__}: {error}"
        with self._lock:
            is_latest = generation == self._generation
            is_news = is_latest and (not problem or self.problem != self._clean(problem))
            if is_latest:
                self.info = connection.source.context if connection is not None else None
                self.problem = self._clean(problem)
                if not problem:
                    self.connection, self.version = connection, version
        if connection is not None and (problem or not is_latest):
            connection.close()
        if is_news:
            self._on_open()
        if is_latest:
            with self._lock:  # another cluster may be wanted by now, and then this one's end says nothing about it
                if generation == self._generation:
                    self._ready.set()
        return pause if problem and is_latest else None

    def wait(self, seconds: float) -> bool:
        """Wait until it is open or has failed."""
        return self._ready.wait(seconds)

    def for_run(self, run: Run) -> Connection:
        """The open cluster, waiting for it under the Run's cancel token; raises FlowError when it cannot be reached."""
        while not self._ready.wait(0.05):
            run.token.check()
        if self.connection is None:
            raise FlowError("cluster", self.problem)
        return self.connection

    def for_browsing(self) -> Connection:
        """The open cluster, waiting for it; raises Unreachable."""
        if not self._ready.wait(self._settings.cluster.request_timeout_seconds + 5):
            raise Unreachable("the cluster has not answered yet; wait a moment, or run /health")
        if self.connection is None:
            raise Unreachable(self.problem or "no cluster is open")
        return self.connection

    def close(self) -> None:
        """Close what is open, and whatever opens later; waits a little for what is being opened."""
        with self._lock:
            self._generation += 1
            self._abandoned.set()
            old, self.connection = self.connection, None
        if old is not None:
            old.close()
        self._threads.join(CLOSE_SECONDS)


def prometheus_of(settings: Settings) -> Prometheus | None:
    """The Prometheus of the settings; None where none is named."""
    wanted = settings.prometheus
    if not wanted.url:
        return None
    from engine.cluster.live.prometheus import Prometheus

    token = os.environ.get(wanted.token_env, "") if wanted.token_env else ""
    return Prometheus(wanted.url, token=token, verify=wanted.verify, timeout=wanted.timeout_seconds)
