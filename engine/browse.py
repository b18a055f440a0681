"""`ClusterBrowser`: the rows, details and names that the screen shows of a cluster; every method may block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.analyzers.view import RESOURCE_OF_KIND, ClusterView
from engine.cluster.access import Access, Reviewer
from engine.cluster.access import access as reviewed
from engine.cluster.connect import Connection, Opening, contexts
from engine.cluster.rows import (
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
from engine.cluster.source import ClusterError, ClusterSource, ContextInfo, Forbidden, NotFound, NotRecorded, RawObjects, Usage
from engine.cluster.usage import by_node, by_pod
from engine.cluster.watching import Watching, trouble_of
from engine.facts import Finding, ObjectRef
from engine.scrub import clean


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


class ClusterBrowser:
    """What can be looked at without asking a question. `opened()` gives the open connection or raises ClusterError."""

    def __init__(self, opened: Callable[[], Connection], opening: Opening, kubeconfig: str, redact: Callable[[str], str]) -> None:
        self._opened = opened
        self._opening = opening
        self._kubeconfig = kubeconfig
        self._redact = redact
        self._lock = threading.Lock()
        self._findings: dict[tuple[int, str], list[Finding]] = {}
        self.revision = 0

    def namespaces(self) -> list[NamespaceRow]:
        """All namespaces with their pods and how many of those fail."""
        connection = self._opened()
        lister = Lister(connection)
        known = (getattr(connection.source, "limited", None) or {}).get("pods")
        return namespace_rows(lister.rows("namespaces", None), lister.rows("pods", None), now=connection.source.now(), known=known)

    def contexts(self) -> list[ContextInfo]:
        """The contexts that can be switched to."""
        return contexts(self._opening, self._kubeconfig)

    def workloads(self, namespace: str) -> list[WorkloadRow]:
        """Workloads with their pods folded under them, trouble first; "" = all namespaces.

        Raises NotRecorded for a namespace that a recording leaves out.
        """
        connection = self._opened()
        lister = Lister(connection)
        limited = (getattr(connection.source, "limited", None) or {}).get("pods")
        if namespace and limited is not None and namespace not in limited:
            connection.source.list("pods", namespace)  # raises NotRecorded, in the recording's words
        objects = {resource: lister.rows(resource, namespace or None) for resource in WORKLOAD_RESOURCES}
        return workload_rows(objects, now=connection.source.now(), usage=by_pod(self._usage(connection, "pods", namespace)))

    def nodes(self) -> list[NodeRow]:
        """All nodes, trouble first."""
        connection = self._opened()
        usage = by_node(self._usage(connection, "nodes", ""))
        return node_rows(Lister(connection).rows("nodes", None), now=connection.source.now(), usage=usage)

    def watching(self) -> list[Watching]:
        """How current each watched kind is; empty for a recording, which does not change by itself. Never blocks."""
        return []

    @property
    def trouble(self) -> str:
        """What keeps the rows from being current, in one sentence; "" when nothing does. Never blocks."""
        return trouble_of(self.watching())

    def _usage(self, connection: Connection, what: Literal["pods", "nodes"], namespace: str) -> Sequence[Usage]:
        """What the metrics server says; nothing where there is none or it may not be asked."""
        try:
            return connection.source.top(what, namespace or None)
        except (Forbidden, NotFound, NotRecorded):
            return []

    def events(self, namespace: str) -> list[EventRow]:
        """Events, newest first, redacted."""
        connection = self._opened()
        rows = event_rows(Lister(connection).rows("events", namespace or None), now=connection.source.now())
        return [clean(row, self._redact) for row in rows]

    def findings(self, namespace: str) -> list[Finding]:
        """What the analyzers say of a namespace, most important first, redacted; kept until the cluster changes."""
        from engine.analyzers.registry import check

        key = (self.revision, namespace)
        with self._lock:
            if key in self._findings:
                return self._findings[key]
        report = check(ClusterView.of(self._opened().source, namespace or None))
        near = [finding for finding in report.findings if not namespace or finding.object.namespace in ("", namespace)]
        found = [clean(finding, self._redact) for finding in near]
        with self._lock:
            if len(self._findings) > 32:
                self._findings.clear()
            self._findings[key] = found
        return found

    def describe(self, ref: ObjectRef) -> str:
        """An object in full, with its events, redacted; the screen's details page."""
        from engine.detail import describe

        return self._redact(describe(self._opened().source, ref))

    def yaml(self, ref: ObjectRef) -> str:
        """An object as YAML, redacted; Secrets without their values."""
        from engine.detail import as_yaml

        resource = RESOURCE_OF_KIND.get(ref.kind, ref.kind.lower() + "s")
        return self._redact(as_yaml(self._opened().source.get(resource, ref.namespace, ref.name)))

    def names(self, prefix: str, namespace: str = "", limit: int = 30) -> list[str]:
        """Names for completion, as `kind/name`, that begin with or contain the prefix."""
        lister = Lister(self._opened())
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
            for raw in lister.rows(resource, namespace or None):
                name = f"{word}/{raw.get('metadata', {}).get('name', '')}"
                if wanted in name:
                    found.append(name)
        return sorted(set(found), key=lambda name: (not name.startswith(wanted), not name.split("/")[1].startswith(wanted), name))[:limit]

    def access(self, namespace: str) -> Access:
        """What of the resources that analyzers read may be read in the current identity; `namespace` is where to ask once more."""
        from engine.analyzers.registry import needs

        source = self._opened().source
        wanted = needs()
        if isinstance(source, Reviewer):
            known = {kind.name for kind in source.resources()}
            try:
                return reviewed(source, [name for name in wanted if name in known], namespace)
            except (Forbidden, NotFound):
                pass  # a server that does not answer such questions is read from instead
        return Access(tuple(name for name in wanted if not _readable(source, name)), (), unlimited=False, logs=True)

    def changed(self) -> int:
        """Note that the cluster changed; the new revision."""
        with self._lock:
            self.revision += 1
            self._findings.clear()
            return self.revision


def _readable(source: ClusterSource, resource: str) -> bool:
    try:
        source.list(resource)
    except Forbidden:
        return False
    except ClusterError:
        return True
    return True
