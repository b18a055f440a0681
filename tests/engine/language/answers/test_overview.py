"""Changes on one axis, events by reason, gaps in how things are set up, rankings, health and comparisons, on recordings and made objects."""

# ruff: noqa: E501

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking import request_of

from engine.analyzers.common.view import ClusterView
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.core.types import ObjectRef
from engine.language.answers.interface import Scene
from engine.language.answers.overview import audit, changes, events, health, ranking
from engine.language.answers.overview.compare import compare
from engine.language.answers.registry import answer

Raw = dict[str, Any]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def ago(**time: int) -> str:
    return f"{NOW - timedelta(**time):%Y-%m-%dT%H:%M:%SZ}"


def a(kind: str, name: str, created: str = "2026-11-01T00:00:00Z", **more: Any) -> Raw:
    metadata = {"name": name, "namespace": "shop", "uid": f"{kind}-{name}", "creationTimestamp": created, **more.pop("metadata", {})}
    return {"kind": kind, "metadata": metadata, **more}


def deployment(name: str, *containers: Raw) -> Raw:
    return a("Deployment", name, spec={"template": {"spec": {"containers": list(containers)}}})


def view_of(*objects: Raw) -> ClusterView:
    return ClusterView.from_objects(objects, now=NOW)


def revision(number: int, image: str, created: str, **annotations: str) -> Raw:
    metadata = {
        "annotations": {"deployment.kubernetes.io/revision": str(number), **annotations},
        "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "Deployment-web", "controller": True}],
    }
    return a(
        "ReplicaSet",
        f"web-{number}",
        created,
        metadata=metadata,
        spec={"template": {"spec": {"containers": [{"name": "app", "image": image}]}}},
    )


def test_a_rollout_is_told_with_its_images_and_revision_and_only_within_the_window() -> None:
    view = view_of(
        a("Deployment", "web", spec={"template": {"spec": {"containers": []}}}),
        revision(1, "r/web:1", "2026-11-01T00:00:00Z"),
        revision(2, "r/web:2", ago(hours=30)),
        revision(3, "r/web:3", ago(hours=2), **{"kubernetes.io/change-cause": "ticket 7"}),
    )
    said = changes.changes(view, [ObjectRef("Deployment", "shop", "web")])
    assert "1 rollout among them: Deployment/web rolled out revision 3: app web:2 → web:3 (ticket 7) (2h ago)" in said.answer
    assert "revision 2" not in said.answer
    assert "revision 2" in changes.changes(view, [ObjectRef("Deployment", "shop", "web")], timedelta(days=2)).answer


def test_nothing_changed_is_said_with_the_last_change_and_what_cannot_be_seen() -> None:
    said = changes.changes(view_of(a("Deployment", "web")), [ObjectRef("Deployment", "shop", "web")], timedelta(minutes=30)).answer
    assert said.startswith("Nothing changed on Deployment/web in the last 30 minutes")
    assert "The last change that can be seen: Deployment/web was created, 27d ago" in said


def test_changes_of_a_namespace_are_on_one_axis(demo: RecordedCluster) -> None:
    said = changes.changes(ClusterView.of(demo, "blog"), within=timedelta(days=1))
    times = [row[0] for row in said.table[1:]]
    assert times == sorted(times) and "feed-cron" in str(said.table)


def test_since_when_a_node_and_a_workload_are_in_trouble(demo: RecordedCluster) -> None:
    view = ClusterView.of(demo)
    assert re.search(
        r"Node/worker-2 has not been ready since \d{4}-.* UTC \(\d+\w ago\). Just before: .*NotReady",
        changes.since_when(view, ObjectRef("Node", "", "worker-2")).answer,
    )
    assert "has not been available since" in changes.since_when(view, ObjectRef("Deployment", "shop", "checkout-api")).answer
    assert "has been available since" in changes.since_when(view, ObjectRef("Deployment", "shop", "cart-api")).answer


def event(reason: str, name: str, minutes: int, count: int = 1, kind: str = "Warning") -> Raw:
    about = {"kind": "Pod", "namespace": "shop", "name": name}
    return a(
        "Event",
        f"{reason}{name}",
        reason=reason,
        type=kind,
        count=count,
        message=f"{reason} happened",
        lastTimestamp=ago(minutes=minutes),
        involvedObject=about,
    )


def test_events_are_counted_by_reason_newest_first_and_within_the_window() -> None:
    view = view_of(
        event("BackOff", "a", 5, 7), event("BackOff", "b", 1, 2), event("Pulled", "a", 2, kind="Normal"), event("FailedMount", "c", 90)
    )
    said = events.grouped(view)
    assert [(row[1], row[3]) for row in said.table[1:]] == [("9", "BackOff"), ("1", "Pulled"), ("1", "FailedMount")]
    assert [row[3] for row in events.grouped(view, warnings=True, within=timedelta(minutes=10)).table[1:]] == ["BackOff"]
    assert events.grouped(view_of()).answer.startswith("No events")


def test_the_events_of_a_workload_are_those_of_its_pods_too(demo: RecordedCluster) -> None:
    said = events.of_object(ClusterView.of(demo), ObjectRef("Deployment", "shop", "checkout-api"))
    assert "BackOff" in said.answer and any(row[4].startswith("Pod/checkout-api-") for row in said.table)
    assert events.of_object(view_of(a("Deployment", "web")), ObjectRef("Deployment", "shop", "web")).answer.startswith(
        "No events of Deployment/web"
    )


GOOD = {
    "name": "app",
    "image": "r/app:1",
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}},
    "livenessProbe": {"exec": {}},
    "readinessProbe": {"exec": {}},
    "securityContext": {"runAsNonRoot": True},
}


@pytest.mark.parametrize(
    ("look", "bad", "what"),
    [
        (lambda v: audit.without(v, "memory limits"), {**GOOD, "resources": {"limits": {"cpu": "1"}}}, "no memory limit"),
        (lambda v: audit.without(v, "requests"), {**GOOD, "resources": {"limits": {"memory": "1Gi"}}}, "no cpu request"),
        (lambda v: audit.without(v, "probes"), {**GOOD, "livenessProbe": {}}, "no livenessProbe"),
        (lambda v: audit.without(v, "readiness probe"), {**GOOD, "readinessProbe": {}}, "no readinessProbe"),
        (audit.privileged, {**GOOD, "securityContext": {"privileged": True}}, "securityContext.privileged: true"),
        (audit.as_root, {**GOOD, "securityContext": {"runAsUser": 0}}, "runAsUser: 0"),
        (audit.moving_tags, {**GOOD, "image": "r:5000/app"}, "r:5000/app"),
        (audit.moving_tags, {**GOOD, "image": "r/app:latest"}, "r/app:latest"),
    ],
)
def test_a_gap_is_named_with_its_container_and_a_workload_without_it_is_not(look: Any, bad: Raw, what: str) -> None:
    said = look(view_of(deployment("good", GOOD), deployment("bad", bad)))
    assert said.table[1:] == (("Deployment/bad", "shop", "app", what),)
    assert said.answer.startswith("1 of 2 workloads")
    assert "2 workloads looked at" in look(view_of(deployment("good", GOOD), deployment("fine", GOOD))).answer


def test_services_without_ready_endpoints_are_found_with_the_reason(demo: RecordedCluster) -> None:
    said = audit.services_without_endpoints(ClusterView.of(demo)).answer
    assert (
        "api-gateway (the selector matches no pod)" in said
        and "catalog-api (2 pods selected, none ready)" in said
        and "cart-api" not in said
    )


def test_room_counts_requests_pods_and_nodes_that_take_none(demo: RecordedCluster) -> None:
    said = audit.room(ClusterView.of(demo), 20, "100m")
    assert said.answer.startswith("No, 20 do not fit: room for 16 more pods")
    assert [row[4] for row in said.table[1:]] == ["16", "not ready", "taint dedicated"]
    assert audit.room(ClusterView.of(demo), 3, "100m").answer.startswith("Yes, 3 fit")


def test_restarts_are_ranked_without_zeros_and_usage_without_metrics_is_said(demo: RecordedCluster) -> None:
    view = ClusterView.of(demo)
    counts = [int(row[2]) for row in ranking.by_restarts(view).table[1:]]
    assert counts == sorted(counts, reverse=True) and 0 not in counts
    assert len(ranking.by_restarts(view, limit=2).table) == 3
    used = ranking.by_usage(view, demo, "cpu", only=(ObjectRef("Deployment", "shop", "cart-api"),)).answer
    assert "No metrics here" in used and "cart-api-" in used and "10m" in used
    assert "No pod in namespace shop has restarted" in ranking.by_restarts(ClusterView.from_objects((), now=NOW, namespace="shop")).answer


def test_the_oldest_newest_and_largest(demo: RecordedCluster) -> None:
    view = ClusterView.of(demo)
    assert "coredns-5b4598686-r7gg2" in ranking.by_age(view, "Pod").answer
    assert "The newest pod" in ranking.by_age(view, "Pod", newest=True).answer
    claims = [
        a("PersistentVolumeClaim", name, spec={"resources": {"requests": {"storage": size}}})
        for name, size in (("a", "1Gi"), ("b", "900Mi"), ("c", "2Gi"))
    ]
    assert [row[1] for row in ranking.by_size(view_of(*claims)).table[1:]] == ["c", "a", "b"]


def test_two_workloads_are_compared_by_what_differs(demo: RecordedCluster) -> None:
    said = compare(ClusterView.of(demo), [ObjectRef("Deployment", "shop", "cart-api"), ObjectRef("Deployment", "shop", "checkout-api")])
    assert said is not None
    rows = {row[0]: row[1:] for row in said.table}
    assert rows["image"] == ("ghcr.io/acme/cart-api:1.9.0", "ghcr.io/acme/checkout-api:2.4.1")
    assert rows["ready"] == ("2 of 2 pods", "0 of 2 pods") and "namespace" not in rows
    assert compare(ClusterView.of(demo), [ObjectRef("Deployment", "shop", "cart-api")]) is None


def test_the_health_of_the_cluster_its_dns_and_a_node(demo: RecordedCluster) -> None:
    view = ClusterView.of(demo)
    whole = health.cluster(view).answer
    assert "The cluster is not healthy" in whole and "Nodes: 2 of 3 ready; worker-2 NotReady." in whole
    assert health.dns(view).answer.startswith("DNS looks fine: 2 of 2 CoreDNS pods ready")
    assert (
        "Node worker-2 is NotReady" in health.node(view, "worker-2").answer
        and "Node worker-1 is Ready" in health.node(view, "worker-1").answer
    )


def test_a_status_question_on_dns_or_a_node_is_answered_by_its_health_and_one_on_a_workload_is_not(demo: RecordedCluster) -> None:
    def said(query: str) -> str:
        reply = answer(request_of(query, demo), Scene(demo, ""))
        return reply.answer if reply else ""

    assert said("is dns fine?").startswith("DNS looks fine")
    assert said("is node worker-1 ok?").startswith("Node worker-1 is Ready")
    assert said("is worker-2 healthy?").startswith("Node worker-2 is NotReady")
    assert said("is checkout-api ok?") == ""


def test_what_runs_on_a_node_is_listed_with_trouble_first(demo: RecordedCluster) -> None:
    said = health.running_on(ClusterView.of(demo), "worker-1")
    assert said.answer.startswith("36 pods on node worker-1, ") and len(said.table) == 37
