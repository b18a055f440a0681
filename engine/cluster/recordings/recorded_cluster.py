"""`RecordedCluster`: a cluster that was recorded earlier, read like a live one; other formats come laid out as snapshot format 1.

Resource lists are parsed when first asked for and then kept; whoever gets objects from here must not change them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from engine.cluster.discovery import from_aggregated, from_resource_list, preferred, version_rank
from engine.cluster.formats import open_any
from engine.cluster.formats.built_in_kinds import built_in
from engine.cluster.objects import int_at, maps_at, parse_time, text_at
from engine.cluster.recordings.archive import Archive, BrokenRecording
from engine.cluster.recordings.lists import RecordedList, lists_of, meta_of, moment_of
from engine.cluster.recordings.time_shift import TimeShift
from engine.cluster.secret_values import empty_values
from engine.cluster.source import (
    ClusterSource,
    ContextInfo,
    Coverage,
    Forbidden,
    Lines,
    NotFound,
    NotRecorded,
    RawObject,
    RawObjects,
    ResourceType,
    Usage,
)
from engine.cluster.usage import usages
from engine.core.cancel import CancelToken

__all__ = ["BrokenRecording", "RecordedCluster", "RecordedList", "open_recording"]

_STEP = timedelta(seconds=20)
"""Less than what a kubelet may be silent for; so often at most, lists are parsed again."""
_NO_LOG = "unable to retrieve container logs for "
Key = tuple[str, str, str]
"""group, version, plural"""


class _Objects:
    """A parsed list with its look-ups."""

    __slots__ = ("all", "by_name", "by_namespace", "resource_version")

    def __init__(self, objects: RawObjects, resource_version: str) -> None:
        self.all = objects
        self.resource_version = resource_version
        self.by_namespace: dict[str, RawObjects] = {}
        self.by_name: dict[tuple[str, str], RawObject] = {}
        for item in objects:
            namespace = text_at(item, "metadata", "namespace")
            self.by_namespace.setdefault(namespace, []).append(item)
            self.by_name[(namespace, text_at(item, "metadata", "name"))] = item


def open_recording(path: Path, *, now: datetime | None = None, title: str = "") -> RecordedCluster:
    """Open a recording: a folder, .tar, .tar.gz, .tgz or .zip in our format, a kubectl cluster-info dump (also as one file), a Troubleshoot
    support bundle, an OpenShift must-gather or files of `kubectl get -o yaml|json`.

    `now` fixes the moment that its times are shifted to (and that `now()` answers); without it both follow the clock.
    Raises BrokenRecording, which names the file and what is wrong.
    """
    return RecordedCluster(open_any(path), now=now, title=title)


class RecordedCluster(ClusterSource):
    """A `ClusterSource` over an archive in snapshot format 1; safe to use from several threads."""

    kind: Literal["live", "recording"] = "recording"

    def __init__(self, archive: Archive, *, now: datetime | None = None, title: str = "") -> None:
        self.archive = archive
        self.meta: Mapping[str, Any] = meta_of(archive)
        self.layout = text_at(self.meta, "layout")
        """What it was recorded with, where that was not k8sagent: `a kubectl cluster-info dump`."""
        self.recorded_at = moment_of(archive, self.meta)
        self._fixed_now = now
        self._moved_to = now or datetime.now(UTC)
        self._shift = TimeShift(self.recorded_at, self._moved_to)
        self.title = (
            title
            or text_at(self.meta, "title")
            or archive.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz").removesuffix(".zip")
        )
        self.context = ContextInfo(name=self.title, cluster=self.title, current=True)
        self.lists: tuple[RecordedList, ...] = lists_of(archive)
        """What was recorded, one row a group, version and resource, in the order of index.json."""
        self._lists = {(row.group, row.version, row.plural): row for row in self.lists}
        self._preferred: dict[str, RecordedList] = {}
        for row in self.lists:
            held = self._preferred.get(row.name)
            if held is None or (row.status == 200, version_rank(row.version)) > (held.status == 200, version_rank(held.version)):
                self._preferred[row.name] = row
        self._parsed: dict[Key, _Objects] = {}
        self._resources: tuple[ResourceType, ...] | None = None
        self._coverage: Coverage | None = None
        self._lock = threading.RLock()

    @property
    def delta(self) -> timedelta:
        """How far the recorded times are moved."""
        return self._shift.delta

    def now(self) -> datetime:
        """The moment that ages count from."""
        return self._fixed_now or datetime.now(UTC)

    def catch_up(self) -> None:
        """Move the times on to the current clock.

        Whoever judges by ages asks for this first: however long a recording is open, its leases are as fresh and its crashes as recent as
        on the day of the recording. Objects that were handed out before keep their times.
        """
        now = self.now()
        with self._lock:
            if now - self._moved_to >= _STEP:
                self._moved_to, self._shift = now, TimeShift(self.recorded_at, now)
                self._parsed.clear()

    def server_version(self) -> str:
        """The recorded server's `gitVersion`, or "" where the recording does not say."""
        version = self.archive.json("version.json")
        return text_at(version, "gitVersion") or text_at(self.meta, "server_version", "gitVersion")

    def resources(self) -> Sequence[ResourceType]:
        """Discovery as recorded, one row a resource name (its preferred version); from index.json where discovery/ is missing."""
        with self._lock:
            if self._resources is None:
                self._resources = tuple(preferred(self._discover()))
            return self._resources

    def _discover(self) -> list[ResourceType]:
        rows: list[ResourceType] = []
        for name in ("discovery/aggregated-api.json", "discovery/aggregated-apis.json"):
            rows += from_aggregated(self.archive.json(name))
        if not rows:
            for name in self.archive.names("discovery/"):
                rows += from_resource_list(self.archive.json(name)) if name.endswith(".json") else []
        if not rows:
            known = {row.name: row for row in built_in()}
            for r in self.lists:
                k = known.get(r.name)
                words = (k.short_names, k.singular) if k else ((), r.kind.lower())
                verbs, categories = ("get", "list"), k.categories if k else ()
                rows.append(ResourceType(r.group, r.version, r.plural, r.kind, r.namespaced, *words, verbs, categories))
            if self.layout:  # so that kubectl says of the others that they were not recorded, not that there is no such kind
                rows += [row for row in known.values() if row.name not in {r.name for r in rows}]
        return rows

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> RawObjects:
        """The recorded objects of `plural` or `plural.group` (the preferred version that was recorded)."""
        if cancel is not None:
            cancel.check()
        row = self._row(resource)
        if namespace is not None and not self._covers(row, namespace):
            raise self._not_covered(row, namespace)
        objects = self._of(row, namespace or "")
        return list(objects.all if namespace is None else objects.by_namespace.get(namespace, ()))

    def get(self, resource: str, namespace: str, name: str, *, cancel: CancelToken | None = None) -> RawObject:
        """One recorded object."""
        if cancel is not None:
            cancel.check()
        row = self._row(resource)
        found = self._of(row, namespace).by_name.get((namespace if row.namespaced else "", name))
        if found is None and row.status == 200 and (row.partial or not self._covers(row, namespace)):
            raise self._not_covered(row, namespace)
        if found is None:
            where = f" in namespace {namespace}" if namespace and row.namespaced else ""
            raise NotFound(f'{resource} "{name}" not found{where} in the recording {self.title}')
        return found

    def lacks(self, resource: str) -> bool:
        """Whether nothing can be said about a resource: it was not recorded, or the server refused its list."""
        row = self._preferred.get(resource)
        return row is None or row.status != 200

    def coverage(self) -> Coverage:
        """Resources with single objects only, and those of some of the cluster's namespaces only: of others nothing is known."""
        if self._coverage is None:
            rows = [row for row in self._preferred.values() if row.namespaced and not row.partial and row.status == 200]
            whole = self._namespace_names()
            held = {row.name: frozenset(row.namespaces) for row in rows if row.namespaces is not None}
            self._coverage = Coverage(
                partial={name: self._only_some(row) for name, row in self._preferred.items() if row.partial},
                limited={name: some for name, some in held.items() if not (whole and whole <= some)},
            )
        return self._coverage

    def _namespace_names(self) -> set[str]:
        """All namespaces of the cluster; none where their list was not recorded."""
        row = self._preferred.get("namespaces")
        if row is None or row.partial or row.status != 200:
            return set()
        return {name for _, name in self._of(row, "").by_name}

    def objects(self, group: str, version: str, plural: str) -> RawObjects:
        """All objects of one group version, with kind and apiVersion. Raises NotRecorded, Forbidden, NotFound as `list` does."""
        row = self._lists.get((group, version, plural))
        if row is None:
            raise self._not_recorded(f"{plural}.{group}" if group else plural)
        return list(self._of(row, "").all)

    def resource_version(self, group: str, version: str, plural: str) -> str:
        """The resourceVersion that the recorded list carries."""
        row = self._lists.get((group, version, plural))
        return "" if row is None else self._of(row, "").resource_version

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail: int | None = None,
        since_seconds: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Lines:
        """A container's recorded lines with their stamps shifted. NotFound in the server's words, NotRecorded where nobody asked it."""
        if cancel is not None:
            cancel.check()
        data = self._log_bytes(namespace, pod, container, previous)
        if data is None:
            raise self._no_log(namespace, pod, container, previous)
        text = data.decode("utf-8", "replace")
        if text.startswith(_NO_LOG):
            raise NotFound(f"logs of {namespace}/{pod} [{container}]: the node answered: {text.strip()[:300]}")
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        if since_seconds is None and tail is not None:
            lines = lines[-tail:] if tail > 0 else []  # the stamps of lines that nobody sees need no shifting
        lines = [self._shift.line(line) for line in lines]
        if since_seconds is not None:
            oldest = self.now() - timedelta(seconds=since_seconds)
            lines = [line for line in lines if (_stamp(line) or oldest) >= oldest]
            if tail is not None:
                lines = lines[-tail:] if tail > 0 else []
        return lines

    def log_error(self, namespace: str, pod: str, container: str, previous: bool = False) -> dict[str, Any] | None:
        """The Status that the server answered instead of this log, or None."""
        name = _log_name(namespace, pod, container, previous)
        refused = self.archive.read(name + ".error.json")
        if refused:
            try:
                status = self.archive.decode(name, refused)
            except BrokenRecording:
                status = None  # a proxy on the way answers in plain text
            return status if isinstance(status, dict) else _failure(refused.decode("utf-8", "replace"))
        data = self.archive.read(name + ".log")
        if data is not None and data.startswith(_NO_LOG.encode()):
            return _failure(data.decode("utf-8", "replace"))
        return None

    def has_log(self, namespace: str, pod: str, container: str, previous: bool = False) -> bool:
        """Whether the log itself was recorded."""
        return self._log_bytes(namespace, pod, container, previous) is not None

    def _log_bytes(self, namespace: str, pod: str, container: str, previous: bool) -> bytes | None:
        name = _log_name(namespace, pod, container, previous)
        data = self.archive.read(name + ".log")
        if data is None and self.archive.read(name + ".error.json") == b"":
            return b""  # the server has no words for a pod without a node: it answers with nothing at all
        return data

    def top(self, what: Literal["pods", "nodes"], namespace: str | None = None) -> Sequence[Usage]:
        """The recorded metrics.k8s.io lists; NotFound where there are none."""
        resource = f"{what}.metrics.k8s.io"
        if resource not in self._preferred:
            raise NotFound(f"the recording {self.title} has no metrics.k8s.io answers, so usage is unknown")
        return usages(self.list(resource, namespace if what == "pods" else None), what)

    def discovery(self, path: str, *, aggregated: bool = False) -> bytes | None:
        """The recorded answer of `/api`, `/apis`, `/api/v1`, `/apis/GROUP[/VERSION]`; `aggregated`: the one-document form."""
        name = path.strip("/")
        return self.archive.read(f"discovery/{'aggregated-' if aggregated else ''}{name}.json")

    def openapi(self, path: str) -> bytes | None:
        """The recorded JSON of `/openapi/v2`, `/openapi/v3` (its index) or `/openapi/v3/apis/GROUP/VERSION`."""
        name = path.strip("/")
        if name == "openapi/v3":
            return self.archive.inflate("openapi/v3/index.json")
        if name.startswith("openapi/v3/"):
            return self.archive.inflate("openapi/v3/" + name.removeprefix("openapi/v3/").replace("/", "__") + ".json")
        return self.archive.inflate(f"{name}.json") if name == "openapi/v2" else None

    def raw(self, path: str) -> bytes | None:
        """The recorded body of another path: `/version`, `/healthz`, `/livez`, `/readyz`, a node's `/proxy/stats/summary`."""
        name = path.strip("/")
        if name == "version":
            return self.archive.read("version.json")
        node = text_at(self.meta, "node")
        if node and name == f"api/v1/nodes/{node}/proxy/stats/summary":
            data = self.archive.read("raw/node-stats-summary.json")
            return None if data is None else self._shift.json(data)
        return self.archive.read(f"raw/{name}.txt") if "/" not in name else None

    def close(self) -> None:
        """Nothing is held open."""

    def _covers(self, row: RecordedList, namespace: str) -> bool:
        """Whether a list is complete in a namespace, or the recording has single objects of it anyway."""
        return row.partial or not row.namespaced or row.namespaces is None or namespace in row.namespaces

    def _not_covered(self, row: RecordedList, namespace: str) -> NotRecorded:
        if row.partial:
            return NotRecorded(self._only_some(row))
        held = ", ".join((row.namespaces or ())[:8]) or "no namespace"
        more = "…" if len(row.namespaces or ()) > 8 else ""
        return NotRecorded(f"{self._name} holds {row.name} of {held}{more} only, so nothing can be said about those of {namespace}")

    def _only_some(self, row: RecordedList) -> str:
        return f"{self._name} holds single {row.name} only, so nothing can be said about others"

    @property
    def _name(self) -> str:
        return f"{self.layout} ({self.title})" if self.layout else f"the recording {self.title}"

    def _row(self, resource: str) -> RecordedList:
        row = self._preferred.get(resource)
        if row is None:
            raise self._no_such_kind(resource) if self._undefined(resource) else self._not_recorded(resource)
        return row

    def _undefined(self, resource: str) -> bool:
        """Whether the recorded server had no such kind: its discovery, or else its list of definitions, is there and names none."""
        if resource in {kind.name for kind in built_in()}:
            return False
        if any(True for _ in self.archive.names("discovery/")):
            return resource not in {kind.name for kind in self.resources()}
        definitions = self._preferred.get("customresourcedefinitions.apiextensions.k8s.io")
        if definitions is None or definitions.partial or definitions.status != 200:
            return False
        return resource not in {name for _, name in self._of(definitions, "").by_name}

    def _no_such_kind(self, resource: str) -> NotFound:
        return NotFound(f"the server of {self._name} has no resource type {resource}")

    def _not_recorded(self, resource: str) -> NotRecorded:
        verb = "holds" if self.layout else "has"
        return NotRecorded(f"{self._name} {verb} no {resource}, so nothing can be said about them")

    def _of(self, row: RecordedList, namespace: str) -> _Objects:
        key = (row.group, row.version, row.plural)
        with self._lock:
            parsed = self._parsed.get(key)
            if parsed is None:
                parsed = self._parsed[key] = self._parse(row, namespace)
            return parsed

    def _parse(self, row: RecordedList, namespace: str) -> _Objects:
        data = self.archive.read(row.file) if row.file else None
        if row.status != 200:
            raise self._refused(row, data, namespace)
        if data is None:
            if row.items:
                raise BrokenRecording(
                    f"{self.archive.name}: index.json counts {row.items} {row.name}, but {row.file or 'their file'} is missing"
                )
            return _Objects([], "")
        document = self.archive.decode(row.file, self._shift.json(data))
        if not isinstance(document, dict) or not isinstance(document.get("items"), list | None):
            raise BrokenRecording(f"{self.archive.name}: {row.file} is not a List of {row.kind} objects")
        api_version = f"{row.group}/{row.version}" if row.group else row.version
        objects = [_object(item, row, api_version) for item in maps_at(document, "items")]
        return _Objects(objects, text_at(document, "metadata", "resourceVersion"))

    def _refused(self, row: RecordedList, data: bytes | None, namespace: str) -> Exception:
        said = ""
        if data is not None:
            try:
                said = text_at(self.archive.decode(row.file, data), "message")
            except BrokenRecording:
                said = data.decode("utf-8", "replace")[:300]
        message = f"{row.name} were not recorded: the server answered {row.status}" + (f" ({said.strip()})" if said else "")
        if row.status in (401, 403):
            return Forbidden(message, resource=row.name, verb="list", namespace=namespace)
        return NotFound(message) if row.status == 404 else NotRecorded(message)

    def _no_log(self, namespace: str, pod: str, container: str, previous: bool) -> Exception:
        what = f"{'previous logs' if previous else 'logs'} of {namespace}/{pod} [{container}]"
        status = self.log_error(namespace, pod, container, previous)
        if status is not None:
            message = f"{what}: the server answered: {text_at(status, 'message')}"
            if int_at(status, "code") in (401, 403):
                return Forbidden(message, resource="pods/log", verb="get", namespace=namespace)
            return NotFound(message)
        if not self.lacks("pods"):
            raw = self._of(self._preferred["pods"], namespace).by_name.get((namespace, pod))
            if raw is None:
                return NotFound(f'pods "{pod}" not found in namespace {namespace} in the recording {self.title}')
            specs = (
                maps_at(raw, "spec", "containers") + maps_at(raw, "spec", "initContainers") + maps_at(raw, "spec", "ephemeralContainers")
            )
            if container not in {text_at(spec, "name") for spec in specs}:
                return NotFound(f'pod "{pod}" in namespace {namespace} has no container "{container}"')
            states = maps_at(raw, "status", "containerStatuses") + maps_at(raw, "status", "initContainerStatuses")
            state = next((s for s in states if s.get("name") == container), {})
            if previous and not int_at(state, "restartCount"):
                return NotFound(f'previous terminated container "{container}" in pod "{pod}" not found: it never restarted')
        return NotRecorded(f"{what} are not in the recording {self.title}")


def _object(item: Mapping[str, Any], row: RecordedList, api_version: str) -> RawObject:
    obj: RawObject = {"kind": row.kind, "apiVersion": api_version, **item}
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    if row.kind == "Secret" and not row.group:
        empty_values(obj)
    return obj


def _log_name(namespace: str, pod: str, container: str, previous: bool) -> str:
    return f"logs/{namespace}/{pod}/{container}{'.previous' if previous else ''}"


def _failure(message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message.strip()[:2000], "code": 500}


def _stamp(line: str) -> datetime | None:
    return parse_time(line.split(" ", 1)[0])
