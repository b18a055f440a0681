"""Plain questions: the read command, and a sentence whose numbers come from the API."""

import pytest

from engine.cluster.snapshot import RecordedCluster
from engine.readings import quantity, read


@pytest.mark.parametrize(
    ("query", "command", "words"),
    [
        ("which pods restart most?", "kubectl get pods -n shop --sort-by", "6×"),
        ("list pods", "kubectl get pods -n shop", "4 pods in namespace shop: 2 Running, 2 CrashLoopBackOff"),
        ("how many deployments are there", "kubectl get deployments -n shop", "2 deployments in namespace shop: 1 ready, 1 not ready"),
        ("what image does cart-api run", "kubectl get deployment cart-api -n shop -o wide", "ghcr.io/acme/cart-api:1.9.0"),
        ("how many replicas does cart-api have", "kubectl get deployment cart-api", "2 wanted, 2 ready"),
        ("which node does cart-api run on", "kubectl get deployment cart-api", "worker-1"),
        ("ports of service cart-api", "kubectl get service cart-api", "80 → 8080"),
        ("show me all failing pods", "kubectl get pods -n shop", "2 pods in namespace shop are not healthy"),
        ("logs of checkout-api", "kubectl logs deployment/checkout-api -n shop --tail=50", "last 50 lines"),
        ("show the last 20 lines of the logs of checkout-api", "--tail=20", "last 20 lines"),
        ("describe deployment cart-api", "kubectl describe deployment cart-api -n shop", ""),
        ("what version is the cluster", "kubectl version", "v1.36.2"),
        ("list nodes", "kubectl get nodes", "3 nodes in the cluster: 2 Ready, 1 NotReady"),
        ("what warning events happened in the last hour", "--field-selector type=Warning", "warning events of the last hour"),
        ("kubectl get cm -n shop", "kubectl get cm -n shop", ""),
    ],
)
def test_a_question_becomes_a_read_command_and_a_computed_sentence(demo: RecordedCluster, query: str, command: str, words: str) -> None:
    reading = read(query, demo, "shop")
    assert reading is not None
    assert command in reading.commands[0]
    assert words in reading.answer


def test_a_warning_that_happened_before_the_window_does_not_count(demo: RecordedCluster) -> None:
    hour = read("warning events of the last hour", demo, "")
    minute = read("warning events of the last 1 minutes", demo, "")
    assert hour is not None
    assert minute is not None
    assert int(minute.answer.split()[0]) < int(hour.answer.split()[0])


def test_usage_without_metrics_says_so_and_gives_requests_as_such(demo: RecordedCluster) -> None:
    reading = read("what uses most memory", demo, "shop")
    assert reading is not None
    assert "cannot be read" in reading.answer
    assert "By their requests" in reading.answer


def test_a_name_that_is_not_there_is_said_with_the_nearest(demo: RecordedCluster) -> None:
    reading = read("logs of cart-apo", demo, "shop")
    assert reading is not None
    assert "Did you mean cart-api" in reading.missing


def test_all_namespaces_when_no_namespace_is_chosen(demo: RecordedCluster) -> None:
    reading = read("list pods", demo, "")
    assert reading is not None
    assert reading.commands == ("kubectl get pods -A",)
    assert f"{len(demo.list('pods'))} pods in all namespaces" in reading.answer


def test_what_code_cannot_read_is_left_to_others(demo: RecordedCluster) -> None:
    assert read("the colour of the sky", demo, "shop") is None


@pytest.mark.parametrize(
    ("text", "what", "value"),
    [
        ("128Mi", "memory", 134217728),
        ("1G", "memory", 10**9),
        ("250m", "cpu", 250),
        ("2", "cpu", 2000),
        ("", "cpu", 0),
        ("lots", "memory", 0),
    ],
)
def test_quantities(text: str, what: str, value: int) -> None:
    assert quantity(text, what) == value


def test_only_the_lines_that_were_asked_about_stay_in_a_table() -> None:
    from engine.answer import only_rows

    table = "NAMESPACE   NAME   READY\nshop        web    0/1\nshop        cart   1/1\norders      web    1/1"
    assert only_rows(table, (("shop", "web"),)).splitlines()[1:] == ["shop        web    0/1"]
    assert only_rows("NAME   READY\nweb    0/1\ncart   1/1", (("shop", "cart"),)).splitlines()[1:] == ["cart   1/1"]
    assert only_rows(table, ()) == table
    assert only_rows(table, (("shop", "gone"),)) == table
