"""Which answer a request gets: health, version, discovery, schemas, logs, reads and writes; no sockets here."""

from __future__ import annotations

import threading

from engine.cluster.objects import map_at
from engine.cluster.source import ClusterError, ClusterSource, ResourceType
from engine.simulator.apiserver.http import TEXT, ApiError, Reply, Request, decode_json, json_reply, no_such_resource
from engine.simulator.apiserver.resources import Catalogue
from engine.simulator.apiserver.routing import Target, parse_path
from engine.simulator.overlay import Overlay
from engine.simulator.reading.access_review import REVIEWS, review
from engine.simulator.reading.openapi import ROOT as OPENAPI
from engine.simulator.reading.openapi import made_openapi
from engine.simulator.reading.pod_logs import pod_log
from engine.simulator.reading.read import Reader
from engine.simulator.writing.write import Writer, scale_of

NEEDS_A_NODE = {
    "exec": "exec needs a running container",
    "attach": "attach needs a running container",
    "portforward": "port-forward needs a running container",
    "proxy": "proxy needs a running server behind it",
    "ephemeralcontainers": "debug needs a node that can run a container",
}
SCALE = ResourceType("autoscaling", "v1", "scales", "Scale", namespaced=True)
HEALTH = ("healthz", "livez", "readyz")


class Api:
    """Answers requests from a cluster. Raises ValueError when writing is asked for without an overlay to write to."""

    def __init__(self, cluster: ClusterSource, *, writable: bool, stopping: threading.Event, watch_seconds: float) -> None:
        if writable and not isinstance(cluster, Overlay):
            raise ValueError("a writable API server needs an Overlay: a recording itself is never changed")
        self.cluster = cluster
        self.catalogue = Catalogue(cluster)
        self._reader = Reader(cluster, self.catalogue, stopping, watch_seconds)
        self._writer = Writer(cluster, self._reader, self.catalogue) if writable and isinstance(cluster, Overlay) else None

    def handle(self, request: Request) -> Reply:
        """The reply to a request; what goes wrong is a Status reply too."""
        try:
            return self._answer(request)
        except ApiError as error:
            return error.reply()
        except ClusterError as error:
            return ApiError(500, str(error)).reply()
        except Exception as error:  # noqa: BLE001 - a client that gets no answer at all would only see a broken connection
            return ApiError(
                500, f"the simulated API server failed at {request.method} {request.path}: {type(error).__name__}: {error}"
            ).reply()

    def _answer(self, request: Request) -> Reply:
        target = parse_path(request.path)
        if target is not None and (target.group, target.version, target.plural) in self.catalogue.types:
            return self._resource(target, request)
        if request.method not in ("GET", "HEAD"):
            raise no_such_resource() if target else ApiError(405, f"{request.method} is not possible on {request.path}")
        found = self._document(request)
        if found is None:
            raise no_such_resource()
        return found

    def _document(self, request: Request) -> Reply | None:
        """Everything that is not a resource: version, health, discovery, schemas, recorded raw answers."""
        path = request.path.rstrip("/")
        name = path.strip("/")
        if name == "version":
            return self._version()
        if name.split("/")[0] in HEALTH:
            return Reply(b"ok", content_type=TEXT)
        if (found := self.catalogue.reply(request)) is not None:
            return found
        if name == "openapi/v2" and "proto-openapi" in request.accept and "json" not in request.accept:
            raise ApiError(406, "this recorded cluster has its OpenAPI v2 as JSON only; use kubectl 1.29 or newer, or --validate=false")
        recorded = self.cluster.openapi(path) or self.cluster.raw(path)
        schema = made_openapi(self.catalogue, path)
        if recorded is not None and schema is not None and name == OPENAPI:
            return json_reply({"paths": {**schema["paths"], **map_at(decode_json(recorded), "paths")}})
        if recorded is not None:
            return Reply(recorded)
        return json_reply(schema) if schema else None

    def _version(self) -> Reply:
        data = self.cluster.raw("/version")
        if data is not None:
            return Reply(data)
        version = self.cluster.server_version() or "v1.30.0"
        major, _, rest = version.removeprefix("v").partition(".")
        made = {"major": major, "minor": rest.partition(".")[0], "gitVersion": version, "platform": "linux/amd64", "gitTreeState": "clean"}
        return json_reply(made | {"gitCommit": "", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "gc"})

    def _resource(self, target: Target, request: Request) -> Reply:
        if (target.group, target.plural) in REVIEWS:
            return review(target, request, self.catalogue, writable=self._writer is not None)
        if target.subresource:
            return self._subresource(target, request)
        if request.method in ("GET", "HEAD"):
            return self._reader.handle(target, request)
        return self._allowed().handle(target, request)

    def _subresource(self, target: Target, request: Request) -> Reply:
        if target.subresource == "log" and target.plural == "pods" and request.method == "GET":
            return pod_log(self.cluster, target, request)
        if target.subresource in NEEDS_A_NODE:
            return self._needs_a_node(target, request)
        kind = self.catalogue.find(target.group, target.version, target.plural)
        if request.method in ("GET", "HEAD"):
            obj = self._reader.object(kind, target)
            if target.subresource == "scale":
                return json_reply(self._reader.in_form(SCALE, scale_of(obj), request))
            if target.subresource == "status":
                return json_reply(self._reader.in_form(kind, obj, request))
            raise no_such_resource()
        return self._allowed().subresource(target, request)

    def _needs_a_node(self, target: Target, request: Request) -> Reply:
        data = self.cluster.raw(request.path) if target.subresource == "proxy" and request.method == "GET" else None
        if data is not None:
            return Reply(data)
        why = NEEDS_A_NODE[target.subresource]
        details = {"name": target.name, "kind": target.plural}
        message = f'{target.resource} "{target.name}" is forbidden: {why}, and this is a recorded cluster'
        # An upgrade to another protocol was asked for; the connection is of no further use.
        raise ApiError(403, message, details=details, close=True)

    def _allowed(self) -> Writer:
        if self._writer is None:
            raise ApiError(403, "this recording is read-only; start with --writable to try changes on a copy in memory")
        return self._writer
