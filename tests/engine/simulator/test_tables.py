"""Rows of kinds and states that the recordings do not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.cluster.tables import human_duration, print_table, table
from engine.cluster.tables.custom import evaluate

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def obj(**parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "n", "creationTimestamp": ago(minutes=5)}, **parts}


def cells(resource: str, **parts: Any) -> dict[str, Any]:
    made = table(resource, [obj(**parts)], now=NOW)
    return {column.name: cell for column, cell in zip(made.columns, made.rows[0], strict=True)}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (3600, "60m"),
        (3 * 3600, "3h"),
        (7.5 * 3600, "7h30m"),
        (9.5 * 3600, "9h"),
        (49 * 3600, "2d1h"),
        (30 * 86400, "30d"),
        (800 * 86400, "2y70d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_durations_read_as_kubectl_writes_them(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words


def container(**parts: Any) -> dict[str, Any]:
    return {"name": "app", "ready": False, "restartCount": 0, **parts}


def pod_status(status: dict[str, Any], spec: dict[str, Any] | None = None, **metadata: Any) -> tuple[str, str]:
    raw = obj(spec=spec or {"containers": [{"name": "app"}]}, status=status)
    raw["metadata"] |= metadata
    made = table("pods", [raw], now=NOW)
    return str(made.rows[0][2]), str(made.rows[0][1])


INIT = {"containers": [{"name": "app"}], "initContainers": [{"name": "one"}, {"name": "two"}]}
SIDECAR = {"containers": [{"name": "app"}], "initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}


def test_a_pod_status_sums_up_phase_conditions_and_containers() -> None:
    waiting = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    assert pod_status({"phase": "Running", "containerStatuses": [container(**waiting)]}) == ("CrashLoopBackOff", "0/1")
    ended = {"state": {"terminated": {"exitCode": 137, "signal": 9}}}
    assert pod_status({"phase": "Failed", "containerStatuses": [container(**ended)]})[0] == "Signal:9"
    ended = {"state": {"terminated": {"exitCode": 3}}}
    assert pod_status({"phase": "Failed", "containerStatuses": [container(**ended)]})[0] == "ExitCode:3"
    assert pod_status({"phase": "Failed", "reason": "Evicted"})[0] == "Evicted"
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    assert pod_status({"phase": "Pending", "conditions": [gated]})[0] == "SchedulingGated"
    assert pod_status({"phase": "Running"}, deletionTimestamp=ago(minutes=1))[0] == "Terminating"
    assert pod_status({"phase": "Running", "reason": "NodeLost"}, deletionTimestamp=ago(minutes=1))[0] == "Unknown"
    assert pod_status({"phase": "Succeeded"}, deletionTimestamp=ago(minutes=1))[0] == "Succeeded"


def test_init_containers_hold_a_pod_up() -> None:
    running = {"name": "one", "state": {"running": {}}}
    done = {"name": "one", "state": {"terminated": {"exitCode": 0}}}
    failed = {"name": "two", "state": {"terminated": {"exitCode": 2}}, "restartCount": 4}
    assert pod_status({"phase": "Pending", "initContainerStatuses": [running]}, INIT)[0] == "Init:0/2"
    assert pod_status({"phase": "Pending", "initContainerStatuses": [done, failed]}, INIT)[0] == "Init:ExitCode:2"
    pulling = {"name": "two", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    assert pod_status({"phase": "Pending", "initContainerStatuses": [done, pulling]}, INIT)[0] == "Init:ImagePullBackOff"
    starting = {"name": "two", "state": {"waiting": {"reason": "PodInitializing"}}}
    assert pod_status({"phase": "Pending", "initContainerStatuses": [done, starting]}, INIT)[0] == "Init:1/2"


def test_a_sidecar_counts_as_a_container_of_its_own() -> None:
    proxy = {"name": "proxy", "state": {"running": {}}, "started": True, "ready": True, "restartCount": 2}
    app = container(state={"running": {}}, ready=True)
    assert pod_status({"phase": "Running", "initContainerStatuses": [proxy], "containerStatuses": [app]}, SIDECAR) == ("Running", "2/2")


def test_one_finished_container_leaves_the_pod_not_ready() -> None:
    app, other = (
        container(state={"terminated": {"exitCode": 0, "reason": "Completed"}}),
        container(name="b", state={"running": {}}, ready=True),
    )
    two = {"containers": [{"name": "app"}, {"name": "b"}]}
    assert pod_status({"phase": "Running", "containerStatuses": [app, other]}, two)[0] == "NotReady"
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert pod_status({"phase": "Running", "containerStatuses": [app, other], **ready}, two)[0] == "Running"


def test_restarts_say_when_the_last_one_was() -> None:
    state = {"lastState": {"terminated": {"finishedAt": ago(minutes=3)}}, "state": {"running": {}}, "restartCount": 12}
    assert cells("pods", status={"phase": "Running", "containerStatuses": [container(**state)]})["Restarts"] == "12 (3m ago)"


@pytest.mark.parametrize(
    ("spec", "status", "address", "ports"),
    [
        ({"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30080}]}, {}, "<pending>", "80:30080/TCP"),
        (
            {"type": "LoadBalancer", "ports": [{"port": 53, "protocol": "UDP"}]},
            {"loadBalancer": {"ingress": [{"hostname": "lb.test"}]}},
            "lb.test",
            "53/UDP",
        ),
        ({"type": "ExternalName", "externalName": "db.test"}, {}, "db.test", "<none>"),
        ({"type": "ClusterIP", "clusterIP": "None", "externalIPs": ["1.2.3.4"]}, {}, "1.2.3.4", "<none>"),
    ],
)
def test_services_of_every_type(spec: dict[str, Any], status: dict[str, Any], address: str, ports: str) -> None:
    found = cells("services", spec=spec, status=status)
    assert (found["External-IP"], found["Port(s)"]) == (address, ports)


def test_jobs_say_how_they_stand() -> None:
    def status(*conditions: str, **spec: Any) -> Any:
        held = [{"type": kind, "status": "True"} for kind in conditions]
        return cells("jobs.batch", spec=spec, status={"conditions": held, "startTime": ago(minutes=4), "succeeded": 1})

    assert status("Failed", "FailureTarget")["Status"] == "Failed"
    assert status("FailureTarget")["Status"] == "FailureTarget"
    assert status("Suspended")["Status"] == "Suspended"
    assert status(completions=3)["Completions"] == "1/3"
    assert status(parallelism=2)["Completions"] == "1/1 of 2"
    assert status()["Duration"] == "4m"


def test_an_autoscaler_shows_its_first_two_metrics() -> None:
    def metric(name: str, target: int) -> dict[str, Any]:
        return {"type": "Resource", "resource": {"name": name, "target": {"averageUtilization": target}}}

    current = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40}}}
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3}
    found = cells(
        "horizontalpodautoscalers.autoscaling",
        spec=spec | {"metrics": [metric("cpu", 70), metric("memory", 80), metric("x", 1)]},
        status={"currentMetrics": [current]},
    )
    assert found["Targets"] == "cpu: 40%/70%, memory: <unknown>/80% + 1 more..."
    assert found["MinPods"] == "<unset>"
    old = cells("horizontalpodautoscalers.autoscaling", spec=spec | {"targetCPUUtilizationPercentage": 50}, status={})
    assert old["Targets"] == "cpu: <unknown>/50%"


def test_selectors_with_expressions_read_like_a_query() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["b", "a"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "app", "operator": "Exists"},
    ]
    found = cells("networkpolicies.networking.k8s.io", spec={"podSelector": {"matchLabels": {"z": "1"}, "matchExpressions": expressions}})
    assert found["Pod-Selector"] == "app,!old,tier in (a,b),z=1"


def test_a_long_list_of_endpoints_is_cut() -> None:
    addresses = [{"ip": f"10.0.0.{number}"} for number in range(5)]
    subsets = [{"addresses": addresses, "ports": [{"port": 80}]}]
    assert cells("endpoints", subsets=subsets)["Endpoints"] == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."
    assert cells("endpoints", subsets=[{"notReadyAddresses": addresses}])["Endpoints"] == ""
    assert cells("endpoints")["Endpoints"] == "<none>"


def test_a_new_event_has_only_its_event_time_and_a_series_counts() -> None:
    found = cells(
        "events", eventTime=ago(minutes=9), series={"count": 7, "lastObservedTime": ago(seconds=30)}, involvedObject={"kind": "Pod"}
    )
    assert (found["Last Seen"], found["First Seen"], found["Count"], found["Object"]) == ("30s", "9m", 7, "pod")
    alone = cells("events", eventTime=ago(minutes=9), lastTimestamp=None, count=None, message=" a\nb ")
    assert (alone["Last Seen"], alone["Count"], alone["Message"]) == ("9m", 1, "a\nb")


def test_a_message_of_several_lines_is_printed_by_its_first() -> None:
    line = print_table("events", [obj(eventTime=ago(minutes=9), message="first\nsecond")], now=NOW)[1]
    assert line.endswith("first...")


DEFINITION = {
    "spec": {
        "versions": [
            {
                "name": "v1",
                "additionalPrinterColumns": [
                    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
                    {"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts[*].name", "priority": 1},
                    {"name": "Paused", "type": "boolean", "jsonPath": ".spec.paused"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
            }
        ]
    }
}


def test_custom_resources_print_the_columns_of_their_definition() -> None:
    conditions = [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]
    raw = obj(spec={"hosts": [{"name": "a"}, {"name": "b"}], "paused": False}, status={"conditions": conditions})
    made = table("widgets.acme.test", [raw], now=NOW, definition=DEFINITION, version="v1")
    assert [column.name for column in made.columns] == ["Name", "Ready", "Hosts", "Paused", "Age"]
    assert made.rows == (("x", "True", "a,b", False, "5m"),)
    assert print_table("widgets.acme.test", [raw], now=NOW, definition=DEFINITION)[0].split() == ["NAME", "READY", "PAUSED", "AGE"]
    assert table("widgets.acme.test", [raw], now=NOW).rows == (("x", "5m"),)


def test_a_path_of_another_form_gives_nothing() -> None:
    assert evaluate({"a": [1, 2]}, ".a[0]") == [1]
    assert evaluate({"a": [1, 2]}, ".a[9]") == []
    assert list(evaluate({"a": 1}, "..a")) == []
    assert evaluate({"a": {"b.c": 1}}, "{.a['b.c']}") == [1]


def test_no_objects_print_no_lines() -> None:
    assert print_table("pods", [], now=NOW) == []


def test_broken_objects_still_print() -> None:
    for resource in ("pods", "nodes", "deployments.apps", "services", "events", "horizontalpodautoscalers.autoscaling", "cronjobs.batch"):
        broken = {"metadata": {"name": "x"}, "spec": "text", "status": [1], "subsets": 3}
        assert len(print_table(resource, [broken], wide=True, now=NOW)) == 2
