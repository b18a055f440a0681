"""Pods that the API server refuses to create: its answer, the object that stands against them, and what would satisfy it."""

# ruff: noqa: E501 - messages are as long as the API writes them
from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import NS, Raw, ago, deployment, event, meta, namespace, replicaset, service, view

from engine.analyzers.check import check
from engine.analyzers.control_plane.admission import admission
from engine.analyzers.control_plane.webhooks import webhooks
from engine.core.types import Finding, ObjectRef

WEB = ObjectRef("Deployment", NS, "web")


def refused(message: str, have: int = 0, want: int = 3) -> list[Raw]:
    rs = replicaset(replicas=want)
    rs["status"]["replicas"] = have
    return [deployment(replicas=want), rs, event(rs, "FailedCreate", f"Error creating: {message}")]


def only(*objects: Raw | list[Raw]) -> Finding:
    found = list(admission(view(*objects)))
    assert len(found) == 1, [f.summary for f in found]
    return found[0]


def quota(**hard: str) -> Raw:
    return {"kind": "ResourceQuota", "metadata": meta("team"), "spec": {"hard": hard}, "status": {"hard": hard, "used": hard}}


def test_an_exceeded_quota_is_told_with_what_is_used_and_what_a_pod_needs() -> None:
    finding = only(
        refused(
            'pods "web-1" is forbidden: exceeded quota: team, requested: limits.memory=1Gi,pods=1, used: limits.memory=4Gi,pods=4, limited: limits.memory=4Gi,pods=4',
            4,
            6,
        ),
        quota(pods="4"),
    )
    assert finding.code == "QuotaExceeded"
    assert finding.object == ObjectRef("ResourceQuota", NS, "team")
    assert finding.owner == WEB
    assert "4Gi of 4Gi limits.memory is used and a pod more needs 1Gi" in finding.summary
    assert "has 4 of 6 pods" in finding.summary


def test_a_quota_that_demands_limits_names_what_the_template_lacks() -> None:
    finding = only(
        refused('pods "web-1" is forbidden: failed quota: team: must specify limits.cpu for: app; requests.memory for: app'),
        quota(**{"limits.cpu": "4"}),
    )
    assert finding.code == "QuotaNeedsResources"
    assert finding.object == WEB
    assert "limits.cpu" in finding.summary
    assert "--requests=memory=AMOUNT --limits=cpu=AMOUNT" in finding.remedies[0].command


@pytest.mark.parametrize(
    ("message", "rule", "words"),
    [
        ("maximum memory usage per Container is 1Gi, but limit is 2Gi", {"max": {"memory": "1Gi"}}, ["1Gi", "2Gi"]),
        ("minimum cpu usage per Container is 100m, but request is 10m", {"min": {"cpu": "100m"}}, ["100m", "10m"]),
        (
            "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            {"maxLimitRequestRatio": {"cpu": "2"}},
            ["ratio", "4.000000"],
        ),
    ],
)
def test_a_limit_range_is_named_with_the_bound_that_is_broken(message: str, rule: Raw, words: list[str]) -> None:
    other = {"kind": "LimitRange", "metadata": meta("another"), "spec": {"limits": [{"type": "Container", "max": {"cpu": "77"}}]}}
    bounds = {"kind": "LimitRange", "metadata": meta("bounds"), "spec": {"limits": [{"type": "Container", **rule}]}}
    finding = only(refused(f'pods "web-1" is forbidden: {message}'), other, bounds)
    assert finding.code == "LimitRangeViolated"
    assert finding.object == ObjectRef("LimitRange", NS, "bounds")
    assert all(word in finding.summary for word in words)


def test_pod_security_names_the_level_and_the_violations() -> None:
    guarded = namespace()
    guarded["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "baseline"}
    finding = only(
        refused(
            'pods "web-1" is forbidden: violates PodSecurity "baseline:v1.36": host namespaces (hostNetwork=true), hostPath volumes (volume "x")'
        ),
        guarded,
    )
    assert finding.code == "PodSecurityViolation"
    assert finding.object == WEB
    assert "baseline" in finding.summary
    assert "hostNetwork=true" in finding.summary


def test_a_denying_webhook_is_quoted() -> None:
    finding = only(refused('admission webhook "policy.example.com" denied the request: image must come from registry.corp'))
    assert finding.code == "WebhookDenied"
    assert "policy.example.com" in finding.summary
    assert "image must come from registry.corp" in finding.summary


def test_a_denying_policy_is_named_with_its_binding() -> None:
    finding = only(
        refused(
            "pods \"web-1\" is forbidden: ValidatingAdmissionPolicy 'need-owner' with binding 'need-owner-all' denied request: label owner is required"
        )
    )
    assert finding.code == "AdmissionPolicyDenied"
    assert all(word in finding.summary for word in ["need-owner", "need-owner-all", "label owner is required"])


@pytest.mark.parametrize(
    ("message", "code", "kind", "known"),
    [
        ('pods "web-1" is forbidden: error looking up service account lab/bulider: serviceaccount "bulider" not found', "ServiceAccountNotFound", "ServiceAccount", {"kind": "ServiceAccount", "metadata": meta("builder")}),
        ('pods "web-1" is forbidden: no PriorityClass with name bulider was found', "PriorityClassNotFound", "PriorityClass", {"kind": "PriorityClass", "metadata": meta("builder", "")}),
        ('pods "web-1" is forbidden: pod rejected: RuntimeClass "bulider" not found', "RuntimeClassNotFound", "RuntimeClass", {"kind": "RuntimeClass", "metadata": meta("builder", "")}),
    ],
)  # fmt: skip
def test_a_name_that_does_not_exist_is_the_object_and_the_near_miss_is_told(message: str, code: str, kind: str, known: Raw) -> None:
    finding = only(refused(message), known)
    assert finding.code == code
    assert finding.object.kind == kind
    assert finding.object.name == "bulider"
    assert "did you mean builder?" in finding.summary


def test_a_namespace_that_ends_takes_nothing_new() -> None:
    finding = only(refused('pods "web-1" is forbidden: unable to create new content in namespace lab because it is being terminated'))
    assert finding.object == ObjectRef("Namespace", "", NS)


def test_an_invalid_template_and_an_unknown_refusal_are_quoted() -> None:
    assert only(refused('Pod "web-1" is invalid: spec.containers[0].ports[0].name: Duplicate value: "http"')).code == "InvalidPodTemplate"
    odd = only(refused("the server is currently unable to handle the request"))
    assert odd.code == "FailedCreate"
    assert "unable to handle the request" in odd.summary


def test_a_refusal_of_the_past_is_over_when_the_pods_are_there() -> None:
    assert list(admission(view(refused('admission webhook "x" denied the request: no', 3, 3)))) == []


def test_the_newest_refusal_counts_and_a_condition_stands_in_for_lost_events() -> None:
    objects = refused('pods "web-1" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4')
    newer = event(
        objects[1], "FailedCreate", 'Error creating: pods "web-2" is forbidden: no PriorityClass with name gold was found', seconds=1
    )
    assert only(objects, newer).code == "PriorityClassNotFound"
    silent = refused("")[:2]
    silent[1]["status"]["conditions"] = [
        {
            "type": "ReplicaFailure",
            "status": "True",
            "reason": "FailedCreate",
            "message": 'pods "w" is forbidden: no PriorityClass with name gold was found',
        }
    ]
    assert only(silent).code == "PriorityClassNotFound"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("StatefulSet", {"replicas": 0}), ("DaemonSet", {"desiredNumberScheduled": 2, "currentNumberScheduled": 0}), ("Job", {})],
)
def test_other_makers_of_pods_are_heard_too(kind: str, status: Raw) -> None:
    maker = {"kind": kind, "metadata": meta("agent"), "spec": {"replicas": 1}, "status": status}
    said = event(
        maker, "FailedCreate", 'Error creating: pods "agent-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    )
    finding = only(maker, said)
    assert finding.owner == ObjectRef(kind, NS, "agent")
    assert finding.code == "PodSecurityViolation"


def configuration(policy: str = "Fail", target: str = "guard", ns: str = "guard", **webhook: Any) -> Raw:
    entry = {
        "name": "guard.example.com",
        "failurePolicy": policy,
        "clientConfig": {"service": {"name": target, "namespace": ns, "path": "/v"}},
        "rules": [{"resources": ["pods"]}],
        **webhook,
    }
    return {"kind": "ValidatingWebhookConfiguration", "metadata": meta("guard", ""), "webhooks": [entry]}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ('service "guard" not found', "WebhookUnavailable", "Service does not exist"),
        ('no endpoints available for service "guard"', "WebhookUnavailable", "no ready endpoint"),
        ("dial tcp 10.96.0.9:443: connect: connection refused", "WebhookUnavailable", "refuse the connection"),
        ("context deadline exceeded", "WebhookUnavailable", "timeout"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "WebhookCertificate", "caBundle"),
        ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid", "WebhookCertificate", "expired"),
        ("tls: failed to verify certificate: x509: certificate is valid for a, not guard.guard.svc", "WebhookCertificate", "another name"),
    ],
)
def test_a_webhook_that_cannot_be_called_is_the_object_with_the_reason(answer: str, code: str, words: str) -> None:
    call = f'Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.guard.svc:443/v?timeout=10s": {answer}'
    finding = only(refused(call), configuration())
    assert finding.code == code
    assert finding.object == ObjectRef("ValidatingWebhookConfiguration", "", "guard")
    assert words in finding.summary
    assert "failurePolicy Fail" in finding.summary


def test_a_webhook_without_a_service_is_told_for_the_whole_cluster_and_only_noted_in_a_namespace() -> None:
    whole = list(webhooks(view(configuration(), scope=None)))
    assert [(f.code, f.severity) for f in whole] == [("WebhookUnavailable", "critical")]
    assert "does not exist in namespace guard" in whole[0].summary
    assert [f.severity for f in webhooks(view(configuration()))] == ["info"]
    assert [f.severity for f in webhooks(view(configuration("Ignore"), scope=None))] == ["info"]


def test_the_refused_pods_win_over_the_note_on_the_same_webhook() -> None:
    call = 'Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.guard.svc:443/v?timeout=10s": service "guard" not found'
    found = [f for f in check(view(refused(call), configuration())).findings if f.code == "WebhookUnavailable"]
    assert [(f.severity, f.owner) for f in found] == [("critical", WEB)]


def test_a_webhook_whose_workload_is_at_zero_points_to_it() -> None:
    found = list(
        webhooks(
            view(
                configuration(),
                service("guard", namespace="guard", port=443),
                deployment("guard", namespace="guard", replicas=0),
                scope=None,
            )
        )
    )
    assert found[0].causes == ("ServiceWithoutPods/Deployment/guard/guard/guard",)
    assert "scaled to 0 replicas" in found[0].summary


def test_old_events_keep_their_order_without_times() -> None:
    objects = refused('pods "web-1" is forbidden: no PriorityClass with name gold was found')
    objects[2].pop("lastTimestamp")
    objects[2]["eventTime"] = ago(3)
    assert only(objects).code == "PriorityClassNotFound"
