"""Orders in plain words: exact commands on objects that exist, or a sentence on what is missing."""

import pytest

from engine.cluster.snapshot import RecordedCluster
from engine.orders import plan


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ("scale deployment cart-api in shop to 3", "kubectl scale deployment cart-api --replicas=3 -n shop"),
        ("please scale cart-api down to one", "kubectl scale deployment cart-api --replicas=1 -n shop"),
        ("make it three replicas: cart-api", "kubectl scale deployment cart-api --replicas=3 -n shop"),
        ("restart checkout-api", "kubectl rollout restart deployment checkout-api -n shop"),
        ("roll back cart-api", "kubectl rollout undo deployment cart-api -n shop"),
        ("cordon worker-1", "kubectl cordon worker-1"),
        ("uncordon node worker-1", "kubectl uncordon worker-1"),
        ("drain node worker-1", "kubectl drain worker-1 --ignore-daemonsets"),
        (
            "set image of cart-api to ghcr.io/acme/cart-api:1.9.1",
            "kubectl set image deployment/cart-api cart-api=ghcr.io/acme/cart-api:1.9.1 -n shop",
        ),
        ("delete deployment cart-api", "kubectl delete deployment cart-api -n shop"),
        ("delete service cart-api", "kubectl delete service cart-api -n shop"),
        ("label node worker-1 pool=gpu", "kubectl label node worker-1 pool=gpu"),
        ("create a namespace called test", "kubectl create namespace test"),
        ("run kubectl get pods -n shop", "kubectl get pods -n shop"),
    ],
)
def test_an_order_becomes_one_exact_command(demo: RecordedCluster, query: str, command: str) -> None:
    assert [order.command for order in plan(query, demo, "shop").orders] == [command]


def test_pods_not_running_are_named_by_their_status_since_crash_looping_pods_have_phase_running(demo: RecordedCluster) -> None:
    found = plan("delete pods not running", demo, "shop")
    (order,) = found.orders
    assert order.command.startswith("kubectl delete pod checkout-api-")
    assert len(order.objects) == 2
    assert all(ref.name.startswith("checkout-api-") for ref in order.objects)
    assert "not their phase" in found.note
    assert all(pod["status"]["phase"] == "Running" for pod in demo.list("pods", "shop"))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("scale cart-apo to 2", "Did you mean cart-api"),
        ("scale cart-api", "To how many"),
        ("scale deployment nothing-like-this to 2", "no deployment"),
        ("set image of cart-api", "To which image"),
        ("delete pod cart", "ambiguous"),
        ("delete evicted pods", "no pod in namespace shop is evicted"),
        ("restart", "Which workload"),
        ("apply the new settings", "Understood are"),
        ("label node worker-1", "key=value"),
    ],
)
def test_what_is_missing_is_said(demo: RecordedCluster, query: str, words: str) -> None:
    found = plan(query, demo, "shop")
    assert found.orders == ()
    assert words in found.problem


def test_an_object_of_another_namespace_is_taken_and_said(demo: RecordedCluster) -> None:
    found = plan("scale cart-api to 3", demo, "orders")
    assert found.orders[0].command == "kubectl scale deployment cart-api --replicas=3 -n shop"
    assert "in namespace shop" in found.note


def test_the_verification_reads_the_cluster(demo: RecordedCluster) -> None:
    settled, words = plan("scale cart-api to 2", demo, "shop").orders[0].verify(demo)
    assert settled
    assert "2 replicas, 2 of them ready" in words
    settled, words = plan("scale cart-api to 3", demo, "shop").orders[0].verify(demo)
    assert not settled
