"""`LiveView`: keeps rows, usage and findings of one place of a live cluster current, on threads of its own, until it is closed.

Up to `OVERVIEW` pods the informers hold whole objects, which the screen and the analyzers share. Beyond, they hold the server's table
rows and small objects, and the analyzers list for themselves, rarely.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from engine.agent.browsing.background_findings import BackgroundFindings
from engine.cluster.live.freshness import WatchStatus
from engine.cluster.live.informer import Pacing
from engine.cluster.live.shared_informers import InformerLease, Informers
from engine.cluster.rows.build import WORKLOAD_RESOURCES, EventRow, NodeRow, PodRows, WorkloadRow, event_rows, node_rows, workload_rows
from engine.cluster.source import ClusterError, Forbidden, NotFound, RawObjects, Unreachable, Usage
from engine.cluster.usage import by_node, by_pod
from engine.core.cancel import Cancelled, CancelToken

if TYPE_CHECKING:
    from engine.cluster.live.cluster import LiveCluster
    from engine.core.types import Finding

OVERVIEW = 2_000
_EVENTS_KEPT = 5_000
_EVENTS_SHOWN = 1_000
_NOTIFY_SECONDS = 0.25
_LOST_SECONDS, _QUIET_SECONDS = 5.0, 30.0
_SHARE = 4.0
"""After so many seconds of work come as many times more of rest: a fifth of one core at most."""
_USAGE_SECONDS, _NO_USAGE_SECONDS = 20.0, 300.0
Scope = str | None


class LiveView:
    """What a screen looks at of one live cluster. `on_change` is called at most four times a second, on a thread of its own."""

    def __init__(self, source: LiveCluster, on_change: Callable[[], None], *, patience: float = 20.0, pacing: Pacing | None = None) -> None:
        self._source = source
        self._on_change = on_change
        self._patience = patience
        self._token = CancelToken()
        self._informers = Informers(source, self._changed, pacing=pacing)
        self._lock = threading.Lock()
        self._scope: Scope = None
        self._holds: dict[str, InformerLease] = {}
        self._background: BackgroundFindings | None = None
        self._overview = False
        self._pods = PodRows()
        self._cost = 0.0
        self._dirty = threading.Event()
        self._usage: dict[str, Sequence[Usage]] = {}
        self._threads: list[threading.Thread] = []
        self._started = False

    @property
    def watching(self) -> list[WatchStatus]:
        """How current each kind is; never blocks."""
        return [hold.informer.watching for hold in list(self._holds.values())]

    def workloads(self, namespace: str) -> list[WorkloadRow]:
        """Rows of the namespace ("" = all), which becomes the one that is watched. Raises Unreachable before the first list came."""
        lists = self._lists(namespace, WORKLOAD_RESOURCES)
        began = time.thread_time()
        with self._lock:
            kept = self._pods
        rows = workload_rows(lists, self._source.now(), by_pod(self._usage.get("pods", ())), kept)
        self._cost = time.thread_time() - began
        return rows

    def nodes(self) -> list[NodeRow] | None:
        """Rows of all nodes; None where nothing is watched yet, since which namespace to watch is said by its workloads."""
        with self._lock:
            if not self._holds:
                return None
            namespace = self._scope or ""
        return node_rows(self._lists(namespace, ("nodes",))["nodes"], self._source.now(), by_node(self._usage.get("nodes", ())))

    def events(self, namespace: str) -> list[EventRow]:
        """The newest events, newest first."""
        return event_rows(self._lists(namespace, ("events",))["events"], self._source.now())[:_EVENTS_SHOWN]

    def findings(self, namespace: str) -> list[Finding]:
        """The newest findings of the namespace; the first ones are worked out by the caller, the later ones on a thread."""
        self._watch_namespace(namespace)
        with self._lock:
            background = self._background
        assert background is not None
        return background.findings()

    def names(self, resource: str, namespace: str) -> RawObjects | None:
        """What is held of a kind, if it is watched in this namespace and its list is there; never asks the server."""
        with self._lock:
            hold = self._holds.get(resource) if self._scope == (namespace or None) else None
        return hold.informer.store.objects() if hold is not None and hold.informer.wait_first(0) else None

    def refresh(self) -> None:
        """Something was changed from here: look again at what is not watched, too."""
        with self._lock:
            background = self._background
        if background is not None:
            background.refresh()

    def close(self) -> None:
        """Stop every watch and thread; at most about two seconds."""
        self._token.cancel("no longer viewed")
        self._dirty.set()
        with self._lock:
            background, self._background = self._background, None
            self._holds = {}
            threads, self._threads = self._threads, []
        if background is not None:
            background.close()
        self._informers.close(1.0)
        for thread in threads:
            thread.join(1.0)

    def _lists(self, namespace: str, resources: Sequence[str]) -> Mapping[str, RawObjects]:
        holds = self._watch_namespace(namespace)
        until = time.monotonic() + self._patience
        lists: dict[str, RawObjects] = {}
        for resource in resources:
            informer = holds[resource].informer
            if informer.wait_first(max(0.0, until - time.monotonic())):
                lists[resource] = informer.store.objects()
            elif isinstance(informer.error, Forbidden | NotFound):
                lists[resource] = []
            else:
                raise informer.error or Unreachable("the cluster has not answered yet; wait a moment, or run /health")
        return lists

    def _watch_namespace(self, namespace: str) -> Mapping[str, InformerLease]:
        """Watch this namespace instead of the one before."""
        scope = namespace or None
        with self._lock:
            if self._fits(scope):
                return self._holds
        overview = self._is_large(scope)
        with self._lock:
            self._token.check()
            if self._fits(scope):
                return self._holds
            old, background = self._holds, self._background
            self._scope, self._overview, self._pods, self._usage = scope, overview, PodRows(), {}
            self._holds = {resource: self._acquire(resource, scope, overview) for resource in (*WORKLOAD_RESOURCES, "nodes")}
            self._background = BackgroundFindings(self._source, scope, self._holds if not overview else {}, self._mark_dirty, rare=overview)
            for hold in old.values():
                hold.release()
            if not self._started:
                self._started = True
                for name, work in (("cluster-bell", self._notify), ("cluster-usage", self._poll_usage)):
                    thread = threading.Thread(target=work, name=name, daemon=True)
                    self._threads.append(thread)
                    thread.start()
            holds = self._holds
        if background is not None:
            background.close()
        return holds

    def _fits(self, scope: Scope) -> bool:
        """Whether this scope is watched, and in the right form: whole objects of too many pods would take too much memory."""
        outgrown = bool(self._holds) and not self._overview and len(self._holds["pods"].informer.store) > 2 * OVERVIEW
        return bool(self._holds) and self._scope == scope and not outgrown

    def _is_large(self, scope: Scope) -> bool:
        try:
            return self._source.count("pods", scope, cancel=self._token) > OVERVIEW
        except (Forbidden, NotFound):
            return False

    def _acquire(self, resource: str, scope: Scope, overview: bool) -> InformerLease:
        form: Literal["whole", "small", "table"] = "whole" if not overview else "table" if resource == "pods" else "small"
        limit = _EVENTS_KEPT if resource == "events" else 50_000
        return self._informers.acquire(resource, None if resource == "nodes" else scope, form=form, limit=limit)

    def _changed(self, resource: str) -> None:
        self._dirty.set()
        background = self._background
        if background is not None:
            background.changed()

    def _mark_dirty(self) -> None:
        self._dirty.set()

    def _notify(self) -> None:
        while not self._token.cancelled:
            # without a change, too: ages go on, and so do the seconds for which something has been lost
            self._dirty.wait(_LOST_SECONDS if any(w.state in ("reconnecting", "stale") for w in self.watching) else _QUIET_SECONDS)
            self._dirty.clear()
            if self._token.wait(0):
                return
            self._on_change()
            self._token.wait(max(_NOTIFY_SECONDS, _SHARE * self._cost))

    def _poll_usage(self) -> None:
        """Ask the metrics server now and then; a cluster without one is asked rarely."""
        kinds: tuple[Literal["pods", "nodes"], ...] = ("pods", "nodes")
        while not self._token.cancelled:
            scope, pause = self._scope, _USAGE_SECONDS
            try:
                usage: dict[str, Sequence[Usage]] = {what: self._source.top(what, scope if what == "pods" else None) for what in kinds}
                if usage != self._usage and scope == self._scope:
                    self._usage = usage
                    self._dirty.set()
            except (NotFound, Forbidden):
                pause = self._poll_prometheus(scope)
            except (ClusterError, Cancelled):
                pass  # the watches tell what is wrong with the cluster
            until = time.monotonic() + pause
            while time.monotonic() < until and not self._token.wait(1.0):
                if scope != self._scope and pause == _USAGE_SECONDS:
                    break

    def _poll_prometheus(self, scope: Scope) -> float:
        """Without a metrics server Prometheus says what pods use, if there is one; the seconds until the next time."""
        from engine.cluster.live.prometheus import PrometheusDown

        if self._source.prometheus is None:
            return _NO_USAGE_SECONDS
        try:
            usage = self._source.prometheus.usage(scope)
        except PrometheusDown:
            return _NO_USAGE_SECONDS  # an analyzer's finding says why
        if scope == self._scope:
            self._usage = {"pods": usage}
            self._dirty.set()
        return _USAGE_SECONDS
