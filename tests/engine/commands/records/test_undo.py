"""Objects are saved before a change, and the way back is an ordinary command."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.commands.policy.policy import Policy, PolicySettings
from engine.commands.records.undo import UndoStore, merge, strip
from engine.core.types import ObjectRef
from engine.simulator.overlay import Overlay

DEPLOYMENT = ObjectRef("Deployment", "shop", "cart-api")


@pytest.fixture
def shelf(tmp_path: Path) -> UndoStore:
    return UndoStore(tmp_path / "undo", tmp_path / "manifests")


def way_back(shelf: UndoStore, demo: RecordedCluster, text: str, *refs: ObjectRef) -> str:
    objects = [demo.get("deployments.apps", ref.namespace, ref.name) for ref in refs]
    entry = shelf.save("U1", text.split(), objects, context="demo", namespace="shop")
    return shelf.way_back(entry, demo).command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("kubectl scale deployment cart-api --replicas=9", "kubectl scale deployment/cart-api -n shop --replicas=2"),
        ("kubectl rollout restart deployment/cart-api", "kubectl rollout undo deployment/cart-api -n shop"),
        ("kubectl rollout pause deployment/cart-api", "kubectl rollout resume deployment/cart-api -n shop"),
        ("kubectl label deployment cart-api team=x", "kubectl label deployment/cart-api -n shop team- --overwrite"),
        ("kubectl cordon worker-1", "kubectl uncordon worker-1"),
        ("kubectl exec cart-api -- ls", ""),
    ],
)
def test_a_plain_change_has_a_plain_way_back(shelf: UndoStore, demo: RecordedCluster, text: str, command: str) -> None:
    assert way_back(shelf, demo, text, DEPLOYMENT) == command


def test_an_image_goes_back_to_the_earlier_one(shelf: UndoStore, demo: RecordedCluster) -> None:
    containers = demo.get("deployments.apps", "shop", "cart-api")["spec"]["template"]["spec"]["containers"]
    command = way_back(shelf, demo, "kubectl set image deployment/cart-api x=y", DEPLOYMENT)
    assert f"{containers[0]['name']}={containers[0]['image']}" in command


def test_a_deleted_object_is_made_again_without_server_fields(shelf: UndoStore, demo: RecordedCluster, tmp_path: Path) -> None:
    command = way_back(shelf, demo, "kubectl delete deployment cart-api", DEPLOYMENT)
    path = Path(command.split()[3])
    body = json.loads(path.read_text())
    assert command.startswith("kubectl create -f ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "uid" not in body["metadata"]
    assert "resourceVersion" not in body["metadata"]
    assert "status" not in body
    assert Policy(PolicySettings(workspace=str(tmp_path / "manifests"))).judge(command).verdict.risk == "mutate"


def test_a_patched_object_is_put_back(shelf: UndoStore, demo: RecordedCluster) -> None:
    assert way_back(shelf, demo, "kubectl patch deployment cart-api -p {}", DEPLOYMENT).startswith("kubectl replace -f ")


def test_secrets_are_never_saved(shelf: UndoStore, demo: RecordedCluster) -> None:
    entry = shelf.save(
        "U1",
        ["kubectl", "delete", "secret", "x"],
        [{"kind": "Secret", "metadata": {"name": "x", "namespace": "shop"}}],
        context="demo",
        namespace="shop",
    )
    assert entry.objects == ()
    assert "Secret" in shelf.way_back(entry, demo).note


def test_saved_files_are_private_listed_and_go_after_a_week(shelf: UndoStore, demo: RecordedCluster, tmp_path: Path) -> None:
    way_back(shelf, demo, "kubectl scale deployment cart-api --replicas=9", DEPLOYMENT)
    path = tmp_path / "undo" / "U1.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.command for entry in shelf.entries()] == ["kubectl scale deployment cart-api --replicas=9"]
    assert shelf.purge() == 0
    old = time.time() - 8 * 86400
    os.utime(path, (old, old))
    assert shelf.purge() == 1
    assert shelf.entries() == []


def test_a_damaged_file_is_passed_over(shelf: UndoStore, tmp_path: Path) -> None:
    (tmp_path / "undo").mkdir()
    (tmp_path / "undo" / "x.json").write_text("{")
    assert shelf.entries() == []


def test_a_service_gets_a_new_address() -> None:
    item = strip({"kind": "Service", "metadata": {"name": "a", "uid": "1"}, "spec": {"clusterIP": "10.0.0.1", "ports": []}, "status": {}})
    assert item == {"kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": []}}


def test_what_others_changed_since_is_kept_or_the_undo_refuses(shelf: UndoStore, demo: RecordedCluster, tmp_path: Path) -> None:
    before = dict(demo.get("deployments.apps", "shop", "cart-api"))
    ours = {**before, "spec": {**before["spec"], "revisionHistoryLimit": 3}}
    theirs = {**ours, "metadata": {**before["metadata"], "labels": {**before["metadata"]["labels"], "team": "blue"}}}
    merged, conflicts = merge(before, ours, theirs)
    assert conflicts == []
    assert merged["metadata"]["labels"]["team"] == "blue"
    assert merged["spec"].get("revisionHistoryLimit") == before["spec"].get("revisionHistoryLimit")
    again = {**ours, "spec": {**ours["spec"], "revisionHistoryLimit": 9}}
    assert merge(before, ours, again)[1] == ["spec.revisionHistoryLimit: 3 → 9"]
    entry = shelf.save("U1", ["kubectl", "patch", "deployment", "cart-api", "-p", "{}"], [before], context="demo", namespace="shop")
    shelf.save_after(entry.id, [ours])
    overlay = Overlay(demo)
    overlay.put("deployments.apps", again)
    back = shelf.way_back(shelf.entries()[0], overlay)
    assert back.command == ""
    assert "spec.revisionHistoryLimit: 3 → 9" in back.note
