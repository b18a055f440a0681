"""From one change to what follows it: which workloads to bring up to date, what to collect, which endpoints to write again."""

from __future__ import annotations

from engine.cluster.objects import at, int_at, list_at, maps_at, text_at
from engine.cluster.source import RawObject
from engine.simulator.controllers.configuration import KINDS, start_configured_pods
from engine.simulator.controllers.endpoints import sync_endpoints
from engine.simulator.controllers.pods import on_dead_node, place_waiting_pods, start_pod
from engine.simulator.controllers.rollout import DEPLOYMENTS, REPLICA_SETS, sync_deployment, sync_replica_set
from engine.simulator.controllers.sets import DAEMON_SETS, JOBS, STATEFUL_SETS, sync_daemon_set, sync_job, sync_stateful_set
from engine.simulator.controllers.store import Store, StoredChange, controller_of, found, listed, name_of, namespace_of, uid_of
from engine.simulator.controllers.volumes import CLAIMS, VOLUMES, bind_claims

OWNED = ("pods", REPLICA_SETS, JOBS, "controllerrevisions.apps", "endpoints", "endpointslices.discovery.k8s.io")
"""The kinds that others own, and that go with their owner."""
IN_NAMESPACES = (
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    JOBS,
    "cronjobs.batch",
    "pods",
    "services",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "persistentvolumeclaims",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "resourcequotas",
    "limitranges",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "events",
)
PLACES = ("nodes", CLAIMS, VOLUMES)
"""The kinds that decide where pods may run."""
PERMITTING = ("namespaces", "serviceaccounts", "resourcequotas")
"""The kinds that decide whether pods may be created."""
BY_KIND = {
    "Deployment": DEPLOYMENTS,
    "ReplicaSet": REPLICA_SETS,
    "StatefulSet": STATEFUL_SETS,
    "DaemonSet": DAEMON_SETS,
    "Job": JOBS,
}


class Controllers:
    """Follows each change of a store with what a cluster's controllers would do, before anybody sees the change."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def follow(self, change: StoredChange, *, orphan: bool = False) -> None:
        """Bring everything that depends on the changed object up to date; `orphan` keeps what a deleted object owned."""
        obj = change.after or change.before
        if obj is None:
            return
        namespace = namespace_of(obj)
        if change.after is None:
            if not orphan:
                self._delete_dependents(obj)
            if change.resource == "namespaces":
                self._delete_namespace_contents(name_of(obj))
                return
        if change.resource == "pods" and change.before is None and not at(obj, "status", "conditions"):
            start_pod(self._store, obj)
        if change.resource == "nodes" and change.after is None:
            self._delete_pods_of_node(name_of(obj))
        if change.resource in (VOLUMES, CLAIMS):
            bind_claims(self._store)
        if change.resource in PLACES:
            self._schedule_waiting()
        if change.resource in KINDS and start_configured_pods(self._store, change):
            self._sync_namespace(namespace)
        if change.resource == "namespaces" and change.before is None:
            self._populate_namespace(name_of(obj))
        if change.resource in PERMITTING:
            self._retry_refused(namespace or name_of(obj))
        if change.resource in BY_KIND.values() and change.after is not None:
            self._sync(change.resource, namespace, name_of(obj), [])
        if change.resource == "pods" and (change.after is None or at(change.after, "metadata", "deletionTimestamp")):
            self._replace(obj)
        if change.resource in ("pods", "services", *PERMITTING, *BY_KIND.values()):
            sync_endpoints(self._store, namespace or name_of(obj))

    def is_deletion_delayed(self, resource: str, obj: RawObject, *, force: bool) -> bool:
        """Whether a deleted object stays for now: finalizers hold it, or its node cannot confirm that the pod is gone."""
        if list_at(obj, "metadata", "finalizers"):
            return True
        if resource == "namespaces" and at(obj, "metadata", "deletionTimestamp"):
            return True  # it was recorded while something kept it from going
        return resource == "pods" and not force and on_dead_node(self._store, obj)

    def _sync(self, resource: str, namespace: str, name: str, gone: list[RawObject]) -> None:
        if resource == DEPLOYMENTS:
            sync_deployment(self._store, namespace, name, gone)
        elif resource == REPLICA_SETS:
            sync_replica_set(self._store, namespace, name, gone)
            owner = controller_of(found(self._store, REPLICA_SETS, namespace, name) or {})
            if owner.get("kind") == "Deployment":
                sync_deployment(self._store, namespace, text_at(owner, "name"), gone)
        elif resource == STATEFUL_SETS:
            sync_stateful_set(self._store, namespace, name, gone)
        elif resource == DAEMON_SETS:
            sync_daemon_set(self._store, namespace, name, gone)
        elif resource == JOBS:
            sync_job(self._store, namespace, name, gone)

    def _replace(self, pod: RawObject) -> None:
        """Have the controller of a pod that goes make another."""
        owner = controller_of(pod)
        resource = BY_KIND.get(text_at(owner, "kind"))
        if resource:
            self._sync(resource, namespace_of(pod), text_at(owner, "name"), [pod])

    def _schedule_waiting(self) -> None:
        """Have waiting pods look for a node again, and count again where one was found."""
        for namespace in sorted(place_waiting_pods(self._store)):
            self._sync_namespace(namespace)

    def _sync_namespace(self, namespace: str) -> None:
        for resource in BY_KIND.values():
            for obj in listed(self._store, resource, namespace):
                self._sync(resource, namespace, name_of(obj), [])
        sync_endpoints(self._store, namespace)

    def _delete_pods_of_node(self, node: str) -> None:
        """Take away the pods of a node that is gone."""
        for pod in listed(self._store, "pods"):
            if text_at(pod, "spec", "nodeName") == node:
                self._store.drop("pods", namespace_of(pod), name_of(pod))
                self._replace(pod)
                sync_endpoints(self._store, namespace_of(pod))

    def _populate_namespace(self, namespace: str) -> None:
        """Give a new namespace its default service account."""
        metadata = {"name": "default", "namespace": namespace}
        self._store.write("serviceaccounts", {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata})

    def _retry_refused(self, namespace: str) -> None:
        """Have workloads that lack pods try to make them, now that what may refuse them has changed."""
        for resource in (REPLICA_SETS, STATEFUL_SETS, JOBS):
            for obj in listed(self._store, resource, namespace):
                if int_at(obj, "status", "replicas") < int_at(obj, "spec", "replicas") or resource == JOBS:
                    self._sync(resource, namespace, name_of(obj), [])

    def _delete_dependents(self, owner: RawObject) -> None:
        """Remove what a deleted object owned, and what that owned in turn."""
        uid, namespace = uid_of(owner), namespace_of(owner)
        if not uid:
            return
        for resource in OWNED:
            for obj in listed(self._store, resource, namespace or None):
                owners = maps_at(obj, "metadata", "ownerReferences")
                if owners and all(text_at(entry, "uid") == uid for entry in owners):
                    self._store.drop(resource, namespace_of(obj), name_of(obj))
                    self._delete_dependents(obj)

    def _delete_namespace_contents(self, namespace: str) -> None:
        for resource in IN_NAMESPACES:
            for obj in listed(self._store, resource, namespace):
                self._store.drop(resource, namespace, name_of(obj))
