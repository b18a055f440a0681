"""Findings as a graph: which one explains which, by owners, volumes, configuration, Services, callers and nodes.

An arrow goes from a cause to what it explains. Arrows are added rule by rule, the surer rules first, and never so that they close a circle.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from engine.analyzers.common.callees import Callee, Callees
from engine.analyzers.common.containers import is_ready, pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.graph import CONFIGURED, Graph
from engine.analyzers.diagnosis.references import follow_references
from engine.analyzers.logs.cause import waits_on_others
from engine.analyzers.nodes.node_agents import driver_agents, network_agents, works_on
from engine.analyzers.storage.mounts import DRIVER_ON_NODE
from engine.cluster.objects import Obj, labels_at, maps_at, text_at
from engine.core.types import Finding, ObjectRef

SHORTAGES = frozenset(
    {
        "DeploymentUnavailable",
        "StatefulSetUnavailable",
        "DaemonSetUnavailable",
        "ReplicaSetUnavailable",
        "ProgressDeadlineExceeded",
        "RolloutIncomplete",
        "FailedCreate",
    }
)
"""Codes that only say that a workload lacks pods: whatever is wrong with its pods explains them."""
INTENDED = frozenset({"ScaledToZero", "CronJobSuspended", "JobSuspended", "RolloutPaused"})
"""Codes of states that somebody set on purpose: a fault only for those who need the object."""
_UNKNOWN = frozenset({"LoggedError", "CrashLoopBackOff", "ReadinessProbeFailed", "LivenessProbeFailed", "StartupProbeFailed"})
_WORKLOAD_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"})
_CLAIM_KINDS = frozenset({"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "CSIDriver", "VolumeAttachment"})
_ADMISSION_KINDS = frozenset(
    {
        "ResourceQuota",
        "LimitRange",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ServiceAccount",
        "PriorityClass",
        "RuntimeClass",
    }
)
_RBAC_KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount"})
_SERVER_ERROR = re.compile(r"statuscode: 5\d\d|\b50[234]\b|timeout|deadline|refused", re.IGNORECASE)
_MOST = 400
"""Beyond this number of findings the rules that compare all with all, or read settings, are left out."""


def correlate(view: ClusterView, findings: list[Finding]) -> list[Finding]:
    """The findings with `causes` filled in; what was only `info` (set on purpose, elsewhere) and breaks somebody becomes critical."""
    graph = Graph(findings)
    broken = [f for f in graph.by_id.values() if f.severity != "info"]
    for effect in broken:
        _shortage(graph, effect)
        _same_program(graph, effect)
        _dns_servers(graph, effect)
        _node(view, graph, effect)
        if len(broken) <= _MOST:
            _volume(view, graph, effect)
    callees = Callees(view) if broken else None
    if callees is not None:
        for effect in broken:
            _service(view, graph, callees, effect)
            _ingress(view, graph, effect)
        for effect in broken[:_MOST]:
            _caller(view, graph, callees, effect)
            _alias(graph, callees, effect)
            _made_by_nobody(graph, effect)
            _agent(view, graph, effect)
        follow_references(view, graph)
        for finding in broken:
            if finding.object.kind in CONFIGURED:
                for known in finding.causes:
                    if known in graph.by_id:
                        graph.explains(graph.by_id[known], finding)
    needed = {c for f in graph.by_id.values() if f.severity != "info" for c in graph.causes[f.id]}
    done = []
    for finding in graph.by_id.values():
        severity = "critical" if finding.id in needed and finding.severity == "info" else finding.severity
        done.append(dataclasses.replace(finding, causes=tuple(graph.causes[finding.id]), severity=severity))
    return done


def _shortage(graph: Graph, effect: Finding) -> None:
    """A workload that lacks pods is explained by what is wrong with its pods, their claims, or their admission."""
    if effect.code.startswith("Service") and effect.object.kind in _WORKLOAD_KINDS:
        for cause in graph.of(effect.object):
            if cause.code == "ScaledToZero":
                graph.explains(cause, effect)
    if effect.code not in SHORTAGES:
        return
    for cause in graph.of(effect.object):
        if cause.code not in SHORTAGES and cause.severity != "info" and cause.object.kind not in ("Service", "Ingress"):
            graph.explains(cause, effect)
    if effect.code == "FailedCreate":
        text = effect.summary
        for cause in graph.by_id.values():
            named = cause.object.name and cause.object.name in text
            here = cause.object.namespace in ("", effect.object.namespace)
            if cause.object.kind in _ADMISSION_KINDS and here and named:
                graph.explains(cause, effect)
    else:
        for other in graph.of(effect.object):
            if other.code == "FailedCreate":
                graph.explains(other, effect)


def _node(view: ClusterView, graph: Graph, effect: Finding) -> None:
    """Missing pods are explained by the nodes that are down under them."""
    if effect.code not in SHORTAGES or effect.code == "FailedCreate":
        return
    nodes = {name for name, about in ((ref.name, found) for ref, found in graph.about.items() if ref.kind == "Node") if about}
    workload = view.find_ref(effect.object) if nodes else None
    if workload is None:
        return
    makers = view.owned_by("replicasets.apps", workload) if workload.kind == "Deployment" else [workload]
    for maker in makers:
        for pod in view.owned_by("pods", maker):
            name = pod.text("spec", "nodeName")
            if name in nodes and not is_ready(pod):
                for cause in graph.of(ObjectRef("Node", "", name)):
                    if re.search(r"NotReady|Lost|Silent|Unhealthy|Pressure|Network", cause.code):
                        graph.explains(cause, effect)


def _volume(view: ClusterView, graph: Graph, effect: Finding) -> None:
    """A pod that waits for a claim is explained by what is wrong with the claim, its volume or its class."""
    if effect.object.kind in _CLAIM_KINDS or effect.object.kind not in _WORKLOAD_KINDS:
        return
    text = f"{effect.code} {effect.summary}".lower()
    if not any(word in text for word in ("claim", "volume", "mount", "attach")):
        return
    for ref, about in list(graph.about.items()):
        if ref.kind not in _CLAIM_KINDS or ref.namespace not in ("", effect.object.namespace):
            continue
        for cause in about:
            same_owner = cause.owner is not None and cause.owner == (effect.owner or effect.object)
            if cause.severity != "info" and cause.object.kind in _CLAIM_KINDS and (same_owner or ref.name in effect.summary):
                graph.explains(cause, effect)


def _same_program(graph: Graph, effect: Finding) -> None:
    """What a program's log complains of is explained by its account, its roles and its DNS settings; a refused image by its pull secret."""
    first = {
        "ImagePullAuth": ("MissingPullSecret", "WrongPullSecretType"),
        "ImagePullBackOff": ("MissingPullSecret", "WrongPullSecretType"),
    }
    for cause in graph.of(effect.owner or effect.object):
        held = cause.code == "StuckOldRevision" and effect.code not in SHORTAGES and effect.object.kind == "StatefulSet"
        if cause.code in first.get(effect.code, ()) or held:
            graph.explains(cause, effect)
    text = effect.summary.lower()
    forbidden = "forbidden" in text or "serviceaccount" in text or effect.code in ("Forbidden", "AuthorizationFailed")
    unresolved = effect.code in ("NameNotResolved", "DnsFailing")
    if (not forbidden and not unresolved) or effect.object.kind in _RBAC_KINDS:
        return  # a role that lacks a rule is the cause of the program's words, never their effect
    for cause in graph.of(effect.owner or effect.object):
        if cause.severity == "info" or cause.id == effect.id:
            continue
        account = cause.object.kind in _RBAC_KINDS or cause.code.startswith(("Rbac", "ServiceAccount", "Forbidden"))
        if (forbidden and account) or (unresolved and cause.code.startswith("Dns") and cause.code != "DnsFailing"):
            graph.explains(cause, effect)
    if unresolved:
        for cause in graph.by_id.values():
            if cause.code == "ClusterDnsDown" and cause.severity != "info":
                graph.explains(cause, effect)


def _dns_servers(graph: Graph, effect: Finding) -> None:
    """DNS that does not serve is explained by what is wrong with the pods that should serve it."""
    if effect.code != "ClusterDnsDown":
        return
    for cause in graph.of(effect.object):
        if cause.code not in SHORTAGES and cause.severity != "info" and cause.object.kind != "Service":
            graph.explains(cause, effect)


def _agent(view: ClusterView, graph: Graph, effect: Finding) -> None:
    """A node without pod network, or a pod without its CSI driver, is explained by what is wrong with the DaemonSet that supplies it."""
    if effect.code in ("NodeNotReady", "NetworkUnavailable"):
        agents, node = network_agents(view), effect.object.name
    elif effect.code == "CSIDriverNotRegistered" and (missing := DRIVER_ON_NODE.search(effect.summary)) is not None:
        agents, node = driver_agents(view, missing["driver"]), missing["node"]
    elif effect.code == "NodeAgentMissing":
        agents, node = [a for a in view.within("daemonsets.apps", None) if a.ref == effect.object], effect.detail
    else:
        return
    for agent in agents:
        if works_on(view, agent, node):
            continue
        for cause in graph.of(agent.ref):
            elsewhere = cause.code == "NodeAgentMissing" and cause.detail != node
            if cause.severity != "info" and cause.code not in SHORTAGES and cause.id != effect.id and not elsewhere:
                graph.explains(cause, effect)


def _alias(graph: Graph, callees: Callees, effect: Finding) -> None:
    """A name that does not resolve is explained by the ExternalName Service that it stands for."""
    if effect.code not in ("NameNotResolved", "DnsFailing"):
        return
    home = (effect.owner or effect.object).namespace
    for callee in callees.in_text(" ".join([effect.summary, *(e.excerpt for e in effect.evidence)]), home):
        for cause in graph.of(callee.ref):
            if cause.code.startswith("ExternalName"):
                graph.explains(cause, effect)


def _made_by_nobody(graph: Graph, effect: Finding) -> None:
    """A missing ConfigMap or Secret is explained by the custom resource that should have made it and that no controller acts on."""
    if effect.object.kind not in ("Secret", "ConfigMap") or not effect.code.startswith("Missing"):
        return
    name = re.escape(effect.object.name)
    output = re.compile(rf'"(?:secretName|targetSecretName|configMapName)":"{name}"|"target":{{[^}}]*"name":"{name}"')
    for cause in graph.by_id.values():
        if (
            cause.code not in ("NoController", "CustomResourceNotReady")
            or (cause.owner or cause.object).namespace != effect.object.namespace
        ):
            continue
        if (cause.owner or cause.object).name == effect.object.name or any(output.search(e.excerpt) for e in cause.evidence):
            graph.explains(cause, effect)


def _behind(view: ClusterView, graph: Graph, callees: Callees, service: Obj) -> Iterator[Finding]:
    """What is wrong with the workloads and pods behind a Service: by the templates and by the pods that its selector matches."""
    owners = [workload.ref for workload in callees.behind(service)]
    for pod in _selected(view, service):
        owners += [view.workload_of(pod), pod.ref]
    for ref in dict.fromkeys(owners):
        for finding in graph.of(ref):
            if finding.severity != "info" or finding.code == "ScaledToZero":
                yield finding


def _selected(view: ClusterView, service: Obj) -> list[Obj]:
    selector = labels_at(service.raw, "spec", "selector")
    if not selector:
        return []
    return [p for p in view.within("pods", service.namespace) if all(p.labels.get(k) == v for k, v in selector.items())]


def _service(view: ClusterView, graph: Graph, callees: Callees, effect: Finding) -> None:
    """A Service without ready endpoints is explained by the workloads behind it."""
    if effect.object.kind != "Service":
        return
    service = view.find_ref(effect.object)
    if service is None:
        return
    if not re.search(r"NotReady|NoEndpoint|NoReady|Endpoints", effect.code) and not (
        "Port" in effect.code and _nobody_ready(view, service)
    ):
        return
    for cause in _behind(view, graph, callees, service):
        if cause.object.kind != "Service" and cause.code != "NetworkPolicy":
            graph.explains(cause, effect)


def _nobody_ready(view: ClusterView, service: Obj) -> bool:
    """Whether no pod behind a Service is Ready, so that a refused connection proves nothing about its ports."""
    return not any(is_ready(p) for p in _selected(view, service))


def _ingress(view: ClusterView, graph: Graph, effect: Finding) -> None:
    """An Ingress that fails is explained by its backend Services."""
    if effect.object.kind != "Ingress":
        return
    ingress = view.find_ref(effect.object)
    if ingress is None:
        return
    names = {text_at(p, "backend", "service", "name") for r in ingress.maps("spec", "rules") for p in maps_at(r, "http", "paths")}
    names.add(ingress.text("spec", "defaultBackend", "service", "name"))
    for name in names - {""}:
        if view.find("services", ingress.namespace, name) is None or name not in effect.summary:
            continue
        for cause in graph.of(ObjectRef("Service", ingress.namespace, name)):
            if cause.severity != "info":
                graph.explains(cause, effect)


def _caller(view: ClusterView, graph: Graph, callees: Callees, effect: Finding) -> None:
    """Who calls whom: a client that cannot reach a Service is explained by what is wrong behind it, or in between."""
    connection = waits_on_others(effect.code)
    vague = effect.code in _UNKNOWN and bool(_SERVER_ERROR.search(effect.summary))
    if not connection and not vague:
        return
    workload = view.find_ref(effect.owner or effect.object)
    if workload is None:
        return
    told = callees.in_text(
        " ".join([effect.summary, *(e.excerpt for e in effect.evidence if e.source.startswith("log of"))]), workload.namespace
    )
    own = {_title(s) for s in _services_of(callees, workload)}
    called = [c for c in told if c.service is not None and _title(c.service) not in own and c.namespace != "kube-system"]
    if effect.code == "NameNotResolved":
        called = [c for c in called if c.service is not None and c.service.text("spec", "clusterIP") == "None"]
    elif not called:
        called = [c for c in callees.in_settings(workload.namespace, pod_template(workload).get("spec")) if c.service is not None]
    for callee in called:
        for cause in _reasons(view, graph, callees, workload, callee):
            graph.explains(cause, effect)
    if effect.code in ("DnsFailing", "ConnectionTimeout", "NameNotResolved") or not graph.causes[effect.id]:
        for cause in _policies(graph, workload.ref, called, dns=effect.code == "DnsFailing"):
            graph.explains(cause, effect)


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
    return [f for f in _behind(view, graph, callees, callee.service) if (f.owner or f.object) != workload.ref]


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
