"""From settings and flags to an open cluster: the source to read, and the kubeconfig that lets kubectl reach the same cluster.

A recording is served to kubectl by the API stand-in, which starts when a kubeconfig is first asked for.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cluster.source import ClusterError, ClusterSource, ContextInfo

if TYPE_CHECKING:
    from engine.cluster.live.prometheus import Prometheus


@dataclass(frozen=True, slots=True)
class Opening:
    """Which cluster to open: a recording's path, the bundled demo, or (neither) a live context of the kubeconfig."""

    snapshot: Path | None = None
    demo: bool = False
    writable: bool = False

    @property
    def recorded(self) -> bool:
        return self.demo or self.snapshot is not None


class Connection:
    """An open cluster. `kubeconfig()` may start the API stand-in; `close()` stops whatever was started.

    `serve` writes the kubeconfig into the path that it is given, and returns what ends it: the stand-in's, or a private copy of the
    kubeconfig that the reads use, written again whenever they had to read it again.
    """

    def __init__(self, source: ClusterSource, *, writable: bool, recorded: bool, serve: Callable[[Path], Callable[[], None]]) -> None:
        self.source = source
        self.writable = writable
        self.recorded = recorded
        self._kubeconfig: Path | None = None
        self._serve = serve
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def kubeconfig(self) -> Path:
        """The file that kubectl gets."""
        with self._lock:
            if self._kubeconfig is None:
                self._folder = tempfile.TemporaryDirectory(prefix="k8sagent-")
                path = Path(self._folder.name) / "kubeconfig"
                self._stop = self._serve(path)
                self._kubeconfig = path
            return self._kubeconfig

    def close(self) -> None:
        """Stop the stand-in and let go of the source."""
        with self._lock:
            if self._stop is not None:
                self._stop()
                self._stop = None
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None
        self.source.close()


def connect(
    opening: Opening, *, context: str = "", kubeconfig: str = "", timeout: float = 15.0, prometheus: Prometheus | None = None
) -> Connection:
    """Open the cluster that the flags name; a live one with `prometheus` for its trends. Raises ClusterError when it cannot be read."""
    if opening.recorded:
        return _recording(opening)
    from engine.cluster.live.cluster import LiveCluster
    from engine.cluster.live.kubeconfig import load, private_copy

    path = Path(kubeconfig).expanduser() if kubeconfig else None
    source = LiveCluster(load(path), context, timeout=timeout, reload=lambda: load(path))
    source.prometheus = prometheus

    def copy(kubeconfig: Path) -> Callable[[], None]:
        source.on_kubeconfig(lambda newest: private_copy(newest, source.context.name, kubeconfig))
        return lambda: source.on_kubeconfig(lambda _: None)

    return Connection(source, writable=True, recorded=False, serve=copy)


def contexts(opening: Opening, kubeconfig: str = "") -> list[ContextInfo]:
    """The contexts that can be switched to: the recording's own, and those of the kubeconfig. Broken kubeconfigs raise ClusterError."""
    from engine.cluster.live.kubeconfig import contexts as of_kubeconfig

    found: list[ContextInfo] = []
    if opening.recorded:
        found.append(ContextInfo(name=recording_title(opening), cluster="recording", current=True))
    try:
        found += of_kubeconfig(Path(kubeconfig).expanduser() if kubeconfig else None)
    except ClusterError:
        if not opening.recorded:
            raise
    return found


def recording_title(opening: Opening) -> str:
    """What a recording is called in the header: `demo`, or the file's name without its endings."""
    if opening.demo or opening.snapshot is None:
        return "demo"
    name = opening.snapshot.name
    return name.removesuffix(".tgz").removesuffix(".gz").removesuffix(".tar").removesuffix(".zip") or "recording"


def _recording(opening: Opening) -> Connection:
    from engine.cluster.recordings.recorded_cluster import open_recording
    from engine.core.paths import resource_path

    path = resource_path("demo") if opening.demo or opening.snapshot is None else opening.snapshot
    recording = open_recording(path.expanduser(), title=recording_title(opening))
    writable = opening.writable or opening.demo
    source: ClusterSource = recording
    if writable:
        from engine.simulator.overlay import Overlay

        source = Overlay(recording)

    def serve(kubeconfig: Path) -> Callable[[], None]:
        from engine.simulator.apiserver import ApiServer

        server = ApiServer(source, writable=writable)
        server.start()
        old = os.umask(0o077)
        try:
            server.kubeconfig(kubeconfig)
        finally:
            os.umask(old)
        return server.close

    return Connection(source, writable=writable, recorded=True, serve=serve)
