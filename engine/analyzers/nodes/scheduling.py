"""Pods that no node takes: which node fails which requirement, and which of them is the one to fix."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from engine.analyzers.common.citations import condition, event, field, latest_event, listed, nearest, weights
from engine.analyzers.common.confidence import HINT, RELATION, confidence
from engine.analyzers.common.placement import Cluster, blockers, bound_volumes, claims_of, volume_allows, wanted_nodes
from engine.analyzers.common.selectors import node_selector_matches, pod_requests, required_affinity, requirement_text
from engine.analyzers.common.view import ClusterView, event_time
from engine.analyzers.registry import analyzer
from engine.analyzers.storage.claims import explain_claim
from engine.analyzers.workloads.kubelet_refusals import KIND_ORDER, PINNED_ORDER, REASONS, TEMPLATED, Reason, Refusal, selection
from engine.cluster.objects import Obj, labels_at, maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_YOUNG_SECONDS = 15.0
_NATIVE = {"cpu", "memory", "ephemeral-storage", "pods"}
_SHORT_OF = frozenset({"FailedScheduling", "InsufficientResources"})
_PREEMPTOR = re.compile(r"[Pp]reempted by (?:a )?pod (\S+)")
_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" (not found|is being deleted|bound to non-existent persistentvolume)')


@analyzer("scheduling", speciality="scheduling", needs=("persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"))
def scheduling(view: ClusterView) -> Iterator[Finding]:
    """Pending pods without a node, one finding a workload and reason."""
    cluster: Cluster | None = None
    groups: dict[tuple[ObjectRef, str], list[Obj]] = {}
    for pod in view.all("pods"):
        if pod.text("spec", "nodeName"):
            if _on_missing_node(view, pod):
                yield _missing_node(view, pod)
            continue
        if pod.text("status", "phase") not in ("Pending", "") or pod.deleting_since is not None or not _is_waiting(view, pod):
            continue
        groups.setdefault((view.workload_of(pod), _kind_of_message(_message(view, pod))), []).append(pod)
    for (owner, _), pods in groups.items():
        cluster = cluster or Cluster(view)
        pod = pods[0]
        reason = explain(cluster, pod)
        evidence = (*_scheduler_said(view, pod), *reason.evidence)
        lost = _preempted(view, pod, owner) if reason.code in _SHORT_OF else None
        if lost is not None:
            reason = dataclasses.replace(reason, text=f"{lost[0]}; {reason.text}", code="Preempted")
            evidence = (lost[1], *evidence)
        many = f"{len(pods)} pods of {owner}" if len(pods) > 1 else f"pod {pod.name}"
        yield Finding(
            code=reason.code,
            severity="critical",
            object=reason.object or owner,
            summary=f"{many[0].upper()}{many[1:]} cannot be scheduled: {reason.text}",
            evidence=evidence,
            owner=owner,
            causes=reason.causes,
            remedies=(
                *reason.remedies,
                Remedy("see what the scheduler says", f"kubectl -n {pod.namespace} describe pod {pod.name}", "read"),
            ),
            confidence=confidence([reason.weight, *weights(evidence)]),
            docs=("FailedScheduling", "pod pending", reason.code),
            speciality="scheduling",
            detail=owner.name if reason.object and reason.object != owner else "",
        )


def _preempted(view: ClusterView, pod: Obj, owner: ObjectRef) -> tuple[str, Evidence] | None:
    """An earlier pod of this workload that had to give way to one of higher priority, in words."""
    for said in reversed(view.within("events", pod.namespace)):
        name = said.text("involvedObject", "name")
        if said.text("reason") != "Preempted" or not name.startswith(f"{owner.name}-"):
            continue
        by = _PREEMPTOR.search(said.text("message"))
        victor = next((p for p in view.within("pods", None) if by and by.group(1) in (p.uid, p.name, f"{p.namespace}/{p.name}")), None)
        who = f"pod {victor.name} of priority {victor.number('spec', 'priority')}" if victor else "a pod of higher priority"
        return f"pod {name} was preempted by {who} (its own is {pod.number('spec', 'priority')})", event(said)
    return None


def explain(cluster: Cluster, pod: Obj) -> Reason:
    """Why this pod is not scheduled, by its own fields and the state of the nodes; in the scheduler's words where those do not tell."""
    view, said = cluster.view, _message(cluster.view, pod)
    gates = [text_at(g, "name") for g in pod.maps("spec", "schedulingGates")]
    if gates:
        text = f"it carries the scheduling gate {listed(gates)}, which the controller that set it has not removed"
        remedy = Remedy(
            "find the controller that owns the gate; remove the gate only if it is obsolete",
            f"kubectl -n {pod.namespace} get pod {pod.name} -o yaml",
            "read",
        )
        return Reason("SchedulingGated", text, (field(pod, "spec", "schedulingGates"),), (remedy,), weight=RELATION)
    silent = not said and not pod.condition("PodScheduled")
    if silent:
        return _no_scheduler(view, pod)
    return _claims(view, pod, said) or _nodes(cluster, pod, said)


def _nodes(cluster: Cluster, pod: Obj, said: str) -> Reason:
    if not cluster.nodes:
        text = f"the scheduler says: {_first_part(said)}" if said else "the cluster has no node"
        return Reason("FailedScheduling", text, weight=HINT)
    wanted = wanted_nodes(cluster, pod)
    if not wanted:
        return _no_wanted(cluster, pod)
    restricted = len(wanted) < len(cluster.nodes)
    offering = _offering(cluster, pod, wanted)
    if isinstance(offering, Reason):
        return offering
    reachable = [n for n in offering if all(volume_allows(v, n) for _, v in bound_volumes(cluster.view, pod))]
    if not reachable:
        return _volume_conflict(cluster, pod, offering, restricted)
    per_node = {n.name: blockers(cluster, pod, n) for n in reachable}
    if any(not found for found in per_node.values()):
        return _in_the_schedulers_words(said)
    fewest = min(len({b.kind for b in found}) for found in per_node.values())
    nearest_nodes = {name: found for name, found in per_node.items() if len({b.kind for b in found}) == fewest}
    because = "its node selection allows" if restricted else "can reach its volume" if len(reachable) < len(offering) else ""
    order = PINNED_ORDER if because else KIND_ORDER
    kind = min((b.kind for found in nearest_nodes.values() for b in found), key=order.index)
    if kind == "full" and any(b.kind == "impossible" for found in per_node.values() for b in found) and fewest > 1:
        kind = "impossible"
    return REASONS[kind](cluster, pod, Refusal(kind, per_node, nearest_nodes, because))


def _no_wanted(cluster: Cluster, pod: Obj) -> Reason:
    """No node has the labels: which requirement fails, what the nodes have instead, and what was probably meant."""
    spec = pod.map("spec")
    selector = labels_at(spec, "nodeSelector")
    hints, evidence = [], []
    for key, value in selector.items():
        holders = [n.name for n in cluster.nodes if n.labels.get(key) == value]
        if holders:
            hints.append(f"{key}={value} is on {listed(holders)}")
            continue
        values = sorted({n.labels[key] for n in cluster.nodes if key in n.labels})
        guess = nearest(value, values)
        other_key = nearest(key, {k for n in cluster.nodes for k in n.labels}) if not values else ""
        if guess:
            hints.append(f"no node has {key}={value}; did you mean {key}={guess}?")
        elif values:
            hints.append(f"no node has {key}={value} (values there are: {listed(values)})")
        else:
            hints.append(f"no node has the label {key}" + (f"; did you mean {other_key}?" if other_key else ""))
    if selector:
        evidence.append(field(pod, "spec", "nodeSelector"))
    affinity = required_affinity(spec)
    if not any(node_selector_matches(affinity, n) for n in cluster.nodes):
        evidence.append(field(pod, "spec", "affinity", "nodeAffinity"))
        for term in maps_at(affinity, "nodeSelectorTerms"):
            for expression in [*maps_at(term, "matchExpressions"), *maps_at(term, "matchFields")]:
                alone = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
                if any(node_selector_matches(alone, n) for n in cluster.nodes) or expression in maps_at(term, "matchFields"):
                    continue
                values = sorted({n.labels[text_at(expression, "key")] for n in cluster.nodes if text_at(expression, "key") in n.labels})
                hints.append(
                    f"no node satisfies {requirement_text(expression)}" + (f" (values there are: {listed(values)})" if values else "")
                )
    what = selection(pod)
    labels = next(iter(selector.items()), None)
    command = f"kubectl label node NODE {labels[0]}={labels[1]}" if labels else "kubectl get nodes --show-labels"
    code = (
        "NodeSelectorMismatch"
        if selector and any(h.startswith("no node has") for h in hints)
        else "NodeAffinityMismatch"
        if affinity
        else "NodeSelectorMismatch"
    )
    evidence += [field(n, "metadata", "labels") for n in cluster.nodes[:2]]
    remedies = (Remedy("label a node that is meant for it, or change the pod's node selection", command, "mutate" if labels else "read"),)
    return Reason(
        code,
        f"no node matches its {what} ({'; '.join(hints) or 'no single node satisfies all of it'})",
        tuple(evidence),
        remedies,
        (),
        RELATION,
    )


def _offering(cluster: Cluster, pod: Obj, nodes: list[Obj]) -> list[Obj] | Reason:
    """The nodes that have any of the pod's extended resources at all (GPUs, devices, huge pages)."""
    for name, amount in pod_requests(pod.map("spec")).items():
        if name in _NATIVE or amount <= 0:
            continue
        having = [n for n in nodes if cluster.allocatable(n, name) > 0]
        if not having:
            offered = sorted({r for n in cluster.nodes for r in n.map("status", "allocatable") if isinstance(r, str) and "/" in r})
            guess = nearest(name, offered)
            hint = f"; did you mean {guess}?" if guess else f" (extended resources there are: {listed(offered)})" if offered else ""
            text = (
                f"it requests {amount:g} {name} and no node offers {name} "
                f"(Insufficient {name}){hint}; its device plugin is missing or not running"
            )
            evidence = (field(pod, "spec", "containers", 0, "resources"), *(field(n, "status", "allocatable") for n in nodes[:2]))
            remedy = Remedy(
                "see what the nodes offer, and the pods of the device plugin",
                "kubectl get nodes -o custom-columns=NAME:.metadata.name,ALLOCATABLE:.status.allocatable",
                "read",
            )
            return Reason("ExtendedResourceMissing", text, evidence, (remedy,), (), RELATION)
        nodes = having
    return nodes


def _volume_conflict(cluster: Cluster, pod: Obj, nodes: list[Obj], restricted: bool) -> Reason:
    claim, volume = next((c, v) for c, v in bound_volumes(cluster.view, pod) if not all(volume_allows(v, n) for n in nodes))
    terms = maps_at(volume.map("spec", "nodeAffinity", "required"), "nodeSelectorTerms")
    rule = " or ".join(
        " and ".join(requirement_text(e) for e in [*maps_at(t, "matchExpressions"), *maps_at(t, "matchFields")]) for t in terms
    )
    rule = rule or f"zone {volume.labels.get('topology.kubernetes.io/zone', '?')}"
    allowed = [n.name for n in cluster.nodes if volume_allows(volume, n)]
    where = f"only node {listed(allowed)} can reach it" if allowed else "no node of the cluster can reach it"
    clash = f", but the pod is bound to {listed(n.name for n in nodes)} by {selection(pod)}" if restricted else ""
    text = f"volume node affinity conflict: volume {volume.name} of claim {claim.name} is tied to {rule}; {where}{clash}"
    evidence = (field(volume, "spec", "nodeAffinity"), field(claim, "spec", "volumeName"))
    remedy = Remedy(
        "bring back a node in the volume's zone, or move the data and create the claim again", f"kubectl describe pv {volume.name}", "read"
    )
    return Reason("VolumeNodeAffinityConflict", text, evidence, (remedy,), (), RELATION)


def _claims(view: ClusterView, pod: Obj, said: str) -> Reason | None:
    """The pod's claims that have no volume, if they are what it waits for."""
    named = _CLAIM.search(said)
    for name in claims_of(pod):
        claim = view.find("persistentvolumeclaims", pod.namespace, name)
        if claim is None:
            if not view.can_see("persistentvolumeclaims", pod.namespace) and not (named and named.group(1) == name):
                refused = _refused_claim(view, pod.namespace, name) if "PersistentVolumeClaims" in said else None
                if refused is not None:
                    text = f"its claim {name} has no volume, since {refused.text('message').strip()}"
                    about = ObjectRef("PersistentVolumeClaim", pod.namespace, name)
                    return Reason("UnboundVolumeClaim", text, (event(refused),), (), (), RELATION, about)
                continue
            names = [c.name for c in view.within("persistentvolumeclaims", pod.namespace)]
            guess = nearest(name, names)
            hint = f"; did you mean {guess}?" if guess else ""
            text = f"it mounts PersistentVolumeClaim {name}, which does not exist in namespace {pod.namespace}{hint}"
            remedy = Remedy("create the claim, or correct claimName", f"kubectl -n {pod.namespace} get pvc", "read")
            missing = ObjectRef("PersistentVolumeClaim", pod.namespace, name)
            return Reason("PersistentVolumeClaimNotFound", text, (field(pod, "spec", "volumes"),), (remedy,), (), RELATION, missing)
        why = explain_claim(view, claim)
        if why is not None:
            cause = why.summary.partition(": ")[2]
            text = f"its claim {name} is {claim.text('status', 'phase') or 'Pending'} and has no volume, since {cause}"
            return Reason("UnboundVolumeClaim", text, (field(claim, "status", "phase"),), (), (why.id,), RELATION)
        if claim.deleting_since is not None:
            text = f"its claim {name} is being deleted"
            return Reason(
                "ClaimDeleting",
                text,
                (field(claim, "metadata", "deletionTimestamp"),),
                (),
                (f"ClaimTerminating/PersistentVolumeClaim/{pod.namespace}/{name}",),
                RELATION,
            )
    return None


def _refused_claim(view: ClusterView, namespace: str, name: str) -> Obj | None:
    """The latest word on why a claim has no volume, where the claim itself cannot be seen and only its events are at hand."""
    said = [
        e
        for e in view.within("events", namespace)
        if e.text("involvedObject", "kind") == "PersistentVolumeClaim"
        and e.text("involvedObject", "name") == name
        and e.text("reason") in ("ProvisioningFailed", "FailedBinding")
    ]
    return max(said, key=lambda e: str(event_time(e) or ""), default=None)


def _no_scheduler(view: ClusterView, pod: Obj) -> Reason:
    wanted = pod.text("spec", "schedulerName") or "default-scheduler"
    others = sorted(
        {
            p.text("spec", "schedulerName")
            for p in view.within("pods", None)
            if p.text("spec", "nodeName") and p.text("spec", "schedulerName")
        }
    )
    guess = nearest(wanted, others)
    evidence = (field(pod, "spec", "schedulerName"), field(pod, "status"))
    if wanted == "default-scheduler":
        remedy = Remedy("look at the kube-scheduler", "kubectl -n kube-system get pods -l component=kube-scheduler", "read")
        text = "no scheduler has looked at it (no PodScheduled condition, no event): the kube-scheduler is not running"
        return Reason("SchedulerNotRunning", text, evidence, (remedy,), (), HINT)
    hint = f"; did you mean {guess}?" if guess else f"; schedulers in use: {listed(others)}" if others else ""
    owner = view.workload_of(pod)
    command = (
        (
            f"kubectl -n {pod.namespace} patch {owner.kind.lower()} {owner.name} -p "
            f'\'{{"spec":{{"template":{{"spec":{{"schedulerName":"default-scheduler"}}}}}}}}\''
        )
        if owner.kind in TEMPLATED
        else ""
    )
    text = f"it asks for the scheduler {wanted} (schedulerName), which does not exist or is not running: nobody has looked at the pod{hint}"
    remedy = Remedy("use a scheduler that runs, or start this one", command, "mutate" if command else "")
    return Reason("SchedulerNotFound", text, evidence, (remedy,), (), RELATION)


def _in_the_schedulers_words(said: str) -> Reason:
    if not said:
        return Reason("FailedScheduling", "no reason is recorded, and by their state some node could take it now", weight=HINT)
    return Reason("FailedScheduling", _first_part(said), weight=HINT)


def _on_missing_node(view: ClusterView, pod: Obj) -> bool:
    nodes = view.all("nodes")
    unstarted = pod.text("status", "phase") in ("Pending", "") and not pod.at("status", "startTime")
    return bool(nodes) and unstarted and all(n.name != pod.text("spec", "nodeName") for n in nodes)


def _missing_node(view: ClusterView, pod: Obj) -> Finding:
    name, owner = pod.text("spec", "nodeName"), view.workload_of(pod)
    known = [n.name for n in view.all("nodes")]
    guess = nearest(name, known)
    hint = f"did you mean {guess}?" if guess else f"nodes there are: {listed(known)}"
    return Finding(
        code="NodeNotFound",
        severity="critical",
        object=owner,
        summary=f"Pod {pod.name} is bound to node {name} (spec.nodeName), which does not exist; {hint}",
        evidence=(field(pod, "spec", "nodeName"),),
        owner=owner,
        remedies=(
            Remedy(
                "remove nodeName from the pod template and let the scheduler choose",
                f"kubectl -n {pod.namespace} get {owner.kind.lower()} {owner.name} -o yaml",
                "read",
            ),
        ),
        confidence=confidence([RELATION, RELATION]),
        docs=("nodeName", "pod pending"),
        speciality="scheduling",
    )


def _is_waiting(view: ClusterView, pod: Obj) -> bool:
    if pod.condition("PodScheduled").get("status") == "False" or pod.maps("spec", "schedulingGates"):
        return True
    age = (view.now - pod.created).total_seconds() if pod.created else _YOUNG_SECONDS
    return age >= _YOUNG_SECONDS


def _message(view: ClusterView, pod: Obj) -> str:
    said = pod.condition("PodScheduled").get("message")
    if isinstance(said, str) and said:
        return said
    found = latest_event(view, pod, "FailedScheduling")
    return found.text("message") if found is not None else ""


def _scheduler_said(view: ClusterView, pod: Obj) -> tuple[Evidence, ...]:
    found = latest_event(view, pod, "FailedScheduling")
    if found is not None:
        return (event(found),)
    return (condition(pod, "PodScheduled"),) if pod.condition("PodScheduled").get("message") else ()


def _first_part(said: str) -> str:
    """The scheduler's message without what it says on preemption."""
    text = re.split(r"\s*(?:no new claims to deallocate|preemption: )", said)[0]
    return text.strip().rstrip(",. ") or said


def _kind_of_message(said: str) -> str:
    """The message without its counts, which differ between pods of one workload."""
    return re.sub(r"\d+", "#", _first_part(said))
