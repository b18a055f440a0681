"""`BackgroundFindings`: the analyzers' findings of one scope of a live cluster, kept current on a thread of its own with bounded work.

What informers hold is shared; other kinds are listed and kept for a while. One analysis at a time, and at most a fifth of one core.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engine.cluster.live.shared_informers import InformerLease
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError, ClusterSource, Unauthenticated, Unreachable
from engine.core.cancel import Cancelled, CancelToken

if TYPE_CHECKING:
    from engine.analyzers.common.view import ClusterView
    from engine.core.types import Finding

_KEPT_SECONDS = 20.0
"""How long a list that nobody watches is good for."""
_LOGS_SECONDS = 60.0
_DEBOUNCE_SECONDS = 2.0
"""Changes come in bursts: so long after one begins is looked again."""
_RARE_SECONDS = 300.0
"""Large namespaces, whose pods are listed again for each analysis, and those where nothing that is watched changes."""
_SHARE = 4.0


class BackgroundFindings:
    """`findings` gives the newest; `changed` says that some may be outdated. `on_change` is called when they became others."""

    def __init__(
        self,
        source: ClusterSource,
        scope: str | None,
        holds: Mapping[str, InformerLease],
        on_change: Callable[[], None],
        *,
        rare: bool = False,
    ) -> None:
        self._source = source
        self._scope = scope
        self._holds = holds
        self._on_change = on_change
        self._debounce = _RARE_SECONDS if rare else _DEBOUNCE_SECONDS
        self._token = CancelToken()
        self._analysis = threading.Lock()
        self._findings: list[Finding] | None = None
        self._dirty = threading.Event()
        self._urgent = threading.Event()
        self._lists: dict[tuple[str, str | None], tuple[float, list[Obj] | ClusterError]] = {}
        self._logs: dict[tuple[str, str, str, bool], tuple[float, list[str] | ClusterError]] = {}
        self._logs_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.runs = 0
        """How many analyses there were."""

    def findings(self) -> list[Finding]:
        """The newest findings, worked out now if there are none yet. Raises ClusterError or Cancelled."""
        with self._analysis:
            if self._findings is None:
                self._dirty.clear()
                self._findings = self._check()
                self._thread = threading.Thread(target=self._work, name="cluster-findings", daemon=True)
                self._thread.start()
            return self._findings

    def changed(self) -> None:
        """Objects that are watched have changed."""
        self._dirty.set()

    def refresh(self) -> None:
        """Anything may have changed: forget what was kept, and look soon."""
        self._lists.clear()
        with self._logs_lock:
            self._logs = {}
        self._urgent.set()
        self._dirty.set()

    def close(self) -> None:
        """Stop; an analysis under way ends with its next read."""
        self._token.cancel("no longer viewed")
        self._urgent.set()
        self._dirty.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _work(self) -> None:
        spent = 0.0
        while True:
            # something that is not watched may have changed too, so it is looked now and then anyway
            self._dirty.wait(_RARE_SECONDS)
            self._urgent.wait(max(self._debounce, _SHARE * spent))
            if self._token.cancelled:
                return
            self._urgent.clear()
            self._dirty.clear()
            began = time.thread_time()
            try:
                with self._analysis:
                    found = self._check()
                    is_new = found != self._findings
                    self._findings = found
            except Cancelled:
                return
            except ClusterError:
                continue  # the last findings stand; the header says why they are not current
            finally:
                spent = time.thread_time() - began
            if is_new:
                self._on_change()

    def _check(self) -> list[Finding]:
        from engine.analyzers.check import check

        self.runs += 1
        return list(check(self._view()).findings)

    def _view(self) -> ClusterView:
        from engine.analyzers.common.view import ClusterView

        namespaced = {kind.name: kind.namespaced for kind in self._source.resources()}
        view = ClusterView(
            lambda resource, wanted: self._fetch(resource, wanted if namespaced.get(resource, True) else None),
            now=self._source.now(),
            namespace=self._scope,
            server_version=self._source.server_version(),
        )
        view.read_logs_in_parallel(self._read_logs)
        view.cluster_scoped = {name for name, inside in namespaced.items() if not inside}
        view.read_trends = lambda: self._source.trends(self._scope)
        return view

    def _fetch(self, resource: str, wanted: str | None) -> list[Obj]:
        hold = self._holds.get(resource)
        if hold is not None and hold.informer.namespace in (None, wanted) and hold.informer.wait_first(0):
            if hold.informer.watching.state == "forbidden" and hold.informer.error is not None:
                raise hold.informer.error
            held = [Obj(raw) for raw in hold.informer.store.objects()]
            return held if hold.informer.namespace == wanted else [obj for obj in held if obj.namespace == wanted]
        key, now = (resource, wanted), time.monotonic()
        kept = self._lists.get(key)
        if kept is None or now - kept[0] > _KEPT_SECONDS:
            kept = (now, self._list(resource, wanted))
            if resource != "pods":  # a large list is not worth its memory between two looks
                self._lists[key] = kept
        if isinstance(kept[1], ClusterError):
            raise kept[1]
        return kept[1]

    def _list(self, resource: str, wanted: str | None) -> list[Obj] | ClusterError:
        try:
            return [Obj(raw) for raw in self._source.list(resource, wanted, cancel=self._token)]
        except (Unreachable, Unauthenticated):
            raise
        except ClusterError as error:
            return error

    def _read_logs(self, namespace: str, pod: str, container: str, previous: bool) -> list[str]:
        key, now = (namespace, pod, container, previous), time.monotonic()
        kept = self._logs.get(key)
        if kept is None or now - kept[0] > _LOGS_SECONDS:
            answer: list[str] | ClusterError
            try:
                answer = self._source.logs(namespace, pod, container, previous=previous, tail=2000, cancel=self._token)
            except (Unreachable, Unauthenticated):
                raise
            except ClusterError as error:
                answer = error
            with self._logs_lock:
                self._logs = {k: v for k, v in self._logs.items() if now - v[0] <= _LOGS_SECONDS}
                kept = self._logs[key] = (now, answer)
        if isinstance(kept[1], ClusterError):
            raise kept[1]
        return kept[1]
