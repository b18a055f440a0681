"""POST, PUT, PATCH and DELETE on the overlay: prepared, checked, then stored, or with `dryRun=All` only answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.cluster.objects import at, bool_at, int_at, labels_at, text_at, texts_at
from engine.cluster.source import NotFound, RawObject, ResourceType
from engine.cluster.tables.model import format_selector
from engine.simulator.apiserver.http import ApiError, Reply, Request, decode_json, json_reply, no_such_resource
from engine.simulator.apiserver.resources import Catalogue
from engine.simulator.apiserver.routing import Target
from engine.simulator.encoding.body import decoded_body
from engine.simulator.encoding.render import partial, wanted_form
from engine.simulator.overlay import Overlay
from engine.simulator.reading.read import Reader
from engine.simulator.reading.selectors import field_selector, label_selector
from engine.simulator.writing.admission import in_kept_version, invalid, prepare_create, prepare_update
from engine.simulator.writing.patch import json_patch, merge, strategic_merge
from engine.simulator.writing.schema import Schemas

STRATEGIC, MERGE, JSON_PATCH = "application/strategic-merge-patch+json", "application/merge-patch+json", "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
DEBUGGER = "node-debugger-"
"""How the pod that `kubectl debug node/NAME` asks for is called."""


class Writer:
    """Answers writes by changing an overlay."""

    def __init__(self, overlay: Overlay, reader: Reader, catalogue: Catalogue) -> None:
        self._overlay = overlay
        self._reader = reader
        self._catalogue = catalogue
        self._schemas = Schemas(overlay)

    def handle(self, target: Target, request: Request) -> Reply:
        """A write to an object or a collection."""
        kind = self._catalogue.find(target.group, target.version, target.plural)
        if kind.namespaced and not target.namespace and request.method != "DELETE":
            raise ApiError(400, f"{kind.name} are namespaced: the path must name a namespace")
        if request.method == "POST" and not target.name:
            return self._create(kind, target, request)
        if request.method == "DELETE":
            return self._delete(kind, target, request) if target.name else self._delete_many(kind, target, request)
        if target.name and request.method in ("PUT", "PATCH"):
            return self._update(kind, target, request)
        raise ApiError(405, f"{request.method} is not possible on {request.path}")

    def subresource(self, target: Target, request: Request) -> Reply:
        """A write to scale, status or eviction. Raises ApiError 403 for what needs a running cluster."""
        kind = self._catalogue.find(target.group, target.version, target.plural)
        if target.subresource == "eviction" and request.method == "POST":
            return self._evict(kind, target, request)
        if target.subresource == "scale" and request.method in ("PUT", "PATCH"):
            return self._scale(kind, target, request)
        if target.subresource == "status" and request.method in ("PUT", "PATCH"):
            return self._update(kind, target, request)
        if target.subresource in ("token", "binding", "approval", "finalize", "resize"):
            raise ApiError(403, f"{target.plural}/{target.subresource} needs a running control plane, and this is a recorded cluster")
        raise no_such_resource()

    def _create(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        given = self._object_of(kind, request)
        given, warnings = self._check(kind, given, request)
        name = text_at(given, "metadata", "name") or text_at(given, "metadata", "generateName")
        if kind.name == "pods" and name.startswith(DEBUGGER):
            message = f'pods "{name}" is forbidden: debug needs a node that can run a container, and this is a recorded cluster'
            raise ApiError(403, message, details={"name": name, "kind": "pods"})
        namespace = target.namespace if kind.namespaced else ""
        if (inside := text_at(given, "metadata", "namespace")) and kind.namespaced and inside != namespace:
            raise ApiError(400, f"the namespace of the object ({inside}) does not match the namespace on the URL ({namespace})")
        made = prepare_create(self._overlay, kind, namespace, given)
        if not request.dry_run:
            made = self._store(kind, made)
        return self._reply(made, request, status=201, warnings=warnings)

    def _update(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        if request.method == "PATCH" and request.content_type == APPLY and not self._has(kind, target):
            return self._create(kind, target, request)
        before = self._reader.object(kind, target)
        after = self._patched(before, request) if request.method == "PATCH" else self._object_of(kind, request)
        if not isinstance(after, dict):
            raise ApiError(422, "the patch leaves no object")
        warnings: tuple[str, ...] = ()
        if target.subresource == "status":
            after = {**before, "status": after.get("status", {}), "metadata": {**before["metadata"]}}
        else:
            after, warnings = self._check(kind, after, request)
        made = prepare_update(self._overlay, kind, before, after, subresource=target.subresource)
        if made != before and not request.dry_run:
            made = self._store(kind, made)
        return self._reply(made, request, warnings=warnings)

    def _patched(self, before: RawObject, request: Request) -> Any:
        if request.content_type == APPLY:
            return strategic_merge(before, decoded_body(request))
        patch = decode_json(request.body)
        if request.content_type == JSON_PATCH:
            return json_patch(before, patch)
        if not isinstance(patch, dict):
            raise ApiError(400, f"a patch of type {request.content_type} is an object")
        if request.content_type == MERGE:
            return merge(before, patch)
        if request.content_type == STRATEGIC:
            return strategic_merge(before, patch)
        message = f"the body of the request was in an unknown format ({request.content_type}); accepted: {JSON_PATCH}, {MERGE}, {STRATEGIC}"
        raise ApiError(415, message)

    def _delete(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        obj = self._reader.object(kind, target)
        options = decoded_body(request)
        expected = text_at(options, "preconditions", "uid")
        if expected and expected != text_at(obj, "metadata", "uid"):
            raise ApiError(409, f'the UID in the precondition ({expected}) is not that of {kind.name} "{target.name}"')
        if not (request.dry_run or "All" in texts_at(options, "dryRun")):
            self._remove(kind, target.namespace, target.name, options, request)
        if kind.name == "pods":
            return json_reply(obj)
        details = {"name": target.name, "group": kind.group, "kind": kind.plural, "uid": text_at(obj, "metadata", "uid")}
        return json_reply({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    def _delete_many(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        options = decoded_body(request)
        matches_labels = label_selector(request.query.get("labelSelector", ""))
        matches_fields = field_selector(request.query.get("fieldSelector", ""), kind.name)
        chosen = [o for o in self._reader.objects(kind, target.namespace) if matches_labels(o) and matches_fields(o)]
        if not (request.dry_run or "All" in texts_at(options, "dryRun")):
            for obj in chosen:
                namespace, name = text_at(obj, "metadata", "namespace"), text_at(obj, "metadata", "name")
                if self._has(kind, Target(kind.group, kind.version, kind.plural, namespace, name)):
                    self._remove(kind, namespace, name, options, request)
        return json_reply({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    def _remove(self, kind: ResourceType, namespace: str, name: str, options: Mapping[str, Any], request: Request) -> None:
        policy = text_at(options, "propagationPolicy") or request.query.get("propagationPolicy", "")
        orphan = policy == "Orphan" or bool_at(options, "orphanDependents")
        force = at(options, "gracePeriodSeconds") == 0 or request.query.get("gracePeriodSeconds") == "0"
        try:
            self._overlay.remove(kind.name, namespace if kind.namespaced else "", name, orphan=orphan, force=force)
        except NotFound as error:
            raise ApiError(404, f'{kind.name} "{name}" not found', details={"name": name, "kind": kind.plural}) from error

    def _evict(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        self._reader.object(kind, target)
        eviction = decoded_body(request)
        options = eviction.get("deleteOptions") or {}
        budget = self._exhausted_budget(target)
        if budget:
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            causes = [{"reason": "DisruptionBudget", "message": f"The disruption budget {budget} allows no further disruption."}]
            raise ApiError(429, message, details={"causes": causes})
        if not (request.dry_run or "All" in texts_at(options, "dryRun")):
            self._remove(kind, target.namespace, target.name, options, request)
        return json_reply({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, status=201)

    def _exhausted_budget(self, target: Target) -> str:
        pod = self._overlay.get("pods", target.namespace, target.name)
        try:
            budgets = self._overlay.list("poddisruptionbudgets.policy", target.namespace)
        except NotFound:
            return ""
        for budget in budgets:
            selector = labels_at(budget, "spec", "selector", "matchLabels")
            chosen = selector and selector.items() <= labels_at(pod, "metadata", "labels").items()
            if chosen and not int_at(budget, "status", "disruptionsAllowed"):
                return text_at(budget, "metadata", "name")
        return ""

    def _scale(self, kind: ResourceType, target: Target, request: Request) -> Reply:
        before = self._reader.object(kind, target)
        scale = scale_of(before)
        wanted = self._patched(scale, request) if request.method == "PATCH" else decoded_body(request)
        expected = text_at(wanted, "metadata", "resourceVersion")
        if expected and expected != text_at(before, "metadata", "resourceVersion"):
            raise ApiError(409, f'Operation cannot be fulfilled on {kind.name} "{target.name}": the object has been modified')
        replicas = at(wanted, "spec", "replicas")
        if replicas is None and request.content_type != MERGE:
            replicas = 0  # protobuf and typed clients leave out a zero
        if not isinstance(replicas, int) or isinstance(replicas, bool):
            raise invalid(kind, target.name, "spec.replicas", "Required value: a whole number")
        after = {**before, "spec": {**before.get("spec", {}), "replicas": replicas}, "metadata": {**before["metadata"]}}
        made = prepare_update(self._overlay, kind, before, after)
        if made != before and not request.dry_run:
            made = self._store(kind, made)
        return json_reply(scale_of(made))

    def _store(self, kind: ResourceType, obj: RawObject) -> RawObject:
        """Store an object in the version that the cluster keeps its kind in, and answer it in the one it came in."""
        stored = self._overlay.put(kind.name, in_kept_version(self._overlay, kind, obj))
        if stored["apiVersion"] == obj["apiVersion"]:
            return stored
        return {**obj, "metadata": stored["metadata"]}

    def _has(self, kind: ResourceType, target: Target) -> bool:
        try:
            self._reader.object(kind, target)
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    def _object_of(self, kind: ResourceType, request: Request) -> RawObject:
        given = decoded_body(request)
        api_version = f"{kind.group}/{kind.version}" if kind.group else kind.version
        named = (text_at(given, "apiVersion") or api_version, text_at(given, "kind") or kind.kind)
        if named != (api_version, kind.kind):
            raise ApiError(400, f"the object is a {named[0]} {named[1]}, but the URL takes {api_version} {kind.kind}")
        return {**given, "apiVersion": api_version, "kind": kind.kind}

    def _check(self, kind: ResourceType, obj: RawObject, request: Request) -> tuple[RawObject, tuple[str, ...]]:
        return self._schemas.check(kind, obj, request.query.get("fieldValidation", ""))

    @staticmethod
    def _reply(obj: RawObject, request: Request, status: int = 200, warnings: tuple[str, ...] = ()) -> Reply:
        return json_reply(partial(obj) if wanted_form(request) == "metadata" else obj, status=status, warnings=warnings)


def scale_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The Scale of a workload."""
    metadata = {key: text_at(obj, "metadata", key) for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    status = {"replicas": int_at(obj, "status", "replicas"), "selector": format_selector(at(obj, "spec", "selector"))}
    spec = {"replicas": int_at(obj, "spec", "replicas", default=1)}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}
