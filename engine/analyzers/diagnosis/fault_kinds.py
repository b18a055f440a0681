"""Kinds of fault as people name them: the words, the read-only look that decides, and what its output then shows or excludes.

Signs are written for kubectl's own description, and for the YAML that stands in for it where there is no kubectl.

The table serves hypotheses that no analyzer made: a person's, a model's, a runbook's, and the usual suspects. An output says something
only where it shows a sign; what it does not show is no evidence.
"""

# ruff: noqa: E501 - a kind of fault stands on one line
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.analyzers.common.containers import containers
from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj
from engine.core.types import ObjectRef

Look = Literal["describe", "logs", "endpoints", "quota", "node", "policies", "replicas"]
Kind = Literal["state", "event", "log"]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind: `words` in a statement mean it, `codes` are findings of it; `shows` and `excludes` are signs in an output."""

    name: str
    words: str
    codes: str
    look: Look
    shows: str
    excludes: str = ""
    logged: str = ""


FAULTS: tuple[Fault, ...] = (
    Fault("memory", r"memory|\boom\b|oomkill|heap", r"OOM|Heap|Memory", "describe", r"OOMKilled|(?:Exit Code|exitCode):\s+137\b|OutOfMemory", r"(?:Exit Code|exitCode):\s+(?!137\b|0\b)\d+", r"OutOfMemoryError|heap out of memory|Cannot allocate memory"),
    Fault("image", r"\bimages?\b|registry|\bpull", r"Image|Pull|Registry", "describe", r"ImagePullBackOff|ErrImagePull|InvalidImageName|Failed to pull image", r"(?:Container ID|containerID):\s+\w+://|Successfully pulled image|already present on machine"),
    Fault("scheduling", r"schedul|no node|\bpending\b|\btaint|insufficient|affinity|does ?n.t fit|not enough (?:cpu|memory|nodes)", r"Schedul|Insufficient|Taint|NodeSelector|Affinity", "describe", r"FailedScheduling|PodScheduled\s+False", r"PodScheduled\s+True|Successfully assigned|^Node:\s+[\w.-]+/|\bnodeName: \S"),
    Fault("probe", r"\bprobes?\b|liveness|readiness|health ?check", r"Probe", "describe", r"(?:Liveness|Readiness|Startup) probe (?:failed|errored)"),
    Fault("volume", r"volume|\bpvcs?\b|\bclaims?\b|\bmount|storage|\bdisk\b", r"Volume|Claim|Storage|Mount|Provision", "describe", r"FailedMount|FailedAttachVolume|ProvisioningFailed|unbound immediate PersistentVolumeClaims|^Status:\s+(?:Pending|Lost)", r"^Status:\s+Bound", r"no space left on device|read-only file system"),
    Fault("configuration", r"config ?map|\bsecrets?\b|\benv(?:ironment)?\b|\bvariables?\b|configur", r"Config|Secret|Env|Value|Setting", "describe", r"CreateContainerConfigError|couldn't find key|(?:configmap|secret) \"[^\"]+\" not found", "", r"(?:environment|env)\b.{0,40}\b(?:not set|missing|required|undefined)|(?:missing|invalid) (?:configuration|config|value|setting)"),
    Fault("command", r"\bcommand\b|executable|entry ?point|\bbinary\b|\bexec\b", r"Command|Exec|StartError", "describe", r"StartError|ContainerCannotRun|no such file or directory|executable file not found|exec format error", "", r"exec format error|command not found"),
    Fault("node", r"\bnodes?\b|kubelet|\bworker", r"Node|Kubelet", "node", r"^\s*Ready\s+(?:False|Unknown)|type: Ready\s+status: '?(?:False|Unknown)|NotReady|(?:Memory|Disk|PID)Pressure\s+True", r"^\s*Ready\s+True|type: Ready\s+status: '?True"),
    Fault("endpoints", r"\bservice\b|endpoints?|selector|\bport\b|target ?port", r"Service|Endpoint|Selector|Port", "endpoints", r"<unset>|<none>"),
    Fault("name resolution", r"\bdns\b|resolv|host ?name|lookup", r"Dns|DNS|Name", "logs", "", "", r"no such host|NXDOMAIN|ENOTFOUND|EAI_AGAIN|getaddrinfo|name resolution|could not translate host name|unknown host"),
    Fault("permission", r"\brbac\b|forbidden|permission|\brights?\b|\brole\b|not allowed", r"Forbidden|Rbac|Permission|Role", "logs", "", "", r"is forbidden|cannot (?:get|list|watch|create|update|patch|delete) resource|permission denied|EACCES"),
    Fault("login", r"password|credential|\bauth\w*|\blogin\b|access denied", r"Auth|Credential|Password", "logs", "", "", r"authentication failed|access denied|invalid (?:password|credentials)|NOAUTH|WRONGPASS|\b401\b|unauthori[sz]ed"),
    Fault("certificate", r"certificate|\btls\b|\bssl\b|x509|expired", r"Certificate|Tls|TLS", "logs", "", "", r"x509|certificate (?:has expired|verify failed|signed by unknown)|tls: |SSL routines|self.signed certificate"),
    Fault("connection", r"connect|reach|refused|time[sd]? ?out|database|\bdb\b|redis|kafka|upstream|backend|depend", r"Connection|Dependency|Unreachable|Refus", "logs", "", "", r"connection refused|ECONNREFUSED|ETIMEDOUT|timed? ?out|no route to host|connection reset|could not connect|unable to connect|unreachable"),
    Fault("quota", r"quota|limit ?range", r"Quota|LimitRange", "quota", r"exceeded quota"),
    Fault("network policy", r"network ?polic|firewall|blocked|egress|ingress rule", r"NetworkPolicy", "policies", ""),
    Fault("scaled to zero", r"scaled? (?:down )?to (?:zero|0)|no replicas|\bzero\b|switched off", r"ScaledToZero", "replicas", r"\b0/0\b", r"\b[1-9]\d*/\d+\b"),
    Fault("crash", r"crash|\bbug\b|\bpanic\b|exception|\bexits?\b|segfault|restart", r"Crash|Panic|Exception|Logged|Segmentation", "logs", r"CrashLoopBackOff|Back-off restarting", "", r"\bpanic: |\bfatal\b|Traceback|Unhandled|Exception\b|segmentation fault|core dumped"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sign:
    """A line of an output that speaks for or against a kind of fault, and what kind of word it is."""

    line: str
    supports: bool
    kind: Kind


def faults_in(statement: str) -> tuple[Fault, ...]:
    """The kinds of fault that a statement names, the most specific first (the table's order)."""
    return tuple(fault for fault in FAULTS if re.search(fault.words, statement, re.IGNORECASE))[:2]


def sign_of(fault: Fault, output: str, *, log: bool) -> Sign | None:
    """What an output shows of a fault: a sign for it before one against it; None where it shows neither."""
    found = _line(fault.logged if log else fault.shows, output)
    if found:
        event = not log and bool(re.match(r"\s*(?:Warning|Normal)\s", found))
        return Sign(found, True, "log" if log else "event" if event else "state")
    against = "" if log else _line(fault.excludes, output)
    return Sign(against, False, "state") if against else None


def _line(pattern: str, output: str) -> str:
    if not pattern:
        return ""
    found = re.search(pattern, output, re.IGNORECASE | re.MULTILINE)
    if found is None:
        return ""
    start = output.rfind("\n", 0, found.start()) + 1
    end = output.find("\n", found.end())
    return " ".join(output[start : end if end >= 0 else len(output)].split())[:300]


def look_at(fault: Fault | None, ref: ObjectRef, view: ClusterView) -> str:
    """The read-only command that decides on a kind of fault of an object; "" where its pods or its node are not there."""
    where = f" -n {ref.namespace}" if ref.namespace else ""
    look = fault.look if fault is not None else "describe"
    if ref.kind == "Node" or (ref.kind not in (*WORKLOADS, "Pod") and look in ("describe", "logs", "replicas")):
        return "" if ref.kind == "Secret" else f"kubectl describe {ref.kind.lower()} {ref.name}{where}"
    if look == "quota":
        return f"kubectl get events{where} --field-selector reason=FailedCreate"
    if look == "policies":
        return f"kubectl describe networkpolicies{where}"
    if look == "endpoints":
        service = ref.name if ref.kind == "Service" else _service_of(ref, view)
        return f"kubectl get endpointslices{where} -l kubernetes.io/service-name={service}" if service else ""
    if look == "replicas" and ref.kind in WORKLOADS[:4]:
        return f"kubectl get {ref.kind.lower()} {ref.name}{where}"
    pod = worst_pod(ref, view)
    if pod is None:
        return f"kubectl describe {ref.kind.lower()} {ref.name}{where}" if look != "logs" else ""
    if look == "node":
        node = pod.text("spec", "nodeName")
        return f"kubectl describe node {node}" if node else ""
    if look == "logs":
        troubled = max(containers(pod), key=lambda c: (c.role != "ephemeral", not c.ready, c.restarts), default=None)
        if troubled is None:
            return ""
        previous = " --previous" if troubled.restarts and not troubled.is_running else ""
        return f"kubectl logs {pod.name} -n {pod.namespace} -c {troubled.name}{previous} --tail=60"
    return f"kubectl describe pod {pod.name} -n {pod.namespace}"


def pods_of(ref: ObjectRef, view: ClusterView) -> list[Obj]:
    """The pods of a workload, or the pod itself."""
    if ref.kind == "Pod":
        pod = view.find_ref(ref)
        return [pod] if pod is not None else []
    if ref.kind not in WORKLOADS:
        return []
    return [pod for pod in view.within("pods", ref.namespace) if view.workload_of(pod) == ref or pod.controller == ref]


def worst_pod(ref: ObjectRef, view: ClusterView) -> Obj | None:
    """The pod of a workload that has most trouble: a container that is not ready, then the most restarts."""

    def trouble(pod: Obj) -> tuple[bool, int]:
        all_of = list(containers(pod))
        return (pod.text("status", "phase") == "Pending" or any(not c.ready for c in all_of), sum(c.restarts for c in all_of))

    return max(pods_of(ref, view), key=lambda pod: (*trouble(pod), pod.name), default=None)


def _service_of(ref: ObjectRef, view: ClusterView) -> str:
    """The Service of a workload's namespace that selects its pods, else the one of its name."""
    pods = pods_of(ref, view)
    for service in view.within("services", ref.namespace):
        selector = service.map("spec", "selector")
        if selector and any(all(pod.labels.get(key) == value for key, value in selector.items()) for pod in pods):
            return service.name
    return ref.name if view.find("services", ref.namespace, ref.name) is not None else ""


def exists(ref: ObjectRef, view: ClusterView) -> bool:
    """Whether an object is there, as far as its list can be read."""
    return ref.kind in RESOURCE_OF_KIND and view.find_ref(ref) is not None


def of_code(code: str, faults: Sequence[Fault]) -> bool:
    """Whether a finding's code is of one of these kinds of fault."""
    return any(re.search(fault.codes, code) for fault in faults)
