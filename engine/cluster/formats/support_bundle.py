"""Troubleshoot support bundles: `cluster-resources/` with a file a kind, or a folder a kind with a file a namespace."""

from __future__ import annotations

import re

from engine.cluster.formats.collect import Collected, resource_of
from engine.cluster.objects import text_at
from engine.cluster.recordings.archive import Archive
from engine.cluster.source import ResourceType

WHAT = "a Troubleshoot support bundle"
_NAMES = {
    "pvs": "persistentvolumes",
    "pvcs": "persistentvolumeclaims",
    "ingress": "ingresses",
    "network-policy": "networkpolicies",
    "resource-quota": "resourcequotas",
    "custom-resource-definitions": "customresourcedefinitions",
}
_LOG = re.compile(r"pods/logs/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/(?P<container>[^/]+?)(?P<previous>-previous)?\.log")
_LIST = re.compile(r"(?P<kind>[A-Za-z-]+)(?:/(?P<namespace>[^/]+))?\.(?:json|yaml)")
_CUSTOM = re.compile(r"custom-resources/(?P<name>[^/]+?)(?:/(?P<namespace>[^/]+))?\.(?:json|yaml)")
_ERRORS = re.compile(r"(?P<kind>[A-Za-z-]+)-errors\.json")
_OTHER = ("groups", "resources", "auth-cani-list")
"""Discovery and permissions in the words of client libraries; they are no resources."""


def from_bundle(archive: Archive) -> Collected | None:
    """A support bundle, with or without a folder around; None when it is none."""
    marks = [name for name in archive.names() if name.startswith("cluster-resources/") or "/cluster-resources/" in name]
    if not marks:
        return None
    top = min((name[: ("/" + name).index("/cluster-resources/")] for name in marks), key=len)
    below = f"{top}cluster-resources/"
    for name in archive.links:
        if name.startswith(below):
            archive.without_links()  # elsewhere, bundles link their other copies of logs; here they hold files
    found = Collected(archive, WHAT)
    # definitions first, since they say what the custom resources are
    names = sorted((name.removeprefix(below) for name in archive.names(below)), key=lambda n: not n.startswith("custom-resource-def"))
    for name in names:
        _take(found, below, name)
    version = next((name for name in archive.names(f"{top}cluster-info/") if name.endswith("cluster_version.json")), "")
    if version:
        for document in found.read(version):
            found.version = text_at(document, "info", "gitVersion")
    return found


def _take(found: Collected, below: str, name: str) -> None:
    archive = found.archive
    if (log := _LOG.fullmatch(name)) is not None:
        if not log["container"].endswith("-logs-errors"):
            data = archive.read(below + name) or b""
            found.log(log["namespace"], log["pod"], log["container"], data, previous=log["previous"] is not None)
    elif (errors := _ERRORS.fullmatch(name)) is not None:
        row = resource_of(errors["kind"], _NAMES)
        said = archive.read(below + name) or b""
        if row is not None and said.strip() not in (b"", b"{}", b"[]", b"null"):
            found.refuse(row, 403 if b"forbidden" in said else 500, said.decode("utf-8", "replace")[:500])
    elif (custom := _CUSTOM.fullmatch(name)) is not None:
        _list(found, below + name, None, custom["namespace"])
    elif (listed := _LIST.fullmatch(name)) is not None and listed["kind"] not in _OTHER:
        row = resource_of(listed["kind"], _NAMES)
        if row is not None:
            _list(found, below + name, row, listed["namespace"])


def _list(found: Collected, name: str, row: ResourceType | None, namespace: str | None) -> None:
    for document in found.read(name):
        row = found.add(document, hint=row) or row
    if row is not None and name not in found.unread:
        found.cover(row, None if namespace is None else [namespace])
