"""What the served cluster has: its resource types by group, version and plural, and the discovery documents that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from engine.cluster.discovery import from_aggregated, from_resource_list, version_rank
from engine.cluster.source import ClusterSource, ResourceType
from engine.simulator.apiserver.http import JSON, Reply, Request, encode, no_such_resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SCALED = ("deployments", "replicasets", "statefulsets", "replicationcontrollers")
READ = ("get", "list", "watch")


class Catalogue:
    """Resource types and discovery documents of a cluster: the recorded ones, or made from `resources()` where none were recorded."""

    def __init__(self, cluster: ClusterSource) -> None:
        self._cluster = cluster
        rows: list[ResourceType] = []
        for path in ("/api", "/apis"):
            data = self.recorded(path, aggregated=True)
            rows += from_aggregated(msgspec.json.decode(data)) if data else []
        if not rows:
            rows = self._from_lists() or list(cluster.resources())
        self.types: Mapping[tuple[str, str, str], ResourceType] = {(r.group, r.version, r.plural): r for r in rows}

    def recorded(self, path: str, *, aggregated: bool = False) -> bytes | None:
        """The recorded document, or None."""
        return self._cluster.discovery(path, aggregated=aggregated)

    def find(self, group: str, version: str, plural: str) -> ResourceType:
        """A resource type. Raises ApiError 404 as a server does for what it does not have."""
        found = self.types.get((group, version, plural))
        if found is None:
            raise no_such_resource()
        return found

    def reply(self, request: Request) -> Reply | None:
        """The answer to `/api`, `/apis`, `/api/v1`, `/apis/GROUP` or `/apis/GROUP/VERSION`; None for another path."""
        parts = request.path.strip("/").split("/")
        if parts[0] not in ("api", "apis") or len(parts) > (2 if parts[0] == "api" else 3):
            return None
        if len(parts) == 1 and AGGREGATED.removeprefix("application/json;") in request.accept:
            data = self.recorded(request.path, aggregated=True) or encode(self._aggregated(core=parts[0] == "api"))
            return Reply(data, content_type=AGGREGATED)
        document = self.recorded(request.path)
        if document is None:
            made = self._plain(parts)
            if made is None:
                raise no_such_resource()
            document = encode(made)
        return Reply(document, content_type=JSON)

    def _from_lists(self) -> list[ResourceType]:
        data = self.recorded("/apis")
        paths = ["/api/v1"]
        if data:
            groups = msgspec.json.decode(data).get("groups", [])
            paths += [f"/apis/{version['groupVersion']}" for group in groups for version in group.get("versions", [])]
        return [row for path in paths if (body := self.recorded(path)) for row in from_resource_list(msgspec.json.decode(body))]

    def _groups(self, core: bool) -> dict[str, list[str]]:
        groups: dict[str, set[str]] = {}
        for row in self.types.values():
            if (row.group == "") is core:
                groups.setdefault(row.group, set()).add(row.version)
        return {group: sorted(versions, key=version_rank, reverse=True) for group, versions in groups.items()}

    def _rows(self, group: str, version: str) -> list[ResourceType]:
        return [row for row in self.types.values() if (row.group, row.version) == (group, version)]

    def _aggregated(self, *, core: bool) -> dict[str, Any]:
        items = [
            {
                "metadata": {"name": group} if group else {},
                "versions": [
                    {"version": version, "resources": [_aggregated_row(row) for row in self._rows(group, version)], "freshness": "Current"}
                    for version in versions
                ],
            }
            for group, versions in self._groups(core).items()
        ]
        return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}

    def _plain(self, parts: list[str]) -> dict[str, Any] | None:
        if parts == ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        groups = self._groups(core=False)
        if parts == ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, found) for name, found in groups.items()]}
        if parts[0] == "apis" and len(parts) == 2:
            found = groups.get(parts[1])
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], found)} if found else None
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        rows = self._rows(group, version)
        if not rows:
            return None
        listed = [entry for row in rows for entry in _plain_rows(row)]
        name = f"{group}/{version}" if group else version
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    rows = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": rows, "preferredVersion": rows[0]}


def _subresources(row: ResourceType) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """Subresource, kind and verbs of a resource whose discovery was not recorded."""
    if row.name == "pods":
        yield "log", "Pod", ("get",)
        yield "eviction", "Eviction", ("create",)
    if row.plural in SCALED:
        yield "scale", "Scale", ("get", "patch", "update")


def _aggregated_row(row: ResourceType) -> dict[str, Any]:
    response = {"group": row.group, "version": row.version, "kind": row.kind}
    subresources = [
        {"subresource": name, "responseKind": {"group": "", "version": "", "kind": kind}, "verbs": list(verbs)}
        for name, kind, verbs in _subresources(row)
    ]
    entry: dict[str, Any] = {
        "resource": row.plural,
        "responseKind": response,
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular or row.kind.lower(),
        "verbs": list(row.verbs or READ),
    }
    if row.short_names:
        entry["shortNames"] = list(row.short_names)
    if row.categories:
        entry["categories"] = list(row.categories)
    return entry | ({"subresources": subresources} if subresources else {})


def _plain_rows(row: ResourceType) -> Iterable[dict[str, Any]]:
    yield {
        "name": row.plural,
        "singularName": row.singular or row.kind.lower(),
        "namespaced": row.namespaced,
        "kind": row.kind,
        "verbs": list(row.verbs or READ),
        "shortNames": list(row.short_names),
        "categories": list(row.categories),
    }
    for name, kind, verbs in _subresources(row):
        yield {"name": f"{row.plural}/{name}", "singularName": "", "namespaced": row.namespaced, "kind": kind, "verbs": list(verbs)}
