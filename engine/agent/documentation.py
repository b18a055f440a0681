"""`Documentation`: the documentation as the rest of the engine uses it — which folders, where the index is kept, and searching them."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.core.cancel import CancelToken
from engine.core.paths import cache_folder
from engine.core.threads import ThreadGroup
from index.passage import Passage

if TYPE_CHECKING:
    from index.search import Advice
    from index.store import Embedder, Library, Row


@dataclass(frozen=True, slots=True)
class Snippet:
    """The lines of a passage that say most to a question, the spans (first, after last character) of matched words, and its commands."""

    text: str
    matched: tuple[tuple[int, int], ...]
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PagePart:
    """A piece of a document as a reader shows it: a heading, some Markdown, or one command of a shell block; `line` counts in the file."""

    kind: Literal["heading", "text", "command"]
    text: str
    line: int
    level: int = 0


class Documentation:
    """The built-in runbooks and guide and the user's own folders, opened on an engine thread."""

    def __init__(
        self,
        folders: Sequence[str] = (),
        on_change: Callable[[], None] | None = None,
        *,
        incidents: Path | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        """`incidents` is the folder of past incidents, indexed apart; None where none are kept. `embedder` adds the search by meaning."""
        self._embedder = embedder
        self._threads = ThreadGroup()
        self._user_folders = tuple(folders)
        self._incidents_folder = incidents
        self._incidents: Library | None = None
        self._on_change = on_change
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._library: Library | None = None
        self._problems: list[str] = []
        self.cache = cache_folder()
        self.progress: tuple[int, int] = (0, 0)
        """(done, total) documents while the index is being built."""

    def open(self) -> None:
        """Open the index, building it first where needed; blocks. What goes wrong ends in `problems`, never in an exception."""
        try:
            self._library = self._create()
            self._library.open(progress=self._progress)
        except Exception as error:  # noqa: BLE001 — without documentation everything else goes on, and health says why
            self._problems.append(f"the documentation could not be opened: {error}")
        finally:
            self._ready.set()
            if self._on_change:
                self._on_change()
        past = self._incident_library()
        if past is not None:
            past.open()
        if self._embedder is not None:
            self._embed_in_background()

    def wait(self, seconds: float) -> bool:
        """Wait until the index is open (or has failed)."""
        return self._ready.wait(seconds)

    @property
    def count(self) -> int:
        """How many documents can be found; 0 while the index is being built."""
        return self._library.count if self._library else 0

    @property
    def problems(self) -> list[str]:
        """What is wrong with the index or with single documents."""
        return [*self._problems, *(p for library in (self._library, self._incidents) if library is not None for p in library.problems)]

    def search(
        self, text: str, *, codes: Sequence[str] = (), kinds: Sequence[str] = (), limit: int = 3, cancel: CancelToken | None = None
    ) -> list[Passage]:
        """The best passages for a text; waits up to 20 s for an index that is being built, and finds nothing without one."""
        end = time.monotonic() + 20
        while not self._ready.wait(0.05) and time.monotonic() < end:
            if cancel is not None:
                cancel.check()
        if self._library is None:
            return []
        found = self._library.search(text, limit=limit, codes=tuple(codes), kinds=tuple(kinds), cancel=cancel)
        if self._library.missing:
            self._embed_in_background()
        return found

    def _embed_in_background(self) -> None:
        """Compute the missing vectors in the background; searches use keywords and the vectors that exist."""
        with self._lock:
            if self._library is not None and not self._threads.running("engine-embed"):
                self._threads.start("engine-embed", self._library.embed)

    def past(self, text: str, *, codes: Sequence[str] = (), limit: int = 3, cancel: CancelToken | None = None) -> list[Passage]:
        """Past incidents like a text, best first, each as one passage with the whole document; with codes, only those of one of them."""
        library = self._incident_library()
        if library is None:
            return []
        found: list[Passage] = []
        wanted = {code.lower() for code in codes}
        for path in dict.fromkeys(p.path for p in library.search(text, limit=4 * limit, codes=tuple(codes), cancel=cancel)):
            try:
                document, whole = library.document(path), library.show(path)
            except (LookupError, OSError, ValueError):
                continue  # it was pruned since the search
            if wanted and not wanted & {code.lower() for code in document.codes}:
                continue
            body = whole.partition("\n---\n")[2] or whole
            lines = len(whole.splitlines())
            found.append(Passage(path, (document.title,), (lines - len(body.splitlines()) + 1, lines), body.strip(), corpus="incidents"))
            if len(found) == limit:
                break
        return found

    def snippet(self, passage: Passage, question: str, lines: int = 2) -> Snippet:
        """What to show of a search result."""
        from index.search import commands, matches, snippet

        analysis = self._opened().analysis
        text = snippet(passage.text, analysis, question, lines)
        return Snippet(text, tuple(matches(text, analysis, question)), tuple(commands(passage)))

    def _incident_library(self) -> Library | None:
        """The library of incidents, opened once there are any."""
        folder = self._incidents_folder
        if folder is None or (self._incidents is None and not any(folder.glob("*.md"))):
            return None
        with self._lock:
            if self._incidents is None:
                from index.store import Library
                from index.watch import Folder

                self._incidents = Library([Folder(folder, "incidents")], self.cache)
        return self._incidents

    def _library_of(self, path: str) -> Library:
        """The library that holds a path; the runbooks' own where neither does, for its error names the nearest."""
        library, past = self._opened(), self._incident_library()
        if past is not None and path.startswith(f"{past.folders[0].path.name}/"):
            try:
                library.document(path)
            except (LookupError, OSError, ValueError):
                return past
        return library

    def read(self, path: str) -> list[Passage]:
        """A document's sections in order, as they are on disk now; raises LookupError with the nearest path, or OSError."""
        return self._library_of(path).sections(path)

    def document(self, path: str) -> list[Passage]:
        """A document's sections as `read` gives them; none where it cannot be read."""
        try:
            return self.read(path)
        except (LookupError, OSError, ValueError):
            return []

    def page(self, path: str) -> list[PagePart]:
        """A document in pieces for a reader, in order; raises as `read` does."""
        parts: list[PagePart] = []
        heading: tuple[str, ...] = ()
        for section in self.read(path):
            if section.heading != heading:
                heading = section.heading
                parts.append(PagePart("heading", heading[-1], section.lines[0], len(heading)))
            parts.extend(_page_parts(section))
        return parts

    def advise(self, passages: Sequence[Passage], code: str, about: str) -> Advice | None:
        """What the best runbook for a finding code says on fixing it; None where no passage is of a runbook for that code."""
        if self._library is None:
            return None
        from index.search import Advice, advice

        for path in dict.fromkeys(passage.path for passage in passages):
            try:
                if code.lower() not in (known.lower() for known in self._library.document(path).codes):
                    continue
                fixes = [section for section in self._library.sections(path) if section.heading[-1] == "Fix"]
            except (LookupError, OSError, ValueError):
                continue  # it was deleted or changed since the search
            if fixes:
                return Advice(fixes[0], tuple(advice(fixes[0].text, self._library.analysis, about)))
        return None

    def list(self) -> list[Row]:
        """Every document, past incidents last."""
        past = self._incident_library()
        if past is not None:
            past.open()
        return [*self._opened().list(), *(past.list() if past is not None else ())]

    def show(self, path: str) -> str:
        """A document's text; raises LookupError with the nearest path where there is none."""
        return self._library_of(path).show(path)

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Rebuild the index; the number of documents."""
        library = self._opened()
        library.rebuild(progress=progress)
        return library.count

    def embed(self) -> None:
        """Make all vectors that are lacking now; blocks as long as the model takes. Nothing unless the search by meaning is on."""
        self._opened().embed()

    def close(self) -> None:
        """Close the index; a build under way ends."""
        for library in (self._library, self._incidents):
            if library is not None:
                library.close()
        self._threads.join(0.5)

    def _create(self) -> Library:
        from engine.core.paths import resource_path
        from index.store import Library
        from index.watch import Folder

        folders = [Folder(resource_path("runbooks"), "built-in")]
        try:
            folders.append(Folder(resource_path("guide"), "built-in"))
        except FileNotFoundError:
            pass
        for name in self._user_folders:
            path = Path(name).expanduser()
            if path.is_dir():
                folders.append(Folder(path, "user"))
            else:
                self._problems.append(f"[index] docs: {path} is not a folder")
        return Library(folders, self.cache, embedder=self._embedder)

    def _opened(self) -> Library:
        self._ready.wait(60)
        if self._library is None:
            raise LookupError("; ".join(self._problems) or "the documentation is not open yet")
        return self._library

    def _progress(self, done: int, total: int) -> None:
        self.progress = (done, total)


def _page_parts(section: Passage) -> Iterator[PagePart]:
    """A section's Markdown with the commands of its shell blocks taken out, each a piece of its own."""
    from index.markdown import SHELL_LANGUAGES
    from index.search import commands

    lines = section.text.split("\n")
    first = section.lines[1] - len(lines) + 1
    at = 0
    for block in section.code_blocks:
        found = commands(dataclasses.replace(section, code_blocks=(block,)))
        if block.language not in SHELL_LANGUAGES or not found:
            continue
        opens = block.line - 1 - first
        before = "\n".join(lines[at:opens]).strip("\n")
        if before.strip():
            yield PagePart("text", before, first + at)
        for command in found:
            yield PagePart("command", command, block.line)
        at = opens + len(block.text.split("\n")) + 2
    after = "\n".join(lines[at:]).strip("\n")
    if after.strip():
        yield PagePart("text", after, first + at)
