"""What the identity of a context may do, asked of the server itself, and the role that is enough for reading.

The questions (SelfSubjectRulesReview, SelfSubjectAccessReview) change nothing: they are the one thing that is posted to a cluster
beside approved commands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from engine.cluster.objects import texts_at
from engine.cluster.source import NotFound

PARALLEL_REVIEWS = 8
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_NOWHERE = "k8sagent-no-such-namespace"
"""In a namespace that is not there only what holds in all of them is allowed."""

ROLE_NAME = "k8sagent-read"
NEVER = frozenset({"secrets"})
"""Resources that the role leaves out although analyzers could use their names."""
EXTRA_RULES = (
    "componentstatuses",
    "controllerrevisions.apps",
    "csidrivers.storage.k8s.io",
    "csinodes.storage.k8s.io",
    "endpoints",
    "gatewayclasses.gateway.networking.k8s.io",
    "gateways.gateway.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "nodes.metrics.k8s.io",
    "pods.metrics.k8s.io",
    "priorityclasses.scheduling.k8s.io",
    "replicationcontrollers",
    "volumeattachments.storage.k8s.io",
)
"""What a person asks about beside what the analyzers read."""


@runtime_checkable
class Reviewer(Protocol):
    """A live cluster, as far as it answers reviews."""

    def review(self, spec: dict[str, Any]) -> bool:
        """Whether the server allows what the spec of a SelfSubjectAccessReview names. Raises ClusterError."""
        ...

    def rules(self, namespace: str) -> Sequence[Mapping[str, Any]] | None:
        """The rules of a SelfSubjectRulesReview in a namespace; None where the server cannot list them all. Raises ClusterError."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """`missing` may not be listed in all namespaces; `here` of those may be in the session's own; `unlimited` is cluster-admin."""

    missing: tuple[str, ...]
    here: tuple[str, ...]
    unlimited: bool
    logs: bool


def access(reviewer: Reviewer, resources: Sequence[str], namespace: str) -> Access:
    """Two questions for the rules; where the server cannot list them, one for every resource. Raises ClusterError."""
    found = _by_rules(reviewer, resources, namespace)
    if found is not None:
        return found

    def may(resource: str, where: str = "", verb: str = "list") -> bool:
        plural, _, group = resource.partition(".")
        name, _, part = plural.partition("/")
        attributes = {"verb": verb, "group": group, "resource": name, "subresource": part, "namespace": where}
        return reviewer.review({"resourceAttributes": {key: value for key, value in attributes.items() if value}})

    unlimited = may("*.*", verb="*")
    if unlimited:
        return Access((), (), True, True)
    with ThreadPoolExecutor(PARALLEL_REVIEWS, "access-review") as pool:
        allowed = dict(zip(resources, pool.map(may, resources), strict=True))
        missing = tuple(name for name, ok in allowed.items() if not ok)
        here = tuple(name for name, ok in zip(missing, pool.map(lambda name: may(name, namespace), missing), strict=True) if ok)
        logs = may("pods/log", verb="get") or may("pods/log", namespace, "get")
    return Access(missing, here if namespace else (), False, logs)


def _by_rules(reviewer: Reviewer, resources: Sequence[str], namespace: str) -> Access | None:
    try:
        everywhere = reviewer.rules(_NOWHERE)
        inside = reviewer.rules(namespace) if namespace else everywhere
    except NotFound:
        return None
    if everywhere is None or inside is None:
        return None
    missing = tuple(name for name in resources if not _allowed(everywhere, name, "list"))
    here = tuple(name for name in missing if namespace and _allowed(inside, name, "list"))
    return Access(missing, here, _allowed(everywhere, "*.*", "*"), _allowed(inside, "pods/log", "get"))


def _allowed(rules: Sequence[Mapping[str, Any]], resource: str, verb: str) -> bool:
    name, _, group = resource.partition(".")
    return any(
        not texts_at(rule, "resourceNames")
        and {verb, "*"} & set(texts_at(rule, "verbs"))
        and {group, "*"} & set(texts_at(rule, "apiGroups"))
        and {name, "*"} & set(texts_at(rule, "resources"))
        for rule in rules
    )


def read_only_role(needs: Collection[str], *, user: str = "") -> str:
    """A ClusterRole as YAML that may read what the analyzers need and nothing that could be turned into more, with its binding.

    No Secrets, no exec, attach, port-forward or proxy, no impersonation and no tokens. `user` is whom the binding names.
    """
    import yaml

    groups: dict[str, list[str]] = {}
    for resource in sorted({*needs, *EXTRA_RULES} - NEVER):
        plural, _, group = resource.partition(".")
        groups.setdefault(group, []).append(plural)
    rules: list[dict[str, Any]] = [
        {"apiGroups": [group], "resources": plurals, "verbs": ["get", "list", "watch"]} for group, plurals in sorted(groups.items())
    ]
    rules.append({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]})
    rules.append({"nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"]})
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE_NAME, "labels": {"app.kubernetes.io/name": "k8sagent"}},
        "rules": rules,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ROLE_NAME, "labels": {"app.kubernetes.io/name": "k8sagent"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE_NAME},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user or "YOUR-USER"}],
    }
    head = (
        "# Reading is all that this role allows: no Secrets, exec, attach, port-forward, proxy, impersonation or tokens.\n"
        "# Put the user, group or service account that K8sAgent works as into `subjects`.\n"
    )
    return head + "---\n".join(yaml.safe_dump(part, sort_keys=False, width=140) for part in (role, binding))
