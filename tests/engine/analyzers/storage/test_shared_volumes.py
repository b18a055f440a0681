"""Two pods on one claim, and pods that should have a cloud role and have no token for it."""

from __future__ import annotations

from fakes.manifests import Raw, container, crash_loop, deployment, log_of, meta, pod, replicaset, running, view

from engine.analyzers.control_plane.cloud_identity import cloud_identity
from engine.analyzers.diagnosis.rank import diagnose

VOLUME: Raw = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}


def on_claim(name: str, state: Raw) -> Raw:
    return pod(name, statuses=[state], owner=("ReplicaSet", "web-5d8"), spec=VOLUME)


def test_a_lock_is_explained_by_the_pod_that_still_runs_on_the_claim_and_the_strategy() -> None:
    old, new = on_claim("web-5d8-old11", running()), on_claim("web-5d8-new22", crash_loop())
    claim = {"kind": "PersistentVolumeClaim", "metadata": meta("data"), "spec": {"volumeName": "pv"}, "status": {"phase": "Bound"}}
    logs = log_of(new, "opening storage failed: lock DB directory: resource temporarily unavailable", previous=True)
    logs |= log_of(new, "opening storage failed: lock DB directory: resource temporarily unavailable")
    found = diagnose(view(deployment(replicas=2, ready=1), replicaset(), old, new, claim, logs=logs), "web does not start")
    assert [r.finding.code for r in found.root_causes] == ["VolumeLocked"]
    assert "web-5d8-old11" in found.root_causes[0].finding.summary and "RollingUpdate" in found.root_causes[0].finding.summary


def account(**annotations: str) -> Raw:
    return {"kind": "ServiceAccount", "metadata": meta("default", annotations=annotations)}


def test_a_pod_without_the_injected_token_of_its_accounts_role_is_told() -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/reader"}
    [found] = cloud_identity(view(account(**role), pod(statuses=[crash_loop()])))
    assert "AWS role arn:aws:iam::1:role/reader" in found.summary and "no webhook configuration" in found.summary
    injected = container(env=[{"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/t"}])
    assert not list(cloud_identity(view(account(**role), pod("web-5d8-a", injected))))
    assert not list(cloud_identity(view(account(), pod())))
