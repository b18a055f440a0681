"""OpenShift must-gather: `cluster-scoped-resources/GROUP/…` and `namespaces/NS/GROUP/…`, lists or one file an object."""

from __future__ import annotations

import re

from engine.cluster.formats.built_in_kinds import named
from engine.cluster.formats.collect import Collected
from engine.cluster.objects import maps_at, text_at
from engine.cluster.recordings.archive import Archive
from engine.cluster.source import ResourceType

WHAT = "an OpenShift must-gather"
_SCOPED = re.compile(r"cluster-scoped-resources/(?P<group>[^/]+)/(?P<plural>[^/.]+)(?:/[^/]+)?\.ya?ml")
_SPACED = re.compile(r"namespaces/(?P<namespace>[^/]+)/(?P<group>[^/]+)/(?P<plural>[^/.]+)(?P<one>/[^/]+)?\.ya?ml")
_MARK = re.compile(r"(?P<top>(?:[^/]+/)*?)(?:cluster-scoped-resources/|namespaces/[^/]+/core/)")
_LOG = re.compile(r"namespaces/([^/]+)/pods/([^/]+)/([^/]+)/[^/]+/logs/(current|previous)\.log")


def from_must_gather(archive: Archive) -> Collected | None:
    """A must-gather, at whatever depth its image's folder lies; None when it is none."""
    marks = [mark for name in archive.names() if (mark := _MARK.match(name))]
    if not marks:
        return None
    tops = sorted({mark["top"] for mark in marks}, key=len)
    found = Collected(archive.without_links(), WHAT)
    for top in tops:
        for name in archive.names(top):
            _take(found, name, name.removeprefix(top))
    return found


def _take(found: Collected, name: str, inner: str) -> None:
    if (log := _LOG.fullmatch(inner)) is not None:
        found.log(log[1], log[2], log[3], found.archive.read(name) or b"", previous=log[4] == "previous")
    elif (scoped := _SCOPED.fullmatch(inner)) is not None:
        row = _row(found, name, scoped["group"], scoped["plural"])
        if row is not None:
            found.cover(row, None)
    elif (spaced := _SPACED.fullmatch(inner)) is not None and spaced["group"] != "pods":
        row = _row(found, name, spaced["group"], spaced["plural"])
        if row is not None:
            found.cover(row, [spaced["namespace"]])
    elif re.fullmatch(r"namespaces/([^/]+)/\1\.ya?ml", inner):
        _row(found, name, "core", "namespaces")


def _row(found: Collected, name: str, group: str, plural: str) -> ResourceType | None:
    hint = named(plural if group == "core" else f"{plural}.{group}")
    row = hint
    for document in found.read(name):
        row = found.add(document, hint=hint or _custom(document, group, plural)) or row
    return row


def _custom(document: object, group: str, plural: str) -> ResourceType | None:
    """A custom resource: the folder says its plural, its objects the rest."""
    first = next(iter(maps_at(document, "items")), document)
    kind, version = text_at(first, "kind"), text_at(first, "apiVersion").rpartition("/")[2]
    if not kind or not version:
        return None
    namespaced = bool(text_at(first, "metadata", "namespace"))
    return ResourceType(group, version, plural, kind, namespaced, singular=kind.lower(), verbs=("get", "list", "watch"))
