"""The kinds that K8sAgent knows by name: the resource, the Kind, whether it lives in a namespace, and the words people use.

Custom resources come from discovery; this table is for the kinds that analyzers, orders and questions know by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KindWord:
    """A kind: its resource (`deployments.apps`), its Kind, and whether it lives in a namespace."""

    resource: str
    kind: str
    namespaced: bool = True

    @property
    def argument(self) -> str:
        """How the kind is written in a kubectl command."""
        return self.resource.split(".")[0]

    @property
    def singular(self) -> str:
        """One of them, as kubectl commands and sentences write it."""
        return self.kind.lower()


_NAMESPACED = """
pods Pod po
deployments.apps Deployment deploy deploys
replicasets.apps ReplicaSet rs
statefulsets.apps StatefulSet sts
daemonsets.apps DaemonSet ds
jobs.batch Job
cronjobs.batch CronJob cj
services Service svc
endpoints Endpoints endpoint ep
ingresses.networking.k8s.io Ingress ing
networkpolicies.networking.k8s.io NetworkPolicy netpol
configmaps ConfigMap cm
secrets Secret
serviceaccounts ServiceAccount sa
persistentvolumeclaims PersistentVolumeClaim pvc pvcs claim claims
events Event ev
resourcequotas ResourceQuota quota quotas
horizontalpodautoscalers.autoscaling HorizontalPodAutoscaler hpa hpas
poddisruptionbudgets.policy PodDisruptionBudget pdb pdbs
endpointslices.discovery.k8s.io EndpointSlice
limitranges LimitRange
replicationcontrollers ReplicationController
controllerrevisions.apps ControllerRevision
roles.rbac.authorization.k8s.io Role
rolebindings.rbac.authorization.k8s.io RoleBinding
leases.coordination.k8s.io Lease
"""
"""A row: the resource, the Kind, and further words for it; singular and plural are known from these."""

_CLUSTER_SCOPED = """
persistentvolumes PersistentVolume pv pvs
storageclasses.storage.k8s.io StorageClass sc
nodes Node no
namespaces Namespace ns
ingressclasses.networking.k8s.io IngressClass
volumeattachments.storage.k8s.io VolumeAttachment
csidrivers.storage.k8s.io CSIDriver
csinodes.storage.k8s.io CSINode
clusterroles.rbac.authorization.k8s.io ClusterRole
clusterrolebindings.rbac.authorization.k8s.io ClusterRoleBinding
priorityclasses.scheduling.k8s.io PriorityClass
runtimeclasses.node.k8s.io RuntimeClass
certificatesigningrequests.certificates.k8s.io CertificateSigningRequest
apiservices.apiregistration.k8s.io APIService
customresourcedefinitions.apiextensions.k8s.io CustomResourceDefinition
mutatingwebhookconfigurations.admissionregistration.k8s.io MutatingWebhookConfiguration
validatingwebhookconfigurations.admissionregistration.k8s.io ValidatingWebhookConfiguration
validatingadmissionpolicies.admissionregistration.k8s.io ValidatingAdmissionPolicy
validatingadmissionpolicybindings.admissionregistration.k8s.io ValidatingAdmissionPolicyBinding
"""


def _read(rows: str, namespaced: bool) -> list[tuple[KindWord, list[str]]]:
    read = []
    for row in rows.split("\n"):
        if row:
            resource, kind, *words = row.split()
            read.append((KindWord(resource, kind, namespaced), [kind.lower(), resource.split(".")[0], *words]))
    return read


_KINDS = _read(_NAMESPACED, True) + _read(_CLUSTER_SCOPED, False)

KINDS: dict[str, KindWord] = {word: kind for kind, words in _KINDS for word in words}
"""By the words that people and kubectl use."""

KIND_OF: dict[str, KindWord] = {kind.kind: kind for kind, _ in _KINDS}
"""By Kind."""

RESOURCE_OF_KIND: dict[str, str] = {kind.kind: kind.resource for kind, _ in _KINDS}

WORKLOADS = tuple(KIND_OF[kind] for kind in ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod"))
"""What runs containers, controllers first."""
