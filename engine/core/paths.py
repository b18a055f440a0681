"""Where files are: those that ship with the program (package data in an installed wheel, the checkout otherwise), and those it keeps."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

ResourceKind = Literal["runbooks", "guide", "defaults", "demo"]

_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the packages: site-packages, or the checkout."""

_PLACES: dict[ResourceKind, tuple[str, ...]] = {
    "runbooks": ("index/data/runbooks", "docs/runbooks"),
    "guide": ("index/data/guide", "docs/guide"),
    "defaults": ("engine/data/k8sagent.toml", "k8sagent.toml"),
    "demo": ("engine/data/demo.tar.gz",),
}
"""Where each is looked for below the root, the wheel's place first."""


def resource_path(kind: ResourceKind, *, root: Path = _ROOT) -> Path:
    """The path of the built-in runbooks or guide (a folder), the default settings or the demo recording (a file).

    Raises FileNotFoundError, naming the places looked at, when the installation is incomplete.
    """
    for place in _PLACES[kind]:
        if (root / place).exists():
            return root / place
    looked = ", ".join(str(root / place) for place in _PLACES[kind])
    raise FileNotFoundError(f"the built-in {kind} of k8sagent are missing (looked at {looked}); install the package again")


def state_folder(env: Mapping[str, str] | None = None) -> Path:
    """Where sessions, audit and undo are kept: `$XDG_STATE_HOME/k8sagent`."""
    return _base("XDG_STATE_HOME", ".local/state", env) / "k8sagent"


def log_file(env: Mapping[str, str] | None = None) -> Path:
    """The log of K8sAgent itself; rotated files are beside it."""
    return state_folder(env) / "k8sagent.log"


def cache_folder(env: Mapping[str, str] | None = None) -> Path:
    """Where the index is kept: `$XDG_CACHE_HOME/k8sagent/index`."""
    return _base("XDG_CACHE_HOME", ".cache", env) / "k8sagent" / "index"


def private_folder(folder: Path) -> Path:
    """Create a folder with its parents so that only its owner may write there, whatever the umask; one of ours that others may write
    is repaired. Raises OSError, PermissionError for one that belongs to somebody else and that others may write.
    """
    for parent in reversed([folder, *folder.parents]):
        if not parent.exists():
            parent.mkdir(mode=0o700, exist_ok=True)
            parent.chmod(0o700)
    status = folder.stat()
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        if status.st_uid != os.getuid():
            raise PermissionError(13, "the folder belongs to another user and others may write there", str(folder))
        folder.chmod(0o700)
    return folder


def _base(variable: str, fallback: str, env: Mapping[str, str] | None) -> Path:
    """A base folder of the XDG specification; relative values do not count there."""
    variables = os.environ if env is None else env
    given = variables.get(variable) or ""
    return Path(given) if given.startswith("/") else Path(variables.get("HOME") or "~").expanduser() / fallback
