"""Who acts on a custom resource: the workloads of its controller, and what they say of one object in events and logs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.citations import event, flat, log_line
from engine.analyzers.common.containers import containers
from engine.analyzers.common.links import mentions
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.entries import unstamped
from engine.cluster.objects import Obj, text_at
from engine.core.types import Evidence

_ROLES = ("operator", "controller", "manager")
_ERROR = re.compile(r"\berror\b|\bfail|\bwarn|\bdenied|\bforbidden|\bcannot\b|\bunable\b|^E\d{4} ", re.IGNORECASE)
_INNER = re.compile(r'"(?:error|err)":\s*"((?:[^"\\]|\\.)+)"|\b(?:error|err)="((?:[^"\\]|\\.)+)"')
_FORBIDDEN = re.compile(r"(?:[\w.-]+ )?\bis forbidden: User \S+ cannot (?:list|watch|get|create|update|patch)\b")
"""What keeps a controller from all its objects, whichever it names."""
_MOST_PODS = 3
_LAST_LINES = 300


def controllers(view: ClusterView, crd: Obj) -> list[Obj]:
    """The workloads that are probably the controller of a custom kind, by the words of its group and name."""
    group, kind = crd.text("spec", "group"), crd.text("spec", "names", "kind")
    words = {
        w for w in (group.partition(".")[0], kind.lower(), *group.split(".")[:-1]) if len(w) > 3 and w not in ("toolkit", "networking")
    }
    found = []
    for resource in ("deployments.apps", "statefulsets.apps", "daemonsets.apps"):
        for workload in view.within(resource, None):
            images = [text_at(c, "image") for c in workload.maps("spec", "template", "spec", "containers")]
            known = any(word in workload.name or any(word in image for image in images) for word in words)
            daemon = any(workload.name.startswith((f"{word}d", f"{word}-{word}d")) for word in words)
            named = workload.name.endswith(crd.text("spec", "names", "plural") or kind.lower())
            if known and (daemon or named or any(mark in workload.name or mark in str(workload.labels.values()) for mark in _ROLES)):
                found.append(workload)
    return found


def reporters(view: ClusterView, obj: Obj) -> list[Obj]:
    """The workloads that wrote the events of an object, by the component that they name."""
    names = {
        name
        for e in view.events_of(obj)
        for name in (e.text("reportingComponent") or e.text("reportingController") or e.text("source", "component"),)
        if name and not name.startswith(("kubelet", "default-scheduler"))
    }
    if not names:
        return []
    found = []
    for resource in ("deployments.apps", "statefulsets.apps", "daemonsets.apps"):
        for workload in view.within(resource, None):
            if any(n == workload.name or n.startswith(f"{workload.name}-") or workload.name.endswith(f"-{n}") for n in names):
                found.append(workload)
    return found


def said_of(view: ClusterView, obj: Obj, workloads: list[Obj]) -> Iterator[tuple[str, Evidence]]:
    """What events and a controller's log say of an object, the newest first: the reason on one line, and where it stands."""
    for warning in reversed(view.events_of(obj)):
        if warning.text("type") == "Warning" and warning.text("message"):
            yield flat(warning.text("message")), event(warning)
            break
    read = 0
    for workload in workloads:
        for pod in view.within("pods", workload.namespace):
            if view.workload_of(pod) != workload.ref or read >= _MOST_PODS:
                continue
            read += 1
            for container in containers(pod):
                lines = view.logs(pod.namespace, pod.name, container.name)[-_LAST_LINES:]
                line = next((ln for ln in reversed(lines) if mentions(ln, obj.name) and _ERROR.search(ln)), "")
                line = line or next((ln for ln in reversed(lines) if _FORBIDDEN.search(ln)), "")
                if line:
                    yield _innermost(unstamped(line)[1]), log_line(pod, container.name, line)
                    return


def _innermost(line: str) -> str:
    refused = _FORBIDDEN.search(line)
    if refused is not None:
        return flat(line[refused.start() :].replace('\\"', '"').rstrip('"'))
    found = [a or b for a, b in _INNER.findall(line)]
    return flat(found[-1] if found else line)
