"""Pods that should act as a cloud role and got no token for it: the injection webhook did not run, or the pod is older than the role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.analyzers.common.citations import field, fields, listed
from engine.analyzers.common.confidence import HINT, RELATION, STATE, confidence
from engine.analyzers.common.containers import is_finished, is_ready
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Finding, ObjectRef, Remedy

_WEBHOOKS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One cloud's way: the annotation of the ServiceAccount, the variables that a webhook injects, the label that the pod needs."""

    cloud: str
    annotation: str
    variables: tuple[str, ...]
    webhook: str
    label: str = ""


SCHEMES = (
    Scheme("AWS", "eks.amazonaws.com/role-arn", ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"), "pod-identity-webhook"),
    Scheme(
        "Azure", "azure.workload.identity/client-id", ("AZURE_FEDERATED_TOKEN_FILE",), "azure-wi-webhook", "azure.workload.identity/use"
    ),
)
"""GKE injects nothing: its metadata server answers for the annotated account."""


@analyzer("cloud-identity", speciality="security", needs=("serviceaccounts", _WEBHOOKS))
def cloud_identity(view: ClusterView) -> Iterator[Finding]:
    """Workloads whose ServiceAccount names a cloud role and whose pods lack the injected token, one finding a workload."""
    told: set[ObjectRef] = set()
    for pod in view.all("pods"):
        account = view.find("serviceaccounts", pod.namespace, pod.text("spec", "serviceAccountName") or "default")
        if account is None or is_finished(pod) or pod.deleting_since is not None:
            continue
        for scheme in SCHEMES:
            role = account.annotations.get(scheme.annotation, "")
            owner = view.workload_of(pod)
            if role and owner not in told and not _injected(pod, scheme):
                told.add(owner)
                yield _finding(view, pod, owner, account, scheme, role)


def _injected(pod: Obj, scheme: Scheme) -> bool:
    return any(text_at(v, "name") in scheme.variables for c in pod.maps("spec", "containers") for v in maps_at(c, "env"))


def _finding(view: ClusterView, pod: Obj, owner: ObjectRef, account: Obj, scheme: Scheme, role: str) -> Finding:
    installed = [w for w in view.within(_WEBHOOKS, None) if scheme.webhook in w.name]
    unlabelled = bool(scheme.label) and pod.labels.get(scheme.label) != "true"
    if unlabelled:
        why = f"the pod lacks the label {scheme.label}: true"
    elif not installed and view.can_see(_WEBHOOKS):
        why = f"no webhook configuration {scheme.webhook} is there to inject it"
    else:
        why = "the pod is older than the annotation, or the webhook did not answer when it was created"
    restart = f"kubectl -n {owner.namespace} rollout restart {owner.kind.lower()}/{owner.name}"
    return Finding(
        code="CloudIdentityMissing",
        severity="info" if is_ready(pod) else "warning",
        object=owner,
        summary=f"{owner} should act as the {scheme.cloud} role {role} of ServiceAccount {account.name}, but its pods have no token for it "
        f"({listed(scheme.variables)} not injected): {why}",
        evidence=(field(account, "metadata", "annotations"), *fields(pod, ("metadata", "labels"), ("spec", "serviceAccountName"))),
        owner=owner,
        remedies=(
            Remedy("create the pods anew, so that the webhook sees them", restart, "mutate")
            if not unlabelled
            else Remedy(
                "add the label to the pod template", f"kubectl -n {owner.namespace} edit {owner.kind.lower()} {owner.name}", "mutate"
            ),
        ),
        confidence=confidence([RELATION, STATE] if unlabelled or not installed else [RELATION, HINT]),
        docs=("cloud identity", "IRSA", "workload identity"),
        speciality="security",
        detail=scheme.cloud,
    )
