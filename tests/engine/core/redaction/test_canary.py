"""A canary: one token in environment, kubeconfig, Secret, env of a pod and its log shows in nothing that leaves the engine."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from fakes.ollama_server import OllamaServer
from fakes.recordings import RECORDED_AT, files_of, write_folder
from fakes.scripted import Recorded

from engine.agent.agent import Agent
from engine.core.config import ClusterSettings, ModelSection, Settings
from engine.core.events import ApprovalRequested, CommandOutput, Event, EvidenceAdded, to_json
from engine.core.paths import state_folder
from engine.core.run import Run
from engine.core.types import Decision, ObjectRef
from engine.session.connection import Opening

CANARY = "ghp_" + "CanaryDoNotLeakMe0123456789abcdefXYZ"
CODED = base64.b64encode(CANARY.encode()).decode()
FORMS = (CANARY, CODED, CODED.rstrip("="), CANARY[4:], json.dumps(CANARY)[1:-1])


def recording(folder: Path) -> Path:
    meta: dict[str, Any] = {"name": "web-0", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-03-01T09:00:00Z"}
    ended = {"exitCode": 1, "reason": "Error", "finishedAt": RECORDED_AT, "startedAt": RECORDED_AT, "message": f"bad login token={CANARY}"}
    container = {"name": "app", "image": "registry.test/app:1", "env": [{"name": "DB_PASSWORD", "value": CANARY}]}
    status = {
        "name": "app",
        "ready": False,
        "restartCount": 7,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}},
        "lastState": {"terminated": ended},
    }
    template = {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [container]}}
    event = {
        "metadata": {"name": "web-0.1", "namespace": "shop", "uid": "e1"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-0"},
        "reason": "BackOff",
        "message": f"login with Bearer {CANARY} refused",
        "type": "Warning",
        "lastTimestamp": RECORDED_AT,
    }
    lists = {
        "core/v1/namespaces/Namespace!": [{"metadata": {"name": "shop", "uid": "n1"}}],
        "core/v1/pods/Pod": [
            {"metadata": meta, "spec": {"containers": [container]}, "status": {"phase": "Running", "containerStatuses": [status]}}
        ],
        "core/v1/events/Event": [event],
        "core/v1/secrets/Secret": [
            {"metadata": {"name": "db", "namespace": "shop", "uid": "s1"}, "type": "Opaque", "data": {"password": CODED}}
        ],
        "apps/v1/deployments/Deployment": [
            {
                "metadata": {"name": "api", "namespace": "shop", "uid": "d1", "generation": 1, "annotations": {"last": f"token: {CANARY}"}},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "api"}}, "template": template},
                "status": {"replicas": 1, "readyReplicas": 1},
            }
        ],
    }
    log = f"2026-03-01T09:59:00Z starting\n2026-03-01T09:59:01Z ERROR login failed: token={CANARY}\n"
    return write_folder(folder, files_of(lists, logs={f"shop/web-0/app{end}.log": log for end in ("", ".previous")}))


def parrot(request: Recorded) -> str:
    """A model that says back what it was told."""
    return f"CrashLoopBackOff of web-0 [E1]. {request.prompt[-1500:]}"


def finish(run: Run) -> list[Event]:
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested):
            run.answer(event.request.id, Decision("approve", typed=event.request.typed_name))
    return events


ASKED = ("why is web-0 restarting?", f"is {CANARY} the right token?", "show the logs of web-0", "list secrets", "scale api to 2")
TYPED = (
    "kubectl get pod web-0 -n shop -o yaml",
    "kubectl get pod web-0 -n shop -o json",
    "kubectl get pods -n shop -o jsonpath='{.items[*].spec.containers[*].env}'",
    "kubectl describe pod web-0 -n shop",
    "kubectl get deployment api -n shop -o yaml",
    "kubectl get events -n shop",
    "kubectl logs web-0 -n shop",
    "kubectl logs web-0 -n shop -p | grep -i token | cut -d: -f4",
    "kubectl get secrets -n shop",
    "kubectl get secret db -n shop -o yaml",
    "kubectl config view",
    "kubectl exec web-0 -n shop -- env",
    f"kubectl annotate pod web-0 -n shop token={CANARY}",
    f"kubectl get pods -l token={CANARY}",
)


@pytest.mark.kubectl
def test_a_token_never_leaves_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_TOKEN", "MY_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    config = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "real", "context": {"cluster": "c", "user": "u"}}
    user = {"name": "u", "user": {"token": CANARY, "client-key-data": CODED}}
    config.write_text(json.dumps({"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "real"}))
    monkeypatch.setenv("KUBECONFIG", str(config))
    outputs: list[Event] = []
    with OllamaServer(default=parrot) as server:
        settings = dataclasses.replace(Settings(), model=ModelSection(host=server.url), cluster=ClusterSettings(namespace="shop"))
        agent = Agent(settings, Opening(snapshot=recording(tmp_path / "recording"), writable=True))
        agent.start()
        try:
            for query in ASKED:
                outputs += finish(agent.ask(query))
            for text in TYPED:
                outputs += finish(agent.run_command(text))
            outputs += finish(agent.undo())
            exports = [agent.sessions.export(agent.session_id, format) for format in ("markdown", "json", "text")]
            web, api, secret = ObjectRef("Pod", "shop", "web-0"), ObjectRef("Deployment", "shop", "api"), ObjectRef("Secret", "shop", "db")
            details = [
                str(row) for row in (*agent.cluster.workloads("shop"), *agent.cluster.events("shop"), *agent.cluster.findings("shop"))
            ]
            details += [text for ref in (web, api, secret) for text in (agent.cluster.describe(ref), agent.cluster.yaml(ref))]
            logs = [agent.cluster.logs(web, previous=previous) for previous in (False, True)]
            details += [*logs, *(agent.cluster.events_about(ref) for ref in (web, api))]
        finally:
            agent.close()
        requests = [json.dumps(request.body) for request in server.requests] + [str(request.headers) for request in server.requests]
    assert [e for e in outputs if isinstance(e, EvidenceAdded)], "the log was looked at"
    assert all("ERROR login failed" in text for text in logs), "the tabs of the details show the log, and the event"
    assert "BackOff" in details[-2]
    assert any("[redacted:" in line for e in outputs if isinstance(e, CommandOutput) for line in e.lines), "and shown without the token"
    kept = {
        str(file): file.read_bytes().decode("utf-8", "replace")
        for file in state_folder().rglob("*")
        if file.is_file() and "undo" not in file.parts  # objects as the server gave them, for putting them back; 0600, never shown or sent
    }
    assert [name for name in kept if "audit" in name]
    assert [name for name in kept if "sessions" in name]
    places = {
        "events": "\n".join(json.dumps(to_json(event), ensure_ascii=False) for event in outputs),
        "requests": "\n".join(requests),
        "exports": "\n".join(exports),
        "cluster pane": "\n".join(details),
        **kept,
    }
    leaks = {(place, text[max(0, text.index(form) - 80) :][:120]) for place, text in places.items() for form in FORMS if form in text}
    assert not leaks
