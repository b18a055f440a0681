"""The library: documents in folders, their index on disk, and every way to ask it.

The index is built by a child process beside the one in use, then put in its place. It repairs itself: damaged, it is
rebuilt; where the disk refuses or the cache folder is not safe, it lives in memory and says so in `problems`.
"""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from index import build
from index.analyzer import Analysis, analysis
from index.markdown import Document, parse, read_text
from index.passage import Passage
from index.place import Busy, IndexFolder, Untrusted
from index.search import find, weighting
from index.semantic import Embedder, Vectors, is_output
from index.stop import BuildCancelled, Closing, Either, Stop
from index.watch import Changes, Entry, Folder, Found, changes, scan

__all__ = ["Embedder", "Folder", "Library", "Row"]

Progress = Callable[[int, int], None]
State = Literal["closed", "building", "ready", "in memory", "failed"]
CHECK_SECONDS = 1.0
SMALL_FILES = 20
SMALL_BYTES = 1_000_000
LOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One document as a list shows it: `path` as citations spell it, size in bytes, `modified` in Unix seconds."""

    path: str
    title: str
    corpus: str
    chunks: int
    size: int
    modified: float


@dataclass(slots=True)
class _OpenIndex:
    """An opened index: `folder` is None for one in memory; idle searchers wait here, each used by one thread at a time."""

    index: Any
    folder: Path | None
    entries: dict[str, Entry]
    idle: list[Any]
    number: int
    chunks: dict[str, Mapping[str, Any]] | None = None


class Library:
    """Searchable documents. Every method may be called from any thread; none of them needs the UI's."""

    def __init__(self, folders: Sequence[Folder], cache: Path, synonyms: Path | None = None, embedder: Embedder | None = None) -> None:
        """`embedder` turns on the search by meaning beside the one by words; its vectors are made by `embed`, and kept in `cache`."""
        self.folders = tuple(folders)
        self._index_folder = IndexFolder(cache, self.folders)
        self._synonyms = synonyms
        self._vectors = Vectors(embedder, cache) if embedder is not None else None
        self._analysis: Analysis | None = None
        self._opened: _OpenIndex | None = None
        self._found: dict[str, Found] = {}
        self._checked_at = 0.0
        self._number = 0
        self._own_problems: dict[str, str] = {}
        self._state: State = "closed"
        self._lock = threading.Lock()
        self._work = threading.RLock()
        self._refresher: threading.Thread | None = None
        self._closing = Closing()

    def open(self, progress: Progress | None = None, cancel: Stop | None = None) -> None:
        """Open the index, or build it first; `progress(done, total)` counts documents. Blocks; a cancel leaves things as they were."""
        with self._work:
            if self._opened is None:
                self._bring_up_to_date(progress, cancel)

    def refresh(self, progress: Progress | None = None, cancel: Stop | None = None) -> bool:
        """Take in every change of the documents now, however large; True when there was one."""
        with self._work:
            before = self._number
            self._bring_up_to_date(progress, cancel)
            return self._number != before

    def rebuild(self, progress: Progress | None = None, cancel: Stop | None = None) -> None:
        """Rebuild the whole index beside the one in use, whatever state that is in, and swap them. Blocks."""
        with self._work:
            self._bring_up_to_date(progress, cancel, anew=True)

    def search(
        self,
        text: str,
        limit: int = 8,
        codes: Sequence[str] = (),
        kinds: Sequence[str] = (),
        cancel: Stop | None = None,
    ) -> list[Passage]:
        """The best passages, best first; opens the library where it is closed. Few changed documents are taken in before, many behind."""
        if self._opened is None:
            self.open(cancel=cancel)
        self._refresh_if_changed(cancel)
        for attempt in (1, 2):
            opened = self._opened
            if opened is None:
                return []
            try:
                searcher = self._borrow_searcher(opened)
                found = find(searcher, self.analysis, text, limit, codes, kinds, self._near(opened, searcher, text, codes))
            except Exception as error:  # noqa: BLE001 - a damaged index raises anything: struct, zlib, pickle, key and I/O errors
                if attempt == 2:
                    self._own_problems["search"] = f"the index cannot be read ({error!r}); run `k8sagent docs index` to rebuild it"
                    self._state = "failed"
                    return []
                with self._work:
                    if self._opened is opened:
                        self._drop()
                        self._bring_up_to_date(None, cancel, anew=self._index_folder.current() == opened.folder)
                continue
            self._return_searcher(opened, searcher)
            return found
        return []

    def embed(self, cancel: Stop | None = None) -> None:
        """Make the vectors of all chunks that have none yet; blocks as long as the model takes. Nothing without an embedder."""
        opened = self._opened
        if opened is None or self._vectors is None:
            return
        searcher = self._borrow_searcher(opened)
        chunks = _chunks(opened, searcher)
        self._return_searcher(opened, searcher)
        texts = {sha: " › ".join(chunk["heading"]) + "\n" + str(chunk["text"]) for sha, chunk in chunks.items()}
        self._vectors.compute(texts, Either(self._closing, cancel) if cancel is not None else self._closing)

    @property
    def missing(self) -> int:
        """How many chunks the last search by meaning had no vector for; `embed` makes them."""
        return self._vectors.missing if self._vectors is not None else 0

    def _near(self, opened: _OpenIndex, searcher: Any, text: str, codes: Sequence[str]) -> list[Mapping[str, Any]]:
        """The chunks nearest in meaning; a finding code and pasted output say what is wanted better than meaning does."""
        if self._vectors is None or codes or not text.strip() or is_output(text):
            return []
        chunks = _chunks(opened, searcher)
        return [chunks[sha] for sha in self._vectors.nearest(text, chunks)]

    @property
    def analysis(self) -> Analysis:
        """The text analysis with the synonyms in force."""
        if self._analysis is None:
            try:
                self._analysis = analysis(self._synonyms)
            except (OSError, UnicodeDecodeError) as error:
                self._own_problems["synonyms"] = f"the synonym list {self._synonyms} cannot be read ({error}); the shipped one is used"
                self._analysis = analysis()
        return self._analysis

    @property
    def count(self) -> int:
        """How many documents can be found."""
        opened = self._opened
        return sum(1 for e in opened.entries.values() if e.chunks) if opened else 0

    @property
    def state(self) -> State:
        """`in memory` works like `ready`; `problems` then says why."""
        return self._state

    @property
    def problems(self) -> list[str]:
        """What a person should know: the index's own troubles first, then documents that could not be taken as they are."""
        opened = self._opened
        vectors = [self._vectors.problem] if self._vectors is not None and self._vectors.problem else []
        return [*self._own_problems.values(), *vectors, *(p for e in (opened.entries.values() if opened else ()) for p in e.problems)]

    def show(self, path: str) -> str:
        """A document's text by its path (or its file name where only one has it).

        Raises LookupError with the nearest path where there is none, OSError or NotText where it cannot be read.
        """
        return read_text(self._file(path).path)

    def document(self, path: str) -> Document:
        """A document parsed as it is on disk now: title, front matter, chunks. Raises as `show` does."""
        found = self._file(path)
        return parse(read_text(found.path), found.path.name)

    def sections(self, path: str) -> list[Passage]:
        """A document's chunks as they are on disk now, in order. Raises as `show` does."""
        found = self._file(path)
        key = next(k for k, f in self._found.items() if f is found)
        chunks = parse(read_text(found.path), found.path.name).chunks
        return [Passage(key, c.heading, c.lines, c.text, code_blocks=c.code_blocks, corpus=found.corpus) for c in chunks]

    def close(self) -> None:
        """Close the index; a build under way, here or behind, ends at once."""
        self._closing.cancel()
        refresher = self._refresher
        if refresher is not None and refresher is not threading.current_thread():
            refresher.join()
        with self._work:
            self._drop()
            self._state = "closed"
        self._closing = Closing()

    def list(self) -> list[Row]:
        """Every document, by path."""
        opened = self._opened
        rows = [Row(k, e.title, e.corpus, e.chunks, e.size, e.mtime / 1e9) for k, e in opened.entries.items()] if opened else []
        return sorted(rows, key=lambda r: r.path)

    def _file(self, path: str) -> Found:
        if not self._found:
            self._found = scan(self.folders)
        if path in self._found:
            return self._found[path]
        named = [k for k in self._found if k.endswith(f"/{path}") or Path(k).stem == path]
        if len(named) == 1:
            return self._found[named[0]]
        near = named or difflib.get_close_matches(path, self._found, 3, 0.3)
        raise LookupError(f"there is no document {path!r}" + (f"; nearest: {', '.join(near)}" if near else ""))

    def _refresh_if_changed(self, cancel: Stop | None) -> None:
        """Before a search, at most once a second: has a document changed?"""
        opened = self._opened
        if opened is None or time.monotonic() - self._checked_at < CHECK_SECONDS or not self._work.acquire(blocking=False):
            return
        try:
            if self._refresher is not None and self._refresher.is_alive():
                return
            self._checked_at = time.monotonic()
            found = scan(self.folders)
            todo = changes(opened.entries, found)
            if not todo:
                self._found = found
            elif _is_small(todo, found):
                self._bring_up_to_date(None, cancel)
            else:
                self._refresher = threading.Thread(target=self._refresh_in_background, name="index-refresh", daemon=True)
                self._refresher.start()
        finally:
            self._work.release()

    def _refresh_in_background(self) -> None:
        with self._work, suppress(BuildCancelled):
            self._bring_up_to_date(None, None)

    def _bring_up_to_date(self, progress: Progress | None, cancel: Stop | None, *, anew: bool = False) -> None:
        """Leave `_opened` opened and current, on disk where possible, in memory where not; the caller holds `_work`."""
        cancel = Either(self._closing, cancel) if cancel is not None else self._closing
        self._found = found = scan(self.folders)
        self._checked_at = time.monotonic()
        if self._opened is not None and self._opened.folder is None and not anew:
            self._update(self._opened, changes(self._opened.entries, found), found)
            return
        try:
            self._index_folder.prepare()
            if not anew and self._adopt() and self._opened is not None and not changes(self._opened.entries, found):
                self._set_ready()
                return
            with self._index_folder.lock(0.0 if self._opened else LOCK_SECONDS, cancel):
                if not anew:
                    self._adopt()
                self._update_or_rebuild(found, progress, cancel, anew)
            self._set_ready()
        except Busy as error:
            self._own_problems["busy"] = f"{error}; this one searches the index as it is until then"
            if self._opened is None and not cancel.cancelled:
                self._in_memory(found, str(error), progress, cancel)
        except BuildCancelled:
            self._state = "ready" if self._opened else "closed"
        except Untrusted as error:
            self._drop()
            self._in_memory(found, f"{error}, so the index on disk is not opened; `chmod 700` that folder or remove it", progress, cancel)
        except OSError as error:
            self._in_memory(found, f"the index cannot be kept in {self._index_folder.folder} ({error.strerror or error})", progress, cancel)

    def _set_ready(self) -> None:
        self._state = "ready"
        for key in ("busy", "memory", "search"):
            self._own_problems.pop(key, None)

    def _adopt(self) -> bool:
        """Open the generation in force if it is not opened yet; False where there is none or it does not open."""
        folder = self._index_folder.current()
        if folder is None:
            return False
        try:
            entries = build.read_manifest(folder)
            if self._opened is not None and self._opened.folder == folder:
                if entries != self._opened.entries:
                    self._install(self._opened.index, folder, entries)
                return True
            self._install(_open_index(folder), folder, entries)
        except Exception:  # noqa: BLE001 - whatever a damaged file raises, the answer is to build it anew
            return False
        self._index_folder.used()
        return True

    def _update_or_rebuild(self, found: dict[str, Found], progress: Progress | None, cancel: Stop | None, anew: bool) -> None:
        """Under the lock: update the index in force by a few documents, or build another beside it."""
        opened = self._opened
        if opened is not None and opened.folder == self._index_folder.current() and not anew:
            todo = changes(opened.entries, found)
            if not todo:
                return
            if _is_small(todo, found):
                try:
                    self._update(opened, todo, found)
                    return
                except OSError:
                    raise
                except Exception:  # noqa: BLE001 - an index that cannot be written to is damaged; build it anew
                    self._state = "building"
        self._state = "building"
        generation = self._index_folder.generation()
        try:
            build.build_in_subprocess(generation, found, progress, cancel)
            index, entries = _open_index(generation), build.read_manifest(generation)
            self._index_folder.publish(generation)
        except BaseException:
            _remove(generation)
            raise
        self._install(index, generation, entries)

    def _update(self, opened: _OpenIndex, todo: Changes, found: dict[str, Found]) -> None:
        """Take changed documents out and in again, in one commit."""
        if not todo:
            return
        entries = {k: todo.touched.get(k, e) for k, e in opened.entries.items() if k not in todo.removed}
        if todo.removed or todo.read:
            writer = opened.index.writer()
            try:
                for key in (*todo.removed, *todo.read):
                    writer.delete_by_term("key", key)
                for key in todo.read:
                    document, entries[key] = build.read_document(found[key], key)
                    if document is not None:
                        build.add_document(writer, key, found[key].corpus, document)
                writer.commit()
            except BaseException:
                build.cancel_writer(writer)
                raise
        if opened.folder is not None:
            build.write_manifest(opened.folder, entries)
        self._install(opened.index, opened.folder, entries)

    def _in_memory(self, found: dict[str, Found], why: str, progress: Progress | None, cancel: Stop | None) -> None:
        """The last resort: the same index, held by this process alone."""
        from whoosh.filedb.filestore import RamStorage

        self._own_problems["memory"] = f"{why}; documents are indexed in memory for this session"
        self._state = "building"
        index = RamStorage().create_index(build.schema())
        try:
            self._install(index, None, build.build(index, found, progress, cancel))
            self._state = "in memory"
        except BuildCancelled:
            self._state = "in memory" if self._opened else "closed"

    def _install(self, index: Any, folder: Path | None, entries: dict[str, Entry]) -> None:
        with self._lock:
            old = self._opened
            self._number += 1
            self._opened = _OpenIndex(index, folder, entries, [], self._number)
        if old is not None:
            _close_all(old)

    def _drop(self) -> None:
        with self._lock:
            old, self._opened = self._opened, None
        if old is not None:
            _close_all(old)

    def _borrow_searcher(self, opened: _OpenIndex) -> Any:
        with self._lock:
            if opened.idle:
                return opened.idle.pop()
        return _retry(lambda: opened.index.searcher(weighting=weighting()))

    def _return_searcher(self, opened: _OpenIndex, searcher: Any) -> None:
        with self._lock:
            if self._opened is opened:
                opened.idle.append(searcher)
                return
        searcher.close()


def _is_small(todo: Changes, found: dict[str, Found]) -> bool:
    many = len(todo.read) + len(todo.removed)
    return many <= SMALL_FILES and sum(min(found[k].size, 2 * SMALL_BYTES) for k in todo.read) <= SMALL_BYTES


def _chunks(opened: _OpenIndex, searcher: Any) -> dict[str, Mapping[str, Any]]:
    """Every stored chunk of an index by its hash, read once for each state of the index."""
    if opened.chunks is None:
        reader = searcher.reader()
        stored = (reader.stored_fields(number)["chunk"] for number in reader.all_doc_ids())
        opened.chunks = {str(chunk["sha"]): chunk for chunk in stored}
    return opened.chunks


def _open_index(folder: Path) -> Any:
    from whoosh.index import open_dir

    return _retry(lambda: open_dir(str(folder)))


def _retry(opening: Callable[[], Any]) -> Any:
    """Open, again for a moment where another process's commit takes a file away in between."""
    for wait in (0.01, 0.05, 0.2):
        try:
            return opening()
        except FileNotFoundError:
            time.sleep(wait)
    return opening()


def _close_all(opened: _OpenIndex) -> None:
    for searcher in opened.idle:
        searcher.close()
    opened.idle.clear()


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
