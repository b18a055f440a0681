"""DaemonSets: the nodes they should run on, what keeps them off, and pods that are not ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import RELATION, STATE, confidence
from engine.analyzers.common.selectors import node_selector_matches, required_affinity, taint_text, tolerates
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.analyzers.workloads.controllers import command_for, failed_create, short_of_pods
from engine.cluster.objects import Obj, int_at, labels_at, maps_at, text_at
from engine.core.types import Evidence, Finding, Remedy

_HEALTH_TAINT = "node.kubernetes.io/"


@analyzer("daemonsets", speciality="workload", needs=("daemonsets.apps", "pods", "nodes", "events"))
def daemonsets(view: ClusterView) -> Iterable[Finding]:
    """DaemonSets without a node to run on, with pods that are not ready, or kept off nodes by taints."""
    for workload in view.all("daemonsets.apps"):
        if workload.deleting_since is not None:
            continue
        desired, ready = int_at(workload.raw, "status", "desiredNumberScheduled"), int_at(workload.raw, "status", "numberReady")
        nodes = view.all("nodes")
        failed = citations.latest_event(view, workload, "FailedCreate", "FailedPlacement")
        if failed is not None and int_at(workload.raw, "status", "currentNumberScheduled") < desired:
            yield failed_create(workload, failed.text("message"), [citations.event(failed)], ready, desired)
        if nodes:
            yield from _kept_off(workload, nodes, desired)
        if ready < desired:
            yield short_of_pods(
                workload,
                ready,
                desired,
                [citations.field(workload, "status", "numberReady"), citations.field(workload, "status", "desiredNumberScheduled")],
            )
        stale = int_at(workload.raw, "status", "updatedNumberScheduled")
        if desired and stale < desired and workload.text("spec", "updateStrategy", "type") == "OnDelete":
            yield Finding(
                code="RolloutIncomplete",
                severity="info",
                object=workload.ref,
                summary=f"{workload.ref} has the new template on {stale} of {desired} nodes: its updateStrategy is OnDelete, so "
                "old pods stay until deleted",
                evidence=(
                    citations.field(workload, "spec", "updateStrategy"),
                    citations.field(workload, "status", "updatedNumberScheduled"),
                ),
                owner=workload.ref,
                confidence=confidence([STATE]),
                docs=("DaemonSet update strategy",),
            )


def _kept_off(workload: Obj, nodes: list[Obj], desired: int) -> Iterator[Finding]:
    spec = workload.map("spec", "template", "spec")
    selector = labels_at(spec, "nodeSelector")
    wanted = [
        n for n in nodes if all(n.labels.get(k) == v for k, v in selector.items()) and node_selector_matches(required_affinity(spec), n)
    ]
    tolerations = maps_at(spec, "tolerations")
    ref = workload.ref
    if not wanted:
        labels = ", ".join(f"{k}={v}" for k, v in selector.items()) or "its required node affinity"
        yield Finding(
            code="DaemonSetNoNodes",
            severity="warning",
            object=ref,
            summary=f"{ref} runs on no node: no node carries {labels}, which its nodeSelector or affinity requires",
            evidence=(
                Evidence(f"{ref} spec.template.spec.nodeSelector", "\n".join(f"{k}: {v}" for k, v in selector.items()), object=ref),
                citations.field(workload, "status", "desiredNumberScheduled"),
            ),
            owner=ref,
            remedies=(
                Remedy(
                    "label the nodes that should run it",
                    f"kubectl label node NODE {next((f'{k}={v}' for k, v in selector.items()), 'KEY=VALUE')}",
                    "mutate",
                ),
                Remedy("or correct the nodeSelector", command_for(ref, "edit"), "mutate"),
            ),
            confidence=confidence([STATE, RELATION]),
            docs=("DaemonSet", "nodeSelector"),
            speciality="scheduling",
        )
        return
    refused: dict[str, list[str]] = {}
    for node in wanted:
        for taint in node.maps("spec", "taints"):
            if (
                text_at(taint, "key").startswith(_HEALTH_TAINT)
                or text_at(taint, "effect") == "PreferNoSchedule"
                or tolerates(tolerations, taint)
            ):
                continue
            refused.setdefault(taint_text(taint), []).append(node.name)
    if refused and desired < len(wanted):
        told = "; ".join(
            f"{citations.listed(names)} {'has' if len(names) == 1 else 'have'} the taint {taint}" for taint, names in refused.items()
        )
        names = sorted({n for names in refused.values() for n in names})
        yield Finding(
            code="DaemonSetTainted",
            severity="warning" if desired == 0 else "info",
            object=ref,
            summary=f"{ref} runs on {desired} of {len(wanted)} nodes: {told}, which it does not tolerate",
            evidence=tuple(
                Evidence(
                    f"Node/{n.name} spec.taints", "\n".join(f"key: {text_at(t, 'key')}" for t in n.maps("spec", "taints")), object=n.ref
                )
                for n in wanted
                if n.name in names
            )[:3],
            owner=ref,
            remedies=(Remedy("add a toleration for the taint", command_for(ref, "edit"), "mutate"),),
            confidence=confidence([STATE, RELATION]),
            docs=("DaemonSet", "toleration"),
            speciality="scheduling",
        )
