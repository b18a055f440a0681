"""`record`: writes what a cluster says into a recording of our own format, without secrets, and with what was refused.

The layout is that of `recorded_cluster.py`: meta.json, index.json, resources/, logs/, discovery/, openapi/, raw/, version.json.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import __version__
from engine.cluster.live.http import Gone, Refused, ServerFailed
from engine.cluster.objects import int_at, maps_at, text_at
from engine.cluster.recordings.files import CannotRecord, RecordingFiles, plain_name
from engine.cluster.recordings.lists import FORMAT
from engine.cluster.recordings.redact_objects import scrubbed
from engine.cluster.source import ClusterError, ClusterSource, Forbidden, NotFound, NotRecorded, RawObjects, ResourceType, Unreachable
from engine.core.cancel import CancelToken
from engine.core.redaction.redactor import Redactor

__all__ = ["CannotRecord", "Limits", "Recorded", "record"]

Progress = Callable[[str, int, int], None]
"""What is being recorded, how many of its steps are done, how many there are."""
_READERS = 4
_HEALTH = ("healthz", "livez", "readyz")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the logs is taken: lines of a container (None: all that the source gives), those of the last seconds (None: of any age),
    bytes of all together, or nothing."""

    logs: bool = True
    tail: int | None = 5000
    since_seconds: int | None = None
    log_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written. `refused` are sentences on what the server did not give, `redactions` how many secrets were taken out."""

    path: Path
    lists: int
    objects: int
    logs: int
    bytes: int
    redactions: int
    refused: tuple[str, ...]


@dataclass(slots=True)
class _Run:
    """One recording while it is made."""

    source: ClusterSource
    files: RecordingFiles
    namespaces: tuple[str, ...] | None
    limits: Limits
    redactor: Redactor
    progress: Progress
    cancel: CancelToken
    index: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    logs: int = 0
    log_bytes: int = 0


def record(
    source: ClusterSource,
    path: Path,
    *,
    namespaces: Sequence[str] | None = None,
    limits: Limits | None = None,
    redactor: Redactor | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Recorded:
    """Record a cluster into `path` (a folder, or an archive where it ends in .tar, .tar.gz or .tgz), which must not exist yet.

    `namespaces`: only these, with all cluster-scoped objects (None: all). Raises CannotRecord for the path, Unreachable when the cluster is
    gone, ClusterError when not even pods may be listed, Cancelled; nothing is left behind then.
    """
    secrets = redactor or Redactor()
    token = cancel or CancelToken()
    wanted = tuple(dict.fromkeys(namespaces)) if namespaces is not None else None
    with RecordingFiles(path) as files:
        run = _Run(source, files, wanted, limits or Limits(), secrets, progress or (lambda *_: None), token)
        begun = source.now()
        version = _version(run)
        kinds = [
            kind
            for kind in source.resources()
            if "list" in kind.verbs and all(map(plain_name, (kind.plural, kind.group or "core", kind.version)))
        ]
        pods: RawObjects = []
        for number, kind in enumerate(kinds):
            run.progress(kind.name, number, len(kinds))
            found = _list(run, kind)
            if kind.name == "pods":
                pods = found
        if not any(row["status"] == 200 and row["resource"] == "pods" for row in run.index):
            why = "; ".join(sentence for sentence in run.refused if sentence.startswith("pods")) or "no such resource"
            way = "" if wanted else " (if you can read only some namespaces, name them with -n)"
            raise ClusterError(f"pods cannot be listed, so there is nothing to record: {why}{way}")
        if run.limits.logs:
            _logs(run, pods)
        _documents(run)
        files.add("index.json", _json(run.index))
        meta = {
            "format": FORMAT,
            "recorder": f"k8sagent {__version__}",
            "recorded_at": begun.isoformat(),
            "finished_at": datetime.now(UTC).isoformat(),
            "server_version": version,
            "namespaces": list(wanted) if wanted is not None else None,
            "logs": {"files": run.logs, "tail": run.limits.tail, "since_seconds": run.limits.since_seconds} if run.limits.logs else None,
            "redacted": dict(secrets.counts),
            "errors": run.refused,
        }
        files.add("meta.json", _json(meta))
    return Recorded(
        path=path,
        lists=sum(row["status"] == 200 for row in run.index),
        objects=sum(row["items"] for row in run.index),
        logs=run.logs,
        bytes=files.bytes,
        redactions=sum(secrets.counts.values()),
        refused=tuple(run.refused),
    )


def _version(run: _Run) -> dict[str, str]:
    run.cancel.check()
    version = run.source.server_version()
    run.files.add("version.json", run.source.raw("/version") or _json({"gitVersion": version}))
    return {"gitVersion": version}


def _list(run: _Run, kind: ResourceType) -> RawObjects:
    """Record one resource in the namespaces that are wanted; its objects as they came."""
    file = f"resources/{kind.group or 'core'}/{kind.version}/{kind.plural}.json"
    row: dict[str, Any] = {"group": kind.group, "version": kind.version, "resource": kind.plural, "kind": kind.kind}
    row |= {"namespaced": kind.namespaced, "items": 0, "status": 200, "file": file}
    places: Sequence[str | None] = run.namespaces if run.namespaces is not None and kind.namespaced else (None,)
    found: RawObjects = []
    given: list[str | None] = []
    refusal: ClusterError | None = None
    for place in places:
        try:
            found += run.source.list(kind.name, place, cancel=run.cancel)
            given.append(place)
        except NotRecorded as error:
            run.refused.append(str(error))
        except (Forbidden, NotFound, Unreachable, Refused, Gone) as error:
            _unless_gone(run, error)
            refusal = error
            run.refused.append(f"{kind.name}{f' in {place}' if place else ''}: {error}")
    if given:
        api_version = f"{kind.group}/{kind.version}" if kind.group else kind.version
        items = []
        for item in found:
            made = scrubbed(item, kind=kind.kind, group=kind.group, redactor=run.redactor)
            items.append({key: value for key, value in made.items() if key not in ("kind", "apiVersion")})
        run.files.add(file, _json({"kind": f"{kind.kind}List", "apiVersion": api_version, "metadata": {}, "items": items}))
        run.index.append(row | {"items": len(items)} | ({} if places == (None,) else {"namespaces": given}))
    elif refusal is not None:
        status = _status_of(refusal)
        run.files.add(file, _json({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": str(refusal), "code": status}))
        run.index.append(row | {"status": status})
    return found


def _status_of(error: ClusterError) -> int:
    if isinstance(error, Forbidden):
        return 403
    if isinstance(error, NotFound):
        return 404
    return 503 if isinstance(error, Unreachable) else 400


def _unless_gone(run: _Run, error: ClusterError) -> None:
    """Raise Unreachable again when the whole server is gone; one dead node or aggregated API alone is a gap that is noted."""
    if isinstance(error, Unreachable) and not isinstance(error, ServerFailed):
        run.source.server_version()


def _logs(run: _Run, pods: RawObjects) -> None:
    wanted = list(_containers(pods))
    with ThreadPoolExecutor(_READERS, thread_name_prefix="record") as readers:
        answers = readers.map(lambda one: _log(run, *one), wanted)
        try:
            for number, (one, (name, data)) in enumerate(zip(wanted, answers, strict=True)):
                run.progress(f"log of {one[0]}/{one[1]}", number, len(wanted))
                if run.log_bytes + len(data) > run.limits.log_bytes:
                    run.refused.append(f"logs: the {run.limits.log_bytes:,} bytes that they may have were full at {one[0]}/{one[1]}")
                    break
                run.log_bytes += len(data)
                run.logs += name.endswith(".log")
                run.files.add(name, data)
        finally:
            readers.shutdown(wait=True, cancel_futures=True)


def _containers(pods: RawObjects) -> Iterator[tuple[str, str, str, bool]]:
    """Namespace, pod, container, previous: every log that the server may have."""
    for pod in pods:
        namespace, name = text_at(pod, "metadata", "namespace"), text_at(pod, "metadata", "name")
        for part in ("initContainers", "containers", "ephemeralContainers"):
            statuses = {text_at(s, "name"): s for s in maps_at(pod, "status", part.removesuffix("s") + "Statuses")}
            for container in maps_at(pod, "spec", part):
                own = text_at(container, "name")
                if not all(map(plain_name, (namespace, name, own))):
                    continue
                yield namespace, name, own, False
                if int_at(statuses.get(own, {}), "restartCount"):
                    yield namespace, name, own, True


def _log(run: _Run, namespace: str, pod: str, container: str, previous: bool) -> tuple[str, bytes]:
    """The file of one log: its lines, or the Status of the refusal."""
    run.cancel.check()
    name = f"logs/{namespace}/{pod}/{container}{'.previous' if previous else ''}"
    try:
        tail, since = run.limits.tail, run.limits.since_seconds
        lines = run.source.logs(namespace, pod, container, previous=previous, tail=tail, since_seconds=since, cancel=run.cancel)
    except (Forbidden, NotFound, NotRecorded, Unreachable) as error:
        _unless_gone(run, error)
        code = 400 if isinstance(error, NotFound | NotRecorded) else _status_of(error)
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": str(error), "code": code}
        return f"{name}.error.json", _json(run.source.log_error(namespace, pod, container, previous) or status)
    text = run.redactor.text("\n".join(lines))
    return f"{name}.log", (text + "\n").encode() if lines else b""


def _documents(run: _Run) -> None:
    """Discovery, schemas and health in the server's own words."""
    source = run.source
    run.progress("discovery", 0, 1)
    for path in ("/api", "/apis"):
        _keep(run, f"discovery/aggregated-{path.strip('/')}.json", source.discovery(path, aggregated=True))
    groups = {(kind.group, kind.version) for kind in source.resources()}
    places = sorted(f"/apis/{group}/{version}" if group else f"/api/{version}" for group, version in groups)
    for path in ("/api", "/apis", *places):
        run.cancel.check()
        _keep(run, f"discovery/{path.strip('/')}.json", source.discovery(path))
    _keep(run, "openapi/v3/index.json.gz", source.openapi("/openapi/v3"), packed=True)
    for number, path in enumerate(places):
        run.cancel.check()
        run.progress("OpenAPI", number, len(places))
        _keep(run, f"openapi/v3/{path.strip('/').replace('/', '__')}.json.gz", source.openapi(f"/openapi/v3{path}"), packed=True)
    for name in _HEALTH:
        _keep(run, f"raw/{name}.txt", source.raw(f"/{name}"))


def _keep(run: _Run, name: str, data: bytes | None, *, packed: bool = False) -> None:
    if data is not None and all(map(plain_name, name.split("/"))):
        run.files.add(name, gzip.compress(data, mtime=0) if packed else data)


def _json(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value)
