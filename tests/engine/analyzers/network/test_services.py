"""Services that lead nowhere: selectors, ports, endpoints written by hand, aliases; and those that are fine."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import (
    NS,
    Raw,
    container,
    crash_loop,
    deployment,
    event,
    log_of,
    meta,
    namespace,
    node,
    pod,
    replicaset,
    running,
    service,
    view,
    workload,
)

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.dns import dns
from engine.analyzers.network.services import services
from engine.cluster.objects import Obj
from engine.cluster.source import NotRecorded
from engine.core.types import Finding, ObjectRef

Logs = dict[tuple[str, str, str, bool], list[str]]


def api(port: int = 8080, name: str = "api", **ports: Any) -> list[Raw]:
    """A ready workload that declares one port."""
    return workload(container("app", ports=[{"containerPort": port, "protocol": "TCP", **ports}]), statuses=[running()], name=name)


def caller(host: str, complaint: str = "", name: str = "shop") -> tuple[list[Raw], Logs]:
    """A ready workload whose setting names a host, and its log."""
    objects = workload(container("app", env=[{"name": "API_URL", "value": f"http://{host}/"}]), statuses=[running()], name=name)
    line = f'time=2031-05-04T11:00:00Z level=ERROR msg="call failed" err="{complaint}"'
    return objects, log_of(objects[2], "\n".join([line] * 6)) if complaint else {}


def only(*objects: Raw | list[Raw], logs: Logs | None = None, info: bool = False) -> Finding:
    found = [f for f in services(view(*objects, logs=logs)) if info or f.severity != "info"]
    assert len(found) == 1, [f.summary for f in found]
    return found[0]


def quiet(*objects: Raw | list[Raw], logs: Logs | None = None) -> bool:
    return [f for f in services(view(*objects, logs=logs)) if f.severity != "info"] == []


REFUSED = "dial tcp 10.96.0.50:80: connect: connection refused"


def test_a_service_that_matches_ready_pods_on_a_declared_port_is_fine() -> None:
    assert quiet(api(), service("api"))


def test_a_selector_with_another_value_is_told_with_the_labels_of_the_pods() -> None:
    finding = only(api(), service("api", {"app": "apii"}))
    assert finding.code == "ServiceSelectorMismatch"
    assert finding.object == ObjectRef("Service", NS, "api")
    assert finding.severity == "critical"
    assert "app=apii" in finding.summary
    assert "app=api" in finding.summary
    assert '"app":"api"' in finding.remedies[0].command


@pytest.mark.parametrize(("lost", "expected"), [("pods", []), ("deployments.apps", ["matches no pod (not every kind"])])
def test_what_cannot_be_seen_is_not_called_absent(lost: str, expected: list[str]) -> None:
    whole = view(api(), service("api", {"app": "other-name"} if lost == "deployments.apps" else {"app": "api"}))

    def fetch(resource: str, namespace: str | None) -> list[Obj]:
        if resource == lost:
            raise NotRecorded(f"the recording has no {resource}")
        return [] if resource == "pods" else whole.within(resource, namespace)

    seen = ClusterView(fetch, now=whole.now, namespace=NS)
    found = list(services(seen))
    assert len(found) == len(expected)
    assert all(words in f.summary for words, f in zip(expected, found, strict=True))


def test_a_selector_with_another_key_is_told_with_the_pods_labels() -> None:
    finding = only(api(), service("api", {"application": "api"}))
    assert "application=api" in finding.summary
    assert "no label application" in finding.summary


def test_a_selector_that_means_nothing_here_looks_into_other_namespaces() -> None:
    elsewhere = deployment("payments", labels={"app": "payments"}, ready=1, namespace="money")
    finding = next(iter(services(view(elsewhere, service("payments"), scope=None))))
    assert finding.code == "ServiceSelectorMismatch"
    assert "namespace money" in finding.summary


def test_a_workload_at_zero_is_the_object_for_those_who_call_it_and_no_fault_otherwise() -> None:
    idle = deployment("api", replicas=0)
    clients, logs = caller("api", REFUSED)
    finding = only(idle, service("api"), clients, logs=logs)
    assert finding.code == "ServiceWithoutPods"
    assert finding.object == ObjectRef("Deployment", NS, "api")
    assert "0 replicas" in finding.summary
    assert quiet(idle, service("api"))


def test_pods_that_are_not_ready_are_told_as_a_symptom() -> None:
    broken = workload(container(ports=[{"containerPort": 8080}]), statuses=[running(ready=False)], name="api")
    finding = only(broken, service("api"))
    assert finding.code == "ServiceNotReady"
    assert finding.severity == "warning"
    assert quiet(broken, service("api", publishNotReadyAddresses=True))


def test_a_target_port_that_the_log_contradicts_is_wrong() -> None:
    server = api()
    finding = only(server, service("api", target=8000), logs=log_of(server[2], "INFO server listening on 0.0.0.0:8080"))
    assert finding.code == "ServiceTargetPortMismatch"
    assert finding.severity == "critical"
    assert "targetPort 8000" in finding.summary
    assert "8080" in finding.summary
    assert '"value":8080' in finding.remedies[0].command


def test_a_target_port_that_clients_find_closed_is_wrong_and_their_words_are_cited() -> None:
    clients, logs = caller("api", REFUSED)
    finding = only(api(), service("api", target=8000), clients, logs=logs)
    assert finding.severity == "critical"
    assert "connection refused" in finding.summary
    assert any("connection refused" in e.excerpt for e in finding.evidence)


def test_an_undeclared_port_alone_is_only_suspicious_and_no_declaration_says_nothing() -> None:
    assert only(api(), service("api", target=8000)).severity == "warning"
    bare = workload(container(), statuses=[running()], name="api")
    assert quiet(bare, service("api", target=8000))
    both = [{"name": "web", "port": 80, "targetPort": 8080}, {"name": "metrics", "port": 9090, "targetPort": 9090}]
    assert quiet(api(), service("api", ports=both))


@pytest.mark.parametrize(
    "line",
    [
        "INFO listening on :8000",
        "Server started on port 8000",
        "Tomcat started on port(s): 8000 (http)",
        "Listening at: http://0.0.0.0:8000 (7)",
    ],
)
def test_a_port_that_the_log_says_is_served_is_right_whatever_is_declared(line: str) -> None:
    server = api()
    assert quiet(server, service("api", target=8000), logs=log_of(server[2], line))


def test_a_named_target_port_must_exist_in_the_pods() -> None:
    server = workload(container(ports=[{"containerPort": 8080, "name": "http"}]), statuses=[running()], name="api")
    assert quiet(server, service("api", target="http"))
    finding = only(server, service("api", target="htp"))
    assert finding.code == "ServiceTargetPortMismatch"
    assert "did you mean http?" in finding.summary


def test_another_protocol_on_the_same_port_is_told_but_not_where_both_are_served() -> None:
    ports = [{"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"}]
    finding = only(api(53), service("api", ports=ports))
    assert finding.code == "ServiceProtocolMismatch"
    assert "UDP" in finding.summary
    assert quiet(api(53), service("api", ports=[*ports, {"name": "tcp", "port": 53, "targetPort": 53, "protocol": "TCP"}]))


def test_a_client_that_calls_a_port_the_service_does_not_have_is_the_one_to_mend() -> None:
    clients, logs = caller("api:8080", "dial tcp 10.96.0.50:8080: i/o timeout")
    finding = only(api(), service("api"), clients, logs=logs)
    assert finding.code == "ServicePortNotFound"
    assert finding.object == ObjectRef("Deployment", NS, "shop")
    assert "on port 8080" in finding.summary
    assert "clients use port 80" in finding.summary
    assert quiet(api(), service("api"), caller("api:80")[0])
    assert quiet(api(), service("api"), caller("api:8080")[0]), "a client without complaint is left alone"


def test_a_headless_service_does_not_translate_its_port() -> None:
    server = api()
    clients, logs = caller("api:80", "dial tcp 10.1.0.7:80: connect: connection refused")
    server[2]["status"]["podIP"] = "10.1.0.7"
    finding = only(server, service("api", ip="None"), clients, logs=logs)
    assert finding.code == "HeadlessPortNotTranslated"
    assert "8080" in finding.summary


def test_a_selector_that_takes_in_pods_without_the_port_is_too_broad() -> None:
    first = workload(container(ports=[{"containerPort": 8080}]), statuses=[running()], name="api")
    second = workload(container(ports=[{"containerPort": 9999}]), statuses=[running()], name="job")
    for objects in (first, second):
        objects[2]["metadata"]["labels"]["team"] = "a"
        objects[0]["spec"]["template"]["metadata"]["labels"]["team"] = "a"
    finding = only(first, second, service("api", {"team": "a"}))
    assert finding.code == "ServiceSelectorTooBroad"
    assert "Deployment/job" in finding.summary


def bare_service(name: str = "db", **port: Any) -> Raw:
    raw = service(name, port=5432, target=5432)
    raw["spec"].pop("selector")
    raw["spec"]["ports"][0].update(port)
    return raw


def slice_of(name: str, address: str, port: int = 5432, port_name: str = "") -> Raw:
    labels = {"kubernetes.io/service-name": name}
    return {
        "kind": "EndpointSlice",
        "metadata": meta(f"{name}-1", labels=labels),
        "endpoints": [{"addresses": [address]}],
        "ports": [{"name": port_name, "port": port, "protocol": "TCP"}],
    }


def test_a_service_without_selector_needs_endpoints_by_hand() -> None:
    clients, logs = caller("db:5432", "dial tcp 10.96.0.50:5432: connect: connection refused")
    finding = only(bare_service(), clients, logs=logs)
    assert finding.code == "ServiceWithoutEndpoints"
    assert finding.severity == "critical"
    assert "no selector" in finding.summary
    assert quiet(bare_service(), slice_of("db", "192.0.2.10"), caller("db:5432")[0])


def test_endpoints_by_hand_that_name_a_gone_pod_or_another_port_name_are_told() -> None:
    living = pod("other", owner=None, status={"podIP": "10.1.0.9"})
    clients, logs = caller("db:5432", "dial tcp 10.96.0.50:5432: i/o timeout")
    stale = only(bare_service(), slice_of("db", "10.1.0.77"), living, clients, logs=logs)
    assert stale.code == "StaleEndpoints"
    assert "10.1.0.77" in stale.summary
    named = only(bare_service(), slice_of("db", "192.0.2.10", port_name="pg"))
    assert named.code == "EndpointPortNameMismatch"


def external(target: str) -> Raw:
    raw = service("ext")
    raw["spec"] = {"type": "ExternalName", "externalName": target}
    return raw


def test_an_alias_of_a_service_that_does_not_exist_is_told_with_the_near_miss() -> None:
    finding = only(external(f"databse.{NS}.svc.cluster.local"), api(name="database"), service("database"))
    assert finding.code == "ExternalNameNotFound"
    assert "databse" in finding.summary
    assert "did you mean database?" in finding.summary
    assert quiet(external(f"database.{NS}.svc.cluster.local"), api(name="database"), service("database"))


def test_a_name_that_does_not_resolve_is_explained_by_the_alias_behind_it() -> None:
    clients = workload(container(env=[{"name": "API_URL", "value": "http://ext/"}]), statuses=[crash_loop()], name="shop")
    logs = log_of(clients[2], 'level=fatal err="dial tcp: lookup ext on 10.96.0.10:53: no such host"', previous=True)
    made = view(external(f"databse.{NS}.svc.cluster.local"), api(name="database"), service("database"), clients, logs=logs)
    by_code = {f.code: f for f in check(made).findings}
    assert by_code["ExternalNameNotFound"].id in by_code["NameNotResolved"].causes


@pytest.mark.parametrize("target", ["https://api.example.com", "192.0.2.7", "api.example.com:443"])
def test_an_alias_that_is_no_host_name_is_invalid(target: str) -> None:
    finding = only(external(target))
    assert finding.code == "ExternalNameInvalid"
    assert target in finding.summary


def test_an_alias_outside_is_a_fault_only_when_clients_fail() -> None:
    assert quiet(external("api.example.com"))
    clients, logs = caller("ext", "dial tcp: lookup ext on 10.96.0.10:53: no such host")
    finding = only(external("api.exmple.invalid"), clients, logs=logs)
    assert finding.code == "ExternalNameUnreachable"
    assert "api.exmple.invalid" in finding.summary


def test_a_load_balancer_without_an_address_says_what_its_controller_says() -> None:
    waiting = service("api", type="LoadBalancer")
    assert only(api(), waiting).code == "LoadBalancerPending"
    failing = only(api(), waiting, event(waiting, "SyncLoadBalancerFailed", "Error syncing load balancer: quota EXTERNAL_IP exceeded"))
    assert "quota EXTERNAL_IP exceeded" in failing.summary
    assert failing.severity == "critical"
    assert quiet(api(), {**waiting, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})


def dns_of(*objects: Raw | list[Raw], logs: Logs | None = None) -> list[Finding]:
    return [f for f in dns(view(*objects, logs=logs)) if f.severity != "info"]


def coredns(ready: bool = True, replicas: int = 1) -> list[Raw]:
    labels = {"k8s-app": "kube-dns"}
    server = service("kube-dns", labels, port=53, target=53, namespace="kube-system", ip="10.96.0.10")
    server["metadata"]["labels"] = labels
    objects = [server, deployment("coredns", labels=labels, namespace="kube-system", replicas=replicas, ready=int(ready))]
    if replicas:
        pods = pod("coredns-1", statuses=[running(ready=ready)], namespace="kube-system", labels=labels, owner=("ReplicaSet", "coredns-x"))
        objects += [pods, replicaset("coredns-x", "coredns", "kube-system")]
    return objects


@pytest.mark.parametrize(("ready", "replicas"), [(False, 1), (False, 0)])
def test_a_cluster_dns_that_does_not_serve_is_told_to_every_namespace(ready: bool, replicas: int) -> None:
    found = dns_of(coredns(ready, replicas), api())
    assert [f.code for f in found] == ["ClusterDnsDown"]
    assert found[0].object == ObjectRef("Deployment", "kube-system", "coredns")
    assert ("0 replicas" in found[0].summary) is (replicas == 0)
    assert dns_of(coredns(), api()) == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"dnsPolicy": "Default"}, "dnsPolicy Default"),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.53"]}}, "192.0.2.53"),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, "host's network"),
    ],
)
def test_dns_settings_that_lead_past_the_cluster_are_told_when_names_fail(spec: Raw, words: str) -> None:
    clients, logs = caller("api.lab.svc.cluster.local", "dial tcp: lookup api.lab.svc.cluster.local on 192.0.2.53:53: no such host")
    clients[2]["spec"].update(spec)
    found = dns_of(coredns(), api(), service("api"), clients, logs=logs)
    assert [f.code for f in found] == ["DnsPolicyBypassesCluster"]
    assert words in found[0].summary
    assert found[0].severity == "critical"
    fine, _ = caller("api.lab.svc.cluster.local")
    assert dns_of(coredns(), api(), service("api"), fine) == []


def test_a_node_and_a_namespace_alone_have_no_network_faults() -> None:
    assert quiet(node(), namespace())


def test_openshifts_dns_is_found_where_it_lives() -> None:
    dns_default = service("dns-default", {"dns": "default"}, port=53, target=5353, namespace="openshift-dns")
    other = service("metrics", namespace="kube-system")
    assert "DnsServiceMissing" not in {f.code for f in dns(view(dns_default, other, scope=None))}
    assert "DnsServiceMissing" in {f.code for f in dns(view(other, scope=None))}
