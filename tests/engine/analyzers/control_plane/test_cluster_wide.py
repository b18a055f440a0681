"""Deletions that hang, APIs that are down, custom resources nobody acts on, certificates, control plane, hygiene."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from fakes.manifests import NOW, NS, Raw, ago, config_map, container, deployment, event, meta, service, view, waiting, workload

from engine.analyzers.check import check
from engine.analyzers.control_plane.api_extensions import apiservices, certificate_requests, control_plane
from engine.analyzers.control_plane.certificates import certificates, validities
from engine.analyzers.control_plane.namespaces import deletions, namespaces
from engine.analyzers.control_plane.security import hygiene, rbac_hygiene
from engine.analyzers.custom.resources import custom_resources
from engine.core.types import ObjectRef


def ending(conditions: list[Raw] | None = None, seconds: float = 600, **metadata: Any) -> Raw:
    body = {**meta(NS, "", **metadata), "deletionTimestamp": ago(seconds)}
    return {
        "kind": "Namespace",
        "metadata": body,
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Terminating", "conditions": conditions or []},
    }


def says(kind: str, message: str, status: str = "True", reason: str = "Because") -> Raw:
    return {"type": kind, "status": status, "reason": reason, "message": message}


REMAINING = [
    says("NamespaceContentRemaining", "Some resources are remaining: configmaps. has 1 resource instances"),
    says(
        "NamespaceFinalizersRemaining", "Some content in the namespace has finalizers remaining: example.com/hook in 1 resource instances"
    ),
]


def test_a_namespace_names_the_object_whose_finalizer_keeps_it() -> None:
    held = config_map("state", {})
    held["metadata"].update(finalizers=["example.com/hook"], deletionTimestamp=ago(500))
    found = list(namespaces(view(ending(REMAINING), held)))
    assert [f.object for f in found] == [ObjectRef("ConfigMap", NS, "state")]
    assert found[0].owner == ObjectRef("Namespace", "", NS)
    assert "example.com/hook" in found[0].summary
    assert "patch configmap state" in found[0].remedies[0].command


def test_a_custom_resource_that_the_condition_names_is_looked_up() -> None:
    held = {"kind": "Widget", "metadata": meta("w1", finalizers=["widgets.example.com/free"], deletionTimestamp=ago(500))}
    base = view(ending([says("NamespaceContentRemaining", "Some resources are remaining: widgets. has 1 resource instances")]), held)
    found = list(namespaces(base))
    assert found[0].object == ObjectRef("Widget", NS, "w1")


def test_where_the_object_cannot_be_seen_the_condition_is_told() -> None:
    found = list(namespaces(view(ending(REMAINING))))
    assert found[0].object == ObjectRef("Namespace", "", NS)
    assert "example.com/hook" in found[0].summary


def broken_api(service_ns: str = "metrics") -> Raw:
    return {
        "kind": "APIService",
        "metadata": meta("v1.things.example.com", ""),
        "spec": {"group": "things.example.com", "version": "v1", "service": {"name": "things", "namespace": service_ns}},
        "status": {"conditions": [says("Available", 'service/things in "metrics" is not present', "False", "ServiceNotFound")]},
    }


def test_a_dead_api_that_keeps_a_namespace_from_ending_is_the_object_and_the_cause() -> None:
    failure = [
        says(
            "NamespaceDeletionDiscoveryFailure",
            "Discovery failed for some groups, 1 failing: things.example.com/v1: stale GroupVersion discovery",
            reason="DiscoveryFailed",
        )
    ]
    found = list(namespaces(view(ending(failure), broken_api())))
    assert found[0].object == ObjectRef("APIService", "", "v1.things.example.com")
    assert found[0].causes == ("APIServiceUnavailable/APIService//v1.things.example.com",)


def test_a_finalizer_is_named_before_a_dead_api_that_blocks_every_namespace() -> None:
    held = config_map("state", {})
    held["metadata"].update(finalizers=["example.com/hook"], deletionTimestamp=ago(500))
    failure = says("NamespaceDeletionDiscoveryFailure", "Discovery failed for some groups", reason="DiscoveryFailed")
    found = list(namespaces(view(ending([failure, *REMAINING]), held, broken_api())))
    assert found[0].object == ObjectRef("ConfigMap", NS, "state")
    assert "v1.things.example.com is unavailable" in found[0].summary


def test_living_namespaces_and_those_just_deleted_are_quiet() -> None:
    assert list(namespaces(view(deployment()))) == []
    assert list(namespaces(view(ending(seconds=3)))) == []


def test_an_object_that_a_finalizer_keeps_is_told() -> None:
    held = service("edge")
    held["metadata"].update(finalizers=["service.kubernetes.io/load-balancer-cleanup"], deletionTimestamp=ago(500))
    found = list(deletions(view(held)))
    assert [f.code for f in found] == ["DeletionBlocked"]
    assert "load-balancer-cleanup" in found[0].summary
    fresh = service("new")
    fresh["metadata"].update(finalizers=["a/b"], deletionTimestamp=ago(5))
    assert list(deletions(view(fresh))) == []


def test_a_dead_api_is_critical_for_the_cluster_and_noted_in_a_namespace_it_does_not_touch() -> None:
    whole = list(apiservices(view(broken_api(), scope=None)))
    assert [(f.code, f.severity) for f in whole] == [("APIServiceUnavailable", "critical")]
    assert "is not present" in whole[0].summary
    assert [f.severity for f in apiservices(view(broken_api()))] == ["info"]
    fine = {**broken_api(), "status": {"conditions": [says("Available", "", "True", "Passed")]}}
    assert list(apiservices(view(fine, scope=None))) == []


def test_a_dead_api_points_to_its_service() -> None:
    found = list(
        apiservices(
            view(broken_api(), service("things", namespace="metrics"), deployment("things", namespace="metrics", replicas=0), scope=None)
        )
    )
    assert found[0].causes == ("ServiceWithoutPods/Deployment/metrics/things/things",)


def crd(established: str = "True", status: bool = True) -> Raw:
    version = {"name": "v1", "subresources": {"status": {}}} if status else {"name": "v1"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"}, "versions": [version]}
    return {
        "kind": "CustomResourceDefinition",
        "metadata": meta("widgets.example.com", ""),
        "spec": spec,
        "status": {"conditions": [says("Established", "not yet", established)]},
    }


def widget(name: str = "w1", seconds: float = 900, **status: Any) -> Raw:
    raw = {"kind": "Widget", "metadata": meta(name), "spec": {"size": 3}, **({"status": status} if status else {})}
    raw["metadata"]["creationTimestamp"] = ago(seconds)
    return raw


def seen(*objects: Raw) -> list[tuple[str, str]]:
    held = view(*objects)
    return [(f.code, f.summary) for f in custom_resources(held)]


def test_custom_resources_without_any_status_have_no_controller() -> None:
    found = seen(crd(), widget())
    assert [code for code, _ in found] == ["NoController"]
    assert "no controller for example.com" in found[0][1]
    idle = deployment("example-operator", replicas=0)
    assert "scaled to 0 replicas" in seen(crd(), widget(), idle)[0][1]


@pytest.mark.parametrize(
    "objects",
    [
        [crd(), widget(phase="Done")],
        [crd(), widget(seconds=5)],
        [crd()],
        [crd(status=False), widget(), deployment("example-operator", ready=1)],
    ],
)
def test_custom_resources_that_somebody_acts_on_or_that_have_no_status_are_quiet(objects: list[Raw]) -> None:
    assert seen(*objects) == []


def test_a_controller_that_left_an_event_is_there() -> None:
    assert seen(crd(), widget(), event(widget(), "Queued", "in line", kind="Normal")) == []


def test_a_custom_resource_whose_controller_reports_a_failure_is_quoted() -> None:
    found = seen(crd(), widget(conditions=[says("Ready", "quota of the tenant is used up", "False", "Quota")]))
    assert found[0][0] == "CustomResourceNotReady"
    assert "quota of the tenant is used up" in found[0][1]


def test_a_secret_that_a_custom_resource_should_have_made_is_explained_by_it() -> None:
    wants = container(env=[{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "made-later", "key": "k"}}}])
    pending = workload(wants, statuses=[waiting("CreateContainerConfigError", 'secret "made-later" not found')], phase="Pending")
    order = widget()
    order["spec"] = {"secretName": "made-later"}
    held = view(crd(), order, pending)
    by_code = {f.code: f for f in check(held).findings}
    assert by_code["MissingSecret"].causes == (by_code["NoController"].id,)


def test_a_definition_that_is_not_established_is_told() -> None:
    assert [code for code, _ in seen(crd("False"))] == ["CrdNotEstablished"]


def csr(conditions: list[Raw] | None = None, certificate: str = "", seconds: float = 900) -> Raw:
    raw = {
        "kind": "CertificateSigningRequest",
        "metadata": meta("csr-1", ""),
        "spec": {"username": "system:node:node-b", "signerName": "kubernetes.io/kubelet-serving"},
        "status": {"conditions": conditions or [], "certificate": certificate},
    }
    raw["metadata"]["creationTimestamp"] = ago(seconds)
    return raw


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (csr(), "CsrPending"),
        (csr([says("Denied", "unknown node")]), "CsrDenied"),
        (csr([says("Approved", "ok")]), "CsrNotIssued"),
    ],
)
def test_certificate_requests_that_hang_are_told(raw: Raw, code: str) -> None:
    found = list(certificate_requests(view(raw, scope=None)))
    assert [(f.code, f.severity) for f in found] == [(code, "warning")]
    assert "node-b" in found[0].summary


def test_certificate_requests_that_are_done_or_fresh_are_quiet() -> None:
    assert list(certificate_requests(view(csr([says("Approved", "ok")], "PEM"), scope=None))) == []
    assert list(certificate_requests(view(csr(seconds=5), scope=None))) == []


def lease(name: str, seconds: float) -> Raw:
    return {
        "kind": "Lease",
        "metadata": meta(name, "kube-system"),
        "spec": {"renewTime": ago(seconds), "leaseDurationSeconds": 15, "holderIdentity": "cp-1"},
    }


def test_a_leader_that_stopped_renewing_its_lease_does_not_run() -> None:
    found = list(control_plane(view(lease("kube-scheduler", 900), lease("kube-controller-manager", 2), scope=None)))
    assert [f.code for f in found] == ["LeaderSilent"]
    assert "kube-scheduler is not running" in found[0].summary


def test_an_unhealthy_component_is_quoted() -> None:
    sick = {
        "kind": "ComponentStatus",
        "metadata": {"name": "etcd-0"},
        "conditions": [{"type": "Healthy", "status": "False", "message": "dial tcp 127.0.0.1:2379: connect: connection refused"}],
    }
    held = view(sick, scope=None)
    fetch = held._fetch
    held._fetch = lambda resource, where: fetch("componentstatuss" if resource == "componentstatuses" else resource, where)
    assert ["etcd-0" in f.summary and "2379" in f.summary for f in control_plane(held)] == [True]


def test_a_scheduler_that_the_api_server_does_not_find_on_its_own_host_is_no_fault() -> None:
    """Where scheduler and API server have hosts of their own, as in managed clusters, ComponentStatus always says so."""
    away = {
        "kind": "ComponentStatus",
        "metadata": {"name": "scheduler"},
        "conditions": [{"type": "Healthy", "status": "False", "message": "Get https://127.0.0.1:10259/healthz: connection refused"}],
    }
    held = view(away, lease("kube-scheduler", 2), scope=None)
    fetch = held._fetch
    held._fetch = lambda resource, where: fetch("componentstatuss" if resource == "componentstatuses" else resource, where)
    assert list(control_plane(held)) == []


# --- certificates --------------------------------------------------------------------------------


def asn1(tag: int, body: bytes) -> bytes:
    size = len(body)
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")) + body


def pem(first: datetime, last: datetime, *, general: bool = False) -> str:
    """A certificate's frame with nothing but its dates: what a reader of the validity has to walk through."""
    dates = b"".join(
        asn1(0x18 if general else 0x17, f"{d:{'%Y%m%d%H%M%SZ' if general else '%y%m%d%H%M%SZ'}}".encode()) for d in (first, last)
    )
    filler = asn1(0x30, b"\x05\x00" * 70)
    tbs = asn1(0x30, asn1(0xA0, asn1(0x02, b"\x02")) + asn1(0x02, b"\x11" * 16) + filler + filler + asn1(0x30, dates) + filler)
    der = asn1(0x30, tbs + filler + asn1(0x03, b"\x00" * 256))
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("general", [True, False])
def test_the_dates_of_a_certificate_are_read(general: bool) -> None:
    first, last = NOW - timedelta(days=10), NOW + timedelta(days=80)
    found = validities(pem(first, last, general=general) * 2)
    assert [(v.not_before, v.not_after) for v in found] == [(first, last)] * 2


@pytest.mark.parametrize(
    "text",
    ["", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----"],
)
def test_what_is_no_certificate_is_left_out(text: str) -> None:
    assert validities(text) == []


@pytest.mark.parametrize(
    ("days", "code", "severity"),
    [
        ((-90, -1), "CertificateExpired", "critical"),
        ((-90, 5), "CertificateExpiresSoon", "warning"),
        ((1, 90), "CertificateNotYetValid", "critical"),
        ((-5, 90), None, None),
    ],
)
def test_a_tls_secret_whose_contents_are_given_is_judged_by_its_dates(
    days: tuple[int, int], code: str | None, severity: str | None
) -> None:
    value = base64.b64encode(pem(NOW + timedelta(days=days[0]), NOW + timedelta(days=days[1])).encode()).decode()
    raw = {"kind": "Secret", "metadata": meta("cert"), "type": "kubernetes.io/tls", "data": {"tls.crt": value}}
    assert [(f.code, f.severity) for f in certificates(view(raw))] == ([(code, severity)] if code else [])


def test_the_ca_bundle_of_a_webhook_expires_too() -> None:
    bundle = base64.b64encode(pem(NOW - timedelta(days=90), NOW - timedelta(days=2)).encode()).decode()
    raw = {
        "kind": "ValidatingWebhookConfiguration",
        "metadata": meta("guard", ""),
        "webhooks": [{"name": "g", "clientConfig": {"caBundle": bundle}}],
    }
    assert [f.code for f in certificates(view(raw, scope=None))] == ["CertificateExpired"]


# --- hygiene -------------------------------------------------------------------------------------


def test_hygiene_is_only_ever_noted_and_never_shows_a_secret() -> None:
    risky = container(
        "app",
        securityContext={"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}},
        env=[{"name": "DB_PASSWORD", "value": "hunter2"}],
    )
    found = list(
        hygiene(
            view(
                deployment(
                    "web", risky, pod_spec={"hostPID": True, "volumes": [{"name": "s", "hostPath": {"path": "/run/containerd.sock"}}]}
                )
            )
        )
    )
    assert {f.severity for f in found} == {"info"}
    assert {f.code for f in found} == {"RiskyPodTemplate", "SecretInVariable"}
    text = " ".join([f.summary + " ".join(e.excerpt for e in f.evidence) for f in found])
    assert "DB_PASSWORD" in text
    assert "hunter2" not in text
    assert list(hygiene(view(deployment("web", container(env=[{"name": "PASSWORD_FILE", "valueFrom": {}}]))))) == []


def test_an_account_with_all_rights_is_noted() -> None:
    admin = {
        "kind": "ClusterRoleBinding",
        "metadata": meta("all", ""),
        "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": NS}],
    }
    assert [(f.code, f.severity) for f in rbac_hygiene(view(admin))] == [("WildcardRights", "info")]
    system = {**admin, "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": "kube-system"}]}
    assert list(rbac_hygiene(view(system, scope=None))) == []


def test_a_recordings_certificates_are_judged_on_the_day_it_was_made() -> None:
    value = base64.b64encode(pem(NOW + timedelta(days=-200), NOW + timedelta(days=-100)).encode()).decode()
    held = view({"kind": "Secret", "metadata": meta("cert"), "type": "kubernetes.io/tls", "data": {"tls.crt": value}})
    assert [f.code for f in certificates(held)] == ["CertificateExpired"]
    held.moved = timedelta(days=150)
    assert [f.code for f in certificates(held)] == []
