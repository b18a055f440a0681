"""Field numbers of the protobuf messages that kubectl's typed clients send: the objects of create commands, reviews, evictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """A field's JSON name and how it is read: text, bytes, int, bool, message, quantity, time, intstr; `many` and `map` repeat it.

    A message without a name is inline: its fields are those of the message around it.
    """

    name: str
    kind: str = "text"
    message: str = ""
    many: bool = False
    map: bool = False


def _text(name: str, *, many: bool = False, map: bool = False) -> Field:
    return Field(name, many=many, map=map)


def _message(name: str, message: str, *, many: bool = False) -> Field:
    return Field(name, "message", message, many=many)


ROLE_BINDING = {
    1: _message("metadata", "ObjectMeta"),
    2: _message("subjects", "Subject", many=True),
    3: _message("roleRef", "RoleRef"),
}
AUTOSCALER_V1 = "HorizontalPodAutoscaler in version 1"
POD_TEMPLATE = {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "PodSpec")}
MESSAGES: Mapping[str, Mapping[int, Field]] = {
    "ObjectMeta": {
        1: _text("name"),
        2: _text("generateName"),
        3: _text("namespace"),
        4: _text("selfLink"),
        5: _text("uid"),
        6: _text("resourceVersion"),
        7: Field("generation", "int"),
        8: Field("creationTimestamp", "time"),
        11: _text("labels", map=True),
        12: _text("annotations", map=True),
        13: _message("ownerReferences", "OwnerReference", many=True),
        14: _text("finalizers", many=True),
    },
    "OwnerReference": {
        1: _text("kind"),
        3: _text("name"),
        4: _text("uid"),
        5: _text("apiVersion"),
        6: Field("controller", "bool"),
        7: Field("blockOwnerDeletion", "bool"),
    },
    "Empty": {},
    "SelfSubjectAccessReview": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "AccessSpec"),
        3: _message("status", "AccessStatus"),
    },
    "AccessStatus": {1: Field("allowed", "bool"), 2: _text("reason"), 3: _text("evaluationError"), 4: Field("denied", "bool")},
    "AccessSpec": {1: _message("resourceAttributes", "ResourceAttributes"), 2: _message("nonResourceAttributes", "NonResourceAttributes")},
    "ResourceAttributes": {
        1: _text("namespace"),
        2: _text("verb"),
        3: _text("group"),
        4: _text("version"),
        5: _text("resource"),
        6: _text("subresource"),
        7: _text("name"),
    },
    "NonResourceAttributes": {1: _text("path"), 2: _text("verb")},
    "SelfSubjectRulesReview": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "RulesSpec"),
        3: _message("status", "RulesStatus"),
    },
    "RulesSpec": {1: _text("namespace")},
    "RulesStatus": {3: Field("incomplete", "bool"), 4: _text("evaluationError")},
    "SelfSubjectReview": {1: _message("metadata", "ObjectMeta"), 2: _message("status", "ReviewStatus")},
    "ReviewStatus": {1: _message("userInfo", "UserInfo")},
    "UserInfo": {1: _text("username"), 2: _text("uid"), 3: _text("groups", many=True)},
    "Namespace": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "NamespaceSpec"),
        3: _message("status", "NamespaceStatus"),
    },
    "NamespaceSpec": {1: _text("finalizers", many=True)},
    "NamespaceStatus": {1: _text("phase")},
    "ConfigMap": {
        1: _message("metadata", "ObjectMeta"),
        2: _text("data", map=True),
        3: Field("binaryData", "bytes", map=True),
        4: Field("immutable", "bool"),
    },
    "Secret": {
        1: _message("metadata", "ObjectMeta"),
        2: Field("data", "bytes", map=True),
        3: _text("type"),
        4: _text("stringData", map=True),
        5: Field("immutable", "bool"),
    },
    "ServiceAccount": {1: _message("metadata", "ObjectMeta")},
    "DeleteOptions": {
        1: Field("gracePeriodSeconds", "int"),
        2: _message("preconditions", "Preconditions"),
        3: Field("orphanDependents", "bool"),
        4: _text("propagationPolicy"),
        5: _text("dryRun", many=True),
    },
    "Preconditions": {1: _text("uid"), 2: _text("resourceVersion")},
    "Eviction": {1: _message("metadata", "ObjectMeta"), 2: _message("deleteOptions", "DeleteOptions")},
    "Scale": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "ScaleSpec"), 3: _message("status", "ScaleStatus")},
    "ScaleSpec": {1: Field("replicas", "int")},
    "ScaleStatus": {1: Field("replicas", "int"), 2: _text("selector", map=True), 3: _text("targetSelector")},
    "Deployment": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "DeploymentSpec"), 3: _message("status", "Empty")},
    "DeploymentSpec": {
        1: Field("replicas", "int"),
        2: _message("selector", "LabelSelector"),
        3: _message("template", "PodTemplate"),
        4: _message("strategy", "Empty"),
        5: Field("minReadySeconds", "int"),
        6: Field("revisionHistoryLimit", "int"),
        7: Field("paused", "bool"),
        9: Field("progressDeadlineSeconds", "int"),
    },
    "LabelSelector": {1: _text("matchLabels", map=True)},
    "PodTemplate": POD_TEMPLATE,
    "Volume": {1: _text("name"), 2: _message("", "VolumeSource")},
    "VolumeSource": {1: _message("hostPath", "HostPath")},
    "HostPath": {1: _text("path"), 2: _text("type")},
    "VolumeMount": {1: _text("name"), 2: Field("readOnly", "bool"), 3: _text("mountPath"), 4: _text("subPath")},
    "Toleration": {
        1: _text("key"),
        2: _text("operator"),
        3: _text("value"),
        4: _text("effect"),
        5: Field("tolerationSeconds", "int"),
    },
    "SecurityContext": {1: _message("capabilities", "Capabilities"), 2: Field("privileged", "bool")},
    "Capabilities": {1: _text("add", many=True), 2: _text("drop", many=True)},
    "PodSpec": {
        1: _message("volumes", "Volume", many=True),
        2: _message("containers", "Container", many=True),
        3: _text("restartPolicy"),
        4: Field("terminationGracePeriodSeconds", "int"),
        5: Field("activeDeadlineSeconds", "int"),
        6: _text("dnsPolicy"),
        7: _text("nodeSelector", map=True),
        8: _text("serviceAccountName"),
        9: _text("serviceAccount"),
        10: _text("nodeName"),
        11: Field("hostNetwork", "bool"),
        12: Field("hostPID", "bool"),
        13: Field("hostIPC", "bool"),
        14: _message("securityContext", "Empty"),
        19: _text("schedulerName"),
        22: _message("tolerations", "Toleration", many=True),
    },
    "Container": {
        1: _text("name"),
        2: _text("image"),
        3: _text("command", many=True),
        4: _text("args", many=True),
        5: _text("workingDir"),
        6: _message("ports", "ContainerPort", many=True),
        7: _message("env", "EnvVar", many=True),
        8: _message("resources", "Resources"),
        9: _message("volumeMounts", "VolumeMount", many=True),
        13: _text("terminationMessagePath"),
        14: _text("imagePullPolicy"),
        15: _message("securityContext", "SecurityContext"),
        16: Field("stdin", "bool"),
        17: Field("stdinOnce", "bool"),
        18: Field("tty", "bool"),
        20: _text("terminationMessagePolicy"),
    },
    "ContainerPort": {
        1: _text("name"),
        2: Field("hostPort", "int"),
        3: Field("containerPort", "int"),
        4: _text("protocol"),
        5: _text("hostIP"),
    },
    "EnvVar": {1: _text("name"), 2: _text("value")},
    "IntOrString": {1: Field("type", "int"), 2: Field("intVal", "int"), 3: _text("strVal")},
    "Service": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "ServiceSpec"), 3: _message("status", "ServiceStatus")},
    "ServiceStatus": {1: _message("loadBalancer", "Empty")},
    "ServiceSpec": {
        1: _message("ports", "ServicePort", many=True),
        2: _text("selector", map=True),
        3: _text("clusterIP"),
        4: _text("type"),
        5: _text("externalIPs", many=True),
        7: _text("sessionAffinity"),
        10: _text("externalName"),
        18: _text("clusterIPs", many=True),
    },
    "ServicePort": {
        1: _text("name"),
        2: _text("protocol"),
        3: Field("port", "int"),
        4: Field("targetPort", "intstr"),
        5: Field("nodePort", "int"),
    },
    "Role": {1: _message("metadata", "ObjectMeta"), 2: _message("rules", "PolicyRule", many=True)},
    "ClusterRole": {1: _message("metadata", "ObjectMeta"), 2: _message("rules", "PolicyRule", many=True)},
    "PolicyRule": {
        1: _text("verbs", many=True),
        2: _text("apiGroups", many=True),
        3: _text("resources", many=True),
        4: _text("resourceNames", many=True),
        5: _text("nonResourceURLs", many=True),
    },
    "RoleBinding": ROLE_BINDING,
    "ClusterRoleBinding": ROLE_BINDING,
    "Subject": {1: _text("kind"), 2: _text("apiGroup"), 3: _text("name"), 4: _text("namespace")},
    "RoleRef": {1: _text("apiGroup"), 2: _text("kind"), 3: _text("name")},
    "ResourceQuota": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "QuotaSpec"), 3: _message("status", "Empty")},
    "QuotaSpec": {1: Field("hard", "quantity", map=True), 2: _text("scopes", many=True)},
    "PodDisruptionBudget": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "BudgetSpec"),
        3: _message("status", "BudgetStatus"),
    },
    "BudgetSpec": {
        1: Field("minAvailable", "intstr"),
        2: _message("selector", "LabelSelector"),
        3: Field("maxUnavailable", "intstr"),
    },
    "BudgetStatus": {3: Field("disruptionsAllowed", "int"), 4: Field("currentHealthy", "int")}
    | {5: Field("desiredHealthy", "int"), 6: Field("expectedPods", "int")},
    "HorizontalPodAutoscaler": {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "AutoscalerSpec"),
        3: _message("status", "AutoscalerStatus"),
    },
    "AutoscalerStatus": {3: Field("currentReplicas", "int"), 4: Field("desiredReplicas", "int")},
    "AutoscalerSpec": {
        1: _message("scaleTargetRef", "ScaleTarget"),
        2: Field("minReplicas", "int"),
        3: Field("maxReplicas", "int"),
        4: _message("metrics", "MetricSpec", many=True),
    },
    AUTOSCALER_V1: {
        1: _message("metadata", "ObjectMeta"),
        2: _message("spec", "AutoscalerSpecV1"),
        3: _message("status", "AutoscalerStatus"),
    },
    "AutoscalerSpecV1": {
        1: _message("scaleTargetRef", "ScaleTarget"),
        2: Field("minReplicas", "int"),
        3: Field("maxReplicas", "int"),
        4: Field("targetCPUUtilizationPercentage", "int"),
    },
    "ScaleTarget": {1: _text("kind"), 2: _text("name"), 3: _text("apiVersion")},
    "MetricSpec": {1: _text("type"), 4: _message("resource", "ResourceMetric")},
    "ResourceMetric": {1: _text("name"), 2: _message("target", "MetricTarget")},
    "MetricTarget": {1: _text("type"), 4: Field("averageUtilization", "int")},
    "Pod": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "PodSpec"), 3: _message("status", "Empty")},
    "Resources": {1: Field("limits", "quantity", map=True), 2: Field("requests", "quantity", map=True)},
    "Job": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "JobSpec"), 3: _message("status", "Empty")},
    "JobSpec": {
        1: Field("parallelism", "int"),
        2: Field("completions", "int"),
        3: Field("activeDeadlineSeconds", "int"),
        4: _message("selector", "LabelSelector"),
        5: Field("manualSelector", "bool"),
        6: _message("template", "PodTemplate"),
        7: Field("backoffLimit", "int"),
        8: Field("ttlSecondsAfterFinished", "int"),
    },
    "CronJob": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "CronJobSpec"), 3: _message("status", "Empty")},
    "CronJobSpec": {
        1: _text("schedule"),
        2: Field("startingDeadlineSeconds", "int"),
        3: _text("concurrencyPolicy"),
        4: Field("suspend", "bool"),
        5: _message("jobTemplate", "JobTemplate"),
        6: Field("successfulJobsHistoryLimit", "int"),
        7: Field("failedJobsHistoryLimit", "int"),
        8: _text("timeZone"),
    },
    "JobTemplate": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "JobSpec")},
    "Ingress": {1: _message("metadata", "ObjectMeta"), 2: _message("spec", "IngressSpec"), 3: _message("status", "ServiceStatus")},
    "IngressSpec": {
        1: _message("defaultBackend", "IngressBackend"),
        2: _message("tls", "IngressTls", many=True),
        3: _message("rules", "IngressRule", many=True),
        4: _text("ingressClassName"),
    },
    "IngressTls": {1: _text("hosts", many=True), 2: _text("secretName")},
    "IngressRule": {1: _text("host"), 2: _message("", "IngressRuleValue")},
    "IngressRuleValue": {1: _message("http", "IngressPaths")},
    "IngressPaths": {1: _message("paths", "IngressPath", many=True)},
    "IngressPath": {1: _text("path"), 2: _message("backend", "IngressBackend"), 3: _text("pathType")},
    "IngressBackend": {4: _message("service", "IngressService")},
    "IngressService": {1: _text("name"), 2: _message("port", "IngressPort")},
    "IngressPort": {1: _text("name"), 2: Field("number", "int")},
    "PriorityClass": {
        1: _message("metadata", "ObjectMeta"),
        2: Field("value", "int"),
        3: Field("globalDefault", "bool"),
        4: _text("description"),
        5: _text("preemptionPolicy"),
    },
}
OBJECTS = frozenset(
    {
        "SelfSubjectAccessReview",
        "SelfSubjectRulesReview",
        "SelfSubjectReview",
        "Namespace",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "DeleteOptions",
        "Eviction",
        "Scale",
        "Deployment",
        "Job",
        "CronJob",
        "Ingress",
        "PriorityClass",
        "Service",
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "ResourceQuota",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
        "Pod",
    }
)
