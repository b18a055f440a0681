"""Faults of Deployments, Jobs, CronJobs, StatefulSets, scalers and budgets, in a lab with healthy neighbours."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, obj, score
from fakes.manifests import (
    NS,
    Raw,
    ago,
    config_map,
    container,
    crash_loop,
    deployment,
    ended,
    pod,
    replicaset,
    running,
    service,
    waiting,
)

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


def rollout(
    name: str, status: Raw, log: str, reason: str = "ProgressDeadlineExceeded", events: tuple[tuple[str, str], ...] = (), **fields: object
) -> Lab:
    """A new revision fails while the old pods still serve."""
    lab = Lab()
    old = container(image="registry.example/tagger:1", env=[{"name": "MODE", "value": "batch"}])
    new = {**old, "image": "registry.example/tagger:2", **fields}
    progress = {
        "type": "Progressing",
        "status": "False",
        "reason": reason,
        "message": f'ReplicaSet "{name}-new" has timed out progressing.',
    }
    made = deployment(
        name, new, replicas=2, ready=2, conditions=[{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}, progress]
    )
    made["status"].update({"updatedReplicas": 1, "unavailableReplicas": 1, "replicas": 3})
    made["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    lab.add(made)
    for number, (tag, spec, count) in enumerate((("old", old, 2), ("new", new, 1)), 1):
        rs = replicaset(f"{name}-{tag}", name, replicas=count)
        rs["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": str(number)}
        rs["metadata"]["creationTimestamp"] = ago(80000 if tag == "old" else 1200)
        rs["spec"]["template"]["spec"]["containers"] = [spec]
        rs["status"] = {"replicas": count, **({"readyReplicas": 2} if tag == "old" else {})}
        lab.add(rs)
    for n in (1, 2):
        lab.add(pod(f"{name}-old-{n}", old, owner=("ReplicaSet", f"{name}-old"), labels={"app": name}, node="worker-1"))
    bad = pod(f"{name}-new-1", new, statuses=[status], owner=("ReplicaSet", f"{name}-new"), labels={"app": name}, node="worker-2")
    lab.add(bad, service(name))
    lab.say(bad, *events, container="app")
    if log:
        lab.log(bad, log)
    return lab


@scenario
def roll_out_with_a_bad_image() -> Scenario:
    error = 'rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/tagger:2": failed to resolve reference "registry.example/tagger:2": registry.example/tagger:2: not found'
    lab = rollout(
        "tagger",
        waiting("ImagePullBackOff", f'Back-off pulling image "registry.example/tagger:2": ErrImagePull: {error}'),
        "",
        events=(("Failed", f'Failed to pull image "registry.example/tagger:2": {error}'),),
    )
    return Scenario(
        lab, "the rollout of tagger is stuck, the old pods still serve", "Deployment/tagger", ("tagger:2", "not found|does not exist")
    )


@scenario
def roll_out_with_a_wrong_value() -> Scenario:
    lab = rollout(
        "tagger", crash_loop(), 'config: MODE must be one of "batch", "stream": got "strean"', env=[{"name": "MODE", "value": "strean"}]
    )
    return Scenario(lab, "tagger rollout hangs since the last release", "Deployment/tagger", ("MODE", "strean"))


@scenario
def feature_flag_with_a_typo() -> Scenario:
    lab = Lab()
    lab.add(config_map("flags", {"FEATURE_CHECKOUT": "ture"}))
    lab.app(
        "tagger",
        crash_loop(),
        envFrom=[{"configMapRef": {"name": "flags"}}],
        log='panic: strconv.ParseBool: parsing "ture": invalid syntax',
    )
    return Scenario(lab, "tagger crashes after the flag change", "ConfigMap/flags", ("ture", "FEATURE_CHECKOUT"))


@scenario
def roll_out_paused() -> Scenario:
    lab = Lab()
    lab.app("tagger", of_deployment={"paused": True})
    made = next(o for o in lab.objects if o["kind"] == "Deployment" and o["metadata"]["name"] == "tagger")
    made["metadata"]["generation"] = 2
    made["status"].update(
        {
            "observedGeneration": 2,
            "updatedReplicas": 0,
            "conditions": [
                {"type": "Available", "status": "True"},
                {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused", "message": "Deployment is paused"},
            ],
        }
    )
    return Scenario(lab, "I set a new image on tagger but nothing happens", "Deployment/tagger", ("paused",))


def job(name: str = "settle", ns: str = NS, conditions: list[Raw] | None = None, status: Raw | None = None, **spec: object) -> Raw:
    body = {"template": {"spec": {"containers": [container()], "restartPolicy": "Never"}}, "backoffLimit": 6, **spec}
    return obj("batch/v1", "Job", name, ns, spec=body, status={"conditions": conditions or [], **(status or {})})


def failed(reason: str, message: str) -> list[Raw]:
    return [
        {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": ago(300)}
        for kind in ("FailureTarget", "Failed")
    ]


@scenario
def job_ended_by_its_failure_policy() -> Scenario:
    lab = Lab()
    rules = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}
    text = "Container app for pod lab/settle-x1 failed with exit code 42 matching FailJob rule at index 0"
    lab.add(job(conditions=failed("PodFailurePolicy", text), podFailurePolicy=rules, status={"failed": 1}))
    one = pod(
        "settle-x1",
        statuses=[{**running(ready=False), "state": {"terminated": ended(42, seconds=320)}}],
        phase="Failed",
        owner=("Job", "settle"),
        labels={"job-name": "settle"},
    )
    lab.add(one)
    lab.log(one, "FATAL ledger is locked for settlement by another run")
    return Scenario(lab, "why did settle fail without a retry?", "Job/settle", ("42", "failure ?policy|FailJob"))


@scenario
def job_past_its_deadline() -> Scenario:
    lab = Lab()
    lab.add(
        job(
            conditions=failed("DeadlineExceeded", "Job was active longer than specified deadline"),
            activeDeadlineSeconds=300,
            status={"failed": 1},
        )
    )
    return Scenario(lab, "the settle job failed", "Job/settle", ("deadline", "300"))


@scenario
def job_without_parallelism() -> Scenario:
    lab = Lab()
    lab.add(job(parallelism=0, completions=5, status={"active": 0}))
    return Scenario(lab, "the settle job does not start any pod", "Job/settle", ("parallelism", "\\b0\\b|zero"))


def cron(name: str = "settle", conditions: Raw | None = None, **spec: object) -> Raw:
    body = {
        "schedule": "*/5 * * * *",
        "concurrencyPolicy": "Allow",
        "jobTemplate": {"spec": {"template": {"spec": {"containers": [container()], "restartPolicy": "Never"}}}},
        **spec,
    }
    return obj("batch/v1", "CronJob", name, metadata={"creationTimestamp": ago(900000)}, spec=body, status=conditions or {})


@scenario
def cron_in_an_unknown_time_zone() -> Scenario:
    lab = Lab()
    made = cron(timeZone="Europe/Zuerich")
    lab.add(made)
    lab.say(made, ("UnknownTimeZone", 'invalid timeZone: "Europe/Zuerich" - unknown time zone Europe/Zuerich'))
    return Scenario(lab, "settle has not run since yesterday", "CronJob/settle", ("Europe/Zuerich", "time ?zone"))


@scenario
def cron_forbids_while_a_run_hangs() -> Scenario:
    lab = Lab()
    made = cron(concurrencyPolicy="Forbid")
    run = job("settle-29000001", status={"active": 1, "startTime": ago(80000)})
    run["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "settle", "uid": made["metadata"]["uid"], "controller": True}]
    run["metadata"]["creationTimestamp"] = ago(80000)
    made["status"] = {"active": [{"kind": "Job", "name": "settle-29000001", "namespace": NS}], "lastScheduleTime": ago(80000)}
    hung = pod(
        "settle-29000001-x", statuses=[running(seconds=79990)], owner=("Job", "settle-29000001"), labels={"job-name": "settle-29000001"}
    )
    lab.add(made, run, hung)
    lab.log(hung, "waiting for lock")
    lab.say(made, ("JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid"))
    return Scenario(lab, "settle did not run today", "CronJob/settle", ("Forbid", "settle-29000001|still|running"))


def stateful(
    name: str = "store",
    containers: Raw | None = None,
    service_name: str = "store",
    replicas: int = 3,
    status: Raw | None = None,
    **spec: object,
) -> Raw:
    body = {
        "replicas": replicas,
        "serviceName": service_name,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [containers or container()]}},
        **spec,
    }
    return obj(
        "apps/v1",
        "StatefulSet",
        name,
        spec=body,
        status={
            "replicas": replicas,
            "readyReplicas": replicas,
            "currentReplicas": replicas,
            "updatedReplicas": replicas,
            "currentRevision": "store-1",
            "updateRevision": "store-1",
            **(status or {}),
        },
    )


def member(number: int, status: Raw | None = None, image: str = "registry.example/store:1", revision: str = "store-1") -> Raw:
    made = pod(
        f"store-{number}",
        container(image=image),
        statuses=[status or running()],
        owner=("StatefulSet", "store"),
        labels={"app": "store", "controller-revision-hash": revision},
    )
    made["metadata"]["ownerReferences"][0]["uid"] = f"uid-{NS}-store"
    return made


@scenario
def stateful_set_updates_on_delete() -> Scenario:
    lab = Lab()
    lab.add(
        stateful(
            containers=container(image="registry.example/store:2"),
            updateStrategy={"type": "OnDelete"},
            status={"updateRevision": "store-2", "updatedReplicas": 0},
        )
    )
    lab.add([member(n) for n in range(3)], service("store", clusterIP="None"))
    return Scenario(lab, "store still runs the old image after the update", "StatefulSet/store", ("OnDelete",))


@scenario
def stateful_set_with_a_partition() -> Scenario:
    lab = Lab()
    lab.add(
        stateful(
            containers=container(image="registry.example/store:2"),
            updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 3}},
            status={"updateRevision": "store-2", "updatedReplicas": 0},
        )
    )
    lab.add([member(n) for n in range(3)], service("store", clusterIP="None"))
    return Scenario(lab, "store does not take the new image", "StatefulSet/store", ("partition", "\\b3\\b"))


@scenario
def headless_service_missing() -> Scenario:
    lab = Lab()
    lab.add(stateful(service_name="store-headless", replicas=2, status={"readyReplicas": 0}))
    for number in range(2):
        one = member(number, crash_loop())
        lab.add(one)
        lab.log(one, "FATAL lookup store-0.store-headless.lab.svc.cluster.local on 10.96.0.10:53: no such host")
    return Scenario(
        lab, "store members cannot find each other", "StatefulSet/store", ("store-headless", "not exist|does not exist|missing|no service")
    )


@scenario
def first_member_blocks_the_others() -> Scenario:
    lab = Lab()
    lab.add(stateful(status={"replicas": 1, "readyReplicas": 0}), service("store", clusterIP="None"))
    one = member(0, crash_loop())
    lab.add(one)
    lab.log(one, "ERROR: license file /etc/store/license.key has expired on 2031-05-01")
    return Scenario(lab, "store has only one pod of three", "StatefulSet/store", ("license", "expired|license\\.key"))


@scenario
def daemon_set_not_on_labelled_nodes() -> Scenario:
    lab = Lab()
    lab.add(
        obj(
            "apps/v1",
            "DaemonSet",
            "shipper",
            spec={
                "selector": {"matchLabels": {"app": "shipper"}},
                "template": {
                    "metadata": {"labels": {"app": "shipper"}},
                    "spec": {"containers": [container()], "nodeSelector": {"logs": "yes"}},
                },
            },
            status={"desiredNumberScheduled": 0, "currentNumberScheduled": 0, "numberReady": 0},
        )
    )
    return Scenario(lab, "shipper runs nowhere", "DaemonSet/shipper", ("logs=yes|logs", "label|selector"))


def scaler(status: Raw, metrics: list[Raw] | None = None, target: str = "tagger", **spec: object) -> Raw:
    cpu = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]
    return obj(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "tagger",
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": 1,
            "maxReplicas": 3,
            "metrics": metrics or cpu,
            **spec,
        },
        status=status,
    )


@scenario
def scaler_without_requests() -> Scenario:
    lab = Lab()
    lab.app("tagger")
    text = "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container app of Pod tagger-5d8-abcde"
    made = scaler(
        {
            "currentReplicas": 1,
            "conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": text}],
        }
    )
    lab.add(made)
    lab.say(made, ("FailedGetResourceMetric", text.split(": ", 1)[1]))
    return Scenario(lab, "tagger does not scale", "Deployment/tagger", ("request", "cpu"))


@scenario
def scaler_at_its_maximum() -> Scenario:
    lab = Lab()
    lab.app("tagger", resources={"requests": {"cpu": "100m"}})
    made = scaler(
        {
            "currentReplicas": 3,
            "desiredReplicas": 3,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 180}}}],
            "conditions": [
                {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
                {
                    "type": "ScalingLimited",
                    "status": "True",
                    "reason": "TooManyReplicas",
                    "message": "the desired replica count is more than the maximum replica count",
                },
            ],
        }
    )
    lab.add(made)
    return Scenario(lab, "tagger is overloaded and does not get more pods", "HorizontalPodAutoscaler/tagger", ("max", "\\b3\\b"))


@scenario
def budget_blocks_a_drain() -> Scenario:
    lab = Lab()
    lab.app("tagger", node="worker-2")
    lab.add(
        obj(
            "policy/v1",
            "PodDisruptionBudget",
            "tagger-pdb",
            spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "tagger"}}},
            status={
                "disruptionsAllowed": 0,
                "currentHealthy": 1,
                "desiredHealthy": 1,
                "expectedPods": 1,
                "conditions": [{"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"}],
            },
        )
    )
    next(o for o in lab.objects if o["metadata"]["name"] == "worker-2")["spec"] = {
        "unschedulable": True,
        "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
    }
    return Scenario(
        lab, "draining worker-2 hangs on tagger", "PodDisruptionBudget/tagger-pdb", ("tagger-pdb", "disruption|minAvailable|evict")
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_the_fault_of_the_workload(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
