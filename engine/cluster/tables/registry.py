"""Which columns and cells belong to which resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.cluster.objects import Obj
from engine.cluster.tables.custom import ONLY_AGE, printing_of
from engine.cluster.tables.events import EVENT
from engine.cluster.tables.model import Column, Printing, Table
from engine.cluster.tables.network import NETWORK
from engine.cluster.tables.nodes_storage import NODES_STORAGE
from engine.cluster.tables.pods import POD
from engine.cluster.tables.policies import POLICIES
from engine.cluster.tables.workloads import WORKLOADS

NAME = Column("Name", format="name", description="Name must be unique within a namespace.")

PRINTINGS: Mapping[str, Printing] = {
    "pods": POD,
    "events": EVENT,
    "events.events.k8s.io": EVENT,
    **WORKLOADS,
    **NETWORK,
    **NODES_STORAGE,
    **POLICIES,
}


def table(
    resource: str,
    objects: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    definition: Mapping[str, Any] | None = None,
    version: str = "",
) -> Table:
    """The table of objects of one resource (`pods`, `deployments.apps`); `definition` is the CustomResourceDefinition of a custom one."""
    printing = PRINTINGS.get(resource) or (printing_of(definition, version) if definition else ONLY_AGE)
    rows = []
    for raw in objects:
        obj = Obj(raw)
        cells = printing.cells(obj, now)
        # An event has no name column of its own: its name is the last, wide one.
        rows.append(cells if printing is EVENT else (printing.name(obj), *cells))
    columns = printing.columns if printing is EVENT else (NAME, *printing.columns)
    return Table(columns, tuple(rows))
