"""The services: kubelet, container runtime, and whatever else systemd says has failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from engine.analyzers.common.confidence import EVENT, HINT, STATE
from engine.core.types import Evidence, Finding
from engine.hosts.analyzers.common import found, journal, listed
from engine.hosts.bundle import KUBELETS, RUNTIMES, Bundle, Unit

_EMBEDDED = ("k3s.service", "k3s-agent.service", "rke2-server.service", "rke2-agent.service")
"""Kubelets that bring their container runtime with them."""
_OFTEN_HARMLESS = ("kdump.service", "mcelog.service", "lm_sensors.service")
_SETTLED = timedelta(minutes=2)
_RESTARTS = 5


def units(bundle: Bundle) -> Iterator[Finding]:
    """Kubelet, runtime, then the failed units."""
    yield from _kubelet(bundle)
    yield from _runtime(bundle)
    yield from _failed(bundle)


def _kubelet(bundle: Bundle) -> Iterator[Finding]:
    known = [bundle.units[name] for name in KUBELETS if name in bundle.units and bundle.units[name].loaded]
    if not known:
        return
    running = [unit for unit in known if unit.active]
    if not running:
        unit = next((unit for unit in known if unit.wanted), known[0])
        meant = unit.wanted or bundle.node
        evidence = [bundle.cite("services", unit.line), *_last_log_line(bundle, unit)]
        yield found(
            bundle,
            "KubeletDown",
            "critical" if meant else "info",
            f"{unit.name} is not running ({_state_of(unit)})" + ("" if meant else "; it is not enabled, so this may be intended"),
            evidence,
            weights=(STATE, *([EVENT] if len(evidence) > 1 else [])),
            remedies=[
                bundle.remedy("see why", f"journalctl -u {unit.name} --no-pager -n 100"),
                bundle.remedy("start it once the cause is fixed", f"systemctl restart {unit.name}"),
            ],
            docs=("kubelet", "node NotReady"),
        )
        return
    unit = running[0]
    since = _since(bundle, unit)
    if unit.restarts >= _RESTARTS and since is not None and bundle.now - since < timedelta(minutes=10):
        yield found(
            bundle,
            "KubeletRestarting",
            "warning",
            f"{unit.name} was restarted by systemd {unit.restarts} times, last at {since:%H:%M:%S}",
            [bundle.cite("services", unit.line), *_last_log_line(bundle, unit)],
            remedies=[bundle.remedy("see why", f"journalctl -u {unit.name} --no-pager -n 100")],
            docs=("kubelet",),
        )
    health = bundle.replies.get("health")
    settled = since is None or bundle.now - since > _SETTLED
    if health is not None and settled and health.state in ("seen", "failed") and health.code in (0, 22, 28) and health.text.strip() != "ok":
        yield found(
            bundle,
            "KubeletUnhealthy",
            "critical",
            f"{unit.name} is running but reports itself unhealthy: {' '.join(health.text.split())[:120] or 'no answer'}",
            [bundle.cite("health", health.text or "no answer"), bundle.cite("services", unit.line)],
            remedies=[bundle.remedy("read its log", f"journalctl -u {unit.name} --no-pager -n 100")],
            docs=("kubelet",),
        )


def _runtime(bundle: Bundle) -> Iterator[Finding]:
    known = [bundle.units[name] for name in RUNTIMES if name in bundle.units and bundle.units[name].loaded]
    if not known or not bundle.runs_kubelet:
        return
    if any(unit.active for unit in known) or any(bundle.units[name].active for name in _EMBEDDED if name in bundle.units):
        return
    unit = next((unit for unit in known if unit.wanted), known[0])
    yield found(
        bundle,
        "RuntimeDown",
        "critical",
        f"the container runtime {unit.name} is not running ({_state_of(unit)}), so the kubelet can start no pod",
        [bundle.cite("services", unit.line), *_last_log_line(bundle, unit)],
        remedies=[
            bundle.remedy("see why", f"journalctl -u {unit.name} --no-pager -n 100"),
            bundle.remedy("start it once the cause is fixed", f"systemctl restart {unit.name}"),
        ],
        docs=("container runtime", "containerd"),
    )


def _failed(bundle: Bundle) -> Iterator[Finding]:
    reported = {*KUBELETS, *RUNTIMES}
    rows = [(line.split()[0].lstrip("●*"), line) for line in bundle.lines("failed") if " failed " in line]
    rows = [(name, line) for name, line in rows if name and name not in reported]
    if not rows:
        return
    names = [name for name, _ in rows]
    harmless = all(name in _OFTEN_HARMLESS for name in names)
    yield found(
        bundle,
        "UnitFailed",
        "info" if harmless else "warning",
        f"{'a unit has' if len(names) == 1 else f'{len(names)} units have'} failed: {listed(names, 6)}",
        [bundle.cite("failed", line) for _, line in rows[:4]],
        weights=(STATE, HINT),
        remedies=[bundle.remedy("see why", f"systemctl status {names[0]}")],
        docs=("systemd unit failed", "journald"),
    )


def _state_of(unit: Unit) -> str:
    values = unit.values
    words = [f"{values.get('ActiveState', '')}/{values.get('SubState', '')}"]
    if values.get("Result") not in ("", "success", None):
        words.append(f"result {values['Result']}")
    if values.get("ExecMainStatus") not in ("", "0", None):
        words.append(f"exit status {values['ExecMainStatus']}")
    if unit.restarts:
        words.append(f"restarted {unit.restarts} times")
    return ", ".join(words)


def _since(bundle: Bundle, unit: Unit) -> datetime | None:
    words = unit.values.get("ActiveEnterTimestamp", "").split()
    try:
        return datetime.strptime(" ".join(words[1:3]), "%Y-%m-%d %H:%M:%S").replace(tzinfo=bundle.now.tzinfo)
    except ValueError:
        return None


def _last_log_line(bundle: Bundle, unit: Unit) -> list[Evidence]:
    key = "journal-kubelet" if unit.name in KUBELETS else "journal-runtime"
    lines = [line for line in journal(bundle, key) if line.who != "systemd"]
    return [bundle.cite(key, lines[-1].raw)] if lines else []
