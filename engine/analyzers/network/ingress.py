"""Ingresses: their class and its controller, the Services and ports they lead to, their TLS secrets, hosts claimed twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.analyzers.common.citations import event, field, listed, nearest
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.containers import is_ready
from engine.analyzers.common.settings import keys_of, keys_shown
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.ingress_controllers import CLASSES, OLD_CLASS, class_of, is_hosted, pods_of_class
from engine.analyzers.network.service_facts import network_finding
from engine.analyzers.network.services import judge
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, map_at, maps_at, text_at, texts_at
from engine.core.types import Finding, ObjectRef, Remedy

_INGRESSES = "ingresses.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class _Backend:
    """A Service that an Ingress sends requests to; `path` is where it is written."""

    path: tuple[str | int, ...]
    host: str
    route: str
    name: str
    port: str


@analyzer("ingresses", speciality="network", needs=(_INGRESSES, CLASSES, "services", "pods"))
def ingresses(view: ClusterView) -> Iterator[Finding]:
    """Each Ingress's class, backends, TLS secrets and the requests it shares with another."""
    claimed: dict[tuple[str, str, str], Obj] = {}
    for ingress in view.all(_INGRESSES):
        yield from _class(view, ingress)
        told: set[str] = set()
        for backend in _backends(ingress):
            for finding in _backend(view, ingress, backend):
                if finding.id not in told:
                    told.add(finding.id)
                    yield finding
        yield from _tls(view, ingress)
        yield from _twice(view, ingress, claimed)


def _class(view: ClusterView, ingress: Obj) -> Iterator[Finding]:
    named = ingress.text("spec", "ingressClassName")
    old = ingress.annotations.get(OLD_CLASS, "")
    known = [c.name for c in view.all(CLASSES)]
    if not view.can_see(CLASSES):
        return
    found = class_of(view, ingress)
    evidence = (field(ingress, "spec", "ingressClassName"),) if named else (field(ingress, "spec"),)
    patch = f'kubectl -n {ingress.namespace} patch ingress {ingress.name} --type=merge -p \'{{"spec":{{"ingressClassName":"CLASS"}}}}\''
    if found is None and (named or (old and known)):
        name = named or old
        guess = nearest(name, known)
        hint = (
            f"; did you mean {guess}?"
            if guess
            else f" (there are: {listed(sorted(known))})"
            if known
            else " (there is no IngressClass at all)"
        )
        yield network_finding(
            ingress,
            "IngressClassNotFound",
            "critical" if named else "warning",
            f"Ingress {ingress.name} asks for IngressClass {name}, which does not exist{hint}, so no controller serves it",
            evidence,
            confidence([RELATION, RELATION]),
            (
                Remedy(
                    "use an IngressClass that exists", patch.replace("CLASS", guess or (known[0] if len(known) == 1 else "CLASS")), "mutate"
                ),
            ),
        )
    elif found is None and not old:
        rest = f"there are: {listed(sorted(known))}, none of them the default" if known else "there is no IngressClass at all"
        yield network_finding(
            ingress,
            "IngressClassMissing",
            "critical" if known and not ingress.maps("status", "loadBalancer", "ingress") else "warning",
            (
                f"Ingress {ingress.name} names no IngressClass (ingressClassName) "
                f"and there is no default one ({rest}), so no controller serves it"
            ),
            evidence,
            confidence([RELATION, HINT]),
            (Remedy("name the IngressClass", patch.replace("CLASS", known[0] if len(known) == 1 else "CLASS"), "mutate"),),
        )
    elif found is not None and not is_hosted(found) and view.can_see("pods"):
        yield from _controller(view, ingress, found)


def _controller(view: ClusterView, ingress: Obj, found: Obj) -> Iterator[Finding]:
    if ingress.maps("status", "loadBalancer", "ingress") and view.namespace is not None:
        return
    pods = pods_of_class(view, found)
    controller = found.text("spec", "controller")
    if not pods and not ingress.maps("status", "loadBalancer", "ingress"):
        yield network_finding(
            ingress,
            "IngressControllerAbsent",
            "warning",
            (
                f"Ingress {ingress.name} is of class {found.name}, and no pod of "
                f"its controller {controller} is found in the cluster: nobody serves it"
            ),
            (field(found, "spec", "controller"), field(ingress, "spec", "ingressClassName")),
            confidence([RELATION, HINT]),
            (Remedy("install or start the ingress controller", "kubectl get pods -A", "read"),),
        )
    elif pods and not any(is_ready(p) for p in pods):
        owner = view.workload_of(pods[0])
        yield network_finding(
            ingress,
            "IngressControllerDown",
            "critical",
            f"Ingress {ingress.name} is of class {found.name}, whose controller {owner} in namespace {owner.namespace} has no ready pod",
            (field(found, "spec", "controller"), field(pods[0], "status", "phase")),
            confidence([RELATION, STATE]),
            (
                Remedy(
                    "see why the controller does not run",
                    f"kubectl -n {owner.namespace} describe {owner.kind.lower()} {owner.name}",
                    "read",
                ),
            ),
        )


def _backends(ingress: Obj) -> list[_Backend]:
    found = []

    def add(holder: Mapping[str, Any], path: tuple[str | int, ...], host: str, route: str) -> None:
        name = text_at(holder, "service", "name") or text_at(holder, "serviceName")
        port = text_at(holder, "service", "port", "number") or text_at(holder, "service", "port", "name") or text_at(holder, "servicePort")
        if name:
            found.append(_Backend(path, host, route, name, port))

    for key in ("defaultBackend", "backend"):
        add(ingress.map("spec", key), ("spec", key), "", "")
    for i, rule in enumerate(ingress.maps("spec", "rules")):
        for j, path in enumerate(maps_at(rule, "http", "paths")):
            where = ("spec", "rules", i, "http", "paths", j, "backend")
            add(map_at(path, "backend"), where, text_at(rule, "host"), text_at(path, "path") or "/")
    return found


def _backend(view: ClusterView, ingress: Obj, backend: _Backend) -> Iterator[Finding]:
    if not view.can_see("services", ingress.namespace):
        return
    service = view.find("services", ingress.namespace, backend.name)
    at = f" for {backend.host or 'any host'}{backend.route}" if backend.route else " by default"
    evidence = (field(ingress, *backend.path),)
    if service is None:
        names = [s.name for s in view.within("services", ingress.namespace)]
        guess = nearest(backend.name, names)
        elsewhere = [s.namespace for s in view.within("services", None) if s.name == backend.name]
        hint = (
            f"; did you mean {guess}?"
            if guess
            else f"; there is one in namespace {elsewhere[0]}, which an Ingress of {ingress.namespace} cannot use"
            if elsewhere
            else f" (Services there are: {listed(sorted(names))})"
            if names
            else ""
        )
        yield network_finding(
            ingress,
            "IngressBackendNotFound",
            "critical",
            f"Ingress {ingress.name} routes{at} to Service {backend.name}, which does not exist in namespace {ingress.namespace}{hint}",
            (*evidence, *_warnings(view, ingress)),
            confidence([RELATION, RELATION]),
            (Remedy("correct the Service's name in the Ingress", _set_backend(ingress, backend, guess or "SERVICE"), "mutate"),),
            detail=backend.name,
        )
        return
    ports = service.maps("spec", "ports")
    fits = any(backend.port in (text_at(p, "port"), text_at(p, "name")) for p in ports)
    if backend.port and not fits and service.text("spec", "type") != "ExternalName":
        have = [f"{text_at(p, 'port')}{'/' + text_at(p, 'name') if text_at(p, 'name') else ''}" for p in ports]
        confused = next((p for p in ports if text_at(p, "targetPort") == backend.port), None)
        hint = f"; {backend.port} is its targetPort, the Ingress needs the Service's port {text_at(confused, 'port')}" if confused else ""
        guess = text_at(confused or (ports[0] if ports else {}), "port")
        yield network_finding(
            ingress,
            "IngressBackendPortNotFound",
            "critical",
            (
                f"Ingress {ingress.name} routes{at} to port {backend.port} of Service "
                f"{service.name}, which has only {listed(have) or 'no port'}{hint}"
            ),
            (*evidence, field(service, "spec", "ports")),
            confidence([RELATION, RELATION]),
            (Remedy("use a port of the Service", _set_port(ingress, backend, guess), "mutate"),),
            detail=f"{service.name}-{backend.port}",
        )
        return
    broken = [f for f in judge(view, service, needed=True) if f.severity != "info"]
    if broken:
        yield network_finding(
            ingress,
            "IngressBackendUnavailable",
            "warning",
            f"Ingress {ingress.name} routes{at} to Service {service.name}, which does not serve: {broken[0].summary}",
            (*evidence, *broken[0].evidence[:1]),
            confidence([RELATION, HINT]),
            causes=tuple(f.id for f in broken),
            detail=service.name,
        )


def _set_backend(ingress: Obj, backend: _Backend, name: str) -> str:
    path = "/" + "/".join(str(s) for s in backend.path) + "/service/name"
    return (
        f"kubectl -n {ingress.namespace} patch ingress {ingress.name} "
        f'--type=json -p \'[{{"op":"replace","path":"{path}","value":"{name}"}}]\''
    )


def _set_port(ingress: Obj, backend: _Backend, number: str) -> str:
    path = "/" + "/".join(str(s) for s in backend.path) + "/service/port"
    value = f'{{"number":{number}}}' if number.isdigit() else '{"number":PORT}'
    return (
        f"kubectl -n {ingress.namespace} patch ingress {ingress.name} "
        f'--type=json -p \'[{{"op":"replace","path":"{path}","value":{value}}}]\''
    )


def _warnings(view: ClusterView, ingress: Obj) -> tuple[Any, ...]:
    return tuple(event(e) for e in view.events_of(ingress)[-1:] if e.text("type") == "Warning")


def _tls(view: ClusterView, ingress: Obj) -> Iterator[Finding]:
    for index, entry in enumerate(ingress.maps("spec", "tls")):
        name = text_at(entry, "secretName")
        if not name or not view.can_see("secrets", ingress.namespace):
            continue
        secret = view.find("secrets", ingress.namespace, name)
        hosts = listed(texts_at(entry, "hosts")) or "all its hosts"
        evidence = (field(ingress, "spec", "tls", index),)
        if secret is None:
            names = [s.name for s in view.within("secrets", ingress.namespace)]
            guess = nearest(name, names)
            elsewhere = [s.namespace for s in view.within("secrets", None) if s.name == name]
            hint = (
                f"; did you mean {guess}?"
                if guess
                else f"; there is one in namespace {elsewhere[0]}, where the Ingress cannot use it"
                if elsewhere
                else ""
            )
            yield network_finding(
                ObjectRef("Secret", ingress.namespace, name),
                "IngressTlsSecretNotFound",
                "critical",
                (
                    f"Ingress {ingress.name} takes the TLS certificate of {hosts} from "
                    f"Secret {name}, which does not exist in namespace {ingress.namespace}{hint}"
                ),
                (*evidence, *_warnings(view, ingress)),
                confidence([RELATION, RELATION]),
                (
                    Remedy(
                        "create the TLS secret",
                        f"kubectl -n {ingress.namespace} create secret tls {name} --cert=CERT_FILE --key=KEY_FILE",
                        "mutate",
                    ),
                ),
                owner=ingress.ref,
                detail=ingress.name,
            )
            continue
        shown = keys_shown(view, secret.ref)
        missing = [k for k in ("tls.crt", "tls.key") if k not in keys_of(view, secret.ref)] if shown else []
        if missing:
            kind = secret.text("type") or "Opaque"
            yield network_finding(
                secret,
                "IngressTlsSecretInvalid",
                "critical",
                f"Secret {name}, which Ingress {ingress.name} uses for TLS, is of type {kind} and lacks the key {listed(missing)}",
                (*evidence, field(secret, "type")),
                confidence([RELATION, STATE]),
                (
                    Remedy(
                        "replace it with a secret of type kubernetes.io/tls", f"kubectl -n {ingress.namespace} get secret {name}", "read"
                    ),
                ),
                owner=ingress.ref,
                detail=ingress.name,
            )


def _twice(view: ClusterView, ingress: Obj, claimed: dict[tuple[str, str, str], Obj]) -> Iterator[Finding]:
    if any(key.endswith(("/canary", "/auth-url")) for key in ingress.annotations):
        return
    name = ingress.text("spec", "ingressClassName") or ingress.annotations.get(OLD_CLASS, "")
    for backend in _backends(ingress):
        if not backend.route:
            continue
        key = (name, backend.host, backend.route)
        other = claimed.setdefault(key, ingress)
        if other is ingress or (other.namespace, other.name) == (ingress.namespace, ingress.name) or not backend.host:
            continue
        yield network_finding(
            ingress,
            "IngressRouteConflict",
            "warning",
            f"Ingress {ingress.name} claims {backend.host}{backend.route}, "
            f"which Ingress {other.name} of namespace {other.namespace} claims too: "
            "only one of them gets the requests",
            (field(ingress, *backend.path), field(other, "spec", "rules")),
            confidence([RELATION, EVENT]),
            (Remedy("remove one of the two rules", f"kubectl -n {ingress.namespace} get ingress {ingress.name} -o yaml", "read"),),
            detail=f"{backend.host}{backend.route}",
        )
        return
