"""Rights, asked of the server itself; and the role that is enough for reading."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.kube_server import KubeServer, Reply, Seen, refusal

from engine.analyzers.registry import needs
from engine.cluster.live.cluster import LiveCluster
from engine.cluster.live.permissions import REVIEWS, RULES, access, read_only_role
from engine.cluster.source import Forbidden
from engine.session.connection import Opening, connect


@pytest.fixture
def server() -> Iterator[KubeServer]:
    with KubeServer() as running:
        yield running


@pytest.fixture
def cluster(server: KubeServer, tmp_path: Path) -> Iterator[LiveCluster]:
    opened = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config"), timeout=5.0)
    yield opened
    opened.close()


def answering(allowed: Callable[[dict[str, Any]], bool]) -> Callable[[Seen], Reply]:
    def route(seen: Seen) -> Reply:
        assert seen.body["kind"] == "SelfSubjectAccessReview"
        return Reply({**seen.body, "status": {"allowed": allowed(seen.body["spec"]["resourceAttributes"])}}, 201)

    return route


def test_what_may_not_be_listed_is_asked_for_once_more_in_the_namespace(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[REVIEWS] = answering(lambda wanted: wanted["resource"] == "pods" and wanted.get("namespace") == "shop")
    found = access(cluster, ["nodes", "pods", "deployments.apps"], "shop")
    assert found.missing == ("nodes", "pods", "deployments.apps")
    assert found.here == ("pods",)
    assert not found.unlimited
    assert found.logs
    asked = [seen.body["spec"]["resourceAttributes"] for seen in server.asked(REVIEWS)]
    assert {"verb": "list", "group": "apps", "resource": "deployments"} in asked
    assert {"verb": "get", "resource": "pods", "subresource": "log", "namespace": "shop"} in asked


def test_one_question_tells_a_cluster_admin(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[REVIEWS] = answering(lambda wanted: True)
    assert access(cluster, ["pods"], "shop").unlimited
    assert [seen.body["spec"]["resourceAttributes"] for seen in server.asked(REVIEWS)] == [{"verb": "*", "group": "*", "resource": "*"}]


def test_two_questions_for_the_rules_are_enough_where_the_server_can_list_them(server: KubeServer, cluster: LiveCluster) -> None:
    rule = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]}
    one_object = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "resourceNames": ["a"]}
    everywhere = {"verbs": ["list"], "apiGroups": ["apps"], "resources": ["*"]}

    def rules(seen: Seen) -> Reply:
        inside = [rule] if seen.body["spec"]["namespace"] == "shop" else []
        return Reply({**seen.body, "status": {"incomplete": False, "resourceRules": [*inside, one_object, everywhere]}}, 201)

    server.routes[RULES] = rules
    found = access(cluster, ["nodes", "pods", "deployments.apps"], "shop")
    assert (found.missing, found.here, found.unlimited, found.logs) == (("nodes", "pods"), ("pods",), False, True)
    assert len(server.seen) == 2
    server.routes[RULES] = lambda seen: Reply({**seen.body, "status": {"incomplete": True, "resourceRules": []}}, 201)
    server.routes[REVIEWS] = answering(lambda wanted: True)
    assert access(cluster, ["pods"], "shop").unlimited, "a webhook authorizer cannot list its rules, so each right is asked for"


def test_a_server_that_answers_no_reviews_is_told(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[REVIEWS] = lambda _: refusal(403, "no reviews for you")
    with pytest.raises(Forbidden, match="no reviews for you"):
        access(cluster, ["pods"], "shop")


def test_the_role_reads_everything_that_the_analyzers_need_but_secrets_and_allows_nothing_more() -> None:
    role, binding = yaml.safe_load_all(read_only_role(needs()))
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    granted = set()
    for rule in role["rules"]:
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        for group in rule.get("apiGroups", ()):
            granted |= {f"{plural}.{group}".strip(".") for plural in rule["resources"]}
    assert set(needs()) - granted == {"secrets"}
    refused = ("*", "secrets", "exec", "attach", "portforward", "proxy", "token", "impersonate", "ephemeralcontainers", "escalate", "bind")
    words = {part for name in granted for part in name.replace("/", ".").split(".")} | {v for r in role["rules"] for v in r["verbs"]}
    assert not words & set(refused)


@pytest.mark.kubectl
@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_applies_the_role() -> None:
    connection = connect(Opening(demo=True))
    try:
        argv = ["kubectl", "--kubeconfig", str(connection.kubeconfig()), "apply", "-f", "-"]
        done = subprocess.run(argv, input=read_only_role(needs()), capture_output=True, text=True, timeout=60, check=False)
    finally:
        connection.close()
    assert done.returncode == 0, done.stderr
    assert "clusterrole.rbac.authorization.k8s.io/k8sagent-read created" in done.stdout
    assert "clusterrolebinding.rbac.authorization.k8s.io/k8sagent-read created" in done.stdout
