"""A second set of faults, written after the analyzers were mended for the first, in a lab with healthy neighbours."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, obj, score, uses_claim, volume, worker
from fakes.manifests import NS, ago, config_map, container, crash_loop, ended, event, pod, running, secret, service, waiting

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


@scenario
def init_container_out_of_memory() -> Scenario:
    lab = Lab()
    init = container("unpack", resources={"limits": {"memory": "32Mi"}})
    lab.app(
        "quotes",
        waiting("PodInitializing"),
        of_pod={"phase": "Pending", "init": [init], "init_statuses": [crash_loop("unpack", 137, reason="OOMKilled")]},
    )
    return Scenario(lab, "quotes never starts", "Deployment/quotes", ("unpack", "OOM|memory", "32Mi"))


@scenario
def read_write_once_pod_claim_in_use() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("quotes-data")
    lab.add(
        claim("quotes-data", "Bound", modes=("ReadWriteOncePod",), volumeName="pv-r"), volume("pv-r", "Bound", modes=("ReadWriteOncePod",))
    )
    lab.app("holder", spec=spec, **fields)
    lab.pending(
        "quotes",
        "0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod. no new claims to deallocate",
        spec=spec,
        **fields,
    )
    return Scenario(lab, "quotes is Pending", "Deployment/quotes", ("ReadWriteOncePod",))


@scenario
def attachment_stuck_on_a_dead_node() -> Scenario:
    dead = worker("worker-2", "zone-b", ready="Unknown")
    dead["status"]["conditions"][0].update(
        {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status.", "lastTransitionTime": ago(1200)}
    )
    lab = Lab(nodes=[worker("worker-1"), dead])
    fields, spec = uses_claim("quotes-data")
    lab.add(
        claim("quotes-data", "Bound", volumeName="pv-r"), volume("pv-r", "Bound", csi={"driver": "csi.disk.example", "volumeHandle": "h"})
    )
    old = pod(
        "quotes-5d8-old11",
        container(**fields),
        owner=("ReplicaSet", "quotes-5d8"),
        node="worker-2",
        labels={"app": "quotes"},
        spec=spec,
        deletionTimestamp=ago(900),
    )
    made = lab.app("quotes", waiting("ContainerCreating"), spec=spec, of_pod={"phase": "Pending"}, **fields)
    lab.add(old)
    lab.say(
        made,
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pv-r" Volume is already exclusively attached to one node and can\'t be attached to another',
        ),
    )
    return Scenario(
        lab, "quotes does not come back after the node crash", "Node/worker-2", ("worker-2", "not ?ready|stopped posting|unknown")
    )


@scenario
def scaler_targets_nothing() -> Scenario:
    lab = Lab()
    text = 'the HPA controller was unable to get the target\'s current scale: deployments.apps "qoutes" not found'
    made = obj(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "quotes",
        spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "qoutes"}, "maxReplicas": 4},
        status={"conditions": [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale", "message": text}]},
    )
    lab.app("quotes")
    lab.add(made)
    lab.say(made, ("FailedGetScale", 'deployments.apps "qoutes" not found'))
    return Scenario(lab, "quotes does not scale", "HorizontalPodAutoscaler/quotes", ("qoutes", "not found|does not exist"))


@scenario
def pull_secret_only_in_another_namespace() -> Scenario:
    lab = Lab()
    lab.add(secret("hub", ".dockerconfigjson", namespace="other", kind="kubernetes.io/dockerconfigjson"))
    text = 'Failed to pull image "hub.acme.example/quotes:3": failed to resolve reference "hub.acme.example/quotes:3": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed'
    made = lab.app(
        "quotes",
        waiting("ImagePullBackOff", f'Back-off pulling image "hub.acme.example/quotes:3": ErrImagePull: {text}'),
        image="hub.acme.example/quotes:3",
        spec={"imagePullSecrets": [{"name": "hub"}]},
        of_pod={"phase": "Pending"},
    )
    lab.say(
        made,
        ("Failed", text),
        (
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (hub); attempting to pull the image may not succeed.",
        ),
        container="app",
    )
    return Scenario(
        lab, "quotes cannot pull its image", "Secret/hub", ("\\bhub\\b", "not exist|missing|not found|does not exist", "secret")
    )


@scenario
def port_variable_differs_from_the_probe() -> Scenario:
    lab = Lab()
    made = lab.app(
        "quotes",
        running(ready=False),
        port=8080,
        env=[{"name": "PORT", "value": "9000"}],
        log="Server listening on port 9000",
        readinessProbe={"httpGet": {"path": "/", "port": 8080}},
    )
    lab.say(
        made,
        ("Unhealthy", 'Readiness probe failed: Get "http://10.244.1.8:8080/": dial tcp 10.244.1.8:8080: connect: connection refused'),
        container="app",
    )
    lab.add(service("quotes"))
    return Scenario(lab, "quotes stays 0/1", "Deployment/quotes", ("readiness", "8080", "9000"))


@scenario
def argument_list_for_another_version() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        crash_loop(code=2),
        args=["--enable-beta"],
        log="usage: quotes [-h] [--port PORT]\nquotes: error: unrecognized arguments: --enable-beta",
    )
    return Scenario(lab, "quotes crashes since the upgrade", "Deployment/quotes", ("--enable-beta",))


@scenario
def yaml_value_read_as_a_boolean() -> Scenario:
    lab = Lab()
    lab.add(config_map("quotes-env", {"COUNTRY": "false"}))
    lab.app(
        "quotes",
        crash_loop(),
        envFrom=[{"configMapRef": {"name": "quotes-env"}}],
        log="pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nCOUNTRY\n  Input should be 'NO', 'SE' or 'DK' [type=enum, input_value='false', input_type=str]",
    )
    return Scenario(lab, "quotes fails after the config change", "ConfigMap/quotes-env", ("COUNTRY", "false"))


@scenario
def job_that_hangs_on_a_lock() -> Scenario:
    lab = Lab()
    lab.add(
        obj(
            "batch/v1",
            "Job",
            "rebuild",
            spec={"backoffLimit": 0, "template": {"spec": {"containers": [container()], "restartPolicy": "Never"}}},
            status={
                "failed": 1,
                "conditions": [
                    {
                        "type": "Failed",
                        "status": "True",
                        "reason": "BackoffLimitExceeded",
                        "message": "Job has reached the specified backoff limit",
                    }
                ],
            },
        )
    )
    one = pod(
        "rebuild-1",
        statuses=[{**running(ready=False), "state": {"terminated": ended(1, seconds=200)}}],
        phase="Failed",
        owner=("Job", "rebuild"),
        labels={"job-name": "rebuild"},
    )
    lab.add(one)
    lab.log(one, "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout")
    return Scenario(lab, "why did rebuild fail?", "Job/rebuild", ("lock", "back-?off ?limit|0"))


@scenario
def s3_bucket_denied() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        running(),
        log="ERROR upload: An error occurred (AccessDenied) when calling the PutObject operation: User: arn:aws:sts::1:assumed-role/quotes is not authorized to perform: s3:PutObject\nERROR upload: An error occurred (AccessDenied) when calling the PutObject operation: User: arn:aws:sts::1:assumed-role/quotes is not authorized to perform: s3:PutObject",
    )
    return Scenario(lab, "quotes uploads nothing", "Deployment/quotes", ("AccessDenied|not authorized", "PutObject"))


@scenario
def smtp_refuses_the_login() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        running(),
        log="ERROR smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')\nERROR smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')",
    )
    return Scenario(lab, "quotes sends no mails", "Deployment/quotes", ("535|authentication",))


@scenario
def wrong_working_directory_for_relative_file() -> Scenario:
    lab = Lab()
    lab.app("quotes", crash_loop(), workingDir="/srv", log="Error: ENOENT: no such file or directory, open 'config/default.json'")
    return Scenario(lab, "quotes crashes", "Deployment/quotes", ("config/default\\.json",))


@scenario
def tls_secret_without_its_key() -> Scenario:
    lab = Lab()
    spec = {"volumes": [{"name": "t", "secret": {"secretName": "quotes-tls"}}]}
    lab.add(secret("quotes-tls", "tls.crt"))
    lab.app(
        "quotes",
        crash_loop(),
        spec=spec,
        volumeMounts=[{"name": "t", "mountPath": "/tls"}],
        log='level=fatal msg="open /tls/tls.key: no such file or directory"',
    )
    return Scenario(lab, "quotes does not start with TLS", "Deployment/quotes", ("tls\\.key", "quotes-tls"))


@scenario
def dot_net_connection_string() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        crash_loop(code=134),
        log="Unhandled exception. System.ArgumentException: Format of the initialization string does not conform to specification starting at index 0.\n   at System.Data.Common.DbConnectionOptions.GetKeyValuePair(String connectionString)",
    )
    return Scenario(lab, "quotes aborts at start", "Deployment/quotes", ("initialization string|connection ?string",))


@scenario
def ruby_master_key() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        crash_loop(),
        log="/usr/local/bundle/gems/activesupport-8.0.1/lib/active_support/encrypted_configuration.rb:58:in `key': Missing `secret_key_base` for 'production' environment, set this string with `bin/rails credentials:edit` (ArgumentError)",
    )
    return Scenario(lab, "quotes crashes", "Deployment/quotes", ("secret_key_base",))


@scenario
def php_extension() -> Scenario:
    lab = Lab()
    lab.app("quotes", crash_loop(code=255), log='PHP Fatal error:  Uncaught Error: Class "Redis" not found in /app/cache.php:12')
    return Scenario(lab, "quotes crashes", "Deployment/quotes", ("Redis", "not found"))


@scenario
def node_shut_down_for_maintenance() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        of_pod={
            "phase": "Failed",
            "statuses": [],
            "status": {"reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown."},
        },
        node="worker-2",
    )
    return Scenario(lab, "quotes was terminated, why?", "Deployment/quotes", ("shut ?down|shutdown", "node"))


@scenario
def deployment_that_never_gets_enough_quota_for_its_surge() -> Scenario:
    lab = Lab()
    quota = obj(
        "v1", "ResourceQuota", "cpu", spec={"hard": {"limits.cpu": "2"}}, status={"hard": {"limits.cpu": "2"}, "used": {"limits.cpu": "2"}}
    )
    made = lab.app("quotes", replicas=2, resources={"limits": {"cpu": "1"}})
    text = 'Error creating: pods "quotes-new-abc" is forbidden: exceeded quota: cpu, requested: limits.cpu=1, used: limits.cpu=2, limited: limits.cpu=2'
    rs = next(o for o in lab.objects if o["kind"] == "ReplicaSet" and o["metadata"]["name"] == "quotes-5d8")
    new = {
        **rs,
        "metadata": {**rs["metadata"], "name": "quotes-new", "uid": "uid-new", "creationTimestamp": ago(300)},
        "status": {
            "replicas": 0,
            "conditions": [
                {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": text.removeprefix("Error creating: ")}
            ],
        },
    }
    lab.add(quota, new, event(new, "FailedCreate", text))
    assert made
    return Scenario(lab, "the new version of quotes does not roll out", "ResourceQuota/cpu", ("quota", "limits\\.cpu"))


@scenario
def service_account_token_audience() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        running(),
        log="ERROR request to https://10.96.0.1/api/v1/pods failed: 401 Unauthorized: [invalid bearer token, token audiences [vault] is invalid for the target audiences]\nERROR request to https://10.96.0.1/api/v1/pods failed: 401 Unauthorized: [invalid bearer token, token audiences [vault] is invalid for the target audiences]",
    )
    return Scenario(lab, "quotes cannot list pods", "Deployment/quotes", ("401|bearer token|audience",))


@scenario
def stateful_claim_of_a_missing_class() -> Scenario:
    lab = Lab()
    made = claim("data-store-0", storageClassName="premium")
    lab.add(
        obj(
            "apps/v1",
            "StatefulSet",
            "store",
            spec={
                "replicas": 1,
                "serviceName": "store",
                "selector": {"matchLabels": {"app": "store"}},
                "template": {"metadata": {"labels": {"app": "store"}}, "spec": {"containers": [container()]}},
            },
            status={"replicas": 1},
        ),
        made,
        service("store", clusterIP="None"),
    )
    lab.say(made, ("ProvisioningFailed", 'storageclass.storage.k8s.io "premium" not found'))
    one = pod(
        "store-0",
        statuses=[],
        phase="Pending",
        owner=("StatefulSet", "store"),
        labels={"app": "store"},
        spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data-store-0"}}]},
        status={
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
                }
            ]
        },
    )
    one["spec"].pop("nodeName")
    lab.add(one)
    return Scenario(lab, "store-0 is pending", "PersistentVolumeClaim/data-store-0", ("premium", "storage ?class"))


@scenario
def headless_service_of_another_port_name() -> Scenario:
    lab = Lab()
    lab.app(
        "quotes",
        running(),
        log='WARN grpc: addrConn.createTransport failed to connect to {Addr: "10.244.1.9:50051"}. Err: connection error: desc = "transport: Error while dialing: dial tcp 10.244.1.9:50051: connect: connection refused"\n'
        * 3,
        env=[{"name": "RATER", "value": "dns:///rater:50051"}],
    )
    lab.app("rater", ports=[{"containerPort": 50052}], log="gRPC listening on :50052")
    lab.add(service("rater", port=50051, target=50051, clusterIP="None"))
    return Scenario(lab, "quotes cannot reach rater", "Service/rater", ("50051", "50052"))


@scenario
def namespace_with_a_finalizer_of_its_own() -> Scenario:
    lab = Lab()
    lab.objects = [o for o in lab.objects if o["metadata"].get("namespace") != NS]
    space = next(o for o in lab.objects if o["kind"] == "Namespace" and o["metadata"]["name"] == NS)
    space["metadata"].update({"deletionTimestamp": ago(4000), "finalizers": ["acme.example/archive"]})
    space["spec"] = {"finalizers": []}
    space["status"] = {
        "phase": "Terminating",
        "conditions": [
            {
                "type": "NamespaceContentRemaining",
                "status": "False",
                "reason": "ContentRemoved",
                "message": "All content successfully removed",
            }
        ],
    }
    return Scenario(lab, "namespace lab is stuck terminating", "Namespace/lab", ("finalizer", "acme\\.example/archive"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_the_fault_of_the_second_set(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said
