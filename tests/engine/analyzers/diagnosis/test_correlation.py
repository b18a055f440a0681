"""One fault, many symptoms: the chain leads from the root cause to what the user sees, and red herrings do not win."""

# ruff: noqa: E501
from __future__ import annotations

import re

from fakes.manifests import (
    NS,
    Raw,
    ago,
    config_map,
    container,
    crash_loop,
    deployment,
    ended,
    event,
    log_of,
    meta,
    pod,
    running,
    service,
    view,
    workload,
)

from engine.analyzers.check import check
from engine.analyzers.diagnosis.hypotheses import of_diagnosis
from engine.analyzers.diagnosis.rank import diagnose


def front(upstream: str = "back") -> list[Raw]:
    made = workload(container("nginx", image="nginx:1"), statuses=[running("nginx", ready=False, seconds=600)], name="front")
    made[2]["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/", "port": 80}}
    told = event(made[2], "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 502", container="nginx", count=40)
    return [*made, told, service("front", ip="10.96.0.11", target=80)]


def front_log(made: list[Raw]) -> dict[tuple[str, str, str, bool], list[str]]:
    line = '2031/05/04 11:59:00 [error] 7#7: *{} connect() failed (111: Connection refused) while connecting to upstream, client: 10.1.0.1, server: , request: "GET / HTTP/1.1", upstream: "http://10.96.0.12:8080/", host: "x"'
    return log_of(made[2], "\n".join(line.format(i) for i in range(20)), name="nginx", every=5, until=2)


def back(database: str = "store") -> list[Raw]:
    made = workload(
        container("api", env=[{"name": "DB", "value": f"tcp://{database}.{NS}.svc.cluster.local:5432"}]),
        statuses=[running("api", ready=False, seconds=600)],
        name="back",
    )
    made[2]["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": 8080}}
    told = event(made[2], "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", container="api", count=40)
    return [*made, told, service("back", ip="10.96.0.12", port=8080)]


def back_log(made: list[Raw], database: str = "store") -> dict[tuple[str, str, str, bool], list[str]]:
    line = f"ERROR HikariPool-1 - java.net.ConnectException: Connection refused ({database}.{NS}.svc.cluster.local/10.96.0.13:5432)"
    return log_of(made[2], "\n".join([line] * 20), name="api", every=5, until=1)


def stateful_database(*, claim: Raw) -> list[Raw]:
    database = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta("store"),
        "spec": {
            "replicas": 1,
            "serviceName": "store",
            "template": {"metadata": {"labels": {"app": "store"}}, "spec": {"containers": [container("pg")]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}],
        },
        "status": {"replicas": 1},
    }
    first = pod(
        "store-0",
        container("pg"),
        statuses=[],
        owner=("StatefulSet", "store"),
        labels={"app": "store"},
        phase="Pending",
        node="",
        spec={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-store-0"}}]},
    )
    first["status"]["conditions"] = [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        }
    ]
    told = event(first, "FailedScheduling", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    return [database, first, told, service("store", ip="10.96.0.13", port=5432, target=5432), claim]


def claim(storage_class: str | None) -> Raw:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta("data-store-0"),
        "spec": {**spec, **({"storageClassName": storage_class} if storage_class else {})},
        "status": {"phase": "Pending"},
    }


def test_502_from_the_front_is_one_root_cause_four_steps_away() -> None:
    f, b = front(), back()
    made = view(f, b, stateful_database(claim=claim("gold")), logs={**front_log(f), **back_log(b)})
    told = diagnose(made, "customers get 502 from front")
    assert len(told.root_causes) == 1
    root = told.root_causes[0]
    assert root.finding.object.kind == "PersistentVolumeClaim" and "gold" in root.finding.summary
    assert len(root.chain) >= 4
    steps = [re.search(word, " | ".join(root.chain)) is not None for word in ("gold", "store-0|store", "back", "front")]
    assert all(steps)
    assert root.symptom.owner is not None and root.symptom.owner.name == "front"


def test_every_symptom_points_to_a_cause_and_no_circle_is_closed() -> None:
    f, b = front(), back()
    report = check(view(f, b, stateful_database(claim=claim("gold")), logs={**front_log(f), **back_log(b)}))
    by_id = {x.id: x for x in report.findings}
    roots = [x for x in report.findings if x.severity != "info" and not [c for c in x.causes if c in by_id]]
    assert [r.object.kind for r in roots] == ["PersistentVolumeClaim"]
    for finding in report.findings:
        seen, waiting = set(), list(finding.causes)
        while waiting:
            current = waiting.pop()
            assert current != finding.id
            if current not in seen and current in by_id:
                seen.add(current)
                waiting.extend(by_id[current].causes)


def test_causes_come_before_their_symptoms_in_the_report() -> None:
    f, b = front(), back()
    report = check(view(f, b, stateful_database(claim=claim("gold")), logs={**front_log(f), **back_log(b)}))
    place = {x.id: i for i, x in enumerate(report.findings)}
    critical = [x for x in report.findings if x.severity == "critical"]
    roots = [x for x in critical if not x.causes]
    assert max(place[x.id] for x in roots) < min(place[x.id] for x in critical if x.causes)


def test_the_same_refusal_with_a_database_scaled_to_zero_has_another_root() -> None:
    b = back()
    made = view(b, deployment("store", replicas=0), service("store", ip="10.96.0.13", port=5432, target=5432), logs=back_log(b))
    told = diagnose(made, "back is not ready")
    assert str(told.root_causes[0].finding.object) == "Deployment/store"
    assert "scaled" in told.root_causes[0].finding.summary


def test_a_crashing_database_explains_its_clients() -> None:
    b = back()
    database = workload(container("pg"), statuses=[crash_loop("pg")], name="store")
    log = log_of(database[2], "FATAL:  database files are incompatible with server", name="pg", previous=True)
    told = diagnose(
        view(b, database, service("store", ip="10.96.0.13", port=5432, target=5432), logs={**back_log(b), **log}), "back is not ready"
    )
    assert str(told.root_causes[0].finding.object) == "Deployment/store"
    assert "incompatible" in told.root_causes[0].finding.summary


def test_an_old_restart_does_not_win_over_what_fails_now() -> None:
    old = workload(container(), statuses=[running(seconds=4000, restarts=2, last=ended(0, "Completed", seconds=4000))], name="gate")
    bad = workload(container(), statuses=[crash_loop()], name="till")
    told = diagnose(
        view(old, bad, logs=log_of(bad[2], "environment variable TILL_ID is not set", previous=True)),
        "orders fail; I saw gate restart earlier",
    )
    assert str(told.root_causes[0].finding.object) == "Deployment/till"
    assert any(f.code == "RestartedBefore" and f.severity == "info" for f in told.findings)


def test_events_of_an_earlier_pod_of_the_same_name_do_not_count() -> None:
    made = workload(container(readinessProbe={"tcpSocket": {"port": 1}}), statuses=[running()])
    old = event(made[2], "Killing", "Container app failed liveness probe, will be restarted", container="app")
    old["involvedObject"]["uid"] = "uid-of-the-pod-before"
    assert diagnose(view(made, old), "is web ok?").healthy


def test_a_resolved_warning_is_no_fault() -> None:
    made = workload(container(readinessProbe={"tcpSocket": {"port": 8080}}), statuses=[running()])
    early = [
        event(made[2], "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", seconds=3500),
        event(made[2], "Unhealthy", "Readiness probe failed: connection refused", container="app", seconds=3400, count=1),
    ]
    told = diagnose(view(made, early), "is everything ok?")
    assert told.healthy and not told.root_causes
    assert "1 of 1 pods ready" in told.looked_at


def test_of_two_faults_only_the_asked_one_is_told_and_both_where_none_is_named() -> None:
    one = workload(container(), statuses=[crash_loop()], name="alpha")
    two = workload(container(), statuses=[crash_loop()], name="beta")
    logs = {
        **log_of(one[2], "environment variable A_KEY is not set", previous=True),
        **log_of(two[2], "environment variable B_KEY is not set", previous=True),
    }
    made = view(one, two, logs=logs)
    assert [r.finding.object.name for r in diagnose(made, "what is wrong with beta?").root_causes] == ["beta"]
    assert {f.object.name for f in diagnose(made, "what is wrong with alpha?").findings if f.severity == "critical"} == {"alpha", "beta"}
    assert {r.finding.object.name for r in diagnose(made, "what is wrong here?").root_causes} == {"alpha", "beta"}


def test_a_pod_option_and_a_service_name_lead_to_the_workload() -> None:
    one = workload(container(), statuses=[crash_loop()], name="alpha")
    two = workload(container(), statuses=[crash_loop()], name="beta")
    made = view(one, two, service("shop-front", {"app": "beta"}))
    assert diagnose(made, "why?", pod="alpha-5d8-abcde").root_causes[0].finding.object.name == "alpha"
    assert diagnose(made, "shop-front does not answer").root_causes[0].finding.object.name == "beta"


def test_an_intended_state_is_no_fault_unless_somebody_complains() -> None:
    made = view(deployment("worker", replicas=0), workload(container(), statuses=[running()]))
    assert diagnose(made, "is everything ok?").healthy
    assert diagnose(made, "worker does nothing").root_causes[0].finding.code == "ScaledToZero"


def test_a_host_in_a_config_map_finds_its_service() -> None:
    made = workload(
        container("api", envFrom=[{"configMapRef": {"name": "env"}}], readinessProbe={"httpGet": {"path": "/r", "port": 8080}}),
        statuses=[running("api", ready=False, seconds=600)],
        name="back",
    )
    told = event(made[2], "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", container="api")
    objects = [config_map("env", {"CACHE_HOST": "cache"}), deployment("cache", replicas=0), service("cache", port=6379)]
    assert str(diagnose(view(made, told, objects), "back is not ready").root_causes[0].finding.object) == "Deployment/cache"


def test_hypotheses_hold_the_cause_and_refute_the_usual_suspects() -> None:
    made = workload(container(), statuses=[crash_loop()])
    told = diagnose(view(made, logs=log_of(made[2], "environment variable GEO_TOKEN is not set", previous=True)), "why does web crash?")
    found = [tested.hypothesis for tested in of_diagnosis(told)]
    assert found[0].status == "supported" and "GEO_TOKEN" in found[0].statement
    assert found[0].test == f"kubectl logs web-5d8-abcde -n {NS} -c app --previous --tail=40"
    assert "GEO_TOKEN" in found[0].prediction
    refuted = [h for h in found if h.status == "refuted"]
    assert any("memory" in h.statement for h in refuted)
    assert all(h.test.startswith("kubectl ") and h.confidence < 0.1 for h in refuted)
    assert len({h.id for h in found}) == len(found)


def test_evidence_is_quoted_and_dated() -> None:
    made = workload(container(), statuses=[crash_loop()])
    told = diagnose(view(made, logs=log_of(made[2], "environment variable GEO_TOKEN is not set", previous=True)), "why does web crash?")
    evidence = told.root_causes[0].evidence
    assert evidence[0].excerpt == "environment variable GEO_TOKEN is not set" and evidence[0].at.startswith("2031-05-04T11:59:30")
    assert any("exitCode: 1" in e.excerpt and e.at == ago(30) for e in evidence)


def test_a_suspended_cron_job_is_told_to_who_misses_its_work_and_not_to_others() -> None:
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": meta("db-backup"),
        "spec": {"schedule": "0 2 * * *", "suspend": True},
        "status": {},
    }
    made = view(workload(container(), statuses=[running()]), cron)
    assert diagnose(made, "everything is running but no backups have been made").root_causes[0].finding.code == "CronJobSuspended"
    assert diagnose(made, "no backups since last week").root_causes[0].finding.code == "CronJobSuspended"
    assert diagnose(made, "is everything ok?").healthy
    assert diagnose(made, "is web still broken?").healthy
    assert diagnose(made, "web is slow").root_causes == ()
