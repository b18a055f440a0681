"""Faults made from templates: kind x layout x names x noise, and the same with the decisive evidence taken away.

The templates were written beside the analyzers, by the same hands: that all of them are found guards against a step back and says
nothing about other people's clusters. What is taken away is what the confidence is measured by.
"""

# ruff: noqa: E501 - objects stand on one line where that reads as the API's YAML does

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fakes.lab import Lab, claim, obj, storage_class, uses_claim, volume, worker
from fakes.manifests import NS, Raw, ago, config_map, container, crash_loop, ended, event, running, secret, service, waiting

from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj
from engine.cluster.source import Forbidden

FAR = "platform"
PROBE: Raw = {"httpGet": {"path": "/ready", "port": 8080}}
NAMES = "quartz ledgers basalt-api mistral orchid-worker tide-gate cobalt violet-store jasper lumen-feed onyx".split()
KINDS = "Harbor Beacon Lantern Anchor Compass Rudder Galley".split()


@dataclass(frozen=True, slots=True)
class Case:
    """A generated fault: the lab, what a person asks, and the patterns that the first cause must match with its chain."""

    id: str
    lab: Lab
    query: str
    must: tuple[str, ...]
    everywhere: bool = False


Template = Callable[[Lab, str, random.Random], tuple[str, tuple[str, ...]]]
TEMPLATES: list[Template] = []


def template(make: Template) -> Template:
    TEMPLATES.append(make)
    return make


def _crd(lab: Lab, kind: str, scope: str = "Namespaced", **spec: object) -> str:
    plural = f"{kind.lower()}s"
    body = {"group": "sea.example.com", "scope": scope, "names": {"kind": kind, "plural": plural}, "versions": [{"name": "v1"}], **spec}
    established = {"conditions": [{"type": "Established", "status": "True"}]}
    lab.add(obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.sea.example.com", "", spec=body, status=established))
    return kind


def _bad(kind: str, message: str, status: str = "False") -> Raw:
    return {"conditions": [{"type": kind, "status": status, "reason": "Failed", "message": message, "lastTransitionTime": ago(2000)}]}


def _custom(kind: str, name: str, ns: str = NS, **body: object) -> Raw:
    made = obj("sea.example.com/v1", kind, name, ns, **body)
    made["metadata"]["uid"] = f"uid-{kind}-{ns}-{name}"
    return made


@template
def chain_of_custom_resources(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    kinds = rng.sample(KINDS, rng.randint(2, 4))
    reason = rng.choice(["quota of the tenant is used up", "401 from the vendor", "no such region eu-9"])
    for i, kind in enumerate(kinds):
        last = i == len(kinds) - 1
        _crd(lab, kind)
        spec = {} if last else {f"{kinds[i + 1][0].lower()}{kinds[i + 1][1:]}Ref": {"name": f"{n}-{i + 1}"}}
        name = n if i == 0 else f"{n}-{i}"
        condition = rng.choice(["Ready", "Synced", "Programmed", "Available"])
        lab.add(_custom(kind, name, spec=spec, status=_bad(condition, reason if last else f"waiting for {n}-{i + 1}")))
    return f"{kinds[0]} {n} never gets ready", (reason, kinds[-1])


@template
def missing_secret_of_a_custom_resource(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    kind = _crd(lab, rng.choice(KINDS))
    lab.add(_custom(kind, n, spec={"auth": {"tokenSecretRef": {"name": f"{n}-token"}}}, status=_bad("Ready", "cannot log in")))
    return f"why is {kind} {n} not ready?", (f"{n}-token", "does not exist")


@template
def secret_that_a_custom_resource_does_not_make(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    kind = _crd(lab, rng.choice(KINDS))
    lab.add(
        _custom(
            kind, f"{n}-credentials", spec={"secretName": f"{n}-db"}, status=_bad("Ready", "the issuer refuses the order: rate limited")
        )
    )
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": f"{n}-db", "key": "t"}}}]
    lab.app(n, waiting("CreateContainerConfigError", f'secret "{n}-db" not found'), of_pod={"phase": "Pending"}, env=env)
    return f"{n} does not start", ("rate limited", f"{n}-credentials")


@template
def interrupted_helm_upgrade(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    _crd(lab, "HelmRelease")
    lab.add(_custom("HelmRelease", n, status=_bad("Ready", "upgrade failed: another operation (install/upgrade/rollback) is in progress")))
    for version, status in ((1, "deployed"), (2, "pending-upgrade")):
        record = secret(f"sh.helm.release.v1.{n}.v{version}", "release")
        record["metadata"]["labels"] = {"owner": "helm", "name": n, "status": status, "version": str(version)}
        lab.add(record)
    lab.app(n)
    return f"{n} is still on the old version", ("pending-upgrade", "revision 1")


def _waits(lab: Lab, n: str, driver: str, node: str = "worker-2") -> Raw:
    fields, spec = uses_claim(f"{n}-data")
    lab.add(claim(f"{n}-data", "Bound", volumeName=f"pv-{n}"), volume(f"pv-{n}", "Bound", csi={"driver": driver, "volumeHandle": "h"}))
    return lab.app(n, waiting("ContainerCreating"), spec=spec, of_pod={"phase": "Pending"}, node=node, **fields)


@template
def attachment_of_a_node_that_is_gone(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    made = _waits(lab, n, "csi.disk.example")
    source = {"persistentVolumeName": f"pv-{n}"}
    lab.add(
        obj(
            "storage.k8s.io/v1",
            "VolumeAttachment",
            f"csi-{n}",
            "",
            spec={"attacher": "csi.disk.example", "nodeName": "old-7", "source": source},
        )
    )
    lab.say(made, ("FailedAttachVolume", f'Multi-Attach error for volume "pv-{n}" Volume is already exclusively attached to one node'))
    return f"{n} hangs since a node was replaced", (f"csi-{n}", "old-7", "does not exist")


def _daemonset(name: str, spec: Raw, ns: str = "kube-system") -> Raw:
    template_ = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container()], **spec}}
    status = {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberReady": 2}
    return obj("apps/v1", "DaemonSet", name, ns, spec={"selector": {"matchLabels": {"app": name}}, "template": template_}, status=status)


@template
def driver_kept_off_a_node_by_a_taint(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    made = _waits(lab, n, f"{n}.csi.example")
    team = rng.choice(["db", "ml", "infra"])
    for node in lab.objects:
        if node["kind"] == "Node" and node["metadata"]["name"] == "worker-2":
            node["spec"]["taints"] = [{"key": "team", "value": team, "effect": "NoSchedule"}]
    agent = _daemonset(f"{n}-node-driver", {"containers": [container(args=[f"--driver-name={n}.csi.example"])]})
    lab.add(agent)
    why = f'MountVolume failed for volume "d": driver name {n}.csi.example not found in the list of registered CSI drivers'
    lab.say(made, ("FailedMount", why))
    return f"{n} stays in ContainerCreating", (f"{n}-node-driver", f"team={team}")


@template
def node_without_its_network_pod(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    message = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady cni plugin not initialized"
    down = worker(f"{n}-node")
    down["status"]["conditions"] = [{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": message}]
    down["spec"] = {
        "taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}, {"key": "pool", "value": n, "effect": "NoSchedule"}]
    }
    agent = _daemonset("overlay-net", {"volumes": [{"name": "c", "hostPath": {"path": "/etc/cni/net.d"}}]})
    lab.add(down, agent)
    return f"{n}-node is not ready, is the kubelet broken?", ("overlay-net", f"pool={n}")


@template
def load_balancer_in_its_controllers_words(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    lab.app(n)
    balanced = service(n)
    balanced["spec"]["type"] = "LoadBalancer"
    why = rng.choice(["no free address in pool blue", "quota FORWARDING_RULES exceeded", "subnet has too few addresses"])
    lab.add(balanced, event(balanced, rng.choice(["AllocFail", "SyncBroken", "BuildModelTrouble"]), why))
    return f"{n} has no external address", (why,)


@template
def conversion_webhook_of_a_missing_service(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    client = {"service": {"name": f"{n}-webhook", "namespace": FAR}}
    kind = _crd(lab, rng.choice(KINDS), conversion={"strategy": "Webhook", "webhook": {"clientConfig": client}})
    lab.add(_custom(kind, n, status={"phase": "Running"}))
    line = f'level=error msg="failed to list: conversion webhook for sea.example.com/v1, Kind={kind} failed: service {n}-webhook not found"'
    lab.app(f"{n}-operator", log="\n".join([line] * 8))
    return f"{n}-operator logs errors all the time", ("conversion webhook", f"{n}-webhook", "does not exist")


def _server(lab: Lab, name: str, log: str, ns: str = FAR) -> None:
    lab.app(name, running(ready=False), ns=ns, log="\n".join([log] * 6), readinessProbe=PROBE)
    lab.add(service(name, namespace=ns))


@template
def client_of_a_broken_server_elsewhere(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    said, expect = rng.choice(
        [
            ("ERROR no space left on device: /var/lib/data", "no space left|disk.{0,20}full"),
            ("FATAL x509: certificate has expired or is not yet valid", "certificate has expired"),
            ("ERROR permission denied: /var/lib/data/store", "permission denied|may not"),
        ]
    )
    _server(lab, f"{n}-store", said)
    url = f"http://{n}-store.{FAR}.svc:80"
    lab.app(n, crash_loop(), log=f"ERROR dial {url}: connect: connection refused\nfatal: giving up", env=[{"name": "STORE", "value": url}])
    return f"{n} crashes", (f"{n}-store", expect)


@template
def init_container_that_waits_for_a_server(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    _server(lab, f"{n}-db", "FATAL the data directory was initialized by version 14, which is not compatible with this version 17")
    init = container("wait", command=["sh", "-c", f"until nc -z {n}-db.{FAR} 80; do sleep 2; done"])
    states = [{"name": "wait", "ready": False, "restartCount": 0, "state": {"running": {"startedAt": ago(3000)}}}]
    lab.app(n, waiting("PodInitializing"), of_pod={"phase": "Pending", "init": [init], "init_statuses": states})
    return f"{n} hangs in Init", (f"{n}-db", "version|compatible")


@template
def drain_blocked_by_a_budget(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    lab.app(n, node="worker-3")
    for node in lab.objects:
        if node["kind"] == "Node" and node["metadata"]["name"] == "worker-3":
            node["spec"]["unschedulable"] = True
    status = {"expectedPods": 1, "currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0}
    lab.add(
        obj(
            "policy/v1", "PodDisruptionBudget", f"{n}-pdb", spec={"minAvailable": 1, "selector": {"matchLabels": {"app": n}}}, status=status
        )
    )
    return "draining worker-3 hangs", (f"{n}-pdb", "no eviction|disruptionsAllowed 0")


@template
def sub_path_without_its_key(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    lab.add(config_map(f"{n}-config", {"production.yaml": "a: 1"}))
    mount = {"name": "c", "mountPath": "/etc/app/app.yaml", "subPath": "app.yaml"}
    message = 'error mounting "/var/lib/kubelet/x" to rootfs at "/etc/app/app.yaml": not a directory'
    lab.app(
        n,
        crash_loop(code=128, reason="StartError", message=f"failed to create containerd task: OCI runtime create failed: {message}"),
        spec={"volumes": [{"name": "c", "configMap": {"name": f"{n}-config"}}]},
        volumeMounts=[mount],
    )
    return f"{n} cannot start, not a directory", (f"{n}-config", "no key app.yaml", "production.yaml")


@template
def access_mode_that_the_driver_lacks(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    wanted = claim(f"{n}-files", modes=("ReadWriteMany",), storageClassName="block")
    lab.add(storage_class("block", "csi.disk.example"), wanted)
    said = rng.choice(
        ["volume capability not supported", "rpc error: code = InvalidArgument desc = unsupported access mode MULTI_NODE_MULTI_WRITER"]
    )
    lab.add(event(wanted, "ProvisioningFailed", f"failed to provision volume: {said}"))
    fields, spec = uses_claim(f"{n}-files")
    lab.pending(n, "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims.", spec=spec, **fields)
    return f"{n} is Pending, too few nodes?", ("ReadWriteMany", "not support")


@template
def job_kept_alive_by_a_sidecar(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    from fakes.manifests import pod

    mesh = rng.choice(["istio-proxy", "linkerd-proxy", "cloud-sql-proxy"])
    done = {"name": "app", "ready": False, "restartCount": 0, "state": {"terminated": ended(0, "Completed", 900)}}
    own = pod(f"{n}-x1", container(), container(mesh), statuses=[done, running(mesh)], owner=("Job", n), labels={"job-name": n})
    lab.add(
        obj("batch/v1", "Job", n, spec={"completions": 1, "template": {"spec": {"containers": [container()]}}}, status={"active": 1}), own
    )
    return f"job {n} never completes", (mesh, "keeps running")


@template
def volume_tied_to_a_node_that_is_not_there(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    fields, spec = uses_claim(f"{n}-data")
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [f"gone-{n}"]}]}]
    lab.add(claim(f"{n}-data", "Bound", volumeName=f"pv-{n}"))
    lab.add(volume(f"pv-{n}", "Bound", local={"path": "/d"}, nodeAffinity={"required": {"nodeSelectorTerms": terms}}))
    lab.pending(n, "0/4 nodes are available: 4 node(s) had volume node affinity conflict.", spec=spec, **fields)
    return f"{n} stays Pending", (f"gone-{n}", "volume|affinity")


@template
def aggregated_api_down_with_its_server(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    _server(lab, f"{n}-metrics", 'E1120 09:52:14.168158       1 scraper.go:149] "Failed to scrape node" err="tls: failed to verify certificate: x509: certificate signed by unknown authority"')  # fmt: skip
    unavailable = _bad("Available", f'endpoints for service/{n}-metrics in "{FAR}" have no addresses')
    spec = {"service": {"name": f"{n}-metrics", "namespace": FAR}, "group": "metrics.k8s.io", "version": "v1beta1"}
    lab.add(obj("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", "", spec=spec, status=unavailable))
    lab.app(n)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": n}
    status = {"conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request"}]}  # fmt: skip
    lab.add(
        obj(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            n,
            spec={"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4},
            status=status,
        )
    )
    return f"{n} does not scale", (f"{n}-metrics", "x509|certificate")


@template
def webhook_that_blocks_its_own_pods(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    hook = {
        "name": f"pods.{n}.example.com",
        "failurePolicy": "Fail",
        "clientConfig": {"service": {"name": f"{n}-hook", "namespace": FAR}},
        "rules": [{"resources": ["pods"]}],
    }
    lab.add(obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", f"{n}-guard", "", webhooks=[hook]))
    lab.add(service(f"{n}-hook", namespace=FAR))
    url = f"https://{n}-hook.{FAR}.svc:443/validate"
    lab.refused(n, f'!Internal error occurred: failed calling webhook "pods.{n}.example.com": failed to call webhook: Post "{url}": no endpoints available for service "{n}-hook"')  # fmt: skip
    return f"{n} has no pods", (f"{n}-guard|pods.{n}.example.com", "no (ready )?endpoint|cannot be called|selects? no|matches no")


@template
def cron_job_held_by_a_run_that_cannot_pull(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    from fakes.manifests import pod

    reference = [{"kind": "CronJob", "name": n, "uid": f"uid-{NS}-{n}", "controller": True}]
    cron = obj("batch/v1", "CronJob", n, spec={"schedule": "0 * * * *", "concurrencyPolicy": "Forbid", "jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}}, status={"active": [{"name": f"{n}-1"}]})  # fmt: skip
    job = obj(
        "batch/v1", "Job", f"{n}-1", metadata={"ownerReferences": reference, "creationTimestamp": ago(90000)}, spec={}, status={"active": 1}
    )
    own = pod(f"{n}-1-a", container(image="registry.example/x:9"), statuses=[waiting("ImagePullBackOff", 'Back-off pulling image "registry.example/x:9"')], phase="Pending", node="worker-1", owner=("Job", f"{n}-1"))  # fmt: skip
    lab.add(cron, job, own)
    lab.say(
        own,
        ("Failed", 'Failed to pull image "registry.example/x:9": rpc error: code = NotFound desc = registry.example/x:9: not found'),
        container="app",
    )
    return f"{n} has not run since yesterday", ("registry.example/x:9", "not found|does not exist")


@template
def autoscaled_by_a_resource_without_its_secret(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    _crd(lab, "ScaledObject")
    _crd(lab, "TriggerAuthentication")
    lab.app(n, replicas=0)
    lab.objects = [o for o in lab.objects if not (o["kind"] == "Pod" and o["metadata"]["name"].startswith(f"{n}-5d8"))]
    lab.add(
        _custom("TriggerAuthentication", f"{n}-auth", spec={"secretTargetRef": [{"parameter": "host", "name": f"{n}-queue", "key": "h"}]})
    )
    spec = {"scaleTargetRef": {"name": n}, "triggers": [{"authenticationRef": {"name": f"{n}-auth"}}]}
    lab.add(_custom("ScaledObject", n, spec=spec, status=_bad("Ready", "triggers are not working correctly")))
    return f"{n} stays at zero", (f"{n}-queue", "does not exist")


@template
def locked_data_during_a_rollout(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    from fakes.manifests import pod

    fields, spec = uses_claim(f"{n}-data")
    lab.add(claim(f"{n}-data", "Bound", volumeName=f"pv-{n}"), volume(f"pv-{n}", "Bound"))
    lab.app(n, crash_loop(), spec=spec, log=rng.choice(["FATAL lock file already held by another process", "opening storage failed: lock DB directory: resource temporarily unavailable"]), **fields)  # fmt: skip
    lab.add(pod(f"{n}-old-zzzzz", container(**fields), owner=("ReplicaSet", f"{n}-5d8"), labels={"app": n}, spec=spec))
    return f"{n} crashes since the rollout", (f"{n}-old-zzzzz", "lock")


@template
def route_not_permitted(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    _crd(lab, "HTTPRoute")
    lab.app(n)
    lab.add(service(n))
    parents = [_bad("ResolvedRefs", f"backend ref to Service {NS}/{n} not permitted by any ReferenceGrant")]
    backend = {"kind": "Service", "name": n, "namespace": NS, "port": 80}
    lab.add(_custom("HTTPRoute", f"{n}-route", FAR, spec={"rules": [{"backendRefs": [backend]}]}, status={"parents": parents}))
    return f"{n} answers 500 from outside", ("not permitted", f"{n}-route")


@template
def certificate_behind_its_challenge(lab: Lab, n: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    for kind in ("Certificate", "Order", "Challenge"):
        _crd(lab, kind)
    top = _custom("Certificate", n, spec={"secretName": f"{n}-tls"}, status=_bad("Ready", "Issuing certificate as Secret does not exist"))
    order = _custom("Order", f"{n}-1", status={"state": "pending"})
    last = _custom("Challenge", f"{n}-1-2", status={"state": "pending", "reason": "DNS record for TXT was not found: SERVFAIL from ns1"})
    for child, owner in ((order, top), (last, order)):
        child["metadata"]["ownerReferences"] = [{"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}]
    lab.add(top, order, last)
    return f"certificate {n} is not issued", ("SERVFAIL", "Challenge")


def _noise(lab: Lab, rng: random.Random) -> None:
    """What is wrong or odd and has nothing to do with the question."""
    _crd(lab, "Buoy")
    lab.add(_custom("Buoy", "buoy-9", spec={"size": 1}, status=_bad("Degraded", "one of three is drifting", "True")))
    lab.app("pantry", running(restarts=2, last=ended(137, "OOMKilled", 9000)), log='level=warn msg="slow query" took=2s')
    lab.add(event(lab.app("larder"), "Unhealthy", "Readiness probe failed: context deadline exceeded", seconds=3000, count=1))
    lab.app("faucet", ns="other", log="ERROR connection refused")
    rng.shuffle(lab.objects)


def _second(lab: Lab, rng: random.Random) -> None:
    """Another fault beside the one that is asked about."""
    if rng.random() < 0.5:
        lab.app("pelican", crash_loop(code=137, reason="OOMKilled"), resources={"limits": {"memory": "64Mi"}})
    else:
        lab.app("pelican", waiting("ImagePullBackOff", 'Back-off pulling image "registry.example/pelican:2"'), of_pod={"phase": "Pending"}, image="registry.example/pelican:2")  # fmt: skip


BLINDNESS = ("logs", "events", "elsewhere", "cluster")
"""What a person may not see: logs, events, other namespaces, objects without a namespace."""


def blinded(view: ClusterView, how: str) -> ClusterView:
    """The view of somebody who may not see a part of the cluster."""
    fetch = view._fetch

    def cut(resource: str, where: str | None) -> list[Obj]:
        found = fetch(resource, where)
        if how == "events" and resource == "events":
            return []
        beyond = where not in (None, NS) or (where is None and any(o.namespace for o in found))
        if (how == "elsewhere" and beyond) or (how == "cluster" and found and not found[0].namespace):
            raise Forbidden(f"{resource} is forbidden")
        return found

    view._fetch = cut
    if how == "logs":
        view._read_logs = lambda *_: []
    return view


LAYOUTS = ("alone", "noise", "second", "everywhere")


def cases(seed: int = 16, names: int = 5) -> list[Case]:
    """Every template in every layout under `names` names, the same for the same seed."""
    made = []
    for number, make in enumerate(TEMPLATES):
        for layout in LAYOUTS:
            for turn in range(names):
                rng = random.Random(f"{seed}/{number}/{layout}/{turn}")
                lab = Lab()
                lab.add(obj("v1", "Namespace", FAR, ""))
                name = rng.choice(NAMES)
                query, must = make(lab, name, rng)
                if layout in ("noise", "second"):
                    _noise(lab, rng)
                if layout == "second":
                    _second(lab, rng)
                made.append(Case(f"{make.__name__}/{layout}/{name}/{turn}", lab, query, must, layout == "everywhere"))
    return made
