"""Names in a person's words, resolved against the cluster."""

import pytest

from engine.cluster.kinds import KINDS
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.language.linking.inventory import Inventory
from engine.language.names import mentioned_kind, resolve
from engine.language.understand import understand


@pytest.mark.parametrize(
    ("query", "namespace"),
    [
        ("why does checkout-api fail in shop", "shop"),
        ("pods in the orders namespace", "orders"),
        ("list pods -n kube-system", "kube-system"),
        ("namespace orders is broken", "orders"),
        ("pods in all namespaces", ""),
        ("pods in trouble", None),
        ("the shop is broken", "shop"),
    ],
)
def test_the_namespace_that_a_query_names(query: str, namespace: str | None, demo: RecordedCluster) -> None:
    assert understand(query, Inventory(demo, ""))[0].namespace == namespace


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("list pods in namespace shop", "Pod"),
        ("scale deploy/web to 3", "Deployment"),
        ("show the pvcs", "PersistentVolumeClaim"),
        ("list namespaces", "Namespace"),
        ("what is wrong", None),
        ("no pods are running", "Pod"),
    ],
)
def test_the_kind_that_a_query_names(query: str, kind: str | None) -> None:
    found = mentioned_kind(query)
    assert (found.kind if found else None) == kind


def test_a_workload_wins_over_a_service_of_the_same_name(demo: RecordedCluster) -> None:
    found = resolve(demo, "what about cart-api", "shop", [KINDS["svc"], KINDS["deploy"]])
    assert [ref.kind for ref in found.found] == ["Deployment"]


def test_a_name_that_is_only_elsewhere_is_found_there(demo: RecordedCluster) -> None:
    found = resolve(demo, "checkout-api", "orders")
    assert found.elsewhere
    assert found.found[0].namespace == "shop"


def test_several_that_begin_alike_are_all_offered(demo: RecordedCluster) -> None:
    found = resolve(demo, "logs of pod checkout", "shop", [KINDS["pod"]])
    assert len(found.found) == 2


def test_a_misspelt_name_gives_the_nearest(demo: RecordedCluster) -> None:
    assert "checkout-api" in resolve(demo, "chekout-api", "shop").near
