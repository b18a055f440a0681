"""`Informer`: one kind in one scope, listed and then watched for as long as it is needed, whatever happens on the way."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from engine.cluster.live.decode import Form
from engine.cluster.live.freshness import WatchState, WatchStatus
from engine.cluster.live.http import Gone, Refused, ServerFailed, Stalled, Throttled, WatchFailed
from engine.cluster.live.informer_store import Store
from engine.cluster.objects import text_at
from engine.cluster.source import ClusterError, Forbidden, NotFound, RawObjects, Unauthenticated, Unreachable, WatchEvent
from engine.core.cancel import Cancelled, CancelToken

_MAX_RESUMES = 3
"""After so many failures of a server that answers, the version to resume from may be the reason."""
_INITIAL_END = "k8s.io/initial-events-end"


class Listing(Protocol):
    """A whole list and its resourceVersion."""

    @property
    def objects(self) -> RawObjects: ...
    @property
    def resource_version(self) -> str: ...


class Feed(Protocol):
    """Where lists and changes come from; raises what `LiveCluster` raises."""

    def snapshot(self, resource: str, namespace: str | None, *, form: Form, cancel: CancelToken) -> Listing:
        """A whole list."""
        ...

    def changes(
        self, resource: str, namespace: str | None, *, resource_version: str, form: Form, initial: bool, silence: float, cancel: CancelToken
    ) -> Iterator[WatchEvent]:
        """One watch request, made at once and read as it is taken."""
        ...


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long an informer waits, in seconds. A back-off doubles from `first` to `longest`; each wait is spread over its upper half."""

    first: float = 0.5
    longest: float = 4.0
    overloaded: float = 30.0
    """The longest back-off where the server asks for less load (429). A watch that lasted so long makes the back-off begin anew."""
    doubted: float = 8.0
    """So long a right that was there is not taken for lost: an API server that has just started refuses what it will allow."""
    refused: float = 60.0
    """Between two tries at a kind that may not be listed."""
    polled: float = 30.0
    """Between two lists of a kind that may be listed but not watched."""
    silence: float = 75.0
    """Without a byte for so long, a watch is taken for dead."""
    stale: float = 60.0
    """Rows that were not live for so long are called stale."""


class Clock:
    """Time and chance as informers use them; tests put their own in its place."""

    def now(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def spread(self) -> float:
        """A number from 0 to 1."""
        return random.random()  # noqa: S311  spreads the load of many clients

    def wait(self, seconds: float, cancel: CancelToken) -> None:
        """Wait, unless cancelled meanwhile."""
        cancel.wait(seconds)


class Informer:
    """`run` works until its token is cancelled; everything else may be asked from any thread and never blocks, but for `wait_first`."""

    def __init__(
        self,
        feed: Feed,
        resource: str,
        namespace: str | None,
        *,
        form: Form = "whole",
        limit: int = 20_000,
        on_change: Callable[[], None] = lambda: None,
        pacing: Pacing | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.store = Store(limit)
        self.error: ClusterError | None = None
        """Why the first list has not come yet, or why rows are not current."""
        self._feed = feed
        self._form = form
        self._on_change = on_change
        self._pacing = pacing or Pacing()
        self._clock = clock or Clock()
        self._state: WatchState = "starting"
        self._since = self._clock.now()
        self._version = ""
        self._can_stream = form != "table"
        self._reauthenticated = False
        self._is_polled = False
        self._failures = 0
        self._live_since: float | None = None
        self._refused_since: float | None = None
        self._first = threading.Event()
        self._settled = threading.Event()

    @property
    def watching(self) -> WatchStatus:
        """How current it is."""
        state, since, error = self._state, self._clock.now() - self._since, self.error
        if state == "reconnecting" and since > self._pacing.stale:
            state = "stale"
        note = "" if error is None or state in ("live", "starting") else str(error)
        if state == "live" and self.store.dropped:
            note = f"only the newest {len(self.store)} are kept"
        return WatchStatus(self.resource, state, since, note, len(self.store), self.store.bytes)

    def wait_first(self, seconds: float) -> bool:
        """Wait until the first list is there (True), or until it is known that it does not come soon (False)."""
        self._settled.wait(seconds)
        return self._first.is_set()

    def run(self, cancel: CancelToken) -> None:
        """List and watch until cancelled."""
        while not cancel.cancelled:
            try:
                if self._version:
                    self._watch(cancel)
                else:
                    self._list(cancel)
            except Cancelled:
                return
            except Exception as error:  # noqa: BLE001  whatever happens, the rows must not silently stop being current
                known = error if isinstance(error, ClusterError) else ClusterError(f"{type(error).__name__}: {error}")
                self._clock.wait(self._failed(known), cancel)

    def _list(self, cancel: CancelToken) -> None:
        """The first list, or a new one: streamed where the server can, else page by page."""
        if self._can_stream:
            try:
                self._stream(cancel)
                return
            except ClusterError as error:
                if self._version or isinstance(error, Unauthenticated | Throttled):
                    raise
                # a server that answered otherwise than with a list cannot stream one; a connection that broke says nothing of that
                self._can_stream = isinstance(error, Unreachable) and not isinstance(error, Stalled | WatchFailed)
                cancel.check()
        listed = self._feed.snapshot(self.resource, self.namespace, form=self._form, cancel=cancel)
        self._replace(listed.objects, listed.resource_version)

    def _stream(self, cancel: CancelToken) -> None:
        initial_objects: RawObjects | None = []
        for event in self._changes(cancel, "", initial=True):
            if initial_objects is None:
                self._apply(event)
            elif event.type == "BOOKMARK":
                if text_at(event.object, "metadata", "annotations", _INITIAL_END) == "true":
                    self._replace(initial_objects, text_at(event.object, "metadata", "resourceVersion"))
                    initial_objects = None
            elif event.type != "DELETED":
                initial_objects.append(event.object)
        if initial_objects is not None and not cancel.cancelled:
            raise Refused(f"the server ended the stream of {self.resource} before its list was complete")

    def _watch(self, cancel: CancelToken) -> None:
        began, received = self._clock.now(), False
        for event in self._changes(cancel, self._version, initial=False):
            received = True
            self._apply(event)
        if not received and not cancel.cancelled and self._clock.now() - began < 1.0:
            self._clock.wait(self._backoff(), cancel)  # a server that ends every watch at once must not be asked in a tight loop

    def _changes(self, cancel: CancelToken, version: str, *, initial: bool) -> Iterator[WatchEvent]:
        changes = self._feed.changes(
            self.resource,
            self.namespace,
            resource_version=version,
            form=self._form,
            initial=initial,
            silence=min(10.0, self._pacing.silence) if initial else self._pacing.silence,
            cancel=cancel,
        )
        if not initial:
            self._is_polled = False
            self._set_live()
        yield from changes

    def _apply(self, event: WatchEvent) -> None:
        self._failures = 0
        self._version = text_at(event.object, "metadata", "resourceVersion") or self._version
        if event.type == "BOOKMARK":
            return
        if event.type == "DELETED":
            self.store.remove(event.object)
        else:
            self.store.put(event.object)
        self._on_change()

    def _replace(self, objects: RawObjects, version: str) -> None:
        changed = self.store.replace(objects)
        self._version = version
        first = not self._first.is_set()
        self._first.set()
        if self._is_polled:
            self._settled.set()
        else:
            self._set_live()
        if changed or first:
            self._on_change()

    def _set_live(self) -> None:
        self._reauthenticated = False
        self._refused_since = None
        self._live_since = self._clock.now()
        self.error = None
        self._set_state("live")
        self._settled.set()

    def _failed(self, error: ClusterError) -> float:
        """Note what went wrong; the seconds until the next try."""
        connected, self._live_since = self._live_since, None
        if connected is not None and self._clock.now() - connected > self._pacing.overloaded:
            self._failures = 0  # after a calm while the pauses begin small again
        match error:
            case Gone():
                self._version = ""
                self._failures += 1
                return 0.0 if self._failures == 1 else self._backoff()
            case Stalled() if self._version:
                return 0.0  # resumed from where it stood; only when that fails is something wrong
            case Unauthenticated():
                if not self._reauthenticated:
                    self._reauthenticated = True
                    return 0.0  # the client was let go: the next try logs in anew
                self._set_lost("reconnecting", error)
                return self._backoff()
            case Forbidden() if self._version:
                return self._unwatchable(error)
            case Forbidden() | NotFound():
                self._version = ""
                self._is_polled = False
                if isinstance(error, Forbidden) and self._in_doubt():
                    self._set_lost("reconnecting", error)
                    return self._backoff()
                self.store.clear()
                self._set_lost("forbidden" if isinstance(error, Forbidden) else "live", error)
                return self._pacing.refused * (0.5 + self._clock.spread() / 2)
            case Throttled():
                self._set_lost("reconnecting", error)
                return max(error.seconds, self._backoff(self._pacing.overloaded))
            case _:
                if isinstance(error, ServerFailed) and self._failures >= _MAX_RESUMES:
                    self._version = ""  # a server restored from an older state has not reached this version yet
                if self._state != "live" or self._failures:  # a single cut is everyday life, and resumed before anybody could read of it
                    self._set_lost("reconnecting", error)
                return self._backoff()

    def _unwatchable(self, error: Forbidden) -> float:
        """The right to watch is missing, maybe the one to list too: the next list shows which."""
        self._version = ""
        if not self._is_polled:
            self._is_polled = True
            self._set_lost("stale", error)
            return 0.0
        return self._pacing.polled * (0.5 + self._clock.spread() / 2)

    def _in_doubt(self) -> bool:
        """Whether rows came until a moment ago, so that a refusal may be a passing one."""
        if self._state == "forbidden" or not self._first.is_set():
            return False
        if self._refused_since is None:
            self._refused_since = self._clock.now()
        return self._clock.now() - self._refused_since < self._pacing.doubted

    def _set_lost(self, state: WatchState, error: ClusterError) -> None:
        self.error = error
        self._set_state(state)
        self._settled.set()

    def _set_state(self, state: WatchState) -> None:
        if state != self._state:
            self._state = state
            self._since = self._clock.now()
            self._on_change()

    def _backoff(self, longest: float = 0.0) -> float:
        whole = min(longest or self._pacing.longest, self._pacing.first * float(1 << min(self._failures, 10)))
        self._failures += 1
        return whole * (0.5 + self._clock.spread() / 2)
