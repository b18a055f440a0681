"""What running, ready containers keep complaining of in their logs."""

from __future__ import annotations

from collections.abc import Iterable

from engine.analyzers.causes import from_story, log_lines
from engine.analyzers.confidence import confidence
from engine.analyzers.containers import containers
from engine.analyzers.logs import explain
from engine.analyzers.registry import analyzer
from engine.analyzers.view import ClusterView
from engine.facts import Finding, Remedy

_MOST_CONTAINERS = 60
_TOLD_ELSEWHERE = ("Forbidden",)
"""Codes that another analyzer tells better: it knows the missing rule."""


@analyzer("log-errors", speciality="observability", needs=("pods",))
def log_errors(view: ClusterView) -> Iterable[Finding]:
    """Errors that go on in the logs of ready containers; only within one namespace, since every log has to be read."""
    if view.namespace is None:
        return
    read = 0
    for pod in view.all("pods"):
        if pod.deleting_since is not None or pod.text("status", "phase") != "Running":
            continue
        owner = view.workload_of(pod)
        for container in containers(pod):
            if not container.ready or not container.is_running or read >= _MOST_CONTAINERS:
                continue
            read += 1
            lines = log_lines(view, container, previous=False)
            story = explain(lines, ended=False, now=view.now) if lines else None
            if story is None or story.code in _TOLD_ELSEWHERE or (story.pattern is None and story.entry.count < 5):
                continue
            told = from_story(view, container, owner, story, previous=False)
            times = f" ({story.entry.count} times)" if story.entry.count > 1 else ""
            yield Finding(
                code=told.code,
                severity="warning" if story.pattern is not None else "info",
                object=told.object,
                summary=f"{container.label} of {owner} is ready, but keeps logging a fault{times}: {told.says}",
                evidence=tuple(told.evidence),
                owner=owner,
                remedies=(
                    *told.remedies,
                    Remedy("read its log", f"kubectl logs {pod.name} -n {pod.namespace} -c {container.name} --tail=50", "read"),
                ),
                confidence=confidence([w * 0.9 for w in told.weights]),
                docs=told.docs,
                speciality=told.speciality,
                detail=f"{owner.name}/{container.name}" if told.object != owner else container.name,
            )
