"""One hop along the logs: the backend's own words, also where its pods are ready or in another namespace, and what a probe's answer hides."""

# ruff: noqa: E501 - log lines are as long as programs write them
from __future__ import annotations

import re
from typing import Any

from fakes.manifests import Raw, container, crash_loop, event, log_of, running, secret, service, view, workload

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import diagnose

READY: Raw = {"httpGet": {"path": "/ready", "port": 8080}}
ALIVE: Raw = {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 10, "failureThreshold": 3}


def repeated(line: str, times: int = 30) -> str:
    return "\n".join(line for _ in range(times))


def client_and_backend(client_log: str, backend_log: str, *, client_ready: bool, far: bool, query: str = "") -> tuple[ClusterView, str]:
    """`web` in the namespace that is asked about calls `ledger`, whose one pod is ready."""
    place: dict[str, Any] = {"namespace": "bank"} if far else {}
    host = "ledger.bank.svc.cluster.local" if far else "ledger"
    env = [{"name": "LEDGER_URL", "value": f"http://{host}:8080"}]
    state = running() if client_ready else crash_loop()
    web = workload(container(env=env, ports=[{"containerPort": 8080}]), statuses=[state], name="web")
    ledger = workload(container(ports=[{"containerPort": 8080}]), statuses=[running()], name="ledger", **place)
    made = [*web, *ledger, service("ledger", {"app": "ledger"}, port=8080, **place)]
    logs = {
        **log_of(web[-1], client_log.format(host=host), previous=not client_ready, every=5),
        **log_of(ledger[-1], backend_log, every=5),
    }
    return view(*made, logs=logs), query or "why does web not work?"


def first_of(made: ClusterView, query: str) -> tuple[str, str]:
    roots = diagnose(made, query).root_causes
    return (str(roots[0].finding.owner or roots[0].finding.object), roots[0].finding.summary) if roots else ("", "nothing")


def test_the_error_of_a_ready_backend_is_the_cause_of_its_clients_complaint() -> None:
    complaints = {
        "503": "ERROR GET http://{host}:8080/v1/accounts failed: 503 Service Unavailable",
        "timeout": 'ERROR Get "http://{host}:8080/v1/accounts": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        "reset": "ERROR read tcp 10.1.2.3:41000->10.96.0.50:8080: connection reset by peer calling {host}:8080",
    }
    faults = {
        "no space left": "ERROR write /data/journal/000017: no space left on device",
        "too many clients": "FATAL: sorry, too many clients already",
        "maxmemory": "ERROR cache: OOM command not allowed when used memory > 'maxmemory'.",
    }
    wrong = []
    for far in (False, True):
        for ready in (False, True):
            for name, complaint in complaints.items():
                for words, fault in faults.items():
                    made, query = client_and_backend(repeated(complaint), repeated(fault), client_ready=ready, far=far)
                    owner, summary = first_of(made, query)
                    if "ledger" not in owner or not re.search(words, summary, re.IGNORECASE):
                        wrong.append(
                            f"{name}, {words}, {'far' if far else 'near'}, {'ready' if ready else 'crashing'}: {owner} {summary[:120]}"
                        )
    assert wrong == []


def test_a_healthy_backend_leaves_the_complaint_with_the_client() -> None:
    made, query = client_and_backend(
        repeated("ERROR GET http://{host}:8080/v1/accounts failed: 503 Service Unavailable"),
        repeated("INFO GET /healthz 200"),
        client_ready=False,
        far=True,
    )
    owner, summary = first_of(made, query)
    assert "web" in owner and "ledger" in summary


def probed(kind: str, answer: str, log: str, *, restarts: bool = False) -> ClusterView:
    probe = {"readinessProbe": READY} if kind == "Readiness" else {"livenessProbe": ALIVE}
    state = crash_loop(code=137) if restarts else running(ready=False)
    made = workload(container(ports=[{"containerPort": 8080}], **probe), statuses=[state])
    events = [event(made[-1], "Unhealthy", f"{kind} probe failed: {answer}", container="app", count=20)]
    if restarts:
        events.append(
            event(made[-1], "Killing", f"Container app failed {kind.lower()} probe, will be restarted", kind="Normal", container="app")
        )
    return view(*made, *events, logs=log_of(made[-1], log, previous=restarts, every=5))


def test_a_probes_answer_is_a_symptom_where_the_log_repeats_an_error() -> None:
    answers = (
        "HTTP probe failed with statuscode: 503",
        "HTTP probe failed with statuscode: 500",
        'Get "http://10.1.2.3:8080/ready": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    )
    wrong = []
    for kind, restarts in (("Readiness", False), ("Liveness", True)):
        for answer in answers:
            for words, line in (
                ("too many clients", "ERROR db: FATAL: sorry, too many clients already"),
                ("quota of the licence server", "ERROR health: quota of the licence server is used up"),
            ):
                _, summary = first_of(probed(kind, answer, repeated(line), restarts=restarts), "why is web not ready?")
                if words not in summary:
                    wrong.append(f"{kind}, {answer[:40]}: {summary[:160]}")
    assert wrong == []


def test_a_probe_that_is_wrong_itself_is_the_cause_whatever_the_log_says() -> None:
    made = probed("Readiness", "HTTP probe failed with statuscode: 404", repeated("WARN cache is cold"))
    assert "does not exist there" in first_of(made, "why is web not ready?")[1]


def test_exit_codes_of_signals_say_their_signal() -> None:
    for code, word in ((132, "SIGILL"), (134, "SIGABRT"), (135, "SIGBUS"), (139, "SIGSEGV")):
        made = workload(container(), statuses=[crash_loop(code=code)])
        summary = first_of(view(*made, logs=log_of(made[-1], "INFO starting\nINFO loading model", previous=True)), "why does web crash?")[1]
        assert word in summary, summary


def test_an_object_that_a_program_asked_for_is_looked_for() -> None:
    lines = {
        "missing": (
            'E1120 08:00:00.000001 1 main.go:10] "cannot start" err="secrets \\"smtp-login\\" not found"',
            "Secret smtp-login does not exist in namespace",
        ),
        "elsewhere": (
            '{"level":"error","msg":"sync failed","namespace":"mail","error":"configmaps \\"relay\\" not found"}',
            "ConfigMap relay does not exist in namespace mail",
        ),
        "close": ('level=error msg="cannot start" err="secrets \\"smtp-logins\\" not found"', "did you mean smtp-log"),
    }
    for name, (line, words) in lines.items():
        made = workload(container(), statuses=[crash_loop()])
        others = [secret("smtp-log", "password")] if name == "close" else []
        summary = first_of(view(*made, *others, logs=log_of(made[-1], line, previous=True)), "why does web crash?")[1]
        assert words in summary, summary
