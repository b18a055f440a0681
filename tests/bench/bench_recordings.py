"""Opening large recordings: our archive, a dump's folder, a must-gather in YAML, beside unpacking and parsing the same JSON by hand.

Prints CPU seconds and the most memory of each, and the ratios to the last; each row in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.recordings import files_of, tar_of, write_folder

pytestmark = pytest.mark.bench
ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(Path(__file__).parent))

from bench_check import make_cluster  # noqa: E402

KEYS = {
    "nodes": "core/v1/nodes/Node!",
    "namespaces": "core/v1/namespaces/Namespace!",
    "pods": "core/v1/pods/Pod",
    "services": "core/v1/services/Service",
    "events": "core/v1/events/Event",
    "deployments.apps": "apps/v1/deployments/Deployment",
    "replicasets.apps": "apps/v1/replicasets/ReplicaSet",
}
DUMPED = ("pods", "services", "events", "deployments.apps", "replicasets.apps")


def memory() -> float:
    """The most memory of this process since it began, in MB (what getrusage tells survives from its parent)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(path: str, how: str) -> dict[str, Any]:
    """Open and read every list (`ours`), or unpack and parse it with the standard library (`plain`)."""
    started = time.process_time()
    if how == "plain":
        kept = []
        with tarfile.open(path) as tar:
            for member in tar:
                stream = tar.extractfile(member)
                if stream is not None and member.name.endswith(".json"):
                    kept.append(json.loads(stream.read()))
        opened = time.process_time() - started
        return {"opened": opened, "read": opened, "memory": memory(), "pods": sum(len(k.get("items", ())) for k in kept if "items" in k)}
    from engine.cluster.recordings.recorded_cluster import open_recording

    cluster = open_recording(Path(path))
    opened = time.process_time() - started
    pods = len(cluster.list("pods"))
    for row in cluster.lists:
        cluster.list(row.name)
    return {"opened": opened, "read": time.process_time() - started, "memory": memory(), "pods": pods}


def test_large_recordings_open(tmp_path: Path) -> None:
    made = make_cluster()
    files = files_of({KEYS[name]: items for name, items in made.items() if name in KEYS})
    (tmp_path / "ours.tar.gz").write_bytes(tar_of(files))
    spaces = [item["metadata"]["name"] for item in made["namespaces"]]
    dump = {"nodes.json": json.dumps({"kind": "NodeList", "apiVersion": "v1", "items": made["nodes"]}).encode()}
    for space in spaces:
        dump[f"{space}/replication-controllers.json"] = b'{"kind":"ReplicationControllerList","apiVersion":"v1","items":[]}'
        for name in DUMPED:
            items = [item for item in made[name] if item["metadata"]["namespace"] == space]
            kind = KEYS[name].rsplit("/", 1)[1]
            version = "apps/v1" if name.endswith(".apps") else "v1"
            text = json.dumps({"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": items}, indent=4)
            dump[f"{space}/{name.split('.')[0]}.json"] = text.encode()
    write_folder(tmp_path / "dump", dump)
    gather = {}
    for space in spaces[:2]:
        some = json.loads(
            json.dumps([item for item in made["pods"] if item["metadata"]["namespace"] == space])
        )  # nothing twice: no aliases
        text = yaml.dump({"kind": "PodList", "apiVersion": "v1", "items": some}, Dumper=yaml.CSafeDumper)
        gather[f"must-gather/namespaces/{space}/core/pods.yaml"] = text.encode()
    write_folder(tmp_path / "gather", gather)
    told = {}
    for label, path, how in (
        ("json by hand", "ours.tar.gz", "plain"),
        ("our archive", "ours.tar.gz", "ours"),
        ("dump, folder", "dump", "ours"),
        ("must-gather, 200 pods", "gather", "ours"),
    ):
        code = f"import json, sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests'), str(ROOT / 'tests/bench')]!r}; import bench_recordings; print(json.dumps(bench_recordings.measure({str(tmp_path / path)!r}, {how!r})))"  # noqa: E501
        told[label] = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    size, packed = sum(map(len, files.values())) / 1e6, (tmp_path / "ours.tar.gz").stat().st_size / 1e6
    print(f"\n5,000 pods of 9 kB, {size:.1f} MB of JSON, {packed:.1f} MB packed")
    for label, row in told.items():
        print(f"{label:24} open {row['opened']:5.2f} s   open and read all {row['read']:5.2f} s   {row['memory']:4.0f} MB")
    ratio = told["our archive"]["read"] / told["json by hand"]["read"]
    print(f"our archive to json by hand: time {ratio:.2f}, memory {told['our archive']['memory'] / told['json by hand']['memory']:.2f}")
    assert told["our archive"]["pods"] == told["dump, folder"]["pods"] == 5_000
    assert ratio < 2
