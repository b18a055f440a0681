"""Pods that neither run nor crash: refused by their node, evicted, out of time, or held by an init container that does not end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from engine.analyzers.common import citations
from engine.analyzers.common.callees import Callee, Callees
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.containers import Container, containers, is_finished, is_ready
from engine.analyzers.common.settings import settings
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import log_lines
from engine.analyzers.logs.causes import from_story
from engine.analyzers.logs.reader import explain
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, int_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_HANGS = timedelta(seconds=90)
_REFUSED = {
    "SysctlForbidden": ("ForbiddenSysctl", "the kubelet refuses a sysctl of its securityContext"),
    "NodeAffinity": ("NodeAffinity", "its node no longer matches its nodeSelector or affinity"),
    "NodeSelectorMismatching": ("NodeAffinity", "its node no longer matches its nodeSelector"),
    "NodePorts": ("HostPortConflict", "a host port that it asks for is taken on its node"),
    "PodFitsHostPorts": ("HostPortConflict", "a host port that it asks for is taken on its node"),
    "HostPortConflict": ("HostPortConflict", "a host port that it asks for is taken on its node"),
    "OutOfcpu": ("OutOfcpu", "its node has not enough CPU left for its request"),
    "OutOfmemory": ("OutOfmemory", "its node has not enough memory left for its request"),
    "OutOfpods": ("OutOfpods", "its node already runs as many pods as it may"),
    "UnexpectedAdmissionError": ("UnexpectedAdmissionError", "the kubelet could not give it the devices or resources that it asks for"),
    "AppArmor": ("MissingProfile", "its AppArmor profile cannot be used on the node"),
    "TopologyAffinityError": ("TopologyAffinityError", "its resources cannot be aligned on one NUMA node"),
    "DeadlineExceeded": ("DeadlineExceeded", "it ran longer than its activeDeadlineSeconds"),
    "NodeLost": ("NodeLost", "its node was lost"),
    "Shutdown": ("NodeShutdown", "its node was shut down"),
    "NodeShutdown": ("NodeShutdown", "its node was shut down"),
    "Terminated": ("NodeShutdown", "its node was shut down"),
    "PodOSNotSupported": ("PodOSNotSupported", "its node runs another operating system"),
    "TaintToleration": ("TaintToleration", "its node has a taint that it does not tolerate"),
}
_PRESSURES = {"memory": "MemoryPressure", "process ids": "PIDPressure"}
_NODE_RESOURCES = (
    ("memory", "memory"),
    ("pids", "process ids"),
    ("nodefs", "disk space"),
    ("imagefs", "image disk space"),
    ("inodes", "inodes"),
)


@analyzer("pod-states", speciality="workload", needs=("pods", "events"))
def pod_states(view: ClusterView) -> Iterable[Finding]:
    """Pods that the kubelet refused or evicted, and pods whose init container hangs."""
    for pod in view.all("pods"):
        if pod.deleting_since is not None:
            continue
        reason = pod.text("status", "reason")
        yield from _debug_containers(pod, view.workload_of(pod)) if pod.maps("status", "ephemeralContainerStatuses") else ()
        if pod.text("status", "phase") == "Failed" and reason in _REFUSED:
            yield _refused(view, pod, reason)
        elif message := _eviction(pod):
            yield from _evicted(view, pod, message)
        elif pod.text("status", "phase") == "Pending":
            yield from _hanging_init(view, pod)


def _debug_containers(pod: Obj, owner: ObjectRef) -> Iterator[Finding]:
    """Ephemeral containers that do not run: no fault of the workload, but of who debugs it."""
    for container in containers(pod):
        if container.role == "ephemeral" and (
            container.waiting_reason not in ("", "ContainerCreating") or (container.terminated and container.exit_code)
        ):
            state = container.waiting_reason or f"exit code {container.exit_code}"
            yield Finding(
                code="EphemeralContainerFailed",
                severity="info",
                object=pod.ref,
                summary=f"{container.label} (image {container.image}) of {pod.ref} does not run ({state}); the pod's own "
                "containers are not touched by it",
                evidence=(container.wait() if container.waiting_reason else container.ending(),),
                owner=owner,
                confidence=confidence([STATE]),
                docs=("kubectl debug",),
                detail=container.name,
            )


def _over(view: ClusterView, pod: Obj, owner: ObjectRef) -> bool:
    """Whether the workload has all its pods ready, so that this pod is only a trace of the past."""
    if owner == pod.ref:
        return False
    workload = view.find_ref(owner)
    if workload is None or workload.kind in ("Job", "CronJob"):
        return False
    key = "numberReady" if workload.kind == "DaemonSet" else "readyReplicas"
    wanted = workload.at("status", "desiredNumberScheduled") if workload.kind == "DaemonSet" else workload.at("spec", "replicas")
    if not isinstance(wanted, int) or int_at(workload.raw, "status", key) < wanted:
        return False
    others = [p for p in view.within("pods", pod.namespace) if p.name != pod.name and view.workload_of(p) == owner and is_ready(p)]
    failed = [p for p in view.within("pods", pod.namespace) if p.text("status", "phase") == "Failed" and view.workload_of(p) == owner]
    return bool(others) and len(failed) < 3


def _refused(view: ClusterView, pod: Obj, reason: str) -> Finding:
    owner = view.workload_of(pod)
    code, why = _REFUSED[reason]
    message = pod.text("status", "message")
    count = sum(1 for p in view.within("pods", pod.namespace) if p.text("status", "reason") == reason and view.workload_of(p) == owner)
    what = f"{count} pods of {owner} have" if count > 1 else f"{pod.ref}{f' of {owner}' if owner != pod.ref else ''} has"
    evidence = [citations.field(pod, "status", "message") if message else citations.field(pod, "status", "reason")]
    if code == "ForbiddenSysctl":
        evidence.append(citations.field(pod, "spec", "securityContext"))
    if code == "DeadlineExceeded":
        why += f" of {pod.text('spec', 'activeDeadlineSeconds')}"
        evidence.append(citations.field(pod, "spec", "activeDeadlineSeconds"))
    edit = f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}"
    return Finding(
        code=code,
        severity="info" if _over(view, pod, owner) else "critical",
        object=owner,
        summary=f"{what} failed on node {pod.text('spec', 'nodeName') or '(none)'} ({reason}): "
        f"{why}{f' ({message[:240]})' if message else ''}",
        evidence=tuple(evidence),
        owner=owner,
        remedies=(Remedy("correct what the kubelet refuses in the pod template", edit if owner.kind != "Pod" else "", "mutate"),),
        confidence=confidence([STATE, EVENT if message else HINT]),
        docs=(reason,),
        speciality="scheduling" if code.startswith(("OutOf", "Node", "Taint", "HostPort")) else "workload",
    )


def _eviction(pod: Obj) -> str:
    """The kubelet's words on why it evicted a pod, "" where it did not; one whose containers end well is Succeeded, without a reason."""
    if pod.text("status", "reason") == "Evicted":
        return pod.text("status", "message") or "Evicted"
    disrupted = pod.condition("DisruptionTarget")
    said = text_at(disrupted, "message")
    by_kubelet = text_at(disrupted, "status") == "True" and text_at(disrupted, "reason") == "TerminationByKubelet"
    return said if by_kubelet and is_finished(pod) and "low on resource" in said else ""


def _evicted(view: ClusterView, pod: Obj, message: str) -> Iterator[Finding]:
    """Evictions for what a node ran short of; limits on local storage are told with storage."""
    lower = message.lower()
    if "exceeds the" in lower or "emptydir" in lower or "ephemeral" in lower:
        return
    owner = view.workload_of(pod)
    node = pod.text("spec", "nodeName")
    resource = next((words for key, words in _NODE_RESOURCES if key in lower), "resources")
    count = sum(1 for p in view.within("pods", pod.namespace) if _eviction(p) and view.workload_of(p) == owner)
    request = (
        ""
        if any(c.spec.get("resources") for c in containers(pod))
        else "; its containers request no resources, so it is evicted first (BestEffort)"
    )
    yield Finding(
        code="Evicted",
        severity="info" if _over(view, pod, owner) else "critical",
        object=owner,
        summary=f"{f'{count} pods' if count > 1 else 'a pod'} of {owner} {'were' if count > 1 else 'was'} evicted from "
        f"node {node}, which ran short of {resource}: {message[:260]}{request}",
        evidence=(
            (citations.field(pod, "status", "message"), Evidence(f"{pod.ref} status.reason", "reason: Evicted", object=pod.ref))
            if pod.text("status", "reason") == "Evicted"
            else (citations.condition(pod, "DisruptionTarget"),)
        ),
        owner=owner,
        causes=(f"{_PRESSURES[resource]}/Node//{node}",) if resource in _PRESSURES else (),
        remedies=(
            Remedy(
                "request what the pods really use, so that they are placed where there is room",
                f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}",
                "mutate",
            ),
            Remedy("see what fills the node", f"kubectl describe node {node}", "read"),
        ),
        confidence=confidence([STATE, HINT]),
        docs=("Evicted", "node pressure"),
        speciality="scheduling",
        detail="pressure",
    )


def _hanging_init(view: ClusterView, pod: Obj) -> Iterator[Finding]:
    """An init container that runs on and on, so that the containers after it never start."""
    for container in containers(pod):
        if container.role not in ("init", "sidecar"):
            continue
        if container.role == "sidecar" and container.status.get("started") is True:
            continue
        if not container.is_running:
            if container.role == "init" and not container.terminated:
                return
            continue
        since = container.running_since
        if since is None or view.now - since < _HANGS or container.restarts:
            return
        yield _hang(view, container, int((view.now - since).total_seconds() // 60))
        return


def _hang(view: ClusterView, container: Container, minutes: int) -> Finding:
    pod = container.pod
    owner = view.workload_of(pod)
    lines = log_lines(view, container, previous=False)
    story = explain(lines, ended=False, now=view.now) if lines else None
    callee = _waits_for(view, container, " ".join(lines[-3:]))
    started = str(container.status.get("state", {}).get("running", {}).get("startedAt", ""))
    state = container.state({"startedAt": started}, f"{container.where}.state.running", "startedAt")
    evidence, weights = [state], [STATE]
    says, object_ = "it neither ends nor says why", owner
    docs: tuple[str, ...] = ("init container",)
    remedies: list[Remedy] = []
    if story is not None and (story.pattern is not None or callee is None):
        told = from_story(view, container, owner, story, previous=False)
        evidence, weights = [*told.evidence, state], [*weights, *told.weights]
        says, object_, remedies = told.says, told.object, list(told.remedies)
        docs = (*docs, *told.docs)
    elif lines:
        evidence.append(citations.log_line(pod, container.name, lines[-1]))
        says = f"its last line is “{evidence[-1].excerpt[:160]}”"
    if callee is not None:
        command = next((k for k in ("args", "command") if container.spec.get(k)), "")
        if command:
            evidence.append(container.declared(command))
        weights.append(RELATION)
        if callee.service is None:
            says = f"it waits for {callee.address}, and {Callees(view).meant(callee)}" + (f" ({says})" if lines else "")
        elif owner in [w.ref for w in Callees(view).behind(callee.service)]:
            own = f"whose only pods are those of {owner} itself: they never become ready, so it waits for itself"
            says = f"it waits for Service {callee.name}, {own}"
        elif callee.name not in says:
            says = f"it waits for Service {callee.name} ({says})"
    return Finding(
        code="InitContainerHangs",
        severity="critical",
        object=object_,
        summary=f"{container.label} of {owner} has been running for {minutes} minutes, and the containers after it wait "
        f"for its end: {says}",
        evidence=tuple(evidence),
        owner=owner,
        remedies=(*remedies, Remedy("read its log", f"kubectl logs {pod.name} -n {pod.namespace} -c {container.name}", "read")),
        confidence=confidence(weights),
        docs=docs,
        detail=container.name if object_ == owner else f"{owner.name}/{container.name}",
    )


def _waits_for(view: ClusterView, container: Container, text: str) -> Callee | None:
    """What the command, or else the log, of a waiting container asks for: a Service that is missing comes first."""
    callees = Callees(view)
    home = container.pod.namespace
    found: list[Callee] = []
    for setting in settings(view, home, container.pod.map("spec"), container.spec):
        if setting.how == "argument":
            found += callees.in_command(setting.value, home)
    found += callees.in_text(text, home)
    lost = [c for c in found if c.service is None]
    return next(iter(lost or found), None)


@analyzer("slow-endings", speciality="workload", needs=("pods", "events"))
def slow_endings(view: ClusterView) -> Iterable[Finding]:
    """Pods within a long grace period: what they wait for before they may go."""
    for pod in view.all("pods"):
        since = pod.deleting_since
        grace = int_at(pod.raw, "metadata", "deletionGracePeriodSeconds")
        if since is None or since <= view.now or grace <= 60 or pod.texts("metadata", "finalizers"):
            continue
        owner = view.workload_of(pod)
        asked = grace - int((since - view.now).total_seconds())
        hook = next((c for c in containers(pod) if c.spec.get("lifecycle") and "preStop" in str(c.spec["lifecycle"])), None)
        evidence = [citations.field(pod, "metadata", "deletionTimestamp"), citations.field(pod, "spec", "terminationGracePeriodSeconds")]
        if hook is not None:
            evidence.append(hook.declared("lifecycle", "preStop", "exec", "command"))
        held = (
            f"the preStop hook of container {hook.name} still runs, or its program does not end on SIGTERM"
            if hook
            else "its program does not end on SIGTERM"
        )
        yield Finding(
            code="LongGracePeriod",
            severity="warning",
            object=owner,
            summary=f"{pod.ref} has been Terminating for {max(asked, 0)} s and may stay so: terminationGracePeriodSeconds is "
            f"{grace} and {held}",
            evidence=tuple(evidence),
            owner=owner,
            remedies=(
                Remedy(
                    "lower terminationGracePeriodSeconds, or let program and preStop hook end in time",
                    f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}",
                    "mutate",
                ),
            ),
            confidence=confidence([STATE, RELATION]),
            docs=("terminationGracePeriodSeconds", "preStop"),
            detail=pod.name,
        )
