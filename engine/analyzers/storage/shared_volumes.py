"""Data that two pods want at once: a program that finds its files locked while another pod on the same claim still runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.citations import field, log_line
from engine.analyzers.common.confidence import LOG, RELATION, confidence
from engine.analyzers.common.containers import containers, is_finished, is_ready
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.analyzers.storage.claims import consumers
from engine.cluster.objects import Obj
from engine.core.types import Finding, Remedy

_LOCKED = re.compile(
    r"\block(?:ed| file| is held|ing)?\b.{0,80}(?:another|other|already|held|in use|exists|unavailable|failed)|"
    r"(?:another|other) (?:process|instance|server|node).{0,60}(?:running|using|lock|in use)|already (?:in use|locked|running|open)|"
    r"(?:failed|cannot|could not|unable) to (?:obtain|acquire|get|create|open).{0,20}lock|"
    r"resource temporarily unavailable|opening storage failed: lock",
    re.IGNORECASE,
)
_LAST_LINES = 80


@analyzer("shared-volumes", speciality="storage", needs=("persistentvolumeclaims",))
def shared_volumes(view: ClusterView) -> Iterator[Finding]:
    """Pods that fail on a lock while another pod runs on the same claim."""
    for claim in view.all("persistentvolumeclaims"):
        users = [p for p in consumers(view, claim) if not is_finished(p)]
        holders = [p for p in users if is_ready(p)]
        for pod in [p for p in users if not is_ready(p)] if holders and len(users) > 1 else []:
            found = _lock(view, pod)
            holder = next((h for h in holders if h.name != pod.name), None)
            if found is not None and holder is not None:
                yield _finding(view, claim, pod, holder, *found)
                break


def _lock(view: ClusterView, pod: Obj) -> tuple[str, str, bool] | None:
    """(container, log line, whether of the run before) where a program says that its data is locked."""
    for container in containers(pod):
        for previous in (False, True) if container.restarts else (False,):
            for line in reversed(view.logs(pod.namespace, pod.name, container.name, previous=previous)[-_LAST_LINES:]):
                if _LOCKED.search(line):
                    return container.name, line, previous
    return None


def _finding(view: ClusterView, claim: Obj, pod: Obj, holder: Obj, container: str, line: str, previous: bool) -> Finding:
    owner, other = view.workload_of(pod), view.workload_of(holder)
    workload = view.find_ref(owner)
    rolling = (
        owner == other and owner.kind == "Deployment" and workload is not None and workload.text("spec", "strategy", "type") != "Recreate"
    )
    why = (
        "its rollout starts the new pod before the old one has ended (strategy RollingUpdate)"
        if rolling
        else f"{owner} runs more than one pod on it"
        if owner == other
        else f"{other} uses the same claim"
    )
    patch = '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}'
    return Finding(
        code="VolumeLocked",
        severity="critical",
        object=owner,
        summary=f"container {container} of {owner} cannot start: its data on claim {claim.name} is locked by pod {holder.name}, "
        f"which still runs: {why}",
        evidence=(
            log_line(pod, container, line, previous=previous),
            field(holder, "status", "phase"),
            *((field(workload, "spec", "strategy"),) if workload is not None and workload.map("spec", "strategy") else ()),
        ),
        owner=owner,
        remedies=(
            Remedy(
                "let the old pod end first (strategy Recreate)",
                f"kubectl -n {owner.namespace} patch deployment {owner.name} --type=merge -p '{patch}'",
                "mutate",
            )
            if rolling
            else Remedy(
                "run one pod on the claim, or give each its own", f"kubectl -n {claim.namespace} describe pvc {claim.name}", "read"
            ),
        ),
        confidence=confidence([LOG, RELATION]),
        docs=("volume lock", "Recreate strategy"),
        speciality="storage",
    )
