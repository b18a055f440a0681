"""What is written without a model: every kubectl command is judged, every script runs on the stand-in, every manifest is created there."""

# ruff: noqa: E501
import contextlib
import io
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from asking import request_of

from engine.cluster.objects import Obj
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.commands.policy.policy import Policy
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, Scene
from engine.language.answers.templates import tasks
from engine.language.answers.templates.manifests.build import BUILDERS, kind_in
from engine.language.answers.templates.questions import how_to, write
from engine.simulator.apiserver.server import ApiServer
from engine.simulator.overlay import Overlay

CART = ObjectRef("Deployment", "shop", "cart-api")
RUNS = {
    "python that prints all pods restarting more than 5 times": "payments-worker|checkout-api",
    "python to list the pods": "shop/cart-api-",
    "python: pods that are not ready": "catalog-api",
    "python for requests and limits of all pods": "cart-api",
    "python to find pods without limits": "no memory limit",
    "python that prints the logs of cart-api": "cart sweep",
    "python script that watches pods": "ADDED",
    "python to restart the deployment cart-api": "restarted",
    "python to scale cart-api to 4": "4 replicas wanted",
    "python to list nodes": "worker-2  Ready=Unknown",
    "python: warning events": "BackOff",
    "python to list images": "busybox",
    "python for deployments": r"! shop/checkout-api  0/2",
    "python that waits until the rollout of docs-site is complete": "complete",
    "python to list claims": "data-orders-db-0  Pending",
    "python: services without endpoints": "gateway/api-gateway",
    "python to list jobs": "succeeded",
    "python to list cronjobs": "feed-cron",
    "python to delete failed pods": "",
    "python: namespaces with their pods": "shop",
    "python that lists configmaps with their keys": "orders-web-nginx",
    "python: pods older than 0 days": "cart-api",
    "python: may i list pods, rbac": "yes|no",
}


@pytest.fixture(scope="module")
def server(demo: RecordedCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, Path]]:
    with ApiServer(Overlay(demo), writable=True, watch_seconds=1) as running:
        yield running, running.kubeconfig(tmp_path_factory.mktemp("kube") / "config")


def asked(text: str, demo: RecordedCluster, answerer=write) -> Reply | None:  # type: ignore[no-untyped-def]
    request = request_of(text, demo)
    return answerer(request, Scene(demo, request.namespace or ""))


def test_every_python_task_runs_against_an_api_server(
    demo: RecordedCluster, server: tuple[ApiServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(server[1]))
    monkeypatch.setattr("builtins.input", lambda _: "y")
    used, failed = set(), []
    for text, expected in RUNS.items():
        reply = asked(text, demo)
        assert reply is not None and reply.code_language == "python", text
        used.add(reply.answer.split(" It needs")[0])
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(reply.code.replace("timeout_seconds=60", "timeout_seconds=1"), text, "exec"), {"__name__": "__main__"})
        except Exception as error:
            failed.append((text, repr(error)[:300]))
            continue
        if not re.search(expected, out.getvalue()):
            failed.append((text, out.getvalue()[:300]))
    assert failed == []
    assert len(used) == len(tasks.tasks("python_tasks.toml"))


MANIFESTS = {
    "write a deployment of nginx:1.27 called front with 3 replicas in namespace shop": (
        "Deployment",
        {"spec.replicas": 3, "metadata.namespace": "shop"},
    ),
    "yaml for a service for the deployment cart-api": ("Service", {"spec.ports.0.targetPort": 8080, "metadata.namespace": "shop"}),
    "yaml for an ingress docs.acme.example to docs-site port 80": (
        "Ingress",
        {"spec.rules.0.host": "docs.acme.example", "spec.rules.0.http.paths.0.backend.service.name": "docs-site"},
    ),
    "write a poddisruptionbudget for cart-api with min available 1": (
        "PodDisruptionBudget",
        {"spec.minAvailable": 1, "metadata.namespace": "shop"},
    ),
    "manifest of an hpa for cart-api between 2 and 6 at 60% cpu": (
        "HorizontalPodAutoscaler",
        {"spec.maxReplicas": 6, "spec.metrics.0.resource.target.averageUtilization": 60},
    ),
    "write a network policy that allows hr-portal to hr-db": (
        "NetworkPolicy",
        {
            "metadata.namespace": "hr",
            "spec.podSelector.matchLabels": {"app.kubernetes.io/name": "hr-db", "tier": "data"},
            "spec.ingress.0.ports.0.port": 5432,
        },
    ),
    "write a network policy so that cart-api can reach payments-api": (
        "NetworkPolicy",
        {"metadata.namespace": "payments", "spec.ingress.0.from.0.namespaceSelector.matchLabels": {"kubernetes.io/metadata.name": "shop"}},
    ),
    "write me a CronJob manifest that runs busybox every night at 2": ("CronJob", {"spec.schedule": "0 2 * * *"}),
    "cronjob manifest with image r.example/tool:3 every 15 minutes": (
        "CronJob",
        {"spec.schedule": "*/15 * * * *", "spec.jobTemplate.spec.template.spec.containers.0.image": "r.example/tool:3"},
    ),
    "cronjob yaml for alpine on mondays at 6:30": ("CronJob", {"spec.schedule": "30 6 * * 1"}),
    "a pvc manifest called scratch, 8Gi, class manual": (
        "PersistentVolumeClaim",
        {"metadata.name": "scratch", "spec.resources.requests.storage": "8Gi", "spec.storageClassName": "manual"},
    ),
    "yaml of a resource quota with 10 pods and 16Gi": ("ResourceQuota", {"spec.hard.pods": "10"}),
    "write a limit range": ("LimitRange", {"spec.limits.0.type": "Container"}),
    "write a Role and RoleBinding so that user anna can read pods in shop": (
        "Role",
        {"rules.0.verbs": ["get", "list", "watch"], "rules.0.resources": ["pods"], "metadata.namespace": "shop"},
    ),
    "write a job manifest for alpine": ("Job", {"spec.backoffLimit": 2}),
    "write a statefulset of postgres:16 called db": ("Service", {"spec.clusterIP": "None"}),
    "write a configmap with LOG_LEVEL=debug": ("ConfigMap", {"data.LOG_LEVEL": "debug"}),
    "write a service account manifest called robot": ("ServiceAccount", {"metadata.name": "robot"}),
}


def test_every_manifest_is_created_by_an_api_server_and_holds_what_was_said(demo: RecordedCluster, server: tuple[ApiServer, Path]) -> None:
    failed = []
    for text, (kind, values) in MANIFESTS.items():
        reply = asked(text, demo)
        objects = list(yaml.safe_load_all(reply.code)) if reply is not None and reply.code_language == "yaml" else []
        if not objects or objects[0]["kind"] != kind:
            failed.append((text, str(reply)[:200]))
            continue
        for path, wanted in values.items():
            steps = [int(step) if step.isdigit() else step for step in re.split(r"(?<!app)\.", path)]
            if Obj(objects[0]).at(*steps) != wanted:
                failed.append((text, path, Obj(objects[0]).at(*steps)))
        problems = [problem for obj in objects if (problem := created(obj, server[0])) is not None]
        failed += [(text, problem) for problem in problems if "already exists" not in problem or "There is a" not in reply.answer]
    assert failed == []


def created(obj: dict, server: ApiServer) -> str | None:  # type: ignore[type-arg]
    """What the server has against an object, None where it takes it (dry run, strict validation)."""
    from engine.cluster.kinds import KIND_OF

    version, plural = obj["apiVersion"], KIND_OF[obj["kind"]].argument
    namespace = obj["metadata"].get("namespace")
    place = f"{'apis' if '/' in version else 'api'}/{version}{f'/namespaces/{namespace}' if namespace else ''}/{plural}?dryRun=All&fieldValidation=Strict"
    request = urllib.request.Request(
        f"{server.url}/{place}", json.dumps(obj).encode(), {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10):
            return None
    except urllib.error.HTTPError as error:
        return str(error.read())[:300]


def test_what_was_assumed_is_said(demo: RecordedCluster) -> None:
    claim = asked("a pvc manifest called scratch, 8Gi, class manual", demo)
    policy = asked("write a network policy that allows hr-portal to hr-db", demo)
    assert claim and "StorageClass manual" in claim.answer
    assert policy and "checked against the API's schema" in policy.answer and "shall be refused" in policy.answer


def test_what_no_template_covers_is_left_to_a_model(demo: RecordedCluster) -> None:
    assert asked("write a haiku about kubernetes", demo) is None
    assert asked("write a python script that mines bitcoin", demo) is None


@pytest.mark.parametrize(
    ("question", "command"),
    [
        ("kubectl command to see the previous container's log?", "kubectl logs POD -n NAMESPACE --previous"),
        ("how do i watch the rollout of cart-api?", "kubectl rollout status deployment/cart-api -n shop"),
        ("how can i copy a file out of the hr-db pod", "kubectl cp hr/"),
        ("command for cpu and memory per node?", "kubectl top nodes"),
        ("kubectl to list all pods not in phase Running?", "--field-selector=status.phase!=Running"),
        ("jsonpath to get every pod IP", "podIP"),
        ("how do I drain worker-1?", "kubectl drain worker-1 --ignore-daemonsets"),
        ("how do i get the logs of docs-site", "kubectl logs deployment/docs-site -n docs --tail=100"),
        ("how to forward a port to cart-api", "kubectl port-forward deployment/cart-api -n shop 8080:80"),
    ],
)
def test_a_task_in_plain_words_gives_its_command(demo: RecordedCluster, question: str, command: str) -> None:
    reply = asked(question, demo, how_to)
    assert reply is not None and command in reply.code


def test_a_command_that_only_a_person_may_run_says_so(demo: RecordedCluster) -> None:
    copy, top = (
        asked("how can i copy a file out of the hr-db pod", demo, how_to),
        asked("command for cpu and memory per node?", demo, how_to),
    )
    assert copy and "K8sAgent does not run it itself" in copy.answer
    assert top and "does not run it" not in top.answer
    judged = [Policy().judge(tasks.kubectl_of(task, CART, "")).verdict.risk for task in tasks.tasks("kubectl_tasks.toml")]
    assert judged.count("read") > 30 and judged.count("forbidden") < 16


def test_every_kind_that_has_a_template_is_found_by_its_name() -> None:
    spoken = {
        "HTTPRoute": "an http route",
        "PodDisruptionBudget": "a pod disruption budget",
        "HorizontalPodAutoscaler": "an hpa",
        "PersistentVolumeClaim": "a pvc",
    }
    assert [kind for kind in BUILDERS if kind_in(spoken.get(kind, f"a {kind.lower()}")) != kind] == []
