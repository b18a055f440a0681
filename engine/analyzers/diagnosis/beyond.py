"""One hop further: where the faults of a namespace point at, in other namespaces, and what is wrong there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.analyzers.common.callees import Callees
from engine.analyzers.common.containers import is_ready
from engine.analyzers.common.links import links
from engine.analyzers.common.view import ClusterView
from engine.analyzers.control_plane.webhooks import called_service
from engine.analyzers.diagnosis.callers import callees_of
from engine.analyzers.logs.cause import waits_on_others
from engine.analyzers.nodes.node_agents import SUPPLIED, device_agents, network_agents, nodes_of, pod_on, proxies
from engine.cluster.objects import Obj, labels_at
from engine.core.types import Finding, ObjectRef

_MOST_PLACES = 4
_MOST_PODS = 40
_MOST_FINDINGS = 120
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")


def pods_behind(view: ClusterView, findings: Iterable[Finding]) -> dict[str, set[str]]:
    """Namespace -> names of the pods that the broken findings lead to, those of the view's own namespace left out.

    Over all namespaces every namespace counts: what is looked at again there are logs, which are not read of every pod.
    """
    found: dict[str, set[str]] = {}
    for ref in dict.fromkeys(ref for finding in _broken(findings) for ref in _leads_to(view, finding)):
        if view.namespace is not None and ref.namespace == view.namespace:
            continue
        for pod in _pods(view, ref):
            if len(found) < _MOST_PLACES or pod.namespace in found:
                names = found.setdefault(pod.namespace, set())
                if len(names) < _MOST_PODS:
                    names.add(pod.name)
    return found


def _broken(findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.severity != "info"][:_MOST_FINDINGS]


def _leads_to(view: ClusterView, finding: Finding) -> Iterator[ObjectRef]:
    """The objects that a fault may come from: what it says causes it, what its object refers to, whom its program calls."""
    for cause in finding.causes:
        parts = cause.split("/")
        if len(parts) >= 4:
            yield ObjectRef(parts[1], parts[2], parts[3])
    obj = view.locate(finding.object)
    if finding.code in ("NodeNotReady", "NetworkUnavailable"):
        yield from (agent.ref for agent in network_agents(view))
    called = called_service(" ".join([finding.summary, *(e.excerpt for e in finding.evidence)]))
    if called is not None:
        yield called
    if obj is not None and obj.kind not in (*_WORKLOADS, "Pod", "Node"):
        yield from (link.to for link in links(view, obj) if not link.makes)
        yield from (c.ref for c in callees_of(view, Callees(view), finding)[:6] if waits_on_answer(finding))
    for text in (finding.object, finding.owner):
        if text is not None and text.kind in (*_WORKLOADS, "Service"):
            yield text
    if finding.code in SUPPLIED:
        yield from (agent.ref for agent in device_agents(view))
    if waits_on_others(finding.code) or any(e.source.startswith("log of") for e in finding.evidence):
        yield from _called(view, finding)
    if waits_on_others(finding.code):
        for node in nodes_of(view, finding):
            for agent in [*network_agents(view), *proxies(view)]:
                pod = pod_on(view, agent, node)
                if pod is not None and not is_ready(pod):
                    yield pod.ref


def waits_on_answer(finding: Finding) -> bool:
    """Whether a status quotes a connection that failed."""
    return re.search(r"dial tcp|connection refused|i/o timeout|deadline exceeded|no such host", finding.summary) is not None


def _called(view: ClusterView, finding: Finding) -> Iterator[ObjectRef]:
    callees = Callees(view)
    yield from (c.ref for c in callees_of(view, callees, finding)[:6])


def _pods(view: ClusterView, ref: ObjectRef) -> Iterator[Obj]:
    if ref.kind == "Service":
        service = view.find("services", ref.namespace, ref.name)
        selector = labels_at(service.raw, "spec", "selector") if service is not None else {}
        for pod in view.within("pods", ref.namespace) if selector else []:
            if all(pod.labels.get(key) == value for key, value in selector.items()):
                yield pod
    elif ref.kind == "Pod":
        found = view.find("pods", ref.namespace, ref.name)
        if found is not None:
            yield found
    elif ref.namespace:
        for pod in view.within("pods", ref.namespace):
            if view.workload_of(pod) == ref or (pod.controller is not None and pod.controller == ref):
                yield pod
