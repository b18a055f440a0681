"""Faults between objects: admission, accounts, DNS, scaling, policies, nodes; the diagnosis picks the cause among many findings."""

# ruff: noqa: E501 - a case stands together
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
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
    namespace,
    node,
    pod,
    replicaset,
    running,
    secret,
    service,
    view,
    waiting,
    workload,
)

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import diagnose

Case = tuple[ClusterView, str, str, list[str]]
CASES: dict[str, Callable[[], Case]] = {}


def case(build: Callable[[], Case]) -> Callable[[], Case]:
    CASES[build.__name__] = build
    return build


def refused(message: str, *objects: Any, name: str = "web", pod_spec: Raw | None = None) -> ClusterView:
    """A Deployment whose ReplicaSet cannot create pods."""
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    made = deployment(name, replicas=2, conditions=[{"type": "Available", "status": "False"}, condition], pod_spec=pod_spec)
    made["status"]["replicas"] = 0
    rs = replicaset(f"{name}-5d8", name, replicas=2)
    rs["status"] = {"replicas": 0, "conditions": [condition]}
    rs["spec"]["template"]["spec"].update(pod_spec or {})
    return view(made, rs, event(rs, "FailedCreate", f"Error creating: {message}"), *objects)


@case
def service_account_missing() -> Case:
    made = refused(
        'pods "web-5d8-" is forbidden: error looking up service account lab/runner: serviceaccount "runner" not found',
        pod_spec={"serviceAccountName": "runner"},
    )
    return made, "web has no pods", "ServiceAccount/runner", ["runner", "not (found|exist)"]


@case
def priority_class_missing() -> Case:
    made = refused('pods "web-5d8-" is forbidden: no PriorityClass with name urgent was found', pod_spec={"priorityClassName": "urgent"})
    return made, "web has no pods", "PriorityClass/urgent", ["urgent"]


@case
def limit_range_maximum() -> Case:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": meta("caps"),
        "spec": {"limits": [{"type": "Container", "max": {"memory": "256Mi"}}]},
    }
    made = refused('pods "web-5d8-x" is forbidden: maximum memory usage per Container is 256Mi, but limit is 1Gi', limits)
    return made, "web has no pods", "LimitRange/caps|Deployment/web", ["256Mi", "1Gi"]


@case
def quota_demands_limits() -> Case:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": meta("team"),
        "spec": {"hard": {"limits.memory": "4Gi"}},
        "status": {"hard": {"limits.memory": "4Gi"}, "used": {"limits.memory": "0"}},
    }
    made = refused('pods "web-5d8-x" is forbidden: failed quota: team: must specify limits.memory for: app', quota)
    return made, "web has no pods", "ResourceQuota/team|Deployment/web", ["limits.memory", "quota"]


@case
def webhook_without_its_service() -> Case:
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": meta("guard", ""),
        "webhooks": [
            {
                "name": "guard.example.com",
                "failurePolicy": "Fail",
                "clientConfig": {"service": {"name": "guard", "namespace": "guards", "path": "/v"}},
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            }
        ],
    }
    made = refused(
        'Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.guards.svc:443/v?timeout=10s": service "guard" not found',
        hook,
        namespace("guards"),
    )
    return made, "web has no pods", "ValidatingWebhookConfiguration/guard", ["guard", "webhook"]


@case
def oom_from_a_limit_range_default() -> Case:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": meta("small"),
        "spec": {"limits": [{"type": "Container", "default": {"memory": "32Mi"}}]},
    }
    made = workload(container(), statuses=[crash_loop(code=137, reason="OOMKilled")])
    made[2]["spec"]["containers"] = [container(resources={"limits": {"memory": "32Mi"}})]
    return view(made, limits), "web restarts", "LimitRange/small", ["OOM", "32Mi", "LimitRange"]


@case
def min_ready_seconds() -> Case:
    made = workload(container(), statuses=[running(seconds=60)])
    made[0]["spec"]["minReadySeconds"] = 1800
    made[0]["status"].update(readyReplicas=1, availableReplicas=0)
    return view(made), "the rollout of web takes forever", "Deployment/web", ["minReadySeconds", "1800"]


@case
def bad_revision() -> Case:
    made = workload(container(image="shop/web:2.0"), statuses=[crash_loop()])
    made[1]["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    old = replicaset("web-old", "web")
    old["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    old["spec"]["template"]["spec"]["containers"] = [container(image="shop/web:1.9")]
    old["status"]["readyReplicas"] = 2
    return (
        view(made, old, logs=log_of(made[2], "panic: runtime error: index out of range [3] with length 2", previous=True)),
        "web broke after the deploy",
        "Deployment/web",
        ["panic", "revision 2", "1\\.9"],
    )


@case
def variable_that_is_not_expanded() -> Case:
    env = [{"name": "DB_URL", "value": "postgres://$(DB_HOST):5432/x"}, {"name": "DB_HOST", "value": "db"}]
    made = workload(container(env=env), statuses=[crash_loop()])
    log = log_of(made[2], 'FATAL could not translate host name "$(DB_HOST)" to address: Name or service not known', previous=True)
    db = workload(container("pg", ports=[{"containerPort": 5432}]), statuses=[running("pg")], name="db")
    return (
        view(made, db, service("db", port=5432, target=5432), logs=log),
        "web crashes",
        "Deployment/web",
        ["DB_HOST", "DB_URL", "expanded"],
    )


@case
def termination_message_only() -> Case:
    made = workload(container(), statuses=[crash_loop(message="ERROR: license file /etc/app/license.key: no such file or directory")])
    return view(made), "web crashes", "Deployment/web", ["license.key"]


@case
def program_on_loopback() -> Case:
    made = workload(container(ports=[{"containerPort": 5000}]), statuses=[running()])
    log = log_of(made[2], " * Running on http://127.0.0.1:5000\nPress CTRL+C to quit", every=600)
    return (
        view(made, service("web", port=80, target=5000), logs=log),
        "nobody reaches the web service",
        "Deployment/web",
        ["127.0.0.1|loopback", "5000"],
    )


@case
def readiness_on_loopback() -> Case:
    made = workload(container(readinessProbe={"httpGet": {"path": "/", "port": 5000}}), statuses=[running(ready=False, seconds=600)])
    told = event(
        made[2],
        "Unhealthy",
        'Readiness probe failed: Get "http://10.1.0.5:5000/": dial tcp 10.1.0.5:5000: connect: connection refused',
        container="app",
    )
    return (
        view(made, told, logs=log_of(made[2], "INFO listening on localhost:5000")),
        "web is not ready",
        "Deployment/web",
        ["readiness", "127.0.0.1|loopback"],
    )


@case
def cron_job_whose_runs_fail() -> Case:
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": meta("dump"),
        "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}},
        "status": {"lastScheduleTime": ago(600)},
    }
    reference = {"kind": "CronJob", "name": "dump", "uid": f"uid-{NS}-dump", "controller": True}
    run = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta("dump-1", ownerReferences=[reference]),
        "spec": {"backoffLimit": 0, "template": {"spec": {"containers": [container()]}}},
        "status": {
            "conditions": [
                {
                    "type": "Failed",
                    "status": "True",
                    "reason": "BackoffLimitExceeded",
                    "message": "Job has reached the specified backoff limit",
                }
            ]
        },
    }
    first = pod(
        "dump-1-x",
        container(),
        statuses=[{"name": "app", "ready": False, "restartCount": 0, "state": {"terminated": ended(1)}}],
        owner=("Job", "dump-1"),
        phase="Failed",
        labels={"j": "d"},
    )
    return (
        view(
            cron,
            run,
            first,
            logs=log_of(first, 'pg_dump: error: connection to server failed: FATAL:  password authentication failed for user "dump"'),
        ),
        "there are no backups",
        "CronJob/dump",
        ["password authentication failed", "dump"],
    )


@case
def long_grace_period() -> Case:
    made = workload(
        container(lifecycle={"preStop": {"exec": {"command": ["sleep", "3000"]}}}),
        statuses=[running()],
        spec={"terminationGracePeriodSeconds": 3600},
    )
    made[2]["metadata"].update(deletionTimestamp=ago(-3000), deletionGracePeriodSeconds=3600)
    return view(made), "web pods take forever to terminate", "Deployment/web", ["3600|3000", "preStop|grace"]


@case
def dns_policy_default() -> Case:
    made = workload(container(env=[{"name": "API", "value": "http://api:8080"}]), statuses=[crash_loop()], spec={"dnsPolicy": "Default"})
    dns = service("kube-dns", {"k8s-app": "kube-dns"}, namespace="kube-system", ip="10.96.0.10", port=53, target=53)
    other = workload(container(), statuses=[running()], name="api")
    log = log_of(made[2], "dial tcp: lookup api on 192.168.1.1:53: no such host", previous=True)
    return (
        view(made, other, service("api", port=8080, ip="10.96.0.77"), dns, namespace("kube-system"), logs=log),
        "web crashes",
        "Deployment/web",
        ["dnsPolicy"],
    )


@case
def forbidden_in_the_log() -> Case:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": meta("reader"),
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": meta("reader"),
        "roleRef": {"kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": NS}],
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("web")}
    made = workload(container(), statuses=[crash_loop()], spec={"serviceAccountName": "web"})
    log = log_of(
        made[2],
        'level=fatal msg="cannot watch" err="pods is forbidden: User \\"system:serviceaccount:lab:web\\" cannot list resource \\"pods\\" in API group \\"\\" in the namespace \\"lab\\""',
        previous=True,
    )
    return (
        view(made, role, binding, account, logs=log),
        "web crashes",
        "Role/reader",
        ["pods", "list", "forbidden|may not|not allowed|lacks|grants"],
    )


@case
def network_policy_blocks_dns() -> Case:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta("egress"),
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": 5432}]}],
        },
    }
    made = workload(container(env=[{"name": "DB", "value": "postgres://db:5432/x"}]), statuses=[crash_loop()])
    db = workload(container("pg", ports=[{"containerPort": 5432}]), statuses=[running("pg")], name="db")
    dns = service("kube-dns", {"k8s-app": "kube-dns"}, namespace="kube-system", ip="10.96.0.10", port=53, target=53)
    log = log_of(made[2], "dial tcp: lookup db on 10.96.0.10:53: read udp 10.1.0.9:3333->10.96.0.10:53: i/o timeout", previous=True)
    return (
        view(made, db, policy, dns, service("db", port=5432, target=5432), namespace("kube-system"), logs=log),
        "web crashes",
        "NetworkPolicy/egress",
        ["egress", "DNS|53"],
    )


@case
def claim_is_full() -> Case:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta("data"),
        "spec": {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pv"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
    }
    made = workload(
        container(volumeMounts=[{"name": "d", "mountPath": "/data"}]),
        statuses=[crash_loop()],
        spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]},
    )
    log = log_of(made[2], "write /data/wal/00012: no space left on device", previous=True)
    return view(made, claim, logs=log), "web crashes", "PersistentVolumeClaim/data", ["no space left|full", "data"]


@case
def hpa_target_is_gone() -> Case:
    hpa = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta("web"),
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "webb", "apiVersion": "apps/v1"}, "minReplicas": 1, "maxReplicas": 5},
        "status": {
            "conditions": [
                {
                    "type": "AbleToScale",
                    "status": "False",
                    "reason": "FailedGetScale",
                    "message": 'the HPA controller was unable to get the target\'s current scale: deployments.apps "webb" not found',
                }
            ]
        },
    }
    made = workload(container(), statuses=[running()])
    return view(made, hpa), "web does not scale up under load", "HorizontalPodAutoscaler/web", ["webb", "not (found|exist)"]


@case
def healthy_pods_behind_a_service_of_another_name() -> Case:
    web = workload(container(env=[{"name": "API_URL", "value": "http://api-svc:8080"}]), statuses=[crash_loop()])
    api = workload(container(ports=[{"containerPort": 8080}]), statuses=[running()], name="api")
    log = log_of(web[2], "Error: getaddrinfo ENOTFOUND api-svc", previous=True)
    return (
        view(web, api, service("api", port=8080), logs=log),
        "web crashes, the api itself is fine",
        "Deployment/web",
        ["api-svc", "API_URL"],
    )


@case
def one_of_two_versions_is_broken() -> Case:
    stable = workload(container(), statuses=[running()], name="web-stable")
    canary = workload(container(), statuses=[crash_loop()], name="web-canary")
    log = log_of(canary[2], 'FATAL unsupported value for "MODE": "turbo"', previous=True)
    made = view(stable, canary, config_map("x", {}), logs=log)
    return made, "some requests to web fail", "Deployment/web-canary", ["turbo"]


@case
def node_down_under_the_only_pod() -> Case:
    dead = node("node-b", ready="Unknown")
    dead["status"]["conditions"][0].update(reason="NodeStatusUnknown", message="Kubelet stopped posting node status.")
    dead["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]
    made = workload(container(), statuses=[running(ready=False)], node="node-b")
    made[2]["metadata"].update(deletionTimestamp=ago(600), deletionGracePeriodSeconds=30)
    return view(made, node("node-a"), dead), "web lost its pod", "Node/node-b", ["node-b", "NotReady|not ready|stopped posting"]


@case
def init_container_image() -> Case:
    made = workload(
        container(),
        statuses=[waiting("PodInitializing")],
        init=[container("prep", image="tools:nope")],
        init_statuses=[
            waiting(
                "ImagePullBackOff",
                'Back-off pulling image "tools:nope": ErrImagePull: docker.io/library/tools:nope: not found',
                name="prep",
            )
        ],
        phase="Pending",
    )
    return view(made), "web is stuck in Init:ImagePullBackOff", "Deployment/web", ["prep", "tools:nope", "not found|does not exist"]


@case
def pull_secret_of_the_wrong_type() -> Case:
    made = workload(
        container(image="private.example/web:1"),
        statuses=[
            waiting(
                "ImagePullBackOff",
                'Back-off pulling image "private.example/web:1": ErrImagePull: unexpected status from HEAD request: 401 Unauthorized',
            )
        ],
        phase="Pending",
        spec={"imagePullSecrets": [{"name": "login"}]},
    )
    return view(made, secret("login", "config.json")), "web cannot pull its image", "Secret/login", ["login", "Opaque", "dockerconfigjson"]


@case
def statefulset_waits_for_a_broken_old_pod() -> Case:
    made = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta("db"),
        "spec": {
            "replicas": 1,
            "serviceName": "db",
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [container(image="db:2")]}},
        },
        "status": {"replicas": 1, "currentRevision": "db-aaa", "updateRevision": "db-bbb"},
    }
    first = pod(
        "db-0",
        container(image="db:nope"),
        statuses=[waiting("ImagePullBackOff", 'Back-off pulling image "db:nope": ErrImagePull: docker.io/library/db:nope: not found')],
        owner=("StatefulSet", "db"),
        labels={"app": "db", "controller-revision-hash": "db-aaa"},
        phase="Pending",
    )
    return (
        view(made, first, service("db", port=5432)),
        "I corrected the image but db-0 still cannot pull",
        "StatefulSet/db",
        ["db-0", "old revision", "deleted?"],
    )


@case
def sub_path_that_is_no_key() -> Case:
    made = workload(
        container(volumeMounts=[{"name": "c", "mountPath": "/etc/app.conf", "subPath": "app.conf"}]),
        statuses=[crash_loop()],
        spec={"volumes": [{"name": "c", "configMap": {"name": "settings"}}]},
    )
    log = log_of(made[2], "read /etc/app.conf: is a directory", previous=True)
    return (
        view(made, config_map("settings", {"application.conf": "x"}), logs=log),
        "web crashes",
        "Deployment/web",
        ["/etc/app.conf", "subPath", "application.conf"],
    )


@case
def init_container_that_waits_for_its_own_service() -> Case:
    init = container("wait", command=["sh", "-c", "until wget -qO- http://web/health; do sleep 2; done"])
    made = workload(
        container(),
        statuses=[waiting("PodInitializing")],
        init=[init],
        init_statuses=[running("wait", ready=False, seconds=900)],
        phase="Pending",
    )
    return view(made, service("web")), "web is stuck in Init", "Deployment/web", ["itself", "Service web"]


@case
def capabilities_dropped() -> Case:
    made = workload(container(securityContext={"capabilities": {"drop": ["ALL"]}}), statuses=[crash_loop()])
    return (
        view(made, logs=log_of(made[2], "setting user id: setuid: operation not permitted", previous=True)),
        "web crashes",
        "Deployment/web",
        ["not permitted", "ALL"],
    )


@case
def seccomp_profile_missing() -> Case:
    made = workload(
        container(),
        statuses=[
            waiting(
                "CreateContainerError",
                'failed to generate seccomp spec opts: cannot load seccomp profile "/var/lib/kubelet/seccomp/strict.json": open /var/lib/kubelet/seccomp/strict.json: no such file or directory',
            )
        ],
    )
    return view(made), "web does not start", "Deployment/web", ["seccomp", "strict.json"]


@case
def runs_that_replace_each_other() -> Case:
    made = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": meta("sync"),
        "spec": {
            "schedule": "* * * * *",
            "concurrencyPolicy": "Replace",
            "jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}},
        },
        "status": {"lastScheduleTime": ago(20), "active": [{"name": "sync-9"}]},
    }
    reference = {"kind": "CronJob", "name": "sync", "uid": f"uid-{NS}-sync", "controller": True}
    run = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**meta("sync-9", ownerReferences=[reference]), "creationTimestamp": ago(20)},
        "spec": {},
        "status": {},
    }
    return view(made, run), "sync never finishes", "CronJob/sync", ["Replace"]


def login(client: Raw, server: Raw, *objects: Any) -> ClusterView:
    """A client `web` whose login at the database `db` is refused."""
    web = workload(container(env=[{"name": "DB_HOST", "value": "db"}, {"name": "DB_PASSWORD", **client}]), statuses=[crash_loop()])
    db = workload(
        container("pg", env=[{"name": "POSTGRES_PASSWORD", **server}], ports=[{"containerPort": 5432}]), statuses=[running("pg")], name="db"
    )
    log = log_of(web[2], 'db:5432 - FATAL: password authentication failed for user "app"', previous=True)
    return view(web, db, service("db", port=5432, target=5432), *objects, logs=log)


@case
def passwords_that_differ() -> Case:
    return (
        login({"value": "one"}, {"value": "two"}),
        "web crashes",
        "Deployment/web",
        ["password authentication failed", "DB_PASSWORD.*differs from POSTGRES_PASSWORD"],
    )


@case
def passwords_from_two_secrets() -> Case:
    client = {"valueFrom": {"secretKeyRef": {"name": "web-db", "key": "pw"}}}
    server = {"valueFrom": {"secretKeyRef": {"name": "db-root", "key": "password"}}}
    made = login(client, server, secret("web-db", "pw"), secret("db-root", "password"))
    return made, "web crashes", "Deployment/web", ["key pw of Secret/web-db", "key password of Secret/db-root"]


@case
def a_quiet_fault_of_what_is_asked_wins_over_a_loud_neighbour() -> Case:
    loud = workload(container(), statuses=[crash_loop()], name="loadtest")
    quiet = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": meta("invoices"),
        "spec": {"schedule": "0 1 * * *", "suspend": True, "jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}},
        "status": {"lastScheduleTime": ago(90000)},
    }
    return view(loud, quiet), "no invoices were sent since yesterday", "CronJob/invoices", ["suspend"]


@pytest.mark.parametrize("name", CASES)
def test_the_first_root_cause_is_the_fault_in_its_context(name: str) -> None:
    made, query, object_, words = CASES[name]()
    told = diagnose(made, query)
    assert told.root_causes, f"nothing found; findings: {[(f.severity, f.summary) for f in told.findings]}; errors {told.unknown}"
    first = told.root_causes[0]
    every = [(r.finding.code, r.finding.summary) for r in told.root_causes]
    for word in words:
        assert re.search(word, first.finding.summary, re.IGNORECASE), f"{word!r} not in first of {every}"
    assert str(first.finding.object) in object_.split("|"), every
    assert not told.unknown


def test_a_sentence_never_shows_a_password() -> None:
    made = workload(container(env=[{"name": "URL", "value": "postgres://app:hunter2@dbx.lab.svc:5432/x"}]), statuses=[crash_loop()])
    log = log_of(made[2], 'could not translate host name "dbx.lab.svc" to address: Name or service not known', previous=True)
    told = diagnose(view(made, logs=log), "web crashes")
    assert "URL=postgres://app:***@dbx" in told.root_causes[0].finding.summary and "hunter2" not in told.root_causes[0].finding.summary
