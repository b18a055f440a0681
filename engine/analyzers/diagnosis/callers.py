"""Who calls whom: a client's complaint explained by what is wrong behind the Service that it calls, or in between."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.callees import Callee, Callees
from engine.analyzers.common.containers import is_ready, pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.graph import Graph
from engine.analyzers.logs.cause import waits_on_others
from engine.cluster.objects import Obj, labels_at
from engine.core.types import Finding, ObjectRef

UNKNOWN = frozenset({"LoggedError", "CrashLoopBackOff", "ReadinessProbeFailed", "LivenessProbeFailed", "StartupProbeFailed"})
"""Codes of faults whose reason nobody told: a server's error in their words may come from somebody who is called."""
_SERVER_ERROR = re.compile(r"statuscode: 5\d\d|\b50[234]\b|timeout|deadline|refused", re.IGNORECASE)
_OF_ITS_OWN = re.compile(
    r"Disk|MissingFile|MissingEnv|MissingModule|Invalid|Permission|Privileged|OOM|Heap|Incompatible|PortInUse|ReadOnly|Exec|Bad|Unknown|"
    r"Forbidden|FileWatch|Segmentation|DirtyMigration|PathIs|Dump|Corrupt|Certificate"
)
"""Codes of faults that a program has by itself, whomever it calls."""
_LAST_LINES = 400


def behind(view: ClusterView, graph: Graph, callees: Callees, service: Obj) -> Iterator[Finding]:
    """What is wrong with the workloads and pods behind a Service: by the templates and by the pods that its selector matches."""
    owners = [workload.ref for workload in callees.behind(service)]
    for pod in selected(view, service):
        owners += [view.workload_of(pod), pod.ref]
    for ref in dict.fromkeys(owners):
        for finding in graph.of(ref):
            if finding.severity != "info" or finding.code == "ScaledToZero":
                yield finding


def selected(view: ClusterView, service: Obj) -> list[Obj]:
    selector = labels_at(service.raw, "spec", "selector")
    if not selector:
        return []
    return [p for p in view.within("pods", service.namespace) if all(p.labels.get(k) == v for k, v in selector.items())]


def explain_alias(graph: Graph, callees: Callees, effect: Finding) -> None:
    """A name that does not resolve is explained by the ExternalName Service that it stands for."""
    if effect.code not in ("NameNotResolved", "DnsFailing"):
        return
    home = (effect.owner or effect.object).namespace
    for callee in callees.in_text(" ".join([effect.summary, *(e.excerpt for e in effect.evidence)]), home):
        for cause in graph.of(callee.ref):
            if cause.code.startswith("ExternalName"):
                graph.explains(cause, effect)


def explain_caller(view: ClusterView, graph: Graph, callees: Callees, effect: Finding) -> None:
    """Who calls whom: a client that cannot reach a Service is explained by what is wrong behind it, or in between."""
    connection = waits_on_others(effect.code)
    vague = effect.code in UNKNOWN and bool(_SERVER_ERROR.search(effect.summary))
    certificate = "Certificate" in effect.code and any(e.source.startswith("log of") for e in effect.evidence)
    logged = any(e.source.startswith("log of") for e in effect.evidence) and not _OF_ITS_OWN.match(effect.code)
    if not connection and not vague and not certificate and not logged:
        return
    workload = view.find_ref(effect.owner or effect.object)
    if workload is None:
        return
    own = {_title(s) for s in _services_of(callees, workload)}
    called = [c for c in callees_of(view, callees, effect) if _title_of(c) not in own and c.namespace != "kube-system"]
    if effect.code == "NameNotResolved":
        called = [c for c in called if c.service is not None and c.service.text("spec", "clusterIP") == "None"]
    if not connection and not vague and not certificate:  # whatever it complains of: a server without a ready pod answers nobody
        called = [c for c in called if c.service is not None and _nobody_ready(view, c.service)]
    for callee in called:
        for cause in _reasons(view, graph, callees, workload, callee):
            graph.explains(cause, effect)
    if "Certificate" in effect.code:
        for callee in called:
            for cause in graph.by_id.values():
                expired = cause.code in ("CertificateExpired", "CertificateNotYetValid") and cause.object.kind in ("Secret", "ConfigMap")
                if expired and cause.object.namespace == callee.namespace:
                    graph.explains(cause, effect)
    if effect.code in ("DnsFailing", "ConnectionTimeout", "NameNotResolved") or not graph.causes[effect.id]:
        for cause in _policies(graph, workload.ref, called, dns=effect.code == "DnsFailing"):
            graph.explains(cause, effect)


def _nobody_ready(view: ClusterView, service: Obj) -> bool:
    pods = selected(view, service)
    return bool(pods) and not any(is_ready(pod) for pod in pods)


def callees_of(view: ClusterView, callees: Callees, finding: Finding) -> list[Callee]:
    """The Services that a program's complaint is about: named in it, else anywhere in its log, else in its settings."""
    home = finding.owner or finding.object
    logged = [e for e in finding.evidence if e.source.startswith("log of")]
    told = callees.in_text(" ".join([finding.summary, *(e.excerpt for e in logged)]), home.namespace)
    found = [c for c in told if c.service is not None]
    if found or finding.code == "NameNotResolved":
        return found
    for piece in logged[:2]:
        pod, container = piece.object, piece.source.partition(" container ")[2].partition(" ")[0]
        if pod is not None and pod.kind == "Pod" and container:
            lines = view.logs(pod.namespace, pod.name, container, previous="previous" in piece.source)[-_LAST_LINES:]
            named = [ln for ln in lines if ".svc" in ln]
            found += [c for c in callees.in_text(" ".join(dict.fromkeys(named))[:4000], home.namespace) if c.service is not None]
    if found:
        return found
    workload = view.find_ref(home)
    spec = pod_template(workload).get("spec") if workload is not None else None
    return [c for c in callees.in_settings(home.namespace, spec) if c.service is not None]


def _title_of(callee: Callee) -> str:
    return _title(callee.service) if callee.service is not None else ""


def _title(service: Obj) -> str:
    return f"{service.namespace}/{service.name}"


def _services_of(callees: Callees, workload: Obj) -> list[Obj]:
    labels = labels_at(pod_template(workload), "metadata", "labels")
    found = []
    for service in callees.services.values():
        selector = labels_at(service.raw, "spec", "selector")
        if service.namespace == workload.namespace and selector and all(labels.get(k) == v for k, v in selector.items()):
            found.append(service)
    return found


def _reasons(view: ClusterView, graph: Graph, callees: Callees, workload: Obj, callee: Callee) -> list[Finding]:
    """Why a callee does not answer: the Service's own fault first, then the workloads behind it."""
    if callee.service is None:
        return []
    on_service = [f for f in graph.of(callee.ref) if f.severity != "info" and f.object.kind == "Service"]
    if on_service:
        return on_service
    return [f for f in behind(view, graph, callees, callee.service) if (f.owner or f.object) != workload.ref]


def _policies(graph: Graph, caller: ObjectRef, called: list[Callee], *, dns: bool) -> list[Finding]:
    """NetworkPolicy findings that concern the caller or one of the callees."""
    found = []
    for finding in graph.by_id.values():
        if finding.object.kind != "NetworkPolicy" or finding.severity == "info":
            continue
        text = " ".join([finding.summary, *(e.excerpt for e in finding.evidence), str(finding.owner or "")])
        names = [caller.name] if dns else [caller.name, *(c.name for c in called)]
        if any(re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", text) for n in names if n) or finding.owner == caller:
            found.append(finding)
    return found
