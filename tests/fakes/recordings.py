"""Small recordings in snapshot format 1, built for a test: as a folder, or as a tar archive."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

RECORDED_AT = "2026-03-01T10:00:00.250000Z"


def pod(name: str, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    """A pod as a list holds it (without kind), created a minute before the recording."""
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": "2026-03-01T09:59:00Z"},
        "spec": {"nodeName": "node-a", "containers": [{"name": "app", "image": "registry.test/app:1"}]},
        "status": {"phase": "Running"},
        **more,
    }


def files_of(
    lists: dict[str, list[dict[str, Any]]], *, logs: dict[str, str] | None = None, meta: dict[str, Any] | None = None
) -> dict[str, bytes]:
    """The files of a recording. `lists` is by "group/version/plural/Kind" ("core" for the core group); a trailing "!" is cluster-scoped."""
    files: dict[str, bytes] = {}
    index = []
    for key, items in lists.items():
        folder, version, plural, kind = key.removesuffix("!").split("/")
        group = "" if folder == "core" else folder
        file = f"resources/{folder}/{version}/{plural}.json"
        api_version = f"{group}/{version}" if group else version
        document = {"kind": f"{kind}List", "apiVersion": api_version, "metadata": {"resourceVersion": "77"}, "items": items}
        files[file] = json.dumps(document).encode()
        index.append(
            {
                "group": group,
                "version": version,
                "resource": plural,
                "kind": kind,
                "namespaced": not key.endswith("!"),
                "items": len(items),
                "status": 200,
                "file": file,
            }
        )
    files["index.json"] = json.dumps(index).encode()
    files["meta.json"] = json.dumps({"recorded_at": RECORDED_AT, "node": "node-a", **(meta or {})}).encode()
    files["version.json"] = b'{"major":"1","minor":"36","gitVersion":"v1.36.2"}'
    for name, text in (logs or {}).items():
        files[f"logs/{name}"] = text.encode()
    return files


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    """Write the files below a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tar_of(files: dict[str, bytes], *, top: str = "recording/", mode: str = "w:gz", extra: list[tarfile.TarInfo] | None = None) -> bytes:
    """A tar archive of the files under one folder; `extra` members (links, devices…) come first, without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for member in extra or []:
            tar.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(top + name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()
