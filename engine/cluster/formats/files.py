"""A folder (or one file) of what `kubectl get … -o yaml|json` and `kubectl logs` printed, under any names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from engine.cluster.formats.built_in_kinds import named
from engine.cluster.formats.collect import Collected
from engine.cluster.objects import maps_at, text_at
from engine.cluster.recordings.archive import Archive
from engine.cluster.source import RawObject, ResourceType

WHAT = "a folder of kubectl output"


def from_files(archive: Archive) -> Collected | None:
    """Every JSON and YAML file with Kubernetes objects in it, and the logs whose names contain their pod; None when there is no object.

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
        return found if found.unread else None
    seen: set[str] = set()
    for row, namespaces in listed:
        seen |= namespaces
        found.cover(row, None if len(namespaces) > 1 or not row.namespaced else namespaces)
    for row in empty:
        found.cover(row, seen)
    pods: dict[str, list[RawObject]] = {}
    for pod in found.pods():
        pods.setdefault(text_at(pod, "metadata", "name"), []).append(pod)
    for name in texts:
        _log(found, name, pods)
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


def _log(found: Collected, name: str, pods: Mapping[str, list[RawObject]]) -> None:
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
    # the pod's name and what follows it, at each place where it may end
    splits = [(folders[-1], stem)] if folders else []
    splits += [(stem, ""), *((stem[: mark.start()], stem[mark.end() :]) for mark in re.finditer(r"[-_.]", stem))]
    for pod_name, rest in splits:
        held = pods.get(pod_name, [])
        here = [pod for pod in held if text_at(pod, "metadata", "namespace") in folders] or held
        if len(here) == 1 and (container := _container(here[0], rest)):
            found.log(text_at(here[0], "metadata", "namespace"), pod_name, container, data, previous=stem != path.stem)
            return


def _container(pod: RawObject, name: str) -> str:
    """The container of that name, or without a name the only one; "" where there is none."""
    if not name:
        main = [text_at(spec, "name") for spec in maps_at(pod, "spec", "containers")]
        return main[0] if len(main) == 1 else ""
    parts = ("initContainers", "containers", "ephemeralContainers")
    return next((name for part in parts for spec in maps_at(pod, "spec", part) if text_at(spec, "name") == name), "")
