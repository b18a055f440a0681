"""From a bundle to what is wrong with its host: every analyzer, then which finding explains which."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engine.core.types import SEVERITIES, Finding
from engine.hosts.analyzers.certificates import certificates
from engine.hosts.analyzers.clock import clock
from engine.hosts.analyzers.cpu import cpu
from engine.hosts.analyzers.disks import disks
from engine.hosts.analyzers.firewall import firewall
from engine.hosts.analyzers.journal import journals
from engine.hosts.analyzers.memory import memory
from engine.hosts.analyzers.network import network
from engine.hosts.analyzers.selinux import selinux
from engine.hosts.analyzers.services import units
from engine.hosts.analyzers.system import cgroup, no_permission, not_checked, unreachable
from engine.hosts.bundle import Bundle

ANALYZERS: tuple[Callable[[Bundle], Iterator[Finding]], ...] = (
    unreachable,
    units,
    journals,
    disks,
    memory,
    cpu,
    network,
    firewall,
    clock,
    selinux,
    certificates,
    cgroup,
    no_permission,
)

EXPLAINS: dict[str, tuple[str, ...]] = {
    "FilesystemIsReadOnly": ("DiskIOError", "FilesystemBroken"),
    "FilesystemBroken": ("DiskIOError", "HardwareError"),
    "DiskStalls": ("DiskIOError", "NfsServerSilent", "SwapHeavy", "MemoryLow"),
    "TaskHung": ("NfsServerSilent", "DiskIOError", "DiskStalls"),
    "MemoryStalls": ("MemoryLow", "SwapHeavy"),
    "SystemOOM": ("MemoryLow", "SwapHeavy"),
    "KubeletEvicts": ("FilesystemFull", "InodesExhausted", "MemoryLow", "SystemOOM", "TooManyProcesses"),
    "ImageGCFailed": ("FilesystemFull", "InodesExhausted"),
    "ClockSkew": ("ClockUnsynchronised",),
    "KubeletCertificateExpired": ("NodeCertificateExpired", "ClockSkew"),
    "NodeUnauthorized": ("KubeletCertificateExpired", "NodeCertificateExpired", "ClockSkew"),
    "ApiServerUnreachable": ("LinkDown", "NoDefaultRoute", "ConntrackFull", "NeighbourTableFull"),
    "RuntimeDown": (
        "RuntimeConfigBroken",
        "RuntimeStorageBroken",
        "FilesystemFull",
        "InodesExhausted",
        "FilesystemIsReadOnly",
        "SystemOOM",
    ),
    "RuntimeUnreachable": ("RuntimeDown",),
    "PlegUnhealthy": ("RuntimeDown", "DiskStalls", "TaskHung", "CpuSaturated", "MemoryStalls"),
    "KubeletUnhealthy": ("PlegUnhealthy", "RuntimeUnreachable", "RuntimeDown"),
    "KubeletDown": (
        "KubeletSwapOn",
        "KubeletConfigMissing",
        "KubeletFlagUnknown",
        "CgroupDriverMismatch",
        "CgroupLegacyRefused",
        "KubeletPortInUse",
        "KubeletCertificateExpired",
        "InotifyExhausted",
        "RuntimeUnreachable",
        "RuntimeDown",
        "FilesystemFull",
        "InodesExhausted",
        "FilesystemIsReadOnly",
        "FileLimit",
        "SystemOOM",
        "TooManyProcesses",
    ),
    "KubeletRestarting": ("RuntimeUnreachable", "SystemOOM", "KubeletUnhealthy"),
}
"""For each code the codes that explain it on the same host, the surest first."""


@dataclass(frozen=True, slots=True)
class HostReport:
    """What is wrong with a host, most important first; `seen` counts the probes that showed something, `unseen` lists the others."""

    host: str
    findings: tuple[Finding, ...]
    seen: int
    asked: int
    unseen: tuple[str, ...]
    reached: bool
    seconds: float


def check_host(bundle: Bundle) -> HostReport:
    """Run every analyzer over a bundle; the same bundle always gives the same report."""
    findings: dict[str, Finding] = {}
    puzzled: list[str] = []
    for analyzer in ANALYZERS:
        try:
            for finding in analyzer(bundle):
                findings.setdefault(finding.id, finding)
        except Exception as error:  # noqa: BLE001 — whatever a host prints, it may not take away what the others say
            puzzled.append(f"{bundle.host}: what it said of its {analyzer.__name__} was not judged ({type(error).__name__})")
    seen = sum(reply.state == "seen" for reply in bundle.replies.values())
    return HostReport(
        host=bundle.host,
        findings=_ordered(_explained(tuple(findings.values()))),
        seen=seen,
        asked=len(bundle.replies),
        unseen=(*not_checked(bundle), *puzzled),
        reached=not bundle.problem,
        seconds=bundle.seconds,
    )


def _explained(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings with their causes among the others of the same host."""
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity != "info":
            by_code.setdefault(finding.code, []).append(finding)
    done = []
    for finding in findings:
        causes = [cause.id for code in EXPLAINS.get(finding.code, ()) for cause in by_code.get(code, ()) if cause.id != finding.id]
        if finding.code in ("FilesystemFull", "FileLimit", "ConntrackFull"):
            # The same fault seen twice: what a log or the kernel says of it follows from the measured state.
            causes += [
                other.id
                for other in by_code.get(finding.code, ())
                if finding.detail in ("journal", "") and other.detail not in ("journal", "")
            ]
        done.append(dataclasses.replace(finding, causes=tuple(causes)))
    return tuple(done)


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Causes before what they explain, within that by severity and how sure they are."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), bool(f.causes), -f.confidence)))
