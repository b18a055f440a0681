"""`ClusterBrowser`: the rows, details and names that the screen shows of a cluster; every method may block."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.agent.browsing.live_view import LiveView
from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.live.freshness import WatchStatus, summary_of
from engine.cluster.live.permissions import Access, Reviewer
from engine.cluster.live.permissions import access as reviewed
from engine.cluster.rows.build import (
    WORKLOAD_RESOURCES,
    EventRow,
    NamespaceRow,
    NodeRow,
    WorkloadRow,
    event_rows,
    namespace_rows,
    node_rows,
    workload_rows,
)
from engine.cluster.source import (
    ClusterError,
    ClusterSource,
    ContextInfo,
    Forbidden,
    NotFound,
    NotRecorded,
    RawObjects,
    Unauthenticated,
    Usage,
)
from engine.cluster.usage import by_node, by_pod
from engine.core.redaction.events import clean
from engine.core.types import Finding, ObjectRef
from engine.session.connection import Connection, Opening, contexts

if TYPE_CHECKING:
    from engine.cluster.live.cluster import LiveCluster

ROW_TEXTS_KEPT = 8_192
OVERVIEW_SECONDS = 10.0
NEAR = 8
"""Namespaces whose pods are counted one by one where those of all may not be listed."""
ACCESS_SECONDS = 60.0
"""How long the answer to what may be read in a namespace is good for."""


@dataclass(frozen=True, slots=True)
class Lister:
    """Lists of one source that pass over kinds that may not be read, and remember which."""

    connection: Connection

    def rows(self, resource: str, namespace: str | None) -> RawObjects:
        """The objects, or nothing where the kind may not be listed, does not exist or was not recorded."""
        try:
            return self.connection.source.list(resource, namespace)
        except (Forbidden, NotFound, NotRecorded):
            return []

    def may_list(self, resource: str, namespace: str) -> RawObjects | None:
        """The objects; None where they may not be listed."""
        try:
            return self.connection.source.list(resource, namespace)
        except (Forbidden, NotFound):
            return None

    def overview(self) -> RawObjects | None:
        """All pods, of a live cluster as the rows of its table; None where they may not be listed."""
        live = _live_cluster(self.connection.source)
        if live is None:
            return self.rows("pods", None)
        try:
            return live.snapshot("pods", form="table").objects
        except Forbidden:
            return None

    def usage(self, what: Literal["pods", "nodes"], namespace: str) -> Sequence[Usage]:
        """What the metrics server said; nothing where there was none."""
        try:
            return self.connection.source.top(what, namespace or None)
        except (Forbidden, NotFound, NotRecorded):
            return []


class ClusterBrowser:
    """What can be looked at without asking a question. `opened()` gives the open connection or raises ClusterError."""

    def __init__(
        self,
        opened: Callable[[], Connection],
        opening: Opening,
        kubeconfig: str,
        redact: Callable[[str], str],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._opened = opened
        self._opening = opening
        self._kubeconfig = kubeconfig
        self._redact = redact
        self._redact_once = functools.lru_cache(ROW_TEXTS_KEPT)(redact)
        """The same for rows, which are shown again four times a second while hardly any of their texts changes."""
        self._on_change = on_change
        self._lock = threading.Lock()
        self._findings: dict[tuple[int, str], list[Finding]] = {}
        self._live: tuple[Connection, LiveView] | None = None
        self._namespace = ""
        self._overview: tuple[float, Connection | None, RawObjects | None] = (0.0, None, None)
        self._access: dict[tuple[int, str], tuple[float, Access]] = {}
        self.revision = 0

    def namespaces(self, known: Sequence[str] = ()) -> list[NamespaceRow]:
        """All namespaces with their pods and how many of those fail.

        Where they may not be listed: those of the pods that may be, else the context's own and the `known` ones. Pods that may not be
        listed are no zero: the row says that they are not known. The list is read anew each time, the pods of a live cluster at most
        every ten seconds, since a picker that is open asks often.
        """
        connection = self._opened()
        source, lister = connection.source, Lister(connection)
        try:
            listed = source.list("namespaces")
        except (Forbidden, NotFound, NotRecorded):
            listed = []
        since, of, pods = self._overview
        if of is not connection or time.monotonic() - since > OVERVIEW_SECONDS or source.kind != "live":
            pods = lister.overview()
            self._overview = (time.monotonic(), connection, pods)
        seen = source.coverage().limited.get("pods")
        if pods is None:  # not of all namespaces; maybe of those that this session is about
            near = [name for name in dict.fromkeys((self._namespace, source.context.namespace, *known)) if name] or ["default"]
            listed = listed or [{"metadata": {"name": name}} for name in near]
            inside = {name: lister.may_list("pods", name) for name in near[:NEAR]}
            pods = [pod for found in inside.values() for pod in found or ()]
            seen = frozenset(name for name, found in inside.items() if found is not None)
        return namespace_rows(listed, pods, now=source.now(), known=seen)

    def contexts(self) -> list[ContextInfo]:
        """The contexts that can be switched to."""
        return contexts(self._opening, self._kubeconfig)

    def workloads(self, namespace: str) -> list[WorkloadRow]:
        """Workloads with their pods folded under them, trouble first; "" = all namespaces.

        Raises NotRecorded for a namespace that a recording leaves out.
        """
        connection = self._opened()
        self._namespace = namespace
        if live := self._live_view(connection):
            return live.workloads(namespace)
        lister = Lister(connection)
        _require_recorded(connection, namespace)
        objects = {resource: lister.rows(resource, namespace or None) for resource in WORKLOAD_RESOURCES}
        return workload_rows(objects, now=connection.source.now(), usage=by_pod(lister.usage("pods", namespace)))

    def nodes(self) -> list[NodeRow]:
        """All nodes, trouble first."""
        connection = self._opened()
        if (live := self._live_view(connection)) and (rows := live.nodes()) is not None:
            return rows
        lister = Lister(connection)
        return node_rows(lister.rows("nodes", None), now=connection.source.now(), usage=by_node(lister.usage("nodes", "")))

    def events(self, namespace: str) -> list[EventRow]:
        """Events, newest first, redacted."""
        connection = self._opened()
        if live := self._live_view(connection):
            rows = live.events(namespace)
        else:
            rows = event_rows(Lister(connection).rows("events", namespace or None), now=connection.source.now())
        return [clean(row, self._redact_once) for row in rows]

    def watching(self) -> list[WatchStatus]:
        """How current each watched kind is; empty for a recording, which does not change by itself. Never blocks."""
        held = self._live
        return held[1].watching if held is not None else []

    @property
    def trouble(self) -> str:
        """What keeps the rows from being current, in one sentence; "" when nothing does. Never blocks."""
        return summary_of(self.watching())

    def _live_view(self, connection: Connection) -> LiveView | None:
        """What keeps a live cluster's rows current; None for a recording."""
        source = _live_cluster(connection.source)
        if source is None:
            return None
        with self._lock:
            held = self._live
            if held is not None and held[0] is connection:
                return held[1]
            live = LiveView(source, self._on_change)
            self._live = (connection, live)
        if held is not None:
            held[1].close()
        return live

    def disconnect(self) -> None:
        """Stop watching: the cluster is left."""
        with self._lock:
            held, self._live = self._live, None
        if held is not None:
            held[1].close()

    def findings(self, namespace: str) -> list[Finding]:
        """What the analyzers say of a namespace, most important first, redacted; kept until the cluster changes.

        Raises NotRecorded for a namespace that a recording leaves out.
        """
        from engine.analyzers.check import check

        key = (self.revision, namespace)
        with self._lock:
            if key in self._findings:
                return self._findings[key]
        connection = self._opened()
        _require_recorded(connection, namespace)
        if live := self._live_view(connection):
            all_findings: Sequence[Finding] = live.findings(namespace)
        else:
            all_findings = check(ClusterView.of(connection.source, namespace or None)).findings
        visible = [finding for finding in all_findings if not namespace or finding.object.namespace in ("", namespace)]
        found = [clean(finding, self._redact) for finding in visible]
        with self._lock:
            if len(self._findings) > 32:
                self._findings.clear()
            self._findings[key] = found
        return found

    def describe(self, ref: ObjectRef) -> str:
        """An object in full, with its events, redacted; the screen's details page."""
        from engine.flows.describe import describe

        return self._redact(describe(self._opened().source, ref))

    def yaml(self, ref: ObjectRef) -> str:
        """An object as YAML, redacted; Secrets without their values."""
        from engine.language.answers.objects import yaml_of

        resource = RESOURCE_OF_KIND.get(ref.kind, ref.kind.lower() + "s")
        return self._redact(yaml_of(self._opened().source.get(resource, ref.namespace, ref.name)))

    def logs(self, ref: ObjectRef, previous: bool = False) -> str:
        """The newest log lines of a pod's containers, redacted; `previous`: of those that ran before."""
        from engine.flows.describe import logs

        return self._redact(logs(self._opened().source, ref, previous=previous))

    def events_about(self, ref: ObjectRef) -> str:
        """The events about an object and what it owns, redacted."""
        from engine.flows.describe import events

        return self._redact(events(self._opened().source, ref))

    def names(self, prefix: str, namespace: str = "", limit: int = 30) -> list[str]:
        """Names for completion, as `kind/name`, that begin with or contain the prefix."""
        connection = self._opened()
        lister, live = Lister(connection), self._live_view(connection)
        words = {
            "pods": "pod",
            "deployments.apps": "deployment",
            "statefulsets.apps": "statefulset",
            "services": "service",
            "nodes": "node",
        }
        wanted = prefix.lower()
        found: list[str] = []
        for resource, word in words.items():
            held = live.names(resource, self._namespace) if live is not None else None
            for raw in lister.rows(resource, namespace or None) if held is None else held:
                name = f"{word}/{raw.get('metadata', {}).get('name', '')}"
                if wanted in name:
                    found.append(name)
        return sorted(set(found), key=lambda name: (not name.startswith(wanted), not name.split("/")[1].startswith(wanted), name))[:limit]

    def ping(self) -> None:
        """Ask the server for its version now. Raises ClusterError."""
        self._opened().source.server_version()

    def access(self, namespace: str) -> Access:
        """What of the resources that analyzers read may be read in the current identity; `namespace` is where to ask once more.

        Raises Unauthenticated when nothing is known of the identity's rights, since the server refuses its credentials.
        """
        from engine.analyzers.registry import needs

        connection = self._opened()
        source, wanted = connection.source, needs()
        known_since, known = self._access.get((id(connection), namespace), (0.0, None))
        if known is not None and time.monotonic() - known_since < ACCESS_SECONDS:
            return known
        if isinstance(source, Reviewer):
            there = {kind.name for kind in source.resources()}
            try:
                found = reviewed(source, [name for name in wanted if name in there], namespace)
                self._access[(id(connection), namespace)] = (time.monotonic(), found)
                return found
            except Unauthenticated:
                raise
            except (Forbidden, NotFound):
                pass  # a server that does not answer such questions is read from instead
        return Access(tuple(name for name in wanted if not _readable(source, name)), (), unlimited=False, logs=True)

    def changed(self) -> int:
        """Note that the cluster was changed from here; the new revision."""
        held = self._live
        if held is not None:
            held[1].refresh()
        return self.moved()

    def moved(self) -> int:
        """Note that rows or findings have become others; the new revision."""
        with self._lock:
            self.revision += 1
            self._findings.clear()
            return self.revision


def _live_cluster(source: ClusterSource) -> LiveCluster | None:
    """The source as a live cluster, which can count, print tables and be watched; None for a recording."""
    from engine.cluster.live.cluster import LiveCluster

    return source if isinstance(source, LiveCluster) else None


def _readable(source: ClusterSource, resource: str) -> bool:
    live = _live_cluster(source)
    try:
        live.count(resource) if live is not None else source.list(resource)
    except Unauthenticated:
        raise
    except Forbidden:
        return False
    except ClusterError:
        return True
    return True


def _require_recorded(connection: Connection, namespace: str) -> None:
    """Raise NotRecorded, in the recording's words, for a namespace whose pods it leaves out."""
    limited = connection.source.coverage().limited.get("pods")
    if namespace and limited is not None and namespace not in limited:
        connection.source.list("pods", namespace)
