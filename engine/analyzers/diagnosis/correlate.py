"""Findings as a graph: which one explains which, by owners, volumes, configuration, Services, callers and nodes.

An arrow goes from a cause to what it explains. Arrows are added rule by rule, the surer rules first, and never so that they close a circle.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from engine.analyzers.common.callees import Callees
from engine.analyzers.common.containers import is_ready
from engine.analyzers.common.links import mentions
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.callers import behind, explain_alias, explain_caller, selected
from engine.analyzers.diagnosis.graph import CONFIGURED, Graph
from engine.analyzers.diagnosis.references import follow_references
from engine.analyzers.logs.cause import waits_on_others
from engine.analyzers.nodes.node_agents import SUPPLIED, device_agents, driver_agents, network_agents, nodes_of, proxies, works_on
from engine.analyzers.storage.mounts import DRIVER_ON_NODE
from engine.cluster.objects import Obj, maps_at, text_at
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
_NO_CAUSE_OF_SHORTAGE = frozenset({"Service", "Ingress", "PodDisruptionBudget", "HorizontalPodAutoscaler"})
_RBAC_KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount"})
_CREDENTIALS = re.compile(
    r"credential|assume ?role|access ?denied|not authorized|unauthorized|expired ?token|403|web ?identity|"
    r"managed identity|metadata.{0,30}169\.254",
    re.IGNORECASE,
)
_KUBELET_TLS = re.compile(r"remote error: tls: internal error|kubelet.{0,60}(?:tls|x509)|:10250.{0,80}(?:tls|x509)", re.IGNORECASE)
"""What clients of a kubelet get that has no serving certificate: logs, exec and metrics fail."""
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
            explain_caller(view, graph, callees, effect)
            explain_alias(graph, callees, effect)
            _made_by_nobody(graph, effect)
            _agent(view, graph, effect)
            _kubelet_certificates(graph, effect)
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
    if effect.code == "JobAlreadyActive":
        for cause in graph.of(effect.object):
            if cause.code not in SHORTAGES and cause.severity != "info" and not cause.code.startswith(("CronJob", "Missed", "Invalid")):
                graph.explains(cause, effect)
    if effect.code not in SHORTAGES:
        return
    for cause in graph.of(effect.object):
        if cause.code not in SHORTAGES and cause.severity != "info" and cause.object.kind not in _NO_CAUSE_OF_SHORTAGE:
            graph.explains(cause, effect)
    if effect.code == "FailedCreate":
        text = effect.summary
        for cause in graph.by_id.values():
            named = bool(cause.object.name) and _speaks_of(text, cause.object.name)
            here = cause.object.namespace in ("", effect.object.namespace)
            if cause.object.kind in _ADMISSION_KINDS and here and named:
                graph.explains(cause, effect)
    else:
        for other in graph.of(effect.object):
            if other.code == "FailedCreate":
                graph.explains(other, effect)


def _speaks_of(text: str, name: str) -> bool:
    """Whether the API server's refusal names an object: in quotes, or behind the word for its kind (a LimitRange may be called `pod`)."""
    quoted = re.escape(name)
    return bool(
        re.search(rf'"{quoted}"|\b(?:quota|range|webhook|policy|binding|class|account)\W{{1,3}}{quoted}(?![\w.-])', text, re.IGNORECASE)
    )


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
            if cause.severity != "info" and cause.object.kind in _CLAIM_KINDS and (same_owner or mentions(effect.summary, ref.name)):
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
        behind_log = any(e.source.startswith("log of") for e in effect.evidence) and cause.id != effect.id
        unidentified = cause.code == "CloudIdentityMissing" and bool(
            _CREDENTIALS.search(" ".join([effect.summary, *(e.excerpt for e in effect.evidence)]))
        )
        if behind_log and (cause.code == "VolumeLocked" or unidentified):
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


def _kubelet_certificates(graph: Graph, effect: Finding) -> None:
    """TLS errors of a kubelet's clients are explained by its certificate request that nobody approved."""
    if not _KUBELET_TLS.search(" ".join([effect.summary, *(e.excerpt for e in effect.evidence)])):
        return
    for cause in graph.by_id.values():
        if cause.code in ("CsrPending", "CsrDenied", "CsrNotIssued") and "serving" in cause.summary:
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
    elif effect.code in SUPPLIED:
        agents, node = device_agents(view), ""
    elif waits_on_others(effect.code):
        for there in nodes_of(view, effect):
            _blame_agents(view, graph, effect, [*network_agents(view), *proxies(view)], there)
        return
    else:
        return
    _blame_agents(view, graph, effect, agents, node)


def _blame_agents(view: ClusterView, graph: Graph, effect: Finding, agents: Iterable[Obj], node: str) -> None:
    for agent in agents:
        if node and works_on(view, agent, node):
            continue
        for cause in graph.of(agent.ref):
            elsewhere = cause.code == "NodeAgentMissing" and cause.detail != node
            if cause.severity != "info" and cause.code not in SHORTAGES and cause.id != effect.id and not elsewhere:
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
    for cause in behind(view, graph, callees, service):
        if cause.object.kind != "Service" and cause.code != "NetworkPolicy":
            graph.explains(cause, effect)


def _nobody_ready(view: ClusterView, service: Obj) -> bool:
    """Whether no pod behind a Service is Ready, so that a refused connection proves nothing about its ports."""
    return not any(is_ready(p) for p in selected(view, service))


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
        if view.find("services", ingress.namespace, name) is None or not mentions(effect.summary, name):
            continue
        for cause in graph.of(ObjectRef("Service", ingress.namespace, name)):
            if cause.severity != "info":
                graph.explains(cause, effect)
