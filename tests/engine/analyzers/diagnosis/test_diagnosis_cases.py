"""Faults built from the API's documentation: each is found, named by its cause, and placed on the object to mend."""

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
    node,
    pod,
    running,
    secret,
    service,
    view,
    waiting,
    workload,
)

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import Diagnosis, diagnose

Case = tuple[ClusterView, str, str, list[str]]
CASES: dict[str, Callable[[], Case]] = {}


def case(build: Callable[[], Case]) -> Callable[[], Case]:
    CASES[build.__name__] = build
    return build


def crash(
    log: str, *objects: Any, spec: Raw | None = None, of_pod: Raw | None = None, code: int = 1, events: list[tuple[str, str]] | None = None
) -> ClusterView:
    """A Deployment `web` whose container `app` crash loops with this log."""
    all_of = workload(container(**(spec or {})), statuses=[crash_loop(code=code)], **(of_pod or {}))
    told = [event(all_of[2], reason, message, container="app") for reason, message in events or []]
    return view(all_of, *objects, *told, logs=log_of(all_of[2], log, previous=True) if log else None)


QUERY = "why is web crash looping?"


@case
def missing_env() -> Case:
    return crash('level=fatal msg="environment variable GEO_TOKEN is not set"'), QUERY, "Deployment/web", ["GEO_TOKEN", "not (set|define)"]


@case
def bad_value_from_a_config_map() -> Case:
    made = crash(
        'NumberFormatException: For input string: "lots"',
        config_map("limits", {"MAX_ITEMS": "lots"}),
        spec={"envFrom": [{"configMapRef": {"name": "limits"}}]},
    )
    return made, QUERY, "ConfigMap/limits", ["lots", "MAX_ITEMS"]


@case
def bad_value_in_the_template() -> Case:
    made = crash('strconv.Atoi: parsing "80a": invalid syntax', spec={"env": [{"name": "PORT", "value": "80a"}]})
    return made, QUERY, "Deployment/web", ["80a", "PORT"]


@case
def bad_yaml_in_a_mounted_config_map() -> Case:
    made = crash(
        "cannot load /etc/web/rules.yaml: yaml: line 3: mapping values are not allowed in this context",
        config_map("rules", {"rules.yaml": "a: b: c"}),
        spec={"volumeMounts": [{"name": "r", "mountPath": "/etc/web"}]},
        of_pod={"spec": {"volumes": [{"name": "r", "configMap": {"name": "rules"}}]}},
    )
    return made, QUERY, "ConfigMap/rules", ["YAML", "rules.yaml"]


@case
def nginx_directive_in_a_config_map() -> Case:
    made = crash(
        '2031/05/04 11:59:00 [emerg] 1#1: unknown directive "liste" in /etc/nginx/conf.d/site.conf:2',
        config_map("site", {"site.conf": "server {\n liste 80; }"}),
        spec={"volumeMounts": [{"name": "r", "mountPath": "/etc/nginx/conf.d"}]},
        of_pod={"spec": {"volumes": [{"name": "r", "configMap": {"name": "site"}}]}},
    )
    return made, QUERY, "ConfigMap/site", ["liste", "site.conf"]


@case
def exit_127() -> Case:
    made = crash("sh: 1: gunicrn: not found", spec={"command": ["sh", "-c", "gunicrn app:app"]}, code=127)
    return made, QUERY, "Deployment/web", ["gunicrn", "not found|does not (exist|find)"]


@case
def exit_127_without_a_log() -> Case:
    return crash("", spec={"command": ["sh", "-c", "gunicrn app:app"]}, code=127), QUERY, "Deployment/web", ["127", "gunicrn"]


@case
def segmentation_fault() -> Case:
    return crash("", code=139), QUERY, "Deployment/web", ["139", "segmentation|SIGSEGV"]


@case
def aborted() -> Case:
    return crash("", code=134), QUERY, "Deployment/web", ["134", "SIGABRT|abort"]


@case
def executable_not_in_path() -> Case:
    message = 'failed to create containerd task: OCI runtime create failed: runc create failed: unable to start container process: exec: "servr": executable file not found in $PATH: unknown'
    all_of = workload(
        container(command=["servr"]),
        statuses=[crash_loop(code=128, reason="StartError", message=message, startedAt="1970-01-01T00:00:00Z")],
    )
    return view(all_of), QUERY, "Deployment/web", ["servr", "not found"]


@case
def working_directory() -> Case:
    message = 'OCI runtime create failed: runc create failed: unable to start container process: chdir to cwd ("/srv/ap") set in config.json failed: no such file or directory: unknown'
    all_of = workload(container(workingDir="/srv/ap"), statuses=[crash_loop(code=128, reason="StartError", message=message)])
    return view(all_of), QUERY, "Deployment/web", ["/srv/ap", "no such file|working ?dir"]


@case
def sub_path_onto_a_file() -> Case:
    message = 'OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/pods/x/volume-subpaths/c/app/0" to rootfs at "/etc/app.conf": mount src=/x, dst=/etc/app.conf: not a directory: Are you trying to mount a directory onto a file (or vice-versa)?'
    all_of = workload(
        container(volumeMounts=[{"name": "c", "mountPath": "/etc/app.conf", "subPath": "app.cnf"}]),
        statuses=[waiting("RunContainerError", message)],
    )
    return view(all_of), QUERY, "Deployment/web", ["/etc/app.conf", "not a directory|subPath"]


@case
def oom() -> Case:
    made = workload(container(resources={"limits": {"memory": "64Mi"}}), statuses=[crash_loop(code=137, reason="OOMKilled")])
    return view(made), QUERY, "Deployment/web", ["OOM", "64Mi"]


@case
def oom_between_back_offs_while_it_runs_again() -> Case:
    made = workload(
        container(resources={"limits": {"memory": "64Mi"}}),
        statuses=[running(ready=False, seconds=5, restarts=4, last=ended(137, "OOMKilled", seconds=60))],
    )
    return view(made), QUERY, "Deployment/web", ["OOM", "64Mi"]


@case
def jvm_heap() -> Case:
    made = crash(
        'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space\n\tat com.acme.A.b(A.java:1)',
        spec={"env": [{"name": "JAVA_OPTS", "value": "-Xmx32m"}], "resources": {"limits": {"memory": "1Gi"}}},
    )
    return made, QUERY, "Deployment/web", ["heap", "-Xmx32m", "OutOfMemory"]


@case
def read_only_root() -> Case:
    made = crash(
        "OSError: [Errno 30] Read-only file system: '/var/run/web/pid'", spec={"securityContext": {"readOnlyRootFilesystem": True}}
    )
    return made, QUERY, "Deployment/web", ["read-?only", "/var/run/web"]


@case
def privileged_port() -> Case:
    made = crash("nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)", spec={"securityContext": {"runAsUser": 1000}})
    return made, QUERY, "Deployment/web", ["80", "1024|privileged|permission"]


@case
def volume_permission() -> Case:
    made = crash(
        "mkdir: cannot create directory '/data/db': Permission denied",
        spec={"volumeMounts": [{"name": "d", "mountPath": "/data"}]},
        of_pod={
            "spec": {"securityContext": {"runAsUser": 1001}, "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
        },
    )
    return made, QUERY, "Deployment/web", ["permission|may not access", "/data", "fsGroup|1001"]


@case
def ports_shared_in_a_pod() -> Case:
    made = workload(
        container("app", ports=[{"containerPort": 8080}]),
        container("metrics", ports=[{"containerPort": 8080}]),
        statuses=[running("app", ready=True), crash_loop("metrics")],
    )
    log = log_of(made[2], "listen tcp :8080: bind: address already in use", name="metrics", previous=True)
    return view(made, logs=log), "metrics container of web fails", "Deployment/web", ["8080", "in use", "app"]


@case
def not_run_as_root_image() -> Case:
    made = workload(
        container(securityContext={"runAsNonRoot": True}),
        statuses=[
            waiting("CreateContainerConfigError", 'container has runAsNonRoot and image will run as root (pod: "web_lab", container: app)')
        ],
    )
    return view(made), "web does not start", "Deployment/web", ["runAsNonRoot", "root"]


@case
def user_with_a_name() -> Case:
    made = workload(
        container(securityContext={"runAsNonRoot": True}),
        statuses=[
            waiting(
                "CreateContainerConfigError",
                "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root",
            )
        ],
    )
    return view(made), "web does not start", "Deployment/web", ["runAsNonRoot", "number|numeric"]


@case
def missing_config_map_near_miss() -> Case:
    made = workload(
        container(envFrom=[{"configMapRef": {"name": "web-conf"}}]),
        statuses=[waiting("CreateContainerConfigError", 'configmap "web-conf" not found')],
    )
    return (
        view(made, config_map("web-config", {"A": "b"})),
        "web does not start",
        "ConfigMap/web-conf",
        ["web-conf", "not (found|exist)", "web-config"],
    )


@case
def missing_secret_key() -> Case:
    made = workload(
        container(env=[{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "db", "key": "passwort"}}}]),
        statuses=[waiting("CreateContainerConfigError", "couldn't find key passwort in Secret lab/db")],
    )
    return view(made, secret("db", "password")), "web does not start", "Secret/db", ["passwort", "password"]


@case
def missing_config_map_volume() -> Case:
    made = workload(
        container(volumeMounts=[{"name": "c", "mountPath": "/c"}]),
        statuses=[waiting("ContainerCreating")],
        phase="Pending",
        spec={"volumes": [{"name": "c", "configMap": {"name": "settings"}}]},
    )
    told = event(made[2], "FailedMount", 'MountVolume.SetUp failed for volume "c" : configmap "settings" not found')
    return view(made, told), "web hangs in ContainerCreating", "ConfigMap/settings", ["settings", "not (found|exist)"]


@case
def missing_key_in_volume_items() -> Case:
    made = workload(
        container(volumeMounts=[{"name": "c", "mountPath": "/c"}]),
        statuses=[waiting("ContainerCreating")],
        phase="Pending",
        spec={"volumes": [{"name": "c", "configMap": {"name": "settings", "items": [{"key": "app.yml", "path": "app.yml"}]}}]},
    )
    told = event(made[2], "FailedMount", 'MountVolume.SetUp failed for volume "c" : configmap references non-existent config key: app.yml')
    return view(made, told, config_map("settings", {"app.yaml": "x"})), "web hangs", "ConfigMap/settings", ["app.yml", "app.yaml"]


@case
def image_tag() -> Case:
    made = workload(
        container(image="registry.example/shop/web:9.9"),
        statuses=[
            waiting(
                "ImagePullBackOff",
                'Back-off pulling image "registry.example/shop/web:9.9": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/shop/web:9.9": registry.example/shop/web:9.9: not found',
            )
        ],
        phase="Pending",
    )
    return view(made), "web does not start", "Deployment/web", ["9.9", "not found|does not exist"]


@case
def image_only_in_the_event() -> Case:
    made = workload(
        container(image="registry.example/shop/web:9.9"),
        statuses=[waiting("ImagePullBackOff", 'Back-off pulling image "registry.example/shop/web:9.9"')],
        phase="Pending",
    )
    told = event(
        made[2],
        "Failed",
        'Failed to pull image "registry.example/shop/web:9.9": Error response from daemon: manifest for registry.example/shop/web:9.9 not found: manifest unknown',
        container="app",
    )
    return view(made, told), "web does not start", "Deployment/web", ["9.9", "not found|does not exist"]


@case
def pull_secret_that_does_not_exist() -> Case:
    made = workload(
        container(image="private.example/web:1"),
        statuses=[
            waiting(
                "ImagePullBackOff",
                'Back-off pulling image "private.example/web:1": ErrImagePull: failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized',
            )
        ],
        phase="Pending",
        spec={"imagePullSecrets": [{"name": "regcred"}]},
    )
    return (
        view(made, secret("reg-cred", ".dockerconfigjson", kind="kubernetes.io/dockerconfigjson")),
        "web cannot pull",
        "Secret/regcred",
        ["regcred", "does not exist", "reg-cred"],
    )


@case
def image_for_another_platform() -> Case:
    made = workload(
        container(image="registry.example/web:1"),
        statuses=[
            waiting(
                "ErrImagePull", 'failed to pull and unpack image "registry.example/web:1": no match for platform in manifest: not found'
            )
        ],
        phase="Pending",
    )
    return view(made), "web cannot pull", "Deployment/web", ["platform|architecture"]


@case
def registry_with_a_private_ca() -> Case:
    made = workload(
        container(image="reg.corp:5000/web:1"),
        statuses=[
            waiting(
                "ErrImagePull",
                'failed to do request: Head "https://reg.corp:5000/v2/web/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority',
            )
        ],
        phase="Pending",
    )
    return view(made), "web cannot pull", "Deployment/web", ["x509|certificate", "reg.corp:5000"]


@case
def registry_host_that_does_not_resolve() -> Case:
    made = workload(
        container(image="registry.exampel/web:1"),
        statuses=[
            waiting(
                "ErrImagePull",
                'failed to do request: Head "https://registry.exampel/v2/web/manifests/1": dial tcp: lookup registry.exampel on 10.0.0.2:53: no such host',
            )
        ],
        phase="Pending",
    )
    return view(made), "web cannot pull", "Deployment/web", ["registry.exampel", "resolve|no such host|DNS"]


@case
def never_pull() -> Case:
    made = workload(
        container(image="web:dev", imagePullPolicy="Never"),
        statuses=[waiting("ErrImageNeverPull", 'Container image "web:dev" is not present with pull policy of Never')],
        phase="Pending",
    )
    return view(made), "web cannot start", "Deployment/web", ["Never", "web:dev"]


def probed(
    kind: str,
    probe: Raw,
    message: str,
    *,
    log: str = "INFO listening on 0.0.0.0:8080",
    killed: bool = False,
    code: int = 0,
    ports: int = 8080,
) -> ClusterView:
    state = crash_loop(code=code, reason="Completed" if code == 0 else "Error") if killed else running(ready=False, seconds=600)
    if not killed:
        state["started"] = kind != "Startup"
    made = workload(container(ports=[{"containerPort": ports}], **{f"{kind.lower()}Probe": probe}), statuses=[state])
    told = [event(made[2], "Unhealthy", f"{kind} probe failed: {message}", container="app", count=20)]
    if killed:
        told.append(
            event(
                made[2],
                "Killing",
                f"Container app failed {kind.lower()} probe, will be restarted",
                kind="Normal",
                container="app",
                seconds=40,
            )
        )
    return view(made, *told, logs=log_of(made[2], log, previous=killed))


@case
def liveness_wrong_port() -> Case:
    made = probed("Liveness", {"tcpSocket": {"port": 9999}}, "dial tcp 10.1.0.5:9999: connect: connection refused", killed=True, code=143)
    return made, "web restarts all the time", "Deployment/web", ["liveness", "9999", "8080"]


@case
def liveness_too_early() -> Case:
    made = probed(
        "Liveness",
        {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 5, "failureThreshold": 2},
        'Get "http://10.1.0.5:8080/health": dial tcp 10.1.0.5:8080: connect: connection refused',
        log="INFO loading model",
        killed=True,
        code=137,
    )
    return made, "web restarts all the time", "Deployment/web", ["liveness", "startup ?probe|initialDelay"]


@case
def liveness_timeout() -> Case:
    made = probed(
        "Liveness",
        {"httpGet": {"path": "/health", "port": 8080}, "timeoutSeconds": 1},
        'Get "http://10.1.0.5:8080/health": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        killed=True,
        code=137,
    )
    return made, "web restarts all the time", "Deployment/web", ["liveness", "timeoutSeconds|longer"]


@case
def readiness_404() -> Case:
    made = probed("Readiness", {"httpGet": {"path": "/redy", "port": 8080}}, "HTTP probe failed with statuscode: 404")
    return made, "web is not ready", "Deployment/web", ["readiness", "/redy", "404"]


@case
def readiness_command_missing() -> Case:
    made = probed(
        "Readiness",
        {"exec": {"command": ["/bin/grpc_health_probe"]}},
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "/bin/grpc_health_probe": stat /bin/grpc_health_probe: no such file or directory: unknown',
    )
    return made, "web is not ready", "Deployment/web", ["readiness", "grpc_health_probe", "not exist|no such file"]


@case
def readiness_named_port_missing() -> Case:
    made = probed("Readiness", {"httpGet": {"path": "/", "port": "admin"}}, 'strconv.Atoi: parsing "admin": invalid syntax')
    return made, "web is not ready", "Deployment/web", ["readiness", "admin"]


@case
def grpc_probe() -> Case:
    made = probed(
        "Readiness", {"grpc": {"port": 9000}}, 'timeout: failed to connect service "10.1.0.5:9000" within 1s: context deadline exceeded'
    )
    return made, "web is not ready", "Deployment/web", ["readiness", "9000", "8080"]


@case
def https_probe_on_http() -> Case:
    made = probed(
        "Readiness",
        {"httpGet": {"path": "/", "port": 8080, "scheme": "HTTPS"}},
        'Get "https://10.1.0.5:8080/": http: server gave HTTP response to HTTPS client',
    )
    return made, "web is not ready", "Deployment/web", ["readiness", "TLS|HTTPS"]


@case
def startup_probe_too_short() -> Case:
    made = probed(
        "Startup",
        {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 2, "failureThreshold": 5},
        'Get "http://10.1.0.5:8080/": dial tcp 10.1.0.5:8080: connect: connection refused',
        log="INFO warming caches",
        killed=True,
        code=143,
    )
    return made, "web never gets past startup", "Deployment/web", ["startup ?probe", "10 s|failureThreshold", "short"]


@case
def post_start_hook() -> Case:
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "register --url http://hub"]}}}
    made = workload(container(lifecycle=hook), statuses=[crash_loop(code=137)])
    told = event(
        made[2],
        "FailedPostStartHook",
        'PostStartHook failed: command "sh -c register --url http://hub" exited with 127: sh: register: not found',
        container="app",
    )
    return view(made, told), QUERY, "Deployment/web", ["postStart", "register", "127|not found"]


@case
def readiness_gate() -> Case:
    made = workload(container(), statuses=[running()], spec={"readinessGates": [{"conditionType": "example.com/lb-ready"}]})
    made[2]["status"]["conditions"] = [
        {
            "type": "Ready",
            "status": "False",
            "reason": "ReadinessGatesNotReady",
            "message": 'corresponding condition of pod readiness gate "example.com/lb-ready" does not exist.',
        },
        {"type": "ContainersReady", "status": "True"},
    ]
    return view(made), "web is never ready", "Deployment/web", ["readiness ?gate", "example.com/lb-ready"]


@case
def init_container_waits_for_a_service_that_is_not_there() -> Case:
    init = container("wait", command=["sh", "-c", "until nc -z postgres 5432; do echo waiting for postgres; sleep 2; done"])
    made = workload(
        container(),
        statuses=[waiting("PodInitializing")],
        init=[init],
        init_statuses=[running("wait", ready=False, seconds=900)],
        phase="Pending",
    )
    log = log_of(made[2], "\n".join(["waiting for postgres"] * 20), name="wait", every=2, until=1)
    return (
        view(made, service("postgresql", port=5432), logs=log),
        "web is stuck in Init:0/1",
        "Deployment/web",
        ["wait", "postgres", "no Service", "postgresql"],
    )


@case
def init_container_waits_for_a_dead_service() -> Case:
    init = container("wait", command=["sh", "-c", "until nc -z db 5432; do sleep 2; done"])
    made = workload(
        container(),
        statuses=[waiting("PodInitializing")],
        init=[init],
        init_statuses=[running("wait", ready=False, seconds=900)],
        phase="Pending",
    )
    return (
        view(made, service("db", port=5432), deployment("db", replicas=0)),
        "web is stuck in Init:0/1",
        "Deployment/db",
        ["db", "scaled to (0|zero)|replicas"],
    )


@case
def native_sidecar_crashes() -> Case:
    side = container("proxy", restartPolicy="Always")
    made = workload(container(), statuses=[waiting("PodInitializing")], init=[side], init_statuses=[crash_loop("proxy")], phase="Pending")
    log = log_of(made[2], "open /etc/proxy/envoy.json: no such file or directory", name="proxy", previous=True)
    return view(made, logs=log), "web is stuck", "Deployment/web", ["proxy", "envoy.json"]


@case
def forbidden_sysctl() -> Case:
    made = workload(
        container(),
        statuses=[],
        phase="Failed",
        status={"reason": "SysctlForbidden", "message": 'forbidden sysctl: "net.core.somaxconn" not allowlisted'},
        spec={"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]}},
    )
    return view(made), "web pods fail at once", "Deployment/web", ["net.core.somaxconn", "sysctl"]


@case
def evicted_for_memory() -> Case:
    made = workload(
        container(),
        statuses=[],
        phase="Failed",
        status={
            "reason": "Evicted",
            "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. Container app was using 900Mi, request is 0, has larger consumption of memory.",
        },
    )
    return view(made), "web pods were evicted", "Deployment/web", ["evicted", "memory"]


@case
def pod_deadline() -> Case:
    only = pod(
        "import",
        container(),
        statuses=[],
        phase="Failed",
        owner=None,
        status={"reason": "DeadlineExceeded", "message": "Pod was active on the node longer than the specified deadline"},
        spec={"activeDeadlineSeconds": 30},
    )
    return view(only), "why did import fail", "Pod/import", ["activeDeadlineSeconds", "30"]


def job(name: str = "report", *, conditions: list[Raw] | None = None, owner: str = "", created: float = 3600, **spec: Any) -> Raw:
    references = [{"kind": "CronJob", "name": owner, "uid": f"uid-{NS}-{owner}", "controller": True}] if owner else []
    body = {**meta(name, ownerReferences=references), "creationTimestamp": ago(created)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": body,
        "spec": {"backoffLimit": 2, "template": {"spec": {"containers": [container()]}}, **spec},
        "status": {"conditions": conditions or []},
    }


def job_failed(reason: str, message: str = "") -> list[Raw]:
    return [{"type": "Failed", "status": "True", "reason": reason, "message": message}]


def job_pod(name: str = "report-x1", statuses: list[Raw] | None = None, **more: Any) -> Raw:
    state = {"name": "app", "ready": False, "restartCount": 0, "state": {"terminated": ended(1)}}
    return pod(
        name,
        container(),
        statuses=statuses or [state],
        owner=("Job", "report"),
        phase=more.pop("phase", "Failed"),
        labels={"job-name": "report"},
        **more,
    )


@case
def job_back_off_limit() -> Case:
    first = job_pod()
    return (
        view(job(conditions=job_failed("BackoffLimitExceeded")), first, logs=log_of(first, 'FATAL: database "stats" does not exist')),
        "why did report fail",
        "Job/report",
        ["back-?off ?limit", "stats"],
    )


@case
def job_deadline() -> Case:
    return (
        view(job(conditions=job_failed("DeadlineExceeded", "Job was active longer than specified deadline"), activeDeadlineSeconds=60)),
        "why did report fail",
        "Job/report",
        ["activeDeadlineSeconds|deadline", "60"],
    )


@case
def job_held_by_a_sidecar() -> Case:
    both = pod(
        "report-x1",
        container("work"),
        container("proxy"),
        owner=("Job", "report"),
        statuses=[
            {"name": "work", "ready": False, "restartCount": 0, "state": {"terminated": ended(0, "Completed", 600)}},
            running("proxy"),
        ],
    )
    return view(job(), both), "report never completes", "Job/report", ["proxy", "work", "sidecar|keeps running"]


@case
def job_suspended() -> Case:
    return view(job(suspend=True)), "report does not start", "Job/report", ["suspend"]


def cron(name: str = "nightly", **spec: Any) -> Raw:
    status = spec.pop("status", {"lastScheduleTime": ago(7200)})
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": meta(name),
        "spec": {"schedule": "0 2 * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}, **spec},
        "status": status,
    }


@case
def cron_suspended() -> Case:
    return view(cron(suspend=True)), "there are no backups", "CronJob/nightly", ["suspend"]


@case
def cron_schedule_invalid() -> Case:
    made = cron(schedule="61 * * * *", status={})
    return (
        view(made, event(made, "InvalidSchedule", 'invalid schedule: "61 * * * *": end of range (61) above maximum (59): 61')),
        "nightly never runs",
        "CronJob/nightly",
        ["61", "schedule", "invalid|no valid"],
    )


@case
def cron_never_comes() -> Case:
    return view(cron(schedule="0 0 31 2 *", status={})), "nightly never runs", "CronJob/nightly", ["31", "never|no day"]


@case
def cron_time_zone() -> Case:
    made = cron(timeZone="Europe/Berln", status={})
    return (
        view(made, event(made, "UnknownTimeZone", 'invalid timeZone: "Europe/Berln": unknown time zone Europe/Berln')),
        "nightly never runs",
        "CronJob/nightly",
        ["Europe/Berln", "time ?zone"],
    )


@case
def cron_forbid_with_a_hanging_run() -> Case:
    made = cron(concurrencyPolicy="Forbid", status={"active": [{"name": "nightly-1", "kind": "Job"}], "lastScheduleTime": ago(9000)})
    told = event(
        made, "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid", kind="Normal"
    )
    return (
        view(made, told, job("nightly-1", owner="nightly", created=9000)),
        "nightly does not run any more",
        "CronJob/nightly",
        ["Forbid", "nightly-1", "running"],
    )


@case
def cron_deadline_too_short() -> Case:
    return (
        view(cron(schedule="*/5 * * * *", startingDeadlineSeconds=5, status={})),
        "nightly never runs",
        "CronJob/nightly",
        ["startingDeadlineSeconds", "5"],
    )


@case
def rollout_paused() -> Case:
    made = workload(container(image="web:2"), statuses=[running()])
    made[0]["spec"]["paused"] = True
    made[0]["status"].update(
        updatedReplicas=0,
        conditions=[{"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused", "message": "Deployment is paused"}],
    )
    return view(made), "the new image of web is not rolled out", "Deployment/web", ["paused"]


@case
def scaled_to_zero() -> Case:
    return view(deployment("web", replicas=0), service("web")), "web is down", "Deployment/web", ["scaled to zero|replicas: 0|scaled to 0"]


@case
def daemonset_without_nodes() -> Case:
    made = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta("agent"),
        "spec": {"template": {"spec": {"nodeSelector": {"disk": "nvme"}, "containers": [container()]}}},
        "status": {"desiredNumberScheduled": 0, "numberReady": 0},
    }
    return view(made), "agent has no pods", "DaemonSet/agent", ["disk=nvme", "node"]


@case
def daemonset_kept_off_by_a_taint() -> Case:
    made = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta("agent"),
        "spec": {"template": {"spec": {"containers": [container()]}}},
        "status": {"desiredNumberScheduled": 1, "numberReady": 1, "currentNumberScheduled": 1},
    }
    tainted = node("node-b")
    tainted["spec"]["taints"] = [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]
    return view(made, node("node-a"), tainted), "agent does not run on node-b", "DaemonSet/agent", ["dedicated=db", "taint|tolerat"]


@case
def statefulset_blocked_by_its_first_pod() -> Case:
    made = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta("db"),
        "spec": {
            "replicas": 3,
            "serviceName": "db",
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [container()]}},
        },
        "status": {"replicas": 1},
    }
    first = pod("db-0", container(), statuses=[crash_loop()], owner=("StatefulSet", "db"), labels={"app": "db"})
    log = log_of(first, 'FATAL:  data directory "/var/lib/postgresql/data" has wrong ownership', previous=True)
    return (
        view(made, first, service("db", port=5432), logs=log),
        "db has only one pod",
        "StatefulSet/db",
        ["wrong ownership", "/var/lib/postgresql/data"],
    )


@case
def statefulset_service_missing() -> Case:
    made = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta("db"),
        "spec": {
            "replicas": 1,
            "serviceName": "db-hl",
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [container()]}},
        },
        "status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1},
    }
    first = pod("db-0", container(), statuses=[running()], owner=("StatefulSet", "db"), labels={"app": "db"})
    return (
        view(made, first, service("db-headless", {"app": "db"}, clusterIP="None")),
        "db-0.db-hl does not resolve",
        "StatefulSet/db",
        ["db-hl", "does not exist", "db-headless"],
    )


@case
def wrong_namespace_in_a_url() -> Case:
    made = crash(
        "dial tcp: lookup cache.backend.svc.cluster.local on 10.96.0.10:53: no such host",
        service("cache", namespace="backends"),
        spec={"env": [{"name": "CACHE", "value": "cache.backend.svc.cluster.local:6379"}]},
    )
    return made, QUERY, "Deployment/web", ["backend", "CACHE", "backends", "resolve|no such host"]


@case
def wrong_host_in_a_config_map() -> Case:
    made = crash(
        "Error: getaddrinfo ENOTFOUND databse",
        service("database", port=5432),
        config_map("env", {"DB_HOST": "databse"}),
        spec={"envFrom": [{"configMapRef": {"name": "env"}}]},
    )
    return made, QUERY, "ConfigMap/env", ["databse", "DB_HOST", "database"]


@case
def wrong_port_in_a_url() -> Case:
    db = workload(container("pg", ports=[{"containerPort": 5432}]), statuses=[running("pg")], name="db")
    made = workload(container(env=[{"name": "DATABASE_URL", "value": "postgres://u:p@db:5433/x"}]), statuses=[crash_loop()])
    log = log_of(made[2], "could not connect to server: db:5433: Connection refused", previous=True)
    return view(made, db, service("db", {"app": "db"}, port=5432, target=5432), logs=log), QUERY, "Deployment/web", ["5433", "5432"]


@case
def pool_exhausted() -> Case:
    made = crash("FATAL: sorry, too many clients already")
    return made, QUERY, "Deployment/web", ["too many clients|connections"]


@case
def expired_certificate_of_a_callee() -> Case:
    return (
        crash(
            'Get "https://auth.corp/token": x509: certificate has expired or is not yet valid: current time 2031-05-04T11:00:00Z is after 2031-04-01T00:00:00Z'
        ),
        QUERY,
        "Deployment/web",
        ["certificate", "expired"],
    )


@case
def completes_in_a_loop() -> Case:
    made = workload(container(), statuses=[crash_loop(code=0, reason="Completed")])
    return view(made, logs=log_of(made[2], "INFO done", previous=True)), QUERY, "Deployment/web", ["exit\\w* (with )?code 0", "Job"]


@case
def crash_loop_of_a_bare_pod() -> Case:
    only = pod("tool", container(args=["--port", "x"]), statuses=[crash_loop()], owner=None)
    return view(only, logs=log_of(only, "Error: unknown flag: --prot", previous=True)), "tool crashes", "Pod/tool", ["--prot"]


@case
def liveness_fails_because_of_the_database() -> Case:
    db = deployment("db", replicas=0)
    made = workload(
        container(livenessProbe={"httpGet": {"path": "/health", "port": 8080}}, env=[{"name": "DB", "value": "postgres://db:5432/x"}]),
        statuses=[crash_loop(code=143)],
    )
    told = [
        event(made[2], "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", container="app"),
        event(made[2], "Killing", "Container app failed liveness probe, will be restarted", kind="Normal", container="app", seconds=40),
    ]
    log = log_of(
        made[2],
        "INFO listening on :8080\nERROR db ping: dial tcp db:5432: connect: connection refused\nERROR db ping: dial tcp db:5432: connect: connection refused\nINFO received SIGTERM",
        previous=True,
    )
    return (
        view(made, db, service("db", port=5432, target=5432), *told, logs=log),
        "web restarts",
        "Deployment/db",
        ["db", "scaled to (zero|0)"],
    )


@pytest.mark.parametrize("name", CASES)
def test_the_first_root_cause_is_the_fault(name: str) -> None:
    made, query, object_, words = CASES[name]()
    told = diagnose(made, query)
    assert told.root_causes, f"nothing found; findings: {[f.summary for f in told.findings]}; errors {told.unknown}"
    first = told.root_causes[0]
    for word in words:
        assert re.search(word, first.finding.summary, re.IGNORECASE), f"{word!r} not in {first.finding.code}: {first.finding.summary}"
    assert str(first.finding.object) == object_, first.finding.summary
    assert first.finding.evidence
    assert not told.unknown
    assert 0 < first.finding.confidence < 1


def test_every_case_lists_no_second_cause_that_is_only_a_symptom() -> None:
    symptoms = {"DeploymentUnavailable", "StatefulSetUnavailable", "ServiceNotReady", "ProgressDeadlineExceeded"}
    for name, build in CASES.items():
        made, query, _, _ = build()
        told: Diagnosis = diagnose(made, query)
        assert not {r.finding.code for r in told.root_causes[1:]} & symptoms, name
