"""Rows of namespaces, configuration, access and admission: what says who may do what, and with how much."""

from __future__ import annotations

from datetime import datetime

from engine.cluster.objects import Obj, map_at, text_at
from engine.cluster.tables.model import NONE, UNKNOWN, UNSET, Printing, Row, age, columns, keys_of


def _config_map(obj: Obj, now: datetime) -> Row:
    return keys_of(obj.raw, "data") + keys_of(obj.raw, "binaryData"), age(obj, now)


def _secret(obj: Obj, now: datetime) -> Row:
    return obj.text("type"), keys_of(obj.raw, "data"), age(obj, now)


def _namespace(obj: Obj, now: datetime) -> Row:
    return obj.text("status", "phase"), age(obj, now)


def _only_age(obj: Obj, now: datetime) -> Row:
    return (age(obj, now),)


def _created_at(obj: Obj, now: datetime) -> Row:
    return (obj.text("metadata", "creationTimestamp"),)


def _quota(obj: Obj, now: datetime) -> Row:
    hard, used = map_at(obj.raw, "status", "hard"), map_at(obj.raw, "status", "used")
    pairs = [(name, f"{name}: {text_at(used, name, default='0')}/{text_at(hard, name)}") for name in sorted(hard)]
    requests = ", ".join(text for name, text in pairs if not name.startswith("limits."))
    limits = ", ".join(text for name, text in pairs if name.startswith("limits."))
    return requests, limits, age(obj, now)


def _subjects(obj: Obj, kind: str) -> str:
    names = []
    for subject in obj.maps("subjects"):
        if subject.get("kind") == kind:
            namespace = text_at(subject, "namespace")
            names.append(f"{namespace}/{text_at(subject, 'name')}" if kind == "ServiceAccount" else text_at(subject, "name"))
    return ", ".join(names)


def _binding(obj: Obj, now: datetime) -> Row:
    role = f"{obj.text('roleRef', 'kind')}/{obj.text('roleRef', 'name')}"
    return role, age(obj, now), _subjects(obj, "User"), _subjects(obj, "Group"), _subjects(obj, "ServiceAccount")


def _priority_class(obj: Obj, now: datetime) -> Row:
    return obj.number("value"), str(obj.flag("globalDefault")).lower(), age(obj, now), obj.text("preemptionPolicy")


def _api_service(obj: Obj, now: datetime) -> Row:
    service = f"{obj.text('spec', 'service', 'namespace')}/{obj.text('spec', 'service', 'name')}" if obj.map("spec", "service") else "Local"
    available = obj.condition("Available")
    status = text_at(available, "status", default="Unknown")
    if status == "False" and (reason := text_at(available, "reason")):
        status = f"False ({reason})"
    return service, status, age(obj, now)


def _webhooks(obj: Obj, now: datetime) -> Row:
    return len(obj.maps("webhooks")), age(obj, now)


def _admission_policy(obj: Obj, now: datetime) -> Row:
    kind = obj.map("spec", "paramKind")
    parameters = f"{text_at(kind, 'apiVersion')}/{text_at(kind, 'kind')}" if kind else UNSET
    return len(obj.maps("spec", "validations")), parameters, age(obj, now)


def _mutating_policy(obj: Obj, now: datetime) -> Row:
    kind = obj.map("spec", "paramKind")
    parameters = f"{text_at(kind, 'apiVersion')}/{text_at(kind, 'kind')}" if kind else UNSET
    return len(obj.maps("spec", "mutations")), parameters, age(obj, now)


def _admission_binding(obj: Obj, now: datetime) -> Row:
    namespace, name = obj.text("spec", "paramRef", "namespace"), obj.text("spec", "paramRef", "name")
    parameters = UNSET
    if obj.map("spec", "paramRef"):
        parameters = f"{namespace}/{name}" if namespace else name or "*"
    return obj.text("spec", "policyName"), parameters, age(obj, now)


def _signing_request(obj: Obj, now: datetime) -> Row:
    held = {text_at(c, "type") for c in obj.conditions()}
    words = ["Denied" if "Denied" in held else "Approved" if "Approved" in held else "Pending"]
    if "Failed" in held:
        words.append("Failed")
    if obj.text("status", "certificate"):
        words.append("Issued")
    seconds = obj.text("spec", "expirationSeconds")
    duration = f"{seconds}s" if seconds else NONE
    return age(obj, now), obj.text("spec", "signerName") or NONE, obj.text("spec", "username"), duration, ",".join(words)


def _component(obj: Obj, now: datetime) -> Row:
    healthy = next((c for c in obj.maps("conditions") if c.get("type") == "Healthy"), {})
    status = {"True": "Healthy", "False": "Unhealthy"}.get(text_at(healthy, "status"), "Unknown")
    return status, text_at(healthy, "message"), text_at(healthy, "error")


def _flow_schema(obj: Obj, now: datetime) -> Row:
    dangling = text_at(obj.condition("Dangling"), "status", default="?")
    return (
        obj.text("spec", "priorityLevelConfiguration", "name"),
        obj.number("spec", "matchingPrecedence"),
        obj.text("spec", "distinguisherMethod", "type") or NONE,
        age(obj, now),
        dangling,
    )


def _priority_level(obj: Obj, now: datetime) -> Row:
    shares = obj.text("spec", "limited", "nominalConcurrencyShares") or obj.text("spec", "exempt", "nominalConcurrencyShares")
    queuing = obj.map("spec", "limited", "limitResponse", "queuing")
    limits = [text_at(queuing, key) or NONE for key in ("queues", "handSize", "queueLengthLimit")]
    return (obj.text("spec", "type"), shares or NONE, *limits, age(obj, now))


def _runtime_class(obj: Obj, now: datetime) -> Row:
    return obj.text("handler"), age(obj, now)


def _autoscaler(obj: Obj, now: datetime) -> Row:
    reference = f"{obj.text('spec', 'scaleTargetRef', 'kind')}/{obj.text('spec', 'scaleTargetRef', 'name')}"
    minimum = obj.text("spec", "minReplicas") or UNSET
    replicas = obj.number("status", "currentReplicas")
    return reference, _metrics(obj), minimum, obj.number("spec", "maxReplicas"), replicas, age(obj, now)


def _metrics(obj: Obj) -> str:
    specs, currents = obj.maps("spec", "metrics"), obj.maps("status", "currentMetrics")
    if not specs:
        percent = obj.text("spec", "targetCPUUtilizationPercentage")
        used = obj.text("status", "currentCPUUtilizationPercentage")
        return f"cpu: {used + '%' if used else UNKNOWN}/{percent}%" if percent else NONE
    shown = []
    for position, spec in enumerate(specs[:2]):
        kind = text_at(spec, "type")
        key = kind[:1].lower() + kind[1:]
        detail = map_at(spec, key)
        current = currents[position] if position < len(currents) and currents[position].get("type") == kind else {}
        now_values, target = map_at(current, key, "current"), map_at(detail, "target")
        shown.append(f"{_metric_label(kind, detail)}{_amount(now_values, UNKNOWN)}/{_amount(target, UNSET)}")
    more = f" + {len(specs) - 2} more..." if len(specs) > 2 else ""
    return ", ".join(shown) + more


def _metric_label(kind: str, detail: object) -> str:
    return f"{text_at(detail, 'name')}: " if kind in ("Resource", "ContainerResource") else ""


def _amount(values: object, missing: str) -> str:
    utilization = text_at(values, "averageUtilization")
    if utilization:
        return f"{utilization}%"
    average = text_at(values, "averageValue")
    return average or text_at(values, "value") or missing


POLICIES = {
    "configmaps": Printing(columns("Data", "Age"), _config_map),
    "secrets": Printing(columns("Type", "Data", "Age"), _secret),
    "namespaces": Printing(columns("Status", "Age"), _namespace),
    "serviceaccounts": Printing(columns("Age"), _only_age),
    "limitranges": Printing(columns("Created At"), _created_at),
    "resourcequotas": Printing(columns("Request", "Limit", "Age"), _quota),
    "roles.rbac.authorization.k8s.io": Printing(columns("Created At"), _created_at),
    "clusterroles.rbac.authorization.k8s.io": Printing(columns("Created At"), _created_at),
    "rolebindings.rbac.authorization.k8s.io": Printing(columns("Role", "Age", "+Users", "+Groups", "+ServiceAccounts"), _binding),
    "clusterrolebindings.rbac.authorization.k8s.io": Printing(columns("Role", "Age", "+Users", "+Groups", "+ServiceAccounts"), _binding),
    "priorityclasses.scheduling.k8s.io": Printing(columns("Value", "Global-Default", "Age", "PreemptionPolicy"), _priority_class),
    "apiservices.apiregistration.k8s.io": Printing(columns("Service", "Available", "Age"), _api_service),
    "customresourcedefinitions.apiextensions.k8s.io": Printing(columns("Created At"), _created_at),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": Printing(columns("Webhooks", "Age"), _webhooks),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": Printing(columns("Webhooks", "Age"), _webhooks),
    "validatingadmissionpolicies.admissionregistration.k8s.io": Printing(columns("Validations", "ParamKind", "Age"), _admission_policy),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": Printing(
        columns("PolicyName", "ParamRef", "Age"), _admission_binding
    ),
    "mutatingadmissionpolicies.admissionregistration.k8s.io": Printing(columns("Mutations", "ParamKind", "Age"), _mutating_policy),
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": Printing(columns("PolicyName", "ParamRef", "Age"), _admission_binding),
    "certificatesigningrequests.certificates.k8s.io": Printing(
        columns("Age", "SignerName", "Requestor", "RequestedDuration", "Condition"), _signing_request
    ),
    "componentstatuses": Printing(columns("Status", "Message", "Error"), _component),
    "flowschemas.flowcontrol.apiserver.k8s.io": Printing(
        columns("PriorityLevel", "MatchingPrecedence", "DistinguisherMethod", "Age", "MissingPL"), _flow_schema
    ),
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": Printing(
        columns("Type", "NominalConcurrencyShares", "Queues", "HandSize", "QueueLengthLimit", "Age"), _priority_level
    ),
    "runtimeclasses.node.k8s.io": Printing(columns("Handler", "Age"), _runtime_class),
    "horizontalpodautoscalers.autoscaling": Printing(columns("Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"), _autoscaler),
}
