"""Admission webhooks that cannot be called: their Service, its pods, their certificate; and what failurePolicy makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.analyzers.common.citations import field, listed, nearest
from engine.analyzers.common.confidence import RELATION, STATE, confidence
from engine.analyzers.common.relevance import severity_here
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.view import ClusterView
from engine.analyzers.custom.controllers import controllers
from engine.analyzers.network.services import judge
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, map_at, maps_at, text_at, texts_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy, Severity

CONFIGURATIONS = (
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
)
_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_CALLED = re.compile(r"https?://([a-z0-9][a-z0-9-]*)\.([a-z0-9][a-z0-9-]*)\.svc\b")
_FAILED = re.compile(r'failed calling webhook "(?P<webhook>[^"]+)":\s*(?:failed to call webhook: )?(?P<what>.*)', re.DOTALL)
_TLS = (
    ("certificate has expired", "its TLS certificate has expired"),
    ("certificate signed by unknown authority", "its TLS certificate is not signed by the CA in the configuration's caBundle"),
    ("certificate is valid for", "its TLS certificate is for another name"),
    ("certificate is not valid for any names", "its TLS certificate names no host"),
    ("cannot validate certificate", "its TLS certificate cannot be validated"),
    ("x509:", "its TLS certificate is refused"),
    ("tls:", "the TLS handshake fails"),
)
_REACH = (
    ("no endpoints available", "its Service has no ready endpoint"),
    ("not found", "its Service does not exist"),
    ("connection refused", "its pods refuse the connection"),
    ("deadline exceeded", "it does not answer within its timeout"),
    ("i/o timeout", "it does not answer"),
    ("no route to host", "there is no route to it"),
    ("no such host", "its host name does not resolve"),
)


@dataclass(frozen=True, slots=True)
class WebhookFailure:
    """A webhook that the API server could not call; `text` is a clause on why."""

    code: str
    object: ObjectRef
    text: str
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    causes: tuple[str, ...] = ()
    webhook: str = ""


def webhook_failure(view: ClusterView, message: str) -> WebhookFailure | None:
    """What the API server's answer says of a webhook that it could not call; None where it says nothing of one."""
    found = _FAILED.search(message)
    if found is None:
        return None
    name, what = found["webhook"], " ".join(found["what"].split()).rstrip(". ")
    held = _holder(view, name)
    tls = next((text for word, text in _TLS if word in what), "")
    reach = next((text for word, text in _REACH if word in what), "")
    code = "WebhookCertificate" if tls else "WebhookUnavailable"
    why = tls or reach or "the call fails"
    text = f"admission webhook {name} cannot be called: {why} ({what[-220:]})"
    if held is None:
        return WebhookFailure(code, ObjectRef("ValidatingWebhookConfiguration", "", name), text, webhook=name)
    configuration, index = held
    service = map_at(configuration.raw, "webhooks", index, "clientConfig", "service")
    policy = configuration.text("webhooks", index, "failurePolicy") or "Fail"
    causes = _causes(view, text_at(service, "namespace"), text_at(service, "name")) if service and not tls else ()
    text += f"; {configuration.kind} {configuration.name} has failurePolicy {policy}, so the request is refused"
    evidence = (
        field(configuration, "webhooks", index, "failurePolicy"),
        field(configuration, "webhooks", index, "clientConfig", "service"),
    )
    return WebhookFailure(code, configuration.ref, text, evidence, _remedies(configuration, text_at(service, "namespace")), causes, name)


@analyzer("webhooks", speciality="security", needs=(*CONFIGURATIONS, "services", "pods"))
def webhooks(view: ClusterView) -> Iterator[Finding]:
    """Webhooks whose Service is missing or has nobody behind it."""
    for resource in CONFIGURATIONS:
        for configuration in view.all(resource):
            for index, webhook in enumerate(configuration.maps("webhooks")):
                yield from _judge(view, configuration, index, text_at(webhook, "name"))


@analyzer("conversion-webhooks", speciality="workload", needs=(_CRDS, "services", "pods"))
def conversion_webhooks(view: ClusterView) -> Iterator[Finding]:
    """Custom resources that cannot be read or written, since their definition's conversion webhook cannot be called: one a Service."""
    told: dict[tuple[str, str], list[Obj]] = {}
    for crd in view.all(_CRDS):
        client = map_at(crd.raw, "spec", "conversion", "webhook", "clientConfig") or map_at(
            crd.raw, "spec", "conversion", "webhookClientConfig"
        )
        service = map_at(client, "service")
        if crd.text("spec", "conversion", "strategy") == "Webhook" and service:
            told.setdefault((text_at(service, "namespace"), text_at(service, "name")), []).append(crd)
    for (namespace, name), crds in told.items():
        crd = crds[0]
        path = ("spec", "conversion", "webhook", "clientConfig", "service")
        fault = _service_fault(view, crd.map(*path) or {"namespace": namespace, "name": name})
        if fault is None:
            continue
        why, causes = fault
        elsewhere = [s.namespace for s in view.within("services", None) if s.name == name and s.namespace != namespace]
        hint = f" (there is one of that name in namespace {elsewhere[0]})" if elsewhere and not causes else ""
        yield Finding(
            code="ConversionWebhookUnavailable",
            severity=severity_here(view, "critical", view.namespace == namespace or any(_used_here(view, c) for c in crds)),
            object=crd.ref,
            summary=f"The conversion webhook of {crd.kind} {listed((c.name for c in crds), 3)} cannot be called: {why}{hint}; "
            "none of these objects can be read or written in another version",
            evidence=(field(crd, "spec", "conversion"),),
            owner=crd.ref,
            causes=causes,
            remedies=(
                Remedy(
                    "make the conversion point at the Service that runs, or bring that Service back",
                    f"kubectl get crd {crd.name} -o jsonpath={{.spec.conversion}}",
                    "read",
                ),
            ),
            confidence=confidence([RELATION, STATE]),
            docs=("conversion webhook", "CustomResourceDefinition"),
            detail=f"{namespace}/{name}",
        )


def _used_here(view: ClusterView, crd: Obj) -> bool:
    """Whether the namespace has objects of a custom kind, or the controller that reads them."""
    resource = f"{crd.text('spec', 'names', 'plural')}.{crd.text('spec', 'group')}"
    namespaced = crd.text("spec", "scope") != "Cluster"
    return (namespaced and bool(view.all(resource))) or any(c.namespace == view.namespace for c in controllers(view, crd))


def called_service(text: str) -> ObjectRef | None:
    """The Service that the API server calls in a message (`https://NAME.NAMESPACE.svc:443/…`), or None."""
    found = _CALLED.search(text)
    return ObjectRef("Service", found[2], found[1]) if found else None


def _service_fault(view: ClusterView, service: Mapping[str, Any]) -> tuple[str, tuple[str, ...]] | None:
    """Why a webhook's Service cannot be called, as a clause, and the findings that say so; None where nothing is wrong."""
    namespace, target = text_at(service, "namespace"), text_at(service, "name")
    if not target or not view.can_see("services", namespace):
        return None
    found = next((s for s in view.within("services", namespace) if s.name == target and s.namespace == namespace), None)
    if found is None:
        guess = nearest(target, [s.name for s in view.within("services", namespace)])
        return f"its Service {target} does not exist in namespace {namespace}" + (f"; did you mean {guess}?" if guess else ""), ()
    broken = [f for f in judge(view, found, needed=True) if f.severity != "info"]
    ports = [p.get("port") for p in found.maps("spec", "ports")]
    wanted = service.get("port") or 443
    if broken:
        return broken[0].summary, tuple(f.id for f in broken)
    if wanted not in ports:
        return f"it calls port {wanted} of Service {target}, which has only {listed(str(p) for p in ports)}", ()
    return None


def _judge(view: ClusterView, configuration: Obj, index: int, name: str) -> Iterator[Finding]:
    service = map_at(configuration.raw, "webhooks", index, "clientConfig", "service")
    fault = _service_fault(view, service) if service else None
    if fault is None:
        return
    why, causes = fault
    namespace = text_at(service, "namespace")
    policy = configuration.text("webhooks", index, "failurePolicy") or "Fail"
    covers = _covers(view, configuration, index)
    severity: Severity = "critical" if policy == "Fail" else "info"
    effect = "every request that it covers is refused" if policy == "Fail" else "its checks are skipped (failurePolicy Ignore)"
    yield Finding(
        code="WebhookUnavailable",
        severity=severity_here(view, severity, False),
        object=configuration.ref,
        summary=f"Admission webhook {name} of {configuration.kind} {configuration.name} cannot be called: {why}; {effect}{covers}",
        evidence=(
            field(configuration, "webhooks", index, "clientConfig", "service"),
            field(configuration, "webhooks", index, "failurePolicy"),
        )
        if configuration.text("webhooks", index, "failurePolicy")
        else (field(configuration, "webhooks", index, "clientConfig", "service"),),
        causes=causes,
        remedies=_remedies(configuration, namespace),
        confidence=confidence([RELATION, STATE]),
        docs=("admission webhook", "failurePolicy"),
        speciality="security",
        detail=name,
    )


def _covers(view: ClusterView, configuration: Obj, index: int) -> str:
    rules = maps_at(configuration.raw, "webhooks", index, "rules")
    resources = list(dict.fromkeys(r for rule in rules for r in texts_at(rule, "resources")))
    selector = map_at(configuration.raw, "webhooks", index, "namespaceSelector")
    limited = ""
    if selector:
        names = [n.name for n in view.within("namespaces", None) if selects(selector, {"kubernetes.io/metadata.name": n.name, **n.labels})]
        limited = f" in {len(names)} namespaces" if len(names) != 1 else f" in namespace {names[0]}"
    return f" ({listed(resources)}{limited})" if resources else ""


def _holder(view: ClusterView, name: str) -> tuple[Obj, int] | None:
    for resource in CONFIGURATIONS:
        for configuration in view.all(resource):
            for index, webhook in enumerate(configuration.maps("webhooks")):
                if text_at(webhook, "name") == name:
                    return configuration, index
    return None


def _causes(view: ClusterView, namespace: str, name: str) -> tuple[str, ...]:
    service = next((s for s in view.within("services", namespace) if s.name == name and s.namespace == namespace), None)
    if service is None:
        return ()
    return tuple(f.id for f in judge(view, service, needed=True) if f.severity != "info")


def _remedies(configuration: Obj, namespace: str) -> tuple[Remedy, ...]:
    kind = configuration.kind.lower()
    return (
        Remedy(
            "bring the webhook's pods, Service and certificate back",
            f"kubectl -n {namespace or 'NAMESPACE'} get pods,services,endpointslices",
            "read",
        ),
        Remedy(
            "if the webhook is not needed any more, remove its configuration",
            f"kubectl delete {kind} {configuration.name}",
            "destructive",
        ),
    )
