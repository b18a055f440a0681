"""Manifests of rights and settings: Role with its binding, ServiceAccount, ConfigMap, Namespace."""

from __future__ import annotations

import re

from engine.cluster.kinds import KINDS
from engine.language.answers.templates.manifests.facts import Facts, Raw, made

_VERBS = {
    "read": ("get", "list", "watch"), "view": ("get", "list", "watch"), "see": ("get", "list", "watch"), "get": ("get",), "list": ("get", "list"), "watch": ("get", "list", "watch"),
    "create": ("create",), "delete": ("delete",), "update": ("get", "update", "patch"), "edit": ("get", "list", "watch", "create", "update", "patch", "delete"), "patch": ("get", "patch"),
    "deploy": ("get", "list", "watch", "create", "update", "patch", "delete"),
    "restart": ("get", "patch"), "scale": ("get", "patch", "update"), "manage": ("get", "list", "watch", "create", "update", "patch", "delete"), "exec": ("create",),
}  # fmt: skip


def role(facts: Facts) -> list[Raw]:
    """A Role and the RoleBinding that gives it to the user, group or ServiceAccount that is named; cluster-wide where that is said."""
    verbs: list[str] = []
    for word, these in _VERBS.items():
        if facts.has(rf"\b{word}\b"):
            verbs += [verb for verb in these if verb not in verbs]
    resources: dict[str, list[str]] = {}
    for word in re.findall(r"[a-z]+", facts.words):
        kind = KINDS.get(word)
        if kind is not None and kind.kind not in (
            "Role",
            "RoleBinding",
            "ClusterRole",
            "ClusterRoleBinding",
            "ServiceAccount",
            "Namespace",
        ):
            group = kind.resource.partition(".")[2]
            if kind.argument not in resources.setdefault(group, []):
                resources[group].append(kind.argument)
    if facts.has(r"\blogs?\b"):
        resources.setdefault("", []).append("pods/log")
    if facts.has(r"\bexec\b"):
        resources.setdefault("", []).append("pods/exec")
    if facts.has(r"\bdeploy\b") and "apps" not in resources:
        resources["apps"] = ["deployments"]
    if not resources:
        resources[""] = ["pods"]
        facts.assumed.append("pods as the resource")
    if not verbs:
        verbs = ["get", "list", "watch"]
        facts.assumed.append("reading (get, list, watch)")
    wide = bool(facts.has(r"\bcluster ?-?wide|\bcluster ?role|\ball namespaces|\bwhole cluster"))
    subject, who = _subject(facts)
    name = facts.name(f"{who}-{verbs[0]}-{next(iter(resources.values()))[0].replace('/', '-')}" if who else "reader")
    rules = [{"apiGroups": [group], "resources": listed, "verbs": verbs} for group, listed in resources.items()]
    role, binding = ("ClusterRole", "ClusterRoleBinding") if wide else ("Role", "RoleBinding")
    place = "" if wide else facts.place
    api = "rbac.authorization.k8s.io"
    return [
        made(f"{api}/v1", role, name, place, rules=rules),
        made(f"{api}/v1", binding, name, place, roleRef={"apiGroup": api, "kind": role, "name": name}, subjects=[subject]),
    ]


def config_map(facts: Facts) -> list[Raw]:
    """A ConfigMap of the pairs that the words hold."""
    pairs = dict(re.findall(r"(?<![\w-])([A-Za-z_][\w.-]*)=([^\s,]+)", facts.text))
    if not pairs:
        facts.assumed.append("an example key")
    return [made("v1", "ConfigMap", facts.name("config"), facts.place, data=pairs or {"KEY": "value"})]


def namespace(facts: Facts) -> list[Raw]:
    """A Namespace."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": facts.name("NAME")}}]


def service_account(facts: Facts) -> list[Raw]:
    """A ServiceAccount."""
    return [made("v1", "ServiceAccount", facts.name("app"), facts.place)]


def _subject(facts: Facts) -> tuple[Raw, str]:
    api = "rbac.authorization.k8s.io"
    named = facts.has(r"\b(user|group)\s+[\"'`]?([\w.@:-]+)")
    if named:
        return {"kind": named.group(1).capitalize(), "name": named.group(2), "apiGroup": api}, named.group(2).partition("@")[0].lower()
    account = facts.has(r"\bservice ?account\s+[\"'`]?([\w.-]+)|\bsa\s+([\w.-]+)")
    ref = next((ref for ref in facts.refs if ref.kind == "ServiceAccount"), None)
    if ref is not None:
        return {"kind": "ServiceAccount", "name": ref.name, "namespace": ref.namespace}, ref.name
    if account:
        name = next(group for group in account.groups() if group)
        return {"kind": "ServiceAccount", "name": name, "namespace": facts.place}, name
    spoken = facts.has(
        r"\b(?:lets?|allow(?:s|ing)?|so that|enables?)\s+(?:the\s+)?([a-z][a-z0-9-]{1,40})\s+(?:to\s+|can\s+|may\s+)?(?:"
        + "|".join(_VERBS)
        + r")\b"
    )
    if spoken:
        facts.assumed.append(f"that {spoken.group(1)} is a ServiceAccount of namespace {facts.place}")
        return {"kind": "ServiceAccount", "name": spoken.group(1).lower(), "namespace": facts.place}, spoken.group(1).lower()
    facts.assumed.append("ServiceAccount default as the subject")
    return {"kind": "ServiceAccount", "name": "default", "namespace": facts.place}, ""
