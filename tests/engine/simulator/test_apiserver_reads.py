"""What the real kubectl reads from a recorded cluster, with every kubectl that is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.kubectls import Kubectl, kubectls

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.simulator.apiserver import ApiServer

pytestmark = [pytest.mark.kubectl, pytest.mark.skipif(not kubectls(), reason="no kubectl is installed")]


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_get_prints_the_server_side_table(reading: Kubectl) -> None:
    head, *pods = rows(reading.out("get", "pods", "-n", "shop"))
    assert head == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [(row[1], row[2]) for row in pods] == [("1/1", "Running")] * 2 + [("0/1", "CrashLoopBackOff")] * 2


def test_get_in_every_other_form(reading: Kubectl) -> None:
    pod = rows(reading.out("get", "pods", "-n", "shop"))[1][0]
    assert rows(reading.out("get", "pods", "-n", "shop", "-o", "wide"))[0][-5:] == ["NODE", "NOMINATED", "NODE", "READINESS", "GATES"]
    assert f"name: {pod}" in reading.out("get", "pod", pod, "-n", "shop", "-o", "yaml")
    assert json.loads(reading.out("get", "pods", "-A", "-o", "json"))["kind"] == "List"
    assert reading.out("get", "pod", pod, "-n", "shop", "-o", "name").strip() == f"pod/{pod}"
    assert reading.out("get", "pod", pod, "-n", "shop", "-o", "jsonpath={.status.phase}") == "Running"
    assert rows(reading.out("get", "pod", pod, "-n", "shop", "-o", "custom-columns=P:.status.phase")) == [["P"], ["Running"]]


def test_get_selects_sorts_and_labels(reading: Kubectl) -> None:
    label = "app.kubernetes.io/name=cart-api"
    chosen = rows(reading.out("get", "pods", "-A", "-l", label, "--show-labels"))
    assert len(chosen) == 3
    assert all(label in row[-1] for row in chosen[1:])
    assert rows(reading.out("get", "pods", "-A", "-l", label, "-L", "app.kubernetes.io/name"))[1][-1] == "cart-api"
    waiting = rows(reading.out("get", "pods", "-A", "--field-selector", "status.phase=Pending"))
    assert {row[0] for row in waiting[1:]} == {"mailer", "orders", "warehouse", "web"}
    ordered = [row[1] for row in rows(reading.out("get", "pods", "-A", "--sort-by=.metadata.name"))[1:]]
    assert ordered == sorted(ordered)
    assert len(ordered) == len(rows(reading.out("get", "pods", "-A", "--chunk-size=7"))) - 1


def test_errors_are_those_of_a_server(reading: Kubectl) -> None:
    for args, words in (
        (["get", "pod", "nope"], 'Error from server (NotFound): pods "nope" not found'),
        (["get", "widgets"], 'doesn\'t have a resource type "widgets"'),
        (["get", "pods", "--field-selector", "a=b"], "field label not supported: a"),
        (["top", "pods"], "Metrics API not available"),
        (["get", "--raw", "/nope"], "the server could not find the requested resource"),
    ):
        done = reading(*args)
        assert done.returncode == 1
        assert words in done.stderr


def test_logs_with_their_options(reading: Kubectl) -> None:
    pod = reading.out("get", "pods", "-n", "shop", "-l", "app.kubernetes.io/name=checkout-api", "-o", "name").split()[0]
    log = reading.out("logs", "-n", "shop", pod)
    assert "STRIPE_API_KEY" in log
    assert reading.out("logs", "-n", "shop", pod, "--previous", "--tail=2").count("\n") == 2
    assert reading.out("logs", "-n", "shop", pod, "--timestamps", "--tail=1").startswith("20")
    assert not log.startswith("20")
    assert reading.out("logs", "-n", "shop", pod, "--since=1s") == ""
    assert reading.out("logs", "-n", "shop", "deploy/checkout-api", "-f", "--all-containers", "--limit-bytes=20")
    assert reading.out("logs", "-n", "shop", "-l", "app.kubernetes.io/name=checkout-api", "--prefix", "--tail=1").count("[pod/") == 2
    cart = reading.out("get", "pods", "-n", "shop", "-l", "app.kubernetes.io/name=cart-api", "-o", "name").split()[0]
    refused = reading("logs", "-n", "shop", cart, "--previous")
    assert refused.returncode == 1
    assert "previous terminated container" in refused.stderr


def test_describe_joins_what_belongs_together(reading: Kubectl) -> None:
    name = next(row[0] for row in rows(reading.out("get", "pods", "-n", "shop")) if row[0].startswith("checkout-api"))
    text = reading.out("describe", "pod", "-n", "shop", name)
    assert "CrashLoopBackOff" in text
    assert "Back-off restarting failed container" in text
    assert "NotReady" in reading.out("describe", "node", "worker-2")
    assert "NewReplicaSet:" in reading.out("describe", "deploy", "-n", "shop", "cart-api")
    assert "Endpoints:" in reading.out("describe", "svc", "-n", "shop", "cart-api")
    assert "Pending" in reading.out("describe", "pvc", "-A")


def test_what_the_cluster_is_and_has(reading: Kubectl) -> None:
    assert "v1.36.2" in reading.out("version")
    assert "control plane is running at http://127.0.0.1" in reading.out("cluster-info")
    assert "apps/v1" in reading.out("api-versions").split()
    assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in rows(reading.out("api-resources"))
    assert "FIELD: containers" in reading.out("explain", "pod.spec.containers")
    assert reading.out("get", "--raw", "/readyz") == "ok"
    assert "Back-off" in reading.out("events", "-n", "shop", "--types=Warning")


def test_rights_are_those_of_a_reader(reading: Kubectl) -> None:
    assert reading.out("auth", "can-i", "list", "pods").strip() == "yes"
    refused = reading("auth", "can-i", "delete", "pods")
    assert (refused.returncode, refused.stdout.split()[0]) == (1, "no")
    assert "[get list watch]" in reading.out("auth", "can-i", "--list")
    assert "recording" in reading.out("auth", "whoami")


def test_nothing_can_be_changed_or_entered(reading: Kubectl) -> None:
    pod = rows(reading.out("get", "pods", "-n", "shop"))[1][0]
    for args in (
        ["scale", "deploy/cart-api", "--replicas=3"],
        ["delete", "pod", pod],
        ["label", "pod", pod, "a=b"],
    ):
        done = reading("-n", "shop", *args)
        assert done.returncode == 1
        assert "this recording is read-only; start with --writable" in done.stderr
    for args in (["exec", pod, "--", "ls"], ["attach", pod], ["port-forward", pod, "8080:80"], ["cp", f"{pod}:/etc/hosts", "/dev/null"]):
        done = reading("-n", "shop", *args)
        assert done.returncode == 1
        assert "is forbidden" in done.stderr
        assert "recorded cluster" in done.stderr


def test_secret_values_are_not_shown(reading: Kubectl) -> None:
    text = reading.out("get", "secrets", "-A", "-o", "jsonpath={.items[*].data}")
    assert text
    assert set(json.loads(text.split("} {")[0].rstrip("}") + "}").values()) == {""}


def test_a_wait_ends_at_its_time(reading: Kubectl) -> None:
    assert "condition met" in reading.out("wait", "-n", "shop", "--for=condition=Available", "deploy/cart-api", "--timeout=5s")
    done = reading("wait", "-n", "shop", "--for=condition=Available", "deploy/checkout-api", "--timeout=1s")
    assert done.returncode == 1
    assert "timed out" in done.stderr


def test_a_watch_ends_by_itself(demo: RecordedCluster, tmp_path: Path) -> None:
    with ApiServer(demo, watch_seconds=0.2) as server:
        kubectl = Kubectl(kubectls()[0], server.kubeconfig(tmp_path / "config"), tmp_path / "cache")
        assert len(kubectl.out("get", "pods", "-n", "shop", "-w").splitlines()) == 5


def test_an_old_object_is_deprecated_only_where_the_server_says_so(reading: Kubectl) -> None:
    assert "v1 Endpoints is deprecated" in reading("get", "endpoints", "-n", "shop").stderr
    assert "deprecated" not in reading("get", "endpointslices", "-n", "shop").stderr
