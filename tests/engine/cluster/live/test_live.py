"""A live cluster over real HTTP: pages, rights, renewals, cuts, stalls and cancels; what goes wrong is said in plain words."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.kube_server import KubeServer, Reply, Seen, in_turn, page, refusal

from engine.cluster.live.cluster import Gone, LiveCluster
from engine.cluster.source import ClusterError, Forbidden, KubeletUnreachable, NotFound, Unauthenticated, Unreachable
from engine.core.cancel import Cancelled, CancelToken
from engine.session.connection import Opening, connect

PODS = "/api/v1/namespaces/shop/pods"
LOG = "/api/v1/namespaces/shop/pods/a/log"


@pytest.fixture
def server() -> Iterator[KubeServer]:
    with KubeServer() as running:
        yield running


@pytest.fixture
def cluster(server: KubeServer, tmp_path: Path) -> Iterator[LiveCluster]:
    opened = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config"), timeout=5.0)
    yield opened
    opened.close()


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in objects]


def test_a_context_is_opened_without_asking_the_server(server: KubeServer, cluster: LiveCluster) -> None:
    assert (cluster.title, cluster.context.namespace, cluster.context.server) == ("test", "shop", server.url)
    assert server.seen == []
    assert cluster.server_version() == "v1.36.2"
    assert server.seen[0].headers["authorization"] == "Bearer let-me-in"


def test_lists_come_page_by_page_and_lose_managed_fields(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[PODS] = in_turn(page("a", "b", more="next-1", managedFields=[{"manager": "x"}]), page("c", more="next/2&"), page("d"))
    objects = cluster.list("pods", "shop")
    assert names(objects) == ["a", "b", "c", "d"]
    assert [(s.query.get("limit"), s.query.get("continue")) for s in server.asked(PODS)] == [
        ("500", None),
        ("500", "next-1"),
        ("500", "next/2&"),
    ]
    assert objects[0] == {"metadata": {"name": "a", "namespace": "shop"}, "kind": "Pod", "apiVersion": "v1"}


def test_a_list_whose_pages_expired_is_taken_again_whole(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[PODS] = in_turn(page("a", more="old"), refusal(410, "The provided continue parameter is too old"), page("a", "b"))
    assert names(cluster.list("pods", "shop")) == ["a", "b"]
    assert "limit" not in server.asked(PODS)[-1].query


def test_scopes_make_the_path(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes["/api/v1/pods"] = in_turn(page("everywhere"))
    server.routes["/api/v1/nodes"] = in_turn(page("node-a", kind="NodeList"))
    server.routes["/api/v1/nodes/node-a"] = in_turn(Reply({"kind": "Node", "apiVersion": "v1", "metadata": {"name": "node-a"}}))
    assert names(cluster.list("pods")) == ["everywhere"]
    assert names(cluster.list("nodes", "shop")) == ["node-a"], "a namespace says nothing about a cluster-scoped kind"
    assert cluster.get("nodes", "", "node-a")["kind"] == "Node"


def test_secrets_are_asked_for_as_metadata_and_lose_values_that_come_all_the_same(server: KubeServer, cluster: LiveCluster) -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"p":"aHVudGVyMg=="}}'}
    item = {"metadata": {"name": "db", "namespace": "shop", "annotations": annotations}, "data": {"p": "aHVudGVyMg=="}, "type": "Opaque"}
    server.routes["/api/v1/secrets"] = in_turn(Reply({"kind": "SecretList", "items": [item]}))
    server.routes["/api/v1/namespaces/shop/secrets/db"] = in_turn(Reply(item))
    found = [*cluster.list("secrets"), cluster.get("secrets", "shop", "db")]
    assert "aHVudGVyMg" not in json.dumps(found)
    assert [item["kind"] for item in found] == ["Secret", "Secret"]
    accepts = [server.asked(path)[0].headers["accept"] for path in ("/api/v1/secrets", "/api/v1/namespaces/shop/secrets/db")]
    assert accepts == [
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    ]


def test_a_missing_right_names_verb_resource_and_namespace(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[PODS] = in_turn(refusal(403, 'pods is forbidden: User "eve" cannot list resource "pods"'))
    with pytest.raises(Forbidden, match=r'not allowed to list pods in namespace shop: .*User "eve"') as caught:
        cluster.list("pods", "shop")
    assert (caught.value.verb, caught.value.resource, caught.value.namespace) == ("list", "pods", "shop")


def test_what_is_not_there_is_not_found(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[f"{PODS}/zz"] = in_turn(refusal(404, 'pods "zz" not found'))
    with pytest.raises(NotFound, match='could not get pods zz in namespace shop: pods "zz" not found'):
        cluster.get("pods", "shop", "zz")
    with pytest.raises(NotFound, match="no resource gizmos"):
        cluster.list("gizmos")
    with pytest.raises(NotFound):
        cluster.top("pods")


def test_a_kind_that_appears_later_is_found_without_opening_anew(server: KubeServer, cluster: LiveCluster) -> None:
    cluster.resources()
    gizmos = {"resource": "gizmos", "responseKind": {"kind": "Gizmo"}, "scope": "Namespaced", "verbs": ["list"]}
    versions = [{"version": "v1", "resources": [gizmos]}]
    server.routes["/apis"] = in_turn(
        Reply({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "acme.test"}, "versions": versions}]})
    )
    server.routes["/apis/acme.test/v1/gizmos"] = in_turn(page("g", kind="GizmoList"))
    [gizmo] = cluster.list("gizmos.acme.test")
    assert (gizmo["kind"], gizmo["apiVersion"]) == ("Gizmo", "acme.test/v1")


def test_servers_without_aggregated_discovery_are_asked_group_by_group_and_a_dead_group_is_left_out(
    server: KubeServer, cluster: LiveCluster
) -> None:
    def rows(version: str, name: str, kind: str) -> dict[str, Any]:
        return {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": [{"name": name, "kind": kind, "namespaced": True, "verbs": ["list"]}],
        }

    groups = [{"versions": [{"groupVersion": v}]} for v in ("apps/v1", "dead.test/v1")]
    server.routes["/api"] = in_turn(Reply({"kind": "APIVersions", "versions": ["v1"]}))
    server.routes["/apis"] = in_turn(Reply({"kind": "APIGroupList", "groups": groups}))
    server.routes["/api/v1"] = in_turn(Reply(rows("v1", "pods", "Pod")))
    server.routes["/apis/apps/v1"] = in_turn(Reply(rows("apps/v1", "deployments", "Deployment")))
    server.routes["/apis/dead.test/v1"] = in_turn(Reply(b"service unavailable\n", 503))
    assert [r.name for r in cluster.resources()] == ["pods", "deployments.apps"]


def test_logs_are_asked_with_stamps_and_limits(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[LOG] = in_turn(Reply(b"2026-03-01T10:00:00.1Z one\n2026-03-01T10:00:01Z two\n"))
    assert cluster.logs("shop", "a", "app", previous=True, tail=20, since_seconds=60) == [
        "2026-03-01T10:00:00.1Z one",
        "2026-03-01T10:00:01Z two",
    ]
    wanted = {"container": "app", "timestamps": "true", "previous": "true", "tailLines": "20", "sinceSeconds": "60"}
    assert server.asked(LOG)[0].query == wanted
    cluster.logs("shop", "a", "app")
    assert server.asked(LOG)[1].query["limitBytes"] == str(16 * 1024 * 1024)


@pytest.mark.parametrize(
    "reply",
    [
        refusal(400, "container app is waiting to start: ContainerCreating"),
        refusal(404, 'pods "a" not found: waiting to start'),
        refusal(500, "dial tcp 10.0.0.9:10250: connect: no route to host; waiting to start"),
        Reply(b"unable to retrieve container logs for containerd://4f2a (waiting to start)"),
    ],
    ids=lambda reply: str(reply.status),
)
def test_a_log_that_there_is_not_is_not_found_in_the_servers_words(server: KubeServer, cluster: LiveCluster, reply: Reply) -> None:
    server.routes[LOG] = in_turn(reply)
    with pytest.raises(NotFound, match="waiting to start"):
        cluster.logs("shop", "a", "app")
    assert len(server.asked(LOG)) == 1, "asking again would not help"


def test_a_node_that_does_not_answer_is_told_from_a_log_that_is_missing(server: KubeServer, tmp_path: Path) -> None:
    words = 'Get "https://10.0.0.9:10250/containerLogs/shop/a/app?tailLines=20": dial tcp 10.0.0.9:10250: connect: no route to host'
    silent = lambda _: Reply(chunks=server.stalling())  # noqa: E731
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config"), timeout=0.3)
    for reply, said in ((in_turn(refusal(500, words)), "no route to host"), (silent, "did not answer within 0.3 s")):
        server.routes[LOG] = reply
        with pytest.raises(KubeletUnreachable, match=said):
            cluster.logs("shop", "a", "app")
    cluster.close()


@pytest.mark.parametrize("codes", [(429,), (500,), (503, 503)], ids=str)
def test_an_overloaded_server_is_asked_again(server: KubeServer, cluster: LiveCluster, codes: tuple[int, ...]) -> None:
    server.routes[PODS] = in_turn(*(refusal(code, "later", Retry_After="0") for code in codes), page("a"))
    assert names(cluster.list("pods", "shop")) == ["a"]
    assert len(server.asked(PODS)) == len(codes) + 1


def test_a_server_that_keeps_failing_is_unreachable_and_one_that_asks_for_too_long_a_pause_too(
    server: KubeServer, cluster: LiveCluster
) -> None:
    server.routes[PODS] = in_turn(refusal(500, "etcdserver: request timed out"))
    with pytest.raises(Unreachable, match=r"failed to list pods in namespace shop \(500: etcdserver: request timed out\)"):
        cluster.list("pods", "shop")
    assert len(server.asked(PODS)) == 3
    server.routes[PODS] = in_turn(refusal(429, "too many", Retry_After="600"))
    with pytest.raises(Unreachable, match="overloaded"):
        cluster.list("pods", "shop")


def test_a_connection_that_is_closed_before_the_answer_is_opened_again(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[PODS] = in_turn(Reply(mute=True), Reply(mute=True), page("a"))
    assert names(cluster.list("pods", "shop")) == ["a"]
    server.routes[PODS] = in_turn(Reply(mute=True))
    with pytest.raises(Unreachable, match="closed the connection before it answered"):
        cluster.list("pods", "shop")


def test_half_an_answer_is_no_answer(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[PODS] = in_turn(Reply(b'{"kind":"PodList","items":[', cut=True))
    with pytest.raises(Unreachable, match=r"context test.* closed the connection in the middle of a response"):
        cluster.list("pods", "shop")
    server.routes[PODS] = in_turn(Reply(b"<html>please log in</html>"))
    with pytest.raises(Unreachable, match="did not answer like the Kubernetes API; a proxy or login page"):
        cluster.list("pods", "shop")


def test_a_server_that_accepts_and_stays_silent_runs_into_the_time_limit(server: KubeServer, tmp_path: Path) -> None:
    server.routes[PODS] = lambda _: Reply(chunks=server.stalling())
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config"), timeout=0.3)
    with pytest.raises(Unreachable, match="did not answer in time"):
        cluster.list("pods", "shop")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:1", "refused the connection: nothing listens there"),
        ("http://does-not-exist.invalid:6443", "has a name that does not resolve"),
    ],
)
def test_an_unreachable_server_is_named_with_the_next_step(server: KubeServer, tmp_path: Path, address: str, says: str) -> None:
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", server=address), timeout=2.0)
    with pytest.raises(Unreachable, match=says) as caught:
        cluster.server_version()
    assert address in str(caught.value)


def test_a_plain_server_behind_an_https_address_is_told_as_a_tls_fault(server: KubeServer, tmp_path: Path) -> None:
    address = server.url.replace("http:", "https:")
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", server=address), timeout=2.0)
    with pytest.raises(Unreachable, match="TLS"):
        cluster.server_version()


CERTIFICATE = Path(__file__).parents[3] / "data" / "localhost.pem"


def test_certificates_are_checked_and_a_wrong_one_is_explained(tmp_path: Path) -> None:
    with KubeServer(certificate=CERTIFICATE) as server:

        def version(**settings: Any) -> str:
            address = server.url.replace("127.0.0.1", "localhost")
            path = server.kubeconfig(tmp_path / "config", **{"server": address, **settings})
            return LiveCluster.open(kubeconfig=path, timeout=5.0).server_version()

        trusted = {"certificate-authority": str(CERTIFICATE)}
        assert version(**trusted) == "v1.36.2"
        assert version(**{"insecure-skip-tls-verify": True}) == "v1.36.2"
        with pytest.raises(Unreachable, match=r"certificate that is not trusted \(self.signed certificate\); check certificate-authority"):
            version()
        with pytest.raises(Unreachable, match=r"certificate that is not trusted .*127\.0\.0\.1"):
            version(server=server.url, **trusted)


def cancelled_within(seconds: float, server: KubeServer, work: Callable[[CancelToken], object]) -> None:
    """Start the work, cancel when the server has begun to stall, and see how long the caller still waits."""
    token = CancelToken()
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(work(token))
        except Cancelled as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert server.waiting.wait(10)
    began = time.monotonic()
    token.cancel("user")
    thread.join(10)
    assert outcome and isinstance(outcome[0], Cancelled | list)
    assert time.monotonic() - began < seconds
    for reader in threading.enumerate():
        if reader.name == "cluster-read":
            reader.join(3)  # less than the read's own time limit: the cancel closed its connection
            assert not reader.is_alive()


@pytest.mark.parametrize("first", [b"", b'{"kind":"PodList","items":['], ids=["before the answer", "in the middle"])
def test_a_cancel_ends_a_list_at_once(server: KubeServer, cluster: LiveCluster, first: bytes) -> None:
    server.routes[PODS] = lambda _: Reply(chunks=server.stalling(first))
    cluster.resources()
    cancelled_within(1.0, server, lambda token: cluster.list("pods", "shop", cancel=token))


def test_a_cancel_ends_the_wait_for_discovery_also_for_those_who_wait_behind_it(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes["/apis"] = lambda _: Reply(chunks=server.stalling())

    def ask() -> None:
        with pytest.raises(Unreachable):
            cluster.list("pods")

    first = threading.Thread(target=ask)
    first.start()
    assert server.waiting.wait(10)
    cancelled_within(1.0, server, lambda token: cluster.list("pods", "shop", cancel=token))
    server.stop.set()
    first.join(10)
    assert len(server.asked("/apis")) <= 2


def test_a_cancel_ends_a_log_and_a_watch_at_once(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes[LOG] = lambda _: Reply(chunks=server.stalling(b"2026-03-01T10:00:00Z one\n"))
    cancelled_within(1.0, server, lambda token: cluster.logs("shop", "a", "app", cancel=token))
    server.waiting.clear()
    server.routes[PODS] = lambda _: Reply(chunks=server.stalling(change("ADDED", "a", "8")))
    cancelled_within(1.0, server, lambda token: list(cluster.changes("pods", "shop", resource_version="7", cancel=token)))


def test_a_cancelled_token_asks_nothing(server: KubeServer, cluster: LiveCluster) -> None:
    cluster.resources()
    token = CancelToken()
    token.cancel("enough")
    with pytest.raises(Cancelled, match="enough"):
        cluster.list("pods", "shop", cancel=token)
    assert server.asked(PODS) == []


def change(kind: str, name: str, version: str) -> bytes:
    return (
        json.dumps(
            {"type": kind, "object": {"kind": "Pod", "metadata": {"name": name, "resourceVersion": version, "managedFields": []}}}
        ).encode()
        + b"\n"
    )


def test_a_watch_joins_lines_that_come_in_pieces(server: KubeServer, cluster: LiveCluster) -> None:
    lines = change("ADDED", "a", "8") + change("MODIFIED", "a", "9")
    bookmark = json.dumps({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "20"}}}).encode() + b"\n"
    server.routes[PODS] = in_turn(Reply(chunks=[lines[:40], lines[40:90], lines[90:], bookmark]))
    events = list(cluster.changes("pods", "shop", resource_version="7", cancel=CancelToken()))
    seen = [(event.type, event.object["metadata"].get("name")) for event in events]
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("BOOKMARK", None)]
    [query] = [s.query for s in server.asked(PODS)]
    assert query["resourceVersion"] == "7"
    assert query["watch"] == query["allowWatchBookmarks"] == "true"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(chunks=[b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n']), Gone),
        (refusal(410, "too old"), Gone),
        (Reply(chunks=[b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"x"}}\n']), Unreachable),
        (refusal(403, "no right to watch"), Forbidden),
        (refusal(500, "x"), Unreachable),
        (Reply(chunks=[change("ADDED", "a", "8"), b'{"type":"ADDED","obj'], cut=True), Unreachable),
        (Reply(chunks=[b'{"type":"ADDED","obj']), Unreachable),
        (Reply(chunks=[b"<html>\n"]), Unreachable),
    ],
)
def test_a_watch_that_cannot_go_on_says_what_has_to_be_done(
    server: KubeServer, cluster: LiveCluster, reply: Reply, error: type[ClusterError]
) -> None:
    server.routes[PODS] = in_turn(reply)
    with pytest.raises(error):
        list(cluster.changes("pods", "shop", resource_version="7", cancel=CancelToken()))


def plugin(folder: Path, script: str) -> dict[str, Any]:
    """A kubeconfig user with an exec plugin that is a small Python program, named relative to the kubeconfig."""
    (folder / "bin").mkdir()
    file = folder / "bin" / "login"
    file.write_text(f"#!{sys.executable}\n{script}")
    file.chmod(0o755)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./bin/login",
            "args": ["now"],
            "env": [{"name": "WHO", "value": "me"}],
        }
    }


COUNTING = """
import json, os, pathlib, sys
count = pathlib.Path(__file__).with_name("count")
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert sys.stdin.read() == "" and info["spec"]["interactive"] is False
token = f"{os.environ['WHO']}-{sys.argv[1]}-{number}"
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {"token": token, "expirationTimestamp": EXPIRES}}))
"""


@pytest.fixture
def typed_keys() -> Iterator[None]:
    """Standard input holds what somebody is typing meanwhile."""
    kept, (read, write) = os.dup(0), os.pipe()
    os.write(write, b"keys for the screen")
    os.close(write)
    os.dup2(read, 0)
    yield
    os.dup2(kept, 0)
    for descriptor in (kept, read):
        os.close(descriptor)


@pytest.mark.usefixtures("typed_keys")
def test_a_credential_plugin_gives_the_token_and_is_asked_again_after_a_401(server: KubeServer, tmp_path: Path) -> None:
    user = plugin(tmp_path, COUNTING.replace("EXPIRES", "None"))
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", user=user))
    server.routes["/version"] = lambda s: (
        Reply({"gitVersion": "v1"}) if s.headers["authorization"] == "Bearer me-now-2" else refusal(401, "Unauthorized")
    )
    assert cluster.server_version() == "v1"
    assert cluster.server_version() == "v1"
    assert [s.headers["authorization"] for s in server.seen] == ["Bearer me-now-1", "Bearer me-now-2", "Bearer me-now-2"]


def test_a_watch_whose_credentials_are_refused_has_new_ones_when_it_is_made_again(server: KubeServer, tmp_path: Path) -> None:
    user = plugin(tmp_path, COUNTING.replace("EXPIRES", "None"))
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", user=user))
    server.routes[PODS] = lambda s: (
        Reply(chunks=[change("ADDED", "a", "8")]) if s.headers["authorization"] == "Bearer me-now-2" else refusal(401, "Unauthorized")
    )
    for _ in range(3):  # many watches are refused at once; the plugin runs once for all of them
        try:
            found = list(cluster.changes("pods", "shop", resource_version="7", cancel=CancelToken()))
        except Unauthenticated as error:
            assert "log in again" in str(error)
    assert names([event.object for event in found]) == ["a"]
    assert (tmp_path / "bin" / "count").read_text() == "2"


def test_after_a_401_the_kubeconfig_is_read_again(server: KubeServer, tmp_path: Path) -> None:
    path = server.kubeconfig(tmp_path / "config", user={"token": "old"})
    cluster = LiveCluster.open(kubeconfig=path)
    server.routes["/version"] = lambda s: (
        Reply({"gitVersion": "v1"}) if s.headers["authorization"] == "Bearer new" else refusal(401, "Unauthorized")
    )
    server.kubeconfig(path, user={"token": "new"})
    assert cluster.server_version() == "v1"
    assert [s.headers["authorization"] for s in server.seen] == ["Bearer old", "Bearer new"]


def test_a_plugin_that_failed_is_not_run_for_every_request_of_that_moment(server: KubeServer, tmp_path: Path) -> None:
    script = f"import sys; open({str(tmp_path / 'runs')!r}, 'a').write('x'); sys.exit('log in')"
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", user=plugin(tmp_path, script)))
    for _ in range(3):
        with pytest.raises(Unauthenticated, match="log in"):
            cluster.server_version()
    assert (tmp_path / "runs").read_text() == "x"


def test_how_many_there_are_costs_one_object(server: KubeServer, cluster: LiveCluster) -> None:
    listed = {"metadata": {"remainingItemCount": 4711}, "items": [{"metadata": {"name": "a"}}]}
    server.routes["/api/v1/pods"] = in_turn(Reply(listed), page("a", "b"))
    assert cluster.count("pods") == 4712
    asked = server.asked("/api/v1/pods")[0]
    assert asked.query == {"limit": "1"}
    assert "PartialObjectMetadataList" in asked.headers["accept"]


def test_an_expired_credential_is_renewed_before_it_is_used(server: KubeServer, tmp_path: Path) -> None:
    user = plugin(tmp_path, COUNTING.replace("EXPIRES", '"2020-01-01T00:00:00Z"'))
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", user=user))
    cluster.server_version()
    cluster.server_version()
    assert [s.headers["authorization"] for s in server.seen] == ["Bearer me-now-1", "Bearer me-now-2"]


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        ("import sys; sys.exit('your session has expired')", Forbidden, "login failed .*your session has expired; log in again"),
        ("print('hello')", ClusterError, "did not print JSON"),
        ("print('{\"status\": {}}')", ClusterError, "neither a token nor a client certificate"),
    ],
)
def test_a_plugin_that_fails_is_named_with_its_own_words(
    server: KubeServer, tmp_path: Path, script: str, error: type[ClusterError], says: str
) -> None:
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", user=plugin(tmp_path, script)))
    with pytest.raises(error, match=says):
        cluster.server_version()
    assert server.seen == []


def test_a_plugin_that_is_not_installed_gives_its_hint(server: KubeServer, tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login", "installHint": "get it from acme.test"}}
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", user=user))
    with pytest.raises(ClusterError, match=r"no-such-login of user u is not installed; get it from acme\.test"):
        cluster.server_version()


def test_a_plugin_that_waits_for_somebody_ends_with_the_cluster(server: KubeServer, tmp_path: Path) -> None:
    script = "import os, pathlib, time\npathlib.Path(__file__).with_name('pid').write_text(str(os.getpid()))\ntime.sleep(60)"
    cluster = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config", user=plugin(tmp_path, script)))
    token, errors = CancelToken(), []

    def ask() -> None:
        try:
            cluster.list("pods", cancel=token)
        except Cancelled as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    pid = tmp_path / "bin" / "pid"
    deadline = time.monotonic() + 20
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        token.wait(0.01)
    token.cancel()
    asking.join(5)
    assert len(errors) == 1
    cluster.close()
    assert time.monotonic() < deadline
    while Path(f"/proc/{pid.read_text()}").exists():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_credentials_that_stay_wrong_are_told_once(server: KubeServer, cluster: LiveCluster) -> None:
    server.routes["/version"] = in_turn(refusal(401, "Unauthorized"))
    with pytest.raises(Forbidden, match=r"refused the token at \d\d:\d\d \(Unauthorized\); log in again"):
        cluster.server_version()
    assert len(server.seen) == 2


def accept_only(server: KubeServer, token: str) -> None:
    def version(seen: Seen) -> Reply:
        said = seen.headers.get("authorization")
        return Reply({"gitVersion": "v1.36.2"}) if said == f"Bearer {token}" else refusal(401, "Unauthorized")

    server.routes["/version"] = version


def test_a_new_token_in_the_kubeconfig_is_used_by_reads_and_by_the_commands_copy(server: KubeServer, tmp_path: Path) -> None:
    path = server.kubeconfig(tmp_path / "config", user={"token": "old"})
    connection = connect(Opening(), kubeconfig=str(path))
    source = connection.source
    assert isinstance(source, LiveCluster)
    accept_only(server, "old")
    source.server_version()
    copy = connection.kubeconfig()
    accept_only(server, "new")
    with pytest.raises(Unauthenticated, match=r"refused the token at \d\d:\d\d"):
        source.server_version()
    assert source.refused_since is not None
    server.kubeconfig(path, user={"token": "new"})
    until = time.monotonic() + 20
    while source.refused_since is not None:
        assert time.monotonic() < until
        with contextlib.suppress(Unauthenticated):
            source.server_version()
    assert "new" in copy.read_text() and "old" not in copy.read_text()
    assert copy.stat().st_mode & 0o077 == 0
    connection.close()


def test_a_context_that_names_another_server_meanwhile_is_not_followed_there(server: KubeServer, tmp_path: Path) -> None:
    path = server.kubeconfig(tmp_path / "config", user={"token": "old"})
    cluster = LiveCluster.open(kubeconfig=path)
    accept_only(server, "new")
    with KubeServer() as other:
        other.kubeconfig(path, user={"token": "new"})
        with pytest.raises(ClusterError, match=f"names {other.url} now, so nothing is read any more; /context test goes there"):
            cluster.server_version()
        assert other.seen == []
    cluster.close()


def test_a_certificate_file_that_is_missing_is_named(server: KubeServer, tmp_path: Path) -> None:
    address = server.url.replace("http:", "https:")
    path = server.kubeconfig(tmp_path / "config", user={"client-certificate": "gone.pem", "client-key": "gone.key"}, server=address)
    with pytest.raises(ClusterError, match=r"context test.*gone\.pem"):
        LiveCluster.open(kubeconfig=path).server_version()


def test_usage_comes_from_the_metrics_server_and_its_failure_is_not_the_clusters(server: KubeServer, cluster: LiveCluster) -> None:
    path = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"
    containers = [{"name": "app", "usage": {"cpu": "100m", "memory": "1Mi"}}]
    server.routes[path] = in_turn(Reply({"items": [{"metadata": {"name": "a", "namespace": "shop"}, "containers": containers}]}))
    [row] = cluster.top("pods", "shop")
    assert (row.name, row.container, row.cpu, row.memory) == ("a", "app", 0.1, 1024.0**2)
    server.routes[path] = in_turn(Reply(b"service unavailable\n", 503))
    with pytest.raises(NotFound, match="metrics server does not answer"):
        cluster.top("pods", "shop")


def test_many_threads_share_one_cluster(server: KubeServer, cluster: LiveCluster) -> None:
    def answer(seen: Seen) -> Reply:
        return page(seen.path.split("/")[4])

    wanted = [f"ns{number}" for number in range(12)]
    for namespace in wanted:
        server.routes[f"/api/v1/namespaces/{namespace}/pods"] = answer
    found: dict[str, list[str]] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: names(cluster.list("pods", n))})) for n in wanted]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {namespace: [namespace] for namespace in wanted}


def test_the_kubernetes_client_is_imported_with_the_first_read_and_not_before(server: KubeServer, tmp_path: Path) -> None:
    path = server.kubeconfig(tmp_path / "config")
    program = (
        "import sys; from pathlib import Path\n"
        "from engine.cluster.live.cluster import LiveCluster; from engine.cluster.live.kubeconfig import contexts\n"
        f"p = Path({str(path)!r}); contexts(p); c = LiveCluster.open(kubeconfig=p); early = 'kubernetes' in sys.modules\n"
        "print(early, c.server_version(), 'kubernetes' in sys.modules)"
    )
    checkout = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=checkout, timeout=60)
    assert done.stdout.split() == ["False", "v1.36.2", "True"], done.stderr
