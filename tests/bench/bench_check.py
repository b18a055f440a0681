"""One check of 5,000 pods of 9 kB with 200 faults, beside reading and parsing the same JSON in the same run.

Prints CPU seconds and memory of both, and their ratio. Machines differ: read the ratios.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.manifests import NOW, Raw, container, crash_loop, ended, event, meta, node, pod, running, waiting

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj

pytestmark = pytest.mark.bench
ROOT = Path(__file__).resolve().parents[2]
PODS, FAULTS, EACH, NAMESPACES = 5_000, 200, 5, 50
KILOBYTES = 9


def fill(raw: Raw) -> Raw:
    """Annotations and managed fields, as real pods carry them, up to nine kilobytes."""
    fields = {f"f:field-{n}": {".": {}, "f:value": {}} for n in range(60)}
    raw["metadata"]["managedFields"] = [
        {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields}
    ]
    missing = KILOBYTES * 1024 - len(json.dumps(raw))
    raw["metadata"]["annotations"] = {"checksum/config": "0" * max(0, missing - 40)}
    return raw


def faulty(number: int) -> tuple[list[Raw], list[Raw], list[tuple[str, str]]]:
    """Containers, statuses and events of the n-th fault, of five kinds in turn."""
    kind = number % 5
    if kind == 0:
        return [container()], [crash_loop()], [("BackOff", "Back-off restarting failed container app")]
    if kind == 1:
        text = 'Back-off pulling image "registry.example/app:9": ErrImagePull: registry.example/app:9: not found'
        return [container(image="registry.example/app:9")], [waiting("ImagePullBackOff", text)], [("Failed", text)]
    if kind == 2:
        limit = {"limits": {"memory": "64Mi"}}
        return [container(resources=limit)], [running(ready=False, restarts=4, last=ended(137, "OOMKilled"))], []
    if kind == 3:
        env = [{"configMapRef": {"name": "gone"}}]
        return [container(envFrom=env)], [waiting("CreateContainerConfigError", 'configmap "gone" not found')], []
    probe = {"httpGet": {"path": "/ready", "port": 8080}}
    return [container(readinessProbe=probe)], [running(ready=False)], [("Unhealthy", "Readiness probe failed: statuscode: 404")]


def make_cluster() -> dict[str, list[Raw]]:
    """Deployments of five pods with their Services, in fifty namespaces on a hundred nodes; every fifth pod of the first thousand fails."""
    made: dict[str, list[Raw]] = {"nodes": [node(f"node-{n}") for n in range(100)]}

    def add(raw: Raw) -> None:
        made.setdefault(RESOURCE_OF_KIND[raw["kind"]], []).append(raw)

    for n in range(NAMESPACES):
        add({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(f"team-{n}", ""), "status": {"phase": "Active"}})
    for app in range(PODS // EACH):
        space, name = f"team-{app % NAMESPACES}", f"app-{app}"
        broken = app < FAULTS
        specs, states, told = faulty(app) if broken else ([container(ports=[{"containerPort": 8080}])], [running()], [])
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": specs}}
        spec = {"replicas": EACH, "selector": {"matchLabels": labels}, "template": template}
        ready = EACH - 1 if broken else EACH
        status = {"observedGeneration": 1, "replicas": EACH, "updatedReplicas": EACH, "readyReplicas": ready, "availableReplicas": ready}
        add({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name, space, generation=1), "spec": spec, "status": status})
        owner = {"kind": "Deployment", "name": name, "uid": f"uid-{space}-{name}", "controller": True}
        rs = meta(f"{name}-1", space, ownerReferences=[owner])
        add({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": rs, "spec": spec, "status": status})
        ports = {"clusterIP": f"10.9.{app // 250}.{app % 250}", "selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
        add({"apiVersion": "v1", "kind": "Service", "metadata": meta(name, space), "spec": ports})
        for number in range(EACH):
            bad = broken and number == 0
            containers, statuses = (specs, states) if bad else ([container(ports=[{"containerPort": 8080}])], [running()])
            where = f"node-{(app * EACH + number) % 100}"
            place: dict[str, Any] = {"owner": ("ReplicaSet", f"{name}-1"), "namespace": space, "labels": labels, "node": where}
            one = pod(f"{name}-1-{number}", *containers, statuses=statuses, **place)
            one["status"]["podIP"] = f"10.244.{app % 250}.{number}"
            add(fill(one))
            for reason, message in told if bad else []:
                add(event(one, reason, message, container="app"))
    return made


def memory() -> float:
    """The most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: str, what: str) -> dict[str, Any]:
    """Read and parse the files (`parse`), and check what is in them (`check`); CPU seconds of each and the most memory held."""
    started = time.process_time()
    parsed = {path.stem: json.loads(path.read_bytes()) for path in Path(folder).glob("*.json")}
    read = time.process_time() - started
    told: dict[str, Any] = {"parse": read, "checked": 0.0, "findings": 0}
    if what == "check":
        objects = {resource: [Obj(raw) for raw in items] for resource, items in parsed.items()}

        def fetch(resource: str, wanted: str | None) -> list[Obj]:
            return [o for o in objects.get(resource, []) if wanted is None or o.namespace in ("", wanted)]

        started = time.process_time()
        report = check(ClusterView(fetch, now=NOW, namespace=None, logs=lambda *_: []))
        told["checked"] = time.process_time() - started
        told["findings"] = sum(f.severity != "info" and not f.causes for f in report.findings)
        told["roots"] = len({(f.owner or f.object) for f in report.findings if f.severity != "info"})
        assert not report.errors, report.errors
    return {**told, "memory": memory()}


def test_check_of_five_thousand_pods(tmp_path: Path) -> None:
    size = 0
    for resource_name, items in make_cluster().items():
        text = json.dumps(items)
        size += len(text)
        (tmp_path / f"{resource_name}.json").write_text(text)
    told = {}
    for what in ("parse", "check"):
        code = f"import json, sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests'), str(ROOT / 'tests/bench')]!r}; import bench_check; print(json.dumps(bench_check.measure({str(tmp_path)!r}, {what!r})))"  # noqa: E501
        told[what] = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    parse, whole = told["parse"], told["check"]
    print(f"\n{PODS} pods, {size / 1e6:.1f} MB of JSON, {FAULTS} faults")
    print(f"read and parse: {parse['parse']:.2f} s, {parse['memory']:.0f} MB")
    print(f"check alone:    {whole['checked']:.2f} s, with parsing {whole['memory']:.0f} MB; {whole['roots']} objects with findings")
    print(f"ratio: time {whole['checked'] / whole['parse']:.1f}, memory {whole['memory'] / parse['memory']:.2f}")
    assert whole["roots"] >= FAULTS
