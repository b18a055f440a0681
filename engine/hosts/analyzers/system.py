"""What concerns the host as a whole: its cgroup version, whether it could be reached, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.confidence import STATE
from engine.core.types import Evidence, Finding, Remedy
from engine.hosts.analyzers.common import found, listed
from engine.hosts.bundle import Bundle
from engine.hosts.probes import probes

_SYSTEMD = ("systemctl", "journalctl", "timedatectl")


def cgroup(bundle: Bundle) -> Iterator[Finding]:
    """Version 1 under a kubelet, which newer ones refuse."""
    mounts = [line.split() for line in bundle.lines("mounts")]
    unified = any(words[1:3] == ["/sys/fs/cgroup", "cgroup2"] for words in mounts)
    old = [words for words in mounts if len(words) > 2 and words[2] == "cgroup" and words[1].startswith("/sys/fs/cgroup/")]
    if unified or not old or not bundle.runs_kubelet:
        return
    yield found(
        bundle,
        "CgroupLegacy",
        "info",
        "it runs cgroup v1, which Kubernetes keeps only for a while: kubelets from 1.35 on refuse it unless they are told otherwise",
        [bundle.cite("mounts", " ".join(old[0][:3]))],
        remedies=[
            bundle.remedy(
                "boot with cgroup v2 before the next upgrade", "grubby --update-kernel=ALL --args=systemd.unified_cgroup_hierarchy=1"
            )
        ],
        docs=("kubelet", "cgroup"),
    )


def unreachable(bundle: Bundle) -> Iterator[Finding]:
    """A host that could not be reached, or that broke off."""
    if not bundle.problem:
        return
    yield Finding(
        code="HostUnreachable",
        severity="critical",
        object=bundle.object,
        summary=f"{bundle.host}: {bundle.problem}",
        evidence=(Evidence(source=f"ssh {bundle.host}", excerpt=bundle.problem, object=bundle.object),),
        remedies=(Remedy(bundle.fix),) if bundle.fix else (),
        confidence=0.9,
        docs=("node NotReady", "ssh"),
        speciality="host",
    )


def no_permission(bundle: Bundle) -> Iterator[Finding]:
    """What the account may not see, as one finding: nothing here raises rights by itself."""
    denied = [probe for probe in probes() if bundle.state(probe.key) == "denied"]
    if not denied:
        return
    reply = bundle.replies[denied[0].key]
    yield found(
        bundle,
        "CannotSee",
        "info",
        f"this account cannot read {listed([probe.shows for probe in denied], 12)}; these were not checked",
        [bundle.cite(denied[0].key, reply.text or "permission denied")],
        weights=(STATE,),
        remedies=[
            Remedy(
                f"give the account of {bundle.host} the groups that may read (systemd-journal for the journal), or check as root; "
                f"K8sAgent never uses sudo by itself"
            )
        ],
        docs=("hosts", "permissions"),
    )


def not_checked(bundle: Bundle) -> list[str]:
    """What was not judged for other reasons than rights, in sentences: programs that are not installed, probes that did not end."""
    if not bundle.replies:
        return []
    missing = list(dict.fromkeys(probe.argv[0] for probe in probes() if bundle.state(probe.key) == "missing"))
    bare = [probe.shows for probe in probes() if bundle.state(probe.key) == "absent" and probe.argv[0] in _SYSTEMD]
    failed = [f"{p.command} ({bundle.replies[p.key].note or 'it took too long'})" for p in probes() if bundle.state(p.key) == "failed"]
    lines = [f"{bundle.host}: not installed, so not checked: {', '.join(missing)}"] if missing else []
    lines += [f"{bundle.host}: no systemd or no journal, so not checked: {listed(bare, 12)}"] if bare else []
    return lines + ([f"{bundle.host}: did not end, so not checked: {listed(failed)}"] if failed else [])
