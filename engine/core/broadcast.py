"""`Broadcast`: publishes the events of a session to its listeners."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.core.events import Event

Listener = Callable[[Event], None]


class Broadcast:
    """Hands every event to all listeners, under no lock that a Run or the session holds. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Get every event from now on; returns a function that unsubscribes."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand an event to everyone, in the order in which they came."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(event)
