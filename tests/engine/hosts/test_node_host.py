"""From a node to its host: what explains the node becomes the root cause, in one chain down to the pod; only where the settings allow it."""

# ruff: noqa: E501 - messages are as long as the kubelet writes them
from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import sshd
from fakes.hosts import HEALTHY, bundle, services, unit
from fakes.manifests import NOW, Raw, ago, deployment, node, pod, replicaset, view
from fakes.recordings import files_of, write_folder

from engine.agent.agent import Agent
from engine.analyzers.diagnosis.rank import Diagnosis, diagnose
from engine.cluster.recordings.recorded_cluster import open_recording
from engine.core.config import ClusterSettings, HostSettings, ModelSection, Settings
from engine.core.events import AnswerFinished, FindingsFound, Notice, StepFinished, StepStarted
from engine.core.types import Answer
from engine.flows.host_from_node import explained, leads_to
from engine.hosts.bundle import Bundle, Reply
from engine.hosts.check import check_host
from engine.session.connection import Opening
from engine.simulator.apiserver import ApiServer

FULL = "/dev/mapper/rhel-containers xfs 104806400 101662208 3144192 97% /var/lib/containerd"


def sick(kind: str, status: str, reason: str, message: str) -> Raw:
    raw = node("worker-1")
    others = [c for c in raw["status"]["conditions"] if c["type"] != kind]
    raw["status"]["conditions"] = [
        *others,
        {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(300)},
    ]
    return raw


def evicted() -> list[Raw]:
    gone = pod(
        node="worker-1",
        phase="Failed",
        statuses=[],
        status={"reason": "Evicted", "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61Mi."},
    )
    return [deployment(), replicaset(), gone]


def pressed() -> Raw:
    return sick("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure")


def diagnosed(*objects: Raw | list[Raw], query: str = "what is wrong with node worker-1?") -> Diagnosis:
    return diagnose(view(*objects, scope=None), query)


def full_disk() -> Bundle:
    head, *rest = HEALTHY["disks"].splitlines()
    return bundle(disks="\n".join([head, *rest[:3], FULL]))


def test_a_full_disk_stands_under_the_nodes_disk_pressure() -> None:
    before = diagnosed(pressed(), [deployment(), replicaset(), pod(node="worker-1")])
    assert leads_to(before.root_causes) == ["worker-1"]
    after = explained(before, [check_host(full_disk())])
    root = after.root_causes[0]
    assert (root.finding.code, root.finding.object.kind) == ("FilesystemFull", "Node")
    assert "/var/lib/containerd is 97 % full" in root.chain[0]
    assert "DiskPressure" in root.chain[-1]
    assert root.evidence[0].excerpt == FULL
    pressure = next(f for f in after.findings if f.code == "DiskPressure")
    assert root.finding.id in pressure.causes
    assert after.scanned["host worker-1"] > 30


def test_the_chain_goes_down_to_why_the_kubelet_does_not_start() -> None:
    before = diagnosed(
        sick("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
        [deployment(), replicaset(), pod(node="worker-1")],
    )
    line = '2026-11-27T09:59:30+0000 worker-1 kubelet[1201]: err="failed to run Kubelet: running with swap on is not supported"'
    down = bundle(
        services=services(kubelet=unit("kubelet.service", "activating", "auto-restart")), journal_kubelet=line, health=Reply("", 7)
    )
    root = explained(before, [check_host(down)]).root_causes[0]
    assert [finding.code for finding in root.findings[:3]] == ["KubeletSwapOn", "KubeletDown", "NodeNotReady"]
    assert len(root.chain) >= 3
    assert "swap" in root.chain[0]


def test_an_eviction_leads_to_the_node_and_its_memory() -> None:
    before = diagnosed(node("worker-1"), evicted(), query="why was web evicted?")
    assert leads_to(before.root_causes) == ["worker-1"]
    oom = "2026-11-27T09:58:00+0000 worker-1 kernel: Out of memory: Killed process 4211 (java) total-vm:9812344kB"
    root = explained(before, [check_host(bundle(journal_kernel=oom))]).root_causes[0]
    assert root.finding.code == "SystemOOM"
    assert any("evicted" in sentence for sentence in root.chain)


def test_a_host_without_a_fault_that_fits_changes_nothing_but_says_it_was_looked_at() -> None:
    before = diagnosed(pressed(), [deployment(), replicaset(), pod(node="worker-1")])
    clock = bundle(chrony="Leap status     : Not synchronised", time="NTPSynchronized=no")
    after = explained(before, [check_host(clock)])
    assert after.root_causes == before.root_causes
    assert "ClockUnsynchronised" in {f.code for f in after.findings}


def test_a_busy_host_is_no_reason_for_a_silent_kubelet() -> None:
    silent = sick("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    before = diagnosed(silent, [deployment(), replicaset(), pod(node="worker-1")])
    memory = "MemTotal: 16123456 kB\nMemAvailable: 1200000 kB\nSwapTotal: 4194304 kB\nSwapFree: 120000 kB"
    after = explained(before, [check_host(bundle(memory=memory))])
    assert after.root_causes == before.root_causes
    assert "SwapHeavy" in {f.code for f in after.findings}


@pytest.mark.parametrize(
    ("problem", "cause"), [("there is no route to it (ssh: No route to host)", True), ("its host key is not known here (ssh: …)", False)]
)
def test_a_host_that_does_not_answer_explains_a_silent_node_and_a_refused_key_explains_nothing(problem: str, cause: bool) -> None:
    before = diagnosed(
        sick("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
        [deployment(), replicaset(), pod(node="worker-1")],
    )
    after = explained(before, [check_host(Bundle("worker-1", node=True, problem=problem))])
    assert (after.root_causes[0].finding.code == "HostUnreachable") == cause
    assert any(problem[:10] in line for line in after.unknown) == (not cause)


def test_what_an_account_may_not_see_is_said() -> None:
    before = diagnosed(pressed(), [deployment(), replicaset(), pod(node="worker-1")])
    after = explained(before, [check_host(bundle(dmesg=Reply("dmesg: read kernel buffer failed: Operation not permitted", 1)))])
    assert any("cannot read" in line for line in after.unknown)


def test_a_diagnosis_that_leads_to_no_node_asks_for_no_host() -> None:
    assert leads_to(diagnosed(node("worker-1"), [deployment(), replicaset(), pod(node="worker-1")]).root_causes) == []


# the same in a whole question, against a cluster that is live


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    """A live cluster with a node under disk pressure and a workload on it."""
    lists = {
        "core/v1/nodes/Node!": [pressed()],
        "core/v1/pods/Pod": [pod(node="worker-1")],
        "apps/v1/deployments/Deployment": [deployment()],
        "apps/v1/replicasets/ReplicaSet": [replicaset()],
        "core/v1/namespaces/Namespace!": [{"metadata": {"name": "lab"}}],
        "core/v1/events/Event": [],
    }
    folder = write_folder(tmp_path / "recording", files_of(lists, meta={"recorded_at": NOW.isoformat()}))
    source = open_recording(folder, title="lab-cluster")
    with ApiServer(source) as server:
        yield str(server.kubeconfig(tmp_path / "kubeconfig"))
    source.close()


def ask(kubeconfig: str, hosts: HostSettings, opening: Opening | None = None) -> tuple[Answer, list[object]]:
    settings = dataclasses.replace(
        Settings(), model=ModelSection(provider="none"), cluster=ClusterSettings(kubeconfig=kubeconfig, namespace="lab"), hosts=hosts
    )
    agent = Agent(settings, opening, save=False)
    agent.start()
    try:
        events: list[object] = list(agent.ask("why is node worker-1 under disk pressure?").events())
    finally:
        agent.close()
    return next(e for e in reversed(events) if isinstance(e, AnswerFinished)).answer, events


@pytest.mark.kubectl
def test_what_is_not_allowed_is_not_done_and_the_answer_says_how_to_allow_it(kubeconfig: str) -> None:
    answer, events = ask(kubeconfig, HostSettings(enabled=True))
    assert answer.root_causes[0].code == "DiskPressure"
    (line,) = [line for line in answer.text.splitlines() if "[hosts]" in line]
    assert "worker-1" in line
    assert "enabled = true and nodes = true" in line
    assert [e.text for e in events if isinstance(e, Notice) and "[hosts]" in e.text], "the screen shows it too"
    assert not [e for e in events if isinstance(e, StepStarted) and e.kind == "host"]


@pytest.mark.kubectl
@pytest.mark.skipif(bool(sshd.MISSING), reason=sshd.MISSING)
def test_a_nodes_host_is_looked_at_over_ssh_and_its_full_disk_is_the_root_cause(
    kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.flows import host_check as flow
    from engine.hosts.collect import Collector

    tools = tmp_path / "tools"
    tools.mkdir()
    head, *rest = HEALTHY["disks"].splitlines()
    for name, text in {"df": "\n".join([head, *rest[:3], FULL]), "systemctl": services()}.items():
        (tools / f"{name}.txt").write_text(text)
        (tools / name).write_text(f"#!/bin/sh\nexec cat {tools}/{name}.txt\n")
        (tools / name).chmod(0o755)
    monkeypatch.setattr(flow, "Collector", functools.partial(Collector, path=f"{tools}:/usr/bin:/bin"))
    folder = tmp_path / "sshd"
    folder.mkdir()
    server = sshd.start(folder)
    try:
        answer, events = ask(kubeconfig, HostSettings(enabled=True, nodes=True, ssh_config=server.config("node")))
    finally:
        server.stop()
    cause = answer.root_causes[0]
    assert cause.code == "FilesystemFull"
    assert "/var/lib/containerd is 97 % full" in cause.summary
    assert "DiskPressure" in cause.chain[-1]
    known = {piece.id: piece for piece in answer.evidence}
    assert any("97%" in known[id].excerpt for id in cause.evidence)
    assert "/var/lib/containerd is 97 % full" in answer.text
    (started,) = [e for e in events if isinstance(e, StepStarted) and e.kind == "host"]
    assert "worker-1 over ssh" in started.title
    assert next(e for e in events if isinstance(e, StepFinished) and e.id == started.id).outcome == "done"
    found = next(e for e in events if isinstance(e, FindingsFound))
    assert "FilesystemFull" in {f.code for f in found.findings}
    assert all(not remedy.command for remedy in answer.fix if "on worker-1:" in remedy.text)


@pytest.mark.kubectl
def test_a_recordings_nodes_are_never_connected_to(tmp_path: Path) -> None:
    lists = {
        "core/v1/nodes/Node!": [pressed()],
        "core/v1/pods/Pod": [pod(node="worker-1")],
        "core/v1/namespaces/Namespace!": [{"metadata": {"name": "lab"}}],
    }
    folder = write_folder(tmp_path / "recording", files_of(lists, meta={"recorded_at": NOW.isoformat()}))
    answer, events = ask("", HostSettings(enabled=True, nodes=True), Opening(snapshot=folder))
    assert "[hosts]" not in answer.text
    assert not [e for e in events if isinstance(e, StepStarted) and e.kind == "host"]
