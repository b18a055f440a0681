"""Bindings that grant nothing, since the role that they name does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.citations import field, nearest
from engine.analyzers.common.confidence import RELATION, STATE, confidence
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj
from engine.core.types import Finding, ObjectRef, Remedy

_KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


@analyzer("bindings", speciality="security", needs=tuple(RESOURCE_OF_KIND[kind] for kind in _KINDS))
def bindings(view: ClusterView) -> Iterator[Finding]:
    """RoleBindings and ClusterRoleBindings to a Role or ClusterRole that is not there."""
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        if kind == "ClusterRoleBinding" and view.namespace is not None:
            continue
        for binding in view.all(RESOURCE_OF_KIND[kind]):
            yield from _missing(view, binding)


def _missing(view: ClusterView, binding: Obj) -> Iterator[Finding]:
    kind, name = binding.text("roleRef", "kind"), binding.text("roleRef", "name")
    namespace = binding.namespace if kind == "Role" else ""
    resource = RESOURCE_OF_KIND.get(kind)
    if kind not in ("Role", "ClusterRole") or resource is None or not view.can_see(resource, namespace):
        return
    if name.startswith("system:") or view.find(resource, namespace, name) is not None:
        return
    guess = nearest(name, [r.name for r in view.within(resource, namespace or None)])
    scope = f"-n {binding.namespace} " if binding.namespace else ""
    yield Finding(
        code="BindingToMissingRole",
        severity="warning",
        object=binding.ref,
        summary=f"{binding.kind} {binding.name} grants nothing: its {kind} {name} does not exist"
        + (f"; did you mean {guess}?" if guess else ""),
        evidence=(field(binding, "roleRef"), *((field(binding, "subjects"),) if binding.maps("subjects") else ())),
        owner=ObjectRef(kind, namespace, name),
        remedies=(
            Remedy(
                "create the role, or bind another one (roleRef cannot be changed in place)",
                f"kubectl {scope}describe {binding.kind.lower()} {binding.name}",
                "read",
            ),
        ),
        confidence=confidence([RELATION, STATE]),
        docs=("RBAC binding", "roleRef"),
        speciality="security",
    )
