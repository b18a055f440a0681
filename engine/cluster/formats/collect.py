"""Gathers what a foreign recording holds and lays it out as snapshot format 1, so that one reader serves all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from engine.cluster.formats.built_in_kinds import guessed, named, of_kind
from engine.cluster.formats.internal_types import as_list, is_internal
from engine.cluster.formats.yaml_text import WrongYaml, documents
from engine.cluster.objects import parse_time, text_at
from engine.cluster.recordings.archive import Archive, BrokenRecording
from engine.cluster.source import RawObject, ResourceType

Key = tuple[str, str, str]
"""group, version, plural"""
_MOMENTS = (
    "creationTimestamp lastTimestamp firstTimestamp eventTime lastObservedTime lastTransitionTime lastHeartbeatTime lastProbeTime "
    "lastUpdateTime startedAt finishedAt startTime completionTime lastScheduleTime renewTime acquireTime"
).split()
_MOMENT = re.compile(rb'"(?:' + "|".join(_MOMENTS).encode() + rb')":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9:]{5}))"')
_STAMP = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9:]{5})(?= )")
_DUMPED = b"Cluster info dumped to standard output"
"""What kubectl prints after a dump, into the file as well where both streams went there."""
_START = re.compile(r"==== START logs for container (\S+) of pod ([^/\s]+)/(\S+) ====\r?\n?")
_REFUSED = re.compile(r"(?:Create|Request) log error: (.*)", re.S)


class Collected:
    """Objects by resource with what is known to be complete, and logs. `what` names the format in messages (`a cluster-info dump`)."""

    def __init__(self, archive: Archive, what: str) -> None:
        self.archive = archive
        self.what = what
        self.version = ""
        self._objects: dict[Key, dict[tuple[str, str], RawObject]] = {}
        self._types: dict[Key, ResourceType] = {}
        self._complete: dict[Key, set[str] | None] = {}
        """Namespaces that a resource is complete in; None is all of them; no entry: single objects only."""
        self._refused: dict[Key, tuple[int, str]] = {}
        self._logs: dict[str, bytes] = {}
        self.unread: dict[str, str] = {}
        """Files that could not be read, with why; they cost what they hold and not the whole recording."""
        self._strange: dict[str, int] = {}
        """What was not understood in readable files, as `kind: how many`."""

    def read(self, name: str) -> list[Any]:
        """The documents of a JSON or YAML file; there may be several. What cannot be read is noted in `unread`."""
        data = self.archive.read(name) or b""
        return self.parse(name, data)

    def parse(self, name: str, data: bytes) -> list[Any]:
        """The documents in a file's bytes, those before the first that cannot be read."""
        found: list[Any] = []
        try:
            if data[:200].lstrip().startswith((b"{", b"[")):
                for part in _json_parts(data):
                    found.append(self.archive.decode(name, part))
            else:
                for document in documents(data):
                    found.append(document)
        except WrongYaml as error:
            self.unread[name] = f"it is not valid YAML: {error}"
        except BrokenRecording as error:
            self.unread[name] = str(error).partition(": ")[2]
        return [as_list(document) if is_internal(document) else document for document in found if document is not None]

    def lacking(self) -> list[str]:
        """What was not understood, a sentence each: unreadable files, objects of no known shape."""
        said = [f"{name} was not read: {why}" for name, why in list(self.unread.items())[:20]]
        if len(self.unread) > 20:
            said.append(f"{len(self.unread) - 20} more files were not read")
        strange = sorted(self._strange.items(), key=lambda pair: -pair[1])
        return said + [f"{count} {kind} not understood and left out" for kind, count in strange[:20]]

    def add(self, document: Any, *, hint: ResourceType | None = None) -> ResourceType | None:
        """Take a List, an array or an object; the resource that it is of, or None where it is nothing of Kubernetes'."""
        kind, api_version = text_at(document, "kind"), text_at(document, "apiVersion")
        if isinstance(document, dict) and (not kind.endswith("List") or "items" not in document):
            single: RawObject = document
            own = self._type(single, hint)
            if own is not None:
                self._put(own, single)
            return own
        listed = document.get("items") if isinstance(document, dict) else document
        items: list[RawObject] = [item for item in listed or () if isinstance(item, dict)] if isinstance(listed, list) else []
        of_list = of_kind(api_version, kind.removesuffix("List")) if kind != "List" else None
        row = hint or of_list
        for item in items:
            found = self._type(item, of_list or hint, kind.removesuffix("List"), api_version)
            if found is not None:
                row = found
                self._put(found, item)
        return row

    def cover(self, row: ResourceType, namespaces: Iterable[str] | None) -> None:
        """Note that a resource is complete in these namespaces (None: everywhere), also where it has no objects."""
        key = self._key(row)
        self._objects.setdefault(key, {})
        held = self._complete.get(key, set())
        self._complete[key] = None if namespaces is None or held is None or not row.namespaced else {*held, *namespaces}

    def refuse(self, row: ResourceType, status: int, message: str) -> None:
        """Note that the server refused a resource's list."""
        self._refused[self._key(row)] = (status, message)

    def log(self, namespace: str, pod: str, container: str, data: bytes, *, previous: bool = False) -> None:
        """Take a container's log."""
        name = f"logs/{namespace}/{pod}/{container}{'.previous' if previous else ''}"
        refused = _REFUSED.match(data[:2000].decode("utf-8", "replace"))
        if refused is not None:
            self._logs[name + ".error.json"] = _status(500, refused[1].strip())
        else:
            self._logs[name + ".log"] = data

    def marked_logs(self, data: bytes) -> bytes:
        """Take the logs between START and END lines out of a text; what is left of it comes back."""
        if b"==== START logs for container " not in data:
            return data
        text = data.decode("utf-8", "replace")
        rest: list[str] = []
        at = 0
        while (found := _START.search(text, at)) is not None:
            rest.append(text[at : found.start()])
            end = f"==== END logs for container {found[1]} of pod {found[2]}/{found[3]} ===="
            stop = text.find(end, found.end())
            body = text[found.end() : stop] if stop >= 0 else text[found.end() :]
            self.log(found[2], found[3], found[1], body.encode())
            at = stop + len(end) if stop >= 0 else len(text)
        return "\n".join([*rest, text[at:]]).encode()

    def pods(self) -> Iterable[RawObject]:
        """The pods that were taken in."""
        return self._objects.get(("", "v1", "pods"), {}).values()

    def namespaces(self) -> set[str]:
        """Namespaces that hold an object."""
        return {namespace for objects in self._objects.values() for namespace, _ in objects if namespace}

    @property
    def empty(self) -> bool:
        return not any(self._objects.values())

    def laid_out(self, title: str) -> Archive:
        """The files of snapshot format 1."""
        import msgspec

        files: dict[str, bytes] = dict(self._logs)
        index: list[dict[str, Any]] = []
        newest: datetime | None = None
        for key in {**self._objects, **self._refused}:
            row = self._types[key]
            file = f"resources/{row.group or 'core'}/{row.version}/{row.plural}.json"
            objects = list(self._objects.get(key, {}).values())
            entry: dict[str, Any] = {"group": row.group, "version": row.version, "resource": row.plural, "kind": row.kind}
            entry |= {"namespaced": row.namespaced, "items": len(objects), "status": 200, "file": file}
            if key in self._refused and key not in self._complete:
                entry["status"], said = self._refused[key]
                files[file] = _status(entry["status"], said)
            else:
                complete = self._complete.get(key, set())
                if complete is not None:
                    entry |= {"namespaces": sorted(complete), "partial": key not in self._complete}
                listed = {"kind": f"{row.kind}List", "apiVersion": _version(row), "metadata": {"resourceVersion": "1"}, "items": objects}
                files[file] = msgspec.json.encode(listed)
                newest = _newer(newest, (found[1] for found in _MOMENT.finditer(files[file])))
            index.append(entry)
        ends = (_STAMP.match(data[data.rstrip().rfind(b"\n") + 1 :]) for data in self._logs.values())
        newest = _newer(newest, (found[0] for found in ends if found))
        meta = {
            "format": 1,
            "title": title,
            "layout": self.what,
            "recorded_at": (newest or datetime.now(UTC)).isoformat(),
            "about": f"Opened from {self.what}.",
            "errors": self.lacking(),
        }
        files["meta.json"] = msgspec.json.encode(meta)
        files["index.json"] = msgspec.json.encode(index)
        version = self.version or self._kubelet_version()
        files["version.json"] = msgspec.json.encode(_version_answer(version) if version else {})
        return Archive(self.archive.name, files)

    def _type(self, item: RawObject, hint: ResourceType | None, kind: str = "", api_version: str = "") -> ResourceType | None:
        kind = text_at(item, "kind") or kind
        api_version = text_at(item, "apiVersion") or api_version
        if not isinstance(item.get("metadata"), dict) or not text_at(item, "metadata", "name"):
            if kind and not kind.endswith(("Options", "Status", "Review")):
                self._strange[kind] = self._strange.get(kind, 0) + 1
            return None
        if not kind or not api_version:
            return hint
        if hint is not None and (_version(hint), hint.kind) == (api_version, kind):
            return hint
        if (known := of_kind(api_version, kind)) is not None:
            return known
        for row in self._types.values():
            if (_version(row), row.kind) == (api_version, kind):
                return row
        group = api_version.rpartition("/")[0]
        for definition in self._objects.get(("apiextensions.k8s.io", "v1", "customresourcedefinitions"), {}).values():
            if (text_at(definition, "spec", "group"), text_at(definition, "spec", "names", "kind")) == (group, kind):
                plural = text_at(definition, "spec", "names", "plural")
                namespaced = text_at(definition, "spec", "scope") == "Namespaced"
                verbs = ("get", "list", "watch")
                return ResourceType(group, api_version.rpartition("/")[2], plural, kind, namespaced, singular=kind.lower(), verbs=verbs)
        return guessed(api_version, kind, namespaced=bool(text_at(item, "metadata", "namespace")))

    def _put(self, row: ResourceType, item: RawObject) -> None:
        name = (text_at(item, "metadata", "namespace"), text_at(item, "metadata", "name"))
        self._objects.setdefault(self._key(row), {})[name] = item

    def _key(self, row: ResourceType) -> Key:
        key = (row.group, row.version, row.plural)
        self._types.setdefault(key, row)
        return key

    def _kubelet_version(self) -> str:
        """The newest kubelet's version: a server is at least as new."""
        nodes = self._objects.get(("", "v1", "nodes"), {}).values()
        versions = [text_at(node, "status", "nodeInfo", "kubeletVersion") for node in nodes]
        return max((v for v in versions if v), key=lambda v: [int(n) for n in re.findall(r"\d+", v)[:3]], default="")


def resource_of(word: str, aliases: Mapping[str, str] | None = None) -> ResourceType | None:
    """The built-in resource of a file's or folder's name."""
    return named((aliases or {}).get(word, word))


def _json_parts(data: bytes) -> list[bytes]:
    """The documents of a file that holds several: kubectl prints them one after another, each closing in the first column."""
    text = data.strip()
    if text.endswith(_DUMPED):
        text = text.removesuffix(_DUMPED).rstrip()
    if b"\n}" not in text.removesuffix(b"\n}"):
        return [text]
    parts = re.split(rb"(?<=\n\})\s*\n(?=\{)", text)
    return [part for part in parts if part.strip()]


def _newer(held: datetime | None, found: Iterable[bytes]) -> datetime | None:
    """The latest of some RFC 3339 times, the held one among them."""
    for text in sorted(set(found), reverse=True):  # servers write UTC, so the order of the text is that of time
        moment = parse_time(text.decode())
        if moment is not None:
            return moment if held is None or moment > held else held
    return held


def _version(row: ResourceType) -> str:
    return f"{row.group}/{row.version}" if row.group else row.version


def _version_answer(version: str) -> dict[str, str]:
    major, _, rest = version.removeprefix("v").partition(".")
    return {"major": major, "minor": rest.partition(".")[0], "gitVersion": version}


def _status(code: int, message: str) -> bytes:
    import msgspec

    reason = {403: "Forbidden", 404: "NotFound"}.get(code, "InternalError")
    return msgspec.json.encode(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}
    )
