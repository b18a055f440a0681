"""`ClusterSource`: the one way the engine reads a cluster, live or recorded, and the errors it may meet.

Objects travel as plain JSON dicts with `kind` and `apiVersion` set; `engine.cluster.objects.Obj` reads them safely.
A resource is named `plural` for the core group and `plural.group` otherwise (`pods`, `deployments.apps`), as kubectl does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from engine.core.cancel import CancelToken

RawObject = dict[str, Any]
RawObjects = list[RawObject]
Lines = list[str]
ContainerKey = tuple[str, str, str]
"""namespace, pod, container"""
Points = tuple[tuple[float, float], ...]
"""(seconds since 1970, value), oldest first"""


class ClusterError(Exception):
    """A read that failed; the message says what was read, why it failed and what to do next."""


class Unreachable(ClusterError):
    """Nobody answered, the connection broke, TLS failed or the time ran out."""


class Forbidden(ClusterError):
    """The server said 401 or 403: `verb` on `resource` is missing."""

    def __init__(self, message: str, *, resource: str = "", verb: str = "list", namespace: str = "") -> None:
        super().__init__(message)
        self.resource = resource
        self.verb = verb
        self.namespace = namespace


class Unauthenticated(Forbidden):
    """The server said 401, or the credential plugin failed: not a missing right, somebody has to log in again."""


class NotFound(ClusterError):
    """The object or the resource does not exist on the server."""


class KubeletUnreachable(NotFound):
    """The API server could not reach the kubelet of a pod's node, or it gave no answer in time: its logs cannot be read for now."""


class NotRecorded(ClusterError):
    """The recording lacks this kind or this log, so nothing can be said about it."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One row of discovery."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    singular: str = ""
    verbs: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`plural` or `plural.group`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, slots=True)
class ContextInfo:
    """One kubeconfig context (or the single one of a recording)."""

    name: str
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change: `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: RawObject


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU in cores and memory in bytes of one pod's container or one node."""

    namespace: str
    name: str
    container: str
    cpu: float
    memory: float
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trends:
    """What was measured of containers: memory in bytes over time, the share of CPU periods that were throttled, restarts in six hours.

    `problem` says why nothing could be learnt; "" when something could.
    """

    memory: Mapping[ContainerKey, Points] = field(default_factory=dict)
    throttled: Mapping[ContainerKey, float] = field(default_factory=dict)
    restarts: Mapping[ContainerKey, float] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a source lacks. `partial`: resources of which the cluster may have more objects, each with a sentence that says so.

    `limited`: resources that are known in these namespaces only.
    """

    partial: Mapping[str, str] = field(default_factory=dict)
    limited: Mapping[str, frozenset[str]] = field(default_factory=dict)


class ClusterSource(Protocol):
    """A cluster to read; every method may block, may raise `ClusterError`, and honours the cancel token within 100 ms.

    What only some sources have is answered here for the others.
    """

    kind: Literal["live", "recording"]
    context: ContextInfo
    title: str
    """What the header shows: the context's name, or the recording's."""

    def now(self) -> datetime:
        """The moment that ages count from, with time zone: real time, also for a recording (its times are shifted)."""
        ...

    def server_version(self) -> str:
        """`v1.36.2`."""
        ...

    def resources(self) -> Sequence[ResourceType]:
        """Discovery, without subresources."""
        ...

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> RawObjects:
        """All objects of a resource in one namespace, or in all (None). managedFields are left out. Secrets come without values."""
        ...

    def get(self, resource: str, namespace: str, name: str, *, cancel: CancelToken | None = None) -> RawObject:
        """One object."""
        ...

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
        """A container's log lines, each beginning with its RFC 3339 timestamp. Raises NotFound or NotRecorded when there is none."""
        ...

    def top(self, what: Literal["pods", "nodes"], namespace: str | None = None) -> Sequence[Usage]:
        """metrics.k8s.io; NotFound where there is no metrics server."""
        ...

    def discovery(self, path: str, *, aggregated: bool = False) -> bytes | None:
        """The server's answer of `/api`, `/apis`, `/api/v1`, `/apis/GROUP[/VERSION]`; None where there is none in that form."""
        ...

    def openapi(self, path: str) -> bytes | None:
        """The JSON of `/openapi/v2`, `/openapi/v3` (its index) or `/openapi/v3/apis/GROUP/VERSION`; None where there is none."""
        ...

    def raw(self, path: str) -> bytes | None:
        """The body of another path (`/version`, `/readyz`); None where there is none."""
        ...

    def log_error(self, namespace: str, pod: str, container: str, previous: bool = False) -> dict[str, Any] | None:
        """The Status that the server answered instead of a recorded log; None otherwise."""
        return None

    def trends(self, namespace: str | None) -> Trends | None:
        """What Prometheus measured in a namespace (None = all); None without a Prometheus."""
        return None

    def coverage(self) -> Coverage:
        """What the source lacks; a live cluster lacks nothing."""
        return Coverage()

    @property
    def delta(self) -> timedelta:
        """How far recorded times are moved."""
        return timedelta(0)

    def catch_up(self) -> None:
        """Move recorded times on to the clock; call it before judging by ages. Nothing to do for a live cluster."""
        return

    def close(self) -> None:
        """Close connections and threads."""
        ...
