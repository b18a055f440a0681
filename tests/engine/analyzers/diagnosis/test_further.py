"""One hop further: where a fault of one namespace leads to, over borders of namespaces and kinds, and where a circle is cut."""

from __future__ import annotations

from typing import Any

from fakes.manifests import (
    NS,
    Raw,
    ago,
    container,
    deployment,
    event,
    log_of,
    meta,
    node,
    pod,
    replicaset,
    running,
    service,
    view,
    waiting,
    workload,
)

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import Diagnosis, diagnose
from engine.core.types import ObjectRef

FAR = "elsewhere"
PROBE: Raw = {"httpGet": {"path": "/ready", "port": 8080}}


def daemonset(
    name: str, *, paths: tuple[str, ...] = (), args: tuple[str, ...] = (), namespace: str = FAR, desired: int = 2, **spec: Any
) -> Raw:
    volumes = [{"name": f"v{i}", "hostPath": {"path": path}} for i, path in enumerate(paths)]
    body = {"containers": [container(args=list(args))], "volumes": volumes, **spec}
    return {
        "kind": "DaemonSet",
        "metadata": meta(name, namespace),
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}, "spec": body}},
        "status": {"desiredNumberScheduled": desired, "currentNumberScheduled": 1, "numberReady": 1},
    }


def first(found: Diagnosis) -> str:
    return found.root_causes[0].finding.summary if found.root_causes else ""


def waits_for_volume(node_name: str = "node-b") -> Raw:
    return pod(
        "db-0",
        statuses=[waiting("ContainerCreating")],
        phase="Pending",
        owner=("StatefulSet", "db"),
        node=node_name,
        spec={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]},
    )


def claimed() -> list[Raw]:
    return [
        {
            "kind": "PersistentVolumeClaim",
            "metadata": meta("data-db-0"),
            "spec": {"volumeName": "pv-1", "accessModes": ["ReadWriteOnce"]},
            "status": {"phase": "Bound"},
        },
        {
            "kind": "PersistentVolume",
            "metadata": meta("pv-1", ""),
            "spec": {"csi": {"driver": "disks.example.com"}},
            "status": {"phase": "Bound"},
        },
    ]


def test_a_volume_still_attached_to_a_node_that_is_gone_is_named_with_its_attachment() -> None:
    waits = waits_for_volume()
    held = {
        "kind": "VolumeAttachment",
        "metadata": meta("csi-123", ""),
        "spec": {"attacher": "disks.example.com", "nodeName": "node-x", "source": {"persistentVolumeName": "pv-1"}},
    }
    multi = event(waits, "FailedAttachVolume", 'Multi-Attach error for volume "pv-1" Volume is already exclusively attached to one node')
    found = diagnose(view(waits, *claimed(), held, multi, node("node-a"), node("node-b")), "db-0 does not start")
    assert found.root_causes[0].finding.object == ObjectRef("VolumeAttachment", "", "csi-123")
    assert "node-x, which does not exist any more" in first(found)
    there = diagnose(view(waits, *claimed(), held, multi, node("node-b"), node("node-x")), "db-0 does not start")
    assert "where no pod uses it any more" in first(there)


def test_a_driver_that_a_node_lacks_leads_to_its_daemonset_and_the_taint_that_keeps_it_off() -> None:
    waits = waits_for_volume()
    lacks = event(
        waits,
        "FailedMount",
        'MountVolume failed for volume "data": driver name disks.example.com not found in the list of registered CSI drivers',
    )
    tainted = node("node-b")
    tainted["spec"] = {"taints": [{"key": "team", "value": "db", "effect": "NoSchedule"}]}
    agent = daemonset("disks-node", args=("--driver=disks.example.com",))
    found = diagnose(view(waits, *claimed(), lacks, tainted, agent), "db-0 does not start")
    assert found.root_causes[0].finding.object == ObjectRef("DaemonSet", FAR, "disks-node")
    assert "does not tolerate the node's taint team=db:NoSchedule" in first(found)


def webhook(namespace: str) -> Raw:
    return {
        "kind": "MutatingWebhookConfiguration",
        "metadata": meta("guard", ""),
        "webhooks": [
            {
                "name": "pods.guard.example.com",
                "failurePolicy": "Fail",
                "clientConfig": {"service": {"name": "guard", "namespace": namespace, "port": 443}},
                "rules": [{"resources": ["pods"]}],
            }
        ],
    }


def test_a_circle_is_cut_at_the_webhook_that_somebody_configured() -> None:
    """The webhook's pod waits for a node, the node for its network, the network's DaemonSet for the webhook."""
    down = node("node-b", ready="False")
    down["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "NetworkPluginNotReady: cni plugin not initialized"}
    ]
    down["spec"] = {"podCIDR": "10.0.1.0/24", "taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]}
    agent = daemonset("net", paths=("/opt/cni/bin",), namespace="kube-system")
    why = 'failed calling webhook "pods.guard.example.com": failed to call webhook: Post "https://guard.guard.svc:443/mutate": no endpoints'
    refused = event(agent, "FailedCreate", f'Error creating: {why} available for service "guard"')
    guard = pod("guard-1", phase="Pending", node="", owner=None, namespace="guard", statuses=[], labels={"app": "guard"})
    guard["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 node(s) had untolerated taint"}
    ]
    objects = [down, agent, refused, webhook("guard"), service("guard", namespace="guard"), guard]
    found = diagnose(view(*objects, scope=None), "why is node-b not ready?")
    assert found.root_causes[0].finding.object.kind == "MutatingWebhookConfiguration"


def far_server(state: list[Raw], log: list[str]) -> tuple[list[Raw | list[Raw]], dict[tuple[str, str, str, bool], list[str]]]:
    objects = workload(container(readinessProbe=PROBE), statuses=state, name="vault", namespace=FAR)
    there = next(o for o in objects if o["kind"] == "Pod")
    return [*objects, service("vault", namespace=FAR)], log_of(there, "\n".join(log))


def test_a_client_is_explained_by_the_log_of_the_server_in_another_namespace() -> None:
    client = workload(
        container(env=[{"name": "URL", "value": f"http://vault.{FAR}.svc:80"}], readinessProbe=PROBE),
        statuses=[running(ready=False)],
    )
    caller = next(o for o in client if o["kind"] == "Pod")
    objects, logs = far_server([running(ready=False)], ["ERROR disk quota exceeded on /data: no space left on device"] * 4)
    logs |= log_of(caller, "\n".join([f"ERROR connect http://vault.{FAR}.svc:80: connection refused"] * 4))
    base: ClusterView = view(client, *objects, logs=logs)
    found = diagnose(base, "web does not work")
    assert found.root_causes[0].finding.owner == ObjectRef("Deployment", FAR, "vault")
    assert all(f.object.namespace == NS or any(f.id in g.causes for g in found.findings) for f in found.findings)


def test_what_is_wrong_elsewhere_and_explains_nothing_here_is_not_told() -> None:
    objects, logs = far_server([running(ready=False)], ["ERROR no space left on device"] * 4)
    ready = workload(container(), statuses=[running()])
    found = diagnose(view(ready, deployment("web", ready=1), replicaset(), *objects, logs=logs), "is everything fine?")
    assert not found.root_causes


def test_any_warning_event_of_a_pending_load_balancer_is_its_controllers_word() -> None:
    balanced = service("web")
    balanced["spec"]["type"] = "LoadBalancer"
    balanced["metadata"]["creationTimestamp"] = ago(900)
    found = diagnose(view(balanced, event(balanced, "ReasonNobodyKnows", "the moon is in the wrong house")), "web has no address")
    assert "the moon is in the wrong house" in first(found)
    assert "install a load balancer" not in found.root_causes[0].finding.remedies[0].text


def test_conversion_webhooks_count_like_admission_webhooks() -> None:
    crd = {
        "kind": "CustomResourceDefinition",
        "metadata": meta("trees.fruit.example.com", ""),
        "spec": {
            "group": "fruit.example.com",
            "scope": "Namespaced",
            "names": {"kind": "Tree", "plural": "trees"},
            "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": "trees", "namespace": "orchard"}}}},
        },
    }
    elsewhere = service("trees", namespace="garden")
    tree = {"kind": "Tree", "metadata": meta("t"), "spec": {}, "status": {"phase": "Grown"}}
    found = diagnose(view(crd, tree, elsewhere), "trees cannot be read")
    assert "does not exist in namespace orchard" in first(found) and "in namespace garden" in first(found)
