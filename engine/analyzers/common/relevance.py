"""How much a cluster-wide fault matters to the namespace that is looked at."""

from __future__ import annotations

from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj
from engine.core.types import Severity


def severity_here(view: ClusterView, severity: Severity, touched: bool) -> Severity:
    """The severity as it is over all namespaces; `info` within one namespace that the fault does not touch."""
    return severity if view.namespace is None or touched else "info"


def on_node(view: ClusterView, node: str) -> list[Obj]:
    """The pods in scope on a node that are not finished."""
    return [p for p in view.all("pods") if p.text("spec", "nodeName") == node and p.text("status", "phase") not in ("Succeeded", "Failed")]


def waiting_for_node(view: ClusterView) -> list[Obj]:
    """The pods in scope that no node has taken yet."""
    return [p for p in view.all("pods") if not p.text("spec", "nodeName") and p.text("status", "phase") == "Pending"]
