"""Little rights on a real API server: no rights, `view` (without nodes and Secrets), `edit` in one namespace."""

from __future__ import annotations

import json
import re
import urllib.error

import pytest
from live.control_plane import ControlPlane

from engine.cluster.live.cluster import LiveCluster
from engine.cluster.live.permissions import access

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", autouse=True)
def web(plane: ControlPlane) -> None:
    """A Deployment in `shop` whose pod nobody schedules."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "nginx"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    plane.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec})


def test_a_check_that_saw_nothing_fails_and_says_why(plane: ControlPlane) -> None:
    done = plane.k8sagent("nobody", "check", "-A")
    assert done.returncode == 3, done.stdout
    assert re.search(
        r"nothing could be looked at: cannot see \d+ kinds in all namespaces: pods, events, .*user nobody may not list them", done.stderr
    )
    assert "cluster-scoped kinds: nodes" in done.stderr


def test_view_sees_workloads_and_says_in_a_line_a_cause_what_it_does_not_see(plane: ControlPlane) -> None:
    done = plane.k8sagent("viewer", "check", "-n", "shop", "--output", "json")
    report = json.loads(done.stdout)
    gaps = [error for error in report["errors"] if error.startswith("cannot see")]
    assert len(gaps) == 2, gaps
    assert re.search(r"cannot see \d+ cluster-scoped kinds: nodes", gaps[1])
    assert "in namespace" not in gaps[1]
    assert report["scanned"]["deployments.apps"] >= 1


@pytest.mark.parametrize("question", ["why is web in namespace shop not running?", "what is wrong in shop?"])
def test_the_namespace_of_a_question_is_taken_although_namespaces_may_not_be_listed(plane: ControlPlane, question: str) -> None:
    done = plane.k8sagent("editor", "troubleshoot", "--no-llm", "-q", question)
    assert "Looking at namespace shop, as your question says." in done.stdout + done.stderr
    assert "Root cause: " in done.stdout and "shop" in done.stdout


def test_rights_are_asked_for_with_two_questions(plane: ControlPlane) -> None:
    kinds = ["pods", "nodes", "deployments.apps", "secrets"]
    expected = {
        "admin": ((), (), True),
        "viewer": (("nodes", "secrets"), (), False),
        "editor": (tuple(kinds), ("pods", "deployments.apps", "secrets"), False),
        "nobody": (tuple(kinds), (), False),
    }
    got = {}
    for user in expected:
        cluster = LiveCluster.open(kubeconfig=plane.kubeconfig(user, "shop"))
        found = access(cluster, kinds, "shop")
        got[user] = (found.missing, found.here, found.unlimited)
        cluster.close()
    assert got == expected


def test_what_k8sagent_says_of_rights_is_what_the_server_enforces(plane: ControlPlane) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        plane.request("GET", "/api/v1/nodes", user="viewer")
    assert plane.request("GET", "/api/v1/namespaces/shop/pods", user="editor")["items"]
