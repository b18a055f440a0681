"""Who may, who uses, what reaches what: the answer and the object that it rests on."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from asking import request_of

from engine.analyzers.common.view import ClusterView
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.core.types import ObjectRef
from engine.language.answers.interface import Scene
from engine.language.answers.registry import answer as answered
from engine.language.answers.relations.access import Act, Subject, may, rights_of, subject_of, who_may
from engine.language.answers.relations.reach import reach
from engine.language.answers.relations.uses import image_users, used_by

Raw = dict[str, Any]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def a(kind: str, name: str, namespace: str = "shop", **more: Any) -> Raw:
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": more.pop("labels", {})}, **more}


def role(kind: str, name: str, verbs: str, resources: str, group: str = "", namespace: str = "", **rule: Any) -> Raw:
    return a(kind, name, namespace, rules=[{"verbs": verbs.split(), "resources": resources.split(), "apiGroups": [group], **rule}])


def binding(kind: str, name: str, role_: str, *subjects: Raw, namespace: str = "") -> Raw:
    role_kind, _, role_name = role_.partition("/")
    return a(kind, name, namespace, roleRef={"kind": role_kind, "name": role_name}, subjects=list(subjects))


BOT = {"kind": "ServiceAccount", "name": "bot", "namespace": "shop"}
ANNA = {"kind": "User", "name": "anna"}
RBAC = [
    a("ServiceAccount", "bot"),
    role("ClusterRole", "admin-all", "*", "*", "*"),
    role("ClusterRole", "reader", "get list watch", "pods pods/log"),
    role("Role", "one-secret", "get", "secrets", namespace="shop", resourceNames=["db"]),
    binding(
        "ClusterRoleBinding",
        "admins",
        "ClusterRole/admin-all",
        {"kind": "Group", "name": "ops"},
        {"kind": "Group", "name": "system:masters"},
    ),
    binding("RoleBinding", "bot-reads", "ClusterRole/reader", BOT, namespace="shop"),
    binding("RoleBinding", "anna-secret", "Role/one-secret", ANNA, namespace="shop"),
    binding("RoleBinding", "dangling", "Role/gone", ANNA, namespace="shop"),
    binding("ClusterRoleBinding", "accounts", "ClusterRole/reader", {"kind": "Group", "name": "system:serviceaccounts:kube-system"}),
]


def view_of(*objects: Raw) -> ClusterView:
    return ClusterView.from_objects(objects, now=NOW)


@pytest.mark.parametrize(
    ("subject", "act", "answer"),
    [
        (
            Subject("ServiceAccount", "bot", "shop"),
            Act(("list",), "pods", "", "shop"),
            r"^Yes, .*RoleBinding bot-reads gives it ClusterRole reader \(namespace shop\)",
        ),
        (Subject("ServiceAccount", "bot", "shop"), Act(("list",), "pods", "", "other"), "^No, .*allows it only in namespace shop"),
        (Subject("ServiceAccount", "bot", "shop"), Act(("delete",), "pods", "", "shop"), "^No, .*on pods it may only get, list, watch"),
        (
            Subject("ServiceAccount", "bot", "shop"),
            Act(("get",), "deployments", "apps", "shop"),
            "^No, .*ClusterRole reader, without a rule for deployments",
        ),
        (Subject("ServiceAccount", "bot", "shop"), Act(("get",), "pods/log", "", "shop"), "^Yes"),
        (Subject("ServiceAccount", "bot", "shop"), Act(("create",), "pods/exec", "", "shop"), "^No"),
        (Subject("User", "anna"), Act(("get",), "secrets", "", "shop"), "^No, .*only for some objects by name"),
        (Subject("User", "anna"), Act(("get",), "secrets", "", "shop", "db"), "^Yes"),
        (Subject("Group", "ops"), Act(("get", "delete"), "nodes"), "^Yes, .*everywhere"),
        (Subject("ServiceAccount", "ghost", "shop"), Act(("get",), "pods", "", "shop"), "^No, .*does not exist.*no RoleBinding"),
        (Subject("ServiceAccount", "proxy", "kube-system"), Act(("get",), "pods", "", "shop"), "^Yes, .*accounts"),
    ],
)
def test_whether_somebody_may(subject: Subject, act: Act, answer: str) -> None:
    said = may(view_of(*RBAC), subject, act)
    assert re.search(answer, said.answer), said.answer
    assert bool(said.fix) == said.answer.startswith("No")


def test_who_may_lists_each_grant_with_its_binding() -> None:
    said = who_may(view_of(*RBAC), Act(("get",), "pods", "", "shop"))
    assert "ServiceAccount shop/bot" in said.answer and "Group ops" in said.answer
    assert ("ServiceAccount shop/bot", "RoleBinding/bot-reads", "ClusterRole/reader", "namespace shop") in said.table
    assert "No RoleBinding or ClusterRoleBinding" in who_may(view_of(*RBAC[:2]), Act(("get",), "pods")).answer
    assert "in one namespace only" in who_may(view_of(*RBAC), Act(("get",), "pods")).answer


def test_all_rights_of_an_account_and_of_the_pods_that_run_under_it() -> None:
    view = view_of(
        *RBAC,
        a("Deployment", "web", spec={"template": {"spec": {"serviceAccountName": "bot"}}}),
        a("Deployment", "plain", spec={"template": {"spec": {}}}),
    )
    assert subject_of(view, ObjectRef("Deployment", "shop", "web")) == Subject("ServiceAccount", "bot", "shop")
    assert subject_of(view, ObjectRef("Deployment", "shop", "plain")) == Subject("ServiceAccount", "default", "shop")
    assert ("get,list,watch", "pods,pods/log", "namespace shop", "ClusterRole/reader", "RoleBinding/bot-reads") in rights_of(
        view, Subject("ServiceAccount", "bot", "shop")
    ).table
    assert "no rights of its own" in rights_of(view, Subject("ServiceAccount", "default", "shop")).answer
    assert "everything in the cluster" in rights_of(view, Subject("Group", "ops")).answer


def test_roles_that_cannot_be_read_are_said_not_guessed(demo: RecordedCluster) -> None:
    view = ClusterView.of(demo)
    view.unseen["clusterroles.rbac.authorization.k8s.io"] = "forbidden"
    assert "cannot be told" in may(view, Subject("User", "anna"), Act(("get",), "pods")).answer


def test_who_uses_an_object_and_where(demo: RecordedCluster) -> None:
    view = ClusterView.of(demo)
    for ref, row in {
        ObjectRef("ConfigMap", "orders", "orders-web-nginx"): ("Deployment/orders-web", "volume conf"),
        ObjectRef("Secret", "payments", "payments-redis"): (
            "Deployment/payments-redis",
            "variable REDIS_PASSWORD (key password), container redis",
        ),
        ObjectRef("Service", "orders", "orders-db"): ("Deployment/orders-api", "setting: variable DB_URL"),
        ObjectRef("PersistentVolumeClaim", "orders", "data-orders-db-0"): (
            "StatefulSet/orders-db",
            "volumeClaimTemplates[data], Pod orders-db-0",
        ),
        ObjectRef("Deployment", "shop", "cart-api"): ("Service/cart-api", "spec.selector"),
    }.items():
        assert row in used_by(view, ref).table, ref
    assert "Deployment/hr-db" in image_users(view, "postgres").answer
    assert "No workload" in image_users(view, "postgres:9").answer


def test_an_object_that_nobody_uses_is_said_with_what_was_looked_at() -> None:
    said = used_by(view_of(a("Secret", "old"), a("Secret", "new")), ObjectRef("Secret", "shop", "old"))
    assert said.answer == "Nothing refers to Secret/old in namespace shop; pod templates, ServiceAccounts and Ingresses were looked at."


def test_secrets_are_found_in_pull_secrets_accounts_and_ingresses() -> None:
    objects = [
        a("Pod", "web", spec={"containers": [], "imagePullSecrets": [{"name": "s"}]}),
        a("ServiceAccount", "bot", imagePullSecrets=[{"name": "s"}]),
        a("Ingress", "front", spec={"tls": [{"secretName": "s"}]}),
    ]
    users = used_by(view_of(*objects), ObjectRef("Secret", "shop", "s")).table
    assert [row[0] for row in users[1:]] == ["Pod/web", "ServiceAccount/bot", "Ingress/front"]


@pytest.mark.parametrize(
    ("client", "server", "port", "answer"),
    [
        ("Deployment/shop/cart-api", "Deployment/payments/payments-api", 80, "^Yes, .*payments-api.payments:80"),
        ("Deployment/hr/hr-portal", "Service/hr/hr-db", None, "^No, .*NetworkPolicy default-deny-data"),
        (
            "",
            "Service/gateway/api-gateway",
            None,
            r"^No, .*selector of Service api-gateway \(app=api-gw, tier=edge\) matches no pod; the nearest, api-gateway",
        ),
        ("Deployment/shop/cart-api", "Service/catalog/catalog-api", None, "^No, .*no ready endpoint"),
        ("Deployment/shop/cart-api", "Service/payments/payments-api", 8080, "^No, .*no port 8080, only 80; 8080 is the pods' own port"),
        ("Deployment/shop/cart-api", "Service/payments/payment-api", None, "^No, .*has no Service payment-api .did you mean payments-api"),
    ],
)
def test_whether_one_reaches_another_and_where_it_ends(
    demo: RecordedCluster, client: str, server: str, port: int | None, answer: str
) -> None:
    source = ObjectRef(*client.split("/")) if client else None
    said = reach(ClusterView.of(demo), source, ObjectRef(*server.split("/")), port)
    assert re.search(answer, said.answer, re.S), said.answer


def test_a_policy_that_cannot_be_read_makes_no_yes(demo: RecordedCluster) -> None:
    view = ClusterView.of(demo)
    view.unseen["networkpolicies.networking.k8s.io"] = "forbidden"
    said = reach(view, ObjectRef("Deployment", "shop", "cart-api"), ObjectRef("Deployment", "payments", "payments-api"))
    assert said.answer.startswith("Probably, but not for certain") and "NetworkPolicies cannot be read" in said.answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("who may read secrets in this cluster", "^2 subjects may get and list secrets"),
        (
            "can the service account ingress-nginx in ingress-nginx list secrets?",
            "^Yes, ServiceAccount ingress-nginx/ingress-nginx may list secrets",
        ),
        ("may ingress-nginx delete pods?", "^No, ServiceAccount ingress-nginx/ingress-nginx may not delete pods"),
        ("list everybody who can exec into pods", "may create pods/exec"),
        (
            "is the default serviceaccount in shop able to list secrets",
            "^No, ServiceAccount shop/default may not list secrets in namespace shop",
        ),
        ("what uses secret payments-redis", "Deployment/payments-redis"),
        ("which deployments run image postgres", "workloads in all namespaces run an image “postgres”"),
        ("can cart-api talk to payments-api on port 80?", "^Yes, Deployment/cart-api can reach Deployment/payments-api on port 80"),
        ("is hr-db reachable from hr-portal?", "^No, Deployment/hr-portal cannot reach Deployment/hr-db"),
        ("does a network policy block hr-portal from hr-db", "^No, Deployment/hr-portal cannot reach Deployment/hr-db"),
    ],
)
def test_questions_as_people_type_them(demo: RecordedCluster, question: str, answer: str) -> None:
    request = request_of(question, demo)
    reply = answered(request, Scene(demo, request.namespace or ""))
    assert reply is not None and re.search(answer, reply.answer), reply


def test_a_right_of_nobody_in_particular_asks_whose(demo: RecordedCluster) -> None:
    request = request_of("is the robot serviceaccount able to list secrets", demo)
    reply = answered(request, Scene(demo, ""))
    assert reply is not None and not reply.answer.startswith("Yes")
