"""What running, ready containers keep complaining of in their logs."""

from __future__ import annotations

from collections.abc import Iterable

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import LOG, RELATION, confidence
from engine.analyzers.common.containers import Container, containers
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import log_lines
from engine.analyzers.logs.causes import from_story
from engine.analyzers.logs.reader import explain
from engine.analyzers.registry import analyzer
from engine.analyzers.workloads.probes import loopback_line
from engine.cluster.objects import labels_at, maps_at, text_at
from engine.core.types import Finding, ObjectRef, Remedy

_MOST_CONTAINERS = 60
_LAST_LINES = 60
_TOLD_ELSEWHERE = ("Forbidden",)
"""Codes that another analyzer tells better: it knows the missing rule."""


@analyzer("log-errors", speciality="observability", needs=("pods",))
def log_errors(view: ClusterView) -> Iterable[Finding]:
    """Errors that go on in the logs of ready containers; only within one namespace, since every log has to be read."""
    if view.namespace is None:
        return
    running = [pod for pod in view.all("pods") if pod.deleting_since is None and pod.text("status", "phase") == "Running"]
    read = [c for pod in running for c in containers(pod) if c.ready and c.is_running][:_MOST_CONTAINERS]
    view.read_ahead((container.pod, container.name, False) for container in read)
    for container in read:
        pod = container.pod
        owner = view.workload_of(pod)
        yield from _loopback(view, container, owner)
        lines = log_lines(view, container, previous=False)
        story = explain(lines, ended=False, now=view.now) if lines else None
        if story is None and view.targeted and lines:
            story = explain(lines[-_LAST_LINES:], ended=True, now=view.now)  # a fault led here: its last error counts, however old
            story = story if story is not None and story.entry.level in ("error", "fatal", "warn") else None
        rare = story is not None and story.pattern is None and story.entry.count < 5
        if story is None or story.code in _TOLD_ELSEWHERE or (rare and not view.targeted):
            continue
        told = from_story(view, container, owner, story, previous=False)
        times = f" ({story.entry.count} times)" if story.entry.count > 1 else ""
        yield Finding(
            code=told.code,
            severity="warning" if story.pattern is not None or view.targeted else "info",
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


def _loopback(view: ClusterView, container: Container, owner: ObjectRef) -> Iterable[Finding]:
    """A program that listens at the loopback address alone although a Service sends it clients."""
    port, line = loopback_line(view, container)
    pod = container.pod
    if not port:
        return
    for service in view.within("services", pod.namespace):
        selector = labels_at(service.raw, "spec", "selector")
        if not selector or any(pod.labels.get(k) != v for k, v in selector.items()):
            continue
        named = {text_at(p, "name"): p.get("containerPort") for p in maps_at(container.spec, "ports")}
        targets = [p.get("targetPort", p.get("port")) for p in service.maps("spec", "ports")]
        if port not in [named.get(t, t) if isinstance(t, str) else t for t in targets]:
            continue
        yield Finding(
            code="ListensOnLoopback",
            severity="critical",
            object=owner,
            summary=f"{container.label} of {owner} listens only on 127.0.0.1:{port} (loopback), so clients of Service "
            f"{service.name} are refused; it has to listen on 0.0.0.0",
            evidence=(citations.log_line(pod, container.name, line), citations.field(service, "spec", "ports")),
            owner=owner,
            remedies=(
                Remedy(
                    "let the program listen on 0.0.0.0 (or the pod's address)",
                    f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}",
                    "mutate",
                ),
            ),
            confidence=confidence([LOG, RELATION]),
            docs=("connection refused", "listen address"),
            speciality="network",
            detail=container.name,
        )
        return
