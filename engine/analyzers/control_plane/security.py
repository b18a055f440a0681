"""Security hygiene: what a workload may do beyond its need. Always `info`: it is no reason for a failure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from engine.analyzers.common.citations import field, listed
from engine.analyzers.common.confidence import RELATION, STATE, confidence
from engine.analyzers.common.containers import pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, map_at, maps_at, text_at, texts_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch")
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")
_SECRET_NAME = re.compile(r"(?:^|_)(?:PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY)(?:$|_)", re.IGNORECASE)
_STRONG = {"ALL", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "DAC_READ_SEARCH", "SYS_RAWIO", "BPF"}
_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock")
_CLUSTER_BINDINGS, _CLUSTER_ROLES = "clusterrolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"


@analyzer("security-hygiene", speciality="security", needs=_WORKLOADS)
def hygiene(view: ClusterView) -> Iterator[Finding]:
    """Privileged containers, host namespaces and paths, strong capabilities, secrets written into variables."""
    for resource in _WORKLOADS:
        for workload in view.all(resource):
            if workload.namespace in _SYSTEM:
                continue
            spec = map_at(pod_template(workload), "spec")
            risks = [
                *_pod_risks(spec),
                *(r for c in [*maps_at(spec, "containers"), *maps_at(spec, "initContainers")] for r in _container_risks(c)),
            ]
            if risks:
                yield _finding(
                    workload.ref,
                    "RiskyPodTemplate",
                    f"{workload.kind} {workload.name} {listed(dict.fromkeys(risks), 6)}",
                    _template_evidence(workload),
                )
            named = [
                text_at(v, "name")
                for c in maps_at(spec, "containers")
                for v in maps_at(c, "env")
                if text_at(v, "value") and _SECRET_NAME.search(text_at(v, "name"))
            ]
            if named:
                text = (
                    f"{workload.kind} {workload.name} holds what looks like a "
                    f"secret as plain text in variable {listed(dict.fromkeys(named))}"
                )
                yield _finding(
                    workload.ref, "SecretInVariable", text, Evidence(f"{workload.ref} spec.template env", named[0], object=workload.ref)
                )


@analyzer("rbac-hygiene", speciality="security", needs=(_CLUSTER_BINDINGS, _CLUSTER_ROLES))
def rbac_hygiene(view: ClusterView) -> Iterator[Finding]:
    """ServiceAccounts with all rights over the cluster."""
    wide = {r.name for r in view.all(_CLUSTER_ROLES) if any(_everything(rule) for rule in r.maps("rules"))} | {"cluster-admin"}
    for binding in view.all(_CLUSTER_BINDINGS):
        role = binding.text("roleRef", "name")
        if role not in wide:
            continue
        for subject in binding.maps("subjects"):
            namespace = text_at(subject, "namespace")
            everybody = text_at(subject, "name") in ("system:authenticated", "system:unauthenticated", "system:serviceaccounts")
            if (
                text_at(subject, "kind") == "ServiceAccount" and namespace not in _SYSTEM and view.namespace in (None, namespace)
            ) or everybody:
                who = f"{text_at(subject, 'kind')} {namespace + '/' if namespace else ''}{text_at(subject, 'name')}"
                yield _finding(
                    binding.ref,
                    "WildcardRights",
                    f"ClusterRoleBinding {binding.name} gives {who} all rights ({role})",
                    field(binding, "subjects"),
                )


def _everything(rule: object) -> bool:
    return "*" in texts_at(rule, "verbs") and "*" in texts_at(rule, "resources") and "*" in texts_at(rule, "apiGroups")


def _pod_risks(spec: object) -> Iterator[str]:
    for key, word in (
        ("hostNetwork", "uses the host's network"),
        ("hostPID", "sees the host's processes"),
        ("hostIPC", "shares the host's IPC"),
    ):
        if map_at(spec).get(key) is True:
            yield word
    for volume in maps_at(spec, "volumes"):
        path = text_at(volume, "hostPath", "path")
        if any(path.endswith(socket) for socket in _SOCKETS):
            yield f"mounts the container runtime's socket {path}"
        elif path in ("/", "/etc", "/root", "/var/lib/kubelet"):
            yield f"mounts the host's {path}"


def _container_risks(container: object) -> Iterator[str]:
    name = text_at(container, "name")
    security = map_at(container, "securityContext")
    if security.get("privileged") is True:
        yield f"runs container {name} privileged"
    added = _STRONG & set(texts_at(security, "capabilities", "add"))
    if added:
        yield f"gives container {name} the capability {listed(sorted(added))}"


def _template_evidence(workload: Obj) -> Evidence:
    path = ("spec", "jobTemplate", "spec", "template", "spec") if workload.kind == "CronJob" else ("spec", "template", "spec")
    spec = pod_template(workload)
    containers = maps_at(spec, "spec", "containers")
    for index, container in enumerate(containers):
        if map_at(container, "securityContext"):
            return field(workload, *path, "containers", index, "securityContext")
    for key in ("hostNetwork", "hostPID", "hostIPC", "volumes"):
        if workload.at(*path, key):
            return field(workload, *path, key)
    return field(workload, "metadata", "name")


def _finding(object_: ObjectRef, code: str, summary: str, evidence: Evidence) -> Finding:
    scope = f"-n {object_.namespace} " if object_.namespace else ""
    return Finding(
        code=code,
        severity="info",
        object=object_,
        summary=summary,
        evidence=(evidence,),
        owner=object_,
        remedies=(Remedy("take away what it does not need", f"kubectl {scope}get {object_.kind.lower()} {object_.name} -o yaml", "read"),),
        confidence=confidence([STATE, RELATION]),
        docs=("security hygiene", "Pod Security Standards"),
        speciality="security",
    )


_VIOLATIONS: tuple[tuple[str, str, object], ...] = (
    ("privileged (", "privileged", False),
    ("allowPrivilegeEscalation != false", "allowPrivilegeEscalation", False),
    ("unrestricted capabilities", "capabilities", {"drop": ["ALL"]}),
    ("runAsNonRoot != true", "runAsNonRoot", True),
    ("seccompProfile", "seccompProfile", {"type": "RuntimeDefault"}),
)
"""What Pod Security admission says, the field of a container's securityContext, and the value that complies."""


def complying_patch(workload: Obj, message: str) -> str:
    """The kubectl patch that sets what a Pod Security refusal asks of each container by name; "" where a field is no cure.

    A volume, a host port or a host namespace that is forbidden is nothing to set: somebody has to decide what the program does without it.
    """
    if workload.kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return ""
    spec: dict[str, list[dict[str, object]]] = {}
    parts = re.split(r"\), ", message)
    for part in ("containers", "initContainers"):
        for container in maps_at(pod_template(workload), "spec", part):
            name = text_at(container, "name")
            wanted = {key: value for words, key, value in _VIOLATIONS for said in parts if said.startswith(words) and f'"{name}"' in said}
            if wanted:
                spec.setdefault(part, []).append({"name": name, "securityContext": wanted})
    if not spec or any(not said.startswith(tuple(words for words, _, _ in _VIOLATIONS)) for said in parts):
        return ""
    patch = json.dumps({"spec": {"template": {"spec": spec}}}, separators=(",", ":"))
    return f"kubectl -n {workload.namespace} patch {workload.kind.lower()} {workload.name} -p '{patch}'"
