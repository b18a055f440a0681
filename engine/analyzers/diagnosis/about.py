"""A report seen from one object, and findings grouped by what explains them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from engine.analyzers.check import Report
from engine.analyzers.common.citations import nearest
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.focus import related
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.core.types import Finding, ObjectRef

_NEAR = 0.8
"""How near an object has to be: the object itself, its workload and pods, their claims, what stands behind a Service."""


class NoSuchObject(Exception):
    """The object that was asked for is not there; the message says what is."""


def about(view: ClusterView, report: Report, kind: str, name: str) -> Report:
    """The findings about one object and what belongs to it, with everything that explains them.

    Raises NoSuchObject when the cluster (or the view's namespace) has no object of that kind and name.
    """
    resource = RESOURCE_OF_KIND[kind]
    there = view.all(resource)
    refs = [o.ref for o in there if o.name == name]
    if not refs and not view.can_see(resource):
        refs = [ObjectRef(kind, view.namespace or "", name)]
    if not refs:
        where = f"in namespace {view.namespace}" if view.namespace else "in the cluster"
        guess = nearest(name, {o.name for o in there})
        raise NoSuchObject(f"there is no {kind} {name} {where}" + (f"; did you mean {guess}?" if guess else ""))
    near = {ref for ref, weight in related(view, refs).items() if weight >= _NEAR}
    by_id = {f.id: f for f in report.findings}
    kept: set[str] = set()
    waiting = [f.id for f in report.findings if f.object in near or f.owner in near]
    while waiting:
        current = waiting.pop()
        if current not in kept and current in by_id:
            kept.add(current)
            waiting += by_id[current].causes
    return dataclasses.replace(report, findings=tuple(f for f in report.findings if f.id in kept))


def grouped(findings: Sequence[Finding]) -> list[tuple[Finding, tuple[Finding, ...]]]:
    """Root causes in their order, each with the symptoms that it explains over any number of steps; a symptom stands once."""
    by_id = {f.id: f for f in findings}
    direct: dict[str, list[str]] = {}
    for finding in findings:
        for cause in finding.causes:
            direct.setdefault(cause, []).append(finding.id)
    taken: set[str] = set()
    groups = []
    for root in [f for f in findings if not any(c in by_id for c in f.causes)]:
        reached: dict[str, None] = {}
        waiting = list(direct.get(root.id, ()))
        while waiting:
            current = waiting.pop(0)
            if current not in taken and current not in reached and current != root.id:
                reached[current] = None
                waiting += direct.get(current, ())
        taken.update(reached)
        groups.append((root, tuple(by_id[i] for i in reached)))
    return groups
