"""Finding by meaning, as an option: one vector a chunk from an embedding model, kept by the chunk's hash, fused with the words' ranking.

The model itself is somebody else's: an `Embedder` brings the call. Without it, or while it fails, the search goes by words alone.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path

from index.stop import Stop

WEIGHT = 0.5
RANK_CONSTANT = 60
NEAREST = 40
BATCH = 32
CHUNK_CHARACTERS = 4_000
QUESTION_CHARACTERS = 400
QUIET_SECONDS = 60.0
Embed = Callable[[Sequence[str]], list[list[float]]]

_COLUMNS = re.compile(r"\S {2,}\S.* {2,}\S")
_PRINTED = re.compile(
    r"\b(?:error|fatal|panic|warning|failed|exception)\b[^?]*:|\"[^\"]+\"|<[a-z][^>]*>|\b\d+\.\d+\.\d+\.\d+|\b\d+/\d+\b|\w=\S|: \S[^?]*$|"
    r"^(?:Warning|Normal) |^[EWIF]\d{4} |\b\d+[smhdM]\b|(?-i:\b[A-Z]{6,}\b|\b(?:True|False|None|Retain|Delete)\b)",
    re.IGNORECASE | re.MULTILINE,
)
"""What a program prints and a person seldom types: causes after colons, quotes, addresses, counts, ages, shouting."""


@dataclass(frozen=True, slots=True)
class Embedder:
    """Where vectors come from: the model's name, `embed(texts)` (one vector a text; may raise anything), and the prefixes it wants."""

    name: str
    embed: Embed
    question_prefix: str = ""
    document_prefix: str = ""


def is_output(text: str) -> bool:
    """Whether a question looks like command output: meaning says less of it than its rare words do."""
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) > 3 or len(text) > QUESTION_CHARACTERS or any(_COLUMNS.search(line) for line in lines) or bool(_PRINTED.search(text))


def fuse(by_words: Sequence[str], by_meaning: Sequence[str], weight: float = WEIGHT) -> dict[str, float]:
    """Reciprocal rank fusion of two rankings of chunk hashes: the score of each."""
    scores: dict[str, float] = {}
    for share, ranking in ((1.0, by_words), (weight, by_meaning)):
        for rank, sha in enumerate(dict.fromkeys(ranking), 1):
            scores[sha] = scores.get(sha, 0.0) + share / (RANK_CONSTANT + rank)
    return scores


class Vectors:
    """The vectors of one model in a file of the cache folder, and the search among them. Safe from any thread.

    A damaged file is recreated. `problem` says why there are none at the moment, `missing` how many the last search
    missed and are worth asking for now (none for a minute after the model failed).
    """

    def __init__(self, embedder: Embedder, cache: Path) -> None:
        digest = hashlib.sha1(f"{embedder.name}\n{embedder.document_prefix}".encode(), usedforsecurity=False).hexdigest()[:12]
        self.path = cache / f"vectors-{digest}.sqlite3"
        self.problem = ""
        self._embedder = embedder
        self._lock = threading.Lock()
        self._known: dict[str, array[float]] = {}
        self.missing = 0
        self._failed = float("-inf")
        self._loaded = False

    def __len__(self) -> int:
        return len(self._known)

    def compute(self, texts: Mapping[str, str], cancel: Stop | None = None) -> None:
        """Make the vectors that are lacking, `texts` by chunk hash; ends at once on a cancel, and at the first failure of the model."""
        self._load()
        missing = [sha for sha in texts if sha not in self._known]
        for at in range(0, len(missing), BATCH):
            if cancel is not None and cancel.cancelled:
                return
            batch = missing[at : at + BATCH]
            made = self._ask([self._embedder.document_prefix + texts[sha][:CHUNK_CHARACTERS] for sha in batch])
            if made is None:
                return
            self._store(dict(zip(batch, made, strict=True)))

    def nearest(self, question: str, among: Collection[str]) -> list[str]:
        """The hashes of the chunks nearest in meaning, nearest first; nothing where the model does not answer."""
        self._load()
        candidates = [sha for sha in among if sha in self._known]
        quiet = time.monotonic() - self._failed < QUIET_SECONDS
        self.missing = 0 if quiet else len(among) - len(candidates)
        if quiet or not candidates:
            return []
        made = self._ask([self._embedder.question_prefix + question])
        if made is None:
            return []
        wanted = made[0]
        scored = [(sum(map(mul, wanted, self._known[sha])), sha) for sha in candidates if len(self._known[sha]) == len(wanted)]
        return [sha for _, sha in sorted(scored, reverse=True)[:NEAREST]]

    def _ask(self, texts: Sequence[str]) -> list[array[float]] | None:
        try:
            vectors = [_normalized(vector) for vector in self._embedder.embed(texts)]
            if len(vectors) != len(texts) or not all(vectors):
                raise ValueError(f"it gave {len(vectors)} vectors for {len(texts)} texts")
        except Exception as error:  # noqa: BLE001 - whatever a model server raises, the search goes on by words
            self._failed = time.monotonic()
            why = " ".join(filter(None, (str(error) or type(error).__name__, str(getattr(error, "remedy", "")))))
            self.problem = f"semantic search is off for now, keywords alone are used: {why}"
            return None
        self.problem = ""
        self._failed = float("-inf")
        return vectors

    def _load(self) -> None:
        with self._lock:
            if self._loaded:
                return
            self._loaded = True
            try:
                self._known = self._read()
            except sqlite3.Error:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                self.problem = f"vectors cannot be kept in {self.path}: {error}"

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        table = sqlite3.connect(self.path, timeout=5.0)
        table.execute("create table if not exists vectors (sha text primary key, vector blob not null)")
        return table

    def _read(self) -> dict[str, array[float]]:
        table = self._open()
        try:
            found = {}
            for sha, blob in table.execute("select sha, vector from vectors"):
                found[str(sha)] = array("f", blob)
            return found
        finally:
            table.close()

    def _store(self, made: Mapping[str, array[float]]) -> None:
        """Keep vectors; where the disk refuses they live in memory, and the next session makes them again."""
        with self._lock:
            self._known = {**self._known, **made}
            try:
                table = self._open()
                try:
                    with table:
                        table.executemany("insert or replace into vectors values (?, ?)", [(sha, v.tobytes()) for sha, v in made.items()])
                finally:
                    table.close()
            except (sqlite3.Error, OSError) as error:
                self.problem = f"vectors cannot be kept in {self.path}: {error}"


def _normalized(vector: Sequence[float]) -> array[float]:
    length = sum(map(mul, vector, vector)) ** 0.5
    return array("f", (x / length for x in vector)) if length else array("f")
