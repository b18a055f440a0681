"""Where a program comes from, and the environment that it gets: both decided once, neither by the command's text."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FALLBACK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What credential plugins, cloud SDKs and proxies need; for kubectl and its kin alone.
CREDENTIAL_PREFIXES = ("AWS_", "GOOGLE_", "AZURE_", "CLOUDSDK_", "ARM_")
CREDENTIAL_NAMES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "USE_GKE_GCLOUD_AUTH_PLUGIN",
    "KRB5CCNAME",
)
CLUSTER_PROGRAMS = ("kubectl", "oc", "helm")


class ProgramError(Exception):
    """A program is not there or must not be trusted; the message says which, why and what to do."""


class Programs:
    """Looks programs up once each, in the absolute folders of a search path."""

    def __init__(self, *, kubectl: Path | None = None, search_path: str | None = None) -> None:
        given = search_path if search_path is not None else os.environ.get("PATH", "")
        folders = [folder for folder in given.split(":") if folder.startswith("/")]
        self.search_path = ":".join(dict.fromkeys([*folders, *FALLBACK_PATH.split(":")]))
        self._kubectl = kubectl
        self._found: dict[str, str] = {}

    def resolve(self, name: str) -> str:
        """The absolute path of a program; raises `ProgramError` when it is missing or others could have changed it."""
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def installed(self, name: str) -> bool:
        """Whether `resolve` would give a path."""
        try:
            self.resolve(name)
        except ProgramError:
            return False
        return True

    def _look_up(self, name: str) -> str:
        if name == "kubectl" and self._kubectl is not None:
            if not self._kubectl.is_absolute():
                raise ProgramError(f"The path of kubectl in the settings must be absolute, not {str(self._kubectl)!r}.")
            candidates = [self._kubectl]
        elif "/" in name:
            raise ProgramError(f"Programs are given by name, not by path: {name!r}.")
        else:
            candidates = [Path(folder) / name for folder in self.search_path.split(":")]
        problem = ""
        for candidate in candidates:
            if not os.access(candidate, os.X_OK) or candidate.is_dir():
                continue
            doubt = _doubt(candidate)
            if not doubt:
                return str(candidate)
            problem = problem or doubt
        if problem:
            raise ProgramError(problem)
        hint = "; install it, or set [kubectl] path" if name == "kubectl" else " on this machine; install it or use another way to look"
        raise ProgramError(f"{name} was not found{hint}.")


def find_kubectl(wanted: str) -> Path | str:
    """The kubectl that runs (`wanted` of the settings, PATH, or beside our own Python), or a sentence on why there is none."""
    beside = str(Path(sys.executable).parent)
    path = ":".join(filter(None, (os.environ.get("PATH"), beside)))
    try:
        return Path(Programs(kubectl=Path(wanted).expanduser() if wanted else None, search_path=path).resolve("kubectl"))
    except ProgramError as error:
        return str(error)


def _doubt(path: Path) -> str:
    """Why this file must not be run, or ""."""
    target = path.resolve()
    for each in {path, target}:
        status = each.stat()
        if status.st_uid not in (0, os.getuid()):
            return f"{each} belongs to another user, so it is not run; install the program as root or as yourself."
        # A group of the user's own, with the user's number, holds nobody else.
        private = status.st_uid == os.getuid() and status.st_gid == status.st_uid
        if status.st_mode & (stat.S_IWOTH if private else stat.S_IWGRP | stat.S_IWOTH):
            return f"{each} can be changed by others, so it is not run; remove the write permission of group and others."
    folder = target.parent.stat()
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        return f"{target.parent} can be changed by everybody, so {target.name} in it is not run."
    return ""


def environment(
    program: str,
    *,
    search_path: str,
    kubeconfig: Path | None,
    cache: Path | None = None,
    extra_names: Sequence[str] = (),
    source: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment of one program, built from nothing; credentials and proxies pass to cluster programs alone, the agent to ssh."""
    ours = os.environ if source is None else source
    built = {
        "PATH": search_path,
        "HOME": ours.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "PAGER": "cat",
        "SYSTEMD_PAGER": "",
        "SYSTEMD_COLORS": "0",
        "KUBECTL_KUBERC": "false",
        "KUBERC": "off",
    }
    for name in ("USER", "LOGNAME", "TZ", "XDG_RUNTIME_DIR"):
        if name in ours:
            built[name] = ours[name]
    if program == "ssh" and "SSH_AUTH_SOCK" in ours:
        built["SSH_AUTH_SOCK"] = ours["SSH_AUTH_SOCK"]
    if program in ("awk", "gawk", "sed", "jq"):
        built["HOME"] = "/"  # jq would read ~/.jq
    if program not in CLUSTER_PROGRAMS:
        return built
    for name, value in ours.items():
        if name in CREDENTIAL_NAMES or name in extra_names or name.startswith(CREDENTIAL_PREFIXES):
            built[name] = value
    if kubeconfig is not None:
        built["KUBECONFIG"] = str(kubeconfig)
    elif "KUBECONFIG" in ours:
        built["KUBECONFIG"] = ours["KUBECONFIG"]
    if cache is not None:
        built["KUBECACHEDIR"] = str(cache)
    return built
