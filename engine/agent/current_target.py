"""`CurrentTarget`: the place that the next Run is pinned to, what may be changed there, and the cluster that is opened for it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.agent.cluster_connection import ClusterConnection
from engine.agent.model_connection import ModelState
from engine.cluster.source import ContextInfo
from engine.core.config import Settings
from engine.core.target import Place, is_protected
from engine.core.types import Mode
from engine.session.connection import Opening, recording_title

MODES: dict[str, Mode] = {"ask": "asks before changes", "read-only": "read-only", "suggest-only": "suggest-only"}


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the session, as the header shows it; taking one never blocks."""

    context: str
    namespace: str
    mode: Mode
    protected: bool
    writable: bool
    recording: bool
    cluster_state: Literal["connecting", "ok", "unreachable"]
    cluster_version: str
    cluster_note: str
    """Why the cluster cannot be reached; while it can, what keeps its rows from being current."""
    model: str
    model_state: ModelState
    model_note: str
    docs: int
    run: str
    model_host: str = ""
    """The machine that the model is on; "" for this one."""
    model_loading: bool = False


class CurrentTarget:
    """Where a session is. `on_move` is called when the place has changed, `on_open` once a cluster is open or has failed."""

    def __init__(
        self, settings: Settings, opening: Opening, clean: Callable[[str], str], on_move: Callable[[], None], on_open: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._opening = opening
        self._on_move = on_move
        self._on_open = on_open
        self._lock = threading.Lock()
        self.cluster = ClusterConnection(settings, self._cluster_opened, clean)
        context = settings.cluster.context
        if opening.recorded and not context:
            context = recording_title(opening)
        self.place = Place(
            context=context,
            namespace=settings.cluster.namespace,
            mode=self._initial_mode(context, opening.recorded),
            recording=opening.recorded,
        )

    @property
    def writable(self) -> bool:
        """Whether the cluster takes changes at all: a recording that is not opened as writable does not."""
        connection = self.cluster.connection
        return connection.writable if connection else self._opening.demo or self._opening.writable

    def open(self) -> None:
        """Begin to open the cluster of the place; returns at once."""
        place = self.place
        self.cluster.open(self._opening if place.recording else Opening(), "" if place.recording else place.context)

    def switch_namespace(self, namespace: str) -> None:
        """Work in another namespace; "" = all."""
        self._replace(namespace=namespace)

    def switch_context(self, context: str) -> None:
        """Be in another context, whose cluster is not opened yet."""
        is_recording = self._opening.recorded and context == recording_title(self._opening)
        namespace = self._settings.cluster.namespace if is_recording else ""
        with self._lock:
            self.place = Place(context=context, namespace=namespace, mode=self._initial_mode(context, is_recording), recording=is_recording)
        self._on_move()

    def switch_mode(self, mode: Mode) -> None:
        """Change what may be changed; a read-only recording stays read-only."""
        if mode == "asks before changes" and self.place.recording and not self.writable:
            mode = "read-only"
        self._replace(mode=mode)

    def _replace(self, *, namespace: str | None = None, mode: Mode | None = None) -> None:
        with self._lock:
            place = self.place
            self.place = dataclasses.replace(place, namespace=place.namespace if namespace is None else namespace, mode=mode or place.mode)
        self._on_move()

    def _mode_of(self, place: Place, info: ContextInfo) -> Mode:
        """The mode now that cluster and server are known: what was chosen meanwhile stays."""
        context = place.context or info.name
        if place.context and place.mode != self._initial_mode(place.context, place.recording):
            return place.mode
        return self._initial_mode(context, place.recording, info.cluster, info.server)

    def _initial_mode(self, context: str, recorded: bool, *places: str) -> Mode:
        policy = self._settings.policy
        if recorded:
            return MODES[policy.mode] if self._opening.demo or self._opening.writable else "read-only"
        if is_protected(context, (*policy.protected_contexts, *policy.read_only_contexts), *places):
            return "read-only"
        return MODES[policy.mode]

    def _cluster_opened(self) -> None:
        """Called on the opening thread: the place becomes the context that was chosen, whether its cluster answers or not."""
        info = self.cluster.info
        if info is not None:
            with self._lock:
                place = self.place
                name = place.context or info.name
                self.place = dataclasses.replace(
                    place,
                    context=name,
                    namespace=place.namespace or ("" if place.recording else info.namespace or "default"),
                    server=info.server,
                    user=info.user,
                    mode=self._mode_of(place, info),
                    protected=not place.recording
                    and is_protected(name, self._settings.policy.protected_contexts, info.cluster, info.server),
                )
        self._on_move()
        self._on_open()
