"""Objects become rows: pods fold under the workload at the top of their owners, the worst comes first, and a note says why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.cluster.recordings.recorded_cluster import open_recording
from engine.cluster.rows.build import WORKLOAD_RESOURCES, event_rows, namespace_rows, node_rows, pod_row, workload_rows
from engine.cluster.source import Usage
from engine.cluster.usage import by_node, by_pod
from engine.core.paths import resource_path
from engine.core.types import ObjectRef

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
CREATED = "2026-03-01T09:00:00Z"


def thing(kind: str, name: str, *, owner: tuple[str, str] | None = None, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "creationTimestamp": CREATED}
    if owner:
        metadata["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "controller": True}]
    return {"kind": kind, "metadata": metadata, **more}


def pod(
    name: str, owner: tuple[str, str] | None = None, *, ready: bool = True, restarts: int = 0, namespace: str = "shop", **status: Any
) -> dict[str, Any]:
    state = {"running": {}} if ready else {"waiting": {"reason": "CrashLoopBackOff"}}
    last = {} if ready else {"lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-03-01T09:59:00Z"}}}
    containers = [{"name": "app", "ready": ready, "restartCount": restarts, "state": state, **last}]
    return thing(
        "Pod",
        name,
        owner=owner,
        namespace=namespace,
        spec={"containers": [{"name": "app"}], "nodeName": "node-a"},
        status={"phase": "Running", "containerStatuses": containers, **status},
    )


def lists(*things: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    plural = {
        "Pod": "pods",
        "ReplicationController": "replicationcontrollers",
        "Job": "jobs.batch",
        "CronJob": "cronjobs.batch",
        "Event": "events",
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for item in things:
        found.setdefault(plural.get(item["kind"], item["kind"].lower() + "s.apps"), []).append(item)
    return found


def deployment(name: str, wanted: int, ready: int, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    made = thing("Deployment", name, spec={"replicas": wanted}, status={"readyReplicas": ready, **more})
    return made, thing("ReplicaSet", f"{name}-1", owner=("Deployment", name), spec={"replicas": wanted}, status={"readyReplicas": ready})


def test_pods_fold_under_their_deployment_and_the_worst_comes_first() -> None:
    web, db = deployment("web", 2, 1), deployment("db", 1, 1)
    bad, good = pod("web-1-x", ("ReplicaSet", "web-1"), ready=False, restarts=7), pod("web-1-a", ("ReplicaSet", "web-1"))
    rows = workload_rows(lists(*db, *web, good, bad, pod("db-1-a", ("ReplicaSet", "db-1"))), NOW)
    assert [(r.kind, r.name, r.ready, r.status, r.trouble) for r in rows] == [
        ("Deployment", "web", "1/2", "CrashLoopBackOff", "broken"),
        ("Deployment", "db", "1/1", "Running", "ok"),
    ]
    assert [(p.name, p.trouble) for p in rows[0].pods] == [("web-1-x", "broken"), ("web-1-a", "ok")]
    assert (rows[0].restarts, rows[0].note, rows[0].age) == (7, "exit 1 ×7", 3600.0)


def test_every_kind_of_owner_has_its_row() -> None:
    rows = workload_rows(
        lists(
            thing("StatefulSet", "db", spec={"replicas": 1}, status={"readyReplicas": 1}),
            pod("db-0", ("StatefulSet", "db")),
            thing("DaemonSet", "agent", status={"desiredNumberScheduled": 3, "numberReady": 3}),
            pod("agent-x", ("DaemonSet", "agent")),
            thing("ReplicaSet", "lone", spec={"replicas": 1}, status={"readyReplicas": 1}),
            pod("lone-x", ("ReplicaSet", "lone")),
            thing("CronJob", "night", spec={}, status={}),
            thing(
                "Job",
                "night-1",
                owner=("CronJob", "night"),
                spec={},
                status={"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]},
            ),
            pod("night-1-x", ("Job", "night-1"), phase="Succeeded"),
            thing("Job", "once", spec={"completions": 2}, status={"succeeded": 1}),
            pod("once-x", ("Job", "once")),
            pod("static-node-a", ("Node", "node-a")),
            pod("bare"),
            pod("roll-1", ("Rollout", "canary")),
            pod("roll-2", ("Rollout", "canary")),
        ),
        NOW,
    )
    assert {(r.kind, r.name): (r.ready, len(r.pods)) for r in rows} == {
        ("StatefulSet", "db"): ("1/1", 1),
        ("DaemonSet", "agent"): ("3/3", 1),
        ("ReplicaSet", "lone"): ("1/1", 1),
        ("CronJob", "night"): ("", 1),
        ("Job", "once"): ("1/2", 1),
        ("Pod", "static-node-a"): ("1/1", 1),
        ("Pod", "bare"): ("1/1", 1),
        ("Rollout", "canary"): ("2/2", 2),
    }


@pytest.mark.parametrize(
    ("message", "note"),
    [
        ('pods "x" is forbidden: exceeded quota: team, requested: pods=1', "quota exceeded"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', "pod security refuses"),
        ('error looking up service account shop/bot: serviceaccount "bot" not found', "serviceaccount bot missing"),
        ('failed calling webhook "mutate.example": timeout', "an admission webhook refuses"),
        ("something new", "pods are refused"),
    ],
)
def test_a_workload_whose_pods_are_refused_says_by_what(message: str, note: str) -> None:
    made, replica_set = deployment("web", 4, 2)
    replica_set["status"]["conditions"] = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]
    [row] = workload_rows(lists(made, replica_set, pod("web-1-a", ("ReplicaSet", "web-1"))), NOW)
    assert (row.ready, row.status, row.trouble, row.note) == ("2/4", "FailedCreate", "broken", note)


def test_scaled_down_paused_and_suspended_are_said_and_are_no_fault() -> None:
    paused = thing("Deployment", "held", spec={"replicas": 1, "paused": True}, status={"readyReplicas": 1})
    rows = workload_rows(lists(deployment("web", 0, 0)[0], paused, thing("CronJob", "night", spec={"suspend": True})), NOW)
    assert {r.name: (r.status, r.trouble) for r in rows} == {
        "web": ("Scaled to 0", "ok"),
        "held": ("Paused", "ok"),
        "night": ("Suspended", "waiting"),
    }


def test_jobs_tell_how_they_failed_and_a_cron_job_speaks_for_its_latest() -> None:
    failed = {"failed": 4, "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
    older = thing("Job", "night-1", owner=("CronJob", "night"), spec={}, status=failed)
    older["metadata"]["creationTimestamp"] = "2026-02-28T09:00:00Z"
    newer = thing("Job", "night-2", owner=("CronJob", "night"), spec={}, status={"conditions": [{"type": "Complete", "status": "True"}]})
    rows = workload_rows(lists(thing("Job", "report", spec={}, status=failed), thing("CronJob", "night", spec={}), older, newer), NOW)
    assert [(r.name, r.status, r.trouble, r.note) for r in rows] == [
        ("report", "Failed", "broken", "back-off limit reached ×4"),
        ("night", "Scheduled", "ok", ""),
    ]
    newer["status"] = failed
    [row] = workload_rows(lists(thing("CronJob", "night", spec={}), older, newer), NOW)
    assert (row.status, row.trouble) == ("Failed", "broken")


def test_pods_that_ended_and_were_replaced_do_not_mar_a_healthy_workload() -> None:
    left = pod("web-1-old", ("ReplicaSet", "web-1"), phase="Failed", reason="Evicted")
    [row] = workload_rows(lists(*deployment("web", 1, 1), left, pod("web-1-new", ("ReplicaSet", "web-1"))), NOW)
    assert (row.status, row.trouble) == ("Running", "ok")
    assert [p.trouble for p in row.pods] == ["broken", "ok"]


def event(reason: str, message: str, name: str, **times: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "name": name, "namespace": "shop"}
    return thing("Event", f"{name}.{reason}", involvedObject=about, reason=reason, message=message, type="Warning", **times)


def test_events_tell_what_the_pod_itself_does_not() -> None:
    stuck = thing("Pod", "stuck", spec={"containers": [{"name": "app"}]})
    stuck["status"] = {"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]}
    killed = pod("killed", ready=False, restarts=5)
    killed["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] = 137
    crashed = pod("crashed", ready=False, restarts=2)
    probe = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    events = [
        event("FailedMount", "MountVolume.SetUp failed", "stuck"),
        event("Unhealthy", probe, "killed"),
        event("Unhealthy", probe, "crashed"),
    ]
    rows = {r.name: (r.trouble, r.note) for r in workload_rows(lists(stuck, killed, crashed, *events), NOW)}
    assert rows == {
        "stuck": ("broken", "volume does not mount"),
        "killed": ("broken", "liveness probe fails ×5"),
        "crashed": ("broken", "exit 1 ×2"),
    }


def test_owners_that_own_each_other_do_not_hang_the_rows() -> None:
    a, b = thing("ReplicaSet", "a", owner=("ReplicaSet", "b"), spec={}), thing("ReplicaSet", "b", owner=("ReplicaSet", "a"), spec={})
    rows = workload_rows(lists(a, b, pod("p", ("ReplicaSet", "a"))), NOW)
    assert sorted(p.name for r in rows for p in r.pods) == ["p"]


def test_rows_of_nonsense_are_rows_all_the_same() -> None:
    broken: dict[str, Any] = {
        "pods": [{}, {"metadata": [], "status": 7}],
        "deployments.apps": [{"kind": "Deployment", "spec": "x"}],
        "events": [{}],
    }
    assert len(workload_rows(broken, NOW)) == 2
    assert node_rows([{}], NOW)[0].status == "Unknown"
    assert event_rows([{}], NOW)[0].count == 1


def node(name: str, conditions: dict[str, str], **spec: Any) -> dict[str, Any]:
    listed = [{"type": kind, "status": status, "reason": "KubeletNotReady"} for kind, status in conditions.items()]
    made = {"kind": "Node", "metadata": {"name": name, "creationTimestamp": CREATED, "labels": {"node-role.kubernetes.io/worker": ""}}}
    return {**made, "spec": spec, "status": {"conditions": listed, "nodeInfo": {"kubeletVersion": "v1.36.2"}}}


def test_nodes_show_what_kubectl_shows_and_why() -> None:
    rows = node_rows(
        [
            node("a-fine", {"Ready": "True"}),
            node("b-silent", {"Ready": "Unknown"}),
            node("c-down", {"Ready": "False"}, unschedulable=True),
            node("d-full", {"Ready": "True", "DiskPressure": "True"}),
            node("e-cordoned", {"Ready": "True"}, unschedulable=True),
        ],
        NOW,
    )
    assert [(r.name, r.status, r.trouble, r.note) for r in rows] == [
        ("b-silent", "NotReady", "broken", "kubelet not responding"),
        ("c-down", "NotReady,SchedulingDisabled", "broken", "KubeletNotReady"),
        ("d-full", "Ready", "broken", "DiskPressure"),
        ("e-cordoned", "Ready,SchedulingDisabled", "waiting", "cordoned"),
        ("a-fine", "Ready", "ok", ""),
    ]
    assert (rows[0].roles, rows[0].version, rows[0].age) == ("worker", "v1.36.2", 3600.0)


def test_events_are_newest_first_also_those_with_only_an_event_time() -> None:
    rows = event_rows(
        [
            event("Old", "m", "a", lastTimestamp="2026-03-01T09:00:00Z", count=9),
            event("Scheduler", "m", "b", lastTimestamp=None, count=None, eventTime="2026-03-01T09:59:00.000001Z"),
            event(
                "Series",
                "m",
                "c",
                eventTime="2026-03-01T08:00:00.000001Z",
                series={"count": 4, "lastObservedTime": "2026-03-01T09:59:30.5Z"},
            ),
        ],
        NOW,
    )
    assert [(r.reason, r.object, r.count, int(r.age)) for r in rows] == [
        ("Series", "Pod/c", 4, 29),
        ("Scheduler", "Pod/b", 1, 59),
        ("Old", "Pod/a", 9, 3600),
    ]


def test_namespaces_count_their_failing_pods_and_come_in_trouble_first() -> None:
    namespaces = [
        thing("Namespace", name, namespace="", status={"phase": phase})
        for name, phase in (("b", "Active"), ("shop", "Active"), ("z", "Terminating"))
    ]
    rows = namespace_rows(namespaces, [pod("p", ready=False, restarts=1), pod("q"), pod("r", namespace="b")], NOW)
    assert [(r.name, r.status, r.pods, r.failing) for r in rows] == [
        ("shop", "Active", 2, 1),
        ("z", "Terminating", 0, 0),
        ("b", "Active", 1, 0),
    ]


def test_namespaces_of_a_recording_without_their_list_are_those_of_its_pods() -> None:
    rows = namespace_rows([], [pod("p", ready=False, restarts=1), pod("r", namespace="b")], NOW)
    assert [(r.name, r.status, r.pods, r.failing) for r in rows] == [("shop", "", 1, 1), ("b", "", 1, 0)]


def test_the_demo_shows_its_faults_and_leaves_the_healthy_alone() -> None:
    demo = open_recording(resource_path("demo"))
    rows = {(r.namespace, r.name): r for r in workload_rows({r: demo.list(r) for r in WORKLOAD_RESOURCES}, demo.now())}
    crash, cart = rows[("shop", "checkout-api")], rows[("shop", "cart-api")]
    assert (crash.ready, crash.status, crash.trouble, crash.note) == ("0/2", "CrashLoopBackOff", "broken", "exit 1 ×6")
    assert (cart.kind, cart.ready, cart.trouble) == ("Deployment", "2/2", "ok")
    assert rows[("mailer", "mailer")].note == "secret smtp-credentials missing"
    assert rows[("warehouse", "warehouse-db")].note == "unbound claim"
    assert {r.trouble for (namespace, _), r in rows.items() if namespace == "blog"} == {"ok"}


RECORDING = Path(__file__).resolve().parents[5] / "shared/data/clusters/dev.tar.gz"


@pytest.mark.skipif(not RECORDING.exists(), reason="the development recording is not here")
def test_pods_read_as_the_real_server_printed_them() -> None:
    import tarfile

    with tarfile.open(RECORDING) as tar:
        printed = tar.extractfile("cluster-dev/tables/pods.txt")
        assert printed is not None
        cells = [line.split() for line in printed.read().decode().splitlines()[1:]]
    recording = open_recording(RECORDING)
    rows = {
        (r.namespace, r.name): (r.ready, r.status, str(r.restarts)) for r in (pod_row(p, recording.now()) for p in recording.list("pods"))
    }
    assert len(cells) == len(rows)
    assert rows == {(c[0], c[1]): (c[2], c[3], c[4]) for c in cells}


def test_rows_carry_labels_the_owner_at_the_top_and_what_pods_use() -> None:
    limited = {"name": "app", "resources": {"limits": {"cpu": "500m", "memory": "128Mi"}}}
    api = pod("api-1-x", ("ReplicaSet", "api-1"))
    api["metadata"]["labels"] = {"app": "api", "odd": 3}
    api["spec"]["containers"] = [limited, {**limited, "name": "sidecar"}]
    other = pod("api-1-y", ("ReplicaSet", "api-1"))
    made = deployment("api", 2, 2)
    made[0]["metadata"]["labels"] = {"team": "shop"}
    used = by_pod(
        [
            Usage("shop", "api-1-x", "app", 0.2, 100.0),
            Usage("shop", "api-1-x", "sidecar", 0.1, 28.0),
            Usage("shop", "solo", "app", 1.5, 7.0),
        ]
    )
    rows = {row.name: row for row in workload_rows(lists(*made, api, other, pod("solo")), NOW, used)}
    x, y = rows["api"].pods
    assert (x.labels, rows["api"].labels) == ({"app": "api"}, {"team": "shop"})
    assert x.owner == ObjectRef("Deployment", "shop", "api")
    assert rows["solo"].pods[0].owner is None
    assert (x.cpu, x.memory, x.cpu_limit, x.memory_limit) == (pytest.approx(0.3), 128.0, 1.0, 256.0 * 1024 * 1024)
    assert (y.cpu, y.memory, y.cpu_limit) == (None, None, None), "what nobody measured or limits is not zero"
    assert (rows["api"].cpu, rows["api"].memory) == (pytest.approx(0.3), 128.0)
    assert rows["solo"].cpu == 1.5


def test_a_container_without_a_limit_leaves_its_pod_without_one() -> None:
    one = pod("api")
    one["spec"]["containers"] = [{"name": "app", "resources": {"limits": {"memory": "1Gi"}}}, {"name": "free"}]
    assert pod_row(one, NOW).memory_limit is None


def test_nodes_show_what_is_used_of_what_pods_may_have() -> None:
    node = {"metadata": {"name": "a", "labels": {"zone": "x"}}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}}
    row = node_rows([node], NOW, by_node([Usage("", "a", "", 1.25, 2**30)]))[0]
    assert (row.labels, row.cpu, row.memory, row.cpu_limit, row.memory_limit) == ({"zone": "x"}, 1.25, 2**30, 4.0, 8 * 2**30)
    assert node_rows([node], NOW)[0].memory is None
