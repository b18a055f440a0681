"""`LiveCluster`: a running cluster through a kubeconfig context, as raw JSON in pages. Secrets come as metadata only."""

from __future__ import annotations

import gc
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from engine.cancel import CancelToken
from engine.cluster.access import REVIEWS
from engine.cluster.credentials import Plugins, client_of
from engine.cluster.discovery import from_aggregated, from_resource_list, preferred
from engine.cluster.kubeconfig import Kubeconfig, load
from engine.cluster.objects import maps_at, text_at
from engine.cluster.secretvalues import drop_values
from engine.cluster.source import (
    Forbidden,
    Lines,
    NotFound,
    RawObject,
    RawObjects,
    ResourceType,
    Unreachable,
    Usage,
    WatchEvent,
)
from engine.cluster.usage import usages
from engine.cluster.wire import Asking, Gone, Refused, ServerFailed, Wire

__all__ = ["Gone", "LiveCluster"]

ResourceTypes = list[ResourceType]
PAGE = 500
_LOG_BYTES = 16 * 1024 * 1024
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_METADATA = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"
_NO_LOG = "unable to retrieve container logs for "


class LiveCluster:
    """A `ClusterSource` over the network; safe to use from several threads. Nothing is asked before the first read."""

    kind: Literal["live", "recording"] = "live"

    def __init__(self, kubeconfig: Kubeconfig, context: str = "", *, timeout: float = 15.0) -> None:
        self.context = kubeconfig.context(context)
        self.title = self.context.name
        self._plugins = Plugins()
        self._wire = Wire(
            lambda: client_of(kubeconfig, self.context.name, self._plugins),
            server=self.context.server,
            context=self.context.name,
            timeout=timeout,
        )
        self._lock = threading.Lock()
        self._resources: tuple[ResourceType, ...] | None = None

    @classmethod
    def open(cls, *, context: str = "", kubeconfig: Path | None = None, timeout: float = 15.0) -> LiveCluster:
        """A context of a kubeconfig ("" = the current one; None = KUBECONFIG or ~/.kube/config). Raises BrokenKubeconfig."""
        return cls(load(kubeconfig), context, timeout=timeout)

    def now(self) -> datetime:
        """The clock's time."""
        return datetime.now(UTC)

    def server_version(self) -> str:
        """The server's `gitVersion`."""
        return text_at(self._json(self._wire.get("/version", Asking("get", "version"))), "gitVersion")

    def resources(self) -> Sequence[ResourceType]:
        """Discovery, asked once: one row a resource name, its preferred version."""
        return self._known(None)

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> RawObjects:
        """All objects, page by page; begun anew without pages when the server's pages expire meanwhile."""
        kind = self._type(resource, cancel)
        try:
            return self._pages(kind, namespace, PAGE, cancel)
        except Gone:
            return self._pages(kind, namespace, 0, cancel)

    def get(self, resource: str, namespace: str, name: str, *, cancel: CancelToken | None = None) -> RawObject:
        """One object."""
        kind = self._type(resource, cancel)
        asking = Asking("get", resource, namespace if kind.namespaced else "", name)
        path = f"{_path(kind, namespace)}/{quote(name, safe='')}"
        item = self._json(self._wire.get(path, asking, accept=_accept(kind, ""), cancel=cancel))
        if not isinstance(item, dict):
            raise self._not_json()
        return _object(item, kind)

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
        """A container's lines with stamps, at most the first 16 MiB. NotFound with the server's words where it gives none."""
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
        asking = Asking("get", "pods/log", namespace, pod)
        try:
            body = self._wire.get(path, asking, query, accept="text/plain,*/*", cancel=cancel, retry=False)
        except (ServerFailed, Refused) as error:
            # 400: the container waits to start or never ended before; 500: the server is there, the node behind it is not
            raise NotFound(str(error)) from error
        text = body.decode("utf-8", "replace")
        if text.startswith(_NO_LOG):
            raise NotFound(f"logs of {namespace}/{pod} [{container}]: the node answered: {text.strip()[:300]}")
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        return lines

    def watch(self, resource: str, namespace: str | None, *, resource_version: str, cancel: CancelToken) -> Iterator[WatchEvent]:
        """Changes as they come, resumed when the server ends the stream in peace.

        Raises Gone when the resourceVersion is too old (list anew), Unreachable when the connection breaks, Forbidden when the right
        is lost.
        """
        kind = self._type(resource, cancel)
        asking = Asking("watch", resource, namespace or "")
        while not cancel.cancelled:
            seconds = random.randint(100, 200)  # noqa: S311  spreads the load of many watches
            query: dict[str, str | int] = {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": resource_version,
                "timeoutSeconds": seconds,
            }
            for line in self._wire.lines(_path(kind, namespace), asking, query, read_timeout=seconds + 15.0, cancel=cancel):
                event = self._json(line)
                change, item = text_at(event, "type"), event.get("object") if isinstance(event, dict) else None
                if not isinstance(item, dict):
                    raise self._not_json()
                if change == "ERROR":
                    if item.get("code") == 410:
                        raise Gone(f"the watch of {resource} is too old: {text_at(item, 'message')}")
                    raise Unreachable(f"the watch of {resource} failed: {text_at(item, 'message')}")
                resource_version = text_at(item, "metadata", "resourceVersion") or resource_version
                if change in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
                    yield WatchEvent(change, _object(item, kind))  # type: ignore[arg-type]

    def top(self, what: Literal["pods", "nodes"], namespace: str | None = None) -> Sequence[Usage]:
        """Usage from the metrics server; NotFound where there is none or it is down."""
        where = f"namespaces/{quote(namespace, safe='')}/" if namespace and what == "pods" else ""
        try:
            asking = Asking("list", f"{what}.metrics.k8s.io", namespace or "")
            body = self._wire.get(f"/apis/metrics.k8s.io/v1beta1/{where}{what}", asking, retry=False)
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
            return self._wire.get(path, Asking("get", path.strip("/")), accept=accept, retry=False)
        except (NotFound, Forbidden, ServerFailed, Refused):
            return None

    def review(self, spec: Mapping[str, Any]) -> bool:
        """Whether the server would allow what the spec of a SelfSubjectAccessReview names; changes nothing."""
        asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        answer = self._json(self._wire.post(REVIEWS, Asking("create", "selfsubjectaccessreviews.authorization.k8s.io"), asked))
        status = answer.get("status") if isinstance(answer, dict) else None
        return isinstance(status, dict) and status.get("allowed") is True

    def close(self) -> None:
        """Close the connections and end a credential plugin that still runs."""
        self._plugins.end()
        self._wire.close()

    def _type(self, resource: str, cancel: CancelToken | None) -> ResourceType:
        for again in (False, True):
            if again:
                self._resources = None  # a definition may have been added since
            for kind in self._known(cancel):
                if kind.name == resource:
                    return kind
        raise NotFound(f"the server has no resource {resource}; `kubectl api-resources` lists what there is")

    def _known(self, cancel: CancelToken | None) -> tuple[ResourceType, ...]:
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
            document = self._json(self._wire.get(root, Asking("get", "discovery"), accept=_AGGREGATED, cancel=cancel))
            if text_at(document, "kind") == "APIGroupDiscoveryList":
                rows += from_aggregated(document)
            else:
                rows += self._discover_plainly(document, cancel)
        return rows

    def _discover_plainly(self, document: Any, cancel: CancelToken | None) -> ResourceTypes:
        """For servers without aggregated discovery: one request a group version; one that fails is left out, as kubectl does."""
        paths = [f"/api/{version}" for version in document.get("versions") or ()] if isinstance(document, dict) else []
        for group in maps_at(document, "groups"):
            paths += [f"/apis/{text_at(version, 'groupVersion')}" for version in maps_at(group, "versions")]
        rows: ResourceTypes = []
        for path in paths:
            try:
                rows += from_resource_list(self._json(self._wire.get(path, Asking("get", "discovery"), cancel=cancel, retry=False)))
            except (Unreachable, NotFound):
                continue
        return rows

    def _pages(self, kind: ResourceType, namespace: str | None, limit: int, cancel: CancelToken | None) -> RawObjects:
        asking = Asking("list", kind.name, (namespace or "") if kind.namespaced else "")
        query: dict[str, str | int] = {"limit": limit} if limit else {}
        objects: RawObjects = []
        while True:
            body = self._wire.get(_path(kind, namespace), asking, query, accept=_accept(kind, "List"), cancel=cancel)
            page = self._json(body)
            items = page.get("items") if isinstance(page, dict) else None
            if not isinstance(items, list | None):
                raise self._not_json()
            objects += [_object(item, kind) for item in items or () if isinstance(item, dict)]
            token = text_at(page, "metadata", "continue")
            if not token:
                return objects
            query = {"limit": limit, "continue": token}

    def _json(self, body: bytes) -> Any:
        import msgspec

        try:
            with _gc_paused():
                return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._not_json() from error

    def _not_json(self) -> Unreachable:
        return Unreachable(
            f"{self.context.server} (context {self.context.name}) answered with something that is not the Kubernetes API; "
            "a proxy or login page may stand between"
        )


def _path(kind: ResourceType, namespace: str | None) -> str:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace and kind.namespaced else ""
    return f"{root}{where}/{kind.plural}"


def _accept(kind: ResourceType, suffix: str) -> str:
    return _METADATA.format(list=suffix) if _is_secret(kind) else "application/json"


def _is_secret(kind: ResourceType) -> bool:
    return kind.plural == "secrets" and not kind.group


def _object(item: Mapping[str, Any], kind: ResourceType) -> RawObject:
    """The object as the engine's rooms expect it: with kind and apiVersion, without managedFields, a Secret without values."""
    obj: RawObject = {**item, "kind": kind.kind, "apiVersion": f"{kind.group}/{kind.version}" if kind.group else kind.version}
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    if _is_secret(kind):
        drop_values(obj)
    return obj


_gc_lock = threading.Lock()
_gc_pauses = 0


@contextmanager
def _gc_paused() -> Iterator[None]:
    """No garbage collection while a big answer is parsed: it makes no cycles, and collecting costs more than parsing."""
    global _gc_pauses
    with _gc_lock:
        if _gc_pauses == 0 and not gc.isenabled():
            nested = False
        else:
            nested = True
            _gc_pauses += 1
            gc.disable()
    try:
        yield
    finally:
        if nested:
            with _gc_lock:
                _gc_pauses -= 1
                if _gc_pauses == 0:
                    gc.enable()
