"""Kubeconfig files read as kubectl reads them: several merged, the first to name a thing wins, paths relative to their file.

Only YAML is needed for this, so that contexts can be shown without the Kubernetes client.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.cluster.source import ClusterError, ContextInfo

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
_PATHS = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}
"""Fields that hold a path, which counts from the folder of the file that says it."""
Section = dict[str, dict[str, Any]]


class BrokenKubeconfig(ClusterError):
    """A kubeconfig cannot be used; the message names the file, the field or line, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """Several files merged; `sections` are contexts, clusters and users by name, `origins` the file each came from."""

    files: tuple[Path, ...]
    current: str
    sections: Mapping[str, Section]
    origins: Mapping[tuple[str, str], Path] = field(default_factory=dict)

    def contexts(self) -> list[ContextInfo]:
        """Every context, in the order of the files; one whose cluster is missing has no server."""
        found = []
        for name, context in self.sections["contexts"].items():
            cluster = self.sections["clusters"].get(_text(context, "cluster"), {})
            found.append(
                ContextInfo(
                    name=name,
                    cluster=_text(context, "cluster"),
                    user=_text(context, "user"),
                    namespace=_text(context, "namespace"),
                    server=_text(cluster, "server"),
                    current=name == self.current,
                )
            )
        return found

    def context(self, name: str = "") -> ContextInfo:
        """The named context, or the current one. Raises BrokenKubeconfig when there is none, or its cluster or user is missing."""
        where = ", ".join(map(str, self.files))
        known = {context.name: context for context in self.contexts()}
        wanted = name or self.current
        if not wanted:
            raise BrokenKubeconfig(f"{where}: no current-context is set; name one with --context ({_names(known)})")
        if wanted not in known:
            what = f"there is no context {wanted!r}" if name else f"current-context {wanted!r} is not among the contexts"
            raise BrokenKubeconfig(f"{where}: {what}; there are {_names(known)}")
        found = known[wanted]
        origin = self.origins.get(("contexts", wanted), where)
        if found.cluster not in self.sections["clusters"]:
            raise BrokenKubeconfig(f"{origin}: contexts[{wanted}].context.cluster names {found.cluster!r}, which no file defines")
        if not found.server:
            origin = self.origins.get(("clusters", found.cluster), where)
            raise BrokenKubeconfig(f"{origin}: clusters[{found.cluster}].cluster.server is missing")
        if found.user and found.user not in self.sections["users"]:
            raise BrokenKubeconfig(f"{origin}: contexts[{wanted}].context.user names {found.user!r}, which no file defines")
        return found

    def one(self, name: str) -> tuple[dict[str, Any], dict[str, Any], ContextInfo]:
        """The cluster's and the user's settings of a context, as copies, with what they belong to."""
        context = self.context(name)
        return dict(self.sections["clusters"][context.cluster]), dict(self.sections["users"].get(context.user, {})), context


_RENEWED = frozenset(["id-token", "refresh-token", "access-token", "expiry"])
"""What kubectl writes into auth-provider.config when it renews a credential."""


def private_copy(kubeconfig: Kubeconfig, context: str, path: Path) -> Path:
    """Write a merged kubeconfig, with `context` as the current one, into a file that only its owner reads; returns the path.

    Commands run with this copy, so that a context that is repointed elsewhere changes nothing for them.
    """
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": context}
    for section, key in _SECTIONS.items():
        body[section] = [{"name": name, key: value} for name, value in kubeconfig.sections[section].items()]
    fd, fresh = tempfile.mkstemp(dir=path.parent)  # mode 0600; put in place whole, since a command may be reading the one before
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(body, file, default=str)
    Path(fresh).replace(path)
    return path


def identity(path: Path) -> str:
    """A hash of what a kubeconfig says but for credentials that kubectl renews by itself; "missing" when it cannot be read."""
    try:
        found = load(path)
    except ClusterError:
        return "missing"
    sections = {name: dict(section) for name, section in found.sections.items()}
    for name, user in sections["users"].items():
        provider = user.get("auth-provider")
        if isinstance(provider, dict) and isinstance(provider.get("config"), dict):
            kept = {key: value for key, value in provider["config"].items() if key not in _RENEWED}
            sections["users"][name] = {**user, "auth-provider": {**provider, "config": kept}}
    return hashlib.sha256(json.dumps([found.current, sections], sort_keys=True, default=str).encode()).hexdigest()


def contexts(path: Path | None = None) -> list[ContextInfo]:
    """The contexts of one file, or of KUBECONFIG or ~/.kube/config. Raises BrokenKubeconfig."""
    return load(path).contexts()


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Kubeconfig:
    """Read one file (which must exist), or the files of KUBECONFIG (missing ones are passed over), or ~/.kube/config.

    Inside a pod without any of them, the pod's service account is the only context. Raises BrokenKubeconfig.
    """
    environment = os.environ if environment is None else environment
    listed = environment.get("KUBECONFIG", "")
    if path is not None:
        candidates, how = [path.expanduser()], str(path)
        if not candidates[0].exists():
            raise BrokenKubeconfig(f"the kubeconfig {path} does not exist")
    elif listed:
        candidates, how = [Path(part).expanduser() for part in listed.split(os.pathsep) if part], f"KUBECONFIG={listed}"
    else:
        candidates, how = [Path(environment.get("HOME") or Path.home()) / ".kube" / "config"], "~/.kube/config"
    files = [candidate for candidate in candidates if candidate.exists()]
    if not files:
        inside = _in_cluster(environment)
        if inside is not None:
            return inside
        raise BrokenKubeconfig(
            f"there is no kubeconfig ({how} does not exist); set KUBECONFIG, pass --kubeconfig, or open a recording with --demo"
        )
    sections: dict[str, Section] = {name: {} for name in _SECTIONS}
    origins: dict[tuple[str, str], Path] = {}
    current = ""
    for file in files:
        document = _read(file)
        current = current or _text(document, "current-context")
        for name in _SECTIONS:
            for entry, value in _entries(file, document, name):
                if entry not in sections[name]:
                    sections[name][entry] = value
                    origins[(name, entry)] = file
    return Kubeconfig(tuple(files), current, sections, origins)


def _read(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        document = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe loaders
    except OSError as error:
        raise BrokenKubeconfig(f"the kubeconfig {file} cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise BrokenKubeconfig(f"the kubeconfig {file}{line} is not valid YAML: {problem}") from error
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise BrokenKubeconfig(f"the kubeconfig {file} is not a mapping of fields")
    return document


def _entries(file: Path, document: Mapping[str, Any], section: str) -> list[tuple[str, dict[str, Any]]]:
    listed = document.get(section) or []
    if not isinstance(listed, list):
        raise BrokenKubeconfig(f"the kubeconfig {file}: {section} must be a list, not {type(listed).__name__}")
    found = []
    for position, entry in enumerate(listed):
        where = f"the kubeconfig {file}: {section}[{position}]"
        if not isinstance(entry, Mapping):
            raise BrokenKubeconfig(f"{where} must be a mapping with name and {_SECTIONS[section]}")
        if not _text(entry, "name"):
            raise BrokenKubeconfig(f"{where}.name is missing")
        value = entry.get(_SECTIONS[section]) or {}
        if not isinstance(value, Mapping):
            raise BrokenKubeconfig(f"{where}.{_SECTIONS[section]} must be a mapping, not {type(value).__name__}")
        settled = dict(value)
        for name in _PATHS.get(section, ()):
            if _text(settled, name):
                settled[name] = str((file.parent / Path(_text(settled, name)).expanduser()).absolute())
        plugin = settled.get("exec")
        if section == "users" and isinstance(plugin, Mapping) and "/" in _text(plugin, "command"):
            settled["exec"] = {**plugin, "command": str((file.parent / _text(plugin, "command")).absolute())}
        found.append((_text(entry, "name"), settled))
    return found


def _in_cluster(environment: Mapping[str, str]) -> Kubeconfig | None:
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    token = _SERVICE_ACCOUNT / "token"
    if not host or not token.exists():
        return None
    namespace = _SERVICE_ACCOUNT / "namespace"
    cluster = {
        "server": f"https://{f'[{host}]' if ':' in host else host}:{port}",
        "certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt"),
    }
    context = {"cluster": "in-cluster", "user": "service-account", "namespace": namespace.read_text().strip() if namespace.exists() else ""}
    sections: dict[str, Section] = {
        "contexts": {"in-cluster": context},
        "clusters": {"in-cluster": cluster},
        "users": {"service-account": {"tokenFile": str(token)}},
    }
    return Kubeconfig((token,), "in-cluster", sections)


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _names(known: Mapping[str, object]) -> str:
    return ", ".join(sorted(known)[:20]) or "none"
