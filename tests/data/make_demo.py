"""Makes engine/data/demo.tar.gz, the bundled recording, from the larger development recording.

    python tests/data/make_demo.py [RECORDING] [TARGET]

Kept: some telling namespaces with all their objects and logs, the cluster-scoped objects, discovery, and the OpenAPI documents that
`kubectl apply` and `kubectl explain` need for the common groups. Values of Secrets are emptied. The same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
CHECKOUT = HERE.parents[2]
sys.path.insert(0, str(CHECKOUT))

from engine.cluster.recordings.archive import Archive, open_archive  # noqa: E402

NAMESPACES = (
    "default", "kube-node-lease", "kube-public", "kube-system", "ingress-nginx",
    "blog", "catalog", "crm", "docs", "gateway", "hr", "mailer", "orders", "payments", "shop", "warehouse", "web",
)  # fmt: skip
OPENAPI = (
    "api/v1", "apis/apps/v1", "apis/autoscaling/v2", "apis/batch/v1", "apis/networking.k8s.io/v1", "apis/policy/v1",
    "apis/rbac.authorization.k8s.io/v1",
)  # fmt: skip
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def kept(item: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether an object belongs into the demo: in a kept namespace, or cluster-scoped and about nothing left out."""
    metadata = item["metadata"]
    if row["namespaced"]:
        return metadata["namespace"] in NAMESPACES
    if row["resource"] == "namespaces":
        return metadata["name"] in NAMESPACES
    if row["resource"] == "persistentvolumes":
        return item["spec"].get("claimRef", {}).get("namespace", "default") in NAMESPACES
    if row["resource"] == "ipaddresses":
        return item["spec"]["parentRef"]["namespace"] in NAMESPACES
    if row["resource"] == "clusterrolebindings":
        return all(subject.get("namespace", "default") in NAMESPACES for subject in item.get("subjects", []))
    return True


def empty_values(secret: dict[str, Any]) -> None:
    """Leave a Secret its keys and nothing of what they hold."""
    secret["data"] = dict.fromkeys(secret.get("data", {}), "")
    secret["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)


def files_of(recording: Archive) -> dict[str, bytes]:
    """Every file of the demo by name."""
    files: dict[str, bytes] = {}
    index = []
    for row in recording.json("index.json"):
        document = recording.json(row["file"])
        document["items"] = [item for item in document["items"] or [] if kept(item, row)]
        if row["resource"] == "secrets":
            for secret in document["items"]:
                empty_values(secret)
        files[row["file"]] = compact(document)
        index.append({**row, "items": len(document["items"])})
    files["index.json"] = lines(index)

    for name in recording.names("logs/"):
        if name.split("/")[1] in NAMESPACES:
            files[name] = recording.read(name) or b""
    for name in (*recording.names("discovery/"), "version.json", "raw/healthz.txt", "raw/livez.txt", "raw/readyz.txt"):
        files[name] = recording.read(name) or b""

    paths = json.loads(recording.inflate("openapi/v3/index.json") or b"{}")["paths"]
    files["openapi/v3/index.json"] = compact({"paths": {path: paths[path] for path in OPENAPI}})
    for path in OPENAPI:
        document = json.loads(recording.inflate(f"openapi/v3/{path.replace('/', '__')}.json") or b"{}")
        files[f"openapi/v3/{path.replace('/', '__')}.json.gz"] = packed(compact(document))

    meta = recording.json("meta.json")
    files["meta.json"] = lines(
        {
            "format": 1,
            "title": "demo",
            "about": "The demo of K8sAgent: a real Kubernetes cluster with faults planted in it and healthy workloads beside them.",
            "trimmed": "Taken from a larger recording: the namespaces below, OpenAPI of the common groups; no Secret values.",
            "namespaces": list(NAMESPACES),
            **{key: meta[key] for key in ("recorded_at", "finished_at", "node", "server_version")},
        }
    )
    return files


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def lines(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def packed(data: bytes) -> bytes:
    """gzip without a time in it, as small as it gets."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(data)
    return out.getvalue()


def archive_of(files: dict[str, bytes]) -> bytes:
    """A .tar.gz of the files under one folder, the same bytes for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files, key=lambda n: (n.count("/") > 0, n)):
            member = tarfile.TarInfo(f"demo/{name}")
            member.size = len(files[name])
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(files[name]))
    return packed(out.getvalue())


def main(arguments: list[str]) -> None:
    source = Path(arguments[0]) if arguments else CHECKOUT.parent / "shared/data/clusters/dev.tar.gz"
    target = Path(arguments[1]) if len(arguments) > 1 else CHECKOUT / "engine/data/demo.tar.gz"
    data = archive_of(files_of(open_archive(source)))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    print(f"{target}: {len(data):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
