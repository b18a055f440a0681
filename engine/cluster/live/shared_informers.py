"""`Informers`: one informer a kind and scope, however many need it; each runs on a thread of its own and ends with its last user."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.cluster.live.decode import Form
from engine.cluster.live.informer import Clock, Feed, Informer, Pacing
from engine.core.cancel import CancelToken

_Key = tuple[str, str | None, Form]


@dataclass(slots=True)
class _Running:
    informer: Informer
    token: CancelToken
    thread: threading.Thread
    users: int = 0


class InformerLease:
    """One user's claim on an informer; `release` gives it up, once."""

    def __init__(self, informer: Informer, release: Callable[[], None]) -> None:
        self.informer = informer
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        """Let go; the informer stops when nobody else holds it. Does not wait for its thread."""
        release, self._release = self._release, None
        if release is not None:
            release()


class Informers:
    """The informers of one cluster. `on_change(resource)` is called on their threads whenever something changed."""

    def __init__(
        self, feed: Feed, on_change: Callable[[str], None] = lambda _: None, *, pacing: Pacing | None = None, clock: Clock | None = None
    ) -> None:
        self._feed = feed
        self._on_change = on_change
        self._pacing = pacing
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[_Key, _Running] = {}
        self._ending: list[threading.Thread] = []

    def acquire(self, resource: str, namespace: str | None, *, form: Form = "whole", limit: int = 20_000) -> InformerLease:
        """The informer of a kind in a namespace (None = all), started if nobody holds it yet."""
        key = (resource, namespace, form)
        with self._lock:
            running = self._running.get(key)
            if running is None:
                informer = Informer(
                    self._feed,
                    resource,
                    namespace,
                    form=form,
                    limit=limit,
                    on_change=lambda: self._on_change(resource),
                    pacing=self._pacing,
                    clock=self._clock,
                )
                token = CancelToken()
                thread = threading.Thread(target=informer.run, args=(token,), name=f"cluster-watch-{resource}", daemon=True)
                running = self._running[key] = _Running(informer, token, thread)
                thread.start()
            running.users += 1
        return InformerLease(running.informer, lambda: self._release(key, running))

    def _release(self, key: _Key, running: _Running) -> None:
        with self._lock:
            running.users -= 1
            if running.users or self._running.get(key) is not running:
                return
            del self._running[key]
            self._ending = [thread for thread in self._ending if thread.is_alive()] + [running.thread]
        running.token.cancel("nobody watches any more")

    def close(self, seconds: float = 2.0) -> bool:
        """Stop all and wait for their threads, so many seconds each at most; whether all ended."""
        with self._lock:
            running = list(self._running.values())
            self._running.clear()
            threads = self._ending + [one.thread for one in running]
            self._ending = []
        for one in running:
            one.token.cancel("the cluster was closed")
        for thread in threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in threads)
