"""A forbidden request: which ServiceAccount, which rule is missing, and whether role, binding or subject is to be mended."""

# ruff: noqa: E501 - messages are as long as the API writes them
from __future__ import annotations

import re
from typing import Any

import pytest
from fakes.manifests import NS, Raw, container, deployment, event, log_of, meta, running, view, workload

from engine.analyzers.common.view import ClusterView
from engine.analyzers.control_plane.rbac import rbac
from engine.cluster.objects import Obj
from engine.cluster.source import Forbidden, NotRecorded
from engine.core.types import Finding, ObjectRef

Logs = dict[tuple[str, str, str, bool], list[str]]


def program(line: str, account: str = "robot", **spec: Any) -> tuple[list[Raw], Logs]:
    objects = workload(container(), statuses=[running()], name="bot")
    objects[2]["spec"].update(serviceAccountName=account, **spec)
    return [*objects, {"kind": "ServiceAccount", "metadata": meta(account)}], log_of(objects[2], line)


def denied(
    verb: str = "list",
    resource: str = "leases",
    group: str = "coordination.k8s.io",
    where: str = f'in the namespace "{NS}"',
    account: str = "robot",
) -> str:
    return f'E0504 10:00:00 1 main.go:7] {resource} is forbidden: User "system:serviceaccount:{NS}:{account}" cannot {verb} resource "{resource}" in API group "{group}" {where}'


def role(name: str = "robot", kind: str = "Role", ns: str = NS, **rule: Any) -> Raw:
    rules = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"], **rule}]
    return {"kind": kind, "metadata": meta(name, ns if kind == "Role" else ""), "rules": rules}


def binding(
    name: str = "robot",
    kind: str = "RoleBinding",
    ns: str = NS,
    role_name: str = "robot",
    role_kind: str = "Role",
    subject: str = "robot",
    subject_ns: str | None = NS,
) -> Raw:
    who = {"kind": "ServiceAccount", "name": subject, **({"namespace": subject_ns} if subject_ns else {})}
    return {
        "kind": kind,
        "metadata": meta(name, ns if kind == "RoleBinding" else ""),
        "roleRef": {"kind": role_kind, "name": role_name},
        "subjects": [who],
    }


def test_what_a_recording_lacks_is_not_called_missing() -> None:
    made, logs = program(denied())

    def fetch(resource: str, namespace: str | None) -> list[Obj]:
        if resource.endswith(".rbac.authorization.k8s.io"):
            raise NotRecorded(f"the recording has no {resource}")
        return whole.within(resource, namespace)

    whole = view(made, logs=logs)
    seen = ClusterView(fetch, now=whole.now, namespace=NS, logs=lambda n, p, c, previous: logs.get((n, p, c, previous), []))
    [found] = rbac(seen)
    assert "whether the right is still missing is not known" in found.summary
    assert "no RoleBinding" not in found.summary
    assert not [remedy for remedy in found.remedies if "create" in remedy.command]


def test_a_refusal_is_no_missing_role_where_our_own_rights_do_not_reach_the_roles() -> None:
    """An API server that has just started refuses what it allows a moment later."""
    made, logs = program(denied())

    def fetch(resource: str, namespace: str | None) -> list[Obj]:
        if resource == "clusterrolebindings.rbac.authorization.k8s.io":
            raise Forbidden(f"{resource} is forbidden")
        return whole.within(resource, namespace)

    whole = view(made, logs=logs)
    seen = ClusterView(fetch, now=whole.now, namespace=NS, logs=lambda n, p, c, previous: logs.get((n, p, c, previous), []))
    [found] = rbac(seen)
    assert found.severity == "warning"
    assert re.search(r"it was refused at \S+; whether the right is still missing is not known", found.summary)
    assert [remedy.command.split()[:3] for remedy in found.remedies] == [["kubectl", "auth", "can-i"]]


def findings(line: str, *objects: Raw, account: str = "robot", **spec: Any) -> list[Finding]:
    made, logs = program(line, account, **spec)
    return list(rbac(view(made, list(objects), logs=logs)))


def only(line: str, *objects: Raw, account: str = "robot") -> Finding:
    found = findings(line, *objects, account=account)
    assert len(found) == 1, [f.summary for f in found]
    return found[0]


@pytest.mark.parametrize(
    ("rule", "request_", "words"),
    [
        ({}, denied("list"), "allows only get on leases, not list"),
        ({"resources": ["configmaps"], "apiGroups": [""]}, denied("get"), "grants only configmaps, not leases"),
        ({"apiGroups": [""]}, denied("get"), "it belongs to 'coordination.k8s.io'"),
        ({"resourceNames": ["main"]}, denied("get"), "only for the objects named main"),
        ({"resources": ["pods"], "apiGroups": [""]}, denied("get", "pods/log", ""), "not its subresource pods/log"),
        ({"resources": ["lease"]}, denied("get"), "names lease, which is not the resource leases"),
    ],
)
def test_the_rule_that_comes_nearest_says_what_it_lacks(rule: Raw, request_: str, words: str) -> None:
    finding = only(request_, role(**rule), binding())
    assert finding.code == "Forbidden"
    assert finding.object == ObjectRef("Role", NS, "robot")
    assert finding.owner == ObjectRef("Deployment", NS, "bot")
    assert words in finding.summary
    assert "patch role robot" in finding.remedies[0].command
    assert f"--as=system:serviceaccount:{NS}:robot" in finding.remedies[1].command


def test_a_cluster_wide_request_is_not_served_by_a_role_of_a_namespace() -> None:
    finding = only(denied("list", where="at the cluster scope"), role(verbs=["list"]), binding())
    assert finding.object == ObjectRef("RoleBinding", NS, "robot")
    assert f"only within namespace {NS}" in finding.summary


def test_a_binding_in_the_wrong_namespace_is_told() -> None:
    finding = only(denied("get", where='in the namespace "other"'), role(), binding())
    assert "request is in namespace other" in finding.summary


@pytest.mark.parametrize(("subject", "subject_ns"), [("robot", "default"), ("robott", NS)])
def test_a_binding_whose_subject_is_somebody_else_is_the_object(subject: str, subject_ns: str) -> None:
    finding = only(denied("get"), role(), binding(subject=subject, subject_ns=subject_ns))
    assert finding.object == ObjectRef("RoleBinding", NS, "robot")
    assert f"{subject_ns}/{subject} instead of {NS}/robot" in finding.summary


def test_a_binding_to_a_role_that_does_not_exist_is_told_with_the_near_miss() -> None:
    finding = only(denied("get"), role("robot-reader"), binding(role_name="robot-readr"))
    assert "refers to Role robot-readr, which does not exist" in finding.summary
    assert "did you mean robot-reader?" in finding.summary


def test_no_binding_at_all_names_the_account() -> None:
    finding = only(denied("get"))
    assert finding.object == ObjectRef("ServiceAccount", NS, "robot")
    assert "no RoleBinding or ClusterRoleBinding names it" in finding.summary
    assert "create role robot --verb=get --resource=leases.coordination.k8s.io" in finding.remedies[0].command


def test_the_default_account_hints_at_the_one_that_is_probably_meant() -> None:
    meant = {"kind": "ServiceAccount", "metadata": meta("bot")}
    finding = only(denied("get", account="default"), meant, account="default")
    assert "ServiceAccount bot exists and is probably meant" in finding.summary


@pytest.mark.parametrize("rule", [{"verbs": ["list"]}, {"verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]}])
def test_a_right_that_was_granted_since_is_no_fault_any_more(rule: Raw) -> None:
    assert findings(denied("list"), role(kind="ClusterRole", **rule), binding(role_kind="ClusterRole")) == []
    assert (
        findings(
            denied("list", where="at the cluster scope"),
            role(kind="ClusterRole", **rule),
            binding(kind="ClusterRoleBinding", role_kind="ClusterRole"),
        )
        == []
    )


def test_forbidden_paths_and_events_are_heard_too() -> None:
    path = f'User "system:serviceaccount:{NS}:robot" cannot get path "/metrics"'
    assert "/metrics" in only(path).summary
    about = deployment("bot")
    said = event(about, "Failed", denied("create"))
    assert [f.code for f in rbac(view(about, said))] == ["Forbidden"]


def test_an_escaped_quotation_in_json_is_read() -> None:
    quoted = denied("get").replace('"', '\\"')
    assert only(f'{{"level":"error","msg":"{quoted}"}}').code == "Forbidden"


def test_a_program_without_a_token_names_the_field() -> None:
    line = "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory"
    found = findings(line, automountServiceAccountToken=False)
    assert [f.code for f in found] == ["TokenNotMounted"]
    assert "automountServiceAccountToken is false in the pod template" in found[0].summary
    assert findings(line) == []


def test_quiet_logs_are_quiet() -> None:
    assert findings("INFO all well, cannot complain") == []
