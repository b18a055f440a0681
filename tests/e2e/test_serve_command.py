"""`k8sagent serve` as a process: what it prints, who may read its token, how it ends, and what it says when it cannot start."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes.rest import frames

from engine.api.token import token_path
from tui.cli.main import main

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-m", "tui.cli", "serve", "--demo", "--port", "0"]
ENV = {"K8SAGENT_MODEL_PROVIDER": "none"}


@contextlib.contextmanager
def served(*flags: str, env: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A running server and a client that knows its token."""
    process = subprocess.Popen(
        [*SERVE, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **ENV, **(env or {})}
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()[1]
        headers = {"authorization": f"Bearer {token_path().read_text().strip()}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False, verify=False) as client:
            yield process, client
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_question_is_answered_and_ctrl_c_ends_the_server() -> None:
    with served("-n", "shop") as (process, client):
        assert client.base_url.host == "127.0.0.1"
        answer = client.post("/query", json={"query": "why is checkout-api restarting?"}).json()
        assert "STRIPE_API_KEY" in answer["root_causes"][0]["summary"]
        change = client.post("/query", json={"query": "scale deployment cart-api in shop to 3"})
        assert change.headers["k8sagent-outcome"] == "refused"
        assert "read-only" in change.json()["answer"]
        assert main(["serve", "--demo", "--port", str(client.base_url.port)]) == 5, "a second one cannot have the port"
        assert client.get("/examples").status_code == 200, "and has the same token"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    assert str(token_path()) in said
    assert token_path().read_text().strip() not in said
    assert "Traceback" not in said


@pytest.mark.kubectl
def test_sigterm_ends_it_while_a_stream_waits_for_an_approval_and_leaves_nothing() -> None:
    with served("-n", "shop", "--writable") as (process, client):
        told: list[dict[str, Any]] = []
        with client.stream(
            "POST", "/query", json={"query": "scale deployment cart-api to 3"}, headers={"accept": "text/event-stream"}
        ) as stream:
            for frame in frames(stream.iter_lines()):
                told.append(frame)
                if frame["event"] == "ApprovalRequested":
                    process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert [frame["event"] for frame in told][-2:] == ["ApprovalAnswered", "RunCancelled"]
        assert told[-2]["data"]["decision"]["kind"] == "reject"
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=5)


def test_a_server_for_others_says_what_that_means_and_knows_only_its_names() -> None:
    with served("--host", "0.0.0.0", env={"K8SAGENT_API_NAMES": "tools.example.org"}) as (process, client):
        local = f"http://127.0.0.1:{client.base_url.port}"
        for host, status in (("127.0.0.1", 200), ("tools.example.org", 200), ("localhost", 421), ("10.9.8.7", 421), ("0.0.0.0", 421)):
            assert client.get(f"{local}/examples", headers={"host": host}).status_code == status, host
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "not encrypted" in process.stderr.read()


# -- what it says when it cannot start


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    ours = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in ours]
    yield
    for number, handler in zip(ours, before, strict=True):
        signal.signal(number, handler)


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = main(["serve", "--demo", "--port", "0", *argv])
    out, said = capsys.readouterr()
    assert out == ""
    return code, said


@pytest.mark.parametrize(
    ("argv", "variable", "value", "words"),
    [
        (("--port", "70000"), "", "", "from 0 to 65535"),
        ((), "K8SAGENT_API_MAX_RUNS", "0", "max_runs"),
        ((), "K8SAGENT_API_REQUEST_SECONDS", "-1", "request_seconds"),
        ((), "K8SAGENT_API_MAX_BODY_KIB", "much", "K8SAGENT_API_MAX_BODY_KIB"),
    ],
)
def test_settings_that_no_server_could_use_are_named(
    argv: tuple[str, ...], variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if variable:
        monkeypatch.setenv(variable, value)
    code, said = refused(capsys, *argv)
    assert code == 2
    assert words in said


def test_an_address_that_is_not_ours_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(capsys, "--host", "192.0.2.1")
    assert code == 5
    assert "192.0.2.1" in said


def test_a_token_that_others_may_read_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    token_path().parent.mkdir(parents=True)
    token_path().write_text("x" * 50)
    token_path().chmod(0o644)
    code, said = refused(capsys)
    assert code == 5
    assert "others may read" in said


def test_without_the_extra_it_says_how_to_install_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "fastapi" else found(name, *more))
    code, said = refused(capsys)
    assert code == 2
    assert "needs fastapi" in said
    assert "k8sagent[api]" in said


def test_five_hundred_clients_at_once_get_an_answer_each_and_no_reset() -> None:
    with served() as (_, client):
        host, port = str(client.base_url.host), client.base_url.port
        sockets = [socket.create_connection((host, port), timeout=60) for _ in range(500)]
        request = (
            f"POST /query HTTP/1.1\r\nhost: {host}\r\nauthorization: x\r\ncontent-type: application/json\r\ncontent-length: 3000\r\n\r\n"
        )
        codes: dict[str, int] = {}
        for connection in sockets:
            connection.sendall(request.encode() + b" " * 3000)
        for connection in sockets:
            code = connection.recv(12).decode()[-3:]
            codes[code] = codes.get(code, 0) + 1
            connection.close()
    assert sum(codes.values()) == 500
    assert set(codes) <= {"401", "429", "503"}, codes
    assert codes.get("503", 0) >= 300
