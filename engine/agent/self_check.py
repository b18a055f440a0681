"""Whether everything K8sAgent needs is there: one check a line, each with its fix."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.cluster.live.permissions import NEVER, Access
from engine.cluster.source import ClusterError, Unauthenticated, Unreachable
from engine.commands.execution.programs import CREDENTIAL_NAMES, CREDENTIAL_PREFIXES, FALLBACK_PATH, environment
from engine.core.log import log_path
from engine.core.paths import state_folder
from engine.core.redaction.events import clean

if TYPE_CHECKING:
    from engine.agent.browsing.browser import ClusterBrowser
    from engine.agent.current_target import Status
    from engine.core.config import Settings
    from engine.core.redaction.redactor import Redactor
    from engine.llm.chat_model import ModelHealth


class Inspectable(Protocol):
    """What the checks look at; the Agent is one."""

    settings: Settings
    redactor: Redactor
    cluster: ClusterBrowser

    @property
    def status(self) -> Status: ...
    def kubectl_path(self) -> Path | str: ...
    def wait_for_cluster(self, seconds: float) -> Status: ...
    def wait_for_docs(self, seconds: float) -> tuple[int, list[str]]: ...
    def model_health(self) -> ModelHealth: ...
    def folders(self) -> list[Path]: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `k8sagent health`; `fix` is empty when nothing is to be done. `needed` checks decide the exit code."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def check_all(agent: Inspectable) -> list[Check]:
    """All checks, in the order a new user fixes them, plain and redacted; blocks for a few seconds at most."""
    looks: tuple[Callable[[Inspectable], Check | list[Check] | None], ...] = (
        _config,
        _kubectl,
        _cluster,
        _versions,
        _permissions,
        _model,
        _index,
        _folders,
        _log,
    )
    checks: list[Check] = []
    for look in looks:
        try:
            found: Check | list[Check] | None = look(agent)
        except Exception as error:  # noqa: BLE001 — a check that breaks is itself a finding
            name = look.__name__.strip("_")
            found = Check(name, False, f"could not be checked: {error}", "report this with the command that you ran", needed=False)
        if found is not None:
            checks += found if isinstance(found, list) else [found]
    return [clean(check, agent.redactor.text) for check in checks]


def _config(agent: Inspectable) -> Check:
    origins = agent.settings.origins.values()
    files = sorted({origin.rpartition(":")[0] for origin in origins if "/" in origin})
    variables = sorted({origin for origin in origins if origin.startswith("K8SAGENT_")})
    return Check("config", True, ", ".join([*(files or ["defaults (no config file; `k8sagent config init` writes one)"]), *variables]))


def _kubectl(agent: Inspectable) -> Check:
    path = agent.kubectl_path()
    if isinstance(path, str):
        return Check(
            "kubectl", False, path, "install kubectl and put it on PATH, or set [kubectl] path; reads work without it", needed=False
        )
    version = _client_version(path)
    if not version:
        return Check("kubectl", False, f"{path} does not report its version", "set [kubectl] path to a kubectl that runs", needed=False)
    passed = [name for name in _environment() if name.startswith(CREDENTIAL_PREFIXES) or name in CREDENTIAL_NAMES]
    also = f"; gets {', '.join(sorted(passed))}" if passed else ""
    return Check("kubectl", True, f"{version} at {path}, owned by {_owner(path)}, not writable by others{also}")


def _client_version(path: Path) -> str:
    """What kubectl says of itself ("" when it says nothing usable)."""
    import json

    argv = [str(path), "version", "--client", "-o", "json"]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL, env=_environment())
        return str(json.loads(done.stdout)["clientVersion"]["gitVersion"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return ""


def _environment() -> dict[str, str]:
    return environment("kubectl", search_path=os.environ.get("PATH", FALLBACK_PATH), kubeconfig=None)


def _owner(path: Path) -> str:
    try:
        return path.resolve().owner()
    except (KeyError, OSError):
        return f"user {path.stat().st_uid}"


def _cluster(agent: Inspectable) -> Check:
    status = agent.wait_for_cluster(20)
    problem = status.cluster_note or "not reachable"
    if status.cluster_state == "ok":
        try:
            agent.cluster.ping()
        except ClusterError as error:
            return Check("cluster", False, f"{status.context}: {error}", "the session goes on by itself once the server answers again")
        kind = "recording, " if status.recording else ""
        return Check(
            "cluster", True, f"{kind}{status.context} ▸ {status.namespace or 'all namespaces'}, {status.cluster_version}, {status.mode}"
        )
    return Check(
        "cluster",
        False,
        f"{status.context}: {problem}" if status.context else problem,
        "name a context with --context or a kubeconfig with --kubeconfig, or try the demo: k8sagent --demo",
    )


def _versions(agent: Inspectable) -> Check | None:
    """kubectl is supported one minor version below and above the server; beyond that it may leave fields out or be refused."""
    path, status = agent.kubectl_path(), agent.status
    if isinstance(path, str) or status.cluster_state != "ok" or status.recording:
        return None
    client, server = _client_version(path), status.cluster_version
    minors = [re.match(r"v?(\d+)\.(\d+)", text) for text in (client, server)]
    if not all(minors):
        return None
    (major, minor), (its_major, its_minor) = ((int(found[1]), int(found[2])) for found in minors if found)
    skew = abs(minor - its_minor) if major == its_major else 99
    detail = f"kubectl {client}, server {server}"
    if skew <= 1:
        return Check("versions", True, detail)
    fix = f"install kubectl {its_major}.{its_minor} (one minor version apart is supported), or set [kubectl] path"
    return Check("versions", False, detail, fix, needed=False)


def _permissions(agent: Inspectable) -> list[Check]:
    """What may not be read, by kind; and a warning about an identity that may do everything."""
    if agent.status.cluster_state != "ok":
        return [Check("permissions", False, "unknown, since the cluster does not answer", "see cluster", needed=False)]
    try:
        found = agent.cluster.access(agent.status.namespace)
    except Unauthenticated:
        return [Check("permissions", False, "unknown, since the server refuses the credentials", "see cluster", needed=False)]
    except Unreachable:
        return [Check("permissions", False, "unknown, since the cluster does not answer", "see cluster", needed=False)]
    rights = _rights(agent, found)
    return [rights, _unlimited(agent)] if found.unlimited else [rights]


def _rights(agent: Inspectable, found: Access) -> Check:
    missing = [name for name in found.missing if name not in NEVER]
    # Without Secrets only their certificates and missing keys go unseen, and not being able to read them is worth that.
    left_out = "; Secrets may not be listed, which is fine" if len(missing) < len(found.missing) else ""
    role = "apply the read-only role: k8sagent setup --print-role"
    if missing:
        here = [name for name in found.here if name in missing]
        within = f" (but in namespace {agent.status.namespace}: {', '.join(here)})" if here else ""
        detail = f"cannot list in all namespaces: {', '.join(missing)}{within}{left_out}"
        return Check("permissions", False, detail, f"{role}; findings about these are left out until then", needed=False)
    if not found.logs:
        return Check("permissions", False, "cannot read logs of pods", f"{role}, or ask for `get` on pods/log", needed=False)
    return Check("permissions", True, f"all kinds that the analyzers read can be listed{left_out}")


def _unlimited(agent: Inspectable) -> Check:
    return Check(
        "identity",
        False,
        f"context {agent.status.context} has cluster-admin rights, so nothing limits the changes you approve",
        "work as a user with the read-only role and switch for changes: k8sagent setup --print-role",
        needed=False,
    )


def _model(agent: Inspectable) -> Check:
    health = agent.model_health()
    return Check("model", health.ok, health.detail, health.fix, needed=False)


def _index(agent: Inspectable) -> Check:
    count, problems = agent.wait_for_docs(60)
    if count:
        detail = f"{count} documents" + (f"; {'; '.join(problems[:3])}" if problems else "")
        return Check("index", not problems, detail, "fix the files named here; all others are indexed" if problems else "", needed=False)
    return Check("index", False, "; ".join(problems) or "no documents", "run `k8sagent docs index`; check [index] docs", needed=False)


def _folders(agent: Inspectable) -> Check:
    folders = list(dict.fromkeys([state_folder(), *agent.folders()]))
    bad = [str(folder) for folder in folders if not _writable(folder)]
    if bad:
        fix = (
            "make them writable for you (mode 0700), or set XDG_STATE_HOME and XDG_CACHE_HOME; "
            "until then nothing is saved and changes are refused"
        )
        return Check("folders", False, f"not writable: {', '.join(bad)}", fix)
    return Check("folders", True, ", ".join(str(folder) for folder in folders))


def _log(agent: Inspectable) -> Check | None:
    path = log_path()
    return Check("log", True, f"{path} (level {agent.settings.session.log_level})", needed=False) if path is not None else None


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
