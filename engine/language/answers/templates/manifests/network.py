"""Manifests of what connects: Service, Ingress, HTTPRoute, NetworkPolicy."""

from __future__ import annotations

from engine.analyzers.common.containers import pod_template
from engine.analyzers.network.service_facts import service_ports
from engine.cluster.objects import labels_at
from engine.language.answers.templates.manifests.facts import Facts, Raw, labels_of, made, noun, pod_labels, port_of

_HOST = r"(?<![\w@/.-])((?:[a-z0-9*](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,})(?![\w-])"


def service(facts: Facts) -> list[Raw]:
    """A Service in front of a workload, with its labels and port."""
    workload = facts.object("Deployment", "StatefulSet", "DaemonSet", "Pod")
    name = facts.name(workload.name if workload else noun(facts, "app"))
    selector = labels_of(workload) if workload else {"app": name}
    target = port_of(workload, facts)
    port = int(facts.take(r"\bport\s+(\d{2,5})\b", "80", "port"))
    spec: Raw = {"selector": selector, "ports": [{"name": "http", "port": port, "targetPort": target}]}
    if facts.has(r"\bload ?balancer\b"):
        spec["type"] = "LoadBalancer"
    elif facts.has(r"\bnode ?port\b"):
        spec["type"] = "NodePort"
    elif facts.has(r"\bheadless\b"):
        spec["clusterIP"] = "None"
    return [made("v1", "Service", name, facts.place, spec=spec)]


def ingress(facts: Facts) -> list[Raw]:
    """An Ingress to the Service that is meant."""
    service, port = _backend(facts)
    host = facts.take(_HOST, f"{service}.example.org", "host")
    path = facts.has(r"\bpath\s+(/\S*)")
    rule = {
        "host": host,
        "http": {
            "paths": [
                {
                    "path": path.group(1) if path else "/",
                    "pathType": "Prefix",
                    "backend": {"service": {"name": service, "port": {"number": port}}},
                }
            ]
        },
    }
    spec: Raw = {"rules": [rule]}
    classes = facts.view.within("ingressclasses.networking.k8s.io", None)
    if classes:
        default = next((c for c in classes if c.annotations.get("ingressclass.kubernetes.io/is-default-class") == "true"), classes[0])
        spec = {"ingressClassName": default.name, **spec}
    else:
        facts.assumed.append("no ingressClassName, since no IngressClass can be seen")
    if facts.has(r"\b(?:tls|https)\b"):
        secret = f"{host.replace('*', 'wildcard').replace('.', '-')}-tls"
        spec["tls"] = [{"hosts": [host], "secretName": secret}]
        facts.assumed.append(f"TLS Secret {secret}, which must exist")
    return [made("networking.k8s.io/v1", "Ingress", facts.name(service), facts.place, spec=spec)]


def http_route(facts: Facts) -> list[Raw]:
    """An HTTPRoute to the Service that is meant."""
    service, port = _backend(facts)
    host = facts.take(_HOST, f"{service}.example.org", "host")
    gateways = facts.view.within("gateways.gateway.networking.k8s.io", None)
    parent = gateways[0].name if gateways else facts.take(r"\bgateway\s+[\"'`]?([a-z0-9][a-z0-9-]*)", "GATEWAY", "Gateway")
    ref: Raw = {"name": parent, **({"namespace": gateways[0].namespace} if gateways and gateways[0].namespace != facts.place else {})}
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"name": service, "port": port}]}]
    return [
        made(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            facts.name(service),
            facts.place,
            spec={"parentRefs": [ref], "hostnames": [host], "rules": rules},
        )
    ]


def network_policy(facts: Facts) -> list[Raw]:
    """Between two named workloads with their labels and the server's port; for one, who may connect to it; for none, deny by default."""
    workloads = [
        obj
        for ref in facts.refs
        if (obj := facts.view.find_ref(ref)) is not None and obj.kind in ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Service")
    ]
    if not workloads:
        sides = ["Egress"] if facts.has(r"\begress|outgoing\b") else ["Ingress"]
        spec: Raw = {"podSelector": {}, "policyTypes": sides}
        return [made("networking.k8s.io/v1", "NetworkPolicy", facts.name(f"default-deny-{sides[0].lower()}"), facts.place, spec=spec)]
    if len(workloads) == 1:
        server = workloads[0]
        port = port_of(server, facts)
        spec = {
            "podSelector": {"matchLabels": pod_labels(facts.view, server)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": port}]}],
        }
        facts.assumed.append(f"every pod of namespace {server.namespace} as the client, since no client is named")
        return [made("networking.k8s.io/v1", "NetworkPolicy", facts.name(f"{server.name}-ingress"), server.namespace, spec=spec)]
    client, server = workloads[0], workloads[1]
    if (
        facts.has(r"\bfrom\b.{0,60}$")
        and not facts.has(r"\bfrom\b.{0,60}\bto\b")
        and not facts.has(r"\bto\b.{0,40}\bfrom\b.{0,3}$")
        and facts.words.find(workloads[1].name.lower()) > facts.words.find("from") > facts.words.find(workloads[0].name.lower())
    ):
        client, server = server, client
    said = facts.has(r"\bport\s+(\d{2,5})\b")
    port = int(said.group(1)) if said else port_of(server, facts)
    peer: Raw = {"podSelector": {"matchLabels": pod_labels(facts.view, client)}}
    if client.namespace != server.namespace:
        peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": client.namespace}}, **peer}
    spec = {
        "podSelector": {"matchLabels": pod_labels(facts.view, server)},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [peer], "ports": [{"protocol": "TCP", "port": port}]}],
    }
    facts.assumed.append("that whatever else connects to these pods shall be refused: from now on only what a policy allows gets in")
    return [made("networking.k8s.io/v1", "NetworkPolicy", facts.name(f"allow-{client.name}-to-{server.name}"), server.namespace, spec=spec)]


def _backend(facts: Facts) -> tuple[str, int]:
    """The Service and port that a route goes to: the Service in front of what is named."""
    said = facts.has(r"\bport\s+(\d{2,5})\b")
    service = facts.object("Service")
    workload = facts.object("Deployment", "StatefulSet", "DaemonSet", "Pod")
    if service is None and workload is not None:
        labels = labels_at(pod_template(workload), "metadata", "labels") or workload.labels
        service = next(
            (
                s
                for s in facts.view.within("services", workload.namespace)
                if (sel := labels_at(s.raw, "spec", "selector")) and all(labels.get(k) == v for k, v in sel.items())
            ),
            None,
        )
        if service is None:
            facts.assumed.append(f"that a Service {workload.name} will exist: none selects its pods now")
    if service is not None:
        ports = [port.port for port in service_ports(service)]
        wanted = int(said.group(1)) if said else ports[0] if ports else 80
        if ports and wanted not in ports:
            facts.assumed.append(f"that Service {service.name} gets port {wanted}: it has only {', '.join(map(str, ports))}")
        return service.name, wanted
    name = workload.name if workload is not None else facts.name("app")
    return name, int(said.group(1)) if said else 80
