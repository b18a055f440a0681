"""`LiveCluster`: a running cluster through a kubeconfig context, as raw JSON in pages. Secrets come as metadata only."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from engine.cluster.discovery import from_aggregated, from_resource_list, preferred
from engine.cluster.live.credentials import Client, Plugins, client_of
from engine.cluster.live.decode import METADATA, EventReader, Form, NotTheApi, accept_of, json_of, object_of, page_of
from engine.cluster.live.http import Gone, HttpClient, Refused, RequestInfo, ServerFailed, Throttled, TimedOut, WatchFailed
from engine.cluster.live.kubeconfig import Kubeconfig, load
from engine.cluster.live.permissions import REVIEWS, RULES
from engine.cluster.live.prometheus import Prometheus
from engine.cluster.objects import int_at, map_at, maps_at, text_at
from engine.cluster.source import (
    ClusterError,
    ClusterSource,
    Forbidden,
    KubeletUnreachable,
    Lines,
    NotFound,
    RawObject,
    RawObjects,
    ResourceType,
    Trends,
    Unreachable,
    Usage,
    WatchEvent,
)
from engine.cluster.usage import usages
from engine.core.cancel import CancelToken

__all__ = ["Gone", "LiveCluster"]

ResourceTypes = list[ResourceType]
PAGE = 500
TABLE_PAGE = 2_000
"""Rows of a table are a tenth of the objects' size."""
SILENCE_SECONDS = 75.0
"""Seconds without a byte after which a watch is taken for dead; servers send a bookmark about once a minute."""
_LOG_BYTES = 16 * 1024 * 1024
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_NO_LOG = "unable to retrieve container logs for "
_LOG_SECONDS = 5.0
"""How long a kubelet may take to begin with a log; the API server itself would wait for half a minute for a node that is gone."""
_KUBELET_FAILED = ("/containerLogs/", "no preferred addresses found")
"""What the API server's own words hold when it could not ask the kubelet: the address that it tried, or that there is none."""


@dataclass(frozen=True, slots=True)
class ResourceList:
    """A whole list and its resourceVersion."""

    objects: RawObjects
    resource_version: str


class LiveCluster(ClusterSource):
    """A `ClusterSource` over the network; safe to use from several threads. Nothing is asked before the first read."""

    kind: Literal["live", "recording"] = "live"

    def __init__(
        self, kubeconfig: Kubeconfig, context: str = "", *, timeout: float = 15.0, reload: Callable[[], Kubeconfig] | None = None
    ) -> None:
        """`reload` reads the kubeconfig again once its credentials were refused or have run out."""
        self.context = kubeconfig.context(context)
        self._kubeconfig = kubeconfig
        self._connected = False
        self._reload = reload or (lambda: kubeconfig)
        self._on_kubeconfig: Callable[[Kubeconfig], object] = lambda _: None
        self.title = self.context.name
        self._timeout = timeout
        self._plugins = Plugins()
        self._http = HttpClient(
            self._connect,
            server=self.context.server,
            context=self.context.name,
            timeout=timeout,
        )
        self.prometheus: Prometheus | None = None
        """Where the cluster's trends are asked for, if anywhere."""
        self._lock = threading.Lock()
        self._resources: tuple[ResourceType, ...] | None = None

    @classmethod
    def open(cls, *, context: str = "", kubeconfig: Path | None = None, timeout: float = 15.0) -> LiveCluster:
        """A context of a kubeconfig ("" = the current one; None = KUBECONFIG or ~/.kube/config). Raises BrokenKubeconfig."""
        return cls(load(kubeconfig), context, timeout=timeout, reload=lambda: load(kubeconfig))

    def _connect(self) -> Client:
        if self._connected:
            renewed, name = self._reload(), self.context.name
            server = renewed.context(name).server
            if server != self.context.server:
                raise ClusterError(
                    f"context {name} named the server {self.context.server} and names {server} now, so nothing is read any more; "
                    f"/context {name} goes there"
                )
            self._kubeconfig = renewed
            self._on_kubeconfig(renewed)
        self._connected = True
        return client_of(self._kubeconfig, self.context.name, self._plugins)

    def on_kubeconfig(self, call: Callable[[Kubeconfig], object]) -> None:
        """Call with the kubeconfig that is used now, and again with each that is read after credentials were refused or ran out."""
        self._on_kubeconfig = call
        call(self._kubeconfig)

    @property
    def refused_since(self) -> datetime | None:
        """When the server began to refuse the credentials; None while it accepts them."""
        return self._http.refused_since

    def now(self) -> datetime:
        """The clock's time."""
        return datetime.now(UTC)

    def server_version(self) -> str:
        """The server's `gitVersion`."""
        return text_at(self._json(self._http.get("/version", RequestInfo("get", "version"))), "gitVersion")

    def resources(self) -> Sequence[ResourceType]:
        """Discovery, asked once: one row a resource name, its preferred version."""
        return self._discovered(None)

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> RawObjects:
        """All objects, page by page; restarted without pages when the server's pages expire meanwhile."""
        return self.snapshot(resource, namespace, cancel=cancel).objects

    def snapshot(
        self, resource: str, namespace: str | None = None, *, form: Form = "whole", cancel: CancelToken | None = None
    ) -> ResourceList:
        """All objects in one of the forms, with the resourceVersion to start a watch from."""
        kind = self._type(resource, cancel)
        limit = TABLE_PAGE if form == "table" else PAGE
        try:
            return self._pages(kind, namespace, limit, form, cancel)
        except Gone:
            return self._pages(kind, namespace, 0, form, cancel)

    def count(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> int:
        """How many objects there are, as far as the server says, for the price of one object's metadata."""
        kind = self._type(resource, cancel)
        request = RequestInfo("list", kind.name, (namespace or "") if kind.namespaced else "")
        accept = METADATA.format(list="List")
        body = self._http.get(_path(kind, namespace), request, {"limit": 1}, accept=accept, cancel=cancel)
        page = map_at(self._json(body), "metadata")
        return len(maps_at(self._json(body), "items")) + max(0, int_at(page, "remainingItemCount"))

    def get(self, resource: str, namespace: str, name: str, *, cancel: CancelToken | None = None) -> RawObject:
        """One object."""
        kind = self._type(resource, cancel)
        request = RequestInfo("get", resource, namespace if kind.namespaced else "", name)
        path = f"{_path(kind, namespace)}/{quote(name, safe='')}"
        item = self._json(self._http.get(path, request, accept=accept_of(kind, "whole", ""), cancel=cancel))
        if not isinstance(item, dict):
            raise self._not_json()
        return object_of(item, kind)

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
        """A container's lines with stamps, at most the first 16 MiB. NotFound with the server's words where it gives none.

        Raises KubeletUnreachable when the pod's node does not answer.
        """
        query: dict[str, str | int] = {"container": container, "timestamps": "true"}
        if previous:
            query["previous"] = "true"
        if tail is None:
            query["limitBytes"] = _LOG_BYTES
        else:
            query["tailLines"] = tail
        if since_seconds is not None:
            query["sinceSeconds"] = since_seconds
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
        request = RequestInfo("get", "pods/log", namespace, pod)
        longest = min(_LOG_SECONDS, self._timeout)
        try:
            body = self._http.get(path, request, query, accept="text/plain,*/*", cancel=cancel, retry=False, longest=longest)
        except TimedOut as error:
            raise KubeletUnreachable(f"could not {request}: the kubelet of its node did not answer within {longest:g} s") from error
        except (ServerFailed, Refused) as error:
            # 400: the container waits to start or never ended before; 500: the kubelet failed, or could not be asked
            if isinstance(error, ServerFailed) and any(words in str(error) for words in _KUBELET_FAILED):
                raise KubeletUnreachable(str(error)) from error
            raise NotFound(str(error)) from error
        text = body.decode("utf-8", "replace")
        if text.startswith(_NO_LOG):
            raise NotFound(f"logs of {namespace}/{pod} [{container}]: the node answered: {text.strip()[:300]}")
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        return lines

    def changes(
        self,
        resource: str,
        namespace: str | None,
        *,
        resource_version: str,
        cancel: CancelToken,
        form: Form = "whole",
        initial: bool = False,
        silence: float = SILENCE_SECONDS,
    ) -> Iterator[WatchEvent]:
        """One watch request, made at once; its changes are read as they are taken, until the server ends it.

        `initial`: begin with what there is (ADDED), up to a BOOKMARK with the annotation k8s.io/initial-events-end; a server that cannot
        do this raises Refused. Raises Gone when the resourceVersion is too old (relist), Unreachable when the
        connection breaks, Forbidden when the right is lost, and Stalled after so many seconds of `silence`.
        """
        kind = self._type(resource, cancel)
        query: dict[str, str | int] = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": random.randint(240, 480),  # noqa: S311  spreads the load of many watches
        }
        if resource_version:
            query["resourceVersion"] = resource_version
        if initial:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        request = RequestInfo("watch", resource, (namespace or "") if kind.namespaced else "")
        lines = self._http.lines(_path(kind, namespace), request, query, silence=silence, cancel=cancel, accept=accept_of(kind, form, ""))
        return self._events(lines, EventReader(kind, form), resource)

    def _events(self, lines: Iterator[bytes], reader: EventReader, resource: str) -> Iterator[WatchEvent]:
        for line in lines:
            try:
                change, item = reader.read(line)
            except NotTheApi as error:
                raise self._not_json() from error
            if change == "ERROR":
                message, code = text_at(item, "message"), int_at(item, "code")
                if code == 410:
                    raise Gone(f"the watch of {resource} is too old: {message}")
                if code == 429:
                    raise Throttled(f"the watch of {resource} was refused for a while: {message}", 0.0)
                raise WatchFailed(f"the watch of {resource} failed: {message}")
            if change in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
                yield WatchEvent(change, item)  # type: ignore[arg-type]

    def top(self, what: Literal["pods", "nodes"], namespace: str | None = None) -> Sequence[Usage]:
        """Usage from the metrics server; NotFound where there is none or it is down."""
        where = f"namespaces/{quote(namespace, safe='')}/" if namespace and what == "pods" else ""
        try:
            request = RequestInfo("list", f"{what}.metrics.k8s.io", namespace or "")
            body = self._http.get(f"/apis/metrics.k8s.io/v1beta1/{where}{what}", request, retry=False)
        except ServerFailed as error:
            raise NotFound(f"the metrics server does not answer: {error}") from error
        return usages(maps_at(self._json(body), "items"), what)

    def discovery(self, path: str, *, aggregated: bool = False) -> bytes | None:
        """The server's answer of `/api`, `/apis`, `/api/v1` or `/apis/GROUP/VERSION`; None where it has none in that form."""
        body = self._document(path, _AGGREGATED if aggregated else "application/json")
        if aggregated and body is not None and b"APIGroupDiscoveryList" not in body[:200]:
            return None
        return body

    def openapi(self, path: str) -> bytes | None:
        """The server's `/openapi/v3` (its index) or `/openapi/v3/apis/GROUP/VERSION` as JSON; None where it has none."""
        return self._document(path, "application/json")

    def raw(self, path: str) -> bytes | None:
        """The body of another path (`/version`, `/readyz`); None where the server refuses it."""
        return self._document(path, "application/json, text/plain, */*")

    def _document(self, path: str, accept: str) -> bytes | None:
        try:
            return self._http.get(path, RequestInfo("get", path.strip("/")), accept=accept, retry=False)
        except (NotFound, Forbidden, ServerFailed, Refused):
            return None

    def trends(self, namespace: str | None) -> Trends | None:
        """What Prometheus measured, if one is configured."""
        return self.prometheus.trends(namespace) if self.prometheus is not None else None

    def review(self, spec: Mapping[str, Any]) -> bool:
        """Whether the server would allow what the spec of a SelfSubjectAccessReview names; changes nothing."""
        asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        answer = self._json(self._http.post(REVIEWS, RequestInfo("create", "selfsubjectaccessreviews.authorization.k8s.io"), asked))
        status = answer.get("status") if isinstance(answer, dict) else None
        return isinstance(status, dict) and status.get("allowed") is True

    def rules(self, namespace: str) -> Sequence[Mapping[str, Any]] | None:
        """What the identity may do in a namespace, as rules; None where the server says that they are not all. Changes nothing."""
        asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
        answer = self._json(self._http.post(RULES, RequestInfo("create", "selfsubjectrulesreviews.authorization.k8s.io"), asked))
        status = map_at(answer, "status")
        return None if status.get("incomplete") is not False else maps_at(status, "resourceRules")

    def close(self) -> None:
        """Close the connections and end a credential plugin that still runs."""
        if self.prometheus is not None:
            self.prometheus.close()
        self._plugins.end()
        self._http.close()

    def _type(self, resource: str, cancel: CancelToken | None) -> ResourceType:
        for again in (False, True):
            if again:
                self._resources = None  # a definition may have been added since
            for kind in self._discovered(cancel):
                if kind.name == resource:
                    return kind
        raise NotFound(f"the server has no resource {resource}; `kubectl api-resources` lists them")

    def _discovered(self, cancel: CancelToken | None) -> tuple[ResourceType, ...]:
        """The resources; asked by one thread at a time, and whoever waits for it can still be cancelled."""
        while not self._lock.acquire(timeout=0.05):
            if cancel is not None:
                cancel.check()
        try:
            known = self._resources
            if known is None:
                known = self._resources = tuple(preferred(self._discover(cancel)))
            return known
        finally:
            self._lock.release()

    def _discover(self, cancel: CancelToken | None) -> ResourceTypes:
        rows: ResourceTypes = []
        for root in ("/api", "/apis"):
            document = self._json(self._http.get(root, RequestInfo("get", "discovery"), accept=_AGGREGATED, cancel=cancel))
            if text_at(document, "kind") == "APIGroupDiscoveryList":
                rows += from_aggregated(document)
            else:
                rows += self._discover_by_version(document, cancel)
        return rows

    def _discover_by_version(self, document: Any, cancel: CancelToken | None) -> ResourceTypes:
        """For servers without aggregated discovery: one request a group version; one that fails is left out, as kubectl does."""
        paths = [f"/api/{version}" for version in document.get("versions") or ()] if isinstance(document, dict) else []
        for group in maps_at(document, "groups"):
            paths += [f"/apis/{text_at(version, 'groupVersion')}" for version in maps_at(group, "versions")]
        rows: ResourceTypes = []
        for path in paths:
            try:
                rows += from_resource_list(self._json(self._http.get(path, RequestInfo("get", "discovery"), cancel=cancel, retry=False)))
            except (Unreachable, NotFound):
                continue
        return rows

    def _pages(self, kind: ResourceType, namespace: str | None, limit: int, form: Form, cancel: CancelToken | None) -> ResourceList:
        request = RequestInfo("list", kind.name, (namespace or "") if kind.namespaced else "")
        query: dict[str, str | int] = {"limit": limit} if limit else {}
        objects: RawObjects = []
        while True:
            body = self._http.get(_path(kind, namespace), request, query, accept=accept_of(kind, form, "List"), cancel=cancel)
            try:
                page = page_of(body, kind, form)
            except NotTheApi as error:
                raise self._not_json() from error
            objects += page.objects
            if not page.more:
                return ResourceList(objects, page.resource_version)
            query = {"limit": limit, "continue": page.more}

    def _json(self, body: bytes) -> Any:
        try:
            return json_of(body)
        except NotTheApi as error:
            raise self._not_json() from error

    def _not_json(self) -> Unreachable:
        return Unreachable(
            f"{self.context.server} (context {self.context.name}) did not answer like the Kubernetes API; "
            "a proxy or login page may be in between"
        )


def _path(kind: ResourceType, namespace: str | None) -> str:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace and kind.namespaced else ""
    return f"{root}{where}/{kind.plural}"
