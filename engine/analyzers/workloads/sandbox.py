"""Pods whose sandbox cannot be made: the network plugin, addresses, the runtime handler."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.citations import event, field, latest_event
from engine.analyzers.common.confidence import EVENT, RELATION, confidence
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_HANDLER = re.compile(
    r'(?:no runtime for "([^"]+)" is configured|RuntimeHandler "([^"]+)" not supported'
    r'|runtime handler "?([\w.-]+)"? not (?:found|supported))'
)
_ADDRESSES = re.compile(
    r"no (?:more )?(?:IP|free) addresses? available|failed to (?:assign|allocate)[^:]*(?:IP|address)|range is full"
    r"|address pool.*exhausted|no available IP",
    re.IGNORECASE,
)
_PLUGIN = re.compile(r'plugin type="([^"]+)"')


@analyzer("sandbox", speciality="network", needs=("pods", "events"))
def sandbox(view: ClusterView) -> Iterator[Finding]:
    """Pods that wait in ContainerCreating since their sandbox fails."""
    for pod in view.all("pods"):
        if pod.text("status", "phase") != "Pending" or not pod.text("spec", "nodeName"):
            continue
        said = latest_event(view, pod, "FailedCreatePodSandBox")
        if said is None:
            continue
        yield _explain(view, pod, said)


def _explain(view: ClusterView, pod: Obj, said: Obj) -> Finding:
    message = " ".join(said.text("message").split())
    owner, node = view.workload_of(pod), pod.text("spec", "nodeName")
    evidence: tuple[Evidence, ...] = (event(said),)
    object_: ObjectRef = owner
    handler = _HANDLER.search(message)
    plugin = _PLUGIN.search(message)
    tail = re.split(r"desc = |failed to setup network for sandbox \"[^\"]*\": ", message)[-1][-260:].rstrip(". ")
    remedy = Remedy(
        "see the pods of the network plugin on the node",
        f"kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={node}",
        "read",
    )
    if handler:
        name = next(g for g in handler.groups() if g)
        runtime = pod.text("spec", "runtimeClassName")
        code = "RuntimeHandlerMissing"
        text = (
            f"RuntimeClass {runtime or '?'} asks for the runtime handler {name}, which the container runtime of node {node} does not have"
        )
        evidence = (*evidence, *((field(pod, "spec", "runtimeClassName"),) if runtime else ()))
        remedy = Remedy(
            "configure the handler on the node, or use another RuntimeClass", f"kubectl get runtimeclass {runtime} -o yaml", "read"
        )
    elif _ADDRESSES.search(message):
        code, text = "PodAddressesExhausted", f"the pod network has no free IP address on node {node} ({tail})"
        object_ = ObjectRef("Node", "", node)
    elif plugin or "network" in message or "cni" in message.lower():
        code, text = "NetworkPluginFailed", f"the network plugin{' ' + plugin.group(1) if plugin else ''} on node {node} fails: {tail}"
    else:
        code, text = "FailedCreatePodSandBox", f"the container runtime on node {node} cannot make its sandbox: {tail}"
    return Finding(
        code=code,
        severity="critical",
        object=object_,
        summary=f"Pod {pod.name} stays in ContainerCreating: {text}",
        evidence=evidence,
        owner=owner,
        remedies=(remedy,),
        confidence=confidence([EVENT, RELATION]),
        docs=("FailedCreatePodSandBox", "CNI", code),
        speciality="network",
        detail=pod.name if object_.kind == "Node" else "",
    )
