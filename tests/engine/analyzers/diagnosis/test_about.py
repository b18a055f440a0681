"""A check of one object tells what concerns it and what explains that; symptoms stand under their cause."""

from __future__ import annotations

import pytest
from fakes.lab import Lab
from fakes.manifests import container, crash_loop, event, log_of, node, pod, running, secret, service, view, workload

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.about import NoSuchObject, about, grouped
from engine.analyzers.diagnosis.hypotheses import of_diagnosis
from engine.analyzers.diagnosis.rank import diagnose


def cascade() -> ClusterView:
    """`web` cannot reach `db`, which crashes; `other` crashes on its own."""
    lab = Lab()
    lab.app("db", crash_loop(), log="FATAL: environment variable PGDATA_KEY is not set", port=5432)
    lab.add(service("db", port=5432, target=5432))
    lab.app(
        "web",
        running(ready=False),
        env=[{"name": "DB", "value": "postgres://db:5432/x"}],
        readinessProbe={"httpGet": {"path": "/ready", "port": 8080}},
        events=[("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")],
        log="ERROR dial tcp db:5432: connect: connection refused\nERROR dial tcp db:5432: connect: connection refused",
    )
    lab.app("other", crash_loop(), log="environment variable OTHER_KEY is not set")
    return lab.view()


def test_an_object_is_told_with_its_causes_and_without_the_unrelated() -> None:
    seen = cascade()
    told = about(seen, check(seen), "Deployment", "web")
    names = {f.object.name for f in told.findings}
    assert {"web", "db"} <= names
    assert "other" not in names and "ledger" not in names


def test_symptoms_stand_once_under_their_cause() -> None:
    report = check(cascade())
    groups = grouped(report.findings)
    symptoms = next(s for r, s in groups if r.code == "MissingEnvironment" and r.object.name == "db")
    assert {"ServiceNotReady", "ConnectionRefused"} <= {s.code for s in symptoms}
    listed = [f.id for r, s in groups for f in (r, *s)]
    assert sorted(listed) == sorted(f.id for f in report.findings)


def test_an_object_that_is_not_there_is_said_with_the_nearest_name() -> None:
    seen = cascade()
    with pytest.raises(NoSuchObject, match="no Deployment weeb in namespace lab; did you mean web"):
        about(seen, check(seen), "Deployment", "weeb")


def test_a_healthy_object_has_no_findings() -> None:
    seen = cascade()
    assert about(seen, check(seen), "Deployment", "front").findings == ()


def test_over_all_namespaces_a_named_object_gets_no_hypotheses_about_others() -> None:
    mine = workload(container(), statuses=[crash_loop()], name="checkout", namespace="shop")
    theirs = [workload(container(), statuses=[crash_loop()], name=f"worker{n}", namespace=f"team-{n}") for n in range(3)]
    logs = log_of(mine[2], "environment variable A_KEY is not set", previous=True)
    for each in theirs:
        logs |= log_of(each[2], "environment variable B_KEY is not set", previous=True)
    told = diagnose(view(mine, *theirs, logs=logs, scope=None), "why is checkout restarting?")
    assert [str(r.finding.object) for r in told.root_causes] == ["Deployment/checkout"]
    assert not [h.hypothesis.statement for h in of_diagnosis(told) if "worker" in h.hypothesis.statement]
    assert {"worker0", "worker1", "worker2"} <= {f.object.name for f in told.findings}


def test_a_secret_whose_data_is_not_shown_lacks_no_key() -> None:
    """A list of metadata alone gives Secrets without `data`; nothing is known of their keys then."""
    bare = secret("web-tls", kind="kubernetes.io/tls")
    del bare["data"]
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "web-tls", "key": "token"}}}]
    lab = Lab()
    lab.add(bare)
    lab.app("web", env=env, envFrom=[{"secretRef": {"name": "web-tls"}}], spec={"volumes": [{"name": "t", "secret": {"secretName": "web-tls", "items": [{"key": "tls.crt", "path": "c"}]}}]}, port=8080)  # fmt: skip  # noqa: E501
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "lab", "uid": "i"},
        "spec": {"tls": [{"hosts": ["a.example"], "secretName": "web-tls"}], "rules": []},
    }
    lab.add(ingress)
    told = check(lab.view()).findings
    assert not [f.summary for f in told if "web-tls" in f.summary]


def test_a_key_is_said_to_be_missing_where_the_keys_are_shown() -> None:
    lab = Lab()
    lab.add(secret("web-tls", "tls.crt", kind="kubernetes.io/tls"))
    lab.app(
        "web", spec={"volumes": [{"name": "t", "secret": {"secretName": "web-tls", "items": [{"key": "token", "path": "c"}]}}]}, port=80
    )
    assert [f.code for f in check(lab.view()).findings if "web-tls" in f.summary and "token" in f.summary]


def test_eviction_without_pressure_now_stays_with_the_workload() -> None:
    gone = pod("web-5d8-old", statuses=[], phase="Failed", status={"reason": "Evicted", "message": "The node was low on resource: memory."})
    made = workload(container(), statuses=[crash_loop()])
    told = check(view(made, gone, node(), event(gone, "Evicted", "The node was low on resource: memory."))).findings
    assert "MemoryPressure" not in {f.code for f in told}


def test_a_node_that_is_down_elsewhere_is_no_answer_about_a_worker_deployment() -> None:
    lab = Lab(nodes=[node("node-a"), node("node-z", ready="Unknown")])
    lab.app("mail-worker", node="node-a")
    assert not diagnose(lab.view(), "why is mail-worker slow?").root_causes
    asked = diagnose(lab.view(), "is there a node that does not work?").root_causes
    assert [str(r.finding.object) for r in asked] == ["Node/node-z"]
