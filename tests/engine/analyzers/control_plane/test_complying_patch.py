"""The patch for a Pod Security refusal: the fields that the server names, of the containers that it names, or none."""

import json
from typing import Any

import pytest

from engine.analyzers.control_plane.security import complying_patch
from engine.cluster.objects import Obj
from engine.commands.policy.policy import Policy

PRIVILEGED = 'privileged (container "app" must not set securityContext.privileged=true)'
ESCALATES = 'allowPrivilegeEscalation != false (containers "setup", "app" must set securityContext.allowPrivilegeEscalation=false)'
CAPABILITIES = 'unrestricted capabilities (container "app" must set securityContext.capabilities.drop=["ALL"])'
ROOT = 'runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)'
SECCOMP = 'seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'


def workload(kind: str = "Deployment") -> Obj:
    spec = {"containers": [{"name": "app"}, {"name": "quiet"}], "initContainers": [{"name": "setup"}]}
    return Obj({"kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"spec": spec}}})


def patched(message: str) -> Any:
    command = complying_patch(workload(), message)
    assert command.startswith("kubectl -n shop patch deployment web -p '")
    assert Policy().judge(command).verdict.risk == "mutate"
    return json.loads(command.partition("-p '")[2].rstrip("'"))["spec"]["template"]["spec"]


def test_each_violation_becomes_its_field_of_the_containers_that_it_names() -> None:
    spec = patched(", ".join((PRIVILEGED, ESCALATES, CAPABILITIES, ROOT, SECCOMP)))
    settings = {
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["containers"] == [{"name": "app", "securityContext": settings}]
    assert spec["initContainers"] == [{"name": "setup", "securityContext": {"allowPrivilegeEscalation": False}}]


@pytest.mark.parametrize(
    "message", ['hostPath volumes (volume "x")', f'{PRIVILEGED}, hostPath volumes (volume "x")', "host namespaces (hostNetwork=true)"]
)
def test_a_volume_or_host_namespace_is_nothing_to_set(message: str) -> None:
    assert complying_patch(workload(), message) == ""


def test_a_job_cannot_be_patched() -> None:
    assert complying_patch(workload("Job"), PRIVILEGED) == ""
