"""`snapshot record` writes what a cluster says, reads back the same, and holds no secret."""

from __future__ import annotations

import base64
import json
import stat
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fakes.recordings import files_of, pod, write_folder

from engine.cluster.live.cluster import LiveCluster
from engine.cluster.recordings.coverage import inventory
from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.cluster.recordings.recorder import CannotRecord, Limits, Recorded, record
from engine.cluster.source import ClusterError, Forbidden, NotFound, NotRecorded, ResourceType, Unreachable
from engine.core.cancel import Cancelled, CancelToken
from engine.core.paths import resource_path
from engine.simulator.apiserver import ApiServer

NOW = datetime(2027, 7, 1, 12, 0, 0, tzinfo=UTC)
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
LOG = "2026-03-01T09:59:00Z starting\n2026-03-01T09:59:01Z connecting to postgres://app:tr0ub4dor@db/x\n2026-03-01T09:59:02Z done\n"


def cluster_of(folder: Path, **lists: list[dict[str, Any]]) -> RecordedCluster:
    restarted = pod("a")
    restarted["status"]["containerStatuses"] = [{"name": "app", "restartCount": 2}]
    restarted["spec"]["containers"][0] |= {
        "env": [{"name": "DB_PASSWORD", "value": "tr0ub4dor"}, {"name": "LEVEL", "value": "debug"}],
        "args": ["--token=abcdef0123456789", "--port=80"],
    }
    settings = {"metadata": {"name": "settings", "namespace": "shop"}, "data": {"API_KEY": "k3yk3yk3yk3y", "COLOUR": "blue"}}
    manifest = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "settings"}, "data": settings["data"]}
    settings["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(manifest)}  # type: ignore[index]
    secret = {"metadata": {"name": "db", "namespace": "shop"}, "data": {"password": base64.b64encode(b"hunter2hunter2").decode()}}
    files = files_of(
        {
            "core/v1/pods/Pod": [restarted, pod("b", "blog")],
            "core/v1/nodes/Node!": [{"metadata": {"name": "node-a"}}],
            "core/v1/configmaps/ConfigMap": [settings],
            "core/v1/secrets/Secret": [secret],
            "apps/v1/deployments/Deployment": [],
            **lists,
        },
        logs={
            "shop/a/app.log": LOG,
            "shop/a/app.previous.log": LOG,
            "blog/b/app.error.json": '{"message": "waiting to start", "code": 400}',
        },
    )
    return open_recording(write_folder(folder, files), now=NOW)


@pytest.fixture
def cluster(tmp_path: Path) -> RecordedCluster:
    return cluster_of(tmp_path / "source")


class Troubled:
    """A source that refuses some lists, and maybe vanishes."""

    def __init__(self, source: RecordedCluster, refusals: dict[str, ClusterError], gone: bool = False) -> None:
        self._source, self._refusals, self._gone = source, refusals, gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def server_version(self) -> str:
        if self._gone:
            raise Unreachable("nobody answers")
        return self._source.server_version()

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> Any:
        for name in (resource, f"{resource}/{namespace}"):
            if name in self._refusals:
                raise self._refusals[name]
        return self._source.list(resource, namespace, cancel=cancel)


def everything(path: Path) -> str:
    return "\n".join(file.read_text() for file in sorted(path.rglob("*")) if file.is_file() and file.suffix != ".gz")


@pytest.mark.parametrize("name", ["out.tar.gz", "out.tgz", "out.tar", "out"])
def test_it_reads_back_as_it_was(tmp_path: Path, cluster: RecordedCluster, name: str) -> None:
    made = record(cluster, tmp_path / name)
    again = open_recording(tmp_path / name, now=NOW)
    assert again.title == "out"
    assert (made.objects, made.lists, made.logs) == (5, 5, 2)
    for resource in ("nodes", "secrets", "deployments.apps"):
        expected = [{**item, "data": {"password": ""}} if resource == "secrets" else item for item in cluster.list(resource)]
        assert again.list(resource) == expected
    assert [item["metadata"] for item in again.list("pods")] == [item["metadata"] for item in cluster.list("pods")]
    assert again.recorded_at == NOW
    assert again.server_version() == "v1.36.2"
    with pytest.raises(NotFound, match="waiting to start"):
        again.logs("blog", "b", "app")
    assert not [sentence for sentence in inventory(tmp_path / name).lacks if "counts" in sentence]


def test_no_secret_is_written(tmp_path: Path, cluster: RecordedCluster) -> None:
    made = record(cluster, tmp_path / "out")
    text = everything(tmp_path / "out")
    for secret in ("tr0ub4dor", "k3yk3yk3yk3y", "abcdef0123456789", "hunter2", base64.b64encode(b"hunter2hunter2").decode()):
        assert secret not in text, secret
    again = open_recording(tmp_path / "out", now=NOW)
    container = again.get("pods", "shop", "a")["spec"]["containers"][0]
    assert [one["value"].split("#")[0] for one in container["env"]] == ["[redacted:password", "debug"]
    assert container["args"][1] == "--port=80"
    settings = again.get("configmaps", "shop", "settings")
    assert settings["data"]["COLOUR"] == "blue"
    applied = json.loads(settings["metadata"]["annotations"][LAST_APPLIED])
    assert applied["data"] == settings["data"], "the same secret has the same placeholder everywhere"
    lines = again.logs("shop", "a", "app", previous=True)
    assert lines[0].endswith("Z starting")
    assert "postgres://app:[redacted:" in lines[1]
    assert made.redactions >= 5


def test_the_recording_is_for_its_owner_alone(tmp_path: Path, cluster: RecordedCluster) -> None:
    record(cluster, tmp_path / "out.tgz")
    record(cluster, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out.tgz").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "out").rglob("*") if file.is_file()} == {0o600}
    with tarfile.open(tmp_path / "out.tgz") as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {"out"}


def test_selected_namespaces_come_with_what_is_not_in_any(tmp_path: Path, cluster: RecordedCluster) -> None:
    record(cluster, tmp_path / "out", namespaces=["shop"])
    again = open_recording(tmp_path / "out", now=NOW)
    assert [item["metadata"]["name"] for item in again.list("pods")] == ["a"]
    assert again.list("nodes")
    assert again.list("deployments.apps", "shop") == []
    with pytest.raises(NotRecorded, match="pods of shop only"):
        again.list("pods", "blog")
    assert "namespaces other than shop" in inventory(tmp_path / "out").lacks


def test_what_was_refused_is_in_the_index_with_its_status(tmp_path: Path, cluster: RecordedCluster) -> None:
    refusals: dict[str, ClusterError] = {
        "secrets": Forbidden("secrets is forbidden: no", resource="secrets"),
        "deployments.apps": Unreachable("the read timed out"),
    }
    made = record(Troubled(cluster, refusals), tmp_path / "out")  # type: ignore[arg-type]
    assert any("secrets is forbidden" in sentence for sentence in made.refused)
    rows = {row["resource"]: row for row in json.loads((tmp_path / "out/index.json").read_text())}
    assert (rows["secrets"]["status"], rows["deployments"]["status"], rows["pods"]["status"]) == (403, 503, 200)
    again = open_recording(tmp_path / "out", now=NOW)
    with pytest.raises(Forbidden, match="secrets is forbidden"):
        again.list("secrets")
    with pytest.raises(NotRecorded, match="timed out"):
        again.list("deployments.apps")


def test_one_namespace_that_is_refused_is_not_taken_for_an_empty_one(tmp_path: Path, cluster: RecordedCluster) -> None:
    source = Troubled(cluster, {"configmaps/blog": Forbidden("configmaps is forbidden in blog", resource="configmaps")})
    record(source, tmp_path / "out", namespaces=["shop", "blog"])  # type: ignore[arg-type]
    again = open_recording(tmp_path / "out", now=NOW)
    assert len(again.list("configmaps", "shop")) == 1
    with pytest.raises(NotRecorded, match="configmaps of shop only"):
        again.list("configmaps", "blog")
    assert [item["metadata"]["name"] for item in again.list("pods", "blog")] == ["b"]


def test_a_server_that_goes_away_ends_it_and_nothing_is_left(tmp_path: Path, cluster: RecordedCluster) -> None:
    (tmp_path / "to").mkdir()
    for name in ("out", "out.tgz"):
        with pytest.raises(Unreachable, match="nobody answers"):
            record(Troubled(cluster, {"pods": Unreachable("broken")}, gone=True), tmp_path / "to" / name)  # type: ignore[arg-type]
    assert list((tmp_path / "to").iterdir()) == []
    with pytest.raises(ClusterError, match=r"pods cannot be listed.*pods is forbidden"):
        record(Troubled(cluster, {"pods": Forbidden("pods is forbidden")}), tmp_path / "to" / "out")  # type: ignore[arg-type]
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("name", ["out", "out.tgz"])
def test_cancelling_leaves_nothing_behind(tmp_path: Path, cluster: RecordedCluster, name: str) -> None:
    (tmp_path / "to").mkdir()
    token = CancelToken()

    def at_the_logs(what: str, done: int, total: int) -> None:
        if what.startswith("log of"):
            token.cancel("enough")

    with pytest.raises(Cancelled):
        record(cluster, tmp_path / "to" / name, progress=at_the_logs, cancel=token)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_path_that_exists_is_never_overwritten(tmp_path: Path, cluster: RecordedCluster) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file.tgz").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("there", "file.tgz", "dangling"):
        with pytest.raises(CannotRecord, match="exists already"):
            record(cluster, tmp_path / name)
    assert (tmp_path / "file.tgz").read_text() == "mine"
    with pytest.raises(CannotRecord, match="cannot be written"):
        record(cluster, tmp_path / "no" / "such" / "folder" / "out.tgz")


def test_logs_are_limited_by_lines_and_by_bytes_and_can_be_left_out(tmp_path: Path, cluster: RecordedCluster) -> None:
    record(cluster, tmp_path / "tail", limits=Limits(tail=1))
    assert [line.split(" ", 1)[1] for line in open_recording(tmp_path / "tail", now=NOW).logs("shop", "a", "app")] == ["done"]
    assert record(cluster, tmp_path / "none", limits=Limits(logs=False)).logs == 0
    assert not (tmp_path / "none/logs").exists()
    full = record(cluster, tmp_path / "full", limits=Limits(log_bytes=100))
    assert full.logs == 0
    assert any("were full at shop/a" in sentence for sentence in full.refused)
    assert any("were full at shop/a" in sentence for sentence in inventory(tmp_path / "full").lacks)


def test_logs_of_a_span_alone_are_told_as_such(tmp_path: Path, cluster: RecordedCluster) -> None:
    record(cluster, tmp_path / "late", limits=Limits(tail=None, since_seconds=58))
    late = open_recording(tmp_path / "late", now=NOW)
    assert [line.split(" ", 1)[1] for line in late.logs("shop", "a", "app")] == [LOG.splitlines()[-1].split(" ", 1)[1]]
    assert "log lines of more than 58 s before the recording" in inventory(tmp_path / "late").lacks
    record(cluster, tmp_path / "tail", limits=Limits(tail=2))
    assert "log lines but the last 2 of each container" in inventory(tmp_path / "tail").lacks


def test_names_from_the_server_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    evil = pod("../../../evil")
    odd = pod("fine")
    odd["spec"]["containers"] = [{"name": "../../evil"}]
    source = cluster_of(tmp_path / "source", **{"core/v1/pods/Pod": [evil, odd]})
    kinds = [*source.resources(), ResourceType("../..", "v1", "evils", "Evil", True, verbs=("list",))]
    source.resources = lambda: kinds  # type: ignore[method-assign]
    (tmp_path / "to").mkdir()
    record(source, tmp_path / "to" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "to"]
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["out"]
    assert not list((tmp_path / "to").rglob("*evil*"))


def test_progress_names_each_step_and_how_many_there_are(tmp_path: Path, cluster: RecordedCluster) -> None:
    seen: list[tuple[str, int, int]] = []
    record(cluster, tmp_path / "out", progress=lambda *step: seen.append(step))
    assert ("nodes", 1, 5) in seen
    assert ("log of shop/a", 0, 3) in seen
    assert all(done <= total for _, done, total in seen)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RecordedCluster, RecordedCluster, Recorded]]:
    """The demo, and what was recorded of it through a client over HTTP."""
    folder = Path(tmp_path_factory.mktemp("round"))
    demo = open_recording(resource_path("demo"))
    with ApiServer(demo) as server:
        live = LiveCluster.open(kubeconfig=server.kubeconfig(folder / "config"))
        try:
            made = record(live, folder / "out.tar.gz", limits=Limits(tail=None))
        finally:
            live.close()
    once = open_recording(folder / "out.tar.gz")
    yield demo, open_recording(folder / "out.tar.gz", now=once.recorded_at), made


DIFFERENT = {
    "secrets": "a client asks for their metadata alone, so that not even the names of keys travel",
    "horizontalpodautoscalers.autoscaling": "two versions were recorded; a client reads the preferred one",
}


def test_the_demo_recorded_through_the_stand_in_is_the_demo(served: tuple[RecordedCluster, RecordedCluster, Recorded]) -> None:
    demo, again, made = served
    assert made.refused == ()
    assert {row.name for row in again.lists} == {row.name for row in demo.lists}
    key = lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"])  # noqa: E731
    different = []
    for name in sorted({row.name for row in demo.lists}):
        ours, theirs = sorted(again.list(name), key=key), sorted(demo.list(name), key=key)
        assert list(map(key, ours)) == list(map(key, theirs)), name
        for one, other in zip(ours, theirs, strict=True):
            if one != other and "[redacted:" not in json.dumps(one) and name not in DIFFERENT:
                different.append((name, key(one)))
    assert different == []
    assert again.server_version() == demo.server_version()


def test_the_demos_logs_discovery_and_schemas_come_back(served: tuple[RecordedCluster, RecordedCluster, Recorded]) -> None:
    demo, again, _ = served
    compared = 0
    for item in demo.list("pods"):
        place = item["metadata"]["namespace"], item["metadata"]["name"], item["spec"]["containers"][0]["name"]
        if not demo.has_log(*place):
            with pytest.raises((NotFound, NotRecorded)):
                again.logs(*place)
            continue
        ours, theirs = again.logs(*place), demo.logs(*place)
        assert len(ours) == len(theirs)
        assert [one for one, other in zip(ours, theirs, strict=True) if one != other and "[redacted:" not in one] == []
        compared += 1
    assert compared > 20
    assert {(k.name, k.version, k.short_names) for k in again.resources()} == {(k.name, k.version, k.short_names) for k in demo.resources()}
    assert json.loads(again.discovery("/apis/apps/v1") or b"") == json.loads(demo.discovery("/apis/apps/v1") or b"")
    assert json.loads(again.openapi("/openapi/v3/apis/apps/v1") or b"") == json.loads(demo.openapi("/openapi/v3/apis/apps/v1") or b"")


def test_the_demo_holds_no_secrets_value_after_a_recording(served: tuple[RecordedCluster, RecordedCluster, Recorded]) -> None:
    _, again, _ = served
    document = json.loads(again.archive.read("resources/core/v1/secrets.json") or b"{}")
    assert document["items"]
    assert not any("data" in item or "stringData" in item for item in document["items"])


def test_a_dump_can_be_recorded_into_our_format(tmp_path: Path) -> None:
    nodes = {"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "node-a"}}]}
    controllers = {"kind": "ReplicationControllerList", "apiVersion": "v1", "items": None}
    files = {
        "nodes.json": json.dumps(nodes).encode(),
        "shop/replication-controllers.json": json.dumps(controllers).encode(),
        "shop/pods.json": json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [pod("a")]}).encode(),
    }
    source = open_recording(write_folder(tmp_path / "dump", files), now=NOW)
    record(source, tmp_path / "out.tgz")
    again = open_recording(tmp_path / "out.tgz", now=NOW)
    assert again.list("pods") == source.list("pods")
    assert again.lacks("persistentvolumeclaims")
