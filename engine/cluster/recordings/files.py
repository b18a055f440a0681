"""Writes the files of a recording into a folder or a tar archive: beside the wanted path, renamed when whole, for its owner alone."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from engine.cluster.source import ClusterError


class CannotRecord(ClusterError):
    """The recording cannot be written; the message names the path and what to do."""


def plain_name(name: str) -> bool:
    """Whether a name from a server can be a part of a path: nothing that leads elsewhere."""
    return bool(name) and name not in (".", "..") and not any(char in name for char in "/\\\0:") and len(name.encode()) <= 255


class RecordingFiles:
    """A context that takes files and leaves either the whole recording or nothing; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._packed = path.name.endswith((".tar.gz", ".tgz"))
        self._archived = self._packed or path.name.endswith(".tar")
        self._top = path.name.removesuffix(".gz").removesuffix(".tgz").removesuffix(".tar")
        self._lock = threading.Lock()
        self._tar: tarfile.TarFile | None = None
        self._streams: list[IO[bytes]] = []
        self.files = 0
        self.bytes = 0

    def __enter__(self) -> RecordingFiles:
        if self.path.exists() or self.path.is_symlink():
            raise CannotRecord(f"{self.path} exists already; give another name, or remove it first")
        try:
            if self._archived:
                handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                raw: IO[bytes] = os.fdopen(handle, "wb")
                self._streams.append(raw)
                if self._packed:
                    raw = gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6)  # type: ignore[assignment]
                    self._streams.append(raw)
                self._tar = tarfile.TarFile(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT)
            else:
                self._part.mkdir(mode=0o700)
        except OSError as error:
            raise self._failed(error) from error
        return self

    def add(self, name: str, data: bytes) -> None:
        """Write one file. Raises CannotRecord when the disk refuses."""
        with self._lock:
            self.files += 1
            self.bytes += len(data)
            try:
                if self._tar is not None:
                    member = tarfile.TarInfo(f"{self._top}/{name}")
                    member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
                    self._tar.addfile(member, io.BytesIO(data))
                else:
                    target = self._part / name
                    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                        stream.write(data)
            except OSError as error:
                raise self._failed(error) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self._tar is not None:
                if kind is None:
                    self._tar.close()
                for stream in reversed(self._streams):
                    stream.close()
            if kind is None:
                self._part.rename(self.path)
        except OSError as problem:
            raise self._failed(problem) from problem
        finally:
            if self._part.is_dir():
                shutil.rmtree(self._part, ignore_errors=True)
            else:
                self._part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> CannotRecord:
        return CannotRecord(f"{self.path} cannot be written: {error.strerror or error}; choose another place")
