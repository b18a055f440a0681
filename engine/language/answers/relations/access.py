"""RBAC both ways: who may do something, and whether somebody may, each with the binding that grants it or what comes nearest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.analyzers.common.citations import field
from engine.analyzers.common.containers import pod_template
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, text_at, texts_at
from engine.core.types import Evidence, ObjectRef, Remedy
from engine.language.answers.interface import Reply, counted, listed

ROLES, CLUSTER_ROLES = "roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"
BINDINGS, CLUSTER_BINDINGS = "rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"
_NEEDED = (ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS)
_MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: `kind` is ServiceAccount, User or Group; `namespace` only for a ServiceAccount."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"ServiceAccount {self.namespace}/{self.name}" if self.kind == "ServiceAccount" else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done: API verbs that must all be allowed, a resource (`pods`, `pods/exec`) with its API group, at a place.

    `namespace` "" is the cluster scope, or all namespaces; `name` is one object's where only that is meant.
    """

    verbs: tuple[str, ...]
    resource: str
    group: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.resource} {self.name}".rstrip()
        return f"{' and '.join(self.verbs)} {what} {f'in namespace {self.namespace}' if self.namespace else 'in all namespaces'}"

    @property
    def question(self) -> str:
        """The kubectl command that asks the server, without the subject."""
        group = f".{self.group}" if self.group else ""
        base, _, sub = self.resource.partition("/")
        what = f"{base}{group}" + (f"/{self.name}" if self.name else "") + (f" --subresource={sub}" if sub else "")
        return f"kubectl auth can-i {self.verbs[0]} {what} {f'-n {self.namespace}' if self.namespace else '-A'}"


@dataclass(frozen=True, slots=True)
class Grant:
    """A binding with the role that it refers to, and the subject that it names."""

    binding: Obj
    role: Obj
    subject: Subject

    @property
    def where(self) -> str:
        return f"namespace {self.binding.namespace}" if self.binding.namespace else "everywhere"

    @property
    def words(self) -> str:
        return f"{self.binding.kind} {self.binding.name} gives it {self.role.kind} {self.role.name} ({self.where})"


def subject_of(view: ClusterView, ref: ObjectRef) -> Subject | None:
    """The identity that an object acts under: a ServiceAccount itself, the account of a workload's pods; None for others."""
    if ref.kind in ("ServiceAccount", "User", "Group"):
        return Subject(ref.kind, ref.name, ref.namespace)
    obj = view.find_ref(ref)
    spec = pod_template(obj).get("spec") if obj is not None else None
    if obj is None or not isinstance(spec, Mapping):
        return None
    return Subject("ServiceAccount", text_at(spec, "serviceAccountName") or "default", ref.namespace)


def who_may(view: ClusterView, act: Act) -> Reply:
    """Every subject that a binding allows an act, its binding and role; system components last."""
    unseen = _unseen(view)
    if unseen:
        return unseen
    grants = [grant for grant in _grants(view) if _covers(grant, act) or (not act.namespace and _role_allows(grant.role, act))]
    unique = list({(g.subject, g.binding.ref): g for g in grants}.values())
    unique.sort(key=lambda g: (_is_system(g.subject), g.binding.namespace != "", str(g.subject)))
    if not unique:
        return Reply(
            answer=f"No RoleBinding or ClusterRoleBinding lets anybody {act}. Members of the group system:masters may do everything without one.",
            commands=(),
        )
    narrow = [g for g in unique if not act.namespace and g.binding.namespace]
    unique = [*(g for g in unique if g not in narrow), *narrow]
    own = [g for g in unique if not _is_system(g.subject)]
    system = len({g.subject for g in unique}) - len({g.subject for g in own})
    people = listed(list(dict.fromkeys(str(g.subject) for g in own)))
    said = f"{counted(len({g.subject for g in own}), 'subject')} may {act}" + (f": {people}" if own else "")
    said += f" ({counted(len(narrow), 'of these grants holds', 'of these grants hold')} in one namespace only)" if narrow else ""
    said += (
        f", and {counted(system, 'system component')}"
        if system and own
        else f"; {counted(system, 'system component')} may"
        if system
        else ""
    )
    rows = [("SUBJECT", "BINDING", "ROLE", "WHERE")]
    rows += [(str(g.subject), f"{g.binding.kind}/{g.binding.name}", f"{g.role.kind}/{g.role.name}", g.where) for g in unique[:_MOST_ROWS]]
    more = f" The first {_MOST_ROWS} of {len(unique)} grants are shown." if len(unique) > _MOST_ROWS else ""
    return Reply(
        answer=f"{said}.{more}",
        table=tuple(rows),
        evidence=tuple(field(g.binding, "roleRef") for g in own[:3]),
        objects=tuple(g.binding.ref for g in own[:1]),
    )


def may(view: ClusterView, subject: Subject, act: Act) -> Reply:
    """Whether a subject may do something: yes with the binding, or no with what comes nearest."""
    unseen = _unseen(view)
    if unseen:
        return unseen
    held = [grant for grant in _grants(view) if _is_meant(grant, subject)]
    allowing: list[Grant] = []
    for verb in act.verbs:
        one = Act((verb,), act.resource, act.group, act.namespace, act.name)
        grant = next((g for g in held if _covers(g, one)), None)
        if grant is None:
            return _refused(view, subject, act, verb, held)
        allowing.append(grant)
    grants = list(dict.fromkeys((g.words, g) for g in allowing))
    evidence = tuple(field(g.role, "rules") for _, g in grants[:2])
    return Reply(
        answer=f"Yes, {subject} may {act}: {'; '.join(words for words, _ in grants)}.",
        evidence=evidence,
        objects=(grants[0][1].binding.ref,),
    )


def rights_of(view: ClusterView, subject: Subject) -> Reply:
    """Everything that a subject may do, a row for each rule of each role that is bound to it."""
    unseen = _unseen(view)
    if unseen:
        return unseen
    held = [grant for grant in _grants(view) if _is_meant(grant, subject) and not _is_discovery(grant)]
    if not held:
        return Reply(
            answer=f"{subject} has no rights of its own: no RoleBinding or ClusterRoleBinding names it (every identity may ask for API discovery)."
        )
    rows = [("VERBS", "RESOURCES", "WHERE", "ROLE", "BINDING")]
    for grant in held:
        for rule in grant.role.maps("rules"):
            what = texts_at(rule, "resources") or texts_at(rule, "nonResourceURLs")
            rows.append(
                (
                    ",".join(texts_at(rule, "verbs")),
                    ",".join(what),
                    grant.where,
                    f"{grant.role.kind}/{grant.role.name}",
                    f"{grant.binding.kind}/{grant.binding.name}",
                )
            )
    full = any(
        "*" in texts_at(r, "verbs") and "*" in texts_at(r, "resources") and not g.binding.namespace
        for g in held
        for r in g.role.maps("rules")
    )
    roles = listed([f"{g.role.kind} {g.role.name} ({g.where})" for g in held])
    said = f"{subject} may do everything in the cluster: {roles}." if full else f"{subject} holds {roles}."
    return Reply(answer=said, table=tuple(rows[: _MOST_ROWS + 1]), objects=(held[0].binding.ref,))


def _refused(view: ClusterView, subject: Subject, act: Act, verb: str, held: list[Grant]) -> Reply:
    one = Act((verb,), act.resource, act.group, act.namespace, act.name)
    narrow = [g for g in held if _role_allows(g.role, one) and g.binding.namespace]
    named = [g for g in held if not one.name and _role_allows(g.role, one, any_name=True)]
    verbs = sorted(
        {v for g in held for r in g.role.maps("rules") if one.resource in texts_at(r, "resources") for v in texts_at(r, "verbs")}
    )
    own = [g for g in held if not _is_discovery(g)]
    evidence: tuple[Evidence, ...] = ()
    if narrow:
        near = f"{narrow[0].binding.kind} {narrow[0].binding.name} allows it only in namespace {narrow[0].binding.namespace}"
        evidence = (field(narrow[0].binding, "metadata", "namespace"),)
    elif named:
        near = f"{named[0].role.kind} {named[0].role.name} allows it only for some objects by name"
        evidence = (field(named[0].role, "rules"),)
    elif verbs:
        near = f"on {one.resource} it may only {', '.join(verbs)}"
        evidence = (field(own[0].role, "rules"),) if own else ()
    elif own:
        near = f"it holds {listed([f'{g.role.kind} {g.role.name}' for g in own], 3)}, without a rule for {one.resource}"
        evidence = (field(own[0].role, "rules"),)
    else:
        near = "no RoleBinding or ClusterRoleBinding names it"
    missing = ""
    if (
        subject.kind == "ServiceAccount"
        and view.can_see("serviceaccounts", subject.namespace)
        and view.find("serviceaccounts", subject.namespace, subject.name) is None
    ):
        missing = " (that ServiceAccount does not exist)"
    resource = f"{one.resource}{'.' + one.group if one.group else ''}"
    account = (
        f"--serviceaccount={subject.namespace}:{subject.name}"
        if subject.kind == "ServiceAccount"
        else f"--{subject.kind.lower()}={subject.name}"
    )
    name = subject.name.rpartition(":")[2]
    scope, kinds = (f"-n {act.namespace} ", ("role", "rolebinding")) if act.namespace else ("", ("clusterrole", "clusterrolebinding"))
    fix = (
        Remedy(
            f"if it should have this right: create a {kinds[0]}",
            f"kubectl {scope}create {kinds[0]} {name}-{verb} --verb={','.join(act.verbs)} --resource={resource}",
            "mutate",
        ),
        Remedy("and bind it", f"kubectl {scope}create {kinds[1]} {name}-{verb} --{kinds[0]}={name}-{verb} {account}", "mutate"),
    )
    return Reply(answer=f"No, {subject}{missing} may not {one}: {near}.", evidence=evidence, fix=fix)


def _grants(view: ClusterView) -> Iterator[Grant]:
    """Every subject of every binding whose role exists."""
    roles = {(role.kind, role.namespace, role.name): role for resource in (CLUSTER_ROLES, ROLES) for role in view.within(resource, None)}
    for resource in (CLUSTER_BINDINGS, BINDINGS):
        for binding in view.within(resource, None):
            kind, name = binding.text("roleRef", "kind"), binding.text("roleRef", "name")
            role = roles.get((kind, binding.namespace if kind == "Role" else "", name))
            if role is None:
                continue
            for subject in binding.maps("subjects"):
                space = text_at(subject, "namespace") or binding.namespace if text_at(subject, "kind") == "ServiceAccount" else ""
                yield Grant(binding, role, Subject(text_at(subject, "kind"), text_at(subject, "name"), space))


def _covers(grant: Grant, act: Act) -> bool:
    return (not grant.binding.namespace or grant.binding.namespace == act.namespace) and _role_allows(grant.role, act)


def _role_allows(role: Obj, act: Act, *, any_name: bool = False) -> bool:
    """Whether one role allows all verbs of an act (each by any of its rules)."""
    return all(any(_rule_allows(rule, verb, act, any_name) for rule in role.maps("rules")) for verb in act.verbs)


def _rule_allows(rule: Mapping[str, Any], verb: str, act: Act, any_name: bool) -> bool:
    verbs, groups, resources, only = (texts_at(rule, key) for key in ("verbs", "apiGroups", "resources", "resourceNames"))
    if not ({verb, "*"} & set(verbs)) or not ({act.group, "*"} & set(groups)):
        return False
    sub = act.resource.partition("/")[2]
    if not ({act.resource, "*", f"*/{sub}" if sub else "*"} & set(resources)):
        return False
    return any_name or not only or act.name in only


def _is_meant(grant: Grant, subject: Subject) -> bool:
    """Whether a binding's subject is somebody, or a group that they belong to."""
    named = grant.subject
    if named.kind == "Group":
        groups = {"system:authenticated"}
        if subject.kind == "ServiceAccount":
            groups |= {"system:serviceaccounts", f"system:serviceaccounts:{subject.namespace}"}
        if subject.kind == "Group":
            groups.add(subject.name)
        return named.name in groups
    if named.kind == "User" and subject.kind == "ServiceAccount":
        return named.name == f"system:serviceaccount:{subject.namespace}:{subject.name}"
    return named == subject


def _is_system(subject: Subject) -> bool:
    return (subject.name.startswith("system:") and subject.name != "system:masters") or subject.namespace == "kube-system"


def _is_discovery(grant: Grant) -> bool:
    return grant.role.name in (
        "system:discovery",
        "system:basic-user",
        "system:public-info-viewer",
        "system:service-account-issuer-discovery",
    )


def _unseen(view: ClusterView) -> Reply | None:
    dark = [resource.partition(".")[0] for resource in _NEEDED if not view.can_see(resource)]
    if not dark:
        return None
    return Reply(
        answer=f"That cannot be told here: {', '.join(dark)} cannot be read ({view.unseen.get(_NEEDED[0]) or next(iter(view.unseen.values()), 'no permission')})."
    )
