"""What resources an API has, from the discovery documents a server gives: aggregated ones, or one list a group version."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from engine.cluster.objects import bool_at, maps_at, text_at, texts_at
from engine.cluster.source import ResourceType


def from_aggregated(document: Any) -> list[ResourceType]:
    """The rows of an APIGroupDiscoveryList, versions in the server's order of preference, without subresources."""
    rows = []
    for group in maps_at(document, "items"):
        for version in maps_at(group, "versions"):
            for resource in maps_at(version, "resources"):
                rows.append(
                    ResourceType(
                        group=text_at(group, "metadata", "name"),
                        version=text_at(version, "version"),
                        plural=text_at(resource, "resource"),
                        kind=text_at(resource, "responseKind", "kind"),
                        namespaced=text_at(resource, "scope") == "Namespaced",
                        short_names=tuple(texts_at(resource, "shortNames")),
                        singular=text_at(resource, "singularResource"),
                        verbs=tuple(texts_at(resource, "verbs")),
                        categories=tuple(texts_at(resource, "categories")),
                    )
                )
    return rows


def from_resource_list(document: Any) -> list[ResourceType]:
    """The rows of an APIResourceList (`/api/v1`, `/apis/GROUP/VERSION`), without subresources."""
    group, _, version = text_at(document, "groupVersion").rpartition("/")
    return [
        ResourceType(
            group=group,
            version=version,
            plural=text_at(resource, "name"),
            kind=text_at(resource, "kind"),
            namespaced=bool_at(resource, "namespaced"),
            short_names=tuple(texts_at(resource, "shortNames")),
            singular=text_at(resource, "singularName"),
            verbs=tuple(texts_at(resource, "verbs")),
            categories=tuple(texts_at(resource, "categories")),
        )
        for resource in maps_at(document, "resources")
        if "/" not in text_at(resource, "name")
    ]


def preferred(rows: Iterable[ResourceType]) -> list[ResourceType]:
    """One row a resource name: the most mature and newest version (v2 before v1, v1 before v1beta2)."""
    best: dict[str, ResourceType] = {}
    for row in rows:
        held = best.get(row.name)
        if held is None or version_rank(row.version) > version_rank(held.version):
            best[row.name] = row
    return list(best.values())


def version_rank(version: str) -> tuple[int, int, int]:
    """How Kubernetes orders versions: stable over beta over alpha, then by number; unknown spellings come last."""
    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if found is None:
        return (-1, 0, 0)
    maturity = {None: 2, "beta": 1, "alpha": 0}[found[2]]
    return (maturity, int(found[1]), int(found[3] or 0))
