"""The resources that every Kubernetes server has: what foreign recordings, which hold no discovery, are read with."""

from __future__ import annotations

from functools import cache

from engine.cluster.source import ResourceType

_BUILT_IN = """
v1 componentstatuses ComponentStatus - cs
v1 configmaps ConfigMap + cm
v1 endpoints Endpoints + ep
v1 events Event + ev
v1 limitranges LimitRange + limits
v1 namespaces Namespace - ns
v1 nodes Node - no
v1 persistentvolumeclaims PersistentVolumeClaim + pvc
v1 persistentvolumes PersistentVolume - pv
v1 pods Pod + po all
v1 podtemplates PodTemplate +
v1 replicationcontrollers ReplicationController + rc all
v1 resourcequotas ResourceQuota + quota
v1 secrets Secret +
v1 serviceaccounts ServiceAccount + sa
v1 services Service + svc all
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration -
admissionregistration.k8s.io/v1 validatingadmissionpolicies ValidatingAdmissionPolicy -
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding -
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration -
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition - crd,crds
apiregistration.k8s.io/v1 apiservices APIService -
apps/v1 controllerrevisions ControllerRevision +
apps/v1 daemonsets DaemonSet + ds all
apps/v1 deployments Deployment + deploy all
apps/v1 replicasets ReplicaSet + rs all
apps/v1 statefulsets StatefulSet + sts all
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler + hpa all
batch/v1 cronjobs CronJob + cj all
batch/v1 jobs Job + - all
certificates.k8s.io/v1 certificatesigningrequests CertificateSigningRequest - csr
coordination.k8s.io/v1 leases Lease +
discovery.k8s.io/v1 endpointslices EndpointSlice +
events.k8s.io/v1 events Event + ev
networking.k8s.io/v1 ingressclasses IngressClass -
networking.k8s.io/v1 ingresses Ingress + ing
networking.k8s.io/v1 networkpolicies NetworkPolicy + netpol
node.k8s.io/v1 runtimeclasses RuntimeClass -
policy/v1 poddisruptionbudgets PodDisruptionBudget + pdb
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding -
rbac.authorization.k8s.io/v1 clusterroles ClusterRole -
rbac.authorization.k8s.io/v1 rolebindings RoleBinding +
rbac.authorization.k8s.io/v1 roles Role +
scheduling.k8s.io/v1 priorityclasses PriorityClass - pc
storage.k8s.io/v1 csidrivers CSIDriver -
storage.k8s.io/v1 csinodes CSINode -
storage.k8s.io/v1 storageclasses StorageClass - sc
storage.k8s.io/v1 volumeattachments VolumeAttachment -
"""


@cache
def built_in() -> tuple[ResourceType, ...]:
    """One row a resource, in the version that servers of today prefer."""
    rows = []
    for line in _BUILT_IN.strip().splitlines():
        where, plural, kind, scope, *more = line.split()
        group, _, version = where.rpartition("/")
        short = tuple(more[0].split(",")) if more and more[0] != "-" else ()
        rows.append(
            ResourceType(
                group=group,
                version=version,
                plural=plural,
                kind=kind,
                namespaced=scope == "+",
                short_names=short,
                singular=kind.lower(),
                verbs=("get", "list", "watch"),
                categories=tuple(more[1:]),
            )
        )
    return tuple(rows)


@cache
def _by_kind() -> dict[tuple[str, str], ResourceType]:
    return {(row.group, row.kind): row for row in built_in()}


@cache
def _by_word() -> dict[str, ResourceType]:
    words: dict[str, ResourceType] = {}
    for row in reversed(built_in()):  # the core group comes first in the table, so it has the last word
        for word in (row.plural, row.singular, row.name, *row.short_names):
            words[word] = row
    return words


def of_kind(api_version: str, kind: str) -> ResourceType | None:
    """The built-in resource of an object's apiVersion and kind, in the version that the object names."""
    group, _, version = api_version.rpartition("/")
    row = _by_kind().get((group, kind))
    if row is None or row.version == version:
        return row
    return ResourceType(group, version, row.plural, kind, row.namespaced, row.short_names, row.singular, row.verbs, row.categories)


def named(word: str) -> ResourceType | None:
    """The built-in resource of a plural, singular or short name (`pods`, `deployments.apps`, `pvc`, `network-policy`)."""
    plain = word.lower()
    return _by_word().get(plain) or _by_word().get(plain.replace("-", "").replace("_", ""))


def guessed(api_version: str, kind: str, *, namespaced: bool) -> ResourceType:
    """A custom resource whose definition is not at hand: its plural by the rules of English that generators follow."""
    group, _, version = api_version.rpartition("/")
    lower = kind.lower()
    if lower.endswith(("s", "x", "z", "ch", "sh")):
        plural = lower + "es"
    elif lower.endswith("y") and lower[-2:-1] not in "aeiou":
        plural = lower[:-1] + "ies"
    else:
        plural = lower + "s"
    return ResourceType(group, version, plural, kind, namespaced, singular=lower, verbs=("get", "list", "watch"))
