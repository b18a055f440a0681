"""Nodes whose kubelet does not answer cost a check nothing, on a real API server that would wait for them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from live.control_plane import ControlPlane

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
PODS = 30


def node(name: str, ready: str, address: str) -> dict[str, object]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Ready", "status": ready, "reason": "NodeStatusUnknown" if ready == "Unknown" else "KubeletReady"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {
            "conditions": [{**condition, "lastHeartbeatTime": now, "lastTransitionTime": now, "message": "Kubelet stopped posting status"}],
            "addresses": [{"type": "InternalIP", "address": address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    }


@pytest.mark.parametrize(
    ("ready", "address"), [("Unknown", "192.0.2.10"), ("True", "192.0.2.11")], ids=["kubelet stopped reporting", "not noticed yet"]
)
def test_thirty_pods_of_a_dead_node(plane: ControlPlane, ready: str, address: str) -> None:
    space = f"dead-{ready.lower()}"
    plane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    gone = node(f"node-{ready.lower()}", ready, address)
    plane.request("POST", "/api/v1/nodes", gone)
    plane.request("PATCH", f"/api/v1/nodes/node-{ready.lower()}/status", {"status": gone["status"]}, content="application/merge-patch+json")
    running = {"name": "app", "ready": True, "restartCount": 2, "image": "nginx", "imageID": "x", "started": True}
    for number in range(PODS):
        spec = {"nodeName": f"node-{ready.lower()}", "containers": [{"name": "app", "image": "nginx"}]}
        name = f"worker-{number}"
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space}, "spec": spec}
        plane.request("POST", f"/api/v1/namespaces/{space}/pods", made)
        state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{**running, "state": state}],
        }
        plane.request("PATCH", f"/api/v1/namespaces/{space}/pods/{name}/status", {"status": status}, content="application/merge-patch+json")
    began = time.monotonic()
    done = plane.k8sagent("admin", "check", "-n", space, "--output", "json")
    seconds = time.monotonic() - began
    report = json.loads(done.stdout)
    said = [error for error in report["errors"] if error.startswith("logs of")]
    print(f"\n{PODS} pods of a dead node ({ready}): {seconds:.1f} s; {said}")
    assert said == [f"logs of {PODS} pods were not read: the kubelet of node node-{ready.lower()} does not answer"]
    assert seconds < 25, "one read at most, and no more"
    plane.request("DELETE", f"/api/v1/namespaces/{space}")
    plane.request("DELETE", f"/api/v1/nodes/node-{ready.lower()}")
