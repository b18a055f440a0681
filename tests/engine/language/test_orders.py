"""Orders in plain words: exact commands on objects that exist, or a sentence on what is missing."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from asking import read

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.cluster.source import RawObject
from engine.language.orders.parser import plan


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ("scale deployment cart-api in shop to 3", "kubectl scale deployment cart-api --replicas=3 -n shop"),
        ("please scale cart-api down to one", "kubectl scale deployment cart-api --replicas=1 -n shop"),
        ("make it three replicas: cart-api", "kubectl scale deployment cart-api --replicas=3 -n shop"),
        ("restart checkout-api", "kubectl rollout restart deployment checkout-api -n shop"),
        ("cordon worker-1", "kubectl cordon worker-1"),
        ("drain node worker-1", "kubectl drain worker-1 --ignore-daemonsets"),
        ("take one pod away from cart-api", "kubectl scale deployment cart-api --replicas=1 -n shop"),
        ("remove one replica from cart-api", "kubectl scale deployment cart-api --replicas=1 -n shop"),
        ("cart-api needs two more pods", "kubectl scale deployment cart-api --replicas=4 -n shop"),
        ("cart-api: 4 replicas", "kubectl scale deployment cart-api --replicas=4 -n shop"),
        ("stop cart-api completely", "kubectl scale deployment cart-api --replicas=0 -n shop"),
        (
            "set image of cart-api to ghcr.io/acme/cart-api:1.9.1",
            "kubectl set image deployment/cart-api cart-api=ghcr.io/acme/cart-api:1.9.1 -n shop",
        ),
        ("delete deployment cart-api", "kubectl delete deployment cart-api -n shop"),
        ("delete service cart-api", "kubectl delete service cart-api -n shop"),
        ("label node worker-1 pool=gpu", "kubectl label node worker-1 pool=gpu"),
        ("create a namespace called test", "kubectl create namespace test"),
        ("run kubectl get pods -n shop", "kubectl get pods -n shop"),
        ("double the replicas of cart-api", "kubectl scale deployment cart-api --replicas=4 -n shop"),
        ("scale down cart-api by 50%", "kubectl scale deployment cart-api --replicas=1 -n shop"),
        ("scale cart-api to 150%", "kubectl scale deployment cart-api --replicas=3 -n shop"),
        ("evacuate worker-1", "kubectl drain worker-1 --ignore-daemonsets"),
        ("delete namespace docs", "kubectl delete namespace docs"),
        ("scale cart-api up by 2", "kubectl scale deployment cart-api --replicas=4 -n shop"),
        ("scale cart-api down by one", "kubectl scale deployment cart-api --replicas=1 -n shop"),
        ("add one more replica to cart-api", "kubectl scale deployment cart-api --replicas=3 -n shop"),
        ("set memory limit of cart-api to 256Mi", "kubectl set resources deployment cart-api -c cart-api --limits=memory=256Mi -n shop"),
        (
            "set the cpu request and limit of cart-api to 200m",
            "kubectl set resources deployment cart-api -c cart-api --requests=cpu=200m --limits=cpu=200m -n shop",
        ),
        ("set env LOG_LEVEL=debug on cart-api", "kubectl set env deployment/cart-api -c cart-api LOG_LEVEL=debug -n shop"),
        (
            "set GREETING='hello; rm -rf /' on deployment cart-api",
            "kubectl set env deployment/cart-api -c cart-api 'GREETING=hello; rm -rf /' -n shop",
        ),
        ("unset CURRENCY of checkout-api", "kubectl set env deployment/checkout-api -c checkout-api CURRENCY- -n shop"),
        ("pause the rollout of cart-api", "kubectl rollout pause deployment cart-api -n shop"),
        ("autoscale cart-api between 2 and 5 at 80% cpu", "kubectl autoscale deployment cart-api --min=2 --max=5 --cpu-percent=80 -n shop"),
        (
            "create configmap web-settings with MODE=blue and COLOR='dark red'",
            "kubectl create configmap web-settings --from-literal=MODE=blue --from-literal='COLOR=dark red' -n shop",
        ),
        ("remove label pool from node worker-2", "kubectl label node worker-2 pool-"),
        ("label node worker-2 pool=gpu", "kubectl label node worker-2 pool=gpu --overwrite"),
        ("annotate deployment cart-api owner=team-a", "kubectl annotate deployment cart-api owner=team-a -n shop"),
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
        ("delete service cart-api and deployment cart-api", "“service cart-api” in your order is not part"),
        ("scale cart-api down by 5", "cannot be taken away"),
        ("roll back cart-api", "has no earlier revision"),
        ("uncordon node worker-1", "not cordoned already"),
        ("scale cart-api to 2", "has 2 replicas already"),
        ("apply the new settings", "Understood are"),
        ("label node worker-1", "key=value"),
        ("set memory limit of cart-api to 256", "Say the unit, as in 256Mi"),
        ("set memory limit of cart-api", "To how much"),
        ("autoscale cart-api", "Between how many"),
        ("autoscale cart-api between 5 and 2", "Between how many"),
        ("expose deployment cart-api on port 80", "Service/cart-api exists already"),
        ("create configmap web-settings", "needs a name and values"),
        ("resume the rollout of cart-api", "not paused already"),
        ("delete pods with label app=none", "no pod in namespace shop has the label app=none"),
        ("run cronjob nothing-like-it now", "no cron job"),
        ("set env TOKEN=[redacted:token#1] on cart-api", "secrets are not taken from the chat"),
        ("scale cart-api to 3 and restart nothing-here", "Step 2 (“restart nothing-here”): There is no workload"),
    ],
)
def test_what_is_missing_is_said(demo: RecordedCluster, query: str, words: str) -> None:
    found = plan(query, demo, "shop")
    assert found.orders == ()
    assert words in found.problem


@pytest.mark.parametrize(
    "query",
    [
        "remove the finalizer from deployment cart-api",
        "raise the readiness timeout of cart-api to 5 seconds",
        "raise the max replicas of the cart-api hpa to 10",
        "scale cart-api to -2",
        "restart cart-api and the foobar deployment",
    ],
)
def test_a_field_of_an_object_never_becomes_a_change_of_the_object(demo: RecordedCluster, query: str) -> None:
    made = plan(query, demo, "shop")
    assert made.problem or all("scale" not in order.command and "delete" not in order.command for order in made.orders), made
    assert "foobar" not in query or (not made.orders and "foobar" in made.problem)
    assert "-2" not in query or (not made.orders and "-2" in made.problem)


def test_an_object_of_another_namespace_is_taken_and_said(demo: RecordedCluster) -> None:
    found = plan("scale cart-api to 3", demo, "orders")
    assert found.orders[0].command == "kubectl scale deployment cart-api --replicas=3 -n shop"
    assert "in namespace shop" in found.note


def test_the_verification_reads_the_cluster(demo: RecordedCluster) -> None:
    settled, words = plan("label deployment cart-api app.kubernetes.io/name=cart-api", demo, "shop").orders[0].verify(demo)
    assert settled
    assert "has app.kubernetes.io/name=cart-api" in words
    settled, words = plan("scale cart-api to 3", demo, "shop").orders[0].verify(demo)
    assert not settled


def test_pods_with_a_label_are_deleted_by_their_names(demo: RecordedCluster) -> None:
    found = plan("delete pods with label app.kubernetes.io/name=checkout-api", demo, "shop")
    assert found.orders[0].command.startswith("kubectl delete pod checkout-api-")
    assert len(found.orders[0].objects) == 2
    assert "2 pods in namespace shop have the label" in found.note


@pytest.mark.parametrize(
    ("query", "commands"),
    [
        ("cordon worker-1 and then drain it", ["kubectl cordon worker-1", "kubectl drain worker-1 --ignore-daemonsets"]),
        (
            "scale cart-api to 3, then restart checkout-api",
            ["kubectl scale deployment cart-api --replicas=3 -n shop", "kubectl rollout restart deployment checkout-api -n shop"],
        ),
    ],
)
def test_several_steps_become_one_plan(demo: RecordedCluster, query: str, commands: list[str]) -> None:
    assert [order.command for order in plan(query, demo, "shop").orders] == commands


def test_one_step_that_cannot_be_understood_leaves_the_whole_undone(demo: RecordedCluster) -> None:
    assert plan("restart nothing-here and scale cart-api to 3", demo, "shop").orders == ()


def test_a_chosen_object_settles_what_is_ambiguous(demo: RecordedCluster) -> None:
    found = plan("delete pod cart", demo, "shop")
    assert len(found.choices) == 2
    chosen = plan("delete pod cart", demo, "shop", chosen=found.choices[1])
    assert [order.objects for order in chosen.orders] == [(found.choices[1],)]


def test_a_name_like_others_gives_those_to_choose_from(demo: RecordedCluster) -> None:
    found = plan("restart cart-apo", demo, "shop")
    assert (found.word, found.near) == ("cart-apo", ("cart-api",))


class OddNames:
    """The bundled recording with one more pod, deployment and job of a name that no API server accepts, in trouble."""

    def __init__(self, recorded: RecordedCluster, name: str) -> None:
        self._recorded, self._name = recorded, name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._recorded, attribute)

    def list(self, resource: str, namespace: str | None = None, **more: Any) -> Iterator[RawObject]:
        rows = self._recorded.list(resource, namespace, **more)
        yield from rows
        if resource in ("pods", "deployments.apps", "jobs.batch") and rows:
            odd = copy.deepcopy(dict(rows[0]))
            odd["metadata"] = {"name": self._name, "namespace": "shop", "labels": {"odd": "yes"}}
            odd["status"] = {"phase": "Failed", "conditions": [{"type": "Failed", "status": "True"}]}
            yield odd

    def get(self, resource: str, namespace: str, name: str, **more: Any) -> RawObject:
        return next((o for o in self.list(resource, namespace) if o["metadata"]["name"] == name), None) or self._recorded.get(
            resource, namespace, name, **more
        )


@pytest.mark.parametrize(
    "query",
    [
        "delete failed pods", "delete pods with label odd=yes", "delete failed jobs", "delete pod evil", "scale evil to 3", "restart evil",
        "logs of evil", "describe evil", "which image does evil run",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "name", ["evil-x --all", "evil-x;kubectl delete ns shop", "--kubeconfig=/tmp/evil", "evil-$(id)", "evil-x\nkubectl"]
)
def test_a_name_is_one_word_of_a_command_or_none(demo: RecordedCluster, query: str, name: str) -> None:
    odd: Any = OddNames(demo, name)
    commands = [order.command for order in plan(query, odd, "shop").orders]
    reading = read(query, odd, "shop")
    commands += reading.commands if reading is not None else ()
    assert not [command for command in commands if name in command or "evil" in command]
