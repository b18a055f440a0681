"""The files of a recording, read from a folder, a tar or a zip archive without unpacking, and guarded against hostile ones."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import posixpath
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from engine.cluster.source import ClusterError
from engine.core.text import repaired_json

_SKIPPED = frozenset({"dump", "tables", "describe"})
"""Folders of our format that repeat in other words what `resources/` holds; they are not read."""
_HEADER_ALLOWANCE = 4 * 1024 * 1024
_MEMBER_ALLOWANCE = 8192
"""Inflated bytes beside the files' own that an archive may hold, at once and for each member (headers, long names, padding)."""


class BrokenRecording(ClusterError):
    """The recording cannot be read; the message names the file in it and what is wrong."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a recording may hold: files, bytes of one file, bytes of all, folders above a file."""

    files: int = 200_000
    file_bytes: int = 256 * 1024 * 1024
    total_bytes: int = 1024 * 1024 * 1024
    depth: int = 12


class Archive:
    """Names to bytes. `name` is what messages call it; `links` are members that point to others (name to target), never followed."""

    def __init__(
        self, name: str, files: Mapping[str, bytes | Path], limits: Limits | None = None, links: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.links: Mapping[str, str] = links or {}
        self._files = files
        self._limits = limits or Limits()

    def below(self, folder: str) -> Archive:
        """The files below a folder (`recording/`), with names relative to it; "" is all of them."""
        cut = len(folder)
        files = {name[cut:]: found for name, found in self._files.items() if name.startswith(folder)}
        return Archive(self.name, files, self._limits, self.links)

    def without_links(self) -> Archive:
        """The same archive. Raises BrokenRecording when it has a link."""
        for name in self.links:
            raise BrokenRecording(f"{self.name}: {name} is a link; a recording holds plain files only")
        return self

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def only(self, wanted: Callable[[str], bool]) -> Archive:
        """The files whose names are wanted."""
        return Archive(self.name, {name: found for name, found in self._files.items() if wanted(name)}, self._limits, self.links)

    def names(self, folder: str = "") -> Iterator[str]:
        """The names below a folder (`logs/`), in the order of the archive."""
        return (name for name in self._files if name.startswith(folder))

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None when the recording has no such file. Raises BrokenRecording when it cannot be read."""
        found = self._files.get(name)
        if not isinstance(found, Path):
            return found
        try:
            with found.open("rb") as stream:
                data = stream.read(self._limits.file_bytes + 1)
        except OSError as error:
            raise BrokenRecording(f"{self.name}: {name} cannot be read: {error.strerror or error}") from error
        if len(data) > self._limits.file_bytes:
            raise self._too_big(name)
        return data

    def inflate(self, name: str) -> bytes | None:
        """The bytes of `name`, or of `name.gz` unpacked; None when there is neither."""
        plain = self.read(name)
        if plain is not None:
            return plain
        packed = self.read(name + ".gz")
        if packed is None:
            return None
        try:
            data = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(self._limits.file_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise BrokenRecording(f"{self.name}: {name}.gz is not a whole gzip file: {error}") from error
        if len(data) > self._limits.file_bytes:
            raise self._too_big(name + ".gz")
        return data

    def json(self, name: str) -> Any:
        """A JSON file's value, or None when there is no such file. Raises BrokenRecording on wrong JSON."""
        data = self.read(name)
        return None if data is None else self.decode(name, data)

    def decode(self, name: str, data: bytes) -> Any:
        """Bytes of a file as JSON; `name` is for the message. Raises BrokenRecording on wrong JSON."""
        import msgspec

        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return msgspec.json.decode(repaired_json(data))
            raise BrokenRecording(f"{self.name}: {name} is not valid JSON: {error}") from error

    def _too_big(self, name: str) -> BrokenRecording:
        return BrokenRecording(f"{self.name}: {name} holds more than {self._limits.file_bytes:,} bytes, so it was not read")


def open_archive(path: Path, *, limits: Limits | None = None) -> Archive:
    """Open a folder, .tar, .tar.gz or .tgz in our layout, with or without one folder around it. Raises BrokenRecording."""
    found = ours(read_archive(path, limits=limits))
    if found is None:
        raise BrokenRecording(
            f"{path}: meta.json is missing, so this is not a k8sagent recording; `k8sagent snapshot record PATH` makes one from a cluster"
        )
    return found


def ours(archive: Archive) -> Archive | None:
    """The files of our format relative to the folder that holds meta.json; None when the archive is laid out otherwise."""
    tops = sorted((name for name in archive.names() if name == "meta.json" or name.endswith("/meta.json")), key=lambda n: n.count("/"))
    if not tops or tops[0].count("/") > 1:
        return None
    found = archive.without_links().below(tops[0].removesuffix("meta.json"))
    return found.only(lambda name: name.split("/", 1)[0] not in _SKIPPED)


def read_archive(path: Path, *, limits: Limits | None = None) -> Archive:
    """Read the plain files of a folder, an archive (see `_inflated`) or one JSON or YAML file, of any layout. Raises BrokenRecording."""
    limits = limits or Limits()
    links: dict[str, str] = {}
    try:
        if path.is_dir():
            files: dict[str, bytes | Path] = dict(_walk(path, limits, links))
        elif path.is_file():
            files = {path.name: path} if _is_text(path) else dict((_unzip if _is_zip(path) else _untar)(path, limits, links))
        else:
            what = "is neither a folder nor a file" if path.exists() else "does not exist"
            raise BrokenRecording(f"{path} {what}; give the path of a recording (a folder, .tar (also packed: .gz, .xz, .zst) or .zip)")
    except OSError as error:
        raise BrokenRecording(f"{path} cannot be read: {error.strerror or error}") from error
    return Archive(path.name, files, limits, links)


def _is_text(path: Path) -> bool:
    """Whether a file is JSON or YAML, by its name or by how it begins."""
    if path.suffix.lower() in (".json", ".yaml", ".yml"):
        return True
    with path.open("rb") as stream:
        begin = stream.read(512).lstrip()
    return begin.startswith((b"{", b"---", b"apiVersion:", b"====")) and b"ustar" not in begin


def _checked(name: str, where: str, limits: Limits) -> tuple[str, ...]:
    """The parts of a member's name; raises BrokenRecording for a name that points outside or lies too deep."""
    parts = tuple(part for part in name.split("/") if part and part != ".")
    if name.startswith(("/", "\\")) or ":" in name[:3] or ".." in parts or "\\" in name or "\0" in name:
        raise BrokenRecording(f"{where}: the name {name[:200]!r} points outside of the archive; it was not opened")
    if len(parts) > limits.depth:
        raise BrokenRecording(f"{where}: {name[:200]!r} lies more than {limits.depth} folders deep; it was not opened")
    return parts


def _link(name: str, target: str, where: str) -> str:
    """The target of a link, as a name in the archive; raises BrokenRecording when it points outside."""
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if target.startswith(("/", "\\")) or reached == ".." or reached.startswith("../") or "\0" in target:
        raise BrokenRecording(f"{where}: {name} is a link to {target[:200]!r}, outside of the recording; it was not opened")
    return reached


def _walk(folder: Path, limits: Limits, links: dict[str, str]) -> Iterator[tuple[str, Path]]:
    root = folder.resolve()
    total = count = 0
    pending: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while pending:
        here, above = pending.pop()
        for entry in sorted(os.scandir(here), key=lambda e: e.name):
            parts = (*above, entry.name)
            name = "/".join(parts)
            count += 1
            if entry.is_symlink():
                links[name] = _link(name, str(Path(entry.path).readlink()), str(folder))
                continue
            if entry.is_dir(follow_symlinks=False):
                _checked(name, str(folder), limits)
                _weigh(str(folder), name, 0, total, count, limits)
                pending.append((Path(entry.path), parts))
                continue
            if not entry.is_file(follow_symlinks=False):
                raise BrokenRecording(f"{folder}: {name} is neither a file nor a folder; a recording holds plain files only")
            _checked(name, str(folder), limits)
            size = entry.stat(follow_symlinks=False).st_size
            total += size
            _weigh(str(folder), name, size, total, count, limits)
            yield name, Path(entry.path)


def _untar(path: Path, limits: Limits, links: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    where = path.name
    total = count = 0
    with path.open("rb") as opened:
        reader = _Allowance(_inflated(opened, where))
        try:
            with tarfile.open(fileobj=reader, mode="r|", bufsize=64 * 1024) as tar:  # type: ignore[call-overload]
                while True:
                    member = tar.next()
                    if member is None:
                        break
                    parts = _checked(member.name, where, limits)
                    name = "/".join(parts)
                    count += 1
                    tar.members.clear()  # a stream is never gone back over, and the list would only grow
                    if member.isdir() or member.issym():
                        _weigh(where, name, 0, total, count, limits)
                        reader.allow(0)
                        if member.issym():
                            links[name] = _link(name, member.linkname, where)
                        continue
                    if member.islnk():
                        raise BrokenRecording(f"{where}: {name} is a link; a recording holds plain files only")
                    if not member.isreg() or member.issparse() or not parts:
                        raise BrokenRecording(f"{where}: {name or '.'} is neither a file nor a folder; a recording holds plain files only")
                    total += member.size
                    _weigh(where, name, member.size, total, count, limits)
                    reader.allow(member.size)
                    content = tar.extractfile(member)
                    yield name, content.read() if content is not None else b""
            while reader.read(64 * 1024):
                pass  # gzip's checksum comes last, and a tar ends before it
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
            packing = "xz" if isinstance(error, lzma.LZMAError) else "gzip"
            what = "a tar archive" if isinstance(error, tarfile.TarError) else f"a whole {packing} file"
            raise BrokenRecording(f"{where} is not {what}: {error}; copy it again, or give the folder") from error


def _inflated(opened: IO[bytes], where: str) -> IO[bytes]:
    """The contents of a file that may be packed with gzip, xz or zstd, told by how it begins. Raises BrokenRecording."""
    begin = opened.read(6)
    opened.seek(0)
    packed: Any = opened
    if begin.startswith(b"\x1f\x8b"):
        packed = gzip.GzipFile(fileobj=opened)
    elif begin == b"\xfd7zXZ\x00":
        packed = lzma.LZMAFile(opened)  # noqa: SIM115 - whoever reads the stream closes the file below it
    elif begin.startswith(b"\x28\xb5\x2f\xfd"):
        try:
            import zstandard
        except ImportError as error:
            raise BrokenRecording(f"{where} is packed with zstd; unpack it with `zstd -d`, or install the package zstandard") from error
        packed = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(opened)
    stream: IO[bytes] = packed
    return stream


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _unzip(path: Path, limits: Limits, links: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    import zipfile

    where = path.name
    total = 0
    name = ""
    if path.stat().st_size > limits.total_bytes:  # the list of its members is read whole before the first of them can be judged
        raise BrokenRecording(f"{where}: it is larger than {limits.total_bytes:,} bytes; it was not opened")
    try:
        with zipfile.ZipFile(path) as archive:
            for count, member in enumerate(archive.infolist(), 1):
                parts = _checked(member.filename, where, limits)
                name = "/".join(parts)
                mode = stat.S_IFMT(member.external_attr >> 16)
                total += member.file_size
                _weigh(where, name, member.file_size, total, count, limits)
                if member.is_dir():
                    continue
                if member.flag_bits & 1:
                    raise BrokenRecording(f"{where}: {name} is encrypted; unpack it and give the folder")
                if mode not in (0, stat.S_IFREG, stat.S_IFLNK) or not parts:
                    raise BrokenRecording(f"{where}: {name or '.'} is neither a file nor a folder; a recording holds plain files only")
                with archive.open(member) as stream:
                    data = stream.read(member.file_size + 1)  # a size that lies is found out here, not in the memory
                if len(data) != member.file_size:
                    raise BrokenRecording(f"{where}: {name} does not hold the {member.file_size:,} bytes that it claims")
                if mode == stat.S_IFLNK:
                    links[name] = _link(name, data.decode("utf-8", "replace"), where)
                else:
                    yield name, data
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        at = f" (at {name})" if name else ""
        raise BrokenRecording(f"{where} is not a whole zip archive: {error}{at}; copy it again, or give the folder") from error


def _weigh(where: str, name: str, size: int, total: int, count: int, limits: Limits) -> None:
    if size > limits.file_bytes:
        raise BrokenRecording(f"{where}: {name} claims {size:,} bytes, more than the {limits.file_bytes:,} that one file may have")
    if total > limits.total_bytes:
        raise BrokenRecording(f"{where}: its files hold more than {limits.total_bytes:,} bytes (at {name}); it was not opened")
    if count > limits.files:
        raise BrokenRecording(f"{where}: it holds more than {limits.files:,} files (at {name}); it was not opened")


class _Allowance:
    """A reader that gives no more bytes than the files seen so far account for, so that a bomb between the files goes nowhere."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = _HEADER_ALLOWANCE

    def allow(self, size: int) -> None:
        """Account for one more member of so many bytes."""
        self._left += size + _MEMBER_ALLOWANCE

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError("the headers between its files are too large")
        return data
