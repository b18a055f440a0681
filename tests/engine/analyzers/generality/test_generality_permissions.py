"""Faults of permissions, extensions and what several objects share, in a lab with healthy neighbours."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, obj, score
from fakes.manifests import (
    NS,
    Raw,
    ago,
    container,
    crash_loop,
    event,
    node,
    running,
    service,
)

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


def quota(name: str, hard: dict[str, str], used: dict[str, str]) -> Raw:
    return obj("v1", "ResourceQuota", name, spec={"hard": hard}, status={"hard": hard, "used": used})


def job(name: str = "settle", ns: str = NS, conditions: list[Raw] | None = None, status: Raw | None = None, **spec: object) -> Raw:
    body = {"template": {"spec": {"containers": [container()], "restartPolicy": "Never"}}, "backoffLimit": 6, **spec}
    return obj("batch/v1", "Job", name, ns, spec=body, status={"conditions": conditions or [], **(status or {})})


def failed(reason: str, message: str) -> list[Raw]:
    return [
        {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": ago(300)}
        for kind in ("FailureTarget", "Failed")
    ]


def account(name: str, ns: str = NS) -> Raw:
    return obj("v1", "ServiceAccount", name, ns)


def role(name: str, verbs: list[str], kinds: list[str], ns: str = NS) -> Raw:
    return obj("rbac.authorization.k8s.io/v1", "Role", name, ns, rules=[{"apiGroups": [""], "resources": kinds, "verbs": verbs}])


def binding(name: str, of: str, subject: str, ns: str = NS, subject_ns: str = NS) -> Raw:
    return obj(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        name,
        ns,
        roleRef={"kind": "Role", "name": of, "apiGroup": "rbac.authorization.k8s.io"},
        subjects=[{"kind": "ServiceAccount", "name": subject, "namespace": subject_ns}],
    )


def forbidden(*extra: Raw, must: tuple[str, ...], blames: str, verb: str = "list", kind: str = "configmaps", where: str = NS) -> Scenario:
    lab = Lab()
    lab.add(account("tagger"), *extra)
    lab.app(
        "tagger",
        running(),
        spec={"serviceAccountName": "tagger"},
        log=f'E0504 11:59:00.1 1 reflector.go:166] "Unhandled Error" err="failed to {verb} *v1.ConfigMap: {kind} is forbidden: User \\"system:serviceaccount:lab:tagger\\" cannot {verb} resource \\"{kind}\\" in API group \\"\\" in the namespace \\"{where}\\""',
    )
    return Scenario(lab, "tagger does nothing", blames, must)


@scenario
def role_in_another_namespace() -> Scenario:
    return forbidden(
        role("tagger", ["get", "list", "watch"], ["configmaps"], "other"),
        binding("tagger", "tagger", "tagger", "other"),
        blames="Deployment/tagger",
        must=("configmaps", "forbidden|may not|RBAC|not allowed|cannot"),
    )


@scenario
def binding_names_another_account() -> Scenario:
    return forbidden(
        role("tagger", ["get", "list", "watch"], ["configmaps"]),
        binding("tagger", "tagger", "tager"),
        blames="RoleBinding/tagger",
        must=("configmaps", "tager\\b"),
    )


@scenario
def role_without_the_verb() -> Scenario:
    return forbidden(
        role("tagger", ["get", "list"], ["configmaps"]),
        binding("tagger", "tagger", "tagger"),
        blames="Role/tagger",
        must=("configmaps", "watch"),
        verb="watch",
    )


@scenario
def no_token_mounted() -> Scenario:
    lab = Lab()
    lab.add(account("tagger"))
    lab.app(
        "tagger",
        crash_loop(),
        spec={"serviceAccountName": "tagger", "automountServiceAccountToken": False},
        log="panic: unable to load in-cluster config: open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
    )
    return Scenario(lab, "tagger crashes", "Deployment/tagger", ("automountServiceAccountToken|token", "serviceaccount|false"))


@scenario
def namespace_held_by_a_dead_api_service() -> Scenario:
    lab = Lab()
    text = "failing or missing response from https://10.96.0.88:443/apis/metrics.acme.example/v1: no endpoints available"
    lab.add(
        obj(
            "apiregistration.k8s.io/v1",
            "APIService",
            "v1.metrics.acme.example",
            "",
            spec={"group": "metrics.acme.example", "version": "v1", "service": {"name": "gone", "namespace": "other"}},
            status={
                "conditions": [
                    {
                        "type": "Available",
                        "status": "False",
                        "reason": "ServiceNotFound",
                        "message": 'service/gone in "other" is not present',
                    }
                ]
            },
        )
    )
    space = next(o for o in lab.objects if o["kind"] == "Namespace" and o["metadata"]["name"] == NS)
    lab.objects = [o for o in lab.objects if o["metadata"].get("namespace") != NS]
    space["metadata"]["deletionTimestamp"] = ago(4000)
    space["spec"] = {"finalizers": ["kubernetes"]}
    space["status"] = {
        "phase": "Terminating",
        "conditions": [
            {
                "type": "NamespaceDeletionDiscoveryFailure",
                "status": "True",
                "reason": "DiscoveryFailed",
                "message": f"Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.acme.example/v1: {text}",
            }
        ],
    }
    return Scenario(lab, "namespace lab does not go away", "APIService/v1.metrics.acme.example", ("metrics\\.acme\\.example",))


@scenario
def resource_nobody_reconciles() -> Scenario:
    lab = Lab()
    lab.add(
        obj(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "caches.acme.example",
            "",
            spec={
                "group": "acme.example",
                "names": {"kind": "Cache", "plural": "caches", "singular": "cache"},
                "scope": "Namespaced",
                "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}],
            },
            status={"conditions": [{"type": "Established", "status": "True"}]},
        )
    )
    lab.add(obj("acme.example/v1", "Cache", "sessions", spec={"size": "1Gi"}))
    return Scenario(lab, "I created the cache sessions and nothing happens", "Cache/sessions", ("controller|operator", "sessions|caches"))


@scenario
def resource_whose_controller_complains() -> Scenario:
    lab = Lab()
    lab.add(
        obj(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "certificates.cert-manager.io",
            "",
            spec={
                "group": "cert-manager.io",
                "names": {"kind": "Certificate", "plural": "certificates"},
                "scope": "Namespaced",
                "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}],
            },
        )
    )
    made = obj(
        "cert-manager.io/v1",
        "Certificate",
        "shop-tls",
        spec={"secretName": "shop-tls", "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}},
        status={
            "conditions": [
                {
                    "type": "Ready",
                    "status": "False",
                    "reason": "DoesNotExist",
                    "message": 'Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "letsencrypt" not found',
                    "lastTransitionTime": ago(3000),
                }
            ]
        },
    )
    lab.add(made)
    lab.app("cert-manager", ns="other")
    return Scenario(lab, "shop-tls certificate is not issued", "Certificate/shop-tls", ("letsencrypt", "not found|does not exist"))


@scenario
def node_waits_for_its_certificate() -> Scenario:
    lab = Lab(nodes=[node("worker-1")])
    lab.add(
        obj(
            "certificates.k8s.io/v1",
            "CertificateSigningRequest",
            "csr-8xk2p",
            "",
            spec={
                "username": "system:bootstrap:abc123",
                "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                "usages": ["client auth"],
            },
            status={},
        )
    )
    return Scenario(lab, "the new node does not join the cluster", "CertificateSigningRequest/csr-8xk2p", ("csr-8xk2p", "pending|approv"))


@scenario
def two_deployments_with_one_selector() -> Scenario:
    lab = Lab()
    lab.app("tagger", labels={"app": "shared"}, port=8080)
    lab.app("trainer", labels={"app": "shared"}, port=9000)
    lab.add(service("tagger", {"app": "shared"}))
    return Scenario(lab, "sometimes requests to tagger are answered by trainer", "Service/tagger", ("trainer", "selector|selects|label"))


@scenario
def job_cannot_create_pods() -> Scenario:
    lab = Lab()
    made = job(status={"active": 0})
    lab.add(made, claim("x", "Bound"), quota("jobs", {"count/pods": "1"}, {"count/pods": "1"}))
    lab.add(
        event(
            made,
            "FailedCreate",
            'Error creating: pods "settle-q2x" is forbidden: exceeded quota: jobs, requested: count/pods=1, used: count/pods=1, limited: count/pods=1',
        )
    )
    return Scenario(lab, "job settle has no pods", "ResourceQuota/jobs", ("quota", "jobs"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_the_missing_permission_or_controller(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
