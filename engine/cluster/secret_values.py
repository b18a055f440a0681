"""What a Secret may show: the names of its keys, and certificates; never a value."""

from __future__ import annotations

import base64
import re

from engine.cluster.source import RawObject

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CERTIFICATES = re.compile(rb"(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")


def _is_certificate(value: object) -> bool:
    """Whether a Secret's value is PEM certificates and nothing else (no key beside them, no text between them)."""
    if not isinstance(value, str):
        return False
    try:
        return _CERTIFICATES.fullmatch(base64.b64decode(value, validate=True)) is not None
    except ValueError:
        return False


def empty_values(secret: RawObject) -> None:
    """Keep which keys a Secret has, not what they hold, in place.

    Certificates stay, since they are public (every TLS handshake shows them) and their dates explain failures.
    """
    for part in ("data", "stringData"):
        held = secret.get(part)
        if isinstance(held, dict):
            secret[part] = {key: value if part == "data" and _is_certificate(value) else "" for key, value in held.items()}
    _forget_manifest(secret)


def drop_values(secret: RawObject) -> None:
    """Make a Secret metadata alone, in place: nothing is left of its keys, so that no one takes them for missing ones."""
    for part in ("data", "stringData"):
        secret.pop(part, None)
    _forget_manifest(secret)


def _forget_manifest(secret: RawObject) -> None:
    """kubectl apply leaves a copy of the whole manifest, values included, in an annotation."""
    metadata = secret.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict):
        annotations.pop(_LAST_APPLIED, None)
