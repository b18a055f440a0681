"""File systems: space, inodes, and those that went read-only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from engine.analyzers.common.confidence import EVENT, HINT, STATE
from engine.core.types import Finding, Severity
from engine.hosts.analyzers.common import cite_line, found, kernel, recent, size
from engine.hosts.bundle import Bundle

_CONTAINERS = (
    "/run/",
    "/var/lib/docker/",
    "/var/lib/containers/storage/overlay",
    "/var/lib/kubelet/pods/",
    "/snap/",
    "/sys/",
    "/proc/",
    "/dev/",
)
_ON_PURPOSE = ("iso9660", "udf", "squashfs", "erofs", "fuse.portal")
_IMAGES = ("/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/rancher")
# Names to compare with; nothing is written there.
_SYSTEM = ("/", "/var", "/var/log", "/tmp", "/var/tmp", "/var/lib", "/opt")  # noqa: S108
_WRITABLE = ("/", "/var", "/home", "/tmp", "/opt", "/srv", "/data")  # noqa: S108
_GIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """A row of df: total, used and free in KiB (or in inodes), and percent used as df rounds it."""

    device: str
    fstype: str
    total: int
    used: int
    free: int
    percent: int
    mount: str
    line: str


def rows(bundle: Bundle, key: str) -> list[Disk]:
    """The file systems of a df probe that belong to the host itself."""
    found_rows = []
    for line in bundle.lines(key):
        words = line.split(None, 6)
        if len(words) != 7 or not words[2].isdigit() or not words[5].endswith("%"):
            continue
        device, fstype, total, used, free, percent, mount = words
        plain = all(word.lstrip("-").isdigit() for word in (used, free, percent[:-1]))
        if not plain or fstype in _ON_PURPOSE or (fstype == "overlay" and mount != "/") or mount.startswith(_CONTAINERS):
            continue
        found_rows.append(Disk(device, fstype, int(total), int(used), int(free), int(percent[:-1]), mount, line))
    return found_rows


def disks(bundle: Bundle) -> Iterator[Finding]:
    """Space, inodes, read-only."""
    yield from _space(bundle)
    yield from _inodes(bundle)
    yield from _read_only(bundle)


def _holder(disks: list[Disk], path: str) -> Disk | None:
    """The file system that a path lies on."""
    holders = [d for d in disks if d.mount == "/" or path == d.mount or path.startswith(d.mount + "/")]
    return max(holders, key=lambda d: len(d.mount), default=None)


def _directory_owner(bundle: Bundle, disks: list[Disk], disk: Disk) -> str:
    """What the kubelet keeps there: `images`, `pods` or nothing."""
    if not bundle.runs_kubelet:
        return ""
    images = {holder.mount for path in _IMAGES if (holder := _holder(disks, path)) is not None and any(d.mount == path for d in disks)}
    if disk.mount in images:
        return "images"
    return "pods" if (holder := _holder(disks, "/var/lib/kubelet")) is not None and holder.mount == disk.mount else ""


def _space(bundle: Bundle) -> Iterator[Finding]:
    known = rows(bundle, "disks")
    for disk in known:
        use = _directory_owner(bundle, known, disk)
        severity: Severity | None = None
        if use:
            evicts = 85 if use == "images" else 90
            severity = "critical" if disk.percent >= 90 else "warning" if disk.percent >= evicts else None
        elif disk.mount.startswith("/boot"):
            severity = "warning" if disk.percent >= 97 else None
        elif disk.mount in _SYSTEM:
            severity = "critical" if disk.percent >= 98 else "warning" if disk.percent >= 92 and disk.free < 10 * _GIB else None
        else:
            severity = "warning" if disk.percent >= 98 or (disk.percent >= 92 and disk.free < 2 * _GIB) else None
        if severity is None:
            continue
        why = {
            "images": "; the kubelet removes images and evicts pods when less than 15 % of it is free",
            "pods": "; the kubelet evicts pods when less than 10 % of it is free",
            "": "",
        }[use]
        yield found(
            bundle,
            "FilesystemFull",
            severity,
            f"{disk.mount} is {disk.percent} % full ({size(disk.free)} of {size(disk.total)} left){why}",
            [bundle.cite("disks", disk.line)],
            weights=(STATE, EVENT) if severity == "critical" else (STATE,),
            remedies=[
                bundle.remedy("find what fills it", f"du -xh --max-depth=2 {disk.mount}"),
                *([bundle.remedy("remove unused images", "crictl rmi --prune")] if use == "images" else []),
                bundle.remedy("look for deleted files that are still open", "lsof +L1"),
            ],
            docs=("node DiskPressure", "disk full"),
            detail=disk.mount,
        )


def _inodes(bundle: Bundle) -> Iterator[Finding]:
    known = rows(bundle, "inodes")
    for disk in known:
        limit = 95 if _directory_owner(bundle, known, disk) else 98
        if disk.total == 0 or disk.percent < limit - 4:
            continue
        yield found(
            bundle,
            "InodesExhausted",
            "critical" if disk.percent >= limit else "warning",
            f"{disk.mount} has {disk.free} of {disk.total} inodes left ({disk.percent} % used): new files fail although there may be space",
            [bundle.cite("inodes", disk.line)],
            weights=(STATE, EVENT),
            remedies=[bundle.remedy("find the folder with so many files", f"du --inodes -x --max-depth=3 {disk.mount}")],
            docs=("node DiskPressure", "inode"),
            detail=disk.mount,
        )


def _read_only(bundle: Bundle) -> Iterator[Finding]:
    mounts = [words for line in bundle.lines("mounts") if len(words := line.split()) >= 4 and words[0].startswith("/dev/")]
    writable = {words[0] for words in mounts if "rw" in words[3].split(",")}
    said = [
        line
        for line in recent(kernel(bundle), bundle.now, timedelta(days=7))
        if "Remounting filesystem read-only" in line.text or "Filesystem has been shut down" in line.text
    ]
    reported: set[str] = set()
    image_based = any("ostree" in line for line in bundle.lines("mounts"))
    for device, mount, fstype, options, *_ in mounts:
        if (
            "ro" not in options.split(",")
            or device in writable
            or device in reported
            or fstype in _ON_PURPOSE
            or mount.startswith(_CONTAINERS)
        ):
            continue
        errors = [line for line in said if device.removeprefix("/dev/").split("/")[-1] in line.text]
        usual = mount in _WRITABLE or mount.startswith("/var/lib/")
        if not errors and (not usual or image_based):
            continue
        reported.add(device)
        yield found(
            bundle,
            "FilesystemIsReadOnly",
            "critical",
            f"the file system on {device} ({mount}) is read-only"
            + (", after the kernel met an error on it" if errors else ", although it should be writable"),
            [bundle.cite("mounts", " ".join([device, mount, fstype, options])), *(cite_line(bundle, line) for line in errors[-1:])],
            weights=(STATE, EVENT) if errors else (STATE, HINT),
            remedies=[
                bundle.remedy("look for the error before it", "dmesg -T -l err"),
                bundle.remedy("check the file system from a rescue system, then remount it", f"mount -o remount,rw {mount}"),
            ],
            docs=("kernel problem", "read-only file system"),
            detail=mount,
        )
