"""OpenAPI v3 for a recording without schemas: just enough for kubectl to leave the checking of fields to the server."""

from __future__ import annotations

from typing import Any

from engine.cluster.source import ResourceType
from engine.simulator.apiserver.resources import Catalogue

ROOT = "openapi/v3"


def made_openapi(catalogue: Catalogue, path: str) -> dict[str, Any] | None:
    """The index, or the document of one group and version; None for another path or a version that is not served."""
    name = path.strip("/")
    places = {_place(kind): kind for kind in catalogue.types.values()}
    if name == ROOT:
        return {"paths": {place: {"serverRelativeURL": f"/{ROOT}/{place}"} for place in places}}
    place = name.removeprefix(f"{ROOT}/")
    if place not in places:
        return None
    paths = {}
    for kind in catalogue.types.values():
        if _place(kind) == place:
            inside = f"/{place}/namespaces/{{namespace}}" if kind.namespaced else f"/{place}"
            # kubectl looks for this parameter to learn whether the server checks fields itself.
            operation = {
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
            }
            paths[f"{inside}/{kind.plural}/{{name}}"] = {"patch": operation}
    info = {"title": "Kubernetes", "version": "recorded"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


def _place(kind: ResourceType) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
