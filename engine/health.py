"""Whether everything K8sAgent needs is there: one check a line, each with the way to mend it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.agent import Agent


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `k8sagent health`; `fix` is empty when nothing is to be done. `needed` checks decide the exit code."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def check_all(agent: Agent) -> list[Check]:
    """All checks, in the order a new user mends them; blocks for a few seconds at most."""
    looks: tuple[Callable[[Agent], Check], ...] = (_config, _kubectl, _cluster, _permissions, _model, _index, _folders)
    checks = []
    for look in looks:
        try:
            checks.append(look(agent))
        except Exception as error:  # noqa: BLE001 — a check that breaks is itself a finding
            checks.append(
                Check(look.__name__.strip("_"), False, f"could not be checked: {error}", "report this with the command that you ran")
            )
    return checks


def _config(agent: Agent) -> Check:
    files = sorted({origin for origin in agent.settings.origins.values() if "/" in origin})
    return Check("config", True, ", ".join(files) if files else "defaults (no config file)")


def _kubectl(agent: Agent) -> Check:
    path = agent.kubectl_path()
    if isinstance(path, str):
        return Check(
            "kubectl", False, path, "install kubectl and put it on PATH, or set [kubectl] path; reads work without it", needed=False
        )
    try:
        done = subprocess.run(
            [str(path), "version", "--client", "-o", "json"], capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("kubectl", False, f"{path} does not run: {error}", "set [kubectl] path to one that does", needed=False)
    import json

    try:
        version = json.loads(done.stdout)["clientVersion"]["gitVersion"]
    except (ValueError, KeyError, TypeError):
        return Check("kubectl", False, f"{path} does not tell its version (exit {done.returncode})", "set [kubectl] path", needed=False)
    return Check("kubectl", True, f"{version} at {path}")


def _cluster(agent: Agent) -> Check:
    status = agent.wait_for_cluster(20)
    if status.cluster_state == "ok":
        kind = "recording, " if status.recording else ""
        return Check(
            "cluster", True, f"{kind}{status.context} ▸ {status.namespace or 'all namespaces'}, {status.cluster_version}, {status.mode}"
        )
    return Check(
        "cluster",
        False,
        status.cluster_note or "not reachable",
        "name a context with --context or a kubeconfig with --kubeconfig, or look around with: k8sagent --demo",
    )


def _permissions(agent: Agent) -> Check:
    if agent.status.cluster_state != "ok":
        return Check("permissions", False, "unknown, since the cluster is not reachable", "mend the cluster first", needed=False)
    missing = agent.cluster.missing_permissions()
    if not missing:
        return Check("permissions", True, "all kinds that the analyzers read can be listed")
    return Check(
        "permissions",
        False,
        f"cannot list {', '.join(missing)}",
        "ask for a ClusterRole with get, list and watch on these; findings about them are left out until then",
        needed=False,
    )


def _model(agent: Agent) -> Check:
    health = agent.model_health()
    return Check("model", health.ok, health.detail, health.fix, needed=False)


def _index(agent: Agent) -> Check:
    count, problems = agent.wait_for_docs(60)
    if count:
        detail = f"{count} documents" + (f"; {'; '.join(problems[:3])}" if problems else "")
        return Check("index", not problems, detail, "mend or remove the named files" if problems else "")
    return Check("index", False, "; ".join(problems) or "no documents", "run `k8sagent docs index`; check [index] docs", needed=False)


def _folders(agent: Agent) -> Check:
    bad = [str(folder) for folder in agent.folders() if not _writable(folder)]
    if bad:
        return Check(
            "folders", False, f"not writable: {', '.join(bad)}", "make them yours (mode 0700), or set XDG_STATE_HOME and XDG_CACHE_HOME"
        )
    return Check("folders", True, ", ".join(str(folder) for folder in agent.folders()))


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
