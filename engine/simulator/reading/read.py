"""GET: one object, a list (selected, paged, in the asked form) and a watch."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.cluster.objects import at, text_at
from engine.cluster.source import ClusterError, ClusterSource, Forbidden, NotFound, NotRecorded, RawObject, RawObjects, ResourceType
from engine.simulator.apiserver.http import ApiError, Reply, Request, encode, json_reply, not_found
from engine.simulator.apiserver.resources import Catalogue
from engine.simulator.apiserver.routing import Target
from engine.simulator.encoding.render import Form, partial, render_list, render_table, wanted_form
from engine.simulator.overlay import BASE_REVISION, Overlay
from engine.simulator.reading.selectors import Match, field_selector, label_selector

POLL = 0.1
"""Seconds after which a watch looks whether it is to end."""
DEPRECATED = {
    "endpoints": (33, "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
    "componentstatuses": (19, "v1 ComponentStatus is deprecated in v1.19+"),
}
"""The minor version from which on a server warns, and its words."""


class Reader:
    """Answers reads from a cluster; `stopping` ends every open watch, which otherwise lasts at most `watch_seconds`."""

    def __init__(self, cluster: ClusterSource, catalogue: Catalogue, stopping: threading.Event, watch_seconds: float) -> None:
        self.cluster = cluster
        self.overlay = cluster if isinstance(cluster, Overlay) else None
        self.catalogue = catalogue
        self._stopping = stopping
        self._watch_seconds = watch_seconds

    def handle(self, target: Target, request: Request) -> Reply:
        """A GET of an object, a list or a watch."""
        kind = self.catalogue.find(target.group, target.version, target.plural)
        if target.name and not request.flag("watch"):
            obj = self.object(kind, target)
            return json_reply(self.in_form(kind, obj, request), warnings=self._warnings(kind, target))
        if request.flag("watch"):
            return self._watch(kind, target, request)
        return self._list(kind, target, request)

    def object(self, kind: ResourceType, target: Target) -> RawObject:
        """One object. Raises ApiError 404 where it does not exist."""
        if kind.namespaced and not target.namespace:
            raise ApiError(400, f"{kind.name} are namespaced: the path must name a namespace")
        version_objects = self._other_version(kind)
        if version_objects is not None:
            wanted = (target.namespace, target.name)
            found = (o for o in version_objects if (text_at(o, "metadata", "namespace"), text_at(o, "metadata", "name")) == wanted)
            obj = next(found, None)
            if obj is None:
                raise not_found(kind.name, target.name)
            return obj
        try:
            return self.cluster.get(kind.name, target.namespace if kind.namespaced else "", target.name)
        except NotRecorded as error:
            raise ApiError(404, str(error)) from error
        except NotFound as error:
            raise not_found(kind.name, target.name) from error
        except Forbidden as error:
            raise ApiError(403, str(error)) from error
        except ClusterError as error:
            raise ApiError(500, str(error)) from error

    def objects(self, kind: ResourceType, namespace: str) -> RawObjects:
        """All objects of a kind in one namespace ("" for all). A kind that was not recorded, or refused, raises ApiError."""
        version_objects = self._other_version(kind)
        if version_objects is not None:
            return [o for o in version_objects if not namespace or text_at(o, "metadata", "namespace") == namespace]
        try:
            return self.cluster.list(kind.name, namespace or None)
        except Forbidden as error:
            raise ApiError(403, str(error)) from error
        except (NotRecorded, NotFound) as error:
            raise ApiError(404, str(error)) from error
        except ClusterError as error:
            raise ApiError(500, str(error)) from error

    def _other_version(self, kind: ResourceType) -> RawObjects | None:
        """The recorded objects of a version that is not the preferred one; None where the preferred one is meant."""
        by_version = getattr(self.cluster, "objects", None)
        if by_version is None or any((t.name, t.version) == (kind.name, kind.version) for t in self.cluster.resources()):
            return None
        try:
            found = by_version(kind.group, kind.version, kind.plural)
        except ClusterError:
            return None
        return found if isinstance(found, list) else None

    def in_form(self, kind: ResourceType, obj: RawObject, request: Request) -> dict[str, Any]:
        """One object as the client wants it: plain, as a Table, or its metadata."""
        form = wanted_form(request)
        if form == "table":
            metadata = {"resourceVersion": text_at(obj, "metadata", "resourceVersion")}
            return self._table(kind, [obj], metadata, request)
        return partial(obj) if form == "metadata" else obj

    def _table(self, kind: ResourceType, objects: Sequence[RawObject], metadata: Mapping[str, Any], request: Request) -> dict[str, Any]:
        include = request.query.get("includeObject", "Metadata")
        return render_table(kind, objects, metadata, include=include, now=self.cluster.now(), definition=self._definition(kind))

    def _definition(self, kind: ResourceType) -> Mapping[str, Any] | None:
        if "." not in kind.group or kind.group.endswith(".k8s.io"):
            return None
        try:
            return self.cluster.get("customresourcedefinitions.apiextensions.k8s.io", "", kind.name)
        except ClusterError:
            return None

    def _selection(self, kind: ResourceType, target: Target, request: Request) -> Match:
        checks: list[Match] = []
        if labels := request.query.get("labelSelector", ""):
            checks.append(label_selector(labels))
        if fields := request.query.get("fieldSelector", ""):
            checks.append(field_selector(fields, kind.name))
        if target.name:
            checks.append(lambda obj: at(obj, "metadata", "name") == target.name)
        if target.namespace and kind.namespaced:
            checks.append(lambda obj: at(obj, "metadata", "namespace") == target.namespace)
        return lambda obj: all(check(obj) for check in checks)

    def _list(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        matches = self._selection(kind, target, request)
        found = [obj for obj in self.objects(kind, target.namespace if kind.namespaced else "") if matches(obj)]
        metadata: dict[str, Any] = {"resourceVersion": self.version()}
        limit = request.number("limit") or 0
        start = _position(request.query.get("continue", ""))
        page = found[start : start + limit] if limit > 0 else found[start:]
        left = len(found) - start - len(page)
        if left > 0:
            metadata["continue"] = base64.urlsafe_b64encode(f"after:{start + len(page)}".encode()).decode()
            metadata["remainingItemCount"] = left
        document = render_list(
            kind,
            page,
            metadata,
            form=wanted_form(request),
            include=request.query.get("includeObject", "Metadata"),
            now=self.cluster.now(),
            definition=self._definition(kind),
        )
        return json_reply(document, warnings=self._warnings(kind, target))

    def _warnings(self, kind: ResourceType, target: Target) -> tuple[str, ...]:
        """What kubectl prints beside the answer: a kind that is deprecated, a list that does not hold all namespaces."""
        held = () if target.namespace else self.cluster.coverage().limited.get(kind.name, ())
        listed = sorted(held)[:8]
        more = f" and {len(held) - len(listed)} more namespaces" if len(held) > len(listed) else ""
        limit = (f"{kind.name} were recorded of {', '.join(listed)}{more} only",) if held else ()
        return limit + self._deprecation(kind)

    def _deprecation(self, kind: ResourceType) -> tuple[str, ...]:
        since, words = DEPRECATED.get(kind.name, (0, ""))
        parts = self.cluster.server_version().removeprefix("v").split(".")
        minor = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
        return (words,) if words and minor >= since else ()

    def version(self) -> str:
        """The resourceVersion of the whole cluster now."""
        return str(BASE_REVISION + (self.overlay.revision if self.overlay else 0))

    def _watch(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        matches = self._selection(kind, target, request)
        form, include = wanted_form(request), request.query.get("includeObject", "Metadata")
        given = request.query.get("resourceVersion", "")
        initial = request.flag("sendInitialEvents") or given in ("", "0")
        asked = request.number("timeoutSeconds")
        seconds = self._watch_seconds if asked is None else min(self._watch_seconds, max(asked, 0))
        start = self.overlay.revision if self.overlay else 0
        if given not in ("", "0"):
            if not given.isdigit():
                raise ApiError(400, f"invalid resource version {given!r}")
            start = min(start, max(0, int(given) - BASE_REVISION))
        if self.overlay and start < self.overlay.oldest_revision:
            raise ApiError(410, f"too old resource version: {given}", reason="Expired")
        current = [obj for obj in self.objects(kind, target.namespace if kind.namespaced else "") if matches(obj)] if initial else []

        def stream() -> Iterator[bytes]:
            head = True
            for obj in current:
                yield self._event("ADDED", kind, obj, form, include, head=head)
                head = False
            if request.flag("sendInitialEvents"):
                yield self._bookmark(kind, initial_end=True)
            ends = time.monotonic() + seconds
            revision = start
            while not self._stopping.is_set() and (left := ends - time.monotonic()) > 0:
                if self.overlay is None:
                    self._stopping.wait(min(left, POLL))
                    continue
                for change in self.overlay.changes(revision, timeout=min(left, POLL)):
                    revision = change.revision
                    if change.resource != kind.name:
                        continue
                    was, now = change.before is not None and matches(change.before), change.after is not None and matches(change.after)
                    if now and change.after is not None:
                        yield self._event("MODIFIED" if was else "ADDED", kind, change.after, form, include, head=head)
                    elif was and (last := change.after or change.before):
                        yield self._event("DELETED", kind, last, form, include, head=head)
                    head = head and not (was or now)
            if request.flag("allowWatchBookmarks"):
                yield self._bookmark(kind)

        return Reply(stream=stream())

    def _event(self, word: str, kind: ResourceType, obj: RawObject, form: Form, include: str, *, head: bool) -> bytes:
        shown: Mapping[str, Any] = obj
        if form == "table":
            metadata = {"resourceVersion": text_at(obj, "metadata", "resourceVersion")}
            now, definition = self.cluster.now(), self._definition(kind)
            shown = render_table(kind, [obj], metadata, include=include, now=now, definition=definition, head=head)
        elif form == "metadata":
            shown = partial(obj)
        return encode({"type": word, "object": shown})

    def _bookmark(self, kind: ResourceType, *, initial_end: bool = False) -> bytes:
        version = f"{kind.group}/{kind.version}" if kind.group else kind.version
        metadata: dict[str, Any] = {"resourceVersion": self.version()}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return encode({"type": "BOOKMARK", "object": {"kind": kind.kind, "apiVersion": version, "metadata": metadata}})


def _position(token: str) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (ValueError, UnicodeDecodeError):
        word, number = "", ""
    if word != "after" or not number.isdigit():
        raise ApiError(400, "continue key is not valid", reason="BadRequest")
    return int(number)
