"""Plain questions: the read command, and a sentence whose numbers come from the API."""

# ruff: noqa: E501 - a question and its answer stand on one line
import pytest
from asking import read, request_of

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.language.questions.question import quantity_of


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
        ("pods restarted at least 6 times", "kubectl get pods -n shop", "restarted at least 6 times: "),
        ("which pods have not restarted", "kubectl get pods -n shop", "2 of 4 pods in namespace shop have never restarted."),
        ("how many services per namespace", "kubectl get services -n shop", "services in namespace shop: shop "),
        ("does cart-api have an autoscaler?", "kubectl get deployment cart-api", "has no autoscaler"),
        ("which network policies apply to cart-api", "kubectl get deployment cart-api", "selected by no network policy"),
        ("is worker-1 tainted?", "kubectl get node worker-1", "taints none"),
        (
            "pvcs larger than 900Gi",
            "kubectl get persistentvolumeclaims -n shop",
            "0 persistentvolumeclaims in namespace shop ask for more than 900Gi.",
        ),
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


def test_a_name_with_a_typo_is_taken_for_the_nearest_one_and_said(demo: RecordedCluster) -> None:
    request = request_of("logs of cart-apo", demo, "shop")
    assert request.corrections == ("Understood cart-apo as cart-api.",)
    reading = read("logs of cart-apo", demo, "shop")
    assert reading is not None
    assert reading.commands == ("kubectl logs deployment/cart-api -n shop --tail=50",)


def test_a_name_that_is_nowhere_is_said_with_the_nearest(demo: RecordedCluster) -> None:
    request = request_of("logs of cart-service-x", demo, "shop")
    assert [unknown.word for unknown in request.unknown] == ["cart-service-x"]
    assert request.objects == ()


def test_logs_of_nothing_that_is_named_ask_which_object_and_take_no_number_for_one(demo: RecordedCluster) -> None:
    reading = read("get me the logs for the last 30 minutes", demo, "shop")
    assert reading is not None
    assert reading.missing == "Which object? Name it."


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
    assert quantity_of(text, what) == value


def test_only_the_lines_that_were_asked_about_stay_in_a_table() -> None:
    from engine.flows.answering.compose import only_rows

    table = "NAMESPACE   NAME   READY\nshop        web    0/1\nshop        cart   1/1\norders      web    1/1"
    assert only_rows(table, (("shop", "web"),)).splitlines()[1:] == ["shop        web    0/1"]
    assert only_rows("NAME   READY\nweb    0/1\ncart   1/1", (("shop", "cart"),)).splitlines()[1:] == ["cart   1/1"]
    assert only_rows(table, ()) == table
    assert only_rows(table, (("shop", "gone"),)) == table


@pytest.mark.parametrize(
    ("query", "namespace", "command", "answer"),
    [
        ("which pods run on worker-3", "", "kubectl get pods -A --field-selector spec.nodeName=worker-3 -o wide", "1 pod in all namespaces runs on worker-3"),
        ("which node has the most pods", "shop", "kubectl get pods -A -o wide", "Pods by node, most first: worker-1 36, (no node) 2, worker-2 1, worker-3 1."),
        ("which namespace has the most pods", "", "kubectl get pods -A", "Pods by namespace, most first: kube-system 5, orders 5, blog 4, payments 4, shop 4."),
        ("what deployments have no limits", "shop", "kubectl get deployments -n shop", "2 deployments in namespace shop have a container without limits: cart-api, checkout-api."),
        ("which pods have no requests", "shop", "kubectl get pods -n shop", "0 pods in namespace shop have a container without requests."),
        ("which deployment has the biggest memory request", "shop", "kubectl get deployments -n shop", "Largest memory requests in namespace shop: cart-api 32Mi, checkout-api 32Mi."),
        ("list pods with label app.kubernetes.io/name=cart-api", "shop", "kubectl get pods -l app.kubernetes.io/name=cart-api -n shop", "2 pods in namespace shop have the label app.kubernetes.io/name=cart-api: cart-api-7f7f57967c-nc2hb, cart-api-7f7f57967c-t8d4t."),
        ("logs of cart-api from the last 10 minutes", "shop", "kubectl logs deployment/cart-api -n shop --since=600s", "What Deployment/cart-api logged in the last 10 minutes:"),
        ("which images are used in shop", "shop", "kubectl get pods -n shop -o custom-columns=POD:.metadata.name,IMAGES:.spec.containers[*].image", "2 images in namespace shop: ghcr.io/acme/cart-api:1.9.0 2×, ghcr.io/acme/checkout-api:2.4.1 2×."),
        ("what is the storage class of pvc data-orders-db-0", "orders", "kubectl get persistentvolumeclaim data-orders-db-0 -n orders -o wide", "PersistentVolumeClaim/data-orders-db-0: storage class none, Pending."),
        ("which services have no endpoints", "shop", "kubectl get services -n shop", "1 of 2 services in namespace shop is without a ready endpoint: checkout-api."),
        ("which deployments are scaled to zero", "crm", "kubectl get deployments -n crm", "1 of 2 deployments in namespace crm is scaled to zero: crm-db."),
        ("which pvcs are pending", "orders", "kubectl get persistentvolumeclaims -n orders", "1 of 1 persistentvolumeclaim in namespace orders is not bound: data-orders-db-0."),
        ("which nodes are not ready", "shop", "kubectl get nodes", "1 of 3 nodes in the cluster is not ready: worker-2."),
        ("what taints does worker-3 have", "shop", "kubectl get node worker-3 -o wide", "Node/worker-3: taints"),
        ("how many containers are in cart-api", "shop", "kubectl get deployment cart-api -n shop -o wide", "Deployment/cart-api: 1 container: cart-api."),
        ("compare the replicas of cart-api and checkout-api", "shop", "kubectl get deployments cart-api checkout-api -n shop -o wide", "Deployment/cart-api: 2 wanted, 2 ready; Deployment/checkout-api: 2 wanted, 0 ready."),
        ("which pods restarted in the last hour", "shop", "kubectl get pods -n shop", "2 pods in namespace shop had a container that restarted within the last hour: checkout-api-7944499549-rmvz9, checkout-api-7944499549-xzpr6."),
        ("which pods crashed in the last 1 minutes", "blog", "kubectl get pods -n blog", "0 pods in namespace blog had a container that restarted within the last minute."),
        ("which is the newest namespace", "shop", "kubectl get namespaces --sort-by=.metadata.creationTimestamp", "The newest namespace in the cluster is"),
        ("list crds", "shop", "kubectl get customresourcedefinitions", "0 customresourcedefinitions in the cluster."),
    ],
)  # fmt: skip
def test_comparisons_filters_and_windows_are_computed_from_the_objects(
    demo: RecordedCluster, query: str, namespace: str, command: str, answer: str
) -> None:
    reading = read(query, demo, namespace)
    assert reading is not None
    assert reading.commands == (command,)
    assert reading.answer.startswith(answer)


@pytest.mark.parametrize(
    ("query", "missing", "near"),
    [
        ("list pods in namespace shopp", "There is no namespace “shopp”. Did you mean shop?", ("shop",)),
        ("list pods in namespace zzz", "There is no namespace “zzz”. There are 17: ", ()),
        ("list foos", "This cluster has no kind “foos”.", ()),
        (
            "how many deploymentz are there",
            "This cluster has no kind “deploymentz”. Did you mean deployment or deployments?",
            ("deployment", "deployments"),
        ),
    ],
)
def test_a_namespace_kind_or_name_that_is_not_there_is_told_before_any_command(
    demo: RecordedCluster, query: str, missing: str, near: tuple[str, ...]
) -> None:
    reading = read(query, demo, "shop")
    assert reading is not None
    assert reading.commands == ()
    assert reading.missing.startswith(missing)
    assert reading.near == near


def test_a_name_that_fits_several_offers_them_and_takes_the_chosen_one(demo: RecordedCluster) -> None:
    reading = read("how old is the pod cart-api", demo, "shop")
    assert reading is not None
    assert [ref.name for ref in reading.choices] == ["cart-api-7f7f57967c-nc2hb", "cart-api-7f7f57967c-t8d4t"]
    chosen = read("how old is the pod cart-api", demo, "shop", chosen=reading.choices[1])
    assert chosen is not None
    assert chosen.objects == (reading.choices[1],)
    assert chosen.choices == ()


@pytest.mark.parametrize(
    "query",
    ["which pods run on worker-1", "what deployments have no limits", "compare cart-api and checkout-api replicas", "delete pods not running", "scale cart-api to 3", "restart it", "remove all pods with label a=b"],
)  # fmt: skip
def test_no_reading_is_ever_a_change(demo: RecordedCluster, query: str) -> None:
    reading = read(query, demo, "shop")
    commands = reading.commands if reading is not None else ()
    assert all(command.split()[:2] in (["kubectl", verb] for verb in ("get", "describe", "logs", "top", "version")) for command in commands)
