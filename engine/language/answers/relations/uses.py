"""Which objects refer to an object: pods, templates, Ingresses, bindings, autoscalers; each with where the reference stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.analyzers.common.containers import is_finished, pod_template
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.settings import references
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.clients import Clients
from engine.cluster.kinds import WORKLOADS
from engine.cluster.objects import Obj, labels_at, map_at, maps_at, text_at
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, counted, listed

_INGRESSES = "ingresses.networking.k8s.io"
_MOST_ROWS = 40
_LOOKED = {
    "ConfigMap": "pod templates", "Secret": "pod templates, ServiceAccounts and Ingresses", "PersistentVolumeClaim": "pod templates",
    "ServiceAccount": "pod templates and bindings", "Service": "Ingresses, StatefulSets, webhooks and the settings of workloads",
    "StorageClass": "claims and volumes", "Node": "pods",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Use:
    """An object that refers to another one, and where it does (`volume config`, `variable DB_URL`)."""

    object: ObjectRef
    where: str


def used_by(view: ClusterView, ref: ObjectRef) -> Reply:
    """Who refers to an object; what was looked at where nobody does."""
    found = list(dict.fromkeys(uses(view, ref)))
    if not found:
        looked = _LOOKED.get(ref.kind, "the objects that can refer to it")
        return Reply(answer=f"Nothing refers to {_title(ref)}; {looked} were looked at{_unseen(view)}.", objects=(ref,))
    users = list(dict.fromkeys(use.object for use in found))
    names = listed([_name(user, ref) for user in users], 6)
    return Reply(
        answer=f"{_title(ref)} is used by {counted(len(users), 'object')}: {names}.",
        table=_table(found, ref),
        objects=(ref, *users[:1]),
    )


def image_users(view: ClusterView, image: str) -> Reply:
    """Which workloads run an image: a whole reference, a name without registry or tag, or a part of it."""
    wanted = image.lower()
    rows = [("OBJECT", "NAMESPACE", "CONTAINER", "IMAGE")]
    users: list[ObjectRef] = []
    for holder, spec in _pod_specs(view):
        for part in ("initContainers", "containers"):
            for container in maps_at(spec, part):
                given = text_at(container, "image")
                if _is_image(wanted, given.lower()):
                    rows.append((str(holder.ref), holder.namespace, text_at(container, "name"), given))
                    users.append(holder.ref)
    users = list(dict.fromkeys(users))
    if not users:
        return Reply(answer=f"No workload in {_place(view)} runs an image “{image}”.")
    return Reply(
        answer=f"{counted(len(users), 'workload')} in {_place(view)} {'runs' if len(users) == 1 else 'run'} an image “{image}”: {listed([str(u) for u in users])}.",
        table=tuple(rows[: _MOST_ROWS + 1]),
        objects=tuple(users),
    )


def uses(view: ClusterView, ref: ObjectRef) -> Iterator[Use]:
    """Every reference to an object that the view can see."""
    match ref.kind:
        case "ConfigMap" | "Secret":
            yield from _of_configuration(view, ref)
        case "PersistentVolumeClaim":
            yield from _of_claim(view, ref)
        case "ServiceAccount":
            yield from _of_account(view, ref)
        case "Service":
            yield from _of_service(view, ref)
        case "StorageClass" | "PersistentVolume":
            yield from _of_storage(view, ref)
        case "Role" | "ClusterRole":
            for resource in ("rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"):
                for binding in view.within(resource, None):
                    if (binding.text("roleRef", "kind"), binding.text("roleRef", "name")) == (ref.kind, ref.name) and ref.namespace in (
                        "",
                        binding.namespace,
                    ):
                        yield Use(binding.ref, "roleRef")
        case "IngressClass":
            for ingress in view.within(_INGRESSES, None):
                if ref.name in (ingress.text("spec", "ingressClassName"), ingress.annotations.get("kubernetes.io/ingress.class")):
                    yield Use(ingress.ref, "spec.ingressClassName")
        case "PriorityClass":
            for holder, spec in _pod_specs(view, None):
                if text_at(spec, "priorityClassName") == ref.name:
                    yield Use(holder.ref, "priorityClassName")
        case "Node":
            for pod in view.within("pods", None):
                if pod.text("spec", "nodeName") == ref.name:
                    yield Use(pod.ref, "spec.nodeName")
        case _:
            yield from _of_workload(view, ref)


def _of_configuration(view: ClusterView, ref: ObjectRef) -> Iterator[Use]:
    for holder, spec in _pod_specs(view, ref.namespace):
        for reference in references(ref.namespace, spec):
            if reference.object == ref:
                inside = f", container {reference.container}" if reference.container else ""
                yield Use(holder.ref, f"{reference.where}{f' (key {reference.key})' if reference.key else ''}{inside}")
        if ref.kind == "Secret" and any(text_at(s, "name") == ref.name for s in maps_at(spec, "imagePullSecrets")):
            yield Use(holder.ref, "imagePullSecrets")
    if ref.kind == "Secret":
        for account in view.within("serviceaccounts", ref.namespace):
            for part in ("imagePullSecrets", "secrets"):
                if any(text_at(s, "name") == ref.name for s in account.maps(part)):
                    yield Use(account.ref, part)
        for ingress in view.within(_INGRESSES, ref.namespace):
            if any(text_at(t, "secretName") == ref.name for t in ingress.maps("spec", "tls")):
                yield Use(ingress.ref, "spec.tls")


def _of_claim(view: ClusterView, ref: ObjectRef) -> Iterator[Use]:
    for holder, spec in _pod_specs(view, ref.namespace):
        for volume in maps_at(spec, "volumes"):
            if text_at(volume, "persistentVolumeClaim", "claimName") == ref.name:
                yield Use(holder.ref, f"volume {text_at(volume, 'name')}")
    for sets in view.within("statefulsets.apps", ref.namespace):
        for template in sets.maps("spec", "volumeClaimTemplates"):
            prefix = f"{text_at(template, 'metadata', 'name')}-{sets.name}-"
            if ref.name.startswith(prefix) and ref.name.removeprefix(prefix).isdigit():
                yield Use(
                    sets.ref,
                    f"volumeClaimTemplates[{text_at(template, 'metadata', 'name')}], Pod {sets.name}-{ref.name.removeprefix(prefix)}",
                )


def _of_account(view: ClusterView, ref: ObjectRef) -> Iterator[Use]:
    for holder, spec in _pod_specs(view, ref.namespace):
        if (text_at(spec, "serviceAccountName") or "default") == ref.name:
            yield Use(holder.ref, "serviceAccountName" if text_at(spec, "serviceAccountName") else "no serviceAccountName is set")
    for resource in ("rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"):
        for binding in view.within(resource, None):
            for subject in binding.maps("subjects"):
                if (text_at(subject, "kind"), text_at(subject, "name"), text_at(subject, "namespace") or binding.namespace) == (
                    "ServiceAccount",
                    ref.name,
                    ref.namespace,
                ):
                    yield Use(binding.ref, f"subject of {binding.text('roleRef', 'kind')} {binding.text('roleRef', 'name')}")


def _of_service(view: ClusterView, ref: ObjectRef) -> Iterator[Use]:
    for ingress in view.within(_INGRESSES, ref.namespace):
        if text_at(ingress.raw, "spec", "defaultBackend", "service", "name") == ref.name:
            yield Use(ingress.ref, "default backend")
        for rule in ingress.maps("spec", "rules"):
            for path in maps_at(rule, "http", "paths"):
                if text_at(path, "backend", "service", "name") == ref.name:
                    yield Use(ingress.ref, f"{text_at(rule, 'host') or 'any host'}{text_at(path, 'path')}")
    for route in _maybe(view, "httproutes.gateway.networking.k8s.io"):
        for rule in route.maps("spec", "rules"):
            for backend in maps_at(rule, "backendRefs"):
                if (text_at(backend, "name"), text_at(backend, "namespace") or route.namespace) == (ref.name, ref.namespace):
                    yield Use(route.ref, "backendRefs")
    for sets in view.within("statefulsets.apps", ref.namespace):
        if sets.text("spec", "serviceName") == ref.name:
            yield Use(sets.ref, "spec.serviceName")
    for api in _maybe(view, "apiservices.apiregistration.k8s.io"):
        if (api.text("spec", "service", "name"), api.text("spec", "service", "namespace")) == (ref.name, ref.namespace):
            yield Use(api.ref, "spec.service")
    for kind in ("validating", "mutating"):
        for configuration in _maybe(view, f"{kind}webhookconfigurations.admissionregistration.k8s.io"):
            for hook in configuration.maps("webhooks"):
                service = map_at(hook, "clientConfig", "service")
                if (text_at(service, "name"), text_at(service, "namespace")) == (ref.name, ref.namespace):
                    yield Use(configuration.ref, f"webhook {text_at(hook, 'name')}")
    for caller in Clients.of(view).of_service.get((ref.namespace, ref.name), ()):
        setting = caller.callee.setting
        yield Use(caller.workload.ref, f"setting: {setting.place}" if setting else "its settings")


def _of_storage(view: ClusterView, ref: ObjectRef) -> Iterator[Use]:
    path = ("spec", "storageClassName" if ref.kind == "StorageClass" else "volumeName")
    for claim in view.within("persistentvolumeclaims", None):
        if claim.text(*path) == ref.name:
            yield Use(claim.ref, ".".join(path))
    if ref.kind == "StorageClass":
        for volume in view.within("persistentvolumes", None):
            if volume.text(*path) == ref.name:
                yield Use(volume.ref, ".".join(path))


def _of_workload(view: ClusterView, ref: ObjectRef) -> Iterator[Use]:
    """What selects or targets a workload: Services (and their Ingresses), autoscalers, budgets, policies."""
    obj = view.find_ref(ref)
    if obj is None:
        return
    labels = obj.labels if obj.kind == "Pod" else labels_at(pod_template(obj), "metadata", "labels")
    for service in view.within("services", ref.namespace):
        selector = labels_at(service.raw, "spec", "selector")
        if selector and all(labels.get(key) == value for key, value in selector.items()):
            yield Use(service.ref, "spec.selector")
            for use in _of_service(view, service.ref):
                if use.object.kind == "Ingress":
                    yield Use(use.object, f"through Service {service.name}: {use.where}")
    for scaler in view.within("horizontalpodautoscalers.autoscaling", ref.namespace):
        if (scaler.text("spec", "scaleTargetRef", "kind"), scaler.text("spec", "scaleTargetRef", "name")) == (ref.kind, ref.name):
            yield Use(scaler.ref, "spec.scaleTargetRef")
    for resource, path in (("poddisruptionbudgets.policy", "selector"), ("networkpolicies.networking.k8s.io", "podSelector")):
        for chooser in view.within(resource, ref.namespace):
            if labels and selects(chooser.map("spec", path), labels):
                yield Use(chooser.ref, f"spec.{path}")


def _pod_specs(view: ClusterView, namespace: str | None = "*") -> Iterator[tuple[Obj, Mapping[str, Any]]]:
    """Workloads, and pods that nobody owns, with their pod specification; within a namespace, or ("*") the view's scope."""
    scope = view.namespace if namespace == "*" else namespace
    for word in WORKLOADS:
        for obj in view.within(word.resource, scope):
            if obj.controller is not None or (obj.kind == "Pod" and is_finished(obj)):
                continue
            spec = pod_template(obj).get("spec")
            if isinstance(spec, Mapping):
                yield obj, spec


def _maybe(view: ClusterView, resource: str) -> list[Obj]:
    """The objects of a resource that not every cluster has."""
    return view.within(resource, None) if resource not in view.unseen else []


def _is_image(wanted: str, given: str) -> bool:
    bare = given.partition("@")[0]
    name = bare.rsplit("/", 1)[-1].partition(":")[0]
    return (
        wanted in (given, bare, name)
        or bare.startswith(f"{wanted}:")
        or bare.endswith(f"/{wanted}")
        or f"/{wanted}:" in bare
        or wanted in name.split("-")
    )


def _table(found: list[Use], ref: ObjectRef) -> tuple[tuple[str, ...], ...]:
    same = all(use.object.namespace in ("", ref.namespace) for use in found)
    if same:
        return (("OBJECT", "WHERE"), *((str(use.object), use.where) for use in found[:_MOST_ROWS]))
    return (("OBJECT", "NAMESPACE", "WHERE"), *((str(use.object), use.object.namespace, use.where) for use in found[:_MOST_ROWS]))


def _name(user: ObjectRef, ref: ObjectRef) -> str:
    return str(user) + (f" ({user.namespace})" if user.namespace not in ("", ref.namespace) else "")


def _title(ref: ObjectRef) -> str:
    return f"{ref}{f' in namespace {ref.namespace}' if ref.namespace else ''}"


def _place(view: ClusterView) -> str:
    return f"namespace {view.namespace}" if view.namespace else "all namespaces"


def _unseen(view: ClusterView) -> str:
    dark = [resource.partition(".")[0] for resource in view.unseen if resource.partition(".")[0] not in ("httproutes", "apiservices")]
    return f" ({', '.join(sorted(dark))} could not be read)" if dark else ""
