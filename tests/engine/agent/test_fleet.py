"""The same check of several clusters: one that is down does not hold up the others, and what differs is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fakes.recordings import files_of, pod, write_folder

from engine.agent.fleet_check import CheckScope, NoSuchContext, Target, check_all, recordings, select_contexts
from engine.agent.json_documents import ChecksReport, document, schema
from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.cluster.recordings.recorder import record
from engine.cluster.source import ContextInfo
from engine.core.cancel import Cancelled, CancelToken
from engine.session.connection import Opening
from engine.simulator.apiserver import ApiServer
from tui.cli.main import main

SHOP = CheckScope("shop")


def broken(name: str, config: str = "settings", version: str = "v1.36.2", held: str = "") -> dict[str, bytes]:
    """A cluster with one Deployment whose pod, called otherwise everywhere, waits for a ConfigMap."""
    waiting = pod(f"web-{name}")
    waiting["metadata"] |= {"ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}]}
    waiting["spec"]["volumes"] = [{"name": "v", "configMap": {"name": config}}]
    waiting["status"] = {"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]}
    owner = [{"kind": "Deployment", "name": "web", "uid": "d", "controller": True}]
    lists: dict[str, list[dict[str, Any]]] = {
        "core/v1/namespaces/Namespace!": [{"metadata": {"name": "shop"}}, {"metadata": {"name": "blog"}}],
        "core/v1/pods/Pod": [waiting],
        "core/v1/configmaps/ConfigMap": [{"metadata": {"name": held, "namespace": "shop"}}] if held else [],
        "apps/v1/replicasets/ReplicaSet": [{"metadata": {"name": "web-1", "namespace": "shop", "uid": "rs", "ownerReferences": owner}}],
        "apps/v1/deployments/Deployment": [{"metadata": {"name": "web", "namespace": "shop", "uid": "d"}, "spec": {"replicas": 1}}],
    }
    files = files_of(lists)
    files["version.json"] = json.dumps({"gitVersion": version}).encode()
    return files


def recorded(folder: Path, name: str, **other: str) -> Path:
    return write_folder(folder / name, broken(name, **other))


def check(*paths: Path, what: CheckScope = SHOP, cancel: CancelToken | None = None) -> ChecksReport:
    return check_all(recordings([Opening(snapshot=path) for path in paths]), what, redact=str, cancel=cancel)


def test_a_fault_of_the_same_workload_is_the_same_whatever_its_pods_are_called(tmp_path: Path) -> None:
    report = check(recorded(tmp_path, "a"), recorded(tmp_path, "b", version="v1.35.0"), recorded(tmp_path, "c", held="settings"))
    assert [(row.name, row.version, row.reached) for row in report.clusters] == [
        ("a", "v1.36.2", True),
        ("b", "v1.35.0", True),
        ("c", "v1.36.2", True),
    ]
    [missing] = [fault for fault in report.differences if fault.code == "MissingConfigMap"]
    assert (missing.clusters, missing.unknown, missing.object.name) == (("a", "b"), (), "web")
    assert "settings" in missing.summary
    found = {row.name: {finding.id for finding in row.findings} for row in report.clusters}
    assert all(set(ids) <= found[name] for name, ids in missing.ids.items())


def test_what_all_have_stands_apart(tmp_path: Path) -> None:
    report = check(recorded(tmp_path, "a"), recorded(tmp_path, "b"))
    assert "MissingConfigMap" in {fault.code for fault in report.everywhere}
    assert report.differences == ()
    assert all(fault.clusters == ("a", "b") for fault in report.everywhere)


def test_a_cluster_that_cannot_be_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "torn.tar.gz").write_bytes(b"\x1f\x8b nothing")
    report = check(recorded(tmp_path, "a"), tmp_path / "torn.tar.gz", recorded(tmp_path, "b"))
    torn = report.clusters[1]
    assert (torn.name, torn.reached, torn.findings) == ("torn", False, ())
    assert "torn.tar.gz" in torn.error
    assert {fault.clusters for fault in report.everywhere} == {("a", "b")}, "nothing is compared with what is not known"


def test_what_was_not_recorded_is_unknown_and_no_difference_in_health(tmp_path: Path) -> None:
    whole = open_recording(recorded(tmp_path, "whole"))
    record(whole, tmp_path / "blog.tar", namespaces=["blog"])
    report = check(tmp_path / "whole", tmp_path / "blog.tar", what=CheckScope(""))
    fault = next(fault for fault in report.differences if fault.code == "MissingConfigMap")
    assert (fault.clusters, fault.unknown) == (("whole",), ("blog",))


def test_files_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    first, second = recorded(tmp_path / "x", "same"), recorded(tmp_path / "y", "same")
    assert [target.name for target in recordings([Opening(snapshot=first), Opening(snapshot=second)])] == [str(first), str(second)]


def test_contexts_are_chosen_by_name_and_by_pattern_each_once() -> None:
    known = [ContextInfo(name) for name in ("prod-eu", "prod-us", "dev")]
    assert [target.context for target in select_contexts(["dev", "prod-*", "*"], known)] == ["dev", "prod-eu", "prod-us"]
    with pytest.raises(NoSuchContext, match=r"prod-asia.*prod-eu, prod-us, dev"):
        select_contexts(["prod-asia"], known)


def test_the_document_is_as_its_schema_says_and_findings_carry_their_ids(tmp_path: Path) -> None:
    written = json.loads(json.dumps(document(check(recorded(tmp_path, "a"), tmp_path / "gone"))))
    jsonschema.Draft202012Validator(schema("checks")).validate(written)
    assert written["schema"] == "k8sagent.checks/1"
    assert written["clusters"][0]["findings"][0]["id"]
    assert (written["everywhere"], written["differences"]) == ([], [])


def test_a_cancelled_check_ends(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel("enough")
    with pytest.raises(Cancelled):
        check(recorded(tmp_path, "a"), recorded(tmp_path, "b"), cancel=token)


@pytest.fixture
def kubeconfig(demo: RecordedCluster, tmp_path: Path) -> Iterator[Path]:
    """Two contexts of a running cluster and one of a server that is gone."""
    with ApiServer(demo) as server:
        config = json.loads(server.kubeconfig(tmp_path / "one").read_text())
        [context], [cluster] = config["contexts"], config["clusters"]
        config["clusters"].append({"name": "gone", "cluster": {"server": "http://127.0.0.1:9"}})
        config["contexts"] = [{"name": name, "context": context["context"]} for name in ("prod-eu", "prod-us")]
        config["contexts"].append({"name": "prod-gone", "context": {**context["context"], "cluster": "gone"}})
        assert cluster["name"] == context["context"]["cluster"]
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        yield path


def test_live_clusters_are_checked_side_by_side(kubeconfig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", "--kubeconfig", str(kubeconfig), "--contexts", "prod-*", "-n", "shop", "--output", "json"])
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert code == 1
    assert [(row["name"], row["reached"]) for row in report["clusters"]] == [("prod-eu", True), ("prod-us", True), ("prod-gone", False)]
    assert {fault["code"] for fault in report["everywhere"]} >= {"MissingEnvironment"}
    assert "prod-gone: " in told.err


def test_only_when_all_are_down_is_the_cluster_unreachable(kubeconfig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--kubeconfig", str(kubeconfig), "--contexts", "prod-gone,prod-gone"]) == 3
    assert "no cluster could be checked" in capsys.readouterr().out
    assert main(["check", "--kubeconfig", str(kubeconfig), "--contexts", "nope"]) == 2


def test_people_read_what_is_everywhere_and_what_is_only_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [recorded(tmp_path, "a"), recorded(tmp_path, "b", version="v1.35.0", held="settings")]
    code = main(["check", "-n", "shop", *[word for path in paths for word in ("--snapshot", str(path))]])
    out = capsys.readouterr().out
    assert code == 1
    assert "versions differ: v1.36.2: a; v1.35.0: b" in out
    assert "DeploymentUnavailable" not in out.partition("only in a")[2], "it is a symptom there"
    assert "only in a\n  ✗ shop/Deployment/web  MissingConfigMap" in out


def test_one_command_alone_takes_several_recordings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["health", "--snapshot", "a", "--snapshot", "b"])
    assert ended.value.code == 2
    assert "only `check` takes several --snapshot" in capsys.readouterr().err


def test_no_more_than_a_few_are_checked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.agent import fleet_check

    lock, here, most = threading.Lock(), [0], [0]
    inner = fleet_check.connect

    def counted(*args: Any, **kwargs: Any) -> Any:
        with lock:
            here[0] += 1
            most[0] = max(most[0], here[0])
        try:
            return inner(*args, **kwargs)
        finally:
            with lock:
                here[0] -= 1

    monkeypatch.setattr(fleet_check, "connect", counted)
    path = recorded(tmp_path, "a")
    report = check_all([Target(f"t{n}", Opening(snapshot=path)) for n in range(12)], SHOP, redact=str)
    assert len(report.clusters) == 12
    assert 1 <= most[0] <= fleet_check.PARALLEL_CLUSTERS
