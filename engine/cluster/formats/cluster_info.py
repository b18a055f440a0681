"""`kubectl cluster-info dump`: the folder that --output-directory fills, and what it prints without one."""

from __future__ import annotations

import re

from engine.cluster.formats.built_in_kinds import named
from engine.cluster.formats.collect import Collected
from engine.cluster.recordings.archive import Archive

WHAT = "a kubectl cluster-info dump"
KINDS = ("events", "replication-controllers", "services", "daemonsets", "deployments", "replicasets", "pods")
"""What kubectl writes for each namespace; nodes beside them."""
_LIST = re.compile(rf"(?P<top>.*?)(?P<namespace>[^/]+)/(?P<kind>{'|'.join(KINDS)})\.(?:json|yaml)")


def from_folder(archive: Archive) -> Collected | None:
    """A folder as --output-directory makes it, with or without a folder around; None when it is none."""
    marks = [name for name in archive.names() if re.search(r"(^|/)replication-controllers\.(json|yaml)$", name)]
    if not marks:
        return None
    top = min(marks, key=lambda name: name.count("/")).rsplit("/", 2)[0] + "/" if marks[0].count("/") > 1 else ""
    found = Collected(archive.without_links(), WHAT)
    for name in archive.names(top):
        inner = name.removeprefix(top)
        listed = _LIST.fullmatch(inner)
        if inner in ("nodes.json", "nodes.yaml"):
            nodes = named("nodes")
            for document in found.read(name):
                found.add(document, hint=nodes)
            if nodes is not None and name not in found.unread:
                found.cover(nodes, None)
        elif listed is not None and not listed["top"]:
            row = named(listed["kind"])
            for document in found.read(name):
                found.add(document, hint=row)
            if row is not None and name not in found.unread:
                found.cover(row, [listed["namespace"]])
        elif inner.count("/") == 2 and inner.endswith("/logs.txt"):
            found.marked_logs(archive.read(name) or b"")
    return found


def from_text(archive: Archive) -> Collected | None:
    """One file with everything that `kubectl cluster-info dump` prints; None when it is none."""
    names = list(archive.names())
    if len(names) != 1:
        return None
    data = archive.read(names[0]) or b""
    if not (b"NodeList" in data and b"ReplicationControllerList" in data) and not (b'"Items"' in data and b'"NodeInfo"' in data):
        return None
    found = Collected(archive, WHAT)
    for document in found.parse(names[0], found.marked_logs(data)):
        found.add(document)
    namespaces = found.namespaces()
    for kind in KINDS:
        row = named(kind)
        if row is not None:
            found.cover(row, namespaces)
    nodes = named("nodes")
    if nodes is not None:
        found.cover(nodes, None)
    return found
