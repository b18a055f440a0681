"""Pods that the API server refuses, in a lab with healthy neighbours: quotas, limit ranges, webhooks, policies."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, obj, score
from fakes.manifests import (
    NS,
    Raw,
    ago,
    service,
)

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


def failed(reason: str, message: str) -> list[Raw]:
    return [
        {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": ago(300)}
        for kind in ("FailureTarget", "Failed")
    ]


def account(name: str, ns: str = NS) -> Raw:
    return obj("v1", "ServiceAccount", name, ns)


def binding(name: str, of: str, subject: str, ns: str = NS, subject_ns: str = NS) -> Raw:
    return obj(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        name,
        ns,
        roleRef={"kind": "Role", "name": of, "apiGroup": "rbac.authorization.k8s.io"},
        subjects=[{"kind": "ServiceAccount", "name": subject, "namespace": subject_ns}],
    )


def refused(
    message: str, *extra: Raw, must: tuple[str, ...], blames: str = "Deployment/tagger", asks: str = "tagger has 0 pods", **fields: object
) -> Scenario:
    lab = Lab()
    lab.refused("tagger", message, **fields)
    lab.add(*extra)
    return Scenario(lab, asks, blames, must)


def quota(name: str, hard: dict[str, str], used: dict[str, str]) -> Raw:
    return obj("v1", "ResourceQuota", name, spec={"hard": hard}, status={"hard": hard, "used": used})


@scenario
def quota_of_pods() -> Scenario:
    return refused(
        "exceeded quota: pod-count, requested: pods=1, used: pods=2, limited: pods=2",
        quota("pod-count", {"pods": "2"}, {"pods": "2"}),
        blames="ResourceQuota/pod-count",
        must=("quota", "pod-count", "pods"),
    )


@scenario
def quota_of_memory_limits() -> Scenario:
    return refused(
        "exceeded quota: mem, requested: limits.memory=1Gi, used: limits.memory=3584Mi, limited: limits.memory=4Gi",
        quota("mem", {"limits.memory": "4Gi"}, {"limits.memory": "3584Mi"}),
        blames="ResourceQuota/mem",
        must=("quota", "limits\\.memory"),
        resources={"limits": {"memory": "1Gi"}},
    )


@scenario
def quota_demands_requests() -> Scenario:
    return refused(
        "failed quota: compute: must specify requests.cpu for: app; requests.memory for: app",
        quota("compute", {"requests.cpu": "4"}, {"requests.cpu": "0"}),
        must=("quota|compute", "requests\\.cpu|requests"),
        blames="Deployment/tagger",
    )


def limits(**item: Raw) -> Raw:
    return obj("v1", "LimitRange", "sizes", spec={"limits": [{"type": "Container", **item}]})


@scenario
def limit_range_maximum() -> Scenario:
    return refused(
        "maximum memory usage per Container is 512Mi, but limit is 2Gi",
        limits(max={"memory": "512Mi"}),
        blames="LimitRange/sizes",
        must=("512Mi", "2Gi", "maximum|LimitRange"),
        resources={"limits": {"memory": "2Gi"}},
    )


@scenario
def limit_range_minimum() -> Scenario:
    return refused(
        "minimum cpu usage per Container is 100m, but request is 10m",
        limits(min={"cpu": "100m"}),
        blames="LimitRange/sizes",
        must=("100m", "10m"),
        resources={"requests": {"cpu": "10m"}},
    )


@scenario
def limit_range_ratio() -> Scenario:
    return refused(
        "cpu max limit to request ratio per Container is 2, but provided ratio is 10.000000",
        limits(maxLimitRequestRatio={"cpu": "2"}),
        blames="LimitRange/sizes",
        must=("ratio", "LimitRange|sizes|10"),
        resources={"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}},
    )


@scenario
def priority_class_absent() -> Scenario:
    return refused(
        "no PriorityClass with name gold was found",
        blames="PriorityClass/gold",
        must=("gold", "PriorityClass"),
        spec={"priorityClassName": "gold"},
    )


@scenario
def service_account_absent() -> Scenario:
    return refused(
        'error looking up service account lab/tagger-sa: serviceaccount "tagger-sa" not found',
        must=("tagger-sa", "not (found|exist)|does not exist"),
        blames="ServiceAccount/tagger-sa",
        spec={"serviceAccountName": "tagger-sa"},
    )


@scenario
def runtime_class_absent() -> Scenario:
    return refused(
        'pod rejected: RuntimeClass "kata" not found',
        blames="RuntimeClass/kata",
        must=("kata", "RuntimeClass"),
        spec={"runtimeClassName": "kata"},
    )


def webhook(name: str, service_name: str) -> Raw:
    return obj(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        name,
        "",
        webhooks=[
            {
                "name": "check.acme.example",
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
                "clientConfig": {"service": {"name": service_name, "namespace": "other", "path": "/v"}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }
        ],
    )


def hooked(error: str, *extra: Raw, must: tuple[str, ...]) -> Scenario:
    url = "https://guard.other.svc:443/v?timeout=5s"
    return refused(
        f'!Internal error occurred: failed calling webhook "check.acme.example": failed to call webhook: Post "{url}": {error}',
        webhook("guard", "guard"),
        *extra,
        must=must,
        blames="ValidatingWebhookConfiguration/guard",
    )


@scenario
def webhook_times_out() -> Scenario:
    lab = hooked("context deadline exceeded", must=("webhook", "deadline|time"))
    lab.lab.app("guard", ns="other", port=443)
    lab.lab.add(service("guard", port=443, target=443, namespace="other"))
    return lab


@scenario
def webhook_service_absent() -> Scenario:
    return hooked('service "guard" not found', must=("webhook", "guard", "not (found|exist)|does not exist"))


@scenario
def webhook_certificate() -> Scenario:
    made = hooked(
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2031-05-04T11:59:00Z is after 2031-05-01T00:00:00Z",
        must=("webhook", "x509|certificate", "expired"),
    )
    made.lab.app("guard", ns="other", port=443)
    made.lab.add(service("guard", port=443, target=443, namespace="other"))
    return made


@scenario
def webhook_denies() -> Scenario:
    return refused(
        '!admission webhook "check.acme.example" denied the request: image registry.example/app:1 must come from hub.acme.example',
        webhook("guard", "guard"),
        must=("hub\\.acme\\.example", "denied|refus|reject"),
    )


@scenario
def admission_policy_denies() -> Scenario:
    policy = obj(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "need-owner",
        "",
        spec={"validations": [{"expression": "has(object.metadata.labels.owner)"}]},
    )
    return refused(
        "ValidatingAdmissionPolicy 'need-owner' with binding 'need-owner-lab' denied request: every pod needs the label owner",
        policy,
        must=("need-owner", "label owner"),
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_what_refuses_the_pods(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
