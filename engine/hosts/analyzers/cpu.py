"""CPU, waiting for disks, stolen time, and limits on processes and files."""

from __future__ import annotations

from collections.abc import Iterator

from engine.analyzers.common.confidence import EVENT, HINT, STATE
from engine.core.types import Finding
from engine.hosts.analyzers.common import found, listed, number
from engine.hosts.analyzers.memory import pressure
from engine.hosts.bundle import Bundle

_BLOCKED = 5


def cpu(bundle: Bundle) -> Iterator[Finding]:
    """Load, disks, steal, then limits."""
    yield from _load(bundle)
    yield from _waiting(bundle)
    yield from _limits(bundle)


def usage(bundle: Bundle) -> dict[str, int]:
    """The last line of vmstat: percent of user, system, idle, waiting and stolen time by vmstat's own names."""
    lines = bundle.lines("vmstat")
    if len(lines) < 3:
        return {}
    names, values = lines[1].split(), lines[-1].split()
    if len(values) < len(names) or not all(value.isdigit() for value in values):
        return {}
    return {name: int(value) for name, value in zip(names, values, strict=False)}


def sysctls(bundle: Bundle) -> dict[str, str]:
    """Kernel settings by their names."""
    return {name.strip(): value.strip() for line in bundle.lines("sysctl") for name, _, value in [line.partition("=")]}


def _load(bundle: Bundle) -> Iterator[Finding]:
    words = bundle.text("load").split()
    cpus = bundle.number("cpus")
    load = number(words[1]) if len(words) > 3 else None
    if load is None or not cpus:
        return
    now, stalls = usage(bundle), pressure(bundle, "cpu").get("some", (0.0, 0.0, 0.0))
    busy = now.get("id", 100) < 10 and now.get("wa", 0) < 30
    if load / cpus >= 3 and busy and (not bundle.text("psi-cpu") or stalls[2] >= 50):
        greedy = [row for line in bundle.lines("processes") if len(row := line.split(None, 4)) == 5 and number(row[2]) is not None]
        names = listed([f"{row[4]} {row[2]} %" for row in greedy[:3]])
        yield found(
            bundle,
            "CpuSaturated",
            "warning",
            f"the load was {load:g} on {cpus:g} CPUs over five minutes and no CPU is idle" + (f"; busiest are {names}" if names else ""),
            [bundle.cite("load", bundle.text("load")), bundle.cite("vmstat", bundle.lines("vmstat")[-1])],
            weights=(STATE, HINT),
            remedies=[bundle.remedy("find the busiest processes", "ps -eo pid,pcpu,comm --sort=-pcpu")],
            docs=("CPU throttling", "load"),
        )
    if now.get("st", 0) >= 20:
        yield found(
            bundle,
            "CpuStolen",
            "warning",
            f"the hypervisor gave {now['st']} % of the CPU time to others (steal)",
            [bundle.cite("vmstat", bundle.lines("vmstat")[-1])],
            weights=(STATE, HINT),
            remedies=[bundle.remedy("have the virtual machine moved or given reserved CPUs")],
            docs=("CPU throttling", "steal"),
        )


def _waiting(bundle: Bundle) -> Iterator[Finding]:
    blocked = [row for line in bundle.lines("processes") if len(row := line.split(None, 4)) == 5 and row[0].startswith("D")]
    stalls = pressure(bundle, "io").get("full", (0.0, 0.0, 0.0))
    now = usage(bundle)
    if len(blocked) < _BLOCKED and stalls[1] < 40 and now.get("wa", 0) < 50:
        return
    names = listed(list(dict.fromkeys(row[4] for row in blocked)))
    what = [f"{len(blocked)} processes wait for a disk or a server right now ({names})"] if blocked else []
    if stalls[1] >= 40:
        what.append(f"all processes waited for disks in {stalls[1]:.0f} % of the last minute")
    if now.get("wa", 0) >= 50:
        what.append(f"the CPUs waited for disks {now['wa']} % of the time")
    evidence = [bundle.cite("processes", "\n".join(" ".join(row) for row in blocked[:4]))] if blocked else []
    evidence += [bundle.cite("psi-io", bundle.text("psi-io"))] if stalls[1] else []
    evidence += [bundle.cite("vmstat", bundle.lines("vmstat")[-1])] if now else []
    yield found(
        bundle,
        "DiskStalls",
        "warning",
        "; ".join(what),
        evidence,
        weights=(STATE, EVENT),
        remedies=[
            bundle.remedy("find the slow disk", "iostat -x 1 3"),
            bundle.remedy("find what hangs", "ps -eo pid,stat,wchan:30,comm"),
        ],
        docs=("kernel problem", "i/o pressure"),
    )


def _limits(bundle: Bundle) -> Iterator[Finding]:
    values = sysctls(bundle)
    words = bundle.text("load").split()
    threads = words[3].partition("/")[2] if len(words) > 3 else ""
    limits = [int(values[name]) for name in ("kernel.pid_max", "kernel.threads-max") if values.get(name, "").isdigit()]
    if threads.isdigit() and limits and int(threads) >= 0.9 * min(limits):
        yield found(
            bundle,
            "TooManyProcesses",
            "critical",
            f"{threads} threads run of at most {min(limits)}: soon no process can be started",
            [bundle.cite("load", bundle.text("load")), bundle.cite("sysctl", f"kernel.pid_max = {values.get('kernel.pid_max', '')}")],
            weights=(STATE, EVENT),
            remedies=[bundle.remedy("find the process with so many", "ps -eo nlwp,pid,comm --sort=-nlwp")],
            docs=("node PIDPressure",),
        )
    files = values.get("fs.file-nr", "").split()
    if len(files) == 3 and all(word.isdigit() for word in files) and int(files[0]) >= 0.9 * int(files[2]):
        yield found(
            bundle,
            "FileLimit",
            "critical",
            f"{files[0]} files are open of at most {files[2]} (fs.file-max)",
            [bundle.cite("sysctl", f"fs.file-nr = {values['fs.file-nr']}")],
            weights=(STATE, EVENT),
            remedies=[bundle.remedy("find who holds them open", "lsof -n")],
            docs=("kernel setting", "open files"),
            detail="sysctl",
        )
