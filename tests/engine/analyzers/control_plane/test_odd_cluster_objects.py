"""No analyzer raises whatever a server, an old version or a broken recording holds: objects of every kind with fields gone, null or odd."""

# ruff: noqa: E501 - objects stand on one line where that reads as the API's YAML does
from __future__ import annotations

import copy
from typing import Any

from fakes.manifests import NOW, NS, Raw, ago, meta
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import RESOURCE_OF_KIND

AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "Gt", "values": ["1"]}]}]
        }
    },
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}}
        ]
    },
    "podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "namespaceSelector": {}, "labelSelector": {"matchLabels": {"app": "web"}}}
        ]
    },
}
CONTAINERS = [
    {
        "name": "app",
        "image": "x:1",
        "ports": [{"containerPort": 80, "hostPort": 80, "name": "http"}],
        "resources": {"requests": {"cpu": "1", "nvidia.com/gpu": "1"}},
        "env": [{"name": "URL", "value": "http://api.lab:80"}],
    }
]
SPEC = {
    "containers": CONTAINERS,
    "initContainers": [{"name": "i", "restartPolicy": "Always"}],
    "affinity": AFFINITY,
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "labelSelector": {}}],
    "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "e", "ephemeral": {}}],
    "schedulerName": "s",
    "nodeSelector": {"zone": "1"},
    "dnsPolicy": "None",
    "dnsConfig": {"nameservers": ["1.1.1.1"]},
    "serviceAccountName": "bot",
}
CONDITIONS = [
    {"type": t, "status": s, "reason": "R", "message": "m"}
    for t, s in (
        ("Ready", "Unknown"),
        ("PodScheduled", "False"),
        ("Available", "False"),
        ("ScalingActive", "False"),
        ("DiskPressure", "True"),
        ("ReplicaFailure", "True"),
        ("NamespaceContentRemaining", "True"),
        ("FileSystemResizePending", "True"),
        ("Established", "False"),
        ("DisruptionAllowed", "False"),
    )
]
RULES = [{"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["x"]}]
CLIENT = {"service": {"name": "api", "namespace": NS, "port": 443}, "caBundle": "LS0t"}


def made(kind: str, name: str, spec: Any = None, status: Any = None, **more: Any) -> Raw:
    namespaced = kind not in (
        "Node",
        "Namespace",
        "PersistentVolume",
        "StorageClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "IngressClass",
        "CertificateSigningRequest",
        "APIService",
        "CustomResourceDefinition",
        "ValidatingWebhookConfiguration",
    )
    body: Raw = {
        "kind": kind,
        "metadata": meta(name, NS if namespaced else "", labels={"app": "web", "kubernetes.io/service-name": "api"}, finalizers=["a/b"]),
        **more,
    }
    return {**body, "spec": spec or {}, "status": status or {}}


ROLE_REF = {"roleRef": {"kind": "Role", "name": "bot"}, "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": NS}]}
CORPUS: list[Raw] = [
    made("Pod", "waits", SPEC, {"phase": "Pending", "conditions": CONDITIONS}),
    made("Pod", "runs", {**SPEC, "nodeName": "n1"}, {"phase": "Running", "podIP": "10.0.0.1", "conditions": CONDITIONS}),
    made("Pod", "evicted", {**SPEC, "nodeName": "n1"}, {"phase": "Failed", "reason": "Evicted", "message": 'Usage of EmptyDir volume "x" exceeds the limit "1Mi".'}),
    made("Node", "n1", {"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}], "unschedulable": True}, {"conditions": CONDITIONS, "allocatable": {"cpu": "1", "pods": "1"}, "nodeInfo": {"kubeletVersion": "v1.20.0"}}),
    made("Namespace", NS, {"finalizers": ["kubernetes"]}, {"phase": "Terminating", "conditions": CONDITIONS}),
    made("PersistentVolumeClaim", "data", {"storageClassName": "s", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}, "selector": {"matchLabels": {"a": "b"}}}, {"phase": "Pending", "conditions": CONDITIONS}),
    made("PersistentVolume", "pv", {"storageClassName": "s", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "claimRef": {"namespace": NS, "name": "old"}, "nodeAffinity": {"required": {"nodeSelectorTerms": []}}}, {"phase": "Released"}),
    made("StorageClass", "s", provisioner="csi.example.com", volumeBindingMode="Immediate"),
    made("Service", "api", {"type": "LoadBalancer", "selector": {"app": "wb"}, "ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}], "clusterIP": "10.0.0.9"}),
    made("Service", "ext", {"type": "ExternalName", "externalName": "api.lab.svc.cluster.local"}),
    made("EndpointSlice", "api-1", endpoints=[{"addresses": ["10.0.0.1"]}], ports=[{"name": "", "port": 80}]),
    made("Ingress", "i", {"ingressClassName": "w", "tls": [{"secretName": "t", "hosts": ["h"]}], "rules": [{"host": "h", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "api", "port": {"number": 81}}}}]}}]}),
    made("IngressClass", "web", {"controller": "example.com/c"}),
    made("NetworkPolicy", "deny", {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress", "Egress"], "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["x"]}}], "ports": [{"port": "http", "endPort": 9}]}], "egress": []}),
    made("Deployment", "web", {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": SPEC}}, {"conditions": CONDITIONS}),
    made("ReplicaSet", "web-1", {"replicas": 2, "template": {"spec": SPEC}}, {"replicas": 0, "conditions": CONDITIONS}),
    made("ResourceQuota", "q", {"hard": {"pods": "1"}}, {"used": {"pods": "1"}}),
    made("LimitRange", "l", {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}),
    made("HorizontalPodAutoscaler", "h", {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 2, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}}}]}, {"conditions": CONDITIONS}),
    made("PodDisruptionBudget", "p", {"minAvailable": "100%", "selector": {"matchLabels": {"app": "web"}}}, {"expectedPods": 2, "desiredHealthy": 2, "disruptionsAllowed": 0, "conditions": CONDITIONS}),
    made("Role", "bot", rules=RULES),
    made("RoleBinding", "bot", **ROLE_REF),
    made("ClusterRole", "all", rules=RULES),
    made("ClusterRoleBinding", "all", **{**ROLE_REF, "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}),
    made("ServiceAccount", "bot", automountServiceAccountToken=False),
    made("ValidatingWebhookConfiguration", "v", webhooks=[{"name": "v.example.com", "clientConfig": CLIENT, "rules": [{"resources": ["pods"]}], "namespaceSelector": {"matchLabels": {"a": "b"}}}]),
    made("APIService", "v1.x", {"group": "x", "version": "v1", "service": {"name": "api", "namespace": NS}, "caBundle": "LS0t"}, {"conditions": CONDITIONS}),
    made("CustomResourceDefinition", "w.x", {"group": "x", "scope": "Namespaced", "names": {"plural": "pods", "kind": "Pod"}, "versions": [{"subresources": {"status": {}}}]}, {"conditions": [{"type": "Established", "status": "True"}]}),
    made("CertificateSigningRequest", "c", {"username": "system:node:n1", "signerName": "kubernetes.io/kubelet-serving"}, {"conditions": []}),
    made("Lease", "kube-scheduler", {"renewTime": ago(900), "leaseDurationSeconds": 15}),
    made("VolumeAttachment", "va", {"source": {"persistentVolumeName": "pv"}}, {"attachError": {"message": "no"}}),
    made("CSINode", "n1", {"drivers": [{"name": "d"}]}),
    made("Secret", "t", type="kubernetes.io/tls", data={"tls.crt": "LS0t"}),
]  # fmt: skip
for _reason, _about, _message in (
    ("FailedCreate", ("ReplicaSet", "web-1"), 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'),
    (
        "FailedMount",
        ("Pod", "runs"),
        'MountVolume.SetUp failed for volume "d" : driver name d not found in the list of registered CSI drivers',
    ),
    ("FailedAttachVolume", ("Pod", "runs"), 'Multi-Attach error for volume "pv"'),
    ("FailedScheduling", ("Pod", "waits"), "0/1 nodes are available: 1 Insufficient cpu."),
    ("Preempted", ("Pod", "web-x"), "Preempted by pod uid-lab-runs on node n1"),
    ("Odd", ("Pod", "runs"), 'User "system:serviceaccount:lab:bot" cannot list resource "pods" in API group "" in the namespace "lab"'),
):
    CORPUS.append(
        {
            "kind": "Event",
            "metadata": meta(f"e-{_reason}"),
            "involvedObject": {"kind": _about[0], "name": _about[1], "namespace": NS},
            "reason": _reason,
            "message": _message,
            "type": "Warning",
            "eventTime": ago(20),
        }
    )
LOG = [
    '2031-05-04T11:59:00Z forbidden: User "system:serviceaccount:lab:bot" cannot get resource "leases" in API group "x" in the namespace "lab"'
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += _places(inner, (*path, index))
    return found


PLACES = [(number, place) for number, raw in enumerate(CORPUS) for place in _places(raw) if place != ("kind",)]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**40),
    st.text(max_size=4),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just({"": None}),
    st.just("GONE"),
)


def _checked(objects: list[Raw], scope: str | None) -> None:
    logs = {(NS, name, "app", previous): LOG for name in ("runs", "waits") for previous in (False, True)}
    report = check(ClusterView.from_objects(objects, now=NOW, namespace=scope, logs=logs))
    assert report.errors == ()
    for finding in report.findings:
        assert finding.summary
        assert 0 < finding.confidence <= 1
        assert all(isinstance(e.excerpt, str) and isinstance(e.source, str) for e in finding.evidence)
        assert len({f.id for f in report.findings}) == len(report.findings)


def test_the_corpus_itself_gives_findings_of_many_kinds() -> None:
    report = check(ClusterView.from_objects(CORPUS, now=NOW))
    assert report.errors == ()
    assert len({f.code for f in report.findings}) > 20


@settings(max_examples=120)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=5), st.sampled_from([None, NS]))
def test_a_few_fields_of_a_wrong_type(changes: list[tuple[tuple[int, tuple[Any, ...]], Any]], scope: str | None) -> None:
    objects = copy.deepcopy(CORPUS)
    for (number, place), odd in changes:
        holder: Any = objects[number]
        for step in place[:-1]:
            if (
                not isinstance(holder, dict | list)
                or (isinstance(holder, dict) and step not in holder)
                or (isinstance(holder, list) and (not isinstance(step, int) or step >= len(holder)))
            ):
                break
            holder = holder[step]
        else:
            last = place[-1]
            if isinstance(holder, dict) and last in holder:
                if odd == "GONE":
                    del holder[last]
                else:
                    holder[last] = odd
            elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
                holder[last] = odd
    _checked(objects, scope)


@settings(max_examples=30)
@given(st.lists(st.sampled_from(range(len(CORPUS))), max_size=8, unique=True), st.sampled_from([None, NS]))
def test_objects_of_which_nothing_else_can_be_seen(chosen: list[int], scope: str | None) -> None:
    _checked([CORPUS[i] for i in chosen], scope)


def test_every_kind_with_no_more_than_a_name_or_less() -> None:
    for body in ({}, {"metadata": {"name": "x", "namespace": NS}}, {"metadata": [], "spec": "", "status": 0}):
        _checked([{"kind": kind, **body} for kind in RESOURCE_OF_KIND], None)
