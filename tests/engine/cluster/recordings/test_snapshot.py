"""A recorded cluster answers like a live one: objects, logs and discovery, with times moved to now, and it knows what it lacks."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from fakes.recordings import files_of, pod, write_folder

from engine.cluster.recordings import recorded_cluster
from engine.cluster.recordings.coverage import inventory
from engine.cluster.recordings.recorded_cluster import BrokenRecording, RecordedCluster, open_recording
from engine.cluster.source import Forbidden, NotFound, NotRecorded
from engine.core.cancel import Cancelled, CancelToken
from engine.simulator.overlay import Overlay

NOW = datetime(2027, 7, 1, 12, 0, 0, 250000, tzinfo=UTC)
SECRET = {
    "metadata": {
        "name": "db",
        "namespace": "shop",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"stringData":{"password":"hunter2"}}', "team": "shop"},
        "managedFields": [{"manager": "kubectl"}],
    },
    "type": "Opaque",
    "data": {"password": "aHVudGVyMg=="},
}
LISTS = {
    "core/v1/pods/Pod": [pod("a"), pod("b", "blog")],
    "core/v1/nodes/Node!": [{"metadata": {"name": "node-a"}}],
    "core/v1/secrets/Secret": [SECRET],
    "core/v1/events/Event": [{"metadata": {"name": "core", "namespace": "shop"}}],
    "events.k8s.io/v1/events/Event": [{"metadata": {"name": "new", "namespace": "shop"}}],
    "autoscaling/v1/horizontalpodautoscalers/HorizontalPodAutoscaler": [{"metadata": {"name": "h", "namespace": "shop"}}],
    "autoscaling/v2/horizontalpodautoscalers/HorizontalPodAutoscaler": [{"metadata": {"name": "h", "namespace": "shop"}}],
}


def opened(tmp_path: Path, files: dict[str, bytes], now: datetime | None = NOW) -> RecordedCluster:
    return open_recording(write_folder(tmp_path / "rec", files), now=now)


@pytest.fixture
def cluster(tmp_path: Path) -> RecordedCluster:
    return opened(tmp_path, files_of(LISTS))


def names(objects: list[dict[str, object]]) -> list[str]:
    return [item["metadata"]["name"] for item in objects]  # type: ignore[index]


def test_lists_are_by_namespace_and_carry_kind_and_version(cluster: RecordedCluster) -> None:
    assert names(cluster.list("pods")) == ["a", "b"]
    assert names(cluster.list("pods", "blog")) == ["b"]
    assert cluster.list("pods", "nowhere") == []
    assert (cluster.list("pods")[0]["kind"], cluster.list("pods")[0]["apiVersion"]) == ("Pod", "v1")
    assert cluster.get("pods", "blog", "b")["metadata"]["uid"] == "uid-b"
    assert cluster.get("nodes", "", "node-a")["kind"] == "Node"
    assert cluster.get("nodes", "shop", "node-a")["kind"] == "Node", "a namespace says nothing about a cluster-scoped object"


def test_a_plain_name_is_the_core_group_and_the_newest_stable_version_is_preferred(cluster: RecordedCluster) -> None:
    assert names(cluster.list("events")) == ["core"]
    assert names(cluster.list("events.events.k8s.io")) == ["new"]
    assert cluster.list("horizontalpodautoscalers.autoscaling")[0]["apiVersion"] == "autoscaling/v2"
    assert cluster.objects("autoscaling", "v1", "horizontalpodautoscalers")[0]["apiVersion"] == "autoscaling/v1"
    assert cluster.resource_version("", "v1", "pods") == "77"


def test_secrets_keep_their_keys_and_lose_every_value(cluster: RecordedCluster) -> None:
    secret = cluster.get("secrets", "shop", "db")
    assert secret["data"] == {"password": ""}
    assert secret["metadata"] == {"name": "db", "namespace": "shop", "annotations": {"team": "shop"}}
    assert "hunter2" not in json.dumps(cluster.objects("", "v1", "secrets"))


def test_certificates_in_secrets_stay_and_keys_beside_them_do_not(tmp_path: Path) -> None:
    pem = (Path(__file__).parents[3] / "data" / "localhost.pem").read_text()
    key, certificate = pem[: pem.index("-----BEGIN CERT")], pem[pem.index("-----BEGIN CERT") :]
    values = {
        "tls.crt": certificate,
        "chain": certificate * 2,
        "tls.key": key,
        "both": certificate + key,
        "noted": certificate + "password=x",
        "text": "x",
    }
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    item = {
        "metadata": {"name": "tls", "namespace": "shop"},
        "type": "kubernetes.io/tls",
        "data": {**data, "odd": "not base64!", "none": None},
    }
    found = opened(tmp_path, files_of({"core/v1/secrets/Secret": [item]})).get("secrets", "shop", "tls")["data"]
    assert {name for name, value in found.items() if value} == {"tls.crt", "chain"}
    assert found["tls.crt"] == data["tls.crt"]
    assert set(found) == {*data, "odd", "none"}


def test_times_are_moved_so_that_ages_are_those_of_the_day_of_the_recording(tmp_path: Path) -> None:
    item = pod("a")
    item["metadata"]["annotations"] = {
        "restartedAt": "2026-03-01T09:00:00Z",
        "note": "since 2026-03-01T09:00:00Z",
        "deep": '{"t":"2026-03-01T09:00:00Z"}',
    }
    item["status"] = {"renewTime": "2026-03-01T09:59:58.123456Z", "never": "1970-01-01T00:00:00Z", "zoned": "2026-03-01T11:00:00+01:00"}
    cluster = opened(tmp_path, files_of({"core/v1/pods/Pod": [item]}))
    found = cluster.get("pods", "shop", "a")
    assert cluster.delta == NOW - datetime(2026, 3, 1, 10, 0, 0, 250000, tzinfo=UTC)
    assert found["metadata"]["creationTimestamp"] == "2027-07-01T11:59:00Z"
    assert found["metadata"]["annotations"] == {
        "restartedAt": "2027-07-01T11:00:00Z",
        "note": "since 2026-03-01T09:00:00Z",
        "deep": '{"t":"2026-03-01T09:00:00Z"}',
    }
    assert found["status"] == {
        "renewTime": "2027-07-01T11:59:58.123456Z",
        "never": "1970-01-01T00:00:00Z",
        "zoned": "2027-07-01T13:00:00+01:00",
    }
    assert cluster.now() == NOW


def test_without_a_fixed_moment_now_is_the_clock(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    cluster = opened(tmp_path, files_of(LISTS), now=None)
    created = datetime.fromisoformat(cluster.get("pods", "shop", "a")["metadata"]["creationTimestamp"])
    assert before <= cluster.now() <= datetime.now(UTC)
    assert timedelta(seconds=55) < cluster.now() - created < timedelta(seconds=120)


LOG = "2026-03-01T09:58:00.1Z one\n2026-03-01T09:59:00.000000002Z two\nno stamp\n2026-03-01T09:59:50Z three\n"


@pytest.fixture
def logged(tmp_path: Path) -> RecordedCluster:
    refused = {
        "kind": "Status",
        "status": "Failure",
        "message": 'container "app" is waiting to start: trying and failing to pull image',
        "code": 400,
    }
    looped = pod("loop")
    looped["status"]["containerStatuses"] = [{"name": "app", "restartCount": 3}]
    files = files_of(
        {"core/v1/pods/Pod": [pod("a"), pod("waiting"), pod("lost"), looped]},
        logs={
            "shop/a/app.log": LOG,
            "shop/lost/app.log": "unable to retrieve container logs for containerd://4f2a",
            "shop/waiting/app.error.json": json.dumps(refused),
            "shop/a/side.error.json": "upstream connect error",
            "shop/loop/app.error.json": "",
        },
    )
    return opened(tmp_path, files)


def test_ages_stay_those_of_the_recording_however_long_it_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of({"core/v1/pods/Pod": [pod("a")]}, logs={"shop/a/app.log": "2026-03-01T09:59:30Z hello\n"})
    cluster = opened(tmp_path, files, now=None)
    created = datetime.fromisoformat(cluster.get("pods", "shop", "a")["metadata"]["creationTimestamp"])
    age = cluster.now() - created
    clock = datetime.now(UTC) + timedelta(hours=3)

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return clock

    monkeypatch.setattr(recorded_cluster, "datetime", Later)
    assert cluster.now() == clock
    assert clock - datetime.fromisoformat(cluster.get("pods", "shop", "a")["metadata"]["creationTimestamp"]) > timedelta(hours=2)
    Overlay(cluster).catch_up()
    moved = datetime.fromisoformat(cluster.get("pods", "shop", "a")["metadata"]["creationTimestamp"])
    assert abs((clock - moved) - age) < timedelta(seconds=2)
    stamp = datetime.fromisoformat(cluster.logs("shop", "a", "app")[0].split(" ")[0])
    assert timedelta(seconds=29) < clock - stamp < timedelta(seconds=32)


def test_log_lines_begin_with_their_moved_stamp(logged: RecordedCluster) -> None:
    assert logged.logs("shop", "a", "app") == [
        "2027-07-01T11:58:00.1Z one",
        "2027-07-01T11:59:00.000000002Z two",
        "no stamp",
        "2027-07-01T11:59:50Z three",
    ]
    assert logged.logs("shop", "a", "app", tail=1) == ["2027-07-01T11:59:50Z three"]
    assert logged.logs("shop", "a", "app", tail=0) == []
    assert logged.logs("shop", "a", "app", since_seconds=30) == ["no stamp", "2027-07-01T11:59:50Z three"]
    assert logged.logs("shop", "a", "app", since_seconds=3600, tail=1) == ["2027-07-01T11:59:50Z three"]


def test_a_log_that_the_server_refused_says_so_in_its_words(logged: RecordedCluster) -> None:
    with pytest.raises(NotFound, match="waiting to start: trying and failing to pull image"):
        logged.logs("shop", "waiting", "app")
    with pytest.raises(NotFound, match="the node answered: unable to retrieve container logs for containerd"):
        logged.logs("shop", "lost", "app")
    with pytest.raises(NotFound, match="upstream connect error"):
        logged.logs("shop", "a", "side")
    waiting, lost = logged.log_error("shop", "waiting", "app"), logged.log_error("shop", "lost", "app")
    assert waiting is not None and waiting["code"] == 400
    assert lost is not None and lost["code"] == 500
    assert logged.log_error("shop", "a", "app") is None
    assert logged.logs("shop", "loop", "app") == [], "the server had nothing to say, and said nothing"


def test_a_log_that_is_not_there_is_told_apart_from_one_that_never_was(logged: RecordedCluster) -> None:
    with pytest.raises(NotFound, match='pods "ghost" not found'):
        logged.logs("shop", "ghost", "app")
    with pytest.raises(NotFound, match='no container "sidecar"'):
        logged.logs("shop", "a", "sidecar")
    with pytest.raises(NotFound, match="it never restarted"):
        logged.logs("shop", "a", "app", previous=True)
    with pytest.raises(NotRecorded, match="previous logs of shop/loop"):
        logged.logs("shop", "loop", "app", previous=True)


def test_what_was_not_recorded_is_never_taken_as_empty(tmp_path: Path) -> None:
    files = files_of(LISTS)
    index = json.loads(files["index.json"])
    refused = {
        "group": "",
        "version": "v1",
        "resource": "configmaps",
        "kind": "ConfigMap",
        "namespaced": True,
        "items": 0,
        "file": "resources/cm.json",
    }
    index += [{**refused, "status": 403}, {**refused, "resource": "things", "status": 404, "file": ""}]
    index += [{**refused, "group": "dead.example", "resource": "ghosts", "status": 503, "file": "resources/ghosts.txt"}]
    files["index.json"] = json.dumps(index).encode()
    files["resources/cm.json"] = b'{"kind":"Status","message":"configmaps is forbidden: User \\"eve\\" cannot list"}'
    files["resources/ghosts.txt"] = b"service unavailable\n"
    cluster = opened(tmp_path, files)
    with pytest.raises(NotRecorded, match=r"no deployments\.apps"):
        cluster.list("deployments.apps")
    with pytest.raises(Forbidden, match=r'403 .*User "eve" cannot list') as caught:
        cluster.list("configmaps", "shop")
    assert (caught.value.resource, caught.value.namespace) == ("configmaps", "shop")
    with pytest.raises(NotFound, match="404"):
        cluster.list("things")
    with pytest.raises(NotRecorded, match=r"503 .*service unavailable"):
        cluster.list("ghosts.dead.example")
    assert [cluster.lacks(r) for r in ("pods", "configmaps", "deployments.apps")] == [False, True, True]
    with pytest.raises(NotFound, match='pods "zz" not found in namespace shop'):
        cluster.get("pods", "shop", "zz")
    with pytest.raises(NotFound, match=r"metrics\.k8s\.io"):
        cluster.top("pods")


def test_recorded_metrics_answer_top(tmp_path: Path) -> None:
    usage = {"metadata": {"name": "a", "namespace": "shop"}, "containers": [{"name": "app", "usage": {"cpu": "250m", "memory": "64Mi"}}]}
    node = {"metadata": {"name": "node-a"}, "usage": {"cpu": "1500000000n", "memory": "2Gi"}}
    lists = {"metrics.k8s.io/v1beta1/pods/PodMetrics": [usage], "metrics.k8s.io/v1beta1/nodes/NodeMetrics!": [node]}
    cluster = opened(tmp_path, files_of(lists))
    [pods], [nodes] = cluster.top("pods", "shop"), cluster.top("nodes")
    assert (pods.namespace, pods.name, pods.container, pods.cpu, pods.memory) == ("shop", "a", "app", 0.25, 64 * 1024**2)
    assert (nodes.name, nodes.container, nodes.cpu, nodes.memory) == ("node-a", "", 1.5, 2 * 1024**3)


def test_a_kind_that_nobody_defined_is_absent_and_not_unknown(tmp_path: Path) -> None:
    definitions = "apiextensions.k8s.io/v1/customresourcedefinitions/CustomResourceDefinition!"
    defined = [{"metadata": {"name": "widgets.example.com"}}]
    cluster = opened(tmp_path, files_of({**LISTS, definitions: defined}))
    with pytest.raises(NotFound, match=r"no resource type httproutes\.gateway\.networking\.k8s\.io"):
        cluster.list("httproutes.gateway.networking.k8s.io")
    for there_but_not_recorded in ("widgets.example.com", "jobs.batch"):
        with pytest.raises(NotRecorded):
            cluster.list(there_but_not_recorded)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("meta.json", b"{", r"meta\.json is not valid JSON"),
        ("meta.json", b"[]", r"meta\.json is not a JSON object"),
        ("meta.json", b'{"recorded_at":"yesterday"}', r"meta\.json has no recorded_at"),
        ("meta.json", b'{"recorded_at":"2026-03-01T10:00:00Z","format":2}', r"meta\.json says format 2"),
        ("index.json", b"nope", r"index\.json is malformed"),
        ("index.json", b'[{"group":"","version":"v1","resource":7}]', r"index\.json is malformed.*resource"),
    ],
)
def test_broken_recordings_are_refused_with_the_file_named(tmp_path: Path, file: str, content: bytes, says: str) -> None:
    with pytest.raises(BrokenRecording, match=says):
        opened(tmp_path, {**files_of(LISTS), file: content})


def test_a_missing_index_is_named(tmp_path: Path) -> None:
    files = files_of(LISTS)
    del files["index.json"]
    with pytest.raises(BrokenRecording, match=r"index\.json is missing"):
        opened(tmp_path, files)


def test_one_broken_list_leaves_the_others_readable(tmp_path: Path) -> None:
    files = files_of(LISTS)
    files["resources/core/v1/pods.json"] = b'{"items": [{"metadata": '
    files["resources/core/v1/nodes.json"] = b'{"items": "many"}'
    files["resources/core/v1/events.json"] = b"[" * 100_000
    del files["resources/events.k8s.io/v1/events.json"]
    cluster = opened(tmp_path, files)
    for resource, says in (
        ("pods", "not valid JSON"),
        ("nodes", "not a List"),
        ("events", "not valid JSON"),
        ("events.events.k8s.io", "is missing"),
    ):
        with pytest.raises(BrokenRecording, match=says) as caught:
            cluster.list(resource)
        assert "resources/" in str(caught.value)
    assert names(cluster.list("secrets")) == ["db"]


def test_an_index_cannot_point_out_of_the_recording(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text('{"items":[{"metadata":{"name":"stolen"}}]}')
    files = files_of({"core/v1/pods/Pod": [pod("a")]})
    files["index.json"] = files["index.json"].replace(b"resources/core/v1/pods.json", b"../outside.json")
    with pytest.raises(BrokenRecording, match=r"\.\./outside\.json is missing"):
        opened(tmp_path, files).list("pods")


def test_a_cancelled_read_does_not_start(cluster: RecordedCluster) -> None:
    token = CancelToken()
    token.cancel("enough")
    with pytest.raises(Cancelled, match="enough"):
        cluster.list("pods", cancel=token)
    with pytest.raises(Cancelled):
        cluster.logs("shop", "a", "app", cancel=token)


def test_the_servers_own_documents_are_found_by_their_paths(tmp_path: Path) -> None:
    files = {
        **files_of(LISTS),
        "discovery/api.json": b"plain",
        "discovery/aggregated-api.json": b'{"kind":"APIGroupDiscoveryList","items":[]}',
        "discovery/apis/apps/v1.json": b'{"groupVersion":"apps/v1","resources":[]}',
        "openapi/v3/index.json": b"index",
        "openapi/v3/apis__apps__v1.json": b"apps",
        "raw/healthz.txt": b"ok",
        "raw/node-stats-summary.json": b'{"at":"2026-03-01T10:00:00Z"}',
    }
    cluster = opened(tmp_path, files)
    assert cluster.discovery("/api") == b"plain"
    assert cluster.discovery("/api/", aggregated=True) == files["discovery/aggregated-api.json"]
    assert cluster.discovery("/apis/apps/v1") == files["discovery/apis/apps/v1.json"]
    assert cluster.discovery("/apis/none/v1") is None
    assert (cluster.openapi("/openapi/v3"), cluster.openapi("/openapi/v3/apis/apps/v1"), cluster.openapi("/openapi/v2")) == (
        b"index",
        b"apps",
        None,
    )
    assert (cluster.raw("/healthz"), cluster.raw("/version"), cluster.raw("/metrics")) == (b"ok", files["version.json"], None)
    assert cluster.raw("/api/v1/nodes/node-a/proxy/stats/summary") == b'{"at":"2027-07-01T12:00:00Z"}'
    assert cluster.server_version() == "v1.36.2"


def test_resources_come_from_discovery_and_else_from_the_index(tmp_path: Path, cluster: RecordedCluster) -> None:
    assert {(r.name, r.version, r.namespaced) for r in cluster.resources()} == {
        ("pods", "v1", True),
        ("nodes", "v1", False),
        ("secrets", "v1", True),
        ("events", "v1", True),
        ("events.events.k8s.io", "v1", True),
        ("horizontalpodautoscalers.autoscaling", "v2", True),
    }
    deployments = {"name": "deployments", "kind": "Deployment", "namespaced": True, "shortNames": ["deploy"], "verbs": ["list"]}
    scale = {"name": "deployments/scale", "kind": "Scale", "namespaced": True}
    listed = {"groupVersion": "apps/v1", "resources": [deployments, scale]}
    plain = opened(tmp_path / "plain", {**files_of(LISTS), "discovery/apis/apps/v1.json": json.dumps(listed).encode()})
    [row] = plain.resources()
    assert (row.name, row.kind, row.short_names, row.verbs) == ("deployments.apps", "Deployment", ("deploy",), ("list",))


def test_info_counts_what_is_there_and_tells_what_is_not(tmp_path: Path) -> None:
    path = write_folder(
        tmp_path / "rec", files_of(LISTS, logs={"shop/a/app.log": LOG, "shop/b/app.error.json": "{}"}, meta={"about": "a test"})
    )
    found = inventory(path)
    assert found.counts["pods"] == 2
    assert (found.logs, found.log_refusals, found.namespaces) == (1, 1, ("blog", "shop"))
    assert any("metrics" in sentence for sentence in found.lacks)
    assert found.to_dict()["schema"] == "k8sagent.snapshot/1"
    json.dumps(found.to_dict())
    assert {"recording   rec", "about       a test", "server      v1.36.2"} <= set(found.lines())
