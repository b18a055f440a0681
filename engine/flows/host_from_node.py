"""Where an answer leads to a node, its host may tell why: the node's own machine is looked at, if the settings allow it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.analyzers.diagnosis.certainty import Certainty
from engine.analyzers.diagnosis.rank import Diagnosis, Root
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError
from engine.core.events import Notice
from engine.core.types import Finding
from engine.flows.tools import Emit, Tools

if TYPE_CHECKING:
    from engine.hosts.check import HostReport

MOST_NODES = 3
_SPACE = ("FilesystemFull", "InodesExhausted", "FilesystemIsReadOnly", "ImageGCFailed", "KubeletEvicts")
_MEMORY = ("SystemOOM", "MemoryLow", "MemoryStalls", "SwapHeavy", "KubeletEvicts")
_PROCESSES = ("TooManyProcesses", "PidLimit")
_KERNEL = (
    "HardwareError",
    "DiskIOError",
    "FilesystemBroken",
    "FilesystemIsReadOnly",
    "NfsServerSilent",
    "TaskHung",
    "SoftLockup",
    "KernelOops",
)
_NETWORK = ("CniNotReady", "LinkDown", "NoDefaultRoute", "ForwardingOff", "ConntrackFull", "NeighbourTableFull", "FirewallBlocksPort")
_KUBELET = (
    "KubeletDown",
    "KubeletUnhealthy",
    "RuntimeDown",
    "RuntimeUnreachable",
    "KubeletCertificateExpired",
    "NodeCertificateExpired",
    "NodeUnauthorized",
    "ApiServerUnreachable",
    "PlegUnhealthy",
    "KubeletRestarting",
)
_SILENT = "HostUnreachable"
LEADS: Mapping[str, tuple[str, ...]] = {
    "NodeNotReady": (*_KUBELET, *_NETWORK, *_KERNEL, *_MEMORY, *_SPACE, *_PROCESSES, "ClockSkew", _SILENT),
    "KubeletSilent": (*_KUBELET, *_NETWORK, *_KERNEL, *_MEMORY, _SILENT),
    "PodOnLostNode": (*_KUBELET, *_NETWORK, *_KERNEL, *_MEMORY, _SILENT),
    "DiskPressure": _SPACE,
    "FreeDiskSpaceFailed": _SPACE,
    "ImageGCFailed": _SPACE,
    "EvictionThresholdMet": (*_SPACE, *_MEMORY, *_PROCESSES),
    "EvictedForDisk": _SPACE,
    "MemoryPressure": _MEMORY,
    "SystemOOM": _MEMORY,
    "OOMKilling": _MEMORY,
    "PIDPressure": _PROCESSES,
    "Evicted": (*_SPACE, *_MEMORY, *_PROCESSES),
    "NetworkUnavailable": _NETWORK,
    "NodeProblem": (*_KERNEL, *_SPACE, *_NETWORK),
    "TaskHung": _KERNEL,
    "KernelOops": _KERNEL,
    "FilesystemIsReadOnly": _KERNEL,
    "ContainerdUnhealthy": ("RuntimeDown", "RuntimeUnreachable", *_SPACE, *_KERNEL),
    "KubeletUnhealthy": _KUBELET,
}
"""For each code of a node or an eviction the codes of a host that explain it, the surest first."""
_SURE_ONLY = frozenset({"NodeNotReady", "KubeletSilent", "PodOnLostNode"})
"""A kubelet that is silent is explained by what is critical or by its own words; a busy host is no reason for it."""
_NODE_IN_WORDS = re.compile(r"\bnode (\S+?)[,:;.]?(?:\s|$)")
_NO_ANSWER = re.compile(r"did not answer in time|there is no route to it|nothing listens|its time was up")


def with_hosts(diagnosis: Diagnosis, tools: Tools, emit: Emit) -> Diagnosis:
    """The diagnosis with the hosts' findings under the nodes that it leads to; unchanged where it leads to none. Raises Cancelled."""
    names = leads_to(diagnosis.root_causes)
    if not names or tools.place.recording:
        return diagnosis
    settings = tools.settings.hosts
    if not (settings.enabled and settings.nodes):
        way = f"the host of node {', '.join(names)}: [hosts] enabled = true and nodes = true let K8sAgent look over ssh"
        emit(Notice(level="info", text=f"Not looked at: {way}."))
        return _told(diagnosis, [way])
    from engine.flows.host_check import AuditOfHosts, look
    from engine.hosts.targets import HostRefused, check_target, node_hosts

    try:
        hosts = node_hosts((Obj(raw) for raw in tools.source.list("nodes", cancel=tools.token)), settings)
        wanted = [hosts[name] for name in names if name in hosts]
        for host in wanted:
            check_target(host.target)
    except (ClusterError, HostRefused) as error:
        return _told(diagnosis, [f"the host of node {', '.join(names)}: {error}"])
    # The question's own budget bounds its hosts too; what is left for the rest is a few seconds.
    audit = AuditOfHosts(tools.desk.records, tools.place)
    bounded = dataclasses.replace(settings, seconds=min(settings.seconds, max(5.0, tools.left() - 5.0)))
    return explained(diagnosis, look(wanted, bounded, tools.desk.redactor, tools.token, emit, audit, tools.step_ids))


def leads_to(roots: Sequence[Root]) -> list[str]:
    """The nodes that the first root causes are about, by their names; at most `MOST_NODES`."""
    names: dict[str, None] = {}
    for root in roots[:3]:
        for finding in root.findings:
            if finding.code in LEADS and (name := _node_of(finding)):
                names[name] = None
    return list(names)[:MOST_NODES]


def _node_of(finding: Finding) -> str:
    if finding.object.kind == "Node":
        return finding.object.name
    said = _NODE_IN_WORDS.search(finding.summary)
    return said.group(1) if said else ""


def explained(diagnosis: Diagnosis, reports: Iterable[HostReport]) -> Diagnosis:
    """The diagnosis with each root cause led on into its node's host, where something there explains it."""
    by_node = {report.host: report for report in reports}
    roots = tuple(_led(root, by_node) for root in diagnosis.root_causes)
    told = [
        f"the host of node {report.host}: {finding.summary.removeprefix(report.host + ': ')}"
        for report in by_node.values()
        for finding in report.findings
        if finding.code == _SILENT and not _NO_ANSWER.search(finding.summary)
    ]
    told += [sentence for report in by_node.values() for sentence in report.unseen]
    told += [f.summary for report in by_node.values() for f in report.findings if f.code == "CannotSee"]
    linked = {finding.id: finding for root in roots for finding in root.findings}
    # What is linked stands with its causes; the rest of the host's findings follow, without remarks.
    more = [f for report in by_node.values() for f in report.findings if f.severity != "info" and f.id not in linked]
    new = [f for f in linked.values() if f.id not in {known.id for known in diagnosis.findings}]
    findings = (*new, *(linked.get(f.id, f) for f in diagnosis.findings), *more)
    scanned = {**diagnosis.scanned, **{f"host {report.host}": report.seen for report in by_node.values()}}
    return _told(dataclasses.replace(diagnosis, root_causes=roots, findings=findings, scanned=scanned), told)


def _led(root: Root, by_node: Mapping[str, HostReport]) -> Root:
    first = root.findings[0]
    report = by_node.get(_node_of(first)) if first.code in LEADS else None
    if report is None:
        return root
    found = {f.id: f for f in report.findings if f.severity != "info" and (f.code != _SILENT or _NO_ANSWER.search(f.summary))}
    near = min(
        (f for f in found.values() if f.code in LEADS[first.code] and _weighs(f, first.code)),
        key=lambda f: (f.severity != "critical", LEADS[first.code].index(f.code), -f.confidence),
        default=None,
    )
    if near is None:
        return root
    chain = [near]
    while (deeper := next((found[id] for id in chain[0].causes if id in found and found[id] not in chain), None)) is not None:
        chain.insert(0, deeper)
    node = dataclasses.replace(first, causes=tuple(dict.fromkeys([*first.causes, near.id])))
    sentences = tuple(f.summary for f in chain)
    found_on_host = Certainty(chain[0].confidence)
    return Root(chain[0], (*sentences, *(root.chain or (first.summary,))), root.symptom, (*chain, node, *root.findings[1:]), found_on_host)


def _weighs(finding: Finding, code: str) -> bool:
    return code not in _SURE_ONLY or finding.severity == "critical" or finding.code in _KUBELET


def _told(diagnosis: Diagnosis, sentences: Sequence[str]) -> Diagnosis:
    return dataclasses.replace(diagnosis, unknown=tuple(dict.fromkeys([*sentences, *diagnosis.unknown])))
