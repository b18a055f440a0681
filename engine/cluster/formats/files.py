"""A folder (or one file) of what `kubectl get … -o yaml|json` and `kubectl logs` printed, under any names."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from engine.cluster.archive import Archive
from engine.cluster.formats.collect import Collected
from engine.cluster.formats.kinds import named
from engine.cluster.objects import list_at, maps_at, text_at
from engine.cluster.source import ResourceType

WHAT = "a folder of kubectl output"


def from_files(archive: Archive) -> Collected | None:
    """Every JSON and YAML file with Kubernetes objects in it, and the logs whose names tell their pod; None when there is no object.

    A List of objects of several namespaces is taken for all there are, one of a single namespace for all there are in it. Objects that
    came one by one say nothing about others of their kind.
    """
    found = Collected(archive.without_links(), WHAT)
    listed: list[tuple[ResourceType, set[str]]] = []
    empty: list[ResourceType] = []
    texts: list[str] = []
    for name in archive.names():
        if PurePosixPath(name).suffix.lower() not in (".json", ".yaml", ".yml"):
            texts.append(name)
            continue
        for document in found.read(name):
            if name.endswith("version.json") and not found.version:
                found.version = text_at(document, "serverVersion", "gitVersion") or text_at(document, "gitVersion")
            for row, namespaces in _lists(found, document):
                listed.append((row, namespaces))
            if isinstance(document, dict) and document.get("items") == []:
                row_of_name = named(PurePosixPath(name).stem)
                empty += [row_of_name] if row_of_name is not None else []
    if found.empty:
        return None
    seen: set[str] = set()
    for row, namespaces in listed:
        seen |= namespaces
        found.cover(row, None if len(namespaces) > 1 or not row.namespaced else namespaces)
    for row in empty:
        found.cover(row, seen)
    for name in texts:
        _log(found, name)
    return found


def _lists(found: Collected, document: object) -> list[tuple[ResourceType, set[str]]]:
    """Take a document in: each resource of a List with the namespaces that it spans; a single object is no list."""
    items = maps_at(document, "items")
    if not items or not text_at(document, "kind").endswith("List"):
        found.add(document)
        return []
    rows: dict[ResourceType, set[str]] = {}
    api_version, kind = text_at(document, "apiVersion"), text_at(document, "kind").removesuffix("List")
    for item in items:
        typed = {"apiVersion": api_version, "kind": kind, **item} if kind else item
        row = found.add(typed)
        if row is not None:
            rows.setdefault(row, set()).add(text_at(item, "metadata", "namespace"))
    return list(rows.items())


def _log(found: Collected, name: str) -> None:
    """A log with START and END lines, or one whose path names its pod: `POD.log`, `POD_CONTAINER.log`, `NS/POD/CONTAINER.log`."""
    data = found.archive.read(name) or b""
    if b"==== START logs for container " in data[:4096]:
        found.marked_logs(data)
        return
    path = PurePosixPath(name)
    if path.suffix not in (".log", ".txt"):
        return
    stem = re.sub(r"[-_.]previous$", "", path.stem)
    folders = path.parts[:-1]
    for pod in found.pods():
        pod_name, namespace = text_at(pod, "metadata", "name"), text_at(pod, "metadata", "namespace")
        containers = [
            text_at(c, "name") for part in ("initContainers", "containers", "ephemeralContainers") for c in list_at(pod, "spec", part)
        ]
        main = [text_at(c, "name") for c in maps_at(pod, "spec", "containers")]
        where = [folder for folder in folders if folder == namespace]
        named_here = {f"{pod_name}{mark}{container}": container for container in containers for mark in "_-."}
        if folders and folders[-1] == pod_name and stem in containers:
            container = stem
        elif stem == pod_name and len(main) == 1:
            container = main[0]
        elif stem in named_here:
            container = named_here[stem]
        else:
            continue
        if where or len([p for p in found.pods() if text_at(p, "metadata", "name") == pod_name]) == 1:
            found.log(namespace, pod_name, container, data, previous=stem != path.stem)
            return
