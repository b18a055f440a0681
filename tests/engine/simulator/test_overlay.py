"""The overlay: a cluster source that can be changed, tells its changes, and never lets a change look like a repair."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fakes.recordings import files_of, pod, write_folder

from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.cluster.source import NotFound
from engine.simulator.controllers.configuration import references
from engine.simulator.overlay import BASE_REVISION, Change, Overlay


@pytest.fixture
def overlay(demo: RecordedCluster) -> Overlay:
    return Overlay(demo)


def labelled(obj: dict[str, Any], **labels: str) -> dict[str, Any]:
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **labels}}}


def is_new(obj: dict[str, Any]) -> bool:
    return int(obj["metadata"]["resourceVersion"]) > BASE_REVISION


def scaled(obj: dict[str, Any], replicas: int) -> dict[str, Any]:
    return {**obj, "spec": {**obj["spec"], "replicas": replicas}}


def test_changes_are_seen_by_reading_and_the_recording_stays(overlay: Overlay, demo: RecordedCluster) -> None:
    deployment = overlay.get("deployments.apps", "shop", "cart-api")
    overlay.put("deployments.apps", labelled(deployment, team="a"))
    assert overlay.get("deployments.apps", "shop", "cart-api")["metadata"]["labels"]["team"] == "a"
    assert [o["metadata"]["name"] for o in overlay.list("deployments.apps", "shop")] == ["cart-api", "checkout-api"]
    assert "team" not in demo.get("deployments.apps", "shop", "cart-api")["metadata"]["labels"]
    overlay.remove("configmaps", "shop", "kube-root-ca.crt")
    with pytest.raises(NotFound):
        overlay.get("configmaps", "shop", "kube-root-ca.crt")
    assert "kube-root-ca.crt" not in [o["metadata"]["name"] for o in overlay.list("configmaps", "shop")]
    with pytest.raises(NotFound):
        overlay.remove("configmaps", "shop", "kube-root-ca.crt")


@pytest.mark.parametrize(
    "resource", ["deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "services"]
)
def test_touching_an_object_changes_nothing_else(overlay: Overlay, resource: str) -> None:
    """Whatever the recorded controllers had come to, ours come to as well: status, pods and endpoints stay as recorded."""
    for obj in overlay.list(resource):
        overlay.put(resource, labelled(obj, touched="yes"))
    changed = {change.resource for change in overlay.changes(0, timeout=0)}
    assert changed == {resource}
    assert len(overlay.changes(0, timeout=0)) == len(overlay.list(resource))


def test_callbacks_hear_every_change_once_and_after_it_is_readable(overlay: Overlay) -> None:
    heard: list[Change] = []

    def listen(change: Change) -> None:
        heard.append(change)
        if change.after is not None:
            metadata = change.after["metadata"]
            assert overlay.get(change.resource, metadata.get("namespace", ""), metadata["name"])

    stop = overlay.on_change(listen)
    overlay.put("deployments.apps", scaled(overlay.get("deployments.apps", "shop", "cart-api"), 3))
    assert [change.revision for change in heard] == list(range(1, overlay.revision + 1))
    assert {"deployments.apps", "replicasets.apps", "pods", "endpoints", "endpointslices.discovery.k8s.io", "events"} == {
        c.resource for c in heard
    }
    stop()
    overlay.reset()
    assert heard[-1].revision < overlay.revision


def test_reset_goes_back_to_the_recording_and_tells_so(overlay: Overlay, demo: RecordedCluster) -> None:
    overlay.put("deployments.apps", scaled(overlay.get("deployments.apps", "shop", "cart-api"), 0))
    overlay.remove("nodes", "", "worker-3")
    before = overlay.revision
    overlay.reset()
    for resource in ("deployments.apps", "replicasets.apps", "pods", "nodes", "events", "endpoints"):
        assert overlay.list(resource) == demo.list(resource)
    told = overlay.changes(before, timeout=0)
    assert ("nodes", "worker-3") in {(c.resource, (c.after or c.before or {})["metadata"]["name"]) for c in told}


def test_a_new_pod_has_an_empty_log_and_no_previous_one(overlay: Overlay) -> None:
    overlay.put("deployments.apps", scaled(overlay.get("deployments.apps", "shop", "cart-api"), 3))
    new = next(p for p in overlay.list("pods", "shop") if is_new(p) and "cart" in p["metadata"]["name"])
    assert overlay.logs("shop", new["metadata"]["name"], "cart-api") == []
    with pytest.raises(NotFound):
        overlay.logs("shop", new["metadata"]["name"], "cart-api", previous=True)


def test_a_pod_that_fails_like_its_sibling_has_its_log(overlay: Overlay) -> None:
    gone = next(p for p in overlay.list("pods", "shop") if p["metadata"]["name"].startswith("checkout"))
    name = gone["metadata"]["name"]
    recorded = overlay.logs("shop", name, "checkout-api")
    overlay.remove("pods", "shop", name)
    new = next(p for p in overlay.list("pods", "shop") if is_new(p))
    assert new["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert overlay.logs("shop", new["metadata"]["name"], "checkout-api") == recorded
    overlay.remove("pods", "shop", new["metadata"]["name"])
    third = next(p for p in overlay.list("pods", "shop") if is_new(p))
    assert overlay.logs("shop", third["metadata"]["name"], "checkout-api") == recorded
    with pytest.raises(NotFound):
        overlay.logs("shop", name, "checkout-api")


def test_a_volume_that_is_not_bound_keeps_a_stateful_set_waiting(overlay: Overlay) -> None:
    overlay.remove("pods", "orders", "orders-db-0")
    again = overlay.get("pods", "orders", "orders-db-0")
    assert again["status"]["phase"] == "Pending"
    overlay.put("statefulsets.apps", scaled(overlay.get("statefulsets.apps", "orders", "orders-db"), 3))
    names = [p["metadata"]["name"] for p in overlay.list("pods", "orders") if p["metadata"]["name"].startswith("orders-db")]
    assert names == ["orders-db-0"], "the second waits for the first"
    claim = overlay.get("persistentvolumeclaims", "orders", "data-orders-db-0")
    overlay.put("persistentvolumeclaims", {**claim, "status": {"phase": "Bound"}})
    assert overlay.get("pods", "orders", "orders-db-0")["status"]["phase"] == "Running"


def test_a_pod_on_a_dead_node_only_begins_to_end(overlay: Overlay) -> None:
    name = next(p["metadata"]["name"] for p in overlay.list("pods", "kube-system") if p["spec"].get("nodeName") == "worker-2")
    overlay.remove("pods", "kube-system", name)
    assert overlay.get("pods", "kube-system", name)["metadata"]["deletionTimestamp"]
    overlay.remove("pods", "kube-system", name, force=True)
    with pytest.raises(NotFound):
        overlay.get("pods", "kube-system", name)


def test_finalizers_hold_an_object_until_they_are_gone(overlay: Overlay) -> None:
    held = labelled(overlay.get("configmaps", "shop", "kube-root-ca.crt"))
    held["metadata"]["finalizers"] = ["acme.test/hold"]
    overlay.put("configmaps", held)
    overlay.remove("configmaps", "shop", "kube-root-ca.crt")
    waiting = overlay.get("configmaps", "shop", "kube-root-ca.crt")
    assert waiting["metadata"]["deletionTimestamp"]
    overlay.put("configmaps", {**waiting, "metadata": {k: v for k, v in waiting["metadata"].items() if k != "finalizers"}})
    with pytest.raises(NotFound):
        overlay.get("configmaps", "shop", "kube-root-ca.crt")


def test_orphans_stay_when_that_is_asked_for(overlay: Overlay) -> None:
    before = [p["metadata"]["name"] for p in overlay.list("pods", "shop")]
    overlay.remove("deployments.apps", "shop", "cart-api", orphan=True)
    assert [p["metadata"]["name"] for p in overlay.list("pods", "shop")] == before
    overlay.remove("deployments.apps", "shop", "checkout-api")
    assert {p["metadata"]["name"].split("-")[0] for p in overlay.list("pods", "shop")} == {"cart"}


QUOTA = {"metadata": {"name": "q", "namespace": "shop"}, "spec": {"hard": {"pods": "2"}}}
NODE = {"metadata": {"name": "node-a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "1"}}}


def workload(containers: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers, **spec}}
    inside = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "spec": inside,
    }


def small(tmp_path: Any, **lists: list[dict[str, Any]]) -> Overlay:
    base = {"core/v1/pods/Pod": [pod("a")], "core/v1/nodes/Node!": [NODE], "core/v1/resourcequotas/ResourceQuota": []}
    base |= {"apps/v1/deployments/Deployment": [], "apps/v1/replicasets/ReplicaSet": []}
    given = {"core/v1/resourcequotas/ResourceQuota": lists["quotas"]} if "quotas" in lists else {}
    return Overlay(open_recording(write_folder(tmp_path / "rec", files_of({**base, **given}))))


def running(overlay: Overlay) -> int:
    return sum(p["status"]["phase"] == "Running" and p["metadata"]["name"].startswith("web") for p in overlay.list("pods"))


def test_a_quota_refuses_pods_until_it_allows_them(tmp_path: Any) -> None:
    overlay = small(tmp_path, quotas=[QUOTA])
    overlay.put("deployments.apps", scaled(workload([{"name": "app", "image": "i"}]), 3))
    assert running(overlay) == 1
    replica_set = overlay.list("replicasets.apps")[0]
    message = replica_set["status"]["conditions"][0]["message"]
    assert "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2" in message
    deployment = overlay.get("deployments.apps", "shop", "web")
    assert [c["type"] for c in deployment["status"]["conditions"]] == ["Available", "Progressing", "ReplicaFailure"]
    assert any(event["reason"] == "FailedCreate" for event in overlay.list("events"))
    quota = overlay.get("resourcequotas", "shop", "q")
    overlay.put("resourcequotas", {**quota, "spec": {"hard": {"pods": "10"}}})
    assert running(overlay) == 3
    assert "conditions" not in overlay.list("replicasets.apps")[0]["status"]


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"disk": "ssd"}},
        {"containers": [{"name": "app", "image": "i", "resources": {"requests": {"cpu": "4"}}}]},
        {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "missing"}}]},
    ],
)
def test_a_pod_that_no_node_takes_waits(tmp_path: Any, spec: dict[str, Any]) -> None:
    overlay = small(tmp_path)
    overlay.put("deployments.apps", workload(**({"containers": [{"name": "app", "image": "i"}]} | spec)))
    waiting = next(p for p in overlay.list("pods") if p["metadata"]["name"].startswith("web"))
    assert waiting["status"]["phase"] == "Pending"
    assert waiting["status"]["conditions"][0]["reason"] == "Unschedulable"


def test_a_waiting_pod_takes_the_node_that_fits_it_now(tmp_path: Any) -> None:
    overlay = small(tmp_path)
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
            }
        }
    }
    overlay.put("deployments.apps", workload([{"name": "app", "image": "i"}], affinity=affinity))
    assert running(overlay) == 0
    overlay.put("nodes", labelled(overlay.get("nodes", "", "node-a"), disk="ssd"))
    assert running(overlay) == 1
    assert overlay.get("deployments.apps", "shop", "web")["status"]["readyReplicas"] == 1


def test_a_paused_deployment_does_not_roll_out(tmp_path: Any) -> None:
    overlay = small(tmp_path)
    first = overlay.put("deployments.apps", workload([{"name": "app", "image": "one"}]))
    other = workload([{"name": "app", "image": "two"}])
    overlay.put("deployments.apps", {**first, "spec": {**other["spec"], "paused": True}})
    assert len(overlay.list("replicasets.apps")) == 1
    overlay.put("deployments.apps", {**first, "spec": other["spec"]})
    assert sorted(s["spec"]["replicas"] for s in overlay.list("replicasets.apps")) == [0, 1]


def test_a_pod_starts_when_the_last_thing_it_misses_is_there(overlay: Overlay) -> None:
    """The recorded mailer needs a key of a ConfigMap or Secret that does not exist."""
    waiting = next(p for p in overlay.list("pods", "mailer"))
    assert waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CreateContainerConfigError"
    missing = [
        r
        for r in references(waiting["spec"])
        if not any(r.met_by(o) and r.name == o["metadata"]["name"] for o in overlay.list(r.resource, "mailer"))
    ]
    assert len(missing) == 1
    wanted = missing[0]
    held = next((o for o in overlay.list(wanted.resource, "mailer") if o["metadata"]["name"] == wanted.name), None)
    kind = {"configmaps": "ConfigMap", "secrets": "Secret"}[wanted.resource]
    base = held or {"kind": kind, "apiVersion": "v1", "metadata": {"name": wanted.name, "namespace": "mailer"}}
    overlay.put(wanted.resource, {**base, "data": {**base.get("data", {}), "another": "x"}})
    if wanted.key:
        assert overlay.list("pods", "mailer")[0]["status"]["phase"] == "Pending", "another key does not help"
        overlay.put(wanted.resource, {**base, "data": {**base.get("data", {}), wanted.key: "x"}})
    assert overlay.list("pods", "mailer")[0]["status"]["phase"] == "Running"
    assert overlay.list("deployments.apps", "mailer")[0]["status"]["readyReplicas"] == 1


def test_the_pods_of_a_deleted_node_move(overlay: Overlay) -> None:
    taken = overlay.get("nodes", "", "worker-3")
    overlay.put("nodes", {**taken, "spec": {k: v for k, v in taken["spec"].items() if k != "taints"}})
    overlay.remove("nodes", "", "worker-1")
    assert {p["spec"].get("nodeName") for p in overlay.list("pods", "shop")} <= {"worker-3", None}
    assert len(overlay.list("pods", "shop")) == 4
    proxies = overlay.get("daemonsets.apps", "kube-system", "kube-proxy")
    assert proxies["status"]["desiredNumberScheduled"] == 2


def test_many_threads_may_read_and_write(overlay: Overlay) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(5):
                overlay.put("deployments.apps", scaled(overlay.get("deployments.apps", "shop", "cart-api"), (number + round_) % 4))
                overlay.list("pods", "shop")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    deployment = overlay.get("deployments.apps", "shop", "cart-api")
    here = [p for p in overlay.list("pods", "shop") if p["metadata"]["name"].startswith("cart-api")]
    assert len(here) == deployment["spec"]["replicas"] == deployment["status"].get("readyReplicas", 0)


@pytest.mark.parametrize(
    ("size", "modes", "starts"), [("1Ti", ["ReadWriteOnce"], True), ("1Mi", ["ReadWriteOnce"], False), ("1Ti", [], False)]
)
def test_a_suiting_volume_lets_a_waiting_pod_start(overlay: Overlay, size: str, modes: list[str], starts: bool) -> None:
    claim = overlay.get("persistentvolumeclaims", "warehouse", "data-warehouse-db-0")
    volume = {"kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": "given"}}
    asked = {"capacity": {"storage": size}, "accessModes": modes, "storageClassName": claim["spec"]["storageClassName"]}
    overlay.put("persistentvolumes", {**volume, "spec": asked})
    pod_now = overlay.get("pods", "warehouse", "warehouse-db-0")
    assert pod_now["status"]["phase"] == ("Running" if starts else "Pending")
    assert overlay.get("persistentvolumes", "", "given")["status"]["phase"] == ("Bound" if starts else "Available")
    if starts:
        assert overlay.get("persistentvolumeclaims", "warehouse", "data-warehouse-db-0")["spec"]["volumeName"] == "given"
        assert overlay.get("statefulsets.apps", "warehouse", "warehouse-db")["status"]["readyReplicas"] == 1


def test_restarting_everything_repairs_nothing(overlay: Overlay) -> None:
    def ready() -> dict[tuple[str, str], int]:
        return {
            (d["metadata"]["namespace"], d["metadata"]["name"]): d["status"].get("readyReplicas", 0)
            for d in overlay.list("deployments.apps")
        }

    before = ready()
    assert 0 in before.values()
    for deployment in overlay.list("deployments.apps"):
        template = deployment["spec"]["template"]
        noted = {**template, "metadata": {**template["metadata"], "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}
        overlay.put("deployments.apps", {**deployment, "spec": {**deployment["spec"], "template": noted}})
    assert ready() == before
    assert all(is_new(p) for p in overlay.list("pods", "shop"))
