"""The library: documents in folders, their index on disk, and every way to ask it.

The index is built by a child process beside the one in force, then put in its place. It mends itself: damaged, it is
built anew; where the disk refuses or the cache folder is not safe, it lives in memory and says so in `problems`.
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
from index.place import Busy, Place, Untrusted
from index.search import find, weighting
from index.semantic import Embedder, Vectors, printed
from index.stop import BuildCancelled, Closing, Either, Stop
from index.watch import Changes, Entry, Folder, Found, changes, scan

__all__ = ["Embedder", "Folder", "Library", "Row"]

Progress = Callable[[int, int], None]
State = Literal["closed", "building", "ready", "in memory", "failed"]
LOOK_SECONDS = 1.0
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
class _Shelf:
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
        self._place = Place(cache, self.folders)
        self._synonyms = synonyms
        self._vectors = Vectors(embedder, cache) if embedder is not None else None
        self._analysis: Analysis | None = None
        self._shelf: _Shelf | None = None
        self._found: dict[str, Found] = {}
        self._looked = 0.0
        self._number = 0
        self._own: dict[str, str] = {}
        self._state: State = "closed"
        self._lock = threading.Lock()
        self._work = threading.RLock()
        self._behind: threading.Thread | None = None
        self._closing = Closing()

    def open(self, progress: Progress | None = None, cancel: Stop | None = None) -> None:
        """Open the index, or build it first; `progress(done, total)` counts documents. Blocks; a cancel leaves things as they were."""
        with self._work:
            if self._shelf is None:
                self._bring_up_to_date(progress, cancel)

    def refresh(self, progress: Progress | None = None, cancel: Stop | None = None) -> bool:
        """Take in every change of the documents now, however large; True when there was one."""
        with self._work:
            before = self._number
            self._bring_up_to_date(progress, cancel)
            return self._number != before

    def rebuild(self, progress: Progress | None = None, cancel: Stop | None = None) -> None:
        """Build the whole index anew beside the one in force, whatever state that is in, and swap them. Blocks."""
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
        if self._shelf is None:
            self.open(cancel=cancel)
        self._look(cancel)
        for attempt in (1, 2):
            shelf = self._shelf
            if shelf is None:
                return []
            try:
                searcher = self._take(shelf)
                found = find(searcher, self.analysis, text, limit, codes, kinds, self._near(shelf, searcher, text, codes))
            except Exception as error:  # noqa: BLE001 - a damaged index raises anything: struct, zlib, pickle, key and I/O errors
                if attempt == 2:
                    self._own["search"] = f"the index cannot be read ({error!r}); run `k8sagent docs index` to build it anew"
                    self._state = "failed"
                    return []
                with self._work:
                    if self._shelf is shelf:
                        self._drop()
                        self._bring_up_to_date(None, cancel, anew=self._place.current() == shelf.folder)
                continue
            self._give(shelf, searcher)
            return found
        return []

    def embed(self, cancel: Stop | None = None) -> None:
        """Make the vectors of all chunks that have none yet; blocks as long as the model takes. Nothing without an embedder."""
        shelf = self._shelf
        if shelf is None or self._vectors is None:
            return
        searcher = self._take(shelf)
        chunks = _chunks(shelf, searcher)
        self._give(shelf, searcher)
        texts = {sha: " › ".join(chunk["heading"]) + "\n" + str(chunk["text"]) for sha, chunk in chunks.items()}
        self._vectors.take_in(texts, Either(self._closing, cancel) if cancel is not None else self._closing)

    @property
    def lacking(self) -> int:
        """How many chunks the last search by meaning had no vector for; `embed` makes them."""
        return self._vectors.lacking if self._vectors is not None else 0

    def _near(self, shelf: _Shelf, searcher: Any, text: str, codes: Sequence[str]) -> list[Mapping[str, Any]]:
        """The chunks nearest in meaning; a finding code and pasted output say what is wanted better than meaning does."""
        if self._vectors is None or codes or not text.strip() or printed(text):
            return []
        chunks = _chunks(shelf, searcher)
        return [chunks[sha] for sha in self._vectors.nearest(text, chunks)]

    @property
    def analysis(self) -> Analysis:
        """The text analysis with the synonyms in force."""
        if self._analysis is None:
            try:
                self._analysis = analysis(self._synonyms)
            except (OSError, UnicodeDecodeError) as error:
                self._own["synonyms"] = f"the synonym list {self._synonyms} cannot be read ({error}); the shipped one is used"
                self._analysis = analysis()
        return self._analysis

    @property
    def count(self) -> int:
        """How many documents can be found."""
        shelf = self._shelf
        return sum(1 for e in shelf.entries.values() if e.chunks) if shelf else 0

    @property
    def state(self) -> State:
        """`in memory` works like `ready`; `problems` then says why."""
        return self._state

    @property
    def problems(self) -> list[str]:
        """What a person should know: the index's own troubles first, then documents that could not be taken as they are."""
        shelf = self._shelf
        vectors = [self._vectors.problem] if self._vectors is not None and self._vectors.problem else []
        return [*self._own.values(), *vectors, *(p for e in (shelf.entries.values() if shelf else ()) for p in e.problems)]

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
        self._closing.now()
        behind = self._behind
        if behind is not None and behind is not threading.current_thread():
            behind.join()
        with self._work:
            self._drop()
            self._state = "closed"
        self._closing = Closing()

    def list(self) -> list[Row]:
        """Every document, by path."""
        shelf = self._shelf
        rows = [Row(k, e.title, e.corpus, e.chunks, e.size, e.mtime / 1e9) for k, e in shelf.entries.items()] if shelf else []
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

    def _look(self, cancel: Stop | None) -> None:
        """Before a search, at most once a second: has a document changed?"""
        shelf = self._shelf
        if shelf is None or time.monotonic() - self._looked < LOOK_SECONDS or not self._work.acquire(blocking=False):
            return
        try:
            if self._behind is not None and self._behind.is_alive():
                return
            self._looked = time.monotonic()
            found = scan(self.folders)
            todo = changes(shelf.entries, found)
            if not todo:
                self._found = found
            elif _small(todo, found):
                self._bring_up_to_date(None, cancel)
            else:
                self._behind = threading.Thread(target=self._refresh_behind, name="index-refresh", daemon=True)
                self._behind.start()
        finally:
            self._work.release()

    def _refresh_behind(self) -> None:
        with self._work, suppress(BuildCancelled):
            self._bring_up_to_date(None, None)

    def _bring_up_to_date(self, progress: Progress | None, cancel: Stop | None, *, anew: bool = False) -> None:
        """Leave `_shelf` opened and current, on disk where possible, in memory where not; the caller holds `_work`."""
        cancel = Either(self._closing, cancel) if cancel is not None else self._closing
        self._found = found = scan(self.folders)
        self._looked = time.monotonic()
        if self._shelf is not None and self._shelf.folder is None and not anew:
            self._update(self._shelf, changes(self._shelf.entries, found), found)
            return
        try:
            self._place.prepare()
            if not anew and self._adopt() and self._shelf is not None and not changes(self._shelf.entries, found):
                self._settle("ready")
                return
            with self._place.lock(0.0 if self._shelf else LOCK_SECONDS, cancel):
                if not anew:
                    self._adopt()
                self._mend(found, progress, cancel, anew)
            self._settle("ready")
        except Busy as error:
            self._own["busy"] = f"{error}; this one searches what there is until then"
            if self._shelf is None and not cancel.cancelled:
                self._in_memory(found, str(error), progress, cancel)
        except BuildCancelled:
            self._state = "ready" if self._shelf else "closed"
        except Untrusted as error:
            self._drop()
            self._in_memory(found, f"{error}, so the index on disk is not opened; `chmod 700` that folder or remove it", progress, cancel)
        except OSError as error:
            self._in_memory(found, f"the index cannot be kept in {self._place.folder} ({error.strerror or error})", progress, cancel)

    def _settle(self, state: State) -> None:
        self._state = state
        for key in ("busy", "memory", "search"):
            self._own.pop(key, None)

    def _adopt(self) -> bool:
        """Open the generation in force if it is not opened yet; False where there is none or it does not open."""
        folder = self._place.current()
        if folder is None:
            return False
        try:
            entries = build.read_manifest(folder)
            if self._shelf is not None and self._shelf.folder == folder:
                if entries != self._shelf.entries:
                    self._put(self._shelf.index, folder, entries)
                return True
            self._put(_open_index(folder), folder, entries)
        except Exception:  # noqa: BLE001 - whatever a damaged file raises, the answer is to build it anew
            return False
        self._place.used()
        return True

    def _mend(self, found: dict[str, Found], progress: Progress | None, cancel: Stop | None, anew: bool) -> None:
        """Under the lock: update the index in force by a few documents, or build another beside it."""
        shelf = self._shelf
        if shelf is not None and shelf.folder == self._place.current() and not anew:
            todo = changes(shelf.entries, found)
            if not todo:
                return
            if _small(todo, found):
                try:
                    self._update(shelf, todo, found)
                    return
                except OSError:
                    raise
                except Exception:  # noqa: BLE001 - an index that cannot be written to is damaged; build it anew
                    self._state = "building"
        self._state = "building"
        generation = self._place.generation()
        try:
            build.build_beside(generation, found, progress, cancel)
            index, entries = _open_index(generation), build.read_manifest(generation)
            self._place.publish(generation)
        except BaseException:
            _remove(generation)
            raise
        self._put(index, generation, entries)

    def _update(self, shelf: _Shelf, todo: Changes, found: dict[str, Found]) -> None:
        """Take changed documents out and in again, in one commit."""
        if not todo:
            return
        entries = {k: todo.touched.get(k, e) for k, e in shelf.entries.items() if k not in todo.removed}
        if todo.removed or todo.read:
            writer = shelf.index.writer()
            try:
                for key in (*todo.removed, *todo.read):
                    writer.delete_by_term("key", key)
                for key in todo.read:
                    document, entries[key] = build.read_document(found[key], key)
                    if document is not None:
                        build.add_document(writer, key, found[key].corpus, document)
                writer.commit()
            except BaseException:
                build.abandon(writer)
                raise
        if shelf.folder is not None:
            build.write_manifest(shelf.folder, entries)
        self._put(shelf.index, shelf.folder, entries)

    def _in_memory(self, found: dict[str, Found], why: str, progress: Progress | None, cancel: Stop | None) -> None:
        """The last resort: the same index, held by this process alone."""
        from whoosh.filedb.filestore import RamStorage

        self._own["memory"] = f"{why}; documents are indexed in memory for this session"
        self._state = "building"
        index = RamStorage().create_index(build.schema())
        try:
            self._put(index, None, build.build(index, found, progress, cancel))
            self._state = "in memory"
        except BuildCancelled:
            self._state = "in memory" if self._shelf else "closed"

    def _put(self, index: Any, folder: Path | None, entries: dict[str, Entry]) -> None:
        with self._lock:
            old = self._shelf
            self._number += 1
            self._shelf = _Shelf(index, folder, entries, [], self._number)
        if old is not None:
            _close_all(old)

    def _drop(self) -> None:
        with self._lock:
            old, self._shelf = self._shelf, None
        if old is not None:
            _close_all(old)

    def _take(self, shelf: _Shelf) -> Any:
        with self._lock:
            if shelf.idle:
                return shelf.idle.pop()
        return _retry(lambda: shelf.index.searcher(weighting=weighting()))

    def _give(self, shelf: _Shelf, searcher: Any) -> None:
        with self._lock:
            if self._shelf is shelf:
                shelf.idle.append(searcher)
                return
        searcher.close()


def _small(todo: Changes, found: dict[str, Found]) -> bool:
    many = len(todo.read) + len(todo.removed)
    return many <= SMALL_FILES and sum(min(found[k].size, 2 * SMALL_BYTES) for k in todo.read) <= SMALL_BYTES


def _chunks(shelf: _Shelf, searcher: Any) -> dict[str, Mapping[str, Any]]:
    """Every stored chunk of an index by its hash, read once for each state of the index."""
    if shelf.chunks is None:
        reader = searcher.reader()
        stored = (reader.stored_fields(number)["chunk"] for number in reader.all_doc_ids())
        shelf.chunks = {str(chunk["sha"]): chunk for chunk in stored}
    return shelf.chunks


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


def _close_all(shelf: _Shelf) -> None:
    for searcher in shelf.idle:
        searcher.close()
    shelf.idle.clear()


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
