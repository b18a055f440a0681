"""`ClusterView`: what analyzers see — each list fetched once, looked up by name and uid, and never with I/O of their own.

A list that may not or cannot be read is empty and remembered in `unseen`, so that it becomes a finding and never a silent gap.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from engine.analyzers.logs.log_reads import LogKey, LogReader, LogReads
from engine.cluster.kinds import KINDS, RESOURCE_OF_KIND
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError, ClusterSource, Forbidden, NotFound, NotRecorded, Trends, Unauthenticated, Unreachable
from engine.core.cancel import CancelToken
from engine.core.types import ObjectRef

Objects = list[Obj]
Fetch = Callable[[str, str | None], Objects]
"""(resource, namespace or None for all) -> objects; may raise ClusterError."""


class ClusterView:
    """Read-only lists, scoped to one namespace (cluster-scoped kinds always whole) or to all of them (`namespace=None`)."""

    def __init__(
        self, fetch: Fetch, *, now: datetime, namespace: str | None = None, logs: LogReader | None = None, server_version: str = ""
    ) -> None:
        self._fetch = fetch
        self._read_logs = logs
        self._lists: dict[tuple[str, str | None], Objects] = {}
        self._by_name: dict[tuple[str, str | None], dict[tuple[str, str], Obj]] = {}
        self._events: dict[str | None, dict[str, Objects]] = {}
        self._owned: dict[tuple[str, str | None], dict[str, Objects]] = {}
        self._logs: dict[LogKey, list[str]] = {}
        self._log_reads: LogReads | None = None
        self._spaces: dict[str, dict[str, Objects]] = {}
        self._workloads: dict[int, tuple[Mapping[str, Any], ObjectRef]] = {}
        self._trends: Trends | None = None
        self.read_trends: Callable[[], Trends | None] | None = None
        """Where trends come from; None where nobody measures."""
        self.now = now
        self.moved = timedelta(0)
        """How far a recording's times were moved; what is dated inside of texts and certificates was not."""
        self.namespace = namespace
        self.server_version = server_version
        self.unseen: dict[str, str] = {}
        """resource -> why it could not be read, in words."""
        self.denied: set[str] = set()
        """The unseen resources that the server refused for want of a permission."""
        self.absent: set[str] = set()
        """The unseen resources that the server does not have: there are no such objects."""
        self.unrecorded: set[str] = set()
        """The unseen resources that a recording lacks, in whole or in part."""
        self.limited: Mapping[str, frozenset[str]] = {}
        """Resources that a recording holds of these namespaces only: nothing is known of them in others."""
        self._dark: set[tuple[str, str]] = set()
        """Resource and namespace of looks beyond the view's own namespace that a recording has no answer to."""
        self._only_pods: frozenset[str] | None = None
        self._custom: dict[str, list[str]] | None = None
        self.cluster_scoped: Collection[str] = frozenset(kind.resource for kind in KINDS.values() if not kind.namespaced)
        """Resources that live in no namespace, as far as they are known."""

    @classmethod
    def of(cls, source: ClusterSource, namespace: str | None = None, *, cancel: CancelToken | None = None) -> ClusterView:
        """A view that reads a source when a list is first asked for; a cancel ends the read under way."""
        source.catch_up()
        namespaced = {r.name: r.namespaced for r in source.resources()}

        def fetch(resource: str, wanted: str | None) -> Objects:
            return [Obj(raw) for raw in source.list(resource, wanted if namespaced.get(resource, True) else None, cancel=cancel)]

        def logs(ns: str, pod: str, container: str, previous: bool) -> list[str]:
            return source.logs(ns, pod, container, previous=previous, tail=2000, cancel=cancel)

        view = cls(fetch, now=source.now(), namespace=namespace, logs=logs, server_version=source.server_version())
        if source.kind == "live":
            view.read_logs_in_parallel(logs)
        view.moved = source.delta
        view.cluster_scoped = {name for name, inside in namespaced.items() if not inside}
        view.read_trends = lambda: source.trends(namespace)
        # single objects of a recording are looked at, but what is not among them may well exist
        coverage = source.coverage()
        view.unseen.update(coverage.partial)
        view.unrecorded.update(coverage.partial)
        view.limited = coverage.limited
        return view

    def read_logs_in_parallel(self, read: LogReader) -> None:
        """Read logs through `LogReads`: the cluster is a live one, whose nodes may not answer. `read` must be safe on several threads."""
        self._read_logs = self._log_reads = LogReads(read, self._node_of, self._unreachable_nodes)

    def _node_of(self, namespace: str, pod: str) -> str:
        found = self.find("pods", namespace, pod)
        return found.text("spec", "nodeName") if found is not None else ""

    def _unreachable_nodes(self) -> set[str]:
        """Nodes whose kubelet stopped reporting: the node controller set their Ready condition to Unknown."""
        return {node.name for node in self.within("nodes", None) if node.condition("Ready").get("status") == "Unknown"}

    @property
    def trends(self) -> Trends | None:
        """What was measured over time; None where nobody measures."""
        if self._trends is None and self.read_trends is not None:
            self._trends = self.read_trends()
        return self._trends

    @classmethod
    def from_objects(
        cls,
        objects: Iterable[Mapping[str, Any]],
        *,
        now: datetime,
        namespace: str | None = None,
        logs: Mapping[tuple[str, str, str, bool], list[str]] | None = None,
    ) -> ClusterView:
        """A view over given raw objects, for tests and pasted manifests."""
        by_resource: dict[str, Objects] = {}
        given = [Obj(raw) for raw in objects]
        custom = {
            o.text("spec", "names", "kind"): f"{o.text('spec', 'names', 'plural')}.{o.text('spec', 'group')}"
            for o in given
            if o.kind == "CustomResourceDefinition"
        }
        for obj in given:
            by_resource.setdefault(RESOURCE_OF_KIND.get(obj.kind) or custom.get(obj.kind) or obj.kind.lower() + "s", []).append(obj)

        def fetch(resource: str, wanted: str | None) -> Objects:
            return [o for o in by_resource.get(resource, []) if wanted is None or o.namespace in ("", wanted)]

        kept = logs or {}
        return cls(fetch, now=now, namespace=namespace, logs=lambda n, p, c, prev: kept.get((n, p, c, prev), []))

    def scoped(self, namespace: str, pods: Collection[str]) -> ClusterView:
        """The same cluster, with the lists and logs read so far, seen from another namespace and for some of its pods only.

        What cannot be read there does not count as a gap of this view.
        """
        other = copy.copy(self)
        other.namespace = namespace
        other.unseen, other.denied, other.unrecorded = dict(self.unseen), set(self.denied), set(self.unrecorded)
        other.absent = set(self.absent)
        other.read_trends, other._trends = None, None
        other._only_pods = frozenset(pods)
        return other

    @property
    def targeted(self) -> bool:
        """Whether only some pods are looked at, those that a fault led to."""
        return self._only_pods is not None

    def all(self, resource: str) -> Objects:
        """The objects of a resource within the view's scope."""
        found = self.within(resource, self.namespace)
        if self._only_pods is not None and resource == "pods":
            return [pod for pod in found if pod.name in self._only_pods]
        return found

    def within(self, resource: str, namespace: str | None) -> Objects:
        """The objects of a resource in a given namespace (None = all namespaces)."""
        key = (resource, namespace)
        if key not in self._lists:
            if namespace is not None and (resource, None) in self._lists and namespace in self.limited.get(resource, (namespace,)):
                spaces = self._spaces.get(resource) or self._by_namespace(resource)
                found = [*spaces.get("", ()), *spaces.get(namespace, ())] if namespace else spaces.get("", [])
            else:
                try:
                    found = self._fetch(resource, namespace)
                except Unauthenticated:
                    raise  # a login that has expired is no missing right
                except (Forbidden, NotFound, NotRecorded) as error:
                    if isinstance(error, Forbidden) and namespace is None and self.namespace is not None:
                        found = self.within(resource, self.namespace)  # a wider look than the scope: what is allowed must do
                    elif isinstance(error, NotRecorded) and namespace not in (None, self.namespace) and resource in self.limited:
                        self._dark.add((resource, namespace or ""))
                        found = []
                    else:
                        self.unseen[resource] = str(error)
                        if isinstance(error, Forbidden):
                            self.denied.add(resource)
                        if isinstance(error, NotFound):
                            self.absent.add(resource)
                        if isinstance(error, NotRecorded):
                            self.unrecorded.add(resource)
                        found = []
                except Unreachable:
                    raise
                except ClusterError as error:
                    self.unseen[resource] = str(error)
                    found = []
            self._lists[key] = found
        return self._lists[key]

    def _by_namespace(self, resource: str) -> dict[str, Objects]:
        """The whole list of a resource, sorted into namespaces once."""
        spaces: dict[str, Objects] = {}
        for obj in self._lists[(resource, None)]:
            spaces.setdefault(obj.namespace, []).append(obj)
        self._spaces[resource] = spaces
        return spaces

    def is_namespaced(self, resource: str) -> bool:
        """Whether objects of a resource live in namespaces."""
        return resource not in self.cluster_scoped

    def can_see(self, resource: str, namespace: str = "") -> bool:
        """Whether all objects of a resource are known, in a namespace or else in the view's scope (asks for the list if nobody did yet)."""
        where = namespace or self.namespace
        self.within(resource, None if self.namespace is None else where)
        if resource in self.unseen or (resource, where) in self._dark:
            return False
        held = self.limited.get(resource)
        return held is None or where in held

    def half_seen(self, resource: str) -> frozenset[str]:
        """The namespaces that a resource is known in where the view reaches further; empty where it is known throughout or nowhere."""
        held = self.limited.get(resource)
        return frozenset() if held is None or resource in self.unseen or self.namespace in held else held

    def find(self, resource: str, namespace: str, name: str) -> Obj | None:
        """One object by name, from the lists; None when it is not there (check `can_see` before calling it missing)."""
        scope = self.namespace if self.namespace == namespace or not namespace else (None if self.namespace is None else namespace)
        key = (resource, scope)
        if key not in self._by_name:
            self._by_name[key] = {(o.namespace, o.name): o for o in self.within(resource, scope)}
        return self._by_name[key].get((namespace, name))

    def find_ref(self, ref: ObjectRef) -> Obj | None:
        """One object by reference."""
        resource = RESOURCE_OF_KIND.get(ref.kind)
        return self.find(resource, ref.namespace, ref.name) if resource else None

    @property
    def custom_kinds(self) -> Mapping[str, list[str]]:
        """Kind -> resources of the custom resources that are defined (one Kind may be defined in several groups)."""
        if self._custom is None:
            self._custom = {}
            for crd in self.within("customresourcedefinitions.apiextensions.k8s.io", None):
                resource = f"{crd.text('spec', 'names', 'plural')}.{crd.text('spec', 'group')}"
                self._custom.setdefault(crd.text("spec", "names", "kind"), []).append(resource)
        return self._custom

    def locate(self, ref: ObjectRef) -> Obj | None:
        """One object of any kind, custom ones and those in other namespaces included."""
        found = self.find_ref(ref)
        if found is not None or ref.kind in RESOURCE_OF_KIND:
            return found
        for resource in self.custom_kinds.get(ref.kind, ()):
            found = self.find(resource, ref.namespace, ref.name)
            if found is not None:
                return found
        return None

    def owned_by(self, resource: str, owner: Obj) -> Objects:
        """The objects of a resource whose controller is this owner (by uid where both have one, else by kind and name)."""
        scope = None if self.namespace is None else owner.namespace
        key = (resource, scope)
        if key not in self._owned:
            index: dict[str, Objects] = {}
            for obj in self.within(resource, scope):
                for reference in obj.maps("metadata", "ownerReferences"):
                    for name in (reference.get("uid"), f"{obj.namespace}/{reference.get('kind')}/{reference.get('name')}"):
                        if isinstance(name, str) and name:
                            index.setdefault(name, []).append(obj)
            self._owned[key] = index
        index = self._owned[key]
        named = [*index.get(owner.uid, []), *index.get(f"{owner.namespace}/{owner.kind}/{owner.name}", [])]
        return [o for o in {id(o): o for o in named}.values() if _owned(o, owner)]

    def workload_of(self, obj: Obj) -> ObjectRef:
        """The object at the top of the owner chain (a Deployment for its pod); the object itself where nobody owns it."""
        known = self._workloads.get(id(obj.raw))
        if known is not None:
            return known[1]
        seen = 0
        current, ref = obj, obj.ref
        while seen < 6 and current.controller is not None:
            ref = current.controller
            owner = self.find_ref(ref)
            if owner is None:
                break
            current, ref, seen = owner, owner.ref, seen + 1
        self._workloads[id(obj.raw)] = (obj.raw, ref)  # with the object, so that its id stays its own
        return ref

    def events_of(self, obj: Obj) -> Objects:
        """The events about this very object (by uid; by kind and name where an event has no uid), oldest first."""
        scope = (obj.namespace or "default") if self.namespace is not None else None  # events of what has no namespace lie in default
        if scope not in self._events:
            index: dict[str, Objects] = {}
            for event in self.within("events", scope):
                about = event.map("involvedObject")
                for key in (str(about.get("uid") or ""), f"{about.get('kind')}/{about.get('namespace') or ''}/{about.get('name')}"):
                    if key:
                        index.setdefault(key, []).append(event)
            self._events[scope] = index
        index = self._events[scope]
        named = index.get(f"{obj.kind}/{obj.namespace}/{obj.name}", [])
        found = [e for e in named if not e.text("involvedObject", "uid") or not obj.uid or e.text("involvedObject", "uid") == obj.uid]
        if obj.kind == "Node":
            found = named  # the kubelet writes the node's name where the uid belongs
        return sorted(found, key=lambda e: str(event_time(e) or ""))

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> list[str]:
        """A container's last log lines with timestamps; empty where there are none or they cannot be read."""
        key = (namespace, pod, container, previous)
        if key not in self._logs:
            lines: list[str] = []
            if self._read_logs is not None:
                try:
                    lines = self._read_logs(namespace, pod, container, previous)
                except (Unreachable, Unauthenticated):
                    raise
                except ClusterError:
                    lines = []
            self._logs[key] = lines
        return self._logs[key]

    def read_ahead(self, wanted: Iterable[tuple[Obj, str, bool]]) -> None:
        """Read the logs of these containers (pod, container, previous) several at a time, as far as that saves time."""
        if self._log_reads is not None:
            keys = [(pod.namespace, pod.name, container, previous) for pod, container, previous in wanted]
            self._log_reads.ahead(key for key in keys if key not in self._logs)

    @property
    def unread_logs(self) -> list[str]:
        """Which logs were not read and why, a sentence a cause."""
        return self._log_reads.unread if self._log_reads is not None else []

    @property
    def scanned(self) -> dict[str, int]:
        """How many objects of each resource were looked at."""
        counts: dict[str, int] = {}
        for (resource, _), found in self._lists.items():
            counts[resource] = max(counts.get(resource, 0), len(found))
        return counts


def event_time(event: Obj) -> datetime | None:
    """When an event last happened; scheduler events carry only `eventTime` and `series` (Kubernetes 1.36)."""
    return (
        event.time("series", "lastObservedTime")
        or event.time("lastTimestamp")
        or event.time("eventTime")
        or event.time("firstTimestamp")
        or event.created
    )


def _owned(obj: Obj, owner: Obj) -> bool:
    for reference in obj.maps("metadata", "ownerReferences"):
        uid = reference.get("uid")
        if uid and owner.uid:
            if uid == owner.uid:
                return True
        elif reference.get("kind") == owner.kind and reference.get("name") == owner.name:
            return True
    return False
