"""Requests that RBAC forbids: the ServiceAccount, the missing rule, and the binding or role that should have it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.analyzers.common.citations import event, field, listed, log_line, nearest
from engine.analyzers.common.confidence import EVENT, LOG, RELATION, confidence
from engine.analyzers.common.containers import containers, is_finished
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, text_at, texts_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_ROLES, _CLUSTER_ROLES = "roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"
_BINDINGS, _CLUSTER_BINDINGS = "rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"
_FORBIDDEN = re.compile(
    r'User \\?"(?P<user>system:serviceaccount:[\w.-]+:[\w.-]+)\\?" cannot (?P<verb>[\w-]+) '
    r'(?:resource \\?"(?P<resource>[\w./-]+)\\?" in API group \\?"(?P<group>[\w.-]*)\\?"|path \\?"(?P<path>[^"\\]+)\\?")'
    r'(?: in the namespace \\?"(?P<namespace>[\w-]+)\\?")?(?P<cluster> at the cluster scope)?'
)
_NO_TOKEN = re.compile(
    r"/var/run/secrets/kubernetes\.io/serviceaccount/token: no such file|unable to load in-cluster configuration"
    r"|Service host/port is not set|could not find.*service ?account token|open /var/run/secrets/kubernetes\.io/serviceaccount",
    re.IGNORECASE,
)
_ANONYMOUS = re.compile(
    r'User \\?"system:anonymous\\?" cannot|\b401\b.*Unauthorized.*kube|the server has asked for the client to provide credentials'
)
_LINES = 400
_MOST_PODS = 400


@dataclass(frozen=True, slots=True)
class Want:
    """A request that was forbidden: `namespace` is "" at the cluster scope."""

    account: ObjectRef
    verb: str
    resource: str
    group: str
    namespace: str
    path: str = ""

    def __str__(self) -> str:
        what = self.path or (f"{self.resource}.{self.group}" if self.group else self.resource)
        where = f"in namespace {self.namespace}" if self.namespace else "at the cluster scope"
        return f"{self.verb} {what}" if self.path else f"{self.verb} {what} {where}"


@analyzer(
    "rbac",
    speciality="security",
    needs=("pods", "events", "serviceaccounts", _ROLES, _BINDINGS, _CLUSTER_ROLES, _CLUSTER_BINDINGS),
)
def rbac(view: ClusterView) -> Iterator[Finding]:
    """Forbidden requests in logs and events, each mapped to the role that lacks the rule; pods without a token."""
    heard: dict[Want, list[tuple[Evidence, ObjectRef]]] = {}
    for pod, container, line, previous in _lines(view):
        found = _FORBIDDEN.search(line)
        if found:
            heard.setdefault(_want(found), []).append((log_line(pod, container, line, previous=previous), view.workload_of(pod)))
        elif _NO_TOKEN.search(line) or _ANONYMOUS.search(line):
            yield from _no_token(view, pod, log_line(pod, container, line, previous=previous))
    for found_event in view.all("events"):
        found = _FORBIDDEN.search(found_event.text("message"))
        if found and found_event.text("type") == "Warning":
            about = found_event.map("involvedObject")
            owner = ObjectRef(text_at(about, "kind"), text_at(about, "namespace"), text_at(about, "name"))
            heard.setdefault(_want(found), []).append((event(found_event), owner))
    by_account: dict[tuple[ObjectRef, str, str, str], list[Want]] = {}
    for want in heard:
        by_account.setdefault((want.account, want.resource, want.group, want.namespace), []).append(want)
    for wants in by_account.values():
        if not _granted(view, wants[0]):
            yield _missing(view, wants, heard[wants[0]])


def _lines(view: ClusterView) -> Iterator[tuple[Obj, str, str, bool]]:
    """The newest line of each kind from one pod a workload: those that run with an account of their own first."""
    chosen: dict[ObjectRef, Obj] = {}
    for pod in view.all("pods"):
        if is_finished(pod) and pod.text("status", "phase") == "Succeeded":
            continue
        owner = view.workload_of(pod)
        known = chosen.get(owner)
        if known is None or (_unready(pod) and not _unready(known)):
            chosen[owner] = pod
    pods = sorted(chosen.values(), key=lambda p: (p.text("spec", "serviceAccountName") in ("", "default"), not _unready(p)))
    read = [container for pod in pods[:_MOST_PODS] for container in containers(pod)]
    view.read_ahead((c.pod, c.name, previous) for c in read for previous in ((False, True) if c.restarts else (False,)))
    for pod in pods[:_MOST_PODS]:
        for container in containers(pod):
            for previous in (False, True):
                lines = view.logs(pod.namespace, pod.name, container.name, previous=previous)[-_LINES:]
                seen: set[str] = set()
                for line in reversed(lines):
                    if "forbidden" not in line and "cannot" not in line and "serviceaccount" not in line and "nauthorized" not in line:
                        continue
                    found = _FORBIDDEN.search(line)
                    key = found.group(0) if found else "token"
                    if key not in seen:
                        seen.add(key)
                        yield pod, container.name, line, previous
                if seen or not container.restarts:
                    break


def _unready(pod: Obj) -> bool:
    return pod.condition("Ready").get("status") != "True"


def _want(found: re.Match[str]) -> Want:
    _, _, namespace, name = found["user"].split(":", 3)
    return Want(
        ObjectRef("ServiceAccount", namespace, name),
        found["verb"],
        found["resource"] or "",
        found["group"] or "",
        found["namespace"] or "",
        found["path"] or "",
    )


def _missing(view: ClusterView, wants: list[Want], heard: list[tuple[Evidence, ObjectRef]]) -> Finding:
    want, (said, caller) = wants[0], heard[0]
    account = want.account
    verbs = listed(dict.fromkeys(w.verb for w in wants))
    what = want.path or (f"{want.resource} (API group {want.group})" if want.group else want.resource)
    scope = f"in namespace {want.namespace}" if want.namespace else "at the cluster scope"
    lead = (
        f"ServiceAccount {account.name} of namespace {account.namespace} may not {verbs} {what} {scope if not want.path else ''}".rstrip()
    )
    evidence: list[Evidence] = [said]
    exists = next((a for a in view.within("serviceaccounts", account.namespace) if a.name == account.name), None)
    bound = _bound(view, account)
    object_: ObjectRef = account
    misdirected = _misdirected(view, account)
    holding = [(b, role) for b, role in bound if role is not None]
    narrow = [(b, role) for b, role in holding if b.namespace and b.namespace != want.namespace and _allows(role, want)]
    unseen = [
        resource
        for resource in (_BINDINGS, _CLUSTER_BINDINGS, _ROLES, _CLUSTER_ROLES)
        if not view.can_see(resource, want.namespace or account.namespace)
    ]
    dangling = next((b for b in bound if b[1] is None), None)
    remedy: Remedy | None
    if unseen:
        when = f" at {said.at}" if said.at else ""
        text = f"{lead}: it was refused{when}; whether the right is still missing is not known, since {listed(unseen)} cannot be listed"
        remedy = None
    elif not bound and misdirected is not None:
        binding, subject = misdirected
        object_ = binding.ref
        evidence.append(field(binding, "subjects"))
        theirs = f"{text_at(subject, 'kind')} {text_at(subject, 'namespace') or '(no namespace)'}/{text_at(subject, 'name')}"
        text = (
            f"{lead}: {binding.kind} {binding.name} binds {binding.text('roleRef', 'name')} "
            f"to {theirs} instead of {account.namespace}/{account.name}"
        )
        command = f"kubectl {_scope(binding)}get {binding.kind.lower()} {binding.name} -o yaml"
        remedy = Remedy("correct the subject of the binding", command, "read")
    elif narrow:
        binding, role = narrow[0]
        object_ = binding.ref
        evidence += [field(binding, "roleRef"), field(binding, "metadata", "namespace")]
        needed = f"in namespace {want.namespace}" if want.namespace else "at the cluster scope"
        text = f"{lead}: {binding.kind} {binding.name} grants it only within namespace {binding.namespace}, the request is {needed}"
        remedy = Remedy("bind the role where the request is made", _bind(want, role), "mutate")
    elif holding:
        binding, role = max(holding, key=lambda pair: bool(_near(pair[1], want)))
        object_ = role.ref
        evidence.append(field(role, "rules"))
        near = _near(role, want)
        text = f"{lead}: {role.kind} {role.name}, bound by {binding.kind} {binding.name}, {near or 'has no rule for it'}"
        remedy = _add_rule(role, wants)
    elif dangling is not None:
        binding = dangling[0]
        object_ = binding.ref
        evidence.append(field(binding, "roleRef"))
        wanted, kind = binding.text("roleRef", "name"), binding.text("roleRef", "kind")
        names = [r.name for r in view.within(_ROLES if kind == "Role" else _CLUSTER_ROLES, binding.namespace if kind == "Role" else None)]
        guess = nearest(wanted, names)
        hint = f"; did you mean {guess}?" if guess else ""
        text = f"{lead}: {binding.kind} {binding.name} refers to {kind} {wanted}, which does not exist{hint}"
        remedy = Remedy(
            "create the role, or make the binding again with the right one",
            f"kubectl {_scope(binding)}get {binding.kind.lower()} {binding.name} -o yaml",
            "read",
        )
    else:
        text = f"{lead}: no RoleBinding or ClusterRoleBinding names it"
        if exists is None and view.can_see("serviceaccounts", account.namespace):
            text += " (and the ServiceAccount does not exist any more)"
        elif account.name == "default":
            text += "; the pod runs as the default ServiceAccount since its template names none"
            similar = _meant_account(view, caller)
            if similar:
                text += f" (ServiceAccount {similar} exists and is probably meant)"
        remedy = Remedy("grant the right with a role and a binding", _create(wants), "mutate")
    check = Remedy(
        "check the right",
        f"kubectl auth can-i {want.verb} {want.path or (want.resource + ('.' + want.group if want.group else ''))} "
        f"--as=system:serviceaccount:{account.namespace}:{account.name} {'-n ' + want.namespace if want.namespace else '-A'}",
        "read",
    )
    return Finding(
        code="Forbidden",
        severity="warning" if view.denied.intersection(unseen) else "critical",
        object=object_,
        summary=f"{caller.kind} {caller.name} is forbidden by RBAC: {text}",
        evidence=tuple(evidence),
        owner=caller,
        remedies=(remedy, check) if remedy is not None else (check,),
        confidence=confidence([LOG if said.source.startswith("log") else EVENT, RELATION]),
        docs=("RBAC", "forbidden", "ServiceAccount"),
        speciality="security",
        detail=f"{account.name}-{want.resource or want.path.strip('/')}",
    )


def _bound(view: ClusterView, account: ObjectRef) -> list[tuple[Obj, Obj | None]]:
    """(binding, role or None where it does not exist) for each binding that names an account or a group that it is in."""
    found = []
    for resource in (_CLUSTER_BINDINGS, _BINDINGS):
        for binding in view.within(resource, None):
            subjects = binding.maps("subjects")
            if not any(_is_account(s, account, binding) for s in subjects):
                continue
            kind, name = binding.text("roleRef", "kind"), binding.text("roleRef", "name")
            if kind == "Role":
                role = next(
                    (r for r in view.within(_ROLES, binding.namespace) if r.name == name and r.namespace == binding.namespace), None
                )
            else:
                role = next((r for r in view.within(_CLUSTER_ROLES, None) if r.name == name), None)
            found.append((binding, role))
    return found


def _is_account(subject: Mapping[str, Any], account: ObjectRef, binding: Obj) -> bool:
    kind, name = text_at(subject, "kind"), text_at(subject, "name")
    if kind == "ServiceAccount":
        return name == account.name and (text_at(subject, "namespace") or binding.namespace) == account.namespace
    return kind == "User" and name == f"system:serviceaccount:{account.namespace}:{account.name}"


def _misdirected(view: ClusterView, account: ObjectRef) -> tuple[Obj, Mapping[str, Any]] | None:
    """A binding that looks meant for an account but names another namespace or a misspelt name."""
    for resource in (_BINDINGS, _CLUSTER_BINDINGS):
        for binding in view.within(resource, None):
            for subject in binding.maps("subjects"):
                if text_at(subject, "kind") != "ServiceAccount" and text_at(subject, "name") != account.name:
                    continue
                name, namespace = text_at(subject, "name"), text_at(subject, "namespace") or binding.namespace
                same_name = name == account.name and name != "default" and namespace != account.namespace
                misspelt = namespace == account.namespace and name != account.name and nearest(account.name, [name]) == name
                existing = any(
                    a.name == name and a.namespace == namespace
                    for a in view.within("serviceaccounts", None if view.namespace is None else namespace)
                )
                if (same_name or misspelt) and not existing:
                    return binding, subject
    return None


def _granted(view: ClusterView, want: Want) -> bool:
    """Whether the bindings allow the request by now: then an old log line is no fault any more."""
    for binding, role in _bound(view, want.account):
        if role is not None and (not binding.namespace or binding.namespace == want.namespace) and _allows(role, want):
            return True
    return False


def _allows(role: Obj, want: Want) -> bool:
    return any(_rule_allows(rule, want) for rule in role.maps("rules"))


def _rule_allows(rule: Mapping[str, Any], want: Want) -> bool:
    verbs = texts_at(rule, "verbs")
    if want.verb not in verbs and "*" not in verbs:
        return False
    if want.path:
        return any(
            want.path == u or u == "*" or (u.endswith("*") and want.path.startswith(u[:-1])) for u in texts_at(rule, "nonResourceURLs")
        )
    if texts_at(rule, "resourceNames"):
        return False
    groups, resources = texts_at(rule, "apiGroups"), texts_at(rule, "resources")
    return (want.group in groups or "*" in groups) and (want.resource in resources or "*" in resources)


def _near(role: Obj, want: Want) -> str:
    """What the rule that comes nearest lacks: the verb, the API group, the subresource or the object's name."""
    granted: list[str] = []
    for rule in role.maps("rules"):
        resources, groups, verbs = texts_at(rule, "resources"), texts_at(rule, "apiGroups"), texts_at(rule, "verbs")
        granted += resources
        same = want.resource in resources or "*" in resources
        in_group = want.group in groups or "*" in groups
        if same and in_group and texts_at(rule, "resourceNames") and (want.verb in verbs or "*" in verbs):
            return f"allows it only for the objects named {listed(texts_at(rule, 'resourceNames'))}"
        if same and in_group:
            return f"allows only {listed(verbs)} on {want.resource}, not {want.verb}"
        if same and not in_group:
            return f"names {want.resource} in API group {listed(repr(g) for g in groups)}, it belongs to {want.group!r}"
    base = want.resource.partition("/")[0]
    if "/" in want.resource and base in granted:
        return f"covers {base} but not its subresource {want.resource}"
    singular = [r for r in granted if r != want.resource and (r + "s" == want.resource or nearest(want.resource, [r]))]
    if singular:
        return f"names {singular[0]}, which is not the resource {want.resource}"
    return f"grants only {listed(dict.fromkeys(granted))}, not {want.resource}" if granted else ""


def _no_token(view: ClusterView, pod: Obj, said: Evidence) -> Iterator[Finding]:
    owner = view.workload_of(pod)
    name = pod.text("spec", "serviceAccountName") or "default"
    account = next((a for a in view.within("serviceaccounts", pod.namespace) if a.name == name and a.namespace == pod.namespace), None)
    on_pod = pod.at("spec", "automountServiceAccountToken")
    on_account = account.at("automountServiceAccountToken") if account else None
    if on_pod is not False and not (on_pod is None and on_account is False):
        return
    holder = pod if on_pod is False else account
    where = "the pod template" if on_pod is False else f"ServiceAccount {name}"
    path = ("spec", "automountServiceAccountToken") if on_pod is False else ("automountServiceAccountToken",)
    patch = '{"spec":{"template":{"spec":{"automountServiceAccountToken":true}}}}'
    command = f"kubectl -n {pod.namespace} patch {owner.kind.lower()} {owner.name} -p '{patch}'" if owner.kind not in ("Pod", "Job") else ""
    yield Finding(
        code="TokenNotMounted",
        severity="critical",
        object=owner if on_pod is False or account is None else account.ref,
        summary=f"{owner.kind} {owner.name} calls the API but gets no token: automountServiceAccountToken is false in {where}",
        evidence=(said, *((field(holder, *path),) if holder is not None else ())),
        owner=owner,
        remedies=(Remedy("mount the token", command, "mutate" if command else ""),),
        confidence=confidence([LOG, RELATION]),
        docs=("automountServiceAccountToken", "ServiceAccount token"),
        speciality="security",
    )


def _meant_account(view: ClusterView, caller: ObjectRef) -> str:
    names = [a.name for a in view.within("serviceaccounts", caller.namespace) if a.namespace == caller.namespace and a.name != "default"]
    return caller.name if caller.name in names else nearest(caller.name, names)


def _scope(binding: Obj) -> str:
    return f"-n {binding.namespace} " if binding.namespace else ""


def _add_rule(role: Obj, wants: list[Want]) -> Remedy:
    want = wants[0]
    if want.path:
        rule = f'{{"nonResourceURLs":["{want.path}"],"verbs":["{want.verb}"]}}'
    else:
        verbs = list(dict.fromkeys([*(w.verb for w in wants), *(("get", "list", "watch") if want.verb in ("list", "watch") else ())]))
        quoted = ",".join(f'"{v}"' for v in verbs)
        rule = f'{{"apiGroups":["{want.group}"],"resources":["{want.resource}"],"verbs":[{quoted}]}}'
    command = (
        f'kubectl {_scope(role)}patch {role.kind.lower()} {role.name} --type=json -p \'[{{"op":"add","path":"/rules/-","value":{rule}}}]\''
    )
    return Remedy(f"add the rule to {role.kind} {role.name}, if the program should have this right", command, "mutate")


def _bind(want: Want, role: Obj) -> str:
    account = f"--serviceaccount={want.account.namespace}:{want.account.name}"
    if want.namespace:
        return f"kubectl -n {want.namespace} create rolebinding {want.account.name} --{role.kind.lower()}={role.name} {account}"
    return f"kubectl create clusterrolebinding {want.account.name} --clusterrole={role.name} {account}"


def _create(wants: list[Want]) -> str:
    want = wants[0]
    verbs = ",".join(dict.fromkeys(w.verb for w in wants))
    if want.path or not want.namespace:
        what = f"--non-resource-url={want.path}" if want.path else f"--resource={want.resource}{'.' + want.group if want.group else ''}"
        return f"kubectl create clusterrole {want.account.name} --verb={verbs} {what}"
    resource = f"{want.resource}{'.' + want.group if want.group else ''}"
    return f"kubectl -n {want.namespace} create role {want.account.name} --verb={verbs} --resource={resource}"
