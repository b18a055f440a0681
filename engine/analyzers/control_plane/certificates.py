"""TLS certificates: dates and names of those that the API shows (caBundles, CAs in ConfigMaps, Secrets whose contents are given)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.analyzers.common.citations import fields
from engine.analyzers.common.confidence import RELATION, STATE, confidence
from engine.analyzers.common.relevance import severity_here
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, map_at, text_at
from engine.core.types import Evidence, Finding, Remedy, Severity

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_WEBHOOKS = (
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
)
SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid."""

    not_before: datetime
    not_after: datetime


def validities(pem: str) -> list[Validity]:
    """The validity of each certificate in a PEM text; what cannot be read is left out."""
    found = []
    for block in _PEM.findall(pem):
        try:
            der = base64.b64decode("".join(block.split()), validate=True)
            found.append(_validity(der))
        except (ValueError, IndexError, binascii.Error):
            continue
    return found


def _validity(der: bytes) -> Validity:
    """Walk Certificate › TBSCertificate › validity; raises ValueError or IndexError on anything else."""
    tbs = _inside(_inside(der, 0, 0x30)[0], 0, 0x30)[0]
    position = 0
    if tbs[0] == 0xA0:
        position = _inside(tbs, 0, 0xA0)[1]
    for tag in (0x02, 0x30, 0x30):  # serial number, signature algorithm, issuer
        position = _inside(tbs, position, tag)[1]
    validity = _inside(tbs, position, 0x30)[0]
    first, after = _time(validity, 0)
    last, _ = _time(validity, after)
    return Validity(first, last)


def _inside(data: bytes, start: int, tag: int) -> tuple[bytes, int]:
    """(contents, position after) of the ASN.1 value at a position."""
    if data[start] != tag:
        raise ValueError(f"expected tag {tag:#x}, found {data[start]:#x}")
    length, at = data[start + 1], start + 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    if at + length > len(data):
        raise ValueError("value is cut off")
    return data[at : at + length], at + length


def _time(data: bytes, start: int) -> tuple[datetime, int]:
    tag = data[start]
    contents, after = _inside(data, start, tag)
    shape = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"
    return datetime.strptime(contents.decode("ascii"), shape).replace(tzinfo=UTC), after


@analyzer("certificates", speciality="certificates", needs=("secrets", *_WEBHOOKS, "apiservices.apiregistration.k8s.io"))
def certificates(view: ClusterView) -> Iterator[Finding]:
    """Certificates that have expired, are not valid yet, or expire within two weeks."""
    for secret in view.all("secrets"):
        value = text_at(secret.raw, "data", "tls.crt")
        if value:
            yield from _dates(view, secret, _decoded(value), "data.tls.crt", _users(view, secret), touched=True)
    for resource in _WEBHOOKS:
        for configuration in view.all(resource):
            for index, webhook in enumerate(configuration.maps("webhooks")):
                bundle = text_at(webhook, "clientConfig", "caBundle")
                yield from _dates(view, configuration, _decoded(bundle), f"webhooks[{index}].clientConfig.caBundle", "", touched=False)
    for api in view.all("apiservices.apiregistration.k8s.io"):
        yield from _dates(view, api, _decoded(api.text("spec", "caBundle")), "spec.caBundle", "", touched=False)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("ascii", "replace")
    except (ValueError, binascii.Error):
        return ""


def _dates(view: ClusterView, holder: Obj, pem: str, path: str, used: str, *, touched: bool) -> Iterator[Finding]:
    today = view.now - view.moved  # a recording's certificates are judged on the day that it was made
    for validity in validities(pem)[:1]:
        left = validity.not_after - today
        code = ""
        severity: Severity = "critical"
        if left <= timedelta(0):
            code, text = "CertificateExpired", f"expired on {_day(validity.not_after)}"
        elif validity.not_before > today:
            code, text = "CertificateNotYetValid", f"is valid only from {_day(validity.not_before)} on"
        elif left <= SOON:
            code, text, severity = "CertificateExpiresSoon", f"expires on {_day(validity.not_after)}, in {left.days} days", "warning"
        if not code:
            continue
        scope = f"-n {holder.namespace} " if holder.namespace else ""
        yield Finding(
            code=code,
            severity=severity_here(view, severity, touched),
            object=holder.ref,
            summary=f"The certificate in {holder.kind} {holder.name} ({path}) {text}{used}",
            evidence=(
                Evidence(f"{holder.kind}/{holder.name} {path} notAfter", f"{validity.not_after:%Y-%m-%dT%H:%M:%SZ}", object=holder.ref),
                *fields(holder, ("type",)),
            ),
            owner=holder.ref,
            remedies=(
                Remedy("issue a new certificate and replace it", f"kubectl {scope}get {holder.kind.lower()} {holder.name} -o yaml", "read"),
            ),
            confidence=confidence([STATE, RELATION]),
            docs=("certificate expired", "TLS secret"),
            speciality="certificates",
            detail=path if holder.kind != "Secret" else "",
        )


def _users(view: ClusterView, secret: Obj) -> str:
    for ingress in view.within("ingresses.networking.k8s.io", secret.namespace):
        if any(text_at(t, "secretName") == secret.name for t in ingress.maps("spec", "tls")):
            return f"; Ingress {ingress.name} serves with it"
    for pod in view.within("pods", secret.namespace):
        if any(text_at(map_at(v, "secret"), "secretName") == secret.name for v in pod.maps("spec", "volumes")):
            return f"; {view.workload_of(pod)} mounts it"
    return ""


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
