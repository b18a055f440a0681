"""Takes secrets out of objects that go into a recording: values of Secrets, and what a `Redactor` finds in settings and texts."""

from __future__ import annotations

from typing import Any

from engine.cluster.secret_values import empty_values
from engine.cluster.source import RawObject
from engine.core.redaction.redactor import Redactor

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SHORTEST = 4
"""A text below so many characters is no secret unless its key says so."""


def scrubbed(item: RawObject, *, kind: str, group: str, redactor: Redactor) -> RawObject:
    """A copy of an object without secrets; its metadata stays as it is apart from annotations."""
    made: RawObject = {key: value if key == "metadata" else _value(value, redactor) for key, value in item.items()}
    metadata = item.get("metadata")
    if isinstance(metadata, dict):
        annotations = metadata.get("annotations")
        kept = {key: value for key, value in metadata.items() if key != "managedFields"}
        if isinstance(annotations, dict):
            kept["annotations"] = {key: _annotation(key, value, redactor) for key, value in annotations.items()}
        made["metadata"] = kept
    if kind == "ConfigMap" and not group and isinstance(item.get("data"), dict):
        made["data"] = {key: _setting(key, value, redactor) for key, value in item["data"].items()}
    if kind == "Secret" and not group:
        made = {**item, "metadata": made.get("metadata")}
        empty_values(made)
    return made


def _value(value: Any, redactor: Redactor) -> Any:
    """A value of any shape with its texts redacted; `{name, value}` pairs (env, headers) are judged by their name too."""
    if isinstance(value, str):
        return redactor.text(value) if len(value) >= _SHORTEST else value
    if isinstance(value, list):
        return [_value(one, redactor) for one in value]
    if isinstance(value, dict):
        made = {key: _value(one, redactor) for key, one in value.items()}
        if isinstance(value.get("name"), str) and isinstance(value.get("value"), str):
            made["value"] = _setting(value["name"], value["value"], redactor)
        return made
    return value


def _setting(key: str, value: Any, redactor: Redactor) -> Any:
    """The value of a named setting, redacted as the line `KEY=value` is."""
    if not isinstance(value, str) or not value:
        return value
    if "\n" in value.strip():
        return redactor.text(value)
    whole = redactor.text(f"{key}={value}")
    return whole[len(key) + 1 :] if whole.startswith(f"{key}=") else redactor.text(value)


def _annotation(key: str, value: Any, redactor: Redactor) -> Any:
    if key != _LAST_APPLIED or not isinstance(value, str):
        return _value(value, redactor)
    import msgspec

    try:
        manifest = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return redactor.text(value)
    if not isinstance(manifest, dict):
        return redactor.text(value)
    group = str(manifest.get("apiVersion") or "").rpartition("/")[0]
    made = scrubbed(manifest, kind=str(manifest.get("kind")), group=group, redactor=redactor)
    return value if made == manifest else msgspec.json.encode(made).decode() + "\n"
