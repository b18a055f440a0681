"""Which documents there are and which of them changed: a walk over the folders, compared with what the index holds."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from index.markdown import MAX_BYTES, SUFFIXES

MAX_DOCUMENTS = 20_000


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of documents and the corpus that they belong to (`built-in`, `user`, `incidents`)."""

    path: Path
    corpus: str = "built-in"


@dataclass(frozen=True, slots=True)
class Found:
    """One document on disk: modification time in nanoseconds, size in bytes."""

    path: Path
    corpus: str
    mtime: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as the index holds it; `sha` is over what was read of the file, `problems` what a person should know of it."""

    corpus: str
    mtime: int
    size: int
    sha: str
    title: str
    chunks: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What must be done to the index: keys to take out, keys to read again, and entries whose time changed but not their content."""

    removed: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    touched: Mapping[str, Entry] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.removed or self.read or self.touched)


def scan(folders: Sequence[Folder]) -> dict[str, Found]:
    """Every document under the folders by its key: the folder's name and the path below it (`runbooks/oom-killed.md`).

    Two folders of one name get `~2`, `~3`… behind it. Hidden files, links that lead out of the folder and what is not
    a regular file are left out; a folder that cannot be read counts as empty.
    """
    found: dict[str, Found] = {}
    names: dict[str, int] = {}
    for folder in folders:
        base = folder.path.name or "docs"
        names[base] = names.get(base, 0) + 1
        if names[base] > 1:
            base = f"{base}~{names[base]}"
        root = os.path.realpath(folder.path) + os.sep
        for path, key, seen in _walk(str(folder.path), base, root):
            found[key] = Found(Path(path), folder.corpus, seen.st_mtime_ns, seen.st_size)
            if len(found) >= MAX_DOCUMENTS:
                return found
    return found


def _walk(folder: str, key: str, root: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """Path, key and status of each document below a folder, by name; strings all the way, since this runs before a search."""
    try:
        with os.scandir(folder) as entries:
            rows = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError:
        return
    for entry in rows:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{key}/{entry.name}", root)
            elif entry.name.lower().endswith(SUFFIXES):
                if entry.is_symlink() and not os.path.realpath(entry.path).startswith(root):
                    continue
                seen = entry.stat()
                if stat.S_ISREG(seen.st_mode):
                    yield entry.path, f"{key}/{entry.name}", seen
        except OSError:
            continue


def changes(known: Mapping[str, Entry], found: Mapping[str, Found]) -> Changes:
    """Compare by time and size; only where these differ is a file read for its hash."""
    read: list[str] = []
    touched: dict[str, Entry] = {}
    for key, now in found.items():
        entry = known.get(key)
        if entry is None:
            read.append(key)
        elif (entry.mtime, entry.size, entry.corpus) != (now.mtime, now.size, now.corpus):
            if entry.corpus == now.corpus and entry.size == now.size and _sha(now.path) == entry.sha:
                touched[key] = Entry(entry.corpus, now.mtime, now.size, entry.sha, entry.title, entry.chunks, entry.problems)
            else:
                read.append(key)
    return Changes(tuple(k for k in known if k not in found), tuple(read), touched)


def _sha(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return content_sha(stream.read(MAX_BYTES))
    except OSError:
        return ""


def content_sha(content: bytes) -> str:
    """The SHA-1 of a file's first MAX_BYTES, as entries carry it."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
