"""Where an index lies on disk: a folder that only its user can write, a lock, and a pointer to the generation in force.

CACHE/v1-ANALYSIS-FOLDERS/lock          held while an index is built or updated
                          current       the name of the generation to open, replaced in one step
                          gen-…/        a Whoosh index and its manifest
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from index.analyzer import fingerprint
from index.build import SCHEMA_VERSION
from index.stop import Stop
from index.watch import Folder

KEPT_DAYS = 30
_GENERATION = re.compile(r"gen-[A-Za-z0-9_]+$")


class Untrusted(OSError):
    """Somebody else could have written the index; opening it could run their code (Whoosh unpickles its schema)."""


class Busy(OSError):
    """Another process builds or updates this index."""


class IndexFolder:
    """One index folder; the path depends on schema version, analysis and the folders that are indexed."""

    def __init__(self, cache: Path, folders: Sequence[Folder]) -> None:
        names = "\n".join(f"{f.corpus}\t{f.path}" for f in folders)
        digest = hashlib.sha1(names.encode(), usedforsecurity=False).hexdigest()[:8]
        self.cache = cache
        self.folder = cache / f"v{SCHEMA_VERSION}-{fingerprint()}-{digest}"

    def prepare(self) -> None:
        """Make the folder (0700) where it is missing. Raises Untrusted, or OSError where it cannot be made."""
        self.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.check()

    def check(self) -> None:
        """Raises Untrusted unless the folder is its user's alone and nobody else can replace it on the way there."""
        folder = Path(os.path.realpath(self.folder))
        for at in (folder, *folder.parents):
            seen = at.lstat()
            if seen.st_uid not in (0, os.geteuid()):
                raise Untrusted(f"{at} belongs to another user")
            loose = seen.st_mode & stat.S_IWOTH or (seen.st_mode & stat.S_IWGRP and seen.st_gid not in (0, os.getegid()))
            if at == folder:
                loose = seen.st_uid != os.geteuid() or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if loose and (at == folder or not seen.st_mode & stat.S_ISVTX):
                raise Untrusted(f"others may write in {at}")

    @contextlib.contextmanager
    def lock(self, seconds: float = 0.0, cancel: Stop | None = None) -> Iterator[None]:
        """Hold the index against other processes. Raises Busy when another still holds it after so many seconds, or on cancel."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = time.monotonic() + seconds
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= until or (cancel is not None and cancel.cancelled):
                        raise Busy("another session is updating the index") from None
                if cancel is not None:
                    cancel.wait(0.05)
                else:
                    time.sleep(0.05)
            yield
        finally:
            os.close(handle)

    def current(self) -> Path | None:
        """The folder of the generation in force; None where there is none."""
        try:
            name = (self.folder / "current").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return self.folder / name if _GENERATION.match(name) and (self.folder / name).is_dir() else None

    def generation(self) -> Path:
        """A new, empty generation folder; call it with the lock held."""
        return Path(tempfile.mkdtemp(prefix="gen-", dir=self.folder))

    def publish(self, generation: Path) -> None:
        """Put a generation in force, then take the others away; call it with the lock held."""
        beside = self.folder / "current.new"
        beside.write_text(generation.name, encoding="ascii")
        beside.replace(self.folder / "current")
        self.sweep()

    def sweep(self) -> None:
        """Take away what killed builds left, and the indexes of folders and versions that nobody opened for KEPT_DAYS."""
        current = self.current()
        for left in self.folder.glob("gen-*"):
            if left != current:
                shutil.rmtree(left, ignore_errors=True)
        oldest = time.time() - KEPT_DAYS * 86400
        for other in self.cache.glob("v*-*-*"):
            with contextlib.suppress(OSError):
                if other != self.folder and (other / "current").stat().st_mtime < oldest:
                    shutil.rmtree(other, ignore_errors=True)

    def used(self) -> None:
        """Note that the index was opened, so that it is not swept as forgotten."""
        with contextlib.suppress(OSError):
            os.utime(self.folder / "current")
