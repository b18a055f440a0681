"""The protocol, without kubectl: who may ask, one body a request, watches, and an end that leaves nothing behind."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.simulator.apiserver import ApiServer
from engine.simulator.apiserver.server import PROXY_USER
from engine.simulator.overlay import Overlay

PODS = "/api/v1/namespaces/shop/pods"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/cart-api"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Client:
    """One connection that is kept."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=10)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        named = {"Authorization": f"Bearer {self.server.token}"} | {key.replace("_", "-"): value for key, value in headers.items()}
        self.connection.request(method, path, sent, named)
        answer = self.connection.getresponse()
        data, self.headers = answer.read(), answer.headers
        return answer.status, json.loads(data) if data[:1] in (b"{", b"[") else data.decode()


@pytest.fixture
def ask(read_only: ApiServer) -> Iterator[Client]:
    client = Client(read_only)
    yield client
    client.connection.close()


@pytest.fixture
def change(writable: ApiServer, fresh: Overlay) -> Iterator[Client]:
    client = Client(writable)
    yield client
    client.connection.close()


def test_without_the_token_nothing_is_answered(ask: Client) -> None:
    status, answer = ask("GET", PODS, Authorization="Bearer guessed")
    assert (status, answer["reason"]) == (401, "Unauthorized")
    assert ask("GET", "/version", Authorization="")[0] == 401


def test_the_token_also_counts_as_that_of_a_proxy(ask: Client, read_only: ApiServer) -> None:
    basic = base64.b64encode(f"{PROXY_USER}:{read_only.token}".encode()).decode()
    whole = f"{read_only.url}/version"
    assert ask("GET", whole, Authorization="", Proxy_Authorization=f"Basic {basic}")[1]["gitVersion"] == "v1.36.2"
    wrong = base64.b64encode(f"{PROXY_USER}:x".encode()).decode()
    assert ask("GET", whole, Authorization="", Proxy_Authorization=f"Basic {wrong}")[0] == 401


def test_the_kubeconfig_is_private_and_named_after_the_cluster(read_only: ApiServer, tmp_path: Path) -> None:
    path = read_only.kubeconfig(tmp_path / "deep" / "config", namespace="shop")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document["current-context"] == "demo"
    assert document["contexts"][0]["context"] == {"cluster": "demo", "user": "demo", "namespace": "shop"}
    assert [entry.name for entry in path.parent.iterdir()] == ["config"]


def test_the_server_listens_on_loopback_only(read_only: ApiServer) -> None:
    assert read_only.url.startswith("http://127.0.0.1:")


def test_a_body_that_is_refused_is_still_read_once(ask: Client) -> None:
    for _ in range(3):
        assert ask("POST", PODS, {"kind": "Pod", "metadata": {"name": "x" * 5000}})[0] == 403
        assert ask("GET", "/healthz") == (200, "ok")


def test_a_chunked_body_is_understood(change: Client) -> None:
    patch = iter([b'{"spec":', b'{"replicas":3}}'])
    headers = {
        "Authorization": f"Bearer {change.server.token}",
        "Content-Type": "application/merge-patch+json",
        "Transfer-Encoding": "chunked",
    }
    change.connection.request("PATCH", DEPLOYMENT, patch, headers, encode_chunked=True)
    answer = change.connection.getresponse()
    assert json.loads(answer.read())["spec"]["replicas"] == 3


def test_a_body_too_large_is_refused_before_it_is_read(ask: Client) -> None:
    status, answer = ask("POST", PODS, b"", Content_Length="99999999999")
    assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/api/v1/namespaces/shop/pods/nope", 404, 'pods "nope" not found'),
        ("/apis/apps/v1/namespaces/shop/deployments/nope", 404, 'deployments.apps "nope" not found'),
        ("/api/v1/widgets", 404, "could not find the requested resource"),
        ("/nowhere", 404, "could not find the requested resource"),
        ("/api/v1/pods?fieldSelector=spec.colour%3Dred", 400, "field label not supported: spec.colour"),
        ("/api/v1/pods?labelSelector=app+in+(a", 400, "unable to parse requirement"),
        ("/api/v1/pods?limit=many", 400, "limit must be a whole number"),
        ("/api/v1/pods?continue=xyz", 400, "continue key is not valid"),
    ],
)
def test_errors_are_status_objects(ask: Client, path: str, code: int, words: str) -> None:
    status, answer = ask("GET", path)
    assert status == answer["code"] == code
    assert (answer["kind"], answer["status"]) == ("Status", "Failure")
    assert words in answer["message"]


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 70000 + b"\r\n\r\n"])
def test_garbage_hurts_nobody_else(read_only: ApiServer, ask: Client, garbage: bytes) -> None:
    port = int(read_only.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as broken:
        broken.sendall(garbage)
        broken.shutdown(socket.SHUT_WR)
        assert ask("GET", "/healthz") == (200, "ok")
        assert b"HTTP/1.1 200" not in broken.recv(65536)


def test_lists_are_paged(ask: Client) -> None:
    status, first = ask("GET", "/api/v1/pods?limit=30")
    assert status == 200
    assert first["metadata"]["remainingItemCount"] == 10
    _, rest = ask("GET", f"/api/v1/pods?limit=30&continue={first['metadata']['continue']}")
    names = [item["metadata"]["name"] for item in first["items"] + rest["items"]]
    assert len(set(names)) == len(names) == 40
    assert "continue" not in rest["metadata"]


def test_a_table_carries_the_metadata_that_kubectl_prints_from(ask: Client) -> None:
    _, answer = ask("GET", PODS, Accept=TABLE)
    assert answer["kind"] == "Table"
    assert [column["name"] for column in answer["columnDefinitions"]][:3] == ["Name", "Ready", "Status"]
    assert answer["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert "spec" not in answer["rows"][0]["object"]
    _, whole = ask("GET", f"{PODS}?includeObject=Object", Accept=TABLE)
    assert whole["rows"][0]["object"]["kind"] == "Pod"
    _, bare = ask("GET", f"{PODS}?includeObject=None", Accept=TABLE)
    assert "object" not in bare["rows"][0]


def test_discovery_comes_in_one_piece_or_in_parts(ask: Client) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    assert ask("GET", "/apis", Accept=accept)[1]["kind"] == "APIGroupDiscoveryList"
    assert ask("GET", "/apis")[1]["kind"] == "APIGroupList"
    old = accept.replace("v=v2;", "v=v2beta1;")
    assert ask("GET", "/apis", Accept=old)[1]["kind"] == "APIGroupList", "an older form was asked for"
    resources = ask("GET", "/apis/apps/v1")[1]["resources"]
    assert {"deployments", "deployments/scale"} <= {entry["name"] for entry in resources}


def test_secret_values_never_leave(ask: Client) -> None:
    _, secrets = ask("GET", "/api/v1/secrets")
    assert secrets["items"]
    for secret in secrets["items"]:
        assert secret["data"]
        assert set(secret["data"].values()) == {""}
        assert "last-applied" not in json.dumps(secret)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_read_only_recording_says_how_to_change_it(ask: Client, method: str) -> None:
    path = PODS if method == "POST" else DEPLOYMENT
    status, answer = ask(method, path, {})
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert "--writable" in answer["message"]


def test_a_writable_server_needs_an_overlay(demo: RecordedCluster) -> None:
    with pytest.raises(ValueError, match="Overlay"):
        ApiServer(demo, writable=True)


def lines_of(client: Client, path: str) -> Iterator[dict[str, Any]]:
    client.connection.request("GET", path, headers={"Authorization": f"Bearer {client.server.token}"})
    answer = client.connection.getresponse()
    while line := answer.readline():
        yield json.loads(line)


def test_a_watch_tells_what_changes_and_ends(writable: ApiServer, change: Client) -> None:
    version = change("GET", PODS)[1]["metadata"]["resourceVersion"]
    change("DELETE", f"{PODS}/{change('GET', PODS)[1]['items'][0]['metadata']['name']}")
    events = list(lines_of(Client(writable), f"{PODS}?watch=true&resourceVersion={version}&timeoutSeconds=1"))
    assert [event["type"] for event in events] == ["DELETED", "ADDED"]
    assert events[0]["object"]["metadata"]["name"] != events[1]["object"]["metadata"]["name"]


def test_a_watch_begins_with_what_is_there_and_says_so(read_only: ApiServer) -> None:
    path = f"{PODS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=0&allowWatchBookmarks=true"
    events = list(lines_of(Client(read_only), path))
    assert [event["type"] for event in events][:5] == ["ADDED"] * 4 + ["BOOKMARK"]
    assert events[4]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_of_one_label_sees_objects_come_and_go_by_their_labels(writable: ApiServer, change: Client) -> None:
    path = "/apis/apps/v1/namespaces/shop/deployments"
    version = change("GET", path)[1]["metadata"]["resourceVersion"]
    merge = "application/merge-patch+json"
    change("PATCH", DEPLOYMENT, {"metadata": {"labels": {"team": "a"}}}, Content_Type=merge)
    change("PATCH", DEPLOYMENT, {"metadata": {"labels": {"team": "b"}}}, Content_Type=merge)
    selected = f"{path}?watch=true&resourceVersion={version}&labelSelector=team%3Da&timeoutSeconds=0"
    selected = selected.replace("timeoutSeconds=0", "timeoutSeconds=1")
    assert [event["type"] for event in lines_of(Client(writable), selected)] == ["ADDED", "DELETED"]


def test_closing_ends_watches_and_idle_connections_at_once(demo: RecordedCluster) -> None:
    before = set(threading.enumerate())
    server = ApiServer(Overlay(demo), writable=True).start()
    watching, idle = Client(server), Client(server)
    idle("GET", "/healthz")
    headers = {"Authorization": f"Bearer {server.token}"}
    watching.connection.request("GET", f"{PODS}?watch=true&resourceVersion=99999999", headers=headers)
    answer = watching.connection.getresponse()
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 0.6
    assert answer.read() == b""
    assert [thread for thread in set(threading.enumerate()) - before if thread.is_alive()] == []
    server.close()
    with pytest.raises(OSError):
        Client(server)("GET", "/healthz")


def test_exec_is_refused_through_a_tunnel_too(read_only: ApiServer) -> None:
    host, port = "127.0.0.1", int(read_only.url.rpartition(":")[2])
    basic = base64.b64encode(f"{PROXY_USER}:{read_only.token}".encode()).decode()
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.set_tunnel(host, port, headers={"Proxy-Authorization": f"Basic {basic}"})
    connection.request("POST", f"{PODS}/x/exec?command=ls", headers={"Connection": "Upgrade", "Upgrade": "SPDY/3.1"})
    answer = connection.getresponse()
    assert answer.status == 403
    assert "recorded cluster" in json.loads(answer.read())["message"]
    refused = http.client.HTTPConnection(host, port, timeout=10)
    refused.set_tunnel(host, port)
    with pytest.raises(OSError, match="401"):
        refused.request("GET", "/version")


def test_conflicting_and_impossible_writes_are_refused(change: Client) -> None:
    _, held = change("GET", DEPLOYMENT)
    stale = held | {"metadata": held["metadata"] | {"resourceVersion": "1"}}
    assert change("PUT", DEPLOYMENT, stale)[0] == 409
    other = held | {"spec": held["spec"] | {"selector": {"matchLabels": {"a": "b"}}}}
    status, answer = change("PUT", DEPLOYMENT, other)
    assert status == 422
    assert "field is immutable" in answer["message"]
    merge = "application/merge-patch+json"
    assert change("PATCH", f"{DEPLOYMENT}/scale", {"spec": {"replicas": -1}}, Content_Type=merge)[0] == 422
    assert change("PATCH", DEPLOYMENT, {"spec": {"replicas": "two"}}, Content_Type=merge)[0] == 400
    assert change("PATCH", DEPLOYMENT, {}, Content_Type="text/plain")[0] == 415
    assert change("POST", "/api/v1/namespaces/nope/configmaps", {"metadata": {"name": "c"}})[0] == 404
    assert change("POST", "/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "Bad_Name"}})[0] == 422
    assert change("GET", DEPLOYMENT)[1] == held


def test_unknown_fields_are_refused_only_when_that_is_asked_for(change: Client) -> None:
    merge = "application/merge-patch+json"
    patch = {"spec": {"replicaz": 1}}
    status, answer = change("PATCH", f"{DEPLOYMENT}?fieldValidation=Strict", patch, Content_Type=merge)
    assert status == 400
    assert 'unknown field "spec.replicaz"' in answer["message"]
    assert change("PATCH", f"{DEPLOYMENT}?fieldValidation=Ignore&dryRun=All", patch, Content_Type=merge)[0] == 200


def test_an_autoscaler_of_the_old_version_is_kept_as_a_new_one(change: Client, fresh: Overlay) -> None:
    path = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers"
    target = {"kind": "Deployment", "name": "cart-api", "apiVersion": "apps/v1"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 60}
    status, answer = change("POST", path, {"metadata": {"name": "cart-api"}, "spec": spec})
    assert (status, answer["apiVersion"], answer["spec"]) == (201, "autoscaling/v1", spec)
    kept = fresh.get("horizontalpodautoscalers.autoscaling", "shop", "cart-api")
    assert kept["apiVersion"] == "autoscaling/v2"
    assert kept["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 60


def test_a_failure_within_is_answered_too(demo: RecordedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with ApiServer(demo) as server:
        monkeypatch.setattr(demo, "now", lambda: None)
        status, answer = Client(server)("GET", PODS, Accept=TABLE)
    assert (status, answer["reason"]) == (500, "InternalError")
    assert "the simulated API server failed at GET" in answer["message"]


def test_an_exhausted_disruption_budget_stops_an_eviction(change: Client, fresh: Overlay) -> None:
    budget = fresh.list("poddisruptionbudgets.policy")[0]
    fresh.put("poddisruptionbudgets.policy", {**budget, "status": {**budget["status"], "disruptionsAllowed": 0}})
    selector = budget["spec"]["selector"]["matchLabels"]
    pods = [p for p in fresh.list("pods", "kube-system") if selector.items() <= p["metadata"]["labels"].items()]
    path = f"/api/v1/namespaces/kube-system/pods/{pods[0]['metadata']['name']}/eviction"
    eviction = {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": pods[0]["metadata"]["name"]}}
    status, answer = change("POST", path, eviction)
    assert (status, answer["reason"]) == (429, "TooManyRequests")
    fresh.put("poddisruptionbudgets.policy", budget)
    assert change("POST", path, eviction)[0] == 201


def test_a_field_that_no_schema_knows_is_left_out_and_warned_of_without_breaking_the_headers(change: Client) -> None:
    odd = 'x"\r\nSet-Cookie: a=b'
    body = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "odd"}, odd: 1, "data": {"a": "b"}}
    status, made = change("POST", "/api/v1/namespaces/shop/configmaps", body)
    assert (status, sorted(made)) == (201, ["apiVersion", "data", "kind", "metadata"])
    assert change.headers["Warning"] == '299 - "unknown field \\"x\\"  Set-Cookie: a=b\\""'
    assert change.headers["Set-Cookie"] is None
