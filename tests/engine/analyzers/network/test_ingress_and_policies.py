"""Ingresses that lead nowhere, and NetworkPolicies that stand between a client and its server."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import (
    NS,
    Raw,
    container,
    deployment,
    log_of,
    meta,
    namespace,
    pod,
    replicaset,
    running,
    secret,
    service,
    view,
    workload,
)

from engine.analyzers.network.ingress import ingresses
from engine.analyzers.network.network_policies import networkpolicies
from engine.core.types import Finding, ObjectRef

Logs = dict[tuple[str, str, str, bool], list[str]]


def ingress(
    name: str = "front",
    backend: str = "api",
    port: int | str = 80,
    class_name: str | None = "web",
    tls: str = "",
    host: str = "a.example",
    **metadata: Any,
) -> Raw:
    number = {"number": port} if isinstance(port, int) else {"name": port}
    spec: Raw = {
        "rules": [
            {
                "host": host,
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": backend, "port": number}}}]},
            }
        ]
    }
    if class_name:
        spec["ingressClassName"] = class_name
    if tls:
        spec["tls"] = [{"hosts": [host], "secretName": tls}]
    return {"kind": "Ingress", "metadata": meta(name, **metadata), "spec": spec, "status": {"loadBalancer": {}}}


def ingress_class(name: str = "web", default: bool = False) -> Raw:
    marks = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {"kind": "IngressClass", "metadata": meta(name, "", annotations=marks), "spec": {"controller": "k8s.io/ingress-nginx"}}


def controller(ready: bool = True) -> list[Raw]:
    image = "registry.k8s.io/ingress-nginx/controller:v1.12.1"
    return workload(
        container("controller", image), statuses=[running("controller", ready=ready)], name="ingress-controller", namespace="ingress"
    )


def api() -> list[Raw]:
    return [*workload(container(ports=[{"containerPort": 8080, "name": "http"}]), statuses=[running()], name="api"), service("api")]


def only(*objects: Raw | list[Raw]) -> Finding:
    found = [f for f in ingresses(view(*objects)) if f.severity != "info"]
    assert len(found) == 1, [f.summary for f in found]
    return found[0]


def test_an_ingress_with_class_controller_service_port_and_secret_is_fine() -> None:
    objects = [ingress(tls="cert"), ingress_class(), controller(), api(), secret("cert", "tls.crt", "tls.key", kind="kubernetes.io/tls")]
    assert list(ingresses(view(*objects))) == []


def test_a_backend_that_does_not_exist_is_told_with_the_near_miss() -> None:
    finding = only(ingress(backend="apii"), ingress_class(), controller(), api())
    assert finding.code == "IngressBackendNotFound"
    assert finding.object == ObjectRef("Ingress", NS, "front")
    assert "a.example/" in finding.summary
    assert "did you mean api?" in finding.summary
    assert "/spec/rules/0/http/paths/0/backend/service/name" in finding.remedies[0].command


def test_a_backend_that_lives_in_another_namespace_is_told() -> None:
    finding = only(ingress(backend="billing"), ingress_class(), controller(), service("billing", namespace="money"))
    assert "namespace money" in finding.summary


@pytest.mark.parametrize(("port", "words"), [(8080, "8080 is its targetPort"), ("https", "has only 80"), (443, "has only 80")])
def test_a_port_that_the_service_does_not_have_is_told(port: int | str, words: str) -> None:
    finding = only(ingress(port=port), ingress_class(), controller(), api())
    assert finding.code == "IngressBackendPortNotFound"
    assert words in finding.summary


def test_an_unknown_class_is_told_with_the_near_miss() -> None:
    finding = only(ingress(class_name="webb"), ingress_class(), controller(), api())
    assert finding.code == "IngressClassNotFound"
    assert "did you mean web?" in finding.summary


def test_no_class_is_a_fault_only_without_a_default() -> None:
    assert only(ingress(class_name=None), ingress_class(), controller(), api()).code == "IngressClassMissing"
    assert list(ingresses(view(ingress(class_name=None), ingress_class(default=True), controller(), api()))) == []


def test_a_class_whose_controller_is_absent_or_down_says_so() -> None:
    assert only(ingress(), ingress_class(), api()).code == "IngressControllerAbsent"
    down = only(ingress(), ingress_class(), api(), controller(ready=False))
    assert down.code == "IngressControllerDown"
    assert "namespace ingress" in down.summary


def test_a_tls_secret_that_is_missing_or_of_the_wrong_shape_is_told() -> None:
    missing = only(ingress(tls="cert"), ingress_class(), controller(), api(), secret("crt", "tls.crt", "tls.key"))
    assert missing.code == "IngressTlsSecretNotFound"
    assert missing.object == ObjectRef("Secret", NS, "cert")
    assert "did you mean crt?" in missing.summary
    wrong = only(ingress(tls="cert"), ingress_class(), controller(), api(), secret("cert", "cert.pem"))
    assert wrong.code == "IngressTlsSecretInvalid"
    assert "tls.crt and tls.key" in wrong.summary
    unseen = {"kind": "Secret", "metadata": meta("cert")}
    assert list(ingresses(view(ingress(tls="cert"), ingress_class(), controller(), api(), unseen))) == [], "only its metadata can be seen"


def test_an_ingress_whose_service_does_not_serve_points_to_the_service() -> None:
    broken = [*workload(container(ports=[{"containerPort": 8080}]), statuses=[running(ready=False)], name="api"), service("api")]
    finding = only(ingress(), ingress_class(), controller(), broken)
    assert finding.code == "IngressBackendUnavailable"
    assert finding.causes == (f"ServiceNotReady/Service/{NS}/api",)


def test_two_ingresses_that_claim_the_same_route_are_told() -> None:
    finding = only(ingress(), ingress("second"), ingress_class(), controller(), api())
    assert finding.code == "IngressRouteConflict"
    assert "front" in finding.summary


# --- NetworkPolicy -------------------------------------------------------------------------------


def policy(name: str, selector: Raw | None = None, ns: str = NS, **spec: Any) -> Raw:
    return {"kind": "NetworkPolicy", "metadata": meta(name, ns), "spec": {"podSelector": selector or {}, **spec}}


def server() -> list[Raw]:
    return [*workload(container(ports=[{"containerPort": 5432}]), statuses=[running()], name="db"), service("db", port=5432, target=5432)]


def client(ready: bool = True, complaint: str = "", ns: str = NS) -> tuple[list[Raw], Logs]:
    env = [{"name": "DB", "value": f"postgres://db.{NS}:5432/x"}]
    objects = workload(container(env=env), statuses=[running(ready=ready)], name="shop", namespace=ns)
    line = f'time=2031-05-04T11:00:00Z level=ERROR msg="connect failed" err="{complaint}"'
    return objects, log_of(objects[2], "\n".join([line] * 6)) if complaint else {}


TIMEOUT = "dial tcp 10.96.0.50:5432: i/o timeout"
MATCH_DB: Raw = {"matchLabels": {"app": "db"}}


def blocked(*policies: Raw, complaint: str = TIMEOUT, ready: bool = False, ns: str = NS, extra: list[Raw] | None = None) -> list[Finding]:
    objects, logs = client(ready, complaint, ns)
    return list(networkpolicies(view(server(), objects, list(policies), extra or [], logs=logs, scope=None)))


def test_a_policy_that_lets_nobody_in_is_named_with_the_client_and_its_time_out() -> None:
    found = blocked(policy("deny", MATCH_DB, policyTypes=["Ingress"]))
    assert [f.code for f in found] == ["NetworkPolicyBlocks"]
    assert found[0].object == ObjectRef("NetworkPolicy", NS, "deny")
    assert found[0].severity == "critical"
    assert all(word in found[0].summary for word in ["deny", "shop", "5432/TCP", "i/o timeout"])


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"from": [{"podSelector": {"matchLabels": {"app": "shopp"}}}]}, ["app=shopp", "app=shop"]),
        ({"from": [{"podSelector": {"matchLabels": {"app": "shop"}}}], "ports": [{"port": 5433}]}, ["5433/TCP", "5432/TCP"]),
        ({"from": [{"podSelector": {"matchLabels": {"app": "shop"}}}], "ports": [{"port": 5432, "protocol": "UDP"}]}, ["5432/UDP"]),
        ({"from": [{"namespaceSelector": {"matchLabels": {"team": "shop"}}, "podSelector": {}}]}, ["team=shop", "no such label"]),
        ({"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}, ["192.0.2.0/24"]),
    ],
)
def test_the_rule_that_comes_nearest_says_what_it_lacks(rule: Raw, words: list[str]) -> None:
    found = blocked(policy("allow-shop", MATCH_DB, ingress=[rule]))
    assert found[0].object.name == "allow-shop"
    assert all(word in found[0].summary for word in words)


def test_a_client_of_another_namespace_is_not_meant_by_a_pod_selector_alone() -> None:
    found = blocked(policy("allow-shop", MATCH_DB, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "shop"}}}]}]), ns="front")
    assert "pods of namespace lab only" in found[0].summary


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"from": [{"podSelector": {"matchLabels": {"app": "shop"}}}]},
        {
            "from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["shop"]}]}}],
            "ports": [{"port": 5000, "endPort": 6000}],
        },
        {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NS}}}], "ports": [{"port": 5432}]},
    ],
)
def test_a_rule_that_allows_the_connection_makes_the_policies_innocent(rule: Raw) -> None:
    allow = policy("allow", MATCH_DB, ingress=[rule])
    assert [f for f in blocked(policy("deny", policyTypes=["Ingress"]), allow) if f.severity != "info"] == []


def test_an_egress_policy_of_the_client_is_the_one_to_blame() -> None:
    egress = policy(
        "client-egress", {"matchLabels": {"app": "shop"}}, policyTypes=["Egress"], egress=[{"ports": [{"port": 53, "protocol": "UDP"}]}]
    )
    found = [f for f in blocked(egress) if f.code == "NetworkPolicyBlocks"]
    assert found[0].object.name == "client-egress"
    assert "egress" in found[0].summary


def test_a_policy_without_rules_and_types_isolates_for_ingress_only() -> None:
    assert [f for f in blocked(policy("odd", {"matchLabels": {"app": "shop"}})) if f.severity != "info"] == []


def test_without_any_sign_of_trouble_a_missing_rule_is_only_noted() -> None:
    found = blocked(policy("deny", MATCH_DB, policyTypes=["Ingress"]), complaint="", ready=True)
    assert {f.severity for f in found} == {"info"}


def dns_server() -> list[Raw]:
    labels = {"k8s-app": "kube-dns"}
    return [pod("coredns-1", statuses=[running()], namespace="kube-system", labels=labels, owner=None), namespace("kube-system")]


def test_egress_that_forgets_dns_is_told_by_the_lookups_that_fail() -> None:
    egress = policy(
        "only-db",
        {"matchLabels": {"app": "shop"}},
        policyTypes=["Egress"],
        egress=[{"to": [{"podSelector": MATCH_DB}], "ports": [{"port": 5432}]}],
    )
    failed = "dial tcp: lookup db.lab on 10.96.0.10:53: read udp 10.1.0.4:4242->10.96.0.10:53: i/o timeout"
    found = [f for f in blocked(egress, complaint=failed, extra=dns_server()) if f.severity == "critical"]
    assert [f.code for f in found] == ["NetworkPolicyBlocksDns"]
    assert found[0].object.name == "only-db"
    assert "port 53" in found[0].summary
    opened = {**egress, "spec": {**egress["spec"], "egress": [*egress["spec"]["egress"], {"ports": [{"port": 53, "protocol": "UDP"}]}]}}
    assert [f for f in blocked(opened, complaint=failed, extra=dns_server()) if f.code == "NetworkPolicyBlocksDns"] == []


def test_the_ingress_controller_must_be_let_in() -> None:
    objects = [ingress(), ingress_class(), controller(), api(), policy("deny", {"matchLabels": {"app": "api"}}, policyTypes=["Ingress"])]
    found = [f for f in networkpolicies(view(*objects)) if f.severity != "info"]
    assert [f.code for f in found] == ["NetworkPolicyBlocks"]
    assert "ingress-controller" in found[0].summary


def test_a_policy_that_selects_nothing_is_only_noted() -> None:
    found = list(networkpolicies(view(deployment(), replicaset(), pod(), policy("lost", {"matchLabels": {"app": "nobody"}}))))
    assert [(f.code, f.severity) for f in found] == [("NetworkPolicySelectsNothing", "info")]
