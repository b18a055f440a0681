"""What the real kubectl changes in the overlay, and that a dry run changes nothing."""

from __future__ import annotations

import json

import pytest
from fakes.kubectls import Kubectl, kubectls

from engine.simulator.overlay import Overlay

pytestmark = [pytest.mark.kubectl, pytest.mark.skipif(not kubectls(), reason="no kubectl is installed")]
SHOP = ("-n", "shop")
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "registry.test/web:1", ports: [{containerPort: 80}]}
"""


def pods(overlay: Overlay, app: str, namespace: str = "shop") -> list[str]:
    label = {"app.kubernetes.io/name": app}
    found = [pod for pod in overlay.list("pods", namespace) if label.items() <= pod["metadata"]["labels"].items()]
    return [pod["metadata"]["name"] for pod in found]


@pytest.mark.parametrize(
    "command",
    [
        ["scale", "deploy/cart-api", "--replicas=5"],
        ["delete", "pods", "-l", "app.kubernetes.io/name=cart-api"],
        ["delete", "deploy", "cart-api"],
        ["cordon", "worker-1"],
        ["label", "deploy", "cart-api", "a=b"],
        ["annotate", "deploy", "cart-api", "a=b"],
        ["set", "image", "deploy/cart-api", "cart-api=registry.test/other:1"],
        ["set", "env", "deploy/cart-api", "A=b"],
        ["set", "resources", "deploy/cart-api", "--limits=memory=1Gi"],
        ["rollout", "undo", "deploy/cart-api"],
        ["patch", "deploy", "cart-api", "-p", '{"spec":{"replicas":4}}'],
        ["taint", "node", "worker-1", "a=b:NoSchedule"],
        ["drain", "worker-3", "--ignore-daemonsets"],
        ["create", "configmap", "settings", "--from-literal=a=b"],
        ["apply", "-f", "-"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_server_side_dry_run_changes_nothing(writing: Kubectl, fresh: Overlay, command: list[str]) -> None:
    before = fresh.revision
    done = writing(*command, *SHOP, "--dry-run=server", stdin=DEPLOYMENT)
    if command[:2] == ["rollout", "undo"]:
        assert "no rollout history found" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
    assert fresh.revision == before


def test_scaling_makes_and_removes_pods_and_endpoints(writing: Kubectl, fresh: Overlay) -> None:
    writing.out("scale", "deploy/cart-api", "--replicas=4", *SHOP)
    assert len(pods(fresh, "cart-api")) == 4
    assert fresh.get("deployments.apps", "shop", "cart-api")["status"]["readyReplicas"] == 4
    assert len(fresh.get("endpoints", "shop", "cart-api")["subsets"][0]["addresses"]) == 4
    assert "successfully rolled out" in writing.out("rollout", "status", "deploy/cart-api", "--timeout=5s", *SHOP)
    writing.out("scale", "deploy/cart-api", "--replicas=0", *SHOP)
    assert pods(fresh, "cart-api") == []
    assert "subsets" not in fresh.get("endpoints", "shop", "cart-api")
    assert "0/0" in writing.out("get", "deploy", "cart-api", *SHOP)


def test_a_restart_replaces_every_pod_and_can_be_undone(writing: Kubectl, fresh: Overlay) -> None:
    before = pods(fresh, "cart-api")
    writing.out("rollout", "restart", "deploy/cart-api", *SHOP)
    assert "successfully rolled out" in writing.out("rollout", "status", "deploy/cart-api", "--timeout=5s", *SHOP)
    after = pods(fresh, "cart-api")
    assert len(after) == len(before)
    assert not set(after) & set(before)
    assert [line.split()[0] for line in writing.out("rollout", "history", "deploy/cart-api", *SHOP).splitlines()[2:] if line] == ["1", "2"]
    writing.out("rollout", "undo", "deploy/cart-api", *SHOP)
    assert fresh.get("deployments.apps", "shop", "cart-api")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert {name.rpartition("-")[0] for name in pods(fresh, "cart-api")} == {name.rpartition("-")[0] for name in before}


def test_a_restart_does_not_repair_what_fails(writing: Kubectl, fresh: Overlay) -> None:
    writing.out("rollout", "restart", "deploy/checkout-api", *SHOP)
    table = writing.out("get", "pods", "-l", "app.kubernetes.io/name=checkout-api", *SHOP)
    assert table.count("CrashLoopBackOff") == 2
    assert "STRIPE_API_KEY" in writing.out("logs", "deploy/checkout-api", *SHOP)
    done = writing("rollout", "status", "deploy/checkout-api", "--timeout=1s", *SHOP)
    assert done.returncode == 1


def test_another_environment_is_another_pod(writing: Kubectl, fresh: Overlay) -> None:
    writing.out("set", "env", "deploy/checkout-api", "STRIPE_API_KEY=x", *SHOP)
    assert "successfully rolled out" in writing.out("rollout", "status", "deploy/checkout-api", "--timeout=5s", *SHOP)
    assert writing.out("logs", "deploy/checkout-api", *SHOP) == ""


def test_a_deleted_pod_comes_back_under_another_name(writing: Kubectl, fresh: Overlay) -> None:
    first, second = pods(fresh, "cart-api")
    assert f'pod "{first}" deleted' in writing.out("delete", "pod", first, *SHOP)
    assert first not in pods(fresh, "cart-api")
    assert second in pods(fresh, "cart-api")
    assert len(pods(fresh, "cart-api")) == 2


def test_a_node_is_cordoned_tainted_drained_and_used_again(writing: Kubectl, fresh: Overlay) -> None:
    writing.out("cordon", "worker-1")
    assert "Ready,SchedulingDisabled" in writing.out("get", "node", "worker-1")
    writing.out("scale", "deploy/cart-api", "--replicas=3", *SHOP)
    assert writing.out("get", "pods", *SHOP).count("Pending") == 1, "worker-2 is dead and worker-3 tainted"
    writing.out("uncordon", "worker-1")
    assert "SchedulingDisabled" not in writing.out("get", "node", "worker-1")
    writing.out("taint", "node", "worker-3", "dedicated-")
    assert "taints" not in fresh.get("nodes", "", "worker-3")["spec"]
    assert "drained" in writing.out("drain", "worker-1", "--pod-selector=app.kubernetes.io/name=cart-api", "--timeout=20s")
    assert [pod["spec"]["nodeName"] for pod in fresh.list("pods", "shop") if "cart" in pod["metadata"]["name"]] == ["worker-3"] * 3


def test_objects_are_applied_changed_and_deleted_with_what_they_own(writing: Kubectl, fresh: Overlay) -> None:
    assert "created" in writing.out("apply", "-f", "-", stdin=DEPLOYMENT)
    assert "unchanged" in writing.out("apply", "-f", "-", stdin=DEPLOYMENT)
    assert "configured" in writing.out("apply", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: 3"))
    assert writing.out("get", "deploy,rs,pods", "-l", "app=web", "-o", "name", *SHOP).count("pod/") == 3
    assert "serverside-applied" in writing.out("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT)
    assert "replaced" in writing.out("replace", "-f", "-", stdin=DEPLOYMENT)
    writing.out("expose", "deploy/web", "--port=80", *SHOP)
    assert len(fresh.get("endpoints", "shop", "web")["subsets"][0]["addresses"]) == 2
    again = writing("create", "-f", "-", stdin=DEPLOYMENT)
    assert "already exists" in again.stderr
    writing.out("delete", "deploy", "web", *SHOP)
    assert [pod for pod in fresh.list("pods", "shop") if pod["metadata"]["labels"].get("app") == "web"] == []
    assert "subsets" not in fresh.get("endpoints", "shop", "web")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("replicas: 2", "replicaz: 2"), 'unknown field "spec.replicaz"'),
        (("replicas: 2", "replicas: two"), "spec.replicas must be of type integer, not string"),
        (("labels: {app: web}", "labels: {app: other}"), "`selector` does not match template `labels`"),
        (("namespace: shop", "namespace: nowhere"), 'namespaces "nowhere" not found'),
        (('image: "registry.test/web:1"', "image: ''"), "Required value"),
    ],
)
def test_a_wrong_manifest_is_refused(writing: Kubectl, fresh: Overlay, change: tuple[str, str], words: str) -> None:
    done = writing("apply", "-f", "-", stdin=DEPLOYMENT.replace(*change))
    assert done.returncode == 1
    assert words in done.stderr
    assert fresh.list("deployments.apps", "shop") == fresh.recording.list("deployments.apps", "shop")


def test_patches_of_every_type(writing: Kubectl, fresh: Overlay) -> None:
    def replicas() -> int:
        return int(fresh.get("deployments.apps", "shop", "cart-api")["spec"]["replicas"])

    writing.out("patch", "deploy", "cart-api", "-p", '{"spec":{"replicas":3}}', *SHOP)
    assert replicas() == 3
    writing.out("patch", "deploy", "cart-api", "--type=merge", "-p", '{"spec":{"replicas":1}}', *SHOP)
    assert replicas() == 1
    writing.out("patch", "deploy", "cart-api", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":2}]', *SHOP)
    assert replicas() == 2
    done = writing("patch", "deploy", "cart-api", "--type=json", "-p", '[{"op":"remove","path":"/spec/nope"}]', *SHOP)
    assert done.returncode == 1
    writing.out("label", "deploy", "cart-api", "team=shop", *SHOP)
    writing.out("annotate", "deploy", "cart-api", "note=x", *SHOP)
    metadata = fresh.get("deployments.apps", "shop", "cart-api")["metadata"]
    assert (metadata["labels"]["team"], metadata["annotations"]["note"]) == ("shop", "x")
    writing.out("set", "image", "deploy/cart-api", "cart-api=registry.test/cart:2", *SHOP)
    assert "registry.test/cart:2" in writing.out("get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}", *SHOP)


def test_an_autoscaler_comes_as_protobuf_of_either_version(writing: Kubectl, fresh: Overlay) -> None:
    flag = "--cpu=50%" if "--cpu=" in writing.out("autoscale", "--help") else "--cpu-percent=50"  # before 1.34, as autoscaling/v1
    writing.out("autoscale", "deploy/cart-api", "--max=3", flag, *SHOP)
    spec = fresh.get("horizontalpodautoscalers.autoscaling", "shop", "cart-api")["spec"]
    assert spec["maxReplicas"] == 3
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}


def test_created_objects_come_as_protobuf(writing: Kubectl, fresh: Overlay) -> None:
    for command in (
        ["create", "namespace", "lab"],
        ["create", "configmap", "-n", "lab", "settings", "--from-literal=a=b"],
        ["create", "secret", "generic", "-n", "lab", "token", "--from-literal=a=hunter2"],
        ["create", "serviceaccount", "-n", "lab", "robot"],
        ["create", "role", "-n", "lab", "reader", "--verb=get", "--resource=pods"],
        ["create", "rolebinding", "-n", "lab", "reads", "--role=reader", "--serviceaccount=lab:robot"],
        ["create", "quota", "-n", "lab", "q", "--hard=pods=4"],
        ["create", "service", "clusterip", "-n", "lab", "web", "--tcp=80:8080"],
        ["create", "deployment", "-n", "lab", "web", "--image=registry.test/web:1", "--replicas=2"],
        ["create", "job", "-n", "lab", "once", "--image=registry.test/once:1", "--", "true"],
        ["create", "pdb", "-n", "lab", "web", "--selector=app=web", "--min-available=1"],
        ["run", "-n", "lab", "alone", "--image=registry.test/alone:1"],
    ):
        done = writing(*command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert fresh.get("configmaps", "lab", "settings")["data"] == {"a": "b"}
    assert fresh.get("secrets", "lab", "token")["data"] == {"a": ""}
    assert fresh.get("services", "lab", "web")["spec"]["ports"][0]["targetPort"] == 8080
    assert fresh.get("rolebindings.rbac.authorization.k8s.io", "lab", "reads")["subjects"][0]["name"] == "robot"
    running = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in fresh.list("pods", "lab")}
    assert len(running) == 4
    assert running["alone"] == "Running"
    refused = writing("run", "-n", "lab", "fifth", "--image=registry.test/alone:1")
    assert "exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4" in refused.stderr
    writing.out("delete", "namespace", "lab")
    assert fresh.list("pods", "lab") == []


def test_a_stateful_set_and_a_daemon_set_roll_out(writing: Kubectl, fresh: Overlay) -> None:
    old = fresh.get("pods", "blog", "blog-db-0")["metadata"]["uid"]
    writing.out("rollout", "restart", "-n", "blog", "sts/blog-db")
    assert "roll out complete" in writing.out("rollout", "status", "-n", "blog", "sts/blog-db", "--timeout=5s")
    assert fresh.get("pods", "blog", "blog-db-0")["metadata"]["uid"] != old
    writing.out("scale", "-n", "blog", "sts/blog-db", "--replicas=2")
    assert pods(fresh, "blog-db", "blog") == ["blog-db-0", "blog-db-1"]
    assert "Pending" in writing.out("get", "-n", "blog", "pvc", "data-blog-db-1"), "nothing provides its volume"
    assert "Pending" in writing.out("get", "-n", "blog", "pod", "blog-db-1")
    before = {pod["spec"]["nodeName"] for pod in fresh.list("pods", "kube-system") if pod["metadata"]["name"].startswith("kube-proxy")}
    writing.out("rollout", "restart", "-n", "kube-system", "ds/kube-proxy")
    proxies = [pod for pod in fresh.list("pods", "kube-system") if pod["metadata"]["name"].startswith("kube-proxy")]
    assert {pod["spec"]["nodeName"] for pod in proxies} == before
    assert fresh.get("daemonsets.apps", "kube-system", "kube-proxy")["status"]["updatedNumberScheduled"] == 2, "the dead node keeps its pod"


def test_what_cannot_be_done_is_refused_and_not_faked(writing: Kubectl, fresh: Overlay) -> None:
    pod = pods(fresh, "cart-api")[0]
    for command, words in (
        (["debug", pod, "--image=busybox"], "debug needs a node that can run a container"),
        (["debug", "node/worker-1", "--image=busybox"], "debug needs a node that can run a container"),
        (["create", "token", "default"], "needs a running control plane"),
        (["set", "env", f"pod/{pod}", "A=b"], "pod updates may not change fields"),
        (["patch", "deploy", "nope", "-p", "{}"], 'deployments.apps "nope" not found'),
    ):
        done = writing(*command, *SHOP)
        assert done.returncode == 1, command
        assert words in done.stderr


def test_a_watching_kubectl_sees_the_change(writing: Kubectl, fresh: Overlay) -> None:
    revision = json.loads(writing.out("get", "--raw", "/api/v1/namespaces/shop/pods?limit=1"))["metadata"]["resourceVersion"]
    writing.out("delete", "pod", pods(fresh, "cart-api")[0], *SHOP)
    text = writing.out("get", "--raw", f"/api/v1/namespaces/shop/pods?watch=true&resourceVersion={revision}&timeoutSeconds=1")
    assert [json.loads(line)["type"] for line in text.splitlines()] == ["DELETED", "ADDED"]
