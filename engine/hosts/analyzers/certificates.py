"""The dates of the cluster's certificates on this host."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from engine.analyzers.common.confidence import EVENT, STATE
from engine.core.types import Finding
from engine.hosts.analyzers.common import found
from engine.hosts.bundle import Bundle

_WARN_DAYS = {
    "cert-kubelet": 14,
    "cert-kubelet-server": 14,
    "cert-apiserver": 30,
    "cert-apiserver-kubelet": 30,
    "cert-front-proxy": 30,
    "cert-etcd": 30,
    "cert-ca": 90,
}
"""Days before its end from which a certificate is reported; the kubelet renews its own well before two weeks are left."""
_WHAT = {
    "cert-kubelet": "the kubelet's client certificate",
    "cert-kubelet-server": "the kubelet's server certificate",
    "cert-apiserver": "the API server's certificate",
    "cert-apiserver-kubelet": "the API server's client certificate for kubelets",
    "cert-front-proxy": "the front proxy's client certificate",
    "cert-etcd": "etcd's server certificate",
    "cert-ca": "the cluster's CA certificate",
}


def certificates(bundle: Bundle) -> Iterator[Finding]:
    """Certificates that have ended or end soon, by the host's own clock."""
    for key, days in _WARN_DAYS.items():
        line = next((line for line in bundle.lines(key) if line.startswith("notAfter=")), "")
        try:
            end = datetime.strptime(" ".join(line.removeprefix("notAfter=").split()), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
        except ValueError:
            continue
        left = (end - bundle.now).total_seconds() / 86400
        if left > days:
            continue
        over = left <= 0
        kubelet = key.startswith("cert-kubelet")
        yield found(
            bundle,
            "NodeCertificateExpired" if over else "NodeCertificateExpiring",
            "critical" if over else "warning",
            f"{_WHAT[key]} {'expired' if over else 'expires'} on {end:%Y-%m-%d}" + ("" if over else f", in {left:.0f} days"),
            [bundle.cite(key, line)],
            weights=(STATE, EVENT),
            remedies=[
                bundle.remedy("find out why it was not renewed", "journalctl -u kubelet --no-pager -g certificate")
                if kubelet
                else bundle.remedy("renew it on the control plane", "kubeadm certs renew all")
            ],
            docs=("cluster certificates", "certificate expired"),
            detail=key.removeprefix("cert-"),
        )
