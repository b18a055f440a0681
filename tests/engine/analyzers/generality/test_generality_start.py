"""Faults of starting a container, in a lab with healthy neighbours: security context, volumes, programs, memory, lifecycle."""

# ruff: noqa: E501 - messages stand as the kubelet writes them
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, conditions, score, uses_claim, worker
from fakes.manifests import Raw, ago, container, crash_loop, running, waiting

SCENARIOS: dict[str, Callable[[], Scenario]] = {}
RUNC = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


def crashed(log: str = "", code: int = 1, *, asks: str = "why does billing crash?", blames: str = "Deployment/billing", must: tuple[str, ...], spec: Raw | None = None, reason: str = "Error", **fields: object) -> Scenario:  # fmt: skip
    """`billing` crash loops with this log."""
    lab = Lab()
    lab.app("billing", crash_loop(code=code, reason=reason), log=log, spec=spec, **fields)  # type: ignore[arg-type]
    return Scenario(lab, asks, blames, must)


def held(reason: str, message: str, *, asks: str = "billing does not start", must: tuple[str, ...], blames: str = "Deployment/billing", spec: Raw | None = None, told: str = "Failed", **fields: object) -> Scenario:  # fmt: skip
    """`billing` waits in a state that the kubelet explains."""
    lab = Lab()
    lab.app(
        "billing",
        waiting(reason, message),
        spec=spec,
        events=[(told, f"Error: {message}" if told == "Failed" else message)],
        of_pod={"phase": "Pending"},
        **fields,
    )  # type: ignore[arg-type]
    return Scenario(lab, asks, blames, must)


@scenario
def image_would_run_as_root() -> Scenario:
    return held(
        "CreateContainerConfigError",
        'container has runAsNonRoot and image will run as root (pod: "billing-5d8-abcde_lab(3c1)", container: app)',
        spec={"securityContext": {"runAsNonRoot": True}},
        must=("runAsNonRoot", "root"),
    )


@scenario
def image_user_has_a_name() -> Scenario:
    return held(
        "CreateContainerConfigError",
        'container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root (pod: "billing-5d8-abcde_lab(3c1)", container: app)',
        securityContext={"runAsNonRoot": True},
        must=("runAsNonRoot|non-root", "numeric|number"),
    )


@scenario
def database_directory_of_another_user() -> Scenario:
    fields, spec = uses_claim("pg-data", "/var/lib/postgresql/data")
    made = crashed(
        'initdb: error: could not change permissions of directory "/var/lib/postgresql/data/pgdata": Operation not permitted',
        spec={**spec, "securityContext": {"runAsUser": 999}},
        must=("permission|not permitted", "/var/lib/postgresql/data"),
        **fields,
    )
    made.lab.add(claim("pg-data", "Bound"))
    return made


@scenario
def java_may_not_write_its_volume() -> Scenario:
    fields, spec = uses_claim("uploads", "/srv/uploads")
    log = "2031-05-04 11:58:01.120  INFO 1 --- [main] c.acme.Uploads : Starting Uploads\njava.nio.file.AccessDeniedException: /srv/uploads/index.lock\n\tat java.base/sun.nio.fs.UnixException.translateToIOException(UnixException.java:90)\n\tat com.acme.Uploads.open(Uploads.java:41)"
    made = crashed(log, spec={**spec, "securityContext": {"runAsUser": 1000}}, must=("denied|permission|may not", "/srv/uploads"), **fields)
    made.lab.add(claim("uploads", "Bound"))
    return made


@scenario
def sub_path_cannot_be_prepared() -> Scenario:
    spec = {"volumes": [{"name": "conf", "hostPath": {"path": "/opt/conf"}}]}
    return held(
        "CreateContainerConfigError",
        'failed to create subPath directory for volumeMount "conf" of container "app"',
        spec=spec,
        volumeMounts=[{"name": "conf", "mountPath": "/etc/billing", "subPath": "billing/x"}],
        must=("subPath", "conf"),
    )


def evicted(message: str, lab: Lab, **of_pod: object) -> None:
    made = lab.app(
        "billing",
        running(ready=False),
        spec={"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}]},
        node="worker-2",
        of_pod={"phase": "Failed", "statuses": [], "status": {"reason": "Evicted", "message": message}},
        **of_pod,
    )  # type: ignore[arg-type]
    lab.say(made, ("Evicted", message), count=1)


@scenario
def empty_dir_over_its_limit() -> Scenario:
    lab = Lab()
    evicted('Usage of EmptyDir volume "scratch" exceeds the limit "64Mi". ', lab)
    return Scenario(lab, "billing pods keep getting evicted", "Deployment/billing", ("scratch", "64Mi", "emptyDir|evict"))


@scenario
def ephemeral_storage_over_its_limit() -> Scenario:
    lab = Lab()
    evicted(
        "Pod ephemeral local storage usage exceeds the total limit of containers 100Mi. ",
        lab,
        resources={"limits": {"ephemeral-storage": "100Mi"}},
    )
    return Scenario(lab, "why was billing evicted?", "Deployment/billing", ("ephemeral", "100Mi"))


@scenario
def node_disk_pressure() -> Scenario:
    taint = {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule", "timeAdded": ago(900)}
    lab = Lab(nodes=[worker("worker-1"), worker("worker-2", taints=[taint], conditions=conditions(DiskPressure="True"))])
    evicted(
        "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 512Mi. Container app was using 20Ki, request is 0, has larger consumption of ephemeral-storage. ",
        lab,
    )
    return Scenario(lab, "pods of billing are evicted, why?", "Node/worker-2", ("worker-2", "disk ?pressure|ephemeral-storage|disk"))


@scenario
def node_memory_pressure_keeps_pods_off() -> Scenario:
    taint = {"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule", "timeAdded": ago(900)}
    lab = Lab(
        nodes=[
            worker("worker-1"),
            worker("worker-2", labels={"pool": "batch"}, taints=[taint], conditions=conditions(MemoryPressure="True")),
        ]
    )
    lab.pending(
        "billing",
        "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
        spec={"nodeSelector": {"pool": "batch"}},
    )
    return Scenario(lab, "billing is pending", "Node/worker-2", ("worker-2", "memory[ -]?pressure"))


@scenario
def node_out_of_process_ids() -> Scenario:
    lab = Lab(nodes=[worker("worker-1"), worker("worker-2", conditions=conditions(PIDPressure="True"))])
    evicted("The node was low on resource: pids. Threshold quantity: 1638, available: 100. ", lab)
    return Scenario(lab, "billing got evicted", "Node/worker-2", ("worker-2", "pids?\\b|PIDPressure|process"))


@scenario
def script_without_execute_permission() -> Scenario:
    lab = Lab()
    made = lab.app(
        "billing",
        crash_loop(
            code=126,
            reason="StartError",
            message=RUNC + 'error during container init: exec: "/app/run.sh": permission denied',
            startedAt="1970-01-01T00:00:00Z",
        ),
        command=["/app/run.sh"],
    )
    lab.say(made, ("Failed", "Error: " + RUNC + 'error during container init: exec: "/app/run.sh": permission denied'))
    return Scenario(lab, "billing shows RunContainerError", "Deployment/billing", ("/app/run\\.sh", "permission denied|execut"))


@scenario
def shell_meets_a_script_it_may_not_run() -> Scenario:
    return crashed("sh: 1: ./start.sh: Permission denied", 126, command=["sh", "-c", "./start.sh"], must=("start\\.sh", "126|permission"))


@scenario
def shared_library_missing() -> Scenario:
    return crashed(
        "/app/server: error while loading shared libraries: libssl.so.1.1: cannot open shared object file: No such file or directory",
        127,
        must=("libssl\\.so\\.1\\.1", "shared|librar"),
    )


@scenario
def segmentation_fault_after_a_good_start() -> Scenario:
    return crashed("INFO starting encoder\nINFO worker ready", 139, must=("139|SIGSEGV|segmentation",))


@scenario
def aborted_with_bad_alloc() -> Scenario:
    return crashed(
        "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc",
        134,
        must=("134|SIGABRT|abort", "bad_alloc|memory"),
    )


@scenario
def jvm_metaspace() -> Scenario:
    log = "2031-05-04T11:58:01.120Z  INFO 1 --- [main] c.a.BillingApplication : Started\nTerminating due to java.lang.OutOfMemoryError: Metaspace"
    return crashed(
        log,
        3,
        env=[{"name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxMetaspaceSize=64m -XX:+ExitOnOutOfMemoryError"}],
        resources={"limits": {"memory": "1Gi"}},
        must=("OutOfMemory", "Metaspace"),
    )


@scenario
def node_heap() -> Scenario:
    log = "<--- Last few GCs --->\n[1:0x5f]    41231 ms: Mark-Compact 253.4 (258.0) -> 252.9 (258.3) MB\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----"
    return crashed(
        log, 134, env=[{"name": "NODE_OPTIONS", "value": "--max-old-space-size=256"}], must=("heap", "max-old-space-size|memory")
    )


@scenario
def python_memory_error() -> Scenario:
    log = 'Traceback (most recent call last):\n  File "/app/main.py", line 30, in <module>\n    load()\n  File "/app/main.py", line 12, in load\n    rows = [0] * 10**12\nMemoryError'
    return crashed(log, 1, must=("MemoryError|memory",))


@scenario
def too_many_open_files() -> Scenario:
    return crashed(
        '2031/05/04 11:59:00 http: Accept error: accept tcp [::]:8080: accept4: too many open files; retrying in 1s\nlevel=fatal msg="giving up" err="too many open files"',
        must=("open files|file descriptor|ulimit|nofile",),
    )


@scenario
def host_network_port_in_use() -> Scenario:
    return crashed(
        'level=error err="listen tcp :9100: bind: address already in use"', spec={"hostNetwork": True}, port=9100, must=("9100", "in use")
    )


@scenario
def bind_to_port_80_as_a_user() -> Scenario:
    return crashed(
        "panic: listen tcp :80: bind: permission denied",
        2,
        securityContext={"runAsUser": 10001, "capabilities": {"drop": ["ALL"]}},
        port=80,
        must=("\\b80\\b", "permission|privileged|NET_BIND_SERVICE"),
    )


@scenario
def app_armor_profile_missing() -> Scenario:
    return held(
        "CreateContainerError",
        'failed to create containerd container: failed to generate container "abc" spec: failed to generate apparmor spec opts: apparmor profile not found k8s-strict',
        securityContext={"appArmorProfile": {"type": "Localhost", "localhostProfile": "k8s-strict"}},
        must=("apparmor", "k8s-strict"),
    )


@scenario
def system_call_refused_by_seccomp() -> Scenario:
    return crashed(
        "fatal: unshare(CLONE_NEWUSER): Operation not permitted",
        spec={"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
        must=("not permitted", "seccomp|capabilit|privilege|unshare"),
    )


@scenario
def sysctl_not_allowed() -> Scenario:
    lab = Lab()
    message = 'Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowlisted'
    made = lab.app(
        "billing",
        spec={"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "4096"}]}},
        of_pod={"phase": "Failed", "statuses": [], "status": {"reason": "SysctlForbidden", "message": message}},
    )
    lab.say(made, ("SysctlForbidden", 'forbidden sysctl: "net.core.somaxconn" not allowlisted'), count=1)
    return Scenario(lab, "billing pods fail at once", "Deployment/billing", ("net\\.core\\.somaxconn", "sysctl"))


@scenario
def memory_limit_in_milli_bytes() -> Scenario:
    lab = Lab()
    message = RUNC + "container init was OOM-killed (memory limit too low?): unknown"
    made = lab.app(
        "billing",
        crash_loop(code=128, reason="StartError", message=message, startedAt="1970-01-01T00:00:00Z"),
        resources={"limits": {"memory": "128m"}, "requests": {"memory": "128m"}},
    )
    lab.say(made, ("Failed", "Error: " + message))
    return Scenario(lab, "billing will not start since we set the limits", "Deployment/billing", ("128m\\b", "limit|unit|Mi"))


def leaving(lab: Lab, **more: Raw) -> Raw:
    made = lab.app("billing", running(), lifecycle=more)
    made["metadata"]["deletionTimestamp"] = ago(1200)
    made["metadata"]["deletionGracePeriodSeconds"] = 3600
    made["spec"]["terminationGracePeriodSeconds"] = 3600
    return made


@scenario
def pre_stop_hook_hangs() -> Scenario:
    lab = Lab()
    made = leaving(lab, preStop={"exec": {"command": ["/bin/sh", "-c", "while pgrep worker; do sleep 5; done"]}})
    lab.say(made, ("Killing", "Stopping container app"), seconds=4700, count=1)
    return Scenario(lab, "billing pod is stuck terminating", "Deployment/billing", ("preStop", "terminat|grace|stop"))


@scenario
def post_start_hook_fails() -> Scenario:
    lab = Lab()
    made = lab.app("billing", crash_loop(code=137), lifecycle={"postStart": {"exec": {"command": ["/bin/warmup"]}}}, log="INFO up")
    lab.say(made, ("FailedPostStartHook", "PostStartHook failed: command '/bin/warmup' exited with 1: cache seed missing"))
    return Scenario(lab, "why does billing restart", "Deployment/billing", ("postStart", "warmup"))


@scenario
def init_waits_for_a_service_that_is_absent() -> Scenario:
    lab = Lab()
    wait = container("wait-db", command=["sh", "-c", "until nc -z accounts-db 5432; do echo waiting for accounts-db; sleep 2; done"])
    made = lab.app(
        "billing",
        waiting("PodInitializing"),
        of_pod={"phase": "Pending", "init": [wait], "init_statuses": [running("wait-db", ready=False)]},
    )
    lab.log(
        made, "nc: bad address 'accounts-db'\nwaiting for accounts-db\nnc: bad address 'accounts-db'\nwaiting for accounts-db", "wait-db"
    )
    return Scenario(
        lab,
        "billing hangs in Init:0/1",
        "Deployment/billing",
        ("accounts-db", "no service|not exist|does ?n.t exist|resolve|missing|absent"),
    )


@scenario
def native_sidecar_fails_first() -> Scenario:
    lab = Lab()
    side = container("mesh", image="registry.example/mesh:2", restartPolicy="Always")
    made = lab.app(
        "billing", waiting("PodInitializing"), of_pod={"phase": "Pending", "init": [side], "init_statuses": [crash_loop("mesh", 2)]}
    )
    lab.log(made, "fatal: cannot read /etc/mesh/bootstrap.json: open /etc/mesh/bootstrap.json: no such file or directory", "mesh")
    return Scenario(lab, "billing is stuck in Init", "Deployment/billing", ("mesh", "bootstrap\\.json"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_the_fault_at_the_start(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
