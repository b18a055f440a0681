"""Faults of Services, names, Ingresses and policies, in a lab with healthy neighbours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, obj, score
from fakes.manifests import NS, Raw, ago, crash_loop, deployment, running, service, waiting

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


def calls(url: str, log: str, lab: Lab | None = None, name: str = "CATALOG_URL", **fields: object) -> Lab:
    """`shopweb` runs but cannot reach what its environment names."""
    lab = lab or Lab()
    lab.app("shopweb", running(), env=[{"name": name, "value": url}], log=log, port=8080, **fields)  # type: ignore[arg-type]
    lab.add(service("shopweb"))
    return lab


def ports(*given: Raw) -> dict[str, list[Raw]]:
    return {"ports": list(given)}


@scenario
def named_port_that_no_pod_has() -> Scenario:
    lab = calls("http://catalog", 'ERROR Get "http://catalog/items": dial tcp 10.96.0.51:80: connect: connection refused')
    lab.app("catalog", ports=[{"name": "web", "containerPort": 8080}], log="listening on :8080")
    lab.add(service("catalog", target="http", ip="10.96.0.51"))
    return Scenario(
        lab, "the catalog service refuses connections, its pods are fine", "Service/catalog", ("\\bhttp\\b", "port", "web|named?")
    )


@scenario
def protocol_differs() -> Scenario:
    lab = Lab()
    lab.app("resolver", ports=[{"name": "dns", "containerPort": 5353, "protocol": "UDP"}])
    lab.add(service("resolver", **ports({"name": "dns", "port": 53, "targetPort": "dns", "protocol": "TCP"})))
    return Scenario(lab, "nobody can query resolver through its service", "Service/resolver", ("UDP", "TCP"))


@scenario
def external_name_with_a_typo() -> Scenario:
    lab = calls(
        "postgres://accounts:5432/x",
        'ERROR could not translate host name "accounts" to address: Name or service not known',
        name="DATABASE_URL",
    )
    lab.app("maria", ns="other", port=5432)
    lab.add(service("maria", port=5432, target=5432, namespace="other"))
    lab.add(obj("v1", "Service", "accounts", spec={"type": "ExternalName", "externalName": "mariaa.other.svc.cluster.local"}))
    return Scenario(lab, "shopweb cannot reach accounts", "Service/accounts", ("mariaa", "ExternalName"))


@scenario
def headless_service_called_on_the_service_port() -> Scenario:
    lab = calls("http://catalog:80", 'ERROR Get "http://catalog:80/items": dial tcp 10.244.1.9:80: connect: connection refused')
    lab.app("catalog", port=8080, log="listening on :8080")
    lab.add(service("catalog", port=80, target=8080, clusterIP="None"))
    return Scenario(lab, "shopweb gets connection refused from catalog", "Service/catalog", ("headless", "8080"))


def routed(
    lab: Lab, name: str = "public", host: str = "shop.acme.example", backend: str = "front", port: Raw | None = None, **spec: object
) -> Raw:
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": backend, "port": port or {"number": 80}}}}
    made = obj(
        "networking.k8s.io/v1",
        "Ingress",
        name,
        spec={"rules": [{"host": host, "http": {"paths": [path]}}], **spec},
        status={"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}]}},
    )
    lab.add(made)
    return made


def with_controller(lab: Lab) -> Lab:
    lab.add(obj("networking.k8s.io/v1", "IngressClass", "nginx", "", spec={"controller": "k8s.io/ingress-nginx"}))
    lab.app(
        "ingress-nginx-controller",
        ns="kube-system",
        image="registry.k8s.io/ingress-nginx/controller:v1.14.0",
        labels={"app.kubernetes.io/name": "ingress-nginx"},
        args=["/nginx-ingress-controller", "--controller-class=k8s.io/ingress-nginx"],
    )
    return lab


@scenario
def ingress_class_that_does_not_exist() -> Scenario:
    lab = with_controller(Lab())
    routed(lab, ingressClassName="ngnix")["status"] = {"loadBalancer": {}}
    return Scenario(lab, "shop.acme.example gives 404", "Ingress/public", ("ngnix", "class"))


@scenario
def no_ingress_controller_runs() -> Scenario:
    lab = Lab()
    lab.add(obj("networking.k8s.io/v1", "IngressClass", "traefik", "", spec={"controller": "traefik.io/ingress-controller"}))
    routed(lab, ingressClassName="traefik")["status"] = {"loadBalancer": {}}
    return Scenario(lab, "the ingress public never gets an address", "Ingress/public", ("controller", "traefik"))


@scenario
def ingress_tls_secret_missing() -> Scenario:
    lab = with_controller(Lab())
    routed(lab, ingressClassName="nginx", tls=[{"hosts": ["shop.acme.example"], "secretName": "shop-tls"}])
    return Scenario(
        lab, "shop.acme.example shows a fake certificate", "Secret/shop-tls", ("shop-tls", "not (exist|found)|missing|does ?n.t exist")
    )


@scenario
def ingress_port_that_the_service_has_not() -> Scenario:
    lab = with_controller(Lab())
    routed(lab, ingressClassName="nginx", port={"number": 8081})
    return Scenario(lab, "shop.acme.example answers 503", "Ingress/public", ("8081", "front"))


@scenario
def two_ingresses_for_one_host() -> Scenario:
    lab = with_controller(Lab())
    first = routed(lab, ingressClassName="nginx")
    first["metadata"]["creationTimestamp"] = ago(90000)
    routed(lab, "public-new", ingressClassName="nginx", backend="ledger")
    return Scenario(
        lab,
        "shop.acme.example goes to the old app although public-new routes it to ledger",
        "Ingress/public-new",
        ("public\\b", "shop\\.acme\\.example", "same|both|two|already|also|claims too"),
    )


@scenario
def ingress_to_a_service_without_ready_pods() -> Scenario:
    lab = with_controller(Lab())
    routed(lab, ingressClassName="nginx", backend="cart")
    lab.add(deployment("cart", replicas=0), service("cart"))
    return Scenario(lab, "shop.acme.example gives 503", "Deployment/cart", ("cart", "scaled (down )?to (0|zero)|replicas|zero"))


def policy(name: str, selects: dict[str, str], types: tuple[str, ...], ns: str = NS, **rules: object) -> Raw:
    return obj(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        ns,
        spec={"podSelector": {"matchLabels": selects} if selects else {}, "policyTypes": list(types), **rules},
    )


@scenario
def egress_policy_forgets_dns() -> Scenario:
    lab = calls("http://catalog", "ERROR getaddrinfo EAI_AGAIN catalog")
    lab.app("catalog", port=8080)
    lab.add(service("catalog"))
    lab.add(
        policy(
            "shopweb-egress",
            {"app": "shopweb"},
            ("Egress",),
            egress=[{"to": [{"podSelector": {"matchLabels": {"app": "catalog"}}}], "ports": [{"port": 8080}]}],
        )
    )
    return Scenario(lab, "shopweb cannot resolve catalog", "NetworkPolicy/shopweb-egress", ("shopweb-egress", "DNS|port 53|\\b53\\b"))


@scenario
def egress_policy_forgets_the_database() -> Scenario:
    lab = calls("postgres://pgmain:5432/shop", "ERROR dial tcp 10.96.0.77:5432: i/o timeout", name="DATABASE_URL")
    lab.app("pgmain", port=5432, image="postgres:16")
    lab.add(service("pgmain", port=5432, target=5432, ip="10.96.0.77"))
    dns = {"to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    lab.add(policy("only-dns", {"app": "shopweb"}, ("Egress",), egress=[dns]))
    return Scenario(lab, "shopweb times out talking to the database", "NetworkPolicy/only-dns", ("only-dns", "egress|pgmain|5432"))


@scenario
def ingress_policy_names_another_label() -> Scenario:
    lab = calls("http://catalog", 'ERROR Get "http://catalog/items": context deadline exceeded (dial tcp 10.96.0.51:80: i/o timeout)')
    lab.app("catalog", port=8080)
    lab.add(service("catalog", ip="10.96.0.51"))
    lab.add(
        policy("catalog-in", {"app": "catalog"}, ("Ingress",), ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "shop-web"}}}]}])
    )
    return Scenario(lab, "shopweb times out on catalog", "NetworkPolicy/catalog-in", ("catalog-in", "shop-web|shopweb"))


@scenario
def ingress_policy_of_another_namespace() -> Scenario:
    lab = calls("http://rates.other:80", 'ERROR Get "http://rates.other:80/": dial tcp 10.96.0.52:80: i/o timeout')
    lab.app("rates", ns="other", port=8080)
    lab.add(service("rates", namespace="other", ip="10.96.0.52"))
    lab.add(policy("same-namespace-only", {}, ("Ingress",), "other", ingress=[{"from": [{"podSelector": {}}]}]))
    return Scenario(
        lab, "shopweb cannot reach rates in namespace other", "NetworkPolicy/same-namespace-only", ("same-namespace-only", "rates|other")
    )


@scenario
def ingress_policy_allows_another_port() -> Scenario:
    lab = calls("http://catalog", 'ERROR Get "http://catalog/items": dial tcp 10.96.0.51:80: i/o timeout')
    lab.app("catalog", port=8080)
    lab.add(service("catalog", ip="10.96.0.51"))
    lab.add(
        policy(
            "catalog-in",
            {"app": "catalog"},
            ("Ingress",),
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "shopweb"}}}], "ports": [{"port": 80, "protocol": "TCP"}]}],
        )
    )
    return Scenario(lab, "shopweb times out on catalog", "NetworkPolicy/catalog-in", ("catalog-in", "\\b80\\b", "8080"))


@scenario
def cluster_dns_does_not_run() -> Scenario:
    lab = Lab(dns=False)
    lab.add(deployment("coredns", replicas=0, namespace="kube-system", labels={"k8s-app": "kube-dns"}))
    calls("http://front", "ERROR lookup front on 10.96.0.10:53: read udp 10.244.1.3:40000->10.96.0.10:53: read: connection refused", lab)
    return Scenario(lab, "shopweb fails with dns errors", "Deployment/coredns", ("coredns|kube-dns", "scaled|0|zero|no ready"))


@scenario
def cluster_dns_misconfigured() -> Scenario:
    lab = Lab(dns=False)
    lab.app(
        "coredns",
        crash_loop(),
        ns="kube-system",
        labels={"k8s-app": "kube-dns"},
        image="registry.k8s.io/coredns/coredns:v1.12.1",
        log="/etc/coredns/Corefile:7 - Error during parsing: Unknown directive 'forwrd'",
    )
    calls("http://front", "ERROR lookup front on 10.96.0.10:53: read udp 10.244.1.3:40000->10.96.0.10:53: i/o timeout", lab)
    return Scenario(lab, "shopweb cannot look up names", "Deployment/coredns", ("coredns|Corefile", "forwrd"))


@scenario
def pod_with_its_own_name_server() -> Scenario:
    lab = calls("http://front", "ERROR getaddrinfo ENOTFOUND front", spec={"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}})
    return Scenario(lab, "shopweb does not find front", "Deployment/shopweb", ("dnsPolicy|dnsConfig|nameserver", "None|1\\.1\\.1\\.1"))


@scenario
def service_of_another_namespace_by_its_short_name() -> Scenario:
    lab = calls("http://rates:80", 'ERROR Get "http://rates:80/": dial tcp: lookup rates on 10.96.0.10:53: no such host')
    lab.app("rates", ns="other", port=8080)
    lab.add(service("rates", namespace="other"))
    return Scenario(lab, "shopweb can't find rates", "Deployment/shopweb", ("rates", "namespace other|rates\\.other|other"))


@scenario
def client_uses_the_container_port() -> Scenario:
    lab = calls("http://catalog:8080", 'ERROR Get "http://catalog:8080/items": dial tcp 10.96.0.51:8080: connect: connection refused')
    lab.app("catalog", port=8080)
    lab.add(service("catalog", port=80, target=8080, ip="10.96.0.51"))
    return Scenario(lab, "shopweb cannot reach catalog", "Deployment/shopweb", ("8080", "\\b80\\b", "catalog"))


@scenario
def two_programs_behind_one_selector() -> Scenario:
    lab = Lab()
    lab.app("catalog", labels={"app": "catalog"}, port=8080, log="listening on :8080")
    lab.app("catalog-worker", labels={"app": "catalog", "role": "worker"}, log="consuming queue", image="registry.example/worker:1")
    lab.add(service("catalog"))
    calls("http://catalog", 'ERROR Get "http://catalog/items": dial tcp 10.96.0.50:80: connect: connection refused', lab)
    return Scenario(lab, "every second request to catalog is refused", "Service/catalog", ("catalog-worker", "selector|selects|label"))


@scenario
def load_balancer_without_a_provider() -> Scenario:
    lab = Lab()
    lab.app("catalog", port=8080)
    made = service("catalog", type="LoadBalancer")
    made["status"] = {"loadBalancer": {}}
    lab.add(made)
    return Scenario(lab, "catalog has no external IP, it says pending", "Service/catalog", ("LoadBalancer", "external|pending|address"))


@scenario
def only_unready_pods_behind_the_service() -> Scenario:
    lab = calls("http://catalog", "ERROR 503 Service Unavailable from http://catalog")
    made = lab.app(
        "catalog", running(ready=False), port=8080, readinessProbe={"exec": {"command": ["/bin/ready"]}}, log="WARN cache is warming: 2%"
    )
    lab.say(made, ("Unhealthy", "Readiness probe failed: not warmed up"), container="app")
    lab.add(service("catalog"))
    return Scenario(lab, "shopweb gets 503 from catalog", "Deployment/catalog", ("readiness", "not warmed up|/bin/ready"))


@scenario
def service_without_a_selector_or_endpoints() -> Scenario:
    lab = calls("http://legacy-crm", 'ERROR Get "http://legacy-crm": dial tcp 10.96.0.61:80: connect: connection refused')
    made = service("legacy-crm", ip="10.96.0.61")
    del made["spec"]["selector"]
    lab.add(made)
    return Scenario(lab, "shopweb cannot reach legacy-crm", "Service/legacy-crm", ("selector", "endpoint"))


@scenario
def selector_with_one_label_too_many() -> Scenario:
    lab = calls("http://catalog", 'ERROR Get "http://catalog/items": dial tcp 10.96.0.51:80: connect: connection refused')
    lab.app("catalog", port=8080, labels={"app": "catalog", "version": "v2"})
    lab.add(service("catalog", {"app": "catalog", "version": "v1"}, ip="10.96.0.51"))
    return Scenario(lab, "shopweb cannot reach catalog", "Service/catalog", ("version", "v1", "selector"))


@scenario
def port_without_a_listener_behind_a_correct_looking_service() -> Scenario:
    lab = calls("http://catalog", 'ERROR Get "http://catalog/items": dial tcp 10.96.0.51:80: connect: connection refused')
    lab.app("catalog", ports=[], log=" * Running on http://127.0.0.1:5000")
    lab.add(service("catalog", target=5000, ip="10.96.0.51"))
    return Scenario(lab, "shopweb is refused by catalog", "Deployment/catalog", ("127\\.0\\.0\\.1|loopback|localhost",))


@scenario
def call_waits_for_a_crashing_neighbour() -> Scenario:
    lab = calls("http://catalog", "ERROR upstream catalog: dial tcp 10.96.0.51:80: connect: connection refused")
    lab.app("catalog", crash_loop(), port=8080, log="KeyError: 'CATALOG_DSN'")
    lab.add(service("catalog", ip="10.96.0.51"))
    lab.app("batch", waiting("ImagePullBackOff", 'Back-off pulling image "x"'), of_pod={"phase": "Pending"}, image="x")
    return Scenario(lab, "shopweb shows errors", "Deployment/catalog", ("CATALOG_DSN",))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_the_fault_of_the_network(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
