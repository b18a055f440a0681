"""`review`: what could be set up better about one workload: requests and limits, probes, images, replicas; computed from its object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.cluster.objects import map_at, maps_at, text_at
from engine.cluster.source import Usage
from engine.language.questions.question import quantity_of

CLOSE, FAR = 0.85, 0.25
"""Shares of a limit: above the first it is nearly used up, below the second of a request most of it lies idle."""
_MI = 2**20


def review(raw: Mapping[str, Any], usage: Sequence[Usage] = ()) -> tuple[str, ...]:
    """Sentences on a workload or pod, most important first; `usage` is of its pods (empty where it could not be measured)."""
    spec = map_at(raw, "spec", "template", "spec") or map_at(raw, "spec")
    found: list[tuple[int, str]] = []
    for container in maps_at(spec, "containers"):
        name = text_at(container, "name")
        found += _resources(container, name, usage)
        found += _probes(container, name, text_at(raw, "kind"))
        image = text_at(container, "image")
        tag = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2]
        if "@" not in image and tag in ("", "latest"):
            found.append((3, f"container {name}: the image {image} has no fixed version, so a restart can change the program"))
    if text_at(raw, "kind") == "Deployment" and text_at(raw, "spec", "replicas", default="1") == "1":
        found.append((4, "one replica: every restart or drained node is an outage"))
    return tuple(text for _, text in sorted(found, key=lambda item: item[0]))


def _resources(container: Mapping[str, Any], name: str, usage: Sequence[Usage]) -> list[tuple[int, str]]:
    out: list[tuple[int, str]] = []
    for what in ("memory", "cpu"):
        request, limit = (text_at(container, "resources", kind, what) for kind in ("requests", "limits"))
        most = max((u.memory if what == "memory" else u.cpu * 1000 for u in usage if u.container == name), default=0.0)
        shown = f"{most / _MI:.0f}Mi" if what == "memory" else f"{most:.0f}m"
        if most and limit and most > quantity_of(limit, what) * CLOSE:
            out.append((0, f"container {name}: uses {shown} of its {what} limit of {limit}; raise the limit"))
        elif most and request and most < quantity_of(request, what) * FAR:
            out.append((5, f"container {name}: uses {shown} of the {request} of {what} that it requests; lower the request"))
        if not request:
            measured = f"; it uses {shown} now" if most else "; measure its usage first"
            out.append((1, f"container {name}: no {what} request, so the scheduler cannot place it by need{measured}"))
        if not limit and what == "memory":
            out.append((2, f"container {name}: no memory limit, so a leak takes the node's memory"))
    return out


def _probes(container: Mapping[str, Any], name: str, kind: str) -> list[tuple[int, str]]:
    if kind in ("Job", "CronJob"):
        return []
    if not map_at(container, "readinessProbe"):
        return [(2, f"container {name}: no readiness probe, so traffic reaches it before it can answer")]
    if map_at(container, "livenessProbe") and map_at(container, "livenessProbe") == map_at(container, "readinessProbe"):
        return [(4, f"container {name}: liveness and readiness probe are the same, so what should only wait is restarted")]
    return []
