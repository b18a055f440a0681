"""Documents into a Whoosh index: the schema, one document's chunks, a whole build, and the child process that does it beside the UI.

`python -P -m index.build` reads a job as one JSON line on stdin, writes progress as JSON lines to stdout, and ends at
once when its parent does. It writes nothing outside of the folder that the job names.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import select
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from index.analyzer import Analysis
from index.markdown import MAX_BYTES, Chunk, Document, NotText, decode, parse
from index.stop import BuildCancelled, Stop
from index.watch import Entry, Found, content_sha

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
SKETCH_SIZE = 24
STUB_WORDS = 12
AFTERWARDS = frozenset({"prevent", "verify"})
"""Sections that are read once the fault is found: they speak of it, but not to somebody who looks for it."""
_LOW = ("reference", "contribute", "contributing", "changelog", "release-notes", "license", "code-of-conduct", "generated")
_HIGH = ("runbook", "troubleshoot", "debug", "playbook", "incident")


def schema() -> Any:
    """The index's fields. Text arrives analyzed, so the pickled schema names classes of Whoosh only."""
    from whoosh.analysis import SpaceSeparatedTokenizer
    from whoosh.fields import ID, KEYWORD, STORED, TEXT, Schema

    text = SpaceSeparatedTokenizer()
    return Schema(
        key=ID(),
        body=TEXT(analyzer=text, phrase=False),
        head=TEXT(analyzer=text, phrase=False),
        codes=KEYWORD(lowercase=True),
        kinds=KEYWORD(lowercase=True),
        chunk=STORED,
    )


def read_document(found: Found, key: str) -> tuple[Document | None, Entry]:
    """A file read and parsed, and its manifest entry; no document where the file holds none (the entry says why)."""
    problems: list[str] = []
    document: Document | None = None
    sha = ""
    try:
        with found.path.open("rb") as stream:
            raw = stream.read(MAX_BYTES)
        sha = content_sha(raw)
        text = decode(raw)
        if found.size > MAX_BYTES:
            size = f"{found.size / 1e6:.0f} MB"
            problems.append(f"{key} is {size} long; only its first {MAX_BYTES // 1_000_000} MB are indexed: split it to have all of it")
        document = parse(text, found.path.name)
        problems.extend(f"{key}: {p}" for p in document.problems)
    except NotText as error:
        problems.append(f"{key} is left out: {error}")
    except OSError as error:
        problems.append(f"{key} is left out: it cannot be read ({error.strerror or error})")
    title = document.title if document else ""
    return document, Entry(found.corpus, found.mtime, found.size, sha, title, len(document.chunks) if document else 0, tuple(problems))


def add_document(writer: Any, key: str, corpus: str, document: Document) -> None:
    """Add a document's chunks to a Whoosh writer."""
    analysis = Analysis()
    prior = path_prior(key)
    front = " ".join(document.tags)
    for chunk in document.chunks:
        body = analysis.terms(chunk.text)
        head = analysis.terms(" ".join((*chunk.heading, *document.codes, front)))
        writer.add_document(
            key=key,
            body=" ".join(body),
            head=" ".join(head),
            codes=" ".join(document.codes),
            kinds=" ".join(document.kinds),
            chunk={
                "path": key,
                "corpus": corpus,
                "heading": chunk.heading,
                "lines": chunk.lines,
                "text": chunk.text,
                "sha": chunk.sha,
                "weight": prior * (0.35 if is_stub(chunk, body) else 0.8 if chunk.heading[-1].lower() in AFTERWARDS else 1.0),
                "kinds": tuple(k.lower() for k in document.kinds),
                "sketch": sketch(body),
            },
        )


def path_prior(key: str) -> float:
    """How much a document's place says of its use: below 1 for reference and contribution pages, above 1 for runbooks."""
    low = key.lower()
    if any(word in low for word in _LOW):
        return 0.75
    return 1.1 if any(word in low for word in _HIGH) else 1.0


def is_stub(chunk: Chunk, terms: list[str]) -> bool:
    """Whether a chunk says next to nothing, as the sections of an unfilled template do."""
    return len(set(terms)) < STUB_WORDS and not chunk.code_blocks


def sketch(terms: list[str]) -> tuple[int, ...]:
    """The smallest hashes of a text's word triples: two sketches share as much as the texts do."""
    triples = {zlib.crc32(f"{a} {b} {c}".encode()) for a, b, c in zip(terms, terms[1:], terms[2:], strict=False)}
    return tuple(heapq.nsmallest(SKETCH_SIZE, triples))


def build(
    index: Any,
    found: Mapping[str, Found],
    progress: Callable[[int, int], None] | None = None,
    cancel: Stop | None = None,
) -> dict[str, Entry]:
    """Fill an empty Whoosh index with documents and commit; returns the manifest's entries.

    Raises BuildCancelled, and OSError where the index cannot be written.
    """
    entries: dict[str, Entry] = {}
    writer = index.writer(limitmb=512)
    try:
        for done, (key, one) in enumerate(found.items()):
            if cancel is not None and cancel.cancelled:
                raise BuildCancelled
            document, entries[key] = read_document(one, key)
            if document is not None:
                add_document(writer, key, one.corpus, document)
            if progress is not None:
                progress(done + 1, len(found))
        writer.commit()
    except BaseException:
        cancel_writer(writer)
        raise
    return entries


def cancel_writer(writer: Any) -> None:
    """Give up a writer so that its lock does not stay; a second failure while doing so says nothing new."""
    try:
        writer.cancel()
    except Exception:  # noqa: BLE001 - the first error is the one to report
        return


def create(folder: Path) -> Any:
    """A new, empty Whoosh index in an existing folder."""
    from whoosh.index import create_in

    return create_in(str(folder), schema())


def write_manifest(folder: Path, entries: Mapping[str, Entry]) -> None:
    """The manifest, replaced in one step: it is written after the index, so that a crash in between only repeats work."""
    rows = {k: [e.corpus, e.mtime, e.size, e.sha, e.title, e.chunks, e.problems] for k, e in entries.items()}
    beside = folder / f"{MANIFEST}.{os.getpid()}"
    beside.write_text(json.dumps({"schema": SCHEMA_VERSION, "documents": rows}), encoding="utf-8")
    beside.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The manifest's entries. Raises OSError or ValueError where it is missing or damaged."""
    body = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    try:
        if body["schema"] != SCHEMA_VERSION:
            raise ValueError("the manifest has another schema version")
        return {k: Entry(c, m, s, h, t, n, tuple(p)) for k, (c, m, s, h, t, n, p) in body["documents"].items()}
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("the manifest is damaged") from error


def build_in_subprocess(
    target: Path,
    found: Mapping[str, Found],
    progress: Callable[[int, int], None] | None = None,
    cancel: Stop | None = None,
) -> None:
    """Build index and manifest into an empty folder by a child process, so that no thread of this one blocks.

    Raises BuildCancelled, and OSError when the disk refused or the child died.
    """
    job = {"target": str(target), "documents": {k: [str(f.path), f.corpus, f.mtime, f.size] for k, f in found.items()}}
    environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "index.build"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=target,
        env=environment,
        start_new_session=True,
    )
    assert child.stdin is not None and child.stdout is not None
    refused = ""
    try:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(job).encode() + b"\n")
            child.stdin.flush()
        for line in _lines(child.stdout.fileno(), cancel):
            message = json.loads(line)
            refused = message.get("error", refused)
            if progress is not None and "done" in message:
                progress(int(message["done"]), int(message["total"]))
    finally:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        child.stdout.close()
        if cancel is not None and cancel.cancelled:
            child.kill()
        code = child.wait()
    if code:
        raise OSError(refused or f"the index build ended with exit code {code}")


def _lines(stream: int, cancel: Stop | None) -> Iterator[bytes]:
    """The whole lines of a pipe until its end. Raises BuildCancelled within 50 ms of the cancel."""
    rest = b""
    while True:
        if cancel is not None and cancel.cancelled:
            raise BuildCancelled
        ready, _, _ = select.select([stream], [], [], 0.05)
        if not ready:
            continue
        more = os.read(stream, 65536)
        if not more:
            return
        *whole, rest = (rest + more).split(b"\n")
        yield from whole


def main() -> int:
    """The child process: one job in, progress out; exit code 0 when built, 4 when the disk refused."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, name="index-parent-watch", daemon=True).start()
    os.nice(5)
    target = Path(job["target"])
    found = {k: Found(Path(p), c, m, s) for k, (p, c, m, s) in job["documents"].items()}

    def report(body: Mapping[str, object]) -> None:
        sys.stdout.write(json.dumps(body) + "\n")
        sys.stdout.flush()

    try:
        index = create(target)
        entries = build(index, found, lambda done, total: report({"done": done, "total": total}))
        write_manifest(target, entries)
    except OSError as error:
        report({"error": error.strerror or str(error)})
        return 4
    report({"built": len(entries)})
    return 0


def _end_with_parent() -> None:
    """The parent holds stdin open for as long as it lives and wants the index."""
    while sys.stdin.readline():
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
