"""metrics.k8s.io objects as `Usage` rows, their sums a pod or node, and the quantities in them as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.cluster.objects import maps_at, text_at
from engine.cluster.source import Usage

_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_FACTOR = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}


def quantity(value: object) -> float | None:
    """A Kubernetes quantity (`250m`, `1.5Gi`, `12345n`, 2) as a plain number; None where it is none."""
    found = None if isinstance(value, bool) else _QUANTITY.fullmatch(str(value).strip())
    if found is None:
        return None
    try:
        number = float(found[1])
    except ValueError:
        return None
    return number * _FACTOR.get(found[2] or "", _BINARY.get(found[2] or "", 1.0))


def usages(objects: Iterable[Mapping[str, Any]], what: Literal["pods", "nodes"]) -> list[Usage]:
    """PodMetrics (one row a container) or NodeMetrics (one row a node); CPU in cores, memory in bytes."""
    rows = []
    for item in objects:
        namespace, name = text_at(item, "metadata", "namespace"), text_at(item, "metadata", "name")
        parts = maps_at(item, "containers") if what == "pods" else [item]
        for part in parts:
            rows.append(
                Usage(
                    namespace=namespace,
                    name=name,
                    container=text_at(part, "name") if what == "pods" else "",
                    cpu=quantity(text_at(part, "usage", "cpu")) or 0.0,
                    memory=quantity(text_at(part, "usage", "memory")) or 0.0,
                )
            )
    return rows


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU in cores and memory in bytes; None where it is not known or not limited."""

    cpu: float | None = None
    memory: float | None = None


def by_pod(rows: Iterable[Usage]) -> dict[tuple[str, str], Amounts]:
    """What the containers of each pod use together, by namespace and name."""
    sums: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        total = sums.setdefault((row.namespace, row.name), [0.0, 0.0])
        total[0] += row.cpu
        total[1] += row.memory
    return {key: Amounts(cpu, memory) for key, (cpu, memory) in sums.items()}


def by_node(rows: Iterable[Usage]) -> dict[str, Amounts]:
    """What each node uses, by name."""
    return {row.name: Amounts(row.cpu, row.memory) for row in rows}


def limits_of(pod: Mapping[str, Any]) -> Amounts:
    """The limits of a pod's containers together; None for what at least one of them may use without limit."""
    containers = maps_at(pod, "spec", "containers")
    cpu, memory = ([quantity(text_at(c, "resources", "limits", what)) for c in containers] for what in ("cpu", "memory"))
    return Amounts(_whole(cpu), _whole(memory))


def _whole(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None
