"""What happens to an object between the request and the store: identity, defaults, what may not change, what cannot be."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Mapping
from typing import Any

from engine.cluster.objects import at, int_at, labels_at, map_at, maps_at, text_at
from engine.cluster.source import ClusterError, RawObject, ResourceType
from engine.simulator.apiserver.http import ApiError
from engine.simulator.controllers.quota_checks import refusal
from engine.simulator.controllers.store import digest
from engine.simulator.overlay import Overlay

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
KEPT = ("uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds")
TEMPLATED = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps")
NODE_PORTS = range(30000, 32768)
POD_MAY_CHANGE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")


def prepare_create(overlay: Overlay, kind: ResourceType, namespace: str, obj: RawObject) -> RawObject:
    """A new object as it would be stored. Raises ApiError 404 (namespace), 409 (exists) or 422 (invalid)."""
    made = copy.deepcopy(obj)
    metadata = made.setdefault("metadata", {})
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + digest([uuid.uuid4().hex], 5)
    name = text_at(metadata, "name")
    if not name:
        raise invalid(kind, "", "metadata.name", "Required value: name or generateName is required")
    if not NAME.fullmatch(name) and kind.group != "rbac.authorization.k8s.io":
        raise invalid(kind, name, "metadata.name", f'Invalid value: "{name}": a lowercase RFC 1123 subdomain is needed')
    if kind.namespaced:
        metadata["namespace"] = namespace
        _needs_namespace(overlay, namespace)
    if _exists(overlay, kind, namespace, name):
        details = {"name": name, "group": kind.group, "kind": kind.plural}
        raise ApiError(409, f'{kind.name} "{name}" already exists', reason="AlreadyExists", details=details)
    for key in KEPT:
        metadata.pop(key, None)
    metadata.pop("managedFields", None)
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": overlay.stamp()}
    if "spec" in made and kind.name != "pods":
        metadata["generation"] = 1
    made.pop("status", None)
    _default(overlay, kind, made)
    _validate(kind, made)
    if kind.name == "pods" and (why := refusal(overlay, namespace, name, made.get("spec", {}))):
        raise ApiError(403, why.replace(f'"{name}-"', f'"{name}"'), details={"name": name, "kind": "pods"})
    return made


def prepare_update(overlay: Overlay, kind: ResourceType, before: RawObject, after: RawObject, *, subresource: str = "") -> RawObject:
    """A changed object as it would be stored. Raises ApiError 409 (another version) or 422 (may not change)."""
    made = copy.deepcopy(after)
    metadata = made.setdefault("metadata", {})
    name = text_at(before, "metadata", "name")
    given = text_at(metadata, "resourceVersion")
    if given and given != text_at(before, "metadata", "resourceVersion"):
        message = (
            f'Operation cannot be fulfilled on {kind.name} "{name}": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        raise ApiError(409, message, details={"name": name, "group": kind.group, "kind": kind.plural})
    if text_at(metadata, "name") != name:
        raise ApiError(400, f"the name of the object ({text_at(metadata, 'name')}) does not match the name on the URL ({name})")
    if (uid := text_at(metadata, "uid")) and uid != text_at(before, "metadata", "uid"):
        raise ApiError(409, f'Operation cannot be fulfilled on {kind.name} "{name}": Precondition failed: UID in object meta is another')
    for key in KEPT:
        metadata.pop(key, None)
    metadata |= {key: before["metadata"][key] for key in KEPT if key in before["metadata"]}
    metadata.pop("managedFields", None)
    if kind.namespaced:
        metadata["namespace"] = text_at(before, "metadata", "namespace")
    if subresource != "status":
        made.pop("status", None)
        if "status" in before:
            made["status"] = before["status"]
        _default(overlay, kind, made)
        _unchangeable(kind, before, made)
        _validate(kind, made)
        if made.get("spec") != before.get("spec") and "generation" in before["metadata"]:
            metadata["generation"] = int_at(before, "metadata", "generation") + 1
    return made


def in_kept_version(overlay: Overlay, kind: ResourceType, obj: RawObject) -> RawObject:
    """The object in the version that the cluster keeps its kind in: an autoscaler of version 1 becomes one of version 2."""
    kept = next((t for t in overlay.resources() if t.name == kind.name), kind)
    if kept.version == kind.version:
        return obj
    converted = {**obj, "apiVersion": f"{kept.group}/{kept.version}" if kept.group else kept.version}
    percent = at(obj, "spec", "targetCPUUtilizationPercentage")
    if kind.name == "horizontalpodautoscalers.autoscaling" and isinstance(percent, int):
        target = {"type": "Utilization", "averageUtilization": percent}
        spec = {key: value for key, value in obj["spec"].items() if key != "targetCPUUtilizationPercentage"}
        converted["spec"] = {**spec, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}
    return converted


def invalid(kind: ResourceType, name: str, field: str, why: str) -> ApiError:
    """The Invalid error for one field."""
    title = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    causes = [{"field": field, "message": why}]
    details = {"name": name, "group": kind.group, "kind": kind.kind, "causes": causes}
    return ApiError(422, f'{title} "{name}" is invalid: {field}: {why}', details=details)


def _exists(overlay: Overlay, kind: ResourceType, namespace: str, name: str) -> bool:
    try:
        overlay.get(kind.name, namespace if kind.namespaced else "", name)
    except ClusterError:
        return False
    return True


def _needs_namespace(overlay: Overlay, namespace: str) -> None:
    try:
        held = overlay.get("namespaces", "", namespace)
    except ClusterError as error:
        details = {"name": namespace, "kind": "namespaces"}
        raise ApiError(404, f'namespaces "{namespace}" not found', details=details) from error
    if at(held, "metadata", "deletionTimestamp"):
        raise ApiError(403, f"unable to create new content in namespace {namespace} because it is being terminated")


def _unchangeable(kind: ResourceType, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    name = text_at(before, "metadata", "name")
    if kind.name in TEMPLATED and at(before, "spec", "selector") != at(after, "spec", "selector"):
        raise invalid(kind, name, "spec.selector", "Invalid value: field is immutable")
    if kind.name == "jobs.batch" and at(before, "spec", "template") != at(after, "spec", "template"):
        raise invalid(kind, name, "spec.template", "Invalid value: field is immutable")
    if kind.name == "pods" and _frozen_spec(before) != _frozen_spec(after):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, "
            "`spec.activeDeadlineSeconds`, `spec.tolerations`, `spec.terminationGracePeriodSeconds`"
        )
        raise invalid(kind, name, "spec", why)
    held_fast = kind.name in ("configmaps", "secrets") and before.get("immutable") is True
    if held_fast and any(before.get(key) != after.get(key) for key in ("data", "binaryData")):
        raise invalid(kind, name, "data", "Forbidden: field is immutable when `immutable` is set")


def _frozen_spec(pod: Mapping[str, Any]) -> dict[str, Any]:
    spec = {key: value for key, value in map_at(pod, "spec").items() if key not in POD_MAY_CHANGE}
    for part in ("containers", "initContainers"):
        if part in spec:
            spec[part] = [{key: value for key, value in c.items() if key != "image"} for c in maps_at(spec, part)]
    return spec


def _validate(kind: ResourceType, obj: Mapping[str, Any]) -> None:
    name = text_at(obj, "metadata", "name")
    if int_at(obj, "spec", "replicas") < 0:
        raise invalid(kind, name, "spec.replicas", f"Invalid value: {int_at(obj, 'spec', 'replicas')}: must be greater than or equal to 0")
    if kind.name in TEMPLATED:
        labels = labels_at(obj, "spec", "template", "metadata", "labels")
        if not labels_at(obj, "spec", "selector", "matchLabels").items() <= labels.items():
            raise invalid(kind, name, "spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`")
    spec = obj if kind.name == "pods" else map_at(obj, "spec", "template")
    for position, container in enumerate(maps_at(spec, "spec", "containers")):
        if not text_at(container, "image"):
            path = "spec" if kind.name == "pods" else "spec.template.spec"
            raise invalid(kind, name, f"{path}.containers[{position}].image", "Required value")


def _default(overlay: Overlay, kind: ResourceType, obj: dict[str, Any]) -> None:
    """Fill in what the API server fills in, as far as kubectl and the controllers look at it."""
    obj["kind"], obj["apiVersion"] = kind.kind, f"{kind.group}/{kind.version}" if kind.group else kind.version
    spec = obj.get("spec")
    if kind.name == "namespaces":
        obj.setdefault("spec", {"finalizers": ["kubernetes"]})
        obj.setdefault("status", {"phase": "Active"})
    if kind.name == "secrets":
        obj.setdefault("type", "Opaque")
        _blank(obj)
    if not isinstance(spec, dict):
        return
    if kind.name in ("deployments.apps", "replicasets.apps", "statefulsets.apps"):
        spec.setdefault("replicas", 1)
    if kind.name == "deployments.apps":
        spec.setdefault("strategy", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)
    if kind.name == "statefulsets.apps":
        spec.setdefault("podManagementPolicy", "OrderedReady")
        spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    if kind.name == "jobs.batch":
        spec.setdefault("completions", 1)
        spec.setdefault("parallelism", 1)
        spec.setdefault("backoffLimit", 6)
    if kind.name == "services":
        _default_service(overlay, obj, spec)
    if kind.name == "persistentvolumeclaims":
        spec.setdefault("volumeMode", "Filesystem")
        obj.setdefault("status", {"phase": "Pending"})
    pod_spec = spec if kind.name == "pods" else at(spec, "template", "spec")
    if isinstance(pod_spec, dict):
        _default_pod(pod_spec)
    if kind.name == "pods":
        obj.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})


def _default_pod(spec: dict[str, Any]) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    for part in ("containers", "initContainers"):
        for container in spec.get(part) or []:
            if not isinstance(container, dict):
                continue
            image = text_at(container, "image")
            tag = image.rpartition("/")[2].partition(":")[2]
            container.setdefault("imagePullPolicy", "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent")
            container.setdefault("resources", {})
            container.setdefault("terminationMessagePath", "/dev/termination-log")
            container.setdefault("terminationMessagePolicy", "File")
            for port in container.get("ports") or []:
                if isinstance(port, dict):
                    port.setdefault("protocol", "TCP")


def _default_service(overlay: Overlay, obj: dict[str, Any], spec: dict[str, Any]) -> None:
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        if isinstance(port, dict):
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port.get("port"))
    if spec["type"] != "ExternalName" and not spec.get("clusterIP"):
        spec["clusterIP"] = f"10.96.{240 + overlay.revision // 250 % 15}.{overlay.revision % 250 + 1}"
        spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _give_node_ports(overlay, spec)
    obj.setdefault("status", {"loadBalancer": {}})


def _give_node_ports(overlay: Overlay, spec: dict[str, Any]) -> None:
    """A free port of every node for each of a Service's ports that asks for none."""
    try:
        held = {int_at(port, "nodePort") for service in overlay.list("services") for port in maps_at(service, "spec", "ports")}
    except ClusterError:
        held = set()
    free = (port for port in NODE_PORTS if port not in held)
    for port in spec.get("ports") or []:
        if isinstance(port, dict) and not port.get("nodePort"):
            port["nodePort"] = next(free, NODE_PORTS[-1])


def _blank(secret: dict[str, Any]) -> None:
    """A Secret's keys are kept, its values never: neither in data nor in what kubectl apply notes down."""
    keys = [*map_at(secret, "data"), *map_at(secret, "stringData")]
    secret.pop("stringData", None)
    if keys:
        secret["data"] = dict.fromkeys(keys, "")
    annotations = at(secret, "metadata", "annotations")
    if isinstance(annotations, dict):
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
