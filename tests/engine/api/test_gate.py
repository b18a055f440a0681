"""Who may pass: host names, origins, the token, sizes, times and numbers, over real sockets against a real server."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes.agent import Gate
from fakes.rest import TOKEN, Rest, RestAgent, serving

from engine.api.gate import host_name
from engine.api.server import is_loopback, names_of
from engine.core.config import ApiSettings
from engine.core.events import AnswerFinished
from engine.core.types import Answer

KEY = f"authorization: Bearer {TOKEN}\r\n"
DONE = AnswerFinished(answer=Answer(tier="informational", text="all is well"))


@pytest.fixture(scope="module")
def rest() -> Iterator[Rest]:
    agent = RestAgent()
    agent.scripts["*"] = [DONE]
    with serving(agent, ApiSettings(max_body_kib=8, request_seconds=0.5)) as made:
        yield made


def raw(rest: Rest, text: str | bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; status, headers and body of the answer, read until the server closes."""
    with socket.create_connection(("127.0.0.1", rest.port), timeout=20) as made:
        made.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        got = b""
        while piece := made.recv(65536):
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), fields, body


def problem_of(body: bytes) -> dict[str, str]:
    """A refusal, which always has these three."""
    refusal = json.loads(body)
    assert set(refusal) == {"error", "why", "fix"}
    assert refusal["error"]
    assert "Traceback" not in body.decode()
    return dict(refusal)


# -- the token


@pytest.mark.parametrize(
    "header",
    [
        "",
        "authorization: Bearer wrong\r\n",
        "authorization: Bearer\r\n",
        f"authorization: Basic {TOKEN}\r\n",
        f"authorization: {TOKEN}\r\n",
        f"authorization: Bearer {TOKEN}x\r\n",
        f"authorization: Bearer {TOKEN[:-1]}\r\n",
        f"authorization: Bearer {TOKEN}\xe9\r\n",
        f"authorization: Bearer {TOKEN}\r\nauthorization: Bearer {TOKEN}\r\n",
        f"cookie: token={TOKEN}\r\n",
        f"proxy-authorization: Bearer {TOKEN}\r\n",
    ],
)
def test_nothing_of_the_cluster_is_told_without_exactly_the_token(rest: Rest, header: str) -> None:
    for request in ("GET /health", "GET /findings", "GET /examples", "DELETE /runs/x", "GET /nothing", "GET /docs/../health"):
        status, fields, body = raw(rest, f"{request} HTTP/1.1\r\nhost: 127.0.0.1\r\n{header}\r\n")
        assert status == 401, request
        assert fields["www-authenticate"].startswith("bearer")
        assert "token" in problem_of(body)["error"]


def test_a_stranger_s_body_is_not_read(rest: Rest) -> None:
    status, fields, _ = raw(
        rest, "POST /query HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000\r\ncontent-type: application/json\r\n\r\n"
    )
    assert status == 401
    assert fields["connection"] == "close"


def test_what_is_open_to_all_holds_nothing_of_the_cluster(rest: Rest) -> None:
    with rest.stranger() as stranger:
        page = stranger.get("/docs")
        assert page.status_code == 200
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(parts) == 3
        for part in parts:
            assert part.startswith("/docs/"), "nothing is fetched from elsewhere"
            assert stranger.get(part).status_code == 200
        described = stranger.get("/openapi.json")
        assert described.status_code == 200
        assert not {"demo", "shop-", "127.0.0.1"} & set(re.findall(r"[\w.-]+", described.text))
        schemes = described.json()["components"]["securitySchemes"]
        assert [scheme["scheme"] for scheme in schemes.values()] == ["bearer"], "what the Authorize button of Swagger needs"


def test_any_spelling_of_bearer_will_do(rest: Rest) -> None:
    with rest.stranger() as stranger:
        assert stranger.get("/examples", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


# -- who is asked, and from where


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9999", "localhost", "LOCALHOST:80", "[::1]:8000"])
def test_the_bound_names_pass_on_any_port_since_tunnels_change_it(rest: Rest, host: str) -> None:
    assert raw(rest, f"GET /examples HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{KEY}\r\n")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "127.0.0.2", "", "localhost@evil", "[::1].evil"]
)
def test_a_name_of_another_s_making_is_refused_even_with_the_token(rest: Rest, host: str) -> None:
    for path in ("/health", "/docs", "/openapi.json"):
        status, _, body = raw(rest, f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{KEY}\r\n")
        assert status == 421
        assert "names" in problem_of(body)["fix"]


def test_no_host_and_two_hosts_are_refused(rest: Rest) -> None:
    assert raw(rest, f"GET /health HTTP/1.0\r\n{KEY}\r\n")[0] == 421
    assert raw(rest, f"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n{KEY}\r\n")[0] == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1.evil.example", "file://"])
def test_a_web_page_elsewhere_is_refused_and_gets_no_cors(rest: Rest, origin: str) -> None:
    status, fields, body = raw(
        rest, f"OPTIONS /query HTTP/1.1\r\nhost: 127.0.0.1:{rest.port}\r\norigin: {origin}\r\nconnection: close\r\n{KEY}\r\n"
    )
    assert status == 403
    assert not [name for name in fields if name.startswith("access-control")]
    assert "other origins" in problem_of(body)["error"]


def test_the_server_s_own_page_may_ask(rest: Rest) -> None:
    with rest.client(headers={"origin": rest.url}) as client:
        assert client.get("/examples").status_code == 200
        assert not [name for name in client.get("/examples").headers if name.startswith("access-control")]


def test_names_of_the_host() -> None:
    assert names_of("127.0.0.1", ()) == {"127.0.0.1", "::1", "localhost"}
    assert names_of("10.0.0.5", ("Tools.Example.org",)) == {"10.0.0.5", "tools.example.org"}
    assert host_name("[::1]:80") == "::1"
    assert [host_name(text) for text in ("::1", "[::1].evil", "[::1", "a b", "localhost:", "localhost:x", "")] == [""] * 7
    assert [is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost", "0.0.0.0", "10.0.0.1", "example.org")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip


# -- sizes and times


def test_a_body_that_is_too_long_is_refused_by_its_length_before_it_is_sent(rest: Rest) -> None:
    head = f"POST /query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{KEY}content-length: 99999999\r\n\r\n"
    status, _, body = raw(rest, head)
    assert status == 413
    assert "8 KiB" in problem_of(body)["why"]


def test_a_body_that_is_too_long_is_refused_in_chunks_too(rest: Rest) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 1024

    with rest.client() as client:
        answer = client.post("/query", content=chunks(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert problem_of(answer.content)["error"] == "the body is too large"


def test_a_body_of_the_longest_allowed_length_passes(rest: Rest) -> None:
    body = json.dumps({"query": "list pods"}).encode()
    with rest.client(headers={"content-type": "application/json"}) as client:
        assert client.post("/query", content=body + b" " * (8 * 1024 - len(body))).status_code == 200
        assert client.post("/query", content=body + b" " * (8 * 1024 - len(body) + 1)).status_code == 413


@pytest.mark.parametrize("extra", ["x-a: " + "a" * 20_000, "\r\n".join(f"x-{n}: {'a' * 100}" for n in range(300))])
def test_a_head_that_is_too_long_is_refused(rest: Rest, extra: str) -> None:
    status, _, body = raw(rest, f"GET /examples HTTP/1.1\r\nhost: localhost\r\n{KEY}{extra}\r\n\r\n")
    assert status in (400, 431)
    problem_of(body)


def test_a_head_that_never_ends_is_closed(rest: Rest) -> None:
    with socket.create_connection(("127.0.0.1", rest.port), timeout=20) as made:
        made.sendall(b"GET /examples HTTP/1.1\r\nhost: localhost\r\nx-a: ")
        assert made.recv(100) == b""


def test_a_connection_that_says_nothing_is_closed(rest: Rest) -> None:
    with socket.create_connection(("127.0.0.1", rest.port), timeout=20) as made:
        assert made.recv(100) == b""


def test_a_body_that_never_comes_is_not_waited_for(rest: Rest) -> None:
    head = f"POST /query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{KEY}content-length: 50\r\n\r\n"
    status, _, body = raw(rest, head + '{"query":')
    assert status == 408
    problem_of(body)


@pytest.mark.parametrize(
    "text", ["\x00\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/99\r\nhost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"]
)
def test_what_is_no_http_is_answered_in_the_same_shape(rest: Rest, text: str) -> None:
    status, _, body = raw(rest, text)
    assert status == 400
    problem_of(body)


def test_two_lengths_or_length_and_chunks_smuggle_nothing(rest: Rest) -> None:
    base = f"POST /query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{KEY}"
    assert raw(rest, base + "content-length: 5\r\ncontent-length: 6\r\n\r\nhello")[0] == 400
    smuggled = base + "content-length: 4\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\nGET /examples HTTP/1.1\r\n\r\n"
    assert raw(rest, smuggled)[0] in (400, 422)


# -- bodies


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"why"', 422),
        (b"\xff\xfe\x00", 400),
        (b"[" * 5000, 400),
        (b'{"query": ""}', 422),
        (b'{"query": "   "}', 422),
        (b'{"query": 5}', 422),
        (b'{"query": "x", "no_llm": "true"}', 422),
        (b'{"query": "x", "namespace": "Shop"}', 422),
        (b'{"query": "x", "namespace": "-n kube-system"}', 422),
        (b'{"query": "x", "namespace": "shop\\n"}', 422),
        (b'{"query": "x", "pod": "--all"}', 422),
        (b'{"query": "\\ud800"}', 400),
        (b'{"query": "' + b"x" * 5000 + b'"}', 422),
        (b'{"query": "x", "mode": "ask"}', 422),
        (b'{"query": "x", "approve_session": true}', 422),
    ],
)
def test_what_does_not_fit_is_refused_and_asks_nothing(rest: Rest, body: bytes, status: int) -> None:
    with rest.client(headers={"content-type": "application/json"}) as client:
        answer = client.post("/query", content=body)
    assert answer.status_code in (status, 422), answer.text
    problem_of(answer.content)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_a_form_or_plain_text_is_no_question(rest: Rest, kind: str) -> None:
    with rest.client(headers={"content-type": kind}) as client:
        assert client.post("/query", content=b'{"query": "list pods"}').status_code == 415


@pytest.mark.parametrize(
    "call", ["GET /query", "PUT /query", "DELETE /query", "POST /health", "TRACE /health", "GET /nothing", "GET /docs/token"]
)
def test_other_methods_and_paths_are_told_apart(rest: Rest, call: str) -> None:
    method, path = call.split()
    with rest.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == (404 if path in ("/nothing", "/docs/token") else 405)
    problem_of(answer.content)


# -- numbers


def test_of_fifty_at_a_time_each_is_answered_or_told_when_to_come_again() -> None:
    agent, gate = RestAgent(), Gate()
    agent.scripts["*"] = [gate, DONE]
    refused = threading.Semaphore(0)

    def ask(rest: Rest) -> tuple[int, str]:
        with rest.client() as client:
            answer = client.post("/query", json={"query": "list pods"})
        if answer.status_code != 200:
            problem_of(answer.content)
            refused.release()
        return answer.status_code, answer.headers.get("retry-after", "")

    with serving(agent, ApiSettings(max_runs=4)) as rest, ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(ask, rest) for _ in range(50)]
        for _ in range(46):
            assert refused.acquire(timeout=60)
        gate.open()
        answers = sorted(each.result(60) for each in asked)
        assert answers == [(200, "")] * 4 + [(429, "2")] * 46
        with rest.client() as client:
            assert client.post("/query", json={"query": "list pods"}).status_code == 200, "there is room again"


def test_connections_that_only_wait_do_not_lock_others_out_for_long() -> None:
    with serving(RestAgent(), ApiSettings(max_requests=5, request_seconds=1.0)) as rest:
        idle = [socket.create_connection(("127.0.0.1", rest.port), timeout=20) for _ in range(5)]
        status, fields, body = raw(rest, f"GET /examples HTTP/1.1\r\nhost: localhost\r\n{KEY}\r\n")
        assert (status, fields["retry-after"]) == (503, "1")
        problem_of(body)
        for each in idle:
            assert each.recv(10) == b"", "it was closed, since it said nothing"
            each.close()
        assert raw(rest, f"GET /examples HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{KEY}\r\n")[0] == 200
