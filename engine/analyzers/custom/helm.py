"""Helm releases: an operation that was cut off and holds the release, read from the labels of Helm's own Secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from engine.analyzers.common.citations import field
from engine.analyzers.common.confidence import RELATION, STATE, confidence
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj
from engine.core.types import Finding, ObjectRef, Remedy

_STUCK_SECONDS = 600.0
_STORED = ("secrets", "configmaps")


@analyzer("helm-releases", speciality="workload", needs=_STORED)
def helm_releases(view: ClusterView) -> Iterator[Finding]:
    """Releases whose newest revision is pending for longer than an operation takes, or failed with nothing deployed before."""
    newest: dict[tuple[str, str], Obj] = {}
    deployed: dict[tuple[str, str], str] = {}
    for resource in _STORED:
        for record in view.all(resource):
            labels = record.labels
            if labels.get("owner") != "helm" or not record.name.startswith("sh.helm.release."):
                continue
            key = (record.namespace, labels.get("name", ""))
            if key not in newest or _version(record) > _version(newest[key]):
                newest[key] = record
            if labels.get("status") == "deployed":
                deployed[key] = labels.get("version", "")
    for (namespace, name), record in newest.items():
        status, version = record.labels.get("status", ""), record.labels.get("version", "?")
        age = (view.now - _changed(record)).total_seconds()
        if not status.startswith("pending-") or age < _STUCK_SECONDS:
            continue
        before = deployed.get((namespace, name))
        kept = f"revision {before} is what runs" if before else "nothing was deployed before"
        command = f"helm -n {namespace} rollback {name} {before}" if before else f"helm -n {namespace} uninstall {name}"
        yield Finding(
            code="HelmReleasePending",
            severity="warning",
            object=record.ref,
            summary=f"Helm release {name} is stuck in {status} at revision {version}: the operation was interrupted and never ended, "
            f"so every further one is refused (“another operation is in progress”); {kept}",
            evidence=(field(record, "metadata", "labels"),),
            owner=ObjectRef("HelmRelease", namespace, name),
            remedies=(
                Remedy(f"end the interrupted operation outside of kubectl: {command}"),
                Remedy("see the revisions", f"kubectl -n {namespace} get secrets -l owner=helm,name={name} --show-labels", "read"),
            ),
            confidence=confidence([STATE, RELATION]),
            docs=("Helm release pending", "another operation is in progress"),
            detail=name,
        )


def _version(record: Obj) -> int:
    text = record.labels.get("version", "")
    return int(text) if text.isdigit() else 0


def _changed(record: Obj) -> datetime:
    """When the revision was written: its creation; `modifiedAt` is Helm's own clock and not moved with a recording's."""
    return record.created or datetime.fromtimestamp(0, UTC)
