"""metrics.k8s.io objects as `Usage` rows, and the quantities in them as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from engine.cluster.objects import maps_at, text_at
from engine.cluster.source import Usage

_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_FACTOR = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}


def quantity(text: str) -> float:
    """A Kubernetes quantity (`250m`, `1.5Gi`, `12345n`) as a plain number; 0.0 for what is none."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        return 0.0
    try:
        value = float(found[1])
    except ValueError:
        return 0.0
    return value * _FACTOR.get(found[2] or "", _BINARY.get(found[2] or "", 1.0))


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
                    cpu=quantity(text_at(part, "usage", "cpu")),
                    memory=quantity(text_at(part, "usage", "memory")),
                )
            )
    return rows
